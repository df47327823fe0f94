/* espeak_stress.c -- see espeak_stress.h. */
#include "speech/espeak_stress.h"

#define VOWELS_MAX 64 /* of an item: a long number has 40 */
#define STRESS     FT_STR("ˈ")

typedef struct vowels {
    bool stressed[VOWELS_MAX];
    size_t count;
    bool any;
} vowels;

static void take_vowel(vowels *v, bool stressed) {
    if (v->count == VOWELS_MAX) return;
    v->stressed[v->count++] = stressed;
    v->any |= stressed;
}

/* "l_ˈo_s k_a_s_ˈa_s": sounds apart, a stressed one has its mark before it. */
static void read_apart(vowels *v, ft_str line) {
    for (ft_str rest = line; rest.at && rest.len;) {
        size_t end = 0;
        while (end < rest.len && rest.at[end] != '_' && rest.at[end] != ' ') end++;
        ft_str sound = ft_str_slice(rest, 0, end);
        rest = ft_str_from(rest, end + (end < rest.len));
        bool stressed = ft_str_starts(sound, STRESS);
        if (stressed || ft_str_starts(sound, FT_STR("ˌ"))) sound = ft_str_from(sound, STRESS.len);
        if (sound.len && ft_espeak_phone(sound)->vowel) take_vowel(v, stressed);
    }
}

/* "ˈpe.ro": the mark is the syllable's. */
static void read_syllables(vowels *v, ft_str ipa) {
    bool stressed = false;
    for (ft_str rest = ipa; rest.len;) {
        size_t len = 0;
        const ft_phone_row *row = ft_espeak_sound_at(rest, &len);
        if (ft_str_starts(rest, STRESS)) stressed = true;
        if (row && row->vowel) {
            take_vowel(v, stressed);
            stressed = false;
        }
        rest = ft_str_from(rest, row ? len : 1);
    }
}

static ft_err read_given(vowels *v, const ft_spoken *s) {
    ft_buf ipa = { 0 };
    bool sampa = ft_str_is(s->alphabet, "x-sampa");
    ft_err err = sampa ? ft_espeak_ipa_from(&ipa, s->phonemes) : FT_OK;
    if (err == FT_OK) read_syllables(v, sampa ? ft_buf_str(&ipa) : s->phonemes);
    ft_buf_fini(&ipa);
    return err;
}

/* A line for each spoken word: blank where its sounds are given. */
static ft_err ask(ft_espeak_process *p, ft_espeak_answer *out, const char *voice,
                  const ft_sentence *s) {
    ft_buf text = { 0 };
    for (size_t i = 0; i < s->count; i++) {
        const ft_word *w = &s->items[i].word;
        for (size_t k = 0; s->items[i].kind == FT_ITEM_WORD && k < w->spoken_count; k++) {
            for (size_t c = 0; !w->spoken[k].phonemes.len && c < w->spoken[k].text.len; c++) {
                char one = w->spoken[k].text.at[c];
                ft_buf_byte(&text,
                            (unsigned char)one < ' ' || one == '[' || one == ']' ? ' ' : one);
            }
            ft_buf_byte(&text, '\n');
        }
    }
    ft_err err = text.err ? text.err : ft_espeak_spell(p, out, voice, ft_buf_str(&text), true);
    ft_buf_fini(&text);
    return err;
}

/* The segments of one item, from `*at` on. */
static void mark_item(ft_segment_list *l, size_t *at, const vowels *v) {
    size_t from = *at, count = 0, nth = 0;
    int item = l->segments[from].item;
    ft_segment *longest = NULL;
    for (; *at < l->count && l->segments[*at].item == item; ++*at) {
        ft_segment *g = &l->segments[*at];
        if (!g->phone->vowel) continue;
        count++;
        if (!longest || g->to_s - g->from_s > longest->to_s - longest->from_s) longest = g;
    }
    if (!longest) return;
    if (!v->any) longest->stressed = true;
    for (size_t i = from; v->any && i < *at; i++) {
        if (!l->segments[i].phone->vowel) continue;
        size_t from_end = count - nth++;
        l->segments[i].stressed = from_end <= v->count && v->stressed[v->count - from_end];
    }
}

static ft_err read_word(vowels *v, const ft_word *w, ft_str *lines) {
    for (size_t k = 0; k < w->spoken_count; k++) {
        ft_str line = ft_str_cut(lines, '\n');
        if (w->spoken[k].phonemes.len)
            FT_TRY(read_given(v, &w->spoken[k]));
        else
            read_apart(v, ft_str_trim(line));
    }
    return FT_OK;
}

ft_err ft_espeak_stress(ft_segment_list *l, ft_espeak_process *p, ft_espeak_answer *spelling,
                        const char *voice) {
    const ft_sentence *s = l->sentence;
    FT_TRY(ask(p, spelling, voice, s));
    ft_str lines = ft_buf_str(&spelling->ipa);
    size_t at = 0;
    for (size_t i = 0; i < s->count; i++) {
        vowels v = { .count = 0 };
        if (s->items[i].kind != FT_ITEM_WORD) continue;
        FT_TRY(read_word(&v, &s->items[i].word, &lines));
        while (at < l->count && l->segments[at].item < (int)i) at++;
        if (at < l->count && l->segments[at].item == (int)i) mark_item(l, &at, &v);
    }
    return FT_OK;
}
