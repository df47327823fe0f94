/* model.c -- see model_in.h. */
#include "jobs/model_in.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "data/tar.h"
#include "jobs/tables_in.h"
#include "store/lineage.h"
#include "store/objects.h"

#define MODEL_FILES_MAX 10000

typedef struct upload {
    ft_store *store;
    ft_arena *arena;
    ft_uri to; /* key: without a slash at its end */
    ft_model_made *made;
    ft_buf manifest;
} upload;

static ft_err model_uri(ft_str *out, ft_arena *arena, const ft_job *job) {
    return ft_arena_printf(out, arena, "%.*s/%.*s/output/model", FT_STR_ARG(job->output_uri),
                           FT_STR_ARG(job->name));
}

/* Names come in byte order, so the manifest does not depend on the folder's own order. */
static ft_err file_upload(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    upload *u = ctx;
    ft_object object;
    ft_str key, bytes;
    FT_UNUSED(info);
    if (u->made->files == MODEL_FILES_MAX)
        return FT_FAIL(FT_ETOOBIG, "the model has more than %d files", MODEL_FILES_MAX);
    FT_TRY(ft_arena_printf(&key, u->arena, "%.*s/%.*s", FT_STR_ARG(u->to.key), FT_STR_ARG(below)));
    FT_TRY(ft_file_map(&bytes, path));
    ft_err err = ft_object_put(&object, u->store, u->to.bucket, key, bytes, NULL);
    ft_file_unmap(bytes);
    FT_TRY(err);
    u->made->files++;
    u->made->size_bytes += object.size_bytes;
    return ft_buf_printf(&u->manifest, "%s  %.*s\n", object.sha256, FT_STR_ARG(below));
}

ft_err ft_model_upload(ft_model_made *out, ft_store *s, ft_arena *arena, const ft_job *job,
                       const char *dir) {
    upload u = { .store = s, .arena = arena, .made = out };
    char sha256[FT_SHA256_HEX];
    ft_err err;
    *out = (ft_model_made){ 0 };
    FT_TRY(model_uri(&out->uri, arena, job));
    FT_TRY(ft_uri_parse(&u.to, out->uri));
    FT_GOTO(err, ft_dir_walk(
                     &(ft_dir_walker){
                         .arena = arena, .own_files = true, .file = file_upload, .ctx = &u },
                     dir));
    if (out->files == 0)
        FT_GOTO(err, FT_FAIL(FT_ENOTFOUND, "algorithm %.*s left no model in %s",
                             FT_STR_ARG(job->algorithm), dir));
    FT_GOTO(err, u.manifest.err);
    FT_GOTO(err, ft_sha256_hex(sha256, ft_buf_str(&u.manifest)));
    FT_GOTO(err, ft_arena_str(&out->sha256, arena, ft_str_of(sha256)));
    FT_GOTO(err, ft_arena_str(&out->manifest, arena, ft_buf_str(&u.manifest)));
done:
    ft_buf_fini(&u.manifest);
    return err;
}

/* ---- one file */

typedef struct archive {
    ft_tar *tar;
    ft_str from, to; /* the file that gets another name */
} archive;

static ft_err archive_write(void *ctx, ft_str bytes) { return ft_object_write_add(ctx, bytes); }

static ft_err archive_file(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    archive *a = ctx;
    ft_str bytes;
    FT_UNUSED(info);
    FT_TRY(ft_file_map(&bytes, path));
    ft_err err = ft_tar_add(a->tar, ft_str_eq(below, a->from) ? a->to : below, bytes);
    ft_file_unmap(bytes);
    return err;
}

ft_err ft_folder_archive(ft_store *s, ft_arena *arena, ft_str uri, const char *dir, ft_str rename) {
    archive a = { .to = rename };
    ft_object_writer *writer = NULL;
    ft_uri at;
    ft_err err;
    a.from = ft_str_cut(&a.to, '=');
    FT_TRY(ft_uri_parse(&at, uri));
    FT_TRY(ft_object_write(&writer, s, at.bucket, at.key,
                           &(ft_object_put_opts){ .content_type = FT_STR("application/gzip") }));
    FT_GOTO(err, ft_tar_new(&a.tar, archive_write, writer));
    FT_GOTO(err, ft_dir_walk(
                     &(ft_dir_walker){
                         .arena = arena, .own_files = true, .file = archive_file, .ctx = &a },
                     dir));
    FT_GOTO(err, ft_tar_end(a.tar));
    ft_object object;
    ft_object_writer *whole = writer;
    writer = NULL;
    err = ft_object_write_commit(&object, whole);
done:
    ft_tar_free(a.tar);
    ft_object_write_abort(writer);
    return err;
}

ft_err ft_model_archive(ft_store *s, ft_arena *arena, const ft_job *job, const char *dir,
                        ft_str rename) {
    ft_str uri;
    FT_TRY(ft_arena_printf(&uri, arena, "%.*s/%.*s/output/model.tar.gz",
                           FT_STR_ARG(job->output_uri), FT_STR_ARG(job->name)));
    return ft_folder_archive(s, arena, uri, dir, rename);
}

/* ---- rows and lineage */

static ft_err lineage(ft_store *s, ft_arena *arena, const ft_job *job, const ft_model_made *m,
                      const char *predictor) {
    ft_str model, note, parent;
    FT_TRY(ft_lineage_id(&model, arena, FT_LINEAGE_MODEL, m->sha256));
    FT_TRY(ft_arena_printf(&note, arena, "%s model of job %.*s, %zu files, %llu bytes", predictor,
                           FT_STR_ARG(job->name), m->files, (unsigned long long)m->size_bytes));
    FT_TRY(ft_lineage_node(s, model, note));
    FT_TRY(ft_lineage_id(&parent, arena, FT_LINEAGE_JOB, job->name));
    return ft_lineage_edge(s, model, parent);
}

static ft_err model_row(ft_store *s, ft_db *db, ft_arena *arena, const ft_job *job,
                        const ft_model_made *m, const char *predictor) {
    if (ft_db_changes(db) == 0)
        return FT_FAIL(FT_ECANCELED, "job %.*s was stopped", FT_STR_ARG(job->name));
    FT_TRY(ft_db_run(
        db,
        "insert or replace into model (uri, sha256, predictor, job, manifest, created_us)"
        " values (?, ?, ?, ?, ?, ?)",
        "sstssi", m->uri, m->sha256, predictor, job->name, m->manifest, ft_clock_now_us()));
    ft_db_durable(db);
    return lineage(s, arena, job, m, predictor);
}

static ft_err completed(ft_store *s, ft_db *db, ft_arena *arena, const ft_job *job,
                        const ft_model_made *m, const char *predictor) {
    FT_TRY(ft_db_run(db,
                     "update job set status = ?1, model_uri = ?2, model_sha256 = ?3, ended_us = ?4,"
                     " exit_code = 0 where name = ?5 and status = 'InProgress'",
                     "tssis", ft_job_status_name(FT_JOB_COMPLETED), m->uri, m->sha256,
                     ft_clock_now_us(), job->name));
    FT_TRY(model_row(s, db, arena, job, m, predictor));
    return ft_job_transit(db, job->name, "Completed", FT_STR("the model was stored"));
}

static ft_err stopped(ft_store *s, ft_db *db, ft_arena *arena, const ft_job *job,
                      const ft_model_made *m, const char *predictor) {
    FT_TRY(ft_db_run(db,
                     "update job set model_uri = ?, model_sha256 = ? where name = ?"
                     " and status in ('InProgress', 'Stopping')",
                     "sss", m->uri, m->sha256, job->name));
    return model_row(s, db, arena, job, m, predictor);
}

typedef ft_err (*model_rows)(ft_store *s, ft_db *db, ft_arena *arena, const ft_job *job,
                             const ft_model_made *m, const char *predictor);

static ft_err store_with(model_rows rows, ft_store *s, ft_arena *arena, const ft_job *job,
                         const ft_model_made *model, const char *predictor) {
    ft_db *db;
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_begin(db));
    ft_err err = rows(s, db, arena, job, model, predictor);
    if (err != FT_OK) ft_db_rollback(db);
    FT_TRY(err);
    return ft_db_commit(db);
}

ft_err ft_model_store(ft_store *s, ft_arena *arena, const ft_job *job, const ft_model_made *model,
                      const char *predictor) {
    return store_with(completed, s, arena, job, model, predictor);
}

ft_err ft_model_store_stopped(ft_store *s, ft_arena *arena, const ft_job *job,
                              const ft_model_made *model, const char *predictor) {
    return store_with(stopped, s, arena, job, model, predictor);
}

ft_err ft_model_sweep(ft_store *s, ft_arena *arena, const ft_job *job) {
    ft_str uri, prefix, after = FT_STR("");
    ft_uri to;
    FT_TRY(model_uri(&uri, arena, job));
    FT_TRY(ft_uri_parse(&to, uri));
    FT_TRY(ft_arena_printf(&prefix, arena, "%.*s/", FT_STR_ARG(to.key)));
    for (bool more = true; more;) {
        ft_object *list;
        size_t count;
        FT_TRY(ft_object_list(&list, &count, &more, s, arena, to.bucket, prefix, after, 100));
        for (size_t i = 0; i < count; i++) FT_TRY(ft_object_remove(s, to.bucket, list[i].key));
        if (count == 0) break;
        after = list[count - 1].key;
    }
    return FT_OK;
}
