/* program_out.c -- what a program of the user's leaves: folders that become objects after it, or
 * while it runs (checkpoints, tensors), its message and its metrics. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "jobs/container.h"
#include "jobs/model_in.h"
#include "jobs/program_in.h"
#include "jobs/tables_in.h"
#include "store/objects.h"

#define OLD_NS        ((int64_t)10000000000) /* files may be moved into place after they were written */
#define SYNC_US       (FT_SECOND_US / 4)
#define SETTLE_NS     ((int64_t)100000000) /* a file that changed since is still being written */
#define FETCH_MAX     100000
#define TEMPORARY     ".tmp" /* how smdebug names a file that it is still writing */
#define KEPT_BYTES    ((size_t)4 << 20)
#define MESSAGE_CHARS 1024
#define MESSAGE_FILE  "message.txt"
#define METRICS_FILE  "metrics.jsonl"

/* ---- while it runs */

typedef struct walk {
    ft_program_sync *y;
    ft_program_folder *f;
    ft_arena *arena;
    ft_uri to;
    int64_t now_ns;
    bool all; /* also what is old, or written just now */
} walk;

/* Is this file not kept yet, or another than the one that is? */
static ft_err is_new(bool *out, const walk *w, ft_str key, const ft_file_info *info) {
    ft_object object;
    *out = false;
    if (!w->all &&
        (info->mtime_ns < w->f->seen_ns - OLD_NS || info->mtime_ns > w->now_ns - SETTLE_NS))
        return FT_OK;
    ft_err err = ft_object_head(&object, w->y->store, w->arena, w->to.bucket, key);
    *out = err == FT_ENOTFOUND || object.size_bytes != info->size_bytes ||
           object.modified_us < info->mtime_ns / 1000;
    if (err == FT_ENOTFOUND) ft_err_clear();
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* "index/000000000/000000000010_worker_0.json" */
static void step_see(walk *w, ft_str relative) {
    int64_t step;
    ft_str name = ft_path_base(relative);
    if (!w->f->tensors || !ft_str_starts(relative, FT_STR("index/"))) return;
    if (ft_str_i64(&step, ft_str_cut(&name, '_')) && step > w->y->step) w->y->step = step;
}

/* Names come in byte order: a step's tensors before the index that names them. */
static ft_err file_keep(void *ctx, const char *path, ft_str relative, const ft_file_info *info) {
    walk *w = ctx;
    ft_str key, bytes;
    bool fresh;
    FT_TRY(ft_arena_printf(&key, w->arena, "%.*s%s%.*s", FT_STR_ARG(w->to.key),
                           w->to.key.len ? "/" : "", FT_STR_ARG(relative)));
    FT_TRY(is_new(&fresh, w, key, info));
    if (!fresh) return FT_OK;
    FT_TRY(ft_file_map(&bytes, path));
    ft_err err = ft_object_put(NULL, w->y->store, w->to.bucket, key, bytes,
                               &(ft_object_put_opts){ .lazy = w->f->tensors });
    ft_file_unmap(bytes);
    if (err == FT_OK) step_see(w, relative);
    return err;
}

static bool is_temporary(ft_str name) { return ft_str_ends(name, FT_STR(TEMPORARY)); }

static ft_err sync_all(ft_program_sync *y, bool all) {
    ft_arena arena = FT_ARENA_INIT(0);
    int64_t before = y->step;
    ft_err err = FT_OK;
    for (size_t i = 0; i < FT_COUNT(y->folders) && err == FT_OK; i++) {
        ft_program_folder *f = &y->folders[i];
        walk w = {
            .y = y, .f = f, .arena = &arena, .now_ns = ft_clock_now_us() * 1000, .all = all
        };
        if (!f->uri.len || !ft_file_exists(f->path)) continue;
        err = ft_uri_parse(&w.to, f->uri);
        ft_dir_walker tree = { .arena = &arena,
                               .skip = is_temporary,
                               .may_go = true,
                               .own_files = true,
                               .file = file_keep,
                               .ctx = &w };
        if (err == FT_OK) err = ft_dir_walk(&tree, f->path);
        if (err == FT_OK) f->seen_ns = w.now_ns - SETTLE_NS;
    }
    if (y->step > before && y->args->recorded) y->args->recorded(y->args->ctx, y->step);
    ft_arena_fini(&arena);
    return err;
}

/* What an earlier run kept. */
static ft_err fetch(ft_program_sync *y, const ft_program_folder *f) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_object *list;
    size_t count;
    bool more;
    ft_uri uri;
    ft_str prefix;
    ft_err err;
    FT_GOTO(err, ft_uri_parse(&uri, f->uri));
    FT_GOTO(err, ft_arena_printf(&prefix, &arena, "%.*s%s", FT_STR_ARG(uri.key),
                                 uri.key.len ? "/" : ""));
    FT_GOTO(err, ft_object_list(&list, &count, &more, y->store, &arena, uri.bucket, prefix,
                                FT_STR(""), FETCH_MAX));
    for (size_t i = 0; i < count; i++) {
        const char *from;
        ft_str name = ft_str_from(list[i].key, prefix.len), to, place;
        if (!name.len || ft_str_ends(name, FT_STR("/"))) continue;
        FT_GOTO(err, ft_arena_printf(&place, &arena, FT_CONTAINER_PLACE "/%.*s", FT_STR_ARG(name)));
        FT_GOTO(err, ft_container_path(&from, &arena, f->path, place)); /* no ".." */
        to = ft_str_of(from);
        FT_GOTO(err,
                ft_arena_str(&place, &arena, ft_str_slice(to, 0, to.len - ft_path_base(to).len)));
        FT_GOTO(err, ft_dir_make(place.at));
        FT_GOTO(err, ft_object_path(&from, y->store, &arena, uri.bucket, list[i].key));
        FT_GOTO(err, ft_container_copy(&arena, from, to.at));
    }
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_program_sync_begin(ft_program_sync *y, const ft_train_args *args, ft_arena *arena,
                             const char *root) {
    ft_str uri = ft_params_str(args->params, "checkpoint_uri");
    while (uri.len && uri.at[uri.len - 1] == '/') uri.len--;
    *y = (ft_program_sync){ .args = args, .step = -1 };
    y->folders[0].uri = uri;
    y->folders[1] = (ft_program_folder){ .uri = args->trial_uri, .tensors = true };
    FT_TRY(ft_container_path(&y->folders[0].path, arena, root,
                             ft_params_str(args->params, "checkpoint_path")));
    FT_TRY(ft_container_path(&y->folders[1].path, arena, root,
                             ft_params_str(args->params, "tensor_path")));
    FT_TRY(ft_store_open(&y->store, NULL));
    return uri.len ? fetch(y, &y->folders[0]) : FT_OK;
}

void ft_program_sync_look(ft_program_sync *y) {
    int64_t now_us = ft_clock_monotonic_us();
    if (now_us < y->due_us) return;
    y->due_us = now_us + SYNC_US;
    ft_err err = sync_all(y, false);
    if (err == FT_OK) return;
    ft_log_err(FT_LOG_WARN, "jobs", err, "keeping what a program writes");
    ft_err_clear();
}

ft_err ft_program_sync_end(ft_program_sync *y) { return sync_all(y, true); }

void ft_program_sync_fini(ft_program_sync *y) { ft_store_close(y->store); }

/* ---- after it */

typedef struct output {
    ft_store *store;
    ft_arena *arena;
    ft_uri to;
} output;

static ft_err output_file(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    const output *o = ctx;
    ft_str key, bytes;
    FT_UNUSED(info);
    FT_TRY(ft_arena_printf(&key, o->arena, "%.*s%s%.*s", FT_STR_ARG(o->to.key),
                           o->to.key.len ? "/" : "", FT_STR_ARG(below)));
    FT_TRY(ft_file_map(&bytes, path));
    ft_err err = ft_object_put(NULL, o->store, o->to.bucket, key, bytes, NULL);
    ft_file_unmap(bytes);
    return err;
}

static ft_err output_upload(ft_store *s, ft_arena *arena, const char *root, ft_str place,
                            ft_str uri) {
    output o = { .store = s, .arena = arena };
    const char *dir;
    FT_TRY(ft_container_path(&dir, arena, root, place));
    while (uri.len && uri.at[uri.len - 1] == '/') uri.len--;
    FT_TRY(ft_uri_parse(&o.to, uri));
    if (!ft_file_exists(dir)) return FT_OK;
    return ft_dir_walk(
        &(ft_dir_walker){ .arena = arena, .own_files = true, .file = output_file, .ctx = &o }, dir);
}

static ft_err outputs_upload(ft_store *s, ft_arena *arena, const char *root, ft_str json) {
    ft_str name, place, uri;
    ft_json j;
    ft_json_init(&j, json, arena, &(ft_json_opts){ .name = "outputs" });
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        place = uri = FT_STR("");
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            if (ft_str_is(name, "path"))
                FT_TRY(ft_json_string(&j, &place));
            else if (ft_str_is(name, "uri"))
                FT_TRY(ft_json_string(&j, &uri));
        }
        FT_TRY(j.err);
        FT_TRY(output_upload(s, arena, root, place, uri));
    }
    return ft_json_end(&j);
}

/* ---- message and metrics: in the job's folder, since the tree goes */

static ft_err folder_of(const char **out, ft_arena *arena, const char *model_dir,
                        const char *name) {
    ft_str whole = ft_str_of(model_dir), path;
    FT_TRY(ft_arena_printf(&path, arena, "%.*s%s",
                           FT_STR_ARG(ft_str_slice(whole, 0, whole.len - ft_path_base(whole).len)),
                           name));
    *out = path.at;
    return FT_OK;
}

static ft_err message_keep(ft_arena *arena, const char *root, const char *model_dir) {
    const char *from, *to;
    ft_str text;
    FT_TRY(ft_path_join(&from, arena, root, "output/message"));
    if (!ft_file_exists(from)) return FT_OK;
    FT_TRY(ft_file_read(&text, arena, from, KEPT_BYTES));
    FT_TRY(folder_of(&to, arena, model_dir, MESSAGE_FILE));
    return ft_file_write_atomic(to, ft_str_trim(ft_program_shortened(text, MESSAGE_CHARS)), false);
}

static ft_err metrics_add(ft_buf *all, ft_arena *arena, const char *root) {
    const char *dir, *path;
    ft_str *names, text;
    size_t count;
    FT_TRY(ft_path_join(&dir, arena, root, "output/metrics/cloudwatch"));
    if (!ft_file_exists(dir)) return FT_OK;
    FT_TRY(ft_dir_list(&names, &count, arena, dir));
    for (size_t i = 0; i < count; i++) {
        if (!ft_str_ends(names[i], FT_STR(".jsonl"))) continue;
        FT_TRY(ft_path_join(&path, arena, dir, names[i].at));
        FT_TRY(ft_file_read(&text, arena, path, KEPT_BYTES));
        FT_TRY(ft_buf_add(all, text));
        FT_TRY(ft_buf_byte(all, '\n'));
    }
    return FT_OK;
}

static ft_err metrics_keep(const char *const *roots, size_t count, ft_arena *arena,
                           const char *model_dir) {
    ft_buf all = { .limit_bytes = KEPT_BYTES };
    const char *to;
    ft_err err = FT_OK;
    for (size_t i = 0; i < count; i++) FT_GOTO(err, metrics_add(&all, arena, roots[i]));
    FT_GOTO(err, folder_of(&to, arena, model_dir, METRICS_FILE));
    if (all.len) err = ft_file_write_atomic(to, ft_buf_str(&all), false);
done:
    ft_buf_fini(&all);
    return err;
}

static ft_err kept(ft_str *out, ft_store *s, ft_arena *arena, ft_str job, const char *file) {
    const char *path;
    *out = FT_STR("");
    FT_TRY(ft_job_path(&path, s, arena, job, file));
    return ft_file_exists(path) ? ft_file_read(out, arena, path, KEPT_BYTES) : FT_OK;
}

ft_err ft_program_message(ft_str *out, ft_store *s, ft_arena *arena, ft_str job) {
    return kept(out, s, arena, job, MESSAGE_FILE);
}

ft_err ft_program_metrics(ft_str *out, ft_store *s, ft_arena *arena, ft_str job) {
    return kept(out, s, arena, job, METRICS_FILE);
}

/* What cannot be kept of these is no reason to lose the rest. The first host speaks for all. */
static void told_keep(const char *const *roots, size_t count, ft_arena *arena,
                      const char *model_dir) {
    ft_err err = message_keep(arena, roots[0], model_dir);
    if (err == FT_OK) err = metrics_keep(roots, count, arena, model_dir);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "jobs", err, "a program's message or metrics");
    ft_err_clear();
}

/* The trees of its hosts, the first one's at least. */
static ft_err roots_of(const char *out[FT_CONTAINER_HOSTS_MAX], size_t *count, ft_arena *arena,
                       const char *model_dir) {
    for (*count = 0; *count < FT_CONTAINER_HOSTS_MAX; (*count)++) {
        FT_TRY(ft_container_root(&out[*count], arena, model_dir, (int)*count + 1));
        if (*count && !ft_file_exists(out[*count])) break;
    }
    return FT_OK;
}

ft_err ft_program_upload(ft_store *s, ft_arena *arena, const char *model_dir, ft_str output_uri,
                         const ft_params *params) {
    const char *roots[FT_CONTAINER_HOSTS_MAX], *data;
    ft_str *names, uri, outputs = ft_params_str(params, "outputs");
    size_t hosts, count = 0;
    FT_TRY(roots_of(roots, &hosts, arena, model_dir));
    told_keep(roots, hosts, arena, model_dir);
    /* Of two files of one name the later host's stays. */
    for (size_t i = 0; i < hosts; i++) FT_TRY(outputs_upload(s, arena, roots[i], outputs));
    FT_TRY(ft_path_join(&data, arena, roots[0], "output/data"));
    if (ft_file_exists(data)) FT_TRY(ft_dir_list(&names, &count, arena, data));
    if (!count) return FT_OK;
    FT_TRY(ft_arena_printf(&uri, arena, "%.*s/output/output.tar.gz", FT_STR_ARG(output_uri)));
    return ft_folder_archive(s, arena, uri, data, FT_STR(""));
}

ft_err ft_program_clean(ft_arena *arena, const char *model_dir) {
    for (int host = 1; host <= FT_CONTAINER_HOSTS_MAX; host++) {
        const char *root;
        ft_str file;
        FT_TRY(ft_container_root(&root, arena, model_dir, host));
        FT_TRY(ft_arena_printf(&file, arena, "%s.json", root));
        FT_TRY(ft_dir_remove(root));
        FT_TRY(ft_file_remove(file.at));
    }
    return FT_OK;
}
