/* weights_fuzz.c -- any bytes as a weight file (safetensors, PyTorch, MXNet, .npz): refused with a
 * sentence, or tensors whose every item can be read. */
#include "base/check.h"
#include "fuzz/target.h"
#include "nn/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_nn_weights *w;
    if (ft_nn_weights_parse(&w, ft_str_n(data, size))) {
        FT_CHECK(w == NULL && ft_err_why()[0]);
        return 0;
    }
    for (size_t i = 0; i < w->count; i++) {
        const ft_array *a = &w->at[i].value;
        FT_CHECK(ft_array_valid(a));
        int64_t count = ft_array_count(a);
        volatile double sum = 0;
        if (count > 0) sum += ft_array_f64(a, 0) + ft_array_f64(a, count - 1);
    }
    ft_nn_weights_free(w);
    return 0;
}
