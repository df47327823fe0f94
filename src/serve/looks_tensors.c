/* looks_tensors.c -- what the tensors of usual requests and of an alert's say beside each other: of
 * every output and gradient that was kept, the mean size and deviation over the steps of each
 * window; and the heat maps from stored tensors. See looks.h. */
#include <math.h>
#include <stdlib.h>

#include "monitor/capture.h"
#include "serve/looks_in.h"
#include "serve/saliency.h"

#define STEPS_LOOKED 400 /* newest steps of the trial */
#define STEPS_USED   6   /* of a window */
#define SHOWN        14  /* tensors, those that differ most */
#define MAPS_SHOWN   2

typedef struct side {
    const ft_monitor_row *run;
    int64_t step[STEPS_USED];
    size_t count;
} side;

typedef struct row {
    ft_str name;
    double size[2], deviation[2]; /* usual, odd */
    double apart;
} row;

/* When the step's request was captured; -1: it was not. */
static ft_err time_of(int64_t *out, ft_trial *t, int64_t step, ft_arena *arena) {
    ft_str *texts;
    size_t count;
    *out = -1;
    ft_err err = ft_trial_texts(&texts, &count, t, arena, FT_STR("event_id"), step);
    if (err == FT_OK && count == 1) *out = ft_capture_id_time(texts[0]);
    if (err == FT_ENOMEM) return err;
    ft_err_clear();
    return FT_OK;
}

static void side_add(side *s, int64_t step, int64_t at_us) {
    if (s->run && s->count < STEPS_USED && at_us >= s->run->from_us && at_us < s->run->until_us)
        s->step[s->count++] = step;
}

static ft_err sides_find(side sides[2], ft_trial *t, ft_arena *arena) {
    size_t count;
    const int64_t *steps = ft_trial_tensor_steps(t, FT_STR("event_id"), &count);
    for (size_t i = count; i-- > 0 && count - i <= STEPS_LOOKED;) {
        int64_t at;
        FT_TRY(time_of(&at, t, steps[i], arena));
        side_add(&sides[0], steps[i], at);
        side_add(&sides[1], steps[i], at);
    }
    return FT_OK;
}

/* Mean absolute value and deviation over the side's steps; NaN when it was not kept. */
static ft_err measure(double *size, double *deviation, ft_trial *t, const side *s, ft_str name,
                      ft_arena *arena) {
    double sum = 0, square = 0, total = 0, items = 0;
    for (size_t i = 0; i < s->count; i++) {
        ft_array a;
        bool there;
        FT_TRY(ft_trial_try(&there, &a, t, arena, name, s->step[i]));
        int64_t count = there ? ft_array_count(&a) : 0;
        for (int64_t k = 0; k < count; k++) {
            double v = ft_array_f64(&a, k);
            sum += fabs(v);
            total += v;
            square += v * v;
        }
        items += (double)count;
    }
    *size = items > 0 ? sum / items : NAN;
    *deviation = items > 0 ? sqrt(fmax(0, square / items - total / items * (total / items))) : NAN;
    return FT_OK;
}

static int by_apart(const void *a, const void *b) {
    double x = ((const row *)a)->apart, y = ((const row *)b)->apart;
    return (x < y) - (x > y);
}

static ft_err rows_measure(row **out, size_t *count, ft_trial *t, const side sides[2],
                           ft_arena *arena) {
    ft_str *names;
    size_t n;
    *count = 0;
    FT_TRY(ft_trial_names(&names, &n, t, arena, FT_STR(""),
                          FT_STR("(gradient/.*|.*_output_\\d+|.*_input_0)$")));
    FT_TRY(ft_arena_items(out, arena, n + 1));
    for (size_t i = 0; i < n; i++) {
        row r = { .name = names[i] };
        ft_arena own = { 0 };
        ft_err err = FT_OK;
        for (int k = 0; k < 2 && err == FT_OK; k++)
            err = measure(&r.size[k], &r.deviation[k], t, &sides[k], names[i], &own);
        ft_arena_fini(&own);
        FT_TRY(err);
        if (!(r.size[0] > 0) || !(r.size[1] > 0)) continue;
        r.apart = fabs(log(r.size[1] / r.size[0]));
        if (r.apart > 0) (*out)[(*count)++] = r;
    }
    qsort(*out, *count, sizeof **out, by_apart);
    return FT_OK;
}

static void table(ft_page *p, const row *rows, size_t count) {
    static const char *const columns[] = { "tensor", "size, usual",      "size, alert",
                                           "times",  "deviation, usual", "deviation, alert" };
    ft_page_table_begin(p, columns, 6);
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        ft_page_cell(p, rows[i].name);
        ft_page_cell_number(p, rows[i].size[0], 5);
        ft_page_cell_number(p, rows[i].size[1], 5);
        ft_page_cell_number(p, rows[i].size[1] / rows[i].size[0], 2);
        ft_page_cell_number(p, rows[i].deviation[0], 5);
        ft_page_cell_number(p, rows[i].deviation[1], 5);
    }
    ft_page_table_end(p);
}

typedef struct seen { /* a step's picture, and the map over it */
    ft_image picture, map;
    int layers;
    bool there;
} seen;

/* Not `there`: the step lacks what a map needs. */
static ft_err seen_of(seen *out, ft_trial *t, int64_t step, ft_arena *arena) {
    ft_saliency s;
    ft_buf png = { 0 };
    *out = (seen){ 0 };
    ft_err err = ft_saliency_of(&s, t, step, arena);
    if (err == FT_ENOTFOUND || err == FT_EINVAL) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(err);
    ft_decode_opts colours = { .channels = 3 };
    FT_TRY(ft_saliency_picture(&out->picture, &s.image, arena));
    FT_GOTO(err, ft_nn_map_png(&png, &s.map, &out->picture, 0.5F));
    FT_GOTO(err, ft_image_decode(&out->map, arena, ft_buf_str(&png), &colours));
    png.len = 0; /* a strip is in colours, grey ones, too */
    FT_GOTO(err, ft_image_encode(&png, &out->picture, &(ft_encode_opts){ .kind = FT_IMAGE_PNG }));
    FT_GOTO(err, ft_image_decode(&out->picture, arena, ft_buf_str(&png), &colours));
    out->layers = s.layers;
    out->there = true;
done:
    ft_buf_fini(&png);
    return err;
}

/* One step as usual beside one of the alert's window. */
static ft_err maps_show(ft_page *p, ft_trial *t, const side sides[2], size_t i, ft_arena *arena) {
    seen x[2] = { { .there = false } };
    const ft_image *panels[FT_LOOKS_PANELS] = { NULL };
    ft_buf caption = { 0 };
    for (int k = 0; k < 2; k++) {
        if (i >= sides[k].count) continue;
        FT_TRY(seen_of(&x[k], t, sides[k].step[i], arena));
        if (!x[k].there) continue;
        panels[2 * k] = &x[k].picture;
        panels[2 * k + 1] = &x[k].map;
        ft_buf_printf(&caption, "%s%s: step %lld, from %d layers' stored tensors",
                      caption.len ? " · " : "",
                      k ? "right, in the alert's window" : "left, as usual",
                      (long long)sides[k].step[i], x[k].layers);
    }
    ft_err err = caption.err;
    if (err == FT_OK && caption.len) err = ft_looks_strip(p, panels, ft_buf_str(&caption), arena);
    ft_buf_fini(&caption);
    return err;
}

static ft_err section(ft_page *p, ft_trial *t, const ft_looks_ask *ask, ft_arena *arena) {
    side sides[2] = { { .run = ask->usual }, { .run = ask->odd } };
    row *rows;
    size_t count;
    FT_TRY(ft_trial_refresh(t, NULL));
    FT_TRY(sides_find(sides, t, arena));
    ft_page_section(p, FT_STR("Tensors"));
    ft_page_text(p,
                 "Of the trial %.*s: %zu steps as usual, %zu of the alert's window. Size is the "
                 "mean absolute value; the tensors that differ most stand first.",
                 FT_STR_ARG(ask->tensors), sides[0].count, sides[1].count);
    if (sides[0].count && sides[1].count) {
        FT_TRY(rows_measure(&rows, &count, t, sides, arena));
        table(p, rows, count);
    }
    for (size_t i = 0; i < MAPS_SHOWN; i++) FT_TRY(maps_show(p, t, sides, i, arena));
    return FT_OK;
}

ft_err ft_looks_tensors(ft_page *p, ft_store *s, ft_arena *arena, const ft_looks_ask *ask) {
    ft_trial *t = NULL;
    ft_err err = ft_trial_open(&t, s, ask->tensors);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return FT_OK;
    }
    if (err == FT_OK) err = section(p, t, ask, arena);
    ft_trial_close(t);
    return err;
}
