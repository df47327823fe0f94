/* capture.c -- writing captured predictions; see capture.h. The line is built in a buffer that is
 * kept, its fixed parts are copied whole, and the time's text is made once a second. */
#include "monitor/capture.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/number.h"

#define LINE_OVERHEAD_BYTES 1024              /* everything in a line but the two bodies */
#define LINE_KEEP_BYTES     ((size_t)4 << 20) /* a longer line's memory is given back after it */

struct ft_capture {
    ft_stream_writer *writer;
    ft_buf line;
    int64_t second;          /* whose text is kept; -1 at first */
    char time[FT_TIME_TEXT]; /* "2022-02-14T17:25:49Z" */
    ft_capture_opts opts;    /* texts in the arena */
    ft_arena arena;
};

/* ---- event ids: RFC 9562, version 7 with the sub-millisecond part in rand_a (its method 3) */

#define SUBMS_STEPS 4096

static void put_hex(char *out, uint64_t value, int digits) {
    static const char hex[] = "0123456789abcdef";
    for (int i = digits - 1; i >= 0; i--, value >>= 4) out[i] = hex[value & 15];
}

void ft_capture_id(char out[FT_UUID_TEXT], int64_t time_us, ft_random *r) {
    uint64_t ms = (uint64_t)time_us / 1000, us = (uint64_t)time_us % 1000,
             random = ft_random_u64(r);
    uint64_t fraction =
        (us * SUBMS_STEPS + 999) / 1000; /* rounded up, so that the way back is exact */
    put_hex(out, ms >> 16, 8);
    out[8] = '-';
    put_hex(out + 9, ms & 0xffff, 4);
    out[13] = '-';
    put_hex(out + 14, 0x7000 | fraction, 4);
    out[18] = '-';
    put_hex(out + 19, 0x8000 | (random >> 50), 4);
    out[23] = '-';
    put_hex(out + 24, random & 0xffffffffffff, 12);
    out[36] = '\0';
}

int64_t ft_capture_id_time(ft_str id) {
    uint64_t head = 0; /* 48 bits of milliseconds, version, 12 bits of fraction */
    if (id.len != FT_UUID_TEXT - 1) return -1;
    for (size_t i = 0; i < 18; i++) {
        if (i == 8 || i == 13) {
            if (id.at[i] != '-') return -1;
            continue;
        }
        int digit = ft_hex_digit(id.at[i]);
        if (digit < 0) return -1;
        head = head << 4 | (uint64_t)digit;
    }
    if ((head >> 12 & 15) != 7) return -1;
    return (int64_t)((head >> 16) * 1000 + (head & (SUBMS_STEPS - 1)) * 1000 / SUBMS_STEPS);
}

/* ---- lines */

typedef enum encoding { ENCODING_CSV, ENCODING_JSON, ENCODING_BASE64 } encoding;
static const char *const encoding_tail[] = { ",\"encoding\":\"CSV\"}", ",\"encoding\":\"JSON\"}",
                                             ",\"encoding\":\"BASE64\"}" };

/* Is `type` one of "text/csv|text/plain"? */
static bool is_listed(ft_str list, ft_str type) {
    while (list.at)
        if (ft_str_ieq(ft_str_cut(&list, '|'), type)) return true;
    return false;
}

/* By the media type without its parameters. */
static encoding encoding_of(const ft_capture *c, const ft_payload *p) {
    ft_str type = ft_str_trim(ft_str_slice(p->content_type, 0, ft_str_find(p->content_type, ';')));
    encoding e = ENCODING_BASE64;
    if (is_listed(c->opts.csv_types, type))
        e = ENCODING_CSV;
    else if (is_listed(c->opts.json_types, type))
        e = ENCODING_JSON;
    return e == ENCODING_BASE64 || ft_str_utf8(p->bytes) ? e : ENCODING_BASE64;
}

static void add_body(ft_capture *c, ft_str head, const ft_payload *p, ft_str mode) {
    ft_buf *line = &c->line;
    encoding e = encoding_of(c, p);
    ft_buf_add(line, head);
    ft_json_quote(line, p->content_type);
    ft_buf_add(line, mode);
    if (e == ENCODING_BASE64) {
        ft_buf_byte(line, '"');
        ft_base64_add(line, p->bytes);
        ft_buf_byte(line, '"');
    } else {
        ft_json_quote(line, p->bytes);
    }
    ft_buf_add(line, ft_str_of(encoding_tail[e]));
}

static void add_event(ft_capture *c, ft_str event_id, int64_t time_us, ft_str inference_id,
                      ft_str custom_attributes) {
    ft_buf *line = &c->line;
    if (time_us / FT_SECOND_US != c->second) {
        c->second = time_us / FT_SECOND_US;
        ft_time_iso(c->time, time_us, false);
    }
    ft_buf_add(line, FT_STR("},\"eventMetadata\":{\"eventId\":"));
    ft_json_quote(line, event_id);
    if (custom_attributes.len) {
        ft_buf_add(line, FT_STR(",\"customAttributes\":["));
        ft_json_quote(line, custom_attributes);
        ft_buf_byte(line, ']');
    }
    if (inference_id.len) {
        ft_buf_add(line, FT_STR(",\"inferenceId\":"));
        ft_json_quote(line, inference_id);
    }
    ft_buf_add(line, FT_STR(",\"inferenceTime\":\""));
    ft_buf_add(line, ft_str_of(c->time));
    ft_buf_add(line, FT_STR("\"},\"eventVersion\":\"0\"}"));
}

static ft_err opts_keep(ft_capture *c, const ft_capture_opts *opts) {
    static const ft_capture_opts by_default = {
        .uri = { FT_CAPTURE_URI, sizeof FT_CAPTURE_URI - 1 },
        .variant = { FT_CAPTURE_VARIANT, sizeof FT_CAPTURE_VARIANT - 1 }
    };
    bool listed = opts->csv_types.len || opts->json_types.len;
    c->opts = *opts;
    if (!opts->uri.len) c->opts.uri = by_default.uri;
    if (!opts->variant.len) c->opts.variant = by_default.variant;
    if (!listed) {
        c->opts.csv_types = FT_STR("text/csv");
        c->opts.json_types = FT_STR("application/json|application/jsonlines");
    }
    while (ft_str_ends(c->opts.uri, FT_STR("/"))) c->opts.uri.len--;
    FT_TRY(ft_arena_str(&c->opts.variant, &c->arena, c->opts.variant));
    FT_TRY(ft_arena_str(&c->opts.csv_types, &c->arena, c->opts.csv_types));
    return ft_arena_str(&c->opts.json_types, &c->arena, c->opts.json_types);
}

ft_err ft_capture_open(ft_capture **out, ft_store *s, ft_str endpoint,
                       const ft_capture_opts *opts) {
    static const ft_capture_opts none;
    ft_str prefix;
    ft_err err;
    *out = NULL;
    if (!opts) opts = &none;
    ft_capture *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for a capture");
    c->second = -1;
    FT_GOTO(err, opts_keep(c, opts));
    FT_GOTO(err, ft_arena_printf(&prefix, &c->arena, "%.*s/%.*s", FT_STR_ARG(c->opts.uri),
                                 FT_STR_ARG(endpoint)));
    ft_stream_opts stream = { .uri = prefix.at,
                              .variant = c->opts.variant.at,
                              .sync_us = opts->synced_elsewhere ? INT64_MAX : 0 };
    FT_GOTO(err, ft_stream_write(&c->writer, s, &ft_kind_capture, endpoint, &stream));
    *out = c;
    return FT_OK;
done:
    ft_arena_fini(&c->arena);
    free(c);
    return err;
}

ft_err ft_capture_add(ft_capture *c, ft_str event_id, int64_t time_us, const ft_payload *in,
                      const ft_payload *out, ft_str inference_id, ft_str custom_attributes) {
    ft_buf *line = &c->line;
    ft_buf_reset(line);
    FT_TRY(ft_buf_reserve(line, in->bytes.len + out->bytes.len + LINE_OVERHEAD_BYTES));
    ft_buf_add(line, FT_STR("{\"captureData\":{"));
    if (!c->opts.skip_input)
        add_body(c, FT_STR("\"endpointInput\":{\"observedContentType\":"), in,
                 FT_STR(",\"mode\":\"INPUT\",\"data\":"));
    if (!c->opts.skip_input && !c->opts.skip_output) ft_buf_byte(line, ',');
    if (!c->opts.skip_output)
        add_body(c, FT_STR("\"endpointOutput\":{\"observedContentType\":"), out,
                 FT_STR(",\"mode\":\"OUTPUT\",\"data\":"));
    add_event(c, event_id, time_us, inference_id, custom_attributes);
    FT_TRY(line->err);
    FT_TRY(ft_stream_append_raw(c->writer, time_us, ft_buf_str(line)));
    if (line->capacity > LINE_KEEP_BYTES) ft_buf_fini(line);
    return FT_OK;
}

ft_err ft_capture_tick(ft_capture *c) { return ft_stream_tick(c->writer); }

ft_str ft_capture_segment(const ft_capture *c) { return ft_stream_segment(c->writer); }

ft_err ft_capture_close(ft_capture *c) {
    if (!c) return FT_OK;
    ft_err err = ft_stream_close(c->writer);
    ft_buf_fini(&c->line);
    ft_arena_fini(&c->arena);
    free(c);
    return err;
}
