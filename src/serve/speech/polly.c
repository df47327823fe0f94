/* polly.c -- see polly.h: members in, refusals and answers out. */
#include "serve/speech/polly.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"

ft_err ft_polly_refuse(ft_polly *p, int status, const char *code, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    p->status = status;
    p->code = code;
    return FT_FAIL(status == 404 ? FT_ENOTFOUND : status >= 500 ? FT_EBUSY : FT_EINVAL, "%s", text);
}

/* ---- reading */

static const struct member {
    const char *name;
    size_t at;
    bool list, ours;
    ft_json_kind also; /* may be written as it is, besides a text; else FT_JSON_STRING */
} members[] = {
    { "Text", offsetof(ft_polly_ask, text), false, false, FT_JSON_STRING },
    { "TextType", offsetof(ft_polly_ask, text_type), false, false, FT_JSON_STRING },
    { "VoiceId", offsetof(ft_polly_ask, voice), false, false, FT_JSON_STRING },
    { "Engine", offsetof(ft_polly_ask, engine), false, false, FT_JSON_STRING },
    { "LanguageCode", offsetof(ft_polly_ask, lang), false, false, FT_JSON_STRING },
    { "OutputFormat", offsetof(ft_polly_ask, format), false, false, FT_JSON_STRING },
    { "SampleRate", offsetof(ft_polly_ask, rate), false, false, FT_JSON_NUMBER },
    { "LexiconNames", offsetof(ft_polly_ask, lexicons), true, false, FT_JSON_STRING },
    { "SpeechMarkTypes", offsetof(ft_polly_ask, marks), true, false, FT_JSON_STRING },
    { "OutputS3BucketName", offsetof(ft_polly_ask, bucket), false, false, FT_JSON_STRING },
    { "OutputS3KeyPrefix", offsetof(ft_polly_ask, prefix), false, false, FT_JSON_STRING },
    { "SnsTopicArn", offsetof(ft_polly_ask, topic), false, false, FT_JSON_STRING },
    { "Style", offsetof(ft_polly_ask, style), false, true, FT_JSON_STRING },
    { "Telephone", offsetof(ft_polly_ask, telephone), false, true, FT_JSON_BOOL },
};

/* NULL: not one of them. To Polly's clients a member of ours is unknown, and unknown ones are
 * passed over, as Polly does; the house's are told of a slip. */
static const struct member *member_find(const ft_polly *p, ft_str name) {
    for (size_t i = 0; i < FT_COUNT(members); i++)
        if (ft_str_is(name, members[i].name) && !(members[i].ours && p->aws)) return &members[i];
    return NULL;
}

static ft_err unknown(ft_polly *p, ft_str name) {
    const char *names[FT_COUNT(members)];
    if (p->aws) return FT_OK;
    for (size_t i = 0; i < FT_COUNT(members); i++) names[i] = members[i].name;
    const char *near = ft_str_nearest(name, names, FT_COUNT(members));
    return ft_polly_refuse(p, 400, "ValidationException", "there is no member '%.*s'%s%s",
                           FT_STR_ARG(ft_str_slice(name, 0, 100)), near ? "; is it " : "",
                           near ? near : "");
}

static void take(ft_polly_ask *ask, const struct member *m, ft_str value) {
    void *to = (char *)ask + m->at;
    if (!m->list) {
        *(ft_str *)to = value;
        return;
    }
    ft_polly_list *list = to;
    if (list->count < FT_POLLY_LIST_MAX) list->items[list->count] = value;
    list->count++;
}

static ft_err scalar_read(ft_str *out, const struct member *m, ft_json *j) {
    ft_json_kind kind;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_STRING) return ft_json_string(j, out);
    if (kind != FT_JSON_NULL && kind != m->also)
        return ft_json_fail(j, "%s: a text is expected here", m->name);
    FT_TRY(ft_json_skip(j, out));
    if (kind == FT_JSON_NULL) *out = (ft_str){ 0 };
    return FT_OK;
}

static ft_err member_read(ft_polly_ask *ask, const struct member *m, ft_json *j) {
    ft_json_kind kind;
    ft_str value;
    FT_TRY(ft_json_peek(j, &kind));
    if (!m->list) {
        FT_TRY(scalar_read(&value, m, j));
        take(ask, m, value);
        return FT_OK;
    }
    if (kind == FT_JSON_NULL) return ft_json_skip(j, NULL);
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(ft_json_string(j, &value));
        take(ask, m, value);
    }
    return FT_OK;
}

static ft_err json_read(ft_polly_ask *ask, ft_polly *p, ft_json *j) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        const struct member *m = member_find(p, name);
        if (m)
            FT_TRY(member_read(ask, m, j));
        else
            FT_TRY(unknown(p, name));
    }
    return ft_json_end(j);
}

ft_err ft_polly_read_json(ft_polly_ask *out, ft_polly *p, ft_str json) {
    ft_json j;
    *out = (ft_polly_ask){ 0 };
    ft_json_init(&j, json, p->req->arena, &(ft_json_opts){ .name = "the request" });
    ft_err err = json_read(out, p, &j);
    if (err != FT_EPARSE) return err;
    return ft_polly_refuse(p, 400, "SerializationException", "%s", ft_err_why());
}

static ft_err query_read(ft_polly_ask *out, ft_polly *p) {
    ft_str name, value;
    *out = (ft_polly_ask){ 0 };
    for (size_t i = 0; ft_request_each_query(p->req, i, &name, &value); i++) {
        const struct member *m = member_find(p, name);
        if (m)
            take(out, m, value);
        else if (!ft_str_starts(name, FT_STR("X-Amz-")))
            FT_TRY(unknown(p, name));
    }
    return FT_OK;
}

ft_err ft_polly_read(ft_polly_ask *out, ft_polly *p) {
    return p->req->body.len ? ft_polly_read_json(out, p, p->req->body) : query_read(out, p);
}

/* ---- keeping */

void ft_polly_list_write(ft_json_out *j, const char *name, const ft_polly_list *list) {
    if (!list->count) return;
    ft_json_out_name(j, name);
    ft_json_out_array(j);
    for (size_t i = 0; i < list->count && i < FT_POLLY_LIST_MAX; i++)
        ft_json_out_str(j, list->items[i]);
    ft_json_out_close(j);
}

void ft_polly_write(ft_json_out *j, const ft_polly_ask *ask) {
    for (size_t i = 1; i < FT_COUNT(members); i++) { /* all but the text */
        const void *at = (const char *)ask + members[i].at;
        const ft_str *value = at;
        if (members[i].list) {
            ft_polly_list_write(j, members[i].name, at);
        } else if (value->len) {
            ft_json_out_name(j, members[i].name);
            ft_json_out_str(j, *value);
        }
    }
}

ft_err ft_polly_members(ft_str *out, ft_arena *arena, const ft_polly_ask *ask) {
    ft_buf text = { 0 };
    ft_json_out j;
    ft_json_out_init(&j, &text, false);
    ft_json_out_object(&j);
    ft_polly_write(&j, ask);
    ft_json_out_close(&j);
    ft_err err = text.err;
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&text));
    ft_buf_fini(&text);
    return err;
}

/* ---- answers */

void ft_polly_begin(ft_polly_reply *r) {
    r->buf = (ft_buf){ 0 };
    ft_json_out_init(&r->json, &r->buf, false);
    ft_json_out_object(&r->json);
}

ft_err ft_polly_end(ft_polly_reply *r, ft_polly *p) {
    ft_json_out_close(&r->json);
    ft_err err = r->buf.err;
    if (err == FT_OK) err = ft_arena_str(&p->resp->body, p->req->arena, ft_buf_str(&r->buf));
    ft_buf_fini(&r->buf);
    p->resp->content_type = FT_STR("application/json");
    if (err == FT_OK) ft_response_header(p->resp, "Cache-Control", FT_STR("no-store"));
    return err;
}

void ft_polly_text(ft_polly_reply *r, const char *name, ft_str value) {
    if (!value.len) return;
    ft_json_out_name(&r->json, name);
    ft_json_out_str(&r->json, value);
}

void ft_polly_time(ft_polly_reply *r, const char *name, int64_t us) {
    char text[40];
    snprintf(text, sizeof text, "%lld.%03lld", (long long)(us / 1000000),
             (long long)(us / 1000 % 1000));
    ft_json_out_name(&r->json, name);
    ft_json_out_raw(&r->json, ft_str_of(text));
}

size_t ft_polly_chars(ft_str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return count;
}
