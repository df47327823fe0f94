/* trial_refresh.c -- opening a trial and following it: collections, index files, the end. */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "trials/index_in.h"
#include "trials/trial_in.h"

#define TRIAL_ARENA_MAX    ((size_t)4 << 30)
#define COLLECTIONS_MAX    ((size_t)64 << 20) /* bytes of the file */
#define WAIT_STEPS         1000 /* a step that other workers have passed by so many is done */
#define TABLE_SIZE_FIRST   1024
#define COLLECTIONS_FOLDER "collections/000000000/"
#define DAMAGE_LOG_MAX     20 /* lines; the count goes on */

/* ---- tensors and files by name */
static size_t table_slot(const ft_trial *t, ft_str name, uint64_t hash) {
    size_t slot = hash & (t->table_size - 1);
    for (; t->table[slot]; slot = (slot + 1) & (t->table_size - 1)) {
        trial_tensor *x = trial_tensors(t)[t->table[slot] - 1];
        if (x->hash == hash && ft_str_eq(x->name, name)) break;
    }
    return slot;
}

trial_tensor *ft_trial_tensor(const ft_trial *t, ft_str name) {
    if (!t->table_size) return NULL;
    size_t slot = table_slot(t, name, ft_hash64(name, 0));
    return t->table[slot] ? trial_tensors(t)[t->table[slot] - 1] : NULL;
}

static ft_err table_grow(ft_trial *t) {
    size_t size = t->table_size ? 2 * t->table_size : TABLE_SIZE_FIRST;
    uint32_t *table = ft_fault_here() ? NULL : calloc(size, sizeof *table);
    if (!table) return FT_FAIL(FT_ENOMEM, "no memory for the names of a trial");
    free(t->table);
    t->table = table;
    t->table_size = size;
    for (size_t i = 0; i < trial_tensor_count(t); i++) {
        trial_tensor *x = trial_tensors(t)[i];
        t->table[table_slot(t, x->name, x->hash)] = (uint32_t)i + 1;
    }
    return FT_OK;
}

static ft_err tensor_find_or_add(trial_tensor **out, ft_trial *t, ft_str name) {
    uint64_t hash = ft_hash64(name, 0);
    if (2 * (trial_tensor_count(t) + 1) > t->table_size) FT_TRY(table_grow(t));
    size_t slot = table_slot(t, name, hash);
    if (t->table[slot]) {
        *out = trial_tensors(t)[t->table[slot] - 1];
        return FT_OK;
    }
    trial_tensor *x = NULL;
    FT_TRY(ft_arena_take(&x, &t->arena, sizeof *x));
    FT_TRY(ft_arena_str(&x->name, &t->arena, name));
    x->hash = hash;
    FT_TRY(ft_buf_add_n(&t->tensors, &x, sizeof x));
    t->table[slot] = (uint32_t)trial_tensor_count(t);
    *out = x;
    return FT_OK;
}

/* Event files come in order, so the last one is nearly always the one. */
static ft_err file_number(uint32_t *out, ft_trial *t, ft_str key) {
    ft_str *files = (ft_str *)(void *)t->files.at, copy;
    size_t count = t->files.len / sizeof *files;
    if (!count || !ft_str_eq(files[count - 1], key)) {
        FT_TRY(ft_arena_str(&copy, &t->arena, key));
        FT_TRY(ft_buf_add_n(&t->files, &copy, sizeof copy));
        count++;
    }
    *out = (uint32_t)count - 1;
    return FT_OK;
}

/* Where `step` is or would go in ascending steps; new ones are mostly the largest. */
static size_t step_place(const ft_buf *steps, int64_t step, bool *found) {
    const int64_t *at = (const int64_t *)(const void *)steps->at;
    size_t low = 0, high = steps->len / sizeof *at;
    if (high && at[high - 1] < step) low = high;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (at[mid] < step)
            low = mid + 1;
        else
            high = mid;
    }
    *found = low < steps->len / sizeof *at && at[low] == step;
    return low;
}

/* Put an item of `size` bytes at place `i`. Room was reserved. */
static void insert(ft_buf *buf, size_t i, const void *item, size_t size) {
    char *at = buf->at + i * size;
    memmove(at + size, at, buf->len - i * size);
    memcpy(at, item, size);
    buf->len += size;
}

static ft_err add_ref(ft_trial *t, ft_str name, const ft_tensor_ref *ref) {
    trial_tensor *x = NULL;
    bool found;
    FT_TRY(tensor_find_or_add(&x, t, name));
    size_t i = step_place(&x->steps, ref->global_step, &found);
    if (found) return FT_OK; /* another worker's: the first one counts */
    FT_TRY(ft_buf_reserve(&x->steps, sizeof(int64_t)));
    FT_TRY(ft_buf_reserve(&x->refs, sizeof *ref));
    if (i < x->steps.len / sizeof(int64_t)) ft_buf_reset(&x->memo); /* a late worker's */
    insert(&x->steps, i, &ref->global_step, sizeof ref->global_step);
    insert(&x->refs, i, ref, sizeof *ref);
    return FT_OK;
}

/* ---- one index file */
static ft_err add_step(ft_trial *t, int64_t step, int *added) {
    bool found;
    size_t i = step_place(&t->steps, step, &found);
    trial_step fact = { .step = step, .workers = 1 };
    if (found) {
        ((trial_step *)(void *)t->step_facts.at)[i].workers++;
        return FT_OK;
    }
    FT_TRY(ft_buf_reserve(&t->steps, sizeof step));
    FT_TRY(ft_buf_reserve(&t->step_facts, sizeof fact));
    insert(&t->steps, i, &step, sizeof step);
    insert(&t->step_facts, i, &fact, sizeof fact);
    ++*added;
    return FT_OK;
}

static ft_err load_index(ft_trial *t, ft_str key, int64_t step, int *added) {
    ft_str json;
    ft_index x;
    uint32_t file = 0;
    FT_TRY(ft_place_read(&json, &t->place, &t->scratch, key, FT_INDEX_BYTES_MAX));
    FT_TRY(ft_index_read(&x, &t->scratch, json));
    if (x.count) FT_TRY(file_number(&file, t, x.event_file));
    for (size_t i = 0; i < x.count; i++) {
        ft_tensor_ref ref = { .global_step = step,
                              .mode_step = x.mode_step,
                              .mode = x.mode,
                              .file = file,
                              .offset = x.entries[i].offset,
                              .length = x.entries[i].length };
        FT_TRY(add_ref(t, x.entries[i].name, &ref));
    }
    return add_step(t, step, added);
}

void ft_trial_damage(ft_trial *t, ft_err err, ft_str key) {
    if (t->damaged++ >= DAMAGE_LOG_MAX) {
        ft_err_clear();
        return;
    }
    if (key.len) ft_err_prefix(err, "%s/%.*s", t->place.uri.at, FT_STR_ARG(key));
    ft_log_err(FT_LOG_WARN, "trials", err, "skipped");
    ft_err_clear();
}

/* ---- following */
static bool is_loaded(const ft_trial *t, uint64_t hash) {
    const uint64_t *at = (const uint64_t *)(const void *)t->loaded.at;
    for (size_t i = 0; i < t->loaded.len / sizeof *at; i++)
        if (at[i] == hash) return true;
    return false;
}

/* With one worker every key read is done. With several, a slower worker's keys stand before a
 * faster one's, so `after` moves only over steps that are whole or long passed. */
static ft_err advance(ft_trial *t, ft_str key, int64_t step) {
    const trial_step *facts = (const trial_step *)(const void *)t->step_facts.at;
    size_t count = t->step_facts.len / sizeof *facts;
    bool done = t->num_workers <= 1;
    if (!done && count) {
        bool found;
        size_t i = step_place(&t->steps, step, &found);
        done = (found && facts[i].workers >= t->num_workers) ||
               facts[count - 1].step - step > WAIT_STEPS;
        for (size_t k = i; done && k > 0; k--) /* and so is everything before */
            if (facts[k - 1].workers < t->num_workers &&
                facts[count - 1].step - facts[k - 1].step <= WAIT_STEPS)
                done = false;
    }
    if (done && key.len < sizeof t->after_text && ft_str_cmp(key, t->after) > 0) {
        memcpy(t->after_text, key.at, key.len);
        t->after = ft_str_n(t->after_text, key.len);
        return FT_OK;
    }
    uint64_t hash = ft_hash64(key, 0);
    return is_loaded(t, hash) ? FT_OK : ft_buf_add_n(&t->loaded, &hash, sizeof hash);
}

/* May the failure be that the file is not written to its end? Only the newest file of a trial that
 * goes on can be. */
static bool may_grow(const ft_trial *t, ft_err err, bool newest) {
    return newest && !t->ended && (err == FT_EPARSE || err == FT_ENOTFOUND);
}

static bool is_damage(ft_err err) {
    return err == FT_EPARSE || err == FT_ENOTFOUND || err == FT_ECORRUPT || err == FT_ETOOBIG;
}

static ft_err follow_page(ft_trial *t, const ft_str *keys, size_t count, bool more, int *added) {
    for (size_t i = 0; i < count; i++) {
        int64_t step;
        ft_str worker;
        if (!ft_index_key(&step, &worker, keys[i])) continue;
        if (t->loaded.len && is_loaded(t, ft_hash64(keys[i], 0))) continue;
        ft_err err = load_index(t, keys[i], step, added);
        if (may_grow(t, err, i + 1 == count && !more)) {
            ft_err_clear();
            return FT_OK;
        }
        if (is_damage(err))
            ft_trial_damage(t, err, keys[i]);
        else
            FT_TRY(err);
        FT_TRY(advance(t, keys[i], step));
    }
    return FT_OK;
}

/* Steps up to the last whole one are seen; all of them at the end. */
static void find_whole(ft_trial *t) {
    const trial_step *facts = (const trial_step *)(const void *)t->step_facts.at;
    size_t count = t->step_facts.len / sizeof *facts;
    t->whole_until = INT64_MAX;
    if (t->num_workers <= 1 || t->ended) return;
    t->whole_until = -1;
    for (size_t i = count; i > 0 && t->whole_until < 0; i--)
        if (facts[i - 1].workers >= t->num_workers) t->whole_until = facts[i - 1].step;
    if (count && facts[count - 1].step - WAIT_STEPS > t->whole_until)
        t->whole_until = facts[count - 1].step - WAIT_STEPS;
}

/* Is the end marker there? It is also found as the prefix of a key. */
static ft_err look_for_end(ft_trial *t) {
    return t->ended ? FT_OK : ft_place_exists(&t->ended, &t->place, FT_STR("training_job_end.ts"));
}

ft_err ft_trial_refresh(ft_trial *t, int *added) {
    int unused, *n = added ? added : &unused;
    ft_str *keys, from = t->after;
    size_t count;
    bool more;
    *n = 0;
    /* The end is looked for first: then nothing can come between the listing and the marker. */
    FT_TRY(look_for_end(t));
    do {
        ft_arena_reset(&t->scratch);
        FT_TRY(ft_place_list(&keys, &count, &more, &t->place, &t->scratch, FT_STR("index/"), from));
        FT_TRY(follow_page(t, keys, count, more, n));
        if (more) FT_TRY(ft_arena_str(&from, &t->arena, keys[count - 1]));
    } while (more);
    find_whole(t);
    return FT_OK;
}

/* ---- opening */
static ft_err read_collections(ft_trial *t) {
    ft_str *keys, json;
    size_t count, chosen = 0;
    bool more;
    FT_TRY(ft_place_list(&keys, &count, &more, &t->place, &t->scratch, FT_STR(COLLECTIONS_FOLDER),
                         FT_STR("")));
    while (chosen < count && !ft_str_ends(keys[chosen], FT_STR("_collections.json"))) chosen++;
    if (chosen == count)
        return FT_FAIL(FT_ENOTFOUND, "%s is no trial (yet): %s*_collections.json is not there",
                       t->place.uri.at, COLLECTIONS_FOLDER);
    FT_TRY(ft_place_read(&json, &t->place, &t->arena, keys[chosen], COLLECTIONS_MAX));
    ft_err err = ft_collections_read(&t->collections, &t->collection_count, &t->num_workers,
                                     &t->arena, json);
    if (err) return ft_err_prefix(err, "%s/%.*s", t->place.uri.at, FT_STR_ARG(keys[chosen]));
    return ft_arena_items(&t->matchers, &t->arena, t->collection_count + 1);
}

ft_err ft_trial_open(ft_trial **out, ft_store *s, ft_str uri) {
    *out = NULL;
    ft_trial *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    if (!t) return FT_FAIL(FT_ENOMEM, "no memory for a trial");
    ft_err err = FT_OK;
    t->arena.limit_bytes = t->scratch.limit_bytes = TRIAL_ARENA_MAX;
    t->horizon = t->whole_until = INT64_MAX;
    t->after = ft_str_n(t->after_text, 0);
    FT_GOTO(err, ft_place_init(&t->place, &t->arena, s, uri));
    FT_GOTO(err, read_collections(t));
    *out = t;
    t = NULL;
done:
    ft_trial_close(t);
    return err;
}

void ft_trial_close(ft_trial *t) {
    if (!t) return;
    for (size_t i = 0; i < trial_tensor_count(t); i++) {
        ft_buf_fini(&trial_tensors(t)[i]->steps);
        ft_buf_fini(&trial_tensors(t)[i]->refs);
        ft_buf_fini(&trial_tensors(t)[i]->memo);
    }
    for (size_t i = 0; t->matchers && i < t->collection_count; i++) ft_matcher_free(t->matchers[i]);
    for (size_t i = 0; i < t->query_count; i++) {
        free((void *)(uintptr_t)t->queries[i].collection.at);
        ft_buf_fini(&t->queries[i].ids);
    }
    for (size_t i = 0; i < TRIAL_MAPS_MAX; i++)
        if (t->maps[i].mapped) ft_file_unmap(t->maps[i].bytes);
    ft_buf_fini(&t->tensors);
    ft_buf_fini(&t->files);
    ft_buf_fini(&t->steps);
    ft_buf_fini(&t->step_facts);
    ft_buf_fini(&t->loaded);
    free(t->table);
    ft_arena_fini(&t->arena);
    ft_arena_fini(&t->scratch);
    free(t);
}
