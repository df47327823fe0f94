/* record_test.h -- helpers of the record formats' tests: bytes from hex, records from bytes. */
#ifndef FT_RECORD_TEST_H
#define FT_RECORD_TEST_H

#include "base/buf.h"
#include "data/record.h"
#include "data/table_test.h"

/* Bytes of hex digits, blanks aside. The buffer is the caller's. */
static inline ft_str test_hex(ft_buf *out, const char *hex) {
    ft_buf_reset(out);
    for (const char *p = hex; *p; p++) {
        unsigned byte;
        if (*p == ' ') continue;
        EXPECT(sscanf(p, "%2x", &byte) == 1 && p[1]);
        EXPECT_OK(ft_buf_byte(out, (char)byte));
        p++;
    }
    return ft_buf_str(out);
}

/* One record of a format as bytes. */
static inline void test_write(ft_buf *out, const ft_record_format *f, ft_str payload) {
    void *state = calloc(1, f->write_bytes + 1);
    ft_record_write w = { .state = state, .out = out };
    EXPECT_OK(f->write(&w, &(ft_record){ .bytes = payload }));
    free(state);
}

/* Reads all records; what is met is counted and joined with '|'. */
typedef struct test_seen {
    ft_buf all;
    size_t count;
    uint64_t bad;
} test_seen;

static inline ft_err test_read_all(test_seen *seen, ft_str bytes, const ft_record_opts *opts) {
    ft_err err;
    ft_records *r = NULL;
    ft_record record;
    ft_buf_reset(&seen->all);
    seen->count = 0;
    FT_GOTO(err, ft_records_bytes(&r, bytes, FT_STR("mem"), opts));
    while (!(err = ft_records_next(r, &record))) {
        EXPECT(record.number == seen->count + ft_records_bad(r));
        if (seen->count++) FT_GOTO(err, ft_buf_byte(&seen->all, '|'));
        FT_GOTO(err, ft_buf_add(&seen->all, record.bytes));
    }
    seen->bad = ft_records_bad(r);
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_records_free(r);
    return err;
}

#endif
