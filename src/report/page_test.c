/* page_test.c -- the page is well formed, escapes what it is given, asks no network, survives odd
 * numbers. */
#include "report/page.h"

#include <math.h>

#include "tests/test.h"

/* Every opened tag that must be closed is closed in order. */
static void expect_balanced(const char *html) {
    static const char *const tags[] = { "main", "section", "table", "tbody", "thead",
                                        "tr",   "td",      "th",    "svg",   "figure",
                                        "dl",   "ul",      "div",   "p",     "nav" };
    for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) {
        char open[16], close[16];
        int opened = 0, closed = 0;
        snprintf(open, sizeof open, "<%s", tags[t]),
            snprintf(close, sizeof close, "</%s>", tags[t]);
        for (const char *at = html; (at = strstr(at, open)); at++)
            opened += strchr(" >", at[strlen(open)]) != NULL;
        for (const char *at = html; (at = strstr(at, close)); at++) closed++;
        if (opened != closed) print_error("%s: %d opened, %d closed\n", tags[t], opened, closed);
        EXPECT(opened == closed);
    }
}

static void everything(ft_page *p) {
    static const double x[] = { 0, 1, 2, 3 }, y[] = { 1, 0.5, NAN, 0.25 },
                        counts[] = { 5, 1, 0, 7 }, edges[] = { 0, 1, 2, 3, 4 };
    static const char *const columns[] = { "name", "value" };
    const ft_str names[] = { FT_STR("<a>"), FT_STR("b & c"), FT_STR("\"d\""), FT_STR("e\x01") };
    ft_page_begin(p, FT_STR("A <title>"), FT_STR("sub & line"));
    for (int i = 0; i < 3; i++) ft_page_section(p, FT_STR("Section <x>"));
    ft_page_text(p, "%s %d", "<script>alert(1)</script>", 7);
    ft_page_callout(p, FT_TONE_BAD, "bad & worse");
    ft_page_facts_begin(p);
    ft_page_fact(p, "status", FT_STR("done"));
    ft_page_fact(p, "empty", FT_STR(""));
    ft_page_facts_end(p);
    ft_page_table_begin(p, columns, 2);
    ft_page_cell(p, FT_STR("x")), ft_page_cell_number(p, 1.5, 3);
    ft_page_cell(p, FT_STR("y")), ft_page_cell_number(p, NAN, 3);
    ft_page_table_end(p);
    ft_page_heat(p, &(ft_heat){ counts, 2, 2, names, names, "true", "predicted", true });
    ft_chart chart = FT_CHART_DEFAULT;
    chart.x_label = "round", chart.y_label = "loss", chart.series_count = 1, chart.mark_x = 3,
    chart.mark_text = FT_STR("best");
    chart.series[0] = (ft_series){ FT_STR("train"), x, y, 4 };
    ft_page_lines(p, &chart);
    ft_page_bars(p, names, counts, 4, "%", 1);
    ft_page_columns(p, &(ft_columns){ .edges = edges,
                                      .values = counts,
                                      .second = y,
                                      .count = 4,
                                      .x_label = "x",
                                      .y_label = "rows",
                                      .name = "baseline",
                                      .second_name = "window" });
    ft_page_columns(
        p,
        &(ft_columns){
            .names = names, .values = counts, .count = 4, .x_label = "class", .y_label = "rows" });
    ft_page_image(p, FT_STR("image/png"), FT_STR("\x89PNG"), FT_STR("an image"));
}

static void test_whole_page(void **state) {
    (void)state;
    ft_page p;
    ft_buf out = { 0 };
    everything(&p);
    EXPECT_OK(ft_page_end(&p, &out));
    EXPECT(!strstr(out.at, "<script") && !strstr(out.at, "http://") && !strstr(out.at, "https://"));
    EXPECT(strstr(out.at, "A &lt;title&gt;") && strstr(out.at, "b &amp; c") &&
           !strstr(out.at, "e\x01"));
    EXPECT(strstr(out.at, "status") && !strstr(out.at, ">empty<"));
    EXPECT(!strstr(out.at, "nan") && !strstr(out.at, "inf,"));
    expect_balanced(out.at);
    ft_page_fini(&p);
    ft_buf_fini(&out);
}

static void test_odd_series(void **state) {
    (void)state;
    static const double one[] = { 5 }, nans[] = { NAN, NAN }, huge[] = { -1e300, 1e300 },
                        flat[] = { 2, 2 };
    const double *const sets[] = { nans, huge, flat };
    ft_page p;
    ft_buf out = { 0 };
    ft_page_begin(&p, FT_STR("odd"), FT_STR(""));
    ft_page_section(&p, FT_STR("s"));
    ft_chart chart = FT_CHART_DEFAULT;
    chart.x_label = chart.y_label = "v";
    ft_page_lines(&p, &chart);
    chart.series_count = 1;
    chart.series[0] = (ft_series){ FT_STR("one"), one, one, 1 };
    ft_page_lines(&p, &chart);
    for (size_t i = 0; i < 3; i++) {
        chart.series[0] = (ft_series){ FT_STR("two"), sets[2], sets[i], 2 };
        ft_page_lines(&p, &chart);
    }
    static double many[20000];
    for (int i = 0; i < 20000; i++) many[i] = i;
    chart.series[0] = (ft_series){ FT_STR("many"), many, many, 20000 };
    ft_page_lines(&p, &chart);
    EXPECT_OK(ft_page_end(&p, &out));
    EXPECT(out.len < 200000);
    expect_balanced(out.at);
    ft_page_fini(&p);
    ft_buf_fini(&out);
}

static void test_numbers(void **state) {
    (void)state;
    char t[32];
    EXPECT(strcmp(ft_text_number(t, 1234567), "1,234,567") == 0);
    EXPECT(strcmp(ft_text_number(t, -1000), "-1,000") == 0);
    EXPECT(strcmp(ft_text_number(t, 0.5), "0.5") == 0);
    EXPECT(strcmp(ft_text_number(t, 0), "0") == 0);
    EXPECT(strcmp(ft_text_number(t, NAN), "–") == 0);
    EXPECT(strcmp(ft_text_number(t, 1e12), "1e+12") == 0);
}

static void test_every_fault(void **state) {
    (void)state;
    EACH_FAULT {
        ft_page p;
        ft_buf out = { 0 };
        everything(&p);
        ft_err err = ft_page_end(&p, &out);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_page_fini(&p);
        ft_buf_fini(&out);
    }
}

TEST_MAIN(cmocka_unit_test(test_whole_page), cmocka_unit_test(test_odd_series),
          cmocka_unit_test(test_numbers), cmocka_unit_test(test_every_fault))
