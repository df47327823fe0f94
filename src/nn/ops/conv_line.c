/* conv_line.c -- a convolution along a line (sound), by products of matrices.
 *
 * oneDNN does it so as well, but copies what each window sees item by item; along a line, with steps
 * of one, that is a shifted copy of a channel. As many places at a time as keep the copies in the
 * cache. A neural voice's decoder takes three quarters of the time. */
#include "base/check.h"
#include "nn/ops/conv_in.h"

#define COLUMN_BYTES ((size_t)512 << 10)
#define PLACES_MIN   64 /* at a time, a multiple of 16: narrower products are slow */

/* Behind it nothing, or one addition. */
static bool posts_suit(const ft_nn_node *n) {
    ft_nn_post posts[FT_NN_POSTS_MAX];
    int count = ft_nn_posts_of(posts, n);
    return count == 0 || (count == 1 && posts[0].kind == FT_NN_POST_ADD);
}

bool ft_nn_conv_line_takes(const ft_nn_prepare *p, const ft_nn_conv_shape *s) {
    return posts_suit(p->node) && s->dims == 1 && !s->last && s->groups == 1 && !s->scale &&
           s->window.stride[0] == 1 && s->window.kernel[0] > 1 && !p->training && !p->bf16 &&
           p->in[0].dtype == FT_F32 && p->in[1].dtype == FT_F32;
}

static int64_t places_at_once(const ft_nn_conv_shape *s) {
    int64_t items = s->ci * s->window.kernel[0];
    int64_t places = (int64_t)(COLUMN_BYTES / sizeof(float)) / items / PLACES_MIN * PLACES_MIN;
    places = places < PLACES_MIN ? PLACES_MIN : places;
    return places > s->y.dims[2] ? s->y.dims[2] : places;
}

size_t ft_nn_conv_line_scratch(const ft_nn_conv_shape *s) {
    return (size_t)(places_at_once(s) * s->ci * s->window.kernel[0]) * sizeof(float);
}

/* What the windows of `count` places from `first` see: a row for each channel and place in the
 * window, zeros beyond the line's ends. */
static void columns_fill(float *to, const ft_nn_conv_shape *s, const float *x, int64_t first,
                         int64_t count) {
    int64_t width = s->x.dims[2];
    for (int64_t c = 0; c < s->ci; c++)
        for (int64_t k = 0; k < s->window.kernel[0]; k++, to += count) {
            int64_t at = first - s->window.pad_begin[0] + k * s->window.dilation[0];
            int64_t before = at < 0 ? (-at < count ? -at : count) : 0;
            int64_t inside = width - at - before;
            inside = inside < 0 ? 0 : inside > count - before ? count - before : inside;
            memset(to, 0, (size_t)before * sizeof *to);
            if (inside)
                memcpy(to + before, x + c * width + at + before, (size_t)inside * sizeof *to);
            memset(to + before + inside, 0, (size_t)(count - before - inside) * sizeof *to);
        }
}

/* What the products are added to; `sum` may be `y` itself. False: nothing. */
static bool begin(float *y, const ft_nn_conv_shape *s, const float *sum, const float *bias) {
    for (int64_t o = 0; o < s->co && (sum || bias); o++)
        for (int64_t i = 0; i < s->y.dims[2]; i++, y++)
            *y = (sum ? *sum++ : 0) + (bias ? bias[o] : 0);
    return sum || bias;
}

ft_err ft_nn_conv_line(const ft_nn_call *c, const ft_nn_conv_shape *s) {
    const float *bias = ft_nn_given(c->in, c->in_count, 2) ? c->in[2].data : NULL;
    int added = ft_nn_post_sum_input(c->node);
    int64_t items = s->ci * s->window.kernel[0], at_once = places_at_once(s), width = s->y.dims[2];
    for (int64_t n = 0; n < s->n; n++) {
        const float *x = (const float *)c->in[0].data + n * s->ci * s->x.dims[2];
        const float *sum = added < 0 ? NULL : (float *)c->in[added].data + n * s->co * width;
        float *y = (float *)c->out[0].data + n * s->co * width;
        float beta = begin(y, s, sum, bias) ? 1 : 0;
        for (int64_t at = 0; at < width; at += at_once) {
            int64_t count = width - at < at_once ? width - at : at_once;
            ft_nn_gemm g = { .m = s->co,
                             .n = count,
                             .k = items,
                             .alpha = 1,
                             .beta = beta,
                             .a = c->in[1].data,
                             .lda = items,
                             .b = c->scratch,
                             .ldb = count,
                             .c = y + at,
                             .ldc = width };
            columns_fill(c->scratch, s, x, at, count);
            FT_TRY(ft_nn_gemm_run(&g, true));
        }
    }
    return FT_OK;
}
