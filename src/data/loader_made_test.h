/* loader_made_test.h -- a set of samples made on the fly, with every kind of trouble, for tests. */
#ifndef FT_LOADER_MADE_TEST_H
#define FT_LOADER_MADE_TEST_H

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/loader_feed.h"

#define MADE_WIDTH 6

typedef struct made {
    uint64_t count;
    bool stream;
    uint64_t bad_from, bad_every; /* records bad_from, + bad_every, …; every 0: none */
    ft_err bad_code;              /* 0: FT_ECORRUPT */
    uint64_t breaks_at;           /* a stream fails here; 0: never */
    int64_t wait_us;              /* of each read */
    ft_feed_place place;          /* when it waits; 0: network */
    int freed;
    atomic_int readers;
} made;

typedef struct made_reader {
    made *m;
    uint64_t next;
    float value[MADE_WIDTH];
    int64_t label;
    ft_array values[3];
} made_reader;

static inline float made_value(uint64_t number, int k) { return (float)number + (float)k / 8; }

static const ft_field made_fields[] = {
    { .name = { "value", 5 }, .dtype = FT_F32, .ndim = 1, .shape = { MADE_WIDTH } },
    { .name = { "label", 5 }, .dtype = FT_I64 },
    { .name = { "text", 4 }, .kind = FT_FIELD_TEXT, .dtype = FT_U8, .ndim = 1, .shape = { -1 } },
};

static ft_err made_open(void **reader, void *self, const int *wanted, size_t wanted_count) {
    made_reader *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    (void)wanted, (void)wanted_count;
    *reader = NULL;
    if (!r) return FT_FAIL(FT_ENOMEM, "out of memory");
    r->m = self;
    r->m->readers++;
    *reader = r;
    return FT_OK;
}

static void made_close(void *reader) {
    ((made_reader *)reader)->m->readers--;
    free(reader);
}

static ft_err made_read(ft_sample *out, void *reader, uint64_t number) {
    made_reader *r = reader;
    const made *m = r->m;
    if (m->wait_us) {
        struct timespec t = { 0, m->wait_us * 1000 };
        nanosleep(&t, NULL);
    }
    if (m->bad_every && number >= m->bad_from && (number - m->bad_from) % m->bad_every == 0)
        return FT_FAIL(m->bad_code ? m->bad_code : FT_ECORRUPT, "made.rec, record %llu: bad",
                       (unsigned long long)number);
    for (int k = 0; k < MADE_WIDTH; k++) r->value[k] = made_value(number, k);
    r->label = (int64_t)(number % 10);
    r->values[0] = (ft_array){ FT_F32, 1, { MADE_WIDTH }, r->value };
    r->values[1] = (ft_array){ .dtype = FT_I64, .data = &r->label };
    r->values[2] = (ft_array){ FT_U8, 1, { 0 }, NULL };
    *out =
        (ft_sample){ .values = r->values, .value_count = 3, .record = number, .stored_bytes = 32 };
    return FT_OK;
}

static ft_err made_start(void *reader, uint64_t key) {
    (void)key;
    ((made_reader *)reader)->next = 0;
    return FT_OK;
}

static ft_err made_next(ft_sample *out, void *reader, bool *can_go_on) {
    made_reader *r = reader;
    *can_go_on = false;
    if (r->m->breaks_at && r->next == r->m->breaks_at)
        return FT_FAIL(FT_EPEER, "made.rec: the other side went away after record %llu",
                       (unsigned long long)r->next);
    if (r->next == r->m->count) return FT_ENOTFOUND;
    *can_go_on = true;
    return made_read(out, r, r->next++);
}

static uint64_t made_id(const ft_sample *s) { return s->record; }
static void made_free(void *self) { ((made *)self)->freed++; }

static inline void made_feed(ft_feed *out, made *m) {
    m->freed = 0;
    *out = (ft_feed){ .fields = made_fields,
                      .field_count = FT_COUNT(made_fields),
                      .count = m->stream ? FT_DATASET_UNKNOWN : m->count,
                      .random = !m->stream,
                      .place = m->place ? m->place : FT_FEED_NETWORK,
                      .print = m->count,
                      .self = m,
                      .open = made_open,
                      .close = made_close,
                      .read = made_read,
                      .start = made_start,
                      .next = made_next,
                      .id = made_id,
                      .free = made_free };
}

#endif
