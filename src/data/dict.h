/* dict.h -- texts in the order of their first appearance, each with its number, found by hash.
 *
 * Memory: everything lives in the arena given. Threads: adding, one; finding, any. */
#ifndef FT_DICT_H
#define FT_DICT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_dict {
    ft_arena *arena;
    ft_str *at; /* the texts by number, each followed by a NUL */
    size_t count, capacity;
    uint32_t *slots; /* number + 1, 0 free; a power of two of them, at most half in use */
    size_t slot_count;
    char *text; /* room for short texts, so that each does not take an arena line of its own */
    size_t text_left;
} ft_dict;

/* The number of `text`, added when it is new. */
ft_err ft_dict_add(uint32_t *code, ft_dict *d, ft_str text);
/* Its number, or -1. */
int64_t ft_dict_find(const ft_dict *d, ft_str text);

#endif
