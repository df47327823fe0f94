/* writer.c -- appending to a stream: the growing segment of one writer. See stream.h.
 *
 * A record goes to the kernel by one pwrite(2) at the known end of the file, so what a failed write
 * left is cut off and no reader ever sees half a record as one. The SHA-256 of the file runs along
 * (0.3 µs for a line of 500 bytes), so that sealing 64 MiB does not stop the writer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "store/objects.h"
#include "streams/format.h"
#include "streams/segments_in.h"

#define SYNC_US     ((int64_t)100000) /* when the options say nothing */
#define FLUSH_US    ((int64_t)5000)   /* a buffered record waits at most this long */
#define BLOCK_BYTES ((size_t)32768)   /* 1.2 GB/s there; twice the size gains under 2 % */
#define HOUR_US     (3600 * FT_SECOND_US)
#define BUF_LIMIT   (FT_RECORD_BYTES_MAX + ((size_t)1 << 20))
#define BUF_KEEP    ((size_t)1 << 20) /* memory kept for the next record */
#define NEVER       INT64_MAX

struct ft_stream_writer {
    ft_store *s;
    const ft_stream_kind *kind;
    ft_arena texts; /* life of the writer */
    ft_str key, bucket, prefix;
    int64_t sync_us, bytes_max;
    bool buffered;

    /* the segment; fd < 0: none yet */
    int fd;
    ft_segment segment; /* counts what is in the file */
    char uri[FT_KEY_BYTES_MAX + 80];
    ft_hasher *hasher;   /* NULL: it failed, the file is read when it is sealed */
    int64_t hour_end;    /* of an hourly stream: first order of the next hour */
    int64_t newest;      /* largest order appended */
    int64_t unsynced_us; /* monotonic time of the oldest write that is not synced; NEVER: none */

    /* the block in the making (buffered), or the record being written */
    ft_buf buf;
    uint32_t waiting; /* records in it */
    int64_t waiting_first, waiting_last, waiting_since_us;
};

/* ---- opening ---- */

static ft_err set_place(ft_stream_writer *w, const ft_stream_opts *opts) {
    ft_uri uri;
    ft_str text, folder, given = ft_str_of(opts->uri);
    if (given.len) {
        FT_TRY(ft_arena_str(&text, &w->texts, given));
    } else {
        FT_TRY(ft_key_folder(&folder, &w->texts, w->key));
        FT_TRY(ft_arena_printf(&text, &w->texts, "s3://" FT_BUCKET_DEFAULT "/%s/%.*s",
                               w->kind->name, FT_STR_ARG(folder)));
    }
    while (ft_str_ends(text, FT_STR("/"))) text.len--;
    if (opts->variant && *opts->variant)
        FT_TRY(ft_arena_printf(&text, &w->texts, "%.*s/%s", FT_STR_ARG(text), opts->variant));
    FT_TRY(ft_uri_parse(&uri, text));
    w->bucket = uri.bucket;
    w->prefix = uri.key;
    return FT_OK;
}

static void check_kind(const ft_stream_kind *kind) {
    int columns = ft_stream_columns(kind); /* checks order_column */
    FT_CHECK(kind->columns[kind->order_column].type == FT_VALUE_INT);
    FT_CHECK(kind->format->next); /* other formats are written by their own room */
    FT_CHECK(columns > 0 && (!kind->hourly || ft_stream_order(kind) == FT_ORDER_TIME));
}

ft_err ft_stream_write(ft_stream_writer **out, ft_store *s, const ft_stream_kind *kind, ft_str key,
                       const ft_stream_opts *opts) {
    static const ft_stream_opts defaults;
    ft_err err = FT_OK;
    *out = NULL;
    check_kind(kind);
    if (!opts) opts = &defaults;
    if (key.len == 0 || !ft_str_utf8(key))
        return FT_FAIL(FT_EINVAL, "stream '%s': the %s must be a text that is not empty",
                       kind->name, kind->key);
    FT_TRY(ft_streams_ready(s));
    ft_stream_writer *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory to write stream '%s'", kind->name);
    w->s = s;
    w->kind = kind;
    w->fd = -1;
    w->unsynced_us = NEVER;
    w->buf.limit_bytes = BUF_LIMIT;
    w->sync_us = opts->sync_us > 0 ? opts->sync_us : SYNC_US;
    w->bytes_max = kind->segment_bytes_max > 0 ? kind->segment_bytes_max : FT_SEGMENT_BYTES_MAX;
    w->buffered = opts->buffered && kind->format->encode;
    FT_GOTO(err, ft_arena_str(&w->key, &w->texts, key));
    FT_GOTO(err, set_place(w, opts));
    *out = w;
    w = NULL;
done:
    if (w) ft_stream_close(w);
    return err;
}

/* ---- the segment ---- */

/* s3://bucket/prefix/2022/02/14/17/25-49-123-<uuid>.jsonl, or …/20220214T172549123-<uuid>.rows */
static ft_err name_segment(ft_stream_writer *w, int64_t order) {
    char uuid[FT_UUID_TEXT];
    int64_t us = ft_stream_order(w->kind) == FT_ORDER_TIME ? order : ft_clock_now_us();
    ft_date d = ft_time_date(us);
    int ms = (int)(us % FT_SECOND_US / 1000);
    if (ms < 0) ms = 0;
    ft_uuid(uuid);
    int head = snprintf(w->uri, sizeof w->uri, "s3://%.*s/%.*s%s", FT_STR_ARG(w->bucket),
                        FT_STR_ARG(w->prefix), w->prefix.len ? "/" : "");
    size_t room = sizeof w->uri - (size_t)head;
    int tail =
        w->kind->hourly
            ? snprintf(w->uri + head, room, "%04d/%02d/%02d/%02d/%02d-%02d-%03d-%s%s", d.year,
                       d.month, d.day, d.hour, d.minute, d.second, ms, uuid,
                       w->kind->format->suffix)
            : snprintf(w->uri + head, room, "%04d%02d%02dT%02d%02d%02d%03d-%s%s", d.year, d.month,
                       d.day, d.hour, d.minute, d.second, ms, uuid, w->kind->format->suffix);
    if (head + tail >= (int)sizeof w->uri)
        return FT_FAIL(FT_EINVAL, "stream '%s': the prefix '%.80s…' is too long", w->kind->name,
                       w->uri);
    w->hour_end = w->kind->hourly ? (us / HOUR_US + (us >= 0)) * HOUR_US : NEVER;
    return FT_OK;
}

static ft_err write_start(ft_stream_writer *w) {
    ft_buf head = { 0 };
    const ft_segment_format *format = w->kind->format;
    ft_err err = format->start ? format->start(&head, w->kind) : FT_OK;
    if (err == FT_OK && head.len) err = ft_fd_write(w->fd, head.at, head.len, w->uri);
    if (err == FT_OK) err = ft_hasher_new(&w->hasher, false);
    if (err == FT_OK && head.len) err = ft_hasher_add(w->hasher, head.at, head.len);
    w->segment.bytes = head.len;
    ft_buf_fini(&head);
    return err;
}

/* In a transaction: a row without a file, or the other way round, is never seen. */
static ft_err make_segment(ft_stream_writer *w) {
    ft_uri uri;
    FT_TRY(ft_uri_parse(&uri, w->segment.uri));
    FT_TRY(ft_segment_insert(&w->segment.id, w->s, w->kind, w->key, w->segment.uri));
    FT_TRY(ft_object_create(&w->fd, w->s, uri.bucket, uri.key));
    FT_TRY(write_start(w));
    /* listed from now on; its size and hash follow whenever it is looked at, and when it is sealed
     */
    return ft_object_adopt(NULL, w->s, uri.bucket, uri.key, NULL);
}

static void forget_segment(ft_stream_writer *w) {
    ft_fd_close(&w->fd);
    ft_hasher_free(w->hasher);
    w->hasher = NULL;
    w->segment = (ft_segment){ 0 };
    w->unsynced_us = NEVER;
}

static ft_err open_segment(ft_stream_writer *w, int64_t order) {
    ft_db *db = ft_store_db(w->s);
    FT_TRY(name_segment(w, order));
    w->segment = (ft_segment){ .uri = ft_str_of(w->uri), .key = w->key };
    FT_TRY(ft_db_begin(db));
    ft_db_durable(db);
    ft_err err = make_segment(w);
    bool made = w->fd >= 0;
    if (err == FT_OK)
        err = ft_db_commit(db);
    else
        ft_db_rollback(db);
    if (err == FT_OK) return FT_OK;
    forget_segment(w);
    ft_uri uri;
    if (made && ft_uri_parse(&uri, ft_str_of(w->uri)) == FT_OK) {
        ft_err cleaned = ft_object_remove(w->s, uri.bucket, uri.key);
        if (cleaned != FT_OK) ft_log_err(FT_LOG_WARN, "streams", cleaned, w->uri);
    }
    return err;
}

/* ---- bytes to the file ---- */

static ft_err write_at_end(ft_stream_writer *w, const char *at, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = ft_fault_here()
                        ? (errno = EIO, -1)
                        : pwrite(w->fd, at + done, len - done, (off_t)(w->segment.bytes + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            ft_err err = FT_FAIL_ERRNO("cannot append to '%s'", w->uri);
            if (done && ftruncate(w->fd, (off_t)w->segment.bytes) != 0)
                ft_log(FT_LOG_ERROR, "streams", "'%s': half a record stands after byte %llu",
                       w->uri, (unsigned long long)w->segment.bytes);
            return err;
        }
        done += (size_t)n;
    }
    return FT_OK;
}

static void count(ft_stream_writer *w, size_t len, uint32_t records, int64_t first, int64_t last) {
    ft_segment *g = &w->segment;
    if (g->records == 0 || first < g->first) g->first = first;
    if (g->records == 0 || last > g->last) g->last = last;
    g->records += records;
    g->bytes += len;
}

/* What is in the buffer, with `records` of orders first … last, becomes part of the stream. */
static ft_err write_out(ft_stream_writer *w, uint32_t records, int64_t first, int64_t last) {
    FT_TRY(w->buf.err);
    FT_TRY(write_at_end(w, w->buf.at, w->buf.len));
    if (w->hasher && ft_hasher_add(w->hasher, w->buf.at, w->buf.len) != FT_OK) {
        ft_err_clear(); /* the record is written: sealing reads the file instead */
        ft_hasher_free(w->hasher);
        w->hasher = NULL;
    }
    count(w, w->buf.len, records, first, last);
    ft_buf_reset(&w->buf);
    if (w->buf.capacity > BUF_KEEP) {
        ft_buf_fini(&w->buf);
        w->buf.limit_bytes = BUF_LIMIT;
    }
    return FT_OK;
}

static ft_err sync_when_due(ft_stream_writer *w, int64_t now) {
    if (w->unsynced_us == NEVER || now - w->unsynced_us < w->sync_us) return FT_OK;
    FT_TRY(ft_fd_sync(w->fd, w->uri));
    w->unsynced_us = NEVER;
    return FT_OK;
}

/* After a write: note its time, and sync when an earlier one has waited long enough. */
static ft_err written(ft_stream_writer *w, int64_t now) {
    if (w->unsynced_us == NEVER) w->unsynced_us = now;
    return sync_when_due(w, now);
}

static ft_err flush_block(ft_stream_writer *w) {
    const ft_segment_format *format = w->kind->format;
    if (w->waiting == 0) return FT_OK;
    if (format->block_tail) FT_TRY(format->block_tail(&w->buf, 0, w->waiting));
    FT_TRY(write_out(w, w->waiting, w->waiting_first, w->waiting_last));
    w->waiting = 0;
    return FT_OK;
}

/* ---- sealing ---- */

static ft_err seal(ft_stream_writer *w) {
    char sha256[FT_SHA256_HEX];
    if (w->fd < 0) return FT_OK;
    FT_TRY(flush_block(w));
    FT_TRY(ft_fd_sync(w->fd, w->uri));
    w->unsynced_us = NEVER;
    bool hashed = w->hasher && ft_hasher_end(w->hasher, sha256, NULL) == FT_OK;
    ft_hasher_free(w->hasher);
    w->hasher = NULL;
    FT_TRY(ft_segment_seal(w->s, &w->segment, hashed ? sha256 : NULL));
    forget_segment(w);
    return FT_OK;
}

/* The segment that a record of this order belongs to. */
static ft_err segment_for(ft_stream_writer *w, int64_t order) {
    if (w->fd >= 0 && order < w->hour_end && w->segment.bytes + w->buf.len < (uint64_t)w->bytes_max)
        return FT_OK;
    if (w->fd >= 0) FT_TRY(seal(w));
    return open_segment(w, order);
}

/* Readers are told before they can meet the record. */
static ft_err check_order(ft_stream_writer *w, int64_t order) {
    bool first = w->segment.records + w->waiting == 0;
    if (first || order >= w->newest) {
        w->newest = order;
        return FT_OK;
    }
    if (w->segment.unordered) return FT_OK;
    FT_TRY(ft_segment_set_unordered(w->s, w->segment.id));
    w->segment.unordered = true;
    return FT_OK;
}

/* ---- appending ---- */

static ft_err append_now(ft_stream_writer *w, const ft_value *values, int64_t order) {
    const ft_segment_format *format = w->kind->format;
    ft_buf_reset(&w->buf);
    if (format->block_head) FT_TRY(format->block_head(&w->buf));
    FT_TRY(format->encode(&w->buf, w->kind, values));
    FT_TRY(w->buf.err);
    if (format->block_tail) FT_TRY(format->block_tail(&w->buf, 0, 1));
    FT_TRY(write_out(w, 1, order, order));
    return written(w, ft_clock_monotonic_us());
}

static ft_err append_buffered(ft_stream_writer *w, const ft_value *values, int64_t order) {
    const ft_segment_format *format = w->kind->format;
    int64_t now = ft_clock_monotonic_us();
    /* first make room: when that fails, this record is not taken */
    if (w->waiting && (w->buf.len >= BLOCK_BYTES || now - w->waiting_since_us >= FLUSH_US)) {
        FT_TRY(flush_block(w));
        FT_TRY(written(w, now));
    }
    size_t before = w->waiting ? w->buf.len : 0;
    if (w->waiting == 0) ft_buf_reset(&w->buf);
    ft_err err = w->waiting == 0 && format->block_head ? format->block_head(&w->buf) : FT_OK;
    if (err == FT_OK) err = format->encode(&w->buf, w->kind, values);
    if (err == FT_OK) err = w->buf.err;
    if (err != FT_OK) {
        w->buf.len = before;
        w->buf.err = FT_OK;
        return err;
    }
    if (w->waiting++ == 0) {
        w->waiting_first = w->waiting_last = order;
        w->waiting_since_us = now;
    }
    if (order < w->waiting_first) w->waiting_first = order;
    if (order > w->waiting_last) w->waiting_last = order;
    return FT_OK;
}

ft_err ft_stream_append(ft_stream_writer *w, const ft_value *values) {
    const ft_value *order = &values[w->kind->order_column];
    FT_CHECK(w->kind->format->encode);
    if (order->type != FT_VALUE_INT)
        return FT_FAIL(FT_EINVAL,
                       "stream '%s': column '%s' orders the records and must be an integer",
                       w->kind->name, w->kind->columns[w->kind->order_column].name);
    FT_TRY(segment_for(w, order->i));
    FT_TRY(check_order(w, order->i));
    return w->buffered ? append_buffered(w, values, order->i) : append_now(w, values, order->i);
}

ft_err ft_stream_append_raw(ft_stream_writer *w, int64_t order, ft_str line) {
    FT_CHECK(w->kind->format->text);
    if (line.len == 0 || line.len > FT_RECORD_BYTES_MAX || memchr(line.at, '\n', line.len))
        return FT_FAIL(FT_EINVAL, "stream '%s': a record must be one line of 1 to %zu bytes",
                       w->kind->name, FT_RECORD_BYTES_MAX);
    FT_TRY(flush_block(w));
    FT_TRY(segment_for(w, order));
    FT_TRY(check_order(w, order));
    ft_buf_reset(&w->buf);
    ft_buf_add(&w->buf, line);
    FT_TRY(ft_buf_byte(&w->buf, '\n'));
    FT_TRY(write_out(w, 1, order, order));
    return written(w, ft_clock_monotonic_us());
}

ft_err ft_stream_flush(ft_stream_writer *w) {
    if (w->waiting == 0) return FT_OK;
    FT_TRY(flush_block(w));
    return written(w, ft_clock_monotonic_us());
}

ft_err ft_stream_tick(ft_stream_writer *w) {
    if (w->fd < 0) return FT_OK;
    int64_t now = ft_clock_monotonic_us();
    if (w->waiting && now - w->waiting_since_us >= FLUSH_US) FT_TRY(ft_stream_flush(w));
    if (w->kind->hourly && ft_clock_now_us() >= w->hour_end) return seal(w);
    return sync_when_due(w, now);
}

ft_str ft_stream_segment(const ft_stream_writer *w) {
    return w->fd >= 0 ? ft_str_of(w->uri) : FT_STR("");
}

ft_err ft_stream_close(ft_stream_writer *w) {
    if (!w) return FT_OK;
    ft_err err = seal(w);
    ft_fd_close(&w->fd);
    ft_hasher_free(w->hasher);
    ft_buf_fini(&w->buf);
    ft_arena_fini(&w->texts);
    free(w);
    return err;
}
