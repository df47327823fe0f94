/* onnx_models_test.c -- whole models against ONNX Runtime's recorded outputs: those of the shared
 * test data, and any other folder of the same form (FETTLE_ONNX_MODELS). Inputs are made as the
 * recording made them: reference_onnxruntime.json tells how. */
#include <math.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "nn/import/onnx.h"
#include "nn/ops/shared.h"
#include "nn/session.h"
#include "tests/test.h"

#define ARRAYS    64
#define TOLERANCE 1e-4 /* of the largest item of an output, and absolute below 1 */

typedef struct spec { /* an input or output as recorded */
    char name[256], type[16], file[512];
    int64_t shape[FT_ARRAY_DIMS_MAX];
    int ndim;
} spec;
typedef struct model {
    char path[512];
    spec in[ARRAYS], out[ARRAYS];
    int in_count, out_count;
} model;

/* ---- the recording */

static ft_err text_read(char *to, size_t size, ft_json *j) {
    ft_str text;
    FT_TRY(ft_json_string(j, &text));
    snprintf(to, size, "%.*s", FT_STR_ARG(text));
    return FT_OK;
}

static ft_err spec_read(spec *s, ft_json *j) {
    ft_str name;
    *s = (spec){ .ndim = 0 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name")) FT_TRY(text_read(s->name, sizeof s->name, j));
        if (ft_str_is(name, "type")) FT_TRY(text_read(s->type, sizeof s->type, j));
        if (ft_str_is(name, "file")) FT_TRY(text_read(s->file, sizeof s->file, j));
        if (!ft_str_is(name, "shape")) continue;
        FT_TRY(ft_json_enter_array(j));
        while (ft_json_next_item(j)) {
            EXPECT(s->ndim < FT_ARRAY_DIMS_MAX);
            FT_TRY(ft_json_i64(j, &s->shape[s->ndim++]));
        }
    }
    return j->err;
}

static ft_err specs_read(spec *list, int *count, ft_json *j) {
    *count = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        EXPECT(*count < ARRAYS);
        FT_TRY(spec_read(&list[(*count)++], j));
    }
    return j->err;
}

static ft_err model_read(model *m, ft_json *j) {
    ft_str name;
    m->in_count = m->out_count = 0;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "model")) FT_TRY(text_read(m->path, sizeof m->path, j));
        if (ft_str_is(name, "inputs")) FT_TRY(specs_read(m->in, &m->in_count, j));
        if (ft_str_is(name, "outputs")) FT_TRY(specs_read(m->out, &m->out_count, j));
    }
    return j->err;
}

/* ---- inputs */

/* s = 1664525 s + 1013904223 mod 2^32 from 42; s / 2^32. */
static void input_fill(ft_array *a, const model *m, const spec *in) {
    uint32_t s = 42;
    for (int64_t i = 0; i < ft_array_count(a); i++) {
        s = s * 1664525u + 1013904223u;
        double r = (double)s / 0x1p32;
        if (a->dtype == FT_I64)
            ft_nn_put_int(a, i, strcmp(in->name, "sr") == 0 ? 16000 : (int64_t)(r * 100));
        else if (a->dtype == FT_U8)
            ft_nn_put_int(a, i, (int64_t)(r * 100));
        else
            ft_nn_put_f64(a, i, strstr(m->path, "yunet") ? r * 255 : r);
    }
}

static ft_err file_array(ft_array *a, ft_arena *arena, const char *folder, const char *file) {
    char path[1200];
    ft_str bytes;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FT_TRY(ft_file_read(&bytes, arena, path, (size_t)1 << 30));
    if (bytes.len != ft_array_bytes(a))
        return FT_FAIL(FT_ECORRUPT, "%s: %zu bytes, expected %zu", path, bytes.len,
                       ft_array_bytes(a));
    a->data = (void *)(uintptr_t)bytes.at;
    return FT_OK;
}

static ft_err spec_array(ft_array *a, ft_arena *arena, const char *folder, const model *m,
                         const spec *in) {
    *a = (ft_array){ .ndim = in->ndim };
    FT_TRY(ft_dtype_parse(&a->dtype, ft_str_of(in->type)));
    memcpy(a->shape, in->shape, sizeof a->shape);
    if (in->file[0]) return file_array(a, arena, folder, in->file);
    FT_TRY(ft_arena_take(&a->data, arena, ft_array_bytes(a)));
    input_fill(a, m, in);
    return FT_OK;
}

/* ---- comparing */

/* How far apart, as a share of the largest item (at least of 1). */
static double distance(const ft_array *got, const ft_array *want) {
    double most = 1, far = 0;
    for (int64_t i = 0; i < ft_array_count(want); i++)
        if (!isinf(ft_array_f64(want, i))) most = fmax(most, fabs(ft_array_f64(want, i)));
    for (int64_t i = 0; i < ft_array_count(want); i++) {
        double x = ft_array_f64(got, i), y = ft_array_f64(want, i);
        double d = x == y || (isnan(x) && isnan(y)) ? 0 : fabs(x - y) / most;
        if (!(d <= far)) far = d;
    }
    return far;
}

static ft_err outputs_compare(const char *folder, const model *m, const ft_nn_graph *g,
                              const ft_array *out, ft_arena *arena, double *far) {
    for (int i = 0; i < m->out_count; i++) {
        ft_array want;
        char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
        int at = 0;
        while (at < g->output_count && !ft_str_is(g->values[g->outputs[at]].name, m->out[i].name))
            at++;
        if (at == g->output_count) return FT_FAIL(FT_ENOTFOUND, "no output '%s'", m->out[i].name);
        if (!m->out[i].file[0]) continue;
        FT_TRY(spec_array(&want, arena, folder, m, &m->out[i]));
        if (out[at].dtype != want.dtype || out[at].ndim != want.ndim ||
            memcmp(out[at].shape, want.shape, (size_t)want.ndim * sizeof(int64_t)) != 0)
            return FT_FAIL(FT_ECORRUPT, "output '%s' is %s, expected %s", m->out[i].name,
                           ft_nn_shape_text(one, &out[at]), ft_nn_shape_text(two, &want));
        double d = distance(&out[at], &want);
        if (!(d <= *far)) *far = d;
    }
    return FT_OK;
}

static ft_err model_run(const char *folder, const model *m, ft_nn_session *s, const ft_nn_graph *g,
                        double *far, double *ms) {
    ft_arena arena = FT_ARENA_INIT((size_t)8 << 30);
    ft_array in[ARRAYS], out[ARRAYS];
    ft_err err = FT_OK;
    for (int i = 0; i < g->input_count && !err; i++) {
        int at = 0;
        while (at < m->in_count && !ft_str_is(g->values[g->inputs[i]].name, m->in[at].name)) at++;
        if (at == m->in_count)
            FT_GOTO(err, FT_FAIL(FT_ENOTFOUND, "no input '%.*s' recorded",
                                 FT_STR_ARG(g->values[g->inputs[i]].name)));
        FT_GOTO(err, spec_array(&in[i], &arena, folder, m, &m->in[at]));
    }
    for (int round = 0; round < 2; round++) { /* the second is the time of a plan that is there */
        int64_t from = ft_clock_monotonic_us();
        FT_GOTO(err, ft_nn_run(s, in, out, &arena, NULL));
        *ms = (double)(ft_clock_monotonic_us() - from) / 1000;
        FT_GOTO(err, outputs_compare(folder, m, g, out, &arena, far));
    }
done:
    ft_arena_fini(&arena);
    return err;
}

static ft_err model_try(const char *folder, const model *m, double *far, double *ms) {
    char path[1200];
    ft_nn_graph *g;
    ft_nn_model *loaded = NULL;
    ft_nn_session *s = NULL;
    ft_err err;
    snprintf(path, sizeof path, "%s/%s", folder, m->path);
    FT_TRY(ft_nn_onnx_read(&g, path));
    FT_GOTO(err, ft_nn_model_new(&loaded, g));
    FT_GOTO(err, ft_nn_session_new(&s, loaded, &(ft_nn_session_opts){ .threads = 1 }));
    FT_GOTO(err, model_run(folder, m, s, ft_nn_model_graph(loaded), far, ms));
done:
    ft_nn_session_free(s);
    ft_nn_model_free(loaded);
    return err;
}

/* ---- all of a folder */

static ft_err folder_run(const char *folder, const char *recording, int *passed, int *failed,
                         int *absent) {
    static model m;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text, name;
    ft_json j;
    ft_err err;
    FT_GOTO(err, ft_file_read(&text, &arena, recording, (size_t)64 << 20));
    ft_json_init(&j, text, &arena, &(ft_json_opts){ .name = recording });
    FT_GOTO(err, ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (!ft_str_is(name, "models")) continue;
        FT_GOTO(err, ft_json_enter_array(&j));
        while (ft_json_next_item(&j)) {
            char path[1200];
            double far = 0, ms = 0;
            FT_GOTO(err, model_read(&m, &j));
            snprintf(path, sizeof path, "%s/%s", folder, m.path);
            if (access(path, R_OK) != 0) {
                ++*absent;
                continue;
            }
            ft_err ran = model_try(folder, &m, &far, &ms);
            bool good = ran == FT_OK && far <= TOLERANCE;
            ++*(good ? passed : failed);
            print_message("# %s %s: far %.2g, %.2f ms%s%s\n", good ? "ok" : "FAILED", m.path, far,
                          ms, ran ? ": " : "", ran ? ft_err_why() : "");
        }
    }
    err = ft_json_end(&j);
done:
    ft_arena_fini(&arena);
    return err;
}

static void folder_test(const char *folder, int least) {
    char recording[1200];
    int passed = 0, failed = 0, absent = 0;
    snprintf(recording, sizeof recording, "%s/reference_onnxruntime.json", folder);
    EXPECT_OK(folder_run(folder, recording, &passed, &failed, &absent));
    print_message("# %d as ONNX Runtime to %g, %d not, %d not there\n", passed, TOLERANCE, failed,
                  absent);
    assert_int_equal(failed, 0);
    assert_true(passed >= least);
}

static void test_recorded(void **state) {
    (void)state;
    char folder[1024];
    const char *at = test_shared("onnx_models");
    if (!at) SKIP("the shared test data is not there");
    snprintf(folder, sizeof folder, "%s", at);
    folder_test(folder, 9);
}

static void test_given(void **state) {
    (void)state;
    const char *folder = getenv("FETTLE_ONNX_MODELS");
    if (!folder) SKIP("FETTLE_ONNX_MODELS names no folder");
    folder_test(folder, 1);
}

TEST_MAIN(cmocka_unit_test(test_recorded), cmocka_unit_test(test_given))
