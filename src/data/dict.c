/* dict.c -- see dict.h. Open addressing with linear probing. */
#include "data/dict.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

#define SLOTS_MIN  ((size_t)16)
#define TEXT_BLOCK ((size_t)4096)

static ft_err slots_grow(ft_dict *d) {
    size_t slot_count = d->slot_count ? d->slot_count * 2 : SLOTS_MIN;
    uint32_t *slots;
    FT_TRY(ft_arena_items(&slots, d->arena, slot_count));
    for (size_t i = 0; i < d->count; i++) {
        size_t slot = ft_hash64(d->at[i], 0) & (slot_count - 1);
        while (slots[slot]) slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    d->slots = slots;
    d->slot_count = slot_count;
    return FT_OK;
}

static ft_err texts_grow(ft_dict *d) {
    size_t capacity = d->capacity ? d->capacity * 2 : SLOTS_MIN;
    ft_str *at;
    FT_TRY(ft_arena_items(&at, d->arena, capacity));
    if (d->count) memcpy(at, d->at, d->count * sizeof *at);
    d->at = at;
    d->capacity = capacity;
    return FT_OK;
}

static ft_err text_copy(ft_str *out, ft_dict *d, ft_str text) {
    if (text.len >= TEXT_BLOCK / 8) return ft_arena_str(out, d->arena, text);
    if (d->text_left <= text.len) {
        FT_TRY(ft_arena_take(&d->text, d->arena, TEXT_BLOCK));
        d->text_left = TEXT_BLOCK;
    }
    if (text.len) memcpy(d->text, text.at, text.len);
    d->text[text.len] = '\0';
    *out = (ft_str){ d->text, text.len };
    d->text += text.len + 1;
    d->text_left -= text.len + 1;
    return FT_OK;
}

/* The slot that holds `text`, or the free one where it belongs. */
static size_t slot_of(const ft_dict *d, ft_str text) {
    size_t slot = ft_hash64(text, 0) & (d->slot_count - 1);
    while (d->slots[slot] && !ft_str_eq(d->at[d->slots[slot] - 1], text))
        slot = (slot + 1) & (d->slot_count - 1);
    return slot;
}

int64_t ft_dict_find(const ft_dict *d, ft_str text) {
    if (d->count == 0) return -1;
    return (int64_t)d->slots[slot_of(d, text)] - 1;
}

ft_err ft_dict_add(uint32_t *code, ft_dict *d, ft_str text) {
    FT_CHECK(d->count < UINT32_MAX - 1);
    if (2 * (d->count + 1) > d->slot_count) FT_TRY(slots_grow(d));
    size_t slot = slot_of(d, text);
    if (!d->slots[slot]) {
        if (d->count == d->capacity) FT_TRY(texts_grow(d));
        FT_TRY(text_copy(&d->at[d->count], d, text));
        d->slots[slot] = (uint32_t)++d->count;
    }
    *code = d->slots[slot] - 1;
    return FT_OK;
}
