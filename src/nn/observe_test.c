/* observe_test.c -- what a network shows under smdebug's names: all of the post's expression, equal
 * to what PyTorch's hooks see. */
#include "nn/observe.h"

#include <math.h>

#include "base/check.h"
#include "nn/sanitizer_test.h"
#include "tests/oracle.h"

#define SEEN_MAX 512

typedef struct watcher { /* a tap that keeps what the post's expression matches */
    ft_tap tap;
    ft_arena arena;
    const char *only; /* wants names with this in it; NULL: the post's expression */
    ft_str name[SEEN_MAX];
    ft_array value[SEEN_MAX];
    int count;
} watcher;

/* .*bn|.*bias|.*downsample|.*ResNet_input|.*image */
static bool wants(void *self, const char *name, int64_t step) {
    static const char *const parts[] = { "bn", "bias", "downsample", "ResNet_input", "image" };
    const watcher *w = self;
    FT_UNUSED(step);
    if (w->only) return strstr(name, w->only) != NULL;
    for (size_t i = 0; i < FT_COUNT(parts); i++)
        if (strstr(name, parts[i])) return true;
    return false;
}

static ft_err step(void *self, int64_t at) {
    FT_UNUSED(self);
    FT_UNUSED(at);
    return FT_OK;
}

static ft_err array(void *self, const char *name, const ft_array *value) {
    watcher *w = self;
    size_t bytes = ft_array_bytes(value);
    EXPECT(w->count < SEEN_MAX);
    for (int i = 0; i < w->count; i++) EXPECT(!ft_str_is(w->name[i], name)); /* each once */
    FT_TRY(ft_arena_str(&w->name[w->count], &w->arena, ft_str_of(name)));
    w->value[w->count] = *value;
    FT_TRY(ft_arena_take(&w->value[w->count].data, &w->arena, bytes + 1));
    memcpy(w->value[w->count++].data, value->data, bytes);
    return FT_OK;
}

static ft_err scalar(void *self, const char *name, double value) {
    FT_UNUSED(self);
    FT_UNUSED(name);
    FT_UNUSED(value);
    return FT_OK;
}

static const ft_tap_ops ops = {
    .wants = wants, .begin = step, .end = step, .array = array, .scalar = scalar
};

static const ft_array *seen(const watcher *w, const char *name) {
    for (int i = 0; i < w->count; i++)
        if (ft_str_is(w->name[i], name)) return &w->value[i];
    print_error("%s was not shown\n", name);
    return NULL;
}

/* Four numbers a tensor: sum, sum of absolute values, first and last item. */
static const char *const judge =
    "import sys, json\n"
    "sys.path[:0] = ['bench', '../bench']\n"
    "import numpy as np, torch, torchvision, explain_torch as E\n"
    "torch.set_num_threads(1)\n"
    "net = E.random_model(torchvision.models.resnet18, num_classes=43)\n"
    "torch.save(net.state_dict(), d + 'model.pth')\n"
    "json.dump(dict(classes=43, size=64), open(d + 'network.json', 'w'))\n"
    "x = torch.from_numpy(np.random.RandomState(3).randn(1, 3, 64, 64).astype(np.float32))\n"
    "x.numpy().tofile(d + 'x.bin')\n"
    "kept = {}\n"
    "def hook(name):\n"
    "    def see(m, i, o):\n"
    "        o.retain_grad(); kept.setdefault(name, (i[0], o))\n"
    "    return see\n"
    "for name, m in net.named_modules():\n"
    "    if isinstance(m, torch.nn.ReLU): m.inplace = False\n"
    "    if name: m.register_forward_hook(hook(name))\n"
    "x.requires_grad_()\n"
    "s = net(x); s[0, int(s.argmax())].backward()\n"
    "p = dict(net.named_parameters())\n"
    "for t in (kept['bn1'][0], kept['bn1'][1], kept['bn1'][1].grad, x.grad, p['bn1.bias'].grad,\n"
    "          kept['layer2.0.downsample'][0], kept['layer2.0.downsample'][1],\n"
    "          p['layer2.0.downsample.0.weight'].grad, kept['layer1.0.relu'][1], "
    "p['fc.bias'].grad,\n"
    "          net.bn1.running_var, kept['layer4.1.bn2'][1].grad):\n"
    "    a = t.detach().double().numpy().ravel()\n"
    "    print(a.sum(), np.abs(a).sum(), a[0], a[-1])\n";

static const char *const judged[] = { "bn1_input_0",
                                      "bn1_output_0",
                                      "gradient/bn1_output",
                                      "gradient/image",
                                      "gradient/ResNet_bn1.bias",
                                      "layer2.0.downsample_input_0",
                                      "layer2.0.downsample_output_0",
                                      "gradient/ResNet_layer2.0.downsample.0.weight",
                                      "layer1.0.relu_output_0",
                                      "gradient/ResNet_fc.bias",
                                      "bn1.running_var_output_0",
                                      "gradient/layer4.1.bn2_output" };
#define JUDGED (int)FT_COUNT(judged)

static void expect_judged(const watcher *w, const double *want, const char *name) {
    const ft_array *a = seen(w, name);
    double got[4] = { 0 };
    EXPECT(a != NULL);
    int64_t count = ft_array_count(a);
    for (int64_t i = 0; i < count; i++) {
        got[0] += ft_array_f64(a, i);
        got[1] += fabs(ft_array_f64(a, i));
    }
    got[2] = ft_array_f64(a, 0);
    got[3] = ft_array_f64(a, count - 1);
    for (int k = 0; k < 4; k++) /* sums of many: relative to the sum of absolute values */
        if (!(fabs(got[k] - want[k]) <= 1e-4 * fmax(want[1], 1))) {
            print_error("%s: number %d is %g, torch has %g\n", name, k, got[k], want[k]);
            EXPECT(!"equal");
        }
}

static void observe(watcher *w, const ft_nn_network *n, const ft_array *x) {
    ft_nn_observer *o;
    ft_array out;
    w->tap = (ft_tap){ .ops = &ops, .self = w };
    EXPECT_OK(ft_nn_observer_new(&o, n, 1, &w->tap));
    EXPECT_OK(ft_nn_observe(o, x, &out, &w->tap, &w->arena));
    EXPECT(out.ndim == 2 && out.shape[1] == 43);
    int first = w->count;
    w->count = 0; /* again: the same */
    EXPECT_OK(ft_nn_observe(o, x, &out, &w->tap, &w->arena));
    EXPECT(w->count == first);
    ft_nn_observer_free(o);
}

static void test_post(void **state) {
    (void)state;
    static double want[4 * JUDGED];
    static watcher w, relu;
    char path[400];
    static float x[3 * 64 * 64];
    ft_nn_network *n;
    if (!oracle_has("torch,torchvision")) SKIP("no python3-torch or torchvision");
    EXPECT(oracle_ask(want, 4 * JUDGED, judge));
    snprintf(path, sizeof path, "%s/x.bin", test_dir());
    FILE *f = fopen(path, "rb");
    EXPECT(f && fread(x, sizeof x, 1, f) == 1 && fclose(f) == 0);
    snprintf(path, sizeof path, "%s/model.pth", test_dir());
    EXPECT_OK(ft_nn_network_read(&n, path));
    ft_array image = { .dtype = FT_F32, .ndim = 4, .shape = { 1, 3, 64, 64 }, .data = x };
    observe(&w, n, &image);
    print_message("# %d tensors\n", w.count);
    for (int i = 0; i < JUDGED; i++)
        if (!strstr(judged[i], "relu")) expect_judged(&w, &want[4 * i], judged[i]);
    EXPECT(seen(&w, "ResNet_input_0") && seen(&w, "ResNet_layer1.0.bn1.weight"));
    EXPECT(seen(&w, "layer4.1.bn2.running_mean_output_0") && seen(&w, "ResNet_fc.bias"));
    EXPECT(seen(&w, "gradient/layer2.0.downsample_output"));
    relu.only = "relu";
    observe(&relu, n, &image);
    expect_judged(&relu, &want[4 * 8], judged[8]);
    EXPECT(seen(&relu, "relu_input_0") && seen(&relu, "layer4.1.relu_output_1"));
    ft_arena_fini(&w.arena);
    ft_arena_fini(&relu.arena);
    ft_nn_network_free(n);
}

static void test_nothing(void **state) {
    (void)state;
    static watcher w;
    const ft_nn_arch *arch;
    ft_nn_network n = { 0 };
    ft_nn_observer *o;
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("cnn28")));
    n.arch = arch;
    EXPECT_OK(ft_nn_arch_build(&n.graph, arch, NULL));
    w.only = "layer9";
    w.tap = (ft_tap){ .ops = &ops, .self = &w };
    EXPECT_ERR(FT_EINVAL, ft_nn_observer_new(&o, &n, 1, &w.tap));
    ft_nn_graph_free(n.graph);
}

static void test_faults(void **state) {
    (void)state;
    static watcher w;
    const ft_nn_arch *arch;
    ft_nn_network n = { 0 };
    float x[28 * 28] = { 0 };
    ft_array image = { .dtype = FT_F32, .ndim = 4, .shape = { 1, 1, 28, 28 }, .data = x };
    EXPECT_OK(ft_nn_arch_find(&arch, FT_STR("cnn28")));
    n.arch = arch;
    EXPECT_OK(ft_nn_arch_build(&n.graph, arch, NULL));
    w.only = "relu";
    w.tap = (ft_tap){ .ops = &ops, .self = &w };
    EACH_FAULT {
        ft_nn_observer *o = NULL;
        ft_array out;
        w.count = 0;
        ft_err err = ft_nn_observer_new(&o, &n, 1, &w.tap);
        if (err == FT_OK) err = ft_nn_observe(o, &image, &out, &w.tap, &w.arena);
        if (err == FT_OK) EXPECT(w.count > 0);
        ft_nn_observer_free(o);
    }
    ft_arena_fini(&w.arena);
    ft_nn_graph_free(n.graph);
}

TEST_MAIN(cmocka_unit_test(test_post), cmocka_unit_test(test_nothing),
          cmocka_unit_test(test_faults))
