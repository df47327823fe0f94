/* words_fuzz.c -- any text as words that are said, in English and in Spanish: every letter and
 * digit of ASCII stands in exactly one written word, words stand in order, each says something, and
 * what is said holds no sign and no mark of the normaliser's own. */
#include "base/check.h"
#include "fuzz/target.h"
#include "speech/words.h"

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void check_spoken(const ft_word *w) {
    FT_CHECK(w->spoken_count > 0);
    for (size_t i = 0; i < w->spoken_count; i++) {
        ft_str text = w->spoken[i].text;
        FT_CHECK(text.len > 0);
        for (size_t k = 0; k < text.len; k++) {
            char c = text.at[k];
            bool small = (c >= 'a' && c <= 'z') || c == '\'';
            FT_CHECK(small || (unsigned char)c >= 0x80);
        }
    }
}

/* Bytes between two words: marks and blanks. */
static void check_gap(ft_str input, size_t from, size_t to) {
    FT_CHECK(from <= to && to <= input.len);
    for (; from < to; from++) FT_CHECK(!is_plain(input.at[from]));
}

static void check_script(const ft_script *s, ft_str input) {
    size_t at = 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->sentences[i].count; k++) {
            const ft_item *item = &s->sentences[i].items[k];
            if (item->kind != FT_ITEM_WORD) continue;
            if (item->word.continued) /* the same word goes on */
                FT_CHECK(k > 0 && item->word.end == at);
            else
                check_gap(input, at, item->word.start);
            FT_CHECK(item->word.start < item->word.end);
            check_spoken(&item->word);
            at = item->word.end;
        }
    check_gap(input, at, input.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const langs[] = { "en-US", "es-US" };
    ft_str input = ft_str_n(data, size);
    for (size_t i = 0; i < FT_COUNT(langs); i++) {
        ft_arena arena = FT_ARENA_INIT(64 << 20);
        ft_document d;
        ft_script s;
        ft_document_opts opts = { .type = FT_SPEECH_TEXT, .bytes_max = 1 << 16 };
        if (ft_document_read(&d, &arena, input, &opts) == FT_OK &&
            ft_script_make(&s, &arena, &d, ft_str_of(langs[i]), NULL, 0) == FT_OK)
            check_script(&s, input);
        ft_arena_fini(&arena);
    }
    return 0;
}
