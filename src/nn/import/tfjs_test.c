/* tfjs_test.c -- TensorFlow.js models: a small one written here, and poses against what
 * TensorFlow.js and ONNX Runtime gave for the same pixels. The large models are those of `./run
 * setup models`. */
#include "nn/import/tfjs.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "nn/session.h"
#include "nn/sanitizer_test.h"
#include "tests/oracle.h"

static const char *file_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* relu6(conv(x)) + 1, channels last; weights as float16. */
static const char small[] =
    "{\"format\":\"graph-model\",\"modelTopology\":{\"node\":["
    "{\"name\":\"out\",\"op\":\"AddV2\",\"input\":[\"c\",\"one\"],\"attr\":{}},"
    "{\"name\":\"one\",\"op\":\"Const\",\"attr\":{}},"
    "{\"name\":\"k\",\"op\":\"Const\",\"attr\":{}},"
    "{\"name\":\"x\",\"op\":\"Placeholder\",\"attr\":{\"dtype\":{\"type\":\"DT_FLOAT\"},\"shape\":"
    "{\"shape\":{\"dim\":[{\"size\":\"1\"},{\"size\":\"2\"},{\"size\":\"2\"},{\"size\":\"2\"}]}}}},"
    "{\"name\":\"c\",\"op\":\"%s\",\"input\":[\"x\",\"k\",\"one\"],\"attr\":{\"strides\":{\"list\":"
    "{\"i\":[\"1\",\"1\",\"1\",\"1\"]}},\"padding\":{\"s\":\"U0FNRQ==\"},\"fused_ops\":{\"list\":"
    "{\"s\":[\"Qmlhc0FkZA==\",\"UmVsdTY=\"]}}}}]},"
    "\"weightsManifest\":[{\"paths\":[\"%s\"],\"weights\":["
    "{\"name\":\"k\",\"shape\":[1,1,2,1],\"dtype\":\"float32\",\"quantization\":"
    "{\"dtype\":\"float16\"}},{\"name\":\"one\",\"shape\":[1],\"dtype\":\"float32\"}]}]}";

static void put_small(const char *op, const char *shard) {
    static const unsigned char weights[] = { 0x00, 0x3c, 0x00, 0x40, 0, 0, 0x80, 0x3f };
    char text[2000];
    int len = snprintf(text, sizeof text, small, op, shard);
    oracle_put("model.json", text, (size_t)len);
    oracle_put("w.bin", weights, sizeof weights);
}

static void test_small(void **state) {
    (void)state;
    ft_nn_graph *g = NULL;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_arena arena = FT_ARENA_INIT(8 << 20);
    put_small("_FusedConv2D", "w.bin");
    EXPECT_OK(ft_nn_tfjs_read(&g, file_of("model.json")));
    EXPECT(g->input_count == 1 && g->output_count == 1);
    EXPECT_OK(ft_nn_model_new(&m, g));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    float x[] = { 1, 2, -3, 1, 0, 0, 5, 5 }; /* two channels of four pixels */
    ft_array in = { FT_F32, 4, { 1, 2, 2, 2 }, x }, out;
    EXPECT_OK(ft_nn_run(s, &in, &out, &arena, NULL));
    static const double want[] = { 7, 1, 2, 7 }; /* min(max(a + 2 b + 1, 0), 6) + 1 */
    EXPECT(out.ndim == 4 && out.shape[1] == 2 && out.shape[3] == 1);
    for (int i = 0; i < 4; i++) EXPECT(fabs(ft_array_f64(&out, i) - want[i]) < 1e-5);
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

/* A weight of a byte an item is not widened to four; what is stored in no known way is refused. */
static void test_strange_storage(void **state) {
    (void)state;
    static const char form[] =
        "{\"format\":\"graph-model\",\"modelTopology\":{\"node\":[{\"name\":\"w\",\"op\":"
        "\"Const\",\"attr\":{}}]},\"weightsManifest\":[{\"paths\":[\"w.bin\"],\"weights\":["
        "{\"name\":\"w\",\"shape\":[400],\"dtype\":\"%s\",\"quantization\":{\"dtype\":"
        "\"%s\"}}]}]}";
    static const char *const bad[][2] = { { "bool", "uint8" }, { "float32", "uint32" } };
    char text[1000];
    ft_nn_graph *g;
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        int len = snprintf(text, sizeof text, form, bad[i][0], bad[i][1]);
        oracle_put("model.json", text, (size_t)len);
        oracle_put("w.bin", text, 800);
        EXPECT_ERR(FT_EUNSUPPORTED, ft_nn_tfjs_read(&g, file_of("model.json")));
        EXPECT_WHY("is stored as");
    }
}

/* One node `op` of x and of the constant k, [2, 1] zeros or nothing at all. */
static ft_err read_one(const char *op, const char *attr, const char *shape) {
    char text[1000];
    ft_nn_graph *g = NULL;
    int len = snprintf(
        text, sizeof text,
        "{\"format\":\"graph-model\",\"modelTopology\":{\"node\":[{\"name\":\"k\",\"op\":\"Const\","
        "\"attr\":{}},{\"name\":\"x\",\"op\":\"Placeholder\",\"attr\":{\"dtype\":{\"type\":"
        "\"DT_FLOAT\"},\"shape\":{\"shape\":{\"dim\":[{\"size\":\"2\"},{\"size\":\"2\"}]}}}},"
        "{\"name\":\"out\",\"op\":\"%s\",\"input\":[\"x\",\"k\"],\"attr\":{%s}}]},"
        "\"weightsManifest\":[{\"paths\":[\"w.bin\"],\"weights\":[{\"name\":\"k\",\"shape\":%s,"
        "\"dtype\":\"int32\"}]}]}",
        op, attr, shape);
    oracle_put("model.json", text, (size_t)len);
    oracle_put("w.bin", "\0\0\0\0\0\0\0\0", 8);
    ft_err err = ft_nn_tfjs_read(&g, file_of("model.json"));
    ft_nn_graph_free(g);
    return err;
}

static void test_short_constants(void **state) {
    (void)state;
    EXPECT_ERR(FT_EUNSUPPORTED, read_one("Pad", "", "[2,1]"));
    EXPECT_WHY("no pairs");
    EXPECT_ERR(FT_EUNSUPPORTED, read_one("TopKV2", "", "[0]"));
    EXPECT_WHY("no number of items");
    EXPECT_ERR(FT_EUNSUPPORTED, read_one("Unpack", "\"num\":{\"i\":\"300\"}", "[1]"));
    EXPECT_WHY("too many parts");
    EXPECT_ERR(FT_EUNSUPPORTED,
               read_one("Squeeze",
                        "\"squeeze_dims\":{\"list\":{\"i\":[\"0\",\"0\",\"0\",\"0\",\"0\",\"0\","
                        "\"0\",\"0\",\"0\"]}}",
                        "[1]"));
    EXPECT_WHY("too long");
}

static void test_refused(void **state) {
    (void)state;
    ft_nn_graph *g;
    put_small("Conv9D", "w.bin");
    EXPECT_ERR(FT_EUNSUPPORTED, ft_nn_tfjs_read(&g, file_of("model.json")));
    EXPECT_WHY("Conv9D (node 'c')");
    put_small("_FusedConv2D", "../w.bin");
    EXPECT_ERR(FT_EDENIED, ft_nn_tfjs_read(&g, file_of("model.json")));
    put_small("_FusedConv2D", "absent.bin");
    EXPECT_ERR(FT_ENOTFOUND, ft_nn_tfjs_read(&g, file_of("model.json")));
    put_small("_FusedConv2D", "w.bin");
    oracle_put("w.bin", "abc", 3);
    EXPECT_ERR(FT_ECORRUPT, ft_nn_tfjs_read(&g, file_of("model.json")));
    EXPECT_WHY("end before");
    put_small("_FusedConv2D", "w.bin");
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    ft_str text = { 0 };
    EXPECT_OK(ft_file_read(&text, &arena, file_of("model.json"), 1 << 16));
    for (size_t len = 0; len < text.len; len++) { /* cut anywhere */
        oracle_put("cut.json", text.at, len);
        EXPECT(ft_nn_tfjs_read(&g, file_of("cut.json")) != FT_OK && !g);
    }
    EACH_FAULT {
        ft_err err = ft_nn_tfjs_read(&g, file_of("model.json"));
        EXPECT(err == FT_OK ? g != NULL : g == NULL);
        ft_nn_graph_free(g);
    }
    ft_arena_fini(&arena);
}

static const char *model_of(const char *name) {
    static char path[600];
    const char *set = getenv("FETTLE_MODELS"), *home = getenv("HOME");
    if (set)
        snprintf(path, sizeof path, "%s/%s.json", set, name);
    else
        snprintf(path, sizeof path, "%s/.cache/fettle/models/%s.json", home ? home : "", name);
    return access(path, R_OK) == 0 ? path : NULL;
}

static void expect_pose(const char *model, const char *picture) {
    char path[1300];
    ft_nn_graph *g = NULL;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_arena arena = FT_ARENA_INIT((size_t)512 << 20);
    ft_str pixels = { 0 }, want = { 0 };
    EXPECT_OK(ft_nn_tfjs_read(&g, model_of(model)));
    EXPECT_OK(ft_nn_model_new(&m, g));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    snprintf(path, sizeof path, "%s/%s.%s.in.u8", test_shared("pose_golden"), model, picture);
    EXPECT_OK(ft_file_read(&pixels, &arena, path, 1 << 22));
    snprintf(path, sizeof path, "%s/%s.%s.out.f32", test_shared("pose_golden"), model, picture);
    EXPECT_OK(ft_file_read(&want, &arena, path, 1 << 16));
    int64_t side = lrint(sqrt((double)pixels.len / 3));
    int32_t *x;
    EXPECT_OK(ft_arena_items(&x, &arena, pixels.len));
    for (size_t i = 0; i < pixels.len; i++) x[i] = (uint8_t)pixels.at[i];
    ft_array in = { FT_I32, 4, { 1, side, side, 3 }, x }, out;
    EXPECT_OK(ft_nn_run(s, &in, &out, &arena, NULL));
    EXPECT(ft_array_count(&out) == 51 && want.len == 51 * 4);
    double off = 0;
    for (int i = 0; i < 51; i++) {
        float y;
        memcpy(&y, want.at + 4 * i, 4);
        off = fmax(off, fabs(ft_array_f64(&out, i) - (double)y));
    }
    print_message("# %s, %s: largest difference %.2g\n", model, picture, off);
    EXPECT(off <= 1e-3);
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
}

static void test_poses(void **state) {
    (void)state;
    if (!test_shared("pose_golden")) SKIP("no shared data");
    if (!model_of("movenet-lightning")) SKIP("no models: ./run setup models");
    expect_pose("movenet-lightning", "messi5");
    expect_pose("movenet-lightning", "person1");
    expect_pose("movenet-lightning", "bball_120");
    expect_pose("movenet-thunder", "messi5");
}

/* The others that are promised are read and run on zeros. */
static void test_others_run(void **state) {
    (void)state;
    static const char *const names[] = { "blazepose-lite",     "posenet",       "centernet",
                                         "blazepose-detector", "efficientpose", "nanodet",
                                         "movenet-multipose" };
    if (!model_of("posenet")) SKIP("no models: ./run setup models");
    for (size_t i = 0; i < FT_COUNT(names); i++) {
        ft_nn_graph *g = NULL;
        ft_nn_model *m = NULL;
        ft_nn_session *s = NULL;
        ft_arena arena = FT_ARENA_INIT((size_t)2 << 30);
        ft_array out[16];
        if (!model_of(names[i])) continue;
        EXPECT_OK(ft_nn_tfjs_read(&g, model_of(names[i])));
        EXPECT_OK(ft_nn_model_new(&m, g));
        EXPECT_OK(ft_nn_session_new(&s, m, NULL));
        const ft_nn_value *v = &g->values[g->inputs[0]];
        ft_array in = { .dtype = v->dtype, .ndim = v->ndim };
        int64_t count = 1;
        for (int k = 0; k < v->ndim; k++) {
            in.shape[k] = v->shape[k] > 0 ? v->shape[k] : k == 0 ? 1 : 256;
            count *= in.shape[k];
        }
        EXPECT_OK(ft_arena_take(&in.data, &arena, (size_t)count * 4));
        EXPECT(g->output_count <= 16);
        ft_err err = ft_nn_run(s, &in, out, &arena, NULL);
        if (err != FT_OK) print_message("# %s: %s\n", names[i], ft_err_why());
        EXPECT(err == FT_OK);
        ft_nn_session_free(s);
        ft_nn_model_free(m);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_small), cmocka_unit_test(test_strange_storage),
          cmocka_unit_test(test_short_constants), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_poses), cmocka_unit_test(test_others_run))
