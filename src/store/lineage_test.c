/* lineage_test.c -- the walk from an alert to the training file, with every edge removed once. */
#include "base/check.h"
#include "store/lineage.h"
#include "tests/test.h"

static const char *const edges[][2] = {
    { "alert:1", "verdict:7" },
    { "verdict:7", "capture:s3://fettle/capture/e/1.jsonl" },
    { "verdict:7", "rule:ClassShare@abc" },
    { "capture:s3://fettle/capture/e/1.jsonl", "endpoint:e@2" },
    { "endpoint:e@2", "model:123" },
    { "model:123", "job:mnist-1" },
    { "job:mnist-1", "input:deadbeef" },
};
static ft_arena arena;

static ft_store *fresh(void) {
    static int count;
    static char home[300];
    ft_store *s;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    ft_arena_reset(&arena);
    EXPECT_OK(ft_store_open(&s, home));
    for (size_t i = 0; i < FT_COUNT(edges); i++)
        EXPECT_OK(ft_lineage_edge(s, ft_str_of(edges[i][0]), ft_str_of(edges[i][1])));
    EXPECT_OK(ft_lineage_node(s, FT_STR("input:deadbeef"), FT_STR("train.csv, 45 MB")));
    EXPECT_OK(ft_lineage_node(s, FT_STR("alert:1"), FT_STR("one class has 81 %")));
    return s;
}

static void test_walk(void **state) {
    (void)state;
    static const char *const want[] = {
        "alert:1",        "verdict:7",          "capture:s3://fettle/capture/e/1.jsonl",
        "endpoint:e@2",   "model:123",          "job:mnist-1",
        "input:deadbeef", "rule:ClassShare@abc"
    };
    static const int depth[] = { 0, 1, 2, 3, 4, 5, 6, 2 };
    ft_store *s = fresh();
    ft_lineage_step *steps;
    size_t count;
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("alert:1")));
    EXPECT(count == FT_COUNT(want));
    for (size_t i = 0; i < count; i++) {
        EXPECT_STR(want[i], steps[i].id);
        EXPECT(steps[i].depth == depth[i] && !steps[i].missing && !steps[i].repeated);
    }
    EXPECT_STR("one class has 81 %", steps[0].note);
    EXPECT_STR("train.csv, 45 MB", steps[6].note);
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("mnist-1")));
    EXPECT(count == 2);
    EXPECT_STR("job:mnist-1", steps[0].id);
    EXPECT_ERR(FT_ENOTFOUND, ft_lineage_walk(&steps, &count, s, &arena, FT_STR("nobody")));
    EXPECT_ERR(FT_ENOTFOUND, ft_lineage_walk(&steps, &count, s, &arena, FT_STR("")));
    ft_store_close(s);
}

static void test_every_missing_edge(void **state) {
    (void)state;
    for (size_t gone = 0; gone < FT_COUNT(edges); gone++) {
        ft_store *s = fresh();
        ft_lineage_step *steps;
        size_t count, found = 0;
        EXPECT_OK(ft_db_run(ft_store_db(s),
                            "delete from lineage_edge where child = ? and parent = ?", "tt",
                            edges[gone][0], edges[gone][1]));
        EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("alert:1")));
        for (size_t i = 0; i < count; i++)
            if (steps[i].missing) {
                EXPECT_STR(edges[gone][1], steps[i].id); /* named outright */
                found++;
            }
        EXPECT(found == 1);
        ft_store_close(s);
    }
}

static void test_notes_and_circles(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_lineage_step *steps;
    size_t count, repeated = 0;
    EXPECT_OK(ft_lineage_node(s, FT_STR("job:a"), FT_STR("first")));
    EXPECT_OK(ft_lineage_node(s, FT_STR("job:a"), FT_STR("")));
    EXPECT_OK(ft_lineage_node(s, FT_STR("job:a"), (ft_str){ 0 }));
    EXPECT_OK(ft_lineage_edge(s, FT_STR("job:a"), FT_STR("model:b")));
    EXPECT_OK(ft_lineage_edge(s, FT_STR("job:a"), FT_STR("model:b")));
    EXPECT_OK(ft_lineage_edge(s, FT_STR("model:b"), FT_STR("job:a")));
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("job:a")));
    EXPECT_STR("first", steps[0].note);
    for (size_t i = 0; i < count; i++) repeated += steps[i].repeated;
    EXPECT(repeated == 1);
    EXPECT_ERR(FT_EINVAL, ft_lineage_edge(s, FT_STR("job:a"), FT_STR("job:a")));
    EXPECT_ERR(FT_EINVAL, ft_lineage_node(s, FT_STR("dog:a"), FT_STR("")));
    EXPECT_WHY("kind:name");
    EXPECT_ERR(FT_EINVAL, ft_lineage_node(s, FT_STR("job:"), FT_STR("")));
    EXPECT_ERR(FT_EINVAL, ft_lineage_node(s, FT_STR("job"), FT_STR("")));
    EXPECT_ERR(FT_EINVAL, ft_lineage_edge(s, FT_STR("job:a"), FT_STR("x")));
    ft_store_close(s);
}

static void test_wide_and_deep(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_lineage_step *steps;
    size_t count;
    char a[32], b[32];
    EXPECT_OK(ft_db_begin(ft_store_db(s)));
    for (int i = 0; i < 1500; i++) {
        snprintf(a, sizeof a, "input:%05d", i);
        EXPECT_OK(ft_lineage_edge(s, FT_STR("job:wide"), ft_str_of(a)));
        snprintf(a, sizeof a, "job:%05d", i);
        snprintf(b, sizeof b, "job:%05d", i + 1);
        EXPECT_OK(ft_lineage_edge(s, ft_str_of(a), ft_str_of(b)));
    }
    EXPECT_OK(ft_db_commit(ft_store_db(s)));
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("job:wide")));
    EXPECT(count == 1501);
    EXPECT_ERR(FT_ETOOBIG, ft_lineage_walk(&steps, &count, s, &arena, FT_STR("job:00000")));
    ft_store_close(s);
}

static void test_ids(void **state) {
    (void)state;
    ft_str id, name, version;
    EXPECT_OK(ft_lineage_id(&id, &arena, FT_LINEAGE_CAPTURE, FT_STR("s3://fettle/a@b/1.jsonl")));
    EXPECT_STR("capture:s3://fettle/a@b/1.jsonl", id);
    EXPECT_OK(ft_lineage_id_number(&id, &arena, FT_LINEAGE_ALERT, -7));
    EXPECT_STR("alert:-7", id);
    EXPECT(ft_lineage_id_read(&name, &version, FT_LINEAGE_ALERT, id) && !version.at);
    EXPECT_STR("-7", name);
    EXPECT_OK(ft_lineage_id_rule(&id, &arena, "Overfit", "12ab"));
    EXPECT_STR("rule:Overfit@12ab", id);
    EXPECT_OK(ft_lineage_id_endpoint(&id, &arena, FT_STR("fashion"), 3));
    EXPECT_STR("endpoint:fashion@3", id);
    EXPECT(ft_lineage_id_read(&name, &version, FT_LINEAGE_ENDPOINT, id));
    EXPECT_STR("fashion", name);
    EXPECT_STR("3", version);
    EXPECT(!ft_lineage_id_read(&name, &version, FT_LINEAGE_JOB, id));
    EXPECT(!ft_lineage_id_read(&name, &version, FT_LINEAGE_ENDPOINT, FT_STR("endpoint")));
    for (int i = 0; ft_lineage_kinds[i].kind; i++) EXPECT(i <= FT_LINEAGE_INPUT);
    EXPECT_STR("input", ft_str_of(ft_lineage_kinds[FT_LINEAGE_INPUT].kind));
}

static void test_each_fault(void **state) {
    (void)state;
    ft_store *s = fresh();
    EACH_FAULT {
        ft_lineage_step *steps;
        size_t count;
        ft_err err = ft_lineage_node(s, FT_STR("job:x"), FT_STR("note"));
        if (err == FT_OK) err = ft_lineage_edge(s, FT_STR("job:x"), FT_STR("input:y"));
        if (err == FT_OK) err = ft_lineage_walk(&steps, &count, s, &arena, FT_STR("job:x"));
        ft_fault_off();
        EXPECT(err != FT_OK || count == 2);
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_walk), cmocka_unit_test(test_every_missing_edge),
          cmocka_unit_test(test_notes_and_circles), cmocka_unit_test(test_wide_and_deep),
          cmocka_unit_test(test_ids), cmocka_unit_test(test_each_fault))
