/* Jobs from creation to their end, with real processes: this program is the job ("run-job NAME"),
 * its rule host ("run-rules SUBJECT") and, where it is to be killed, the supervisor ("supervise
 * NAME LOSS"). The algorithm is a small one of this test: it learns, or does not, and may
 * misbehave.
 *
 * FETTLE_KILL_POINTS (10) and SEED say how many kills the last test does, and which. */
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

static ft_err toy_validate(const ft_params *params) {
    if (ft_params_int(params, "rounds") == 13) return FT_FAIL(FT_EINVAL, "rounds=13 is unlucky");
    return FT_OK;
}

static ft_err toy_step(const ft_train_args *args, int64_t step, double loss) {
    FT_TRY(ft_tap_begin(args->tap, step));
    FT_TRY(ft_tap_scalar(args->tap, "train-loss", loss));
    return ft_tap_end(args->tap, step);
}

static ft_err toy_save(const ft_train_args *args) {
    char path[500];
    snprintf(path, sizeof path, "%s/toy-model", args->out_dir);
    FT_TRY(ft_file_write_atomic(path, FT_STR("weights"), false));
    snprintf(path, sizeof path, "%s/more/notes.txt", args->out_dir);
    char folder[500];
    snprintf(folder, sizeof folder, "%s/more", args->out_dir);
    FT_TRY(ft_dir_make(folder));
    return ft_file_write_atomic(path, FT_STR("notes"), false);
}

static ft_err toy_rounds(const ft_train_args *args) {
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

static ft_err toy_train(const ft_train_args *args) {
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
static ft_err bad_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
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

static void registries(void) {
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

static void world_begin(world *w, const char *name) {
    *w = (world){ 0 };
    snprintf(home, sizeof home, "%s/%s", test_dir(), name);
    EXPECT_OK(ft_store_open(&w->store, home));
    EXPECT_OK(ft_supervisor_new(&w->sup));
    snprintf(data_path, sizeof data_path, "%s/train.csv", home);
    EXPECT_OK(ft_file_write_atomic(data_path, FT_STR("1,2\n0,3\n"), false));
}

static void world_end(world *w) {
    ft_supervisor_free(w->sup);
    ft_store_close(w->store);
    ft_arena_fini(&w->arena);
}

/* "rounds=100 loss=constant" */
static ft_err params_of(ft_params **out, ft_arena *arena, const char *text) {
    ft_str rest = ft_str_of(text);
    FT_TRY(ft_params_new(out, arena, toy_params));
    while (rest.at && rest.len) {
        ft_str value = ft_str_cut(&rest, ' '), name = ft_str_cut(&value, '=');
        FT_TRY(ft_params_set(*out, name, value));
    }
    return FT_OK;
}

static ft_err create_in(ft_store *s, ft_arena *arena, const char *name, const char *params,
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

static void create(world *w, const char *name, const char *params, const char *rule,
                   const char *actions) {
    EXPECT_OK(create_in(w->store, &w->arena, name, params, rule, actions));
}

static ft_job run(world *w, const char *name) {
    ft_job job;
    EXPECT_OK(ft_job_run(w->store, w->sup, ft_str_of(name), NULL, NULL));
    EXPECT_OK(ft_job_get(&job, w->store, &w->arena, ft_str_of(name)));
    EXPECT(job.pid > 0 && !ft_pid_alive(job.pid, job.pid_started));
    return job;
}

static int64_t last_trial_step(world *w, const ft_job *job, bool *ended) {
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

static int64_t last_metric_step(world *w, const ft_job *job) {
    ft_cursor *c;
    ft_record r;
    int64_t last = -1;
    EXPECT_OK(ft_cursor_open(&c, w->store, &ft_kind_metric, &(ft_cursor_opts){ .key = job->name }));
    while (ft_cursor_next(c, &r) == FT_OK)
        if (r.values[0].i > last) last = r.values[0].i;
    ft_cursor_close(c);
    return last;
}

static ft_watch_row only_watch(world *w, const char *subject) {
    ft_watch_row *rows;
    size_t count;
    EXPECT_OK(ft_watch_list(&rows, &count, w->store, &w->arena, ft_str_of(subject)));
    EXPECT(count == 1);
    return rows[0];
}

/* ---- creation */

static void test_create_checks(void **state) {
    (void)state;
    world w;
    ft_params *good, *unlucky;
    ft_str name;
    ft_job *jobs;
    size_t count;
    world_begin(&w, "checks");
    EXPECT_OK(params_of(&good, &w.arena, "rounds=3"));
    EXPECT_OK(params_of(&unlucky, &w.arena, "rounds=13"));
    ft_job_channel train = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_job_channel twice[] = { train, train };
    ft_job_channel other = { .name = FT_STR("test"), .path = ft_str_of(data_path) };
    ft_job_channel absent = { .name = FT_STR("train"), .path = FT_STR("/no/such.csv") };
    ft_watch_spec typo = { .rule = FT_STR("LossNotDecreasin") };
    ft_watch_spec value = { .rule = FT_STR("LossNotDecreasing"),
                            .params_json = FT_STR("{\"num_steps\":\"many\"}") };
    ft_str expression = FT_STR("^(unclosed");
    ft_collection bad = { .name = FT_STR("mine"), .include = &expression, .include_count = 1 };
    const struct {
        ft_job_spec spec;
        ft_err want;
        const char *why;
    } cases[] = {
        { { .algorithm = FT_STR("toi") }, FT_ENOTFOUND, "did you mean 'toy'" },
        { { .params = unlucky }, FT_EINVAL, "unlucky" },
        { { .name = FT_STR("-x") }, FT_EINVAL, "'-x'" },
        { { .name = FT_STR("a/../b") }, FT_EINVAL, "letters, digits and hyphens" },
        { { .name = FT_STR("0123456789012345678901234567890123456789012345678901234567890123") },
          FT_EINVAL,
          "1 to 63" },
        { { .channels = &other, .channel_count = 1 }, FT_EINVAL, "needs the channel 'train'" },
        { { .channels = twice, .channel_count = 2 }, FT_EINVAL, "given twice" },
        { { .channels = &absent, .channel_count = 1 }, FT_ENOTFOUND, "/no/such.csv" },
        { { .output_uri = FT_STR("/tmp/x") }, FT_EPARSE, "output" },
        { { .output_uri = FT_STR("s3://nowhere/x") }, FT_ENOTFOUND, "'nowhere'" },
        { { .watches = &typo, .watch_count = 1 }, FT_ENOTFOUND, "LossNotDecreasing" },
        { { .watches = &value, .watch_count = 1 }, FT_EINVAL, "num_steps" },
        { { .collections = &bad, .collection_count = 1 }, FT_EINVAL, "mine" },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        ft_job_spec spec = cases[i].spec;
        if (!spec.algorithm.len) spec.algorithm = FT_STR("toy");
        if (!spec.params) spec.params = good;
        if (!spec.channels) spec.channels = &train, spec.channel_count = 1;
        EXPECT_ERR(cases[i].want, ft_job_create(&name, w.store, &w.arena, &spec));
        EXPECT_WHY(cases[i].why);
    }
    EXPECT_OK(ft_job_list(&jobs, &count, w.store, &w.arena, 100));
    EXPECT(count == 0);
    char folder[400];
    snprintf(folder, sizeof folder, "%s/jobs", home);
    ft_str *names;
    if (ft_file_exists(folder)) {
        EXPECT_OK(ft_dir_list(&names, &count, &w.arena, folder));
        EXPECT(count == 0);
    }
    ft_job_spec spec = {
        .algorithm = FT_STR("toy"), .params = good, .channels = &train, .channel_count = 1
    };
    EXPECT_OK(ft_job_create(&name, w.store, &w.arena, &spec));
    EXPECT(ft_str_starts(name, FT_STR("toy-20")) && name.len == 26);
    spec.name = name;
    EXPECT_ERR(FT_EEXIST, ft_job_create(&name, w.store, &w.arena, &spec));
    ft_job job;
    EXPECT_ERR(FT_ENOTFOUND,
               ft_job_get(&job, w.store, &w.arena, ft_str_slice(name, 0, name.len - 1)));
    EXPECT_WHY("did you mean 'toy-20");
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, name));
    EXPECT(job.status == FT_JOB_IN_PROGRESS && job.pid == 0 && job.owner_pid == getpid());
    EXPECT_STR("Starting", job.secondary);
    EXPECT(strstr(job.config_json.at, "\"hyperparameters\":{\"rounds\":\"3\"}"));
    EXPECT(strstr(job.config_json.at, "\"loss\":\"falling\""));
    world_end(&w);
}

static void test_create_faults(void **state) {
    (void)state;
    world w;
    char name[32];
    int n = 0;
    ft_job job;
    world_begin(&w, "create-faults");
    EACH_FAULT {
        snprintf(name, sizeof name, "job-%d", n++);
        ft_err err = create_in(w.store, &w.arena, name, "rounds=2", "LossNotDecreasing", "stop");
        ft_fault_off();
        char folder[400];
        snprintf(folder, sizeof folder, "%s/jobs/%s", home, name);
        if (err == FT_OK)
            EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        else
            EXPECT_ERR(FT_ENOTFOUND, ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        EXPECT((err == FT_OK) == ft_file_exists(folder));
    }
    EXPECT(n > 20);
    world_end(&w);
}

/* ---- good ends */

static void test_completes(void **state) {
    (void)state;
    world w;
    bool ended;
    world_begin(&w, "completes");
    create(&w, "good", "rounds=40", "LossNotDecreasing", "stop,alert");
    ft_job job = run(&w, "good");
    EXPECT_STR("", job.reason);
    EXPECT(job.status == FT_JOB_COMPLETED && job.exit_code == 0 && job.step == 40);
    EXPECT(job.created_us <= job.started_us && job.started_us <= job.training_us);
    EXPECT(job.training_us <= job.training_end_us && job.training_end_us <= job.ended_us);
    EXPECT_STR("s3://fettle/jobs/good/output/model", job.model_uri);
    EXPECT(last_trial_step(&w, &job, &ended) == 39 && ended);
    EXPECT(last_metric_step(&w, &job) == 39);

    ft_job_transition *t;
    size_t count;
    static const char *const stages[] = { "Starting", "Downloading", "Training", "Uploading",
                                          "Completed" };
    EXPECT_OK(ft_job_transitions(&t, &count, w.store, &w.arena, job.name));
    EXPECT(count == FT_COUNT(stages));
    for (size_t i = 0; i < count; i++) {
        EXPECT_STR(stages[i], t[i].status);
        EXPECT(t[i].start_us > 0 &&
               (i + 1 == count ? t[i].end_us == 0 : t[i].end_us >= t[i].start_us));
    }
    ft_str bytes;
    EXPECT_OK(ft_object_get(&bytes, w.store, &w.arena, FT_STR("fettle"),
                            FT_STR("jobs/good/output/model/more/notes.txt"), 100));
    EXPECT_STR("notes", bytes);
    ft_job_model model;
    EXPECT_OK(ft_job_model_find(&model, w.store, &w.arena, job.model_sha256));
    EXPECT_STR("toy", model.predictor);
    EXPECT_OK(ft_job_model_find(&model, w.store, &w.arena, job.model_uri));
    EXPECT(ft_str_eq(model.sha256, job.model_sha256));
    EXPECT_ERR(FT_ENOTFOUND, ft_job_model_find(&model, w.store, &w.arena, FT_STR("s3://x/y")));

    ft_watch_row watch = only_watch(&w, "job/good");
    EXPECT(watch.status == FT_WATCH_NO_ISSUES && watch.evaluated == 39);
    ft_str node;
    ft_lineage_step *steps;
    bool from_job = false, from_input = false;
    EXPECT_OK(ft_arena_printf(&node, &w.arena, "model:%.*s", FT_STR_ARG(job.model_sha256)));
    EXPECT_OK(ft_lineage_walk(&steps, &count, w.store, &w.arena, node));
    /* sha256sum of "1,2\n0,3\n" */
    for (size_t i = 0; i < count; i++) {
        from_job |= ft_str_is(steps[i].id, "job:good");
        from_input |= ft_str_starts(steps[i].id, FT_STR("input:")) && steps[i].id.len == 70;
        EXPECT(!steps[i].missing);
    }
    EXPECT(from_job && from_input);
    world_end(&w);
}

static void on_progress(void *ctx, const ft_job_progress *p) {
    int64_t *seen = ctx;
    seen[0]++;
    if (p->done > seen[1]) seen[1] = p->done;
    EXPECT(p->text != NULL);
}

static void test_without_rules(void **state) {
    (void)state;
    world w;
    int64_t seen[2] = { 0 };
    ft_job job;
    world_begin(&w, "plain");
    create(&w, "plain", "rounds=20 step_us=20000", NULL, NULL);
    EXPECT_OK(ft_job_run(w.store, w.sup, FT_STR("plain"), on_progress, seen));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("plain")));
    EXPECT(job.status == FT_JOB_COMPLETED && seen[0] > 3 && seen[1] == 20);
    EXPECT_ERR(FT_ECONFLICT, ft_job_stop(w.store, FT_STR("plain"), FT_STR("late")));
    EXPECT_WHY("Completed");
    EXPECT_ERR(FT_ECONFLICT, ft_job_run(w.store, w.sup, FT_STR("plain"), NULL, NULL));
    world_end(&w);
}

/* ---- stopped */

/* The bar: 10,000 rounds asked for, a loss that does not move; gone within a second of the first
 * step at which the rule may fire, and nothing recorded after it. */
static void test_rule_stops_it(void **state) {
    (void)state;
    world w;
    ft_verdict_row *rows;
    size_t count;
    bool ended;
    world_begin(&w, "stopped");
    create(&w, "flat", "rounds=10000 loss=constant step_us=2000", "LossNotDecreasing",
           "stop,alert");
    ft_job job = run(&w, "flat");
    ft_verdict_row *issue = NULL;
    EXPECT_OK(ft_verdict_list(&rows, &count, w.store, &w.arena, FT_STR("job/flat"), 100));
    for (size_t i = 0; i < count; i++)
        if (rows[i].verdict.outcome == FT_ISSUE) issue = &rows[i];
    EXPECT(issue && issue->verdict.at == 10 && issue->fired &&
           issue->verdict.evidence_json.len > 2);
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT(ft_str_starts(job.reason, FT_STR("rule LossNotDecreasing at step 10: ")));
    EXPECT(last_trial_step(&w, &job, &ended) == 10 && ended);
    EXPECT(last_metric_step(&w, &job) == 10);
    int64_t took = job.ended_us - issue->stored_us;
    print_message("# stopped %.1f ms after the verdict was stored\n", (double)took / 1000);
    EXPECT(took >= 0 && took < FT_SECOND_US);
    ft_watch_row watch = only_watch(&w, "job/flat");
    EXPECT(watch.status == FT_WATCH_ISSUES);
    EXPECT_STR("RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step 10"
               " resulted in the condition being met",
               watch.details);
    ft_alert *alerts;
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1 && alerts[0].verdict_id == issue->id);
    ft_lineage_step *steps;
    bool from_job = false;
    EXPECT_OK(ft_lineage_walk(&steps, &count, w.store, &w.arena, FT_STR("alert:1")));
    for (size_t i = 0; i < count; i++) from_job |= ft_str_is(steps[i].id, "job:flat");
    EXPECT(from_job);
    world_end(&w);
}

typedef struct stopper {
    ft_store *store;
    ft_err err;
    bool asked;
    int64_t took_us;
} stopper;

static void stop_soon(void *ctx, const ft_job_progress *p) {
    stopper *s = ctx;
    if (s->asked || p->done < 3) return;
    s->asked = true;
    int64_t begin = ft_clock_monotonic_us();
    s->err = ft_job_stop(s->store, FT_STR("long"), FT_STR("the user had enough"));
    s->took_us = ft_clock_monotonic_us() - begin;
}

static void stop_test(const char *where, const char *params, int64_t least_us, bool keeps) {
    world w;
    ft_job job;
    world_begin(&w, where);
    stopper s = { .store = w.store };
    create(&w, "long", params, "LossNotDecreasing", "");
    EXPECT_OK(ft_job_run(w.store, w.sup, FT_STR("long"), stop_soon, &s));
    EXPECT(s.asked && s.err == FT_OK);
    EXPECT(s.took_us >= least_us && s.took_us < 2 * FT_SECOND_US);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("long")));
    EXPECT(job.status == FT_JOB_STOPPED && job.step < 5000);
    EXPECT_STR("the user had enough", job.reason);
    EXPECT_STR("Stopped", job.secondary);
    EXPECT((job.model_uri.len > 0) == keeps);
    ft_object *objects;
    bool more;
    size_t count;
    EXPECT_OK(ft_object_list(&objects, &count, &more, w.store, &w.arena, FT_STR("fettle"),
                             FT_STR("jobs/long/output/"), FT_STR(""), 10));
    EXPECT(count == (keeps ? 2 : 0));
    world_end(&w);
}

static void test_stop_in_good_order(void **state) {
    (void)state;
    stop_test("stop", "rounds=5000 step_us=2000", 0, false);
}

static void test_stop_of_the_deaf(void **state) {
    (void)state;
    stop_test("deaf", "rounds=5000 step_us=2000 deaf=true", FT_JOB_KILL_US, false);
}

static void test_stop_keeps_the_model(void **state) {
    (void)state;
    stop_test("keep", "rounds=5000 step_us=2000 keep=true", 0, true);
}

static void test_stop_before_start(void **state) {
    (void)state;
    world w;
    ft_job job;
    world_begin(&w, "unstarted");
    create(&w, "idle", "", NULL, NULL);
    EXPECT_OK(ft_job_stop(w.store, FT_STR("idle"), FT_STR("not needed")));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("idle")));
    EXPECT(job.status == FT_JOB_STOPPED && job.pid == 0);
    EXPECT_ERR(FT_ECONFLICT, ft_job_run(w.store, w.sup, FT_STR("idle"), NULL, NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_job_stop(w.store, FT_STR("nobody"), FT_STR("x")));
    world_end(&w);
}

static void test_deadline(void **state) {
    (void)state;
    world w;
    ft_job job;
    ft_params *p;
    ft_str name;
    ft_job_channel channel = { .name = FT_STR("train") };
    world_begin(&w, "deadline");
    channel.path = ft_str_of(data_path);
    EXPECT_OK(params_of(&p, &w.arena, "rounds=100000 step_us=2000"));
    EXPECT_OK(ft_job_create(&name, w.store, &w.arena,
                            &(ft_job_spec){ .algorithm = FT_STR("toy"),
                                            .params = p,
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .max_runtime_us = 200000 }));
    EXPECT_OK(ft_job_run(w.store, w.sup, name, NULL, NULL));
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, name));
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT_STR("MaxRuntimeExceeded", job.secondary);
    EXPECT_STR("ran longer than its limit of 0.2 s", job.reason);
    world_end(&w);
}

/* ---- bad ends */

static void test_failures(void **state) {
    (void)state;
    static const struct {
        const char *end, *reason;
    } cases[] = { { "end=fail", "the weights are not numbers" },
                  { "end=crash", "its process ended after 30 steps: killed by signal 9" },
                  { "end=nothing", "algorithm toy left no model" } };
    world w;
    world_begin(&w, "failures");
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        char name[16];
        bool ended;
        snprintf(name, sizeof name, "bad-%zu", i);
        create(&w, name, cases[i].end, "LossNotDecreasing", "");
        ft_job job = run(&w, name);
        EXPECT(job.status == FT_JOB_FAILED);
        EXPECT(ft_str_starts(job.reason, ft_str_of(cases[i].reason)));
        EXPECT_STR("Failed", job.secondary);
        EXPECT(last_trial_step(&w, &job, &ended) == 29 && ended);
    }
    world_end(&w);
}

static void test_input_gone(void **state) {
    (void)state;
    world w;
    world_begin(&w, "gone");
    create(&w, "gone", "", NULL, NULL);
    EXPECT_OK(ft_file_remove(data_path));
    ft_job job = run(&w, "gone");
    EXPECT(job.status == FT_JOB_FAILED);
    EXPECT(strstr(job.reason.at, "channel 'train'") && strstr(job.reason.at, "train.csv"));
    world_end(&w);
}

static void test_program_missing(void **state) {
    (void)state;
    world w;
    ft_job job;
    world_begin(&w, "missing");
    create(&w, "x", "", NULL, NULL);
    setenv("FETTLE_PROGRAM", "/no/such/fettle", 1);
    ft_err err = ft_job_run(w.store, w.sup, FT_STR("x"), NULL, NULL);
    setenv("FETTLE_PROGRAM", self, 1);
    EXPECT(err == FT_ENOTFOUND);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("x")));
    EXPECT(job.status == FT_JOB_FAILED && strstr(job.reason.at, "/no/such/fettle"));
    world_end(&w);
}

static void bad_rule_test(const char *where, const char *params, const char *details) {
    world w;
    ft_params *p;
    ft_str name;
    ft_collection *collections;
    size_t count;
    ft_watch_row *rows;
    world_begin(&w, where);
    ft_job_channel channel = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_watch_spec watches[] = { { .rule = FT_STR("Bad"), .params_json = ft_str_of(params) },
                                { .rule = FT_STR("LossNotDecreasing") } };
    EXPECT_OK(params_of(&p, &w.arena, "rounds=40"));
    EXPECT_OK(ft_collections_xgboost(&collections, &count, &w.arena, 1));
    EXPECT_OK(ft_job_create(&name, w.store, &w.arena,
                            &(ft_job_spec){ .name = FT_STR("j"),
                                            .algorithm = FT_STR("toy"),
                                            .params = p,
                                            .channels = &channel,
                                            .channel_count = 1,
                                            .collections = collections,
                                            .collection_count = count,
                                            .watches = watches,
                                            .watch_count = 2 }));
    ft_job job = run(&w, "j");
    EXPECT(job.status == FT_JOB_COMPLETED);
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, FT_STR("job/j")));
    EXPECT(count == 2);
    EXPECT(rows[0].status == FT_WATCH_ERROR && strstr(rows[0].details.at, details));
    EXPECT(rows[1].status == FT_WATCH_NO_ISSUES && rows[1].evaluated == 39);
    world_end(&w);
}

static void test_rule_crashes(void **state) {
    (void)state;
    bad_rule_test("crash", "{\"crash\":true}", "at step 12: the rule host died 3 times");
}

static void test_rule_hangs(void **state) {
    (void)state;
    setenv("FETTLE_RULE_DEADLINE", "150ms", 1);
    bad_rule_test("hang", "{\"crash\":false}",
                  "at step 12: the evaluation passed its deadline 3 times");
    unsetenv("FETTLE_RULE_DEADLINE");
}

/* ---- servers and vanished processes */

static void test_start_many(void **state) {
    (void)state;
    world w;
    ft_job job;
    static const char *const names[] = { "one", "two", "three" };
    world_begin(&w, "many");
    for (int i = 0; i < 3; i++) {
        create(&w, names[i], i == 1 ? "loss=constant rounds=5000 step_us=500" : "rounds=30",
               "LossNotDecreasing", "stop");
        EXPECT_OK(ft_job_start(w.store, w.sup, ft_str_of(names[i])));
    }
    for (int over = 0; over < 3;) {
        EXPECT_OK(ft_supervisor_poll(w.sup, 50000));
        EXPECT_OK(ft_jobs_recover(w.store, NULL));
        over = 0;
        for (int i = 0; i < 3; i++) {
            EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(names[i])));
            over += ft_job_status_final(job.status);
        }
    }
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("two")));
    EXPECT(job.status == FT_JOB_STOPPED);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("three")));
    EXPECT(job.status == FT_JOB_COMPLETED);
    world_end(&w);
}

/* Made by a process that died before it started the job. */
static void test_recover_unstarted(void **state) {
    (void)state;
    world w;
    int failed;
    ft_job job;
    world_begin(&w, "orphan");
    pid_t pid = fork();
    if (pid == 0) _exit(execl(self, self, "supervise", "orphan", home, "none", (char *)NULL));
    int status;
    EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_OK(ft_jobs_recover(w.store, &failed));
    EXPECT(failed == 1);
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, FT_STR("orphan")));
    EXPECT(job.status == FT_JOB_FAILED &&
           strstr(job.reason.at, "vanished before the job had begun"));
    EXPECT(only_watch(&w, "job/orphan").status == FT_WATCH_STOPPED);
    EXPECT_OK(ft_jobs_recover(w.store, &failed));
    EXPECT(failed == 0);
    world_end(&w);
}

static void test_finish_faults(void **state) {
    (void)state;
    world w;
    ft_job job;
    char name[16];
    int n = 0;
    world_begin(&w, "finish");
    for (; n < 60; n++) {
        snprintf(name, sizeof name, "f%d", n);
        create(&w, name, "", NULL, NULL);
    }
    n = 0;
    EACH_FAULT {
        snprintf(name, sizeof name, "f%d", n++);
        if (n > 60) break;
        ft_job_end end = { .status = FT_JOB_FAILED, .reason = FT_STR("because"), .exit_code = 3 };
        ft_err err = ft_job_finish(w.store, ft_str_of(name), &end);
        ft_fault_off();
        EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        if (err == FT_OK) EXPECT(job.status == FT_JOB_FAILED && job.exit_code == 3);
        EXPECT(job.status == FT_JOB_FAILED || job.status == FT_JOB_IN_PROGRESS);
        EXPECT(ft_str_is(job.secondary, job.status == FT_JOB_FAILED ? "Failed" : "Starting"));
    }
    EXPECT(n > 5);
    world_end(&w);
}

/* ---- kill -9 at any point */

static bool children_of(pid_t parent, const char *word, pid_t *out) {
    char path[64], line[600];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *f = fopen(path, "r");
    *out = 0;
    int pid;
    while (f && fscanf(f, "%d", &pid) == 1) {
        snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        FILE *c = fopen(path, "r");
        size_t n = c ? fread(line, 1, sizeof line - 1, c) : 0;
        if (c) fclose(c);
        if (memmem(line, n, word, strlen(word))) *out = pid;
    }
    if (f) fclose(f);
    return *out != 0;
}

static const char *strike(ft_random *random, pid_t supervisor) {
    static const char *const victims[] = { "job", "host", "supervisor", "all" };
    pid_t job, host;
    int who = (int)ft_random_below(random, 4);
    children_of(supervisor, "run-job", &job);
    children_of(supervisor, "run-rules", &host);
    if (job && (who == 0 || who == 3)) kill(job, SIGKILL);
    if (host && (who == 1 || who == 3)) kill(host, SIGKILL);
    if (who == 2 || who == 3) kill(supervisor, SIGKILL);
    return victims[who];
}

/* A process that has stored its end, or whose supervisor was killed, is gone a moment later. */
static bool gone_soon(int pid, uint64_t started) {
    int64_t until = ft_clock_monotonic_us() + 10 * FT_SECOND_US;
    while (ft_pid_alive(pid, started) && ft_clock_monotonic_us() < until) ft_clock_sleep_us(500);
    return !ft_pid_alive(pid, started);
}

/* After everything that was killed: the rules of the house hold. */
static void expect_house(world *w, const char *name, const char *who, int64_t seen_verdicts) {
    ft_job job;
    ft_verdict_row *rows;
    size_t count;
    ft_str subject;
    EXPECT_OK(ft_jobs_recover(w->store, NULL));
    ft_err err = ft_job_get(&job, w->store, &w->arena, ft_str_of(name));
    if (err == FT_ENOTFOUND) return; /* killed before it was created */
    EXPECT_OK(err);
    if (!ft_job_status_final(job.status)) print_error("%s killed: %s\n", who, name);
    EXPECT(ft_job_status_final(job.status));
    EXPECT(job.status == FT_JOB_COMPLETED || job.reason.len > 0);
    EXPECT(!job.pid || gone_soon(job.pid, job.pid_started));
    EXPECT_OK(ft_arena_printf(&subject, &w->arena, "job/%s", name));
    ft_watch_row watch = only_watch(w, subject.at);
    EXPECT(watch.status != FT_WATCH_IN_PROGRESS);
    EXPECT_OK(ft_verdict_list(&rows, &count, w->store, &w->arena, subject, 100000));
    EXPECT((int64_t)count >= seen_verdicts);
    int64_t last = last_trial_step(w, &job, NULL);
    bool stopped_by_rule = false;
    for (size_t i = 0; i < count; i++) {
        EXPECT(rows[i].through <= last);
        if (rows[i].verdict.outcome == FT_ISSUE && rows[i].fired) stopped_by_rule = true;
        for (size_t k = 0; k < i; k++) EXPECT(rows[k].verdict.at != rows[i].verdict.at);
    }
    /* The gate: after a verdict that stops, nothing is recorded, whoever died. */
    if (stopped_by_rule) {
        if (last != 10) print_error("%s killed: recorded up to %lld\n", who, (long long)last);
        EXPECT(last == 10);
        EXPECT(job.status == FT_JOB_STOPPED || job.status == FT_JOB_FAILED);
    }
}

static void test_kill(void **state) {
    (void)state;
    const char *text = getenv("FETTLE_KILL_POINTS"), *given = getenv("SEED");
    int points = text ? atoi(text) : 10;
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1 + (uint64_t)ft_clock_now_us() % 1000000;
    world w;
    ft_random random;
    int64_t verdicts = 0;
    print_message("# seed %llu, %d points\n", (unsigned long long)seed, points);
    ft_random_seed(&random, seed);
    world_begin(&w, "kill");
    char alerts_path[400];
    snprintf(alerts_path, sizeof alerts_path, "%s/alerts.jsonl", home);
    EXPECT_OK(ft_senders_add(w.store, FT_STR("file"), ft_str_of(alerts_path)));
    for (int i = 0; i < points; i++) {
        char name[16];
        const char *loss = ft_random_below(&random, 3) ? "constant" : "falling";
        snprintf(name, sizeof name, "k%d", i);
        pid_t pid = fork();
        if (pid == 0) _exit(execl(self, self, "supervise", name, home, loss, (char *)NULL));
        int64_t until = ft_clock_monotonic_us() + (int64_t)ft_random_below(&random, 150000);
        while (ft_clock_monotonic_us() < until) ft_clock_sleep_us(200);
        ft_db_one(
            ft_store_db(w.store), NULL,
            "select count(*) from verdict v join watch w on w.id = v.watch where w.subject = ?",
            "s", "i", (ft_str){ name, strlen(name) }, &verdicts);
        const char *who = strike(&random, pid);
        int status;
        EXPECT(waitpid(pid, &status, 0) == pid);
        expect_house(&w, name, who, verdicts);
    }
    int sent, left;
    ft_alert *list;
    size_t count, stops = 0;
    EXPECT_OK(ft_outbox_run(w.store, &sent, &left));
    EXPECT_OK(ft_alert_list(&list, &count, w.store, &w.arena, 10000));
    EXPECT(left == 0);
    ft_verdict_row *rows;
    size_t rows_count;
    EXPECT_OK(ft_verdict_list(&rows, &rows_count, w.store, &w.arena, (ft_str){ 0 }, 100000));
    for (size_t i = 0; i < rows_count; i++) stops += rows[i].fired;
    EXPECT(count == stops); /* every verdict that asked for an alert has one */
    ft_str lines = FT_STR("");
    if (count) EXPECT_OK(ft_file_read(&lines, &w.arena, alerts_path, 1 << 24));
    for (size_t i = 0; i < count; i++) {
        EXPECT(list[i].delivered == 1);
        EXPECT(memmem(lines.at, lines.len, list[i].uuid.at, list[i].uuid.len));
    }
    print_message("# %zu verdicts, %zu alerts\n", rows_count, count);
    world_end(&w);
}

/* ---- the other processes */

static int create_main(const char *name, const char *loss) {
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

static int process_main(int argc, char **argv) {
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

int main(int argc, char **argv) {
    if (argc > 1) return process_main(argc, argv);
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    registries();
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_create_checks),
        cmocka_unit_test(test_create_faults),
        cmocka_unit_test(test_completes),
        cmocka_unit_test(test_without_rules),
        cmocka_unit_test(test_rule_stops_it),
        cmocka_unit_test(test_stop_in_good_order),
        cmocka_unit_test(test_stop_of_the_deaf),
        cmocka_unit_test(test_stop_keeps_the_model),
        cmocka_unit_test(test_stop_before_start),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_input_gone),
        cmocka_unit_test(test_program_missing),
        cmocka_unit_test(test_rule_crashes),
        cmocka_unit_test(test_rule_hangs),
        cmocka_unit_test(test_start_many),
        cmocka_unit_test(test_recover_unstarted),
        cmocka_unit_test(test_finish_faults),
        cmocka_unit_test(test_kill),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
