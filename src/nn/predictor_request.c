/* predictor_request.c -- a request's body as a network's inputs: a picture, .npy, JSON, rows. See
 * predictor_in.h. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/npy.h"
#include "media/image.h"
#include "models/rows.h"
#include "nn/predictor_in.h"

#define ROWS_MAX 4096

static bool is_picture(const ft_payload *in) {
    if (ft_str_starts(in->content_type, FT_STR("image/")) ||
        ft_media_is(in->content_type, "application/x-image"))
        return true;
    bool unknown =
        in->content_type.len == 0 || ft_media_is(in->content_type, "application/octet-stream");
    return unknown && ft_image_sniff(in->bytes) != FT_IMAGE_UNKNOWN;
}

int64_t ft_nn_request_items(const ft_nn_value *v) {
    int64_t count = 1;
    for (int i = 1; i < v->ndim; i++) {
        if (v->shape[i] == FT_NN_DIM_ANY) return 0;
        count *= v->shape[i];
    }
    return v->ndim > 0 ? count : 0;
}

ft_err ft_nn_request_convert(ft_array *out, const ft_array *in, ft_dtype to, ft_arena *arena) {
    int64_t count = ft_array_count(in);
    *out = *in;
    if (in->dtype == to || to == FT_DTYPE_COUNT) return FT_OK;
    out->dtype = to;
    FT_TRY(ft_arena_take(&out->data, arena, (size_t)count * ft_dtype_bytes(to) + 1));
    for (int64_t i = 0; i < count; i++) {
        double v = ft_array_f64(in, i);
        switch (to) {
        case FT_F32:
            ((float *)out->data)[i] = (float)v;
            break;
        case FT_F64:
            ((double *)out->data)[i] = v;
            break;
        case FT_I64:
            ((int64_t *)out->data)[i] = (int64_t)v;
            break;
        case FT_I32:
            ((int32_t *)out->data)[i] = (int32_t)v;
            break;
        case FT_U8:
            ((uint8_t *)out->data)[i] = (uint8_t)v;
            break;
        case FT_BOOL:
            ((uint8_t *)out->data)[i] = v != 0;
            break;
        default:
            return FT_FAIL(FT_EINVAL, "the network's input is %s, the array %s", ft_dtype_name(to),
                           ft_dtype_name(in->dtype));
        }
    }
    return FT_OK;
}

/* One instance, or some: the missing first dimension is put in front. */
static ft_err array_as_input(ft_array *out, const ft_nn_value *v, const ft_array *in,
                             ft_arena *arena) {
    FT_TRY(ft_nn_request_convert(out, in, v->dtype, arena));
    if (v->ndim >= 0 && in->ndim == v->ndim - 1) {
        for (int i = in->ndim; i > 0; i--) out->shape[i] = in->shape[i - 1];
        out->shape[0] = 1;
        out->ndim = in->ndim + 1;
    }
    return FT_OK;
}

/* {"instances": [[…], …]} and the like, rows of numbers: each row is one flattened instance. */
static ft_err rows_as_input(ft_array *out, const ft_nn_value *v, const ft_payload *in,
                            ft_arena *arena) {
    int64_t items = ft_nn_request_items(v);
    ft_matrix rows;
    if (items <= 0 || items > INT32_MAX)
        return FT_FAIL(FT_EMEDIA,
                       "this network's input has no fixed shape: send application/x-npy");
    FT_TRY(ft_rows_parse(&rows, in, NULL, (size_t)items, arena));
    if (rows.rows > ROWS_MAX)
        return FT_FAIL(FT_ETOOBIG, "%zu instances; %d are the most", rows.rows, ROWS_MAX);
    ft_array flat = { .dtype = FT_F32, .ndim = v->ndim, .data = rows.at };
    memcpy(flat.shape, v->shape, sizeof flat.shape);
    flat.shape[0] = (int64_t)rows.rows;
    return ft_nn_request_convert(out, &flat, v->dtype, arena);
}

/* Nested lists of numbers as an array; every list of a depth is as long as the first. */
typedef struct nest {
    ft_array *a;
    ft_buf values; /* doubles */
    bool known;    /* the shape, after the first innermost list */
} nest;

static ft_err read_nest(ft_json *j, nest *n, int depth) {
    ft_json_kind kind;
    int64_t count = 0;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind != FT_JSON_ARRAY) {
        double v;
        FT_TRY(ft_json_f64(j, &v));
        if (n->known && depth != n->a->ndim) return ft_json_fail(j, "lists of unequal depth");
        if (!n->known) n->a->ndim = depth;
        n->known = true;
        return ft_buf_add_n(&n->values, &v, sizeof v);
    }
    if (depth == FT_ARRAY_DIMS_MAX || (n->known && depth >= n->a->ndim))
        return ft_json_fail(j, "lists of unequal or too great depth");
    bool first = !n->known;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        FT_TRY(read_nest(j, n, depth + 1));
        count++;
    }
    if (first || (n->known && n->a->shape[depth] == 0)) n->a->shape[depth] = count;
    if (n->a->shape[depth] != count) return ft_json_fail(j, "lists of unequal length");
    return FT_OK;
}

static ft_err nested_as_array(ft_array *out, ft_str json, ft_arena *arena) {
    nest n = { .a = out };
    ft_json j;
    *out = (ft_array){ .dtype = FT_F64 };
    ft_json_init(&j, json, arena, NULL);
    ft_err err = read_nest(&j, &n, 0);
    if (err == FT_OK) err = ft_json_end(&j);
    out->data = out; /* an array without data is not valid */
    if (err == FT_OK && (!ft_array_valid(out) || ft_array_bytes(out) != n.values.len))
        err = ft_json_fail(&j, "lists of unequal length, or without a number");
    if (err == FT_OK) err = ft_arena_take(&out->data, arena, n.values.len + 1);
    if (err == FT_OK && n.values.len) memcpy(out->data, n.values.at, n.values.len);
    ft_buf_fini(&n.values);
    return err;
}

/* The member of that very name, which may hold dots ("input.1") and be of any length. */
static ft_err input_find(ft_str *out, ft_str object, ft_str name, ft_arena *arena) {
    ft_json j;
    ft_str key;
    *out = (ft_str){ 0 };
    ft_json_init(&j, object, arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &key)) {
        ft_str raw;
        FT_TRY(ft_json_skip(&j, &raw));
        if (ft_str_eq(key, name)) *out = raw;
    }
    FT_TRY(ft_json_end(&j));
    return out->at ? FT_OK : FT_FAIL(FT_EPARSE, "the body has no input \"%.*s\"", FT_STR_ARG(name));
}

/* {"instances": […]}, {"inputs": […]}, {"data": …}, a bare list, or {"inputs": {"name": …, …}}. */
static ft_err json_as_inputs(ft_array *out, const ft_nn_graph *g, ft_str body, ft_arena *arena) {
    static const char *const names[] = { "instances", "inputs", "data" };
    ft_str raw = body;
    for (int i = 0; i < 3; i++)
        if (ft_json_find(&raw, body, names[i]) == FT_OK) break;
    for (int i = 0; i < g->input_count; i++) {
        const ft_nn_value *v = &g->values[g->inputs[i]];
        ft_str one = raw;
        ft_array a;
        bool named = ft_str_trim(raw).len && ft_str_trim(raw).at[0] == '{';
        if (named) FT_TRY(input_find(&one, raw, v->name, arena));
        if (!named && g->input_count > 1)
            return FT_FAIL(FT_EPARSE,
                           "this network has %d inputs: send {\"inputs\": {\"%.*s\": …}}",
                           g->input_count, FT_STR_ARG(v->name));
        FT_TRY(nested_as_array(&a, one, arena));
        FT_TRY(array_as_input(&out[i], v, &a, arena));
    }
    return FT_OK;
}

ft_err ft_nn_request_read(ft_array *out, const ft_nn_network *n, const ft_payload *in,
                          ft_arena *arena) {
    const ft_nn_graph *g = n->graph;
    if (in->bytes.len == 0) return FT_FAIL(FT_EPARSE, "an empty body; send a picture or an array");
    if (g->input_count < 1) return FT_FAIL(FT_EUNSUPPORTED, "this network has no input");
    const ft_nn_value *first = &g->values[g->inputs[0]];
    if (is_picture(in)) return ft_nn_picture(out, n, in->bytes, arena);
    bool json = ft_media_is(in->content_type, "application/json") ||
                (in->content_type.len == 0 && in->bytes.len && strchr("[{", in->bytes.at[0]));
    if (json) return json_as_inputs(out, g, in->bytes, arena);
    if (g->input_count > 1)
        return FT_FAIL(FT_EMEDIA, "this network has %d inputs: send them as JSON by name",
                       g->input_count);
    if (ft_media_is(in->content_type, "application/x-npy") || ft_npy_is(in->bytes)) {
        ft_array a;
        FT_TRY(ft_npy_read(&a, arena, in->bytes));
        return array_as_input(out, first, &a, arena);
    }
    ft_err err = rows_as_input(out, first, in, arena);
    if (err != FT_EMEDIA || ft_nn_request_items(first) <= 0) return err;
    return FT_FAIL(
        FT_EMEDIA,
        "content type '%.*s' is not read here: image/jpeg, image/png, application/x-npy, "
        "application/json and text/csv are",
        FT_STR_ARG(in->content_type));
}
