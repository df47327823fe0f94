/* shown.c -- see shown.h. */
#include "data/shown.h"

#define SHOWN_BYTES 40
#define RING        8

/* The length of the UTF-8 letter at the start of `text`, 0 when none is there. */
static size_t letter(ft_str text) {
    for (size_t len = 1; len <= 4 && len <= text.len; len++)
        if (ft_str_utf8(ft_str_slice(text, 0, len))) return len;
    return 0;
}

size_t ft_utf8_length(ft_str text) {
    size_t at = 0, len;
    while (at < text.len && (len = letter(ft_str_from(text, at))) > 0) at += len;
    return at;
}

const char *ft_shown(ft_str text) {
    static _Thread_local char ring[RING][SHOWN_BYTES + 8];
    static _Thread_local unsigned next;
    char *out = ring[next++ % RING];
    size_t at = 0, n = 0;
    while (at < text.len) {
        size_t len = letter(ft_str_from(text, at));
        unsigned char c = (unsigned char)text.at[at];
        if (n + (len ? len : 1) > SHOWN_BYTES) break;
        if (len == 0 || c < ' ' || c == 0x7f) {
            out[n++] = '?';
            at++;
            continue;
        }
        memcpy(out + n, text.at + at, len);
        n += len;
        at += len;
    }
    strcpy(out + n, at < text.len ? "…" : "");
    return out;
}
