/* routes_jobs.c -- jobs as JSON, with their rules and a small line of their metric; and their
 * reports. */
#include "base/json.h"
#include "jobs/job.h"
#include "serve/reply.h"
#include "serve/serve_in.h"
#include "serve/spark.h"
#include "serve/worker.h"

#define LIST_DEFAULT 50
#define LIST_MAX     1000

static ft_err write_spark(ft_json_out *j, ft_worker *w, const ft_job *job) {
    ft_spark spark;
    FT_TRY(ft_spark_of(&spark, w->serve->sparks, w->store, job));
    ft_json_out_name(j, "metric");
    if (!spark.name[0]) return ft_json_out_null(j), FT_OK;
    ft_json_out_object(j);
    ft_reply_str(j, "name", ft_str_of(spark.name));
    ft_reply_int(j, "step", spark.step);
    ft_json_out_name(j, "value");
    ft_json_out_f64(j, spark.last);
    ft_json_out_name(j, "points");
    ft_json_out_array(j);
    for (size_t i = 0; i < spark.count; i++) ft_json_out_f64(j, spark.points[i]);
    ft_json_out_close(j);
    ft_json_out_close(j);
    return FT_OK;
}

/* Members of the open object. */
static ft_err write_job(ft_json_out *j, ft_worker *w, ft_arena *arena, const ft_job *job) {
    ft_str report;
    FT_TRY(ft_arena_printf(&report, arena, "/reports/%.*s", FT_STR_ARG(job->name)));
    ft_reply_str(j, "name", job->name);
    ft_reply_str(j, "algorithm", job->algorithm);
    ft_reply_str(j, "status", ft_str_of(ft_job_status_name(job->status)));
    ft_reply_str(j, "secondary", job->secondary);
    ft_reply_str(j, "reason", job->reason);
    ft_reply_int(j, "step", job->step);
    ft_reply_int(j, "steps_total", job->steps_total);
    ft_reply_time(j, "created", job->created_us);
    ft_reply_time(j, "started", job->started_us);
    ft_reply_time(j, "ended", job->ended_us);
    ft_reply_str(j, "model", job->model_uri);
    ft_reply_str(j, "model_sha256", job->model_sha256);
    ft_reply_str(j, "report", report);
    return write_spark(j, w, job);
}

static ft_err list(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_job *jobs;
    size_t count, limit;
    ft_json_out j;
    FT_TRY(ft_query_count(&limit, req, "limit", LIST_DEFAULT, LIST_MAX));
    FT_TRY(ft_job_list(&jobs, &count, w->store, req->arena, limit));
    ft_reply_begin(w, &j);
    ft_json_out_name(&j, "jobs");
    ft_json_out_array(&j);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&j);
        FT_TRY(write_job(&j, w, req->arena, &jobs[i]));
        ft_json_out_close(&j);
    }
    ft_json_out_close(&j);
    return ft_reply_end(req, resp, &j);
}

static ft_err write_watches(ft_json_out *j, ft_worker *w, ft_arena *arena, const ft_job *job) {
    ft_watch_row *rows;
    size_t count;
    ft_str subject;
    FT_TRY(ft_subject(&subject, arena, FT_SUBJECT_JOB, job->name));
    FT_TRY(ft_watch_list(&rows, &count, w->store, arena, subject));
    ft_json_out_name(j, "rules");
    ft_json_out_array(j);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(j);
        ft_reply_str(j, "name", rows[i].spec.name);
        ft_reply_str(j, "rule", rows[i].spec.rule);
        ft_reply_str(j, "status", ft_str_of(ft_watch_status_name(rows[i].status)));
        ft_reply_str(j, "details", rows[i].details);
        ft_reply_str(j, "actions", rows[i].spec.actions);
        ft_json_out_close(j);
    }
    ft_json_out_close(j);
    return FT_OK;
}

static ft_err one(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_job job;
    ft_json_out j;
    FT_TRY(ft_job_get(&job, w->store, req->arena, req->params[0]));
    ft_reply_begin(w, &j);
    FT_TRY(write_job(&j, w, req->arena, &job));
    ft_reply_str(&j, "output", job.output_uri);
    ft_reply_str(&j, "trial", job.trial_uri);
    ft_json_out_name(&j, "config");
    if (job.config_json.len)
        ft_json_out_raw(&j, job.config_json);
    else
        ft_json_out_null(&j);
    FT_TRY(write_watches(&j, w, req->arena, &job));
    return ft_reply_end(req, resp, &j);
}

const ft_route ft_routes_jobs[] = {
    { .method = "GET",
      .pattern = "/jobs",
      .doc = "jobs, newest first (?limit=50)",
      .handle = list },
    { .method = "GET",
      .pattern = "/jobs/{name}",
      .doc = "one job, its settings and rules",
      .handle = one },
    { 0 },
};
