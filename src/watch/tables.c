/* tables.c -- see tables_in.h. Steps are never edited once released: a change is a new step. */
#include "watch/tables_in.h"

#include "base/check.h"

static const char *const steps[] = {
    "create table watch ("
    " id integer primary key, subject text not null, name text not null, rule text not null,"
    " rule_text text not null default '', params text not null default '{}',"
    " actions text not null default '', trial_uri text not null default '',"
    " stream_key text not null default '', window_us integer not null, every_us integer not null,"
    " hold integer not null, quiet_us integer not null, evaluation_job text not null,"
    " status text not null, details text not null default '', evaluated integer,"
    " streak integer not null default 0, acted_us integer, created_us integer not null,"
    " modified_us integer not null, unique (subject, name))",
    "create table verdict ("
    " id integer primary key, watch integer not null references watch (id), at integer not null,"
    " through integer not null, evaluations integer not null default 1, outcome text not null,"
    " reason text not null default '', evidence text not null default '',"
    " fired integer not null default 0, stored_us integer not null, unique (watch, at))",
    /* What a verdict asked for: a row appears with the verdict, `done_us` when it was done. */
    "create table verdict_action ("
    " verdict integer not null references verdict (id), ordinal integer not null,"
    " action text not null, attempts integer not null default 0, done_us integer,"
    " failure text not null default '', primary key (verdict, ordinal)) without rowid",
    "create index verdict_action_open on verdict_action (verdict) where done_us is null",
    "create table alert ("
    " id integer primary key, uuid text not null unique, verdict integer unique,"
    " subject text not null, rule text not null, text text not null, evidence text not null,"
    " raised_us integer not null)",
    "create table sender ("
    " sender text not null, target text not null, primary key (sender, target)) without rowid",
    "create table delivery ("
    " id integer primary key, alert integer not null references alert (id), sender text not null,"
    " target text not null, attempts integer not null default 0, due_us integer not null,"
    " lease_until_us integer not null default 0, lease_pid integer not null default 0,"
    " lease_started integer not null default 0, failure text not null default '',"
    " delivered_us integer, unique (alert, sender, target))",
    "create index delivery_due on delivery (due_us) where delivered_us is null",
};

ft_err ft_watch_db(ft_db **out, ft_store *s) {
    ft_db *db = ft_store_db(s);
    FT_TRY(ft_db_migrate(db, "watch", steps, FT_COUNT(steps)));
    *out = db;
    return FT_OK;
}
