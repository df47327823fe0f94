/* capture.c -- writing captured predictions; see capture.h. The line is built in a buffer that is
 * kept, its fixed parts are copied whole, and the time's text is made once a second. */
#include "monitor/capture.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/hash.h"

#define LINE_OVERHEAD_BYTES 1024              /* everything in a line but the two bodies */
#define LINE_KEEP_BYTES     ((size_t)4 << 20) /* a longer line's memory is given back after it */

struct ft_capture {
    ft_stream_writer *writer;
    ft_buf line;
    int64_t second;          /* whose text is kept; -1 at first */
    char time[FT_TIME_TEXT]; /* "2022-02-14T17:25:49Z" */
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

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

int64_t ft_capture_id_time(ft_str id) {
    uint64_t head = 0; /* 48 bits of milliseconds, version, 12 bits of fraction */
    if (id.len != FT_UUID_TEXT - 1) return -1;
    for (size_t i = 0; i < 18; i++) {
        if (i == 8 || i == 13) {
            if (id.at[i] != '-') return -1;
            continue;
        }
        int digit = hex_digit(id.at[i]);
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

/* By the media type without its parameters: the types that Model Monitor's CaptureContentTypeHeader
 * holds by default. */
static encoding encoding_of(const ft_payload *p) {
    ft_str type = ft_str_trim(ft_str_slice(p->content_type, 0, ft_str_find(p->content_type, ';')));
    encoding e = ENCODING_BASE64;
    if (ft_str_ieq(type, FT_STR("text/csv")))
        e = ENCODING_CSV;
    else if (ft_str_ieq(type, FT_STR("application/json")) ||
             ft_str_ieq(type, FT_STR("application/jsonlines")))
        e = ENCODING_JSON;
    return e == ENCODING_BASE64 || ft_str_utf8(p->bytes) ? e : ENCODING_BASE64;
}

static void add_body(ft_buf *line, ft_str head, const ft_payload *p, ft_str mode) {
    encoding e = encoding_of(p);
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

ft_err ft_capture_open(ft_capture **out, ft_store *s, ft_str endpoint, ft_str uri) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str prefix;
    ft_err err;
    *out = NULL;
    ft_capture *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for a capture");
    c->second = -1;
    if (!uri.len) uri = FT_STR(FT_CAPTURE_URI);
    while (ft_str_ends(uri, FT_STR("/"))) uri.len--;
    FT_GOTO(err,
            ft_arena_printf(&prefix, &arena, "%.*s/%.*s", FT_STR_ARG(uri), FT_STR_ARG(endpoint)));
    ft_stream_opts opts = { .uri = prefix.at, .variant = FT_CAPTURE_VARIANT };
    FT_GOTO(err, ft_stream_write(&c->writer, s, &ft_kind_capture, endpoint, &opts));
    *out = c;
    c = NULL;
done:
    free(c);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_capture_add(ft_capture *c, ft_str event_id, int64_t time_us, const ft_payload *in,
                      const ft_payload *out, ft_str inference_id, ft_str custom_attributes) {
    ft_buf *line = &c->line;
    ft_buf_reset(line);
    FT_TRY(ft_buf_reserve(line, in->bytes.len + out->bytes.len + LINE_OVERHEAD_BYTES));
    add_body(line, FT_STR("{\"captureData\":{\"endpointInput\":{\"observedContentType\":"), in,
             FT_STR(",\"mode\":\"INPUT\",\"data\":"));
    add_body(line, FT_STR(",\"endpointOutput\":{\"observedContentType\":"), out,
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
    free(c);
    return err;
}
