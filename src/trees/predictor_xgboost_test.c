/* predictor_xgboost_test.c -- model folders and files, described and asked. */
#include "trees/predictor_xgboost.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "data/table.h"
#include "trees/engine.h"
#include "trees/rig_test.h"

static ft_arena arena = FT_ARENA_INIT(0);
static const ft_predictor *const p = &ft_predictor_xgboost;

static ft_payload csv(const char *text) {
    return (ft_payload){ FT_STR("text/csv"), ft_str_of(text) };
}

static ft_str ask(const ft_model *m, const char *body, const char *accept) {
    ft_payload in = csv(body), out = { 0 };
    EXPECT_OK(p->predict(m, &out, &in, ft_str_of(accept), NULL, &arena));
    return out.bytes;
}

static ft_str described(const ft_model *m) {
    static ft_buf buf;
    ft_json_out w;
    ft_buf_reset(&buf);
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    p->describe(m, &w);
    ft_json_out_close(&w);
    EXPECT_OK(buf.err);
    return ft_buf_str(&buf);
}

static bool says(ft_str text, const char *part) {
    if (memmem(text.at, text.len, part, strlen(part))) return true;
    print_error("%.*s\ndoes not say %s\n", FT_STR_ARG(text), part);
    return false;
}

static void test_bare_file(void **state) {
    (void)state;
    ft_model *m;
    EXPECT(p->sniff(testdata("logistic.json")) == 100);
    EXPECT(p->sniff(testdata("softmax.ubj")) == 100);
    EXPECT(p->sniff(testdata("logistic.csv")) == 0);
    EXPECT(p->sniff("/nonexistent") == 0);
    EXPECT_OK(p->load(&m, testdata("logistic.json")));
    EXPECT(p->input_cols(m) == 4 && p->output_cols(m) == 1 && p->schema(m) == NULL);
    ft_str text = described(m);
    EXPECT(says(text, "\"objective\":\"binary:logistic\""));
    EXPECT(says(text, "\"answer\":\"probability\"") && says(text, "\"features\":4"));
    EXPECT(says(text, "\"trees\":3") && says(text, "\"xgboost_version\":\"1.7.4\""));
    float row[4] = { 0, 0, NAN, 1 }, answer, got;
    EXPECT_OK(p->predict_rows(m, &answer, row, 1));
    EXPECT(ft_str_f32(&got, ft_str_trim(ask(m, "0,0,,1\n", ""))));
    EXPECT(fabsf(got - answer) < 1e-6f && answer > 0 && answer < 1);
    p->free(m);
    p->free(NULL);
}

static void test_classes(void **state) {
    (void)state;
    ft_model *m;
    EXPECT_OK(p->load(&m, testdata("softmax.ubj")));
    EXPECT(p->output_cols(m) == 1);
    ft_str one = ft_str_trim(ask(m, "0,0,0,0", ""));
    float v;
    EXPECT(ft_str_f32(&v, one) && (v == 0 || v == 1 || v == 2));
    p->free(m);
    EXPECT_OK(p->load(&m, testdata("softprob.json")));
    EXPECT(p->output_cols(m) == 3);
    EXPECT(says(ask(m, "0,0,0,0\n1,1,1,1\n", "application/json"), "\"score\":["));
    p->free(m);
}

static void test_trained_folder(void **state) {
    (void)state;
    const ft_xgb *x;
    if (ft_xgb_load(&x) != FT_OK) SKIP("libxgboost0 is not installed");
    const char *path = in_test_dir("pets.csv");
    FILE *f = fopen(path, "w");
    EXPECT(f != NULL);
    fprintf(f, "kind,weight,coat,age\n");
    for (int i = 0; i < 90; i++)
        fprintf(f, "%s,%d,%s,%d\n",
                i % 3 == 0   ? "cat"
                : i % 3 == 1 ? "dog"
                             : "bird",
                i % 3 == 0   ? 4
                : i % 3 == 1 ? 20 + i % 5
                             : 1,
                i % 2 ? "long" : "short", i % 7);
    EXPECT(fclose(f) == 0);
    rig r = RIG(.train = path, .settings = "num_round=5 objective=multi:softprob num_class=3");
    EXPECT_OK(rig_run(&r));
    ft_model *m;
    EXPECT(p->sniff(r.out_dir) == 100);
    EXPECT_OK(p->load(&m, r.out_dir));
    ft_str text = described(m);
    EXPECT(says(text, "\"classes\":[\"bird\",\"cat\",\"dog\"]"));
    EXPECT(says(text, "\"feature_names\":[\"weight\",\"coat\",\"age\"]"));
    EXPECT(p->schema(m) && p->schema(m)->features[1].is_category);
    float scores[3];
    ft_str rest = ft_str_trim(ask(m, "22,long,3\n", "text/csv"));
    for (int i = 0; i < 3; i++) EXPECT(ft_str_f32(&scores[i], ft_str_cut(&rest, ',')));
    EXPECT(scores[2] > 0.5f && scores[2] > scores[0] && scores[2] > scores[1]); /* a dog */
    ft_payload out, in = csv("22,long\n");
    EXPECT_ERR(FT_EINVAL, p->predict(m, &out, &in, FT_STR(""), NULL, &arena));
    EXPECT_WHY("columns");
    in = csv("heavy,long,3\n");
    EXPECT_ERR(FT_EPARSE, p->predict(m, &out, &in, FT_STR(""), NULL, &arena));
    in = (ft_payload){ FT_STR("image/png"), FT_STR("xyz") };
    EXPECT_ERR(FT_EMEDIA, p->predict(m, &out, &in, FT_STR(""), NULL, &arena));
    p->free(m);

    char name[600];
    snprintf(name, sizeof name, "%s/schema.json", r.out_dir);
    EXPECT_OK(ft_file_write_atomic(name, FT_STR("{\"features\":7}"), false));
    EXPECT(p->load(&m, r.out_dir) != FT_OK && m == NULL);
    EXPECT_WHY("schema.json");
    rig_fini(&r);
}

static void test_sagemaker_name(void **state) {
    (void)state;
    const char *dir = in_test_dir("sagemaker");
    char path[600];
    ft_str bytes;
    ft_model *m;
    EXPECT_OK(ft_dir_make(dir));
    EXPECT(p->sniff(dir) == 0);
    EXPECT_ERR(FT_ENOTFOUND, p->load(&m, dir));
    snprintf(path, sizeof path, "%s/xgboost-model", dir);
    EXPECT_OK(ft_file_read(&bytes, &arena, testdata("regression.ubj"), 1 << 20));
    EXPECT_OK(ft_file_write_atomic(path, bytes, false));
    EXPECT(p->sniff(dir) == 100);
    EXPECT_OK(p->load(&m, dir));
    p->free(m);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("binf\0\0\0\0"), false));
    EXPECT(p->sniff(dir) == 90);
    EXPECT_ERR(FT_EUNSUPPORTED, p->load(&m, dir));
    EXPECT_WHY("old binary format");
}

/* ---- many threads, one model */

typedef struct asker {
    const ft_model *m;
    const float *rows;
    float *out;
} asker;

static void *ask_often(void *ctx) {
    asker *a = ctx;
    for (int i = 0; i < 200; i++)
        if (p->predict_rows(a->m, a->out, a->rows, 24 + i % 7) != FT_OK) return ctx;
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    static float rows[64 * 4], out[4][64 * 3], want[64 * 3];
    pthread_t threads[4];
    asker askers[4];
    ft_model *m;
    EXPECT_OK(p->load(&m, testdata("softprob.json")));
    for (int i = 0; i < 64 * 4; i++) rows[i] = (float)(i % 13) / 4 - 1;
    EXPECT_OK(p->predict_rows(m, want, rows, 30));
    for (int i = 0; i < 4; i++) {
        askers[i] = (asker){ m, rows, out[i] };
        EXPECT(pthread_create(&threads[i], NULL, ask_often, &askers[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        void *failed;
        EXPECT(pthread_join(threads[i], &failed) == 0 && failed == NULL);
        EXPECT(memcmp(out[i], want, 24 * 3 * sizeof *want) == 0);
    }
    p->free(m);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_model *m;
        ft_err err = p->load(&m, testdata("softprob.json"));
        EXPECT((err == FT_OK) == (m != NULL));
        ft_payload in = csv("0,0,0,0\n"), out = { 0 };
        ft_arena request = FT_ARENA_INIT(0);
        if (m) err = p->predict(m, &out, &in, FT_STR(""), NULL, &request);
        EXPECT(err || out.bytes.len > 0);
        ft_arena_fini(&request);
        p->free(m);
        rounds++;
    }
    EXPECT(rounds > 10);
}

TEST_MAIN(cmocka_unit_test(test_bare_file), cmocka_unit_test(test_classes),
          cmocka_unit_test(test_trained_folder), cmocka_unit_test(test_sagemaker_name),
          cmocka_unit_test(test_threads), cmocka_unit_test(test_every_fault))
