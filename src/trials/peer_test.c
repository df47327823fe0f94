/* peer_test.c -- our trials and the real smdebug's, each read by the other.
 *
 * As a test it runs tests/prove/smdebug_reader.py when the peer is installed. That script drives
 * this program, which is then the writer or the reader: peer_test write FOLDER      one command a
 * line on standard input: "step N", "finish", "quit" peer_test read FOLDER       prints every
 * tensor of every step, one a line */
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/test.h"
#include "trials/trial.h"

static ft_arena arena = FT_ARENA_INIT(0);

static ft_err add(ft_trial_writer *w, const char *name, ft_dtype t, int ndim, int64_t a, int64_t b,
                  const void *data) {
    ft_array x = { .dtype = t, .ndim = ndim, .shape = { a, b }, .data = (void *)(uintptr_t)data };
    return ft_trial_add(w, ft_str_of(name), &x);
}

/* The script makes the same numbers from the step. */
static ft_err write_step(ft_trial_writer *w, int64_t step) {
    double loss = 1.0 / (double)(step + 1), nan_ = NAN;
    float p[6];
    int64_t big = INT64_C(1) << 60;
    uint8_t bytes[4] = { 0, 127, 128, 255 };
    bool flags[2] = { true, false };
    ft_str texts[3] = { FT_STR("f0"),
                        FT_STR("Gr\xc3\xb6\xc3\x9f"
                               "e"),
                        FT_STR("") };
    for (int i = 0; i < 6; i++) p[i] = (float)(step * 10 + i) / 8;
    big += step;
    FT_TRY(ft_trial_begin(w, step, FT_MODE_GLOBAL, step, 1600000000000000 + step));
    FT_TRY(add(w, "train-logloss", FT_F64, 0, 0, 0, &loss));
    FT_TRY(add(w, "train-auc", FT_F64, 0, 0, 0, &nan_));
    FT_TRY(add(w, "predictions", FT_F32, 2, 3, 2, p));
    FT_TRY(add(w, "feature_importance/weight/f7", FT_F64, 0, 0, 0, &loss));
    FT_TRY(add(w, "trees/Tree", FT_I64, 1, 1, 0, &big));
    FT_TRY(add(w, "bytes", FT_U8, 1, 4, 0, bytes));
    FT_TRY(add(w, "flags", FT_BOOL, 1, 2, 0, flags));
    FT_TRY(ft_trial_add_text(w, FT_STR("trees/Feature"), texts, 3));
    return ft_trial_end(w);
}

static ft_err writer(const char *folder) {
    ft_trial_writer *w;
    ft_collection *list;
    size_t count;
    char line[100];
    long long step;
    ft_err err = FT_OK;
    FT_TRY(ft_collections_xgboost(&list, &count, &arena, 1));
    FT_TRY(ft_trial_write(&w, NULL, ft_str_of(folder), list, count, NULL));
    printf("open\n");
    fflush(stdout);
    while (!err && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "step %lld", &step) == 1)
            err = write_step(w, step);
        else if (strncmp(line, "finish", 6) == 0)
            err = ft_trial_finish(w);
        else
            break;
        printf("done\n");
        fflush(stdout);
    }
    ft_trial_writer_free(w);
    return err;
}

static void print_value(ft_trial *t, ft_str name, int64_t step, const ft_tensor_ref *ref) {
    ft_array a;
    ft_str *texts;
    size_t count;
    printf("%" PRId64 "\t%s\t%" PRId64 "\t%.*s\t", step, ft_mode_name(ref->mode), ref->mode_step,
           FT_STR_ARG(name));
    if (ft_trial_value(&a, t, &arena, name, step) == FT_OK) {
        printf("%s\t", ft_dtype_name(a.dtype));
        for (int i = 0; i < a.ndim; i++) printf("%s%" PRId64, i ? "x" : "", a.shape[i]);
        printf("\t");
        for (int64_t i = 0; i < ft_array_count(&a); i++)
            printf("%s%.17g", i ? " " : "", ft_array_f64(&a, i));
    } else if (ft_trial_texts(&texts, &count, t, &arena, name, step) == FT_OK) {
        printf("str\t%zu\t", count);
        for (size_t i = 0; i < count; i++) printf("%s%.*s", i ? " " : "", FT_STR_ARG(texts[i]));
    } else {
        printf("failed: %s", ft_err_why());
    }
    printf("\n");
}

static ft_err reader(const char *folder) {
    ft_trial *t;
    ft_str *names;
    size_t count;
    FT_TRY(ft_trial_open(&t, NULL, ft_str_of(folder)));
    FT_TRY(ft_trial_refresh(t, NULL));
    FT_TRY(ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("")));
    for (size_t i = 0; i < count; i++) {
        size_t steps;
        const ft_tensor_ref *refs = ft_trial_refs(t, names[i], &steps);
        for (size_t k = 0; k < steps; k++) print_value(t, names[i], refs[k].global_step, &refs[k]);
    }
    ft_trial_close(t);
    return FT_OK;
}

static char self[4096];

static void test_peer(void **state) {
    (void)state;
    char command[5000], line[1000] = "", last[1000] = "";
    const char *script = "tests/prove/smdebug_reader.py";
    if (access(script, R_OK) != 0) script = "../tests/prove/smdebug_reader.py";
    if (access(script, R_OK) != 0) SKIP("tests/prove is not there");
    snprintf(command, sizeof command, "/usr/bin/python3 %s --program '%s' 2>&1", script, self);
    FILE *out = popen(command, "r");
    EXPECT(out);
    while (fgets(line, sizeof line, out)) memcpy(last, line, sizeof last);
    int status = pclose(out);
    if (strncmp(last, "NOT RUN", 7) == 0) SKIP("%s", last);
    if (status || strncmp(last, "PASS", 4) != 0) print_error("%s", last);
    EXPECT(status == 0 && strncmp(last, "PASS", 4) == 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest list[] = { cmocka_unit_test(test_peer) };
    if (argc == 3) {
        ft_err err = strcmp(argv[1], "write") == 0 ? writer(argv[2]) : reader(argv[2]);
        if (err) fprintf(stderr, "%s\n", ft_err_why());
        ft_arena_fini(&arena);
        return err ? ft_err_exit(err) : 0;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return 1;
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
