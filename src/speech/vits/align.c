/* align.c -- see align.h. */
#include "speech/vits/align.h"

#define CELLS_MAX ((size_t)16 << 20)

enum { BOTH = 1, WHOLE_ONLY, PART_ONLY };

/* Without room for the table: by share. */
static void by_share(int *out, size_t count, const int *owner, size_t part_count) {
    for (size_t i = 0; i < count; i++) out[i] = owner[i * part_count / count];
}

static void walk_back(int *out, const uint8_t *steps, size_t count, const int *owner, size_t n) {
    size_t i = count, k = n;
    while (i > 0 || k > 0) {
        uint8_t step = steps[i * (n + 1) + k];
        if (step != PART_ONLY) out[i - 1] = step == BOTH ? owner[k - 1] : owner[k ? k - 1 : 0];
        i -= step != PART_ONLY;
        k -= step != WHOLE_ONLY;
    }
}

ft_err ft_vits_align(int *out, const uint32_t *whole, size_t count, const uint32_t *parts,
                     const int *owner, size_t n, ft_arena *arena) {
    uint8_t *steps;
    uint32_t *before, *now;
    if (count == 0 || n == 0) return FT_OK;
    if ((count + 1) * (n + 1) > CELLS_MAX) {
        by_share(out, count, owner, n);
        return FT_OK;
    }
    FT_TRY(ft_arena_take(&steps, arena, (count + 1) * (n + 1)));
    FT_TRY(ft_arena_items(&before, arena, n + 1));
    FT_TRY(ft_arena_items(&now, arena, n + 1));
    for (size_t k = 0; k <= n; k++) {
        before[k] = (uint32_t)k;
        steps[k] = PART_ONLY;
    }
    for (size_t i = 1; i <= count; i++) {
        uint8_t *row = steps + i * (n + 1);
        now[0] = (uint32_t)i;
        row[0] = WHOLE_ONLY;
        for (size_t k = 1; k <= n; k++) {
            uint32_t both = before[k - 1] + (whole[i - 1] == parts[k - 1] ? 0 : 1);
            uint32_t one = before[k] + 1, part = now[k - 1] + 1;
            uint32_t least = both <= one ? both : one;
            row[k] = both <= one ? BOTH : WHOLE_ONLY;
            if (part < least) row[k] = PART_ONLY, least = part;
            now[k] = least;
        }
        uint32_t *swap = before;
        before = now;
        now = swap;
    }
    walk_back(out, steps, count, owner, n);
    return FT_OK;
}
