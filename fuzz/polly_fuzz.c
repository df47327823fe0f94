/* polly_fuzz.c -- any bytes as a request to speak, at both doors; what is taken is kept and read
 * back. */
#include "base/check.h"
#include "fuzz/target.h"
#include "serve/speech/polly.h"

static void keep_and_read(const ft_polly_ask *ask, ft_polly *p) {
    ft_polly_ask again;
    ft_buf text = { 0 };
    ft_json_out j;
    ft_json_out_init(&j, &text, false);
    ft_json_out_object(&j);
    ft_polly_write(&j, ask);
    ft_json_out_close(&j);
    FT_CHECK(text.err == FT_OK);
    FT_CHECK(ft_polly_read_json(&again, p, ft_buf_str(&text)) == FT_OK);
    FT_CHECK(ft_str_eq(again.voice, ask->voice) && ft_str_eq(again.format, ask->format));
    FT_CHECK(again.lexicons.count == ask->lexicons.count);
    ft_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int aws = 0; aws < 2 && size; aws++) {
        ft_arena arena = FT_ARENA_INIT(64 << 20);
        ft_request req = { .arena = &arena, .body = ft_str_n(data, size) };
        ft_polly p = { .req = &req, .aws = aws };
        ft_polly_ask ask;
        ft_err err = ft_polly_read(&ask, &p);
        if (err == FT_OK)
            err = ft_polly_check(&ask, &p, FT_POLLY_SPEECH_BILLED, FT_POLLY_SPEECH_TOTAL);
        if (err == FT_OK)
            keep_and_read(&ask, &p);
        else
            FT_CHECK(err == FT_ENOMEM || (p.code && p.status >= 400 && ft_err_why()[0]));
        ft_arena_fini(&arena);
    }
    return 0;
}
