/* replay.c -- see replay.h. */
#include "serve/replay.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "serve/endpoint.h"
#include "store/lineage.h"

typedef struct asked { /* a variant of a version, loaded when its first capture comes */
    struct asked *next;
    int version;
    ft_str variant; /* in the replay's arena */
    ft_model *model;
} asked;

typedef struct replay {
    ft_store *s;
    ft_str endpoint;
    const ft_replay_opts *opts;
    ft_arena arena;  /* lives as long as the replay */
    ft_arena once;   /* one request */
    ft_str segment;  /* of the last capture … */
    asked *answered; /* … and who answers for it */
    asked *all;
    ft_replay_result *result;
    ft_err (*found)(void *ctx, const ft_replay_found *f);
    void *ctx;
} replay;

/* ---- who is asked */

static ft_err not_known(const replay *r, ft_str segment) {
    return FT_FAIL(FT_ECONFLICT,
                   "%.*s: it is not recorded which version of endpoint '%.*s' answered; say which "
                   "one shall be asked",
                   FT_STR_ARG(segment), FT_STR_ARG(r->endpoint));
}

/* capture:<segment> descends from endpoint:<name>@<version>. */
static ft_err version_of(int *out, replay *r, ft_str segment) {
    ft_str id, *parents;
    size_t count;
    int64_t version;
    FT_TRY(ft_lineage_id(&id, &r->once, FT_LINEAGE_CAPTURE, segment));
    FT_TRY(ft_lineage_parents(&parents, &count, r->s, &r->once, id));
    for (size_t i = 0; i < count; i++) {
        ft_str name, number;
        if (!ft_lineage_id_read(&name, &number, FT_LINEAGE_ENDPOINT, parents[i]) ||
            !ft_str_eq(name, r->endpoint) || !ft_str_i64(&version, number))
            continue;
        *out = (int)version;
        return FT_OK;
    }
    return not_known(r, segment);
}

/* Captures lie in a folder of their variant's name below the endpoint's. Empty: they lie otherwise. */
static ft_str variant_of(ft_str segment, ft_str endpoint) {
    ft_str below = ft_capture_below(segment);
    ft_str above = ft_str_slice(segment, 0, segment.len - below.len);
    while (ft_str_ends(above, FT_STR("/"))) above.len--;
    return ft_str_eq(ft_path_base(above), endpoint) ? ft_str_cut(&below, '/') : FT_STR("");
}

static ft_err load(asked *a, replay *r) {
    ft_endpoint ep;
    FT_TRY(ft_endpoint_version(&ep, r->s, &r->arena, r->endpoint, a->version));
    ft_str uri = ep.model_uri, sha256 = ep.model_sha256;
    for (size_t i = 0; i < ep.more_count; i++) {
        if (!ft_str_eq(ep.more[i].name, a->variant)) continue;
        uri = ep.more[i].model_uri;
        sha256 = ep.more[i].model_sha256;
    }
    FT_TRY(ft_endpoint_unchanged(uri, sha256));
    FT_TRY(ft_endpoint_load(&a->model, r->s, uri));
    if (!a->model->predictor->ask) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED,
                   "endpoint '%.*s', version %d, is a program: only a server runs it, so its "
                   "captures cannot be asked again here",
                   FT_STR_ARG(r->endpoint), a->version);
}

static ft_err find_asked(replay *r, ft_str segment) {
    int version = r->opts->version;
    if (ft_str_eq(segment, r->segment)) return FT_OK;
    if (!version) FT_TRY(version_of(&version, r, segment));
    FT_TRY(ft_arena_str(&r->segment, &r->arena, segment));
    ft_str variant = variant_of(r->segment, r->endpoint);
    for (r->answered = r->all; r->answered; r->answered = r->answered->next)
        if (r->answered->version == version && ft_str_eq(r->answered->variant, variant))
            return FT_OK;
    asked *a = ft_fault_here() ? NULL : calloc(1, sizeof *a);
    if (!a) return FT_FAIL(FT_ENOMEM, "no memory for a replay");
    *a = (asked){ .next = r->all, .version = version, .variant = variant };
    r->all = r->answered = a;
    return load(a, r);
}

/* ---- one capture */

static bool is_there(const ft_value *v, int column) { return v[column].type == FT_VALUE_TEXT; }

static ft_str text_of(const ft_value *v, int column) {
    return is_there(v, column) ? v[column].s : FT_STR("");
}

static ft_err ask_again(replay *r, const ft_record *record) {
    const ft_model *m = r->answered->model;
    ft_payload in, was, is = { 0 };
    FT_TRY(ft_capture_payload(&in, &r->once, record->values, FT_CAPTURE_ASKED));
    FT_TRY(ft_capture_payload(&was, &r->once, record->values, FT_CAPTURE_ANSWERED));
    ft_err err = m->predictor->predict(m, &is, &in, was.content_type, NULL, &r->once);
    if (err == FT_ENOMEM) return err;
    if (err == FT_OK && ft_str_eq(is.bytes, was.bytes)) return r->result->equal++, FT_OK;
    r->result->different++;
    ft_replay_found f = { .event_id = text_of(record->values, FT_CAPTURE_EVENT),
                          .segment = record->segment,
                          .version = r->answered->version,
                          .was = was.bytes,
                          .is = err ? FT_STR("") : is.bytes };
    if (err) FT_TRY(ft_arena_str(&f.why, &r->once, ft_str_of(ft_err_why())));
    ft_err_clear();
    return r->found ? r->found(r->ctx, &f) : FT_OK;
}

static ft_err replay_one(replay *r, const ft_record *record) {
    ft_arena_reset(&r->once);
    if (!is_there(record->values, FT_CAPTURE_INPUT) || !is_there(record->values, FT_CAPTURE_OUTPUT))
        return r->result->incomplete++, FT_OK;
    FT_TRY(find_asked(r, record->segment));
    return ask_again(r, record);
}

static ft_err replay_all(replay *r, ft_cursor *cursor) {
    const ft_replay_result *done = r->result;
    ft_record record;
    for (;;) {
        uint64_t count = done->equal + done->different + done->incomplete;
        if (r->opts->requests_max && count >= r->opts->requests_max) return FT_OK;
        ft_err err = ft_cursor_next(cursor, &record);
        if (err == FT_ENOTFOUND) return FT_OK;
        FT_TRY(err);
        FT_TRY(replay_one(r, &record));
    }
}

ft_err ft_replay(ft_replay_result *out, ft_store *s, ft_str endpoint, const ft_replay_opts *opts,
                 ft_err (*found)(void *ctx, const ft_replay_found *f), void *ctx) {
    replay r = { .s = s,
                 .endpoint = endpoint,
                 .opts = opts,
                 .result = out,
                 .found = found,
                 .ctx = ctx,
                 .arena = FT_ARENA_INIT(0),
                 .once = FT_ARENA_INIT(0) };
    ft_cursor_opts window = { .key = endpoint, .from = opts->from, .until = opts->until };
    ft_cursor *cursor = NULL;
    ft_endpoint ep;
    ft_err err;
    *out = (ft_replay_result){ 0 };
    if (opts->version)
        FT_GOTO(err, ft_endpoint_version(&ep, s, &r.arena, endpoint, opts->version));
    else
        FT_GOTO(err, ft_endpoint_get(&ep, s, &r.arena, endpoint));
    FT_GOTO(err, ft_cursor_open(&cursor, s, &ft_kind_capture, &window));
    err = replay_all(&r, cursor);
done:
    ft_cursor_close(cursor);
    while (r.all) {
        asked *a = r.all;
        r.all = a->next;
        if (a->model) a->model->predictor->free(a->model);
        free(a);
    }
    ft_arena_fini(&r.once);
    ft_arena_fini(&r.arena);
    return err;
}
