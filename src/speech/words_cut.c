/* words_cut.c -- a piece of text cut into tokens: what stands between blanks, without the
 * punctuation around it. */
#include "speech/say/say_in.h"

/* Marks that may stand before or behind a word, UTF-8 ones by their bytes. */
static const char *const before_marks[] = { "(", "[", "{", "\"", "'", "“", "‘", "«", "¿", "¡", "—",
                                            "–", "…", "<", "*",  "_", "„", "‚", "‹", "`", NULL };
static const char *const after_marks[] = { ")", "]", "}", "\"", "'", "”", "’", "»",
                                           ".", ",", ";", ":",  "!", "?", "—", "–",
                                           "…", ">", "*", "_",  "›", "`", NULL };

static size_t mark_at_begin(ft_str s) { return ft_head_of(s, before_marks); }

static size_t mark_at_end(ft_str s) {
    char last = s.len ? s.at[s.len - 1] : 'a';
    if (ft_is_digit(last) || ft_is_lower(last) || ft_is_upper(last)) return 0;
    for (const char *const *m = after_marks; *m; m++)
        if (ft_str_ends(s, ft_str_of(*m))) return strlen(*m);
    return 0;
}

/* Blanks, those beyond ASCII, too: no-break, thin and wide ones, and what has no width. */
static bool is_blank_at(ft_str s, size_t i, size_t *len) {
    static const char *const wide[] = { "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80",
                                        "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
                                        "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
                                        "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89",
                                        "\xe2\x80\x8a", "\xe2\x80\x8b", "\xe2\x80\xa8",
                                        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
                                        "\xe3\x80\x80", "\xef\xbb\xbf", NULL };
    unsigned char c = (unsigned char)s.at[i];
    *len = 1;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return true;
    *len = c < 0xc2 ? 0 : ft_head_of(ft_str_from(s, i), wide);
    return *len > 0;
}

/* The end in the input of byte `i`: a reference ("&gt;") is longer than what it stands for, while
 * markup that is no text may stand before the next byte. */
static uint32_t end_of(const ft_piece *piece, size_t i) {
    uint32_t begin = piece->at[i], next = piece->at[i + 1];
    for (size_t k = i + 1; next == begin && k < piece->text.len && k < i + 4; k++)
        next = piece->at[k + 1]; /* of one character's bytes */
    if (next <= begin + 1) return begin + 1;
    if (piece->input.len < next || piece->input.at[begin] != '&') return begin + 1;
    size_t len = ft_str_find(ft_str_slice(piece->input, begin, next - begin), ';');
    return len < next - begin ? begin + (uint32_t)len + 1 : begin + 1;
}

/* ---- one token */

/* "401(k)": a bracket that closes one of the word's own is the word's. */
static bool closes_own(ft_str s, size_t mark) {
    int open = 0;
    if (s.len > 64 || mark != 1 || s.at[s.len - 1] != ')') return false;
    for (size_t i = 0; i + 1 < s.len; i++) open += (s.at[i] == '(') - (s.at[i] == ')');
    return open > 0;
}

/* 6' and 5'10": marks of feet and inches, not of a quotation. */
static bool is_of_length(ft_str s, size_t mark, ft_str before, bool quoted) {
    char c = s.at[s.len - 1];
    if (c == '"' && s.len > 1 && !quoted && !before.len && ft_is_digit(s.at[s.len - 2]) &&
        ft_is_digit(s.at[0]))
        return true; /* 12", 3/4" where no quotation is open */
    if (mark != 1 || s.len < 2 || !ft_is_digit(s.at[s.len - 2]) || before.len) return false;
    bool feet = ft_str_find(s, '\'') < s.len - 1 && ft_is_digit(s.at[0]);
    return c == '\'' ? ft_all_digits(ft_str_slice(s, 0, s.len - 1)) : c == '"' && feet;
}

/* "'90s" keeps its apostrophe. */
static ft_str without_before(ft_str s) {
    for (size_t n; (n = mark_at_begin(s)) > 0; s = ft_str_from(s, n)) {
        bool apostrophe = s.at[0] == '\'' || ft_str_starts(s, FT_STR("’"));
        if (apostrophe && s.len > n && ft_is_digit(s.at[n])) break;
        bool star = s.at[0] == '*' && s.len > 1 && ft_is_digit(s.at[1]); /* *69, but not *5* */
        if (star && !memchr(s.at + 1, '*', s.len - 1)) break;
    }
    return s;
}

static ft_str without_after(ft_str s, ft_str before, bool quoted) {
    for (size_t n; (n = mark_at_end(s)) > 0; s = ft_str_slice(s, 0, s.len - n))
        if (closes_own(s, n) || is_of_length(s, n, before, quoted)) break;
    return s;
}

/* A dash or a sign that stands alone may be said: "5 – 10", "3 < 4". */
static size_t lone_sign_len(ft_str s) {
    static const char *const signs[] = { "<=", ">=", "<>", "–", "—", "*", "<", ">", NULL };
    size_t len = ft_head_of(s, signs);
    if (len == 0 || (len == 3 && s.len > 3)) return 0; /* a dash with marks is a pause */
    for (size_t i = len; i < s.len; i++)
        if (!strchr(".,;:!?)", s.at[i])) return 0;
    return len;
}

/* Nothing but marks: they stand behind the word before. */
static ft_token marks_only(const ft_piece *piece, ft_str all, size_t from, size_t to) {
    ft_token t = { .after = all, .manner = piece->manner };
    t.start = t.first = piece->at[from];
    t.end = t.stop = end_of(piece, to - 1);
    return t;
}

/* `quoted`: a quotation has begun before it and not ended. */
static ft_token bare(const ft_piece *piece, size_t from, size_t to, bool quoted) {
    ft_str all = ft_str_slice(piece->text, from, to - from), s = all;
    ft_token t = { .manner = piece->manner };
    size_t sign = lone_sign_len(s);
    if (sign) {
        s = ft_str_slice(s, 0, sign);
    } else {
        s = without_before(s);
        s = without_after(s, ft_str_slice(all, 0, (size_t)(s.at - all.at)), quoted);
    }
    if (s.len == 0) return marks_only(piece, all, from, to);
    size_t lead = (size_t)(s.at - all.at);
    t.text = s;
    t.before = ft_str_slice(all, 0, lead);
    t.after = ft_str_from(all, lead + s.len);
    t.start = piece->at[from + lead];
    t.end = end_of(piece, from + lead + s.len - 1);
    t.first = piece->at[from];
    t.stop = t.after.len ? end_of(piece, to - 1) : t.end;
    return t;
}

/* ---- words without a blank between */

/* "word—word", "wait...what", "Stop!Now": the end of the first, or 0. In addresses they are signs.
 */
static size_t inner_end(ft_str s) {
    static const char *const dashes[] = { "—", "…", "...", "--", NULL };
    for (size_t i = 1; i < s.len; i++) {
        ft_str rest = ft_str_from(s, i);
        if (s.at[i] == '/' || s.at[i] == '@') return 0;
        size_t len = strchr(".-\xe2", s.at[i]) ? ft_head_of(rest, dashes) : 0;
        while (len && len < rest.len && (rest.at[len] == '.' || rest.at[len] == '-')) len++;
        bool digits =
            ft_is_digit(s.at[i - 1]) && len && len < rest.len && ft_is_digit(rest.at[len]);
        bool shout = (s.at[i] == '!' || s.at[i] == '?') && ft_is_lower(s.at[i - 1]) &&
                     rest.len > 1 && ft_is_upper(rest.at[1]);
        if (shout) len = 1;
        char next = len < rest.len ? rest.at[len] : ' ';
        if (len && !digits && (ft_is_letter(next) || ft_is_digit(next))) return i + len;
        i += len > 1 ? len - 1 : 0;
    }
    return 0;
}

/* The end of the token's last byte in the input: a reference ("&amp;") is longer than its byte. */
static ft_token whole(const ft_piece *piece) {
    ft_str s = ft_str_trim(piece->text);
    size_t lead = (size_t)(s.at - piece->text.at);
    ft_token t = { .text = s, .manner = piece->manner, .whole = true };
    t.start = piece->at[lead];
    t.end = s.len ? end_of(piece, lead + s.len - 1) : t.start;
    t.first = t.start;
    t.stop = t.end;
    return t;
}

/* Does a quotation begin before it or end behind it, and not both? */
static bool turns_quotation(const ft_token *t) {
    size_t marks = 0;
    for (size_t i = 0; i < t->before.len; i++) marks += t->before.at[i] == '"';
    for (size_t i = 0; i < t->after.len; i++) marks += t->after.at[i] == '"';
    return marks % 2;
}

/* More tokens than blanks: each inner mark may part two. */
static size_t tokens_most(ft_str s) {
    size_t most = 1, len;
    for (size_t i = 0; i < s.len; i++)
        most +=
            is_blank_at(s, i, &len) || (unsigned char)s.at[i] == 0xe2 || strchr(".-!?", s.at[i]);
    return most;
}

ft_err ft_tokens_cut(ft_token **out, size_t *count, ft_arena *arena, const ft_piece *piece) {
    const ft_manner *m = piece->manner;
    ft_str s = piece->text;
    size_t len, inner;
    bool quoted = false;
    *count = 0;
    FT_TRY(ft_arena_items(out, arena, tokens_most(s)));
    if (m->alias.len || m->phonemes.len || m->say_as.len || m->role.len) {
        if (ft_str_trim(s).len > 0) (*out)[(*count)++] = whole(piece);
        return FT_OK;
    }
    for (size_t i = 0; i < s.len;) {
        size_t from = i;
        while (i < s.len && !is_blank_at(s, i, &len)) i++;
        for (; (inner = inner_end(ft_str_slice(s, from, i - from))) > 0; from += inner)
            (*out)[(*count)++] = bare(piece, from, from + inner, quoted);
        if (i > from) (*out)[(*count)++] = bare(piece, from, i, quoted);
        quoted ^= *count > 0 && turns_quotation(&(*out)[*count - 1]);
        while (i < s.len && is_blank_at(s, i, &len)) i += len;
    }
    return FT_OK;
}
