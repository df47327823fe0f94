/* monitor_fuzz.c -- the monitor's foreign bytes. The first byte chooses: a captured line, a body as
 * rows and as an answer, or one of Model Monitor's files, which must read back as it was written.
 */
#include "base/check.h"
#include "fuzz/target.h"
#include "monitor/answer.h"
#include "monitor/capture.h"
#include "monitor/check.h"
#include "monitor/traffic.h"

static void line(ft_str text, ft_arena *arena) {
    ft_value v[FT_CAPTURE_COLUMNS] = { 0 };
    if (ft_kind_capture.decode(v, ~0ull, text, arena) != FT_OK) return;
    FT_CHECK(v[FT_CAPTURE_TIME].type == FT_VALUE_INT);
    for (int i = 0; i < FT_CAPTURE_COLUMNS; i++)
        if (v[i].type == FT_VALUE_TEXT) FT_CHECK(v[i].s.at != NULL);
    for (ft_capture_half half = FT_CAPTURE_ASKED; half <= FT_CAPTURE_ANSWERED; half++) {
        ft_payload p;
        if (ft_capture_payload(&p, arena, v, half) == FT_OK) FT_CHECK(p.bytes.at || !p.bytes.len);
    }
}

typedef struct seen {
    size_t rows, cells;
} seen;

static ft_err on_row(void *ctx, const ft_str *cells, size_t count) {
    seen *s = ctx;
    FT_CHECK(count > 0 && count <= FT_TRAFFIC_CELLS_MAX);
    for (size_t i = 0; i < count; i++) FT_CHECK(cells[i].at != NULL || cells[i].len == 0);
    s->rows++;
    s->cells += count;
    return FT_OK;
}

static void body(ft_str text, ft_arena *arena) {
    static const char *const types[] = { "text/csv", "application/json", "application/jsonlines",
                                         "" };
    for (size_t i = 0; i < FT_COUNT(types); i++) {
        ft_payload p = { ft_str_of(types[i]), text };
        ft_answer *answers;
        size_t count;
        seen s = { 0 };
        if (ft_traffic_read(&p, NULL, arena, on_row, &s) == FT_OK) FT_CHECK(s.cells >= s.rows);
        FT_CHECK(ft_answer_rows(&answers, &count, &p, arena) == FT_OK);
    }
}

static void statistics(ft_str text) {
    ft_statistics *a, *b;
    ft_buf first = { 0 }, second = { 0 };
    if (ft_statistics_read(&a, text, "statistics.json") != FT_OK) return;
    if (ft_statistics_write(&first, a) == FT_OK) {
        FT_CHECK(ft_statistics_read(&b, ft_buf_str(&first), "written") == FT_OK);
        FT_CHECK(a->count == b->count && a->items == b->items);
        FT_CHECK(ft_statistics_write(&second, b) == FT_OK);
        ft_statistics_free(b);
    }
    ft_buf_fini(&first);
    ft_buf_fini(&second);
    ft_statistics_free(a);
}

static void constraints(ft_str text) {
    ft_constraints *a, *b;
    ft_buf first = { 0 }, second = { 0 };
    if (ft_constraints_read(&a, text, "constraints.json") != FT_OK) return;
    FT_CHECK(ft_constraints_write(&first, a) == FT_OK);
    FT_CHECK(ft_constraints_read(&b, ft_buf_str(&first), "written") == FT_OK);
    FT_CHECK(ft_constraints_write(&second, b) == FT_OK);
    FT_CHECK(ft_str_eq(ft_buf_str(&first), ft_buf_str(&second)));
    ft_buf_fini(&first);
    ft_buf_fini(&second);
    ft_constraints_free(a);
    ft_constraints_free(b);
}

static void violations(ft_str text, ft_arena *arena) {
    ft_violation *a, *b;
    size_t n, m;
    ft_buf out = { 0 };
    if (ft_violations_read(&a, &n, arena, text, "violations.json") != FT_OK) return;
    FT_CHECK(ft_violations_write(&out, a, n) == FT_OK);
    FT_CHECK(ft_violations_read(&b, &m, arena, ft_buf_str(&out), "written") == FT_OK && n == m);
    for (size_t i = 0; i < n; i++)
        FT_CHECK(ft_str_eq(a[i].feature, b[i].feature) && ft_str_eq(a[i].check, b[i].check));
    ft_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT((size_t)256 << 20);
    if (size < 1) return 0;
    ft_str text = ft_str_n(data + 1, size - 1);
    switch (data[0]) {
    case 'l':
        line(text, &arena);
        break;
    case 'b':
        body(text, &arena);
        break;
    case 's':
        statistics(text);
        break;
    case 'c':
        constraints(text);
        break;
    case 'v':
        violations(text, &arena);
        break;
    default:
        break;
    }
    ft_err_clear();
    ft_arena_fini(&arena);
    return 0;
}
