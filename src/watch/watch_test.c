/* Watches as rows: adding with every refusal, one evaluation by hand, settling what is left over.
 */
#include "watch/rig_test.h"

static void test_add(void **state) {
    (void)state;
    world w;
    int64_t id;
    world_begin(&w, "add");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .trial_uri = trial_uri };
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    ft_watch_row row = watch_row(&w, "Above");
    EXPECT(row.id == id && row.status == FT_WATCH_IN_PROGRESS && row.evaluated == INT64_MIN);
    EXPECT(row.spec.hold == 1);
    EXPECT(ft_str_starts(row.evaluation_job, FT_STR("j-Above-")) && row.evaluation_job.len == 16);
    EXPECT_ERR(FT_EEXIST, ft_watch_add(&id, w.store, &spec));
    spec.name = FT_STR("again");
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    const struct {
        ft_watch_spec spec;
        ft_err want;
        const char *why;
    } bad[] = {
        { { .rule = FT_STR("Abov") }, FT_ENOTFOUND, "Above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("{\"abov\":1}") }, FT_EINVAL, "above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("{\"above\":\"x\"}") },
          FT_EINVAL,
          "above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("{\"above\":[1]}") },
          FT_EPARSE,
          "above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("[]") }, FT_EPARSE, "" },
        { { .rule = FT_STR("Above"), .actions = FT_STR("alert,explode") }, FT_EINVAL, "explode" },
        { { .rule = FT_STR("Above"), .actions = FT_STR("rollback") }, FT_EINVAL, "endpoint/" },
        { { .rule = FT_STR("Above"), .actions = FT_STR("run:") }, FT_EINVAL, "run:" },
        { { .rule = FT_STR("Above"), .hold = -1 }, FT_EINVAL, "negative" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("j") }, FT_EINVAL, "job/NAME" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("job/../../etc") }, FT_EINVAL, "job/NAME" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("job/a/b") }, FT_EINVAL, "job/NAME" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("endpoint/e"), .trial_uri = FT_STR("") },
          FT_EINVAL,
          "reads a trial" },
        { { .rule = FT_STR("/no/such/rule.sql") }, FT_ENOTFOUND, "rule.sql" },
    };
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        spec = bad[i].spec;
        if (!spec.subject.len) spec.subject = FT_STR("job/k");
        if (!spec.trial_uri.at) spec.trial_uri = trial_uri;
        EXPECT_ERR(bad[i].want, ft_watch_add(&id, w.store, &spec));
        EXPECT_WHY(bad[i].why);
    }
    ft_watch_row *rows;
    size_t count;
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, FT_STR("job/k")));
    EXPECT(count == 0);
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, (ft_str){ 0 }));
    EXPECT(count == 2);
    EXPECT_OK(ft_watch_remove(w.store, FT_STR("job/j")));
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, (ft_str){ 0 }));
    EXPECT(count == 0);
    world_end(&w);
}

static void test_add_faults(void **state) {
    (void)state;
    world w;
    char name[32];
    int rounds = 0;
    size_t added = 0, count;
    ft_watch_row *rows;
    world_begin(&w, "add-faults");
    EACH_FAULT {
        int64_t id;
        int n = snprintf(name, sizeof name, "watch-%d", rounds++);
        ft_watch_spec spec = { .name = { name, (size_t)n },
                               .subject = FT_STR("job/j"),
                               .rule = FT_STR("Above"),
                               .trial_uri = trial_uri };
        added += ft_watch_add(&id, w.store, &spec) == FT_OK;
    }
    EXPECT(rounds > 5);
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, (ft_str){ 0 }));
    EXPECT(count == added);
    world_end(&w);
}

static void test_settle(void **state) {
    (void)state;
    world w;
    ft_str *subjects;
    size_t count;
    ft_alert *alerts;
    world_begin(&w, "settle");
    int64_t id = watch_add(&w, "Above", "", "alert,stop");
    /* A host stored a verdict and was killed before it acted; nobody comes after it. */
    EXPECT_OK(
        ft_db_run(ft_store_db(w.store),
                  "insert into verdict (watch, at, through, outcome, reason, stored_us, fired)"
                  " values (?, 3, 3, 'Issue', 'because', 1, 1)",
                  "i", id));
    EXPECT_OK(ft_db_run(ft_store_db(w.store),
                        "insert into verdict_action (verdict, ordinal, action)"
                        " values (1, 0, 'alert'), (1, 1, 'stop')",
                        ""));
    EXPECT_OK(ft_watch_unsettled(&subjects, &count, w.store, &w.arena));
    EXPECT(count == 1);
    EXPECT_STR("job/j", subjects[0]);
    EXPECT_OK(
        ft_watch_settle(w.store, FT_STR("job/j"), NULL, FT_WATCH_STOPPED, FT_STR("it vanished")));
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1 && alerts[0].verdict_id == 1);
    EXPECT_STR("because", alerts[0].text);
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_STOPPED);
    EXPECT_STR("it vanished", watch_row(&w, "Above").details);
    EXPECT_OK(ft_watch_settle(w.store, FT_STR("job/j"), NULL, FT_WATCH_ERROR, FT_STR("again")));
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_STOPPED); /* only what is in progress */
    EXPECT_OK(ft_watch_unsettled(&subjects, &count, w.store, &w.arena));
    EXPECT(count == 0); /* a stop that cannot be done here is given up */
    world_end(&w);
}

static ft_err count_each(void *ctx, const ft_watch_row *watch, int64_t verdict_id,
                         const ft_verdict *v) {
    int64_t *seen = ctx;
    EXPECT_STR("Busy", watch->spec.name);
    EXPECT(verdict_id > 0 && v->outcome == FT_ISSUE);
    seen[0]++;
    seen[1] = verdict_id;
    return FT_OK;
}

static void test_evaluate_once(void **state) {
    (void)state;
    enum { S = 1000000 };
    world w;
    int64_t id, seen[2] = { 0 };
    size_t count;
    ft_stream_writer *writer;
    ft_alert *alerts;
    world_begin(&w, "once");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("endpoint/e"),
                                             .rule = FT_STR("Busy"),
                                             .actions = FT_STR("alert") }));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("e"), NULL));
    for (int i = 0; i < 10; i++) reading_add(writer, (100 + i) * S, 1);
    EXPECT_OK(ft_stream_close(writer));
    EXPECT_OK(
        ft_watch_evaluate(w.store, FT_STR("endpoint/e"), 100 * S, 107 * S, NULL, count_each, seen));
    int64_t first = seen[1];
    EXPECT_OK(
        ft_watch_evaluate(w.store, FT_STR("endpoint/e"), 100 * S, 107 * S, NULL, count_each, seen));
    EXPECT(seen[0] == 2 && seen[1] == first); /* the stored one again */
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(count == 1 && rows[0].verdict.at == 107 * S);
    EXPECT_STR("7 records", rows[0].verdict.reason);
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1);
    world_end(&w);
}

/* Whatever fails while verdicts are stored: whole or not at all. */
static void test_store_faults(void **state) {
    (void)state;
    enum { S = 1000000 };
    world w;
    int64_t id, until = 1000, fired = 0, asked = 0;
    ft_stream_writer *writer;
    int rounds = 0;
    world_begin(&w, "store-faults");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("endpoint/e"),
                                             .rule = FT_STR("Busy"),
                                             .actions = FT_STR("alert"),
                                             .quiet_us = 1 }));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("e"), NULL));
    reading_add(writer, 1 * S, 1);
    EXPECT_OK(ft_stream_close(writer));
    EACH_FAULT {
        ft_watch_evaluate(w.store, FT_STR("endpoint/e"), 0, ++until * S, NULL, NULL, NULL);
        rounds++;
    }
    EXPECT(rounds > 20);
    ft_db *db = ft_store_db(w.store);
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from verdict where fired = 1", "", "i", &fired));
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from verdict_action", "", "i", &asked));
    EXPECT(fired > 0 && fired == asked);
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from watch where evaluated = ?", "i", "i",
                        until * S, &asked));
    EXPECT(asked == 1);
    int64_t nodes;
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from lineage_node where id like 'verdict:%'", "",
                        "i", &nodes));
    EXPECT(nodes == fired);
    world_end(&w);
}

RIG_MAIN(cmocka_unit_test(test_add), cmocka_unit_test(test_add_faults),
         cmocka_unit_test(test_settle), cmocka_unit_test(test_evaluate_once),
         cmocka_unit_test(test_store_faults))
