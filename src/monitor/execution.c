/* execution.c -- what is done each time a schedule is due: by the built-in monitor here, by a
 * program of the user's in a room above. See schedule.h. */
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/random.h"
#include "monitor/monitor.h"
#include "monitor/schedule_in.h"

/* A request's capture is in the stream some milliseconds after its answer. */
#define SETTLE_US FT_SECOND_US

static ft_err execution_copy(ft_execution *out, ft_rows *rows, ft_arena *arena) {
    int program;
    ft_rows_read(rows, "sssssssiiiiin", &out->name, &out->schedule, &out->endpoint, &out->status,
                 &out->message, &out->output_uri, &out->request_json, &out->due_us, &out->from_us,
                 &out->until_us, &out->created_us, &out->modified_us, &program);
    out->program = program != 0;
    ft_str *texts[] = { &out->name,    &out->schedule,   &out->endpoint,    &out->status,
                        &out->message, &out->output_uri, &out->request_json };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

#define EXECUTION_COLUMNS                                                                     \
    "select name, schedule, endpoint, status, message, output_uri, request, due_us, from_us," \
    " until_us, created_us, modified_us, program from monitor_execution "

/* All rows of a query, which is ended. */
static ft_err rows_copy(ft_execution **out, size_t *count, ft_rows *rows, ft_arena *arena) {
    ft_err err = FT_OK;
    size_t room = 0;
    *out = NULL, *count = 0;
    while (err == FT_OK && ft_rows_next(rows)) {
        if ((err = ft_arena_grow(out, &room, arena, *count)) != FT_OK) break;
        err = execution_copy(&(*out)[(*count)++], rows, arena);
    }
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

static ft_err executions_read(ft_execution **out, size_t *count, ft_store *s, ft_arena *arena,
                              ft_str schedule, ft_str name) {
    ft_db *db;
    ft_rows *rows;
    FT_TRY(ft_schedule_db(&db, s));
    FT_TRY(ft_db_query(&rows, db,
                       EXECUTION_COLUMNS "where (?1 = '' or schedule = ?1)"
                                         " and (?2 = '' or name = ?2)"
                                         " order by created_us desc, rowid desc",
                       "ss", schedule, name));
    return rows_copy(out, count, rows, arena);
}

ft_err ft_execution_untold(ft_execution **out, size_t *count, ft_store *s, ft_arena *arena,
                           size_t limit) {
    ft_db *db;
    ft_rows *rows;
    FT_TRY(ft_schedule_db(&db, s));
    FT_TRY(ft_db_query(&rows, db,
                       EXECUTION_COLUMNS "where told = 0 and status <> 'InProgress'"
                                         " order by created_us, rowid limit ?",
                       "i", (int64_t)limit));
    return rows_copy(out, count, rows, arena);
}

ft_err ft_execution_set_told(ft_store *s, ft_str name) {
    ft_db *db;
    FT_TRY(ft_schedule_db(&db, s));
    return ft_db_run(db, "update monitor_execution set told = 1 where name = ?", "s", name);
}

/* Those of users' programs that go on. */
static ft_err programs_going(ft_execution **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_rows *rows;
    FT_TRY(ft_db_query(&rows, ft_store_db(s),
                       EXECUTION_COLUMNS "where status = 'InProgress' and program = 1"
                                         " order by created_us desc, rowid desc",
                       ""));
    return rows_copy(out, count, rows, arena);
}

ft_err ft_execution_list(ft_execution **out, size_t *count, ft_store *s, ft_arena *arena,
                         ft_str schedule) {
    return executions_read(out, count, s, arena, schedule.at ? schedule : FT_STR(""), FT_STR(""));
}

ft_err ft_execution_get(ft_execution *out, ft_store *s, ft_arena *arena, ft_str name) {
    ft_execution *list;
    size_t count = 0;
    if (name.len) FT_TRY(executions_read(&list, &count, s, arena, FT_STR(""), name));
    if (!count) return FT_ENOTFOUND;
    *out = list[0];
    return FT_OK;
}

static ft_err name_make(ft_str *out, ft_arena *arena, int64_t due_us) {
    uint64_t unlike[2];
    ft_date d = ft_time_date(due_us);
    FT_TRY(ft_random_secret(unlike, sizeof unlike));
    return ft_arena_printf(out, arena, FT_EXECUTION_NAME "%04d%02d%02d%02d%02d-%016llx%08x", d.year,
                           d.month, d.day, d.hour, d.minute, (unsigned long long)unlike[0],
                           (unsigned)unlike[1]);
}

static ft_err place_make(ft_str *out, ft_arena *arena, const ft_schedule *schedule,
                         const ft_schedule_due *d) {
    ft_date t = ft_time_date(d->at_us);
    ft_str head = schedule->output_uri;
    char minute[8] = "";
    while (head.len && head.at[head.len - 1] == '/') head.len--;
    if (d->period_us < HOUR_US) snprintf(minute, sizeof minute, "/%02d", t.minute % 100);
    return ft_arena_printf(out, arena, "%.*s/%.*s/%.*s/%04d/%02d/%02d/%02d%s", FT_STR_ARG(head),
                           FT_STR_ARG(schedule->endpoint), FT_STR_ARG(schedule->name), t.year,
                           t.month, t.day, t.hour, minute);
}

/* The execution's row and the schedule's next time in one: nobody else does it, nobody does it
 * twice. FT_ENOTFOUND without a trail when another was faster. */
static ft_err execution_begin(ft_execution *x, ft_store *s, ft_arena *arena,
                              const ft_schedule *schedule, int64_t now_us) {
    ft_db *db = ft_store_db(s);
    ft_cron cron;
    ft_schedule_due d;
    uint64_t started;
    ft_err err;
    FT_TRY(ft_cron_parse(&cron, schedule->expression));
    FT_TRY(ft_schedule_due_of(&d, &cron, schedule->next_us, now_us));
    FT_TRY(ft_pid_started(&started, getpid()));
    *x = (ft_execution){ .schedule = schedule->name,
                         .endpoint = schedule->endpoint,
                         .request_json = schedule->request_json,
                         .capture_uri = schedule->capture_uri,
                         .program = schedule->program,
                         .due_us = d.at_us,
                         .from_us = d.at_us - d.period_us,
                         .until_us = d.at_us };
    FT_TRY(name_make(&x->name, arena, d.at_us));
    FT_TRY(place_make(&x->output_uri, arena, schedule, &d));
    FT_TRY(ft_db_begin(db));
    FT_GOTO(err, ft_db_run(db,
                           "update monitor_schedule set next_us = ? where name = ? and next_us = ?"
                           " and stopped = 0",
                           "isi", d.next_us, schedule->name, schedule->next_us));
    if (!ft_db_changes(db)) {
        ft_db_rollback(db);
        return FT_ENOTFOUND;
    }
    FT_GOTO(err, ft_db_run(db,
                           "insert into monitor_execution (name, schedule, endpoint, status,"
                           " output_uri, request, due_us, from_us, until_us, created_us,"
                           " modified_us, pid, pid_started, program, told)"
                           " values (?, ?, ?, 'InProgress', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                           "sssssiiiiinin", x->name, x->schedule, x->endpoint, x->output_uri,
                           schedule->request_json, x->due_us, x->from_us, x->until_us, now_us,
                           now_us, (int)getpid(), (int64_t)started, (int)x->program));
    return ft_db_commit(db);
done:
    ft_db_rollback(db);
    return err;
}

static ft_err execution_end(ft_store *s, ft_str name, ft_str status, ft_str message) {
    return ft_db_run(ft_store_db(s),
                     "update monitor_execution set status = ?, message = ?, modified_us = ?"
                     " where name = ? and status = 'InProgress'",
                     "ssis", status, message, ft_clock_now_us(), name);
}

ft_err ft_execution_found(ft_str *status, ft_str *message, ft_arena *arena, int64_t violations) {
    *status = FT_STR("Completed");
    *message = FT_STR("Completed: Job completed successfully with no violations.");
    if (violations <= 0) return FT_OK;
    *status = FT_STR("CompletedWithViolations");
    return ft_arena_printf(message, arena, "%.*s: Job completed successfully with %lld violations.",
                           FT_STR_ARG(*status), (long long)violations);
}

static ft_err success(ft_store *s, ft_arena *arena, const ft_execution *x,
                      const ft_monitor_result *r) {
    ft_str status, message;
    FT_TRY(ft_execution_found(&status, &message, arena, (int64_t)r->violation_count));
    return execution_end(s, x->name, status, message);
}

static ft_err failure(ft_store *s, ft_arena *arena, const ft_schedule *schedule,
                      const ft_execution *x, bool no_records) {
    ft_str message, place = schedule->capture_uri;
    char from[FT_TIME_TEXT], until[FT_TIME_TEXT];
    if (!no_records)
        FT_TRY(ft_arena_printf(&message, arena, "AlgorithmError: %s", ft_err_why()));
    else
        FT_TRY(ft_arena_printf(
            &message, arena,
            "ClientError: No S3 objects found under S3 URL \"%.*s/%.*s\" given in input data "
            "source: no captured requests of endpoint %.*s between %s and %s",
            FT_STR_ARG(place), FT_STR_ARG(x->endpoint), FT_STR_ARG(x->endpoint),
            ft_time_iso(from, x->from_us, false), ft_time_iso(until, x->until_us, false)));
    ft_err_clear();
    return execution_end(s, x->name, FT_STR("Failed"), message);
}

/* ---- programs of users: a room above runs them */

static const ft_schedule_program *program;

void ft_schedules_use(const ft_schedule_program *p) { program = p; }
bool ft_schedule_program_used(void) { return program != NULL; }

static ft_err program_begin(ft_store *s, ft_arena *arena, const ft_schedule *schedule,
                            const ft_execution *x) {
    ft_err err = program ? program->begin(s, arena, x)
                         : FT_FAIL(FT_EUNSUPPORTED, "programs of users are not run here");
    return err == FT_OK ? FT_OK : failure(s, arena, schedule, x, err == FT_ENOTFOUND);
}

/* What became of those that were begun, by this process or another. */
static ft_err programs_look(ft_store *s, ft_arena *arena) {
    ft_execution *list;
    ft_str status, message;
    size_t count;
    if (!program) return FT_OK;
    FT_TRY(programs_going(&list, &count, s, arena));
    for (size_t i = 0; i < count; i++) {
        ft_err err = program->look(&status, &message, s, arena, &list[i]);
        if (err == FT_EBUSY) continue;
        FT_TRY(err);
        FT_TRY(execution_end(s, list[i].name, status, message));
    }
    return FT_OK;
}

static ft_err execution_do(ft_store *s, ft_arena *arena, const ft_schedule *schedule,
                           int64_t now_us, const ft_watch_hooks *hooks) {
    ft_execution x;
    ft_monitor_result r;
    ft_err err = execution_begin(&x, s, arena, schedule, now_us);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    if (x.program) return program_begin(s, arena, schedule, &x);
    ft_monitor_ask ask = { .endpoint = x.endpoint,
                           .from = x.from_us,
                           .until = x.until_us,
                           .statistics_uri = schedule->statistics_uri,
                           .constraints_uri = schedule->constraints_uri,
                           .output_uri = x.output_uri };
    if (ft_monitor_run_as(&r, s, arena, &ask, hooks) == FT_OK) return success(s, arena, &x, &r);
    return failure(s, arena, schedule, &x, r.no_records);
}

/* Executions of processes that are gone, and of this one's earlier looks: whoever calls does none
 * at the moment. */
static ft_err close_lost(ft_store *s, ft_arena *arena) {
    ft_db *db = ft_store_db(s);
    ft_rows *rows;
    ft_str names[16];
    size_t count = 0;
    ft_err err = FT_OK;
    FT_TRY(ft_db_query(&rows, db,
                       "select name, pid, pid_started from monitor_execution"
                       " where status = 'InProgress' and program = 0",
                       ""));
    while (err == FT_OK && count < FT_COUNT(names) && ft_rows_next(rows)) {
        ft_str name;
        int pid;
        int64_t started;
        ft_rows_read(rows, "sni", &name, &pid, &started);
        if (pid != getpid() && ft_pid_alive(pid, (uint64_t)started)) continue;
        err = ft_arena_str(&names[count], arena, name);
        if (err == FT_OK) count++;
    }
    ft_err end = ft_rows_end(rows);
    FT_TRY(err ? err : end);
    for (size_t i = 0; i < count; i++)
        FT_TRY(execution_end(s, names[i], FT_STR("Failed"),
                             FT_STR("InternalServerError: the process that did the execution ended "
                                    "before it was done")));
    return FT_OK;
}

ft_err ft_schedules_run(ft_store *s, const ft_watch_hooks *hooks) {
    ft_arena arena = FT_ARENA_INIT(0), once = FT_ARENA_INIT(0);
    ft_db *db;
    ft_schedule *list;
    size_t count;
    ft_err err;
    int64_t now = ft_clock_now_us();
    FT_GOTO(err, ft_schedule_db(&db, s));
    FT_GOTO(err, close_lost(s, &arena));
    FT_GOTO(err, programs_look(s, &arena));
    FT_GOTO(err, ft_schedules_read(&list, &count, db, &arena, FT_STR(""), now - SETTLE_US));
    for (size_t i = 0; i < count; i++) {
        ft_arena_reset(&once);
        FT_GOTO(err, execution_do(s, &once, &list[i], now - SETTLE_US, hooks));
    }
done:
    ft_arena_fini(&once);
    ft_arena_fini(&arena);
    return err;
}
