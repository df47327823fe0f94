/* capture.h -- captured predictions: Model Monitor's JSON lines as the stream kind "capture"
 * (formats.md 3.11).
 *
 * Columns: time_us (order), event_id, inference_id, input_type, input, output_type, output,
 * prediction, confidence, encoding_in, encoding_out. Input and output stand as they are in the
 * line: the text, or base64 when the encoding says so. `prediction` is the answer to the first row:
 * the number, or the number of the largest when a row has several scores; `confidence` is that
 * largest score when the scores are probabilities, else null.
 *
 * Model Monitor's inferenceTime has whole seconds only. An event id is therefore a version 7 UUID
 * (RFC 9562, its time bits carry the microsecond), and time_us is taken from it; from inferenceTime
 * when the id is another system's. Events within one microsecond keep the order of their lines.
 *
 * Threads: a capture is one thread's. Memory: one line buffer, kept. */
#ifndef FT_CAPTURE_H
#define FT_CAPTURE_H

#include "base/random.h"
#include "models/predictor.h"
#include "store/objects.h"
#include "streams/stream.h"

enum { /* columns of the kind */
       FT_CAPTURE_TIME,
       FT_CAPTURE_EVENT,
       FT_CAPTURE_INFERENCE,
       FT_CAPTURE_INPUT_TYPE,
       FT_CAPTURE_INPUT,
       FT_CAPTURE_OUTPUT_TYPE,
       FT_CAPTURE_OUTPUT,
       FT_CAPTURE_PREDICTION,
       FT_CAPTURE_CONFIDENCE,
       FT_CAPTURE_ENCODING_IN,
       FT_CAPTURE_ENCODING_OUT,
       FT_CAPTURE_COLUMNS
};
extern const ft_stream_kind ft_kind_capture;

#define FT_CAPTURE_VARIANT "AllTraffic"
#define FT_CAPTURE_URI \
    "s3://" FT_BUCKET_DEFAULT "/capture" /* where captures go unless an endpoint says otherwise */

/* A new event's id: unique (62 random bits from `r`), sorts by time. */
void ft_capture_id(char out[FT_UUID_TEXT], int64_t time_us, ft_random *r);
/* The time in an id, or -1 when it is not a version 7 UUID. */
int64_t ft_capture_id_time(ft_str id);

typedef struct ft_capture ft_capture; /* one per serving thread and endpoint */
/* What Model Monitor's DataCaptureConfig says. */
typedef struct ft_capture_opts {
    ft_str uri;     /* empty: FT_CAPTURE_URI */
    ft_str variant; /* empty: FT_CAPTURE_VARIANT */
    /* Media types kept as text, "text/csv|text/plain"; both empty: text/csv; application/json and
     * application/jsonlines. All others are kept as BASE64. */
    ft_str csv_types, json_types;
    int skip_input, skip_output; /* 1: this half is not kept */
    bool synced_elsewhere; /* the caller syncs the segment's file itself, at least every 100 ms */
} ft_capture_opts;
/* Lines go to <uri>/<endpoint>/<variant>/yyyy/mm/dd/hh/….jsonl. `opts` may be NULL; its texts are
 * copied. */
ft_err ft_capture_open(ft_capture **out, ft_store *s, ft_str endpoint, const ft_capture_opts *opts);
/* Write one pair: when this returns, a killed process does not lose it. A body is kept as text
 * (CSV, JSON) by its content type, as BASE64 when it has none of these types or is not UTF-8: what
 * was sent can always be sent again, byte for byte. */
ft_err ft_capture_add(ft_capture *c, ft_str event_id, int64_t time_us, const ft_payload *in,
                      const ft_payload *out, ft_str inference_id, ft_str custom_attributes);
ft_err ft_capture_tick(ft_capture *c); /* sync every 100 ms, rotate */
/* URI of the segment being written: what a lineage node capture:<uri> names. */
ft_str ft_capture_segment(const ft_capture *c);
ft_err ft_capture_close(ft_capture *c); /* fine on NULL */

/* "<variant>/yyyy/mm/dd/hh/<name>.jsonl" of a segment's URI. */
ft_str ft_capture_below(ft_str segment);

/* One half of a pair, byte for byte: borrowed from the record's values, or decoded into the arena
 * where it was kept as BASE64. FT_EPARSE when that is damaged, or the half was not kept. */
typedef enum ft_capture_half { FT_CAPTURE_ASKED, FT_CAPTURE_ANSWERED } ft_capture_half;
ft_err ft_capture_payload(ft_payload *out, ft_arena *arena, const ft_value *values,
                          ft_capture_half half);
/* The columns that it needs, for a cursor's `wanted`. */
#define FT_CAPTURE_WANTED_ASKED \
    (1ull << FT_CAPTURE_INPUT_TYPE | 1ull << FT_CAPTURE_INPUT | 1ull << FT_CAPTURE_ENCODING_IN)
#define FT_CAPTURE_WANTED_ANSWERED \
    (1ull << FT_CAPTURE_OUTPUT_TYPE | 1ull << FT_CAPTURE_OUTPUT | 1ull << FT_CAPTURE_ENCODING_OUT)

#endif
