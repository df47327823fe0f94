/* segment_fuzz.c -- a segment file of any bytes: reading moves on or stops, never beyond the bytes,
 * values lie inside what was read, and a file that is read in two looks gives what one look gives.
 * The first byte chooses the format and whether the file may still grow. */
#include <string.h>

#include "base/check.h"
#include "fuzz/target.h"
#include "streams/format.h"

#define STATE_WORDS 64

static const ft_column columns[] = { { "step", FT_VALUE_INT, "" },
                                     { "name", FT_VALUE_TEXT, "" },
                                     { "value", FT_VALUE_F64, "" },
                                     { "body", FT_VALUE_BLOB, "" },
                                     { 0 } };
static const ft_stream_kind kinds[] = {
    { .name = "lines", .key = "k", .columns = columns, .format = &ft_format_jsonl },
    { .name = "packed", .key = "k", .columns = columns, .format = &ft_format_rows },
};

typedef struct reading {
    uint64_t state[STATE_WORDS];
    ft_value values[FT_COLUMNS_MAX];
    ft_segment_look look;
    ft_arena arena;
    uint64_t records, orders; /* how many, and a sum of what they say */
} reading;

static void take(reading *r) {
    const ft_value *order = &r->values[0];
    r->records++;
    if (order->type == FT_VALUE_INT) r->orders = r->orders * 31 + (uint64_t)order->i;
    for (int i = 0; columns[i].name; i++) {
        const ft_value *v = &r->values[i];
        FT_CHECK(v->type == FT_VALUE_NULL || v->type == columns[i].type);
        uint64_t sum = 0; /* touches every byte: the sanitizer watches */
        if (v->type == FT_VALUE_TEXT || v->type == FT_VALUE_BLOB)
            for (size_t k = 0; k < v->s.len; k++) sum += (unsigned char)v->s.at[k];
        r->orders += sum;
    }
}

/* Read on from `*at` as far as `len` bytes allow; `last`: no more will come. */
static void read_on(reading *r, size_t *at, bool *begun, const char *bytes, size_t len, bool last) {
    const ft_segment_format *f = r->look.kind->format;
    for (;;) {
        ft_arena_reset(&r->arena);
        memset(r->values, 0, sizeof r->values);
        r->look.data = ft_str_n(bytes + *at, len - *at);
        r->look.offset = *at;
        r->look.last = last;
        r->look.used = 0;
        bool record = *begun;
        ft_err err = record ? f->next(&r->look) : f->open_file(&r->look);
        FT_CHECK(r->look.used <= r->look.data.len);
        FT_CHECK(err == FT_OK || err == FT_ENOTFOUND || err == FT_ECORRUPT || err == FT_ENOMEM);
        if (err == FT_ENOTFOUND || err == FT_ENOMEM) return;
        *begun = true;
        if (record) FT_CHECK(r->look.used > 0);
        if (record && err == FT_OK) take(r);
        *at += r->look.used;
        if (*at == len) return;
    }
}

static void start(reading *r, const ft_stream_kind *kind) {
    memset(r, 0, sizeof *r);
    FT_CHECK(kind->format->state_bytes <= sizeof r->state);
    r->look.kind = kind;
    r->look.state = r->state;
    r->look.values = r->values;
    r->look.arena = &r->arena;
    r->look.wanted = ~(uint64_t)0;
}

static void check_sync(const ft_stream_kind *kind, const char *bytes, size_t len) {
    static reading r;
    for (size_t at = 1; at < len; at += 1 + len / 16) {
        start(&r, kind);
        r.look.data = ft_str_n(bytes + at, len - at);
        r.look.last = true;
        ft_err err = kind->format->sync(&r.look);
        FT_CHECK(err == FT_ENOTFOUND || (err == FT_OK && r.look.used <= r.look.data.len));
        ft_arena_fini(&r.arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static reading whole, halves;
    if (size < 2) return 0;
    const ft_stream_kind *kind = &kinds[data[0] & 1];
    const char *bytes = (const char *)data + 1;
    size_t len = size - 1, at = 0;
    bool last = data[0] & 2, begun = !kind->format->open_file;

    start(&whole, kind);
    read_on(&whole, &at, &begun, bytes, len, last);

    start(&halves, kind);
    at = 0;
    begun = !kind->format->open_file;
    read_on(&halves, &at, &begun, bytes, len / 2, false);
    read_on(&halves, &at, &begun, bytes, len, last);
    FT_CHECK(halves.records == whole.records && halves.orders == whole.orders);

    check_sync(kind, bytes, len);
    ft_arena_fini(&whole.arena);
    ft_arena_fini(&halves.arena);
    return 0;
}
