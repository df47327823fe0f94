/* payload_libsvm.c -- "label[:weight] [qid:n] index[:value] … # comment" as fields: label, index,
 * value; weight and qid where the first rows have them. Indices are as they stand in the file. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "data/decimal.h"
#include "data/payload_in.h"
#include "data/shown.h"

typedef struct row {
    float label, weight;
    uint64_t qid;
    bool weighted, grouped;
    uint32_t *index;
    float *value;
    size_t count;
} row;

static ft_err bad(ft_str item, const char *expected) {
    return FT_FAIL(FT_EPARSE, "expected %s, found '%s'", expected, ft_shown(item));
}

static bool number(float *out, ft_str text) {
    const char *end = text.at + text.len;
    return text.len && ft_decimal_f32(out, text.at, end) == end && isfinite(*out);
}

static ft_str item_next(ft_str *rest) {
    size_t at = 0, len = 0;
    while (at < rest->len && (rest->at[at] == ' ' || rest->at[at] == '\t')) at++;
    *rest = ft_str_from(*rest, at);
    while (len < rest->len && rest->at[len] != ' ' && rest->at[len] != '\t') len++;
    ft_str item = ft_str_slice(*rest, 0, len);
    *rest = ft_str_from(*rest, len);
    return item;
}

static ft_err label_of(row *r, ft_str item) {
    ft_str weight = item, label = ft_str_cut(&weight, ':');
    if (!number(&r->label, label)) return bad(item, "a label");
    r->weighted = weight.at != NULL;
    r->weight = 1;
    if (r->weighted && (!number(&r->weight, weight) || r->weight < 0))
        return bad(item, "label:weight");
    return FT_OK;
}

static ft_err row_read(row *r, ft_arena *arena, ft_str line) {
    ft_str rest = ft_str_slice(line, 0, ft_str_find(line, '#')), item = item_next(&rest);
    *r = (row){ 0 };
    FT_TRY(label_of(r, item));
    size_t most = rest.len / 2 + 1; /* an item is a blank and a digit at least */
    FT_TRY(ft_arena_items(&r->index, arena, most));
    FT_TRY(ft_arena_items(&r->value, arena, most));
    while ((item = item_next(&rest)).len) {
        ft_str value = item, index = ft_str_cut(&value, ':');
        uint64_t n;
        if (ft_str_is(index, "qid") && r->count == 0 && !r->grouped) {
            if (!ft_str_u64(&r->qid, value)) return bad(item, "qid:number");
            r->grouped = true;
            continue;
        }
        if (!ft_str_u64(&n, index) || n > UINT32_MAX) return bad(item, "index:value");
        r->value[r->count] = 1;
        if (value.at && !number(&r->value[r->count], value)) return bad(item, "index:value");
        r->index[r->count++] = (uint32_t)n;
    }
    return FT_OK;
}

static ft_err see(ft_payload_plan *p, ft_str bytes) {
    static const int64_t many[] = { -1 };
    row r;
    FT_TRY(row_read(&r, p->arena, bytes));
    FT_TRY(ft_payload_plan_see(p, FT_STR("label"), FT_FIELD_ARRAY, FT_F32, 0, NULL));
    FT_TRY(ft_payload_plan_see(p, FT_STR("index"), FT_FIELD_ARRAY, FT_U32, 1, many));
    FT_TRY(ft_payload_plan_see(p, FT_STR("value"), FT_FIELD_ARRAY, FT_F32, 1, many));
    if (r.weighted)
        FT_TRY(ft_payload_plan_see(p, FT_STR("weight"), FT_FIELD_ARRAY, FT_F32, 0, NULL));
    if (r.grouped) FT_TRY(ft_payload_plan_see(p, FT_STR("qid"), FT_FIELD_ARRAY, FT_U64, 0, NULL));
    return FT_OK;
}

static ft_err put(ft_array *values, const ft_payload_plan *p, const char *name, ft_dtype dtype,
                  void *data, size_t count) {
    int i = ft_payload_plan_find(p, ft_str_of(name), p->count);
    return i < 0 ? FT_OK : ft_payload_plan_put(values, p, (size_t)i, dtype, data, count);
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    row *r;
    FT_TRY(ft_arena_take(&r, arena, sizeof *r));
    FT_TRY(row_read(r, arena, bytes));
    FT_TRY(put(values, p, "label", FT_F32, &r->label, 1));
    FT_TRY(put(values, p, "index", FT_U32, r->index, r->count));
    FT_TRY(put(values, p, "value", FT_F32, r->value, r->count));
    FT_TRY(put(values, p, "weight", FT_F32, &r->weight, 1));
    return r->grouped ? put(values, p, "qid", FT_U64, &r->qid, 1) : FT_OK;
}

/* ---- writing: label and index + value, or label and one array of numbers (zeros left out) */

typedef struct places {
    int label, index, value, weight, qid;
} places;

static ft_err fit(ft_payload_plan *p) {
    places *w;
    FT_TRY(ft_arena_take(&w, p->arena, sizeof *w));
    *w = (places){ ft_payload_plan_find(p, FT_STR("label"), 0),
                   ft_payload_plan_find(p, FT_STR("index"), 1),
                   ft_payload_plan_find(p, FT_STR("value"), 2),
                   ft_payload_plan_find(p, FT_STR("weight"), 3),
                   ft_payload_plan_find(p, FT_STR("qid"), 4) };
    p->state = w;
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        int n = (int)i;
        if (f->kind != FT_FIELD_ARRAY)
            return FT_FAIL(FT_EUNSUPPORTED, "field '%s' is no number, libsvm holds only numbers",
                           ft_shown(f->name));
        if (n == w->label || n == w->index || n == w->value || n == w->weight || n == w->qid)
            continue;
        if (w->value >= 0)
            return FT_FAIL(FT_EUNSUPPORTED, "field '%s' has no place in libsvm (label, values)",
                           ft_shown(f->name));
        w->value = n;
    }
    if (w->value >= 0) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "libsvm needs an array of values");
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    const places *w = p->state;
    const ft_array *v = &values[w->value], *index = w->index >= 0 ? &values[w->index] : NULL;
    (void)arena;
    if (w->label >= 0 && values[w->label].data)
        ft_payload_number(out, &values[w->label], 0);
    else
        ft_buf_byte(out, '0');
    if (w->weight >= 0 && values[w->weight].data) {
        ft_buf_byte(out, ':');
        ft_payload_number(out, &values[w->weight], 0);
    }
    if (w->qid >= 0 && values[w->qid].data) {
        ft_buf_add(out, FT_STR(" qid:"));
        ft_payload_number(out, &values[w->qid], 0);
    }
    int64_t count = v->data ? ft_array_count(v) : 0;
    if (index && (!index->data || ft_array_count(index) != count))
        return FT_FAIL(FT_EINVAL, "not as many indices as values");
    for (int64_t i = 0; i < count; i++) {
        double x = ft_array_f64(v, i);
        if ((!index && x == 0) || isnan(x))
            continue; /* absent is missing, or 0 where it is dense */
        ft_buf_byte(out, ' ');
        if (index)
            ft_payload_number(out, index, i);
        else
            ft_buf_i64(out, i);
        ft_buf_byte(out, ':');
        ft_payload_number(out, v, i);
    }
    return out->err;
}

const ft_payload_kind ft_payload_libsvm = {
    .name = "libsvm",
    .see = see,
    .read = read,
    .fit = fit,
    .write = write,
};
