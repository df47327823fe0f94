/* trial_test.c -- trials written, read, followed, damaged; in folders and in the object store; real
 * ones. */
#include "trials/trial.h"

#include <math.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "store/objects.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(0);

static ft_str fresh(const char *name) {
    static int n;
    ft_str path;
    EXPECT_OK(ft_arena_printf(&path, &arena, "%s/%s-%d", test_dir(), name, n++));
    return path;
}

static ft_collection *builtins(size_t *count) {
    ft_collection *list;
    EXPECT_OK(ft_collections_xgboost(&list, count, &arena, 1));
    return list;
}

static ft_trial_writer *writer(ft_store *s, ft_str uri, const ft_trial_opts *opts) {
    ft_trial_writer *w;
    size_t count;
    ft_collection *list = builtins(&count);
    EXPECT_OK(ft_trial_write(&w, s, uri, list, count, opts));
    return w;
}

static ft_err add_f64(ft_trial_writer *w, const char *name, double v) {
    ft_array a = { .dtype = FT_F64, .data = &v };
    return ft_trial_add(w, ft_str_of(name), &a);
}

static void write_step(ft_trial_writer *w, int64_t step, double loss) {
    float p[4] = { (float)step, 1, 2, 3 };
    ft_array a = { .dtype = FT_F32, .ndim = 2, .shape = { 2, 2 }, .data = p };
    EXPECT_OK(ft_trial_begin(w, step, FT_MODE_GLOBAL, step, 1000000 * step));
    EXPECT_OK(add_f64(w, "train-logloss", loss));
    if (step % 2 == 0) EXPECT_OK(ft_trial_add(w, FT_STR("predictions"), &a));
    EXPECT_OK(ft_trial_end(w));
}

/* The same story in a folder and in the object store. */
static void story(ft_store *s, ft_str uri) {
    ft_trial *t;
    int added;
    size_t count;
    double x;
    ft_str *names;
    EXPECT_ERR(FT_ENOTFOUND, ft_trial_open(&t, s, uri));
    ft_trial_writer *w = writer(s, uri, NULL);
    EXPECT_OK(ft_trial_open(&t, s, uri));
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 0 && !ft_trial_ended(t));
    ft_trial_steps(t, &count);
    EXPECT(count == 0);
    for (int i = 0; i < 3; i++) write_step(w, i, 1.0 / (i + 1));
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 3);
    EXPECT_OK(ft_trial_scalar(&x, t, FT_STR("train-logloss"), 2));
    EXPECT(x == 1.0 / 3);
    for (int i = 998; i < 1003; i++) write_step(w, i, NAN); /* over the edge of an index folder */
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 5);
    const int64_t *steps = ft_trial_steps(t, &count);
    EXPECT(count == 8 && steps[0] == 0 && steps[7] == 1002);
    EXPECT_OK(ft_trial_scalar(&x, t, FT_STR("train-logloss"), 1000));
    EXPECT(isnan(x));
    steps = ft_trial_tensor_steps(t, FT_STR("predictions"), &count);
    EXPECT(count == 5 && steps[1] == 2 && steps[4] == 1002);
    /* values and shapes */
    ft_array a;
    EXPECT_OK(ft_trial_value(&a, t, &arena, FT_STR("predictions"), 1000));
    EXPECT(a.dtype == FT_F32 && a.ndim == 2 && a.shape[0] == 2 && ((float *)a.data)[0] == 1000);
    EXPECT_ERR(FT_ENOTFOUND, ft_trial_value(&a, t, &arena, FT_STR("predictions"), 1));
    EXPECT_ERR(FT_ENOTFOUND, ft_trial_value(&a, t, &arena, FT_STR("other"), 0));
    EXPECT_ERR(FT_EINVAL, ft_trial_scalar(&x, t, FT_STR("predictions"), 0));
    EXPECT_WHY("has 4 items");
    /* names, by collection and expression */
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR("losses"), FT_STR("")));
    EXPECT(count == 1);
    EXPECT_STR("train-logloss", names[0]);
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("pred")));
    EXPECT(count == 1);
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("")));
    EXPECT(count == 2);
    EXPECT_STR("predictions", names[0]);
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR("nothing"), FT_STR("")));
    EXPECT(count == 0);
    EXPECT_ERR(FT_EINVAL, ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("(")));
    /* the horizon */
    ft_trial_horizon(t, 1);
    ft_trial_steps(t, &count);
    EXPECT(count == 2);
    ft_trial_tensor_steps(t, FT_STR("predictions"), &count);
    EXPECT(count == 1);
    EXPECT_ERR(FT_ENOTFOUND, ft_trial_value(&a, t, &arena, FT_STR("predictions"), 2));
    ft_trial_horizon(t, -1);
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("")));
    EXPECT(count == 0);
    ft_trial_horizon(t, INT64_MAX);
    EXPECT_OK(ft_trial_finish(w));
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 0 && ft_trial_ended(t) && ft_trial_damaged(t) == 0);
    ft_trial_close(t);
    ft_trial_writer_free(w);
}

static void test_folder(void **state) {
    (void)state;
    story(NULL, fresh("folder"));
}

static void test_objects(void **state) {
    (void)state;
    ft_store *s;
    EXPECT_OK(ft_store_open(&s, fresh("home").at));
    story(s, FT_STR("s3://fettle/jobs/x/debug-output/"));
    story(s, FT_STR("s3://fettle")); /* a whole bucket */
    ft_store_close(s);
}

/* The layout, to the byte: what other readers find by name. */
static void test_layout(void **state) {
    (void)state;
    ft_str uri = fresh("layout"), path, text;
    ft_trial_writer *w = writer(NULL, uri, NULL);
    EXPECT_OK(ft_trial_begin(w, 1234, FT_MODE_TRAIN, 617, INT64_C(1600000000000000)));
    float v = 0.25f;
    EXPECT_OK(ft_trial_add(w, FT_STR("loss"), &(ft_array){ .dtype = FT_F32, .data = &v }));
    EXPECT_OK(add_f64(w, "a\"b", 1));
    EXPECT_OK(ft_trial_end(w));
    EXPECT_OK(
        ft_arena_printf(&path, &arena, "%s/index/000000001/000000001234_worker_0.json", uri.at));
    EXPECT_OK(ft_file_read(&text, &arena, path.at, 10000));
    EXPECT_STR("{\"meta\":{\"mode\":\"TRAIN\",\"mode_step\":617,\"event_file_name\":"
               "\"events/000000001234/000000001234_worker_0.tfevents\"},\"tensor_payload\":["
               "{\"tensorname\":\"loss\",\"start_idx\":0,\"length\":93},"
               "{\"tensorname\":\"a\\\"b\",\"start_idx\":93,\"length\":95}],\"shape_payload\":[]}",
               text);
    EXPECT_OK(ft_arena_printf(&path, &arena,
                              "%s/events/000000001234/000000001234_worker_0.tfevents", uri.at));
    EXPECT_OK(ft_file_read(&text, &arena, path.at, 10000));
    EXPECT(text.len == 93 + 95);
    ft_trial_writer_free(w);
}

static void test_writer_refuses(void **state) {
    (void)state;
    ft_str uri = fresh("refuse");
    ft_trial_writer *w = writer(NULL, uri, NULL);
    char big[FT_TRIAL_NAME_MAX + 1];
    memset(big, 'a', sizeof big);
    double v = 1;
    ft_array a = { .dtype = FT_F64, .data = &v },
             wrong = { .dtype = FT_F64, .ndim = 1, .shape = { -1 }, .data = &v };
    EXPECT_ERR(FT_EINVAL, ft_trial_add(w, FT_STR("x"), &a)); /* outside a step */
    EXPECT_ERR(FT_EINVAL, ft_trial_begin(w, -1, FT_MODE_GLOBAL, 0, 0));
    EXPECT_ERR(FT_EINVAL, ft_trial_begin(w, FT_TRIAL_STEP_MAX + 1, FT_MODE_GLOBAL, 0, 0));
    EXPECT_ERR(FT_EINVAL, ft_trial_begin(w, 1, (ft_mode)9, 0, 0));
    EXPECT_OK(ft_trial_begin(w, 1, FT_MODE_GLOBAL, 1, 0));
    EXPECT_ERR(FT_EINVAL, ft_trial_add(w, FT_STR(""), &a));
    EXPECT_ERR(FT_EINVAL, ft_trial_add(w, ft_str_n(big, sizeof big), &a));
    EXPECT_ERR(FT_EINVAL, ft_trial_add(w, FT_STR("\xff"), &a));
    EXPECT_ERR(FT_EINVAL, ft_trial_add(w, FT_STR("x"), &wrong));
    EXPECT_OK(ft_trial_add(w, FT_STR("x"), &a)); /* what failed is not part of it, the rest is */
    EXPECT_OK(ft_trial_end(w));
    EXPECT_OK(ft_trial_begin(w, 2, FT_MODE_GLOBAL, 2, 0));
    EXPECT_OK(ft_trial_end(w)); /* an empty step leaves nothing */
    ft_trial *t;
    size_t count;
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    ft_trial_steps(t, &count);
    EXPECT(count == 1);
    ft_trial_close(t);
    ft_trial_writer_free(w);
    EXPECT_ERR(FT_EINVAL, ft_trial_write(&w, NULL, FT_STR("s3://fettle/x"), NULL, 0, NULL));
    EXPECT_ERR(FT_EINVAL, ft_trial_write(&w, NULL, FT_STR(""), NULL, 0, NULL));
    EXPECT_ERR(FT_EINVAL,
               ft_trial_write(&w, NULL, uri, NULL, 0, &(ft_trial_opts){ .worker = "a/b" }));
}

static void put(ft_str uri, const char *key, ft_str bytes) {
    ft_str path;
    EXPECT_OK(ft_arena_printf(&path, &arena, "%s/%s", uri.at, key));
    ft_str dir;
    EXPECT_OK(ft_arena_str(&dir, &arena, ft_str_n(path.at, path.len - ft_path_base(path).len)));
    EXPECT_OK(ft_dir_make(dir.at));
    EXPECT_OK(ft_file_write_atomic(path.at, bytes, false));
}

/* Other writers do not write an index in one step: the newest is tried again, an older one skipped.
 */
static void test_damaged_index(void **state) {
    (void)state;
    ft_str uri = fresh("damage");
    ft_trial_writer *w = writer(NULL, uri, NULL);
    ft_trial *t;
    int added;
    size_t count;
    write_step(w, 0, 1);
    put(uri, "index/000000000/000000000001_worker_0.json", FT_STR("{\"meta\":{\"mode\":\"GLO"));
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 1 && ft_trial_damaged(t) == 0); /* perhaps still being written */
    write_step(w, 1, 0.5);                          /* yes, it was */
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 1 && ft_trial_damaged(t) == 0);
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"meta\":{\"mode\":\"NIGHT\"}}",
        "{\"meta\":{\"mode\":\"TRAIN\",\"mode_step\":1},\"tensor_payload\":[{\"tensorname\":\"x\","
        "\"start_idx\":0,\"length\":90}]}",
        "{\"meta\":{\"mode\":\"TRAIN\",\"event_file_name\":\"e\"},\"tensor_payload\":[{"
        "\"tensorname\":\"x\",\"start_idx\":-1,\"length\":90}]}",
        "{\"meta\":{\"mode\":\"TRAIN\",\"event_file_name\":\"e\"},\"tensor_payload\":[{"
        "\"tensorname\":\"x\",\"start_idx\":0,\"length\":3}]}",
        "{\"meta\":{\"mode\":\"TRAIN\",\"event_file_name\":\"e\"},\"tensor_payload\":[{"
        "\"tensorname\":\"\",\"start_idx\":0,\"length\":90}]}",
        "{\"meta\":{\"mode\":\"TRAIN\",\"event_file_name\":\"e\"},\"tensor_payload\":[{"
        "\"tensorname\":\"x\",\"start_idx\":0,\"length\":99999999999999}]}",
    };
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        char key[80];
        snprintf(key, sizeof key, "index/000000000/%012zu_worker_0.json", 10 + i);
        put(uri, key, ft_str_of(bad[i]));
    }
    put(uri, "index/000000000/junk.json", FT_STR("x")); /* not an index: not ours to judge */
    put(uri, "index/000000000/000000000030_worker_0.csv", FT_STR("x"));
    write_step(w, 50, 0.25);
    EXPECT_OK(ft_trial_refresh(t, &added));
    EXPECT(added == 1);
    EXPECT(ft_trial_damaged(t) == FT_COUNT(bad));
    ft_trial_steps(t, &count);
    EXPECT(count == 3);
    ft_trial_close(t);
    ft_trial_writer_free(w);
}

static void test_damaged_events(void **state) {
    (void)state;
    ft_str uri = fresh("events"), path, text;
    ft_trial_writer *w = writer(NULL, uri, NULL);
    ft_trial *t;
    double x;
    ft_array a;
    write_step(w, 0, 1);
    write_step(w, 2, 2);
    write_step(w, 4, 3);
    EXPECT_OK(ft_arena_printf(&path, &arena,
                              "%s/events/000000000002/000000000002_worker_0.tfevents", uri.at));
    EXPECT_OK(ft_file_read(&text, &arena, path.at, 10000));
    ((char *)(uintptr_t)text.at)[1] ^= 4; /* the first record's length */
    put(uri, "events/000000000002/000000000002_worker_0.tfevents", text);
    put(uri, "events/000000000004/000000000004_worker_0.tfevents", ft_str_n(text.at, 20));
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    EXPECT_ERR(FT_ECORRUPT, ft_trial_scalar(&x, t, FT_STR("train-logloss"), 2));
    EXPECT_WHY("000000000002_worker_0.tfevents: byte 0: tensor 'train-logloss'");
    EXPECT_OK(
        ft_trial_value(&a, t, &arena, FT_STR("predictions"), 2)); /* the next record is whole */
    EXPECT_ERR(FT_ECORRUPT, ft_trial_value(&a, t, &arena, FT_STR("predictions"), 4));
    EXPECT_WHY("the file has 20 bytes");
    EXPECT_OK(ft_trial_scalar(&x, t, FT_STR("train-logloss"), 0));
    EXPECT_OK(ft_file_remove(path.at));
    ft_trial_close(t);
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_trial_scalar(&x, t, FT_STR("train-logloss"), 2));
    put(uri, "index/000000000/000000000009_worker_0.json",
        FT_STR("{\"meta\":{\"mode\":\"TRAIN\",\"mode_step\":9,\"event_file_name\":\"../../etc/"
               "passwd\"},"
               "\"tensor_payload\":[{\"tensorname\":\"x\",\"start_idx\":0,\"length\":90}]}"));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    EXPECT_ERR(FT_ECORRUPT, ft_trial_scalar(&x, t, FT_STR("x"), 9));
    EXPECT_WHY("leads out");
    ft_trial_close(t);
    ft_trial_writer_free(w);
}

/* Two workers: a step is seen when both have written it; a late key of the slower one is not lost.
 */
static void test_workers(void **state) {
    (void)state;
    ft_str uri = fresh("workers");
    ft_trial_writer *a =
        writer(NULL, uri, &(ft_trial_opts){ .worker = "worker_0", .num_workers = 2 });
    ft_trial_writer *b =
        writer(NULL, uri, &(ft_trial_opts){ .worker = "worker_1", .num_workers = 2 });
    ft_trial *t;
    size_t count;
    double x;
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT(ft_trial_workers(t) == 2);
    write_step(a, 0, 1);
    write_step(a, 1, 2);
    EXPECT_OK(ft_trial_refresh(t, NULL));
    ft_trial_steps(t, &count);
    EXPECT(count == 0);
    write_step(b, 0, 10);
    EXPECT_OK(ft_trial_refresh(t, NULL));
    ft_trial_steps(t, &count);
    EXPECT(count == 1);
    write_step(a, 2, 3);
    EXPECT_OK(ft_trial_refresh(t, NULL));
    write_step(b, 1, 20);
    write_step(b, 2, 30);
    EXPECT_OK(ft_trial_refresh(t, NULL));
    ft_trial_steps(t, &count);
    EXPECT(count == 3);
    EXPECT_OK(ft_trial_scalar(&x, t, FT_STR("train-logloss"), 1));
    EXPECT(x == 2); /* the first worker's */
    write_step(a, 3, 4);
    EXPECT_OK(ft_trial_finish(a));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    ft_trial_steps(t, &count);
    EXPECT(count == 4); /* at the end everything is seen */
    ft_trial_close(t);
    ft_trial_writer_free(a);
    ft_trial_writer_free(b);
}

static void test_modes_and_texts(void **state) {
    (void)state;
    ft_str uri = fresh("modes"), texts[2] = { FT_STR("f1"), FT_STR("f2") }, *back;
    ft_trial_writer *w = writer(NULL, uri, NULL);
    ft_trial *t;
    size_t count;
    for (int i = 0; i < 4; i++) {
        EXPECT_OK(ft_trial_begin(w, i, i % 2 ? FT_MODE_EVAL : FT_MODE_TRAIN, i / 2, 0));
        EXPECT_OK(add_f64(w, "loss", i));
        EXPECT_OK(ft_trial_add_text(w, FT_STR("trees/Feature"), texts, 2));
        EXPECT_OK(ft_trial_end(w));
    }
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    const ft_tensor_ref *refs = ft_trial_refs(t, FT_STR("loss"), &count);
    EXPECT(count == 4 && refs[3].mode == FT_MODE_EVAL && refs[3].mode_step == 1 &&
           refs[2].mode == FT_MODE_TRAIN);
    EXPECT_STR("events/000000000003/000000000003_worker_0.tfevents", ft_trial_file(t, &refs[3]));
    EXPECT_OK(ft_trial_texts(&back, &count, t, &arena, FT_STR("trees/Feature"), 3));
    EXPECT(count == 2);
    EXPECT_STR("f2", back[1]);
    ft_array a;
    EXPECT_ERR(FT_EINVAL, ft_trial_value(&a, t, &arena, FT_STR("trees/Feature"), 3));
    EXPECT_ERR(FT_EINVAL, ft_trial_texts(&back, &count, t, &arena, FT_STR("loss"), 3));
    ft_trial_close(t);
    ft_trial_writer_free(w);
}

/* A real trial, written by smdebug in a SageMaker test: see shared/data. */
static void test_real_trial(void **state) {
    (void)state;
    ft_str uri, mxnet, *names;
    size_t count;
    double x;
    ft_trial *t;
    if (!test_shared("sagemaker_artefacts/debugger")) SKIP("the real trials are not there");
    EXPECT_OK(ft_arena_printf(&uri, &arena, "%s/newlogsRunTest1/test_hook_from_json_config",
                              test_shared("sagemaker_artefacts/debugger")));
    EXPECT_OK(ft_arena_printf(&mxnet, &arena, "%s/mnist_mxnet_debug-output",
                              test_shared("sagemaker_artefacts/debugger")));
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("loss")));
    EXPECT(count == 1);
    EXPECT_STR("loss/mul:0", names[0]);
    EXPECT_OK(ft_trial_scalar(&x, t, names[0], 0));
    EXPECT((float)x == 129.7499542236328f); /* as Python's struct reads it */
    const ft_tensor_ref *refs = ft_trial_refs(t, names[0], &count);
    EXPECT(count == 1 && refs[0].mode == FT_MODE_GLOBAL && refs[0].length == 100);
    ft_trial_close(t);
    /* its bigger brother came without event files: steps and names are there, values are not */
    EXPECT_OK(ft_trial_open(&t, NULL, mxnet));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    ft_trial_steps(t, &count);
    EXPECT(count == 4 && ft_trial_damaged(t) == 0);
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR("gradients"), FT_STR("")));
    EXPECT(count == 10);
    EXPECT_OK(ft_trial_names(&names, &count, t, &arena, FT_STR("losses"), FT_STR("")));
    EXPECT(count == 1);
    EXPECT_ERR(FT_ENOTFOUND, ft_trial_scalar(&x, t, names[0], 0));
    ft_trial_close(t);
}

static void faults(ft_store *s, ft_str uri) {
    ft_trial_writer *w = NULL;
    ft_trial *t = NULL;
    size_t count = 0;
    ft_collection c = { .name = FT_STR("losses") };
    ft_err err = ft_trial_write(&w, s, uri, &c, 1, NULL);
    if (!err) err = ft_trial_begin(w, 1, FT_MODE_GLOBAL, 1, 0);
    if (!err) err = add_f64(w, "a-b", 2);
    if (!err) err = ft_trial_end(w);
    if (!err) err = ft_trial_finish(w);
    bool written = !err;
    if (!err) err = ft_trial_open(&t, s, uri);
    if (!err) err = ft_trial_refresh(t, NULL);
    double x = 0;
    ft_str *names;
    if (!err) err = ft_trial_names(&names, &count, t, &arena, FT_STR(""), FT_STR("a"));
    if (!err) err = ft_trial_scalar(&x, t, FT_STR("a-b"), 1);
    if (!err) EXPECT(count == 1 && x == 2);
    ft_trial_close(t);
    ft_trial_writer_free(w);
    ft_fault_off();
    /* Whatever failed: a reader sees the whole step or none of it. */
    if (ft_trial_open(&t, s, uri) == FT_OK) {
        EXPECT_OK(ft_trial_refresh(t, NULL));
        ft_trial_steps(t, &count);
        if (written) EXPECT(count == 1);
        if (count) EXPECT_OK(ft_trial_scalar(&x, t, FT_STR("a-b"), 1));
        ft_trial_close(t);
    }
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT faults(NULL, fresh("fault"));
}

static void test_faults_objects(void **state) {
    (void)state;
    ft_store *s;
    int n = 0;
    EXPECT_OK(ft_store_open(&s, fresh("home").at));
    EACH_FAULT {
        char uri[64];
        snprintf(uri, sizeof uri, "s3://fettle/fault-%d", n++);
        faults(s, ft_str_of(uri));
    }
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_folder), cmocka_unit_test(test_objects),
          cmocka_unit_test(test_layout), cmocka_unit_test(test_writer_refuses),
          cmocka_unit_test(test_damaged_index), cmocka_unit_test(test_damaged_events),
          cmocka_unit_test(test_workers), cmocka_unit_test(test_modes_and_texts),
          cmocka_unit_test(test_real_trial), cmocka_unit_test(test_faults),
          cmocka_unit_test(test_faults_objects))
