/* capture_test.c -- lines as Model Monitor writes them: made by us and read by Python, made by
 * Amazon and read by us. */
#include "base/check.h"
#include "base/clock.h"
#include "monitor/capture.h"
#include "monitor/shared_test.h"
#include "streams/format.h"

static const ft_stream_kind *const kinds[] = { &ft_kind_capture, NULL };
static ft_arena arena;

static ft_store *fresh(const char **home) {
    static int count;
    static char path[300];
    ft_store *s;
    snprintf(path, sizeof path, "%s/home-%d", test_dir(), count++);
    if (home) *home = path;
    EXPECT_OK(ft_store_open(&s, path));
    ft_streams_use(kinds);
    return s;
}

static void test_ids(void **state) {
    (void)state;
    static const int64_t times[] = {
        0, 1, 999, 1000, 1644859549123456, 1644859549999999, 4102444800000001
    };
    char id[FT_UUID_TEXT], other[FT_UUID_TEXT];
    ft_random r;
    ft_random_seed(&r, 7);
    for (size_t i = 0; i < FT_COUNT(times); i++) {
        ft_capture_id(id, times[i], &r);
        EXPECT(strlen(id) == 36 && id[14] == '7' && strchr("89ab", id[19]));
        EXPECT(ft_capture_id_time(ft_str_of(id)) == times[i]);
    }
    for (int64_t us = 0; us < 1000; us++) {
        ft_capture_id(id, 5000000000 + us, &r);
        EXPECT(ft_capture_id_time(ft_str_of(id)) == 5000000000 + us);
        ft_capture_id(other, 5000000001 + us, &r);
        EXPECT(strcmp(id, other) < 0); /* sorts by time */
    }
    EXPECT(ft_capture_id_time(FT_STR("74b0dd56-e7c8-468e-94b1-14a138a96000")) ==
           -1); /* version 4 */
    EXPECT(ft_capture_id_time(FT_STR("")) == -1);
    EXPECT(ft_capture_id_time(FT_STR("74b0dd56-e7c8-768e-94b1-14a138a9600")) == -1);
    EXPECT(ft_capture_id_time(FT_STR("74b0dd56xe7c8-768e-94b1-14a138a96000")) == -1);
    EXPECT(ft_capture_id_time(FT_STR("7gb0dd56-e7c8-768e-94b1-14a138a96000")) == -1);
}

/* The line of formats.md 3.11, to the byte. */
static void test_line(void **state) {
    (void)state;
    ft_store *s = fresh(NULL);
    ft_capture *c;
    ft_cursor *cursor;
    ft_record r;
    ft_payload in = { FT_STR("text/csv"), FT_STR("1,2,\"x\"\n") };
    ft_payload out = { FT_STR("text/csv; charset=utf-8"), FT_STR("0.0254") };
    int64_t at = 1644859549123456; /* 2022-02-14T17:25:49.123456Z */
    EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"), NULL));
    EXPECT(ft_capture_segment(c).len == 0);
    EXPECT_OK(ft_capture_add(c, FT_STR("0f4d"), at, &in, &out, FT_STR("mine"), FT_STR("a=b")));
    EXPECT_OK(
        ft_capture_add(c, FT_STR("0f4e"), at + 1000000, &in, &out, (ft_str){ 0 }, (ft_str){ 0 }));
    EXPECT(ft_str_starts(ft_capture_segment(c),
                         FT_STR("s3://fettle/capture/e/AllTraffic/2022/02/14/17/")));
    EXPECT(ft_str_ends(ft_capture_segment(c), FT_STR(".jsonl")));
    EXPECT_OK(ft_capture_tick(c));
    EXPECT_OK(
        ft_cursor_open(&cursor, s, &ft_kind_capture, &(ft_cursor_opts){ .key = FT_STR("e") }));
    EXPECT_OK(ft_cursor_next(cursor, &r));
    EXPECT_STR("{\"captureData\":{\"endpointInput\":{\"observedContentType\":\"text/"
               "csv\",\"mode\":\"INPUT\","
               "\"data\":\"1,2,\\\"x\\\"\\n\",\"encoding\":\"CSV\"},\"endpointOutput\":{"
               "\"observedContentType\":"
               "\"text/csv; "
               "charset=utf-8\",\"mode\":\"OUTPUT\",\"data\":\"0.0254\",\"encoding\":\"CSV\"}},"
               "\"eventMetadata\":{\"eventId\":\"0f4d\",\"customAttributes\":[\"a=b\"],"
               "\"inferenceId\":\"mine\","
               "\"inferenceTime\":\"2022-02-14T17:25:49Z\"},\"eventVersion\":\"0\"}",
               r.raw);
    EXPECT_STR("1,2,\"x\"\n", r.values[FT_CAPTURE_INPUT].s);
    EXPECT_STR("mine", r.values[FT_CAPTURE_INFERENCE].s);
    EXPECT(r.values[FT_CAPTURE_PREDICTION].f == 0.0254);
    EXPECT(r.values[FT_CAPTURE_CONFIDENCE].type == FT_VALUE_NULL);
    EXPECT(r.values[FT_CAPTURE_TIME].i == 1644859549000000); /* the id tells no time */
    EXPECT_OK(ft_cursor_next(cursor, &r));
    EXPECT(ft_str_ends(
        r.raw, FT_STR("\"inferenceTime\":\"2022-02-14T17:25:50Z\"},\"eventVersion\":\"0\"}")));
    EXPECT(r.values[FT_CAPTURE_INFERENCE].type == FT_VALUE_NULL);
    EXPECT_ERR(FT_ENOTFOUND, ft_cursor_next(cursor, &r));
    ft_cursor_close(cursor);
    EXPECT_OK(ft_capture_close(c));
    EXPECT_OK(ft_capture_close(NULL));
    ft_store_close(s);
}

/* Bodies of every kind come back byte for byte, and the microsecond too. */
static void test_bodies(void **state) {
    (void)state;
    static const struct {
        const char *type;
        ft_str bytes;
        const char *encoding;
    } bodies[] = {
        { "text/csv", { "1,2", 3 }, "CSV" },
        { "TEXT/CSV; charset=utf-8", { "caf\xc3\xa9", 5 }, "CSV" },
        { "text/csv", { "\xff\x00 1", 4 }, "BASE64" },
        { "application/json", { "{\"instances\": [1.0]}\n", 21 }, "JSON" },
        { "application/json;charset=utf-8", { "[]", 2 }, "JSON" },
        { "application/jsonlines", { "[1]\n[2]\n", 8 }, "JSON" },
        { "application/x-npy", { "\x93NUMPY\x01\x00\x00", 9 }, "BASE64" },
        { "", { "1,2", 3 }, "BASE64" },
        { "text/csv", { "", 0 }, "CSV" },
    };
    ft_store *s = fresh(NULL);
    ft_capture *c;
    ft_cursor *cursor;
    ft_record r;
    ft_random random;
    char id[FT_UUID_TEXT];
    int64_t at = 1644859549123456;
    ft_random_seed(&random, 3);
    EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"),
                              &(ft_capture_opts){ .uri = FT_STR("s3://fettle/elsewhere/") }));
    for (size_t i = 0; i < FT_COUNT(bodies); i++) {
        ft_payload in = { ft_str_of(bodies[i].type), bodies[i].bytes };
        ft_payload out = { FT_STR("application/json"), FT_STR("[[14]]") };
        ft_capture_id(id, at + (int64_t)i, &random);
        EXPECT_OK(ft_capture_add(c, ft_str_of(id), at + (int64_t)i, &in, &out, (ft_str){ 0 },
                                 (ft_str){ 0 }));
    }
    EXPECT(ft_str_starts(ft_capture_segment(c),
                         FT_STR("s3://fettle/elsewhere/e/AllTraffic/2022/02/14/17/")));
    EXPECT_OK(ft_capture_close(c));
    EXPECT_OK(
        ft_cursor_open(&cursor, s, &ft_kind_capture, &(ft_cursor_opts){ .key = FT_STR("e") }));
    for (size_t i = 0; i < FT_COUNT(bodies); i++) {
        ft_payload asked;
        EXPECT_OK(ft_cursor_next(cursor, &r));
        EXPECT(r.values[FT_CAPTURE_TIME].i == at + (int64_t)i);
        EXPECT_STR(bodies[i].encoding, r.values[FT_CAPTURE_ENCODING_IN].s);
        EXPECT_STR(bodies[i].type, r.values[FT_CAPTURE_INPUT_TYPE].s);
        EXPECT_OK(ft_capture_payload(&asked, &arena, r.values, FT_CAPTURE_ASKED));
        EXPECT(ft_str_eq(asked.bytes, bodies[i].bytes));
        EXPECT(r.values[FT_CAPTURE_PREDICTION].f == 14);
    }
    ft_cursor_close(cursor);
    ft_store_close(s);
}

/* What the post's monitoring script does with the lines. */
static const char reader[] =
    "import base64, glob, json, sys\n"
    "files = glob.glob(sys.argv[1] + "
    "'/objects/fettle/capture/e/AllTraffic/2022/02/14/17/*.jsonl')\n"
    "assert len(files) == 1, files\n"
    "lines = [json.loads(l) for l in open(files[0])]\n"
    "assert len(lines) == 3\n"
    "for i, l in enumerate(lines):\n"
    "    data = l['captureData']\n"
    "    assert set(l) == {'captureData', 'eventMetadata', 'eventVersion'}\n"
    "    assert set(data['endpointInput']) == {'observedContentType', 'mode', 'data', 'encoding'}\n"
    "    assert json.loads(data['endpointOutput']['data'])[0] == [i]\n"
    "    assert base64.b64decode(data['endpointInput']['data']) == bytes(range(256)) * (i + 1)\n"
    "    assert data['endpointInput']['encoding'] == 'BASE64'\n"
    "    assert l['eventMetadata']['inferenceTime'] == '2022-02-14T17:25:49Z'\n";

static void test_python_reads_ours(void **state) {
    (void)state;
    const char *home;
    char bytes[768], answer[16];
    ft_store *s = fresh(&home);
    ft_capture *c;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)i;
    EXPECT_OK(ft_capture_open(&c, s, FT_STR("e"), NULL));
    for (size_t i = 0; i < 3; i++) {
        snprintf(answer, sizeof answer, "[[%zu]]", i);
        ft_payload in = { (ft_str){ 0 }, ft_str_n(bytes, 256 * (i + 1)) };
        ft_payload out = { FT_STR("application/json"), ft_str_of(answer) };
        EXPECT_OK(ft_capture_add(c, FT_STR("id"), 1644859549000000 + (int64_t)i, &in, &out,
                                 (ft_str){ 0 }, (ft_str){ 0 }));
    }
    EXPECT_OK(ft_capture_close(c));
    python(reader, home);
    ft_store_close(s);
}

static void decode_ok(ft_value *v, ft_str line) {
    memset(v, 0, FT_CAPTURE_COLUMNS * sizeof *v);
    ft_arena_reset(&arena);
    EXPECT_OK(ft_kind_capture.decode(v, ~0ull, line, &arena));
}

static void test_real_lines(void **state) {
    (void)state;
    static const struct {
        const char *file;
        size_t lines;
        double prediction; /* of the first */
    } files[] = {
        { "sagemaker_artefacts/model_monitor/captured_data_example_dsoaws.jsonl", 0, 4 },
        { "sagemaker_artefacts/model_monitor/sagemaker-python-sdk/monitor/captured-data.jsonl", 2,
          3.5 },
        { "sagemaker_artefacts/model_monitor/sagemaker-python-sdk/monitor/capture.jsonl", 0,
          0.302709460258 },
    };
    for (size_t i = 0; i < FT_COUNT(files); i++) {
        ft_value v[FT_CAPTURE_COLUMNS];
        ft_arena keep = FT_ARENA_INIT(0);
        size_t lines = 0;
        const char *path = shared_file(files[i].file);
        if (!path) skip();
        ft_str text = file_text(&keep, path);
        while (text.at) {
            ft_str line = ft_str_trim(ft_str_cut(&text, '\n'));
            if (!line.len) continue;
            decode_ok(v, line);
            if (!lines++) EXPECT(v[FT_CAPTURE_PREDICTION].f == files[i].prediction);
            EXPECT(v[FT_CAPTURE_INPUT].s.len > 0 && v[FT_CAPTURE_EVENT].s.len == 36);
        }
        EXPECT(files[i].lines ? lines == files[i].lines : lines > 8);
        ft_arena_fini(&keep);
    }
}

static void test_odd_lines(void **state) {
    (void)state;
    ft_value v[FT_CAPTURE_COLUMNS];
    static const char *const wrong[] = {
        "", "{", "[]", "{\"captureData\":1}", "{\"captureData\":{\"endpointInput\":[]}}", "{} x"
    };
    decode_ok(v, FT_STR("{}"));
    EXPECT(v[FT_CAPTURE_TIME].i == 0 && v[FT_CAPTURE_INPUT].type == FT_VALUE_NULL);
    decode_ok(
        v,
        FT_STR("{\"eventMetadata\":{\"inferenceTime\":5,\"eventId\":null,\"x\":{}},\"more\":[1]}"));
    EXPECT(v[FT_CAPTURE_EVENT].type == FT_VALUE_NULL);
    decode_ok(
        v,
        FT_STR("{\"captureData\":{\"endpointOutput\":{\"data\":\"!!\",\"encoding\":\"BASE64\"}}}"));
    EXPECT(v[FT_CAPTURE_PREDICTION].type == FT_VALUE_NULL);
    for (size_t i = 0; i < FT_COUNT(wrong); i++) {
        ft_arena_reset(&arena);
        memset(v, 0, sizeof v);
        EXPECT_ERR(FT_EPARSE, ft_kind_capture.decode(v, ~0ull, ft_str_of(wrong[i]), &arena));
    }
}

static size_t count_records(ft_store *s) {
    ft_cursor *c;
    ft_record r;
    size_t n = 0;
    ft_err err;
    EXPECT_OK(ft_cursor_open(&c, s, &ft_kind_capture, &(ft_cursor_opts){ .key = FT_STR("e") }));
    while ((err = ft_cursor_next(c, &r)) == FT_OK) n++;
    EXPECT(err == FT_ENOTFOUND && ft_cursor_damaged(c) == 0);
    ft_cursor_close(c);
    return n;
}

/* Whatever call fails: what was answered with FT_OK is there, once, and nothing else is. */
static void test_faults(void **state) {
    (void)state;
    ft_payload in = { FT_STR("text/csv"), FT_STR("1,2") },
               out = { FT_STR("application/json"), FT_STR("[[14]]") };
    ft_store *s = fresh(NULL);
    size_t written = 0, rounds = 0;
    EACH_FAULT {
        ft_capture *c = NULL;
        ft_err err = ft_capture_open(&c, s, FT_STR("e"), NULL);
        for (int i = 0; i < 2 && c; i++) {
            err = ft_capture_add(c, FT_STR("id"), 1644859549000000, &in, &out, FT_STR("i"),
                                 FT_STR("a"));
            written += err == FT_OK;
        }
        if (c) (void)ft_capture_tick(c);
        (void)ft_capture_close(c);
        ft_fault_off();
        EXPECT(count_records(s) == written);
        rounds++;
    }
    EXPECT(rounds > 5);
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_ids), cmocka_unit_test(test_line), cmocka_unit_test(test_bodies),
          cmocka_unit_test(test_python_reads_ours), cmocka_unit_test(test_real_lines),
          cmocka_unit_test(test_odd_lines), cmocka_unit_test(test_faults))
