/* saliency.c -- see saliency.h. */
#include "serve/saliency.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define EPSILON 1e-5 /* PyTorch's of BatchNorm2d, which trials do not keep */

static bool is_picture(const ft_array *a) {
    return a->ndim == 4 && a->dtype == FT_F32 && a->shape[0] >= 1 && ft_array_count(a) > 0;
}

/* One picture of a batch: the first. */
static void first_of(ft_array *a) { a->shape[0] = 1; }

static bool same_shape(const ft_array *a, const ft_array *b) {
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

/* Are there weights below that name: is it the whole network? */
static ft_err has_weights(bool *out, ft_trial *t, ft_str top, ft_arena *arena) {
    ft_str *names, regex = { 0 };
    size_t count;
    FT_TRY(ft_arena_printf(&regex, arena, "\\Q%.*s\\E_.*\\.(weight|bias)$", FT_STR_ARG(top)));
    FT_TRY(ft_trial_names(&names, &count, t, arena, FT_STR(""), regex));
    *out = count > 0;
    return FT_OK;
}

/* The whole network's input: "ResNet_input_0", or whatever input has the gradient's shape. `top`
 * gets "ResNet". */
static ft_err input_find(ft_array *out, ft_str *top, ft_trial *t, int64_t step, const ft_array *g,
                         ft_arena *arena) {
    ft_str *names;
    size_t count;
    *top = (ft_str){ 0 };
    FT_TRY(ft_trial_names(&names, &count, t, arena, FT_STR(""), FT_STR("[^.]*_input_0$")));
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        bool there;
        FT_TRY(ft_trial_try(&there, &a, t, arena, names[i], step));
        if (!there || !same_shape(&a, g) || a.dtype != FT_F32) continue;
        *out = a;
        *top = ft_str_slice(names[i], 0, names[i].len - strlen("_input_0"));
        FT_TRY(has_weights(&there, t, *top, arena));
        if (there) return FT_OK;
    }
    if (top->len) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND,
                   "step %lld has gradient/image and not the picture itself, the network's "
                   "NAME_input_0: an endpoint keeps what a map needs with " FT_SALIENCY_TAP,
                   (long long)step);
}

typedef struct layer {    /* a normalisation's numbers, one a channel */
    const float *part[4]; /* weight, bias, mean, variance */
    int64_t channels;
} layer;

static ft_err part_read(const float **out, int64_t *channels, ft_trial *t, int64_t step,
                        ft_arena *arena, const char *fmt, ft_str a, ft_str b) {
    char name[FT_TRIAL_NAME_MAX];
    ft_array v;
    bool there;
    *out = NULL;
    int len = b.at ? snprintf(name, sizeof name, fmt, FT_STR_ARG(a), FT_STR_ARG(b))
                   : snprintf(name, sizeof name, fmt, FT_STR_ARG(a));
    if (len < 0 || (size_t)len >= sizeof name) return FT_OK;
    FT_TRY(ft_trial_try(&there, &v, t, arena, ft_str_n(name, (size_t)len), step));
    if (!there || v.dtype != FT_F32) return FT_OK;
    *out = v.data;
    if (*channels && ft_array_count(&v) != *channels) *out = NULL;
    *channels = ft_array_count(&v);
    return FT_OK;
}

/* `*there` false: not all four are in the trial. */
static ft_err layer_read(layer *l, bool *there, ft_trial *t, int64_t step, ft_str top,
                         ft_str module, ft_arena *arena) {
    *l = (layer){ 0 };
    ft_str none = { 0 };
    FT_TRY(part_read(&l->part[0], &l->channels, t, step, arena, "%.*s_%.*s.weight", top, module));
    FT_TRY(part_read(&l->part[1], &l->channels, t, step, arena, "%.*s_%.*s.bias", top, module));
    FT_TRY(part_read(&l->part[2], &l->channels, t, step, arena, "%.*s.running_mean_output_0",
                     module, none));
    FT_TRY(part_read(&l->part[3], &l->channels, t, step, arena, "%.*s.running_var_output_0", module,
                     none));
    *there = l->part[0] && l->part[1] && l->part[2] && l->part[3];
    return FT_OK;
}

/* "gradient/layer1.0.bn1_output" -> "layer1.0.bn1" */
static ft_str module_of(ft_str name) {
    size_t head = strlen("gradient/");
    size_t tail = ft_str_ends(name, FT_STR("_output_0")) ? strlen("_output_0") : strlen("_output");
    return ft_str_slice(name, head, name.len - head - tail);
}

static ft_err layer_add(ft_saliency *s, ft_trial *t, ft_str top, ft_str name, ft_arena *arena) {
    layer l;
    ft_array g;
    bool there;
    float *bias;
    FT_TRY(ft_trial_try(&there, &g, t, arena, name, s->step));
    if (!there || !is_picture(&g) || g.shape[2] * g.shape[3] < 2) return FT_OK;
    first_of(&g);
    FT_TRY(layer_read(&l, &there, t, s->step, top, module_of(name), arena));
    if (!there || l.channels != g.shape[1]) {
        s->passed_over++;
        return FT_OK;
    }
    FT_TRY(ft_arena_items(&bias, arena, (size_t)l.channels));
    ft_nn_norm_bias(bias, l.channels, l.part[0], l.part[1], l.part[2], l.part[3], EPSILON);
    s->layers++;
    return ft_nn_map_add(&s->map, &g, bias, l.channels, arena);
}

ft_err ft_saliency_of(ft_saliency *out, ft_trial *t, int64_t step, ft_arena *arena) {
    ft_array g;
    ft_str *names, top;
    size_t count;
    bool there;
    *out = (ft_saliency){ .step = step };
    FT_TRY(ft_trial_try(&there, &g, t, arena, FT_STR("gradient/image"), step));
    if (!there || !is_picture(&g))
        return FT_FAIL(
            FT_ENOTFOUND,
            "step %lld has no gradient/image of a picture: an endpoint keeps what a map needs "
            "with " FT_SALIENCY_TAP,
            (long long)step);
    FT_TRY(input_find(&out->image, &top, t, step, &g, arena));
    first_of(&g);
    first_of(&out->image);
    FT_TRY(ft_nn_map_new(&out->map, arena, (int)g.shape[3], (int)g.shape[2]));
    FT_TRY(ft_nn_map_add(&out->map, &g, out->image.data, ft_array_count(&g), arena));
    out->layers = 1;
    FT_TRY(
        ft_trial_names(&names, &count, t, arena, FT_STR(""), FT_STR("gradient/.*_output(_0)?$")));
    for (size_t i = 0; i < count; i++) FT_TRY(layer_add(out, t, top, names[i], arena));
    return FT_OK;
}

ft_err ft_saliency_picture(ft_image *out, const ft_array *image, ft_arena *arena) {
    int channels = image->shape[1] == 3 ? 3 : 1;
    int64_t items = image->shape[2] * image->shape[3];
    FT_TRY(ft_image_new(out, arena, (int)image->shape[3], (int)image->shape[2], channels));
    for (int c = 0; c < channels; c++) {
        const float *at = (const float *)image->data + c * items;
        float least = INFINITY, most = -INFINITY;
        for (int64_t i = 0; i < items; i++) least = fminf(least, at[i]), most = fmaxf(most, at[i]);
        for (int64_t i = 0; i < items; i++)
            out->data[i * channels + c] =
                (uint8_t)(most > least ? 255 * (at[i] - least) / (most - least) : 0);
    }
    return FT_OK;
}
