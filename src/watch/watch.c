/* watch.c -- watches and verdicts as rows: adding with every check, listing, forgetting. */
#include "watch/watch.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "watch/action_in.h"
#include "watch/plan_in.h"
#include "watch/tables_in.h"
#include "watch/verdict_in.h"

#define RULE_FILE_BYTES_MAX (1 << 20)
#define NAME_BYTES_MAX      256
#define JOB_NAME_PART       26 /* of subject and rule in an evaluation job's name, as AWS cuts them */

static const char *const status_names[] = { "InProgress", "NoIssuesFound", "IssuesFound", "Error",
                                            "Stopped" };

const char *ft_watch_status_name(ft_watch_status s) {
    FT_CHECK((size_t)s < FT_COUNT(status_names));
    return status_names[s];
}

static ft_watch_status status_of(ft_str text) {
    for (size_t i = 0; i < FT_COUNT(status_names); i++)
        if (ft_str_is(text, status_names[i])) return (ft_watch_status)i;
    return FT_WATCH_ERROR;
}

/* ---- adding */

static bool is_sql_file(ft_str rule) { return ft_str_ends(rule, FT_STR(".sql")); }

ft_err ft_watch_row_make(ft_watch_row *row, ft_arena *arena, const ft_watch_spec *spec) {
    *row = (ft_watch_row){ .spec = *spec, .evaluated = INT64_MIN, .acted_us = INT64_MIN };
    if (spec->window_us < 0 || spec->every_us < 0 || spec->quiet_us < 0 || spec->hold < 0)
        return FT_FAIL(FT_EINVAL,
                       "a watch's window, distance, hold and quiet time cannot be negative");
    if (row->spec.hold == 0) row->spec.hold = 1;
    if (!row->spec.params_json.len) row->spec.params_json = FT_STR("{}");
    if (!is_sql_file(spec->rule)) return FT_OK;
    ft_str path;
    FT_TRY(ft_arena_str(&path, arena, spec->rule));
    FT_TRY(ft_file_read(&row->rule_text, arena, path.at, RULE_FILE_BYTES_MAX));
    if (!row->rule_text.len) return FT_FAIL(FT_EPARSE, "%s: the file is empty", path.at);
    return FT_OK;
}

ft_err ft_watch_kind_check(const ft_watch_row *row, const ft_rule *rule) {
    ft_str name = row->spec.subject, subject = ft_str_cut(&name, '/');
    const char *wants = "job";
    if (!subject.len || rule->reads == FT_READS_SQL) return FT_OK;
    if (rule->reads == FT_READS_STREAM) {
        const ft_stream_kind *kind = ft_stream_kind_find(ft_str_of(rule->stream));
        wants = kind ? kind->key : "";
    }
    bool known = strcmp(wants, "job") == 0 || strcmp(wants, "endpoint") == 0;
    if (!known || ft_str_is(subject, wants)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s reads the %s of %ss: it sees nothing of %.*s", rule->name,
                   rule->reads == FT_READS_STREAM ? rule->stream : "tensors", wants,
                   FT_STR_ARG(row->spec.subject));
}

/* Everything that can be wrong with a watch shows when it is made ready once. */
static ft_err row_check(ft_watch_row *row, ft_store *s, ft_arena *arena) {
    ft_watch_shared shared = { .store = s };
    ft_plan plan;
    FT_TRY(ft_plan_open(&plan, &shared, row, INT64_MIN));
    ft_err err = FT_OK;
    FT_GOTO(err, ft_watch_kind_check(row, plan.rule));
    if (!row->spec.name.len) {
        FT_GOTO(err, ft_arena_str(&row->spec.name, arena, ft_str_of(plan.rule->name)));
    }
    if (row->spec.name.len > NAME_BYTES_MAX)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "a watch's name has at most %d bytes", NAME_BYTES_MAX));
    FT_GOTO(err, ft_watch_actions_check(row->spec.actions, row->spec.subject));
    row->spec.window_us = plan.row.spec.window_us;
    row->spec.every_us = plan.row.spec.every_us;
done:
    ft_plan_close(&plan);
    ft_watch_shared_fini(&shared);
    return err;
}

ft_err ft_watch_check(const ft_watch_spec *spec) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_watch_row row;
    ft_err err;
    if (spec->subject.len) FT_GOTO(err, ft_subject_check(spec->subject));
    FT_GOTO(err, ft_watch_row_make(&row, &arena, spec));
    FT_GOTO(err, row_check(&row, NULL, &arena));
done:
    ft_arena_fini(&arena);
    return err;
}

static ft_err evaluation_job(ft_str *out, ft_arena *arena, const ft_watch_spec *spec) {
    char id[FT_UUID_TEXT];
    ft_str subject = spec->subject;
    ft_str_cut(&subject, '/');
    ft_uuid(id);
    ft_str a = ft_str_slice(subject, 0, JOB_NAME_PART),
           b = ft_str_slice(spec->name, 0, JOB_NAME_PART);
    return ft_arena_printf(out, arena, "%.*s-%.*s-%.8s", FT_STR_ARG(a), FT_STR_ARG(b), id);
}

/* Empty rather than null: the columns are texts. */
static ft_str text(ft_str s) { return s.at ? s : FT_STR(""); }

static ft_err row_insert(int64_t *id, ft_db *db, ft_watch_row *row, ft_arena *arena) {
    const ft_watch_spec *w = &row->spec;
    int64_t now = ft_clock_now_us(), taken = 0;
    FT_TRY(evaluation_job(&row->evaluation_job, arena, w));
    ft_err err = ft_db_one(db, arena, "select id from watch where subject = ? and name = ?", "ss",
                           "i", w->subject, w->name, &taken);
    if (err == FT_OK)
        return FT_FAIL(FT_EEXIST, "%.*s has a watch '%.*s' already", FT_STR_ARG(w->subject),
                       FT_STR_ARG(w->name));
    if (err != FT_ENOTFOUND) return ft_err_frame(err, __FILE__, __LINE__, "select watch");
    FT_TRY(
        ft_db_run(db,
                  "insert into watch (subject, name, rule, rule_text, params, actions, trial_uri,"
                  " stream_key, window_us, every_us, hold, quiet_us, evaluation_job, status,"
                  " created_us, modified_us) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                  "ssssssssiinistii", w->subject, w->name, w->rule, text(row->rule_text),
                  text(w->params_json), text(w->actions), text(w->trial_uri), text(w->stream_key),
                  w->window_us, w->every_us, w->hold, w->quiet_us, row->evaluation_job,
                  status_names[FT_WATCH_IN_PROGRESS], now, now));
    *id = ft_db_last_id(db);
    return FT_OK;
}

/* An SQL rule that does not even parse is refused now, not when the first record comes. */
static ft_err query_check(ft_store *s, ft_arena *arena, const ft_watch_row *row) {
    ft_sql *q = NULL;
    ft_str *names;
    int count;
    if (!row->rule_text.len) return FT_OK;
    FT_TRY(ft_sql_open(&q, s));
    ft_err err = ft_sql_columns(&names, &count, q, arena, row->rule_text);
    ft_sql_close(q);
    if (err == FT_OK) return FT_OK;
    return ft_err_prefix(err, "rule %.*s", FT_STR_ARG(row->spec.rule));
}

ft_err ft_watch_add(int64_t *id, ft_store *s, const ft_watch_spec *spec) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_watch_row row;
    ft_db *db = NULL;
    bool begun = false;
    ft_err err;
    FT_GOTO(err, ft_subject_check(spec->subject));
    FT_GOTO(err, ft_watch_row_make(&row, &arena, spec));
    FT_GOTO(err, row_check(&row, s, &arena));
    FT_GOTO(err, query_check(s, &arena, &row));
    FT_GOTO(err, ft_watch_db(&db, s));
    FT_GOTO(err, ft_db_begin(db));
    begun = true;
    FT_GOTO(err, row_insert(id, db, &row, &arena));
    FT_GOTO(err, ft_db_commit(db));
    begun = false;
done:
    if (begun) ft_db_rollback(db);
    ft_arena_fini(&arena);
    return err;
}

/* ---- listing */

#define WATCH_COLUMNS                                                                         \
    "id, subject, name, rule, rule_text, params, actions, trial_uri, stream_key, window_us,"  \
    " every_us, hold, quiet_us, evaluation_job, status, details, evaluated, evaluated is not" \
    " null, streak, acted_us, acted_us is not null, created_us, modified_us"

static ft_err watch_read(ft_watch_row *w, ft_rows *rows, ft_arena *arena) {
    ft_str status;
    int has_evaluated, has_acted;
    ft_rows_read(rows, "issssssssiinisssinninii", &w->id, &w->spec.subject, &w->spec.name,
                 &w->spec.rule, &w->rule_text, &w->spec.params_json, &w->spec.actions,
                 &w->spec.trial_uri, &w->spec.stream_key, &w->spec.window_us, &w->spec.every_us,
                 &w->spec.hold, &w->spec.quiet_us, &w->evaluation_job, &status, &w->details,
                 &w->evaluated, &has_evaluated, &w->streak, &w->acted_us, &has_acted,
                 &w->created_us, &w->modified_us);
    w->status = status_of(status);
    if (!has_evaluated) w->evaluated = INT64_MIN;
    if (!has_acted) w->acted_us = INT64_MIN;
    return ft_watch_row_copy(w, arena);
}

ft_err ft_watch_list(ft_watch_row **out, size_t *count, ft_store *s, ft_arena *arena,
                     ft_str subject) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_one(db, arena, "select count(*) from watch where ?1 = '' or subject = ?1", "s",
                     "i", text(subject), &total));
    FT_TRY(ft_arena_items(out, arena, (size_t)total + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select " WATCH_COLUMNS
                       " from watch where ?1 = '' or subject = ?1 order by id limit ?2",
                       "si", text(subject), total));
    ft_err err = FT_OK;
    while (err == FT_OK && ft_rows_next(rows)) err = watch_read(&(*out)[(*count)++], rows, arena);
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    FT_TRY(end);
    return FT_OK;
}

static ft_err verdict_read(ft_verdict_row *v, ft_rows *rows, ft_arena *arena) {
    ft_str outcome;
    int fired;
    ft_rows_read(rows, "iissiiisssni", &v->id, &v->watch, &v->name, &v->subject, &v->verdict.at,
                 &v->through, &v->evaluations, &outcome, &v->verdict.reason,
                 &v->verdict.evidence_json, &fired, &v->stored_us);
    FT_TRY(ft_outcome_parse(&v->verdict.outcome, outcome));
    v->fired = fired != 0;
    ft_str *texts[] = { &v->name, &v->subject, &v->verdict.reason, &v->verdict.evidence_json };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

ft_err ft_verdict_list(ft_verdict_row **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str subject, size_t limit) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_one(db, arena, "select count(*) from verdict", "", "i", &total));
    if ((uint64_t)total < limit) limit = (size_t)total;
    FT_TRY(ft_arena_items(out, arena, limit + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select v.id, v.watch, w.name, w.subject, v.at, v.through, v.evaluations,"
                       " v.outcome, v.reason, v.evidence, v.fired, v.stored_us from verdict v"
                       " join watch w on w.id = v.watch where ?1 = '' or w.subject = ?1"
                       " order by v.id desc limit ?2",
                       "si", text(subject), (int64_t)limit));
    ft_err err = FT_OK;
    while (err == FT_OK && *count < limit && ft_rows_next(rows))
        err = verdict_read(&(*out)[(*count)++], rows, arena);
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    FT_TRY(end);
    return FT_OK;
}

/* ---- the rest of a subject's life */

ft_err ft_watch_unsettled(ft_str **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(distinct subject) from watch", "", "i", &total));
    FT_TRY(ft_arena_items(out, arena, (size_t)total + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select subject from watch where status = 'InProgress' union"
                       " select w.subject from verdict_action a join verdict v on v.id = a.verdict"
                       " join watch w on w.id = v.watch where a.done_us is null and a.attempts < ?",
                       "n", FT_ACTION_ATTEMPTS_MAX));
    ft_err err = FT_OK;
    ft_str subject;
    while (err == FT_OK && *count < (size_t)total && ft_rows_next(rows)) {
        ft_rows_read(rows, "s", &subject);
        err = ft_arena_str(&(*out)[(*count)++], arena, subject);
    }
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

ft_err ft_watch_remove(ft_store *s, ft_str subject) {
    static const char *const what[] = {
        "delete from verdict_action where verdict in (select v.id from verdict v"
        " join watch w on w.id = v.watch where w.subject = ?)",
        "delete from verdict where watch in (select id from watch where subject = ?)",
        "delete from watch where subject = ?",
    };
    ft_db *db;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_begin(db));
    for (size_t i = 0; i < FT_COUNT(what); i++) {
        ft_err err = ft_db_run(db, what[i], "s", subject);
        if (err != FT_OK) ft_db_rollback(db);
        FT_TRY(err);
    }
    return ft_db_commit(db);
}

/* "PopulationStability, ClassShare" */
static ft_err names_of(ft_str *out, ft_store *s, ft_arena *arena, ft_str subject) {
    ft_watch_row *rows;
    size_t count;
    *out = FT_STR("no rule");
    FT_TRY(ft_watch_list(&rows, &count, s, arena, subject));
    for (size_t i = 0; i < count; i++)
        FT_TRY(ft_arena_printf(out, arena, "%.*s%s%.*s", i ? (int)out->len : 0, out->at,
                               i ? ", " : "", FT_STR_ARG(rows[i].spec.name)));
    return FT_OK;
}

static ft_err drop(ft_db *db, int64_t id) {
    static const char *const what[] = {
        "delete from verdict_action where verdict in (select id from verdict where watch = ?)",
        "delete from verdict where watch = ?",
        "delete from watch where id = ?",
    };
    for (size_t i = 0; i < FT_COUNT(what); i++) FT_TRY(ft_db_run(db, what[i], "i", id));
    return FT_OK;
}

ft_err ft_watch_drop(ft_store *s, ft_str subject, ft_str name) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str there;
    ft_db *db;
    int64_t id;
    ft_err err;
    FT_GOTO(err, ft_watch_db(&db, s));
    err = ft_db_one(db, NULL, "select id from watch where subject = ? and name = ?", "ss", "i",
                    subject, name, &id);
    if (err == FT_ENOTFOUND) {
        FT_GOTO(err, names_of(&there, s, &arena, subject));
        err = FT_FAIL(FT_ENOTFOUND, "%.*s is not watched by '%.*s'; it has %.*s",
                      FT_STR_ARG(subject), FT_STR_ARG(name), FT_STR_ARG(there));
    }
    if (err != FT_OK) goto done;
    FT_GOTO(err, ft_db_begin(db));
    err = drop(db, id);
    if (err != FT_OK)
        ft_db_rollback(db);
    else
        err = ft_db_commit(db);
done:
    ft_arena_fini(&arena);
    return err;
}
