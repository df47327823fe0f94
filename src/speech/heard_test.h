/* heard_test.h -- what an engine under test says: its samples, words and phones, in their order. */
#ifndef FT_HEARD_TEST_H
#define FT_HEARD_TEST_H

#include <stdlib.h>
#include <string.h>

#include "speech/voice.h"
#include "tests/test.h"

#define HEARD_ITEMS 64

typedef struct heard {
    int16_t *samples;
    size_t count;
    double word_s[HEARD_ITEMS], end_s[HEARD_ITEMS];
    int items, phones;
    double last_end_s;
} heard;

static inline ft_err on_samples(void *ctx, const int16_t *samples, size_t count) {
    heard *h = ctx;
    h->samples = realloc(h->samples, (h->count + count) * sizeof *samples);
    memcpy(h->samples + h->count, samples, count * sizeof *samples);
    h->count += count;
    return FT_OK;
}
static inline ft_err on_phone(void *ctx, const ft_phone *phone) {
    heard *h = ctx;
    EXPECT(phone->start_s >= h->last_end_s - 1e-9 && phone->end_s > phone->start_s);
    h->last_end_s = phone->end_s;
    h->phones++;
    return FT_OK;
}
static inline ft_err on_item(void *ctx, const ft_timed *timed) {
    heard *h = ctx;
    if (h->items == HEARD_ITEMS) return FT_OK;
    h->end_s[h->items] = timed->end_s;
    h->word_s[h->items++] = timed->start_s;
    return FT_OK;
}

#endif
