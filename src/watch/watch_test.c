/* The rule host against its promises: live equals history, a verdict is stored once and before its
 * action, a rule that crashes or hangs harms nobody else. Hosts are processes: this program again,
 * with "host HOME SUBJECT". */
#include "watch/watch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/random.h"
#include "store/lineage.h"
#include "streams/format.h"
#include "tests/test.h"
#include "watch/guard.h"
#include "watch/outbox.h"

#define RULE_DEADLINE_US ((int64_t)200000)

/* ---- rules of this test */

static const ft_param threshold_params[] = {
    { .name = "above", .type = FT_PARAM_FLOAT, .default_text = "0.5", .doc = "fires above" }, { 0 }
};

/* An issue where the scalar "loss" is above a threshold; nothing to compare where it is not saved.
 */
static ft_err above_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                             ft_verdict *out) {
    (void)state;
    double loss, above = ft_params_float(params, "above");
    ft_err err = ft_trial_scalar(&loss, in->trial, FT_STR("loss"), in->at);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        out->outcome = FT_NOT_ENOUGH_DATA;
        return FT_OK;
    }
    FT_TRY(err);
    out->outcome = loss > above ? FT_ISSUE : FT_NO_ISSUE;
    if (out->outcome == FT_NO_ISSUE) return FT_OK;
    FT_TRY(ft_arena_printf(&out->reason, in->arena, "loss %g is above %g", loss, above));
    return ft_arena_printf(&out->evidence_json, in->arena, "{\"loss\":%g}", loss);
}
static const ft_rule rule_above = { .name = "Above",
                                    .doc = "fires when the loss is above a threshold",
                                    .params = threshold_params,
                                    .reads = FT_READS_TRIAL,
                                    .evaluate = above_evaluate };

static const ft_param at_params[] = { { .name = "at", .type = FT_PARAM_INT, .default_text = "5" },
                                      { 0 } };

static ft_err crash_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                             ft_verdict *out) {
    (void)state;
    if (in->at == ft_params_int(params, "at")) raise(SIGSEGV);
    out->outcome = FT_NO_ISSUE;
    return FT_OK;
}
static const ft_rule rule_crash = {
    .name = "Crash", .params = at_params, .reads = FT_READS_TRIAL, .evaluate = crash_evaluate
};

static ft_err hang_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                            ft_verdict *out) {
    (void)state;
    while (in->at == ft_params_int(params, "at")) pause();
    out->outcome = FT_NO_ISSUE;
    return FT_OK;
}
static const ft_rule rule_hang = {
    .name = "Hang", .params = at_params, .reads = FT_READS_TRIAL, .evaluate = hang_evaluate
};

static ft_err fail_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                            ft_verdict *out) {
    (void)state;
    if (in->at == ft_params_int(params, "at")) return FT_FAIL(FT_EINVAL, "cannot judge this");
    out->outcome = FT_NO_ISSUE;
    return FT_OK;
}
static const ft_rule rule_fail = {
    .name = "Fail", .params = at_params, .reads = FT_READS_TRIAL, .evaluate = fail_evaluate
};

/* Over a stream by time: too many records in the window. */
static ft_err busy_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                            ft_verdict *out) {
    (void)state;
    ft_cursor *c;
    ft_record record;
    int64_t count = 0;
    FT_TRY(ft_cursor_open(&c, in->store, in->kind,
                          &(ft_cursor_opts){ .key = in->key, .from = in->from, .until = in->at }));
    while (ft_cursor_next(c, &record) == FT_OK) count++;
    ft_cursor_close(c);
    out->outcome = (double)count > ft_params_float(params, "above") ? FT_ISSUE : FT_NO_ISSUE;
    return ft_arena_printf(&out->reason, in->arena, "%lld records", (long long)count);
}
static const ft_rule rule_busy = { .name = "Busy",
                                   .params = threshold_params,
                                   .reads = FT_READS_STREAM,
                                   .stream = "reading",
                                   .evaluate = busy_evaluate };

/* Over a stream by step. */
static const ft_rule rule_steps = { .name = "Steps",
                                    .params = threshold_params,
                                    .reads = FT_READS_STREAM,
                                    .stream = "counter",
                                    .evaluate = busy_evaluate };

static const ft_rule *const rules[] = { &rule_above, &rule_crash, &rule_hang, &rule_fail,
                                        &rule_busy,  &rule_steps, NULL };

static const ft_column reading_columns[] = { { "time_us", FT_VALUE_INT, "when" },
                                             { "value", FT_VALUE_F64, "what" },
                                             { 0 } };
static const ft_column counter_columns[] = { { "step", FT_VALUE_INT, "step" },
                                             { "value", FT_VALUE_F64, "what" },
                                             { 0 } };
static const ft_stream_kind kind_reading = {
    .name = "reading", .key = "endpoint", .columns = reading_columns, .format = &ft_format_rows
};
static const ft_stream_kind kind_counter = {
    .name = "counter", .key = "job", .columns = counter_columns, .format = &ft_format_jsonl
};
static const ft_stream_kind *const kinds[] = { &kind_reading, &kind_counter, NULL };

/* ---- the host's process */

static char home[300], self[1024];

static bool file_there(const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", home, name);
    return access(path, F_OK) == 0;
}

static void file_touch(const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", home, name);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR(""), false));
}

/* Every action leaves a line; "stop" closes the gate as a job's stop does. */
static ft_err host_act(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                       const ft_verdict *v) {
    char path[400], line[200];
    if (ft_str_starts(action, FT_STR("run:")) || ft_str_is(action, "alert")) return FT_EUNSUPPORTED;
    snprintf(path, sizeof path, "%s/acted", home);
    int fd, n = snprintf(line, sizeof line, "%.*s %.*s %lld %lld\n", FT_STR_ARG(action),
                         FT_STR_ARG(watch->spec.name), (long long)verdict_id, (long long)v->at);
    FT_TRY(ft_fd_open(&fd, path, O_WRONLY | O_CREAT | O_APPEND, 0600));
    FT_TRY(ft_fd_write(fd, line, (size_t)n, path));
    ft_fd_close(&fd);
    if (file_there("die-acting") && !file_there("died")) { /* done, but not yet marked */
        file_touch("died");
        raise(SIGKILL);
    }
    ft_arena arena = FT_ARENA_INIT(0);
    const char *folder, *gate;
    ft_gate *g;
    FT_TRY(ft_subject_folder(&folder, ctx, &arena, watch->spec.subject));
    FT_TRY(ft_path_join(&gate, &arena, folder, FT_GATE_FILE));
    if (ft_file_exists(gate)) {
        FT_TRY(ft_gate_open(&g, gate));
        ft_gate_close(g);
        ft_gate_free(g);
    }
    ft_arena_fini(&arena);
    return FT_OK;
}

static bool host_ended(void *ctx, ft_str subject) {
    (void)ctx, (void)subject;
    return file_there("ended");
}

static int host_main(const char *subject) {
    static volatile int stop;
    ft_store *s;
    ft_rules_use(rules);
    ft_streams_use(kinds);
    if (ft_store_open(&s, home) != FT_OK) return 2;
    ft_watch_hooks hooks = { .act = host_act, .ended = host_ended, .ctx = s };
    ft_err err = ft_watch_host(s, ft_str_of(subject), &hooks, &stop);
    if (err != FT_OK) ft_log_err(FT_LOG_ERROR, "test", err, "host");
    ft_store_close(s);
    return err == FT_OK ? 0 : 1;
}

/* ---- the other side */

typedef struct world {
    ft_store *store;
    ft_supervisor *sup;
    ft_proc *host;
    ft_arena arena;
} world;

static void world_begin(world *w, const char *name) {
    *w = (world){ 0 };
    snprintf(home, sizeof home, "%s/%s", test_dir(), name);
    EXPECT_OK(ft_store_open(&w->store, home));
    EXPECT_OK(ft_supervisor_new(&w->sup));
}

static void world_end(world *w) {
    ft_supervisor_free(w->sup);
    ft_store_close(w->store);
    ft_arena_fini(&w->arena);
}

static void host_begin(world *w, const char *subject) {
    const char *argv[] = { self, "host", home, subject, NULL };
    EXPECT_OK(ft_proc_start(&w->host, w->sup,
                            &(ft_proc_spec){ .name = "host",
                                             .argv = argv,
                                             .restart = FT_RESTART_ON_FAILURE,
                                             .restart_max = 20,
                                             .die_with_parent = true }));
}

/* Until the host ended by itself; kills it where an evaluation hangs, as a job's supervisor does.
 */
static void host_end(world *w, const char *subject) {
    const char *folder, *path;
    ft_guard *guard;
    EXPECT_OK(ft_subject_folder(&folder, w->store, &w->arena, ft_str_of(subject)));
    EXPECT_OK(ft_path_join(&path, &w->arena, folder, FT_GUARD_FILE));
    while (!ft_proc_result(w->host).ended) {
        EXPECT_OK(ft_supervisor_poll(w->sup, 20000));
        if (ft_file_exists(path) && ft_guard_look(&guard, path) == FT_OK) {
            ft_guard_kill(guard, RULE_DEADLINE_US);
            ft_guard_free(guard);
        }
    }
    ft_proc_end end = ft_proc_result(w->host);
    if (end.exit_code != 0) print_error("host: %s\n", ft_proc_end_text(&end));
    EXPECT(end.exit_code == 0);
}

static const ft_str trial_uri = { "s3://fettle/trial", 17 };

static ft_trial_writer *trial_begin(world *w) {
    ft_collection *list;
    size_t count;
    ft_trial_writer *writer;
    EXPECT_OK(ft_collections_xgboost(&list, &count, &w->arena, 1));
    EXPECT_OK(ft_trial_write(&writer, w->store, trial_uri, list, count, NULL));
    return writer;
}

static void trial_loss(ft_trial_writer *writer, int64_t step, double loss, const char *name) {
    ft_array a = { .dtype = FT_F64, .data = &loss };
    EXPECT_OK(ft_trial_begin(writer, step, FT_MODE_GLOBAL, step, ft_clock_now_us()));
    EXPECT_OK(ft_trial_add(writer, ft_str_of(name), &a));
    EXPECT_OK(ft_trial_end(writer));
}

static int64_t watch_add(world *w, const char *rule, const char *params, const char *actions) {
    int64_t id;
    EXPECT_OK(ft_watch_add(&id, w->store,
                           &(ft_watch_spec){ .subject = FT_STR("job/j"),
                                             .rule = ft_str_of(rule),
                                             .params_json = ft_str_of(params),
                                             .actions = ft_str_of(actions),
                                             .trial_uri = trial_uri }));
    return id;
}

static ft_watch_row watch_row(world *w, const char *name) {
    ft_watch_row *rows;
    size_t count;
    EXPECT_OK(ft_watch_list(&rows, &count, w->store, &w->arena, (ft_str){ 0 }));
    for (size_t i = 0; i < count; i++)
        if (ft_str_is(rows[i].spec.name, name)) return rows[i];
    EXPECT(!"a watch of that name");
    return (ft_watch_row){ 0 };
}

static ft_verdict_row *verdicts(world *w, size_t *count) {
    ft_verdict_row *rows;
    EXPECT_OK(ft_verdict_list(&rows, count, w->store, &w->arena, (ft_str){ 0 }, 100000));
    return rows;
}

static size_t acted(world *w, ft_str *text) {
    char path[400];
    size_t lines = 0;
    *text = FT_STR("");
    snprintf(path, sizeof path, "%s/acted", home);
    if (!file_there("acted")) return 0;
    EXPECT_OK(ft_file_read(text, &w->arena, path, 1 << 20));
    for (size_t i = 0; i < text->len; i++) lines += text->at[i] == '\n';
    return lines;
}

/* ---- adding */

static void test_add(void **state) {
    (void)state;
    world w;
    int64_t id;
    world_begin(&w, "add");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .trial_uri = trial_uri };
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    ft_watch_row row = watch_row(&w, "Above");
    EXPECT(row.id == id && row.status == FT_WATCH_IN_PROGRESS && row.evaluated == INT64_MIN);
    EXPECT(row.spec.hold == 1);
    EXPECT(ft_str_starts(row.evaluation_job, FT_STR("j-Above-")) && row.evaluation_job.len == 16);
    EXPECT_ERR(FT_EEXIST, ft_watch_add(&id, w.store, &spec));
    spec.name = FT_STR("again");
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    const struct {
        ft_watch_spec spec;
        ft_err want;
        const char *why;
    } bad[] = {
        { { .rule = FT_STR("Abov") }, FT_ENOTFOUND, "Above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("{\"abov\":1}") }, FT_EINVAL, "above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("{\"above\":\"x\"}") },
          FT_EINVAL,
          "above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("{\"above\":[1]}") },
          FT_EPARSE,
          "above" },
        { { .rule = FT_STR("Above"), .params_json = FT_STR("[]") }, FT_EPARSE, "" },
        { { .rule = FT_STR("Above"), .actions = FT_STR("alert,explode") }, FT_EINVAL, "explode" },
        { { .rule = FT_STR("Above"), .actions = FT_STR("rollback") }, FT_EINVAL, "endpoint/" },
        { { .rule = FT_STR("Above"), .actions = FT_STR("run:") }, FT_EINVAL, "run:" },
        { { .rule = FT_STR("Above"), .hold = -1 }, FT_EINVAL, "negative" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("j") }, FT_EINVAL, "job/NAME" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("job/../../etc") }, FT_EINVAL, "job/NAME" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("job/a/b") }, FT_EINVAL, "job/NAME" },
        { { .rule = FT_STR("Above"), .subject = FT_STR("endpoint/e"), .trial_uri = FT_STR("") },
          FT_EINVAL,
          "reads a trial" },
        { { .rule = FT_STR("/no/such/rule.sql") }, FT_ENOTFOUND, "rule.sql" },
    };
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        spec = bad[i].spec;
        if (!spec.subject.len) spec.subject = FT_STR("job/k");
        if (!spec.trial_uri.at) spec.trial_uri = trial_uri;
        EXPECT_ERR(bad[i].want, ft_watch_add(&id, w.store, &spec));
        EXPECT_WHY(bad[i].why);
    }
    ft_watch_row *rows;
    size_t count;
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, FT_STR("job/k")));
    EXPECT(count == 0);
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, (ft_str){ 0 }));
    EXPECT(count == 2);
    EXPECT_OK(ft_watch_remove(w.store, FT_STR("job/j")));
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, (ft_str){ 0 }));
    EXPECT(count == 0);
    world_end(&w);
}

static void test_add_faults(void **state) {
    (void)state;
    world w;
    char name[32];
    int rounds = 0;
    size_t added = 0, count;
    ft_watch_row *rows;
    world_begin(&w, "add-faults");
    EACH_FAULT {
        int64_t id;
        int n = snprintf(name, sizeof name, "watch-%d", rounds++);
        ft_watch_spec spec = { .name = { name, (size_t)n },
                               .subject = FT_STR("job/j"),
                               .rule = FT_STR("Above"),
                               .trial_uri = trial_uri };
        added += ft_watch_add(&id, w.store, &spec) == FT_OK;
    }
    EXPECT(rounds > 5);
    EXPECT_OK(ft_watch_list(&rows, &count, w.store, &w.arena, (ft_str){ 0 }));
    EXPECT(count == added);
    world_end(&w);
}

/* ---- live equals history */

typedef struct judged {
    ft_verdict list[4096];
    size_t count;
    ft_arena *arena;
} judged;

static ft_err judge(void *ctx, const ft_verdict *v) {
    judged *j = ctx;
    if (j->count == FT_COUNT(j->list)) return FT_FAIL(FT_EFULL, "too many");
    ft_verdict *to = &j->list[j->count++];
    *to = *v;
    FT_TRY(ft_arena_str(&to->reason, j->arena, v->reason));
    return ft_arena_str(&to->evidence_json, j->arena, v->evidence_json);
}

/* Every evaluation of history has its row: an issue its own, others within a run of the same. */
static void expect_history(world *w, const ft_watch_spec *spec, int64_t watch) {
    judged *j = calloc(1, sizeof *j);
    size_t count, evaluations = 0;
    j->arena = &w->arena;
    EXPECT_OK(ft_watch_try(w->store, spec, 0, 0, judge, j));
    ft_verdict_row *rows = verdicts(w, &count);
    for (size_t i = 0; i < j->count; i++) {
        const ft_verdict *want = &j->list[i];
        const ft_verdict_row *row = NULL;
        for (size_t k = 0; k < count; k++)
            if (rows[k].watch == watch && rows[k].verdict.at <= want->at &&
                rows[k].through >= want->at)
                row = &rows[k];
        EXPECT(row && row->verdict.outcome == want->outcome);
        if (want->outcome != FT_ISSUE) continue;
        EXPECT(row->verdict.at == want->at && row->through == want->at);
        EXPECT(ft_str_eq(row->verdict.reason, want->reason));
        EXPECT(ft_str_eq(row->verdict.evidence_json, want->evidence_json));
    }
    for (size_t k = 0; k < count; k++)
        if (rows[k].watch == watch) evaluations += (size_t)rows[k].evaluations;
    EXPECT(evaluations == j->count && j->count > 0);
    free(j);
}

/* A trial that grows step by step behind the gate, with a host that is killed now and then. */
static void test_live_equals_history(void **state) {
    (void)state;
    world w;
    ft_random random;
    ft_gate *gate;
    const char *folder, *path;
    world_begin(&w, "live");
    int64_t low = watch_add(&w, "Above", "{\"above\":0.3}", "");
    ft_watch_spec second = { .name = FT_STR("high"),
                             .subject = FT_STR("job/j"),
                             .rule = FT_STR("Above"),
                             .params_json = FT_STR("{\"above\":0.9}"),
                             .trial_uri = trial_uri };
    int64_t high;
    EXPECT_OK(ft_watch_add(&high, w.store, &second));
    EXPECT_OK(ft_subject_folder(&folder, w.store, &w.arena, FT_STR("job/j")));
    EXPECT_OK(ft_path_join(&path, &w.arena, folder, FT_GATE_FILE));
    EXPECT_OK(ft_gate_open(&gate, path));
    host_begin(&w, "job/j");
    ft_random_seed(&random, 11);
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 120; step++) {
        EXPECT_OK(ft_gate_wait(gate, step, 20 * FT_SECOND_US));
        int restarts = ft_proc_result(w.host).restarts;
        bool deadly = step % 40 == 17;
        if (deadly) kill(ft_proc_pid(w.host), SIGKILL);
        trial_loss(writer, step, ft_random_unit(&random), step % 4 == 3 ? "other" : "loss");
        ft_gate_recorded(gate, step);
        while (deadly && ft_proc_result(w.host).restarts == restarts)
            EXPECT_OK(ft_supervisor_poll(w.sup, 20000));
    }
    EXPECT_OK(ft_trial_finish(writer));
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_end(&w, "job/j");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .params_json = FT_STR("{\"above\":0.3}"),
                           .trial_uri = trial_uri };
    expect_history(&w, &spec, low);
    spec.params_json = FT_STR("{\"above\":0.9}");
    expect_history(&w, &spec, high);
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_ISSUES);
    EXPECT(watch_row(&w, "Above").evaluated == 119);
    ft_gate_free(gate);
    world_end(&w);
}

/* The same without a gate: the whole trial is there before the host comes. */
static void test_late_host(void **state) {
    (void)state;
    world w;
    ft_random random;
    world_begin(&w, "late");
    int64_t id = watch_add(&w, "Above", "{\"above\":0.97}", "alert");
    ft_random_seed(&random, 5);
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 600; step += 2)
        trial_loss(writer, step, ft_random_unit(&random), "loss");
    EXPECT_OK(ft_trial_finish(writer));
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Above"),
                           .params_json = FT_STR("{\"above\":0.97}"),
                           .trial_uri = trial_uri };
    expect_history(&w, &spec, id);
    ft_alert *alerts;
    size_t alert_count, count, fired = 0;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT_OK(ft_alert_list(&alerts, &alert_count, w.store, &w.arena, 1000));
    for (size_t i = 0; i < count; i++) fired += rows[i].fired;
    EXPECT(fired > 1 && fired == alert_count); /* one a run of issues */
    ft_watch_row row = watch_row(&w, "Above");
    ft_lineage_step *steps;
    size_t step_count;
    bool has_rule = false, has_job = false;
    EXPECT_OK(ft_lineage_walk(&steps, &step_count, w.store, &w.arena, FT_STR("alert:1")));
    for (size_t i = 0; i < step_count; i++) {
        has_rule |= ft_str_starts(steps[i].id, FT_STR("rule:Above@"));
        has_job |= ft_str_is(steps[i].id, "job:j");
    }
    EXPECT(has_rule && has_job);
    EXPECT(
        ft_str_starts(row.details, FT_STR("RuleEvaluationConditionMet: Evaluation of the rule Above"
                                          " at step ")));
    EXPECT(ft_str_ends(row.details, FT_STR(" resulted in the condition being met")));
    world_end(&w);
}

static void test_no_issue(void **state) {
    (void)state;
    world w;
    world_begin(&w, "calm");
    watch_add(&w, "Above", "{\"above\":2}", "stop,alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 50; step++) trial_loss(writer, step, 1, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_row row = watch_row(&w, "Above");
    size_t count;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(row.status == FT_WATCH_NO_ISSUES && row.details.len == 0 && row.evaluated == 49);
    EXPECT(count == 1 && rows[0].verdict.at == 0 && rows[0].through == 49 &&
           rows[0].evaluations == 50);
    world_end(&w);
}

/* ---- actions */

/* Hold: the n-th issue in a row acts; what cannot be judged does not break the row. */
static void test_hold(void **state) {
    (void)state;
    static const double losses[] = { 1, 1, 0, 1, -1, 1, 1, 1, 0, 1, 1, 1 };
    world w;
    int64_t id;
    ft_str text;
    world_begin(&w, "hold");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("job/j"),
                                             .rule = FT_STR("Above"),
                                             .actions = FT_STR("stop"),
                                             .trial_uri = trial_uri,
                                             .hold = 3 }));
    ft_trial_writer *writer = trial_begin(&w);
    for (size_t i = 0; i < FT_COUNT(losses); i++)
        trial_loss(writer, (int64_t)i, losses[i], losses[i] < 0 ? "other" : "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT(acted(&w, &text) == 2);
    EXPECT(ft_str_starts(text, FT_STR("stop Above ")));
    EXPECT(memmem(text.at, text.len, " 6\n", 3) && memmem(text.at, text.len, " 11\n", 4));
    world_end(&w);
}

/* Killed after the action and before its mark: done again, the verdict stored once. */
static void test_killed_while_acting(void **state) {
    (void)state;
    world w;
    ft_str text;
    size_t count, issues = 0;
    world_begin(&w, "acting");
    watch_add(&w, "Above", "", "alert,stop");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 10; step++) trial_loss(writer, step, step == 4, "loss");
    ft_trial_writer_free(writer);
    file_touch("die-acting");
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT(file_there("died") && ft_proc_result(w.host).restarts == 1);
    EXPECT(acted(&w, &text) == 2); /* at least once */
    ft_verdict_row *rows = verdicts(&w, &count);
    for (size_t i = 0; i < count; i++) issues += rows[i].verdict.outcome == FT_ISSUE;
    EXPECT(issues == 1);
    ft_alert *alerts;
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1);
    world_end(&w);
}

static void test_run_program(void **state) {
    (void)state;
    world w;
    char script[400], out[400], text[1000], action[500];
    ft_str told;
    world_begin(&w, "run");
    snprintf(script, sizeof script, "%s/act.sh", home);
    snprintf(out, sizeof out, "%s/told", home);
    int n = snprintf(text, sizeof text,
                     "#!/bin/sh\necho \"$FETTLE_SUBJECT $FETTLE_RULE $FETTLE_REASON\" >%s\n", out);
    EXPECT_OK(ft_file_write_atomic(script, ft_str_n(text, (size_t)n), false));
    EXPECT(chmod(script, 0700) == 0);
    snprintf(action, sizeof action, "run:%s", script);
    watch_add(&w, "Above", "", action);
    ft_trial_writer *writer = trial_begin(&w);
    trial_loss(writer, 0, 0.75, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT_OK(ft_file_read(&told, &w.arena, out, 1000));
    EXPECT_STR("job/j Above loss 0.75 is above 0.5\n", told);
    world_end(&w);
}

/* An action that never works is tried, given up, and the host ends. */
static void test_action_fails(void **state) {
    (void)state;
    world w;
    int left = 1;
    ft_str failure;
    world_begin(&w, "fails");
    watch_add(&w, "Above", "", "run:/no/such/program");
    ft_trial_writer *writer = trial_begin(&w);
    trial_loss(writer, 0, 0.75, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    EXPECT_OK(ft_db_one(ft_store_db(w.store), &w.arena,
                        "select done_us is null, failure from verdict_action", "", "ns", &left,
                        &failure));
    EXPECT(left == 1 && strstr(failure.at, "/no/such/program"));
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_ISSUES);
    world_end(&w);
}

/* ---- rules that misbehave */

static void test_crash(void **state) {
    (void)state;
    world w;
    world_begin(&w, "crash");
    watch_add(&w, "Crash", "{\"at\":5}", "alert");
    watch_add(&w, "Fail", "{\"at\":3}", "alert");
    watch_add(&w, "Above", "", "alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 20; step++) trial_loss(writer, step, step >= 15, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_row crash = watch_row(&w, "Crash");
    ft_watch_row fail = watch_row(&w, "Fail"), above = watch_row(&w, "Above");
    EXPECT(crash.status == FT_WATCH_ERROR && crash.evaluated == 4);
    EXPECT_STR(
        "RuleEvaluationError: rule Crash at step 5: the rule host died 3 times, last by signal"
        " 11 (Segmentation fault)",
        crash.details);
    EXPECT(fail.status == FT_WATCH_ERROR && fail.evaluated == 2);
    EXPECT_STR("RuleEvaluationError: rule Fail at step 3: cannot judge this", fail.details);
    EXPECT(above.status == FT_WATCH_ISSUES && above.evaluated == 19);
    world_end(&w);
}

static void test_hang(void **state) {
    (void)state;
    world w;
    world_begin(&w, "hang");
    watch_add(&w, "Hang", "{\"at\":7}", "alert");
    watch_add(&w, "Above", "", "alert");
    ft_trial_writer *writer = trial_begin(&w);
    for (int64_t step = 0; step < 20; step++) trial_loss(writer, step, step >= 15, "loss");
    ft_trial_writer_free(writer);
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_row hang = watch_row(&w, "Hang"), above = watch_row(&w, "Above");
    EXPECT(hang.status == FT_WATCH_ERROR && hang.evaluated == 6);
    EXPECT_STR(
        "RuleEvaluationError: rule Hang at step 7: the evaluation passed its deadline 3 times",
        hang.details);
    EXPECT(above.status == FT_WATCH_ISSUES && above.evaluated == 19);
    world_end(&w);
}

static void test_settle(void **state) {
    (void)state;
    world w;
    ft_str *subjects;
    size_t count;
    ft_alert *alerts;
    world_begin(&w, "settle");
    int64_t id = watch_add(&w, "Above", "", "alert,stop");
    /* A host stored a verdict and was killed before it acted; nobody comes after it. */
    EXPECT_OK(
        ft_db_run(ft_store_db(w.store),
                  "insert into verdict (watch, at, through, outcome, reason, stored_us, fired)"
                  " values (?, 3, 3, 'Issue', 'because', 1, 1)",
                  "i", id));
    EXPECT_OK(ft_db_run(ft_store_db(w.store),
                        "insert into verdict_action (verdict, ordinal, action)"
                        " values (1, 0, 'alert'), (1, 1, 'stop')",
                        ""));
    EXPECT_OK(ft_watch_unsettled(&subjects, &count, w.store, &w.arena));
    EXPECT(count == 1);
    EXPECT_STR("job/j", subjects[0]);
    EXPECT_OK(
        ft_watch_settle(w.store, FT_STR("job/j"), NULL, FT_WATCH_STOPPED, FT_STR("it vanished")));
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1 && alerts[0].verdict_id == 1);
    EXPECT_STR("because", alerts[0].text);
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_STOPPED);
    EXPECT_STR("it vanished", watch_row(&w, "Above").details);
    EXPECT_OK(ft_watch_settle(w.store, FT_STR("job/j"), NULL, FT_WATCH_ERROR, FT_STR("again")));
    EXPECT(watch_row(&w, "Above").status == FT_WATCH_STOPPED); /* only what is in progress */
    EXPECT_OK(ft_watch_unsettled(&subjects, &count, w.store, &w.arena));
    EXPECT(count == 0); /* a stop that cannot be done here is given up */
    world_end(&w);
}

/* ---- streams */

static void reading_add(ft_stream_writer *writer, int64_t order, double value) {
    ft_value values[] = { ft_value_int(order), ft_value_f64(value) };
    EXPECT_OK(ft_stream_append(writer, values));
}

/* Windows of 10 s every 5 s, aligned; only those with a record; the last when the subject ended. */
static void test_windows(void **state) {
    (void)state;
    enum { S = 1000000 };
    static const int64_t seconds[] = { 1001, 1002, 1003, 1006, 1007, 1042, 1043, 1044, 1059, 1060 };
    world w;
    int64_t id;
    ft_stream_writer *writer;
    world_begin(&w, "windows");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("job/j"),
                                             .rule = FT_STR("Busy"),
                                             .params_json = FT_STR("{\"above\":2.5}"),
                                             .window_us = 10 * S,
                                             .every_us = 5 * S }));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("j"), NULL));
    for (size_t i = 0; i < FT_COUNT(seconds); i++) reading_add(writer, seconds[i] * S, 1);
    EXPECT_OK(ft_stream_close(writer));
    file_touch("ended");
    host_begin(&w, "job/j");
    host_end(&w, "job/j");
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Busy"),
                           .params_json = FT_STR("{\"above\":2.5}"),
                           .window_us = 10 * S,
                           .every_us = 5 * S };
    judged *j = calloc(1, sizeof *j);
    j->arena = &w.arena;
    EXPECT_OK(ft_watch_try(w.store, &spec, 0, 0, judge, j));
    static const struct {
        int64_t end;
        const char *reason;
        ft_outcome outcome;
    } want[] = { { 1005, "3 records", FT_ISSUE },    { 1010, "5 records", FT_ISSUE },
                 { 1015, "2 records", FT_NO_ISSUE }, { 1045, "3 records", FT_ISSUE },
                 { 1050, "3 records", FT_ISSUE },    { 1060, "1 records", FT_NO_ISSUE },
                 { 1065, "2 records", FT_NO_ISSUE }, { 1070, "1 records", FT_NO_ISSUE } };
    EXPECT(j->count == FT_COUNT(want));
    for (size_t i = 0; i < j->count; i++) {
        EXPECT(j->list[i].at == want[i].end * S && j->list[i].outcome == want[i].outcome);
        EXPECT_STR(want[i].reason, j->list[i].reason);
    }
    j->count = 0;
    EXPECT_OK(
        ft_watch_try(w.store, &spec, 1010 * S, 1050 * S, judge, j)); /* ends in [from, until) */
    EXPECT(j->count == 3 && j->list[0].at == 1010 * S && j->list[2].at == 1045 * S);
    free(j);
    expect_history(&w, &spec, id);
    size_t count;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(watch_row(&w, "Busy").status == FT_WATCH_ISSUES);
    char node[40];
    ft_lineage_step *steps;
    bool capture = false;
    snprintf(node, sizeof node, "verdict:%lld", (long long)rows[count - 1].id);
    EXPECT_OK(ft_lineage_walk(&steps, &count, w.store, &w.arena, ft_str_of(node)));
    for (size_t i = 0; i < count; i++)
        capture |= ft_str_starts(steps[i].id, FT_STR("capture:s3://"));
    EXPECT(capture);
    world_end(&w);
}

/* Steps of a stream: a step is judged when a later one has begun, or at the end. */
static void test_stream_steps(void **state) {
    (void)state;
    world w;
    int64_t id;
    ft_stream_writer *writer;
    ft_watch_spec spec = { .subject = FT_STR("job/j"),
                           .rule = FT_STR("Steps"),
                           .params_json = FT_STR("{\"above\":6}") };
    world_begin(&w, "steps");
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_counter, FT_STR("j"), NULL));
    host_begin(&w, "job/j");
    for (int64_t step = 0; step < 12; step++)
        for (int i = 0; i < 2; i++) reading_add(writer, step, i);
    while (watch_row(&w, "Steps").evaluated != 10) EXPECT_OK(ft_supervisor_poll(w.sup, 10000));
    file_touch("ended");
    host_end(&w, "job/j");
    EXPECT(watch_row(&w, "Steps").evaluated == 11);
    EXPECT_OK(ft_stream_close(writer));
    expect_history(&w, &spec, id);
    world_end(&w);
}

static ft_err count_each(void *ctx, const ft_watch_row *watch, int64_t verdict_id,
                         const ft_verdict *v) {
    int64_t *seen = ctx;
    EXPECT_STR("Busy", watch->spec.name);
    EXPECT(verdict_id > 0 && v->outcome == FT_ISSUE);
    seen[0]++;
    seen[1] = verdict_id;
    return FT_OK;
}

static void test_evaluate_once(void **state) {
    (void)state;
    enum { S = 1000000 };
    world w;
    int64_t id, seen[2] = { 0 };
    size_t count;
    ft_stream_writer *writer;
    ft_alert *alerts;
    world_begin(&w, "once");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("endpoint/e"),
                                             .rule = FT_STR("Busy"),
                                             .actions = FT_STR("alert") }));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("e"), NULL));
    for (int i = 0; i < 10; i++) reading_add(writer, (100 + i) * S, 1);
    EXPECT_OK(ft_stream_close(writer));
    EXPECT_OK(
        ft_watch_evaluate(w.store, FT_STR("endpoint/e"), 100 * S, 107 * S, NULL, count_each, seen));
    int64_t first = seen[1];
    EXPECT_OK(
        ft_watch_evaluate(w.store, FT_STR("endpoint/e"), 100 * S, 107 * S, NULL, count_each, seen));
    EXPECT(seen[0] == 2 && seen[1] == first); /* the stored one again */
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(count == 1 && rows[0].verdict.at == 107 * S);
    EXPECT_STR("7 records", rows[0].verdict.reason);
    EXPECT_OK(ft_alert_list(&alerts, &count, w.store, &w.arena, 10));
    EXPECT(count == 1);
    world_end(&w);
}

/* Whatever fails while verdicts are stored: whole or not at all. */
static void test_store_faults(void **state) {
    (void)state;
    enum { S = 1000000 };
    world w;
    int64_t id, until = 1000, fired = 0, asked = 0;
    ft_stream_writer *writer;
    int rounds = 0;
    world_begin(&w, "store-faults");
    EXPECT_OK(ft_watch_add(&id, w.store,
                           &(ft_watch_spec){ .subject = FT_STR("endpoint/e"),
                                             .rule = FT_STR("Busy"),
                                             .actions = FT_STR("alert"),
                                             .quiet_us = 1 }));
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("e"), NULL));
    reading_add(writer, 1 * S, 1);
    EXPECT_OK(ft_stream_close(writer));
    EACH_FAULT {
        ft_watch_evaluate(w.store, FT_STR("endpoint/e"), 0, ++until * S, NULL, NULL, NULL);
        rounds++;
    }
    EXPECT(rounds > 20);
    ft_db *db = ft_store_db(w.store);
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from verdict where fired = 1", "", "i", &fired));
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from verdict_action", "", "i", &asked));
    EXPECT(fired > 0 && fired == asked);
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from watch where evaluated = ?", "i", "i",
                        until * S, &asked));
    EXPECT(asked == 1);
    int64_t nodes;
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from lineage_node where id like 'verdict:%'", "",
                        "i", &nodes));
    EXPECT(nodes == fired);
    world_end(&w);
}

/* A query as a rule, live over a trial. */
static void test_sql_rule(void **state) {
    (void)state;
    world w;
    char path[400];
    int64_t id;
    world_begin(&w, "sql");
    snprintf(path, sizeof path, "%s/high.sql", home);
    EXPECT_OK(
        ft_file_write_atomic(path,
                             FT_STR("-- rule: HighReading\n-- reads: reading\n"
                                    "select max(value) as top from reading where endpoint = :key\n"
                                    "having max(value) > 5\n"),
                             false));
    ft_watch_spec spec = { .subject = FT_STR("endpoint/e"),
                           .rule = ft_str_of(path),
                           .window_us = 10 * FT_SECOND_US };
    EXPECT_OK(ft_watch_add(&id, w.store, &spec));
    ft_watch_row row = watch_row(&w, "HighReading");
    EXPECT(ft_str_starts(row.rule_text, FT_STR("-- rule: HighReading")));
    ft_stream_writer *writer;
    EXPECT_OK(ft_stream_write(&writer, w.store, &kind_reading, FT_STR("e"), NULL));
    int64_t now = ft_clock_now_us();
    reading_add(writer, now + FT_SECOND_US, 1);
    reading_add(writer, now + 40 * FT_SECOND_US, 9);
    EXPECT_OK(ft_stream_close(writer));
    file_touch("ended");
    host_begin(&w, "endpoint/e");
    host_end(&w, "endpoint/e");
    size_t count;
    ft_verdict_row *rows = verdicts(&w, &count);
    EXPECT(count == 2);
    EXPECT(rows[0].verdict.outcome == FT_ISSUE && rows[1].verdict.outcome == FT_NO_ISSUE);
    EXPECT_OK(ft_file_remove(path)); /* the text is stored: the file may go */
    EXPECT(watch_row(&w, "HighReading").status == FT_WATCH_ISSUES);
    world_end(&w);
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "host") == 0) {
        snprintf(home, sizeof home, "%s", argv[2]);
        return host_main(argv[3]);
    }
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    ft_rules_use(rules);
    ft_streams_use(kinds);
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_add_faults),
        cmocka_unit_test(test_live_equals_history),
        cmocka_unit_test(test_late_host),
        cmocka_unit_test(test_no_issue),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_killed_while_acting),
        cmocka_unit_test(test_run_program),
        cmocka_unit_test(test_action_fails),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_stream_steps),
        cmocka_unit_test(test_evaluate_once),
        cmocka_unit_test(test_store_faults),
        cmocka_unit_test(test_sql_rule),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
