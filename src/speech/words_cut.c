/* words_cut.c -- a piece of text cut into tokens: what stands between blanks, without the
 * punctuation around it. */
#include "speech/words_in.h"

/* Marks that may stand before or behind a word, UTF-8 ones by their bytes. */
static const char *const before_marks[] = { "(", "[", "{", "\"", "'", "“", "‘", "«", "¿",
                                            "¡", "—", "–", "…",  "<", "*", "_", NULL };
static const char *const after_marks[] = { ")", "]", "}", "\"", "'", "”", "’", "»", ".", ",", ";",
                                           ":", "!", "?", "—",  "–", "…", ">", "*", "_", NULL };

static size_t mark_at_begin(ft_str s) {
    for (const char *const *m = before_marks; *m; m++)
        if (ft_str_starts(s, ft_str_of(*m))) return strlen(*m);
    return 0;
}

static size_t mark_at_end(ft_str s) {
    for (const char *const *m = after_marks; *m; m++)
        if (ft_str_ends(s, ft_str_of(*m))) return strlen(*m);
    return 0;
}

static bool is_blank_at(ft_str s, size_t i, size_t *len) {
    unsigned char c = (unsigned char)s.at[i];
    *len = 1;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return true;
    if (c == 0xc2 && i + 1 < s.len && (unsigned char)s.at[i + 1] == 0xa0) { /* no-break space */
        *len = 2;
        return true;
    }
    return false;
}

/* "'90s" keeps its apostrophe, "dogs'" too: they are told from quotes by what stands beside them.
 */
static ft_token bare(const ft_piece *piece, size_t from, size_t to) {
    ft_str all = ft_str_slice(piece->text, from, to - from), s = all;
    ft_token t = { .manner = piece->manner };
    for (size_t n; (n = mark_at_begin(s)) > 0 && n < s.len; s = ft_str_from(s, n))
        if (s.at[0] == '\'' && s.len > 1 && s.at[1] >= '0' && s.at[1] <= '9') break;
    for (size_t n; (n = mark_at_end(s)) > 0 && n < s.len;) s = ft_str_slice(s, 0, s.len - n);
    size_t lead = (size_t)(s.at - all.at);
    t.text = s;
    t.before = ft_str_slice(all, 0, lead);
    t.after = ft_str_from(all, lead + s.len);
    t.start = piece->at[from + lead];
    t.end = piece->at[from + lead + s.len - 1] + 1;
    if (from + lead + s.len < piece->text.len && piece->at[from + lead + s.len] >= t.end)
        t.end = piece->at[from + lead + s.len];
    t.first = piece->at[from];
    t.stop = t.after.len ? piece->at[to - 1] + 1 : t.end;
    return t;
}

/* The end of the token's last byte in the input: a reference ("&amp;") is longer than its byte. */
static ft_token whole(const ft_piece *piece) {
    ft_str s = ft_str_trim(piece->text);
    size_t lead = (size_t)(s.at - piece->text.at);
    ft_token t = { .text = s, .manner = piece->manner, .whole = true };
    t.start = piece->at[lead];
    t.end = s.len ? piece->at[lead + s.len - 1] + 1 : t.start;
    t.first = t.start;
    t.stop = t.end;
    return t;
}

ft_err ft_tokens_cut(ft_token **out, size_t *count, ft_arena *arena, const ft_piece *piece) {
    const ft_manner *m = piece->manner;
    ft_str s = piece->text;
    size_t room = 1, len;
    *count = 0;
    for (size_t i = 0; i < s.len; i++) room += is_blank_at(s, i, &len);
    FT_TRY(ft_arena_items(out, arena, room));
    if (m->alias.len || m->phonemes.len || m->say_as.len || m->role.len) {
        if (ft_str_trim(s).len > 0) (*out)[(*count)++] = whole(piece);
        return FT_OK;
    }
    for (size_t i = 0; i < s.len;) {
        size_t from = i;
        while (i < s.len && !is_blank_at(s, i, &len)) i++;
        if (i > from) (*out)[(*count)++] = bare(piece, from, i);
        while (i < s.len && is_blank_at(s, i, &len)) i += len;
    }
    return FT_OK;
}
