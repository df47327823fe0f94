/* str.c -- views: comparing, cutting, UTF-8, the nearest word. Numbers in text are in number.c. */
#include "base/str.h"

#include <stdlib.h>

#define NEAREST_WORD_MAX 64 /* bytes; longer words are no slip of a finger */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

bool ft_str_eq(ft_str a, ft_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool ft_str_ieq(ft_str a, ft_str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i])) return false;
    return true;
}

int ft_str_cmp(ft_str a, ft_str b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.at, b.at, shared) : 0;
    if (order) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool ft_str_starts(ft_str s, ft_str head) {
    return s.len >= head.len && ft_str_eq(ft_str_n(s.at, head.len), head);
}

bool ft_str_ends(ft_str s, ft_str tail) {
    return s.len >= tail.len && ft_str_eq(ft_str_from(s, s.len - tail.len), tail);
}

size_t ft_str_find(ft_str s, char byte) {
    const char *hit = s.len ? memchr(s.at, byte, s.len) : NULL;
    return hit ? (size_t)(hit - s.at) : s.len;
}

ft_str ft_str_from(ft_str s, size_t at) {
    if (at > s.len) at = s.len;
    return (ft_str){ s.at ? s.at + at : NULL, s.len - at };
}

ft_str ft_str_slice(ft_str s, size_t at, size_t len) {
    s = ft_str_from(s, at);
    if (s.len > len) s.len = len;
    return s;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

ft_str ft_str_trim(ft_str s) {
    while (s.len && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len && is_blank(s.at[s.len - 1])) s.len--;
    return s;
}

ft_str ft_str_cut(ft_str *rest, char byte) {
    ft_str all = *rest;
    size_t at = ft_str_find(all, byte);
    *rest = at < all.len ? ft_str_from(all, at + 1) : (ft_str){ NULL, 0 };
    return (ft_str){ all.at, at };
}

bool ft_str_bool(bool *out, ft_str s) {
    static const char *const yes[] = { "true", "1", "yes", "on" };
    static const char *const no[] = { "false", "0", "no", "off" };
    for (int i = 0; i < 4; i++) {
        bool is_yes = ft_str_ieq(s, ft_str_of(yes[i]));
        if (is_yes || ft_str_ieq(s, ft_str_of(no[i]))) {
            *out = is_yes;
            return true;
        }
    }
    return false;
}

/* Length of the well-formed sequence that begins with the byte at `p` (not ASCII), or 0. Source:
 * The Unicode Standard, table 3-7. */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
    unsigned char first = p[0], low = 0x80, high = 0xbf;
    size_t len;
    if (first >= 0xc2 && first <= 0xdf) {
        len = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        len = 3;
        if (first == 0xe0) low = 0xa0;  /* overlong below */
        if (first == 0xed) high = 0x9f; /* surrogates above */
    } else if (first >= 0xf0 && first <= 0xf4) {
        len = 4;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f; /* U+10FFFF is the last */
    } else {
        return 0;
    }
    if (left < len || p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return len;
}

size_t ft_str_utf8_valid_len(ft_str s) {
    const unsigned char *p = (const unsigned char *)s.at;
    size_t at = 0;
    while (at < s.len) {
        if (p[at] < 0x80) { /* whole words of ASCII at a time */
            uint64_t word;
            while (s.len - at >= 8) {
                memcpy(&word, p + at, 8);
                if (word & 0x8080808080808080u) break;
                at += 8;
            }
            while (at < s.len && p[at] < 0x80) at++;
            continue;
        }
        size_t len = utf8_sequence(p + at, s.len - at);
        if (!len) break;
        at += len;
    }
    return at;
}

bool ft_str_utf8(ft_str s) { return ft_str_utf8_valid_len(s) == s.len; }

/* Case and the two kinds of dashes do not count as differences. */
static char folded(char c) { return c == '-' ? '_' : lower(c); }

static int least(int a, int b) { return a < b ? a : b; }

/* Optimal string alignment distance: insert, delete, replace, swap two neighbours, each 1. */
static int edit_distance(ft_str a, ft_str b) {
    int row[3][NEAREST_WORD_MAX + 1];
    int *before = row[0], *above = row[1], *now = row[2];
    for (size_t j = 0; j <= b.len; j++) above[j] = (int)j;
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = folded(a.at[i - 1]) == folded(b.at[j - 1]);
            now[j] = least(least(above[j], now[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && folded(a.at[i - 1]) == folded(b.at[j - 2]) &&
                folded(a.at[i - 2]) == folded(b.at[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = above;
        above = now;
        now = free_row;
    }
    return above[b.len];
}

const char *ft_str_nearest(ft_str word, const char *const *candidates, size_t count) {
    const char *best = NULL;
    int best_distance = (int)(word.len + 2) / 3; /* a third of the letters may be wrong */
    if (best_distance == 0) best_distance = 1;
    if (word.len == 0 || word.len > NEAREST_WORD_MAX) return NULL;
    for (size_t i = 0; i < count; i++) {
        ft_str candidate = ft_str_of(candidates[i]);
        if (candidate.len > NEAREST_WORD_MAX) continue;
        int distance = edit_distance(word, candidate);
        /* Nothing in common is no suggestion, however short the words are. */
        if (distance >= (int)(word.len > candidate.len ? word.len : candidate.len)) continue;
        if (distance < best_distance || (!best && distance == best_distance)) {
            best = candidates[i];
            best_distance = distance;
        }
    }
    return best;
}
