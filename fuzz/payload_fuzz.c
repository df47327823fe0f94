/* payload_fuzz.c -- any bytes as what records hold: SageMaker's tensors, tf.Example, MXNet's
 * images. What is read is written, and written bytes are read and written the same. */
#include "base/check.h"
#include "data/example.h"
#include "data/mxnet_image.h"
#include "data/sagemaker_record.h"
#include "fuzz/target.h"

static ft_err sagemaker(ft_buf *out, ft_arena *arena, ft_str bytes) {
    ft_sagemaker_record r;
    FT_TRY(ft_sagemaker_record_read(&r, arena, bytes));
    for (size_t i = 0; i < r.feature_count; i++)
        for (size_t k = 0; r.features[i].dtype != FT_U8 && k < r.features[i].count; k++)
            (void)ft_sagemaker_value(&r.features[i], k);
    return ft_sagemaker_record_write(out, &r);
}

static ft_err example(ft_buf *out, ft_arena *arena, ft_str bytes) {
    ft_example e;
    FT_TRY(ft_example_read(&e, arena, bytes));
    return ft_example_write(out, &e);
}

static ft_err image(ft_buf *out, ft_arena *arena, ft_str bytes) {
    ft_mxnet_image m;
    FT_TRY(ft_mxnet_image_read(&m, arena, bytes));
    return ft_mxnet_image_write(out, &m);
}

static void check(ft_err (*copy)(ft_buf *out, ft_arena *arena, ft_str bytes), ft_str bytes) {
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_buf once = { 0 }, twice = { 0 };
    if (copy(&once, &arena, bytes)) {
        FT_CHECK(ft_str_utf8(ft_str_of(ft_err_why())));
    } else {
        FT_CHECK(copy(&twice, &arena, ft_buf_str(&once)) == FT_OK);
        FT_CHECK(ft_str_eq(ft_buf_str(&once), ft_buf_str(&twice)));
    }
    ft_buf_fini(&once);
    ft_buf_fini(&twice);
    ft_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_str bytes = ft_str_n(data, size);
    check(sagemaker, bytes);
    check(example, bytes);
    check(image, bytes);
    return 0;
}
