/* routes_watch.c -- verdicts, alerts and lineage as JSON. */
#include "base/json.h"
#include "serve/reply.h"
#include "serve/serve_in.h"
#include "serve/worker.h"
#include "store/lineage.h"
#include "watch/outbox.h"
#include "watch/watch.h"

#define LIST_DEFAULT 100
#define LIST_MAX     1000
#define EVIDENCE_MAX 2000

/* Evidence is stored as JSON text; "" where there is none. A list that is asked for every two
 * seconds says of a long one only how long it is. */
static void write_evidence(ft_json_out *j, ft_str json) {
    bool told = json.len && json.len <= EVIDENCE_MAX;
    ft_json_out_name(j, "evidence");
    if (told)
        ft_json_out_raw(j, json);
    else
        ft_json_out_null(j);
    ft_reply_int(j, "evidence_bytes", told ? 0 : (int64_t)json.len);
}

/* Where it was judged: a step of a job, a moment of anything else. */
static void write_point(ft_json_out *j, ft_str subject, int64_t at) {
    if (ft_subject_is(NULL, FT_SUBJECT_JOB, subject))
        ft_reply_int(j, "step", at);
    else
        ft_reply_time(j, "time", at);
}

static void write_verdict(ft_json_out *j, const ft_verdict_row *v) {
    ft_json_out_object(j);
    ft_reply_int(j, "id", v->id);
    ft_reply_str(j, "rule", v->name);
    ft_reply_str(j, "subject", v->subject);
    ft_reply_str(j, "outcome", ft_str_of(ft_outcome_name(v->verdict.outcome)));
    write_point(j, v->subject, v->verdict.at);
    ft_reply_int(j, "evaluations", v->evaluations);
    ft_reply_str(j, "reason", v->verdict.reason);
    write_evidence(j, v->verdict.evidence_json);
    ft_reply_time(j, "stored", v->stored_us);
    ft_json_out_close(j);
}

static ft_err verdicts(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_verdict_row *rows;
    size_t count, limit;
    ft_str subject = ft_request_query(req, "subject");
    ft_json_out j;
    FT_TRY(ft_query_count(&limit, req, "limit", LIST_DEFAULT, LIST_MAX));
    if (!subject.at) subject = FT_STR("");
    FT_TRY(ft_verdict_list(&rows, &count, w->store, req->arena, subject, limit));
    ft_reply_begin(w, &j);
    ft_json_out_name(&j, "verdicts");
    ft_json_out_array(&j);
    for (size_t i = 0; i < count; i++) write_verdict(&j, &rows[i]);
    ft_json_out_close(&j);
    return ft_reply_end(req, resp, &j);
}

static void write_alert(ft_json_out *j, const ft_alert *a) {
    ft_json_out_object(j);
    ft_reply_int(j, "id", a->id);
    ft_reply_str(j, "uuid", a->uuid);
    ft_reply_str(j, "subject", a->subject);
    ft_reply_str(j, "rule", a->rule);
    ft_reply_str(j, "text", a->text);
    write_evidence(j, a->evidence_json);
    ft_reply_int(j, "verdict", a->verdict_id);
    ft_reply_time(j, "raised", a->raised_us);
    ft_reply_int(j, "deliveries", a->deliveries);
    ft_reply_int(j, "delivered", a->delivered);
    ft_reply_str(j, "failure", a->failure);
    ft_json_out_close(j);
}

static ft_err alerts(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_alert *rows;
    size_t count, limit;
    ft_json_out j;
    FT_TRY(ft_query_count(&limit, req, "limit", LIST_DEFAULT, LIST_MAX));
    FT_TRY(ft_alert_list(&rows, &count, w->store, req->arena, limit));
    ft_reply_begin(w, &j);
    ft_json_out_name(&j, "alerts");
    ft_json_out_array(&j);
    for (size_t i = 0; i < count; i++) write_alert(&j, &rows[i]);
    ft_json_out_close(&j);
    return ft_reply_end(req, resp, &j);
}

static ft_err lineage(ft_request *req, ft_response *resp) {
    ft_worker *w = req->thread;
    ft_lineage_step *steps;
    size_t count;
    ft_json_out j;
    ft_str id;
    FT_TRY(ft_endpoint_lineage(&id, w->store, req->arena, req->params[0]));
    FT_TRY(ft_lineage_walk(&steps, &count, w->store, req->arena, id));
    ft_reply_begin(w, &j);
    ft_json_out_name(&j, "steps");
    ft_json_out_array(&j);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&j);
        ft_reply_int(&j, "depth", steps[i].depth);
        ft_reply_str(&j, "id", steps[i].id);
        ft_reply_str(&j, "note", steps[i].note);
        ft_json_out_name(&j, "missing");
        ft_json_out_bool(&j, steps[i].missing);
        ft_json_out_name(&j, "repeated");
        ft_json_out_bool(&j, steps[i].repeated);
        ft_json_out_close(&j);
    }
    ft_json_out_close(&j);
    return ft_reply_end(req, resp, &j);
}

const ft_route ft_routes_watch[] = {
    { .method = "GET",
      .pattern = "/verdicts",
      .doc = "verdicts of the rules, newest first (?subject=job/NAME&limit=100)",
      .handle = verdicts },
    { .method = "GET",
      .pattern = "/alerts",
      .doc = "alerts, newest first (?limit=100)",
      .handle = alerts },
    { .method = "GET",
      .pattern = "/lineage/{id*}",
      .doc = "where a node came from: alert:1, endpoint:fashion@2 …",
      .handle = lineage },
    { 0 },
};
