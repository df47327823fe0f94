/* outbox.c -- see outbox.h. */
#include "watch/outbox.h"

#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/random.h"
#include "store/lineage.h"
#include "watch/tables_in.h"

#define BACKOFF_FIRST_US FT_SECOND_US
#define BACKOFF_LAST_US  (600 * FT_SECOND_US)
#define LEASE_US         (60 * FT_SECOND_US) /* longer than any sender takes */
#define OUTBOX_AT_ONCE   64                  /* deliveries of one run */

const ft_sender *const ft_senders[] = { &ft_sender_webhook, &ft_sender_file, &ft_sender_mail,
                                        &ft_sender_sns, NULL };

static ft_str some(ft_str s) { return s.at ? s : FT_STR(""); }

static const ft_sender *sender_of(ft_str name) {
    for (const ft_sender *const *s = ft_senders; *s; s++)
        if (ft_str_is(name, (*s)->name)) return *s;
    return NULL;
}

const char *ft_senders_words(char out[FT_SENDERS_WORDS]) {
    size_t len = 0;
    out[0] = '\0';
    for (const ft_sender *const *s = ft_senders; *s; s++) {
        if (!(*s)->named) continue;
        int n = snprintf(out + len, FT_SENDERS_WORDS - len, "%s%s", len ? ", " : "", (*s)->name);
        FT_CHECK(n > 0 && (size_t)n < FT_SENDERS_WORDS - len);
        len += (size_t)n;
    }
    return out;
}

static ft_err no_sender(ft_str name) {
    char words[FT_SENDERS_WORDS];
    return FT_FAIL(FT_ENOTFOUND, "no sender '%.*s'; there are %s", FT_STR_ARG(name),
                   ft_senders_words(words));
}

/* ---- receivers */

ft_err ft_senders_add(ft_store *s, ft_str sender, ft_str target) {
    const ft_sender *kind = sender_of(sender);
    ft_db *db;
    if (!kind || !kind->named) return no_sender(sender);
    FT_TRY(kind->check(target));
    FT_TRY(ft_watch_db(&db, s));
    return ft_db_run(db, "insert or ignore into sender (sender, target) values (?, ?)", "ss",
                     sender, target);
}

static ft_err sender_drop(ft_db *db, ft_str sender, ft_str target) {
    FT_TRY(
        ft_db_run(db, "delete from sender where sender = ? and target = ?", "ss", sender, target));
    if (ft_db_changes(db) == 0)
        return FT_FAIL(FT_ENOTFOUND, "no receiver %.*s %.*s is configured", FT_STR_ARG(sender),
                       FT_STR_ARG(target));
    return ft_db_run(
        db, "delete from delivery where sender = ? and target = ? and delivered_us is null", "ss",
        sender, target);
}

ft_err ft_senders_remove(ft_store *s, ft_str sender, ft_str target) {
    ft_db *db;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_begin(db));
    ft_err err = sender_drop(db, sender, target);
    if (err != FT_OK) ft_db_rollback(db);
    FT_TRY(err);
    return ft_db_commit(db);
}

ft_err ft_senders_list(ft_receiver **out, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(*) from sender", "", "i", &total));
    FT_TRY(ft_arena_items(out, arena, (size_t)total + 1));
    FT_TRY(ft_db_query(&rows, db, "select sender, target from sender order by 1, 2 limit ?", "i",
                       total));
    ft_err err = FT_OK;
    while (err == FT_OK && *count < (size_t)total && ft_rows_next(rows)) {
        ft_receiver *r = &(*out)[(*count)++];
        ft_rows_read(rows, "ss", &r->sender, &r->target);
        err = ft_arena_str(&r->sender, arena, r->sender);
        if (err == FT_OK) err = ft_arena_str(&r->target, arena, r->target);
    }
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

/* ---- alerts */

#define ALERT_COLUMNS                                                                         \
    "a.id, a.uuid, a.subject, a.rule, a.text, a.evidence, a.verdict, a.raised_us,"            \
    " ifnull((select at from verdict v where v.id = a.verdict), 0),"                          \
    " (select count(*) from delivery d where d.alert = a.id),"                                \
    " (select count(*) from delivery d where d.alert = a.id and d.delivered_us is not null)," \
    " (select failure from delivery d where d.alert = a.id and d.delivered_us is null"        \
    "  order by d.attempts desc limit 1)"

static ft_err alert_read(ft_alert *a, ft_rows *rows, ft_arena *arena) {
    ft_rows_read(rows, "isssssiiinns", &a->id, &a->uuid, &a->subject, &a->rule, &a->text,
                 &a->evidence_json, &a->verdict_id, &a->raised_us, &a->verdict_at, &a->deliveries,
                 &a->delivered, &a->failure);
    ft_str *texts[] = { &a->uuid, &a->subject, &a->rule, &a->text, &a->evidence_json, &a->failure };
    for (size_t i = 0; i < FT_COUNT(texts); i++) FT_TRY(ft_arena_str(texts[i], arena, *texts[i]));
    return FT_OK;
}

static ft_err alert_get(ft_alert *out, ft_db *db, ft_arena *arena, int64_t id) {
    ft_rows *rows;
    FT_TRY(ft_db_query(&rows, db, "select " ALERT_COLUMNS " from alert a where a.id = ?", "i", id));
    ft_err err = FT_ENOTFOUND;
    if (ft_rows_next(rows)) err = alert_read(out, rows, arena);
    ft_err end = ft_rows_end(rows);
    return end != FT_OK ? end : err;
}

ft_err ft_alert_get(ft_alert *out, ft_store *s, ft_arena *arena, int64_t id) {
    ft_db *db;
    FT_TRY(ft_watch_db(&db, s));
    ft_err err = alert_get(out, db, arena, id);
    if (err != FT_ENOTFOUND) return err;
    return FT_FAIL(FT_ENOTFOUND, "there is no alert %lld", (long long)id);
}

static ft_err alert_lineage(ft_store *s, ft_arena *arena, const ft_alert *a, int64_t id) {
    ft_str node, note, parent;
    FT_TRY(ft_lineage_id_number(&node, arena, FT_LINEAGE_ALERT, id));
    FT_TRY(ft_arena_printf(&note, arena, "%.*s on %.*s: %.*s", FT_STR_ARG(a->rule),
                           FT_STR_ARG(a->subject), FT_STR_ARG(a->text)));
    FT_TRY(ft_lineage_node(s, node, note));
    if (!a->verdict_id) return FT_OK;
    FT_TRY(ft_lineage_id_number(&parent, arena, FT_LINEAGE_VERDICT, a->verdict_id));
    return ft_lineage_edge(s, node, parent);
}

/* One for every receiver that is configured, or for those of `to` when it is not NULL. */
static ft_err deliveries_insert(ft_db *db, int64_t id, int64_t now, const ft_receiver *to,
                                size_t count) {
    if (!to)
        return ft_db_run(db,
                         "insert into delivery (alert, sender, target, due_us)"
                         " select ?, sender, target, ? from sender",
                         "ii", id, now);
    for (size_t i = 0; i < count; i++)
        FT_TRY(ft_db_run(db,
                         "insert into delivery (alert, sender, target, due_us) values (?, ?, ?, ?)",
                         "issi", id, to[i].sender, to[i].target, now));
    return FT_OK;
}

static ft_err alert_insert(int64_t *id, ft_store *s, ft_db *db, ft_arena *arena, const ft_alert *a,
                           const ft_receiver *to, size_t count) {
    char uuid[FT_UUID_TEXT];
    int64_t now = ft_clock_now_us();
    if (a->verdict_id) {
        ft_err err = ft_db_one(db, NULL, "select id from alert where verdict = ?", "i", "i",
                               a->verdict_id, id);
        if (err != FT_ENOTFOUND) return err; /* raised before a crash: the same */
    }
    ft_uuid(uuid);
    FT_TRY(ft_db_run(db,
                     "insert into alert (uuid, verdict, subject, rule, text, evidence, raised_us)"
                     " values (?1, nullif(?2, 0), ?3, ?4, ?5, ?6, ?7)",
                     "sissssi", a->uuid.len ? a->uuid : ft_str_of(uuid), a->verdict_id,
                     some(a->subject), some(a->rule), some(a->text),
                     a->evidence_json.len ? a->evidence_json : FT_STR("{}"),
                     a->raised_us ? a->raised_us : now));
    *id = ft_db_last_id(db);
    FT_TRY(deliveries_insert(db, *id, now, to, count));
    return alert_lineage(s, arena, a, *id);
}

static ft_err alert_store(ft_alert *out, ft_store *s, ft_arena *arena, const ft_alert *alert,
                          const ft_receiver *to, size_t count) {
    ft_db *db;
    int64_t id;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_begin(db));
    ft_err err = alert_insert(&id, s, db, arena, alert, to, count);
    if (err != FT_OK) ft_db_rollback(db);
    FT_TRY(err);
    ft_db_durable(db);
    FT_TRY(ft_db_commit(db));
    return out ? alert_get(out, db, arena, id) : FT_OK;
}

ft_err ft_alert_raise(ft_alert *out, ft_store *s, ft_arena *arena, const ft_alert *alert) {
    return alert_store(out, s, arena, alert, NULL, 0);
}

ft_err ft_alert_send(ft_alert *out, ft_store *s, ft_arena *arena, const ft_alert *alert,
                     const ft_receiver *to, size_t count) {
    static const ft_receiver none;
    return alert_store(out, s, arena, alert, to ? to : &none, count);
}

ft_err ft_alert_list(ft_alert **out, size_t *count, ft_store *s, ft_arena *arena, size_t limit) {
    ft_db *db;
    ft_rows *rows;
    int64_t total;
    *out = NULL, *count = 0;
    FT_TRY(ft_watch_db(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(*) from alert", "", "i", &total));
    if ((uint64_t)total < limit) limit = (size_t)total;
    FT_TRY(ft_arena_items(out, arena, limit + 1));
    FT_TRY(ft_db_query(&rows, db,
                       "select " ALERT_COLUMNS " from alert a order by a.id desc limit ?", "i",
                       (int64_t)limit));
    ft_err err = FT_OK;
    while (err == FT_OK && *count < limit && ft_rows_next(rows))
        err = alert_read(&(*out)[(*count)++], rows, arena);
    ft_err end = ft_rows_end(rows);
    FT_TRY(err);
    return end;
}

ft_err ft_alert_json(ft_str *out, const ft_alert *a, ft_arena *arena) {
    ft_buf buf = { 0 };
    ft_json_out w;
    char time[FT_TIME_TEXT];
    ft_str lineage;
    FT_TRY(ft_lineage_id_number(&lineage, arena, FT_LINEAGE_ALERT, a->id));
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "id"), ft_json_out_str(&w, a->uuid);
    ft_json_out_name(&w, "subject"), ft_json_out_str(&w, a->subject);
    ft_json_out_name(&w, "rule"), ft_json_out_str(&w, a->rule);
    ft_json_out_name(&w, "reason"), ft_json_out_str(&w, a->text);
    ft_json_out_name(&w, "evidence"), ft_json_out_raw(&w, a->evidence_json);
    ft_json_out_name(&w, "raised_at");
    ft_json_out_text(&w, ft_time_iso(time, a->raised_us, true));
    ft_json_out_name(&w, "verdict");
    if (a->verdict_id)
        ft_json_out_i64(&w, a->verdict_id);
    else
        ft_json_out_null(&w);
    ft_json_out_name(&w, "lineage"), ft_json_out_str(&w, lineage);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

/* ---- deliveries */

typedef struct delivery {
    int64_t id, alert, attempts;
    ft_str sender, target;
    int64_t lease_until_us, lease_pid, lease_started;
} delivery;

static ft_err due_list(delivery *list, size_t *count, ft_db *db, ft_arena *arena, int64_t now) {
    ft_rows *rows;
    FT_TRY(ft_db_query(&rows, db,
                       "select id, alert, attempts, sender, target, lease_until_us, lease_pid,"
                       " lease_started from delivery where delivered_us is null and due_us <= ?"
                       " order by due_us, id limit ?",
                       "in", now, OUTBOX_AT_ONCE));
    ft_err err = FT_OK;
    for (*count = 0; err == FT_OK && *count < OUTBOX_AT_ONCE && ft_rows_next(rows); (*count)++) {
        delivery *d = &list[*count];
        ft_rows_read(rows, "iiissiii", &d->id, &d->alert, &d->attempts, &d->sender, &d->target,
                     &d->lease_until_us, &d->lease_pid, &d->lease_started);
        err = ft_arena_str(&d->sender, arena, d->sender);
        if (err == FT_OK) err = ft_arena_str(&d->target, arena, d->target);
    }
    ft_err end = ft_rows_end(rows);
    return err != FT_OK ? err : end;
}

/* Take it for this process; false when another has it. The row must still be as it was read. */
static ft_err delivery_lease(bool *taken, ft_db *db, const delivery *d, int64_t now) {
    uint64_t started;
    *taken = false;
    if (d->lease_until_us > now && ft_pid_alive((pid_t)d->lease_pid, (uint64_t)d->lease_started))
        return FT_OK;
    FT_TRY(ft_pid_started(&started, getpid()));
    FT_TRY(ft_db_run(db,
                     "update delivery set lease_until_us = ?, lease_pid = ?, lease_started = ?,"
                     " attempts = attempts + 1 where id = ? and delivered_us is null"
                     " and attempts = ? and lease_until_us = ?",
                     "iiiiii", now + LEASE_US, (int64_t)getpid(), (int64_t)started, d->id,
                     d->attempts, d->lease_until_us));
    *taken = ft_db_changes(db) == 1;
    return FT_OK;
}

static int64_t backoff_us(int64_t attempts) {
    int64_t wait = BACKOFF_FIRST_US;
    for (int64_t i = 0; i < attempts && wait < BACKOFF_LAST_US; i++) wait *= 2;
    return wait < BACKOFF_LAST_US ? wait : BACKOFF_LAST_US;
}

static ft_err delivery_send(ft_store *s, ft_db *db, const delivery *d, ft_arena *arena) {
    const ft_sender *sender = sender_of(d->sender);
    ft_alert alert;
    if (!sender) return no_sender(d->sender);
    FT_TRY(alert_get(&alert, db, arena, d->alert));
    return sender->send(s, d->target, &alert, arena);
}

static ft_err delivery_try(bool *sent, bool *failed, ft_store *s, ft_db *db, const delivery *d,
                           ft_arena *arena) {
    bool taken;
    *sent = *failed = false;
    FT_TRY(delivery_lease(&taken, db, d, ft_clock_now_us()));
    if (!taken) return FT_OK;
    ft_err err = delivery_send(s, db, d, arena);
    int64_t now = ft_clock_now_us();
    if (err == FT_OK) {
        *sent = true;
        return ft_db_run(db,
                         "update delivery set delivered_us = ?, lease_until_us = 0, failure = ''"
                         " where id = ?",
                         "ii", now, d->id);
    }
    *failed = true;
    ft_log(FT_LOG_WARN, "watch", "alert to %.*s: %s", FT_STR_ARG(d->target), ft_err_why());
    return ft_db_run(db,
                     "update delivery set due_us = ?, lease_until_us = 0, failure = ? where id = ?",
                     "isi", now + backoff_us(d->attempts), ft_str_of(ft_err_why()), d->id);
}

/* A receiver that just failed is not asked again in the same run: one that hangs costs one timeout,
 * however much waits for it. */
static bool is_down(const delivery *list, const bool *failed, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (failed[k] && ft_str_eq(list[k].sender, list[i].sender) &&
            ft_str_eq(list[k].target, list[i].target))
            return true;
    return false;
}

ft_err ft_outbox_run_until(ft_store *s, int *sent, int *left, atomic_bool *given_up) {
    ft_arena arena = FT_ARENA_INIT(0), once = FT_ARENA_INIT(0);
    delivery *list = NULL;
    bool failed[OUTBOX_AT_ONCE] = { false };
    size_t count = 0;
    ft_db *db;
    ft_err err;
    *sent = *left = 0;
    FT_GOTO(err, ft_watch_db(&db, s));
    FT_GOTO(err, ft_arena_items(&list, &arena, OUTBOX_AT_ONCE));
    FT_GOTO(err, due_list(list, &count, db, &arena, ft_clock_now_us()));
    for (size_t i = 0; i < count && !atomic_load(given_up); i++) {
        bool done;
        if (is_down(list, failed, i)) continue;
        ft_arena_reset(&once);
        FT_GOTO(err, delivery_try(&done, &failed[i], s, db, &list[i], &once));
        *sent += done;
    }
    FT_GOTO(err, ft_db_one(db, NULL, "select count(*) from delivery where delivered_us is null", "",
                           "n", left));
done:
    ft_arena_fini(&once);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_outbox_run(ft_store *s, int *sent, int *left) {
    atomic_bool given_up = false;
    return ft_outbox_run_until(s, sent, left, &given_up);
}
