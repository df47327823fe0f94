/* tables.c -- see tables_in.h. Steps are never edited once released: a change is a new step. */
#include "jobs/tables_in.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "jobs/model_in.h"
#include "store/objects.h"

static const char *const steps[] = {
    "create table job ("
    " name text primary key, algorithm text not null, status text not null,"
    " secondary text not null default '', reason text not null default '',"
    " output_uri text not null, trial_uri text not null, model_uri text not null default '',"
    " model_sha256 text not null default '', config text not null,"
    " max_runtime_us integer not null default 0, created_us integer not null,"
    " started_us integer not null default 0, ended_us integer not null default 0,"
    " modified_us integer not null, training_us integer not null default 0,"
    " training_end_us integer not null default 0, step integer not null default 0,"
    " steps_total integer not null default 0, text text not null default '',"
    " pid integer not null default 0, pid_started integer not null default 0,"
    " owner_pid integer not null default 0, owner_started integer not null default 0,"
    " exit_code integer not null default -1)",
    "create index job_created on job (created_us)",
    "create table job_transition ("
    " job text not null references job (name), ordinal integer not null, status text not null,"
    " message text not null default '', start_us integer not null, end_us integer not null default "
    "0,"
    " primary key (job, ordinal)) without rowid",
    "create table model ("
    " uri text primary key, sha256 text not null, predictor text not null, job text not null,"
    " manifest text not null, created_us integer not null)",
    "create index model_sha256 on model (sha256)",
};

ft_err ft_jobs_db(ft_db **out, ft_store *s) {
    ft_db *db = ft_store_db(s);
    FT_TRY(ft_db_migrate(db, "jobs", steps, (int)FT_COUNT(steps)));
    *out = db;
    return FT_OK;
}

ft_err ft_job_path(const char **out, ft_store *s, ft_arena *arena, ft_str name, const char *file) {
    ft_str path;
    FT_TRY(ft_arena_printf(&path, arena, "%s/jobs/%.*s%s%s", ft_store_home(s), FT_STR_ARG(name),
                           file ? "/" : "", file ? file : ""));
    *out = path.at;
    return FT_OK;
}

ft_err ft_job_transit(ft_db *db, ft_str name, const char *secondary, ft_str message) {
    int64_t now = ft_clock_now_us();
    FT_TRY(ft_db_run(db, "update job_transition set end_us = ? where job = ? and end_us = 0", "is",
                     now, name));
    FT_TRY(ft_db_run(db,
                     "insert into job_transition (job, ordinal, status, message, start_us)"
                     " select ?1, count(*), ?2, ?3, ?4 from job_transition where job = ?1",
                     "stsi", name, secondary, ft_some(message), now));
    return ft_db_run(db, "update job set secondary = ?, modified_us = ? where name = ?", "tis",
                     secondary, now, name);
}

static ft_err enter(ft_db *db, ft_str name, const char *secondary, ft_str message) {
    int64_t going;
    FT_TRY(ft_db_one(db, NULL, "select count(*) from job where name = ? and status = 'InProgress'",
                     "s", "i", name, &going));
    if (!going) return FT_FAIL(FT_ECANCELED, "job %.*s was stopped", FT_STR_ARG(name));
    return ft_job_transit(db, name, secondary, message);
}

ft_err ft_job_enter(ft_store *s, ft_str name, const char *secondary, ft_str message) {
    ft_db *db;
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_begin(db));
    ft_err err = enter(db, name, secondary, message);
    if (err != FT_OK) ft_db_rollback(db);
    FT_TRY(err);
    return ft_db_commit(db);
}

int64_t ft_job_steps(ft_store *s, ft_arena *arena, const ft_job *job) {
    const char *path;
    ft_gate *g;
    if (ft_job_path(&path, s, arena, job->name, FT_GATE_FILE) != FT_OK || !ft_file_exists(path))
        return job->step;
    if (ft_gate_open(&g, path) != FT_OK) return job->step;
    int64_t recorded = ft_gate_next(g, INT64_MAX, 0) + 1;
    ft_gate_free(g);
    return recorded > job->step ? recorded : job->step;
}

/* Readers of the trial must not wait for steps that never come. */
static ft_err trial_end(ft_store *s, ft_arena *arena, ft_str trial_uri) {
    ft_uri uri;
    ft_object *some;
    size_t count;
    bool more;
    ft_str prefix, key;
    FT_TRY(ft_uri_parse(&uri, trial_uri));
    FT_TRY(ft_arena_printf(&prefix, arena, "%.*s/", FT_STR_ARG(uri.key)));
    FT_TRY(ft_object_list(&some, &count, &more, s, arena, uri.bucket, prefix, FT_STR(""), 1));
    if (count == 0) return FT_OK; /* nothing was recorded */
    FT_TRY(ft_arena_printf(&key, arena, "%.*straining_job_end.ts", FT_STR_ARG(prefix)));
    ft_err err = ft_object_put(NULL, s, uri.bucket, key, FT_STR(""),
                               &(ft_object_put_opts){ .if_absent = true });
    if (err == FT_EEXIST) return FT_OK; /* the hook ended it in good order */
    return err;
}

static ft_err finish(bool *first, ft_db *db, const ft_job *was, const ft_job_end *end) {
    ft_job_status status = was->status == FT_JOB_STOPPING ? FT_JOB_STOPPED : end->status;
    const char *word = ft_job_status_name(status);
    const char *secondary = end->secondary && status == end->status ? end->secondary : word;
    int64_t now = ft_clock_now_us();
    FT_TRY(
        ft_db_run(db,
                  "update job set status = ?1, reason = case when reason = '' then ?2 else reason"
                  " end, ended_us = ?3, training_end_us = case when training_us > 0 and"
                  " training_end_us = 0 then ?3 else training_end_us end, exit_code = ?4,"
                  " step = ?5 where name = ?6 and status in ('InProgress', 'Stopping')",
                  "tsinis", word, ft_some(end->reason), now, end->exit_code, was->step, was->name));
    *first = ft_db_changes(db) == 1;
    if (!*first) return FT_OK;
    ft_db_durable(db);
    return ft_job_transit(db, was->name, secondary, end->reason);
}

ft_err ft_job_finish(ft_store *s, ft_str name, const ft_job_end *end) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_job job;
    ft_db *db = NULL;
    bool begun = false, first = false;
    ft_err err;
    FT_GOTO(err, ft_jobs_db(&db, s));
    FT_GOTO(err, ft_db_begin(db));
    begun = true;
    FT_GOTO(err, ft_job_get(&job, s, &arena, name));
    job.step = ft_job_steps(s, &arena, &job);
    FT_GOTO(err, finish(&first, db, &job, end));
    begun = false;
    FT_GOTO(err, ft_db_commit(db));
    if (first) FT_GOTO(err, trial_end(s, &arena, job.trial_uri));
    if (first && !job.model_uri.len) FT_GOTO(err, ft_model_sweep(s, &arena, &job));
done:
    if (begun) ft_db_rollback(db);
    ft_arena_fini(&arena);
    return err;
}
