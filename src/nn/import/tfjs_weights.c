/* tfjs_weights.c -- the weights of a TensorFlow.js model: files beside it, perhaps stored as
 * shorter numbers. See tfjs_in.h. */
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "nn/import/tfjs_in.h"

#define WEIGHTS_MAX ((size_t)4 << 30)

typedef struct weight {
    ft_str name;
    ft_array array;
    ft_str stored; /* "float16" …; empty: as it is */
    double scale, min;
} weight;

static ft_err read_shape(ft_json *j, ft_array *a) {
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (a->ndim == FT_ARRAY_DIMS_MAX) return ft_json_fail(j, "more than 8 dimensions");
        FT_TRY(ft_json_i64(j, &a->shape[a->ndim++]));
    }
    return FT_OK;
}

static ft_err read_quantization(ft_json *j, weight *w) {
    ft_str name;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "dtype"))
            FT_TRY(ft_json_string(j, &w->stored));
        else if (ft_str_is(name, "scale"))
            FT_TRY(ft_json_f64(j, &w->scale));
        else if (ft_str_is(name, "min"))
            FT_TRY(ft_json_f64(j, &w->min));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    return FT_OK;
}

static ft_err read_weight(ft_json *j, weight *w) {
    ft_str name, type = { 0 };
    *w = (weight){ .scale = 1 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "name"))
            FT_TRY(ft_json_string(j, &w->name));
        else if (ft_str_is(name, "shape"))
            FT_TRY(read_shape(j, &w->array));
        else if (ft_str_is(name, "dtype"))
            FT_TRY(ft_json_string(j, &type));
        else if (ft_str_is(name, "quantization"))
            FT_TRY(read_quantization(j, w));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    if (ft_str_is(type, "float32"))
        w->array.dtype = FT_F32;
    else if (ft_str_is(type, "int32"))
        w->array.dtype = FT_I32;
    else if (ft_str_is(type, "bool"))
        w->array.dtype = FT_BOOL;
    else
        return FT_FAIL(FT_EUNSUPPORTED, "weight '%.*s' is %.*s", FT_STR_ARG(w->name),
                       FT_STR_ARG(type));
    static const char *const stored[] = { "uint8", "uint16", "float16" };
    bool known = w->stored.len == 0;
    for (size_t i = 0; i < FT_COUNT(stored); i++) known |= ft_str_is(w->stored, stored[i]);
    if (!known || (w->stored.len && w->array.dtype == FT_BOOL))
        return FT_FAIL(FT_EUNSUPPORTED, "weight '%.*s' of %.*s is stored as %.*s",
                       FT_STR_ARG(w->name), FT_STR_ARG(type), FT_STR_ARG(w->stored));
    w->array.data = w; /* an array without data is not valid */
    return ft_array_valid(&w->array)
               ? FT_OK
               : FT_FAIL(FT_ECORRUPT, "weight '%.*s' has no sane shape", FT_STR_ARG(w->name));
}

static size_t stored_bytes(const weight *w) {
    if (w->stored.len == 0) return ft_dtype_bytes(w->array.dtype);
    return ft_str_is(w->stored, "uint8") ? 1 : 2;
}

static double widened(const weight *w, const char *at) {
    uint16_t half;
    if (ft_str_is(w->stored, "uint8")) return (uint8_t)*at * w->scale + w->min;
    memcpy(&half, at, 2);
    return ft_str_is(w->stored, "float16") ? (double)ft_f16_f32(half) : half * w->scale + w->min;
}

/* The weight's value becomes a value of the graph under its name. */
static ft_err take_weight(tf_model *m, weight *w, ft_str shards, size_t *at) {
    int64_t count = ft_array_count(&w->array);
    size_t item = stored_bytes(w), bytes = (size_t)count * item;
    void *to;
    int v;
    if (*at > shards.len || (size_t)count > (shards.len - *at) / item)
        return FT_FAIL(FT_ECORRUPT, "the weight files end before '%.*s'", FT_STR_ARG(w->name));
    FT_TRY(ft_arena_take(&to, &m->scratch, ft_array_bytes(&w->array) + 1));
    w->array.data = to;
    if (w->stored.len == 0) memcpy(to, shards.at + *at, bytes);
    for (int64_t i = 0; w->stored.len && i < count; i++) {
        double value = widened(w, shards.at + *at + (size_t)i * item);
        if (w->array.dtype == FT_F32)
            ((float *)to)[i] = (float)value;
        else
            ((int32_t *)to)[i] = (int32_t)value;
    }
    *at += bytes;
    ft_nn_role role = w->array.dtype == FT_F32 && w->array.ndim > 0 ? FT_NN_WEIGHT : FT_NN_CONST;
    return ft_nn_data(&v, m->g, w->name, role, &w->array, true);
}

static ft_err read_shard(ft_buf *out, tf_model *m, const char *model_path, ft_str name) {
    ft_str path = { 0 }, bytes = { 0 };
    const char *slash = strrchr(model_path, '/');
    size_t folder = slash ? (size_t)(slash - model_path) + 1 : 0;
    if (ft_str_find(name, '/') < name.len || ft_str_find(name, '\0') < name.len || name.len == 0 ||
        name.at[0] == '.')
        return FT_FAIL(FT_EDENIED, "weight file '%.*s' is not beside the model", FT_STR_ARG(name));
    FT_TRY(
        ft_arena_printf(&path, &m->scratch, "%.*s%.*s", (int)folder, model_path, FT_STR_ARG(name)));
    FT_TRY(ft_file_map(&bytes, path.at));
    ft_err err = out->len + bytes.len > WEIGHTS_MAX
                     ? FT_FAIL(FT_ETOOBIG, "weights of more than 4 GiB")
                     : ft_buf_add(out, bytes);
    ft_file_unmap(bytes);
    return err;
}

static ft_err read_group(ft_json *j, tf_model *m, const char *path) {
    ft_buf shards = { 0 };
    ft_str name, weights = { 0 }, file;
    ft_json inner;
    size_t at = 0;
    ft_err err = ft_json_enter_object(j);
    while (err == FT_OK && ft_json_next_member(j, &name)) {
        if (ft_str_is(name, "weights"))
            err = ft_json_skip(j, &weights);
        else if (!ft_str_is(name, "paths"))
            err = ft_json_skip(j, NULL);
        else
            err = ft_json_enter_array(j);
        while (err == FT_OK && ft_str_is(name, "paths") && ft_json_next_item(j)) {
            err = ft_json_string(j, &file);
            if (err == FT_OK) err = read_shard(&shards, m, path, file);
        }
    }
    ft_json_init(&inner, weights, &m->scratch, NULL);
    if (err == FT_OK && weights.len) err = ft_json_enter_array(&inner);
    while (err == FT_OK && weights.len && ft_json_next_item(&inner)) {
        weight w;
        err = read_weight(&inner, &w);
        if (err == FT_OK) err = take_weight(m, &w, ft_buf_str(&shards), &at);
    }
    ft_buf_fini(&shards);
    return err;
}

ft_err tf_weights_read(tf_model *m, ft_str text, const char *path) {
    ft_json j;
    ft_str raw;
    if (ft_json_find(&raw, text, "weightsManifest") != FT_OK)
        return FT_FAIL(FT_ECORRUPT, "no weightsManifest");
    ft_json_init(&j, raw, &m->scratch, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) FT_TRY(read_group(&j, m, path));
    return ft_json_end(&j);
}
