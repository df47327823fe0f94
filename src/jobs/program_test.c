/* Programs of users as jobs: real processes, shell commands, the tree at /opt/ml or beside it. */
#include "jobs/program.h"

#include "base/json.h"
#include "jobs/container.h"
#include "jobs/toy_test.h"

static const ft_algorithm *const program_rows[] = { &ft_algorithm_program, &ft_algorithm_processing,
                                                    NULL };

static void begin(world *w, const char *name) {
    world_begin(w, name);
    ft_algorithms_use(program_rows);
}

/* `script` runs in sh, in the tree's folder code. */
static ft_err shell(world *w, const char *name, const char *algorithm, const char *script,
                    const char *outputs) {
    ft_job_channel channel = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_buf buf = { 0 };
    ft_params *p;
    ft_str made;
    EXPECT_OK(ft_params_new(&p, &w->arena, ft_algorithm_program.params));
    EXPECT_OK(ft_buf_printf(&buf, "[\"sh\", \"-c\", "));
    EXPECT_OK(ft_json_quote(&buf, ft_str_of(script)));
    EXPECT_OK(ft_buf_printf(&buf, "]"));
    EXPECT_OK(ft_params_set(p, FT_STR("command"), ft_buf_str(&buf)));
    if (outputs) EXPECT_OK(ft_params_set(p, FT_STR("outputs"), ft_str_of(outputs)));
    ft_buf_fini(&buf);
    ft_job_spec spec = { .name = ft_str_of(name),
                         .algorithm = ft_str_of(algorithm),
                         .params = p,
                         .channels = &channel,
                         .channel_count = 1 };
    return ft_job_create(&made, w->store, &w->arena, &spec);
}

static ft_job ran(world *w, const char *name, const char *script, const char *outputs) {
    EXPECT_OK(shell(w, name, outputs ? "processing" : "program", script, outputs));
    return run(w, name);
}

static ft_str object(world *w, const char *key) {
    ft_str bytes = { 0 };
    ft_err err =
        ft_object_get(&bytes, w->store, &w->arena, FT_STR("fettle"), ft_str_of(key), 65536);
    if (err == FT_ENOTFOUND) return (ft_str){ 0 };
    EXPECT_OK(err);
    return bytes;
}

static void test_paths(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    static const char *const bad[] = { "",           "/opt/ml",      "/opt/ml/",     "/etc/passwd",
                                       "/opt/mlx/a", "/opt/ml/../x", "/opt/ml/a/..", "opt/ml/a" };
    ft_container c = { .arena = &arena, .root = "/h/ml", .seen = "/h/ml" };
    const char *path;
    ft_str seen;
    EXPECT_OK(ft_container_path(&path, &arena, "/h/ml", FT_STR("/opt/ml/processing/in")));
    EXPECT_STR("/h/ml/processing/in", ft_str_of(path));
    EXPECT_OK(ft_container_path(&path, &arena, "/h/ml", FT_STR("/opt/ml/a..b")));
    for (size_t i = 0; i < FT_COUNT(bad); i++)
        EXPECT(ft_container_path(&path, &arena, "/h/ml", ft_str_of(bad[i])) == FT_EINVAL);
    EXPECT_OK(ft_container_seen(&seen, &c, FT_STR("/opt/ml/model")));
    EXPECT_STR("/h/ml/model", seen);
    EXPECT_OK(ft_container_seen(&seen, &c, FT_STR("/opt/mlx")));
    EXPECT_STR("/opt/mlx", seen);
    ft_arena_fini(&arena);
}

static void test_leaves_a_model(void **state) {
    (void)state;
    world w;
    begin(&w, "leaves");
    ft_job job = ran(&w, "good",
                     "cat $SM_CHANNEL_TRAIN/train.csv > $SM_MODEL_DIR/weights && mkdir"
                     " $SM_MODEL_DIR/deep && echo 1 > $SM_MODEL_DIR/deep/x && echo done;"
                     " echo 2 > $SM_CHANNEL_TRAIN/train.csv",
                     NULL);
    EXPECT_STR("", job.reason);
    EXPECT(job.status == FT_JOB_COMPLETED && job.exit_code == 0);
    EXPECT_STR("s3://fettle/jobs/good/output/model", job.model_uri);
    EXPECT_STR("1,2\n0,3\n", object(&w, "jobs/good/output/model/weights"));
    EXPECT(object(&w, "jobs/good/output/model.tar.gz").len > 20);
    EXPECT(!object(&w, "jobs/good/output/output.tar.gz").at);
    ft_str input; /* its own copy was written to, not the input */
    EXPECT_OK(ft_file_read(&input, &w.arena, data_path, 100));
    EXPECT_STR("1,2\n0,3\n", input);
    job = ran(&w, "none", "echo 5 > $SM_OUTPUT_DATA_DIR/five", NULL);
    EXPECT(job.status == FT_JOB_COMPLETED && !job.model_uri.len);
    EXPECT(object(&w, "jobs/none/output/output.tar.gz").len > 20);
    world_end(&w);
}

static void test_outputs(void **state) {
    (void)state;
    world w;
    begin(&w, "outputs");
    const char *outputs =
        "[{\"path\":\"/opt/ml/processing/out\",\"uri\":\"s3://fettle/results/\"}]";
    ft_job job =
        ran(&w, "p", "mkdir -p ../processing/out/a && echo 7 > ../processing/out/a/b", outputs);
    EXPECT_STR("", job.reason);
    EXPECT(job.status == FT_JOB_COMPLETED);
    EXPECT_STR("7\n", object(&w, "results/a/b"));
    world_end(&w);
}

static void test_failures(void **state) {
    (void)state;
    world w;
    begin(&w, "failures");
    ft_job job = ran(&w, "told", "printf 'no rows\\n' > ../output/failure; exit 7", NULL);
    EXPECT(job.status == FT_JOB_FAILED && job.exit_code == 7);
    EXPECT_STR("no rows", job.reason);
    job = ran(&w, "line", "echo it broke >&2; exit 3", NULL);
    EXPECT(job.status == FT_JOB_FAILED && job.exit_code == 3);
    EXPECT_STR("it broke", job.reason);
    job = ran(&w, "killed", "kill -9 $$", NULL);
    EXPECT(job.status == FT_JOB_FAILED && job.exit_code == 137);
    EXPECT_STR("killed by signal 9 (Killed)", job.reason);
    world_end(&w);
}

/* A program that does not listen gets its time and no more. */
static void stop_when_known(void *ctx, const ft_job_progress *p) {
    world *w = ctx;
    static bool asked;
    if (asked || !p->text || strcmp(p->text, "ready") != 0) return;
    asked = true;
    EXPECT_OK(ft_job_stop(w->store, FT_STR("deaf"), FT_STR("enough")));
}

static void test_stop(void **state) {
    (void)state;
    world w;
    ft_job job;
    begin(&w, "stop");
    setenv("FETTLE_PROGRAM_GRACE", "900ms", 1);
    EXPECT_OK(shell(&w, "deaf", "program", "trap '' TERM; echo ready; while :; do sleep 0.05; done",
                    NULL));
    EXPECT_OK(ft_job_run(w.store, w.sup, FT_STR("deaf"), stop_when_known, &w));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("deaf")));
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT_STR("enough", job.reason);
    unsetenv("FETTLE_PROGRAM_GRACE");
    world_end(&w);
}

static void test_refusals(void **state) {
    (void)state;
    world w;
    ft_params *p;
    begin(&w, "refused");
    EXPECT_OK(ft_params_new(&p, &w.arena, ft_algorithm_program.params));
    EXPECT(ft_algorithm_program.validate(p) == FT_EINVAL);
    EXPECT_OK(ft_params_set(p, FT_STR("script"), FT_STR("train.py")));
    EXPECT_OK(ft_algorithm_program.validate(p));
    world_end(&w);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "run-job") == 0) {
        ft_store *s;
        registries();
        ft_algorithms_use(program_rows);
        if (ft_store_open(&s, NULL) != FT_OK) return 2;
        ft_err err = ft_job_main(s, ft_str_of(argv[2]));
        ft_store_close(s);
        return ft_err_exit(err);
    }
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    registries();
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_leaves_a_model),
        cmocka_unit_test(test_outputs), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_stop),    cmocka_unit_test(test_refusals),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
