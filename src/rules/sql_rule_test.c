/* sql_rule_test.c -- rules that are queries: the file, the parameters, verdicts, and the shipped
 * example. */
#include "base/check.h"
#include "base/files.h"
#include "rules/rule.h"
#include "streams/format.h"
#include "tests/test.h"

static const ft_column metric_columns[] = { { "step", FT_VALUE_INT, "" },
                                            { "name", FT_VALUE_TEXT, "" },
                                            { "value", FT_VALUE_F64, "" },
                                            { "time_us", FT_VALUE_INT, "" },
                                            { NULL, FT_VALUE_NULL, NULL } };
static const ft_stream_kind metric = {
    .name = "metric", .key = "job", .columns = metric_columns, .format = &ft_format_rows
};
static const ft_stream_kind *const kinds[] = { &metric, NULL };

static ft_arena arena = FT_ARENA_INIT(0);

static ft_store *fresh_store(void) {
    static int n;
    ft_store *s;
    ft_str home;
    ft_streams_use(kinds);
    EXPECT_OK(ft_arena_printf(&home, &arena, "%s/home-%d", test_dir(), n++));
    EXPECT_OK(ft_store_open(&s, home.at));
    return s;
}

static void write_losses(ft_store *s, const char *job, int count, double (*loss)(int step)) {
    ft_stream_writer *w;
    EXPECT_OK(ft_stream_write(&w, s, &metric, ft_str_of(job), NULL));
    for (int i = 0; i < count; i++) {
        ft_value v[] = { ft_value_int(i), ft_value_text(FT_STR("train-rmse")),
                         ft_value_f64(loss(i)), ft_value_int(i) };
        EXPECT_OK(ft_stream_append(w, v));
    }
    EXPECT_OK(ft_stream_close(w));
}

static ft_err judge(ft_verdict *out, ft_store *s, const ft_rule *rule, const char *params,
                    const char *job, int64_t at) {
    ft_params *p;
    ft_sql *sql;
    FT_TRY(ft_params_new(&p, &arena, rule->params));
    for (ft_str rest = ft_str_of(params); rest.at && rest.len;) {
        ft_str value = ft_str_cut(&rest, ';'), name = ft_str_cut(&value, '=');
        FT_TRY(ft_params_set(p, name, value));
    }
    FT_TRY(ft_sql_open(&sql, s));
    ft_sql_horizon(sql, FT_ORDER_STEP, at + 1, job);
    ft_rule_input in = { .at = at, .store = s, .key = ft_str_of(job), .sql = sql, .arena = &arena };
    ft_err err = rule->evaluate(NULL, p, &in, out);
    ft_sql_close(sql);
    return err;
}

static const ft_rule *rule_of(const char *text) {
    const ft_rule *r;
    EXPECT_OK(ft_rule_from_sql(&r, &arena, FT_STR("x/my-rule.sql"), ft_str_of(text)));
    return r;
}

static void test_file(void **state) {
    (void)state;
    ft_streams_use(kinds);
    const ft_rule *r = rule_of(
        "\n-- an ordinary comment: with a colon\n-- rule: too-high\n--doc: The value is too high.\n"
        "-- reads: metric\n-- param: most float 0.5 largest value\n-- param: word text - a word\n\n"
        "select 1 -- rule: not read\n;\n");
    assert_string_equal(r->name, "too-high");
    assert_string_equal(r->doc, "The value is too high.");
    assert_string_equal(r->stream, "metric");
    EXPECT(r->reads == FT_READS_SQL);
    EXPECT(r->params[0].type == FT_PARAM_FLOAT && strcmp(r->params[0].doc, "largest value") == 0);
    EXPECT(!r->params[1].default_text && !r->params[2].name);
    r = rule_of("-- reads: trial\nselect 1");
    assert_string_equal(r->name, "my-rule");
    EXPECT(!r->stream);
}

static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "a query was expected" },
        { "-- reads: metric\n", "a query was expected" },
        { "select 1", "-- reads:" },
        { "-- reads: nothing\nselect 1", "my.sql:1: there is no stream 'nothing'" },
        { "-- reads: trial\n-- param: x\nselect 1", "my.sql:2:" },
        { "-- reads: trial\n-- param: x integer 3 y\nselect 1", "my.sql:2:" },
        { "-- reads: trial\n-- param: 3x int 3 y\nselect 1", "my.sql:2:" },
        { "-- reads: trial\n-- param: at int 3 y\nselect 1", "taken" },
        { "-- reads: trial\n-- param: a int 3 y\n-- param: a int 3 y\nselect 1",
          "my.sql:3: parameter 'a' is taken" },
        { "-- reads: trial\n-- param: a int x y\nselect 1", "default" },
        { "-- reads: trial\nselect '\xff'", "UTF-8" },
    };
    ft_streams_use(kinds);
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        const ft_rule *r;
        EXPECT_ERR(FT_EPARSE,
                   ft_rule_from_sql(&r, &arena, FT_STR("my.sql"), ft_str_of(cases[i].text)));
        EXPECT_WHY(cases[i].why);
        EXPECT(!r);
    }
}

static double step_value(int step) { return step; }

static void test_verdicts(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_verdict v;
    write_losses(s, "j", 10, step_value);
    write_losses(s, "other", 10, step_value);
    const ft_rule *r = rule_of(
        "-- reads: metric\n-- param: least float 3 x\n-- param: word text abc x\n"
        "select step, value, printf('%s %g at %d', :word, value, :at) as reason from metric "
        "where job = :key and value >= :least order by step");
    EXPECT_OK(judge(&v, s, r, "", "j", 2));
    EXPECT(v.outcome == FT_NO_ISSUE && v.at == 2 && !v.reason.len);
    EXPECT_OK(judge(&v, s, r, "", "j", 3));
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_STR("abc 3 at 3", v.reason);
    EXPECT_STR("{\"step\":3,\"value\":3}", v.evidence_json);
    EXPECT_OK(judge(&v, s, r, "word=x;least=8", "j", 9));
    EXPECT_STR("x 8 at 9 (and 1 more)", v.reason);
    EXPECT_STR("{\"count\":2,\"rows\":[{\"step\":8,\"value\":8},{\"step\":9,\"value\":9}]}",
               v.evidence_json);
    r = rule_of(
        "-- reads: metric\nselect step, null as empty from metric where job = :key"); /* no reason
                                                                                       */
    EXPECT_OK(judge(&v, s, r, "", "j", 0));
    EXPECT_STR("the query of my-rule returned 1 row", v.reason);
    EXPECT_STR("{\"step\":0,\"empty\":null}", v.evidence_json);
    r = rule_of("-- reads: metric\nselect nothing from metric");
    EXPECT_ERR(FT_EPARSE, judge(&v, s, r, "", "j", 0));
    EXPECT_WHY("rule my-rule");
    r = rule_of(
        "-- reads: metric\nselect name from sqlite_master"); /* what is no record is closed */
    EXPECT(judge(&v, s, r, "", "j", 0) != FT_OK);
    ft_store_close(s);
}

static double plateau(int step) { return step < 30 ? 1 - 0.02 * step : 0.42 + 0.001 * (step % 3); }
static double falling(int step) { return 1.0 / (step + 1); }

/* The shipped example: fires when the best is patience steps old, and not while the loss falls. */
static void test_plateau(void **state) {
    (void)state;
    ft_store *s = fresh_store();
    ft_str text;
    const ft_rule *r;
    const char *path = "examples/rules/loss-plateau.sql";
    if (!ft_file_exists(path)) path = "../examples/rules/loss-plateau.sql";
    EXPECT_OK(ft_file_read(&text, &arena, path, 1 << 20));
    EXPECT_OK(ft_rule_from_sql(&r, &arena, ft_str_of(path), text));
    assert_string_equal(r->name, "loss-plateau");
    write_losses(s, "flat", 100, plateau);
    write_losses(s, "good", 100, falling);
    int first = -1;
    for (int at = 0; at < 100; at += 1) {
        ft_verdict v;
        EXPECT_OK(judge(&v, s, r, "", "good", at));
        EXPECT(v.outcome == FT_NO_ISSUE);
        EXPECT_OK(judge(&v, s, r, "", "flat", at));
        if (v.outcome != FT_ISSUE || first >= 0) continue;
        first = at;
        EXPECT_STR("train-rmse has not come below 0.42 by more than 0 since step 30, 50 steps "
                   "before step 80; 50 steps are "
                   "allowed",
                   v.reason);
    }
    EXPECT(first == 80); /* the best, 0.42, is at step 30 */
    ft_verdict v;
    EXPECT_OK(judge(&v, s, r, "patience=10", "flat", 40));
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_OK(judge(&v, s, r, "names=validation-%", "flat", 99));
    EXPECT(v.outcome == FT_NO_ISSUE);
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_file), cmocka_unit_test(test_bad_files),
          cmocka_unit_test(test_verdicts), cmocka_unit_test(test_plateau))
