/* collection_file.c -- <trial>/collections/000000000/<worker>_collections.json, written and read
 * (formats.md 3.7). */
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "trials/collection.h"
#include "trials/reduction.h"

#define COLLECTIONS_MAX 1000
#define ITEMS_MAX       1000000

/* ---- writing */
static void write_save(ft_json_out *w, const ft_save_config *s) {
    ft_json_out_object(w);
    ft_json_out_name(w, "save_interval");
    ft_json_out_i64(w, s->interval > 0 ? s->interval : FT_SAVE_INTERVAL_DEFAULT);
    ft_json_out_name(w, "save_steps");
    ft_json_out_array(w);
    for (size_t i = 0; i < s->step_count; i++) ft_json_out_i64(w, s->steps[i]);
    ft_json_out_close(w);
    ft_json_out_name(w, "start_step");
    ft_json_out_i64(w, s->start);
    ft_json_out_name(w, "end_step");
    if (s->end == 0)
        ft_json_out_null(w);
    else
        ft_json_out_i64(w, s->end > 0 ? s->end : 0);
    ft_json_out_close(w);
}

static int by_bytes(const void *a, const void *b) {
    return ft_str_cmp(*(const ft_str *)a, *(const ft_str *)b);
}

/* Names sorted; their order in the struct is the user's, so a copy is sorted. */
static ft_err write_names(ft_json_out *w, const ft_collection *c) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *names;
    ft_err err = FT_OK;
    if (c->name_count) {
        FT_GOTO(err, ft_arena_items(&names, &arena, c->name_count));
        memcpy(names, c->names, c->name_count * sizeof *names);
        qsort(names, c->name_count, sizeof *names, by_bytes);
    }
    ft_json_out_array(w);
    for (size_t i = 0; i < c->name_count; i++) ft_json_out_str(w, names[i]);
    ft_json_out_close(w);
done:
    ft_arena_fini(&arena);
    return err;
}

static ft_err write_collection(ft_json_out *w, const ft_collection *c) {
    bool scalars = ft_str_is(c->name, "losses") || ft_str_is(c->name, "metrics");
    ft_json_out_name_str(w, c->name);
    ft_json_out_object(w);
    ft_json_out_name(w, "name");
    ft_json_out_str(w, c->name);
    ft_json_out_name(w, "include_regex");
    ft_json_out_array(w);
    for (size_t i = 0; i < c->include_count; i++) ft_json_out_str(w, c->include[i]);
    ft_json_out_close(w);
    ft_json_out_name(w, "tensor_names");
    FT_TRY(write_names(w, c));
    ft_json_out_name(w, "reduction_config");
    ft_json_out_object(w);
    ft_json_out_name(w, "save_raw_tensor");
    ft_json_out_bool(w, !c->reductions.len || c->keep_raw);
    ft_json_out_name(w, "reductions");
    ft_json_out_str(w, c->reductions);
    ft_json_out_name(w, "save_shape");
    ft_json_out_bool(w, false);
    ft_json_out_close(w);
    ft_json_out_name(w, "save_config");
    ft_json_out_object(w);
    for (int m = FT_MODE_TRAIN; m <= FT_MODE_GLOBAL; m++) {
        ft_json_out_name(w, ft_mode_name((ft_mode)m));
        write_save(w, ft_collection_save(c, (ft_mode)m));
    }
    ft_json_out_close(w);
    ft_json_out_name(w, "save_histogram");
    ft_json_out_bool(w, !scalars);
    ft_json_out_close(w);
    return FT_OK;
}

ft_err ft_collections_write(ft_buf *out, const ft_collection *c, size_t count, int num_workers) {
    ft_json_out w;
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "collections");
    ft_json_out_object(&w);
    for (size_t i = 0; i < count; i++) FT_TRY(write_collection(&w, &c[i]));
    ft_json_out_close(&w);
    ft_json_out_name(&w, "_meta");
    ft_json_out_object(&w);
    ft_json_out_name(&w, "num_workers");
    ft_json_out_i64(&w, num_workers > 0 ? num_workers : 1);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    return out->err;
}

/* ---- reading */
/* null, false or another kind where a list or object may stand: skipped, and true is returned. */
static bool absent(ft_json *j, ft_json_kind wanted) {
    ft_json_kind kind;
    if (ft_json_peek(j, &kind) || kind == wanted) return false;
    return ft_json_skip(j, NULL) == FT_OK;
}

/* Items of an array: first counted in a copy of the reader, so that the list is one block. */
static ft_err count_items(size_t *out, ft_json j) {
    *out = 0;
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_skip(&j, NULL));
        ++*out;
    }
    if (*out > ITEMS_MAX) return ft_json_fail(&j, "a list of more than %d items", ITEMS_MAX);
    return j.err;
}

static ft_err read_strings(ft_json *j, ft_arena *arena, ft_str **out, size_t *count) {
    *out = NULL;
    *count = 0;
    if (absent(j, FT_JSON_ARRAY)) return FT_OK;
    size_t most;
    FT_TRY(count_items(&most, *j));
    FT_TRY(ft_arena_items(out, arena, most + 1));
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        ft_str s;
        FT_TRY(ft_json_string(j, &s));
        FT_TRY(ft_arena_str(&(*out)[(*count)++], arena, s));
    }
    return j->err;
}

static ft_err read_steps(ft_json *j, ft_arena *arena, ft_save_config *s) {
    if (absent(j, FT_JSON_ARRAY)) return FT_OK;
    size_t most;
    s->step_count = 0; /* a member that stands twice: the last one is it */
    FT_TRY(count_items(&most, *j));
    FT_TRY(ft_arena_items(&s->steps, arena, most + 1));
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) FT_TRY(ft_json_i64(j, &s->steps[s->step_count++]));
    return j->err;
}

static ft_err read_save(ft_json *j, ft_arena *arena, ft_save_config *s) {
    ft_str name;
    memset(s, 0, sizeof *s);
    if (absent(j, FT_JSON_OBJECT)) return FT_OK;
    s->interval = FT_SAVE_INTERVAL_DEFAULT;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "save_steps")) {
            FT_TRY(read_steps(j, arena, s));
            continue;
        }
        if (absent(j, FT_JSON_NUMBER)) continue; /* "end_step": null */
        int64_t n;
        FT_TRY(ft_json_i64(j, &n));
        if (ft_str_is(name, "save_interval")) {
            if (n < 1) return ft_json_fail(j, "save_interval: a number from 1 was expected");
            s->interval = n;
        } else if (ft_str_is(name, "start_step")) {
            s->start = n;
        } else if (ft_str_is(name, "end_step")) {
            s->end = n > 0 ? n : -1;
        }
    }
    return j->err;
}

static bool same_save(const ft_save_config *a, const ft_save_config *b) {
    return a->interval == b->interval && a->start == b->start && a->end == b->end &&
           a->step_count == b->step_count &&
           (!a->step_count || !memcmp(a->steps, b->steps, a->step_count * sizeof *a->steps));
}

static ft_err read_saves(ft_json *j, ft_arena *arena, ft_collection *c) {
    ft_str name;
    if (absent(j, FT_JSON_OBJECT)) return FT_OK;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        ft_mode mode;
        if (ft_mode_parse(&mode, name)) return ft_json_fail(j, "%s", ft_err_why());
        FT_TRY(read_save(j, arena, &c->mode_save[mode - 1]));
    }
    c->save = c->mode_save[FT_MODE_GLOBAL - 1];
    for (int m = 0; m < FT_MODE_COUNT; m++)
        if (same_save(&c->mode_save[m], &c->save)) c->mode_save[m] = (ft_save_config){ 0 };
    return j->err;
}

static ft_err read_reductions(ft_json *j, ft_arena *arena, ft_collection *c) {
    ft_str name, text;
    if (absent(j, FT_JSON_OBJECT)) return FT_OK;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "reductions") && !absent(j, FT_JSON_STRING)) {
            FT_TRY(ft_json_string(j, &text));
            FT_TRY(ft_arena_str(&c->reductions, arena, text));
        } else if (ft_str_is(name, "save_raw_tensor") && !absent(j, FT_JSON_BOOL)) {
            FT_TRY(ft_json_bool(j, &c->keep_raw));
        } else if (!ft_str_is(name, "reductions") && !ft_str_is(name, "save_raw_tensor")) {
            FT_TRY(ft_json_skip(j, NULL));
        }
    }
    return j->err;
}

static ft_err read_collection(ft_json *j, ft_arena *arena, ft_collection *c) {
    ft_str name, text;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name")) {
            FT_TRY(ft_json_string(j, &text));
            FT_TRY(ft_arena_str(&c->name, arena, text));
        } else if (ft_str_is(name, "include_regex")) {
            FT_TRY(read_strings(j, arena, &c->include, &c->include_count));
        } else if (ft_str_is(name, "tensor_names")) {
            FT_TRY(read_strings(j, arena, &c->names, &c->name_count));
        } else if (ft_str_is(name, "reduction_config")) {
            FT_TRY(read_reductions(j, arena, c));
        } else if (ft_str_is(name, "save_config")) {
            FT_TRY(read_saves(j, arena, c));
        } else {
            FT_TRY(ft_json_skip(j, NULL));
        }
    }
    return j->err;
}

static ft_err read_all(ft_json *j, ft_arena *arena, ft_collection **out, size_t *count) {
    ft_str name;
    FT_TRY(ft_arena_items(out, arena, COLLECTIONS_MAX));
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (*count == COLLECTIONS_MAX)
            return ft_json_fail(j, "more than %d collections", COLLECTIONS_MAX);
        ft_collection *c = &(*out)[(*count)++];
        FT_TRY(ft_arena_str(&c->name, arena, name));
        FT_TRY(read_collection(j, arena, c));
    }
    return j->err;
}

static ft_err read_meta(ft_json *j, int *num_workers) {
    ft_str name;
    int64_t n;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (!ft_str_is(name, "num_workers")) {
            FT_TRY(ft_json_skip(j, NULL));
            continue;
        }
        FT_TRY(ft_json_i64(j, &n));
        if (n < 1 || n > 100000) return ft_json_fail(j, "num_workers: 1 to 100000 was expected");
        *num_workers = (int)n;
    }
    return j->err;
}

ft_err ft_collections_read(ft_collection **out, size_t *count, int *num_workers, ft_arena *arena,
                           ft_str json) {
    static const ft_json_opts opts = { .name = "collections file" };
    ft_json j;
    ft_str name;
    *out = NULL;
    *count = 0;
    *num_workers = 1;
    ft_json_init(&j, json, arena, &opts);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "collections"))
            FT_TRY(read_all(&j, arena, out, count));
        else if (ft_str_is(name, "_meta"))
            FT_TRY(read_meta(&j, num_workers));
        else
            return ft_json_fail(&j, "'%.*s' is unknown here: collections and _meta are expected",
                                FT_STR_ARG(name));
    }
    return ft_json_end(&j);
}
