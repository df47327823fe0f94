/* rig_test.h -- what the tests of the host share: rules of their own, a host in another process
 * (the same program again, with "host HOME SUBJECT"), a trial that is written, and history to
 * compare with. */
#ifndef FT_WATCH_RIG_TEST_H
#define FT_WATCH_RIG_TEST_H

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
static inline ft_err above_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
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

static inline ft_err crash_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                                    ft_verdict *out) {
    (void)state;
    if (in->at == ft_params_int(params, "at")) raise(SIGSEGV);
    out->outcome = FT_NO_ISSUE;
    return FT_OK;
}
static const ft_rule rule_crash = {
    .name = "Crash", .params = at_params, .reads = FT_READS_TRIAL, .evaluate = crash_evaluate
};

static inline ft_err hang_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
                                   ft_verdict *out) {
    (void)state;
    while (in->at == ft_params_int(params, "at")) pause();
    out->outcome = FT_NO_ISSUE;
    return FT_OK;
}
static const ft_rule rule_hang = {
    .name = "Hang", .params = at_params, .reads = FT_READS_TRIAL, .evaluate = hang_evaluate
};

static inline ft_err fail_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
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
static inline ft_err busy_evaluate(void *state, const ft_params *params, const ft_rule_input *in,
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
    .name = "reading", .key = "sensor", .columns = reading_columns, .format = &ft_format_rows
};
static const ft_stream_kind kind_counter = {
    .name = "counter", .key = "job", .columns = counter_columns, .format = &ft_format_jsonl
};
static const ft_stream_kind *const kinds[] = { &kind_reading, &kind_counter, NULL };

/* ---- the host's process */

static char home[300], self[1024];

static inline bool file_there(const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", home, name);
    return access(path, F_OK) == 0;
}

static inline void file_touch(const char *name) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", home, name);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR(""), false));
}

/* Every action leaves a line; "stop" closes the gate as a job's stop does. */
static inline ft_err host_act(void *ctx, ft_str action, const ft_watch_row *watch,
                              int64_t verdict_id, const ft_verdict *v) {
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

static inline bool host_ended(void *ctx, ft_str subject) {
    (void)ctx, (void)subject;
    return file_there("ended");
}

static inline int host_main(const char *subject) {
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

static inline void world_begin(world *w, const char *name) {
    *w = (world){ 0 };
    snprintf(home, sizeof home, "%s/%s", test_dir(), name);
    EXPECT_OK(ft_store_open(&w->store, home));
    EXPECT_OK(ft_supervisor_new(&w->sup));
}

static inline void world_end(world *w) {
    ft_supervisor_free(w->sup);
    ft_store_close(w->store);
    ft_arena_fini(&w->arena);
}

static inline void host_begin(world *w, const char *subject) {
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
static inline void host_end(world *w, const char *subject) {
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

static inline ft_trial_writer *trial_begin(world *w) {
    ft_collection *list;
    size_t count;
    ft_trial_writer *writer;
    EXPECT_OK(ft_collections_xgboost(&list, &count, &w->arena, 1));
    EXPECT_OK(ft_trial_write(&writer, w->store, trial_uri, list, count, NULL));
    return writer;
}

static inline void trial_loss(ft_trial_writer *writer, int64_t step, double loss,
                              const char *name) {
    ft_array a = { .dtype = FT_F64, .data = &loss };
    EXPECT_OK(ft_trial_begin(writer, step, FT_MODE_GLOBAL, step, ft_clock_now_us()));
    EXPECT_OK(ft_trial_add(writer, ft_str_of(name), &a));
    EXPECT_OK(ft_trial_end(writer));
}

static inline int64_t watch_add(world *w, const char *rule, const char *params,
                                const char *actions) {
    int64_t id;
    EXPECT_OK(ft_watch_add(&id, w->store,
                           &(ft_watch_spec){ .subject = FT_STR("job/j"),
                                             .rule = ft_str_of(rule),
                                             .params_json = ft_str_of(params),
                                             .actions = ft_str_of(actions),
                                             .trial_uri = trial_uri }));
    return id;
}

static inline ft_watch_row watch_row(world *w, const char *name) {
    ft_watch_row *rows;
    size_t count;
    EXPECT_OK(ft_watch_list(&rows, &count, w->store, &w->arena, (ft_str){ 0 }));
    for (size_t i = 0; i < count; i++)
        if (ft_str_is(rows[i].spec.name, name)) return rows[i];
    EXPECT(!"a watch of that name");
    return (ft_watch_row){ 0 };
}

static inline ft_verdict_row *verdicts(world *w, size_t *count) {
    ft_verdict_row *rows;
    EXPECT_OK(ft_verdict_list(&rows, count, w->store, &w->arena, (ft_str){ 0 }, 100000));
    return rows;
}

static inline size_t acted(world *w, ft_str *text) {
    char path[400];
    size_t lines = 0;
    *text = FT_STR("");
    snprintf(path, sizeof path, "%s/acted", home);
    if (!file_there("acted")) return 0;
    EXPECT_OK(ft_file_read(text, &w->arena, path, 1 << 20));
    for (size_t i = 0; i < text->len; i++) lines += text->at[i] == '\n';
    return lines;
}

/* ---- history and streams */

typedef struct judged {
    ft_verdict list[4096];
    size_t count;
    ft_arena *arena;
} judged;

static inline ft_err judge(void *ctx, const ft_verdict *v) {
    judged *j = ctx;
    if (j->count == FT_COUNT(j->list)) return FT_FAIL(FT_EFULL, "too many");
    ft_verdict *to = &j->list[j->count++];
    *to = *v;
    FT_TRY(ft_arena_str(&to->reason, j->arena, v->reason));
    return ft_arena_str(&to->evidence_json, j->arena, v->evidence_json);
}

/* Every evaluation of history has its row: an issue its own, others within a run of the same. */
static inline void expect_history(world *w, const ft_watch_spec *spec, int64_t watch) {
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

static inline void reading_add(ft_stream_writer *writer, int64_t order, double value) {
    ft_value values[] = { ft_value_int(order), ft_value_f64(value) };
    EXPECT_OK(ft_stream_append(writer, values));
}

/* The test program: the host's process when it is told so. */
#define RIG_MAIN(...)                                               \
    int main(int argc, char **argv) {                               \
        if (argc == 4 && strcmp(argv[1], "host") == 0) {            \
            snprintf(home, sizeof home, "%s", argv[2]);             \
            return host_main(argv[3]);                              \
        }                                                           \
        if (ft_self_path(self, sizeof self) != FT_OK) return 1;     \
        ft_rules_use(rules);                                        \
        ft_streams_use(kinds);                                      \
        const struct CMUnitTest list_[] = { __VA_ARGS__ };          \
        return test_end(cmocka_run_group_tests(list_, NULL, NULL)); \
    }

#endif
