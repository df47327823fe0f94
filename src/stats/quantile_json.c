/* quantile_json.c -- a sketch as Model Monitor's statistics.json carries it. */
#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "stats/quantile_in.h"

#define K_MAX      ((size_t)1 << 20)
#define VALUES_MAX ((size_t)1 << 24) /* of one level, read from outside */

typedef struct numbers {
    double *at;
    size_t count, capacity;
} numbers;

void ft_sketch_write(ft_json_out *w, const ft_sketch *s) {
    ft_json_out_object(w);
    ft_json_out_name(w, "parameters");
    ft_json_out_object(w);
    ft_json_out_name(w, "c");
    ft_json_out_f64(w, ft_sketch_c(s));
    ft_json_out_name(w, "k");
    ft_json_out_f64(w, (double)ft_sketch_k(s));
    ft_json_out_close(w);
    ft_json_out_name(w, "data");
    ft_json_out_array(w);
    for (int i = 0; i < ft_sketch_levels(s); i++) {
        size_t count;
        const double *values = ft_sketch_level(s, i, &count);
        ft_json_out_array(w);
        for (size_t k = 0; k < count; k++) ft_json_out_f64(w, values[k]);
        ft_json_out_close(w);
    }
    ft_json_out_close(w);
    ft_json_out_close(w);
}

static ft_err numbers_add(numbers *n, double v, ft_json *j) {
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? n->capacity * 2 : 1024;
        if (n->count >= VALUES_MAX) return ft_json_fail(j, "more than %zu values", VALUES_MAX);
        double *at = ft_fault_here() ? NULL : realloc(n->at, capacity * sizeof *at);
        if (!at) return FT_FAIL(FT_ENOMEM, "no memory for a quantile sketch");
        n->at = at;
        n->capacity = capacity;
    }
    n->at[n->count++] = v;
    return FT_OK;
}

static ft_err read_level(ft_sketch *s, int at, ft_json *j, numbers *scratch) {
    double v;
    scratch->count = 0;
    if (at >= FT_SKETCH_LEVELS_MAX)
        return ft_json_fail(j, "more than %d levels", FT_SKETCH_LEVELS_MAX);
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(ft_json_f64(j, &v));
        FT_TRY(numbers_add(scratch, v, j));
    }
    if (j->err) return j->err;
    return ft_sketch_put_level(s, at, scratch->at, scratch->count);
}

static ft_err read_data(ft_sketch *s, ft_json *j) {
    numbers scratch = { 0 };
    ft_err err = FT_OK;
    int at = 0;
    FT_GOTO(err, ft_json_enter_array(j));
    while (ft_json_next_item(j)) FT_GOTO(err, read_level(s, at++, j, &scratch));
    err = j->err;
done:
    free(scratch.at);
    return err;
}

static ft_err read_parameters(ft_sketch *s, ft_json *j) {
    ft_str name;
    double k = (double)ft_sketch_k(s), c = ft_sketch_c(s);
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "k")) {
            FT_TRY(ft_json_f64(j, &k));
            if (!(k >= 8 && k <= (double)K_MAX && k == floor(k)))
                return ft_json_fail(j, "k must be a whole number in [8, %zu]", K_MAX);
        } else if (ft_str_is(name, "c")) {
            FT_TRY(ft_json_f64(j, &c));
            if (!(c >= 0.5 && c < 1)) return ft_json_fail(j, "c must be in [0.5, 1)");
        }
    }
    if (j->err) return j->err;
    ft_sketch_set_parameters(s, (size_t)k, c);
    return FT_OK;
}

ft_err ft_sketch_read(ft_sketch **out, ft_json *j) {
    ft_err err = FT_OK;
    ft_sketch *s = NULL;
    ft_str name;
    bool data = false;
    *out = NULL;
    FT_GOTO(err, ft_sketch_new(&s, 0));
    FT_GOTO(err, ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "parameters")) {
            FT_GOTO(err, read_parameters(s, j));
        } else if (ft_str_is(name, "data") && !data) {
            data = true;
            FT_GOTO(err, read_data(s, j));
        }
    }
    FT_GOTO(err, j->err);
    if (!data) FT_GOTO(err, ft_json_fail(j, "a sketch without data"));
    *out = s;
    s = NULL;
done:
    ft_sketch_free(s);
    return err;
}
