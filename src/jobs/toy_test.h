/* toy_test.h -- what the tests of jobs share. Jobs run with real processes: the test program is the
 * job
 * ("run-job NAME"), its rule host ("run-rules SUBJECT") and, where it is to be killed, the
 * supervisor ("supervise NAME HOME LOSS"). The algorithm is a toy: it learns, or does not, and may
 * misbehave. */
#ifndef FT_JOBS_TOY_TEST_H
#define FT_JOBS_TOY_TEST_H

#include "jobs/job.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "debug/hook.h"
#include "jobs/tables_in.h"
#include "store/lineage.h"
#include "store/objects.h"
#include "tests/test.h"
#include "trials/trial.h"
#include "watch/guard.h"
#include "watch/outbox.h"

static char home[300], self[1024], data_path[400];

/* ---- the algorithm */

static const ft_param toy_params[] = {
    { .name = "rounds", .type = FT_PARAM_INT, .default_text = "30", .min = 1, .max = 1e6 },
    { .name = "loss",
      .type = FT_PARAM_CHOICE,
      .default_text = "falling",
      .choices = "falling|constant" },
    { .name = "step_us", .type = FT_PARAM_INT, .default_text = "0", .min = 0, .max = 1e7 },
    { .name = "end",
      .type = FT_PARAM_CHOICE,
      .default_text = "good",
      .choices = "good|fail|crash|nothing" },
    { .name = "keep", .type = FT_PARAM_BOOL, .default_text = "false" },
    { .name = "deaf", .type = FT_PARAM_BOOL, .default_text = "false" },
    { 0 }
};

static inline ft_err toy_validate(const ft_params *params) {
    if (ft_params_int(params, "rounds") == 13) return FT_FAIL(FT_EINVAL, "rounds=13 is unlucky");
    return FT_OK;
}

static inline ft_err toy_step(const ft_train_args *args, int64_t step, double loss) {
    FT_TRY(ft_tap_begin(args->tap, step));
    FT_TRY(ft_tap_scalar(args->tap, "train-loss", loss));
    return ft_tap_end(args->tap, step);
}

static inline ft_err toy_save(const ft_train_args *args) {
    char path[500];
    snprintf(path, sizeof path, "%s/toy-model", args->out_dir);
    FT_TRY(ft_file_write_atomic(path, FT_STR("weights"), false));
    snprintf(path, sizeof path, "%s/more/notes.txt", args->out_dir);
    char folder[500];
    snprintf(folder, sizeof folder, "%s/more", args->out_dir);
    FT_TRY(ft_dir_make(folder));
    return ft_file_write_atomic(path, FT_STR("notes"), false);
}

static inline ft_err toy_rounds(const ft_train_args *args) {
    int64_t rounds = ft_params_int(args->params, "rounds");
    bool falling = ft_str_is(ft_params_str(args->params, "loss"), "falling");
    bool deaf = ft_params_bool(args->params, "deaf");
    for (int64_t step = 0; step < rounds; step++) {
        if (!deaf && atomic_load(args->stop)) return FT_FAIL(FT_ECANCELED, "told to stop");
        int64_t until = ft_clock_monotonic_us() + ft_params_int(args->params, "step_us");
        while (ft_clock_monotonic_us() < until) ft_clock_sleep_us(50);
        ft_err err = toy_step(args, step, falling ? 1.0 / (double)(step + 1) : 0.5);
        if (deaf && err == FT_ECANCELED) err = FT_OK;
        FT_TRY(err);
        if (args->progress) args->progress(args->ctx, step + 1, rounds, "train-loss");
    }
    return FT_OK;
}

static inline ft_err toy_train(const ft_train_args *args) {
    ft_str end = ft_params_str(args->params, "end");
    if (args->channel_count < 1) return FT_FAIL(FT_EINVAL, "no channel");
    ft_err err = toy_rounds(args);
    if (err == FT_ECANCELED && ft_params_bool(args->params, "keep")) FT_TRY(toy_save(args));
    FT_TRY(err);
    if (ft_str_is(end, "crash")) raise(SIGKILL);
    if (ft_str_is(end, "fail")) return FT_FAIL(FT_ECORRUPT, "the weights are not numbers");
    return ft_str_is(end, "nothing") ? FT_OK : toy_save(args);
}

static const ft_algorithm toy = { .name = "toy",
                                  .doc = "learns nothing",
                                  .params = toy_params,
                                  .predictor = "toy",
                                  .required_channels = "train",
                                  .validate = toy_validate,
                                  .train = toy_train };
static const ft_algorithm *const algorithms[] = { &toy, NULL };

/* A rule that takes its process down at step 12, and one that never comes back from it. */
static inline ft_err bad_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                                  ft_verdict *out) {
    (void)state;
    if (in->at == 12 && ft_params_bool(params, "crash")) raise(SIGSEGV);
    while (in->at == 12) pause();
    out->outcome = FT_NO_ISSUE;
    return FT_OK;
}
static const ft_param bad_params[] = {
    { .name = "crash", .type = FT_PARAM_BOOL, .default_text = "true" }, { 0 }
};
static const ft_rule rule_bad = {
    .name = "Bad", .params = bad_params, .reads = FT_READS_TRIAL, .evaluate = bad_evaluate
};
static const ft_rule *const rules[] = { &ft_rule_loss_not_decreasing, &rule_bad, NULL };
static const ft_stream_kind *const kinds[] = { &ft_kind_metric, &ft_kind_tensor, NULL };

static inline void registries(void) {
    ft_algorithms_use(algorithms);
    ft_rules_use(rules);
    ft_streams_use(kinds);
}

/* ---- the world of a test */

typedef struct world {
    ft_store *store;
    ft_supervisor *sup;
    ft_arena arena;
} world;

static inline void world_begin(world *w, const char *name) {
    *w = (world){ 0 };
    snprintf(home, sizeof home, "%s/%s", test_dir(), name);
    EXPECT_OK(ft_store_open(&w->store, home));
    EXPECT_OK(ft_supervisor_new(&w->sup));
    snprintf(data_path, sizeof data_path, "%s/train.csv", home);
    EXPECT_OK(ft_file_write_atomic(data_path, FT_STR("1,2\n0,3\n"), false));
}

static inline void world_end(world *w) {
    ft_supervisor_free(w->sup);
    ft_store_close(w->store);
    ft_arena_fini(&w->arena);
}

/* "rounds=100 loss=constant" */
static inline ft_err params_of(ft_params **out, ft_arena *arena, const char *text) {
    ft_str rest = ft_str_of(text);
    FT_TRY(ft_params_new(out, arena, toy_params));
    while (rest.at && rest.len) {
        ft_str value = ft_str_cut(&rest, ' '), name = ft_str_cut(&value, '=');
        FT_TRY(ft_params_set(*out, name, value));
    }
    return FT_OK;
}

static inline ft_err create_in(ft_store *s, ft_arena *arena, const char *name, const char *params,
                               const char *rule, const char *actions) {
    ft_job_channel channel = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_watch_spec watch = { .rule = ft_str_of(rule),
                            .params_json = FT_STR("{}"),
                            .actions = ft_str_of(actions) };
    ft_collection *collections;
    size_t count;
    ft_params *p;
    ft_str made;
    FT_TRY(params_of(&p, arena, params));
    FT_TRY(ft_collections_xgboost(&collections, &count, arena, 1));
    ft_job_spec spec = { .name = ft_str_of(name),
                         .algorithm = FT_STR("toy"),
                         .params = p,
                         .channels = &channel,
                         .channel_count = 1,
                         .collections = collections,
                         .collection_count = count,
                         .watches = &watch,
                         .watch_count = rule ? 1 : 0 };
    return ft_job_create(&made, s, arena, &spec);
}

static inline void create(world *w, const char *name, const char *params, const char *rule,
                          const char *actions) {
    EXPECT_OK(create_in(w->store, &w->arena, name, params, rule, actions));
}

static inline ft_job run(world *w, const char *name) {
    ft_job job;
    EXPECT_OK(ft_job_run(w->store, w->sup, ft_str_of(name), NULL, NULL));
    EXPECT_OK(ft_job_get(&job, w->store, &w->arena, ft_str_of(name)));
    EXPECT(job.pid > 0 && !ft_pid_alive(job.pid, job.pid_started));
    return job;
}

static inline int64_t last_trial_step(world *w, const ft_job *job, bool *ended) {
    ft_trial *trial;
    size_t count;
    ft_err err = ft_trial_open(&trial, w->store, job->trial_uri);
    if (err == FT_ENOTFOUND) return -1;
    EXPECT_OK(err);
    EXPECT_OK(ft_trial_refresh(trial, NULL));
    const int64_t *steps = ft_trial_steps(trial, &count);
    int64_t last = count ? steps[count - 1] : -1;
    if (ended) *ended = ft_trial_ended(trial);
    ft_trial_close(trial);
    return last;
}

static inline int64_t last_metric_step(world *w, const ft_job *job) {
    ft_cursor *c;
    ft_record r;
    int64_t last = -1;
    EXPECT_OK(ft_cursor_open(&c, w->store, &ft_kind_metric, &(ft_cursor_opts){ .key = job->name }));
    while (ft_cursor_next(c, &r) == FT_OK)
        if (r.values[0].i > last) last = r.values[0].i;
    ft_cursor_close(c);
    return last;
}

static inline ft_watch_row only_watch(world *w, const char *subject) {
    ft_watch_row *rows;
    size_t count;
    EXPECT_OK(ft_watch_list(&rows, &count, w->store, &w->arena, ft_str_of(subject)));
    EXPECT(count == 1);
    return rows[0];
}

/* ---- the other processes */

static inline int create_main(const char *name, const char *loss) {
    ft_store *s = NULL;
    ft_supervisor *sup = NULL;
    ft_arena arena = FT_ARENA_INIT(0);
    char params[100];
    bool start = strcmp(loss, "none") != 0;
    ft_err err;
    snprintf(params, sizeof params, "rounds=60 step_us=1000 loss=%s", start ? loss : "falling");
    snprintf(data_path, sizeof data_path, "%s/train.csv", home);
    FT_GOTO(err, ft_store_open(&s, home));
    FT_GOTO(err, create_in(s, &arena, name, params, "LossNotDecreasing", "stop,alert"));
    FT_GOTO(err, ft_supervisor_new(&sup));
    if (start) FT_GOTO(err, ft_job_run(s, sup, ft_str_of(name), NULL, NULL));
done:
    ft_supervisor_free(sup);
    ft_store_close(s);
    ft_arena_fini(&arena);
    return err == FT_OK ? 0 : 1;
}

static inline int process_main(int argc, char **argv) {
    ft_store *s;
    registries();
    if (strcmp(argv[1], "supervise") == 0 && argc == 5) {
        snprintf(home, sizeof home, "%s", argv[3]);
        return create_main(argv[2], argv[4]);
    }
    if (ft_store_open(&s, NULL) != FT_OK) return 2;
    ft_err err = FT_EINVAL;
    if (strcmp(argv[1], "run-job") == 0) err = ft_job_main(s, ft_str_of(argv[2]));
    if (strcmp(argv[1], "run-rules") == 0) err = ft_rules_main(s, ft_str_of(argv[2]), NULL);
    ft_store_close(s);
    return ft_err_exit(err);
}

#define TOY_MAIN(...)                                               \
    int main(int argc, char **argv) {                               \
        if (argc > 1) return process_main(argc, argv);              \
        if (ft_self_path(self, sizeof self) != FT_OK) return 1;     \
        setenv("FETTLE_PROGRAM", self, 1);                          \
        registries();                                               \
        const struct CMUnitTest list_[] = { __VA_ARGS__ };          \
        return test_end(cmocka_run_group_tests(list_, NULL, NULL)); \
    }

#endif
