/* create.c -- a job is checked whole before anything of it exists. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/random.h"
#include "data/channel.h"
#include "jobs/config_in.h"
#include "jobs/job.h"
#include "jobs/tables_in.h"
#include "store/lineage.h"
#include "store/objects.h"

#define ALGORITHM_NAMES_MAX 64

/* ---- checks */

static ft_err algorithm_check(const ft_algorithm **out, const ft_job_spec *spec) {
    *out = ft_algorithm_find(spec->algorithm);
    if (!*out) {
        const char *names[ALGORITHM_NAMES_MAX];
        size_t count = 0;
        for (const ft_algorithm *const *a = ft_algorithms(); *a && count < FT_COUNT(names); a++)
            names[count++] = (*a)->name;
        const char *near = ft_str_nearest(spec->algorithm, names, count);
        return FT_FAIL(FT_ENOTFOUND, "no algorithm '%.*s'%s%s%s", FT_STR_ARG(spec->algorithm),
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    FT_CHECK(ft_params_table(spec->params) == (*out)->params);
    FT_TRY(ft_params_finish(spec->params));
    return (*out)->validate ? (*out)->validate(spec->params) : FT_OK;
}

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static ft_err name_check(ft_str name) {
    bool good = name.len > 0 && name.len <= FT_JOB_NAME_MAX && is_alnum(name.at[0]) &&
                is_alnum(name.at[name.len - 1]);
    for (size_t i = 0; good && i < name.len; i++) good = is_alnum(name.at[i]) || name.at[i] == '-';
    if (!good)
        return FT_FAIL(
            FT_EINVAL,
            "job name '%.*s': expected 1 to %d letters, digits and hyphens, with a letter or"
            " digit at both ends",
            FT_STR_ARG(name), FT_JOB_NAME_MAX);
    return FT_OK;
}

/* "xgboost-20220214-172549-1f3a", made of what a name may hold */
static ft_err name_make(ft_str *out, ft_arena *arena, ft_str algorithm) {
    char stem[32];
    size_t n = 0;
    uint32_t unlike;
    for (size_t i = 0; i < algorithm.len && n < sizeof stem - 1; i++)
        if (is_alnum(algorithm.at[i])) stem[n++] = algorithm.at[i];
    stem[n] = '\0';
    ft_date d = ft_time_date(ft_clock_now_us());
    FT_TRY(ft_random_secret(&unlike, sizeof unlike));
    return ft_arena_printf(out, arena, "%s-%04d%02d%02d-%02d%02d%02d-%06x", n ? stem : "job",
                           d.year, d.month, d.day, d.hour, d.minute, d.second, unlike & 0xffffff);
}

/* Whether anything is there is found out when the job runs: it may be on another server. */
static ft_err source_check(const ft_job_channel *c, ft_arena *arena) {
    ft_channel_source source;
    ft_err err = ft_channel_source_read(&source, arena, c->source);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "channel '%.*s'", FT_STR_ARG(c->name));
}

/* The same channels with whole paths: the job's process may run elsewhere. */
static ft_err channels_check(ft_job_channel **out, ft_arena *arena, const ft_job_spec *spec,
                             const ft_algorithm *algorithm) {
    ft_file_info info;
    FT_TRY(ft_arena_items(out, arena, spec->channel_count + 1));
    for (size_t i = 0; i < spec->channel_count; i++) {
        ft_job_channel *c = &(*out)[i];
        ft_str path;
        *c = spec->channels[i];
        if (!c->name.len || !c->path.len)
            return FT_FAIL(FT_EINVAL, "channel %zu has no %s", i + 1,
                           c->name.len ? "path" : "name");
        for (size_t k = 0; k < i; k++)
            if (ft_str_eq(spec->channels[k].name, c->name))
                return FT_FAIL(FT_EINVAL, "channel '%.*s' is given twice", FT_STR_ARG(c->name));
        if (c->source.len) {
            FT_TRY(source_check(c, arena));
            continue;
        }
        FT_TRY(ft_arena_str(&path, arena, c->path));
        ft_err err = ft_file_stat(&info, path.at);
        if (err != FT_OK) return ft_err_prefix(err, "channel '%.*s'", FT_STR_ARG(c->name));
        char *whole = realpath(path.at, NULL);
        if (!whole) return FT_FAIL_ERRNO("channel '%.*s': %s", FT_STR_ARG(c->name), path.at);
        err = ft_arena_str(&c->path, arena, ft_str_of(whole));
        free(whole);
        FT_TRY(err);
    }
    ft_str rest = ft_str_of(algorithm->required_channels);
    while (rest.at && rest.len) {
        ft_str want = ft_str_trim(ft_str_cut(&rest, ','));
        size_t i = 0;
        while (i < spec->channel_count && !ft_str_eq(spec->channels[i].name, want)) i++;
        if (want.len && i == spec->channel_count)
            return FT_FAIL(FT_EINVAL, "algorithm %s needs the channel '%.*s'", algorithm->name,
                           FT_STR_ARG(want));
    }
    return FT_OK;
}

/* The prefix without a slash at its end, in a bucket that exists. */
static ft_err output_check(ft_str *out, ft_store *s, ft_arena *arena, ft_str given) {
    ft_uri uri;
    if (!given.len) given = FT_STR(FT_JOB_OUTPUT);
    while (given.len && given.at[given.len - 1] == '/') given.len--;
    ft_err err = ft_uri_parse(&uri, given);
    if (err != FT_OK) return ft_err_prefix(err, "output");
    if (!ft_str_is(uri.bucket, FT_BUCKET_DEFAULT) && !ft_bucket_exists(s, uri.bucket))
        return FT_FAIL(FT_ENOTFOUND, "output %.*s: there is no bucket '%.*s'", FT_STR_ARG(given),
                       FT_STR_ARG(uri.bucket));
    return ft_arena_str(out, arena, given);
}

static ft_err collections_check(const ft_job_spec *spec) {
    for (size_t i = 0; i < spec->collection_count; i++) {
        ft_matcher *m = NULL;
        FT_TRY(ft_matcher_new(&m, &spec->collections[i]));
        ft_matcher_free(m);
    }
    return FT_OK;
}

static ft_err watches_make(ft_watch_spec **out, ft_arena *arena, const ft_job_spec *spec,
                           ft_str name, ft_str trial_uri) {
    ft_str subject;
    FT_TRY(ft_arena_items(out, arena, spec->watch_count + 1));
    FT_TRY(ft_subject(&subject, arena, FT_SUBJECT_JOB, name));
    for (size_t i = 0; i < spec->watch_count; i++) {
        (*out)[i] = spec->watches[i];
        (*out)[i].subject = subject;
        (*out)[i].trial_uri = trial_uri;
        FT_TRY(ft_watch_check(&(*out)[i]));
    }
    return FT_OK;
}

/* ---- storing */

static ft_err job_insert(ft_db *db, const ft_job *job) {
    uint64_t started;
    int64_t now = ft_clock_now_us(), taken;
    FT_TRY(ft_db_one(db, NULL, "select count(*) from job where name = ?", "s", "i", job->name,
                     &taken));
    if (taken) return FT_FAIL(FT_EEXIST, "there is a job '%.*s' already", FT_STR_ARG(job->name));
    FT_TRY(ft_pid_started(&started, getpid()));
    FT_TRY(ft_db_run(db,
                     "insert into job (name, algorithm, status, output_uri, trial_uri, config,"
                     " max_runtime_us, created_us, modified_us, owner_pid, owner_started)"
                     " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     "sstsssiiiii", job->name, job->algorithm,
                     ft_job_status_name(FT_JOB_IN_PROGRESS), job->output_uri, job->trial_uri,
                     job->config_json, job->max_runtime_us, now, now, (int64_t)getpid(),
                     (int64_t)started));
    return ft_job_transit(db, job->name, "Starting", FT_STR("the job was created"));
}

static ft_err folder_make(ft_store *s, ft_arena *arena, ft_str name, bool gate) {
    static const char *const folders[] = { "model", "checkpoint" };
    const char *path;
    ft_gate *g;
    FT_TRY(ft_job_path(&path, s, arena, name, NULL));
    FT_TRY(ft_dir_remove(path)); /* of a job that never was: its maker died here */
    for (size_t i = 0; i < FT_COUNT(folders); i++) {
        FT_TRY(ft_job_path(&path, s, arena, name, folders[i]));
        FT_TRY(ft_dir_make(path));
    }
    if (!gate) return FT_OK;
    FT_TRY(ft_job_path(&path, s, arena, name, FT_GATE_FILE));
    FT_TRY(ft_gate_open(&g, path));
    ft_gate_free(g);
    return FT_OK;
}

/* Its files under our name: who writes a checkpoint replaces it whole, so theirs stays. No edge
 * joins the two: the data is the same and hashed again, and the bits are those of a job that was
 * never cut. */
static ft_err checkpoint_take(ft_store *s, ft_arena *arena, ft_str from, ft_str name) {
    const char *there, *here, *at, *to;
    ft_str *names;
    size_t count = 0;
    ft_job job;
    FT_TRY(ft_job_get(&job, s, arena, from));
    if (!ft_job_status_final(job.status))
        return FT_FAIL(FT_ECONFLICT, "job '%.*s' has not ended: nothing goes on from it yet",
                       FT_STR_ARG(from));
    FT_TRY(ft_job_path(&there, s, arena, job.name, "checkpoint"));
    FT_TRY(ft_job_path(&here, s, arena, name, "checkpoint"));
    if (ft_file_exists(there)) FT_TRY(ft_dir_list(&names, &count, arena, there));
    if (!count)
        return FT_FAIL(FT_ENOTFOUND, "job '%.*s' left no checkpoint to go on from",
                       FT_STR_ARG(from));
    for (size_t i = 0; i < count; i++) {
        FT_TRY(ft_path_join(&at, arena, there, names[i].at));
        FT_TRY(ft_path_join(&to, arena, here, names[i].at));
        FT_TRY(ft_file_link(at, to));
    }
    return FT_OK;
}

static ft_err job_store(ft_store *s, ft_db *db, ft_arena *arena, const ft_job *job,
                        const ft_watch_spec *watches, size_t watch_count, ft_str resume,
                        bool *folder) {
    ft_str node, note;
    int64_t id;
    FT_TRY(job_insert(db, job));
    *folder = true; /* the name is ours: so is the folder */
    FT_TRY(folder_make(s, arena, job->name, watch_count > 0));
    for (size_t i = 0; i < watch_count; i++) FT_TRY(ft_watch_add(&id, s, &watches[i]));
    FT_TRY(ft_lineage_id(&node, arena, FT_LINEAGE_JOB, job->name));
    FT_TRY(ft_arena_printf(&note, arena, "a training job of %.*s", FT_STR_ARG(job->algorithm)));
    FT_TRY(ft_lineage_node(s, node, note));
    return resume.len ? checkpoint_take(s, arena, resume, job->name) : FT_OK;
}

ft_err ft_job_create(ft_str *name, ft_store *s, ft_arena *arena, const ft_job_spec *given) {
    const ft_algorithm *algorithm;
    ft_job_spec spec = *given;
    ft_job_channel *channels;
    ft_watch_spec *watches;
    ft_job job = { .algorithm = given->algorithm, .max_runtime_us = given->max_runtime_us };
    const char *path;
    ft_str debug_uri;
    ft_db *db;
    bool folder = false;
    FT_TRY(algorithm_check(&algorithm, &spec));
    if (spec.name.len)
        FT_TRY(name_check(spec.name));
    else
        FT_TRY(name_make(&spec.name, arena, spec.algorithm));
    FT_TRY(ft_arena_str(&job.name, arena, spec.name));
    FT_TRY(channels_check(&channels, arena, &spec, algorithm));
    spec.channels = channels;
    FT_TRY(output_check(&job.output_uri, s, arena, spec.output_uri));
    FT_TRY(
        output_check(&debug_uri, s, arena, spec.debug_uri.len ? spec.debug_uri : job.output_uri));
    FT_TRY(ft_arena_printf(&job.trial_uri, arena, "%.*s/%.*s/debug-output", FT_STR_ARG(debug_uri),
                           FT_STR_ARG(job.name)));
    FT_TRY(collections_check(&spec));
    FT_TRY(watches_make(&watches, arena, &spec, job.name, job.trial_uri));
    FT_TRY(ft_job_config_write(&job.config_json, arena, &spec));
    FT_TRY(ft_jobs_db(&db, s));
    FT_TRY(ft_job_path(&path, s, arena, job.name, NULL));
    FT_TRY(ft_db_begin(db));
    ft_err err = job_store(s, db, arena, &job, watches, spec.watch_count, spec.resume, &folder);
    if (err != FT_OK)
        ft_db_rollback(db);
    else
        err = ft_db_commit(db);
    if (err != FT_OK && folder) ft_dir_remove(path);
    FT_TRY(err);
    *name = job.name;
    return FT_OK;
}
