/* libsvm_record.c -- libsvm text as records: a line each; blank lines and comments are none. The
 * table reader is libsvm.c. */
#include "data/record_in.h"
#include "data/table_in.h"

static ft_err line_next(ft_str *line, ft_record_read *r) {
    size_t bytes = 0;
    do {
        ft_err err = ft_record_line(line, &bytes, r);
        if (err == FT_ENOTFOUND) return err;
        FT_TRY(err);
        ft_input_skip(r->in, bytes);
    } while (line->len == 0 || line->at[0] == '#');
    return FT_OK;
}

static ft_err libsvm_next(ft_record_read *r, ft_record *out) {
    r->can_skip = true;
    return line_next(&out->bytes, r);
}

static ft_err libsvm_pass(ft_record_read *r) {
    ft_str line;
    return line_next(&line, r);
}

/* The first line of a frame that is a row. */
static ft_str libsvm_payload(ft_str frame) {
    ft_str line = { 0 };
    while (frame.len && (line.len == 0 || line.at[0] == '#')) {
        size_t len = ft_str_find(frame, '\n');
        line = ft_str_trim(ft_str_slice(frame, 0, len));
        frame = ft_str_from(frame, len + 1);
    }
    return line;
}

static ft_err libsvm_write(ft_record_write *w, const ft_record *record) {
    ft_str line = ft_str_trim(record->bytes);
    if (ft_str_find(line, '\n') < line.len || line.len == 0 || line.at[0] == '#')
        return FT_FAIL(FT_EINVAL, "a row of libsvm is one line that is not empty");
    ft_buf_add(w->out, line);
    return ft_buf_byte(w->out, '\n');
}

static int libsvm_sniff(ft_str head, ft_str path) { return ft_format_libsvm.sniff(head, path); }

const ft_record_format ft_records_libsvm = {
    .name = "libsvm",
    .doc = "text: label index:value … a line",
    .endings = ".libsvm|.svm|.svmlight",
    .media_types = "text/libsvm|text/x-libsvm",
    .sniff = libsvm_sniff,
    .next = libsvm_next,
    .pass = libsvm_pass,
    .payload = libsvm_payload,
    .write = libsvm_write,
};
