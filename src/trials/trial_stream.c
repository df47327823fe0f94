/* trial_stream.c -- see trial_stream.h. */
#include "trials/trial_stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "trials/reduction.h"
#include "trials/trial.h"

/* ---- where trials are */
static const char *const migrations[] = {
    "create table trial (job text not null, uri text not null, primary key (job, uri)) without "
    "rowid",
};

static ft_err tables(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "trials", migrations, FT_COUNT(migrations));
}

ft_err ft_trial_register(ft_store *s, ft_str job, ft_str uri) {
    FT_TRY(tables(s));
    return ft_db_run(ft_store_db(s), "insert or ignore into trial (job, uri) values (?, ?)", "ss",
                     job, uri);
}

ft_err ft_trial_list(ft_trial_place **out, size_t *count, ft_store *s, ft_arena *arena,
                     ft_str job) {
    ft_rows *rows;
    int64_t most = 0;
    ft_err err = FT_OK;
    *out = NULL;
    *count = 0;
    FT_TRY(tables(s));
    ft_db *db = ft_store_db(s);
    FT_TRY(ft_db_one(db, arena, "select count(*) from trial", "", "i", &most));
    FT_TRY(ft_arena_items(out, arena, (size_t)most + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select job, uri from trial where ?1 = '' or job = ?1 order by job, uri",
                       "s", job.at ? job : FT_STR("")));
    while (!err && *count < (size_t)most && ft_rows_next(rows)) {
        ft_str name, uri;
        ft_trial_place *p = &(*out)[*count];
        ft_rows_read(rows, "ss", &name, &uri);
        err = ft_arena_str(&p->job, arena, name);
        if (!err) err = ft_arena_str(&p->uri, arena, uri);
        if (!err) ++*count;
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

/* ---- the cursor: of all trials the one that stands at the smallest step is read on */
typedef struct source {
    ft_str job, uri;
    ft_trial *trial;
    int64_t step; /* being read; INT64_MAX: none is left for now */
    int64_t done; /* every step up to here was read */
    ft_arena names_arena;
    ft_str *names;
    size_t name_count, name;
} source;

typedef struct cursor {
    ft_store *store;
    ft_arena arena, record;
    source *sources;
    size_t count;
    int64_t from, until;
    uint64_t wanted;
    ft_value values[FT_TENSOR_COLUMN_COUNT];
} cursor;

enum { STEP, NAME, MODE, MODE_STEP, DTYPE, SHAPE, COUNT, VALUE, MIN, MAX, MEAN };
#define NEEDS_BYTES (~((1ull << STEP) | (1ull << NAME) | (1ull << MODE) | (1ull << MODE_STEP)))

/* The first step after `done`, with the names that may have been saved at it. */
static ft_err source_seek(cursor *c, source *s) {
    size_t count, i = 0;
    s->step = INT64_MAX;
    if (!s->trial) return FT_OK;
    const int64_t *steps = ft_trial_steps(s->trial, &count);
    while (i < count && (steps[i] <= s->done || steps[i] < c->from)) i++;
    if (i == count || steps[i] >= c->until) return FT_OK;
    s->step = steps[i];
    s->name = 0;
    ft_arena_reset(&s->names_arena);
    return ft_trial_names(&s->names, &s->name_count, s->trial, &s->names_arena, FT_STR(""),
                          FT_STR(""));
}

/* A trial that was registered and has written nothing yet, or whose files are gone, is empty. */
static ft_err source_refresh(cursor *c, source *s) {
    if (!s->trial) {
        ft_err err = ft_trial_open(&s->trial, c->store, s->uri);
        if (err == FT_ENOTFOUND) {
            ft_err_clear();
            return FT_OK;
        }
        FT_TRY(err);
    }
    FT_TRY(ft_trial_refresh(s->trial, NULL));
    return s->step == INT64_MAX ? source_seek(c, s) : FT_OK;
}

static void close_cursor(void *self) {
    cursor *c = self;
    if (!c) return;
    for (size_t i = 0; i < c->count; i++) {
        ft_trial_close(c->sources[i].trial);
        ft_arena_fini(&c->sources[i].names_arena);
    }
    ft_arena_fini(&c->arena);
    ft_arena_fini(&c->record);
    free(c);
}

static ft_err open_cursor(void **out, ft_store *store, const ft_stream_kind *kind,
                          const ft_cursor_opts *opts) {
    static const ft_cursor_opts all = { 0 };
    FT_UNUSED(kind);
    if (!opts) opts = &all;
    cursor *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory to read trials");
    ft_err err = FT_OK;
    ft_trial_place *places;
    size_t count;
    c->store = store;
    c->from = opts->from;
    c->until = opts->from || opts->until ? opts->until : INT64_MAX;
    c->wanted = opts->wanted ? opts->wanted : UINT64_MAX;
    if (opts->key.at && !opts->key.len) goto opened; /* no job has an empty name */
    FT_GOTO(err, ft_trial_list(&places, &count, store, &c->arena, opts->key));
    FT_GOTO(err, ft_arena_items(&c->sources, &c->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        source *s = &c->sources[c->count++];
        *s = (source){ .job = places[i].job, .uri = places[i].uri, .step = INT64_MAX, .done = -1 };
        FT_GOTO(err, source_refresh(c, s));
    }
opened:
    *out = c;
    c = NULL;
done:
    close_cursor(c);
    return err;
}

/* ---- a record */
static ft_err shape_text(ft_str *out, ft_arena *arena, const ft_array *a) {
    char text[FT_ARRAY_DIMS_MAX * 24] = "";
    size_t n = 0;
    for (int i = 0; i < a->ndim; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", i ? "x" : "",
                              (long long)a->shape[i]);
    return ft_arena_str(out, arena, ft_str_n(text, n));
}

static ft_value number(double x) { return isnan(x) ? (ft_value){ 0 } : ft_value_f64(x); }

static ft_err fill_numbers(cursor *c, const ft_array *a) {
    static const ft_reduction set[] = { { FT_REDUCE_MIN, false },
                                        { FT_REDUCE_MAX, false },
                                        { FT_REDUCE_MEAN, false } };
    double stats[3];
    ft_str shape;
    FT_TRY(shape_text(&shape, &c->record, a));
    c->values[DTYPE] = ft_value_text(ft_str_of(ft_dtype_name(a->dtype)));
    c->values[SHAPE] = ft_value_text(shape);
    c->values[COUNT] = ft_value_int(ft_array_count(a));
    if (ft_array_count(a) == 1) c->values[VALUE] = number(ft_array_f64(a, 0));
    if (!(c->wanted & (1ull << MIN | 1ull << MAX | 1ull << MEAN))) return FT_OK;
    ft_reduce(stats, set, 3, a);
    for (int i = 0; i < 3; i++) c->values[MIN + i] = number(stats[i]);
    return FT_OK;
}

static ft_err fill_texts(cursor *c, source *s, ft_str name) {
    ft_str *texts, shape;
    size_t count;
    FT_TRY(ft_trial_texts(&texts, &count, s->trial, &c->record, name, s->step));
    FT_TRY(ft_arena_printf(&shape, &c->record, "%zu", count));
    c->values[DTYPE] = ft_value_text(FT_STR("string"));
    c->values[SHAPE] = ft_value_text(shape);
    c->values[COUNT] = ft_value_int((int64_t)count);
    if (count == 1) c->values[VALUE] = ft_value_text(texts[0]);
    return FT_OK;
}

/* What is damaged or gone has null numbers; only other failures end the reading. */
static ft_err fill_value(cursor *c, source *s, ft_str name) {
    ft_array a;
    ft_err err = ft_trial_value(&a, s->trial, &c->record, name, s->step);
    if (!err) err = fill_numbers(c, &a);
    if (err == FT_EINVAL) err = fill_texts(c, s, name);
    if (err == FT_ECORRUPT || err == FT_ENOTFOUND || err == FT_EINVAL) {
        ft_err_clear();
        return FT_OK;
    }
    return err;
}

static ft_err fill_record(cursor *c, source *s, ft_str name, const ft_tensor_ref *ref,
                          ft_record *out) {
    ft_str file = ft_trial_file(s->trial, ref);
    ft_arena_reset(&c->record);
    memset(c->values, 0, sizeof c->values);
    c->values[STEP] = ft_value_int(ref->global_step);
    c->values[NAME] = ft_value_text(name);
    c->values[MODE] = ft_value_text(ft_str_of(ft_mode_name(ref->mode)));
    c->values[MODE_STEP] = ft_value_int(ref->mode_step);
    *out = (ft_record){ .key = s->job, .values = c->values, .offset = ref->offset };
    FT_TRY(ft_arena_printf(&out->segment, &c->record, "%.*s/%.*s", FT_STR_ARG(s->uri),
                           FT_STR_ARG(file)));
    return c->wanted & NEEDS_BYTES ? fill_value(c, s, name) : FT_OK;
}

/* The ref of a tensor at exactly this step, or NULL. */
static const ft_tensor_ref *ref_at(ft_trial *t, ft_str name, int64_t step) {
    size_t count, low = 0;
    const ft_tensor_ref *refs = ft_trial_refs(t, name, &count);
    for (size_t high = count; low < high;) {
        size_t mid = low + (high - low) / 2;
        if (refs[mid].global_step < step)
            low = mid + 1;
        else
            high = mid;
    }
    return low < count && refs[low].global_step == step ? &refs[low] : NULL;
}

static source *smallest(cursor *c) {
    source *best = NULL;
    for (size_t i = 0; i < c->count; i++) {
        source *s = &c->sources[i];
        if (s->step != INT64_MAX && (!best || s->step < best->step)) best = s;
    }
    return best;
}

static ft_err read_cursor(void *self, ft_record *out) {
    cursor *c = self;
    for (int pass = 0; pass < 2; pass++) {
        for (source *s; (s = smallest(c));) {
            while (s->name < s->name_count) {
                ft_str name = s->names[s->name++];
                const ft_tensor_ref *ref = ref_at(s->trial, name, s->step);
                if (ref) return fill_record(c, s, name, ref, out);
            }
            s->done = s->step;
            FT_TRY(source_seek(c, s));
        }
        for (size_t i = 0; pass == 0 && i < c->count; i++)
            FT_TRY(source_refresh(c, &c->sources[i]));
    }
    return FT_ENOTFOUND;
}

const ft_segment_format ft_format_trial = {
    .name = "trial",
    .suffix = "",
    .doc = "tensors by step in smdebug's layout",
    .open = open_cursor,
    .read = read_cursor,
    .close = close_cursor,
};
