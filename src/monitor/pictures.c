/* pictures.c -- see pictures.h. */
#include "monitor/pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "monitor/monitor.h"
#include "monitor/rows_in.h"
#include "watch/watch.h"

#define PICTURE_BYTES_MAX ((size_t)64 << 20)
/* Shares of the baseline's pictures that exceed a limit of PerturbedInputs: of one, as grey
 * pictures have it, or of each of two. */
#define GREY_SHARE   0.02
#define COLOUR_SHARE 0.01

const char *ft_picture_feature(size_t i) {
    return i < FT_MEASURES ? ft_measure_names[i] : "confidence";
}

bool ft_is_picture(const ft_payload *in) {
    if (ft_str_starts(in->content_type, FT_STR("image/"))) return true;
    bool text = ft_str_starts(in->content_type, FT_STR("text/")) ||
                ft_str_starts(in->content_type, FT_STR("application/json"));
    return !text && ft_image_sniff(in->bytes) != FT_IMAGE_UNKNOWN;
}

ft_err ft_picture_row(float out[FT_PICTURE_FEATURES], const ft_payload *in,
                      const ft_answer *answer) {
    ft_measure m;
    FT_TRY(ft_picture_measure(&m, in->bytes));
    double values[FT_PICTURE_FEATURES] = { m.brightness,   m.contrast,        m.colour,
                                           m.edges,        m.noise,           m.grain,
                                           m.colour_grain, answer->confidence };
    for (int i = 0; i < FT_PICTURE_FEATURES; i++) out[i] = (float)values[i];
    return FT_OK;
}

/* ---- a baseline of a folder */

typedef struct gathering {
    const ft_model *model;
    ft_arena names, once;
    float *rows;
    ft_answer *answers;
    size_t count, room, most, others;
} gathering;

static ft_err make_room(gathering *g) {
    if (g->count < g->room) return FT_OK;
    size_t room = g->room ? 2 * g->room : 256;
    float *rows =
        ft_fault_here() ? NULL : realloc(g->rows, room * FT_PICTURE_FEATURES * sizeof *rows);
    if (!rows) return FT_FAIL(FT_ENOMEM, "no memory for a baseline");
    g->rows = rows;
    ft_answer *answers = ft_fault_here() ? NULL : realloc(g->answers, room * sizeof *answers);
    if (!answers) return FT_FAIL(FT_ENOMEM, "no memory for a baseline");
    g->answers = answers;
    g->room = room;
    return FT_OK;
}

static ft_err picture_add(gathering *g, const char *path) {
    ft_payload in = { 0 }, out = { 0 };
    ft_answer *answers;
    size_t count;
    FT_TRY(ft_file_read(&in.bytes, &g->once, path, PICTURE_BYTES_MAX));
    if (ft_image_sniff(in.bytes) == FT_IMAGE_UNKNOWN) {
        g->others++;
        return FT_OK;
    }
    FT_TRY(make_room(g));
    FT_TRY(g->model->predictor->predict(g->model, &out, &in, FT_STR("text/csv"), NULL, &g->once));
    FT_TRY(ft_answer_rows(&answers, &count, &out, &g->once));
    if (count != 1)
        return FT_FAIL(FT_EUNSUPPORTED, "%s: the model gives %zu answers to one picture", path,
                       count);
    g->answers[g->count] = answers[0];
    FT_TRY(ft_picture_row(&g->rows[g->count * FT_PICTURE_FEATURES], &in, &answers[0]));
    g->count++;
    return FT_OK;
}

static ft_err picture_of_folder(void *ctx, const char *path, ft_str below,
                                const ft_file_info *info) {
    gathering *g = ctx;
    FT_UNUSED(below);
    FT_UNUSED(info);
    if (g->most && g->count >= g->most) return FT_OK;
    ft_arena_reset(&g->once);
    ft_err err = picture_add(g, path);
    if (err != FT_ECORRUPT && err != FT_EMEDIA) return err;
    ft_err_clear();
    g->others++;
    return FT_OK;
}

static ft_err table_of(ft_table *t, const gathering *g, const char *folder) {
    ft_schema *schema;
    FT_TRY(ft_arena_items(&schema, &t->arena, 1));
    *schema = (ft_schema){ .feature_count = FT_PICTURE_FEATURES, .named = true };
    FT_TRY(ft_arena_items(&schema->features, &t->arena, FT_PICTURE_FEATURES));
    for (size_t i = 0; i < FT_PICTURE_FEATURES; i++)
        schema->features[i] = (ft_feature){ .name = ft_str_of(ft_picture_feature(i)) };
    t->schema = schema;
    t->rows = g->count;
    t->cols = FT_PICTURE_FEATURES;
    t->dense = g->rows;
    t->source = ft_str_of(folder);
    return FT_OK;
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

enum { COLOUR = 2, GRAIN = FT_MEASURES - 2, COLOUR_GRAIN };

/* What `share` of the pictures exceed of a feature. */
static ft_err limit_of(double *out, const gathering *g, int feature, double share,
                       ft_arena *arena) {
    float *values;
    FT_TRY(ft_arena_items(&values, arena, g->count));
    for (size_t i = 0; i < g->count; i++)
        values[i] = g->rows[i * FT_PICTURE_FEATURES + (size_t)feature];
    qsort(values, g->count, sizeof *values, by_value);
    *out = values[(size_t)((1 - share) * (double)(g->count - 1))];
    return FT_OK;
}

static ft_err rule_add(ft_store *s, ft_str endpoint, const gathering *g, ft_arena *arena) {
    ft_watch_spec spec = { .rule = FT_STR("PerturbedInputs"), .actions = FT_STR("alert") };
    double grain = 0, colour = 0, most_colour = 0;
    int64_t id;
    FT_TRY(limit_of(&most_colour, g, COLOUR, COLOUR_SHARE, arena));
    bool grey = most_colour <= 0;
    FT_TRY(limit_of(&colour, g, COLOUR_GRAIN, COLOUR_SHARE, arena));
    FT_TRY(limit_of(&grain, g, GRAIN, grey ? GREY_SHARE : COLOUR_SHARE, arena));
    FT_TRY(ft_subject(&spec.subject, arena, FT_SUBJECT_ENDPOINT, endpoint));
    if (!grey)
        FT_TRY(ft_arena_printf(&spec.params_json, arena,
                               "{\"grain_limit\":\"%.6g\",\"colour_grain_limit\":\"%.6g\"}", grain,
                               colour));
    else
        FT_TRY(ft_arena_printf(&spec.params_json, arena, "{\"grain_limit\":\"%.6g\"}", grain));
    ft_err err = ft_watch_add(&id, s, &spec);
    if (err != FT_EEXIST) return err;
    ft_err_clear();
    return FT_OK;
}

static ft_err store(ft_store *s, ft_str endpoint, const gathering *g, const char *folder,
                    const ft_model *model) {
    ft_table t = { 0 };
    ft_err err = FT_OK;
    if (!g->count)
        return FT_FAIL(FT_EINVAL, "%s: none of its %zu files is a picture", folder, g->others);
    FT_GOTO(err, table_of(&t, g, folder));
    FT_GOTO(err, ft_monitor_baseline_answered(s, endpoint, &t, ft_answers_of(model), g->answers));
    err = rule_add(s, endpoint, g, &t.arena);
done:
    ft_arena_fini(&t.arena);
    return err;
}

ft_err ft_monitor_baseline_pictures(ft_store *s, ft_str endpoint, const char *folder,
                                    const ft_model *model, size_t most, size_t *pictures,
                                    size_t *others) {
    gathering g = { .model = model, .most = most };
    ft_err err = ft_dir_walk(
        &(ft_dir_walker){ .arena = &g.names, .file = picture_of_folder, .ctx = &g }, folder);
    if (err == FT_OK) err = store(s, endpoint, &g, folder, model);
    *pictures = g.count;
    *others = g.others;
    free(g.rows);
    free(g.answers);
    ft_arena_fini(&g.names);
    ft_arena_fini(&g.once);
    return err;
}
