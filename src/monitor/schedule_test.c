/* schedule_test.c -- schedules by a clock that the test moves: windows, times that were missed,
 * what a dead process left, stopping. */
#include "base/check.h"
#include "base/clock.h"
#include "monitor/capture.h"
#include "monitor/monitor.h"
#include "monitor/schedule.h"
#include "store/objects.h"
#include "tests/test.h"

#define T0     ((int64_t)1644859549 * FT_SECOND_US) /* 2022-02-14T17:25:49Z */
#define HOUR   (3600 * FT_SECOND_US)
#define NEXT   ((int64_t)1644861600 * FT_SECOND_US) /* 18:00 */
#define SETTLE (2 * FT_SECOND_US)

static const ft_stream_kind *const kinds[] = { &ft_kind_capture, &ft_kind_drift, NULL };
static const ft_rule *const rules[] = { &ft_rule_class_share, &ft_rule_population_stability, NULL };
static ft_arena arena;
static int64_t now_us;

static int64_t test_now_us(void) { return now_us; }
static void test_sleep_us(int64_t us) { now_us += us; }
static const ft_clock_ops test_clock = { test_now_us, test_now_us, test_sleep_us };

static ft_table *table(void) {
    ft_buf text = { 0 };
    ft_random r;
    ft_table *t;
    ft_random_seed(&r, 1);
    ft_buf_add(&text, FT_STR("a,b\n"));
    for (int i = 0; i < 300; i++)
        ft_buf_printf(&text, "%.9g,%.9g\n", ft_random_normal(&r), ft_random_unit(&r));
    EXPECT_OK(text.err);
    EXPECT_OK(ft_table_read_bytes(&t, ft_buf_str(&text), FT_STR("train.csv"),
                                  &(ft_table_opts){ .label = FT_STR("none"), .header = 1 }));
    ft_buf_fini(&text);
    return t;
}

static ft_store *fresh(void) {
    static int count;
    char home[300];
    ft_store *s;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, home));
    ft_streams_use(kinds);
    ft_rules_use(rules);
    now_us = T0;
    ft_clock_use(&test_clock);
    ft_table *t = table();
    EXPECT_OK(ft_monitor_baseline(s, FT_STR("e"), t, NULL));
    ft_table_free(t);
    return s;
}

static void finish(ft_store *s) {
    ft_store_close(s);
    ft_clock_use(NULL);
    ft_arena_fini(&arena);
}

static void traffic(ft_store *s, int64_t at, double shift) {
    ft_capture *c;
    ft_random r;
    char row[128], id[FT_UUID_TEXT];
    ft_random_seed(&r, (uint64_t)at);
    EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"), NULL));
    for (int i = 0; i < 100; i++) {
        snprintf(row, sizeof row, "%.9g,%.9g", ft_random_normal(&r) + shift, ft_random_unit(&r));
        ft_payload in = { FT_STR("text/csv"), ft_str_of(row) },
                   out = { FT_STR("text/csv"), FT_STR("1") };
        ft_capture_id(id, at + i, &r);
        EXPECT_OK(
            ft_capture_add(c, ft_str_of(id), at + i, &in, &out, (ft_str){ 0 }, (ft_str){ 0 }));
    }
    EXPECT_OK(ft_capture_close(c));
}

static ft_schedule spec(const char *when) {
    return (ft_schedule){ .name = FT_STR("s"),
                          .endpoint = FT_STR("e"),
                          .expression = ft_str_of(when),
                          .output_uri = FT_STR("s3://fettle/reports/"),
                          .capture_uri = FT_STR("s3://fettle/capture"),
                          .request_json = FT_STR("{}") };
}

static size_t executions(ft_execution **list, ft_store *s) {
    size_t count;
    EXPECT_OK(ft_schedules_run(s, NULL));
    EXPECT_OK(ft_execution_list(list, &count, s, &arena, FT_STR("s")));
    return count;
}

static void test_hourly(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_execution *x;
    ft_object object;
    ft_schedule made = spec("cron(0 * ? * * *)");
    EXPECT_OK(ft_schedule_add(s, &made));
    EXPECT_ERR(FT_EEXIST, ft_schedule_add(s, &made));
    traffic(s, NEXT - HOUR / 4, 0);
    traffic(s, NEXT, 5); /* the next hour's */
    now_us = NEXT;
    EXPECT(executions(&x, s) == 0); /* captures may still be on their way */
    now_us = NEXT + SETTLE;
    EXPECT(executions(&x, s) == 1 && executions(&x, s) == 1);
    EXPECT_STR("Completed", x[0].status);
    ft_execution *untold;
    size_t count;
    EXPECT_OK(ft_execution_untold(&untold, &count, s, &arena, 10)); /* until somebody told it */
    EXPECT(count == 1 && ft_str_eq(untold[0].name, x[0].name));
    EXPECT_OK(ft_execution_set_told(s, x[0].name));
    EXPECT_OK(ft_execution_untold(&untold, &count, s, &arena, 10));
    EXPECT(count == 0);
    EXPECT(ft_str_starts(x[0].name, FT_STR("model-monitoring-202202141800-")));
    EXPECT(ft_str_starts(x[0].message, FT_STR("Completed: ")));
    EXPECT(x[0].from_us == NEXT - HOUR && x[0].until_us == NEXT && x[0].due_us == NEXT);
    EXPECT_STR("s3://fettle/reports/e/s/2022/02/14/18", x[0].output_uri);
    now_us = NEXT + HOUR + SETTLE;
    EXPECT(executions(&x, s) == 2);
    EXPECT_STR("CompletedWithViolations", x[0].status);
    EXPECT(ft_str_starts(x[0].message, FT_STR("CompletedWithViolations: ")));
    static const char *const names[] = { "constraint_violations.json",
                                         "constraints_violations.json", "statistics.json" };
    for (int i = 0; i < 3; i++) {
        ft_str key;
        EXPECT_OK(ft_arena_printf(&key, &arena, "reports/e/s/2022/02/14/19/%s", names[i]));
        EXPECT_OK(ft_object_head(&object, s, &arena, FT_STR("fettle"), key));
    }
    /* a day without a server: the newest hour is looked at, the others are gone */
    now_us = NEXT + 24 * HOUR + SETTLE;
    EXPECT(executions(&x, s) == 3);
    EXPECT(x[0].due_us == NEXT + 24 * HOUR);
    EXPECT_STR("Failed", x[0].status);
    EXPECT(ft_str_starts(x[0].message, FT_STR("ClientError: No S3 objects found under S3 URL "
                                              "\"s3://fettle/capture/e\"")));
    finish(s);
}

static void test_stop_start_change(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_execution *x;
    ft_schedule got, made = spec("rate(1 minute)");
    EXPECT_ERR(FT_ENOTFOUND, ft_schedule_change(s, &made));
    EXPECT_ERR(FT_ENOTFOUND, ft_schedule_stop(s, made.name));
    EXPECT_ERR(FT_ENOTFOUND, ft_schedule_start(s, made.name));
    EXPECT_ERR(FT_ENOTFOUND, ft_schedule_remove(s, made.name));
    EXPECT_OK(ft_schedule_add(s, &made));
    EXPECT_OK(ft_schedule_stop(s, made.name));
    now_us += HOUR;
    EXPECT(executions(&x, s) == 0);
    EXPECT_OK(ft_schedule_start(s, made.name)); /* due from now on, not for the hour that passed */
    now_us += SETTLE;
    EXPECT(executions(&x, s) == 0);
    traffic(s, now_us, 0);
    now_us += 60 * FT_SECOND_US;
    EXPECT(executions(&x, s) == 1);
    EXPECT_STR("Completed", x[0].status);
    EXPECT(x[0].until_us - x[0].from_us == 60 * FT_SECOND_US);
    EXPECT_STR("s3://fettle/reports/e/s/2022/02/14/18/26", x[0].output_uri);
    made.expression = FT_STR("NOW");
    EXPECT_OK(ft_schedule_change(s, &made));
    now_us += SETTLE;
    EXPECT(executions(&x, s) == 2 && x[0].until_us - x[0].from_us == HOUR);
    now_us += 5 * HOUR;
    EXPECT(executions(&x, s) == 2); /* once */
    EXPECT_OK(ft_schedule_get(&got, s, &arena, made.name));
    EXPECT(got.next_us == 0 && !got.stopped);
    EXPECT_OK(ft_schedule_remove(s, made.name));
    EXPECT_ERR(FT_ENOTFOUND, ft_schedule_get(&got, s, &arena, made.name));
    EXPECT(executions(&x, s) == 2);
    made.expression = FT_STR("every day");
    EXPECT_ERR(FT_EPARSE, ft_schedule_add(s, &made));
    made = spec("NOW");
    made.output_uri = FT_STR("/tmp");
    EXPECT_ERR(FT_EPARSE, ft_schedule_add(s, &made));
    made = spec("NOW");
    made.endpoint = FT_STR("");
    EXPECT_ERR(FT_EINVAL, ft_schedule_add(s, &made));
    finish(s);
}

/* A process that died in the middle leaves nothing in progress. */
static void test_lost(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_execution *x;
    EXPECT(executions(&x, s) == 0); /* makes the tables */
    EXPECT_OK(ft_db_run(ft_store_db(s),
                        "insert into monitor_execution (name, schedule, endpoint, status,"
                        " output_uri, request, due_us, from_us, until_us, created_us, modified_us,"
                        " pid, pid_started) values ('x', 's', 'e', 'InProgress', '', '', 1, 0, 1,"
                        " 1, 1, 1, 77), ('y', 's', 'e', 'Completed', '', '', 1, 0, 1, 1, 1, 1, 77)",
                        ""));
    EXPECT(executions(&x, s) == 2);
    for (int i = 0; i < 2; i++)
        EXPECT_STR(ft_str_is(x[i].name, "x") ? "Failed" : "Completed", x[i].status);
    EXPECT_OK(ft_execution_get(&x[0], s, &arena, FT_STR("x")));
    EXPECT(ft_str_starts(x[0].message, FT_STR("InternalServerError: ")));
    EXPECT_ERR(FT_ENOTFOUND, ft_execution_get(&x[0], s, &arena, FT_STR("z")));
    finish(s);
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_execution *x;
    size_t count, rounds = 0;
    traffic(s, now_us, 0);
    EACH_FAULT {
        ft_schedule made = spec("NOW");
        now_us += SETTLE;
        ft_err err = ft_schedule_add(s, &made);
        now_us += SETTLE;
        if (err == FT_OK) err = ft_schedules_run(s, NULL);
        ft_fault_off();
        EXPECT_OK(ft_schedules_run(s, NULL));
        EXPECT_OK(ft_execution_list(&x, &count, s, &arena, FT_STR("s")));
        for (size_t i = 0; i < count; i++) EXPECT(!ft_str_is(x[i].status, "InProgress"));
        ft_err removed = ft_schedule_remove(s, made.name);
        EXPECT(removed == FT_OK || (err && removed == FT_ENOTFOUND));
        ft_arena_reset(&arena);
        rounds++;
    }
    print_message("# %zu rounds\n", rounds);
    EXPECT(rounds > 10);
    finish(s);
}

TEST_MAIN(cmocka_unit_test(test_hourly), cmocka_unit_test(test_stop_start_change),
          cmocka_unit_test(test_lost), cmocka_unit_test(test_faults))
