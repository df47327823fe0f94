/* table.c -- reading a file or folder into a table: which format, which files, hashes, growth. */
#include "data/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "data/dataset_paths_in.h"
#include "data/shown.h"
#include "data/table_in.h"

#define HEAD_BYTES       ((size_t)64 << 10)
#define FOLDER_DEPTH_MAX 16
#define MEMORY_PART      0.8 /* of the machine: beyond it the kernel would end the process unasked */

/* ---- building */

ft_err ft_build_room_(ft_table_build *b, void **at, size_t *capacity, size_t need,
                      size_t size_bytes) {
    size_t bytes, more = *capacity + *capacity / 2;
    if (need <= *capacity) return FT_OK;
    if (more < need) more = need;
    if (more < 1024) more = 1024;
    if (__builtin_mul_overflow(more, size_bytes, &bytes) ||
        b->bytes + (bytes - *capacity * size_bytes) > b->bytes_max)
        return FT_FAIL(FT_ENOMEM,
                       "'%.*s' needs more than %llu bytes of memory, the limit for a "
                       "table",
                       FT_STR_ARG(b->t->source), (unsigned long long)b->bytes_max);
    void *grown = ft_fault_here() ? NULL : realloc(*at, bytes);
    if (!grown)
        return FT_FAIL(FT_ENOMEM, "no memory for %zu bytes of '%.*s'", bytes,
                       FT_STR_ARG(b->t->source));
    b->bytes += bytes - *capacity * size_bytes;
    *at = grown;
    *capacity = more;
    return FT_OK;
}

ft_err ft_build_dense_rows(ft_table_build *b, size_t rows, size_t extra) {
    return ft_build_room(b, &b->t->dense, &b->dense_capacity,
                         (b->t->rows + rows) * b->t->cols + extra);
}

ft_err ft_build_label(ft_table_build *b, float label) {
    FT_TRY(ft_build_room(b, &b->t->labels, &b->label_capacity, b->t->rows + 1));
    b->t->labels[b->t->rows] = label;
    return FT_OK;
}

ft_err ft_build_weight(ft_table_build *b, float weight) {
    FT_TRY(ft_build_room(b, &b->t->weights, &b->weight_capacity, b->t->rows + 1));
    b->t->weights[b->t->rows] = weight;
    return FT_OK;
}

ft_err ft_build_group(ft_table_build *b, uint32_t rows) {
    FT_TRY(ft_build_room(b, &b->t->groups, &b->group_capacity, b->t->group_count + 1));
    b->t->groups[b->t->group_count++] = rows;
    return FT_OK;
}

bool ft_build_wants(const ft_table_build *b) { return b->t->rows < b->rows_max; }

ft_err ft_build_note(ft_table_build *b, const char *fmt, ...) {
    va_list ap;
    if (b->notes.len) ft_buf_byte(&b->notes, '\n');
    va_start(ap, fmt);
    ft_err err = ft_buf_vprintf(&b->notes, fmt, ap);
    va_end(ap);
    return err;
}

ft_err ft_build_file(ft_table_build *b, ft_input *in) {
    ft_table *t = b->t;
    if (t->file_count == b->file_capacity) {
        ft_table_file *more;
        size_t capacity = b->file_capacity ? b->file_capacity * 2 : 4;
        FT_TRY(ft_arena_items(&more, &t->arena, capacity));
        if (t->file_count) memcpy(more, t->files, t->file_count * sizeof *more);
        t->files = more;
        b->file_capacity = capacity;
    }
    ft_table_file *f = &t->files[t->file_count];
    FT_TRY(ft_arena_str(&f->path, &t->arena, ft_input_name(in)));
    FT_TRY(ft_input_end(in, f->sha256, &f->size_bytes));
    t->file_count++;
    return FT_OK;
}

ft_err ft_build_line(ft_str *out, ft_table_build *b, ft_input *in, ft_str path, size_t line) {
    ft_str view;
    size_t want = 1;
    *out = (ft_str){ 0 };
    for (;;) {
        FT_TRY(ft_input_peek(&view, in, want));
        if (view.len == 0) return FT_OK;
        size_t len = ft_str_find(view, '\n');
        if (len > b->line_bytes_max)
            return FT_FAIL_LINE(FT_ETOOBIG, path, line, "the line is longer than %zu bytes",
                                b->line_bytes_max);
        if (len == view.len && view.len >= want) { /* perhaps the rest is yet to come */
            want = view.len > b->line_bytes_max / 2 ? b->line_bytes_max + 1 : view.len * 2;
            continue;
        }
        ft_input_skip(in, len < view.len ? len + 1 : len);
        *out = ft_str_slice(view, 0, len && view.at[len - 1] == '\r' ? len - 1 : len);
        return FT_OK;
    }
}

static ft_err side_lines(ft_table_build *b, ft_input *in, ft_str path,
                         ft_err (*use)(ft_table_build *b, double number)) {
    ft_str text;
    double number;
    for (size_t line = 1;; line++) {
        FT_TRY(ft_build_line(&text, b, in, path, line));
        if (!text.at) return FT_OK;
        text = ft_str_trim(text);
        if (text.len == 0) continue;
        if (!ft_str_f64(&number, text) || !isfinite(number))
            return FT_FAIL_LINE(FT_EPARSE, path, line, "expected a number, found '%s'",
                                ft_shown(text));
        FT_TRY(use(b, number));
    }
}

ft_err ft_build_side_file(ft_table_build *b, ft_str path, const char *ending,
                          ft_err (*use)(ft_table_build *b, double number)) {
    ft_err err;
    ft_str side;
    ft_input *in = NULL;
    if (b->alone) return FT_ENOTFOUND;
    FT_TRY(ft_arena_printf(&side, &b->t->arena, "%.*s%s", FT_STR_ARG(path), ending));
    if (access(side.at, F_OK) != 0) return FT_ENOTFOUND;
    FT_GOTO(err, ft_input_open(&in, side.at, NULL));
    FT_GOTO(err, side_lines(b, in, side, use));
    FT_GOTO(err, ft_build_file(b, in));
done:
    ft_input_free(in);
    return err;
}

/* ---- which format */

static ft_err format_by_name(const ft_table_format **out, ft_str name) {
    const ft_dataset_format *set;
    const char *names[16];
    size_t count = 0;
    for (const ft_table_format *const *f = ft_table_formats; *f; f++) {
        if (ft_str_is(name, (*f)->name)) {
            *out = *f;
            return FT_OK;
        }
        names[count++] = (*f)->name;
        FT_CHECK(count < FT_COUNT(names));
    }
    if (ft_dataset_format_find(&set, name) == FT_OK) {
        *out = &ft_format_dataset;
        return FT_OK;
    }
    ft_err_clear();
    const char *near = ft_str_nearest(name, names, count);
    return FT_FAIL(FT_EINVAL, "'%s' is not a table format%s%s%s", ft_shown(name),
                   near ? ", did you mean '" : " (csv, libsvm, idx …)", near ? near : "",
                   near ? "'?" : "");
}

static const ft_table_format *format_by_head(ft_str head, ft_str path) {
    const ft_table_format *best = NULL;
    int best_score = 0;
    for (const ft_table_format *const *f = ft_table_formats; *f; f++) {
        int score = (*f)->sniff(head, path);
        if (score > best_score) {
            best_score = score;
            best = *f;
        }
    }
    return best;
}

/* ---- the files */

typedef struct reading {
    ft_table_build b;
    const ft_table_format *format;
    void *state;
    bool folder;
} reading;

static ft_err format_choose(reading *r, ft_str head, ft_str path) {
    if (r->format) return FT_OK;
    const ft_table_opts *opts = r->b.opts;
    if (opts->format.len)
        FT_TRY(format_by_name(&r->format, opts->format));
    else
        r->format = format_by_head(head, path);
    if (!r->format)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "'%.*s' is neither text (CSV, libsvm) nor a format that is known by its "
                       "first bytes",
                       FT_STR_ARG(path));
    r->state = ft_fault_here() ? NULL : calloc(1, r->format->state_bytes + 1);
    if (!r->state) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(path));
    return FT_OK;
}

/* One stream into the table. A folder passes over what is empty or belongs to another file. */
static ft_err stream_read(reading *r, ft_input *in, ft_str path) {
    ft_str head;
    FT_TRY(ft_input_peek(&head, in, HEAD_BYTES));
    if (head.len == 0 && r->folder) return ft_build_note(&r->b, "%.*s is empty", FT_STR_ARG(path));
    if (head.len == 0) return FT_FAIL(FT_EPARSE, "'%.*s' is empty", FT_STR_ARG(path));
    FT_TRY(format_choose(r, head, path));
    if (r->folder && r->format->side_file && r->format->side_file(head, path)) return FT_OK;
    size_t place = r->b.t->file_count;
    FT_TRY(r->format->file(r->state, &r->b, in, path));
    FT_TRY(ft_build_file(&r->b, in));
    /* Side files that `file` read come after it. */
    ft_table_file *files = r->b.t->files, last = files[r->b.t->file_count - 1];
    memmove(files + place + 1, files + place, (r->b.t->file_count - 1 - place) * sizeof *files);
    files[place] = last;
    return FT_OK;
}

static ft_err file_read(reading *r, ft_str path) {
    ft_err err;
    ft_input *in = NULL;
    ft_input_opts opts = { .unpacked_bytes_max = r->b.opts->unpacked_bytes_max,
                           .no_unpack = ft_str_ends(path, FT_STR(".npz")) };
    if (!r->b.opts->format.len && ft_set_image_name(&(ft_dataset_opts){ 0 }, path))
        return FT_FAIL(FT_EUNSUPPORTED,
                       "'%.*s' is a picture, a table wants numbers: `image` trains on pictures",
                       FT_STR_ARG(path));
    FT_GOTO(err, ft_input_open(&in, path.at, &opts));
    FT_GOTO(err, stream_read(r, in, path));
done:
    ft_input_free(in);
    return err;
}

static ft_err bytes_read(reading *r, ft_str bytes) {
    ft_err err;
    ft_input *in = NULL;
    ft_input_opts opts = { .unpacked_bytes_max = r->b.opts->unpacked_bytes_max };
    FT_GOTO(err, ft_input_memory(&in, bytes, r->b.t->source, &opts));
    FT_GOTO(err, stream_read(r, in, r->b.t->source));
done:
    ft_input_free(in);
    return err;
}

/* train.idx beside train.rec says where the records of that stand. */
static bool is_index(const ft_str *names, size_t count, size_t i) {
    ft_str stem = names[i];
    if (!ft_str_ends(stem, FT_STR(".idx"))) return false;
    stem.len -= 3;
    for (size_t k = i + 1; k < count && ft_str_starts(names[k], stem); k++)
        if (ft_str_is(ft_str_from(names[k], stem.len), "rec")) return true;
    return false;
}

static ft_err folder_read(reading *r, const char *dir, int depth) {
    ft_arena *arena = &r->b.t->arena;
    ft_str *names;
    size_t count;
    if (depth == FOLDER_DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%s' is deeper than %d folders", dir, FOLDER_DEPTH_MAX);
    FT_TRY(ft_dir_list(&names, &count, arena, dir));
    for (size_t i = 0; i < count && ft_build_wants(&r->b); i++) {
        const char *path;
        ft_file_info info;
        if (names[i].at[0] == '.' || names[i].at[0] == '_' || is_index(names, count, i)) continue;
        FT_TRY(ft_path_join(&path, arena, dir, names[i].at));
        FT_TRY(ft_file_stat(&info, path));
        FT_TRY(info.is_dir ? folder_read(r, path, depth + 1) : file_read(r, ft_str_of(path)));
    }
    return FT_OK;
}

/* ---- the end */

static ft_err hash_of_all(ft_table *t) {
    ft_err err;
    ft_hasher *h = NULL;
    if (t->file_count == 1) {
        memcpy(t->sha256, t->files[0].sha256, sizeof t->sha256);
        return FT_OK;
    }
    FT_GOTO(err, ft_hasher_new(&h, false));
    for (size_t i = 0; i < t->file_count; i++) {
        FT_GOTO(err, ft_hasher_add(h, t->files[i].sha256, 64));
        FT_GOTO(err, ft_hasher_add(h, "\n", 1));
    }
    FT_GOTO(err, ft_hasher_end(h, t->sha256, NULL));
done:
    ft_hasher_free(h);
    return err;
}

/* Every row has one, or none has. */
static ft_err complete(const ft_table_build *b) {
    const ft_table *t = b->t;
    uint64_t grouped = 0;
    for (size_t i = 0; i < t->group_count; i++) grouped += t->groups[i];
    if (t->groups && grouped != t->rows)
        return FT_FAIL(FT_EPARSE, "'%.*s': the groups hold %llu rows, the table has %zu",
                       FT_STR_ARG(t->source), (unsigned long long)grouped, t->rows);
    return FT_OK;
}

static ft_err finish(reading *r) {
    ft_table *t = r->b.t;
    if (!r->format)
        return FT_FAIL(FT_ENOTFOUND, "the folder '%.*s' holds no data file", FT_STR_ARG(t->source));
    if (r->format->end) FT_TRY(r->format->end(r->state, &r->b));
    if (t->rows == 0) return FT_FAIL(FT_EPARSE, "'%.*s' has no rows", FT_STR_ARG(t->source));
    FT_CHECK(t->schema && t->schema->feature_count == t->cols);
    FT_TRY(complete(&r->b));
    FT_TRY(hash_of_all(t));
    if (r->b.notes.err) return r->b.notes.err;
    return ft_arena_str(&t->notes, &t->arena, ft_buf_str(&r->b.notes));
}

static uint64_t memory_default(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)((double)pages * (double)page * MEMORY_PART)
                                 : (uint64_t)8 << 30;
}

static ft_err table_new(ft_table **out, ft_str path) {
    ft_table *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(path));
    t->arena.limit_bytes = (size_t)1 << 36;
    ft_err err = ft_arena_str(&t->source, &t->arena, path);
    if (err) {
        ft_table_free(t);
        return err;
    }
    *out = t;
    return FT_OK;
}

static ft_err path_read(reading *r) {
    ft_file_info info;
    ft_str path = r->b.t->source;
    FT_TRY(ft_file_stat(&info, path.at));
    r->folder = info.is_dir;
    return r->folder ? folder_read(r, path.at, 0) : file_read(r, path);
}

/* From `bytes`, or from the path when NULL. */
static ft_err read_any(ft_table **out, const ft_str *bytes, ft_str name,
                       const ft_table_opts *opts) {
    static const ft_table_opts none;
    ft_err err;
    reading r = { .b.opts = opts ? opts : &none, .b.alone = bytes != NULL };
    *out = NULL;
    FT_GOTO(err, table_new(&r.b.t, name));
    opts = r.b.opts;
    r.b.line_bytes_max = opts->line_bytes_max ? opts->line_bytes_max : FT_LINE_BYTES_MAX;
    r.b.rows_max = opts->rows_max ? opts->rows_max : SIZE_MAX;
    r.b.bytes_max = opts->table_bytes_max ? opts->table_bytes_max : memory_default();
    FT_GOTO(err, bytes ? bytes_read(&r, *bytes) : path_read(&r));
    FT_GOTO(err, finish(&r));
    *out = r.b.t;
    r.b.t = NULL;
done:
    if (r.state && r.format->fini) r.format->fini(r.state);
    free(r.state);
    ft_buf_fini(&r.b.notes);
    ft_table_free(r.b.t);
    return err;
}

ft_err ft_table_read(ft_table **out, ft_str path, const ft_table_opts *opts) {
    return read_any(out, NULL, path, opts);
}

ft_err ft_table_read_bytes(ft_table **out, ft_str bytes, ft_str name, const ft_table_opts *opts) {
    return read_any(out, &bytes, name, opts);
}

void ft_table_free(ft_table *t) {
    if (!t) return;
    free(t->dense);
    free(t->indptr);
    free(t->indices);
    free(t->values);
    free(t->labels);
    free(t->weights);
    free(t->groups);
    ft_arena_fini(&t->arena);
    free(t);
}

void ft_table_row(const ft_table *t, size_t row, float *out) {
    FT_CHECK(row < t->rows);
    if (t->dense) {
        memcpy(out, t->dense + row * t->cols, t->cols * sizeof *out);
        return;
    }
    for (size_t i = 0; i < t->cols; i++) out[i] = NAN;
    for (uint64_t i = t->indptr[row]; i < t->indptr[row + 1]; i++)
        out[t->indices[i]] = t->values[i];
}

const ft_table_format *const ft_table_formats[] = { &ft_format_csv,     &ft_format_libsvm,
                                                    &ft_format_idx,     &ft_format_sagemaker,
                                                    &ft_format_dataset, NULL };
