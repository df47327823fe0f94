/* zoo_test.c -- architectures against torchvision's with the same weights; names, classes, guesses.
 */
#include "nn/zoo/zoo.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "nn/session_in.h"
#include "nn/sanitizer_test.h"
#include "tests/oracle.h"

static const char *file_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* Every architecture builds, infers and runs at its own size with a batch of two. */
static void test_all_run(void **state) {
    (void)state;
    for (size_t i = 0; ft_nn_archs[i]; i++) {
        const ft_nn_arch *arch = ft_nn_archs[i];
        ft_nn_graph *g = NULL;
        ft_nn_model *m = NULL;
        ft_nn_session *s = NULL;
        ft_arena arena = FT_ARENA_INIT((size_t)1 << 30);
        int side = arch->size > 64 ? 64 : arch->size; /* small ones are enough here */
        EXPECT_OK(ft_nn_arch_build(&g, arch, &(ft_nn_arch_opts){ .size = side, .seed = 7 }));
        EXPECT_OK(ft_nn_model_new(&m, g));
        EXPECT_OK(ft_nn_session_new(&s, m, NULL));
        ft_array in = { .dtype = FT_F32, .ndim = 4, .shape = { 2, arch->channels, side, side } };
        ft_array out[2] = { 0 };
        float *pixels;
        EXPECT_OK(ft_arena_items(&pixels, &arena, (size_t)ft_array_count(&in)));
        in.data = pixels;
        for (int64_t k = 0; k < ft_array_count(&in); k++) pixels[k] = sinf((float)k * 0.01F);
        EXPECT_OK(ft_nn_run(s, &in, out, &arena, NULL));
        EXPECT(out[0].shape[0] == 2 && out[0].ndim >= 2);
        for (int64_t k = 0; k < ft_array_count(&out[0]); k++)
            EXPECT(isfinite(ft_array_f64(&out[0], k)));
        ft_nn_session_free(s);
        ft_nn_model_free(m);
        ft_arena_fini(&arena);
    }
}

static size_t weight_bytes(const ft_nn_graph *g) {
    size_t bytes = 0;
    for (int v = 0; v < g->value_count; v++) {
        ft_array a = { .dtype = g->values[v].dtype, .ndim = g->values[v].ndim };
        memcpy(a.shape, g->values[v].shape, sizeof a.shape);
        if (g->values[v].data && a.dtype == FT_F32) bytes += ft_array_bytes(&a);
    }
    return bytes;
}

/* A run's memory is at most 1.2 times its two largest activations; packed weights are at most an
 * eighth more than the weights. */
static void expect_small(const char *name, int batch, int threads) {
    const ft_nn_arch *arch;
    ft_nn_graph *g = NULL;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_nn_plan *p = NULL;
    ft_array in = { .dtype = FT_F32, .ndim = 4, .shape = { batch, 3, 224, 224 } };
    EXPECT_OK(ft_nn_arch_find(&arch, ft_str_of(name)));
    EXPECT_OK(ft_nn_arch_build(&g, arch, &(ft_nn_arch_opts){ .seed = 7 }));
    size_t weights = weight_bytes(g);
    EXPECT_OK(ft_nn_model_new(&m, g));
    EXPECT_OK(ft_nn_session_new(&s, m, &(ft_nn_session_opts){ .threads = threads }));
    EXPECT_OK(ft_nn_plan_find(&p, s, &in, false));
    bool small = (double)p->memory_bytes <= 1.2 * (double)p->largest_two_bytes;
    if (!small)
        print_error("%s, batch %d, %d threads: %zu bytes, two largest %zu\n", name, batch, threads,
                    p->memory_bytes, p->largest_two_bytes);
    EXPECT(small && ft_nn_store_bytes(m->store) <= weights + weights / 8);
    EXPECT(ft_nn_store_bytes(m->store) > weights / 2);
    ft_nn_session_free(s);
    ft_nn_model_free(m);
}

static void test_memory(void **state) {
    (void)state;
    static const char *const names[] = { "resnet18", "mobilenet_v2", "resnet50" };
    for (size_t i = 0; i < FT_COUNT(names); i++)
        for (int threads = 1; threads <= 2; threads++) expect_small(names[i], 1, threads);
    expect_small("resnet18", 8, 1);
    expect_small("mobilenet_v2", 4, 1);
}

static void expect_as_torchvision(const char *arch_name, const char *torch_name, int side) {
    char script[900];
    double size, got[8] = { 0 };
    snprintf(script, sizeof script,
             "import torch, torchvision\n"
             "torch.manual_seed(1)\n"
             "m = torchvision.models.%s(weights=None, num_classes=43)\n"
             "for b in m.modules():\n"
             "  if isinstance(b, torch.nn.BatchNorm2d):\n"
             "    b.running_mean.normal_(0, 0.1); b.running_var.uniform_(0.8, 1.2)\n"
             "    b.weight.data.uniform_(0.8, 1.2); b.bias.data.normal_(0, 0.1)\n"
             "m.eval()\n"
             "torch.save(m.state_dict(), d + 'm.pt')\n"
             "x = torch.sin(torch.arange(2 * 3 * %d * %d).float() * 0.01).reshape(2, 3, %d, %d)\n"
             "y = m(x).detach().numpy()\n"
             "y.tofile(d + 'y.f32')\n"
             "print(y.size)\n",
             torch_name, side, side, side, side);
    EXPECT(oracle_ask(&size, 1, script) && size == 86);
    const ft_nn_arch *arch;
    ft_nn_arch_opts opts;
    ft_nn_weights *w = NULL;
    ft_nn_graph *g = NULL;
    ft_nn_model *m = NULL;
    ft_nn_session *s = NULL;
    ft_nn_match match;
    ft_arena arena = FT_ARENA_INIT((size_t)1 << 30);
    EXPECT_OK(ft_nn_weights_read(&w, file_of("m.pt")));
    EXPECT_OK(ft_nn_arch_guess(&arch, &opts, w));
    EXPECT(strcmp(arch->name, arch_name) == 0 && opts.classes == 43);
    opts.size = side;
    EXPECT_OK(ft_nn_arch_build(&g, arch, &opts));
    EXPECT_OK(ft_nn_weights_load(&match, g, w, &arena));
    EXPECT(match.missing_count == 0 && match.shaped_count == 0);
    for (size_t i = 0; i < match.unused_count; i++)
        EXPECT(ft_str_ends(match.unused[i], FT_STR("num_batches_tracked")));
    EXPECT_OK(ft_nn_model_new(&m, g));
    EXPECT_OK(ft_nn_session_new(&s, m, NULL));
    ft_array in = { .dtype = FT_F32, .ndim = 4, .shape = { 2, 3, side, side } }, out;
    float *pixels;
    ft_str want = { 0 };
    EXPECT_OK(ft_arena_items(&pixels, &arena, (size_t)ft_array_count(&in)));
    in.data = pixels;
    for (int64_t k = 0; k < ft_array_count(&in); k++) pixels[k] = sinf((float)k * 0.01F);
    EXPECT_OK(ft_nn_run(s, &in, &out, &arena, NULL));
    EXPECT_OK(ft_file_read(&want, &arena, file_of("y.f32"), 4096));
    for (int i = 0; i < 86; i++) {
        float y;
        memcpy(&y, want.at + 4 * i, 4);
        got[0] = fmax(got[0], fabs(ft_array_f64(&out, i) - (double)y));
        got[1] = fmax(got[1], fabs((double)y));
    }
    if (!(got[0] <= 1e-4 * fmax(1, got[1])))
        print_error("%s: off by %g of %g\n", arch_name, got[0], got[1]);
    EXPECT(got[0] <= 1e-4 * fmax(1, got[1]));
    ft_nn_session_free(s);
    ft_nn_model_free(m);
    ft_nn_weights_free(w);
    ft_arena_fini(&arena);
}

static void test_as_torchvision(void **state) {
    (void)state;
    if (!oracle_has("torchvision")) SKIP("no python3-torchvision");
    expect_as_torchvision("resnet18", "resnet18", 64);
    expect_as_torchvision("resnet34", "resnet34", 64);
    expect_as_torchvision("resnet50", "resnet50", 64);
    expect_as_torchvision("mobilenet_v2", "mobilenet_v2", 64);
}

/* A detector cut down to one class finds it where the whole one does. */
static void test_yolo3_reduced(void **state) {
    (void)state;
    enum { SIDE = 64, BOXES = 3 * (2 * 2 + 4 * 4 + 8 * 8) };
    const ft_nn_arch *arch;
    float scores[2][BOXES];
    static float pixels[3 * SIDE * SIDE];
    ft_nn_graph *whole = NULL;
    ft_nn_weights w = { .arena = FT_ARENA_INIT((size_t)1 << 30) };
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("yolo3_mobilenet1.0")));
    EXPECT_OK(ft_nn_arch_build(&whole, arch, &(ft_nn_arch_opts){ .size = SIDE, .seed = 3 }));
    for (int i = 0; i < whole->value_count; i++) {
        const ft_nn_value *v = &whole->values[i];
        if (v->role != FT_NN_WEIGHT && v->role != FT_NN_STATE) continue;
        ft_array a = { .dtype = v->dtype, .ndim = v->ndim, .data = (void *)v->data };
        memcpy(a.shape, v->shape, sizeof a.shape);
        EXPECT_OK(ft_nn_weights_add(&w, v->name, &a));
    }
    for (int i = 0; i < 3 * SIDE * SIDE; i++) pixels[i] = sinf((float)i * 0.01F);
    ft_nn_graph *graphs[2] = { whole, NULL };
    EXPECT_OK(ft_nn_yolo3_reduce(&w, 5));
    EXPECT_OK(ft_nn_arch_build(&graphs[1], arch, &(ft_nn_arch_opts){ .size = SIDE, .classes = 1 }));
    ft_nn_match match;
    ft_arena arena = FT_ARENA_INIT((size_t)1 << 30);
    EXPECT_OK(ft_nn_weights_load(&match, graphs[1], &w, &arena));
    EXPECT(match.missing_count == 0 && match.shaped_count == 0);
    for (int k = 0; k < 2; k++) {
        ft_nn_model *m = NULL;
        ft_nn_session *s = NULL;
        ft_array in = { FT_F32, 4, { 1, 3, SIDE, SIDE }, pixels }, out[2];
        EXPECT_OK(ft_nn_model_new(&m, graphs[k]));
        EXPECT_OK(ft_nn_session_new(&s, m, NULL));
        EXPECT_OK(ft_nn_run(s, &in, out, &arena, NULL));
        EXPECT(out[0].shape[1] == BOXES && out[1].shape[2] == (k ? 1 : 80));
        for (int i = 0; i < BOXES; i++) scores[k][i] = ((float *)out[1].data)[k ? i : i * 80 + 5];
        ft_nn_session_free(s);
        if (k == 1)
            ft_nn_model_free(m);
        else
            ft_nn_model_free(m);
    }
    for (int i = 0; i < BOXES; i++) EXPECT(fabsf(scores[0][i] - scores[1][i]) < 1e-5F);
    EXPECT_ERR(FT_EINVAL, ft_nn_yolo3_reduce(&w, 99));
    ft_arena_fini(&arena);
    ft_arena_fini(&w.arena);
}

static void test_names(void **state) {
    (void)state;
    const ft_nn_arch *arch;
    ft_nn_graph *g;
    EXPECT_ERR(FT_ENOTFOUND, ft_nn_arch_find(&arch, FT_STR("resnet81")));
    EXPECT_WHY("is it resnet");
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("cnn28")));
    EXPECT_ERR(FT_EINVAL, ft_nn_arch_build(&g, arch, &(ft_nn_arch_opts){ .classes = -1 }));
    EACH_FAULT {
        ft_err err = ft_nn_arch_build(&g, arch, NULL);
        EXPECT(err == FT_OK ? g != NULL : g == NULL && err == FT_ENOMEM);
        ft_nn_graph_free(g);
    }
}

TEST_MAIN(cmocka_unit_test(test_all_run), cmocka_unit_test(test_memory),
          cmocka_unit_test(test_as_torchvision), cmocka_unit_test(test_yolo3_reduced),
          cmocka_unit_test(test_names))
