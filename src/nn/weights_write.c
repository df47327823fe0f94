/* weights_write.c -- weights as a safetensors file. Source: github.com/huggingface/safetensors,
 * README, "Format". */
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "base/json.h"
#include "nn/weights.h"

#define BYTES_MAX ((size_t)64 << 30)

static const char *type_name(ft_dtype t) {
    static const char *const names[FT_DTYPE_COUNT] = {
        [FT_F32] = "F32", [FT_F64] = "F64", [FT_F16] = "F16",  [FT_BF16] = "BF16", [FT_I8] = "I8",
        [FT_I16] = "I16", [FT_I32] = "I32", [FT_I64] = "I64",  [FT_U8] = "U8",     [FT_U16] = "U16",
        [FT_U32] = "U32", [FT_U64] = "U64", [FT_BOOL] = "BOOL"
    };
    return names[t];
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

static void header_write(ft_buf *to, const ft_nn_named *list, size_t count) {
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
    unsigned char little[8];
    for (int i = 0; i < 8; i++) little[i] = (unsigned char)(length >> (8 * i));
    ft_buf_add_n(to, little, sizeof little);
    ft_buf_add(to, ft_buf_str(&text));
    if (to->err == FT_OK) to->err = text.err;
    ft_buf_fini(&text);
}

ft_err ft_nn_weights_write(const char *path, const ft_nn_named *list, size_t count) {
    ft_buf file = { .limit_bytes = BYTES_MAX };
    header_write(&file, list, count);
    for (size_t i = 0; i < count; i++)
        ft_buf_add_n(&file, list[i].value.data, ft_array_bytes(&list[i].value));
    ft_err err = file.err;
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&file), true);
    ft_buf_fini(&file);
    return err;
}
