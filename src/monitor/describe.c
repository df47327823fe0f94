/* describe.c -- statistics and constraints of a file by itself, as Model Monitor's analyzer makes
 * them: every column is a feature, nothing is known of a model. */
#include <math.h>

#include "base/check.h"
#include "monitor/constraints.h"
#include "monitor/monitor.h"
#include "monitor/statistics.h"
#include "monitor/traffic.h"

typedef struct describing {
    ft_statistics *stats;
    ft_arena *arena;
    ft_str *names;
    bool *is_text;
    size_t cols, rows;
    bool header; /* the next row is one */
} describing;

static ft_err names_take(describing *d, const ft_str *cells, size_t count, bool given) {
    d->cols = count;
    FT_TRY(ft_arena_items(&d->names, d->arena, count + 1));
    FT_TRY(ft_arena_items(&d->is_text, d->arena, count + 1));
    for (size_t i = 0; i < count; i++) {
        d->is_text[i] = false;
        if (given && cells[i].len)
            FT_TRY(ft_arena_str(&d->names[i], d->arena, cells[i]));
        else
            FT_TRY(ft_arena_printf(&d->names[i], d->arena, "_c%zu", i));
    }
    return FT_OK;
}

static bool is_number(ft_str cell, float *v) { return ft_str_f32(v, cell) && !isinf(*v); }

/* First pass: how many columns, and which of them hold texts. */
static ft_err look(void *ctx, const ft_str *cells, size_t count) {
    describing *d = ctx;
    float v;
    if (!d->names) FT_TRY(names_take(d, cells, count, d->header));
    if (d->header) {
        d->header = false;
        return FT_OK;
    }
    d->rows++;
    if (count != d->cols)
        return FT_FAIL(FT_EPARSE, "row %zu has %zu columns, the first one has %zu", d->rows, count,
                       d->cols);
    for (size_t i = 0; i < count; i++)
        if (cells[i].at && !is_number(cells[i], &v)) d->is_text[i] = true;
    return FT_OK;
}

static ft_err add(void *ctx, const ft_str *cells, size_t count) {
    describing *d = ctx;
    if (d->header) {
        d->header = false;
        return FT_OK;
    }
    d->stats->items++;
    for (size_t i = 0; i < count && i < d->cols; i++) {
        float v = NAN;
        if (d->is_text[i]) {
            FT_TRY(ft_stat_add_text(d->stats, &d->stats->features[i], cells[i], 1));
            continue;
        }
        if (cells[i].at) is_number(cells[i], &v);
        FT_TRY(ft_stat_add(d->stats, &d->stats->features[i], &v, 1));
    }
    return FT_OK;
}

ft_err ft_monitor_describe(ft_buf *statistics, ft_buf *constraints, ft_str content_type,
                           ft_str body, bool header) {
    ft_arena arena = FT_ARENA_INIT(0), once = FT_ARENA_INIT(0);
    describing d = { .arena = &arena, .header = header };
    ft_payload in = { .content_type = content_type, .bytes = body };
    ft_constraints *suggested = NULL;
    ft_err err;
    FT_GOTO(err, ft_traffic_read(&in, NULL, &once, look, &d));
    if (!d.rows || !d.cols) FT_GOTO(err, FT_FAIL(FT_EINVAL, "a baseline needs rows and columns"));
    FT_GOTO(err, ft_statistics_new(&d.stats, d.cols));
    for (size_t i = 0; i < d.cols; i++) {
        FT_GOTO(err, ft_arena_str(&d.stats->features[i].name, &d.stats->arena, d.names[i]));
        d.stats->features[i].is_text = d.is_text[i];
    }
    d.header = header;
    ft_arena_reset(&once);
    FT_GOTO(err, ft_traffic_read(&in, NULL, &once, add, &d));
    FT_GOTO(err, ft_constraints_suggest(&suggested, d.stats));
    FT_GOTO(err, ft_statistics_write(statistics, d.stats));
    err = ft_constraints_write(constraints, suggested);
done:
    ft_constraints_free(suggested);
    ft_statistics_free(d.stats);
    ft_arena_fini(&once);
    ft_arena_fini(&arena);
    return err;
}
