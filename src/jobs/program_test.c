/* Programs of users as jobs: real processes, shell commands, the tree at /opt/ml or beside it. */
#include "jobs/program.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/json.h"
#include "jobs/container.h"
#include "jobs/image.h"
#include "jobs/toy_test.h"

static const ft_algorithm *const program_rows[] = { &ft_algorithm_program, &ft_algorithm_processing,
                                                    NULL };

static void begin(world *w, const char *name) {
    world_begin(w, name);
    ft_algorithms_use(program_rows);
}

static const char *more_params[8]; /* name, value, … of the next job */

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
    for (size_t i = 0; more_params[i]; i += 2)
        EXPECT_OK(ft_params_set(p, ft_str_of(more_params[i]), ft_str_of(more_params[i + 1])));
    memset(more_params, 0, sizeof more_params);
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

static void test_hosts(void **state) {
    (void)state;
    world w;
    begin(&w, "hosts");
    more_params[0] = "hosts", more_params[1] = "3";
    ft_job job =
        ran(&w, "three",
            "echo $SM_HOSTS > $SM_MODEL_DIR/$SM_CURRENT_HOST;"
            " grep -o '\"current_host\":\"[^\"]*\"' $SM_INPUT_CONFIG_DIR/resourceconfig.json"
            " > $SM_OUTPUT_DATA_DIR/$SM_CURRENT_HOST",
            NULL);
    EXPECT_STR("", job.reason);
    for (int i = 1; i <= 3; i++) {
        char key[64];
        snprintf(key, sizeof key, "jobs/three/output/model/algo-%d", i);
        EXPECT_STR("[\"algo-1\",\"algo-2\",\"algo-3\"]\n", object(&w, key));
    }
    /* One that fails ends the others, and its sentence is the job's. */
    more_params[0] = "hosts", more_params[1] = "2";
    int64_t begun = ft_clock_monotonic_us();
    job = ran(&w, "half",
              "if [ $SM_CURRENT_HOST = algo-2 ]; then echo no port left; exit 4; fi; exec sleep 60",
              NULL);
    EXPECT(job.status == FT_JOB_FAILED && job.exit_code == 4);
    EXPECT_STR("no port left", job.reason);
    EXPECT(ft_clock_monotonic_us() - begun < 30 * FT_SECOND_US);
    world_end(&w);
}

static void put(world *w, const char *key, const char *text) {
    EXPECT_OK(
        ft_object_put(NULL, w->store, FT_STR("fettle"), ft_str_of(key), ft_str_of(text), NULL));
}

static void test_checkpoints(void **state) {
    (void)state;
    world w;
    begin(&w, "checkpoints");
    put(&w, "kept/deep/epoch", "4");
    more_params[0] = "checkpoint_uri", more_params[1] = "s3://fettle/kept/";
    more_params[2] = "checkpoint_path", more_params[3] = "/opt/ml/mine";
    /* The new one is there while the program still runs: it waits for it in the store itself. */
    ft_job job = ran(&w, "go",
                     "cd ../mine && n=$(cat deep/epoch) && echo $((n+1)) > deep/epoch && echo x > y"
                     " && i=0; until [ -f $FETTLE_HOME/objects/fettle/kept/y ]; do sleep 0.05;"
                     " i=$((i+1)); [ $i -lt 200 ] || exit 9; done",
                     NULL);
    EXPECT_STR("", job.reason);
    EXPECT_STR("5\n", object(&w, "kept/deep/epoch"));
    more_params[0] = "checkpoint_uri", more_params[1] = "s3://fettle/kept";
    job = ran(&w, "fails", "echo 9 > ../checkpoints/late; exit 3", NULL);
    EXPECT(job.status == FT_JOB_FAILED);
    EXPECT_STR("9\n", object(&w, "kept/late"));
    world_end(&w);
}

static void test_tensors(void **state) {
    (void)state;
    world w;
    begin(&w, "tensors");
    ft_job job = ran(&w, "smd",
                     "cd ../output/tensors && mkdir -p events index/000000000 && echo e > events/1"
                     " && echo t > index/000000000/000000000020_worker_0.json.tmp"
                     " && echo i > index/000000000/000000000010_worker_0.json",
                     NULL);
    EXPECT_STR("", job.reason);
    EXPECT_STR("i\n",
               object(&w, "jobs/smd/debug-output/index/000000000/000000000010_worker_0.json"));
    EXPECT_STR("e\n", object(&w, "jobs/smd/debug-output/events/1"));
    EXPECT(!object(&w, "jobs/smd/debug-output/index/000000000/000000000020_worker_0.json.tmp").at);
    world_end(&w);
}

static void test_message(void **state) {
    (void)state;
    world w;
    ft_str text;
    begin(&w, "message");
    ran(&w, "m",
        "echo 'Completed: all is well' > ../output/message;"
        " echo '{\"MetricName\":\"a\"}' >> ../output/metrics/cloudwatch/cloudwatch_metrics.jsonl",
        "[{\"path\":\"/opt/ml/processing/out\",\"uri\":\"s3://fettle/results/\"}]");
    EXPECT_OK(ft_program_message(&text, w.store, &w.arena, FT_STR("m")));
    EXPECT_STR("Completed: all is well", text);
    EXPECT_OK(ft_program_metrics(&text, w.store, &w.arena, FT_STR("m")));
    EXPECT_STR("{\"MetricName\":\"a\"}", ft_str_trim(text));
    EXPECT_OK(ft_program_message(&text, w.store, &w.arena, FT_STR("none")));
    EXPECT_STR("", text);
    world_end(&w);
}

static void test_images(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image;
    char own[400], path[500], before[4096];
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    snprintf(own, sizeof own, "%s/image", test_dir());
    EXPECT_OK(ft_dir_make(own));
    setenv("PATH", own, 1); /* no podman there */
    static const struct {
        const char *image, *framework;
    } known[] = {
        { "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.8.1-cpu-py36",
          "pytorch" },
        { "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:0.23-1", "sklearn" },
        { "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-mxnet:1.4-cpu-py3", "mxnet" },
        { "sagemaker-xgboost:1.5-1", "xgboost" },
        { "a.b/huggingface-pytorch-inference@sha256:00", "pytorch" },
    };
    for (size_t i = 0; i < FT_COUNT(known); i++) {
        EXPECT_OK(ft_image_find(&image, &arena, ft_str_of(known[i].image), FT_IMAGE_SERVE));
        EXPECT(image.kind == FT_IMAGE_FRAMEWORK);
        EXPECT_STR(known[i].framework, image.framework);
    }
    EXPECT_ERR(FT_EUNSUPPORTED,
               ft_image_find(&image, &arena, FT_STR("me/my-pytorch:1"), FT_IMAGE_TRAIN));
    EXPECT_WHY("podman, which runs images, is not installed");
    EXPECT_ERR(FT_ENOTFOUND, ft_image_find(&image, &arena, FT_STR("/no/such"), FT_IMAGE_TRAIN));
    EXPECT_ERR(FT_ENOTFOUND, ft_image_find(&image, &arena, ft_str_of(own), FT_IMAGE_TRAIN));
    snprintf(path, sizeof path, "%s/train", own);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("#!/bin/sh\n"), false));
    EXPECT_ERR(FT_EDENIED, ft_image_find(&image, &arena, ft_str_of(own), FT_IMAGE_TRAIN));
    EXPECT_WHY("chmod");
    EXPECT(chmod(path, 0755) == 0);
    EXPECT_OK(ft_image_find(&image, &arena, ft_str_of(own), FT_IMAGE_TRAIN));
    EXPECT(image.kind == FT_IMAGE_PROGRAM);
    EXPECT_STR(path, image.program);
    snprintf(path, sizeof path, "%s/podman", own);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("#!/bin/sh\n"), false));
    EXPECT(chmod(path, 0755) == 0);
    EXPECT_OK(ft_image_find(&image, &arena, FT_STR("me/my-pytorch:1"), FT_IMAGE_TRAIN));
    EXPECT(image.kind == FT_IMAGE_PODMAN);
    setenv("FETTLE_PODMAN", "", 1);
    EXPECT(!ft_image_podman_there());
    setenv("FETTLE_PODMAN", path, 1);
    setenv("PATH", before, 1);
    EXPECT(ft_image_podman_there());
    unsetenv("FETTLE_PODMAN");
    ft_arena_fini(&arena);
}

/* The fake writes down what it is asked and runs the volume's program. */
static void test_podman(void **state) {
    (void)state;
    world w;
    char path[500], before[4096], value[5000];
    begin(&w, "podman");
    snprintf(before, sizeof before, "%s", getenv("PATH"));
    snprintf(path, sizeof path, "%s/podman", home);
    EXPECT_OK(ft_file_write_atomic(
        path,
        FT_STR("#!/bin/sh\necho \"$@\" >> $FETTLE_HOME/asked\n[ $1 = run ] || exit 0\n"
               "for w; do case $w in --volume=*) v=${w#--volume=}; v=${v%%:*};; esac; done\n"
               "cp $v/input/data/train/train.csv $v/model/weights\n"),
        false));
    EXPECT(chmod(path, 0755) == 0);
    snprintf(value, sizeof value, "%s:%s", home, before);
    setenv("PATH", value, 1);
    more_params[0] = "image", more_params[1] = "me/mine:1";
    more_params[2] = "command", more_params[3] = "[]";
    more_params[4] = "environment", more_params[5] = "{\"A\":\"b c\"}";
    ft_job job = ran(&w, "img", "", NULL);
    setenv("PATH", before, 1);
    EXPECT_STR("", job.reason);
    EXPECT_STR("1,2\n0,3\n", object(&w, "jobs/img/output/model/weights"));
    snprintf(path, sizeof path, "%s/asked", home);
    ft_str asked;
    EXPECT_OK(ft_file_read(&asked, &w.arena, path, 65536));
    EXPECT(strstr(asked.at, "run --rm --replace --pull=missing --name=fettle-img-1 --volume="));
    EXPECT(strstr(asked.at, " --env=A=b c ") && strstr(asked.at, " me/mine:1 train\n"));
    EXPECT(strstr(asked.at, "rm --force --ignore fettle-img-1\n"));
    world_end(&w);
}

static void test_requirements(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    char path[500], base[500];
    snprintf(path, sizeof path, "%s/requirements.txt", test_dir());
    snprintf(base, sizeof base, "%s/python", test_dir());
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("no-such-package-as-this==1.2.3\n"), false));
    EXPECT_ERR(FT_EABSENT, ft_container_require(&arena, path, base));
    EXPECT_WHY("requirements.txt cannot be fulfilled here");
    ft_arena_fini(&arena);
}

/* Each call on the way to a tree and its file fails once; nothing is made twice, nothing is lost.
 */
static void test_faults(void **state) {
    (void)state;
    world w;
    ft_params *p;
    ft_arena arena = FT_ARENA_INIT(0);
    char model[500], file[500];
    int failures = 0;
    begin(&w, "faults");
    snprintf(model, sizeof model, "%s/jobs/f/model", home);
    snprintf(file, sizeof file, "%s/jobs/f/ml.json", home);
    EXPECT_OK(ft_dir_make(model));
    EXPECT_OK(ft_params_new(&p, &w.arena, ft_algorithm_program.params));
    EXPECT_OK(ft_params_set(p, FT_STR("command"), FT_STR("[\"true\"]")));
    EXPECT_OK(ft_params_finish(p));
    ft_channel channel = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_train_args args = {
        .params = p, .channels = &channel, .channel_count = 1, .out_dir = model
    };
    const char *argv[] = { "true", NULL };
    EACH_FAULT {
        ft_container c;
        ft_err err = ft_container_make(&c, &arena, &args, false, 2, 2);
        if (err == FT_OK)
            err = ft_container_run_write(
                file, &(ft_container_run){
                          .root = c.root, .argv = argv, .env = (const char *const *)c.env });
        failures += err != FT_OK;
        ft_arena_reset(&arena);
    }
    EXPECT(failures > 30);
    EXPECT_OK(ft_program_clean(&arena, model));
    ft_arena_fini(&arena);
    world_end(&w);
}

/* Variants of an endpoint make their trees at the same time, each on a thread of its own. */
typedef struct copying {
    pthread_t thread;
    ft_str bytes;
    char from[400], to[400];
    bool same;
} copying;

static void *copy_often(void *arg) {
    copying *c = arg;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str got;
    c->same = true;
    for (int i = 0; i < 300; i++) {
        EXPECT_OK(ft_container_copy(&arena, c->from, c->to));
        EXPECT_OK(ft_file_read(&got, &arena, c->to, c->bytes.len));
        c->same &= ft_str_eq(got, c->bytes);
        ft_arena_reset(&arena);
    }
    ft_arena_fini(&arena);
    return NULL;
}

static void test_copies_at_once(void **state) {
    (void)state;
    static char fill[2][100000];
    copying c[2];
    for (int i = 0; i < 2; i++) {
        memset(fill[i], 'a' + i, sizeof fill[i]);
        c[i].bytes = ft_str_n(fill[i], sizeof fill[i]);
        snprintf(c[i].from, sizeof c[i].from, "%s/copied%d", test_dir(), i);
        snprintf(c[i].to, sizeof c[i].to, "%s/copy%d", test_dir(), i);
        EXPECT_OK(ft_file_write_atomic(c[i].from, c[i].bytes, false));
    }
    for (int i = 0; i < 2; i++) EXPECT(pthread_create(&c[i].thread, NULL, copy_often, &c[i]) == 0);
    for (int i = 0; i < 2; i++) EXPECT(pthread_join(c[i].thread, NULL) == 0);
    EXPECT(c[0].same && c[1].same);
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
    if (argc == 3 && strcmp(argv[1], "run-model") == 0)
        return ft_err_exit(ft_container_become(argv[2]));
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
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_leaves_a_model),
        cmocka_unit_test(test_outputs),      cmocka_unit_test(test_failures),
        cmocka_unit_test(test_stop),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_hosts),        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_tensors),      cmocka_unit_test(test_message),
        cmocka_unit_test(test_images),       cmocka_unit_test(test_podman),
        cmocka_unit_test(test_requirements), cmocka_unit_test(test_copies_at_once),
        cmocka_unit_test(test_faults),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
