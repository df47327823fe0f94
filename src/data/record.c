/* record.c -- the registry of record formats, and reading through it; writing is in record_write.c.
 * See record.h. */
#include "data/record.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/record_in.h"
#include "data/shown.h"

#define HEAD_BYTES ((size_t)4096)

struct ft_records {
    const ft_record_format *format;
    ft_record_read read;
    ft_record_opts opts;
    uint64_t number, bad;
};

/* ---- the registry */

const ft_record_format *const ft_record_formats[] = {
    &ft_records_recordio, &ft_records_sagemaker, &ft_records_tfrecord,
    &ft_records_npy,      &ft_records_jsonl,     &ft_records_libsvm,
    &ft_records_csv,      &ft_records_tar,       NULL,
};

ft_err ft_record_format_find(const ft_record_format **out, ft_str name) {
    const char *names[16];
    size_t count = 0;
    for (const ft_record_format *const *f = ft_record_formats; *f; f++) {
        if (ft_str_is(name, (*f)->name)) {
            *out = *f;
            return FT_OK;
        }
        FT_CHECK(count < FT_COUNT(names));
        names[count++] = (*f)->name;
    }
    const char *near = ft_str_nearest(name, names, count);
    return FT_FAIL(FT_EINVAL, "'%s' is not a record format%s%s%s", ft_shown(name),
                   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const ft_record_format *ft_record_format_ending(ft_str path) {
    if (ft_str_ends(path, FT_STR(".gz"))) path.len -= 3;
    if (ft_str_ends(path, FT_STR(".zst"))) path.len -= 4;
    for (const ft_record_format *const *f = ft_record_formats; *f; f++) {
        ft_str endings = ft_str_of((*f)->endings);
        while (endings.at && endings.len)
            if (ft_str_ends(path, ft_str_cut(&endings, '|'))) return *f;
    }
    return NULL;
}

static ft_err format_choose(ft_records *r) {
    ft_str head, path = ft_input_name(r->read.in);
    int best = 0;
    if (r->opts.format.len) return ft_record_format_find(&r->format, r->opts.format);
    FT_TRY(ft_input_peek(&head, r->read.in, HEAD_BYTES));
    for (const ft_record_format *const *f = ft_record_formats; *f; f++) {
        int score = (*f)->sniff(head, path);
        if (score > best) {
            best = score;
            r->format = *f;
        }
    }
    if (!r->format) r->format = ft_record_format_ending(path); /* an empty file */
    if (r->format && (best > 0 || head.len == 0)) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' begins like no record format that is known here",
                   FT_STR_ARG(path));
}

/* ---- what formats share */

ft_err ft_record_peek(ft_str *out, ft_record_read *r, size_t len, const char *what) {
    FT_TRY(ft_input_peek(out, r->in, len));
    if (out->len >= len) {
        out->len = len;
        return FT_OK;
    }
    if (out->len == 0) return FT_ENOTFOUND;
    return FT_FAIL(FT_ECORRUPT, "the file ends within %s", what);
}

ft_err ft_record_fits(const ft_record_read *r, uint64_t len) {
    if (len <= r->record_bytes_max) return FT_OK;
    return FT_FAIL(FT_ETOOBIG, "a record of %llu bytes, at most %zu are allowed",
                   (unsigned long long)len, r->record_bytes_max);
}

ft_err ft_record_line(ft_str *line, size_t *bytes, ft_record_read *r) {
    ft_str view;
    size_t want = 1;
    for (;;) {
        FT_TRY(ft_input_peek(&view, r->in, want));
        if (view.len == 0) return FT_ENOTFOUND;
        size_t len = ft_str_find(view, '\n');
        FT_TRY(ft_record_fits(r, len));
        if (len == view.len && view.len >= want) { /* perhaps the rest is yet to come */
            want = view.len > r->record_bytes_max / 2 ? r->record_bytes_max + 1 : view.len * 2;
            continue;
        }
        *bytes = len < view.len ? len + 1 : len;
        *line = ft_str_trim(ft_str_slice(view, 0, len));
        return FT_OK;
    }
}

/* ---- life */

static ft_err begin(ft_records *r) {
    ft_str name = ft_input_name(r->read.in);
    FT_TRY(format_choose(r));
    r->read.state = ft_fault_here() ? NULL : calloc(1, r->format->read_bytes + 1);
    if (!r->read.state) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(name));
    if (r->format->begin) {
        ft_err err = r->format->begin(&r->read);
        if (err) return ft_err_prefix(err, "'%.*s'", FT_STR_ARG(name));
    }
    return r->opts.offset ? ft_input_seek(r->read.in, r->opts.offset) : FT_OK;
}

static ft_err records_new(ft_records **out, const ft_record_opts *opts) {
    ft_records *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to read records");
    if (opts) r->opts = *opts;
    r->read.record_bytes_max =
        r->opts.record_bytes_max ? r->opts.record_bytes_max : FT_RECORD_BYTES_MAX;
    *out = r;
    return FT_OK;
}

ft_err ft_records_open(ft_records **out, const char *path, const ft_record_opts *opts) {
    ft_err err;
    ft_records *r = NULL;
    *out = NULL;
    FT_GOTO(err, records_new(&r, opts));
    ft_input_opts in = { .unpacked_bytes_max = r->opts.unpacked_bytes_max,
                         .no_hash = !r->opts.hash };
    FT_GOTO(err, ft_input_open(&r->read.in, path, &in));
    FT_GOTO(err, begin(r));
    *out = r;
    r = NULL;
done:
    ft_records_free(r);
    return err;
}

ft_err ft_records_bytes(ft_records **out, ft_str bytes, ft_str name, const ft_record_opts *opts) {
    ft_err err;
    ft_records *r = NULL;
    *out = NULL;
    FT_GOTO(err, records_new(&r, opts));
    ft_input_opts in = { .unpacked_bytes_max = r->opts.unpacked_bytes_max,
                         .no_hash = !r->opts.hash };
    FT_GOTO(err, ft_input_memory(&r->read.in, bytes, name, &in));
    FT_GOTO(err, begin(r));
    *out = r;
    r = NULL;
done:
    ft_records_free(r);
    return err;
}

ft_err ft_records_input(ft_records **out, ft_input *in, const ft_record_opts *opts) {
    ft_err err;
    ft_records *r = NULL;
    *out = NULL;
    FT_GOTO(err, records_new(&r, opts));
    r->read.in = in;
    in = NULL;
    FT_GOTO(err, begin(r));
    *out = r;
    r = NULL;
done:
    ft_input_free(in);
    ft_records_free(r);
    return err;
}

void ft_records_free(ft_records *r) {
    if (!r) return;
    if (r->read.state && r->format->fini) r->format->fini(r->read.state);
    free(r->read.state);
    ft_input_free(r->read.in);
    free(r);
}

/* ---- reading */

static ft_err failed(const ft_records *r, ft_err err, uint64_t offset) {
    return ft_err_prefix(err, "'%.*s', record %llu at byte %llu",
                         FT_STR_ARG(ft_input_name(r->read.in)), (unsigned long long)r->number - 1,
                         (unsigned long long)offset);
}

ft_err ft_records_next(ft_records *r, ft_record *out) {
    for (;;) {
        uint64_t offset = ft_input_offset(r->read.in);
        *out = (ft_record){ .offset = offset, .number = r->number };
        r->read.can_skip = false;
        ft_err err = r->format->next(&r->read, out);
        if (err == FT_ENOTFOUND) return err;
        r->number++;
        if (!err) return FT_OK;
        if (!r->read.can_skip || r->bad >= r->opts.bad_max) return failed(r, err, offset);
        ft_err_clear();
        r->bad++;
    }
}

ft_err ft_records_pass(ft_records *r, uint64_t *offset) {
    ft_record record;
    *offset = ft_input_offset(r->read.in);
    r->read.can_skip = false;
    ft_err err = r->format->pass ? r->format->pass(&r->read) : r->format->next(&r->read, &record);
    if (err == FT_ENOTFOUND) return err;
    r->number++;
    if (!err || (!r->format->pass && r->read.can_skip)) { /* its payload is another's business */
        if (err) ft_err_clear();
        return FT_OK;
    }
    return failed(r, err, *offset);
}

uint64_t ft_records_offset(const ft_records *r) { return ft_input_offset(r->read.in); }
const void *ft_records_state(const ft_records *r) { return r->read.state; }
bool ft_records_can_go_on(const ft_records *r) { return r->read.can_skip; }

const ft_record_format *ft_records_format(const ft_records *r) { return r->format; }
uint64_t ft_records_bad(const ft_records *r) { return r->bad; }

ft_err ft_records_end(ft_records *r, char sha256[65], uint64_t *size_bytes) {
    return ft_input_end(r->read.in, sha256, size_bytes);
}
