/* loader_json.c -- see loader_json.h. Members are rows of a parameter table, so type, range and
 * refusal are the same as everywhere. */
#include "data/loader_json.h"

#include <math.h>

#include "base/check.h"
#include "base/json.h"
#include "base/param.h"

#define PATHS_MAX 65536

static const ft_param members[] = {
    { .name = "format", .type = FT_PARAM_STRING, .doc = "of the files; by content when not given" },
    { .name = "payload", .type = FT_PARAM_STRING, .doc = "what a record's bytes are" },
    { .name = "label", .type = FT_PARAM_STRING, .doc = "csv: the label's column; folder: none" },
    { .name = "stream",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "read parts as they come; one path" },
    { .name = "batch",
      .type = FT_PARAM_INT,
      .default_text = "32",
      .min = 1,
      .max = 1 << 20,
      .doc = "samples" },
    { .name = "drop_last",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "leave out a step that is not whole" },
    { .name = "shuffle",
      .type = FT_PARAM_CHOICE,
      .default_text = "none",
      .choices = "none|full|window",
      .doc = "order" },
    { .name = "window",
      .type = FT_PARAM_INT,
      .default_text = "1024",
      .min = 1,
      .max = 1 << 24,
      .doc = "samples that a window shuffle reads ahead" },
    { .name = "seed",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = INFINITY,
      .doc = "of order and augmentation" },
    { .name = "epoch",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = INFINITY,
      .doc = "the first" },
    { .name = "rank",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = 1 << 24,
      .doc = "of this process" },
    { .name = "world",
      .type = FT_PARAM_INT,
      .default_text = "1",
      .min = 1,
      .max = 1 << 24,
      .doc = "processes" },
    { .name = "workers",
      .type = FT_PARAM_INT,
      .default_text = "-1",
      .min = -1,
      .max = FT_LOADER_WORKERS_MAX,
      .doc = "threads; -1 as many as pay, 0 the caller's" },
    { .name = "workers_max",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = FT_LOADER_WORKERS_MAX,
      .doc = "when tuned" },
    { .name = "prefetch",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = FT_LOADER_SLOTS_MAX - 1,
      .doc = "batches ready ahead; 0 as many as pay" },
    { .name = "decode_threads",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = FT_LOADER_WORKERS_MAX,
      .doc = "at work on pixels at one time; 0 one a core" },
    { .name = "bad_max",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = INFINITY,
      .doc = "bad records that may be left out" },
    { .name = "fields", .type = FT_PARAM_STRING, .doc = "names, with commas" },
    { .name = "transforms", .type = FT_PARAM_STRING, .doc = "of pictures" },
    { .name = "dtype",
      .type = FT_PARAM_CHOICE,
      .default_text = "float32",
      .choices = "float32|bfloat16|uint8",
      .doc = "of pictures" },
    { .name = "layout",
      .type = FT_PARAM_CHOICE,
      .default_text = "nchw",
      .choices = "nchw|nhwc",
      .doc = "of pictures" },
    { .name = "channels",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = 3,
      .doc = "1 or 3; 0: as the transforms leave it" },
    { .name = "draft",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "decode JPEGs smaller where that is enough" },
    { .name = "memory_mb",
      .type = FT_PARAM_INT,
      .default_text = "1024",
      .min = 1,
      .max = 1 << 24,
      .doc = "of all batches" },
    { .name = "pin",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "page-locked where CUDA is" },
    { .name = "cuts",
      .type = FT_PARAM_BOOL,
      .default_text = "false",
      .doc = "a field 'cut' with what was cut out" },
    { .name = "check", .type = FT_PARAM_BOOL, .default_text = "true", .doc = "verify checksums" },
    { 0 },
};

typedef struct request {
    ft_arena arena;
    ft_params *params;
    ft_str *paths;
    size_t path_count;
} request;

static ft_err add_path(request *r, ft_json *j) {
    if (r->path_count == PATHS_MAX)
        return FT_FAIL(FT_ETOOBIG, "loader: more than %d paths", PATHS_MAX);
    return ft_json_string(j, &r->paths[r->path_count++]);
}

static ft_err read_paths(request *r, ft_json *j) {
    ft_json_kind kind;
    FT_TRY(ft_arena_items(&r->paths, &r->arena, PATHS_MAX));
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_STRING) return add_path(r, j);
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) FT_TRY(add_path(r, j));
    return j->err;
}

/* A number or a word as it stands in the JSON, a string without its quotes; null is not given. */
static ft_err read_member(request *r, ft_json *j, ft_str name) {
    ft_json_kind kind;
    ft_str value;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_NULL) return ft_json_null(j);
    if (kind == FT_JSON_STRING)
        FT_TRY(ft_json_string(j, &value));
    else
        FT_TRY(ft_json_skip(j, &value));
    return ft_params_set(r->params, name, value);
}

static ft_err read_request(request *r, ft_str text) {
    ft_json j;
    ft_str name;
    FT_TRY(ft_params_new(&r->params, &r->arena, members));
    ft_json_init(&j, text, &r->arena, &(ft_json_opts){ .name = "loader" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "data"))
            FT_TRY(read_paths(r, &j));
        else
            FT_TRY(read_member(r, &j, name));
    }
    FT_TRY(ft_json_end(&j));
    if (!r->path_count) return FT_FAIL(FT_EINVAL, "loader: \"data\" names no file or folder");
    return ft_params_finish(r->params);
}

static uint64_t number(const ft_params *p, const char *name) {
    return (uint64_t)ft_params_int(p, name);
}

static void fill_spec(ft_loader_spec *s, const ft_params *p) {
    ft_str shuffle = ft_params_str(p, "shuffle"), dtype = ft_params_str(p, "dtype");
    *s = (ft_loader_spec){ .batch = number(p, "batch"),
                           .drop_last = ft_params_bool(p, "drop_last"),
                           .shuffle = ft_str_is(shuffle, "full")     ? FT_SHUFFLE_FULL
                                      : ft_str_is(shuffle, "window") ? FT_SHUFFLE_WINDOW
                                                                     : FT_SHUFFLE_NONE,
                           .window = number(p, "window"),
                           .seed = number(p, "seed"),
                           .epoch = number(p, "epoch"),
                           .rank = (uint32_t)number(p, "rank"),
                           .world = (uint32_t)number(p, "world"),
                           .workers = (int)ft_params_int(p, "workers"),
                           .workers_max = (int)ft_params_int(p, "workers_max"),
                           .prefetch = (int)ft_params_int(p, "prefetch"),
                           .decode_threads = (int)ft_params_int(p, "decode_threads"),
                           .bad_max = number(p, "bad_max"),
                           .fields = ft_params_str(p, "fields"),
                           .transforms = ft_params_str(p, "transforms"),
                           .memory_bytes_max = (size_t)number(p, "memory_mb") << 20,
                           .pin = ft_params_bool(p, "pin"),
                           .cuts = ft_params_bool(p, "cuts") };
    s->pixels = (ft_transform_opts){ .dtype = ft_str_is(dtype, "uint8")      ? FT_U8
                                              : ft_str_is(dtype, "bfloat16") ? FT_BF16
                                                                             : FT_F32,
                                     .channels_last = ft_str_is(ft_params_str(p, "layout"), "nhwc"),
                                     .draft = ft_params_bool(p, "draft"),
                                     .channels = (int)ft_params_int(p, "channels") };
}

static ft_err open_feed(ft_feed *out, const request *r) {
    ft_dataset_opts opts = { .format = ft_params_str(r->params, "format"),
                             .payload = ft_params_str(r->params, "payload"),
                             .label = ft_params_str(r->params, "label"),
                             .no_check = !ft_params_bool(r->params, "check") };
    if (!ft_params_bool(r->params, "stream"))
        return ft_feed_dataset(out, r->paths, r->path_count, &opts);
    if (r->path_count != 1)
        return FT_FAIL(FT_EINVAL,
                       "loader: a stream has one path; a folder or a prefix may stand for many");
    return ft_feed_stream(out, r->paths[0], &opts);
}

static ft_err open_request(ft_loader **out, request *r, ft_str text) {
    ft_loader_spec spec;
    ft_feed feed;
    FT_TRY(read_request(r, text));
    fill_spec(&spec, r->params);
    FT_TRY(open_feed(&feed, r));
    return ft_loader_open(out, &feed, &spec);
}
ft_err ft_loader_open_json(ft_loader **out, ft_str text) {
    request r = { .arena = FT_ARENA_INIT((size_t)64 << 20) };
    *out = NULL;
    ft_err err = open_request(out, &r, text);
    ft_arena_fini(&r.arena);
    return err;
}

/* ---- what was measured */
static void note(ft_json_out *w, const char *name, double value) {
    ft_json_out_name(w, name);
    ft_json_out_f64(w, value);
}

ft_err ft_loader_stats_json(ft_buf *out, ft_loader *l) {
    ft_loader_stats s;
    ft_data_verdict v;
    ft_json_out w;
    ft_loader_told(&s, l);
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    note(&w, "batches", (double)s.batches);
    note(&w, "samples", (double)s.samples);
    note(&w, "bad", (double)s.bad);
    note(&w, "workers", s.workers);
    note(&w, "prefetch", s.prefetch);
    note(&w, "decode_threads", s.decode_threads);
    note(&w, "memory_bytes", (double)s.memory_bytes);
    note(&w, "first_batch_ms", (double)s.first_batch_us * 1e-3);
    note(&w, "starved_s", s.stages.starved_s);
    ft_json_out_name(&w, "pinned");
    ft_json_out_bool(&w, s.pinned);
    for (int i = 0; i < FT_STAGE_COUNT; i++) {
        ft_json_out_name(&w, ft_stage_name((ft_stage)i));
        ft_json_out_object(&w);
        note(&w, "cpu_s", s.stages.cpu_s[i]);
        note(&w, "wait_s", s.stages.wait_s[i]);
        ft_json_out_close(&w);
    }
    if (ft_data_judge(&v, &s.stages, NULL) == FT_OK) {
        note(&w, "samples_per_s", v.rate);
        note(&w, "gain", v.gain);
        ft_json_out_name(&w, "bound");
        ft_json_out_text(&w, ft_stage_name(v.stage));
        ft_json_out_name(&w, "verdict");
        ft_json_out_text(&w, v.sentence);
    } else {
        ft_err_clear();
    }
    ft_json_out_close(&w);
    return out->err;
}
