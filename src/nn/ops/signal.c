/* signal.c -- spectra: DFT, STFT, MelWeightMatrix. Complex numbers are a last axis of two. Powers
 * of two by the radix-2 transform (Cooley, Tukey 1965), other lengths by their definition. */
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/shared.h"

typedef struct spectrum {
    int64_t size;
    double *cosine, *sine; /* of 2 pi k / size */
    double *re, *im, *out_re, *out_im;
} spectrum;

static size_t spectrum_bytes(int64_t size) { return (size_t)size * 6 * sizeof(double) + 64; }

static void spectrum_of(spectrum *s, void *memory, int64_t size, bool inverse) {
    double *at = memory;
    *s = (spectrum){ .size = size, .cosine = at, .sine = at + size, .re = at + 2 * size };
    s->im = at + 3 * size, s->out_re = at + 4 * size, s->out_im = at + 5 * size;
    for (int64_t k = 0; k < size; k++) {
        double t = 2 * M_PI * (double)k / (double)size;
        s->cosine[k] = cos(t);
        s->sine[k] = inverse ? sin(t) : -sin(t);
    }
}

static void by_definition(spectrum *s) {
    for (int64_t f = 0; f < s->size; f++) {
        double re = 0, im = 0;
        for (int64_t k = 0, at = 0; k < s->size; k++, at = (at + f) % s->size) {
            re += s->re[k] * s->cosine[at] - s->im[k] * s->sine[at];
            im += s->re[k] * s->sine[at] + s->im[k] * s->cosine[at];
        }
        s->out_re[f] = re, s->out_im[f] = im;
    }
}
static void by_halves(spectrum *s) {
    int64_t n = s->size;
    for (int64_t i = 0, j = 0; i < n; i++) { /* in the order of reversed bits */
        s->out_re[j] = s->re[i], s->out_im[j] = s->im[i];
        int64_t bit = n >> 1;
        while (bit && (j & bit)) j ^= bit, bit >>= 1;
        j |= bit;
    }
    for (int64_t half = 1; half < n; half *= 2) {
        for (int64_t i = 0; i < n; i++) {
            if (i & half) continue;
            int64_t k = i % half * (n / (2 * half)), j = i + half;
            double re = s->out_re[j] * s->cosine[k] - s->out_im[j] * s->sine[k];
            double im = s->out_re[j] * s->sine[k] + s->out_im[j] * s->cosine[k];
            s->out_re[j] = s->out_re[i] - re, s->out_im[j] = s->out_im[i] - im;
            s->out_re[i] += re, s->out_im[i] += im;
        }
    }
}
static void transform(spectrum *s) {
    if (s->size > 0 && (s->size & (s->size - 1)) == 0)
        by_halves(s);
    else
        by_definition(s);
}

/* ---- DFT: x (…, 1 or 2), length */

static ft_err dft_axis(int *axis, const ft_nn_node *node, int ndim) {
    FT_TRY(ft_nn_axis(axis, node, ft_nn_attr_int(node, "axis"), ndim));
    if (*axis == ndim - 1)
        return ft_nn_refuse_(node, FT_EINVAL, "the last axis holds real and imaginary parts");
    return FT_OK;
}
static ft_err dft_infer(ft_nn_infer *i) {
    const ft_array *x = &i->in[0];
    bool inverse = ft_nn_attr_int(i->node, "inverse") != 0;
    bool half = ft_nn_attr_int(i->node, "onesided") != 0;
    int axis;
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    i->out[0] = ft_nn_like(x);
    i->content_needed = ft_nn_given(i->in, i->in_count, 1) && !ft_nn_content(&i->in[1]);
    if (inverse && half)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "one-sided inverse transforms");
    if (x->ndim < 0) return FT_OK;
    if (x->ndim < 2) return ft_nn_refuse_(i->node, FT_EINVAL, "takes two dimensions or more");
    FT_TRY(dft_axis(&axis, i->node, x->ndim));
    if (x->shape[x->ndim - 1] > 2)
        return ft_nn_refuse_(i->node, FT_EINVAL, "the last axis must be of one or two numbers");
    int64_t size = i->content_needed                    ? FT_NN_DIM_ANY
                   : ft_nn_given(i->in, i->in_count, 1) ? ft_nn_get_int(&i->in[1], 0)
                                                        : x->shape[axis];
    if (size != FT_NN_DIM_ANY && (size < 1 || size > 1 << 24))
        return ft_nn_refuse_(i->node, FT_EINVAL, "a length of %" PRId64, size);
    i->out[0].shape[axis] = size < 0 ? FT_NN_DIM_ANY : half ? size / 2 + 1 : size;
    i->out[0].shape[x->ndim - 1] = 2;
    return ft_nn_sane(i->node, &i->out[0]);
}
static int64_t dft_size(const ft_nn_node *node, const ft_array *in, size_t count, int axis) {
    (void)node;
    return ft_nn_given(in, count, 1) ? ft_nn_get_int(&in[1], 0) : in[0].shape[axis];
}
static ft_err dft_prepare(ft_nn_prepare *p) {
    int axis;
    if (!ft_nn_sized(&p->in[0])) return FT_OK;
    FT_TRY(dft_axis(&axis, p->node, p->in[0].ndim));
    if (ft_nn_given(p->in, p->in_count, 1) && !p->in[1].data) return FT_OK; /* asked again */
    p->scratch_bytes = spectrum_bytes(dft_size(p->node, p->in, p->in_count, axis));
    return FT_OK;
}
static ft_err dft_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    ft_array *out = &c->out[0];
    bool inverse = ft_nn_attr_int(c->node, "inverse") != 0;
    int axis;
    spectrum s;
    FT_TRY(dft_axis(&axis, c->node, x->ndim));
    int64_t size = dft_size(c->node, c->in, c->in_count, axis), parts = x->shape[x->ndim - 1];
    int64_t have = x->shape[axis], give = out->shape[axis];
    int64_t inner = ft_nn_product(x, axis + 1, x->ndim - 1), outer = ft_nn_product(x, 0, axis);
    double scale = inverse ? 1 / (double)size : 1;
    spectrum_of(&s, c->scratch, size, inverse);
    for (int64_t line = 0; line < outer * inner; line++) {
        int64_t from = line / inner * have * inner + line % inner;
        int64_t to = line / inner * give * inner + line % inner;
        for (int64_t k = 0; k < size; k++) {
            int64_t at = (from + k * inner) * parts;
            s.re[k] = k < have && parts ? ft_array_f64(x, at) : 0;
            s.im[k] = k < have && parts == 2 ? ft_array_f64(x, at + 1) : 0;
        }
        transform(&s);
        for (int64_t k = 0; k < give; k++) {
            ft_nn_put_f64(out, (to + k * inner) * 2, s.out_re[k] * scale);
            ft_nn_put_f64(out, (to + k * inner) * 2 + 1, s.out_im[k] * scale);
        }
    }
    return FT_OK;
}
static const ft_nn_attr_row dft_attrs[] = { { "axis", FT_NN_INT, 1, NULL, false },
                                            { "inverse", FT_NN_INT, 0, NULL, false },
                                            { "onesided", FT_NN_INT, 0, NULL, false },
                                            { 0 } };
extern const ft_nn_op ft_nn_op_dft;
const ft_nn_op ft_nn_op_dft = { .name = "DFT",
                                .doc = "discrete Fourier transform along an axis",
                                .attrs = dft_attrs,
                                .inputs_min = 1,
                                .inputs_max = 2,
                                .outputs_min = 1,
                                .outputs_max = 1,
                                .infer = dft_infer,
                                .reference = dft_run,
                                .prepare = dft_prepare };

/* ---- STFT: signal [batch, n, 1 or 2], step, window, frame length */

static int64_t stft_frame(const ft_array *in, size_t count) {
    if (ft_nn_given(in, count, 3)) return ft_nn_content(&in[3]) ? ft_nn_get_int(&in[3], 0) : -1;
    return ft_nn_given(in, count, 2) ? in[2].shape[0] : -1;
}
static ft_err stft_infer(ft_nn_infer *i) {
    const ft_array *x = &i->in[0];
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    FT_TRY(ft_nn_take(i, 1, FT_NN_INDEXES));
    i->out[0] = ft_nn_unknown(x->dtype);
    if (!ft_nn_given(i->in, i->in_count, 2) && !ft_nn_given(i->in, i->in_count, 3))
        return ft_nn_refuse_(i->node, FT_EINVAL, "a window or a frame length is expected");
    if (ft_nn_given(i->in, i->in_count, 2) && i->in[2].ndim != 1)
        return ft_nn_refuse_(i->node, FT_EINVAL, "the window must have one dimension");
    int64_t frame = stft_frame(i->in, i->in_count);
    i->content_needed = !ft_nn_content(&i->in[1]) || frame < 0;
    if (x->ndim < 0 || i->content_needed) return FT_OK;
    int64_t step = ft_nn_get_int(&i->in[1], 0);
    if (x->ndim < 2 || x->ndim > 3 || frame < 1 || frame > 1 << 24 || step < 1 ||
        (ft_nn_given(i->in, i->in_count, 2) && i->in[2].shape[0] != frame) ||
        (x->shape[1] >= 0 && x->shape[1] < frame))
        return ft_nn_refuse_(i->node, FT_EINVAL,
                             "frames of %" PRId64 " every %" PRId64 " of this signal", frame, step);
    int64_t frames = x->shape[1] < 0 ? FT_NN_DIM_ANY : (x->shape[1] - frame) / step + 1;
    int64_t bins = ft_nn_attr_int(i->node, "onesided") ? frame / 2 + 1 : frame;
    i->out[0] =
        (ft_array){ .dtype = x->dtype, .ndim = 4, .shape = { x->shape[0], frames, bins, 2 } };
    return ft_nn_sane(i->node, &i->out[0]);
}
static ft_err stft_prepare(ft_nn_prepare *p) {
    int64_t frame = stft_frame(p->in, p->in_count);
    if (frame > 0) p->scratch_bytes = spectrum_bytes(frame);
    return FT_OK;
}
static ft_err stft_run(const ft_nn_call *c) {
    const ft_array *x = &c->in[0];
    ft_array *out = &c->out[0];
    spectrum s;
    int64_t frame = stft_frame(c->in, c->in_count), step = ft_nn_get_int(&c->in[1], 0);
    int64_t parts = x->ndim == 3 ? x->shape[2] : 1, frames = out->shape[1], bins = out->shape[2];
    bool window = ft_nn_given(c->in, c->in_count, 2);
    spectrum_of(&s, c->scratch, frame, false);
    for (int64_t i = 0; i < out->shape[0] * frames; i++) {
        int64_t from = i / frames * x->shape[1] + i % frames * step;
        for (int64_t k = 0; k < frame; k++) {
            double w = window ? ft_array_f64(&c->in[2], k) : 1;
            s.re[k] = ft_array_f64(x, (from + k) * parts) * w;
            s.im[k] = parts == 2 ? ft_array_f64(x, (from + k) * parts + 1) * w : 0;
        }
        transform(&s);
        for (int64_t k = 0; k < bins; k++) {
            ft_nn_put_f64(out, (i * bins + k) * 2, s.out_re[k]);
            ft_nn_put_f64(out, (i * bins + k) * 2 + 1, s.out_im[k]);
        }
    }
    return FT_OK;
}
static const ft_nn_attr_row stft_attrs[] = { { "onesided", FT_NN_INT, 1, NULL, false }, { 0 } };
extern const ft_nn_op ft_nn_op_stft;
const ft_nn_op ft_nn_op_stft = { .name = "STFT",
                                 .doc = "spectra of frames of a signal",
                                 .attrs = stft_attrs,
                                 .inputs_min = 2,
                                 .inputs_max = 4,
                                 .outputs_min = 1,
                                 .outputs_max = 1,
                                 .infer = stft_infer,
                                 .reference = stft_run,
                                 .prepare = stft_prepare };

/* ---- MelWeightMatrix: bands, DFT length, rate, lowest and highest frequency */

static ft_err mel_infer(ft_nn_infer *i) {
    for (size_t k = 0; k < 5; k++) {
        FT_TRY(ft_nn_take(i, k, k < 3 ? FT_NN_INDEXES : FT_NN_FLOATS));
        i->content_needed |= !ft_nn_content(&i->in[k]);
    }
    i->out[0] = (ft_array){ .ndim = 2, .shape = { FT_NN_DIM_ANY, FT_NN_DIM_ANY } };
    FT_TRY(ft_nn_type_of(&i->out[0].dtype, i->node, ft_nn_attr_int(i->node, "output_datatype")));
    if (i->content_needed) return FT_OK;
    int64_t bands = ft_nn_get_int(&i->in[0], 0), size = ft_nn_get_int(&i->in[1], 0);
    if (bands < 1 || bands > 1 << 16 || size < 1 || size > 1 << 24 ||
        ft_nn_get_int(&i->in[2], 0) < 1)
        return ft_nn_refuse_(i->node, FT_EINVAL, "%" PRId64 " bands of %" PRId64 " points", bands,
                             size);
    i->out[0].shape[0] = size / 2 + 1;
    i->out[0].shape[1] = bands;
    return FT_OK;
}
static int64_t mel_bin(const ft_nn_call *c, int64_t k) { /* edge `k` of the bands */
    double low = 2595 * log10(1 + ft_array_f64(&c->in[3], 0) / 700);
    double high = 2595 * log10(1 + ft_array_f64(&c->in[4], 0) / 700);
    double mel = low + (high - low) * (double)k / (double)(c->out[0].shape[1] + 2);
    double hertz = 700 * (pow(10, mel / 2595) - 1);
    return (int64_t)floor((double)(ft_nn_get_int(&c->in[1], 0) + 1) * hertz /
                          (double)ft_nn_get_int(&c->in[2], 0));
}
static ft_err mel_run(const ft_nn_call *c) {
    ft_array *out = &c->out[0];
    int64_t rows = out->shape[0], bands = out->shape[1];
    memset(out->data, 0, ft_array_bytes(out));
    for (int64_t b = 0; b < bands; b++) {
        int64_t low = mel_bin(c, b), middle = mel_bin(c, b + 1), high = mel_bin(c, b + 2);
        for (int64_t k = low < 0 ? 0 : low; k <= high && k < rows; k++) {
            double v = k < middle   ? (double)(k - low) / (double)(middle - low)
                       : k > middle ? (double)(high - k) / (double)(high - middle)
                                    : 1;
            if (k < high || k == middle) ft_nn_put_f64(out, k * bands + b, v);
        }
    }
    return FT_OK;
}
static const ft_nn_attr_row mel_attrs[] = { { "output_datatype", FT_NN_INT, 1, NULL, false },
                                            { 0 } };
extern const ft_nn_op ft_nn_op_mel_weight_matrix;
const ft_nn_op ft_nn_op_mel_weight_matrix = { .name = "MelWeightMatrix",
                                              .doc = "weights of spectra in mel bands",
                                              .attrs = mel_attrs,
                                              .inputs_min = 5,
                                              .inputs_max = 5,
                                              .outputs_min = 1,
                                              .outputs_max = 1,
                                              .infer = mel_infer,
                                              .reference = mel_run };
