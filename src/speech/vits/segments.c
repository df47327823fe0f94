/* segments.c -- see segments.h. */
#include "speech/vits/segments.h"

#include <math.h>

#include "speech/espeak_in.h"

#define ONSET_S    0.03 /* of the network's begin that belongs to the first sound */
#define SIGN_BYTES 4
#define ROW_SIGNS  4 /* a row of IPA has so many at most */

static size_t put_utf8(char *to, uint32_t c) {
    if (c < 0x80) return to[0] = (char)c, 1;
    if (c < 0x800) return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 0x3f)), 2;
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3f));
    to[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

static bool is_stress(uint32_t sign) { return sign == 0x2c8 || sign == 0x2cc; }

/* Lengths, marks over and under letters, blanks: they belong to the sound before them. */
static bool is_mark(uint32_t sign) {
    return sign == ' ' || sign == 0x2d0 || sign == 0x2d1 || (sign >= 0x300 && sign < 0x370) ||
           (sign >= 0x2b0 && sign < 0x2e0 && !is_stress(sign));
}

/* The row of the signs from `at` on, and how many it takes. */
static const ft_phone_row *row_at(size_t *taken, const ft_vits_spelling *s, size_t at) {
    char text[ROW_SIGNS * SIGN_BYTES];
    size_t len = 0, used = 0;
    for (size_t i = at; i < s->count && i < at + ROW_SIGNS; i++) {
        if (s->sounds[i].item != s->sounds[at].item) break;
        len += put_utf8(text + len, s->sounds[i].sign & 0xffff);
    }
    const ft_phone_row *row = ft_espeak_phone(ft_str_n(text, len));
    ft_str ipa = ft_str_of(row->ipa);
    *taken = 1;
    if (!ft_str_starts(ft_str_n(text, len), ipa)) return row;
    for (*taken = 0; used < ipa.len; ++*taken) {
        char one[SIGN_BYTES];
        used += put_utf8(one, s->sounds[at + *taken].sign & 0xffff);
    }
    if (*taken == 0) *taken = 1;
    return row;
}

/* Where the last number of a sound ends; sounds without numbers end where the one before does. */
static ft_err sound_ends(double **out, const ft_vits_spelling *s, const ft_vits_said *said,
                         double rate, ft_arena *arena) {
    double *ends;
    FT_TRY(ft_arena_items(&ends, arena, s->count + 1));
    for (size_t i = 0; i < s->id_count; i++)
        if (s->sound[i] >= 0) ends[s->sound[i]] = (double)said->ends[i] / rate;
    for (size_t i = 1; i < s->count; i++)
        if (ends[i] < ends[i - 1]) ends[i] = ends[i - 1];
    *out = ends;
    return FT_OK;
}

static double begin_s(const ft_vits_spelling *s, const ft_vits_said *said, double rate) {
    double at = 0;
    for (size_t i = 0; i < s->id_count && s->sound[i] < 0; i++) at = (double)said->ends[i] / rate;
    return at > ONSET_S ? at - ONSET_S : 0;
}

static ft_err take(ft_segment_list *l, const ft_phone_row *phone, int item, bool stressed,
                   double from_s, double to_s) {
    ft_segment g = { .phone = phone,
                     .item = item,
                     .stressed = stressed && phone->vowel,
                     .from_s = from_s,
                     .to_s = to_s };
    return ft_segments_take(l, g);
}

ft_err ft_vits_segments(ft_segment_list *list, const ft_vits_spelling *s, const ft_vits_said *said,
                        int rate_hz) {
    double *ends = NULL, rate = rate_hz, from = begin_s(s, said, rate), silence_from = -1;
    const ft_phone_row *pause = ft_phone_find("pau");
    bool stressed = false;
    FT_TRY(sound_ends(&ends, s, said, rate, list->arena));
    for (size_t i = 0, n; i < s->count; i += n) {
        int item = s->sounds[i].item;
        n = 1;
        if (item < 0) { /* pauses one behind the other are one */
            if (silence_from < 0) silence_from = from;
            from = ends[i];
            continue;
        }
        if (silence_from >= 0) FT_TRY(take(list, pause, -1, false, silence_from, from));
        silence_from = -1;
        if (is_stress(s->sounds[i].sign)) {
            stressed = s->sounds[i].sign == 0x2c8;
            continue; /* its time is the next sound's */
        }
        const ft_phone_row *row = row_at(&n, s, i);
        while (i + n < s->count && s->sounds[i + n].item == item && is_mark(s->sounds[i + n].sign))
            n++;
        if (ft_phone_silent(row)) row = ft_phone_find("ax"); /* a glottal stop */
        FT_TRY(take(list, row, item, stressed, from, ends[i + n - 1]));
        if (row->vowel) stressed = false;
        from = ends[i + n - 1];
    }
    double end = (double)said->samples / rate;
    if (silence_from < 0) silence_from = from;
    if (list->word >= 0)
        FT_TRY(take(list, pause, -1, false, silence_from, end > silence_from ? end : silence_from));
    return ft_segments_end(list);
}
