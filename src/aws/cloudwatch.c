/* cloudwatch.c -- CloudWatch metrics: put and list, in the query protocol and in JSON; what is read
 * back is in cloudwatch_read.c. */
#include "aws/cloudwatch_in.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/resource.h"
#include "aws/services_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/number.h"
#include "serve/worker.h"
#include "store/objects.h"
#include "streams/format.h"

#define METRIC     "metric" /* a resource a metric; name: "<namespace>\x1f<name>\x1f<dimensions>" */
#define SEPARATOR  "\x1f"
#define DATA_MAX   1000 /* of one PutMetricData */
#define VALUES_MAX 150  /* of one datum */
#define LIST_PAGE  500
#define LIST_MAX   100000
#define OLD_US     (14 * 24 * 3600 * FT_SECOND_US)
#define NEW_US     (2 * 3600 * FT_SECOND_US)
#define SPACE_MAX  255
#define WRITERS    8 /* namespaces that a thread keeps open */

static const ft_column columns[] = {
    { "time_us", FT_VALUE_INT, "of the value, µs since 1970" },
    { "name", FT_VALUE_TEXT, "metric" },
    { "dimensions", FT_VALUE_TEXT, "JSON object, names in byte order" },
    { "value", FT_VALUE_F64, "the value, or the sum of the samples" },
    { "samples", FT_VALUE_F64, "how many values it stands for" },
    { "min", FT_VALUE_F64, "smallest of them" },
    { "max", FT_VALUE_F64, "largest of them" },
    { "unit", FT_VALUE_TEXT, "CloudWatch's word, None when not told" },
    { NULL, FT_VALUE_NULL, NULL },
};

const ft_stream_kind ft_kind_cloudwatch = {
    .name = "cloudwatch",
    .key = "namespace",
    .doc = "metrics put by CloudWatch's calls",
    .columns = columns,
    .order_column = FT_CLOUDWATCH_TIME,
    .format = &ft_format_jsonl,
};

bool ft_cw_is_query(const ft_aws_call *c) { return c->service->protocol == FT_AWS_QUERY; }

ft_err ft_cw_bad_value(ft_aws_call *c, const char *member, const char *why) {
    return ft_aws_fail(
        c, 400, ft_cw_is_query(c) ? "InvalidParameterValue" : "InvalidParameterValueException",
        "The parameter %s: %s", member, why);
}

ft_err ft_cw_missing(ft_aws_call *c, const char *member) {
    return ft_aws_fail(c, 400,
                       ft_cw_is_query(c) ? "MissingParameter" : "MissingRequiredParameterException",
                       "The parameter %s is required.", member);
}

/* ---- members */

/* "MetricData.3" + "Value". */
ft_str ft_cw_text_at(ft_aws_call *c, ft_str path, const char *member) {
    ft_str full;
    if (ft_arena_printf(&full, c->arena, "%.*s%s%s", FT_STR_ARG(path), path.len ? "." : "",
                        member) != FT_OK)
        return (ft_str){ 0 };
    return ft_aws_str(c, full.at);
}

ft_err ft_cw_number_at(double *out, bool *there, ft_aws_call *c, ft_str path, const char *member) {
    ft_str text = ft_cw_text_at(c, path, member);
    *there = text.len > 0;
    *out = 0;
    if (*there && (!ft_str_f64(out, text) || !isfinite(*out)))
        return ft_cw_bad_value(c, member, "expected a finite number");
    return FT_OK;
}

/* Epoch seconds (JSON) or ISO 8601 (query); 0 when absent. */
ft_err ft_cw_time_at(int64_t *out_us, ft_aws_call *c, ft_str path, const char *member) {
    double seconds;
    ft_str text = ft_cw_text_at(c, path, member);
    *out_us = 0;
    if (!text.len) return FT_OK;
    if (ft_str_f64(&seconds, text)) {
        if (!(fabs(seconds) < 1e11)) return ft_cw_bad_value(c, member, "expected a time");
        *out_us = (int64_t)(seconds * 1e6);
        return FT_OK;
    }
    return ft_time_parse(out_us, text) == FT_OK ? FT_OK
                                                : ft_cw_bad_value(c, member, "expected a time");
}

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const ft_cw_dimension *)a)->name, ((const ft_cw_dimension *)b)->name);
}

ft_err ft_cw_dimensions_read(ft_cw_dimension list[FT_CW_DIMENSIONS_MAX], size_t *count,
                             ft_aws_call *c, ft_str path) {
    ft_str full;
    FT_TRY(ft_arena_printf(&full, c->arena, "%.*s%sDimensions", FT_STR_ARG(path),
                           path.len ? "." : ""));
    *count = ft_aws_count(c, full.at);
    if (*count > FT_CW_DIMENSIONS_MAX) return ft_cw_bad_value(c, "Dimensions", "at most 30");
    for (size_t i = 0; i < *count; i++) {
        ft_str item;
        FT_TRY(ft_arena_printf(&item, c->arena, "%.*s.%zu", FT_STR_ARG(full), i));
        list[i].name = ft_cw_text_at(c, item, "Name");
        list[i].value = ft_cw_text_at(c, item, "Value");
        if (!list[i].name.len) return ft_cw_missing(c, "Dimensions.Name");
    }
    qsort(list, *count, sizeof *list, by_name);
    return FT_OK;
}

/* {"Host":"a"} in the arena. */
static ft_err dimensions_text(ft_str *out, ft_aws_call *c, const ft_cw_dimension *list,
                              size_t count) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_name_str(&w, list[i].name);
        ft_json_out_str(&w, list[i].value);
    }
    ft_json_out_close(&w);
    ft_err err = buf.err ? buf.err : ft_arena_str(out, c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_cw_dimensions_at(ft_str *out, ft_aws_call *c, ft_str path) {
    ft_cw_dimension list[FT_CW_DIMENSIONS_MAX];
    size_t count;
    FT_TRY(ft_cw_dimensions_read(list, &count, c, path));
    return dimensions_text(out, c, list, count);
}

static const char units[] =
    "|Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|"
    "Kilobits|"
    "Megabits|Gigabits|Terabits|Percent|Count|Bytes/Second|Kilobytes/Second|Megabytes/Second|"
    "Gigabytes/Second|Terabytes/Second|Bits/Second|Kilobits/Second|Megabits/Second|Gigabits/Second|"
    "Terabits/Second|Count/Second|None|";

ft_err ft_cw_unit_at(ft_str *out, ft_aws_call *c, ft_str path, const char *otherwise) {
    ft_str word;
    *out = ft_cw_text_at(c, path, "Unit");
    if (!out->len) *out = ft_str_of(otherwise);
    if (!out->at) return FT_OK;
    FT_TRY(ft_arena_printf(&word, c->arena, "|%.*s|", FT_STR_ARG(*out)));
    return strstr(units, word.at) ? FT_OK
                                  : ft_cw_bad_value(c, "Unit", "is not one of CloudWatch's");
}

/* ---- writers, kept open by each thread */

typedef struct kept {
    struct {
        char space[256];
        ft_stream_writer *writer;
    } at[WRITERS];
    size_t next; /* whose turn it is to be closed */
} kept;

static void writer_close(ft_stream_writer *w) {
    if (ft_stream_close(w) != FT_OK) ft_err_clear(); /* what was appended is in its file */
}

static void kept_tick(void *state) {
    kept *k = state;
    for (size_t i = 0; i < WRITERS; i++)
        if (k->at[i].writer && ft_stream_tick(k->at[i].writer) != FT_OK) ft_err_clear();
}

static void kept_free(void *state) {
    kept *k = state;
    for (size_t i = 0; i < WRITERS; i++) writer_close(k->at[i].writer);
    free(k);
}

static ft_err writer_for(ft_stream_writer **out, ft_aws_call *c, ft_str space) {
    ft_worker *w = c->req->thread;
    kept *k = w->guest.state;
    if (!k) {
        k = ft_fault_here() ? NULL : calloc(1, sizeof *k);
        if (!k) return FT_FAIL(FT_ENOMEM, "no memory for metrics");
        w->guest.state = k;
        w->guest.tick = kept_tick;
        w->guest.free = kept_free;
    }
    for (size_t i = 0; i < WRITERS; i++)
        if (k->at[i].writer && ft_str_is(space, k->at[i].space)) {
            *out = k->at[i].writer;
            return FT_OK;
        }
    size_t i = k->next++ % WRITERS;
    writer_close(k->at[i].writer);
    k->at[i].writer = NULL;
    FT_TRY(ft_stream_write(&k->at[i].writer, c->store, &ft_kind_cloudwatch, space, NULL));
    memcpy(k->at[i].space, space.at, space.len);
    k->at[i].space[space.len] = '\0';
    *out = k->at[i].writer;
    return FT_OK;
}

/* ---- PutMetricData */

typedef ft_cloudwatch_datum datum;

static ft_err append(ft_stream_writer *w, const datum *d) {
    ft_value values[FT_CLOUDWATCH_COLUMNS] = {
        [FT_CLOUDWATCH_TIME] = ft_value_int(d->time_us),
        [FT_CLOUDWATCH_NAME] = ft_value_text(d->name),
        [FT_CLOUDWATCH_DIMENSIONS] = ft_value_text(d->dimensions),
        [FT_CLOUDWATCH_VALUE] = ft_value_f64(d->value),
        [FT_CLOUDWATCH_SAMPLES] = ft_value_f64(d->samples),
        [FT_CLOUDWATCH_MIN] = ft_value_f64(d->min),
        [FT_CLOUDWATCH_MAX] = ft_value_f64(d->max),
        [FT_CLOUDWATCH_UNIT] = ft_value_text(d->unit),
    };
    return ft_stream_append(w, values);
}

static ft_err datum_read(datum *d, ft_aws_call *c, ft_str path, int64_t now_us) {
    *d = (datum){ .name = ft_cw_text_at(c, path, "MetricName"), .samples = 1 };
    if (!d->name.len) return ft_cw_missing(c, "MetricData.member.MetricName");
    if (d->name.len > 255) return ft_cw_bad_value(c, "MetricName", "at most 255 characters");
    FT_TRY(ft_cw_dimensions_at(&d->dimensions, c, path));
    FT_TRY(ft_cw_unit_at(&d->unit, c, path, "None"));
    FT_TRY(ft_cw_time_at(&d->time_us, c, path, "Timestamp"));
    if (!d->time_us) d->time_us = now_us;
    if (d->time_us < now_us - OLD_US || d->time_us > now_us + NEW_US)
        return ft_cw_bad_value(c, "Timestamp",
                               "expected a time within the last two weeks and the next two hours");
    return FT_OK;
}

/* What one PutMetricData brings, read once and in the call's arena. */
typedef struct records {
    datum *at;
    size_t count, room;
} records;

static ft_err records_add(records *r, ft_arena *arena, const datum *d) {
    FT_TRY(ft_arena_grow(&r->at, &r->room, arena, r->count));
    r->at[r->count++] = *d;
    return FT_OK;
}

static ft_err statistics_read(bool *there, datum *d, ft_aws_call *c, ft_str path) {
    bool has[4];
    FT_TRY(ft_cw_number_at(&d->samples, &has[0], c, path, "StatisticValues.SampleCount"));
    FT_TRY(ft_cw_number_at(&d->value, &has[1], c, path, "StatisticValues.Sum"));
    FT_TRY(ft_cw_number_at(&d->min, &has[2], c, path, "StatisticValues.Minimum"));
    FT_TRY(ft_cw_number_at(&d->max, &has[3], c, path, "StatisticValues.Maximum"));
    *there = has[0] || has[1] || has[2] || has[3];
    if (*there && !(has[0] && has[1] && has[2] && has[3]))
        return ft_cw_missing(c, "StatisticValues");
    return *there && d->samples <= 0 ? ft_cw_bad_value(c, "SampleCount", "expected more than 0")
                                     : FT_OK;
}

/* One datum is a set of values, one value, or values with how often each came. */
static ft_err datum_values(records *r, datum *d, ft_aws_call *c, ft_str path) {
    ft_str values;
    bool there;
    FT_TRY(statistics_read(&there, d, c, path));
    if (there) return records_add(r, c->arena, d);
    FT_TRY(ft_cw_number_at(&d->value, &there, c, path, "Value"));
    d->samples = 1, d->min = d->max = d->value;
    if (there) return records_add(r, c->arena, d);
    FT_TRY(ft_arena_printf(&values, c->arena, "%.*s.Values", FT_STR_ARG(path)));
    size_t count = ft_aws_count(c, values.at);
    if (!count) return ft_cw_missing(c, "MetricData.member.Value");
    if (count > VALUES_MAX) return ft_cw_bad_value(c, "Values", "at most 150");
    for (size_t i = 0; i < count; i++) {
        ft_str value, times;
        double one, samples;
        FT_TRY(ft_arena_printf(&value, c->arena, "Values.%zu", i));
        FT_TRY(ft_arena_printf(&times, c->arena, "Counts.%zu", i));
        FT_TRY(ft_cw_number_at(&one, &there, c, path, value.at));
        FT_TRY(ft_cw_number_at(&samples, &there, c, path, times.at));
        d->samples = there ? samples : 1;
        d->value = one * d->samples, d->min = d->max = one;
        FT_TRY(records_add(r, c->arena, d));
    }
    return FT_OK;
}

/* ListMetrics tells what was ever put. */
static ft_err remember(ft_store *s, ft_arena *arena, ft_str space, const datum *d) {
    ft_str name;
    FT_TRY(ft_arena_printf(&name, arena, "%.*s" SEPARATOR "%.*s" SEPARATOR "%.*s",
                           FT_STR_ARG(space), FT_STR_ARG(d->name), FT_STR_ARG(d->dimensions)));
    ft_err err = ft_aws_resource_add(s, METRIC, name, d->dimensions, d->name);
    return err == FT_EEXIST ? FT_OK : err;
}

ft_err ft_cloudwatch_append(ft_stream_writer *w, ft_store *s, ft_arena *arena, ft_str space,
                            const ft_cloudwatch_datum *d) {
    FT_TRY(append(w, d));
    return remember(s, arena, space, d);
}

static ft_err data_read(records *r, ft_aws_call *c, size_t count) {
    int64_t now_us = ft_clock_now_us();
    for (size_t i = 0; i < count; i++) {
        datum d;
        ft_str path;
        FT_TRY(ft_arena_printf(&path, c->arena, "MetricData.%zu", i));
        FT_TRY(datum_read(&d, c, path, now_us));
        FT_TRY(datum_values(r, &d, c, path));
    }
    return FT_OK;
}

/* Records of one datum stand together and share their names' memory. */
static ft_err data_remember(ft_aws_call *c, ft_str space, const records *r) {
    ft_db *db = ft_store_db(c->store);
    ft_err err = FT_OK;
    FT_TRY(ft_db_begin(db));
    for (size_t i = 0; i < r->count && err == FT_OK; i++)
        if (i == 0 || r->at[i].name.at != r->at[i - 1].name.at)
            err = remember(c->store, c->arena, space, &r->at[i]);
    if (err != FT_OK) {
        ft_db_rollback(db);
        return err;
    }
    return ft_db_commit(db);
}

/* Nothing is appended inside a transaction: the row of a segment that the writer begins would go
 * with a rollback, and the writer would go on in a file that no reader finds. */
static ft_err data_append(ft_aws_call *c, ft_str space, const records *r) {
    ft_stream_writer *w = NULL;
    FT_TRY(writer_for(&w, c, space));
    for (size_t i = 0; i < r->count; i++) FT_TRY(append(w, &r->at[i]));
    return FT_OK;
}

static ft_err put_metric_data(ft_aws_call *c) {
    ft_str space = ft_aws_str(c, "Namespace");
    size_t count = ft_aws_count(c, "MetricData");
    records r = { 0 };
    if (!space.len) return ft_cw_missing(c, "Namespace");
    if (space.len > SPACE_MAX) return ft_cw_bad_value(c, "Namespace", "at most 255 characters");
    if (!count) return ft_cw_missing(c, "MetricData");
    if (count > DATA_MAX) return ft_cw_bad_value(c, "MetricData", "at most 1000");
    FT_TRY(data_read(&r, c, count)); /* all is checked before anything is written */
    FT_TRY(data_remember(c, space, &r));
    return data_append(c, space, &r);
}

/* ---- answers in both protocols */

void ft_cw_open_list(ft_aws_call *c, const char *name) {
    if (ft_cw_is_query(c)) {
        ft_xml_open(&c->xml, name);
    } else {
        ft_json_out_name(&c->json, name);
        ft_json_out_array(&c->json);
    }
}

void ft_cw_open_item(ft_aws_call *c) {
    if (ft_cw_is_query(c))
        ft_xml_open(&c->xml, "member");
    else
        ft_json_out_object(&c->json);
}

void ft_cw_close_one(ft_aws_call *c) {
    if (ft_cw_is_query(c))
        ft_xml_close(&c->xml);
    else
        ft_json_out_close(&c->json);
}

void ft_cw_put_text(ft_aws_call *c, const char *name, ft_str value) {
    if (ft_cw_is_query(c))
        ft_xml_text(&c->xml, name, value);
    else
        ft_aws_put(c, name, value);
}

void ft_cw_put_number(ft_aws_call *c, const char *name, double value) {
    char text[32];
    ft_f64_text(text, value);
    if (ft_cw_is_query(c))
        ft_xml_text(&c->xml, name, ft_str_of(text));
    else
        ft_aws_put_raw(c, name, ft_str_of(text));
}

void ft_cw_put_time(ft_aws_call *c, const char *name, int64_t us) {
    char text[FT_TIME_TEXT];
    if (ft_cw_is_query(c))
        ft_xml_text(&c->xml, name, ft_str_of(ft_time_iso(text, us, false)));
    else
        ft_aws_put_time(c, name, us);
}

static ft_err put_dimensions(ft_aws_call *c, ft_str dimensions) {
    ft_json j;
    ft_str name, value;
    ft_cw_open_list(c, "Dimensions");
    ft_json_init(&j, dimensions, c->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        ft_cw_open_item(c);
        ft_cw_put_text(c, "Name", name);
        ft_cw_put_text(c, "Value", value);
        ft_cw_close_one(c);
    }
    ft_cw_close_one(c);
    return ft_json_end(&j);
}

/* ---- ListMetrics */

/* Has it each dimension that was asked for, with its value where one was given? */
static bool dimensions_fit(ft_aws_call *c, ft_str have, const ft_cw_dimension *asked,
                           size_t count) {
    for (size_t i = 0; i < count; i++) {
        ft_json j;
        ft_str name, value;
        bool found = false;
        ft_json_init(&j, have, c->arena, NULL);
        if (ft_json_enter_object(&j) != FT_OK) return false;
        while (ft_json_next_member(&j, &name))
            if (ft_json_string(&j, &value) == FT_OK && ft_str_eq(name, asked[i].name) &&
                (!asked[i].value.at || ft_str_eq(value, asked[i].value)))
                found = true;
        if (!found) return false;
    }
    return true;
}

static ft_err list_metrics(ft_aws_call *c) {
    ft_aws_resource *all;
    ft_cw_dimension asked[FT_CW_DIMENSIONS_MAX];
    size_t count, asked_count, shown = 0, i = 0;
    ft_str space = ft_aws_str(c, "Namespace"), metric = ft_aws_str(c, "MetricName"),
           head = FT_STR(""), last = { 0 };
    FT_TRY(ft_cw_dimensions_read(asked, &asked_count, c, FT_STR("")));
    if (space.len) FT_TRY(ft_arena_printf(&head, c->arena, "%.*s" SEPARATOR, FT_STR_ARG(space)));
    FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, METRIC, head,
                                ft_aws_str(c, "NextToken"), LIST_MAX));
    ft_cw_open_list(c, "Metrics");
    for (; i < count && shown < LIST_PAGE; i++) {
        if ((metric.len && !ft_str_eq(metric, all[i].note)) ||
            !dimensions_fit(c, all[i].json, asked, asked_count))
            continue;
        ft_str rest = all[i].name;
        ft_cw_open_item(c);
        ft_cw_put_text(c, "Namespace", ft_str_cut(&rest, SEPARATOR[0]));
        ft_cw_put_text(c, "MetricName", all[i].note);
        FT_TRY(put_dimensions(c, all[i].json));
        ft_cw_close_one(c);
        last = all[i].name;
        shown++;
    }
    ft_cw_close_one(c);
    if (i < count) ft_cw_put_text(c, "NextToken", last);
    return FT_OK;
}

static const ft_aws_op ops[] = {
    { .name = "PutMetricData", .run = put_metric_data },
    { .name = "ListMetrics", .run = list_metrics },
    { .name = "GetMetricStatistics",
      .required = "Namespace|MetricName|StartTime|EndTime|Period",
      .run = ft_cw_get_statistics },
    { .name = "GetMetricData",
      .required = "MetricDataQueries|StartTime|EndTime",
      .run = ft_cw_get_data },
    { 0 },
};

#define NAMESPACE "http://monitoring.amazonaws.com/doc/2010-08-01/"

const ft_aws_service ft_aws_cloudwatch = { .name = "monitoring",
                                           .title = "CloudWatch",
                                           .protocol = FT_AWS_QUERY,
                                           .version = "2010-08-01",
                                           .xmlns = NAMESPACE,
                                           .ops = ops };

/* What newer clients speak. */
const ft_aws_service ft_aws_cloudwatch_json = { .name = "monitoring",
                                                .title = "CloudWatch",
                                                .target = "GraniteServiceVersion20100801",
                                                .protocol = FT_AWS_JSON_1_0,
                                                .version = "2010-08-01",
                                                .xmlns = "",
                                                .ops = ops };
