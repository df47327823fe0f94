/* safetensors.c -- weights in safetensors, read and written: a header of JSON, then the tensors'
 * bytes. Source: github.com/huggingface/safetensors, README, "Format". */
#include "base/check.h"
#include "base/json.h"
#include "base/le.h"
#include "data/saving.h"
#include "nn/weights_in.h"

#define HEADER_MAX ((uint64_t)100 << 20) /* the format's own limit */

static const struct {
    const char *name;
    ft_dtype type;
} types[] = { { "F32", FT_F32 },  { "F64", FT_F64 }, { "F16", FT_F16 }, { "BF16", FT_BF16 },
              { "I8", FT_I8 },    { "I16", FT_I16 }, { "I32", FT_I32 }, { "I64", FT_I64 },
              { "U8", FT_U8 },    { "U16", FT_U16 }, { "U32", FT_U32 }, { "U64", FT_U64 },
              { "BOOL", FT_BOOL } };

/* ---- reading */

static bool sniff(ft_str bytes) {
    return bytes.len >= 10 && bytes.at[8] == '{' && ft_le64(bytes.at) <= bytes.len - 8;
}

static ft_err read_dtype(ft_dtype *out, ft_str name) {
    for (size_t i = 0; i < FT_COUNT(types); i++)
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
    uint64_t len = ft_le64(bytes.at), taken = 0;
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

/* ---- writing */

static const char *type_name(ft_dtype t) {
    for (size_t i = 0; i < FT_COUNT(types); i++)
        if (types[i].type == t) return types[i].name;
    FT_CHECK(!"a type of weights");
}

static void tensor_write(ft_json_out *w, const ft_nn_named *t, size_t at) {
    ft_json_out_name_str(w, t->name);
    ft_json_out_object(w);
    ft_json_out_name(w, "dtype"), ft_json_out_text(w, type_name(t->value.dtype));
    ft_json_out_name(w, "shape");
    ft_json_out_array(w);
    for (int i = 0; i < t->value.ndim; i++) ft_json_out_i64(w, t->value.shape[i]);
    ft_json_out_close(w);
    ft_json_out_name(w, "data_offsets");
    ft_json_out_array(w);
    ft_json_out_i64(w, (int64_t)at);
    ft_json_out_i64(w, (int64_t)(at + ft_array_bytes(&t->value)));
    ft_json_out_close(w);
    ft_json_out_close(w);
}

static ft_err header_write(ft_buf *to, const ft_nn_named *list, size_t count) {
    ft_buf text = { 0 };
    ft_json_out w;
    size_t at = 0;
    ft_json_out_init(&w, &text, false);
    ft_json_out_object(&w);
    for (size_t i = 0; i < count; i++) {
        tensor_write(&w, &list[i], at);
        at += ft_array_bytes(&list[i].value);
    }
    ft_json_out_close(&w);
    while (text.err == FT_OK && (text.len + 8) % 64) ft_buf_byte(&text, ' ');
    uint64_t length = text.len;
    ft_buf_add_n(to, &length, sizeof length);
    ft_buf_add(to, ft_buf_str(&text));
    ft_err err = text.err ? text.err : to->err;
    ft_buf_fini(&text);
    return err;
}

/* In pieces: a checkpoint is never in memory twice. */
static ft_err tensor_bytes(ft_saving *to, const ft_array *a) {
    ft_str rest = ft_str_n(a->data, ft_array_bytes(a));
    while (rest.len) {
        ft_str piece = ft_str_slice(rest, 0, FT_SAVING_FLUSH);
        FT_TRY(ft_buf_add(&to->out, piece));
        FT_TRY(ft_saving_flush(to, FT_SAVING_FLUSH));
        rest = ft_str_from(rest, piece.len);
    }
    return FT_OK;
}

ft_err ft_nn_weights_write(const char *path, const ft_nn_named *list, size_t count) {
    ft_saving to;
    ft_err err;
    FT_GOTO(err, ft_saving_open(&to, path));
    FT_GOTO(err, header_write(&to.out, list, count));
    for (size_t i = 0; i < count; i++) FT_GOTO(err, tensor_bytes(&to, &list[i].value));
    FT_GOTO(err, ft_saving_end(&to));
done:
    ft_saving_free(&to);
    return err;
}
