/* run_window.c -- what was captured in a window, as statistics. Every captured line is read once, a
 * row at a time; what is kept of it are the statistics. */
#include <math.h>

#include "base/check.h"
#include "monitor/capture.h"
#include "monitor/pictures.h"
#include "monitor/run_in.h"
#include "monitor/traffic.h"

#define SEGMENTS_MAX 1000 /* that lineage names */

/* ---- values of the window */

static ft_err flush(ft_run *r, size_t feature) {
    size_t n = r->filled[feature];
    r->filled[feature] = 0;
    return ft_stat_add(r->window.stats, &r->window.stats->features[feature],
                       &r->block[feature * FT_RUN_BLOCK], n);
}

static ft_err add_number(ft_run *r, size_t feature, float v) {
    r->block[feature * FT_RUN_BLOCK + r->filled[feature]++] = v;
    return r->filled[feature] == FT_RUN_BLOCK ? flush(r, feature) : FT_OK;
}

static ft_err add_cell(ft_run *r, size_t feature, ft_str cell) {
    ft_stat *f = &r->window.stats->features[feature];
    float v = NAN;
    if (f->is_text) return ft_stat_add_text(r->window.stats, f, cell, 1);
    if (cell.at && (!ft_str_f32(&v, cell) || isinf(v))) {
        f->bad++;
        return FT_OK;
    }
    return add_number(r, feature, v);
}

static ft_err add_row(void *ctx, const ft_str *cells, size_t count) {
    ft_run *r = ctx;
    ft_window *w = &r->window;
    if (count < w->inputs && (!w->short_rows++ || count < w->shortest)) w->shortest = count;
    if (count > w->inputs && (!w->long_rows++ || count > w->longest)) w->longest = count;
    w->stats->items++;
    for (size_t i = 0; i < w->inputs; i++)
        FT_TRY(add_cell(r, i, i < count ? cells[i] : (ft_str){ 0 }));
    return FT_OK;
}

static ft_err add_answer(ft_run *r, const ft_answer *a) {
    size_t feature = r->window.inputs;
    ft_stat *f = &r->window.stats->features[feature];
    if (!f->is_text) return add_number(r, feature, (float)a->prediction);
    return ft_stat_add_answer(r->window.stats, f, r->baseline.answers, a);
}

/* A picture is one row of its measures. */
static ft_err add_picture(ft_run *r, const ft_payload *in, const ft_answer *answer) {
    float row[FT_PICTURE_FEATURES];
    ft_str cells[FT_PICTURE_FEATURES] = { 0 };
    FT_TRY(ft_picture_row(row, in, answer));
    for (size_t i = 0; i < FT_PICTURE_FEATURES; i++)
        if (!isnan(row[i])) FT_TRY(ft_arena_printf(&cells[i], &r->once, "%.9g", (double)row[i]));
    FT_TRY(add_row(r, cells, FT_PICTURE_FEATURES));
    return r->window.inputs < r->window.stats->count ? add_answer(r, answer) : FT_OK;
}

/* One captured pair. FT_EPARSE, FT_EMEDIA … when it is no rows. */
static ft_err add_record(ft_run *r, const ft_value *v) {
    ft_payload in, out;
    ft_answer *answers;
    size_t count;
    FT_TRY(ft_capture_payload(&in, &r->once, v, FT_CAPTURE_ASKED));
    if (ft_is_picture(&in)) {
        FT_TRY(ft_capture_payload(&out, &r->once, v, FT_CAPTURE_ANSWERED));
        FT_TRY(ft_answer_rows(&answers, &count, &out, &r->once));
        if (count != 1) return FT_FAIL(FT_EPARSE, "a picture with %zu answers", count);
        return add_picture(r, &in, &answers[0]);
    }
    FT_TRY(ft_traffic_read(&in, r->baseline.schema, &r->once, add_row, r));
    if (r->window.inputs == r->window.stats->count)
        return FT_OK; /* a baseline without predictions */
    FT_TRY(ft_capture_payload(&out, &r->once, v, FT_CAPTURE_ANSWERED));
    FT_TRY(ft_answer_rows(&answers, &count, &out, &r->once));
    for (size_t i = 0; i < count; i++) FT_TRY(add_answer(r, &answers[i]));
    return FT_OK;
}

/* ---- the window */

static ft_err note_segment(ft_run *r, ft_str uri) {
    for (size_t i = r->segment_count; i-- > 0;)
        if (ft_str_eq(r->segments[i], uri)) return FT_OK;
    if (r->segment_count == SEGMENTS_MAX) return FT_OK;
    FT_TRY(ft_arena_grow(&r->segments, &r->segment_room, r->arena, r->segment_count));
    return ft_arena_str(&r->segments[r->segment_count++], r->arena, uri);
}

static bool is_unreadable(ft_err err) {
    return err == FT_EPARSE || err == FT_EMEDIA || err == FT_EINVAL || err == FT_ETOOBIG ||
           err == FT_ECORRUPT;
}

ft_err ft_run_window_read(ft_run *r) {
    ft_cursor *c;
    ft_record record;
    ft_err err;
    ft_cursor_opts opts = { .key = r->endpoint,
                            .from = r->from,
                            .until = r->until,
                            .wanted = 1ull << FT_CAPTURE_TIME | FT_CAPTURE_WANTED_ASKED |
                                      FT_CAPTURE_WANTED_ANSWERED };
    FT_TRY(ft_cursor_open(&c, r->s, &ft_kind_capture, &opts));
    while ((err = ft_cursor_next(c, &record)) == FT_OK) {
        ft_arena_reset(&r->once);
        r->records++;
        if ((err = note_segment(r, record.segment))) break;
        err = add_record(r, record.values);
        if (err && !is_unreadable(err)) break;
        if (err) r->unreadable++, ft_err_clear();
    }
    r->unreadable +=
        ft_cursor_damaged(c); /* lines that are none any more: they were requests, too */
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

ft_err ft_run_window_begin(ft_run *r) {
    const ft_statistics *b = r->baseline.stats;
    FT_TRY(ft_statistics_new(&r->window.stats, b->count));
    for (size_t i = 0; i < b->count; i++) {
        r->window.stats->features[i].name = b->features[i].name;
        r->window.stats->features[i].is_text = b->features[i].is_text;
    }
    r->window.inputs = r->baseline.inputs;
    FT_TRY(ft_arena_items(&r->block, r->arena, b->count * FT_RUN_BLOCK + 1));
    FT_TRY(ft_arena_items(&r->filled, r->arena, b->count + 1));
    return ft_arena_items(&r->shifts, r->arena, b->count + 1);
}

ft_err ft_run_window_measure(ft_run *r) {
    ft_statistics *w = r->window.stats;
    for (size_t i = 0; i < w->count; i++) {
        if (r->filled[i]) FT_TRY(flush(r, i));
        ft_arena_reset(&r->once);
        FT_TRY(ft_shift_measure(&r->shifts[i], &r->once, &r->baseline.stats->features[i],
                                &w->features[i], w->count, r->baseline.constraints->robust));
    }
    r->window.shifts = r->shifts;
    return FT_OK;
}

/* ---- a baseline whose first column is the label, as training files have it */

static ft_err count_cells(void *ctx, const ft_str *cells, size_t count) {
    FT_UNUSED(cells);
    *(size_t *)ctx = count;
    return FT_ECANCELED; /* one row is enough */
}

/* How many values the first captured request of the window has; 0: none can be read. */
static ft_err cells_of_first(size_t *out, ft_run *r) {
    ft_cursor *c;
    ft_record record;
    ft_payload in;
    ft_cursor_opts opts = { .key = r->endpoint, .from = r->from, .until = r->until };
    *out = 0;
    FT_TRY(ft_cursor_open(&c, r->s, &ft_kind_capture, &opts));
    ft_err err = ft_cursor_next(c, &record);
    if (err == FT_OK && ft_capture_payload(&in, &r->once, record.values, FT_CAPTURE_ASKED) == FT_OK)
        ft_traffic_read(&in, NULL, &r->once, count_cells, out);
    ft_err_clear();
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* Statistics of another place may describe a training file, label first: requests then have one
 * value less, and the label is compared with nothing. */
ft_err ft_run_label_drop(ft_run *r) {
    ft_statistics *stats = r->baseline.stats;
    ft_constraints *constraints = r->baseline.constraints;
    size_t cells;
    if (!r->ask->statistics_uri.len || stats->count < 2 || r->baseline.inputs < stats->count)
        return FT_OK;
    FT_TRY(cells_of_first(&cells, r));
    if (cells + 1 != stats->count) return FT_OK;
    for (size_t i = 0; i < constraints->count; i++)
        if (ft_str_eq(constraints->features[i].name, stats->features[0].name)) {
            memmove(&constraints->features[i], &constraints->features[i + 1],
                    (constraints->count - i - 1) * sizeof *constraints->features);
            constraints->count--;
            break;
        }
    ft_sketch_free(stats->features[0].sketch);
    stats->count--;
    memmove(&stats->features[0], &stats->features[1], stats->count * sizeof *stats->features);
    r->baseline.inputs = stats->count;
    return FT_OK;
}
