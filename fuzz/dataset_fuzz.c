/* dataset_fuzz.c -- any bytes as a dataset. The first byte chooses the format (or none: by
 * content), the rest is the file. Records read by number are those read in order; values fit their
 * fields; what is refused is refused with a sentence in UTF-8. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "data/dataset.h"
#include "fuzz/target.h"

#define RECORDS_MAX 64

/* A hash of the values, which must be what their fields say. */
static uint64_t sample_hash(const ft_dataset *d, const ft_sample *s) {
    size_t count;
    const ft_field *f = ft_dataset_fields(d, &count);
    uint64_t hash = 0;
    FT_CHECK(s->value_count == count);
    for (size_t i = 0; i < count; i++) {
        const ft_array *v = &s->values[i];
        if (!v->data) continue;
        FT_CHECK(ft_array_valid(v) && v->dtype == f[i].dtype && v->ndim == f[i].ndim);
        FT_CHECK((uintptr_t)v->data % ft_dtype_bytes(v->dtype) == 0);
        hash = ft_hash64(ft_str_n(v->data, ft_array_bytes(v)), hash + i);
    }
    return hash;
}

static ft_err in_order(uint64_t *hashes, bool *good, size_t *count, ft_dataset *d) {
    ft_dataset_reader *r;
    ft_sample s;
    bool go_on = true;
    ft_err err = ft_dataset_reader_new(&r, d);
    *count = 0;
    if (err) return err;
    err = ft_dataset_seek(r, 0, 0);
    while (!err && go_on && *count < RECORDS_MAX) {
        ft_err one = ft_dataset_next(&s, r, &go_on);
        if (one == FT_ENOTFOUND) break;
        FT_CHECK(!one || ft_str_utf8(ft_str_of(ft_err_why())));
        good[*count] = !one;
        hashes[(*count)++] = one ? 0 : sample_hash(d, &s);
    }
    ft_dataset_reader_free(r);
    return err;
}

static void by_number(const uint64_t *hashes, const bool *good, size_t count, ft_dataset *d) {
    ft_dataset_reader *r;
    ft_sample s;
    FT_CHECK(ft_dataset_reader_new(&r, d) == FT_OK);
    for (size_t i = count; i-- > 0;) {
        ft_err err = ft_dataset_read(&s, r, 0, i);
        FT_CHECK(!err == good[i]);
        FT_CHECK(err || sample_hash(d, &s) == hashes[i]);
    }
    ft_dataset_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t hashes[RECORDS_MAX];
    bool good[RECORDS_MAX];
    size_t formats = 0, count;
    ft_dataset_kind kind;
    char path[64];
    ft_dataset *d;
    if (size == 0) return 0;
    while (ft_dataset_kinds(&kind, formats)) formats++;
    ft_dataset_opts opts = { .record_bytes_max = 1 << 20,
                             .no_check = data[0] & 0x80,
                             .no_index = data[0] & 0x40 };
    if (ft_dataset_kinds(&kind, (data[0] & 0x3f) % (formats + 1)))
        opts.format = ft_str_of(kind.name);
    if (ft_str_is(opts.format, "folder") || ft_str_is(opts.format, "lst"))
        return 0; /* names files */
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FT_CHECK(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ft_str one = ft_str_of(path);
    ft_err err = ft_dataset_open(&d, &one, 1, &opts);
    FT_CHECK(!err == (d != NULL));
    if (err) {
        FT_CHECK(ft_str_utf8(ft_str_of(ft_err_why())));
    } else {
        if (!in_order(hashes, good, &count, d) && ft_dataset_random(d)) {
            FT_CHECK(count ==
                     (ft_dataset_count(d) < RECORDS_MAX ? ft_dataset_count(d) : RECORDS_MAX));
            by_number(hashes, good, count, d);
        }
        ft_dataset_free(d);
    }
    close(fd);
    return 0;
}
