/* records_fuzz.c -- any bytes as a file of records. The first byte chooses the format (or none: by
 * content) and whether damaged records are skipped. What is read can be written, and reads back
 * equal. */
#include "base/check.h"
#include "data/record.h"
#include "fuzz/target.h"

typedef struct seen {
    ft_buf all; /* lengths and bytes of every record */
    size_t count;
} seen;

static ft_err read_all(seen *s, ft_buf *again, ft_str bytes, const ft_record_opts *opts) {
    ft_records *r;
    ft_record record;
    ft_err err = ft_records_bytes(&r, bytes, FT_STR("fuzz"), opts);
    FT_CHECK(!err == (r != NULL));
    if (err) return err;
    const ft_record_format *f = ft_records_format(r);
    char state[512] = { 0 };
    FT_CHECK(f->write_bytes <= sizeof state);
    ft_record_write w = { .state = state, .out = again };
    while (!(err = ft_records_next(r, &record))) {
        uint64_t len = record.bytes.len;
        FT_CHECK(len <= opts->record_bytes_max);
        ft_buf_add_n(&s->all, &len, sizeof len);
        ft_buf_add(&s->all, record.bytes);
        s->count++;
        if (!again || ft_str_is(ft_str_of(f->name), "csv")) continue; /* dialects are only read */
        FT_CHECK(f->write(&w, &record) == FT_OK);
        w.count++;
    }
    if (again && w.count && f->end) {
        ft_buf head = { 0 };
        FT_CHECK(f->end(&w, &head) == FT_OK && head.len <= again->len);
        if (head.len) memcpy(again->at, head.at, head.len);
        ft_buf_fini(&head);
    }
    ft_records_free(r);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    size_t formats = 0;
    while (ft_record_formats[formats]) formats++;
    ft_record_opts opts = { .record_bytes_max = 1 << 16,
                            .unpacked_bytes_max = 1 << 20,
                            .bad_max = data[0] & 0x80 ? 3 : 0 };
    size_t choice = (data[0] & 0x7f) % (formats + 1);
    if (choice < formats) opts.format = ft_str_of(ft_record_formats[choice]->name);
    seen first = { 0 }, second = { 0 };
    ft_buf again = { 0 };
    ft_err err = read_all(&first, &again, ft_str_n(data + 1, size - 1), &opts);
    FT_CHECK(!err || ft_str_utf8(ft_str_of(ft_err_why())));
    bool csv = ft_str_is(opts.format, "csv");
    if (!err && first.count && choice < formats && !csv) {
        ft_err back = read_all(&second, NULL, ft_buf_str(&again), &opts);
        bool lines = ft_str_is(opts.format, "libsvm") || ft_str_is(opts.format, "jsonl");
        FT_CHECK(!back || lines); /* a first line may begin like packed bytes: "BZh", 1f 8b 08 */
        FT_CHECK(back || (first.count == second.count &&
                          ft_str_eq(ft_buf_str(&first.all), ft_buf_str(&second.all))));
    }
    ft_buf_fini(&first.all);
    ft_buf_fini(&second.all);
    ft_buf_fini(&again);
    return 0;
}
