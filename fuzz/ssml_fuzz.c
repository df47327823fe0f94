/* ssml_fuzz.c -- any bytes as SSML, as plain text and as a lexicon; what is read becomes words
 * whose places lie in the input. */
#include "base/check.h"
#include "fuzz/target.h"
#include "speech/words.h"

static void script_of(const ft_document *d, ft_arena *arena) {
    ft_script s;
    if (ft_script_make(&s, arena, d, FT_STR("en-US"), NULL, 0)) return;
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < s.sentences[i].count; k++) {
            const ft_item *item = &s.sentences[i].items[k];
            if (item->kind != FT_ITEM_WORD) continue;
            FT_CHECK(item->word.start <= item->word.end && item->word.end <= d->input.len);
            FT_CHECK(item->word.spoken_count > 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_str input = ft_str_n(data, size);
    for (int type = FT_SPEECH_TEXT; type <= FT_SPEECH_SSML; type++) {
        ft_arena arena = FT_ARENA_INIT(64 << 20);
        ft_document d;
        ft_document_opts opts = { .type = (ft_speech_type)type, .bytes_max = 1 << 16 };
        if (ft_document_read(&d, &arena, input, &opts))
            FT_CHECK(ft_err_why()[0]);
        else
            script_of(&d, &arena);
        ft_arena_fini(&arena);
    }
    ft_arena arena = FT_ARENA_INIT(16 << 20);
    ft_lexicon *l;
    if (ft_lexicon_read(&l, &arena, input) == FT_OK) ft_lexicon_find(l, FT_STR("a"));
    ft_arena_fini(&arena);
    return 0;
}
