/* arena.c -- see arena.h. Blocks double in size, so the number of mallocs is logarithmic. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/poison.h"

#define ALIGN         ((size_t)64) /* a cache line, and the width of an AVX-512 load */
#define BLOCK_MIN     ((size_t)4096)
#define BLOCK_MAX     ((size_t)1 << 24)
#define LIMIT_DEFAULT ((size_t)1 << 30)
#define LIST_FIRST    16 /* places of a list that grows */

struct ft_arena_block {
    ft_arena_block *next;
    size_t size, used;
    unsigned char *at;
};

static size_t limit_of(const ft_arena *arena) {
    return arena->limit_bytes ? arena->limit_bytes : LIMIT_DEFAULT;
}

static ft_err block_new(ft_arena *arena, size_t bytes) {
    size_t size = arena->last ? arena->last->size * 2 : BLOCK_MIN;
    if (size > BLOCK_MAX) size = BLOCK_MAX;
    if (size < bytes) size = bytes;
    size_t left = limit_of(arena) - arena->taken_bytes;
    if (size > left) size = bytes; /* near the limit: just what is asked */
    if (size > left)
        return FT_FAIL(FT_ENOMEM, "memory limit of %zu bytes reached (%zu more asked)",
                       limit_of(arena), bytes);

    ft_arena_block *block = ft_fault_here() ? NULL : malloc(sizeof *block);
    unsigned char *at = block ? aligned_alloc(ALIGN, size) : NULL;
    if (!at) {
        free(block);
        return FT_FAIL(FT_ENOMEM, "no memory for %zu bytes", size);
    }
    *block = (ft_arena_block){ .size = size, .at = at };
    if (arena->last)
        arena->last->next = block;
    else
        arena->first = block;
    arena->last = block;
    arena->taken_bytes += size;
    ft_poison(at, size);
    return FT_OK;
}

ft_err ft_arena_take_(void **out, ft_arena *arena, size_t bytes) {
    FT_CHECK(out && arena);
    *out = NULL;
    if (bytes > SIZE_MAX / 2) return FT_FAIL(FT_ENOMEM, "no memory for %zu bytes", bytes);
    size_t room = (bytes + ALIGN - 1) & ~(ALIGN - 1);
    if (room == 0) room = ALIGN;
    if (!arena->last || arena->last->size - arena->last->used < room)
        FT_TRY(block_new(arena, room));
    ft_arena_block *block = arena->last;
    *out = block->at + block->used;
    block->used += room;
    ft_unpoison(*out, room);
    memset(*out, 0, room);
    ft_poison((char *)*out + bytes, room - bytes); /* what rounds it up is nobody's */
    return FT_OK;
}

ft_err ft_arena_items_(void **out, ft_arena *arena, size_t count, size_t size_bytes) {
    size_t bytes;
    *out = NULL;
    if (__builtin_mul_overflow(count, size_bytes, &bytes))
        return FT_FAIL(FT_ENOMEM, "no memory for %zu items of %zu bytes", count, size_bytes);
    return ft_arena_take_(out, arena, bytes);
}

ft_err ft_arena_grow_(void **list, size_t *room, ft_arena *arena, size_t count, size_t size_bytes) {
    void *more;
    if (count < *room) return FT_OK;
    size_t larger = *room ? 2 * *room : LIST_FIRST;
    FT_TRY(ft_arena_items_(&more, arena, larger, size_bytes));
    if (count) memcpy(more, *list, count * size_bytes);
    *list = more;
    *room = larger;
    return FT_OK;
}

ft_err ft_arena_str(ft_str *out, ft_arena *arena, ft_str s) {
    char *copy;
    *out = (ft_str){ 0 };
    FT_TRY(ft_arena_take(&copy, arena, s.len + 1));
    if (s.len) memcpy(copy, s.at, s.len);
    *out = (ft_str){ copy, s.len };
    return FT_OK;
}

ft_err ft_arena_printf(ft_str *out, ft_arena *arena, const char *fmt, ...) {
    va_list ap;
    char *text;
    *out = (ft_str){ 0 };
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    FT_CHECK(len >= 0);
    FT_TRY(ft_arena_take(&text, arena, (size_t)len + 1));
    va_start(ap, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, ap);
    va_end(ap);
    *out = (ft_str){ text, (size_t)len };
    return FT_OK;
}

static void blocks_free(ft_arena_block *block) {
    while (block) {
        ft_arena_block *next = block->next;
        ft_unpoison(block->at, block->size);
        free(block->at);
        free(block);
        block = next;
    }
}

void ft_arena_reset(ft_arena *arena) {
    if (!arena->first) return;
    blocks_free(arena->first->next);
    arena->first->next = NULL;
    arena->first->used = 0;
    ft_poison(arena->first->at, arena->first->size);
    arena->last = arena->first;
    arena->taken_bytes = arena->first->size;
}

void ft_arena_fini(ft_arena *arena) {
    blocks_free(arena->first);
    arena->first = arena->last = NULL;
    arena->taken_bytes = 0;
}
