/* schedule.c -- see schedule.h. */
#include "base/check.h"
#include "base/clock.h"
#include "base/cron.h"
#include "monitor/schedule_in.h"
#include "store/objects.h"

static const char *const steps[] = {
    "create table monitor_schedule ("
    " name text primary key, endpoint text not null, expression text not null,"
    " output_uri text not null, statistics_uri text not null, constraints_uri text not null,"
    " capture_uri text not null, request text not null, stopped integer not null default 0,"
    " next_us integer not null, created_us integer not null, modified_us integer not null)",
    "create index monitor_schedule_due on monitor_schedule (next_us) where next_us > 0",
    "create table monitor_execution ("
    " name text primary key, schedule text not null, endpoint text not null, status text not null,"
    " message text not null default '', output_uri text not null, request text not null,"
    " due_us integer not null, from_us integer not null, until_us integer not null,"
    " created_us integer not null, modified_us integer not null,"
    " pid integer not null, pid_started integer not null)",
    "create index monitor_execution_going on monitor_execution (status)"
    " where status = 'InProgress'",
    "alter table monitor_schedule add column program integer not null default 0",
    "alter table monitor_execution add column program integer not null default 0",
    /* Is what came of it passed on? What ended before this step is. */
    "alter table monitor_execution add column told integer not null default 1;"
    "update monitor_execution set told = 0 where status = 'InProgress';"
    "create index monitor_execution_untold on monitor_execution (created_us) where told = 0",
};

ft_err ft_schedule_db(ft_db **out, ft_store *s) {
    *out = ft_store_db(s);
    return ft_db_migrate(*out, "monitor_schedule", steps, FT_COUNT(steps));
}

/* ---- when */

/* First time that is due after `now_us`; 0: never. */
static ft_err first_due(int64_t *out, const ft_cron *cron, int64_t now_us) {
    ft_err err = FT_OK;
    if (cron->once)
        *out = now_us;
    else
        err = ft_cron_next(out, cron, now_us);
    if (err != FT_ENOTFOUND) return err;
    ft_err_clear();
    *out = 0;
    return FT_OK;
}

ft_err ft_schedule_due_of(ft_schedule_due *out, const ft_cron *cron, int64_t first_us,
                          int64_t now_us) {
    *out = (ft_schedule_due){ .at_us = first_us, .period_us = HOUR_US };
    if (cron->once) return FT_OK;
    if (cron->rate_us) {
        out->period_us = cron->rate_us;
        out->at_us += (now_us - first_us) / cron->rate_us * cron->rate_us;
        out->next_us = out->at_us + cron->rate_us;
        return FT_OK;
    }
    for (;;) {
        ft_err err = ft_cron_next(&out->next_us, cron, out->at_us);
        if (err == FT_ENOTFOUND) return ft_err_clear(), out->next_us = 0, FT_OK;
        FT_TRY(err);
        out->period_us = out->next_us - out->at_us;
        if (out->next_us > now_us) return FT_OK;
        out->at_us = out->next_us;
    }
}

/* ---- schedules */

static ft_err spec_check(ft_cron *cron, const ft_schedule *spec) {
    const ft_str uris[] = { spec->output_uri, spec->statistics_uri, spec->constraints_uri };
    ft_uri uri;
    if (!spec->name.len || !spec->endpoint.len)
        return FT_FAIL(FT_EINVAL, "a schedule needs a name and an endpoint");
    if (spec->program && !ft_schedule_program_used())
        return FT_FAIL(FT_EUNSUPPORTED, "programs of users are not run here");
    for (size_t i = 0; i < FT_COUNT(uris); i++)
        if (i == 0 || uris[i].len) FT_TRY(ft_uri_parse(&uri, uris[i]));
    return ft_cron_parse(cron, spec->expression);
}

static ft_str text_of(ft_str s) { return s.at ? s : FT_STR(""); }

/* Runs a statement over ?1 name … ?11 now; FT_OK when it has changed a row, else `otherwise`. */
static ft_err spec_store(ft_store *s, const ft_schedule *spec, const char *sql, ft_err otherwise) {
    ft_db *db;
    ft_cron cron;
    int64_t now = ft_clock_now_us(), next;
    FT_TRY(ft_schedule_db(&db, s));
    FT_TRY(spec_check(&cron, spec));
    FT_TRY(first_due(&next, &cron, now));
    FT_TRY(ft_db_run(db, sql, "ssssssssnii", spec->name, spec->endpoint, spec->expression,
                     spec->output_uri, text_of(spec->statistics_uri),
                     text_of(spec->constraints_uri), text_of(spec->capture_uri),
                     text_of(spec->request_json), (int)spec->program, next, now));
    return ft_db_changes(db) ? FT_OK : otherwise;
}

ft_err ft_schedule_add(ft_store *s, const ft_schedule *spec) {
    return spec_store(s, spec,
                      "insert or ignore into monitor_schedule (name, endpoint, expression,"
                      " output_uri, statistics_uri, constraints_uri, capture_uri, request, program,"
                      " next_us, created_us, modified_us)"
                      " values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
                      FT_EEXIST);
}

ft_err ft_schedule_change(ft_store *s, const ft_schedule *spec) {
    return spec_store(s, spec,
                      "update monitor_schedule set endpoint = ?2, expression = ?3, output_uri = ?4,"
                      " statistics_uri = ?5, constraints_uri = ?6, capture_uri = ?7, request = ?8,"
                      " program = ?9, next_us = ?10, modified_us = ?11 where name = ?1",
                      FT_ENOTFOUND);
}

static ft_err schedule_copy(ft_schedule *out, ft_rows *rows, ft_arena *arena) {
    int stopped, program;
    ft_rows_read(rows, "ssssssssnniii", &out->name, &out->endpoint, &out->expression,
                 &out->output_uri, &out->statistics_uri, &out->constraints_uri, &out->capture_uri,
                 &out->request_json, &stopped, &program, &out->next_us, &out->created_us,
                 &out->modified_us);
    out->stopped = stopped != 0;
    out->program = program != 0;
    ft_str *texts[] = { &out->name,        &out->endpoint,       &out->expression,
                        &out->output_uri,  &out->statistics_uri, &out->constraints_uri,
                        &out->capture_uri, &out->request_json };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

ft_err ft_schedules_read(ft_schedule **out, size_t *count, ft_db *db, ft_arena *arena, ft_str name,
                         int64_t due_us) {
    ft_rows *rows;
    int64_t room;
    ft_err err = FT_OK;
    *count = 0;
    FT_TRY(ft_db_one(db, NULL, "select count(*) from monitor_schedule", "", "i", &room));
    FT_TRY(ft_arena_items(out, arena, (size_t)room + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select name, endpoint, expression, output_uri, statistics_uri,"
                       " constraints_uri, capture_uri, request, stopped, program, next_us,"
                       " created_us, modified_us from monitor_schedule where (?1 = '' or name = ?1)"
                       " and (?2 = 0 or (stopped = 0 and next_us > 0 and next_us <= ?2))"
                       " order by created_us, rowid",
                       "si", name, due_us));
    while (err == FT_OK && *count < (size_t)room && ft_rows_next(rows))
        err = schedule_copy(&(*out)[(*count)++], rows, arena);
    ft_err end = ft_rows_end(rows);
    return err ? err : end;
}

ft_err ft_schedule_list(ft_schedule **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    FT_TRY(ft_schedule_db(&db, s));
    return ft_schedules_read(out, count, db, arena, FT_STR(""), 0);
}

ft_err ft_schedule_get(ft_schedule *out, ft_store *s, ft_arena *arena, ft_str name) {
    ft_db *db;
    ft_schedule *list;
    size_t count = 0;
    FT_TRY(ft_schedule_db(&db, s));
    if (name.len) FT_TRY(ft_schedules_read(&list, &count, db, arena, name, 0));
    if (!count) return FT_ENOTFOUND;
    *out = list[0];
    return FT_OK;
}

ft_err ft_schedule_start(ft_store *s, ft_str name) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_schedule schedule;
    ft_cron cron;
    ft_err err;
    int64_t now = ft_clock_now_us(), next;
    FT_GOTO(err, ft_schedule_get(&schedule, s, &arena, name));
    if (!schedule.stopped) goto done;
    FT_GOTO(err, ft_cron_parse(&cron, schedule.expression));
    next = schedule.next_us;
    if (!cron.once) FT_GOTO(err, first_due(&next, &cron, now));
    err = ft_db_run(ft_store_db(s),
                    "update monitor_schedule set stopped = 0, next_us = ?, modified_us = ?"
                    " where name = ?",
                    "iis", next, now, name);
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_schedule_stop(ft_store *s, ft_str name) {
    ft_db *db;
    FT_TRY(ft_schedule_db(&db, s));
    FT_TRY(ft_db_run(db, "update monitor_schedule set stopped = 1, modified_us = ? where name = ?",
                     "is", ft_clock_now_us(), name));
    return ft_db_changes(db) ? FT_OK : FT_ENOTFOUND;
}

ft_err ft_schedule_remove(ft_store *s, ft_str name) {
    ft_db *db;
    FT_TRY(ft_schedule_db(&db, s));
    FT_TRY(ft_db_run(db, "delete from monitor_schedule where name = ?", "s", name));
    return ft_db_changes(db) ? FT_OK : FT_ENOTFOUND;
}
