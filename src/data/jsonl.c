/* jsonl.c -- JSON lines: one value a line. Every line is checked; a bad one can be skipped. Source:
 * jsonlines.org; RFC 8259. */
#include <string.h>

#include "base/json.h"
#include "data/record_in.h"

static ft_err value_check(ft_str line) {
    ft_json j;
    ft_json_opts opts = { .name = "line", .allow_nan = true };
    ft_json_init(&j, line, NULL, &opts);
    FT_TRY(ft_json_skip(&j, NULL));
    return ft_json_end(&j);
}

/* The next line that is not empty. */
static ft_err line_of_text(ft_str *line, ft_record_read *r) {
    size_t bytes = 0;
    do {
        ft_err err = ft_record_line(line, &bytes, r);
        if (err == FT_ENOTFOUND) return err;
        FT_TRY(err);
        ft_input_skip(r->in, bytes);
    } while (line->len == 0);
    return FT_OK;
}

static ft_err jsonl_next(ft_record_read *r, ft_record *out) {
    ft_err err = line_of_text(&out->bytes, r);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    r->can_skip = true;
    return value_check(out->bytes);
}

static ft_err jsonl_pass(ft_record_read *r) {
    ft_str line;
    ft_err err = line_of_text(&line, r);
    return err == FT_ENOTFOUND ? err
                               : (err ? ft_err_frame(err, __FILE__, __LINE__, "line") : FT_OK);
}

static ft_err jsonl_write(ft_record_write *w, const ft_record *record) {
    if (ft_str_find(record->bytes, '\n') < record->bytes.len)
        return FT_FAIL(FT_EINVAL, "a line end within the value: write it on one line");
    FT_TRY(value_check(record->bytes));
    ft_buf_add(w->out, record->bytes);
    return ft_buf_byte(w->out, '\n');
}

/* An object or list first, and the first line whole: a JSON document of many lines is none. */
static int jsonl_sniff(ft_str head, ft_str path) {
    bool named = ft_str_ends(path, FT_STR(".jsonl")) || ft_str_ends(path, FT_STR(".ndjson"));
    ft_str text = ft_str_trim(head), line = ft_str_slice(text, 0, ft_str_find(text, '\n'));
    if (text.len == 0 || (text.at[0] != '{' && text.at[0] != '[')) return 0;
    if (named) return 90;
    bool whole = line.len < text.len && !value_check(line);
    ft_err_clear();
    return whole ? 60 : 0;
}

const ft_record_format ft_records_jsonl = {
    .name = "jsonl",
    .doc = "JSON lines: one value a line",
    .endings = ".jsonl|.ndjson",
    .media_types = "application/jsonlines|application/x-jsonlines|application/x-ndjson",
    .sniff = jsonl_sniff,
    .next = jsonl_next,
    .pass = jsonl_pass,
    .payload = ft_str_trim,
    .write = jsonl_write,
};
