/* onnx_data_test.c -- the conformance models of the ONNX project (Debian's libonnx-testdata): every
 * model is read and run on its own inputs, and gives its own outputs. What is not supported is
 * counted by operation; what is supported and differs is a failure. */
#include <dirent.h>
#include <math.h>

#include "base/files.h"
#include "nn/import/onnx.h"
#include "nn/ops/shared.h"
#include "nn/session.h"
#include "tests/oracle.h"

#define DATA     "/usr/share/libonnx-testdata/data" /* $ONNX_DATA: another edition */
#define ARRAYS   64
#define FILE_MAX ((size_t)256 << 20)
#define REASONS  64

typedef enum verdict { PASSED, UNSUPPORTED, FAILED } verdict;

typedef struct tally {
    int count[3];
    int operations;            /* of a text, sequence or another thing that is not an array */
    char reasons[REASONS][96]; /* why not supported */
    int times[REASONS], known;
} tally;

static const char *data_folder(void) { return getenv("ONNX_DATA") ? getenv("ONNX_DATA") : DATA; }

static bool folder_has(const char *path) { return access(path, R_OK) == 0; }

/* Random numbers have no right answer; their shapes and types are still compared. */
static bool is_random(const char *name) {
    return strstr(name, "bernoulli") || strstr(name, "training_dropout");
}

static bool close_enough(const ft_array *a, const ft_array *b, int64_t i, double relative,
                         double absolute) {
    if (!ft_nn_is_float(a->dtype)) return ft_nn_get_int(a, i) == ft_nn_get_int(b, i);
    double x = ft_array_f64(a, i), y = ft_array_f64(b, i);
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    if (isinf(x) || isinf(y)) return x == y;
    return fabs(x - y) <= absolute + relative * fabs(y);
}

/* NULL when equal, else what differs. */
static const char *difference(const ft_array *got, const ft_array *want, const char *name) {
    static char text[200];
    double relative = 1e-3, absolute = 1e-5; /* the project's own runner: 1e-3 and 1e-7 */
    if (want->dtype == FT_F16) absolute = 1e-3;
    if (want->dtype == FT_BF16) relative = 1e-2;
    if (got->dtype != want->dtype || got->ndim != want->ndim ||
        memcmp(got->shape, want->shape, (size_t)want->ndim * sizeof(int64_t)) != 0) {
        char one[FT_NN_SHAPE_TEXT], two[FT_NN_SHAPE_TEXT];
        snprintf(text, sizeof text, "%s %s instead of %s %s", ft_dtype_name(got->dtype),
                 ft_nn_shape_text(one, got), ft_dtype_name(want->dtype),
                 ft_nn_shape_text(two, want));
        return text;
    }
    if (is_random(name)) return NULL;
    for (int64_t i = 0; i < ft_array_count(want); i++) {
        if (close_enough(got, want, i, relative, absolute)) continue;
        snprintf(text, sizeof text, "item %lld is %.9g instead of %.9g", (long long)i,
                 ft_array_f64(got, i), ft_array_f64(want, i));
        return text;
    }
    return NULL;
}

/* Tensors NAME_0.pb, NAME_1.pb … of a folder. */
static ft_err tensors_read(ft_array *out, ft_str *names, int *count, ft_arena *arena,
                           const char *folder, const char *name) {
    *count = 0;
    for (int i = 0; i < ARRAYS; i++) {
        char path[1024];
        ft_str bytes;
        snprintf(path, sizeof path, "%s/%s_%d.pb", folder, name, i);
        if (!folder_has(path)) return FT_OK;
        FT_TRY(ft_file_read(&bytes, arena, path, FILE_MAX));
        FT_TRY(ft_nn_onnx_tensor(&out[i], &names[i], arena, bytes));
        *count = i + 1;
    }
    return FT_OK;
}

/* The data's makers had no bfloat16: they wrote its bits as uint16, and of what is only looked at
 * for its type (CastLike) one number. */
static ft_err bits_of(ft_array *a, ft_arena *arena, ft_dtype want, int ndim, const int64_t *shape) {
    ft_array told = { .dtype = want, .ndim = ndim };
    bool one = ndim >= 0 && a->ndim == 1 && ft_array_count(a) == 1;
    for (int d = 0; d < ndim; d++) one &= shape[d] > 0;
    if ((a->dtype != FT_U16 || want != FT_BF16) && !(one && a->dtype == want && ndim > 1))
        return FT_OK;
    for (int d = 0; d < ndim; d++) told.shape[d] = shape[d];
    FT_TRY(ft_arena_take(&told.data, arena, ft_array_bytes(&told)));
    if (ft_array_count(a) == ft_array_count(&told))
        memcpy(told.data, a->data, ft_array_bytes(a));
    else
        ft_nn_fill(told.data, a->data, ft_dtype_bytes(want), ft_array_count(&told));
    *a = told;
    return FT_OK;
}

/* Inputs in the graph's order: by name where the file tells names, else by place. */
static ft_err by_name(ft_array *to, const ft_nn_graph *g, ft_arena *arena, const ft_array *in,
                      const ft_str *names, int count) {
    for (int i = 0; i < g->input_count; i++) {
        ft_str want = g->values[g->inputs[i]].name;
        to[i] = i < count ? in[i] : (ft_array){ .dtype = FT_DTYPE_COUNT };
        for (int k = 0; k < count; k++) {
            if (ft_str_eq(names[k], want)) to[i] = in[k];
        }
        const ft_nn_value *v = &g->values[g->inputs[i]];
        FT_TRY(bits_of(&to[i], arena, v->dtype, v->ndim, v->shape));
    }
    return FT_OK;
}

static ft_err model_run(const ft_nn_graph *g, ft_nn_session *s, ft_arena *arena, const char *folder,
                        const char *name, const char **differs) {
    ft_array in[ARRAYS], given[ARRAYS], out[ARRAYS], want[ARRAYS];
    ft_str names[ARRAYS], out_names[ARRAYS];
    int count, out_count;
    FT_TRY(tensors_read(in, names, &count, arena, folder, "input"));
    FT_TRY(tensors_read(want, out_names, &out_count, arena, folder, "output"));
    if (g->input_count > ARRAYS || g->output_count > ARRAYS)
        return FT_FAIL(FT_EUNSUPPORTED, "too many inputs");
    FT_TRY(by_name(given, g, arena, in, names, count));
    FT_TRY(ft_nn_run(s, given, out, arena, NULL));
    for (int i = 0; i < out_count && i < g->output_count && !*differs; i++) {
        FT_TRY(bits_of(&want[i], arena, out[i].dtype, out[i].ndim, out[i].shape));
        *differs = difference(&out[i], &want[i], name);
    }
    if (out_count == 0) *differs = "no outputs to compare with";
    return FT_OK;
}

/* How a model is run. */
typedef enum manner { FAST, REFERENCE, WRITTEN /* and read back before */ } manner;

/* The graph as it comes back from a file that we wrote; the file stays for the checker. */
static ft_err written(ft_nn_graph **g, const char *name) {
    char path[600];
    ft_buf out = { 0 };
    ft_nn_graph *back = NULL;
    ft_err err;
    FT_GOTO(err, ft_nn_onnx_write(&out, *g));
    FT_GOTO(err, ft_nn_onnx_parse(&back, ft_buf_str(&out), NULL));
    snprintf(path, sizeof path, "%s/%s.onnx", test_dir(), name);
    FT_GOTO(err, ft_file_write_atomic(path, ft_buf_str(&out), false));
done:
    ft_buf_fini(&out);
    ft_nn_graph_free(*g);
    *g = back;
    return err;
}

static ft_err model_try(const char *path, const char *name, manner how, const char **differs) {
    char file[600];
    ft_nn_graph *g;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_arena arena = FT_ARENA_INIT((size_t)2 << 30);
    ft_err err;
    snprintf(file, sizeof file, "%s/model.onnx", path);
    FT_TRY(ft_nn_onnx_read(&g, file));
    if (how == WRITTEN) FT_GOTO(err, written(&g, name));
    FT_GOTO(err, ft_nn_model_new(&m, g));
    FT_GOTO(err, ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .reference = how == REFERENCE }));
    for (int set = 0; !*differs; set++) {
        char folder[700];
        snprintf(folder, sizeof folder, "%s/test_data_set_%d", path, set);
        if (!folder_has(folder)) break;
        FT_GOTO(err, model_run(ft_nn_model_graph(m), s, &arena, folder, name, differs));
    }
done:
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_arena_fini(&arena);
    return err;
}

/* "'StringNormalizer'" of "1 node of operations that are not supported: 'StringNormalizer' (…". */
static void reason_count(tally *t, const char *why) {
    char reason[96];
    const char *at = strstr(why, "not supported: ");
    snprintf(reason, sizeof reason, "%s", at ? at + strlen("not supported: ") : why);
    if (at) reason[strcspn(reason, " ")] = 0;
    int i = 0;
    while (i < t->known && strcmp(t->reasons[i], reason) != 0) i++;
    if (i == REASONS) return;
    if (i == t->known) memcpy(t->reasons[t->known++], reason, sizeof reason);
    t->times[i]++;
}

static const char *const manners[] = { "", " (reference)", " (written and read)" };

static verdict model_judge(tally *t, const char *path, const char *name, manner how) {
    const char *differs = NULL;
    ft_err err = model_try(path, name, how, &differs);
    if (err == FT_EUNSUPPORTED) {
        reason_count(t, ft_err_why());
        if (getenv("ONNX_DATA_SHOW")) print_message("# unsupported %s: %s\n", name, ft_err_why());
        return UNSUPPORTED;
    }
    if (err || differs) {
        print_message("# FAILED %s%s: %s\n", name, manners[how], err ? ft_err_why() : differs);
        return FAILED;
    }
    return PASSED;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void group_run(tally *t, const char *group, manner how) {
    char folder[300], *names[2048];
    int count = 0;
    snprintf(folder, sizeof folder, "%s/%s", data_folder(), group);
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d)) && count < 2048;) {
        const char *only = getenv("ONNX_DATA_ONLY");
        if (e->d_name[0] != '.' && (!only || strstr(e->d_name, only)))
            names[count++] = strdup(e->d_name);
    }
    closedir(d);
    qsort(names, (size_t)count, sizeof *names, by_text);
    for (int i = 0; i < count; i++) {
        char path[560];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        t->count[model_judge(t, path, names[i], how)]++;
        free(names[i]);
    }
    print_message("# %s%s: %d passed, %d unsupported, %d failed\n", group, manners[how],
                  t->count[PASSED], t->count[UNSUPPORTED], t->count[FAILED]);
    for (int i = 0; i < t->known && how == FAST; i++)
        print_message("#   unsupported %d: %s\n", t->times[i], t->reasons[i]);
}

#define NEED_DATA() \
    if (!folder_has(data_folder())) SKIP("libonnx-testdata is not installed")

static void group_test(const char *group, int least, manner how) {
    tally t = { 0 };
    NEED_DATA();
    group_run(&t, group, how);
    assert_int_equal(t.count[FAILED], 0);
    assert_true(t.count[PASSED] >= least || getenv("ONNX_DATA_ONLY"));
}

static void test_node(void **state) {
    (void)state;
    group_test("node", 888, FAST);
}
static void test_node_reference(void **state) {
    (void)state;
    group_test("node", 888, REFERENCE);
}
static void test_written(void **state) {
    (void)state;
    group_test("node", 888, WRITTEN);
    group_test("pytorch-operator", 35, WRITTEN);
}
/* ONNX's own checker takes every file that test_written left, if it takes what the file was read
 * from (some of the data tell no shape of their outputs). */
static void test_checker(void **state) {
    (void)state;
    double counts[2];
    NEED_DATA();
    if (!oracle_has("onnx")) SKIP("no python3-onnx");
    EXPECT(oracle_ask(counts, 2,
                      "import glob, os, sys, onnx\n"
                      "def good(f):\n"
                      "    try: onnx.checker.check_model(onnx.load(f)); return True\n"
                      "    except Exception as e: why[0] = str(e); return False\n"
                      "ok = bad = 0; why = ['']\n"
                      "for f in glob.glob(d + '*.onnx'):\n"
                      "    name = os.path.basename(f)[:-5]\n"
                      "    from_ = [g for g in glob.glob('" DATA "/*/' + name + '/model.onnx')]\n"
                      "    if not from_ or not good(from_[0]): continue\n"
                      "    if good(f): ok += 1\n"
                      "    else: bad += 1; print(name, why[0], file=sys.stderr)\n"
                      "print(ok, bad)\n"));
    print_message("# %g written models pass ONNX's checker, %g do not\n", counts[0], counts[1]);
    assert_true(counts[1] == 0 && (counts[0] >= 900 || getenv("ONNX_DATA_ONLY")));
}
static void test_simple(void **state) {
    (void)state;
    group_test("simple", 7, FAST);
}
static void test_converted(void **state) {
    (void)state;
    group_test("pytorch-converted", 82, FAST);
}
static void test_operator(void **state) {
    (void)state;
    group_test("pytorch-operator", 35, FAST);
}

TEST_MAIN(cmocka_unit_test(test_node), cmocka_unit_test(test_node_reference),
          cmocka_unit_test(test_written), cmocka_unit_test(test_checker),
          cmocka_unit_test(test_simple), cmocka_unit_test(test_converted),
          cmocka_unit_test(test_operator))
