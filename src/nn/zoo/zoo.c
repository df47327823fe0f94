/* zoo.c -- the table of architectures; see zoo.h. */
#include "nn/zoo/zoo.h"

#include <stdio.h>

#include "base/check.h"
#include "nn/zoo/zoo_in.h"

#define SIDE_MIN 4 /* of pictures */
#define SIDE_MAX 4096

extern const ft_nn_arch ft_arch_resnet18, ft_arch_resnet34, ft_arch_resnet50, ft_arch_mobilenet_v2,
    ft_arch_simple_pose, ft_arch_yolo3, ft_arch_cnn28, ft_arch_cnn32;

const ft_nn_arch *const ft_nn_archs[] = {
    &ft_arch_resnet18,     &ft_arch_resnet34,    &ft_arch_resnet50,
    &ft_arch_mobilenet_v2, &ft_arch_simple_pose, &ft_arch_yolo3,
    &ft_arch_cnn28,        &ft_arch_cnn32,       NULL
};

ft_err ft_nn_arch_find(const ft_nn_arch **out, ft_str name) {
    const char *names[FT_COUNT(ft_nn_archs)] = { 0 };
    size_t count = 0;
    for (; ft_nn_archs[count]; count++) {
        names[count] = ft_nn_archs[count]->name;
        if (!ft_str_is(name, names[count])) continue;
        *out = ft_nn_archs[count];
        return FT_OK;
    }
    *out = NULL;
    const char *near = ft_str_nearest(name, names, count);
    char list[400];
    size_t n = 0;
    for (size_t i = 0; i < count && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", names[i]);
    return FT_FAIL(FT_ENOTFOUND, "no architecture '%.*s'%s%s; known: %s", FT_STR_ARG(name),
                   near ? "; is it " : "", near ? near : "", list);
}

ft_err ft_nn_arch_build(ft_nn_graph **out, const ft_nn_arch *arch, const ft_nn_arch_opts *opts) {
    ft_zoo z = { .arch = arch };
    int image = FT_NN_NONE;
    *out = NULL;
    if (opts) z.opts = *opts;
    if (!z.opts.classes) z.opts.classes = arch->classes;
    if (!z.opts.channels) z.opts.channels = arch->channels;
    if (!z.opts.size) z.opts.size = arch->size;
    if (z.opts.classes < 1 || z.opts.classes > 1000000 || z.opts.channels < 1 ||
        z.opts.channels > 64)
        return FT_FAIL(FT_EINVAL,
                       "%s with %d classes and %d channels; 1 to 1000000 classes and 1 to 64 "
                       "channels were expected",
                       arch->name, z.opts.classes, z.opts.channels);
    if (z.opts.size < SIDE_MIN || z.opts.size > SIDE_MAX)
        return FT_FAIL(FT_EINVAL,
                       "pictures of %d x %d are too %s for a %s: a side of %d to %d was expected",
                       z.opts.size, z.opts.size, z.opts.size < SIDE_MIN ? "small" : "large",
                       arch->name, SIDE_MIN, SIDE_MAX);
    ft_random_seed(&z.random, z.opts.seed);
    FT_TRY(ft_nn_graph_new(&z.g, ft_str_of(arch->name)));
    int64_t shape[] = { FT_NN_DIM_ANY, z.opts.channels, z.opts.size, z.opts.size };
    z.err = ft_nn_input(&image, z.g, FT_STR("input"), FT_F32, 4, shape);
    if (z.err == FT_OK) arch->build(&z, image);
    if (z.err == FT_OK) z.err = ft_nn_graph_check(z.g);
    if (z.err == FT_OK) z.err = ft_nn_graph_infer(z.g);
    if (z.err != FT_OK) {
        ft_nn_graph_free(z.g);
        return z.err;
    }
    *out = z.g;
    return FT_OK;
}

/* ---- which one is it? */

/* Classes are the rows of the last layer's bias. */
static int classes_of(const ft_nn_arch *arch, const ft_nn_weights *w) {
    for (size_t i = 0; i < w->count; i++) {
        ft_str name = w->at[i].name, layer = ft_str_of(arch->classifier);
        const ft_array *a = &w->at[i].value;
        if (a->ndim != 1 || a->shape[0] < 1 || a->shape[0] > 1000000) continue;
        if (!ft_str_ends(name, FT_STR("bias"))) continue;
        for (size_t at = 0; at + layer.len <= name.len; at++)
            if (memcmp(name.at + at, layer.at, layer.len) == 0) {
                bool yolo = ft_str_is(layer, "yolo_outputs");
                return yolo ? (int)(a->shape[0] / 3 - 5) : (int)a->shape[0];
            }
    }
    return 0;
}

/* Tensors that the network has no place for; a counter of torch's is none of them. */
static size_t strangers(const ft_nn_match *match) {
    size_t count = 0;
    for (size_t i = 0; i < match->unused_count; i++)
        count += !ft_str_ends(match->unused[i], FT_STR("num_batches_tracked"));
    return count;
}

static ft_err match_arch(size_t *wrong, ft_nn_arch_opts *opts, const ft_nn_arch *arch,
                         const ft_nn_weights *w) {
    ft_arena arena = FT_ARENA_INIT((size_t)256 << 20);
    ft_nn_graph *g = NULL;
    ft_nn_match match = { 0 };
    *opts = (ft_nn_arch_opts){ .classes = classes_of(arch, w) };
    *wrong = SIZE_MAX;
    ft_err err = opts->classes > 0 ? ft_nn_arch_build(&g, arch, opts) : FT_OK;
    if (err == FT_OK && g) {
        err = ft_nn_weights_load(&match, g, w, &arena);
        if (err == FT_OK) *wrong = match.missing_count + match.shaped_count + strangers(&match);
        if (err == FT_ECONFLICT) err = FT_OK; /* nothing of it is there */
    }
    ft_nn_graph_free(g);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_nn_arch_guess(const ft_nn_arch **out, ft_nn_arch_opts *opts, const ft_nn_weights *w) {
    size_t least = SIZE_MAX;
    const ft_nn_arch *nearest = NULL;
    *out = NULL;
    for (const ft_nn_arch *const *a = ft_nn_archs; *a; a++) {
        size_t wrong;
        ft_nn_arch_opts own;
        FT_TRY(match_arch(&wrong, &own, *a, w));
        if (wrong >= least) continue;
        least = wrong;
        nearest = *a;
        *opts = own;
    }
    if (least == 0) {
        *out = nearest;
        ft_err_clear();
        return FT_OK;
    }
    if (!nearest)
        return FT_FAIL(FT_EUNSUPPORTED, "these weights belong to no architecture known here");
    return FT_FAIL(
        FT_EUNSUPPORTED,
        "these weights belong to no architecture known here; nearest is %s, of which %zu "
        "weights are missing, too many or shaped otherwise: a network.json beside them with "
        "{\"arch\": \"%s\"} tells which",
        nearest->name, least, nearest->name);
}
