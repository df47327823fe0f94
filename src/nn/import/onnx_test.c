/* onnx_test.c -- the ONNX importer and bad files: cut off, changed, cyclic, mistyped, too large,
 * reaching out of their folder; functions inlined; every fallible call failed once. That good files
 * mean what they should is onnx_data_test.c's. */
#include <math.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/protobuf.h"
#include "nn/import/onnx.h"
#include "nn/op.h"
#include "nn/session.h"
#include "tests/test.h"

/* ---- messages by hand */

static void text(ft_buf *b, uint32_t field, const char *s) {
    ft_proto_put_bytes(b, field, ft_str_of(s));
}
static void number(ft_buf *b, uint32_t field, uint64_t v) {
    ft_proto_put_tag(b, field, FT_PROTO_VARINT);
    ft_proto_put_varint(b, v);
}
/* "a,b" in a field each */
static void texts(ft_buf *b, uint32_t field, const char *list) {
    ft_str rest = ft_str_of(list);
    while (rest.at && rest.len) ft_proto_put_bytes(b, field, ft_str_cut(&rest, ','));
}
static size_t node_open(ft_buf *b, uint32_t field, const char *op, const char *name, const char *in,
                        const char *out) {
    size_t at = ft_proto_open(b, field);
    texts(b, 1, in);
    texts(b, 2, out);
    text(b, 3, name);
    text(b, 4, op);
    return at;
}
static void node(ft_buf *b, const char *op, const char *name, const char *in, const char *out) {
    ft_proto_close(b, node_open(b, 1, op, name, in, out));
}
static void value(ft_buf *b, uint32_t field, const char *name, int type, int ndim,
                  const int64_t *shape) {
    size_t at = ft_proto_open(b, field);
    text(b, 1, name);
    size_t t = ft_proto_open(b, 2), tensor = ft_proto_open(b, 1);
    number(b, 1, (uint64_t)type);
    size_t s = ft_proto_open(b, 2);
    for (int i = 0; i < ndim; i++) {
        size_t d = ft_proto_open(b, 1);
        number(b, 1, (uint64_t)shape[i]);
        ft_proto_close(b, d);
    }
    ft_proto_close(b, s);
    ft_proto_close(b, tensor);
    ft_proto_close(b, t);
    ft_proto_close(b, at);
}
static const int64_t two_three[] = { 2, 3 };
static void in_out(ft_buf *b) {
    value(b, 11, "x", 1, 2, two_three);
    value(b, 12, "y", 1, 2, two_three);
}
static void opset(ft_buf *b, uint64_t version) {
    size_t at = ft_proto_open(b, 8);
    number(b, 2, version);
    ft_proto_close(b, at);
}
/* A model around the graph that `fill` writes. */
static ft_buf model(void (*fill)(ft_buf *b), uint64_t version) {
    ft_buf b = { 0 };
    number(&b, 1, 8);
    opset(&b, version);
    size_t at = ft_proto_open(&b, 7);
    fill(&b);
    ft_proto_close(&b, at);
    return b;
}
static ft_err parse(ft_str bytes) {
    ft_nn_graph *g;
    ft_err err = ft_nn_onnx_parse(&g, bytes, NULL);
    ft_nn_graph_free(g);
    return err;
}
#define REFUSED(code, fill, version, why)           \
    do {                                            \
        ft_buf b_ = model((fill), (version));       \
        EXPECT_ERR((code), parse(ft_buf_str(&b_))); \
        EXPECT_WHY(why);                            \
        ft_buf_fini(&b_);                           \
    } while (0)

/* ---- a model with much in it: weights, a branch, a reduction, a function */

static void tensor_raw(ft_buf *b, uint32_t field, const char *name, int type, int ndim,
                       const int64_t *shape, const void *data, size_t bytes) {
    size_t at = ft_proto_open(b, field);
    for (int i = 0; i < ndim; i++) number(b, 1, (uint64_t)shape[i]);
    number(b, 2, (uint64_t)type);
    text(b, 8, name);
    ft_proto_put_bytes(b, 9, ft_str_n(data, bytes));
    ft_proto_close(b, at);
}
static void branch(ft_buf *b, const char *attr, const char *op) {
    size_t at = ft_proto_open(b, 5);
    text(b, 1, attr);
    size_t g = ft_proto_open(b, 6);
    node(b, op, "inner", "x,w", "chosen");
    text(b, 2, attr);
    size_t out = ft_proto_open(b, 12);
    text(b, 1, "chosen");
    ft_proto_close(b, out);
    ft_proto_close(b, g);
    number(b, 20, 5);
    ft_proto_close(b, at);
}
static void rich(ft_buf *b) {
    const float w[6] = { 1, 2, 3, 4, 5, 6 };
    const int64_t axes[1] = { 1 }, one[1] = { 1 };
    /* Not in order: the branch reads what a later node computes. */
    size_t at = node_open(b, 1, "If", "choose", "flag", "picked");
    branch(b, "then_branch", "Add");
    branch(b, "else_branch", "Sub");
    ft_proto_close(b, at);
    node(b, "Greater", "ask", "sum,zero", "flag");
    node(b, "ReduceSum", "all", "x", "total");
    node(b, "Reshape", "flat", "total,axes", "sum");
    node(b, "Mul", "times", "picked,w", "y");
    tensor_raw(b, 5, "w", 1, 2, two_three, w, sizeof w);
    tensor_raw(b, 5, "zero", 1, 1, one, w, 0 * sizeof w + 4);
    tensor_raw(b, 5, "axes", 7, 1, one, axes, sizeof axes);
    in_out(b);
}

static ft_err run_once(ft_str bytes, float *first) {
    ft_nn_graph *g;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_arena arena = FT_ARENA_INIT(0);
    float x[6] = { 1, 1, 1, 1, 1, 1 };
    ft_array in = { .dtype = FT_F32, .ndim = 2, .shape = { 2, 3 }, .data = x }, out;
    ft_err err;
    FT_TRY(ft_nn_onnx_parse(&g, bytes, NULL));
    FT_GOTO(err, ft_nn_model_new(&m, g));
    FT_GOTO(err, ft_nn_session_new(&s, m, NULL));
    FT_GOTO(err, ft_nn_run(s, &in, &out, &arena, NULL));
    *first = ((const float *)out.data)[5];
done:
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
    return err;
}

static void test_rich(void **state) {
    (void)state;
    ft_buf b = model(rich, 13);
    float last = 0;
    EXPECT_OK(run_once(ft_buf_str(&b), &last));
    assert_true(last == (1 + 6) * 6); /* the sum, 6, is more than 1: Add */
    ft_buf_fini(&b);
}

static void test_each_fault(void **state) {
    (void)state;
    ft_buf b = model(rich, 13);
    float last;
    EACH_FAULT {
        ft_err err = run_once(ft_buf_str(&b), &last);
        if (err == FT_OK) assert_true(last == 42);
    }
    ft_buf_fini(&b);
}

static void test_cut_anywhere(void **state) {
    (void)state;
    ft_buf b = model(rich, 13);
    int refused = 0;
    for (size_t len = 0; len < b.len; len++) {
        char *copy = malloc(len + 1); /* of just this size: a read past the end is found */
        memcpy(copy, b.at, len);
        refused += parse(ft_str_n(copy, len)) != FT_OK;
        free(copy);
    }
    assert_int_equal(refused, b.len);
    char why[80];
    snprintf(why, sizeof why, "in a file that ends at byte %zu", b.len - 1);
    assert_int_not_equal(parse(ft_str_n(b.at, b.len - 1)), FT_OK);
    EXPECT_WHY(why);
    ft_buf_fini(&b);
}

static void test_changed_anywhere(void **state) {
    (void)state;
    ft_buf b = model(rich, 13);
    static const unsigned char flips[] = { 0x01, 0x80, 0xff };
    for (size_t at = 0; at < b.len; at++) {
        for (size_t k = 0; k < sizeof flips; k++) {
            b.at[at] = (char)(b.at[at] ^ flips[k]);
            if (parse(ft_buf_str(&b)) != FT_OK) assert_true(ft_err_why()[0] != 0);
            b.at[at] = (char)(b.at[at] ^ flips[k]);
        }
    }
    ft_buf_fini(&b);
}

/* ---- refusals */

static void cyclic(ft_buf *b) {
    node(b, "Add", "hen", "x,egg", "laid");
    node(b, "Relu", "hatch", "laid", "egg");
    node(b, "Relu", "last", "egg", "y");
    in_out(b);
}
static void two_missing(ft_buf *b) {
    node(b, "Quux", "first", "x", "a");
    size_t at = node_open(b, 1, "Zork", "second", "a", "y");
    text(b, 7, "com.example");
    ft_proto_close(b, at);
    in_out(b);
}
static void from_nowhere(ft_buf *b) {
    node(b, "Add", "plus", "x,ghost", "y");
    in_out(b);
}
static void twice_named(ft_buf *b) {
    node(b, "Relu", "one", "x", "y");
    node(b, "Neg", "two", "x", "y");
    in_out(b);
}
static void wrong_attribute(ft_buf *b) {
    size_t at = node_open(b, 1, "Flatten", "flat", "x", "y"), a = ft_proto_open(b, 5);
    text(b, 1, "axis");
    text(b, 4, "one");
    number(b, 20, 3);
    ft_proto_close(b, a);
    ft_proto_close(b, at);
    in_out(b);
}
static void unknown_attribute(ft_buf *b) {
    size_t at = node_open(b, 1, "Relu", "r", "x", "y"), a = ft_proto_open(b, 5);
    text(b, 1, "colour");
    number(b, 3, 1);
    number(b, 20, 2);
    ft_proto_close(b, a);
    ft_proto_close(b, at);
    in_out(b);
}
static void private_attribute(ft_buf *b) {
    size_t at = node_open(b, 1, "Conv", "c", "x,x", "y"), a = ft_proto_open(b, 5);
    text(b, 1, "ft_post");
    text(b, 9, "Relu");
    number(b, 20, 8);
    ft_proto_close(b, a);
    ft_proto_close(b, at);
    in_out(b);
}
static void short_tensor(ft_buf *b) {
    node(b, "Add", "plus", "x,w", "y");
    tensor_raw(b, 5, "w", 1, 2, two_three, "0123", 4);
    in_out(b);
}
static void huge_tensor(ft_buf *b) {
    const int64_t huge[] = { (int64_t)1 << 32, (int64_t)1 << 32 };
    node(b, "Add", "plus", "x,w", "y");
    tensor_raw(b, 5, "w", 1, 2, huge, "0123", 4);
    in_out(b);
}
static void negative_tensor(ft_buf *b) {
    const int64_t negative[] = { -4 };
    node(b, "Add", "plus", "x,w", "y");
    tensor_raw(b, 5, "w", 1, 1, negative, "", 0);
    in_out(b);
}
static void of_texts(ft_buf *b) {
    node(b, "Add", "plus", "x,w", "y");
    tensor_raw(b, 5, "w", 8, 1, two_three, "", 0);
    in_out(b);
}
static void sparse(ft_buf *b) {
    node(b, "Relu", "r", "x", "y");
    text(b, 15, "");
    in_out(b);
}
static void deep_shape(ft_buf *b) {
    const int64_t ones[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    node(b, "Relu", "r", "x", "y");
    value(b, 11, "x", 1, 9, ones);
    value(b, 12, "y", 1, 2, two_three);
}
static void huge_input(ft_buf *b) {
    const int64_t huge[] = { (int64_t)1 << 32, (int64_t)1 << 32 };
    node(b, "Relu", "r", "x", "y");
    value(b, 11, "x", 1, 2, huge);
    value(b, 12, "y", 1, 2, huge);
}
static void no_output(ft_buf *b) {
    node(b, "Relu", "r", "x", "z");
    in_out(b);
}
static void plain(ft_buf *b) {
    node(b, "Relu", "r", "x", "y");
    in_out(b);
}

static void test_refusals(void **state) {
    (void)state;
    REFUSED(FT_ECORRUPT, cyclic, 13, "part of a cycle");
    REFUSED(FT_EUNSUPPORTED, two_missing, 13, "'Quux' (node 'first')");
    REFUSED(FT_EUNSUPPORTED, two_missing, 13, "'com.example.Zork' (node 'second')");
    REFUSED(FT_ECORRUPT, from_nowhere, 13, "node 'plus' (Add): nothing computes its input 'ghost'");
    REFUSED(FT_EEXIST, twice_named, 13, "two values named 'y'");
    REFUSED(FT_EINVAL, wrong_attribute, 13, "node 'flat' (Flatten): attribute 'axis'");
    REFUSED(FT_EINVAL, unknown_attribute, 13, "node 'r' (Relu): no attribute 'colour'");
    REFUSED(FT_EINVAL, private_attribute, 13, "node 'c' (Conv): no attribute 'ft_post'");
    REFUSED(FT_ECORRUPT, short_tensor, 13, "tensor 'w': it has fewer bytes than its shape needs");
    REFUSED(FT_ECORRUPT, huge_tensor, 13, "tensor 'w': its shape is too large");
    REFUSED(FT_ECORRUPT, negative_tensor, 13, "tensor 'w': a negative size");
    REFUSED(FT_EUNSUPPORTED, of_texts, 13, "'w' holds texts");
    REFUSED(FT_EUNSUPPORTED, sparse, 13, "sparse");
    REFUSED(FT_EUNSUPPORTED, deep_shape, 13, "'x' has more than 8 dimensions");
    REFUSED(FT_EINVAL, huge_input, 13, "'x'");
    REFUSED(FT_ECORRUPT, no_output, 13, "nothing computes the output 'y'");
    REFUSED(FT_EUNSUPPORTED, plain, 99, "opset 99");
    EXPECT_ERR(FT_ECORRUPT, parse(FT_STR("")));
    EXPECT_WHY("no graph");
    EXPECT_ERR(FT_ECORRUPT, parse(FT_STR("GIF89a: not a model at all")));
}

/* ---- functions */

/* Twice(x): Scale(Scale(x)); Scale(x) = x * alpha, an attribute with a default of 2. */
static void function_scale(ft_buf *b) {
    const float two = 2;
    size_t at = ft_proto_open(b, 25);
    text(b, 1, "Scale");
    text(b, 10, "mine");
    text(b, 4, "v");
    text(b, 5, "scaled");
    size_t n = node_open(b, 7, "Constant", "c", "", "factor"), a = ft_proto_open(b, 5);
    text(b, 1, "value_float");
    text(b, 21, "alpha");
    number(b, 20, 1);
    ft_proto_close(b, a);
    ft_proto_close(b, n);
    ft_proto_close(b, node_open(b, 7, "Mul", "m", "v,factor", "scaled"));
    a = ft_proto_open(b, 11);
    text(b, 1, "alpha");
    ft_proto_put_tag(b, 2, FT_PROTO_32);
    ft_buf_add_n(b, &two, sizeof two);
    number(b, 20, 1);
    ft_proto_close(b, a);
    ft_proto_close(b, at);
}
static void uses_function(ft_buf *b) {
    const float three = 3;
    size_t at = node_open(b, 1, "Scale", "once", "x", "a");
    text(b, 7, "mine");
    ft_proto_close(b, at);
    at = node_open(b, 1, "Scale", "again", "a", "y");
    text(b, 7, "mine");
    size_t a = ft_proto_open(b, 5);
    text(b, 1, "alpha");
    ft_proto_put_tag(b, 2, FT_PROTO_32);
    ft_buf_add_n(b, &three, sizeof three);
    number(b, 20, 1);
    ft_proto_close(b, a);
    ft_proto_close(b, at);
    in_out(b);
}
static void test_functions(void **state) {
    (void)state;
    ft_buf b = model(uses_function, 15);
    float last = 0;
    function_scale(&b);
    EXPECT_OK(run_once(ft_buf_str(&b), &last));
    assert_true(last == 6);
    ft_buf_fini(&b);
}

/* F calls F: refused, not followed for ever. */
static void test_function_of_itself(void **state) {
    (void)state;
    ft_buf b = model(uses_function, 15);
    size_t at = ft_proto_open(&b, 25);
    text(&b, 1, "Scale");
    text(&b, 10, "mine");
    text(&b, 4, "v");
    text(&b, 5, "out");
    size_t n = node_open(&b, 7, "Scale", "self", "v", "out");
    text(&b, 7, "mine");
    ft_proto_close(&b, n);
    ft_proto_close(&b, at);
    EXPECT_ERR(FT_ETOOBIG, parse(ft_buf_str(&b)));
    EXPECT_WHY("nest deeper");
    ft_buf_fini(&b);
}

/* ---- weights beside the model */

static const char *location;
static uint64_t offset_bytes;
static void external(ft_buf *b) {
    char digits[32];
    node(b, "Add", "plus", "x,w", "y");
    size_t at = ft_proto_open(b, 5);
    number(b, 1, 2);
    number(b, 1, 3);
    number(b, 2, 1);
    text(b, 8, "w");
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)offset_bytes);
    const char *const entries[][2] = { { "location", location },
                                       { "offset", digits },
                                       { "length", "24" } };
    for (size_t i = 0; i < 3; i++) {
        size_t e = ft_proto_open(b, 13);
        text(b, 1, entries[i][0]);
        text(b, 2, entries[i][1]);
        ft_proto_close(b, e);
    }
    number(b, 14, 1);
    ft_proto_close(b, at);
    in_out(b);
}
static ft_err external_read(const char *folder, const char *file, uint64_t offset) {
    ft_nn_graph *g = NULL;
    char path[400];
    location = file;
    offset_bytes = offset;
    ft_buf b = model(external, 13);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    ft_err err = ft_file_write_atomic(path, ft_buf_str(&b), false);
    if (err == FT_OK) err = ft_nn_onnx_read(&g, path);
    if (err == FT_OK) {
        const ft_nn_value *w = &g->values[ft_nn_value_find(g, FT_STR("w"))];
        assert_true(((const float *)w->data)[1] == 8);
    }
    ft_nn_graph_free(g);
    ft_buf_fini(&b);
    return err;
}
static void test_external(void **state) {
    (void)state;
    char folder[300], outside[320], link[320], inside[320];
    const float w[8] = { 0, 0, 7, 8, 9, 10, 11, 12 };
    snprintf(folder, sizeof folder, "%s/model", test_dir());
    snprintf(outside, sizeof outside, "%s/outside.bin", test_dir());
    snprintf(inside, sizeof inside, "%s/w.bin", folder);
    snprintf(link, sizeof link, "%s/link.bin", folder);
    EXPECT_OK(ft_dir_make(folder));
    EXPECT_OK(ft_file_write_atomic(outside, ft_str_n(w, sizeof w), false));
    EXPECT_OK(ft_file_write_atomic(inside, ft_str_n(w, sizeof w), false));
    assert_int_equal(symlink(outside, link), 0);
    EXPECT_OK(external_read(folder, "w.bin", 8));
    EXPECT_OK(external_read(folder, "./w.bin", 8));
    EXPECT_ERR(FT_EDENIED, external_read(folder, "../outside.bin", 8));
    EXPECT_ERR(FT_EDENIED, external_read(folder, "a/../../outside.bin", 8));
    EXPECT_ERR(FT_EDENIED, external_read(folder, outside, 8));
    EXPECT_ERR(FT_EDENIED, external_read(folder, "link.bin", 8));
    EXPECT_WHY("out of the model's folder");
    EXPECT_ERR(FT_ENOTFOUND, external_read(folder, "none.bin", 8));
    EXPECT_ERR(FT_ECORRUPT, external_read(folder, "w.bin", 16));
    EXPECT_ERR(FT_ECORRUPT, external_read(folder, "w.bin", UINT64_MAX - 4));
    EXPECT_WHY("tensor 'w'");
    EACH_FAULT { external_read(folder, "w.bin", 8); }
}

static void test_missing_file(void **state) {
    (void)state;
    ft_nn_graph *g;
    EXPECT_ERR(FT_ENOTFOUND, ft_nn_onnx_read(&g, "/nowhere/model.onnx"));
    assert_null(g);
}

/* ---- writing */

static void test_written_each_fault(void **state) {
    (void)state;
    ft_buf b = model(rich, 13);
    EACH_FAULT {
        ft_nn_graph *g;
        ft_buf out = { 0 };
        float last;
        if (ft_nn_onnx_parse(&g, ft_buf_str(&b), NULL) == FT_OK &&
            ft_nn_onnx_write(&out, g) == FT_OK && run_once(ft_buf_str(&out), &last) == FT_OK)
            assert_true(last == 42);
        ft_nn_graph_free(g);
        ft_buf_fini(&out);
    }
    ft_buf_fini(&b);
}

/* Every operation stands once, in the order that the search needs. */
static void test_registry(void **state) {
    (void)state;
    int count = 0;
    for (; ft_nn_ops[count]; count++) {
        if (count) assert_true(strcmp(ft_nn_ops[count - 1]->name, ft_nn_ops[count]->name) < 0);
        assert_ptr_equal(ft_nn_op_find(ft_str_of(ft_nn_ops[count]->name)), ft_nn_ops[count]);
        assert_non_null(ft_nn_ops[count]->infer);
        assert_true(ft_nn_ops[count]->doc && ft_nn_ops[count]->doc[0]);
    }
    assert_true(count > 140);
    assert_null(ft_nn_op_find(FT_STR("Quux")));
}

TEST_MAIN(cmocka_unit_test(test_rich), cmocka_unit_test(test_cut_anywhere),
          cmocka_unit_test(test_changed_anywhere), cmocka_unit_test(test_refusals),
          cmocka_unit_test(test_functions), cmocka_unit_test(test_function_of_itself),
          cmocka_unit_test(test_external), cmocka_unit_test(test_missing_file),
          cmocka_unit_test(test_each_fault), cmocka_unit_test(test_written_each_fault),
          cmocka_unit_test(test_registry))
