/* statistics_json.c -- Model Monitor's statistics.json, written and read. Members that Amazon's
 * files have and ours do not need are skipped; numbers may be "NaN" texts there. */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "monitor/statistics.h"
#include "stats/histogram.h"

#define FOREIGN_VALUES_MAX 1e5 /* of a feature whose file has buckets and no sketch */
#define BLOCK              512

/* ---- writing */

static void write_int(ft_json_out *w, const char *name, uint64_t v) {
    ft_json_out_name(w, name);
    ft_json_out_i64(w, (int64_t)v);
}

static void write_f64(ft_json_out *w, const char *name, double v) {
    ft_json_out_name(w, name);
    ft_json_out_f64(w, v);
}

static void write_object(ft_json_out *w, const char *name) {
    ft_json_out_name(w, name);
    ft_json_out_object(w);
}

static void write_common(ft_json_out *w, const ft_stat *f) {
    write_object(w, "common");
    write_int(w, "num_present", f->present);
    write_int(w, "num_missing", f->missing);
    ft_json_out_close(w);
}

static double completeness(const ft_stat *f) {
    uint64_t all = f->present + f->missing;
    return all ? (double)f->present / (double)all : 0;
}

/* Ten of equal width between the smallest and the largest value, counts by the sketch. */
static ft_err write_buckets(ft_json_out *w, ft_stat *f) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_histogram h;
    ft_err err;
    FT_GOTO(err, ft_histogram_equal(&h, &arena, f->moments.min, f->moments.max, FT_STAT_BUCKETS));
    FT_GOTO(err, ft_histogram_add_sketch(&h, f->sketch));
    ft_json_out_name(w, "buckets");
    ft_json_out_array(w);
    for (size_t i = 0; i < h.count; i++) {
        ft_json_out_object(w);
        write_f64(w, "lower_bound", h.edges[i]);
        write_f64(w, "upper_bound", h.edges[i + 1]);
        write_f64(w, "count", h.counts[i]);
        ft_json_out_close(w);
    }
    ft_json_out_close(w);
done:
    ft_arena_fini(&arena);
    return err;
}

static ft_err write_numbers(ft_json_out *w, ft_stat *f) {
    write_object(w, "numerical_statistics");
    write_common(w, f);
    write_f64(w, "mean", f->moments.mean);
    write_f64(w, "sum", ft_moments_sum(&f->moments));
    write_f64(w, "std_dev", ft_moments_deviation(&f->moments));
    write_f64(w, "min", f->moments.min);
    write_f64(w, "max", f->moments.max);
    write_f64(w, "completeness", completeness(f));
    write_object(w, "distribution");
    write_object(w, "kll");
    FT_TRY(write_buckets(w, f));
    ft_json_out_name(w, "sketch");
    ft_sketch_write(w, f->sketch);
    for (int i = 0; i < 3; i++) ft_json_out_close(w);
    return FT_OK;
}

static void write_texts(ft_json_out *w, const ft_stat *f) {
    write_object(w, "string_statistics");
    write_common(w, f);
    write_f64(w, "distinct_count", (double)(f->value_count + (f->unkept > 0)));
    write_f64(w, "completeness", completeness(f));
    if (f->value_count <= FT_STAT_VALUES_TOLD && !f->unkept) {
        write_object(w, "distribution");
        write_object(w, "categorical");
        ft_json_out_name(w, "buckets");
        ft_json_out_array(w);
        for (size_t i = 0; i < f->value_count; i++) {
            ft_json_out_object(w);
            ft_json_out_name(w, "value");
            ft_json_out_str(w, f->values[i].value);
            write_int(w, "count", f->values[i].count);
            ft_json_out_close(w);
        }
        for (int i = 0; i < 3; i++) ft_json_out_close(w);
    }
    ft_json_out_close(w);
}

/* A feature of numbers without one has no numerical statistics but its counts. */
static void write_nothing(ft_json_out *w, const ft_stat *f) {
    write_object(w, "numerical_statistics");
    write_common(w, f);
    ft_json_out_close(w);
}

ft_err ft_statistics_write(ft_buf *out, ft_statistics *s) {
    ft_json_out w;
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    write_int(&w, "version", 0);
    write_object(&w, "dataset");
    write_int(&w, "item_count", s->items);
    ft_json_out_close(&w);
    ft_json_out_name(&w, "features");
    ft_json_out_array(&w);
    for (size_t i = 0; i < s->count; i++) {
        ft_stat *f = &s->features[i];
        ft_json_out_object(&w);
        ft_json_out_name(&w, "name");
        ft_json_out_str(&w, f->name);
        ft_json_out_name(&w, "inferred_type");
        ft_json_out_text(&w, ft_stat_type_name(ft_stat_type_of(f)));
        if (f->is_text)
            write_texts(&w, f);
        else if (f->present && f->sketch)
            FT_TRY(write_numbers(&w, f));
        else
            write_nothing(&w, f);
        ft_json_out_close(&w);
    }
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    return out->err;
}

/* ---- reading */

typedef struct bucket {
    double lower, upper, count;
} bucket;

typedef struct reader {
    ft_json j;
    ft_statistics *s;
    size_t room;
    bucket buckets[FT_STAT_BUCKETS * 10];
    size_t bucket_count;
} reader;

/* A number, or a text that stands for one ("NaN"). */
static ft_err read_number(ft_json *j, double *out) {
    ft_json_kind kind;
    ft_str text;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_NUMBER) return ft_json_f64(j, out);
    if (kind != FT_JSON_STRING) return ft_json_skip(j, NULL);
    FT_TRY(ft_json_string(j, &text));
    if (!ft_str_f64(out, text)) return ft_json_fail(j, "expected a number");
    return FT_OK;
}

static ft_err read_count(ft_json *j, uint64_t *out) {
    double v = 0;
    FT_TRY(read_number(j, &v));
    if (!(v >= 0 && v < 1e18)) return ft_json_fail(j, "expected a count");
    *out = (uint64_t)v;
    return FT_OK;
}

static ft_err read_common(ft_json *j, ft_stat *f) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "num_present"))
            FT_TRY(read_count(j, &f->present));
        else if (ft_str_is(name, "num_missing"))
            FT_TRY(read_count(j, &f->missing));
    }
    return j->err;
}

static ft_err read_buckets(reader *r) {
    ft_json *j = &r->j;
    ft_str name;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        bucket b = { 0 };
        FT_TRY(ft_json_enter_object(j));
        while (ft_json_next_member(j, &name)) {
            if (ft_str_is(name, "lower_bound"))
                FT_TRY(read_number(j, &b.lower));
            else if (ft_str_is(name, "upper_bound"))
                FT_TRY(read_number(j, &b.upper));
            else if (ft_str_is(name, "count"))
                FT_TRY(read_number(j, &b.count));
        }
        FT_TRY(j->err);
        if (r->bucket_count < sizeof r->buckets / sizeof *r->buckets)
            r->buckets[r->bucket_count++] = b;
    }
    return j->err;
}

static ft_err read_kll(reader *r, ft_stat *f) {
    ft_str name;
    FT_TRY(ft_json_enter_object(&r->j));
    while (ft_json_next_member(&r->j, &name)) {
        if (ft_str_is(name, "buckets"))
            FT_TRY(read_buckets(r));
        else if (ft_str_is(name, "sketch") && !f->sketch)
            FT_TRY(ft_sketch_read(&f->sketch, &r->j));
    }
    return r->j.err;
}

static ft_err read_categories(reader *r, ft_stat *f) {
    ft_json *j = &r->j;
    ft_str name, value;
    uint64_t count, present = f->present;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (!ft_str_is(name, "buckets")) continue;
        FT_TRY(ft_json_enter_array(j));
        while (ft_json_next_item(j)) {
            value = (ft_str){ 0 };
            count = 0;
            FT_TRY(ft_json_enter_object(j));
            while (ft_json_next_member(j, &name)) {
                if (ft_str_is(name, "value"))
                    FT_TRY(ft_json_string(j, &value));
                else if (ft_str_is(name, "count"))
                    FT_TRY(read_count(j, &count));
            }
            FT_TRY(j->err);
            if (value.at) FT_TRY(ft_stat_add_text(r->s, f, value, count));
        }
        FT_TRY(j->err);
        f->unlisted = false;
    }
    f->present = present; /* as the file tells it */
    return j->err;
}

static ft_err read_distribution(reader *r, ft_stat *f) {
    ft_str name;
    FT_TRY(ft_json_enter_object(&r->j));
    while (ft_json_next_member(&r->j, &name)) {
        if (ft_str_is(name, "kll") && !f->is_text)
            FT_TRY(read_kll(r, f));
        else if (ft_str_is(name, "categorical") && f->is_text)
            FT_TRY(read_categories(r, f));
    }
    return r->j.err;
}

/* Values that would fall into the buckets: each bucket's count at its middle. For files without a
 * sketch. Whoever wrote the file chose the counts, so they are scaled to a number that costs
 * nothing to add; shares stay as they are to 1 in FOREIGN_VALUES_MAX. */
static ft_err sketch_from_buckets(reader *r, ft_stat *f) {
    double sum = 0, block[BLOCK];
    FT_TRY(ft_sketch_new(&f->sketch, r->s->sketch_k));
    for (size_t i = 0; i < r->bucket_count; i++)
        if (r->buckets[i].count > 0) sum += r->buckets[i].count;
    if (!isfinite(sum)) return ft_json_fail(&r->j, "expected counts of buckets");
    double scale = sum > FOREIGN_VALUES_MAX ? FOREIGN_VALUES_MAX / sum : 1;
    for (size_t i = 0; i < r->bucket_count; i++) {
        const bucket *b = &r->buckets[i];
        if (!(b->count > 0)) continue;
        size_t left = (size_t)ceil(b->count * scale);
        for (size_t k = 0; k < BLOCK; k++) block[k] = (b->lower + b->upper) / 2;
        for (size_t n; left; left -= n) {
            n = left < BLOCK ? left : BLOCK;
            FT_TRY(ft_sketch_add(f->sketch, block, n));
        }
    }
    return FT_OK;
}

static ft_err read_values(reader *r, ft_stat *f) {
    ft_json *j = &r->j;
    ft_str name;
    double deviation = 0, mean = 0;
    r->bucket_count = 0;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "common"))
            FT_TRY(read_common(j, f));
        else if (ft_str_is(name, "mean"))
            FT_TRY(read_number(j, &mean));
        else if (ft_str_is(name, "std_dev"))
            FT_TRY(read_number(j, &deviation));
        else if (ft_str_is(name, "min"))
            FT_TRY(read_number(j, &f->moments.min));
        else if (ft_str_is(name, "max"))
            FT_TRY(read_number(j, &f->moments.max));
        else if (ft_str_is(name, "distinct_count"))
            FT_TRY(read_number(j, &f->distinct));
        else if (ft_str_is(name, "distribution"))
            FT_TRY(read_distribution(r, f));
    }
    FT_TRY(j->err);
    if (f->is_text) return FT_OK;
    f->moments.count = f->present;
    f->moments.missing = f->missing;
    f->moments.mean = mean;
    f->moments.m2 = deviation * deviation * (double)f->present;
    return f->sketch || !r->bucket_count ? FT_OK : sketch_from_buckets(r, f);
}

static ft_stat_type type_named(ft_str name) {
    for (ft_stat_type t = FT_STAT_INTEGRAL; t <= FT_STAT_STRING; t++)
        if (ft_str_is(name, ft_stat_type_name(t))) return t;
    return FT_STAT_UNKNOWN;
}

static ft_err feature_add(ft_stat **out, reader *r) {
    ft_statistics *s = r->s;
    if (s->count == r->room) {
        ft_stat *more;
        r->room *= 2;
        FT_TRY(ft_arena_items(&more, &s->arena, r->room));
        memcpy(more, s->features, s->count * sizeof *more);
        s->features = more;
    }
    *out = &s->features[s->count++];
    return FT_OK;
}

static ft_err read_feature(reader *r) {
    ft_stat *f = NULL;
    ft_str name, type;
    FT_TRY(feature_add(&f, r));
    FT_TRY(ft_json_enter_object(&r->j));
    while (ft_json_next_member(&r->j, &name)) {
        if (ft_str_is(name, "name")) {
            FT_TRY(ft_json_string(&r->j, &name));
            FT_TRY(ft_arena_str(&f->name, &r->s->arena, name));
        } else if (ft_str_is(name, "inferred_type")) {
            FT_TRY(ft_json_string(&r->j, &type));
            f->type = type_named(type);
        } else if (ft_str_is(name, "numerical_statistics")) {
            FT_TRY(read_values(r, f));
        } else if (ft_str_is(name, "string_statistics")) {
            f->is_text = f->unlisted = true;
            FT_TRY(read_values(r, f));
        }
    }
    FT_TRY(r->j.err);
    return f->name.len ? FT_OK : ft_json_fail(&r->j, "a feature without a name");
}

static ft_err read_features(reader *r) {
    FT_TRY(ft_json_enter_array(&r->j));
    while (ft_json_next_item(&r->j)) FT_TRY(read_feature(r));
    return r->j.err;
}

static ft_err read_dataset(reader *r) {
    ft_str name;
    FT_TRY(ft_json_enter_object(&r->j));
    while (ft_json_next_member(&r->j, &name))
        if (ft_str_is(name, "item_count")) FT_TRY(read_count(&r->j, &r->s->items));
    return r->j.err;
}

static ft_err read_all(reader *r) {
    ft_str name;
    FT_TRY(ft_json_enter_object(&r->j));
    while (ft_json_next_member(&r->j, &name)) {
        if (ft_str_is(name, "dataset"))
            FT_TRY(read_dataset(r));
        else if (ft_str_is(name, "features"))
            FT_TRY(read_features(r));
    }
    return ft_json_end(&r->j);
}

ft_err ft_statistics_read(ft_statistics **out, ft_str json, const char *name) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_statistics *s;
    *out = NULL;
    reader *r = calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to read %s", name);
    ft_err err = ft_statistics_new(&s, 16);
    if (err == FT_OK) {
        s->count = 0;
        r->s = s;
        r->room = 16;
        ft_json_init(&r->j, json, &arena, &(ft_json_opts){ .name = name, .allow_nan = true });
        err = read_all(r);
        if (err)
            ft_statistics_free(s);
        else
            *out = s;
    }
    free(r);
    ft_arena_fini(&arena);
    return err;
}
