/* job.c -- jobs as rows: names, getting, listing. */
#include "jobs/job.h"

#include "base/check.h"
#include "jobs/tables_in.h"

#define NAMES_COMPARED 1000 /* newest jobs among which the nearest name is looked for */

static const char *const status_names[] = { "InProgress", "Completed", "Failed", "Stopping",
                                            "Stopped" };

const char *ft_job_status_name(ft_job_status s) {
    FT_CHECK((size_t)s < FT_COUNT(status_names));
    return status_names[s];
}

bool ft_job_status_final(ft_job_status s) {
    return s != FT_JOB_IN_PROGRESS && s != FT_JOB_STOPPING;
}

static ft_job_status status_of(ft_str text) {
    for (size_t i = 0; i < FT_COUNT(status_names); i++)
        if (ft_str_is(text, status_names[i])) return (ft_job_status)i;
    return FT_JOB_FAILED;
}

#define JOB_COLUMNS                                                                               \
    "name, algorithm, status, secondary, reason, output_uri, trial_uri, model_uri, model_sha256," \
    " config, text, max_runtime_us, created_us, started_us, ended_us, modified_us, training_us,"  \
    " training_end_us, step, steps_total, pid, pid_started, owner_pid, owner_started, exit_code"

static ft_err job_read(ft_job *j, ft_rows *rows, ft_arena *arena) {
    ft_str status;
    int64_t started, owner_started;
    ft_rows_read(rows, "sssssssssssiiiiiiiiininin", &j->name, &j->algorithm, &status, &j->secondary,
                 &j->reason, &j->output_uri, &j->trial_uri, &j->model_uri, &j->model_sha256,
                 &j->config_json, &j->text, &j->max_runtime_us, &j->created_us, &j->started_us,
                 &j->ended_us, &j->modified_us, &j->training_us, &j->training_end_us, &j->step,
                 &j->steps_total, &j->pid, &started, &j->owner_pid, &owner_started, &j->exit_code);
    j->status = status_of(status);
    j->pid_started = (uint64_t)started;
    j->owner_started = (uint64_t)owner_started;
    ft_str *texts[] = { &j->name,        &j->algorithm, &j->secondary, &j->reason,
                        &j->output_uri,  &j->trial_uri, &j->model_uri, &j->model_sha256,
                        &j->config_json, &j->text };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

static ft_err name_unknown(ft_db *db, ft_arena *arena, ft_str name) {
    ft_rows *rows;
    const char **names;
    size_t count = 0;
    ft_str one;
    ft_err err = FT_OK;
    FT_TRY(ft_arena_items(&names, arena, NAMES_COMPARED));
    FT_TRY(ft_db_query(&rows, db, "select name from job order by created_us desc limit ?", "n",
                       NAMES_COMPARED));
    while (err == FT_OK && count < NAMES_COMPARED && ft_rows_next(rows)) {
        ft_rows_read(rows, "s", &one);
        err = ft_arena_str(&one, arena, one);
        names[count++] = one.at;
    }
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    FT_TRY(end);
    const char *near = ft_str_nearest(name, names, count);
    return FT_FAIL(FT_ENOTFOUND, "no job '%.*s'%s%s%s", FT_STR_ARG(name),
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

ft_err ft_job_get(ft_job *out, ft_store *s, ft_arena *arena, ft_str name) {
    ft_db *db;
    ft_rows *rows;
    *out = (ft_job){ 0 };
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_query(&rows, db, "select " JOB_COLUMNS " from job where name = ?", "s",
                       ft_some(name)));
    bool found = ft_rows_next(rows);
    ft_err err = found ? job_read(out, rows, arena) : FT_OK;
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    FT_TRY(end);
    return found ? FT_OK : name_unknown(db, arena, name);
}

static ft_err rows_read(ft_job *list, size_t *count, size_t limit, ft_rows *rows, ft_arena *arena) {
    ft_err err = FT_OK;
    while (err == FT_OK && *count < limit && ft_rows_next(rows))
        err = job_read(&list[(*count)++], rows, arena);
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

ft_err ft_job_list(ft_job **out, size_t *count, ft_store *s, ft_arena *arena, size_t limit) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(*) from job", "", "i", &total));
    if ((uint64_t)total < limit) limit = (size_t)total;
    FT_TRY(ft_arena_items(out, arena, limit + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select " JOB_COLUMNS " from job order by created_us desc, name limit ?",
                       "i", (int64_t)limit));
    return rows_read(*out, count, limit, rows, arena);
}

ft_err ft_job_list_going(ft_job **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_one(db, NULL,
                     "select count(*) from job where status in ('InProgress', 'Stopping')", "", "i",
                     &total));
    FT_TRY(ft_arena_items(out, arena, (size_t)total + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select " JOB_COLUMNS
                       " from job where status in ('InProgress', 'Stopping') order by created_us",
                       ""));
    return rows_read(*out, count, (size_t)total, rows, arena);
}

ft_err ft_job_transitions(ft_job_transition **out, size_t *count, ft_store *s, ft_arena *arena,
                          ft_str name) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(*) from job_transition where job = ?", "s", "i", name,
                     &total));
    FT_TRY(ft_arena_items(out, arena, (size_t)total + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select status, message, start_us, end_us from job_transition where job = ?"
                       " order by ordinal limit ?",
                       "si", name, total));
    ft_err err = FT_OK;
    while (err == FT_OK && *count < (size_t)total && ft_rows_next(rows)) {
        ft_job_transition *t = &(*out)[(*count)++];
        ft_rows_read(rows, "ssii", &t->status, &t->message, &t->start_us, &t->end_us);
        err = ft_arena_str(&t->status, arena, t->status);
        if (err == FT_OK) err = ft_arena_str(&t->message, arena, t->message);
    }
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

ft_err ft_job_model_find(ft_job_model *out, ft_store *s, ft_arena *arena, ft_str uri_or_sha256) {
    ft_db *db;
    *out = (ft_job_model){ 0 };
    FT_TRY(ft_jobs_db(&db, s));
    ft_err err = ft_db_one(db, arena,
                           "select sha256, uri, predictor, job, created_us from model"
                           " where uri = ?1 or sha256 = ?1 order by created_us desc limit 1",
                           "s", "ssssi", uri_or_sha256, &out->sha256, &out->uri, &out->predictor,
                           &out->job, &out->created_us);
    if (err == FT_ENOTFOUND)
        return FT_FAIL(FT_ENOTFOUND, "no model '%.*s'", FT_STR_ARG(uri_or_sha256));
    return err;
}
