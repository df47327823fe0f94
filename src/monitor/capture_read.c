/* capture_read.c -- the stream kind "capture": a Model Monitor line as a row. Lines that other
 * systems wrote are read too: members in any order, one of the two bodies absent, times that are no
 * times. */
#include "base/clock.h"
#include "base/hash.h"
#include "monitor/answer.h"
#include "monitor/capture.h"
#include "streams/format.h"

#define WANTED(column) (wanted >> (column)&1)
#define BELOW_PARTS    6 /* of a URI: <variant>/yyyy/mm/dd/hh/<name>.jsonl */

/* endpointInput or endpointOutput */
typedef struct body {
    ft_str type, data, encoding;
} body;

/* A string member; another kind of value is skipped and reads as absent. */
static ft_err read_text(ft_json *j, ft_str *out) {
    ft_json_kind kind;
    FT_TRY(ft_json_peek(j, &kind));
    return kind == FT_JSON_STRING ? ft_json_string(j, out) : ft_json_skip(j, NULL);
}

static ft_err read_body(ft_json *j, body *out) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "observedContentType"))
            FT_TRY(read_text(j, &out->type));
        else if (ft_str_is(name, "data"))
            FT_TRY(read_text(j, &out->data));
        else if (ft_str_is(name, "encoding"))
            FT_TRY(read_text(j, &out->encoding));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return j->err;
}

static ft_err read_bodies(ft_json *j, body *in, body *out) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "endpointInput"))
            FT_TRY(read_body(j, in));
        else if (ft_str_is(name, "endpointOutput"))
            FT_TRY(read_body(j, out));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return j->err;
}

typedef struct event {
    ft_str id, inference_id, time;
} event;

static ft_err read_event(ft_json *j, event *out) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "eventId"))
            FT_TRY(read_text(j, &out->id));
        else if (ft_str_is(name, "inferenceId"))
            FT_TRY(read_text(j, &out->inference_id));
        else if (ft_str_is(name, "inferenceTime"))
            FT_TRY(read_text(j, &out->time));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return j->err;
}

/* The microsecond from the id where it fits the second that the line tells; else that second; 0
 * when the line tells no time (Model Monitor's own test files hold "{%s}"). */
static int64_t time_of(const event *e) {
    int64_t told = 0, in_id = ft_capture_id_time(e->id);
    if (ft_time_parse(&told, e->time) != FT_OK) {
        ft_err_clear();
        return in_id >= 0 ? in_id : 0;
    }
    return in_id >= told && in_id < told + FT_SECOND_US ? in_id : told;
}

ft_str ft_capture_below(ft_str segment) {
    size_t cut = segment.len;
    for (int parts = 0; cut && (parts += segment.at[cut - 1] == '/') < BELOW_PARTS;) cut--;
    return ft_str_from(segment, cut);
}

static ft_err body_bytes(ft_str *out, ft_arena *arena, ft_str text, ft_str encoding) {
    *out = text;
    if (!ft_str_is(encoding, "BASE64")) return FT_OK;
    ft_buf buf = { 0 };
    ft_err err;
    FT_GOTO(err, ft_base64_decode(&buf, text));
    FT_GOTO(err, ft_arena_str(out, arena, ft_buf_str(&buf)));
done:
    ft_buf_fini(&buf);
    return err;
}

static ft_str text_of(const ft_value *v) { return v->type == FT_VALUE_TEXT ? v->s : (ft_str){ 0 }; }

ft_err ft_capture_payload(ft_payload *out, ft_arena *arena, const ft_value *values,
                          ft_capture_half half) {
    static const struct {
        int type, data, encoding;
        const char *name;
    } halves[] = { [FT_CAPTURE_ASKED] = { FT_CAPTURE_INPUT_TYPE, FT_CAPTURE_INPUT,
                                          FT_CAPTURE_ENCODING_IN, "request" },
                   [FT_CAPTURE_ANSWERED] = { FT_CAPTURE_OUTPUT_TYPE, FT_CAPTURE_OUTPUT,
                                             FT_CAPTURE_ENCODING_OUT, "answer" } };
    const ft_value *data = &values[halves[half].data];
    *out = (ft_payload){ .content_type = text_of(&values[halves[half].type]) };
    if (data->type != FT_VALUE_TEXT)
        return FT_FAIL(FT_EPARSE, "a captured line without its %s", halves[half].name);
    return body_bytes(&out->bytes, arena, data->s, text_of(&values[halves[half].encoding]));
}

static ft_err read_answer(ft_value *values, const body *b, ft_arena *arena) {
    ft_payload p = { .content_type = b->type };
    ft_answer *rows;
    size_t count = 0;
    ft_err err = body_bytes(&p.bytes, arena, b->data, b->encoding);
    if (err == FT_OK) err = ft_answer_rows(&rows, &count, &p, arena);
    if (err == FT_EPARSE) return ft_err_clear(), FT_OK; /* damaged base64: no number */
    FT_TRY(err);
    if (count && rows[0].prediction == rows[0].prediction)
        values[FT_CAPTURE_PREDICTION] = ft_value_f64(rows[0].prediction);
    if (count && rows[0].confidence == rows[0].confidence)
        values[FT_CAPTURE_CONFIDENCE] = ft_value_f64(rows[0].confidence);
    return FT_OK;
}

static ft_err decode(ft_value *values, uint64_t wanted, ft_str raw, ft_arena *arena) {
    body in = { 0 }, out = { 0 };
    event e = { 0 };
    ft_json j;
    ft_str name;
    ft_json_init(&j, raw, arena, &(ft_json_opts){ .name = "captured line" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "captureData"))
            FT_TRY(read_bodies(&j, &in, &out));
        else if (ft_str_is(name, "eventMetadata"))
            FT_TRY(read_event(&j, &e));
        else
            FT_TRY(ft_json_skip(&j, NULL));
    }
    FT_TRY(ft_json_end(&j));
    values[FT_CAPTURE_TIME] = ft_value_int(time_of(&e));
    values[FT_CAPTURE_EVENT] = ft_value_text(e.id);
    values[FT_CAPTURE_INFERENCE] = ft_value_text(e.inference_id);
    values[FT_CAPTURE_INPUT_TYPE] = ft_value_text(in.type);
    values[FT_CAPTURE_INPUT] = ft_value_text(in.data);
    values[FT_CAPTURE_OUTPUT_TYPE] = ft_value_text(out.type);
    values[FT_CAPTURE_OUTPUT] = ft_value_text(out.data);
    values[FT_CAPTURE_ENCODING_IN] = ft_value_text(in.encoding);
    values[FT_CAPTURE_ENCODING_OUT] = ft_value_text(out.encoding);
    if (WANTED(FT_CAPTURE_PREDICTION) || WANTED(FT_CAPTURE_CONFIDENCE))
        FT_TRY(read_answer(values, &out, arena));
    return FT_OK;
}

static const ft_column columns[] = {
    [FT_CAPTURE_TIME] = { "time_us", FT_VALUE_INT,
                          "when it was answered, microseconds since 1970" },
    [FT_CAPTURE_EVENT] = { "event_id", FT_VALUE_TEXT, "the id in the answer's X-Fettle-Event-Id" },
    [FT_CAPTURE_INFERENCE] = { "inference_id", FT_VALUE_TEXT, "the id that the caller gave" },
    [FT_CAPTURE_INPUT_TYPE] = { "input_type", FT_VALUE_TEXT, "content type of the request" },
    [FT_CAPTURE_INPUT] = { "input", FT_VALUE_TEXT, "body of the request" },
    [FT_CAPTURE_OUTPUT_TYPE] = { "output_type", FT_VALUE_TEXT, "content type of the answer" },
    [FT_CAPTURE_OUTPUT] = { "output", FT_VALUE_TEXT, "body of the answer" },
    [FT_CAPTURE_PREDICTION] = { "prediction", FT_VALUE_F64, "first row's number, or its class" },
    [FT_CAPTURE_CONFIDENCE] = { "confidence", FT_VALUE_F64, "probability of that class, or null" },
    [FT_CAPTURE_ENCODING_IN] = { "encoding_in", FT_VALUE_TEXT, "CSV, JSON or BASE64" },
    [FT_CAPTURE_ENCODING_OUT] = { "encoding_out", FT_VALUE_TEXT, "CSV, JSON or BASE64" },
    { 0 }
};

const ft_stream_kind ft_kind_capture = {
    .name = "capture",
    .key = "endpoint",
    .doc = "requests and answers of an endpoint, as Model Monitor's JSON lines",
    .columns = columns,
    .order_column = FT_CAPTURE_TIME,
    .format = &ft_format_jsonl,
    .decode = decode,
    .hourly = true,
};
