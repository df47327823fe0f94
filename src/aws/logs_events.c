/* logs_events.c -- CloudWatch Logs: events read, searched and written.
 *
 * Tokens of GetLogEvents are places in a stream: "f/7" goes on with the eighth event, "b/7" gives
 * those before it. At the end the token that was given comes back: that is how clients know. */
#include <stdio.h>
#include <stdlib.h>

#include "aws/logs_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "jobs/log.h"
#include "streams/stream.h"

#define EVENTS_MAX      10000
#define ANSWER_BYTES    ((size_t)1 << 20)
#define EVENT_BYTES_MAX ((size_t)256 << 10)
#define DAY_US          (24 * 3600 * FT_SECOND_US)
#define OLD_US          (14 * DAY_US)
#define NEW_US          (2 * 3600 * FT_SECOND_US)
#define TERMS_MAX       32

/* ---- one stream, event by event */

typedef struct reading {
    ft_aws_call *c;
    const ft_logs_stream *stream;
    ft_cursor *cursor;
} reading;

static ft_err reading_begin(reading *r, ft_aws_call *c, const ft_logs_stream *s, int64_t from_us,
                            int64_t until_us) {
    ft_cursor_opts opts = { .key = s->key, .from = from_us, .until = until_us };
    *r = (reading){ .c = c, .stream = s };
    if (from_us == 0 && until_us == INT64_MAX) opts.until = 0;
    return ft_cursor_open(&r->cursor, c->store, &ft_kind_log, &opts);
}

/* The container's formatter writes a tab as #011, and clients look for it. */
static ft_err shown(ft_str *out, const reading *r, ft_str message) {
    ft_buf buf = { 0 };
    *out = message.at ? message : FT_STR("");
    if (!r->stream->is_job || ft_str_find(message, '\t') == message.len) return FT_OK;
    while (message.at) {
        ft_buf_add(&buf, ft_str_cut(&message, '\t'));
        if (message.at) ft_buf_add(&buf, FT_STR("#011"));
    }
    ft_err err = buf.err ? buf.err : ft_arena_str(out, r->c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err event_put(const reading *r, const ft_record *record, bool filtered, int64_t number) {
    ft_aws_call *c = r->c;
    ft_str message, id;
    FT_TRY(shown(&message, r, record->values[FT_LOG_MESSAGE].s));
    ft_json_out_object(&c->json);
    if (filtered) ft_aws_put(c, "logStreamName", r->stream->name);
    ft_aws_put_int(c, "timestamp", record->values[FT_LOG_TIME].i / 1000);
    ft_aws_put(c, "message", message);
    ft_aws_put_int(c, "ingestionTime", record->values[FT_LOG_INGESTED].i / 1000);
    if (filtered) {
        FT_TRY(ft_arena_printf(&id, c->arena, "%020lld%010lld",
                               (long long)record->values[FT_LOG_TIME].i, (long long)number));
        ft_aws_put(c, "eventId", id);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

static ft_err limit_read(int64_t *limit, ft_aws_call *c) {
    FT_TRY(ft_aws_int(limit, c, "limit", EVENTS_MAX));
    if (*limit < 1 || *limit > EVENTS_MAX)
        return ft_aws_fail(c, 400, "InvalidParameterException", "limit: %lld is outside [1, %d]",
                           (long long)*limit, EVENTS_MAX);
    return FT_OK;
}

/* ---- GetLogEvents */

static ft_err count_events(int64_t *out, ft_aws_call *c, const ft_logs_stream *s, int64_t from,
                           int64_t until) {
    reading r;
    ft_record record;
    ft_err err;
    *out = 0;
    FT_TRY(reading_begin(&r, c, s, from, until));
    while ((err = ft_cursor_next(r.cursor, &record)) == FT_OK) (*out)++;
    ft_cursor_close(r.cursor);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* Events [begin, end) into the answer; `*next` is where it stopped. */
static ft_err events_put(int64_t *next, reading *r, int64_t begin, int64_t end) {
    ft_record record;
    ft_err err = FT_OK;
    int64_t i = 0;
    *next = begin;
    for (; i < end && (err = ft_cursor_next(r->cursor, &record)) == FT_OK; i++) {
        if (i < begin) continue;
        if (*next > begin && r->c->out.len > ANSWER_BYTES) return FT_OK;
        FT_TRY(event_put(r, &record, false, i));
        *next = i + 1;
    }
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err token_put(ft_aws_call *c, const char *name, char way, int64_t place) {
    ft_str text;
    FT_TRY(ft_arena_printf(&text, c->arena, "%c/%056lld", way, (long long)place));
    ft_aws_put(c, name, text);
    return FT_OK;
}

/* Which events the call asks for. */
static ft_err place_read(int64_t *begin, int64_t *end, ft_aws_call *c, const ft_logs_stream *s,
                         int64_t from, int64_t until) {
    ft_str token = ft_aws_str(c, "nextToken"), digits = ft_str_from(token, 2);
    int64_t limit, place = 0;
    bool head, forward = ft_str_starts(token, FT_STR("f/"));
    FT_TRY(limit_read(&limit, c));
    FT_TRY(ft_aws_bool(&head, c, "startFromHead", false));
    if (token.len && ((!forward && !ft_str_starts(token, FT_STR("b/"))) ||
                      !ft_str_i64(&place, digits) || place < 0))
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "The specified nextToken is invalid.");
    if (!token.len && !head) FT_TRY(count_events(&place, c, s, from, until));
    if (token.len ? forward : head) {
        *begin = place, *end = place + limit;
        return FT_OK;
    }
    *begin = place > limit ? place - limit : 0, *end = place;
    return FT_OK;
}

ft_err ft_logs_get(ft_aws_call *c) {
    ft_str group;
    ft_logs_stream s;
    reading r;
    int64_t from, until, begin = 0, end = 0, next;
    FT_TRY(ft_logs_group(&group, c));
    FT_TRY(ft_logs_stream_of(&s, c, group, ft_aws_str(c, "logStreamName")));
    FT_TRY(ft_logs_time(&from, c, "startTime", 0));
    FT_TRY(ft_logs_time(&until, c, "endTime", INT64_MAX));
    FT_TRY(place_read(&begin, &end, c, &s, from, until));
    ft_json_out_name(&c->json, "events");
    ft_json_out_array(&c->json);
    FT_TRY(reading_begin(&r, c, &s, from, until));
    ft_err err = events_put(&next, &r, begin, end);
    ft_cursor_close(r.cursor);
    FT_TRY(err);
    ft_json_out_close(&c->json);
    FT_TRY(token_put(c, "nextForwardToken", 'f', next));
    return token_put(c, "nextBackwardToken", 'b', begin);
}

/* ---- FilterLogEvents: terms that must all be there, "quoted phrases", ?any of these, -not this */

typedef struct pattern {
    ft_str must[TERMS_MAX], any[TERMS_MAX], none[TERMS_MAX];
    size_t must_count, any_count, none_count;
} pattern;

static bool has(ft_str text, ft_str part) {
    return !part.len || (text.len >= part.len && memmem(text.at, text.len, part.at, part.len));
}

static ft_err pattern_read(pattern *p, ft_aws_call *c) {
    ft_str rest = ft_str_trim(ft_aws_str(c, "filterPattern"));
    *p = (pattern){ 0 };
    if (rest.len && (rest.at[0] == '{' || rest.at[0] == '[' || rest.at[0] == '%'))
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "filterPattern: patterns over JSON fields, columns and regular "
                           "expressions are not evaluated here; terms are");
    while (rest.at && rest.len) {
        char sign = rest.at[0];
        if (sign == '?' || sign == '-') rest = ft_str_from(rest, 1);
        bool quoted = rest.len && rest.at[0] == '"';
        if (quoted) rest = ft_str_from(rest, 1);
        ft_str term = ft_str_cut(&rest, quoted ? '"' : ' ');
        rest = ft_str_trim(rest);
        if (!term.len) continue;
        if (p->must_count + p->any_count + p->none_count == TERMS_MAX)
            return ft_aws_fail(c, 400, "InvalidParameterException",
                               "filterPattern: more than %d terms", TERMS_MAX);
        if (sign == '?')
            p->any[p->any_count++] = term;
        else if (sign == '-')
            p->none[p->none_count++] = term;
        else
            p->must[p->must_count++] = term;
    }
    return FT_OK;
}

static bool fits(const pattern *p, ft_str message) {
    bool any = p->any_count == 0;
    for (size_t i = 0; i < p->must_count; i++)
        if (!has(message, p->must[i])) return false;
    for (size_t i = 0; i < p->none_count; i++)
        if (has(message, p->none[i])) return false;
    for (size_t i = 0; i < p->any_count; i++) any |= has(message, p->any[i]);
    return any;
}

typedef struct filtering {
    ft_aws_call *c;
    pattern pattern;
    int64_t from, until, skip, limit, seen; /* matching events: to skip, to give, so far */
    bool full;
} filtering;

static ft_err stream_filter(filtering *f, const ft_logs_stream *s) {
    reading r;
    ft_record record;
    ft_err err;
    FT_TRY(reading_begin(&r, f->c, s, f->from, f->until));
    while ((err = ft_cursor_next(r.cursor, &record)) == FT_OK) {
        ft_str message;
        FT_GOTO(err, shown(&message, &r, record.values[FT_LOG_MESSAGE].s));
        if (!fits(&f->pattern, message)) continue;
        if (f->seen >= f->skip) {
            f->full = f->seen - f->skip == f->limit ||
                      (f->seen > f->skip && f->c->out.len > ANSWER_BYTES);
            if (f->full) break;
            FT_GOTO(err, event_put(&r, &record, true, f->seen));
        }
        f->seen++;
    }
done:
    ft_cursor_close(r.cursor);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const ft_logs_stream *)a)->name, ((const ft_logs_stream *)b)->name);
}

static ft_err chosen_streams(ft_logs_stream **out, size_t *count, ft_aws_call *c, ft_str group) {
    size_t named = ft_aws_count(c, "logStreamNames");
    if (!named) {
        FT_TRY(ft_logs_streams(out, count, c, group, ft_aws_str(c, "logStreamNamePrefix")));
        qsort(*out, *count, sizeof **out, by_name);
        return FT_OK;
    }
    FT_TRY(ft_arena_items(out, c->arena, named));
    for (*count = 0; *count < named; (*count)++) {
        char path[48];
        snprintf(path, sizeof path, "logStreamNames.%zu", *count);
        FT_TRY(ft_logs_stream_of(&(*out)[*count], c, group, ft_aws_str(c, path)));
    }
    return FT_OK;
}

ft_err ft_logs_filter(ft_aws_call *c) {
    filtering f = { .c = c };
    ft_str group, token = ft_aws_str(c, "nextToken"), next;
    ft_logs_stream *streams = NULL;
    size_t count = 0;
    FT_TRY(ft_logs_group(&group, c));
    FT_TRY(ft_logs_time(&f.from, c, "startTime", 0));
    FT_TRY(ft_logs_time(&f.until, c, "endTime", INT64_MAX));
    FT_TRY(limit_read(&f.limit, c));
    FT_TRY(pattern_read(&f.pattern, c));
    if (token.len && (!ft_str_i64(&f.skip, token) || f.skip < 0))
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "The specified nextToken is invalid.");
    FT_TRY(chosen_streams(&streams, &count, c, group));
    ft_json_out_name(&c->json, "events");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count && !f.full; i++) FT_TRY(stream_filter(&f, &streams[i]));
    ft_json_out_close(&c->json);
    ft_json_out_name(&c->json, "searchedLogStreams");
    ft_json_out_array(&c->json);
    ft_json_out_close(&c->json);
    if (!f.full) return FT_OK;
    FT_TRY(ft_arena_printf(&next, c->arena, "%lld", (long long)f.seen));
    ft_aws_put(c, "nextToken", next);
    return FT_OK;
}

/* ---- PutLogEvents */

typedef struct given {
    int64_t time_us;
    ft_str message;
} given;

static ft_err events_read(given **out, size_t *count, ft_aws_call *c) {
    *count = ft_aws_count(c, "logEvents");
    if (*count < 1 || *count > EVENTS_MAX)
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "logEvents: %zu events, expected 1 to %d", *count, EVENTS_MAX);
    FT_TRY(ft_arena_items(out, c->arena, *count));
    ft_str raw = ft_aws_raw(c, "logEvents"), name;
    ft_json j;
    size_t i = 0;
    ft_json_init(&j, raw, c->arena, &(ft_json_opts){ .name = "logEvents" });
    FT_TRY(ft_json_enter_array(&j));
    for (; ft_json_next_item(&j) && i < *count; i++) {
        given *g = &(*out)[i];
        FT_TRY(ft_json_enter_object(&j));
        while (ft_json_next_member(&j, &name)) {
            int64_t ms;
            if (ft_str_is(name, "timestamp")) {
                FT_TRY(ft_json_i64(&j, &ms));
                g->time_us = ms > INT64_MAX / 1000 || ms < 0 ? INT64_MAX : ms * 1000;
            } else if (ft_str_is(name, "message"))
                FT_TRY(ft_json_string(&j, &g->message));
        }
        FT_TRY(j.err);
        if (!g->message.len || g->message.len > EVENT_BYTES_MAX)
            return ft_aws_fail(c, 400, "InvalidParameterException",
                               "Log event too large or empty: %zu bytes, expected 1 to %zu",
                               g->message.len, EVENT_BYTES_MAX);
        if (i && g->time_us < g[-1].time_us)
            return ft_aws_fail(c, 400, "InvalidParameterException",
                               "Log events in a single PutLogEvents request must be in "
                               "chronological order.");
    }
    FT_TRY(ft_json_end(&j));
    if ((*out)[*count - 1].time_us - (*out)[0].time_us > DAY_US)
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "The batch of log events in a single PutLogEvents request cannot span "
                           "more than 24 hours.");
    return FT_OK;
}

static ft_err events_write(ft_aws_call *c, const ft_logs_stream *s, const given *list, size_t begin,
                           size_t end, int64_t now_us) {
    ft_stream_writer *w;
    ft_err err = FT_OK;
    if (begin >= end) return FT_OK;
    FT_TRY(ft_stream_write(&w, c->store, &ft_kind_log, s->key, NULL));
    for (size_t i = begin; i < end && err == FT_OK; i++) {
        ft_value values[FT_LOG_COLUMNS] = { [FT_LOG_TIME] = ft_value_int(list[i].time_us),
                                            [FT_LOG_MESSAGE] = ft_value_text(list[i].message),
                                            [FT_LOG_INGESTED] = ft_value_int(now_us) };
        err = ft_stream_append(w, values);
    }
    ft_err closed = ft_stream_close(w);
    FT_TRY(err);
    return closed;
}

ft_err ft_logs_put(ft_aws_call *c) {
    ft_str group;
    ft_logs_stream s;
    given *list;
    size_t count, old = 0, end;
    int64_t now_us = ft_clock_now_us();
    FT_TRY(ft_logs_group(&group, c));
    FT_TRY(ft_logs_stream_of(&s, c, group, ft_aws_str(c, "logStreamName")));
    if (s.is_own)
        return ft_aws_fail(c, 400, "InvalidParameterException",
                           "The stream of a job or an endpoint is written by it alone.");
    FT_TRY(events_read(&list, &count, c));
    while (old < count && list[old].time_us < now_us - OLD_US) old++;
    for (end = old; end < count && list[end].time_us <= now_us + NEW_US;) end++;
    FT_TRY(events_write(c, &s, list, old, end, now_us));
    ft_aws_put(c, "nextSequenceToken", FT_STR("1"));
    if (!old && end == count) return FT_OK;
    ft_json_out_name(&c->json, "rejectedLogEventsInfo");
    ft_json_out_object(&c->json);
    if (old) ft_aws_put_int(c, "tooOldLogEventEndIndex", (int64_t)old);
    if (end < count) ft_aws_put_int(c, "tooNewLogEventStartIndex", (int64_t)end);
    ft_json_out_close(&c->json);
    return FT_OK;
}
