/* Where a rule over a stream is evaluated: windows by time, steps, and by SQL. */
#include "watch/rig_test.h"

/* Windows of 10 s every 5 s, aligned; only those with a record; the last when the subject ended. */
static void test_windows(void **state) {
    (void)state;
    enum { S = 1000000 };
    static const int64_t seconds[] = { 1001, 1002, 1003, 1006, 1007, 1042, 1043, 1044, 1059, 1060 };
    world w;
    int64_t id;
    ft_stream_writer *writer;
    world_begin(&w, "windows");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("job/j"),
                                             .rule = FT_STR("Busy"),
                                             .params_json = FT_STR("{\"above\":2.5}"),
                                             .window_us = 10 * S,
                                             .every_us = 5 * S }));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("j"), NULL));
    for (size_t i = 0; i < FT_COUNT(seconds); i++) reading_add(writer, seconds[i] * S, 1);
    EXPECT_OK(ft_stream_close(writer));
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Busy"),
                           .params_json = FT_STR("{\"above\":2.5}"),
                           .window_us = 10 * S,
                           .every_us = 5 * S };
    judged *j = calloc(1, sizeof *j);
    j->arena = &w.arena;
    EXPECT_OK(ft_watch_try(w.store, &spec, 0, 0, judge, j));
    static const struct {
        int64_t end;
        const char *reason;
        ft_outcome outcome;
    } want[] = { { 1005, "3 records", FT_ISSUE },    { 1010, "5 records", FT_ISSUE },
                 { 1015, "2 records", FT_NO_ISSUE }, { 1045, "3 records", FT_ISSUE },
                 { 1050, "3 records", FT_ISSUE },    { 1060, "1 records", FT_NO_ISSUE },
                 { 1065, "2 records", FT_NO_ISSUE }, { 1070, "1 records", FT_NO_ISSUE } };
    EXPECT(j->count == FT_COUNT(want));
    for (size_t i = 0; i < j->count; i++) {
        EXPECT(j->list[i].at == want[i].end * S && j->list[i].outcome == want[i].outcome);
        EXPECT_STR(want[i].reason, j->list[i].reason);
    }
    j->count = 0;
    EXPECT_OK(
        ft_watch_try(w.store, &spec, 1010 * S, 1050 * S, judge, j)); /* ends in [from, until) */
    EXPECT(j->count == 3 && j->list[0].at == 1010 * S && j->list[2].at == 1045 * S);
    free(j);
    expect_history(&w, &spec, id);
    size_t count;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(watch_row(&w, "Busy").status == FT_WATCH_ISSUES);
    char node[40];
    ft_lineage_step *steps;
    bool capture = false;
    snprintf(node, sizeof node, "verdict:%lld", (long long)rows[count - 1].id);
    EXPECT_OK(ft_lineage_walk(&steps, &count, w.store, &w.arena, ft_str_of(node)));
    for (size_t i = 0; i < count; i++)
        capture |= ft_str_starts(steps[i].id, FT_STR("capture:s3://"));
    EXPECT(capture);
    world_end(&w);
}

/* Steps of a stream: a step is judged when a later one has begun, or at the end. */
static void test_stream_steps(void **state) {
    (void)state;
    world w;
    int64_t id;
    ft_stream_writer *writer;
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Steps"),
                           .params_json = FT_STR("{\"above\":6}") };
    world_begin(&w, "steps");
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_counter, FT_STR("j"), NULL));
    host_begin(&w, "job/j");
    for (int64_t step = 0; step < 12; step++)
        for (int i = 0; i < 2; i++) reading_add(writer, step, i);
    while (watch_row(&w, "Steps").evaluated != 10) EXPECT_OK(ft_supervisor_poll(w.sup, 10000));
    file_touch("ended");
    host_end(&w, "job/j");
    EXPECT(watch_row(&w, "Steps").evaluated == 11);
    EXPECT_OK(ft_stream_close(writer));
    expect_history(&w, &spec, id);
    world_end(&w);
}

/* A query as a rule, live over a trial. */
static void test_sql_rule(void **state) {
    (void)state;
    world w;
    char path[400];
    int64_t id;
    world_begin(&w, "sql");
    snprintf(path, sizeof path, "%s/high.sql", home);
    EXPECT_OK(
        ft_file_write_atomic(path,
                             FT_STR("-- rule: HighReading\n-- reads: reading\n"
                                    "select max(value) as top from reading where sensor = :key\n"
                                    "having max(value) > 5\n"),
                             false));
    ft_watch_spec spec = { .subject = FT_STR("endpoint/e"),
                           .rule = ft_str_of(path),
                           .window_us = 10 * FT_SECOND_US };
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    ft_watch_row row = watch_row(&w, "HighReading");
    EXPECT(ft_str_starts(row.rule_text, FT_STR("-- rule: HighReading")));
    ft_stream_writer *writer;
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("e"), NULL));
    int64_t now = ft_clock_now_us();
    reading_add(writer, now + FT_SECOND_US, 1);
    reading_add(writer, now + 40 * FT_SECOND_US, 9);
    EXPECT_OK(ft_stream_close(writer));
    file_touch("ended");
    host_begin(&w, "endpoint/e");
    host_end(&w, "endpoint/e");
    size_t count;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(count == 2);
    EXPECT(rows[0].verdict.outcome == FT_ISSUE && rows[1].verdict.outcome == FT_NO_ISSUE);
    EXPECT_OK(ft_file_remove(path)); /* the text is stored: the file may go */
    EXPECT(watch_row(&w, "HighReading").status == FT_WATCH_ISSUES);
    world_end(&w);
}

RIG_MAIN(cmocka_unit_test(test_windows), cmocka_unit_test(test_stream_steps),
         cmocka_unit_test(test_sql_rule))
