/* program.c -- the predictor "program"; see program.h. */
#include "serve/program_in.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"

#define SPEC_BYTES    ((size_t)1 << 20)
#define UNREACHED_US  20000 /* between two tries to reach a program that has just died */
#define UNREACHED_MAX 100
#define ANSWER_MAX    ((size_t)64 << 20)
#define HEADER_MAX    8192
#define SNIFF_SPEC    100
#define SNIFF_SERVE   60
#define SNIFF_CODE \
    90 /* beside model files of a built-in predictor: who brings code wants it run \
        */

static const char *const runs[] = { "script", "file", "image" };

/* ---- the specification */

/* Its texts by their names in the file. */
typedef struct spec_text {
    const char *name;
    size_t at; /* of the ft_str in ft_program_spec */
} spec_text;
static const spec_text spec_texts[] = { { "image", offsetof(ft_program_spec, image) },
                                        { "program", offsetof(ft_program_spec, program) },
                                        { "framework", offsetof(ft_program_spec, framework) },
                                        { "data", offsetof(ft_program_spec, data) },
                                        { "source", offsetof(ft_program_spec, source) } };

static ft_str *text_at(ft_program_spec *spec, size_t i) {
    return (ft_str *)((char *)spec + spec_texts[i].at);
}

ft_err ft_program_spec_write(ft_str *json, ft_arena *arena, const ft_program_spec *spec) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_program_spec copy = *spec;
    ft_json_out_init(&w, &buf, true);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "run"), ft_json_out_text(&w, runs[spec->run]);
    for (size_t i = 0; i < FT_COUNT(spec_texts); i++) {
        const ft_str *value = text_at(&copy, i);
        if (!value->len) continue;
        ft_json_out_name(&w, spec_texts[i].name);
        ft_json_out_str(&w, *value);
    }
    if (spec->environment_json.len) {
        ft_json_out_name(&w, "environment");
        ft_json_out_raw(&w, spec->environment_json);
    }
    if (spec->start_s) ft_json_out_name(&w, "start_s"), ft_json_out_i64(&w, spec->start_s);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(json, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err run_read(ft_program_spec *spec, ft_json *j) {
    ft_str word;
    FT_TRY(ft_json_string(j, &word));
    for (size_t i = 0; i < FT_COUNT(runs); i++)
        if (ft_str_is(word, runs[i])) {
            spec->run = (ft_program_run)i;
            return FT_OK;
        }
    return ft_json_fail(j, "run: expected script, file or image");
}

static ft_err member_read(ft_program_spec *spec, ft_json *j, ft_str name, ft_arena *arena) {
    ft_str text;
    if (ft_str_is(name, "run")) return run_read(spec, j);
    if (ft_str_is(name, "start_s")) return ft_json_i64(j, &spec->start_s);
    if (ft_str_is(name, "environment")) {
        FT_TRY(ft_json_skip(j, &text));
        return ft_arena_str(&spec->environment_json, arena, text);
    }
    for (size_t i = 0; i < FT_COUNT(spec_texts); i++)
        if (ft_str_is(name, spec_texts[i].name)) {
            FT_TRY(ft_json_string(j, &text));
            return ft_arena_str(text_at(spec, i), arena, text);
        }
    return FT_OK; /* skipped */
}

static ft_err spec_read(ft_program_spec *spec, ft_arena *arena, const char *file) {
    ft_arena once = FT_ARENA_INIT(0);
    ft_str text, name;
    ft_json j;
    ft_err err;
    FT_GOTO(err, ft_file_read(&text, &once, file, SPEC_BYTES));
    ft_json_init(&j, text, &once, &(ft_json_opts){ .name = file });
    FT_GOTO(err, ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) FT_GOTO(err, member_read(spec, &j, name, arena));
    err = ft_json_end(&j);
done:
    ft_arena_fini(&once);
    return err;
}

/* ---- what a folder is */

static bool has(const char *path, const char *name) {
    char file[4096];
    ft_file_info info;
    int n = snprintf(file, sizeof file, "%s/%s", path, name);
    bool there =
        n > 0 && n < (int)sizeof file && ft_file_stat(&info, file) == FT_OK && !info.is_dir;
    ft_err_clear();
    return there;
}

static const char *const servers[] = { "serve", "code/serve" };

static int sniff(const char *path) {
    if (has(path, FT_PROGRAM_SPEC)) return SNIFF_SPEC;
    if (has(path, "code/inference.py")) return SNIFF_CODE;
    for (size_t i = 0; i < FT_COUNT(servers); i++)
        if (has(path, servers[i])) return SNIFF_SERVE;
    return 0;
}

ft_err ft_program_spec_read(ft_program_spec *spec, ft_arena *arena, const char *path) {
    *spec = (ft_program_spec){ 0 };
    const char *file;
    if (has(path, FT_PROGRAM_SPEC)) {
        FT_TRY(ft_path_join(&file, arena, path, FT_PROGRAM_SPEC));
        return spec_read(spec, arena, file);
    }
    spec->data = FT_STR(".");
    for (size_t i = 0; i < FT_COUNT(servers); i++)
        if (has(path, servers[i])) {
            spec->run = FT_PROGRAM_FILE;
            spec->program = ft_str_of(servers[i]);
            return FT_OK;
        }
    spec->run = FT_PROGRAM_SCRIPT;
    spec->program = FT_STR("inference.py");
    return FT_OK;
}

static ft_err environment_time(int64_t *out_us, const char *name) {
    const char *text = getenv(name);
    if (!text || !*text) return FT_OK;
    ft_err err = ft_duration_parse(out_us, ft_str_of(text));
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "%s", name);
}

ft_err ft_program_start_time(int64_t *out_us, const ft_program_spec *spec) {
    *out_us = (spec->start_s ? spec->start_s : FT_MODEL_START_S) * FT_SECOND_US;
    return spec->start_s ? FT_OK : environment_time(out_us, "FETTLE_MODEL_START");
}

ft_err ft_program_ask_time(int64_t *out_us) {
    *out_us = FT_MODEL_ASK_US;
    return environment_time(out_us, "FETTLE_MODEL_ASK");
}

/* ---- life */

static void model_fini(ft_program_model *m) {
    for (int i = 0; i < m->link_count; i++) ft_http_link_free(m->links[i]);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
    ft_arena_fini(&m->arena);
    free(m->home);
    free(m->folder);
    free(m->endpoint);
    free(m->variant);
    free(m);
}

void ft_program_release(ft_program_model *m) {
    if (m && atomic_fetch_sub(&m->holders, 1) == 1) model_fini(m);
}

static void model_free(ft_model *base) {
    ft_program_model *m = (ft_program_model *)base;
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    m->stop = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    ft_program_release(m);
}

static ft_err load(ft_model **out, const char *path) {
    pthread_condattr_t attr;
    ft_str copy;
    ft_program_model *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    *out = NULL;
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory for a model");
    m->base.predictor = &ft_predictor_program;
    atomic_store(&m->holders, 1);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->changed, &attr);
    pthread_condattr_destroy(&attr);
    ft_err err = ft_arena_str(&copy, &m->arena, ft_str_of(path));
    if (err == FT_OK) err = ft_program_spec_read(&m->spec, &m->arena, copy.at);
    m->path = copy.at;
    if (err == FT_OK)
        *out = &m->base;
    else
        ft_program_release(m);
    return err;
}

static ft_err start(ft_model *base, const ft_serving *as) {
    ft_program_model *m = (ft_program_model *)base;
    bool whole = !ft_fault_here();
    FT_CHECK(m->state == FT_PROGRAM_IDLE);
    m->version = as->version;
    m->home = strdup(as->home);
    m->endpoint = strndup(as->endpoint.at, as->endpoint.len);
    m->variant = strndup(as->variant.len ? as->variant.at : "", as->variant.len);
    if (!whole || !m->home || !m->endpoint || !m->variant)
        return FT_FAIL(FT_ENOMEM, "no memory for a model");
    return ft_program_keep(m);
}

static ft_err ready(ft_model *base) {
    ft_program_model *m = (ft_program_model *)base;
    ft_err err = FT_OK;
    pthread_mutex_lock(&m->lock);
    if (m->state == FT_PROGRAM_FAILED)
        err = FT_FAIL(FT_EPEER, "%s", m->why);
    else if (m->state == FT_PROGRAM_STARTING || m->state == FT_PROGRAM_IDLE)
        err = FT_EBUSY;
    pthread_mutex_unlock(&m->lock);
    return err;
}

/* ---- asking */

/* Until it answers again, with what is left of the time. */
static ft_err ready_wait(int *port, ft_http_link **link, ft_program_model *m, int64_t until_us) {
    struct timespec at = { .tv_sec = until_us / FT_SECOND_US,
                           .tv_nsec = until_us % FT_SECOND_US * 1000 };
    ft_err err = FT_OK;
    bool late = false;
    *link = NULL;
    pthread_mutex_lock(&m->lock);
    while (!m->stop && !late && (m->state == FT_PROGRAM_DOWN || m->state == FT_PROGRAM_STARTING))
        late = pthread_cond_timedwait(&m->changed, &m->lock, &at) != 0;
    if (m->stop)
        err = FT_FAIL(FT_EPEER, "the model's program is being ended");
    else if (m->state == FT_PROGRAM_READY)
        *port = m->port;
    else if (m->state == FT_PROGRAM_IDLE)
        err = FT_FAIL(FT_EUNSUPPORTED, "a model that is a program answers in a server only");
    else
        err =
            FT_FAIL(late ? FT_ETIMEOUT : FT_EPEER, "the model's program does not run: %s", m->why);
    if (err == FT_OK && m->link_count) *link = m->links[--m->link_count];
    pthread_mutex_unlock(&m->lock);
    return err;
}

static void link_keep(ft_program_model *m, ft_http_link *link) {
    pthread_mutex_lock(&m->lock);
    bool room = m->link_count < FT_PROGRAM_LINKS && !m->stop;
    if (room) m->links[m->link_count++] = link;
    pthread_mutex_unlock(&m->lock);
    if (!room) ft_http_link_free(link);
}

static ft_err headers_of(const char **out, const ft_asking *a) {
    ft_str line;
    size_t n = 0;
    const struct {
        const char *name;
        ft_str value;
    } list[] = { { "Content-Type", a->in.content_type },
                 { "Accept", a->accept },
                 { "X-Amzn-SageMaker-Custom-Attributes", a->custom_attributes } };
    for (size_t i = 0; i < FT_COUNT(list); i++) {
        if (list[i].value.len > HEADER_MAX)
            return FT_FAIL(FT_ETOOBIG, "%s: longer than %d bytes", list[i].name, HEADER_MAX);
        /* "Name:" takes away what the client would send by itself. */
        FT_TRY(ft_arena_printf(&line, a->arena, list[i].value.len ? "%s: %.*s" : "%s:%.*s",
                               list[i].name, FT_STR_ARG(list[i].value)));
        out[n++] = line.at;
    }
    out[n] = NULL;
    return FT_OK;
}

static ft_err answer_take(ft_asking *a, const ft_fetched *got) {
    a->status = got->status;
    a->out = (ft_payload){ .content_type = got->content_type, .bytes = got->body };
    a->custom_attributes_out = ft_fetched_header(got, "X-Amzn-SageMaker-Custom-Attributes");
    return FT_OK;
}

/* One try. `unreached`: the program has just died, nobody has seen it yet, nothing was asked. */
static ft_err ask_once(ft_fetched *got, bool *unreached, ft_program_model *m, const ft_asking *a,
                       const char *const *headers, int64_t until_us) {
    ft_http_link *link;
    ft_str url = { 0 };
    int port = 0;
    *unreached = false;
    FT_TRY(ready_wait(&port, &link, m, until_us));
    int64_t left_us = until_us - ft_clock_monotonic_us();
    ft_err err = link ? FT_OK : ft_http_link_new(&link);
    if (err == FT_OK && left_us <= 0) err = FT_FAIL(FT_ETIMEOUT, "no time is left to ask");
    if (err == FT_OK)
        err = ft_arena_printf(&url, a->arena, "http://127.0.0.1:%d/invocations", port);
    if (err == FT_OK) {
        err = ft_http_fetch(got, a->arena,
                            &(ft_fetch){ .method = "POST",
                                         .url = url.at,
                                         .body = a->in.bytes,
                                         .headers = headers,
                                         .timeout_us = left_us,
                                         .limit_bytes = ANSWER_MAX,
                                         .link = link });
        *unreached = err != FT_OK && got->unreached;
    }
    if (err == FT_OK)
        link_keep(m, link);
    else
        ft_http_link_free(link);
    return err;
}

static ft_err ask(ft_model *base, ft_asking *a) {
    ft_program_model *m = (ft_program_model *)base;
    int64_t time_us, until_us;
    const char *headers[4];
    ft_fetched got = { 0 };
    bool unreached;
    FT_TRY(ft_program_ask_time(&time_us));
    until_us = ft_clock_monotonic_us() + time_us;
    FT_TRY(headers_of(headers, a));
    ft_err err = ask_once(&got, &unreached, m, a, headers, until_us);
    for (int i = 0; unreached && i < UNREACHED_MAX; i++) { /* until its keeper has looked */
        ft_clock_sleep_us(UNREACHED_US);
        err = ask_once(&got, &unreached, m, a, headers, until_us);
    }
    if (err == FT_ETIMEOUT)
        return FT_FAIL(FT_ETIMEOUT,
                       "Your invocation timed out while waiting for a response from "
                       "container primary: its program did not answer within %g s",
                       (double)time_us / (double)FT_SECOND_US);
    if (err == FT_EPEER || err == FT_EINVAL) /* no HTTP at all is invalid to the client */
        return ft_err_prefix(FT_EPEER, "the model's program gave no whole answer");
    return err == FT_OK ? answer_take(a, &got) : err;
}

/* For those who know only rows of answers. */
static ft_err predict(const ft_model *m, ft_payload *out, const ft_payload *in, ft_str accept,
                      ft_tap *tap, ft_arena *arena) {
    ft_asking a = { .in = *in, .accept = accept, .arena = arena };
    FT_UNUSED(tap);
    FT_TRY(ask((ft_model *)m, &a));
    if (a.status < 200 || a.status > 299)
        return FT_FAIL(FT_EPEER, "the model's program answered %d: %.*s", a.status,
                       FT_STR_ARG(ft_str_slice(a.out.bytes, 0, 300)));
    *out = a.out;
    return FT_OK;
}

static void describe(const ft_model *base, ft_json_out *w) {
    const ft_program_spec *spec = &((const ft_program_model *)base)->spec;
    ft_json_out_name(w, "run");
    ft_json_out_text(w, runs[spec->run]);
    ft_json_out_name(w, "program");
    ft_json_out_str(w, spec->program.at ? spec->program : FT_STR(""));
    ft_json_out_name(w, "image");
    ft_json_out_str(w, spec->image.at ? spec->image : FT_STR(""));
}

const ft_predictor ft_predictor_program = {
    .name = "program",
    .doc = "a folder with code/inference.py, or a program named serve",
    .content_types = "*/*",
    .sniff = sniff,
    .load = load,
    .describe = describe,
    .predict = predict,
    .free = model_free,
    .start = start,
    .ready = ready,
    .ask = ask,
};
