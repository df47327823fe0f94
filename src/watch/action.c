/* action.c -- see action_in.h. An action is counted before it is tried and marked after it was
 * done, so a crash in between does it again, and one that kills its process is given up after a
 * while. */
#include "watch/action_in.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "watch/outbox.h"
#include "watch/tables_in.h"

#define RUN_DEADLINE_US     (60 * FT_SECOND_US) /* a program of "run:" */
#define ACTIONS_AT_ONCE_MAX 256

#define RUN "run:"

/* The words; one with an argument ends in ':'. */
static const struct {
    const char *word;
    ft_subject_kind subject; /* that it is for */
    bool argument;
} words[] = {
    { "alert", FT_SUBJECT_ANY, false },
    { "stop", FT_SUBJECT_JOB, false },
    { "rollback", FT_SUBJECT_ENDPOINT, false },
    { RUN, FT_SUBJECT_ANY, true },
};

bool ft_watch_actions_each(ft_str *rest, ft_str *word) {
    while (rest->at && rest->len) {
        *word = ft_str_trim(ft_str_cut(rest, ','));
        if (word->len) return true;
    }
    return false;
}

bool ft_watch_action_program(ft_str *program, ft_str word) {
    *program = ft_str_from(word, sizeof RUN - 1);
    return ft_str_starts(word, FT_STR(RUN));
}

static ft_err word_check(ft_str word, ft_str subject) {
    for (size_t i = 0; i < FT_COUNT(words); i++) {
        ft_str head = ft_str_of(words[i].word);
        bool same = words[i].argument ? ft_str_starts(word, head) && word.len > head.len
                                      : ft_str_eq(word, head);
        if (!same) continue;
        if (words[i].subject && subject.len && !ft_subject_is(NULL, words[i].subject, subject))
            return FT_FAIL(FT_EINVAL, "action '%.*s' is for %s/NAME, not for %.*s",
                           FT_STR_ARG(word), ft_subject_kind_name(words[i].subject),
                           FT_STR_ARG(subject));
        return FT_OK;
    }
    return FT_FAIL(FT_EINVAL,
                   "unknown action '%.*s'; expected alert, stop, rollback or run:PROGRAM",
                   FT_STR_ARG(word));
}

ft_err ft_watch_actions_check(ft_str actions, ft_str subject) {
    ft_str word;
    while (ft_watch_actions_each(&actions, &word)) FT_TRY(word_check(word, subject));
    return FT_OK;
}

/* ---- doing */

typedef struct open_action {
    int64_t verdict, ordinal, attempts;
    ft_str action;
    int64_t watch, at;
    ft_str reason, evidence;
} open_action;

static ft_err open_list(open_action *list, size_t *count, ft_db *db, ft_arena *arena,
                        ft_str subject) {
    ft_rows *rows;
    FT_TRY(ft_db_query(
        &rows, db,
        "select a.verdict, a.ordinal, a.attempts, a.action, v.watch, v.at, v.reason, v.evidence"
        " from verdict_action a join verdict v on v.id = a.verdict"
        " join watch w on w.id = v.watch where a.done_us is null and a.attempts < ?1"
        " and w.subject = ?2 order by a.verdict, a.ordinal limit ?3",
        "nsn", FT_ACTION_ATTEMPTS_MAX, subject, ACTIONS_AT_ONCE_MAX));
    ft_err err = FT_OK;
    for (*count = 0; err == FT_OK && *count < ACTIONS_AT_ONCE_MAX && ft_rows_next(rows);
         (*count)++) {
        open_action *a = &list[*count];
        ft_rows_read(rows, "iiisiiss", &a->verdict, &a->ordinal, &a->attempts, &a->action,
                     &a->watch, &a->at, &a->reason, &a->evidence);
        ft_str *texts[] = { &a->action, &a->reason, &a->evidence };
        for (size_t i = 0; err == FT_OK && i < FT_COUNT(texts); i++)
            err = ft_arena_str(texts[i], arena, *texts[i]);
    }
    ft_err end = ft_rows_end(rows);
    return err != FT_OK ? err : end;
}

/* The program learns what happened from its environment, on top of ours. */
static ft_err act_run(ft_arena *arena, const ft_watch_row *watch, const open_action *a,
                      ft_str program) {
    ft_str id;
    const char *env[6] = { 0 };
    const struct {
        const char *name;
        ft_str value;
    } told[] = { { "FETTLE_SUBJECT", watch->spec.subject },
                 { "FETTLE_RULE", watch->spec.name },
                 { "FETTLE_REASON", a->reason },
                 { "FETTLE_EVIDENCE", a->evidence } };
    for (size_t i = 0; i < FT_COUNT(told); i++) {
        ft_str text;
        FT_TRY(ft_arena_printf(&text, arena, "%s=%.*s", told[i].name, FT_STR_ARG(told[i].value)));
        env[i] = text.at;
    }
    FT_TRY(ft_arena_printf(&id, arena, "FETTLE_VERDICT=%lld", (long long)a->verdict));
    env[FT_COUNT(told)] = id.at;
    FT_TRY(ft_arena_str(&program, arena, program));
    const char *argv[] = { program.at, NULL };
    ft_supervisor *sup = NULL;
    ft_proc *proc;
    ft_err err;
    FT_GOTO(err, ft_supervisor_new(&sup));
    FT_GOTO(err, ft_proc_start(&proc, sup,
                               &(ft_proc_spec){ .name = program.at,
                                                .argv = argv,
                                                .env = env,
                                                .deadline_us = RUN_DEADLINE_US }));
    FT_GOTO(err, ft_proc_wait(proc, -1));
    ft_proc_end end = ft_proc_result(proc);
    if (end.exit_code != 0)
        err = FT_FAIL(FT_EPEER, "program %s: %s", program.at, ft_proc_end_text(&end));
done:
    ft_supervisor_free(sup);
    return err;
}

static ft_err act(ft_store *s, const ft_watch_hooks *hooks, ft_arena *arena,
                  const ft_watch_row *watch, const open_action *a) {
    ft_verdict v = {
        .outcome = FT_ISSUE, .at = a->at, .reason = a->reason, .evidence_json = a->evidence
    };
    ft_str program;
    ft_err err = FT_EUNSUPPORTED;
    if (hooks && hooks->act) err = hooks->act(hooks->ctx, a->action, watch, a->verdict, &v);
    if (err != FT_EUNSUPPORTED) return err;
    if (ft_watch_action_program(&program, a->action)) return act_run(arena, watch, a, program);
    if (!ft_str_is(a->action, "alert"))
        return FT_FAIL(FT_EUNSUPPORTED, "action '%.*s' cannot be done here", FT_STR_ARG(a->action));
    return ft_alert_raise(NULL, s, arena,
                          &(ft_alert){ .subject = watch->spec.subject,
                                       .rule = watch->spec.name,
                                       .text = a->reason,
                                       .evidence_json = a->evidence,
                                       .verdict_id = a->verdict });
}

static ft_err action_do(bool *again, ft_store *s, ft_db *db, const ft_watch_hooks *hooks,
                        ft_arena *arena, const ft_watch_row *watch, const open_action *a) {
    ft_str why = FT_STR("");
    *again = false;
    FT_TRY(ft_db_run(db,
                     "update verdict_action set attempts = attempts + 1"
                     " where verdict = ? and ordinal = ?",
                     "ii", a->verdict, a->ordinal));
    ft_err err = act(s, hooks, arena, watch, a);
    if (err == FT_OK ||
        err == FT_ECONFLICT) { /* conflict: what it would change has ended already */
        if (err != FT_OK) why = ft_str_of(ft_err_why());
        return ft_db_run(db,
                         "update verdict_action set done_us = ?, failure = ?"
                         " where verdict = ? and ordinal = ?",
                         "isii", ft_clock_now_us(), why, a->verdict, a->ordinal);
    }
    ft_log_err(FT_LOG_WARN, "watch", err, "an action failed");
    *again = err != FT_EUNSUPPORTED && a->attempts + 1 < FT_ACTION_ATTEMPTS_MAX;
    return ft_db_run(db,
                     "update verdict_action set failure = ?1, attempts = max(attempts, ?2)"
                     " where verdict = ?3 and ordinal = ?4",
                     "snii", ft_str_of(ft_err_why()), *again ? 0 : FT_ACTION_ATTEMPTS_MAX,
                     a->verdict, a->ordinal);
}

ft_err ft_watch_actions_do(ft_store *s, ft_str subject, const ft_watch_hooks *hooks, int *left) {
    ft_arena arena = FT_ARENA_INIT(0);
    open_action *list = NULL;
    ft_watch_row *watches = NULL;
    size_t count = 0, watch_count = 0;
    ft_db *db;
    ft_err err;
    *left = 0;
    FT_GOTO(err, ft_watch_db(&db, s));
    FT_GOTO(err, ft_arena_items(&list, &arena, ACTIONS_AT_ONCE_MAX));
    FT_GOTO(err, open_list(list, &count, db, &arena, subject));
    if (count) FT_GOTO(err, ft_watch_list(&watches, &watch_count, s, &arena, subject));
    for (size_t i = 0; i < count; i++)
        for (size_t w = 0; w < watch_count; w++) {
            bool again;
            if (watches[w].id != list[i].watch) continue;
            FT_GOTO(err, action_do(&again, s, db, hooks, &arena, &watches[w], &list[i]));
            *left += again;
        }
done:
    ft_arena_fini(&arena);
    return err;
}
