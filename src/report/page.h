/* page.h -- a report as one HTML file that opens without a network: text, facts, tables, heat
 * tables and charts.
 *
 * Charts are our own inline SVG, coloured by style sheet variables, with a <title> on every mark: a
 * report then needs no script and no package, is a few kilobytes, follows light and dark, prints,
 * and can be read in fifty years.
 *
 * All text is escaped here; callers pass plain text. Errors are sticky in the page's buffer and
 * come out of ft_page_end. Threads: one at a time. Memory: the buffer, freed by ft_page_fini. */
#ifndef FT_PAGE_H
#define FT_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_page {
    ft_buf body;
    ft_buf contents; /* links to the sections */
    int sections;
    int table_columns, table_cell;
    ft_str title, subtitle; /* borrowed until ft_page_end */
} ft_page;

void ft_page_begin(ft_page *p, ft_str title, ft_str subtitle);
/* The whole document into `out`. FT_ENOMEM or FT_ETOOBIG when anything before failed. */
ft_err ft_page_end(ft_page *p, ft_buf *out);
void ft_page_fini(ft_page *p);

void ft_page_section(ft_page *p, ft_str title);
void ft_page_heading(ft_page *p, ft_str title); /* smaller, inside a section */
void ft_page_text(ft_page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A sentence that must be seen: good, bad or only worth knowing. */
typedef enum ft_tone { FT_TONE_PLAIN, FT_TONE_GOOD, FT_TONE_BAD, FT_TONE_WARN } ft_tone;
void ft_page_callout(ft_page *p, ft_tone tone, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* An image whose bytes stand in the page. */
void ft_page_image(ft_page *p, ft_str media_type, ft_str bytes, ft_str caption);

/* Name and value beside each other: begin, fact …, end. Empty values are left out. */
void ft_page_facts_begin(ft_page *p);
void ft_page_fact(ft_page *p, const char *name, ft_str value);
void ft_page_facts_end(ft_page *p);

/* A table: begin with the column names, then cells in row order (the row breaks by itself), end. */
void ft_page_table_begin(ft_page *p, const char *const *columns, int count);
void ft_page_cell(ft_page *p, ft_str text);
void ft_page_cell_number(ft_page *p, double value, int decimals); /* right-aligned; NaN: a dash */
void ft_page_cell_int(ft_page *p, int64_t value);
void ft_page_table_end(ft_page *p);

/* rows*cols counts as a coloured table, each row's colour by its share of the row's sum (a
 * confusion matrix). The diagonal is coloured as good, the rest as bad, when `diagonal`. */
typedef struct ft_heat {
    const double *cells;
    int rows, cols;
    const ft_str *row_labels, *col_labels;
    const char *row_title, *col_title;
    bool diagonal;
} ft_heat;
void ft_page_heat(ft_page *p, const ft_heat *heat);

/* ---- charts (chart.c) */
#define FT_SERIES_MAX 12
typedef struct ft_series {
    ft_str name;
    const double *x, *y; /* NaN in y breaks the line */
    size_t count;
} ft_series;
typedef struct ft_chart {
    const char *x_label, *y_label;
    ft_series series[FT_SERIES_MAX];
    int series_count;
    double mark_x; /* a dashed upright with a text; NaN: none */
    ft_str mark_text;
    bool points; /* also dots (drawn by themselves below 40 points) */
    bool square; /* equal sides, both axes 0…1 with the diagonal: a ROC curve */
} ft_chart;
#define FT_CHART_DEFAULT \
    { .mark_x = __builtin_nan("") }
void ft_page_lines(ft_page *p, const ft_chart *chart);

/* Horizontal bars with their names, longest first when the caller sorted them so. `unit` behind the
 * values, may be "". */
void ft_page_bars(ft_page *p, const ft_str *names, const double *values, size_t count,
                  const char *unit, int decimals);

/* Columns between edges[i] and edges[i+1]; a second set (may be NULL) stands beside it (baseline
 * and window). */
typedef struct ft_columns {
    const double *edges; /* count + 1; NULL: `names` instead */
    const ft_str *names; /* one a column; NULL: edges */
    const double *values, *second;
    size_t count;
    const char *x_label, *y_label, *name, *second_name;
} ft_columns;
void ft_page_columns(ft_page *p, const ft_columns *c);

/* "12,345", "0.0123", "1.2e+09": a number as people read it. Returns `out`. */
char *ft_text_number(char out[32], double v);

#endif
