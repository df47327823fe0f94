/* trial_read.c -- questions to a trial that was refreshed: steps, names, values. */
#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "trials/event_in.h"
#include "trials/trial_in.h"

/* ---- plain facts */
bool ft_trial_ended(const ft_trial *t) { return t->ended; }
uint64_t ft_trial_damaged(const ft_trial *t) { return t->damaged; }
int ft_trial_workers(const ft_trial *t) { return t->num_workers; }
void ft_trial_horizon(ft_trial *t, int64_t step) { t->horizon = step; }

size_t ft_trial_visible(const ft_trial *t, const int64_t *steps, size_t count) {
    int64_t last = t->horizon < t->whole_until ? t->horizon : t->whole_until;
    size_t low = 0, high = count;
    if (count && steps[count - 1] <= last) return count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (steps[mid] <= last)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const int64_t *ft_trial_steps(const ft_trial *t, size_t *count) {
    const int64_t *steps = (const int64_t *)(const void *)t->steps.at;
    *count = ft_trial_visible(t, steps, t->steps.len / sizeof *steps);
    return steps;
}

const ft_collection *ft_trial_collection(const ft_trial *t, ft_str name) {
    for (size_t i = 0; i < t->collection_count; i++)
        if (ft_str_eq(t->collections[i].name, name)) return &t->collections[i];
    return NULL;
}

static const int64_t *tensor_steps(const ft_trial *t, const trial_tensor *x, size_t *count) {
    const int64_t *steps = (const int64_t *)(const void *)x->steps.at;
    *count = ft_trial_visible(t, steps, x->steps.len / sizeof *steps);
    return steps;
}

const int64_t *ft_trial_tensor_steps(ft_trial *t, ft_str name, size_t *count) {
    const trial_tensor *x = ft_trial_tensor(t, name);
    *count = 0;
    return x ? tensor_steps(t, x, count) : NULL;
}

const ft_tensor_ref *ft_trial_refs(ft_trial *t, ft_str name, size_t *count) {
    const trial_tensor *x = ft_trial_tensor(t, name);
    *count = 0;
    if (!x) return NULL;
    tensor_steps(t, x, count);
    return (const ft_tensor_ref *)(const void *)x->refs.at;
}

ft_str ft_trial_file(const ft_trial *t, const ft_tensor_ref *ref) {
    FT_CHECK(ref->file < t->files.len / sizeof(ft_str));
    return ((const ft_str *)(const void *)t->files.at)[ref->file];
}

/* ---- names */
static void query_drop(trial_query *q) {
    free((void *)(uintptr_t)q->collection.at);
    ft_buf_fini(&q->ids);
    memset(q, 0, sizeof *q);
}

/* The remembered answers to a question, or a new place for them. */
static ft_err query_find(trial_query **out, ft_trial *t, ft_str collection, ft_str regex) {
    trial_query *oldest = &t->queries[0];
    for (size_t i = 0; i < t->query_count; i++) {
        trial_query *q = &t->queries[i];
        if (ft_str_eq(q->collection, collection) && ft_str_eq(q->regex, regex)) {
            *out = q;
            return FT_OK;
        }
        if (q->used < oldest->used) oldest = q;
    }
    char *text = ft_fault_here() ? NULL : malloc(collection.len + regex.len + 1);
    if (!text) return FT_FAIL(FT_ENOMEM, "no memory for a question to a trial");
    if (t->query_count < TRIAL_QUERIES_MAX)
        oldest = &t->queries[t->query_count++];
    else
        query_drop(oldest);
    if (collection.len) memcpy(text, collection.at, collection.len);
    if (regex.len) memcpy(text + collection.len, regex.at, regex.len);
    *oldest = (trial_query){ .collection = ft_str_n(text, collection.len),
                             .regex = ft_str_n(text + collection.len, regex.len) };
    *out = oldest;
    return FT_OK;
}

static ft_err matcher_of(ft_matcher **out, ft_trial *t, ft_str collection) {
    const ft_collection *c = ft_trial_collection(t, collection);
    *out = NULL;
    if (!c) return FT_OK;
    size_t i = (size_t)(c - t->collections);
    if (!t->matchers[i]) FT_TRY(ft_matcher_new(&t->matchers[i], c));
    *out = t->matchers[i];
    return FT_OK;
}

static int by_name(const void *a, const void *b, void *ctx) {
    trial_tensor **tensors = trial_tensors(ctx);
    return ft_str_cmp(tensors[*(const uint32_t *)a]->name, tensors[*(const uint32_t *)b]->name);
}

/* Try the tensors that came since the last time. The answers stay in the order of their names. */
static ft_err query_extend(ft_trial *t, trial_query *q) {
    ft_matcher *m = NULL;
    ft_regex *re = NULL;
    ft_err err = FT_OK;
    size_t before = q->ids.len;
    if (q->collection.len) FT_GOTO(err, matcher_of(&m, t, q->collection));
    if (q->regex.len) FT_GOTO(err, ft_regex_new(&re, q->regex));
    for (; q->tried < trial_tensor_count(t); q->tried++) {
        ft_str name = trial_tensors(t)[q->tried]->name;
        uint32_t id = (uint32_t)q->tried;
        bool hit = !q->collection.len;
        if (m) FT_GOTO(err, ft_matcher_has(&hit, m, name));
        if (hit && re) FT_GOTO(err, ft_regex_match(&hit, re, name));
        if (hit) FT_GOTO(err, ft_buf_add_n(&q->ids, &id, sizeof id));
    }
done:
    if (q->ids.len != before)
        qsort_r(q->ids.at, q->ids.len / sizeof(uint32_t), sizeof(uint32_t), by_name, t);
    ft_regex_free(re);
    return err;
}

ft_err ft_trial_names(ft_str **out, size_t *count, ft_trial *t, ft_arena *arena, ft_str collection,
                      ft_str regex) {
    trial_query *q = NULL;
    *out = NULL;
    *count = 0;
    FT_TRY(query_find(&q, t, collection, regex));
    q->used = ++t->clock;
    if (q->tried < trial_tensor_count(t) || !q->tried) FT_TRY(query_extend(t, q));
    const uint32_t *ids = (const uint32_t *)(const void *)q->ids.at;
    size_t most = q->ids.len / sizeof *ids;
    FT_TRY(ft_arena_items(out, arena, most + 1));
    for (size_t i = 0; i < most; i++) {
        size_t steps;
        tensor_steps(t, trial_tensors(t)[ids[i]], &steps);
        if (steps) (*out)[(*count)++] = trial_tensors(t)[ids[i]]->name;
    }
    return FT_OK;
}

/* ---- values */
/* The event file's bytes; the few that were used last stay mapped. */
static ft_err map_file(ft_str *out, ft_trial *t, uint32_t file) {
    trial_map *m = &t->maps[0];
    for (size_t i = 0; i < TRIAL_MAPS_MAX; i++) {
        trial_map *x = &t->maps[i];
        if (x->mapped && x->file == file) {
            x->used = ++t->clock;
            *out = x->bytes;
            return FT_OK;
        }
        if (!x->mapped || x->used < m->used) m = x;
        if (!m->mapped) m->used = 0;
    }
    if (m->mapped) ft_file_unmap(m->bytes);
    m->mapped = false;
    FT_TRY(ft_place_map(&m->bytes, &t->place, ((const ft_str *)(const void *)t->files.at)[file]));
    m->mapped = true;
    m->file = file;
    m->used = ++t->clock;
    *out = m->bytes;
    return FT_OK;
}

/* The tensor's ref at exactly this step, up to the horizon; NULL. */
static const ft_tensor_ref *ref_of(const ft_trial *t, const trial_tensor *x, int64_t step) {
    size_t count, low = 0;
    if (!x) return NULL;
    const int64_t *steps = tensor_steps(t, x, &count);
    for (size_t high = count; low < high;) {
        size_t mid = low + (high - low) / 2;
        if (steps[mid] < step)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == count || steps[low] != step) return NULL;
    return (const ft_tensor_ref *)(const void *)x->refs.at + low;
}

static const ft_tensor_ref *find_ref(const ft_trial *t, ft_str name, int64_t step) {
    return ref_of(t, ft_trial_tensor(t, name), step);
}

static ft_err at_place(ft_err err, const ft_trial *t, const ft_tensor_ref *ref, ft_str name) {
    ft_str file = ft_trial_file(t, ref);
    return ft_err_prefix(err, "%s/%.*s: byte %llu: tensor '%.*s'", t->place.uri.at,
                         FT_STR_ARG(file), (unsigned long long)ref->offset, FT_STR_ARG(name));
}

/* A record taken apart; valid until the next value is read. */
static ft_err read_event(ft_event *out, ft_trial *t, ft_str name, const ft_tensor_ref *r) {
    ft_str bytes;
    FT_TRY(map_file(&bytes, t, r->file));
    ft_err err = FT_OK;
    if (r->offset > bytes.len || r->length > bytes.len - r->offset)
        err = FT_FAIL(FT_ECORRUPT, "the file has %zu bytes, the index says %llu more from there",
                      bytes.len, (unsigned long long)r->length);
    else
        err = ft_event_read(out, NULL, ft_str_slice(bytes, r->offset, r->length), name);
    return err ? at_place(err, t, r, name) : FT_OK;
}

static ft_err read_value(ft_array *out, ft_trial *t, ft_arena *arena, ft_str name,
                         const ft_tensor_ref *ref) {
    ft_event e;
    FT_TRY(read_event(&e, t, name, ref));
    ft_err err = ft_event_value(out, arena, &e);
    return err ? at_place(err, t, ref, name) : FT_OK;
}

static ft_err not_saved(ft_str name, int64_t step) {
    return FT_FAIL(FT_ENOTFOUND, "tensor '%.*s' was not saved at step %lld", FT_STR_ARG(name),
                   (long long)step);
}

ft_err ft_trial_value(ft_array *out, ft_trial *t, ft_arena *arena, ft_str name, int64_t step) {
    const ft_tensor_ref *ref = find_ref(t, name, step);
    return ref ? read_value(out, t, arena, name, ref) : not_saved(name, step);
}

ft_err ft_trial_texts(ft_str **out, size_t *count, ft_trial *t, ft_arena *arena, ft_str name,
                      int64_t step) {
    ft_event e;
    const ft_tensor_ref *ref = find_ref(t, name, step);
    if (!ref) return not_saved(name, step);
    FT_TRY(read_event(&e, t, name, ref));
    ft_err err = ft_event_texts(out, count, arena, &e);
    return err ? at_place(err, t, ref, name) : FT_OK;
}

ft_err ft_trial_scalar(double *out, ft_trial *t, ft_str name, int64_t step) {
    ft_array a;
    *out = NAN;
    ft_arena_reset(&t->scratch);
    FT_TRY(ft_trial_value(&a, t, &t->scratch, name, step));
    if (ft_array_count(&a) != 1)
        return FT_FAIL(FT_EINVAL, "tensor '%.*s' has %lld items at step %lld: one was expected",
                       FT_STR_ARG(name), (long long)ft_array_count(&a), (long long)step);
    *out = ft_array_f64(&a, 0);
    return FT_OK;
}

static ft_err try_value(bool *there, ft_array *out, ft_trial *t, ft_arena *arena, ft_str name,
                        const ft_tensor_ref *ref) {
    ft_err err = read_value(out, t, arena, name, ref);
    *there = !err;
    if (err == FT_ECORRUPT) ft_trial_damage(t, err, FT_STR(""));
    if (err != FT_ECORRUPT && err != FT_ENOTFOUND && err != FT_EINVAL) return err;
    ft_err_clear();
    return FT_OK;
}

ft_err ft_trial_try(bool *there, ft_array *out, ft_trial *t, ft_arena *arena, ft_str name,
                    int64_t step) {
    const ft_tensor_ref *ref = find_ref(t, name, step);
    *there = false;
    return ref ? try_value(there, out, t, arena, name, ref) : FT_OK;
}

/* The memory of one scalar; the list grows to the steps there are. */
static ft_err memo_of(trial_memo **out, trial_tensor *x, size_t i) {
    size_t have = x->memo.len / sizeof **out, steps = x->steps.len / sizeof(int64_t);
    if (i >= have) {
        FT_TRY(ft_buf_reserve(&x->memo, (steps - have) * sizeof **out));
        memset(x->memo.at + x->memo.len, 0, (steps - have) * sizeof **out);
        x->memo.len = steps * sizeof **out;
    }
    *out = (trial_memo *)(void *)x->memo.at + i;
    return FT_OK;
}

ft_err ft_trial_try_scalar(bool *there, double *out, ft_trial *t, ft_str name, int64_t step) {
    trial_memo *m = NULL;
    ft_array a;
    *there = false;
    *out = NAN;
    trial_tensor *x = ft_trial_tensor(t, name);
    const ft_tensor_ref *ref = ref_of(t, x, step);
    if (!ref) return FT_OK;
    FT_TRY(memo_of(&m, x, (size_t)(ref - (const ft_tensor_ref *)(const void *)x->refs.at)));
    if (m->state == MEMO_UNKNOWN) {
        ft_arena_reset(&t->scratch);
        FT_TRY(try_value(there, &a, t, &t->scratch, name, ref));
        m->state = *there && ft_array_count(&a) == 1 ? MEMO_VALUE : MEMO_NONE;
        if (m->state == MEMO_VALUE) m->value = ft_array_f64(&a, 0);
    }
    *there = m->state == MEMO_VALUE;
    if (*there) *out = m->value;
    return FT_OK;
}
