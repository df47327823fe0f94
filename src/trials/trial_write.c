/* trial_write.c -- see trial.h: the writing half. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "trials/event_in.h"
#include "trials/index_in.h"
#include "trials/place_in.h"
#include "trials/trial.h"

#define STEP_BYTES_MAX   ((size_t)8 << 30) /* one event file */
#define WRITER_ARENA_MAX ((size_t)1 << 20)
#define KEY_TEXT         256

struct ft_trial_writer {
    ft_arena arena;
    ft_place place;
    ft_str worker;
    /* The step being built. */
    bool in_step;
    int64_t global_step, mode_step;
    ft_mode mode;
    ft_event_step head;
    size_t count;
    ft_buf events, entries, index;
};

static void collections_key(char key[KEY_TEXT], const ft_trial_writer *w) {
    snprintf(key, KEY_TEXT, "collections/000000000/%s_collections.json", w->worker.at);
}

static ft_err write_collections(ft_trial_writer *w, const ft_collection *collections, size_t count,
                                int num_workers) {
    char key[KEY_TEXT];
    ft_buf json = { 0 };
    ft_err err = FT_OK;
    collections_key(key, w);
    FT_GOTO(err, ft_collections_write(&json, collections, count, num_workers));
    FT_GOTO(err, ft_place_put(&w->place, ft_str_of(key), ft_buf_str(&json)));
done:
    ft_buf_fini(&json);
    return err;
}

ft_err ft_trial_write(ft_trial_writer **out, ft_store *s, ft_str uri,
                      const ft_collection *collections, size_t count, const ft_trial_opts *opts) {
    static const ft_trial_opts none = { 0 };
    if (!opts) opts = &none;
    ft_str worker = ft_str_of(opts->worker ? opts->worker : "worker_0");
    *out = NULL;
    if (!worker.len || worker.len > 100 || ft_str_find(worker, '/') < worker.len)
        return FT_FAIL(FT_EINVAL,
                       "worker '%.*s': a name without '/' of at most 100 bytes was expected",
                       FT_STR_ARG(worker));
    ft_trial_writer *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory for a trial");
    ft_err err = FT_OK;
    w->arena.limit_bytes = WRITER_ARENA_MAX;
    w->events.limit_bytes = STEP_BYTES_MAX;
    FT_GOTO(err, ft_place_init(&w->place, &w->arena, s, uri));
    FT_GOTO(err, ft_arena_str(&w->worker, &w->arena, worker));
    FT_GOTO(err, write_collections(w, collections, count, opts->num_workers));
    *out = w;
    w = NULL;
done:
    ft_trial_writer_free(w);
    return err;
}

ft_err ft_trial_begin(ft_trial_writer *w, int64_t global_step, ft_mode mode, int64_t mode_step,
                      int64_t wall_us) {
    w->in_step = false;
    if (global_step < 0 || global_step > FT_TRIAL_STEP_MAX || mode_step < 0)
        return FT_FAIL(FT_EINVAL, "step %lld: 0 to %lld was expected", (long long)global_step,
                       (long long)FT_TRIAL_STEP_MAX);
    if (mode < FT_MODE_TRAIN || mode > FT_MODE_GLOBAL)
        return FT_FAIL(FT_EINVAL, "%d is not a mode", (int)mode);
    ft_buf_reset(&w->events);
    ft_buf_reset(&w->entries);
    ft_event_step_init(&w->head, global_step, mode, mode_step, wall_us);
    w->global_step = global_step;
    w->mode_step = mode_step;
    w->mode = mode;
    w->count = 0;
    w->in_step = true;
    return FT_OK;
}

static ft_err check_add(const ft_trial_writer *w, ft_str name) {
    if (!w->in_step)
        return FT_FAIL(FT_EINVAL, "tensor '%.*s' was added outside a step", FT_STR_ARG(name));
    if (!name.len || name.len > FT_TRIAL_NAME_MAX || !ft_str_utf8(name))
        return FT_FAIL(FT_EINVAL, "a tensor's name of %zu bytes: 1 to %d of UTF-8 were expected",
                       name.len, FT_TRIAL_NAME_MAX);
    return FT_OK;
}

/* The index entry of the record that was just appended at `offset`; takes both back when it fails.
 */
static ft_err note_added(ft_trial_writer *w, ft_err err, ft_str name, size_t offset) {
    size_t entries = w->entries.len;
    if (!err) err = ft_index_add(&w->entries, w->count == 0, name, offset, w->events.len - offset);
    if (err) {
        w->events.len = offset;
        w->entries.len = entries;
        w->events.err = w->entries.err = FT_OK;
        return err;
    }
    w->count++;
    return FT_OK;
}

ft_err ft_trial_add(ft_trial_writer *w, ft_str name, const ft_array *value) {
    FT_TRY(check_add(w, name));
    size_t offset = w->events.len;
    return note_added(w, ft_event_add(&w->events, &w->head, name, value), name, offset);
}

ft_err ft_trial_add_text(ft_trial_writer *w, ft_str name, const ft_str *items, size_t count) {
    FT_TRY(check_add(w, name));
    size_t offset = w->events.len;
    return note_added(w, ft_event_add_text(&w->events, &w->head, name, items, count), name, offset);
}

static void keys_of(char event[KEY_TEXT], char index[KEY_TEXT], const ft_trial_writer *w,
                    long long step) {
    snprintf(event, KEY_TEXT, "events/%012lld/%012lld_%s.tfevents", step, step, w->worker.at);
    snprintf(index, KEY_TEXT, "index/%09lld/%012lld_%s.json", step / 1000, step, w->worker.at);
}

ft_err ft_trial_end(ft_trial_writer *w) {
    char event_key[KEY_TEXT], index_key[KEY_TEXT];
    FT_CHECK(w->in_step);
    w->in_step = false;
    if (!w->count) return FT_OK;
    keys_of(event_key, index_key, w, w->global_step);
    ft_buf_reset(&w->index);
    FT_TRY(ft_index_write(&w->index, w->mode, w->mode_step, ft_str_of(event_key),
                          ft_buf_str(&w->entries)));
    return ft_place_put_pair(&w->place, ft_str_of(event_key), ft_buf_str(&w->events),
                             ft_str_of(index_key), ft_buf_str(&w->index));
}

size_t ft_trial_written(const ft_trial_writer *w) { return w->events.len + w->index.len; }

ft_err ft_trial_forget(ft_trial_writer *w, int64_t global_step) {
    char event_key[KEY_TEXT], index_key[KEY_TEXT];
    if (global_step < 0 || global_step > FT_TRIAL_STEP_MAX) return FT_OK;
    keys_of(event_key, index_key, w, global_step);
    FT_TRY(ft_place_remove(&w->place, ft_str_of(index_key)));
    return ft_place_remove(&w->place, ft_str_of(event_key));
}

ft_err ft_trial_whole(bool *out, const ft_trial_writer *w) {
    char key[KEY_TEXT];
    collections_key(key, w);
    return ft_place_exists(out, &w->place, ft_str_of(key));
}

ft_err ft_trial_finish(ft_trial_writer *w) {
    return ft_place_put(&w->place, FT_STR("training_job_end.ts"), FT_STR(""));
}

void ft_trial_writer_free(ft_trial_writer *w) {
    if (!w) return;
    ft_buf_fini(&w->events);
    ft_buf_fini(&w->entries);
    ft_buf_fini(&w->index);
    ft_arena_fini(&w->arena);
    free(w);
}
