/* chart.c -- charts of page.h as inline SVG: nice ticks, a legend, a title on every mark. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xml.h"
#include "report/page_in.h"

#define WIDTH         760.0
#define HEIGHT        300.0
#define SQUARE        400.0
#define LEFT          62.0
#define RIGHT         14.0
#define TOP           12.0
#define BOTTOM        40.0
#define LETTER        6.6 /* mean width of a digit or letter, a little more than measured */
#define COLORS        8
#define POINTS_DOTTED 40   /* below so many points each gets a dot */
#define POINTS_DRAWN  1500 /* above, a bin keeps its extremes */

typedef struct axis {
    double min, max, step;
} axis;

typedef struct plot {
    ft_buf *buf;
    double width, height;
    axis x, y;
} plot;

/* ---- scales */

/* Round steps of 1, 2 or 5 times a power of ten; about `ticks` of them. */
static axis axis_of(double min, double max, int ticks) {
    if (!(max >= min)) min = 0, max = 1;
    if (max - min < 1e-12 * (1 + fabs(max))) {
        double pad = max == 0 ? 1 : fabs(max) * 0.1;
        min -= pad, max += pad;
    }
    double raw = (max - min) / ticks, power = pow(10, floor(log10(raw))), unit = raw / power;
    double step = power * (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10);
    return (axis){ floor(min / step + 1e-9) * step, ceil(max / step - 1e-9) * step, step };
}

static double px(const plot *p, double x) {
    return LEFT + (x - p->x.min) / (p->x.max - p->x.min) * (p->width - LEFT - RIGHT);
}
static double py(const plot *p, double y) {
    return p->height - BOTTOM - (y - p->y.min) / (p->y.max - p->y.min) * (p->height - TOP - BOTTOM);
}

static void label(ft_buf *buf, double x, double y, const char *anchor, ft_str text) {
    ft_buf_printf(buf, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    ft_xml_escape(buf, text);
    ft_buf_printf(buf, "</text>");
}

static void open_svg(plot *p, ft_str name, bool square) {
    ft_buf_printf(p->buf, "<svg viewBox=\"0 0 %.0f %.0f\"%s role=\"img\" aria-label=\"", p->width,
                  p->height, square ? " class=square" : "");
    ft_xml_escape(p->buf, name);
    ft_buf_printf(p->buf, "\">\n");
}

static void draw_y_axis(const plot *p, const char *title) {
    char text[32];
    int ticks = (int)((p->y.max - p->y.min) / p->y.step + 0.5);
    for (int i = 0; i <= ticks; i++) {
        double v = p->y.min + i * p->y.step;
        if (fabs(v) < p->y.step * 1e-9) v = 0;
        ft_buf_printf(p->buf, "<line class=axis x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                      LEFT, p->width - RIGHT, py(p, v), py(p, v));
        label(p->buf, LEFT - 8, py(p, v) + 4, "end", ft_str_of(ft_text_number(text, v)));
    }
    if (title && *title) {
        ft_buf_printf(p->buf,
                      "<text transform=\"translate(13 %.1f) rotate(-90)\" text-anchor=\"middle\">",
                      (p->height - BOTTOM + TOP) / 2);
        ft_xml_escape(p->buf, ft_str_of(title));
        ft_buf_printf(p->buf, "</text>\n");
    }
}

static void draw_x_axis(const plot *p, const char *title) {
    char text[32];
    int ticks = (int)((p->x.max - p->x.min) / p->x.step + 1e-9);
    double first = ceil(p->x.min / p->x.step - 1e-9) * p->x.step;
    for (int i = 0; i <= ticks; i++) {
        double v = first + i * p->x.step;
        if (v > p->x.max + p->x.step * 1e-9) break;
        label(p->buf, px(p, v), p->height - BOTTOM + 18, "middle",
              ft_str_of(ft_text_number(text, v)));
    }
    if (title && *title)
        label(p->buf, (LEFT + p->width - RIGHT) / 2, p->height - 4, "middle", ft_str_of(title));
    ft_buf_printf(p->buf, "\n");
}

static void legend(ft_buf *buf, const ft_str *names, int count) {
    ft_buf_printf(buf, "<ul class=legend>");
    for (int i = 0; i < count; i++) {
        ft_buf_printf(buf, "<li style=\"--k:var(--c%d)\">", i % COLORS);
        ft_xml_escape(buf, names[i]);
        ft_buf_printf(buf, "</li>");
    }
    ft_buf_printf(buf, "</ul>\n");
}

/* ---- lines */

static void reach(double *min, double *max, double v) {
    if (!isfinite(v)) return;
    if (v < *min) *min = v;
    if (v > *max) *max = v;
}

static void chart_axes(plot *p, const ft_chart *c) {
    double x0 = DBL_MAX, x1 = -DBL_MAX, y0 = DBL_MAX, y1 = -DBL_MAX;
    if (c->square) {
        p->x = p->y = (axis){ 0, 1, 0.2 };
        return;
    }
    for (int s = 0; s < c->series_count; s++)
        for (size_t i = 0; i < c->series[s].count; i++)
            if (isfinite(c->series[s].y[i]))
                reach(&x0, &x1, c->series[s].x[i]), reach(&y0, &y1, c->series[s].y[i]);
    p->y = axis_of(y0, y1, 5);
    p->x = axis_of(x0, x1, 8);
    if (x1 > x0) p->x.min = x0, p->x.max = x1; /* no empty margin left and right */
}

/* One series as a path that begins anew after a NaN; a long one keeps the extremes of each bin. */
static void draw_series(const plot *p, const ft_series *s, int color) {
    size_t bin = s->count > POINTS_DRAWN ? s->count / (POINTS_DRAWN / 2) : 1;
    bool down = false;
    ft_buf_printf(p->buf, "<path class=line style=\"stroke:var(--c%d)\" d=\"", color % COLORS);
    for (size_t i = 0; i < s->count; i += bin) {
        size_t low = i, high = i, end = i + bin < s->count ? i + bin : s->count;
        for (size_t k = i; k < end; k++) {
            if (s->y[k] < s->y[low]) low = k;
            if (s->y[k] > s->y[high]) high = k;
        }
        size_t pick[2] = { low < high ? low : high, low < high ? high : low };
        for (int k = 0; k < (low == high ? 1 : 2); k++) {
            if (!isfinite(s->y[pick[k]])) {
                down = false;
                continue;
            }
            ft_buf_printf(p->buf, "%c%.1f %.1f", down ? 'L' : 'M', px(p, s->x[pick[k]]),
                          py(p, s->y[pick[k]]));
            down = true;
        }
    }
    ft_buf_printf(p->buf, "\"><title>");
    ft_xml_escape(p->buf, s->name);
    ft_buf_printf(p->buf, "</title></path>\n");
}

static void draw_dots(const plot *p, const ft_series *s, int color) {
    char x[32], y[32];
    for (size_t i = 0; i < s->count; i++) {
        if (!isfinite(s->y[i])) continue;
        ft_buf_printf(p->buf, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"var(--c%d)\"><title>",
                      px(p, s->x[i]), py(p, s->y[i]), color % COLORS);
        ft_xml_escape(p->buf, s->name);
        ft_buf_printf(p->buf, " at %s: %s</title></circle>\n", ft_text_number(x, s->x[i]),
                      ft_text_number(y, s->y[i]));
    }
}

static void draw_mark(const plot *p, const ft_chart *c) {
    if (!isfinite(c->mark_x) || c->mark_x < p->x.min || c->mark_x > p->x.max) return;
    double x = px(p, c->mark_x);
    bool left = x > p->width * 0.7;
    ft_buf_printf(p->buf, "<line class=mark x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", x,
                  x, TOP, p->height - BOTTOM);
    label(p->buf, x + (left ? -6 : 6), TOP + 10, left ? "end" : "start", c->mark_text);
}

void ft_page_lines(ft_page *page, const ft_chart *c) {
    plot p = { .buf = &page->body,
               .width = c->square ? SQUARE : WIDTH,
               .height = c->square ? SQUARE : HEIGHT };
    ft_str names[FT_SERIES_MAX];
    FT_CHECK(c->series_count >= 0 && c->series_count <= FT_SERIES_MAX);
    for (int s = 0; s < c->series_count; s++) names[s] = c->series[s].name;
    chart_axes(&p, c);
    ft_buf_printf(p.buf, "<figure>");
    legend(p.buf, names, c->series_count);
    open_svg(&p, ft_str_of(c->y_label), c->square);
    draw_y_axis(&p, c->y_label);
    draw_x_axis(&p, c->x_label);
    if (c->square)
        ft_buf_printf(p.buf, "<line class=mark x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                      px(&p, 0), py(&p, 0), px(&p, 1), py(&p, 1));
    for (int s = 0; s < c->series_count; s++) {
        draw_series(&p, &c->series[s], s);
        if (c->points || c->series[s].count < POINTS_DOTTED) draw_dots(&p, &c->series[s], s);
    }
    draw_mark(&p, c);
    ft_buf_printf(p.buf, "</svg></figure>\n");
}

/* ---- bars */

void ft_page_bars(ft_page *page, const ft_str *names, const double *values, size_t count,
                  const char *unit, int decimals) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]) && fabs(values[i]) > most) most = fabs(values[i]);
    ft_buf *buf = &page->body;
    ft_buf_printf(buf, "<div class=bars>\n");
    for (size_t i = 0; i < count; i++) {
        ft_buf_printf(buf, "<span title=\"");
        ft_xml_escape(buf, names[i]);
        ft_buf_printf(buf, "\">");
        ft_xml_escape(buf, names[i]);
        double share = most > 0 && isfinite(values[i]) ? 100 * fabs(values[i]) / most : 0;
        ft_buf_printf(buf, "</span><i style=\"width:%.2f%%\"></i><b>%.*f%s%s</b>\n", share,
                      decimals, values[i], *unit ? " " : "", unit);
    }
    ft_buf_printf(buf, "</div>\n");
}

/* ---- columns */

static void column_name(char out[64], const ft_columns *c, size_t i) {
    char a[32], b[32];
    if (c->names)
        snprintf(out, 64, "%.*s", c->names[i].len > 60 ? 60 : (int)c->names[i].len, c->names[i].at);
    else
        snprintf(out, 64, "%s to %s", ft_text_number(a, c->edges[i]),
                 ft_text_number(b, c->edges[i + 1]));
}

static void draw_column(const plot *p, const ft_columns *c, size_t i, int set, double x, double w) {
    const double *values = set ? c->second : c->values;
    double v = isfinite(values[i]) ? values[i] : 0, y = py(p, v);
    char name[64], number[32];
    column_name(name, c, i);
    ft_buf_printf(
        p->buf,
        "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"var(--c%d)\"><title>", x,
        y, w, py(p, 0) - y, set);
    ft_xml_escape(p->buf, ft_str_of(name));
    ft_buf_printf(p->buf, ": %s</title></rect>\n", ft_text_number(number, v));
}

/* A name as it fits into `room` pixels: "0.002043 – 0.004087" stands in two lines, what is longer is
 * cut and ends with "…"; the mark's title has the whole. */
static void column_label(const plot *p, double x, double y, ft_str name, double room) {
    const size_t most = room > 2 * LETTER ? (size_t)(room / LETTER) : 2;
    const ft_str dash = FT_STR(" – ");
    const char *found = memmem(name.at, name.len, dash.at, dash.len);
    size_t at = found ? (size_t)(found - name.at) : name.len;
    if (name.len <= most || (found && name.len <= most + 2)) { /* the dash has three bytes */
        label(p->buf, x, y, "middle", name);
        return;
    }
    if (at < name.len && name.len - at - dash.len <= most && at + 2 <= most) {
        label(p->buf, x, y - 5, "middle", ft_str_slice(name, 0, at + dash.len));
        label(p->buf, x, y + 8, "middle", ft_str_from(name, at + dash.len));
        return;
    }
    char text[64];
    size_t keep = ft_str_utf8_valid_len(ft_str_slice(name, 0, most - 1));
    snprintf(text, sizeof text, "%.*s…", (int)(keep < 56 ? keep : 56), name.at);
    label(p->buf, x, y, "middle", ft_str_of(text));
}

static void column_labels(const plot *p, const ft_columns *c, double slot) {
    char text[32];
    size_t every = c->count / 12 + 1;
    if (c->names) {
        for (size_t i = 0; i < c->count; i += every)
            column_label(p, LEFT + ((double)i + 0.5) * slot, p->height - BOTTOM + 18, c->names[i],
                         slot * (double)every - 4);
    } else {
        for (size_t i = 0; i <= c->count; i += every)
            label(p->buf, LEFT + (double)i * slot, p->height - BOTTOM + 18, "middle",
                  ft_str_of(ft_text_number(text, c->edges[i])));
    }
}

void ft_page_columns(ft_page *page, const ft_columns *c) {
    plot p = { .buf = &page->body, .width = WIDTH, .height = HEIGHT };
    double most = 0;
    if (c->count == 0) return;
    for (size_t i = 0; i < c->count; i++) {
        if (isfinite(c->values[i]) && c->values[i] > most) most = c->values[i];
        if (c->second && isfinite(c->second[i]) && c->second[i] > most) most = c->second[i];
    }
    p.y = axis_of(0, most > 0 ? most : 1, 5);
    double slot = (p.width - LEFT - RIGHT) / (double)c->count,
           gap = slot > 12 ? slot * 0.12 : slot * 0.04;
    ft_buf_printf(p.buf, "<figure>");
    if (c->second)
        legend(p.buf, (const ft_str[]){ ft_str_of(c->name), ft_str_of(c->second_name) }, 2);
    open_svg(&p, ft_str_of(c->y_label), false);
    draw_y_axis(&p, c->y_label);
    for (size_t i = 0; i < c->count; i++) {
        double x = LEFT + (double)i * slot + gap / 2, w = slot - gap;
        if (c->second) w /= 2;
        draw_column(&p, c, i, 0, x, w);
        if (c->second) draw_column(&p, c, i, 1, x + w, w);
    }
    column_labels(&p, c, slot);
    if (c->x_label)
        label(p.buf, (LEFT + p.width - RIGHT) / 2, p.height - 4, "middle", ft_str_of(c->x_label));
    ft_buf_printf(p.buf, "</svg></figure>\n");
}
