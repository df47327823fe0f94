/* cloudwatch_read.c -- GetMetricStatistics and GetMetricData over the stream "cloudwatch". */
#include <stdio.h>

#include "aws/cloudwatch_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/number.h"

#define POINTS_MAX  1440
#define QUERIES_MAX 500

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
        return ft_cw_bad_value(c, "StartTime", "expected a time before EndTime");
    bool fine = period_s == 1 || period_s == 5 || period_s == 10 || period_s == 30;
    if (period_s < 1 || period_s > 86400 * 365 || (!fine && period_s % 60))
        return ft_cw_bad_value(c, "Period", "expected 1, 5, 10, 30 or a multiple of 60");
    q->period_us = period_s * FT_SECOND_US;
    q->from_us -= q->from_us % q->period_us;
    if ((q->until_us - q->from_us + q->period_us - 1) / q->period_us > POINTS_MAX)
        return ft_aws_fail(c, 400,
                           ft_cw_is_query(c) ? "InvalidParameterCombination"
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
    FT_TRY(ft_cw_dimensions_at(&q->dimensions, c, none));
    FT_TRY(ft_cw_unit_at(&q->unit, c, none, NULL));
    FT_TRY(ft_cw_time_at(&q->from_us, c, none, "StartTime"));
    FT_TRY(ft_cw_time_at(&q->until_us, c, none, "EndTime"));
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
        return ft_cw_bad_value(c, "ExtendedStatistics",
                               "percentiles are not given here; `fettle sql` "
                               "reads every value from the table cloudwatch");
    if (!count) return ft_cw_missing(c, "Statistics");
    for (size_t i = 0; i < count; i++) {
        ft_str path;
        FT_TRY(ft_arena_printf(&path, c->arena, "Statistics.%zu", i));
        unsigned bit = statistic_bit(ft_aws_str(c, path.at));
        if (!bit)
            return ft_cw_bad_value(c, "Statistics",
                                   "expected SampleCount, Sum, Average, Minimum or Maximum");
        *wanted |= bit;
    }
    return FT_OK;
}

ft_err ft_cw_get_statistics(ft_aws_call *c) {
    question q;
    unsigned wanted;
    point *points;
    size_t count;
    FT_TRY(question_read(&q, c));
    FT_TRY(wanted_read(&wanted, c));
    FT_TRY(ft_arena_items(&points, c->arena, 2 * POINTS_MAX));
    FT_TRY(collect(points, &count, c, &q));
    ft_cw_put_text(c, "Label", q.name);
    ft_cw_open_list(c, "Datapoints");
    for (size_t i = 0; i < count; i++) {
        const point *p = &points[i];
        ft_cw_open_item(c);
        ft_cw_put_time(c, "Timestamp", p->time_us);
        for (unsigned n = 0; n < FT_COUNT(statistics); n++)
            if (wanted & 1u << n) ft_cw_put_number(c, statistics[n], statistic_of(p, 1u << n));
        ft_cw_put_text(c, "Unit", p->unit);
        ft_cw_close_one(c);
    }
    ft_cw_close_one(c);
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
    *d = (data_query){ .id = ft_cw_text_at(c, path, "Id"),
                       .label = ft_cw_text_at(c, path, "Label") };
    d->q.space = ft_cw_text_at(c, metric, "Namespace");
    d->q.name = ft_cw_text_at(c, metric, "MetricName");
    if (!d->id.len) return ft_cw_missing(c, "MetricDataQueries.member.Id");
    if (ft_cw_text_at(c, path, "Expression").len)
        return ft_cw_bad_value(c, "Expression",
                               "expressions are not computed here; `fettle sql` can");
    if (!d->q.space.len || !d->q.name.len) return ft_cw_missing(c, "MetricStat.Metric");
    if (!d->label.len) d->label = d->q.name;
    d->statistic = statistic_bit(ft_cw_text_at(c, stat, "Stat"));
    if (!d->statistic)
        return ft_cw_bad_value(c, "Stat", "expected SampleCount, Sum, Average, Minimum or Maximum");
    returned = ft_cw_text_at(c, path, "ReturnData");
    d->wanted = !ft_str_is(returned, "false");
    FT_TRY(ft_cw_dimensions_at(&d->q.dimensions, c, metric));
    FT_TRY(ft_cw_unit_at(&d->q.unit, c, stat, NULL));
    FT_TRY(ft_cw_time_at(&d->q.from_us, c, FT_STR(""), "StartTime"));
    FT_TRY(ft_cw_time_at(&d->q.until_us, c, FT_STR(""), "EndTime"));
    period = ft_cw_text_at(c, stat, "Period");
    if (!ft_str_i64(&period_s, period)) return ft_cw_bad_value(c, "Period", "expected a number");
    return question_check(&d->q, c, period_s);
}

static void put_bare(ft_aws_call *c, ft_str text, bool quoted) {
    if (ft_cw_is_query(c))
        ft_xml_text(&c->xml, "member", text);
    else if (quoted)
        ft_json_out_str(&c->json, text);
    else
        ft_json_out_raw(&c->json, text);
}

static void result_put(ft_aws_call *c, const data_query *d, const point *points, size_t count,
                       bool ascending) {
    char text[FT_TIME_TEXT + 32];
    ft_cw_open_item(c);
    ft_cw_put_text(c, "Id", d->id);
    ft_cw_put_text(c, "Label", d->label);
    ft_cw_open_list(c, "Timestamps");
    for (size_t i = 0; i < count; i++) {
        int64_t us = points[ascending ? i : count - 1 - i].time_us;
        if (ft_cw_is_query(c))
            put_bare(c, ft_str_of(ft_time_iso(text, us, false)), true);
        else
            put_bare(c,
                     ft_str_n(text, (size_t)snprintf(text, sizeof text, "%lld",
                                                     (long long)(us / FT_SECOND_US))),
                     false);
    }
    ft_cw_close_one(c);
    ft_cw_open_list(c, "Values");
    for (size_t i = 0; i < count; i++) {
        ft_f64_text(text, statistic_of(&points[ascending ? i : count - 1 - i], d->statistic));
        put_bare(c, ft_str_of(text), false);
    }
    ft_cw_close_one(c);
    ft_cw_put_text(c, "StatusCode", FT_STR("Complete"));
    ft_cw_close_one(c);
}

ft_err ft_cw_get_data(ft_aws_call *c) {
    size_t queries = ft_aws_count(c, "MetricDataQueries"), count;
    bool ascending = ft_str_is(ft_aws_str(c, "ScanBy"), "TimestampAscending");
    point *points;
    if (!queries) return ft_cw_missing(c, "MetricDataQueries");
    if (queries > QUERIES_MAX) return ft_cw_bad_value(c, "MetricDataQueries", "at most 500");
    FT_TRY(ft_arena_items(&points, c->arena, 2 * POINTS_MAX));
    ft_cw_open_list(c, "MetricDataResults");
    for (size_t i = 0; i < queries; i++) {
        data_query d;
        FT_TRY(data_query_read(&d, c, i));
        if (!d.wanted) continue;
        FT_TRY(collect(points, &count, c, &d.q));
        result_put(c, &d, points, count, ascending);
    }
    ft_cw_close_one(c);
    ft_cw_open_list(c, "Messages");
    ft_cw_close_one(c);
    return FT_OK;
}
