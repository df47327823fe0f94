/* page.c -- see page.h: everything but the charts. */
#include "report/page_in.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/xml.h"

#define TEXT_MAX 4096

char *ft_text_number(char out[32], double v) {
    double size = fabs(v);
    if (isnan(v))
        snprintf(out, 32, "–");
    else if (size >= 1e9 || (size > 0 && size < 1e-4))
        snprintf(out, 32, "%.3g", v);
    else if (v == rint(v)) {
        char digits[24];
        int n = snprintf(digits, sizeof digits, "%.0f", size), o = 0;
        if (v < 0) out[o++] = '-';
        for (int i = 0; i < n; i++) {
            if (i && (n - i) % 3 == 0) out[o++] = ',';
            out[o++] = digits[i];
        }
        out[o] = '\0';
    } else
        snprintf(out, 32, "%.4g", v);
    return out;
}

void ft_page_begin(ft_page *p, ft_str title, ft_str subtitle) {
    *p = (ft_page){ .title = title, .subtitle = subtitle };
}

ft_err ft_page_end(ft_page *p, ft_buf *out) {
    FT_CHECK(p->table_columns == 0);
    FT_TRY(p->body.err);
    FT_TRY(p->contents.err);
    ft_buf_printf(
        out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    ft_xml_escape(out, p->title);
    ft_buf_printf(out, "</title>\n<style>\n");
    ft_buf_add(out, ft_str_of(ft_page_style));
    ft_buf_printf(out, "</style>\n<main>\n<header><h1>");
    ft_xml_escape(out, p->title);
    ft_buf_printf(out, "</h1>");
    if (p->subtitle.len) {
        ft_buf_printf(out, "<p class=sub>");
        ft_xml_escape(out, p->subtitle);
        ft_buf_printf(out, "</p>");
    }
    ft_buf_printf(out, "</header>\n");
    if (p->sections > 2) {
        ft_buf_printf(out, "<nav aria-label=\"Contents\">");
        ft_buf_add(out, ft_buf_str(&p->contents));
        ft_buf_printf(out, "</nav>\n");
    }
    ft_buf_add(out, ft_buf_str(&p->body));
    if (p->sections) ft_buf_printf(out, "</section>\n");
    ft_buf_printf(out, "<footer>Fettle %s</footer>\n</main>\n</html>\n", FETTLE_VERSION);
    return out->err;
}

void ft_page_fini(ft_page *p) {
    ft_buf_fini(&p->body);
    ft_buf_fini(&p->contents);
}

void ft_page_section(ft_page *p, ft_str title) {
    if (p->sections) ft_buf_printf(&p->body, "</section>\n");
    p->sections++;
    ft_buf_printf(&p->body, "<section id=s%d>\n<h2>", p->sections);
    ft_xml_escape(&p->body, title);
    ft_buf_printf(&p->body, "</h2>\n");
    ft_buf_printf(&p->contents, "<a href=\"#s%d\">", p->sections);
    ft_xml_escape(&p->contents, title);
    ft_buf_printf(&p->contents, "</a>");
}

static void element(ft_page *p, const char *open, ft_str text, const char *close) {
    ft_buf_add(&p->body, ft_str_of(open));
    ft_xml_escape(&p->body, text);
    ft_buf_add(&p->body, ft_str_of(close));
}

void ft_page_heading(ft_page *p, ft_str title) { element(p, "<h3>", title, "</h3>\n"); }

void ft_page_text(ft_page *p, const char *fmt, ...) {
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    element(p, "<p>", ft_str_of(text), "</p>\n");
}

void ft_page_callout(ft_page *p, ft_tone tone, const char *fmt, ...) {
    static const char *const open[] = { "<p class=\"callout\">", "<p class=\"callout good\">",
                                        "<p class=\"callout bad\">", "<p class=\"callout warn\">" };
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    element(p, open[tone], ft_str_of(text), "</p>\n");
}

void ft_page_image(ft_page *p, ft_str media_type, ft_str bytes, ft_str caption) {
    element(p, "<figure><img alt=\"", caption, "\" src=\"data:");
    element(p, "", media_type, ";base64,");
    ft_err err = ft_base64_add(&p->body, bytes);
    if (err != FT_OK && p->body.err == FT_OK) p->body.err = err;
    element(p, "\"><figcaption>", caption, "</figcaption></figure>\n");
}

void ft_page_facts_begin(ft_page *p) { ft_buf_printf(&p->body, "<dl>\n"); }

void ft_page_fact(ft_page *p, const char *name, ft_str value) {
    if (!value.len) return;
    element(p, "<dt>", ft_str_of(name), "</dt>");
    element(p, "<dd>", value, "</dd>\n");
}

void ft_page_facts_end(ft_page *p) { ft_buf_printf(&p->body, "</dl>\n"); }

/* ---- tables */

void ft_page_table_begin(ft_page *p, const char *const *columns, int count) {
    FT_CHECK(p->table_columns == 0 && count > 0);
    p->table_columns = count;
    p->table_cell = 0;
    ft_buf_printf(&p->body, "<div class=wide><table>\n<thead><tr>");
    for (int i = 0; i < count; i++) element(p, "<th scope=col>", ft_str_of(columns[i]), "</th>");
    ft_buf_printf(&p->body, "</tr></thead>\n<tbody>\n");
}

static void cell(ft_page *p, const char *open, ft_str text) {
    FT_CHECK(p->table_columns > 0);
    if (p->table_cell % p->table_columns == 0) ft_buf_printf(&p->body, "<tr>");
    element(p, open, text, "</td>");
    p->table_cell++;
    if (p->table_cell % p->table_columns == 0) ft_buf_printf(&p->body, "</tr>\n");
}

void ft_page_cell(ft_page *p, ft_str text) { cell(p, "<td>", text); }

void ft_page_cell_number(ft_page *p, double value, int decimals) {
    char text[64];
    if (isnan(value))
        snprintf(text, sizeof text, "–");
    else
        snprintf(text, sizeof text, "%.*f", decimals, value);
    cell(p, "<td class=n>", ft_str_of(text));
}

void ft_page_cell_int(ft_page *p, int64_t value) {
    char text[32];
    cell(p, "<td class=n>", ft_str_of(ft_text_number(text, (double)value)));
}

void ft_page_table_end(ft_page *p) {
    FT_CHECK(p->table_columns > 0 && p->table_cell % p->table_columns == 0);
    p->table_columns = 0;
    ft_buf_printf(&p->body, "</tbody></table></div>\n");
}

static void heat_row(ft_page *p, const ft_heat *h, int r) {
    double sum = 0;
    char text[32];
    for (int c = 0; c < h->cols; c++) sum += h->cells[r * h->cols + c];
    element(p, "<tr><th scope=row>", h->row_labels[r], "</th>");
    for (int c = 0; c < h->cols; c++) {
        double v = h->cells[r * h->cols + c], share = sum > 0 ? v / sum : 0;
        const char *tone = !h->diagonal ? "cold" : r == c ? "hit" : "miss";
        ft_buf_printf(&p->body, "<td class=\"n %s\" style=\"--a:%.0f%%\" title=\"", tone,
                      v > 0 ? 6 + 56 * sqrt(share) : 0);
        ft_xml_escape(&p->body, h->row_labels[r]);
        ft_buf_printf(&p->body, " → ");
        ft_xml_escape(&p->body, h->col_labels[c]);
        ft_buf_printf(&p->body, ": %.1f %%\">%s</td>", 100 * share,
                      v > 0 ? ft_text_number(text, v) : "·");
    }
    ft_buf_printf(&p->body, "<td class=\"n sum\">%s</td></tr>\n", ft_text_number(text, sum));
}

void ft_page_heat(ft_page *p, const ft_heat *h) {
    ft_buf_printf(&p->body, "<div class=wide><table class=heat>\n<thead><tr><th>");
    if (h->row_title && h->col_title) {
        ft_xml_escape(&p->body, ft_str_of(h->row_title));
        ft_buf_printf(&p->body, " ↓ &nbsp; ");
        ft_xml_escape(&p->body, ft_str_of(h->col_title));
        ft_buf_printf(&p->body, " →");
    }
    ft_buf_printf(&p->body, "</th>");
    for (int c = 0; c < h->cols; c++) element(p, "<th scope=col>", h->col_labels[c], "</th>");
    ft_buf_printf(&p->body, "<th scope=col>sum</th></tr></thead>\n<tbody>\n");
    for (int r = 0; r < h->rows; r++) heat_row(p, h, r);
    ft_buf_printf(&p->body, "</tbody></table></div>\n");
}
