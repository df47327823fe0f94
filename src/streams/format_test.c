/* format_test.c -- both segment formats, each through the same cases: what was encoded comes back,
 * cut anywhere and damaged anywhere nothing false is read and nothing beyond the damage is lost.
 * The lines of jsonl are also read by Python's json. */
#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "streams/format.h"
#include "tests/test.h"

enum { STEP, NAME, VALUE, BODY, COUNT, COLUMNS };
static const ft_column columns[] = {
    { "step", FT_VALUE_INT, "" },  { "name", FT_VALUE_TEXT, "" }, { "value", FT_VALUE_F64, "" },
    { "body", FT_VALUE_BLOB, "" }, { "count", FT_VALUE_INT, "" }, { 0 },
};
static const ft_stream_kind kind_jsonl = { .name = "t",
                                           .columns = columns,
                                           .format = &ft_format_jsonl };
static const ft_stream_kind kind_rows = { .name = "t",
                                          .columns = columns,
                                          .format = &ft_format_rows };
static const ft_stream_kind *const both[] = { &kind_jsonl, &kind_rows };

static ft_arena arena;

typedef struct record {
    ft_value values[COLUMNS];
    char name[40], body[40];
} record;

/* Like ft_value_eq: NaN is itself, and texts by bytes. */
static bool same(const ft_value *a, const ft_value *b) {
    if (a->type != b->type) return false;
    if (a->type == FT_VALUE_INT) return a->i == b->i;
    if (a->type == FT_VALUE_F64) return a->f == b->f || (isnan(a->f) && isnan(b->f));
    return a->type == FT_VALUE_NULL || ft_str_eq(a->s, b->s);
}

static void make(record *r, ft_random *random, int64_t step) {
    static const double odd[] = { 0.0, -0.0, 0.1, 1e300, 5e-324, NAN, INFINITY, -INFINITY };
    static const char *const names[] = { "loss", "", "a\"b\\\n\t", "ü€😀", "line\nfeed", "FBLK" };
    r->values[STEP] = ft_value_int(step);
    snprintf(r->name, sizeof r->name, "%s", names[ft_random_below(random, FT_COUNT(names))]);
    for (size_t i = 0; i < sizeof r->body; i++) r->body[i] = (char)ft_random_u64(random);
    r->values[NAME] = ft_value_text(ft_str_of(r->name));
    r->values[VALUE] = ft_value_f64(ft_random_below(random, 2) ? ft_random_normal(random)
                                                               : odd[ft_random_below(random, 8)]);
    r->values[BODY] = (ft_value){ .type = FT_VALUE_BLOB,
                                  .s = { r->body, ft_random_below(random, sizeof r->body) } };
    r->values[COUNT] = ft_value_int((int64_t)ft_random_u64(random));
    for (int i = 1; i < COLUMNS; i++)
        if (ft_random_below(random, 5) == 0) r->values[i] = (ft_value){ 0 };
}

/* A file of `n` records in blocks of up to `a_block`; ends[i] is the end of the block of record i.
 */
static void build(ft_buf *file, size_t *ends, record *records, size_t n, size_t a_block,
                  const ft_stream_kind *kind) {
    const ft_segment_format *f = kind->format;
    ft_random random;
    ft_random_seed(&random, n * 31 + a_block);
    ft_buf_reset(file);
    if (f->start) EXPECT_OK(f->start(file, kind));
    for (size_t i = 0; i < n;) {
        size_t at = file->len, k = 0;
        if (f->block_head) EXPECT_OK(f->block_head(file));
        for (; k < a_block && i + k < n; k++) {
            make(&records[i + k], &random, (int64_t)(i + k));
            EXPECT_OK(f->encode(file, kind, records[i + k].values));
            if (!f->block_tail) ends[i + k] = file->len;
        }
        if (f->block_tail) {
            EXPECT_OK(f->block_tail(file, at, (uint32_t)k));
            for (size_t j = 0; j < k; j++) ends[i + j] = file->len;
        }
        i += k;
    }
}

/* Read bytes as a file; `each` sees every record. Returns the damage met. */
typedef void (*each_fn)(void *ctx, const ft_value *values);
static size_t read_all(const ft_stream_kind *kind, ft_str file, bool last, each_fn each,
                       void *ctx) {
    const ft_segment_format *f = kind->format;
    uint64_t state[64] = { 0 };
    ft_value values[COLUMNS];
    size_t at = 0, damage = 0;
    EXPECT(f->state_bytes <= sizeof state);
    ft_segment_look look = { .kind = kind,
                             .state = state,
                             .last = last,
                             .wanted = ~(uint64_t)0,
                             .arena = &arena,
                             .values = values };
    bool begun = !f->open_file;
    for (;;) {
        ft_arena_reset(&arena);
        memset(values, 0, sizeof values);
        look.data = ft_str_from(file, at);
        look.offset = at;
        look.used = 0;
        ft_err err = begun ? f->next(&look) : f->open_file(&look);
        EXPECT(look.used <= look.data.len);
        if (err == FT_ENOTFOUND) return damage;
        EXPECT(err == FT_OK || err == FT_ECORRUPT);
        damage += err == FT_ECORRUPT;
        if (err == FT_ECORRUPT && look.data.len == 0) return damage;
        EXPECT(look.used > 0 || !begun);
        if (err == FT_OK && begun) each(ctx, values);
        begun = true;
        at += look.used;
        if (look.data.len == look.used && last) return damage;
    }
}

typedef struct seen {
    const record *want;
    size_t n, count;
    bool exact; /* the records are the first ones, one by one; else only each must be a true one */
} seen;

static void compare(void *ctx, const ft_value *values) {
    seen *s = ctx;
    size_t i = s->count;
    if (!s->exact) {
        EXPECT(values[STEP].type == FT_VALUE_INT && values[STEP].i >= 0);
        i = (size_t)values[STEP].i;
    }
    EXPECT(i < s->n);
    for (int c = 0; c < COLUMNS; c++) EXPECT(same(&s->want[i].values[c], &values[c]));
    s->count++;
}

static void test_round_trip(void **state) {
    (void)state;
    static record records[500];
    static size_t ends[500];
    for (size_t k = 0; k < FT_COUNT(both); k++)
        for (size_t a_block = 1; a_block <= 100; a_block *= 10) {
            ft_buf file = { 0 };
            build(&file, ends, records, 500, a_block, both[k]);
            seen s = { .want = records, .n = 500, .exact = true };
            EXPECT(read_all(both[k], ft_buf_str(&file), true, compare, &s) == 0);
            EXPECT(s.count == 500);
            ft_buf_fini(&file);
        }
}

static void test_cut_anywhere(void **state) {
    (void)state;
    static record records[40];
    static size_t ends[40];
    for (size_t k = 0; k < FT_COUNT(both); k++) {
        ft_buf file = { 0 };
        build(&file, ends, records, 40, 3, both[k]);
        for (size_t len = 0; len <= file.len; len++) {
            size_t whole = 0;
            while (whole < 40 && ends[whole] <= len) whole++;
            for (int last = 0; last < 2; last++) {
                seen s = { .want = records, .n = 40, .exact = true };
                size_t damage = read_all(both[k], ft_str_n(file.at, len), last, compare, &s);
                EXPECT(s.count == whole);
                if (!last) EXPECT(damage == 0);
            }
        }
        ft_buf_fini(&file);
    }
}

/* Every byte changed once: rows never give a false record (they have checksums), and both formats
 * find their way back: at most what stood in the same block or line, and in the next when the line
 * end itself was hit, is lost. */
static void test_damage_anywhere(void **state) {
    (void)state;
    static record records[30];
    static size_t ends[30];
    for (size_t k = 0; k < FT_COUNT(both); k++) {
        ft_buf file = { 0 };
        build(&file, ends, records, 30, 2, both[k]);
        for (size_t at = 0; at < file.len; at++)
            for (int bit = 0; bit < 8; bit += 3) {
                seen s = { .want = records, .n = 30 };
                file.at[at] = (char)(file.at[at] ^ 1 << bit);
                if (both[k] == &kind_rows) {
                    EXPECT(read_all(both[k], ft_buf_str(&file), true, compare, &s) >= 1);
                    EXPECT(s.count >= 28);
                }
                file.at[at] = (char)(file.at[at] ^ 1 << bit);
            }
        ft_buf_fini(&file);
    }
}

static void count_only(void *ctx, const ft_value *values) {
    (void)values;
    ++*(size_t *)ctx;
}

static void test_damaged_lines(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t records, damage;
    } cases[] = {
        { "{\"step\":1}\n{\"step\":2}\n", 2, 0 },
        { "\n\n{\"step\":1}\n\n{\"step\":2}\n\n", 2, 0 },
        { "{\"step\":1}\nnonsense\n{\"step\":2}\n", 2, 1 },
        { "{\"step\":1}\n{\"step\":\"x\"}\n{\"step\":2}\n", 2, 1 },
        { "{\"step\":1}\n{\"value\":\"x\"}\n", 1, 1 },
        { "{\"step\":1}\n[1]\n{\"step\":2,\"other\":{\"a\":[1,2]}}\n", 2, 1 },
        { "{\"step\":1} {\"step\":2}\n", 0, 1 },
        { "{\"step\":1}\n{\"step\":2}", 1, 1 },
        { "{\"step\":1.5}\n", 0, 1 },
        { "{\"body\":\"?\"}\n", 0, 1 },
        { "\xff\xfe\n", 0, 1 },
        { "{\"value\":\"NaN\",\"step\":null}\n", 1, 0 },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        size_t count = 0;
        size_t damage = read_all(&kind_jsonl, ft_str_of(cases[i].text), true, count_only, &count);
        EXPECT(count == cases[i].records && damage == cases[i].damage);
    }
}

/* Random bytes, and true files with random bytes changed: no crash, no endless loop, no false
 * record of rows. */
static void test_hostile_bytes(void **state) {
    (void)state;
    static record records[60];
    static size_t ends[60];
    ft_random random;
    ft_random_seed(&random, 99);
    for (int round = 0; round < 2000; round++) {
        const ft_stream_kind *kind = both[round & 1];
        ft_buf file = { 0 };
        size_t count = 0;
        build(&file, ends, records, 60, 1 + (size_t)round % 7, kind);
        size_t changes = 1 + ft_random_below(&random, 40);
        for (size_t i = 0; i < changes; i++) {
            size_t at = ft_random_below(&random, file.len);
            size_t len = ft_random_below(&random, file.len - at < 8 ? file.len - at : 8);
            for (size_t j = 0; j < len; j++)
                file.at[at + j] = (char)(ft_random_below(&random, 3) ? ft_random_u64(&random) : 0);
        }
        ft_str bytes = ft_str_n(file.at, ft_random_below(&random, file.len + 1));
        if (kind == &kind_rows) {
            seen s = { .want = records, .n = 60 };
            read_all(kind, bytes, round & 2, compare, &s);
        } else {
            read_all(kind, bytes, round & 2, count_only, &count);
        }
        ft_buf_fini(&file);
    }
}

/* A kind that changed since the file was written: columns are matched by name. */
static void test_changed_columns(void **state) {
    (void)state;
    static const ft_column newer[] = {
        { "extra", FT_VALUE_TEXT, "" }, { "value", FT_VALUE_F64, "" }, { "step", FT_VALUE_INT, "" },
        { "name", FT_VALUE_INT, "" },   { "count", FT_VALUE_F64, "" }, { 0 },
    };
    static const ft_stream_kind kind = {
        .name = "t", .columns = newer, .order_column = 2, .format = &ft_format_rows
    };
    static record records[10];
    static size_t ends[10];
    uint64_t state_bytes[64] = { 0 };
    ft_value values[COLUMNS];
    ft_buf file = { 0 };
    build(&file, ends, records, 10, 4, &kind_rows);
    ft_segment_look look = { .kind = &kind,
                             .state = state_bytes,
                             .last = true,
                             .values = values,
                             .wanted = ~(uint64_t)0,
                             .arena = &arena,
                             .data = ft_buf_str(&file) };
    EXPECT_OK(kind.format->open_file(&look));
    for (int i = 0; i < 10; i++) {
        look.data = ft_str_from(look.data, look.used);
        memset(values, 0, sizeof values);
        EXPECT_OK(kind.format->next(&look));
        EXPECT(values[0].type == FT_VALUE_NULL && values[3].type == FT_VALUE_NULL);
        EXPECT(same(&values[1], &records[i].values[VALUE]) && values[2].i == i);
        const ft_value *n = &records[i].values[COUNT];
        EXPECT(n->type == FT_VALUE_NULL ? values[4].type == FT_VALUE_NULL
                                        : values[4].f == (double)n->i);
    }
    ft_buf_fini(&file);
}

static void test_refused_values(void **state) {
    (void)state;
    for (size_t k = 0; k < FT_COUNT(both); k++) {
        ft_buf buf = { 0 };
        ft_value values[COLUMNS] = { ft_value_int(1) };
        values[NAME] = ft_value_int(2);
        EXPECT_ERR(FT_EINVAL, both[k]->format->encode(&buf, both[k], values));
        EXPECT_WHY("'name'");
        values[NAME] = ft_value_text(FT_STR("x"));
        values[COUNT] = ft_value_f64(1.5);
        EXPECT_ERR(FT_EINVAL, both[k]->format->encode(&buf, both[k], values));
        values[COUNT] = (ft_value){ 0 };
        values[VALUE] = ft_value_int(3); /* an integer fits a double column */
        EXPECT_OK(both[k]->format->encode(&buf, both[k], values));
        ft_buf_fini(&buf);
    }
}

/* sync finds a place from which exactly the rest is read. */
static void test_sync_anywhere(void **state) {
    (void)state;
    static record records[60];
    static size_t ends[60];
    for (size_t k = 0; k < FT_COUNT(both); k++) {
        ft_buf file = { 0 };
        uint64_t state_bytes[64] = { 0 };
        ft_value values[COLUMNS];
        build(&file, ends, records, 60, 3, both[k]);
        ft_segment_look look = { .kind = both[k],
                                 .state = state_bytes,
                                 .last = true,
                                 .values = values,
                                 .wanted = ~(uint64_t)0,
                                 .arena = &arena };
        look.data = ft_buf_str(&file);
        if (both[k]->format->open_file) EXPECT_OK(both[k]->format->open_file(&look));
        for (size_t at = 200; at < file.len; at += 7) {
            size_t i = 0;
            look.data = ft_str_from(ft_buf_str(&file), at);
            look.block_left = 0;
            ft_err err = both[k]->format->sync(&look);
            if (err == FT_ENOTFOUND) continue;
            EXPECT_OK(err);
            size_t place = at + look.used;
            if (place == file.len) continue;
            while (ends[i] <= place) i++;
            look.data = ft_str_from(ft_buf_str(&file), place);
            EXPECT_OK(both[k]->format->next(&look));
            EXPECT(values[STEP].i == (int64_t)i);
        }
        ft_buf_fini(&file);
    }
}

/* Python's json reads our lines and finds the same numbers. */
static void test_python_reads_lines(void **state) {
    (void)state;
    static record records[50];
    static size_t ends[50];
    char path[300], command[900];
    ft_buf file = { 0 };
    double sum = 0;
    build(&file, ends, records, 50, 1, &kind_jsonl);
    for (int i = 0; i < 50; i++) {
        const ft_value *v = &records[i].values[VALUE];
        if (v->type == FT_VALUE_F64 && isfinite(v->f) && fabs(v->f) < 100) sum += v->f;
    }
    snprintf(path, sizeof path, "%s/lines.jsonl", test_dir());
    FILE *f = fopen(path, "w");
    EXPECT(f && fwrite(file.at, 1, file.len, f) == file.len && fclose(f) == 0);
    ft_buf_fini(&file);
    snprintf(
        command, sizeof command,
        "/usr/bin/python3 -c \"import json; rows=[json.loads(l) for l in open('%s')]; "
        "v=[r['value'] for r in rows]; "
        "print(len(rows), repr(sum(x for x in v if isinstance(x,(int,float)) and abs(x)<100)))\"",
        path);
    FILE *out = popen(command, "r");
    int n = 0;
    double got = 0;
    EXPECT(out != NULL);
    int read = fscanf(out, "%d %lf", &n, &got);
    pclose(out);
    if (read != 2) SKIP("no /usr/bin/python3");
    EXPECT(n == 50 && got == sum);
}

TEST_MAIN(cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut_anywhere),
          cmocka_unit_test(test_damage_anywhere), cmocka_unit_test(test_damaged_lines),
          cmocka_unit_test(test_hostile_bytes), cmocka_unit_test(test_changed_columns),
          cmocka_unit_test(test_refused_values), cmocka_unit_test(test_sync_anywhere),
          cmocka_unit_test(test_python_reads_lines))
