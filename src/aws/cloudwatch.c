/* cloudwatch.c -- CloudWatch metrics: put, list, statistics; in the query protocol and in JSON. */
#include "aws/cloudwatch.h"

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

#define METRIC         "metric" /* a resource a metric; name: "<namespace>\x1f<name>\x1f<dimensions>" */
#define SEPARATOR      "\x1f"
#define DATA_MAX       1000 /* of one PutMetricData */
#define VALUES_MAX     150  /* of one datum */
#define DIMENSIONS_MAX 30
#define LIST_PAGE      500
#define LIST_MAX       100000
#define POINTS_MAX     1440
#define QUERIES_MAX    500
#define OLD_US         (14 * 24 * 3600 * FT_SECOND_US)
#define NEW_US         (2 * 3600 * FT_SECOND_US)
#define SPACE_MAX      255
#define WRITERS        8 /* namespaces that a thread keeps open */

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

static bool is_query(const ft_aws_call *c) { return c->service->protocol == FT_AWS_QUERY; }

static ft_err bad_value(ft_aws_call *c, const char *member, const char *why) {
    return ft_aws_fail(c, 400,
                       is_query(c) ? "InvalidParameterValue" : "InvalidParameterValueException",
                       "The parameter %s: %s", member, why);
}

static ft_err missing(ft_aws_call *c, const char *member) {
    return ft_aws_fail(c, 400,
                       is_query(c) ? "MissingParameter" : "MissingRequiredParameterException",
                       "The parameter %s is required.", member);
}

/* ---- members */

/* "MetricData.3" + "Value". */
static ft_str text_at(ft_aws_call *c, ft_str path, const char *member) {
    ft_str full;
    if (ft_arena_printf(&full, c->arena, "%.*s%s%s", FT_STR_ARG(path), path.len ? "." : "",
                        member) != FT_OK)
        return (ft_str){ 0 };
    return ft_aws_str(c, full.at);
}

static ft_err number_at(double *out, bool *there, ft_aws_call *c, ft_str path, const char *member) {
    ft_str text = text_at(c, path, member);
    *there = text.len > 0;
    *out = 0;
    if (*there && (!ft_str_f64(out, text) || !isfinite(*out)))
        return bad_value(c, member, "expected a finite number");
    return FT_OK;
}

/* Epoch seconds (JSON) or ISO 8601 (query); 0 when absent. */
static ft_err time_at(int64_t *out_us, ft_aws_call *c, ft_str path, const char *member) {
    double seconds;
    ft_str text = text_at(c, path, member);
    *out_us = 0;
    if (!text.len) return FT_OK;
    if (ft_str_f64(&seconds, text)) {
        if (!(fabs(seconds) < 1e11)) return bad_value(c, member, "expected a time");
        *out_us = (int64_t)(seconds * 1e6);
        return FT_OK;
    }
    return ft_time_parse(out_us, text) == FT_OK ? FT_OK : bad_value(c, member, "expected a time");
}

typedef struct dimension {
    ft_str name, value;
} dimension;

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const dimension *)a)->name, ((const dimension *)b)->name);
}

static ft_err dimensions_read(dimension list[DIMENSIONS_MAX], size_t *count, ft_aws_call *c,
                              ft_str path) {
    ft_str full;
    FT_TRY(ft_arena_printf(&full, c->arena, "%.*s%sDimensions", FT_STR_ARG(path),
                           path.len ? "." : ""));
    *count = ft_aws_count(c, full.at);
    if (*count > DIMENSIONS_MAX) return bad_value(c, "Dimensions", "at most 30");
    for (size_t i = 0; i < *count; i++) {
        ft_str item;
        FT_TRY(ft_arena_printf(&item, c->arena, "%.*s.%zu", FT_STR_ARG(full), i));
        list[i].name = text_at(c, item, "Name");
        list[i].value = text_at(c, item, "Value");
        if (!list[i].name.len) return missing(c, "Dimensions.Name");
    }
    qsort(list, *count, sizeof *list, by_name);
    return FT_OK;
}

/* {"Host":"a"} in the arena. */
static ft_err dimensions_text(ft_str *out, ft_aws_call *c, const dimension *list, size_t count) {
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

static ft_err dimensions_at(ft_str *out, ft_aws_call *c, ft_str path) {
    dimension list[DIMENSIONS_MAX];
    size_t count;
    FT_TRY(dimensions_read(list, &count, c, path));
    return dimensions_text(out, c, list, count);
}

static const char units[] =
    "|Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|"
    "Kilobits|"
    "Megabits|Gigabits|Terabits|Percent|Count|Bytes/Second|Kilobytes/Second|Megabytes/Second|"
    "Gigabytes/Second|Terabytes/Second|Bits/Second|Kilobits/Second|Megabits/Second|Gigabits/Second|"
    "Terabits/Second|Count/Second|None|";

static ft_err unit_at(ft_str *out, ft_aws_call *c, ft_str path, const char *otherwise) {
    ft_str word;
    *out = text_at(c, path, "Unit");
    if (!out->len) *out = ft_str_of(otherwise);
    if (!out->at) return FT_OK;
    FT_TRY(ft_arena_printf(&word, c->arena, "|%.*s|", FT_STR_ARG(*out)));
    return strstr(units, word.at) ? FT_OK : bad_value(c, "Unit", "is not one of CloudWatch's");
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

/* Segments lie in a folder that any namespace can name: "/aws/sagemaker/TrainingJobs" begins with a
 * slash. */
ft_err ft_cloudwatch_open(ft_stream_writer **out, ft_store *s, ft_str space) {
    char uri[64 + 3 * SPACE_MAX];
    size_t n = (size_t)snprintf(uri, sizeof uri, "s3://" FT_BUCKET_DEFAULT "/cloudwatch/");
    for (size_t i = 0; i < space.len && i < SPACE_MAX; i++) {
        unsigned char ch = (unsigned char)space.at[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || ch == '-' || ch == '_';
        n += (size_t)snprintf(uri + n, sizeof uri - n, plain ? "%c" : "=%02x", ch);
    }
    return ft_stream_write(out, s, &ft_kind_cloudwatch, space, &(ft_stream_opts){ .uri = uri });
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
    FT_TRY(ft_cloudwatch_open(&k->at[i].writer, c->store, space));
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

static ft_err datum_read(datum *d, ft_aws_call *c, ft_str path) {
    int64_t now_us = ft_clock_now_us();
    *d = (datum){ .name = text_at(c, path, "MetricName"), .samples = 1 };
    if (!d->name.len) return missing(c, "MetricData.member.MetricName");
    if (d->name.len > 255) return bad_value(c, "MetricName", "at most 255 characters");
    FT_TRY(dimensions_at(&d->dimensions, c, path));
    FT_TRY(unit_at(&d->unit, c, path, "None"));
    FT_TRY(time_at(&d->time_us, c, path, "Timestamp"));
    if (!d->time_us) d->time_us = now_us;
    if (d->time_us < now_us - OLD_US || d->time_us > now_us + NEW_US)
        return bad_value(c, "Timestamp",
                         "expected a time within the last two weeks and the next two hours");
    return FT_OK;
}

static ft_err statistics_read(bool *there, datum *d, ft_aws_call *c, ft_str path) {
    bool has[4];
    FT_TRY(number_at(&d->samples, &has[0], c, path, "StatisticValues.SampleCount"));
    FT_TRY(number_at(&d->value, &has[1], c, path, "StatisticValues.Sum"));
    FT_TRY(number_at(&d->min, &has[2], c, path, "StatisticValues.Minimum"));
    FT_TRY(number_at(&d->max, &has[3], c, path, "StatisticValues.Maximum"));
    *there = has[0] || has[1] || has[2] || has[3];
    if (*there && !(has[0] && has[1] && has[2] && has[3])) return missing(c, "StatisticValues");
    return *there && d->samples <= 0 ? bad_value(c, "SampleCount", "expected more than 0") : FT_OK;
}

/* One datum's values; with `w` NULL they are only checked. */
static ft_err datum_values(ft_stream_writer *w, datum *d, ft_aws_call *c, ft_str path) {
    ft_str values;
    bool there;
    FT_TRY(statistics_read(&there, d, c, path));
    if (there) return w ? append(w, d) : FT_OK;
    FT_TRY(number_at(&d->value, &there, c, path, "Value"));
    d->samples = 1, d->min = d->max = d->value;
    if (there) return w ? append(w, d) : FT_OK;
    FT_TRY(ft_arena_printf(&values, c->arena, "%.*s.Values", FT_STR_ARG(path)));
    size_t count = ft_aws_count(c, values.at);
    if (!count) return missing(c, "MetricData.member.Value");
    if (count > VALUES_MAX) return bad_value(c, "Values", "at most 150");
    for (size_t i = 0; i < count; i++) {
        ft_str value, times;
        double one, samples;
        FT_TRY(ft_arena_printf(&value, c->arena, "Values.%zu", i));
        FT_TRY(ft_arena_printf(&times, c->arena, "Counts.%zu", i));
        FT_TRY(number_at(&one, &there, c, path, value.at));
        FT_TRY(number_at(&samples, &there, c, path, times.at));
        d->samples = there ? samples : 1;
        d->value = one * d->samples, d->min = d->max = one;
        if (w) FT_TRY(append(w, d));
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

/* All is checked before anything is written. */
static ft_err data_put(ft_aws_call *c, ft_str space, size_t count, bool write) {
    ft_stream_writer *w = NULL;
    if (write) FT_TRY(writer_for(&w, c, space));
    for (size_t i = 0; i < count; i++) {
        datum d;
        ft_str path;
        FT_TRY(ft_arena_printf(&path, c->arena, "MetricData.%zu", i));
        FT_TRY(datum_read(&d, c, path));
        FT_TRY(datum_values(w, &d, c, path));
        if (write) FT_TRY(remember(c->store, c->arena, space, &d));
    }
    return FT_OK;
}

static ft_err put_metric_data(ft_aws_call *c) {
    ft_str space = ft_aws_str(c, "Namespace");
    size_t count = ft_aws_count(c, "MetricData");
    if (!space.len) return missing(c, "Namespace");
    if (space.len > SPACE_MAX) return bad_value(c, "Namespace", "at most 255 characters");
    if (!count) return missing(c, "MetricData");
    if (count > DATA_MAX) return bad_value(c, "MetricData", "at most 1000");
    FT_TRY(data_put(c, space, count, false));
    FT_TRY(ft_db_begin(ft_store_db(c->store)));
    ft_err err = data_put(c, space, count, true);
    if (err) {
        ft_db_rollback(ft_store_db(c->store));
        return err;
    }
    return ft_db_commit(ft_store_db(c->store));
}

/* ---- answers in both protocols */

static void open_list(ft_aws_call *c, const char *name) {
    if (is_query(c)) {
        ft_xml_open(&c->xml, name);
    } else {
        ft_json_out_name(&c->json, name);
        ft_json_out_array(&c->json);
    }
}

static void open_item(ft_aws_call *c) {
    if (is_query(c))
        ft_xml_open(&c->xml, "member");
    else
        ft_json_out_object(&c->json);
}

static void close_one(ft_aws_call *c) {
    if (is_query(c))
        ft_xml_close(&c->xml);
    else
        ft_json_out_close(&c->json);
}

static void put_text(ft_aws_call *c, const char *name, ft_str value) {
    if (is_query(c))
        ft_xml_text(&c->xml, name, value);
    else
        ft_aws_put(c, name, value);
}

static void put_number(ft_aws_call *c, const char *name, double value) {
    char text[32];
    ft_f64_text(text, value);
    if (is_query(c))
        ft_xml_text(&c->xml, name, ft_str_of(text));
    else
        ft_aws_put_raw(c, name, ft_str_of(text));
}

static void put_time(ft_aws_call *c, const char *name, int64_t us) {
    char text[FT_TIME_TEXT];
    if (is_query(c))
        ft_xml_text(&c->xml, name, ft_str_of(ft_time_iso(text, us, false)));
    else
        ft_aws_put_time(c, name, us);
}

static ft_err put_dimensions(ft_aws_call *c, ft_str dimensions) {
    ft_json j;
    ft_str name, value;
    open_list(c, "Dimensions");
    ft_json_init(&j, dimensions, c->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        open_item(c);
        put_text(c, "Name", name);
        put_text(c, "Value", value);
        close_one(c);
    }
    close_one(c);
    return ft_json_end(&j);
}

/* ---- ListMetrics */

/* Has it each dimension that was asked for, with its value where one was given? */
static bool dimensions_fit(ft_aws_call *c, ft_str have, const dimension *asked, size_t count) {
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
    dimension asked[DIMENSIONS_MAX];
    size_t count, asked_count, shown = 0, i = 0;
    ft_str space = ft_aws_str(c, "Namespace"), metric = ft_aws_str(c, "MetricName"),
           head = FT_STR(""), last = { 0 };
    FT_TRY(dimensions_read(asked, &asked_count, c, FT_STR("")));
    if (space.len) FT_TRY(ft_arena_printf(&head, c->arena, "%.*s" SEPARATOR, FT_STR_ARG(space)));
    FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, METRIC, head,
                                ft_aws_str(c, "NextToken"), LIST_MAX));
    open_list(c, "Metrics");
    for (; i < count && shown < LIST_PAGE; i++) {
        if ((metric.len && !ft_str_eq(metric, all[i].note)) ||
            !dimensions_fit(c, all[i].json, asked, asked_count))
            continue;
        ft_str rest = all[i].name;
        open_item(c);
        put_text(c, "Namespace", ft_str_cut(&rest, SEPARATOR[0]));
        put_text(c, "MetricName", all[i].note);
        FT_TRY(put_dimensions(c, all[i].json));
        close_one(c);
        last = all[i].name;
        shown++;
    }
    close_one(c);
    if (i < count) put_text(c, "NextToken", last);
    return FT_OK;
}

/* ---- GetMetricStatistics */

typedef struct point {
    int64_t time_us;
    ft_str unit;
    double samples, sum, min, max;
} point;

static ft_err point_add(point *points, size_t *count, ft_arena *arena, int64_t time_us,
                        const ft_value *v) {
    ft_str unit = v[FT_CLOUDWATCH_UNIT].s;
    double samples = ft_value_number(&v[FT_CLOUDWATCH_SAMPLES]),
           sum = ft_value_number(&v[FT_CLOUDWATCH_VALUE]),
           min = ft_value_number(&v[FT_CLOUDWATCH_MIN]),
           max = ft_value_number(&v[FT_CLOUDWATCH_MAX]);
    point *p = points + *count; /* records come in order: the newest points are at the end */
    while (p > points && p[-1].time_us == time_us && !ft_str_eq(p[-1].unit, unit)) p--;
    if (p > points && p[-1].time_us == time_us) {
        p--;
        p->samples += samples, p->sum += sum;
        if (min < p->min) p->min = min;
        if (max > p->max) p->max = max;
        return FT_OK;
    }
    if (*count == 2 * POINTS_MAX) return FT_OK;
    p = &points[(*count)++];
    *p = (point){ .time_us = time_us, .samples = samples, .sum = sum, .min = min, .max = max };
    return ft_arena_str(&p->unit, arena, unit);
}

typedef struct question {
    ft_str space, name, dimensions, unit;
    int64_t from_us, until_us, period_us;
} question;

/* Period and times, which both ways of asking have. */
static ft_err question_check(question *q, ft_aws_call *c, int64_t period_s) {
    if (q->from_us >= q->until_us)
        return bad_value(c, "StartTime", "expected a time before EndTime");
    bool fine = period_s == 1 || period_s == 5 || period_s == 10 || period_s == 30;
    if (period_s < 1 || period_s > 86400 * 365 || (!fine && period_s % 60))
        return bad_value(c, "Period", "expected 1, 5, 10, 30 or a multiple of 60");
    q->period_us = period_s * FT_SECOND_US;
    q->from_us -= q->from_us % q->period_us;
    if ((q->until_us - q->from_us + q->period_us - 1) / q->period_us > POINTS_MAX)
        return ft_aws_fail(c, 400,
                           is_query(c) ? "InvalidParameterCombination"
                                       : "InvalidParameterCombinationException",
                           "You have requested more than the limit of %d datapoints: use a longer "
                           "Period or a shorter time",
                           POINTS_MAX);
    return FT_OK;
}

static ft_err question_read(question *q, ft_aws_call *c) {
    int64_t period_s;
    ft_str none = FT_STR("");
    *q = (question){ .space = ft_aws_str(c, "Namespace"), .name = ft_aws_str(c, "MetricName") };
    FT_TRY(dimensions_at(&q->dimensions, c, none));
    FT_TRY(unit_at(&q->unit, c, none, NULL));
    FT_TRY(time_at(&q->from_us, c, none, "StartTime"));
    FT_TRY(time_at(&q->until_us, c, none, "EndTime"));
    FT_TRY(ft_aws_int(&period_s, c, "Period", 0));
    return question_check(q, c, period_s);
}

static ft_err collect(point *points, size_t *count, ft_aws_call *c, const question *q) {
    ft_cursor *cursor;
    ft_record r;
    ft_err err;
    ft_cursor_opts opts = { .key = q->space, .from = q->from_us, .until = q->until_us };
    *count = 0;
    FT_TRY(ft_cursor_open(&cursor, c->store, &ft_kind_cloudwatch, &opts));
    while ((err = ft_cursor_next(cursor, &r)) == FT_OK) {
        const ft_value *v = r.values;
        int64_t time_us = v[FT_CLOUDWATCH_TIME].i;
        if (!ft_str_eq(v[FT_CLOUDWATCH_NAME].s, q->name) ||
            !ft_str_eq(v[FT_CLOUDWATCH_DIMENSIONS].s, q->dimensions) ||
            (q->unit.len && !ft_str_eq(v[FT_CLOUDWATCH_UNIT].s, q->unit)))
            continue;
        FT_GOTO(err, point_add(points, count, c->arena, time_us - time_us % q->period_us, v));
    }
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_cursor_close(cursor);
    return err;
}

enum { WANT_COUNT = 1, WANT_SUM = 2, WANT_AVERAGE = 4, WANT_MIN = 8, WANT_MAX = 16 };

static const char *const statistics[] = { "SampleCount", "Sum", "Average", "Minimum", "Maximum" };

/* The statistic's bit; 0 when it is none. */
static unsigned statistic_bit(ft_str name) {
    for (unsigned n = 0; n < FT_COUNT(statistics); n++)
        if (ft_str_is(name, statistics[n])) return 1u << n;
    return 0;
}

static double statistic_of(const point *p, unsigned bit) {
    switch (bit) {
    case WANT_COUNT:
        return p->samples;
    case WANT_SUM:
        return p->sum;
    case WANT_AVERAGE:
        return p->sum / p->samples;
    case WANT_MIN:
        return p->min;
    default:
        return p->max;
    }
}

static ft_err wanted_read(unsigned *wanted, ft_aws_call *c) {
    size_t count = ft_aws_count(c, "Statistics");
    *wanted = 0;
    if (ft_aws_count(c, "ExtendedStatistics"))
        return bad_value(c, "ExtendedStatistics",
                         "percentiles are not given here; `fettle sql` "
                         "reads every value from the table cloudwatch");
    if (!count) return missing(c, "Statistics");
    for (size_t i = 0; i < count; i++) {
        ft_str path;
        FT_TRY(ft_arena_printf(&path, c->arena, "Statistics.%zu", i));
        unsigned bit = statistic_bit(ft_aws_str(c, path.at));
        if (!bit)
            return bad_value(c, "Statistics",
                             "expected SampleCount, Sum, Average, Minimum or Maximum");
        *wanted |= bit;
    }
    return FT_OK;
}

static ft_err get_metric_statistics(ft_aws_call *c) {
    question q;
    unsigned wanted;
    point *points;
    size_t count;
    FT_TRY(question_read(&q, c));
    FT_TRY(wanted_read(&wanted, c));
    FT_TRY(ft_arena_items(&points, c->arena, 2 * POINTS_MAX));
    FT_TRY(collect(points, &count, c, &q));
    put_text(c, "Label", q.name);
    open_list(c, "Datapoints");
    for (size_t i = 0; i < count; i++) {
        const point *p = &points[i];
        open_item(c);
        put_time(c, "Timestamp", p->time_us);
        for (unsigned n = 0; n < FT_COUNT(statistics); n++)
            if (wanted & 1u << n) put_number(c, statistics[n], statistic_of(p, 1u << n));
        put_text(c, "Unit", p->unit);
        close_one(c);
    }
    close_one(c);
    return FT_OK;
}

/* ---- GetMetricData */

typedef struct data_query {
    question q;
    ft_str id, label;
    unsigned statistic;
    bool wanted;
} data_query;

static ft_err data_query_read(data_query *d, ft_aws_call *c, size_t i) {
    ft_str path, stat, metric, period, returned;
    int64_t period_s = 0;
    FT_TRY(ft_arena_printf(&path, c->arena, "MetricDataQueries.%zu", i));
    FT_TRY(ft_arena_printf(&stat, c->arena, "%.*s.MetricStat", FT_STR_ARG(path)));
    FT_TRY(ft_arena_printf(&metric, c->arena, "%.*s.Metric", FT_STR_ARG(stat)));
    *d = (data_query){ .id = text_at(c, path, "Id"), .label = text_at(c, path, "Label") };
    d->q.space = text_at(c, metric, "Namespace");
    d->q.name = text_at(c, metric, "MetricName");
    if (!d->id.len) return missing(c, "MetricDataQueries.member.Id");
    if (text_at(c, path, "Expression").len)
        return bad_value(c, "Expression", "expressions are not computed here; `fettle sql` can");
    if (!d->q.space.len || !d->q.name.len) return missing(c, "MetricStat.Metric");
    if (!d->label.len) d->label = d->q.name;
    d->statistic = statistic_bit(text_at(c, stat, "Stat"));
    if (!d->statistic)
        return bad_value(c, "Stat", "expected SampleCount, Sum, Average, Minimum or Maximum");
    returned = text_at(c, path, "ReturnData");
    d->wanted = !ft_str_is(returned, "false");
    FT_TRY(dimensions_at(&d->q.dimensions, c, metric));
    FT_TRY(unit_at(&d->q.unit, c, stat, NULL));
    FT_TRY(time_at(&d->q.from_us, c, FT_STR(""), "StartTime"));
    FT_TRY(time_at(&d->q.until_us, c, FT_STR(""), "EndTime"));
    period = text_at(c, stat, "Period");
    if (!ft_str_i64(&period_s, period)) return bad_value(c, "Period", "expected a number");
    return question_check(&d->q, c, period_s);
}

static void put_bare(ft_aws_call *c, ft_str text, bool quoted) {
    if (is_query(c))
        ft_xml_text(&c->xml, "member", text);
    else if (quoted)
        ft_json_out_str(&c->json, text);
    else
        ft_json_out_raw(&c->json, text);
}

static void result_put(ft_aws_call *c, const data_query *d, const point *points, size_t count,
                       bool ascending) {
    char text[FT_TIME_TEXT + 32];
    open_item(c);
    put_text(c, "Id", d->id);
    put_text(c, "Label", d->label);
    open_list(c, "Timestamps");
    for (size_t i = 0; i < count; i++) {
        int64_t us = points[ascending ? i : count - 1 - i].time_us;
        if (is_query(c))
            put_bare(c, ft_str_of(ft_time_iso(text, us, false)), true);
        else
            put_bare(c,
                     ft_str_n(text, (size_t)snprintf(text, sizeof text, "%lld",
                                                     (long long)(us / FT_SECOND_US))),
                     false);
    }
    close_one(c);
    open_list(c, "Values");
    for (size_t i = 0; i < count; i++) {
        ft_f64_text(text, statistic_of(&points[ascending ? i : count - 1 - i], d->statistic));
        put_bare(c, ft_str_of(text), false);
    }
    close_one(c);
    put_text(c, "StatusCode", FT_STR("Complete"));
    close_one(c);
}

static ft_err get_metric_data(ft_aws_call *c) {
    size_t queries = ft_aws_count(c, "MetricDataQueries"), count;
    bool ascending = ft_str_is(ft_aws_str(c, "ScanBy"), "TimestampAscending");
    point *points;
    if (!queries) return missing(c, "MetricDataQueries");
    if (queries > QUERIES_MAX) return bad_value(c, "MetricDataQueries", "at most 500");
    FT_TRY(ft_arena_items(&points, c->arena, 2 * POINTS_MAX));
    open_list(c, "MetricDataResults");
    for (size_t i = 0; i < queries; i++) {
        data_query d;
        FT_TRY(data_query_read(&d, c, i));
        if (!d.wanted) continue;
        FT_TRY(collect(points, &count, c, &d.q));
        result_put(c, &d, points, count, ascending);
    }
    close_one(c);
    open_list(c, "Messages");
    close_one(c);
    return FT_OK;
}

static const ft_aws_op ops[] = {
    { .name = "PutMetricData", .run = put_metric_data },
    { .name = "ListMetrics", .run = list_metrics },
    { .name = "GetMetricStatistics",
      .required = "Namespace|MetricName|StartTime|EndTime|Period",
      .run = get_metric_statistics },
    { .name = "GetMetricData",
      .required = "MetricDataQueries|StartTime|EndTime",
      .run = get_metric_data },
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
