/* hook.c -- see hook.h. */
#include "debug/hook.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/log.h"
#include "trials/reduction.h"
#include "trials/trial_stream.h"

#define TABLE_FIRST    256
#define NAMES_MAX      1000000
#define HOOK_ARENA_MAX ((size_t)1 << 30)

typedef struct known { /* a tensor name that was seen, and the collections that hold it */
    ft_str name;
    uint64_t hash, collections;
    struct known *next; /* that was asked for after it the last time */
} known;

typedef struct scalar {
    const known *tensor;
    double value;
} scalar;

/* What a collection wants of a tensor. */
typedef struct wish {
    ft_matcher *matcher;
    bool raw;
    ft_reduction reductions[FT_REDUCTIONS_MAX];
    size_t reduction_count;
} wish;

struct ft_hook {
    ft_tap tap;
    ft_arena arena, scratch;
    ft_hook_opts opts;
    wish *wishes; /* beside opts.collections */
    known **table;
    size_t table_size, known_count;
    known *last; /* asked for before */
    ft_trial_writer *trial;
    ft_stream_writer *metrics;
    /* The step. */
    int64_t step;
    bool in_step;
    int64_t due_step;
    uint64_t due; /* collections due at due_step */
    ft_buf scalars;
};

/* ---- names */
static size_t slot_of(const ft_hook *h, ft_str name, uint64_t hash) {
    size_t slot = hash & (h->table_size - 1);
    while (h->table[slot] &&
           !(h->table[slot]->hash == hash && ft_str_eq(h->table[slot]->name, name)))
        slot = (slot + 1) & (h->table_size - 1);
    return slot;
}

static ft_err table_grow(ft_hook *h) {
    size_t size = h->table_size ? 2 * h->table_size : TABLE_FIRST;
    known **old = h->table, **table = ft_fault_here() ? NULL : calloc(size, sizeof *table);
    size_t old_size = h->table_size;
    if (!table) return FT_FAIL(FT_ENOMEM, "no memory for the hook's names");
    h->table = table;
    h->table_size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i]) h->table[slot_of(h, old[i]->name, old[i]->hash)] = old[i];
    free(old);
    return FT_OK;
}

/* An expression that gives up on a name (its step limit) does not hold it. */
static uint64_t collections_of(const ft_hook *h, ft_str name) {
    uint64_t mask = 0;
    for (size_t i = 0; i < h->opts.collection_count; i++) {
        bool has = false;
        ft_err err = ft_matcher_has(&has, h->wishes[i].matcher, name);
        if (err) {
            ft_log_err(FT_LOG_WARN, "debug", err, "a collection");
            ft_err_clear();
        }
        mask |= (uint64_t)has << i;
    }
    return mask;
}

static ft_err know_by_table(known **out, ft_hook *h, ft_str name) {
    uint64_t hash = ft_hash64(name, 0);
    if (2 * (h->known_count + 1) > h->table_size) FT_TRY(table_grow(h));
    size_t slot = slot_of(h, name, hash);
    if (!h->table[slot]) {
        known *k = NULL;
        if (h->known_count == NAMES_MAX)
            return FT_FAIL(FT_EFULL, "more than %d tensor names", NAMES_MAX);
        FT_TRY(ft_arena_take(&k, &h->arena, sizeof *k));
        FT_TRY(ft_arena_str(&k->name, &h->arena, name));
        k->hash = hash;
        k->collections = collections_of(h, k->name);
        h->table[slot] = k;
        h->known_count++;
    }
    *out = h->table[slot];
    return FT_OK;
}

/* Emitters say the same names in the same order at every step, each twice (wants, then the value):
 * nearly always it is the last one again or its successor of the step before. */
static ft_err know(const known **out, ft_hook *h, ft_str name) {
    known *k = h->last;
    if (k && !ft_str_eq(k->name, name)) k = k->next;
    if (!k || !ft_str_eq(k->name, name)) FT_TRY(know_by_table(&k, h, name));
    if (h->last && h->last != k) h->last->next = k;
    *out = h->last = k;
    return FT_OK;
}

/* ---- what is kept */
static uint64_t due_at(ft_hook *h, int64_t step) {
    if (step == h->due_step) return h->due;
    h->due = 0;
    h->due_step = step;
    for (size_t i = 0; i < h->opts.collection_count; i++)
        if (ft_save_due(ft_collection_save(&h->opts.collections[i], h->opts.mode), step))
            h->due |= (uint64_t)1 << i;
    return h->due;
}

static bool wants(void *self, const char *name, int64_t step) {
    ft_hook *h = self;
    const known *k;
    if (know(&k, h, ft_str_of(name))) {
        ft_err_clear();
        return false;
    }
    return (k->collections & due_at(h, step)) != 0;
}

/* The reductions that the due collections want of a tensor, each once. */
static size_t reductions_of(const ft_hook *h, uint64_t collections, bool *raw,
                            ft_reduction out[FT_REDUCTIONS_MAX]) {
    size_t count = 0;
    *raw = false;
    for (; collections; collections &= collections - 1) {
        const wish *w = &h->wishes[__builtin_ctzll(collections)];
        *raw |= w->raw;
        for (size_t i = 0; i < w->reduction_count; i++) {
            bool seen = false;
            for (size_t k = 0; k < count; k++)
                seen |=
                    out[k].op == w->reductions[i].op && out[k].of_abs == w->reductions[i].of_abs;
            if (!seen) out[count++] = w->reductions[i];
        }
    }
    return count;
}

/* Reductions of 32-bit and smaller floats are stored as float32, as NumPy gives them. */
static ft_err add_reductions(ft_hook *h, ft_str name, const ft_array *a, const ft_reduction *set,
                             size_t count) {
    double values[FT_REDUCTIONS_MAX];
    bool single = a->dtype == FT_F32 || a->dtype == FT_F16 || a->dtype == FT_BF16;
    ft_reduce(values, set, count, a);
    for (size_t i = 0; i < count; i++) {
        float small = (float)values[i];
        ft_array one = { .dtype = single ? FT_F32 : FT_F64,
                         .data = single ? (void *)&small : (void *)&values[i] };
        ft_str full;
        ft_arena_reset(&h->scratch);
        FT_TRY(ft_reduction_name(&full, &h->scratch, set[i], name));
        FT_TRY(ft_trial_add(h->trial, full, &one));
    }
    return FT_OK;
}

static ft_err keep(ft_hook *h, const known *k, const ft_array *a) {
    uint64_t collections = k->collections & due_at(h, h->step);
    ft_reduction set[FT_REDUCTIONS_MAX];
    bool raw;
    if (!collections || ft_array_count(a) == 0) return FT_OK;
    size_t count = reductions_of(h, collections, &raw, set);
    if (raw) FT_TRY(ft_trial_add(h->trial, k->name, a));
    return count ? add_reductions(h, k->name, a, set, count) : FT_OK;
}

/* ---- the tap */
static ft_err check_step(const ft_hook *h, const char *what) {
    if (h->in_step) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s was emitted outside a step", what);
}

static ft_err begin(void *self, int64_t step) {
    ft_hook *h = self;
    h->in_step = false;
    ft_buf_reset(&h->scalars);
    FT_TRY(ft_trial_begin(h->trial, step, h->opts.mode, step, ft_clock_now_us()));
    h->step = step;
    h->in_step = true;
    return FT_OK;
}

/* Losses and metrics of an epoch's end: validation is told there only. Not where the user has said
 * the steps themselves. */
static void epoch(void *self, int64_t step) {
    ft_hook *h = self;
    (void)due_at(h, step);
    for (size_t i = 0; i < h->opts.collection_count; i++) {
        const ft_collection *c = &h->opts.collections[i];
        const ft_save_config *save = ft_collection_save(c, h->opts.mode);
        bool inside = step >= save->start && (save->end == 0 || step < save->end);
        if (inside && !save->step_count &&
            (ft_str_is(c->name, "losses") || ft_str_is(c->name, "metrics")))
            h->due |= (uint64_t)1 << i;
    }
}

static ft_err array(void *self, const char *name, const ft_array *value) {
    ft_hook *h = self;
    const known *k;
    FT_TRY(check_step(h, name));
    if (!ft_array_valid(value))
        return FT_FAIL(FT_EINVAL, "tensor '%s' has an impossible shape", name);
    FT_TRY(know(&k, h, ft_str_of(name)));
    return keep(h, k, value);
}

static ft_err scalar_(void *self, const char *name, double value) {
    ft_hook *h = self;
    scalar s = { .value = value };
    ft_array a = { .dtype = FT_F64, .data = &value };
    FT_TRY(check_step(h, name));
    FT_TRY(know(&s.tensor, h, ft_str_of(name)));
    FT_TRY(ft_buf_add_n(&h->scalars, &s, sizeof s));
    return keep(h, s.tensor, &a);
}

static ft_err event(void *self, const char *name, const char *text) {
    ft_hook *h = self;
    ft_log(FT_LOG_INFO, "debug", "%.*s: %s: %s", FT_STR_ARG(h->opts.job), name, text);
    return FT_OK;
}

/* The step's metrics, readable when this returns. */
static ft_err record_metrics(ft_hook *h) {
    const scalar *s = (const scalar *)(const void *)h->scalars.at;
    size_t count = h->scalars.len / sizeof *s;
    int64_t now = ft_clock_now_us();
    if (!h->metrics || !count) return FT_OK;
    for (size_t i = 0; i < count; i++) {
        ft_value values[] = { ft_value_int(h->step), ft_value_text(s[i].tensor->name),
                              ft_value_f64(s[i].value), ft_value_int(now) };
        FT_TRY(ft_stream_append(h->metrics, values));
    }
    return ft_stream_flush(h->metrics);
}

static ft_err end(void *self, int64_t step) {
    ft_hook *h = self;
    FT_TRY(check_step(h, "the end of a step"));
    if (step != h->step)
        return FT_FAIL(FT_EINVAL, "step %lld ends where step %lld began", (long long)step,
                       (long long)h->step);
    h->in_step = false;
    if (h->opts.before_record) {
        ft_err err = h->opts.before_record(h->opts.ctx, step);
        if (err) return err; /* being stopped is no failure of ours */
    }
    FT_TRY(record_metrics(h));
    FT_TRY(ft_trial_end(h->trial));
    if (h->opts.recorded) h->opts.recorded(h->opts.ctx, step);
    return FT_OK;
}

static const ft_tap_ops ops = { .wants = wants,
                                .begin = begin,
                                .end = end,
                                .array = array,
                                .scalar = scalar_,
                                .event = event,
                                .epoch = epoch };

/* ---- life */
/* Collections of scalars are never reduced (as in the reference hook). */
static bool is_scalars(ft_str name) {
    static const char *const names[] = { "losses", "metrics", "feature_importance", "average_shap",
                                         "sm_metrics" };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        if (ft_str_is(name, names[i])) return true;
    return false;
}

static ft_err make_wishes(ft_hook *h) {
    FT_TRY(ft_arena_items(&h->wishes, &h->arena, h->opts.collection_count + 1));
    for (size_t i = 0; i < h->opts.collection_count; i++) {
        const ft_collection *c = &h->opts.collections[i];
        wish *w = &h->wishes[i];
        FT_TRY(ft_matcher_new(&w->matcher, c));
        if (!is_scalars(c->name))
            FT_TRY(ft_reductions_parse(w->reductions, &w->reduction_count, c->reductions));
        w->raw = !w->reduction_count || c->keep_raw;
    }
    return FT_OK;
}

static ft_err open_outputs(ft_hook *h, ft_store *s) {
    ft_stream_opts buffered = { .buffered = true };
    FT_TRY(ft_trial_write(&h->trial, s, h->opts.uri, h->opts.collections, h->opts.collection_count,
                          NULL));
    if (!h->opts.job.len) return FT_OK;
    FT_TRY(ft_trial_register(s, h->opts.job, h->opts.uri));
    return ft_stream_write(&h->metrics, s, &ft_kind_metric, h->opts.job, &buffered);
}

ft_err ft_hook_new(ft_hook **out, ft_store *s, const ft_hook_opts *opts) {
    *out = NULL;
    if (opts->collection_count > FT_HOOK_COLLECTIONS_MAX)
        return FT_FAIL(FT_EINVAL, "%zu collections: at most %d can be kept", opts->collection_count,
                       FT_HOOK_COLLECTIONS_MAX);
    ft_hook *h = ft_fault_here() ? NULL : calloc(1, sizeof *h);
    if (!h) return FT_FAIL(FT_ENOMEM, "no memory for a hook");
    ft_err err = FT_OK;
    h->tap = (ft_tap){ .ops = &ops, .self = h };
    h->arena.limit_bytes = HOOK_ARENA_MAX;
    h->opts = *opts;
    h->due_step = -1;
    if (!h->opts.mode) h->opts.mode = FT_MODE_GLOBAL;
    FT_GOTO(err, ft_arena_str(&h->opts.uri, &h->arena, opts->uri));
    FT_GOTO(err, ft_arena_str(&h->opts.job, &h->arena, opts->job));
    FT_GOTO(err, make_wishes(h));
    FT_GOTO(err, open_outputs(h, s));
    *out = h;
    h = NULL;
done:
    ft_hook_free(h);
    return err;
}

ft_tap *ft_hook_tap(ft_hook *h) { return &h->tap; }

ft_err ft_hook_finish(ft_hook *h) {
    ft_stream_writer *metrics = h->metrics;
    h->metrics = NULL;
    ft_err closed = ft_stream_close(metrics);
    FT_TRY(ft_trial_finish(h->trial));
    return closed;
}

void ft_hook_free(ft_hook *h) {
    if (!h) return;
    for (size_t i = 0; h->wishes && i < h->opts.collection_count; i++)
        ft_matcher_free(h->wishes[i].matcher);
    ft_stream_close(h->metrics);
    ft_trial_writer_free(h->trial);
    ft_buf_fini(&h->scalars);
    free(h->table);
    ft_arena_fini(&h->arena);
    ft_arena_fini(&h->scratch);
    free(h);
}
