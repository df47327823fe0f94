/* arena.h -- memory that lives as long as a process, job, request, step or record, and is given
 * back at once.
 *
 * An arena grows in blocks up to its limit; reset keeps the first block, so a request arena stops
 * calling malloc after the first request.
 *
 * Threads:   one thread at a time.
 * Ownership: everything taken belongs to the arena; nothing is freed alone. */
#ifndef FT_ARENA_H
#define FT_ARENA_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

typedef struct ft_arena_block ft_arena_block;

typedef struct ft_arena {
    ft_arena_block *first, *last;
    size_t taken_bytes; /* sum of the blocks, counted against the limit */
    size_t limit_bytes;
} ft_arena;

/* An arena in your own memory; no allocation until the first take. Zero limit: 1 GiB. */
#define FT_ARENA_INIT(limit) \
    { .limit_bytes = (limit) }

/* `bytes` zeroed bytes, aligned to 64. `out` is the address of any object pointer. FT_ENOMEM at the
 * limit. */
#define ft_arena_take(out, arena, bytes) ft_arena_take_((void **)(out), (arena), (bytes))
ft_err ft_arena_take_(void **out, ft_arena *arena, size_t bytes);

/* `count` zeroed items of `size_bytes`; FT_ENOMEM when the product overflows. */
#define ft_arena_items(out, arena, count) \
    ft_arena_items_((void **)(out), (arena), (count), sizeof **(out))
ft_err ft_arena_items_(void **out, ft_arena *arena, size_t count, size_t size_bytes);

/* Room for one more item behind the `count` of a list: a full one moves to a place twice as long.
 * `*room` counts its places, 0 before the first. */
#define ft_arena_grow(list, room, arena, count) \
    ft_arena_grow_((void **)(list), (room), (arena), (count), sizeof **(list))
ft_err ft_arena_grow_(void **list, size_t *room, ft_arena *arena, size_t count, size_t size_bytes);

/* A NUL-terminated copy of a view; out->at[out->len] is '\0'. */
ft_err ft_arena_str(ft_str *out, ft_arena *arena, ft_str s);
/* printf into the arena; the result is NUL-terminated. */
ft_err ft_arena_printf(ft_str *out, ft_arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Forget everything taken, keep the first block for reuse. */
void ft_arena_reset(ft_arena *arena);
/* Give all memory back; the arena is empty and usable again. Fine on a zeroed arena. */
void ft_arena_fini(ft_arena *arena);

#endif
