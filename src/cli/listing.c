/* listing.c -- see listing.h. */
#include "cli/listing.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"

#define CELL_SHOWN_MAX 80 /* characters of a cell that people see; --json has all */

static void cell_add(ft_listing *l, ft_value v) {
    if (l->err != FT_OK) return;
    l->err = ft_arena_grow(&l->cells, &l->cell_capacity, &l->cli->arena, l->cell_count);
    if (l->err == FT_OK) l->cells[l->cell_count++] = v;
}

void ft_listing_init(ft_listing *l, ft_cli *cli, const char *const *columns, int count) {
    *l = (ft_listing){ .cli = cli, .columns = columns, .column_count = count };
}

void ft_listing_text(ft_listing *l, ft_str s) {
    ft_str copy = { 0 };
    if (s.at && l->err == FT_OK) l->err = ft_arena_str(&copy, &l->cli->arena, s);
    cell_add(l, ft_value_text(copy));
}

void ft_listing_int(ft_listing *l, int64_t i) { cell_add(l, ft_value_int(i)); }
void ft_listing_number(ft_listing *l, double v) { cell_add(l, ft_value_f64(v)); }

void ft_listing_time(ft_listing *l, int64_t us) {
    char text[FT_TIME_TEXT];
    ft_listing_text(l, us > 0 ? ft_str_of(ft_time_iso(text, us, false)) : (ft_str){ 0 });
}

void ft_listing_value(ft_listing *l, const ft_value *v) {
    if (v->type == FT_VALUE_TEXT || v->type == FT_VALUE_BLOB)
        ft_listing_text(l, v->s);
    else
        cell_add(l, *v);
}

static void cell_text(ft_buf *buf, const ft_value *v) {
    ft_buf_reset(buf);
    switch (v->type) {
    case FT_VALUE_INT:
        ft_buf_i64(buf, v->i);
        break;
    case FT_VALUE_F64:
        ft_buf_printf(buf, "%.6g", v->f);
        break;
    case FT_VALUE_TEXT:
    case FT_VALUE_BLOB:
        for (size_t i = 0; i < v->s.len; i++) {
            unsigned char c = (unsigned char)v->s.at[i];
            ft_buf_byte(buf,
                        c < ' ' || c == 0x7f ? ' ' : (char)c); /* no terminal control from data */
        }
        break;
    case FT_VALUE_NULL:
        ft_buf_add(buf, FT_STR("-"));
        break;
    }
}

/* Characters, not bytes: UTF-8 continuation bytes take no column. */
static int text_width(ft_str s) {
    int width = 0;
    for (size_t i = 0; i < s.len; i++) width += ((unsigned char)s.at[i] & 0xc0) != 0x80;
    return width;
}

static ft_str text_clip(ft_str s, int width) {
    size_t at = 0;
    while (at < s.len && (width > 0 || ((unsigned char)s.at[at] & 0xc0) == 0x80)) {
        width -= ((unsigned char)s.at[at] & 0xc0) != 0x80;
        at++;
    }
    return ft_str_slice(s, 0, at);
}

static ft_err print_table(const ft_listing *l) {
    int width[64];
    FT_CHECK(l->column_count <= 64);
    ft_buf buf = { 0 };
    for (int c = 0; c < l->column_count; c++) width[c] = text_width(ft_str_of(l->columns[c]));
    for (size_t i = 0; i < l->cell_count; i++) {
        cell_text(&buf, &l->cells[i]);
        int w = text_width(ft_buf_str(&buf)), c = (int)(i % (size_t)l->column_count);
        if (w > CELL_SHOWN_MAX) w = CELL_SHOWN_MAX;
        if (w > width[c]) width[c] = w;
    }
    for (int c = 0; c < l->column_count; c++)
        printf("%-*s%s", c + 1 < l->column_count ? width[c] : 0, l->columns[c],
               c + 1 < l->column_count ? "  " : "\n");
    for (size_t i = 0; i < l->cell_count; i++) {
        int c = (int)(i % (size_t)l->column_count);
        bool last = c + 1 == l->column_count;
        bool number = l->cells[i].type == FT_VALUE_INT || l->cells[i].type == FT_VALUE_F64;
        cell_text(&buf, &l->cells[i]);
        ft_str s = text_clip(ft_buf_str(&buf), last ? 1 << 20 : CELL_SHOWN_MAX);
        int pad = width[c] - text_width(s);
        if (pad < 0) pad = 0;
        printf("%*s%.*s%*s%s", number ? pad : 0, "", (int)s.len, s.at, number || last ? 0 : pad, "",
               last ? "\n" : "  ");
    }
    ft_err err = buf.err;
    ft_buf_fini(&buf);
    return err;
}

static ft_err print_json(const ft_listing *l) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < l->cell_count; i++) {
        size_t c = i % (size_t)l->column_count;
        const ft_value *v = &l->cells[i];
        if (c == 0) ft_json_out_object(&w);
        ft_json_out_name(&w, l->columns[c]);
        if (v->type == FT_VALUE_INT)
            ft_json_out_i64(&w, v->i);
        else if (v->type == FT_VALUE_F64)
            ft_json_out_f64(&w, v->f);
        else if (v->type == FT_VALUE_NULL)
            ft_json_out_null(&w);
        else
            ft_json_out_str(&w, v->s);
        if (c + 1 == (size_t)l->column_count) ft_json_out_close(&w);
    }
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) printf("%s\n", buf.at);
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_listing_print(ft_listing *l, const char *empty) {
    if (l->err != FT_OK) return l->err;
    FT_CHECK(l->cell_count % (size_t)l->column_count == 0);
    if (l->cli->json) return print_json(l);
    if (l->cell_count == 0) {
        if (empty) printf("%s\n", empty);
        return FT_OK;
    }
    return print_table(l);
}

char *ft_text_size(char out[32], uint64_t bytes) {
    static const char *const unit[] = { "bytes", "kB", "MB", "GB", "TB" };
    double v = (double)bytes;
    int u = 0;
    while (v >= 999.5 && u < 4) v /= 1000, u++;
    snprintf(out, 32, u ? "%.3g %s" : "%.0f %s", v, unit[u]);
    return out;
}

ft_err ft_listing_params(ft_cli *cli, const ft_param *table) {
    static const char *const columns[] = { "name", "values", "effect", "since", "meaning" };
    ft_listing l;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (const ft_param *p = table; p && p->name; p++) {
        ft_str values;
        FT_TRY(ft_param_describe(&values, &cli->arena, p));
        ft_listing_text(&l, ft_str_of(p->name));
        ft_listing_text(&l, values);
        ft_listing_text(&l, p->required                     ? FT_STR("required")
                            : p->effect == FT_EFFECT_SILENT ? FT_STR("silent")
                                                            : FT_STR("active"));
        ft_listing_text(&l, ft_str_of(p->since));
        ft_listing_text(&l, ft_str_of(p->doc));
    }
    return ft_listing_print(&l, "no parameters");
}

ft_err ft_cli_done(ft_cli *cli, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!cli->json) {
        printf("%s\n", text);
        return FT_OK;
    }
    ft_buf buf = { 0 };
    ft_err err = ft_json_quote(&buf, ft_str_of(text));
    if (err == FT_OK) printf("{\"done\":%s}\n", buf.at);
    ft_buf_fini(&buf);
    return err;
}
