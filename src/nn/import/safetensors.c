/* safetensors.c -- weights in safetensors: a header of JSON, then the tensors' bytes.
 * Source: github.com/huggingface/safetensors, README, "Format". */
#include "base/json.h"
#include "nn/weights_in.h"

#define HEADER_MAX ((uint64_t)100 << 20) /* the format's own limit */

static uint64_t header_length(ft_str bytes) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | (uint8_t)bytes.at[i];
    return v;
}

static bool sniff(ft_str bytes) {
    return bytes.len >= 10 && bytes.at[8] == '{' && header_length(bytes) <= bytes.len - 8;
}

static ft_err read_dtype(ft_dtype *out, ft_str name) {
    static const struct {
        const char *name;
        ft_dtype type;
    } types[] = { { "F32", FT_F32 },  { "F64", FT_F64 }, { "F16", FT_F16 }, { "BF16", FT_BF16 },
                  { "I8", FT_I8 },    { "I16", FT_I16 }, { "I32", FT_I32 }, { "I64", FT_I64 },
                  { "U8", FT_U8 },    { "U16", FT_U16 }, { "U32", FT_U32 }, { "U64", FT_U64 },
                  { "BOOL", FT_BOOL } };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (ft_str_is(name, types[i].name)) {
            *out = types[i].type;
            return FT_OK;
        }
    return FT_FAIL(FT_EUNSUPPORTED, "type %.*s", FT_STR_ARG(name));
}

static ft_err read_shape(ft_json *j, ft_array *a) {
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (a->ndim == FT_ARRAY_DIMS_MAX)
            return FT_FAIL(FT_EUNSUPPORTED, "more than %d dimensions", FT_ARRAY_DIMS_MAX);
        FT_TRY(ft_json_i64(j, &a->shape[a->ndim++]));
    }
    return FT_OK;
}

static ft_err read_offsets(ft_json *j, uint64_t offsets[2]) {
    int count = 0;
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        if (count == 2) return FT_FAIL(FT_ECORRUPT, "data_offsets has more than two numbers");
        FT_TRY(ft_json_u64(j, &offsets[count++]));
    }
    return count == 2 ? FT_OK : FT_FAIL(FT_ECORRUPT, "data_offsets has fewer than two numbers");
}

static ft_err read_tensor(uint64_t *taken, ft_json *j, ft_nn_weights *w, ft_str name, ft_str data) {
    ft_array a = { .dtype = FT_DTYPE_COUNT };
    uint64_t offsets[2] = { 0 };
    ft_str member, type = { 0 };
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &member)) {
        if (ft_str_is(member, "dtype"))
            FT_TRY(ft_json_string(j, &type));
        else if (ft_str_is(member, "shape"))
            FT_TRY(read_shape(j, &a));
        else if (ft_str_is(member, "data_offsets"))
            FT_TRY(read_offsets(j, offsets));
        else
            FT_TRY(ft_json_skip(j, NULL));
    }
    FT_TRY(read_dtype(&a.dtype, type));
    a.data = (void *)data.at; /* an array without data is not valid */
    if (!ft_array_valid(&a) || offsets[1] < offsets[0] ||
        offsets[1] - offsets[0] != ft_array_bytes(&a))
        return FT_FAIL(FT_ECORRUPT, "data_offsets and shape do not agree");
    *taken += offsets[1] - offsets[0];
    FT_TRY(ft_nn_weights_view(&a, w, data, offsets[0]));
    return ft_nn_weights_add(w, name, &a);
}

static ft_err read(ft_nn_weights *w, ft_str bytes) {
    uint64_t len = header_length(bytes), taken = 0;
    if (len > HEADER_MAX)
        return FT_FAIL(FT_ETOOBIG, "a header of %llu bytes", (unsigned long long)len);
    ft_str data = ft_str_from(bytes, 8 + (size_t)len), name;
    ft_json j;
    ft_json_init(&j, ft_str_slice(bytes, 8, (size_t)len), &w->arena, NULL);
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "__metadata__")) {
            FT_TRY(ft_json_skip(&j, NULL));
            continue;
        }
        ft_err err = read_tensor(&taken, &j, w, name, data);
        if (err != FT_OK) return ft_err_prefix(err, "tensor '%.*s'", FT_STR_ARG(name));
    }
    FT_TRY(ft_json_end(&j));
    if (taken != data.len) /* the format has neither holes nor bytes that two tensors share */
        return FT_FAIL(FT_ECORRUPT, "%zu bytes behind the header, its tensors take %llu", data.len,
                       (unsigned long long)taken);
    return FT_OK;
}

const ft_nn_weight_format ft_weights_safetensors = { "safetensors", sniff, read };
