/* logs.c -- CloudWatch Logs: its operations' rows, groups and streams. */
#include "aws/logs_in.h"

#include <stdio.h>
#include <stdlib.h>

#include "aws/services_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "jobs/job.h"
#include "jobs/log.h"
#include "serve/endpoint.h"
#include "streams/stream.h"

#define NAME_BYTES_MAX 512
#define JOBS_MAX       100000
#define STREAMS_PAGE   50

static const char *const steps[] = {
    "create table aws_log_group (name text primary key, created_us integer not null)",
    "create table aws_log_stream ("
    " log_group text not null, name text not null, created_us integer not null,"
    " primary key (log_group, name)) without rowid",
};

static ft_err prepare(ft_store *s) {
    return ft_db_migrate(ft_store_db(s), "aws_logs", steps, (int)FT_COUNT(steps));
}

static const char *const own_groups[] = { FT_LOGS_PROCESSING, FT_LOGS_TRAINING };

static bool is_own(ft_str group) {
    for (size_t i = 0; i < FT_COUNT(own_groups); i++)
        if (ft_str_is(group, own_groups[i])) return true;
    return false;
}

/* ---- what there is */

/* The name in "/aws/sagemaker/Endpoints/<name>"; false for another group. */
static bool endpoint_of(ft_str *name, ft_str group) {
    *name = ft_str_from(group, sizeof FT_LOGS_ENDPOINT - 1);
    return ft_str_starts(group, FT_STR(FT_LOGS_ENDPOINT)) && name->len;
}

/* Since when an endpoint has or had the group's name; 0: none did. */
static ft_err endpoint_since(int64_t *first_us, ft_aws_call *c, ft_str group) {
    ft_endpoint_once *found;
    size_t count;
    ft_str name;
    *first_us = 0;
    if (!endpoint_of(&name, group)) return FT_OK;
    FT_TRY(ft_endpoint_ever(&found, &count, c->store, c->arena, name));
    if (count) *first_us = found[0].first_us;
    return FT_OK;
}

static ft_err group_row(bool *there, ft_aws_call *c, ft_str group) {
    int64_t count, first_us;
    FT_TRY(ft_db_one(ft_store_db(c->store), NULL,
                     "select count(*) from aws_log_group where name = ?", "s", "i", group, &count));
    FT_TRY(endpoint_since(&first_us, c, group));
    *there = count > 0 || first_us > 0 || is_own(group);
    return FT_OK;
}

ft_err ft_logs_group(ft_str *out, ft_aws_call *c) {
    bool there = false;
    *out = ft_aws_str(c, "logGroupName");
    if (!out->at) *out = ft_aws_str(c, "logGroupIdentifier");
    if (!out->at)
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "1 validation error detected: Value null at 'logGroupName' failed to "
                           "satisfy constraint: Member must not be null");
    FT_TRY(group_row(&there, c, *out));
    if (there) return FT_OK;
    return ft_aws_fail(c, 400, "ResourceNotFoundException",
                       "The specified log group does not exist.");
}

/* "<job>/algo-1-<unix seconds>" of every job that was started; processing jobs have their own
 * group. */
static ft_err job_streams(ft_logs_stream **out, size_t *count, ft_aws_call *c, bool processing,
                          ft_str head) {
    ft_job *jobs;
    size_t n;
    FT_TRY(ft_job_list(&jobs, &n, c->store, c->arena, JOBS_MAX));
    FT_TRY(ft_arena_items(out, c->arena, n + 1));
    for (size_t i = 0; i < n; i++) {
        ft_logs_stream *s = &(*out)[*count];
        if (!jobs[i].started_us || ft_str_is(jobs[i].algorithm, "processing") != processing)
            continue;
        FT_TRY(ft_arena_printf(&s->name, c->arena, "%.*s/algo-1-%lld", FT_STR_ARG(jobs[i].name),
                               (long long)(jobs[i].started_us / FT_SECOND_US)));
        if (!ft_str_starts(s->name, head)) continue;
        FT_TRY(ft_subject(&s->key, c->arena, FT_SUBJECT_JOB, jobs[i].name));
        s->created_us = jobs[i].started_us;
        s->is_job = !processing, s->is_own = true;
        (*count)++;
    }
    return FT_OK;
}

/* What an endpoint's program prints: one more of the list, when an endpoint has or had that name. */
static ft_err endpoint_stream(ft_logs_stream *list, size_t *count, ft_aws_call *c, ft_str group,
                              ft_str head) {
    ft_logs_stream s = { .name = FT_STR(FT_CAPTURE_VARIANT "/i-0"), .is_own = true };
    ft_str name;
    FT_TRY(endpoint_since(&s.created_us, c, group));
    if (!s.created_us || !endpoint_of(&name, group) || !ft_str_starts(s.name, head)) return FT_OK;
    FT_TRY(ft_subject(&s.key, c->arena, FT_SUBJECT_ENDPOINT, name));
    list[(*count)++] = s;
    return FT_OK;
}

static ft_err stream_read(ft_logs_stream *s, ft_rows *rows, ft_arena *arena, ft_str group) {
    *s = (ft_logs_stream){ 0 };
    ft_rows_read(rows, "si", &s->name, &s->created_us);
    FT_TRY(ft_arena_str(&s->name, arena, s->name));
    return ft_arena_printf(&s->key, arena, "%.*s:%.*s", FT_STR_ARG(group), FT_STR_ARG(s->name));
}

static ft_err row_streams(ft_logs_stream *list, size_t *count, size_t limit, ft_aws_call *c,
                          ft_str group, ft_str head) {
    ft_rows *rows;
    ft_err err = FT_OK;
    FT_TRY(ft_db_query(&rows, ft_store_db(c->store),
                       "select name, created_us from aws_log_stream where log_group = ?1"
                       " and substr(name, 1, length(?2)) = ?2",
                       "ss", group, head));
    while (err == FT_OK && *count < limit && ft_rows_next(rows))
        err = stream_read(&list[(*count)++], rows, c->arena, group);
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

ft_err ft_logs_streams(ft_logs_stream **out, size_t *count, ft_aws_call *c, ft_str group,
                       ft_str head) {
    ft_logs_stream *jobs = NULL;
    size_t job_count = 0;
    int64_t rows = 0;
    *count = 0;
    if (!head.at) head = FT_STR("");
    bool processing = ft_str_is(group, FT_LOGS_PROCESSING);
    if (processing || ft_str_is(group, FT_LOGS_TRAINING))
        FT_TRY(job_streams(&jobs, &job_count, c, processing, head));
    FT_TRY(ft_db_one(ft_store_db(c->store), NULL,
                     "select count(*) from aws_log_stream where log_group = ?", "s", "i", group,
                     &rows));
    FT_TRY(ft_arena_items(out, c->arena, job_count + (size_t)rows + 2));
    if (job_count) memcpy(*out, jobs, job_count * sizeof *jobs);
    *count = job_count;
    FT_TRY(endpoint_stream(*out, count, c, group, head));
    return row_streams(*out, count, *count + (size_t)rows, c, group, head);
}

ft_err ft_logs_stream_of(ft_logs_stream *out, ft_aws_call *c, ft_str group, ft_str name) {
    ft_logs_stream *list;
    size_t count;
    FT_TRY(ft_logs_streams(&list, &count, c, group, name));
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(list[i].name, name)) {
            *out = list[i];
            return FT_OK;
        }
    return ft_aws_fail(c, 400, "ResourceNotFoundException",
                       "The specified log stream does not exist.");
}

ft_err ft_logs_time(int64_t *out_us, ft_aws_call *c, const char *member, int64_t fallback_us) {
    int64_t ms;
    FT_TRY(ft_aws_int(&ms, c, member, INT64_MIN));
    if (ms == INT64_MIN)
        *out_us = fallback_us;
    else if (ms < 0 || ms > INT64_MAX / 1000)
        return ft_aws_fail(c, 400, "InvalidParameterException", "%s: expected ms since 1970",
                           member);
    else
        *out_us = ms * 1000;
    return FT_OK;
}

/* ---- making */

static ft_err name_check(ft_aws_call *c, const char *member, ft_str name, const char *refused) {
    bool good = name.len > 0 && name.len <= NAME_BYTES_MAX;
    for (size_t i = 0; good && i < name.len; i++)
        good = (unsigned char)name.at[i] > ' ' && !strchr(refused, name.at[i]);
    if (good) return FT_OK;
    return ft_aws_fail(c, 400, "InvalidParameterException",
                       "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                       "constraint: Member must have length between 1 and %d and none of '%s'",
                       FT_STR_ARG(ft_str_slice(name, 0, 256)), member, NAME_BYTES_MAX, refused);
}

static ft_err create_group(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "logGroupName");
    FT_TRY(name_check(c, "logGroupName", name, ":*?<>|\"'\\"));
    ft_err err = is_own(name)
                     ? FT_EEXIST
                     : ft_db_run(ft_store_db(c->store),
                                 "insert into aws_log_group (name, created_us) values (?, ?)", "si",
                                 name, ft_clock_now_us());
    if (err != FT_EEXIST) return err;
    return ft_aws_fail(c, 400, "ResourceAlreadyExistsException",
                       "The specified log group already exists");
}

static ft_err create_stream(ft_aws_call *c) {
    ft_str group, name = ft_aws_str(c, "logStreamName");
    FT_TRY(ft_logs_group(&group, c));
    FT_TRY(name_check(c, "logStreamName", name, ":*"));
    ft_err err =
        ft_db_run(ft_store_db(c->store),
                  "insert into aws_log_stream (log_group, name, created_us) values (?, ?, ?)",
                  "ssi", group, name, ft_clock_now_us());
    if (err != FT_EEXIST) return err;
    return ft_aws_fail(c, 400, "ResourceAlreadyExistsException",
                       "The specified log stream already exists");
}

/* ---- listings */

static ft_err limit_read(int64_t *limit, ft_aws_call *c) {
    FT_TRY(ft_aws_int(limit, c, "limit", STREAMS_PAGE));
    if (*limit < 1 || *limit > STREAMS_PAGE)
        return ft_aws_fail(c, 400, "InvalidParameterException", "limit: %lld is outside [1, %d]",
                           (long long)*limit, STREAMS_PAGE);
    return FT_OK;
}

static void group_put(ft_aws_call *c, ft_str name, int64_t created_us) {
    ft_str arn = { 0 };
    if (ft_arena_printf(&arn, c->arena, "arn:aws:logs:%.*s:%s:log-group:%.*s:*",
                        FT_STR_ARG(c->region), FT_AWS_ACCOUNT, FT_STR_ARG(name)) != FT_OK)
        arn.at = NULL;
    ft_json_out_object(&c->json);
    ft_aws_put(c, "logGroupName", name);
    ft_aws_put_int(c, "creationTime", created_us / 1000);
    ft_aws_put_int(c, "metricFilterCount", 0);
    ft_aws_put(c, "arn", arn);
    ft_aws_put_int(c, "storedBytes", 0);
    ft_json_out_close(&c->json);
}

typedef struct log_group {
    ft_str name;
    int64_t created_us;
} log_group;
typedef struct groups {
    ft_str head, after; /* of the names that are wanted */
    ft_arena *arena;
    log_group *at;
    size_t count, room;
} groups;

static ft_err group_add(groups *g, ft_str name, int64_t created_us) {
    if (!ft_str_starts(name, g->head) || ft_str_cmp(name, g->after) <= 0) return FT_OK;
    FT_TRY(ft_arena_grow(&g->at, &g->room, g->arena, g->count));
    g->at[g->count].created_us = created_us;
    return ft_arena_str(&g->at[g->count++].name, g->arena, name);
}

/* Those that somebody made. */
static ft_err groups_made(groups *g, ft_store *s) {
    ft_rows *rows;
    ft_err err = FT_OK;
    FT_TRY(ft_db_query(&rows, ft_store_db(s), "select name, created_us from aws_log_group", ""));
    while (err == FT_OK && ft_rows_next(rows)) {
        ft_str name;
        int64_t created_us;
        ft_rows_read(rows, "si", &name, &created_us);
        err = group_add(g, name, created_us);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

/* The service's own are there from the start. */
static ft_err groups_own(groups *g, ft_store *s) {
    ft_endpoint_once *endpoints;
    size_t count;
    for (size_t i = 0; i < FT_COUNT(own_groups); i++)
        FT_TRY(group_add(g, ft_str_of(own_groups[i]), 0));
    FT_TRY(ft_endpoint_ever(&endpoints, &count, s, g->arena, FT_STR("")));
    for (size_t i = 0; i < count; i++) {
        ft_str name;
        FT_TRY(ft_arena_printf(&name, g->arena, FT_LOGS_ENDPOINT "%.*s",
                               FT_STR_ARG(endpoints[i].name)));
        FT_TRY(group_add(g, name, endpoints[i].first_us));
    }
    return FT_OK;
}

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const log_group *)a)->name, ((const log_group *)b)->name);
}

static ft_err describe_groups(ft_aws_call *c) {
    groups g = { .head = ft_aws_str(c, "logGroupNamePrefix"),
                 .after = ft_aws_str(c, "nextToken"),
                 .arena = c->arena };
    int64_t limit;
    FT_TRY(limit_read(&limit, c));
    FT_TRY(groups_made(&g, c->store));
    FT_TRY(groups_own(&g, c->store));
    if (g.count) qsort(g.at, g.count, sizeof *g.at, by_name);
    size_t shown = g.count < (size_t)limit ? g.count : (size_t)limit;
    ft_json_out_name(&c->json, "logGroups");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < shown; i++) group_put(c, g.at[i].name, g.at[i].created_us);
    ft_json_out_close(&c->json);
    if (shown < g.count) ft_aws_put(c, "nextToken", g.at[shown - 1].name);
    return FT_OK;
}

/* Times of the first and last event; 0: there is none. */
static ft_err span_of(int64_t *first, int64_t *last, ft_aws_call *c, const ft_logs_stream *s) {
    ft_cursor *cursor;
    ft_record r;
    ft_err err;
    *first = *last = 0;
    FT_TRY(ft_cursor_open(&cursor, c->store, &ft_kind_log,
                          &(ft_cursor_opts){ .key = s->key, .wanted = 1 << FT_LOG_TIME }));
    while ((err = ft_cursor_next(cursor, &r)) == FT_OK) {
        *last = r.values[FT_LOG_TIME].i;
        if (!*first) *first = *last;
    }
    ft_cursor_close(cursor);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

typedef struct listed {
    ft_logs_stream stream;
    int64_t first_us, last_us;
} listed;

typedef struct order {
    bool by_time, descending;
} order;

static int compare(const void *a, const void *b, void *ctx) {
    const listed *x = a, *y = b;
    const order *o = ctx;
    int way = o->by_time ? (x->last_us > y->last_us) - (x->last_us < y->last_us) : 0;
    if (!way) way = ft_str_cmp(x->stream.name, y->stream.name);
    return o->descending ? -way : way;
}

static void stream_put(ft_aws_call *c, ft_str group, const listed *x) {
    ft_str arn = { 0 };
    if (ft_arena_printf(&arn, c->arena, "arn:aws:logs:%.*s:%s:log-group:%.*s:log-stream:%.*s",
                        FT_STR_ARG(c->region), FT_AWS_ACCOUNT, FT_STR_ARG(group),
                        FT_STR_ARG(x->stream.name)) != FT_OK)
        arn.at = NULL;
    ft_json_out_object(&c->json);
    ft_aws_put(c, "logStreamName", x->stream.name);
    ft_aws_put_int(c, "creationTime", x->stream.created_us / 1000);
    if (x->first_us) {
        ft_aws_put_int(c, "firstEventTimestamp", x->first_us / 1000);
        ft_aws_put_int(c, "lastEventTimestamp", x->last_us / 1000);
        ft_aws_put_int(c, "lastIngestionTime", x->last_us / 1000);
    }
    ft_aws_put(c, "uploadSequenceToken", FT_STR("1"));
    ft_aws_put(c, "arn", arn);
    ft_aws_put_int(c, "storedBytes", 0);
    ft_json_out_close(&c->json);
}

static ft_err order_read(order *o, ft_aws_call *c) {
    ft_str by = ft_aws_str(c, "orderBy");
    *o = (order){ .by_time = ft_str_is(by, "LastEventTime") };
    FT_TRY(ft_aws_bool(&o->descending, c, "descending", false));
    if (by.len && !o->by_time && !ft_str_is(by, "LogStreamName"))
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "orderBy: expected LogStreamName or LastEventTime, found '%.*s'",
                           FT_STR_ARG(by));
    if (o->by_time && ft_aws_str(c, "logStreamNamePrefix").len)
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "Cannot order by LastEventTime with a logStreamNamePrefix.");
    return FT_OK;
}

static ft_err describe_streams(ft_aws_call *c) {
    ft_str group, after = ft_aws_str(c, "nextToken");
    ft_logs_stream *streams;
    listed *list;
    size_t count, begin = 0;
    int64_t limit;
    order o;
    FT_TRY(ft_logs_group(&group, c));
    FT_TRY(limit_read(&limit, c));
    FT_TRY(order_read(&o, c));
    FT_TRY(ft_logs_streams(&streams, &count, c, group, ft_aws_str(c, "logStreamNamePrefix")));
    FT_TRY(ft_arena_items(&list, c->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        list[i].stream = streams[i];
        if (o.by_time) FT_TRY(span_of(&list[i].first_us, &list[i].last_us, c, &streams[i]));
    }
    qsort_r(list, count, sizeof *list, compare, &o);
    if (after.len) {
        while (begin < count && !ft_str_eq(list[begin].stream.name, after)) begin++;
        if (begin == count)
            return ft_aws_fail(c, 400, "InvalidParameterException",
                               "The specified nextToken is invalid.");
        begin++;
    }
    size_t end = count - begin < (size_t)limit ? count : begin + (size_t)limit;
    ft_json_out_name(&c->json, "logStreams");
    ft_json_out_array(&c->json);
    for (size_t i = begin; i < end; i++) {
        if (!o.by_time) FT_TRY(span_of(&list[i].first_us, &list[i].last_us, c, &list[i].stream));
        stream_put(c, group, &list[i]);
    }
    ft_json_out_close(&c->json);
    if (end < count) ft_aws_put(c, "nextToken", list[end - 1].stream.name);
    return FT_OK;
}

static const ft_aws_op ops[] = {
    { .name = "DescribeLogGroups", .run = describe_groups },
    { .name = "DescribeLogStreams", .run = describe_streams },
    { .name = "CreateLogGroup", .run = create_group },
    { .name = "CreateLogStream", .run = create_stream },
    { .name = "GetLogEvents", .run = ft_logs_get },
    { .name = "FilterLogEvents", .run = ft_logs_filter },
    { .name = "PutLogEvents", .run = ft_logs_put },
    { 0 },
};

const ft_aws_service ft_aws_logs = { .name = "logs",
                                     .title = "CloudWatch Logs",
                                     .target = "Logs_20140328",
                                     .protocol = FT_AWS_JSON_1_1,
                                     .xmlns = "",
                                     .version = "2014-03-28",
                                     .ops = ops,
                                     .prepare = prepare };
