/* sql_test.c -- streams as tables: joins, what is pushed down, the horizon, and everything that a
 * session refuses. */
#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "streams/format.h"
#include "tests/test.h"

static const ft_column metric_columns[] = { { "step", FT_VALUE_INT, "" },
                                            { "name", FT_VALUE_TEXT, "" },
                                            { "value", FT_VALUE_F64, "" },
                                            { "time_us", FT_VALUE_INT, "" },
                                            { 0 } };
static const ft_column capture_columns[] = { { "time_us", FT_VALUE_INT, "" },
                                             { "event_id", FT_VALUE_TEXT, "" },
                                             { "prediction", FT_VALUE_F64, "" },
                                             { "body", FT_VALUE_BLOB, "" },
                                             { 0 } };
static const ft_stream_kind kind_metric = {
    .name = "metric", .key = "job", .columns = metric_columns, .format = &ft_format_rows
};
static const ft_stream_kind kind_capture = {
    .name = "capture", .key = "endpoint", .columns = capture_columns, .format = &ft_format_jsonl
};

/* A kind that fails, and counts what it is asked for: what is pushed down shows here. */
static struct {
    int opens, reads;
    ft_cursor_opts opts;
    char key[20];
    int64_t at;
} probe;

static ft_err probe_open(void **cursor, ft_store *s, const ft_stream_kind *kind,
                         const ft_cursor_opts *opts) {
    FT_UNUSED(s);
    FT_UNUSED(kind);
    probe.opens++;
    probe.opts = *opts;
    snprintf(probe.key, sizeof probe.key, "%.*s", FT_STR_ARG(opts->key));
    probe.at = 0;
    *cursor = &probe;
    return FT_OK;
}
static ft_err probe_read(void *cursor, ft_record *out) {
    static ft_value values[2];
    FT_UNUSED(cursor);
    probe.reads++;
    if (probe.at == 100) return FT_ENOTFOUND;
    if (probe.opts.from == 66) return FT_FAIL(FT_ECORRUPT, "probe: broken on purpose");
    values[0] = ft_value_int(probe.at++);
    values[1] = ft_value_text(FT_STR("v"));
    *out = (ft_record){ .key = FT_STR("k"), .values = values, .segment = FT_STR("s") };
    return FT_OK;
}
static void probe_close(void *cursor) { FT_UNUSED(cursor); }
static const ft_segment_format probe_format = {
    .name = "probe", .open = probe_open, .read = probe_read, .close = probe_close
};
static const ft_column probe_columns[] = { { "step", FT_VALUE_INT, "" },
                                           { "text", FT_VALUE_TEXT, "" },
                                           { 0 } };
static const ft_stream_kind kind_probe = {
    .name = "probe", .key = "thing", .columns = probe_columns, .format = &probe_format
};
static const ft_stream_kind *const kinds[] = { &kind_metric, &kind_capture, &kind_probe, NULL };

static ft_store *s;
static ft_arena arena;
static char result[4000];

/* Rows as text: "1|a|2.5;2|b|;" */
static ft_err row(void *ctx, int columns, const char *const *names, const ft_value *values) {
    char *out = result + strlen(result);
    size_t room = sizeof result - strlen(result);
    FT_UNUSED(names);
    for (int i = 0; i < columns && room > 100; i++) {
        int n = 0;
        if (i) n = snprintf(out, room, "|");
        out += n, room -= (size_t)n, n = 0;
        if (values[i].type == FT_VALUE_INT) n = snprintf(out, room, "%lld", (long long)values[i].i);
        if (values[i].type == FT_VALUE_F64) n = snprintf(out, room, "%g", values[i].f);
        if (values[i].type >= FT_VALUE_TEXT)
            n = snprintf(out, room, "%.*s", FT_STR_ARG(values[i].s));
        out += n, room -= (size_t)n;
    }
    snprintf(out, room, ";");
    if (ctx && --*(int *)ctx == 0) return FT_FAIL(FT_EFULL, "enough rows");
    return FT_OK;
}

static ft_err run(ft_sql *q, const char *sql) {
    result[0] = '\0';
    return ft_sql_run(q, ft_str_of(sql), NULL, 0, row, NULL);
}

#define EXPECT_SQL(want, q, sql)                                                 \
    do {                                                                         \
        EXPECT_OK(run((q), (sql)));                                              \
        if (strcmp(result, (want)) != 0) print_error("%s: %s\n", (sql), result); \
        EXPECT(strcmp(result, (want)) == 0);                                     \
    } while (0)

static int setup(void **state) {
    (void)state;
    char home[300];
    ft_stream_writer *w;
    snprintf(home, sizeof home, "%s/home", test_dir());
    ft_streams_use(kinds);
    EXPECT_OK(ft_store_open(&s, home));
    EXPECT_OK(ft_db_run(ft_store_db(s), "create table job (name text primary key, eta real)", ""));
    EXPECT_OK(ft_db_run(ft_store_db(s), "insert into job values ('a', 0.2), ('b', 0.0)", ""));
    for (int j = 0; j < 2; j++) {
        EXPECT_OK(ft_stream_write(&w, s, &kind_metric, j ? FT_STR("b") : FT_STR("a"), NULL));
        for (int step = 0; step < 50; step++) {
            ft_value v[] = { ft_value_int(step), ft_value_text(FT_STR("train-loss")),
                             ft_value_f64(j ? 0.7 : 1.0 / (1 + step)), ft_value_int(step * 1000) };
            if (j && step == 49) v[2] = ft_value_f64((double)NAN);
            EXPECT_OK(ft_stream_append(w, v));
        }
        EXPECT_OK(ft_stream_close(w));
    }
    EXPECT_OK(ft_stream_write(&w, s, &kind_capture, FT_STR("e"), NULL));
    for (int i = 0; i < 20; i++) {
        char id[20];
        snprintf(id, sizeof id, "id-%d", i);
        ft_value v[] = { ft_value_int(i * 1000),
                         ft_value_text(ft_str_of(id)),
                         ft_value_f64(i % 4),
                         { .type = FT_VALUE_BLOB, .s = FT_STR("\0\xff") } };
        EXPECT_OK(ft_stream_append(w, v));
    }
    EXPECT_OK(ft_stream_close(w));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    ft_store_close(s);
    ft_arena_fini(&arena);
    return 0;
}

static ft_sql *session(void) {
    ft_sql *q;
    EXPECT_OK(ft_sql_open(&q, s));
    return q;
}

static void test_selects(void **state) {
    (void)state;
    ft_sql *q = session();
    EXPECT_SQL("100;", q, "select count(*) from metric");
    EXPECT_SQL("a|50|0|49;b|50|0|49;", q,
               "select job, count(*), min(step), max(step) from metric group by job");
    EXPECT_SQL("11|0.0833333;12|0.0769231;", q,
               "select step, value from metric where job = 'a' and step > 10 and step <= 12");
    EXPECT_SQL("48|0.7;49|;", q, "select step, value from metric where job = 'b' and step >= 48");
    EXPECT_SQL("12;", q, "select step from metric where job='a' and step between 11.5 and 12.5");
    EXPECT_SQL("", q, "select step from metric where job='a' and step between 11.2 and 11.8");
    EXPECT_SQL("49;48;", q, "select step from metric where job='a' order by step desc limit 2");
    EXPECT_SQL("0|a;0|b;1|a;", q, "select step, job from metric order by step limit 3");
    EXPECT_SQL("id-3|3|00FF;", q,
               "select event_id, prediction, hex(body) from capture where time_us = 3000");
    EXPECT_SQL("0|5;1|5;2|5;3|5;", q,
               "select cast(prediction as int) p, count(*) from capture where endpoint = 'e' "
               "group by p");
    /* hidden columns are there when asked for, and only then */
    EXPECT_SQL("5;", q, "select count(*) from pragma_table_info('capture')");
    EXPECT_OK(run(q, "select raw, segment, \"offset\" from capture limit 1"));
    EXPECT(strstr(result, "{\"time_us\":0,\"event_id\":\"id-0\"") == result);
    EXPECT(strstr(result, "|s3://fettle/capture/e/") != NULL);
    EXPECT_SQL("|1;", q, "select raw, segment like '%.rows' from metric limit 1");
    EXPECT_SQL("", q, "select * from metric where job = 'nobody'");
    EXPECT_SQL("", q, "select * from metric where job is null");
    EXPECT_SQL("2;", q, "select count(*) from metric where job in ('a', 'b') and step = '7'");
    ft_sql_close(q);
}

static void test_joins(void **state) {
    (void)state;
    ft_sql *q = session();
    /* a stream with metadata, two streams, a stream with itself */
    EXPECT_SQL("a|0.2|0.02;", q,
               "select j.name, j.eta, min(m.value) from job j join metric m on m.job = j.name "
               "where j.eta > 0 group by j.name");
    EXPECT_SQL("a|id-3|0.25;a|id-4|0.2;", q,
               "select m.job, c.event_id, m.value from capture c join metric m "
               "on m.time_us = c.time_us where m.job = 'a' and c.time_us between 3000 and 4000 "
               "order by c.time_us");
    EXPECT_SQL(
        "49;", q,
        "select count(*) from metric a join metric b on b.job = a.job and b.step = a.step + 1"
        " where a.job = 'a' and b.value < a.value");
    EXPECT_SQL("b|1;", q,
               "with last as (select job, step, value, lag(value, 10) over (partition by job order "
               "by step) as before from metric where value is not null) "
               "select job, count(*) > 20 from last where value >= before group by job");
    EXPECT_SQL("2|2;", q, "select count(*), sum(sealed) from segment where kind = 'metric'");
    ft_sql_close(q);
}

static void test_push_down(void **state) {
    (void)state;
    ft_sql *q = session();
    struct {
        const char *sql;
        int opens;
        int64_t from, until;
        const char *key;
        uint64_t wanted;
    } cases[] = {
        { "select * from probe", 1, 0, 0, "", 3 },
        { "select step from probe", 1, 0, 0, "", 1 },
        { "select count(*) from probe where thing = 'x'", 1, 0, 0, "x", 1 },
        { "select text from probe where step > 10", 1, 10, INT64_MAX, "", 3 },
        { "select text from probe where step >= 10 and step < 20", 1, 10, 21, "", 3 },
        { "select text from probe where step = 5 and thing = 'y'", 1, 5, 6, "y", 3 },
        { "select text from probe where step > 2.5 and step < 3.5", 1, 2, 5, "", 3 },
        { "select text from probe where step > 'x'", 1, 0, 0, "", 3 },
        { "select 1 from probe where step > 9 and step < 5", 0, 0, 0, "", 0 },
        { "select 1 from probe where step = 3 and step = 4", 0, 0, 0, "", 0 },
        { "select 1 from probe where thing = 'x' and thing = 'y'", 0, 0, 0, "", 0 },
        { "select 1 from probe where thing in ('x', 'y')", 2, 0, 0, "y", 1 },
        { "select step from probe order by step limit 3", 1, 0, 0, "", 1 },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        memset(&probe, 0, sizeof probe);
        EXPECT_OK(run(q, cases[i].sql));
        if (probe.opens != cases[i].opens || probe.opts.from != cases[i].from ||
            probe.opts.until != cases[i].until)
            print_error("%s: %d opens, %lld to %lld\n", cases[i].sql, probe.opens,
                        (long long)probe.opts.from, (long long)probe.opts.until);
        EXPECT(probe.opens == cases[i].opens);
        EXPECT(probe.opts.from == cases[i].from && probe.opts.until == cases[i].until);
        EXPECT(strcmp(probe.key, cases[i].key) == 0);
        EXPECT(probe.opts.wanted == cases[i].wanted);
    }
    EXPECT(probe.reads == 3); /* the order is known: three rows are enough */
    EXPECT_ERR(FT_ECORRUPT, run(q, "select * from probe where step >= 66"));
    EXPECT_WHY("broken on purpose");
    EXPECT_SQL("100;", q, "select count(*) from probe");
    ft_sql_close(q);
}

static void test_refusals(void **state) {
    (void)state;
    ft_sql *q = session();
    static const struct {
        const char *sql;
        ft_err err;
    } cases[] = {
        { "insert into job values ('c', 1)", FT_EDENIED },
        { "update job set eta = 1", FT_EDENIED },
        { "delete from job", FT_EDENIED },
        { "insert into metric values ('a', 1, 'x', 1, 1)", FT_EDENIED },
        { "create table x (y)", FT_EDENIED },
        { "create temp table x (y)", FT_EDENIED },
        { "create view v as select 1", FT_EDENIED },
        { "drop table job", FT_EDENIED },
        { "attach '/tmp/other.db' as other", FT_EDENIED },
        { "detach main", FT_EDENIED },
        { "pragma journal_mode = delete", FT_EDENIED },
        { "pragma query_only", FT_EDENIED },
        { "vacuum", FT_EDENIED },
        { "vacuum into '/tmp/copy.db'", FT_EDENIED },
        { "reindex", FT_EDENIED },
        { "update sqlite_master set sql = ''", FT_EPARSE },
        { "delete from sqlite_master", FT_EPARSE },
        { "pragma writable_schema = 1", FT_EDENIED },
        { "alter table job add column x", FT_EDENIED },
        { "create trigger t after insert on job begin select 1; end", FT_EDENIED },
        { "analyze", FT_EDENIED },
        { "begin", FT_EDENIED },
        { "savepoint a", FT_EDENIED },
        { "select load_extension('/tmp/x.so')", FT_EDENIED },
        { "select writefile('/tmp/x', 'y')", FT_EPARSE },
        { "select readfile('/etc/passwd')", FT_EPARSE },
        { "", FT_EPARSE },
        { "-- nothing", FT_EPARSE },
        { "select 1; select 2", FT_EPARSE },
        { "select 1; drop table job", FT_EPARSE },
        { "select nothing from metric", FT_EPARSE },
        { "select * from nowhere", FT_EPARSE },
        { "selec 1", FT_EPARSE },
        { "select json('{')", FT_EINVAL },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        ft_err err = run(q, cases[i].sql);
        if (err != cases[i].err) print_error("%s\n", cases[i].sql);
        EXPECT_ERR(cases[i].err, err);
    }
    EXPECT_ERR(FT_EPARSE, run(q, "select nothing from metric"));
    EXPECT_WHY("nothing");
    EXPECT_ERR(FT_EDENIED, run(q, "delete from job"));
    EXPECT_WHY("only reads");
    EXPECT_SQL("2;", q, "select count(*) from job; -- and a comment");
    ft_sql_close(q);
}

static void test_horizon(void **state) {
    (void)state;
    ft_sql *q = session();
    ft_sql_horizon(q, FT_ORDER_STEP, 10, NULL);
    EXPECT_SQL("a|9;b|9;", q, "select job, max(step) from metric group by job");
    EXPECT_SQL("", q, "select * from metric where step >= 10");
    EXPECT_SQL("10;", q, "select count(*) from metric where job = 'a' and step >= 0");
    ft_sql_horizon(q, FT_ORDER_STEP, 0, NULL);
    EXPECT_SQL("0;", q, "select count(*) from metric where step >= 0");
    EXPECT_SQL("0;", q, "select count(*) from metric");
    ft_sql_horizon(q, FT_ORDER_STEP, 10, "b");
    EXPECT_SQL("b|10;", q, "select job, count(*) from metric group by job");
    EXPECT_SQL("0;", q, "select count(*) from metric where job = 'a'");
    EXPECT_SQL("1970-01-01;", q, "select date('now')");
    EXPECT_SQL("3;", q, "select sum(value) from json_each('[1,2]')");
    EXPECT_ERR(FT_EDENIED, run(q, "select * from capture"));
    EXPECT_WHY("ordered by time");
    EXPECT_ERR(FT_EDENIED, run(q, "select * from job"));
    EXPECT_WHY("streams only");
    EXPECT_ERR(FT_EDENIED, run(q, "select * from sqlite_schema"));
    EXPECT_ERR(FT_EDENIED, run(q, "select * from pragma_table_info('job')"));
    EXPECT_ERR(FT_EDENIED, run(q, "select random()"));
    int64_t noon;
    EXPECT_OK(ft_time_parse(&noon, FT_STR("2022-02-14T12:00:00Z")));
    ft_sql_horizon(q, FT_ORDER_TIME, noon, NULL);
    EXPECT_SQL("20;", q, "select count(*) from capture");
    EXPECT_SQL("2022-02-14 12:00:00|2022-02-14 12:00:00;", q,
               "select datetime('now'), current_timestamp");
    EXPECT_ERR(FT_EDENIED, run(q, "select * from metric"));
    ft_sql_horizon(q, FT_ORDER_TIME, 5000, NULL);
    EXPECT_SQL("4000;", q, "select max(time_us) from capture");
    ft_sql_horizon(q, FT_ORDER_TIME, INT64_MAX, NULL);
    EXPECT_SQL("100|2;", q, "select (select count(*) from metric), (select count(*) from job)");
    ft_sql_close(q);
}

static void test_params_and_rows(void **state) {
    (void)state;
    ft_sql *q = session();
    ft_str *names;
    int count, limit = 3;
    ft_sql_param params[] = {
        { "job", ft_value_text(FT_STR("a")) },
        { "from", ft_value_int(47) },
        { "factor", ft_value_f64(2.5) },
        { "unused", ft_value_int(1) },
        { "blob", { .type = FT_VALUE_BLOB, .s = FT_STR("xyz") } },
    };
    result[0] = '\0';
    EXPECT_OK(ft_sql_run(q,
                         FT_STR("select step, :factor * 2, length(:blob), :missing from metric "
                                "where job = :job and step > :from"),
                         params, FT_COUNT(params), row, NULL));
    EXPECT(strcmp(result, "48|5|3|;49|5|3|;") == 0);
    result[0] = '\0';
    EXPECT_ERR(FT_EFULL, ft_sql_run(q, FT_STR("select step from metric"), NULL, 0, row, &limit));
    EXPECT(strcmp(result, "0;0;1;") == 0);
    EXPECT_OK(ft_sql_run(q, FT_STR("select 1"), NULL, 0, NULL, NULL));
    EXPECT_OK(ft_sql_columns(&names, &count, q, &arena,
                             FT_STR("select step, value as loss, 1+1 from metric")));
    EXPECT(count == 3);
    EXPECT_STR("step", names[0]);
    EXPECT_STR("loss", names[1]);
    EXPECT_STR("1+1", names[2]);
    EXPECT_ERR(FT_EPARSE, ft_sql_columns(&names, &count, q, &arena, FT_STR("nonsense")));
    ft_sql_close(q);
}

static void test_runaway(void **state) {
    (void)state;
    static const char endless[] =
        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    ft_sql *q = session();
    ft_sql_limit(q, 20000);
    int64_t started = ft_clock_monotonic_us();
    EXPECT_ERR(FT_ETIMEOUT, run(q, endless));
    EXPECT(ft_clock_monotonic_us() - started < 5000000);
    EXPECT_WHY("0.02 s");
    ft_sql_limit(q, 0);
    EXPECT_SQL("1;", q, "select 1");
    ft_sql_close(q);
}

static void test_each_fault(void **state) {
    (void)state;
    EACH_FAULT {
        ft_sql *q;
        result[0] = '\0';
        ft_err err = ft_sql_open(&q, s);
        if (err == FT_OK)
            err = run(q, "select m.step, count(*) from metric m join capture c on c.time_us = "
                         "m.time_us where m.job = 'a' and m.step < 2 group by 1");
        ft_sql_close(q);
        ft_fault_off();
        EXPECT(err != FT_OK || strcmp(result, "0|1;1|1;") == 0);
    }
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_selects),   cmocka_unit_test(test_joins),
        cmocka_unit_test(test_push_down), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_horizon),   cmocka_unit_test(test_params_and_rows),
        cmocka_unit_test(test_runaway),   cmocka_unit_test(test_each_fault),
    };
    return test_end(cmocka_run_group_tests(list, setup, teardown));
}
