/* network_test.c -- networks from files and folders, pictures as their input, and answers of the
 * predictor. */
#include "nn/network.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "data/npy.h"
#include "media/image.h"
#include "nn/import/onnx.h"
#include "nn/predictor_nn.h"
#include "nn/sanitizer_test.h"
#include "tests/oracle.h"

static const char *file_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* A folder with cnn28 as ONNX and what stands beside a model. */
static void put_folder(const char *json, const char *labels) {
    const ft_nn_arch *arch;
    ft_nn_graph *g = NULL;
    ft_buf bytes = { 0 };
    EXPECT_OK(ft_dir_make(file_of("m")));
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("cnn28")));
    EXPECT_OK(ft_nn_arch_build(&g, arch, &(ft_nn_arch_opts){ .seed = 5 }));
    EXPECT_OK(ft_nn_onnx_write(&bytes, g));
    oracle_put("m/model.onnx", bytes.at, bytes.len);
    oracle_put("m/network.json", json, strlen(json));
    oracle_put("m/labels.txt", labels, strlen(labels));
    ft_buf_fini(&bytes);
    ft_nn_graph_free(g);
}

/* The same network with one weight that is no number. */
static void put_nan(void) {
    const ft_nn_arch *arch;
    ft_nn_graph *g = NULL;
    ft_buf bytes = { 0 };
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("cnn28")));
    EXPECT_OK(ft_nn_arch_build(&g, arch, NULL));
    ((float *)g->values[ft_nn_value_find(g, FT_STR("fc1.weight"))].data)[7] = NAN;
    EXPECT_OK(ft_nn_onnx_write(&bytes, g));
    oracle_put("m/model.onnx", bytes.at, bytes.len);
    oracle_put("m/network.json", "{}", 2);
    ft_buf_fini(&bytes);
    ft_nn_graph_free(g);
}

static ft_str picture(ft_arena *arena, int width, int height) {
    ft_image image;
    ft_buf png = { 0 };
    ft_str out = { 0 };
    EXPECT_OK(ft_image_new(&image, arena, width, height, 3));
    for (int i = 0; i < width * height * 3; i++) image.data[i] = (uint8_t)(i * 7);
    EXPECT_OK(ft_image_encode(&png, &image, &(ft_encode_opts){ .kind = FT_IMAGE_PNG }));
    EXPECT_OK(ft_arena_str(&out, arena, ft_buf_str(&png)));
    ft_buf_fini(&png);
    return out;
}

static void test_folder(void **state) {
    (void)state;
    ft_nn_network *n = NULL;
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    put_folder(
        "{\"mean\": [0.5], \"std\": [0.25], \"fit\": \"stretch\", \"softmax\": true, "
        "\"order\": \"rgb\"}",
        "zero\none\ntwo\n3\n4\n5\n6\n7\n8\n9\n\n\n"); /* empty lines at the end are no label */
    EXPECT(ft_nn_network_sniff(file_of("m")) == 95);
    EXPECT(ft_nn_network_sniff(test_dir()) == 0);
    EXPECT_OK(ft_nn_network_read(&n, file_of("m")));
    EXPECT(strcmp(n->format, "onnx") == 0 && n->label_count == 10 && n->looks.softmax);
    EXPECT_STR("two", n->labels[2]);
    EXPECT(ft_nn_network_probable(n));
    ft_nn_sizes sizes;
    ft_nn_network_sizes(&sizes, n);
    EXPECT(sizes.parameters > 400000 && sizes.weight_bytes > 1600000);
    ft_array in;
    EXPECT_OK(ft_nn_picture(&in, n, picture(&arena, 40, 30), &arena));
    EXPECT(in.dtype == FT_F32 && in.shape[1] == 1 && in.shape[2] == 28 && in.shape[3] == 28);
    for (int64_t i = 0; i < ft_array_count(&in); i++)
        EXPECT(fabs(ft_array_f64(&in, i)) <= 2.0001); /* (0 … 1 - 0.5) / 0.25 */
    EXPECT(ft_nn_picture(&in, n, FT_STR("no picture"), &arena) != FT_OK);
    ft_nn_network_free(n);
    ft_arena_fini(&arena);
}

static void test_refused(void **state) {
    (void)state;
    ft_nn_network *n;
    EXPECT_ERR(FT_ENOTFOUND, ft_nn_network_read(&n, file_of("absent")));
    put_folder("{\"fit\": \"bend\"}", "");
    EXPECT_ERR(FT_EPARSE, ft_nn_network_read(&n, file_of("m")));
    EXPECT_WHY("crop, stretch or box");
    put_folder("{\"mean\": [1, 2]}", "");
    EXPECT_ERR(FT_EPARSE, ft_nn_network_read(&n, file_of("m")));
    put_folder("{\"meen\": [1]}", "");
    EXPECT_ERR(FT_EPARSE, ft_nn_network_read(&n, file_of("m")));
    EXPECT_WHY("is it mean");
    put_folder("{\"std\": [0]}", "");
    EXPECT_ERR(FT_EPARSE, ft_nn_network_read(&n, file_of("m")));
    EXPECT_WHY("not 0");
    put_folder("{}", "zero\none\n");
    EXPECT_ERR(FT_ECONFLICT, ft_nn_network_read(&n, file_of("m")));
    EXPECT_WHY("has 2 labels, the network 10 classes");
    oracle_put("m/labels.txt", "", 0);
    put_nan();
    EXPECT_ERR(FT_ECORRUPT, ft_nn_network_read(&n, file_of("m")));
    EXPECT_WHY("'fc1.weight' is not a number at item 7");
    oracle_put("m/network.json", "{}", 2);
    oracle_put("m/model.onnx", "abc", 3);
    EXPECT(ft_nn_network_read(&n, file_of("m")) != FT_OK && !n);
}

static ft_err ask(ft_model *m, ft_payload *out, const char *type, ft_str body, const char *accept,
                  ft_arena *arena) {
    ft_payload in = { ft_str_of(type), body };
    return m->predictor->predict(m, out, &in, ft_str_of(accept), NULL, arena);
}

static void test_predictor(void **state) {
    (void)state;
    ft_model *m = NULL;
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_payload csv, json, again;
    put_folder("{\"softmax\": true}", "");
    EXPECT_OK(ft_predictor_nn.load(&m, file_of("m")));
    EXPECT(ft_predictor_nn.input_cols(m) == 784 && ft_predictor_nn.output_cols(m) == 10);
    ft_str png = picture(&arena, 28, 28);
    EXPECT_OK(ask(m, &csv, "image/png", png, "text/csv", &arena));
    EXPECT_OK(ask(m, &json, "", png, "application/json", &arena));
    EXPECT(ft_str_starts(json.bytes, FT_STR("{\"predictions\"")));
    double sum = 0, v;
    ft_str rest = csv.bytes;
    int cells = 0;
    while (rest.at && rest.len) {
        EXPECT(ft_str_f64(&v, ft_str_trim(ft_str_cut(&rest, ','))));
        sum += v;
        cells++;
    }
    EXPECT(cells == 10 && fabs(sum - 1) < 1e-4);
    ft_array same; /* as an array they are the same probabilities */
    EXPECT_OK(ask(m, &again, "image/png", png, "application/x-npy", &arena));
    EXPECT_OK(ft_npy_read(&same, &arena, again.bytes));
    for (int64_t i = 0; i < 10; i++) sum -= ft_array_f64(&same, i);
    EXPECT(same.shape[1] == 10 && fabs(sum) < 1e-4);
    /* The same pixels as a row, as JSON and as an array give the same answer. */
    ft_nn_network *n = NULL;
    ft_array in;
    ft_buf row = { 0 }, npy = { 0 }, nested = { 0 };
    EXPECT_OK(ft_nn_network_read(&n, file_of("m")));
    EXPECT_OK(ft_nn_picture(&in, n, png, &arena));
    for (int i = 0; i < 784; i++) {
        if (i) ft_buf_byte(&row, ',');
        ft_buf_f32(&row, ((float *)in.data)[i]);
    }
    ft_buf_printf(&nested, "{\"instances\": [[[%s", "");
    for (int i = 0; i < 784; i++) {
        if (i)
            ft_buf_add(&nested, i % 28 ? FT_STR(",") : FT_STR("],["));
        else
            ft_buf_byte(&nested, '[');
        ft_buf_f32(&nested, ((float *)in.data)[i]);
    }
    ft_buf_add(&nested, FT_STR("]]]]}"));
    EXPECT_OK(ft_npy_write(&npy, &in));
    EXPECT_OK(ask(m, &again, "text/csv", ft_buf_str(&row), "", &arena));
    EXPECT(ft_str_eq(again.bytes, csv.bytes));
    EXPECT_OK(ask(m, &again, "application/x-npy", ft_buf_str(&npy), "", &arena));
    EXPECT(ft_str_eq(again.bytes, csv.bytes));
    ft_err err = ask(m, &again, "application/json", ft_buf_str(&nested), "text/csv", &arena);
    if (err != FT_OK) print_error("%s\n", ft_err_why());
    EXPECT(err == FT_OK && ft_str_eq(again.bytes, csv.bytes));
    float out[20];
    float rows[2 * 784];
    memcpy(rows, in.data, sizeof rows / 2);
    memcpy(rows + 784, in.data, sizeof rows / 2);
    EXPECT_OK(ft_predictor_nn.predict_rows(m, out, rows, 2));
    EXPECT(memcmp(out, out + 10, 40) == 0 && fabsf(out[0]) <= 1);
    /* What is no input. */
    EXPECT(ask(m, &again, "text/csv", FT_STR("1,2,3\n"), "", &arena) == FT_EINVAL);
    EXPECT(ask(m, &again, "application/json", FT_STR("{\"instances\": [[1], [2, 3]]}"), "",
               &arena) == FT_EPARSE);
    /* A first list without items says nothing of the others' shape: 784 numbers are not 2 x 784. */
    ft_buf_reset(&nested);
    ft_buf_printf(&nested, "{\"instances\": [[],[%.*s]]}", FT_STR_ARG(ft_buf_str(&row)));
    EXPECT_ERR(FT_EPARSE,
               ask(m, &again, "application/json", ft_buf_str(&nested), "text/csv", &arena));
    EXPECT_WHY("lists of unequal length");
    static const char *const uneven[] = { "[]", "[[],[]]", "[[],[[1]]]", "[[],5]", "[5,[]]" };
    for (size_t i = 0; i < FT_COUNT(uneven); i++)
        EXPECT_ERR(FT_EPARSE, ask(m, &again, "application/json", ft_str_of(uneven[i]), "", &arena));
    EXPECT_ERR(FT_EPARSE, ask(m, &again, "application/json", FT_STR("{bad"), "", &arena));
    EXPECT_WHY("line 1, column 2");
    EXPECT_ERR(FT_EPARSE, ask(m, &again, "application/json", FT_STR("{\"x\": 1}"), "", &arena));
    EXPECT_WHY("the body has no input");
    EXPECT_ERR(FT_EMEDIA, ask(m, &again, "video/mp4", FT_STR("1,2"), "", &arena));
    EXPECT_WHY("image/jpeg, image/png, application/x-npy");
    EXPECT(ask(m, &again, "image/png", FT_STR("nothing"), "", &arena) != FT_OK);
    ft_nn_network_free(n);
    ft_buf_fini(&row);
    ft_buf_fini(&npy);
    ft_buf_fini(&nested);
    m->predictor->free(m);
    ft_arena_fini(&arena);
}

/* PyTorch calls inputs "input.1"; a network may answer whole numbers. */
static void test_dotted_names(void **state) {
    (void)state;
    ft_nn_graph *g = NULL;
    ft_model *m = NULL;
    ft_buf bytes = { 0 };
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    ft_payload out;
    int in[2], sum, whole;
    ft_nn_attr to = { .name = "to", .type = FT_NN_INT, .i = 7 };
    EXPECT_OK(ft_nn_graph_new(&g, FT_STR("dots")));
    for (int i = 0; i < 2; i++)
        EXPECT_OK(ft_nn_input(&in[i], g, i ? FT_STR("b") : FT_STR("input.1"), FT_F32, 2,
                              (int64_t[]){ FT_NN_DIM_ANY, 2 }));
    EXPECT_OK(ft_nn_node_add(
        g, &(ft_nn_node_spec){ .op = "Add", .inputs = in, .input_count = 2, .output_count = 1 },
        &sum));
    EXPECT_OK(ft_nn_node_add(g,
                             &(ft_nn_node_spec){ .op = "Cast",
                                                 .attrs = &to,
                                                 .attr_count = 1,
                                                 .inputs = &sum,
                                                 .input_count = 1,
                                                 .output_count = 1 },
                             &whole));
    EXPECT_OK(ft_nn_output(g, whole));
    EXPECT_OK(ft_nn_onnx_write(&bytes, g));
    oracle_put("dots.onnx", bytes.at, bytes.len);
    EXPECT_OK(ft_predictor_nn.load(&m, file_of("dots.onnx")));
    EXPECT(ft_predictor_nn.output_cols(m) == 0); /* no row of floats */
    EXPECT_OK(ask(m, &out, "application/json",
                  FT_STR("{\"inputs\": {\"b\": [[1, 2]], \"input.1\": [[10, 20]]}}"), "", &arena));
    EXPECT(strstr(out.bytes.at, "[[11,22]]"));
    EXPECT_ERR(FT_EPARSE, ask(m, &out, "application/json",
                              FT_STR("{\"inputs\": {\"b\": [[1, 2]]}}"), "", &arena));
    EXPECT_WHY("no input \"input.1\"");
    m->predictor->free(m);
    ft_nn_graph_free(g);
    ft_buf_fini(&bytes);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    put_folder("{}", "a\n");
    EACH_FAULT {
        ft_model *m = NULL;
        ft_err err = ft_predictor_nn.load(&m, file_of("m"));
        EXPECT(err == FT_OK ? m != NULL : m == NULL);
        ft_predictor_nn.free(m);
    }
}

TEST_MAIN(cmocka_unit_test(test_folder), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_predictor), cmocka_unit_test(test_dotted_names),
          cmocka_unit_test(test_faults))
