/* explain_test.c -- explanations beside PyTorch (bench/explain_torch.py), the completeness check,
 * attacks that are judged as written, and what is refused. */
#include "nn/explain.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "nn/attack.h"
#include "nn/network.h"
#include "nn/sanitizer_test.h"
#include "tests/oracle.h"

/* torch makes the weights, a picture and the maps. `d`: the test's folder. */
static const char *const judge =
    "import sys, json\n"
    "sys.path[:0] = ['bench', '../bench']\n"
    "import numpy as np, torch, torchvision, explain_torch as E\n"
    "torch.set_num_threads(1)\n"
    "net = E.random_model(torchvision.models.%s, num_classes=43)\n"
    "torch.save(net.state_dict(), d + 'model.pth')\n"
    "json.dump(dict(classes=43, size=64, fit='stretch'), open(d + 'network.json', 'w'))\n"
    "x = torch.from_numpy(np.random.RandomState(3).randn(1, 3, 64, 64).astype(np.float32))\n"
    "x.numpy().tofile(d + 'x.bin')\n"
    "t = E.Tapped(net)\n"
    "m, k, score, a, b = E.fullgrad(t, x)\n"
    "m.astype(np.float32).tofile(d + 'fullgrad.bin')\n"
    "E.gradient(t, x, 7).astype(np.float32).tofile(d + 'gradient.bin')\n"
    "E.gradcam(net, %s, x).astype(np.float32).tofile(d + 'gradcam.bin')\n"
    "print(k, score, a, b)\n";

#define SIDE 64

typedef struct scene {
    ft_arena arena;
    ft_nn_network *network;
    ft_nn_explainer *e;
    ft_array image;
    double told[4]; /* class, score, input's part, biases' part */
} scene;

static ft_str file_read(ft_arena *arena, const char *name) {
    ft_str bytes = { 0 }, path = { 0 };
    EXPECT_OK(ft_arena_printf(&path, arena, "%s/%s", test_dir(), name));
    EXPECT_OK(ft_file_read(&bytes, arena, path.at, 1 << 28));
    return bytes;
}

static bool scene_begin(scene *s, const char *make, const char *layer) {
    char script[4000];
    ft_str path = { 0 };
    *s = (scene){ 0 };
    if (!oracle_has("torch,torchvision")) return false;
    snprintf(script, sizeof script, judge, make, layer);
    EXPECT(oracle_ask(s->told, 4, script));
    EXPECT_OK(ft_arena_printf(&path, &s->arena, "%s/model.pth", test_dir()));
    EXPECT_OK(ft_nn_network_read(&s->network, path.at));
    EXPECT_OK(ft_nn_explainer_new(&s->e, s->network, 1));
    s->image = (ft_array){ .dtype = FT_F32, .ndim = 4, .shape = { 1, 3, SIDE, SIDE } };
    s->image.data = (void *)(uintptr_t)file_read(&s->arena, "x.bin").at;
    return true;
}

static void scene_end(scene *s) {
    ft_nn_explainer_free(s->e);
    ft_nn_network_free(s->network);
    ft_arena_fini(&s->arena);
}

/* Every place within `tolerance` of the map's largest value. */
static void expect_map(scene *s, const ft_nn_explanation *x, const char *file, double tolerance) {
    const float *want = (const float *)(const void *)file_read(&s->arena, file).at;
    double most = 0, off = 0;
    EXPECT(x->width == SIDE && x->height == SIDE);
    for (int i = 0; i < SIDE * SIDE; i++) {
        most = fmax(most, fabs((double)want[i]));
        off = fmax(off, fabs((double)want[i] - x->map[i]));
    }
    if (!(off <= tolerance * most)) print_error("%s: %g off of %g\n", file, off, most);
    EXPECT(off <= tolerance * most && most > 0);
}

static void expect_all(scene *s) {
    ft_nn_explanation x;
    EXPECT_OK(ft_nn_explain(&x, s->e, &s->image, NULL, &s->arena));
    EXPECT(x.class == (int)s->told[0] && x.classes == 43);
    EXPECT(oracle_near(x.score, s->told[1], 1e-3));
    EXPECT(oracle_near(x.input_part, s->told[2], 1e-3));
    EXPECT(oracle_near(x.bias_part, s->told[3], 1e-3));
    print_message("# incompleteness %.2g of score %.4g\n", x.incompleteness, x.score);
    EXPECT(x.incompleteness <= 1e-3);
    expect_map(s, &x, "fullgrad.bin", 1e-3);
    EXPECT_OK(ft_nn_explain(
        &x, s->e, &s->image,
        &(ft_nn_explain_opts){ .method = FT_NN_GRADIENT, .class_given = true, .class = 7 },
        &s->arena));
    expect_map(s, &x, "gradient.bin", 1e-3);
    EXPECT_OK(ft_nn_explain(&x, s->e, &s->image, &(ft_nn_explain_opts){ .method = FT_NN_GRADCAM },
                            &s->arena));
    expect_map(s, &x, "gradcam.bin", 1e-3);
}

static void test_resnet(void **state) {
    (void)state;
    scene s;
    if (!scene_begin(&s, "resnet18", "net.layer4")) SKIP("no python3-torch or torchvision");
    expect_all(&s);
    scene_end(&s);
}

static void test_mobilenet(void **state) {
    (void)state;
    scene s;
    if (!scene_begin(&s, "mobilenet_v2", "net.features")) SKIP("no python3-torch or torchvision");
    expect_all(&s);
    scene_end(&s);
}

/* ---- a small network of the zoo, without torch */

static void small_begin(scene *s) {
    *s = (scene){ 0 };
    static const ft_nn_arch *arch;
    s->network = calloc(1, sizeof *s->network);
    assert_non_null(s->network);
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("cnn32")));
    EXPECT_OK(ft_nn_arch_build(&s->network->graph, arch, &(ft_nn_arch_opts){ .seed = 4 }));
    s->network->looks = (ft_nn_looks){ .range = 1,
                                       .mean = { 0.5F, 0.4F, 0.3F },
                                       .std = { 0.2F, 0.25F, 0.3F },
                                       .fit = FT_NN_FIT_STRETCH,
                                       .softmax = true };
    EXPECT_OK(ft_nn_explainer_new(&s->e, s->network, 1));
}

static ft_str picture(ft_arena *arena, int width, int height) {
    ft_buf b = { 0 };
    ft_str out = { 0 };
    EXPECT_OK(ft_buf_printf(&b, "P6\n%d %d\n255\n", width, height));
    for (int i = 0; i < width * height * 3; i++) {
        uint8_t v = (uint8_t)(128 + 80 * sin(i * 0.05) + (i * 7919) % 40);
        EXPECT_OK(ft_buf_add_n(&b, &v, 1));
    }
    EXPECT_OK(ft_arena_str(&out, arena, ft_buf_str(&b)));
    ft_buf_fini(&b);
    return out;
}

static void test_smoothgrad(void **state) {
    (void)state;
    scene s;
    ft_nn_explanation x, y, z;
    small_begin(&s);
    EXPECT_OK(ft_nn_picture(&s.image, s.network, picture(&s.arena, 32, 32), &s.arena));
    ft_nn_explain_opts o = { .method = FT_NN_SMOOTHGRAD, .seed = 1 };
    EXPECT_OK(ft_nn_explain(&x, s.e, &s.image, &o, &s.arena));
    EXPECT_OK(ft_nn_explain(&y, s.e, &s.image, &o, &s.arena));
    EXPECT(memcmp(x.map, y.map, 32 * 32 * sizeof(float)) == 0); /* the same seed, the same bits */
    o.noise = 1e-9;                                             /* no noise: the gradient itself */
    EXPECT_OK(ft_nn_explain(&y, s.e, &s.image, &o, &s.arena));
    o.method = FT_NN_GRADIENT;
    EXPECT_OK(ft_nn_explain(&z, s.e, &s.image, &o, &s.arena));
    for (int i = 0; i < 32 * 32; i++)
        EXPECT(fabsf(y.map[i] - z.map[i]) <= 1e-3F * (1e-3F + z.map[i]));
    scene_end(&s);
}

static void test_complete(void **state) {
    (void)state;
    scene s;
    ft_nn_explanation x;
    ft_buf png = { 0 };
    ft_image decoded;
    small_begin(&s);
    EXPECT_OK(ft_nn_picture(&s.image, s.network, picture(&s.arena, 40, 50), &s.arena));
    EXPECT_OK(ft_nn_explain(&x, s.e, &s.image, NULL, &s.arena));
    EXPECT(x.incompleteness <= 1e-3);
    EXPECT(x.probability > 0 && x.probability <= 1);
    ft_nn_map m = { x.width, x.height, x.map };
    ft_image grey;
    EXPECT_OK(ft_image_new(&grey, &s.arena, 40, 50, 1));
    EXPECT_OK(ft_nn_map_png(&png, &m, &grey, 0.5F));
    EXPECT_OK(ft_image_decode(&decoded, &s.arena, ft_buf_str(&png), NULL));
    EXPECT(decoded.width == 40 && decoded.height == 50 && decoded.channels == 3);
    EXPECT_ERR(FT_EINVAL,
               ft_nn_explain(&x, s.e, &s.image,
                             &(ft_nn_explain_opts){ .class_given = true, .class = 10 }, &s.arena));
    ft_buf_fini(&png);
    scene_end(&s);
}

/* The sight is the preparation, and its adjoint is its transpose. */
static void expect_sight(scene *s, int width, int height) {
    ft_nn_sight sight;
    ft_str file = picture(&s->arena, width, height);
    const uint8_t *pixels = (const uint8_t *)file.at + file.len - (size_t)(width * height * 3);
    float *from, *to, *scratch, *back;
    size_t count = (size_t)(width * height * 3);
    double off = 0, left = 0, right = 0;
    EXPECT_OK(ft_nn_picture(&s->image, s->network, file, &s->arena));
    EXPECT_OK(ft_nn_sight_of(&sight, s->network, width, height, &s->arena));
    EXPECT_OK(ft_arena_items(&from, &s->arena, count));
    EXPECT_OK(ft_arena_items(&back, &s->arena, count));
    EXPECT_OK(ft_arena_items(&to, &s->arena, 32 * 32 * 3));
    EXPECT_OK(ft_arena_items(&scratch, &s->arena, ft_nn_sight_scratch(&sight)));
    for (size_t i = 0; i < count; i++) from[i] = pixels[i];
    ft_nn_sight_apply(&sight, to, from, scratch);
    for (int i = 0; i < 32 * 32 * 3; i++)
        off = fmax(off, fabs((double)to[i] - ((const float *)s->image.data)[i]));
    EXPECT(off < 4 * 2.0 / 255 / 0.2); /* four levels: rounding of the two passes and the probes */
    for (int i = 0; i < 3; i++) sight.shift[i] = 0;
    ft_nn_sight_apply(&sight, to, from, scratch);
    ft_nn_sight_adjoint(&sight, back, s->image.data, scratch); /* <A x, y> = <x, A' y> */
    for (int i = 0; i < 32 * 32 * 3; i++) left += (double)to[i] * ((const float *)s->image.data)[i];
    for (size_t i = 0; i < count; i++) right += (double)from[i] * back[i];
    EXPECT(fabs(left - right) <= 1e-4 * fmax(fabs(left), 1));
}

static void test_sight(void **state) {
    (void)state;
    scene s;
    small_begin(&s);
    expect_sight(&s, 32, 32);
    expect_sight(&s, 51, 40);
    expect_sight(&s, 20, 24);
    s.network->looks.fit = FT_NN_FIT_CROP;
    expect_sight(&s, 64, 48);
    s.network->looks.fit = FT_NN_FIT_BOX;
    expect_sight(&s, 64, 48);
    s.network->looks.bgr = true;
    expect_sight(&s, 33, 32);
    scene_end(&s);
}

static void test_attack(void **state) {
    (void)state;
    scene s;
    ft_nn_attacked a;
    ft_array again;
    float *scores;
    int classes, best = 0;
    small_begin(&s);
    ft_str file = picture(&s.arena, 40, 36);
    ft_nn_attack_opts o = { .targeted = true, .target = 3, .epsilon = 24, .seed = 2 };
    EXPECT_OK(ft_nn_attack(&a, s.e, s.network, file, &o, &s.arena));
    EXPECT(a.success && a.class_after == 3 && a.target_probability > 0.1);
    EXPECT(a.change_most > 0 && a.change_most <= 24);
    EXPECT(a.after.width == 40 && a.after.height == 36);
    /* the file says the same to anyone who asks */
    EXPECT_OK(ft_nn_picture(&again, s.network, a.png, &s.arena));
    EXPECT_OK(ft_nn_scores(&scores, &classes, s.e, &again, &s.arena));
    for (int i = 1; i < classes; i++)
        if (scores[i] > scores[best]) best = i;
    EXPECT(best == 3);
    o = (ft_nn_attack_opts){ .method = FT_NN_FGSM, .epsilon = 4 };
    EXPECT_OK(ft_nn_attack(&a, s.e, s.network, file, &o, &s.arena));
    EXPECT(a.change_most <= 4 && a.success == (a.class_after != a.class_before));
    o.method = FT_NN_NOISE;
    EXPECT_OK(ft_nn_attack(&a, s.e, s.network, file, &o, &s.arena));
    EXPECT(a.change_most == 4);
    ft_image d;
    EXPECT_OK(ft_nn_attack_difference(&d, &a, &s.arena));
    EXPECT(d.width == 40 && (d.data[0] == 0 || d.data[0] == 255));
    o.targeted = true;
    o.target = 10;
    EXPECT_ERR(FT_EINVAL, ft_nn_attack(&a, s.e, s.network, file, &o, &s.arena));
    scene_end(&s);
}

/* A network whose answer no gradient reaches. */
static void test_no_gradient(void **state) {
    (void)state;
    ft_nn_network n = { .looks = { .range = 1, .std = { 1, 1, 1 } } };
    ft_nn_explainer *e;
    int x, y, z;
    int64_t shape[] = { 1, 3, 8, 8 };
    EXPECT_OK(ft_nn_graph_new(&n.graph, FT_STR("steps")));
    EXPECT_OK(ft_nn_input(&x, n.graph, FT_STR("image"), FT_F32, 4, shape));
    EXPECT_OK(ft_nn_node_add(
        n.graph,
        &(ft_nn_node_spec){ .op = "Flatten", .inputs = &x, .input_count = 1, .output_count = 1 },
        &y));
    ft_nn_attr axis = { .name = "axis", .type = FT_NN_INT, .i = 1 };
    EXPECT_OK(ft_nn_node_add(n.graph,
                             &(ft_nn_node_spec){ .op = "ArgMax",
                                                 .name = FT_STR("steps"),
                                                 .attrs = &axis,
                                                 .attr_count = 1,
                                                 .inputs = &y,
                                                 .input_count = 1,
                                                 .output_count = 1 },
                             &z));
    ft_nn_attr to = { .name = "to", .type = FT_NN_INT, .i = 1 };
    EXPECT_OK(ft_nn_node_add(n.graph,
                             &(ft_nn_node_spec){ .op = "Cast",
                                                 .attrs = &to,
                                                 .attr_count = 1,
                                                 .inputs = &z,
                                                 .input_count = 1,
                                                 .output_count = 1 },
                             &z));
    EXPECT_OK(ft_nn_output(n.graph, z));
    EXPECT_OK(ft_nn_graph_check(n.graph));
    ft_err err = ft_nn_explainer_new(&e, &n, 1);
    EXPECT(err == FT_EUNSUPPORTED && e == NULL);
    EXPECT(strstr(ft_err_why(), "steps") != NULL);
    ft_err_clear();
    ft_nn_graph_free(n.graph);
}

static void test_faults(void **state) {
    (void)state;
    scene s;
    small_begin(&s);
    ft_str file = picture(&s.arena, 32, 32);
    EACH_FAULT {
        ft_arena arena = { 0 };
        ft_array image;
        ft_nn_explanation x;
        ft_err err = ft_nn_picture(&image, s.network, file, &arena);
        if (err == FT_OK) err = ft_nn_explain(&x, s.e, &image, NULL, &arena);
        FT_UNUSED(err);
        ft_arena_fini(&arena);
    }
    scene_end(&s);
}

TEST_MAIN(cmocka_unit_test(test_resnet), cmocka_unit_test(test_mobilenet),
          cmocka_unit_test(test_smoothgrad), cmocka_unit_test(test_complete),
          cmocka_unit_test(test_sight), cmocka_unit_test(test_attack),
          cmocka_unit_test(test_no_gradient), cmocka_unit_test(test_faults))
