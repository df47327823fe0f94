/* gradient_test.c -- whole networks back and forth beside torch: gradients of weights, inputs and
 * values between, running statistics; the same bits again; what has no gradient; nothing leaks. */
#include "nn/gradient.h"

#include <math.h>

#include "nn/op_rig_test.h"
#include "nn/sanitizer_test.h"
#include "nn/zoo/zoo.h"
#include "tests/oracle.h"

typedef struct net {
    ft_nn_graph *g;
    ft_nn_gradient *s;
    ft_arena arena;
    ft_array x, y, dy;
} net;

static const char *file_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

static void floats_fill(ft_array *a, ft_arena *arena, uint64_t seed) {
    ft_random r;
    ft_random_seed(&r, seed);
    EXPECT_OK(ft_arena_take(&a->data, arena, ft_array_bytes(a)));
    for (int64_t i = 0; i < ft_array_count(a); i++)
        ((float *)a->data)[i] = (float)ft_random_normal(&r);
}

static net net_open(const char *arch, const char *weights, int side, int batch,
                    ft_nn_gradient_opts opts) {
    net n = { .arena = FT_ARENA_INIT((size_t)1 << 30) };
    const ft_nn_arch *a;
    EXPECT_OK(ft_nn_arch_find(&a, ft_str_of(arch)));
    EXPECT_OK(
        ft_nn_arch_build(&n.g, a, &(ft_nn_arch_opts){ .classes = 7, .size = side, .seed = 3 }));
    if (weights) {
        ft_nn_weights *w = NULL;
        ft_nn_match match;
        EXPECT_OK(ft_nn_weights_read(&w, file_of(weights)));
        EXPECT_OK(ft_nn_weights_load(&match, n.g, w, &n.arena));
        EXPECT(match.missing_count == 0 && match.shaped_count == 0);
        ft_nn_weights_free(w);
    }
    for (int i = 0; i < n.g->node_count; i++) /* the judge drops nothing */
        if (strcmp(n.g->nodes[i].op->name, "Dropout") == 0)
            *(float *)n.g->values[n.g->nodes[i].inputs[1]].data = 0;
    EXPECT_OK(ft_nn_gradient_own(n.g));
    EXPECT_OK(ft_nn_gradient_new(&n.s, n.g, &opts));
    n.x = (ft_array){ .dtype = FT_F32, .ndim = 4, .shape = { batch, a->channels, side, side } };
    n.dy = (ft_array){ .dtype = FT_F32, .ndim = 2, .shape = { batch, 7 } };
    floats_fill(&n.x, &n.arena, 5);
    floats_fill(&n.dy, &n.arena, 6);
    return n;
}

static void net_close(net *n) {
    ft_nn_gradient_free(n->s);
    ft_nn_graph_free(n->g);
    ft_arena_fini(&n->arena);
}

static void net_round(net *n) {
    EXPECT_OK(ft_nn_gradient_run(n->s, &n->x, &n->y));
    EXPECT_OK(ft_nn_gradient_back(n->s, &n->dy));
}

/* ---- beside torch */

static const char *const make_script =
    "import copy, torch, torchvision, numpy as np\n"
    "from torch import nn\n"
    "torch.manual_seed(1); torch.set_num_threads(1)\n"
    "def cnn28(num_classes, **k):\n"
    "  class C(nn.Module):\n"
    "    def __init__(s):\n"
    "      super().__init__(); i = 1\n"
    "      for k, o in enumerate([32, 32, 64, 64]):\n"
    "        setattr(s, f'conv{k+1}', nn.Conv2d(i, o, 3, padding=1, bias=False))\n"
    "        setattr(s, f'bn{k+1}', nn.BatchNorm2d(o)); i = o\n"
    "      s.fc1 = nn.Linear(64 * (side // 4) ** 2, 128); s.fc2 = nn.Linear(128, num_classes)\n"
    "    def forward(s, x):\n"
    "      for k in range(4):\n"
    "        x = torch.relu(getattr(s, f'bn{k+1}')(getattr(s, f'conv{k+1}')(x)))\n"
    "        if k % 2: x = torch.max_pool2d(x, 2)\n"
    "      return s.fc2(torch.relu(s.fc1(x.flatten(1))))\n"
    "  return C()\n"
    "make = cnn28 if arch == 'cnn28' else getattr(torchvision.models, arch)\n"
    "m = make(num_classes=7, **({'dropout': 0.0} if 'mobile' in arch else {}))\n"
    "for b in m.modules():\n"
    "  if isinstance(b, nn.BatchNorm2d):\n"
    "    b.running_mean.normal_(0, 0.1); b.running_var.uniform_(0.8, 1.2)\n"
    "    b.weight.data.uniform_(0.8, 1.2); b.bias.data.normal_(0, 0.1)\n"
    "m.train(train)\n";

/* Gradients of every weight and the input; running statistics after the run. The distance of a
 * tensor is its largest difference against its largest item, from torch in double. Where a network
 * is so deep in batch statistics that one activation at a kink moves every gradient before it
 * (MobileNetV2 in training), torch's own float32 is farther than 1e-4: then that is the bar. */
static void torch_compare(const char *arch, int side, int batch, bool training, int threads) {
    char script[6000];
    double got[5] = { 0 };
    snprintf(
        script, sizeof script,
        "arch, side, train = '%s', %d, %s\n%storch.save(m.state_dict(), d + 'm.pt')\nprint(1)\n",
        arch, side, training ? "True" : "False", make_script);
    EXPECT(oracle_ask(got, 1, script));
    net n =
        net_open(arch, "m.pt", side, batch,
                 (ft_nn_gradient_opts){ .threads = threads, .training = training, .inputs = true });
    net_round(&n);
    oracle_put("x.bin", n.x.data, ft_array_bytes(&n.x));
    oracle_put("dy.bin", n.dy.data, ft_array_bytes(&n.dy));
    oracle_put("y.bin", n.y.data, ft_array_bytes(&n.y));
    ft_array g;
    EXPECT_OK(ft_nn_gradient_of(&g, n.s, FT_STR("input"), &n.arena));
    oracle_put("dx.bin", g.data, ft_array_bytes(&g));
    FILE *names = fopen(file_of("names"), "w"), *out = fopen(file_of("grads"), "wb");
    assert_true(names && out);
    for (int v = 0; v < n.g->value_count; v++) {
        const ft_nn_value *value = &n.g->values[v];
        if (value->role != FT_NN_WEIGHT && value->role != FT_NN_STATE) continue;
        EXPECT_OK(value->role == FT_NN_WEIGHT
                      ? ft_nn_gradient_of(&g, n.s, value->name, &n.arena)
                      : ft_nn_gradient_value(&g, n.s, value->name, &n.arena));
        fprintf(names, "%.*s\n", FT_STR_ARG(value->name));
        assert_int_equal(fwrite(g.data, 1, ft_array_bytes(&g), out), ft_array_bytes(&g));
    }
    assert_int_equal(fclose(names) | fclose(out), 0);
    snprintf(script, sizeof script,
             "arch, side, train, batch = '%s', %d, %s, %d\n%s"
             "m.load_state_dict(torch.load(d + 'm.pt'))\n"
             "f = lambda n, s: torch.from_numpy(np.fromfile(d + n, np.float32).reshape(s))\n"
             "far = lambda a, b: float((a - b).abs().max() / max(float(b.abs().max()), 1e-3))\n"
             "def go(m, t):\n"
             "  x = f('x.bin', (batch, -1, side, side)).to(t).requires_grad_()\n"
             "  y = m(x); (y * f('dy.bin', (batch, 7)).to(t)).sum().backward()\n"
             "  return x, y, dict(m.named_parameters()), dict(m.named_buffers())\n"
             "x3, y3, p3, _ = go(copy.deepcopy(m), torch.float32)\n"
             "x, y, p, b = go(m.double(), torch.float64)\n"
             "g = np.fromfile(d + 'grads', np.float32); at = 0; worst = own = state = 0\n"
             "for name in open(d + 'names').read().split():\n"
             "  w = p[name].grad if name in p else b[name]; k = w.numel()\n"
             "  e = far(torch.from_numpy(g[at:at + k].copy()).double().view(w.shape), w); at += k\n"
             "  if name in p: worst = max(worst, e); own = max(own, far(p3[name].grad, w))\n"
             "  else: state = max(state, e)\n"
             "own = max(own, far(x3.grad, x.grad))\n"
             "dx = far(f('dx.bin', x.shape), x.grad)\n"
             "print(far(f('y.bin', (batch, 7)), y), dx, worst, state, own)\n",
             arch, side, training ? "True" : "False", batch, make_script);
    EXPECT(oracle_ask(got, 5, script));
    double bar = fmax(1e-4, training ? 2 * got[4] : 0);
    print_message("# %s, %s, %d threads: output %.1e, input %.1e, weights %.1e, statistics %.1e, "
                  "torch's own %.1e\n",
                  arch, training ? "training" : "evaluation", threads, got[0], got[1], got[2],
                  got[3], got[4]);
    EXPECT(got[0] < 1e-4 && got[1] < bar && got[2] < bar && got[3] < 1e-5);
    net_close(&n);
}

static void test_beside_torch(void **state) {
    (void)state;
    if (!oracle_has("torch,torchvision")) SKIP("no python3-torch, python3-torchvision");
    torch_compare("cnn28", 28, 4, true, 1);
    torch_compare("cnn28", 28, 3, false, 2);
    torch_compare("resnet18", 64, 4, true, 2);
    torch_compare("resnet18", 64, 2, false, 1);
    torch_compare("mobilenet_v2", 64, 4, true, 1);
    torch_compare("mobilenet_v2", 64, 2, false, 2);
}

TEST_MAIN(cmocka_unit_test(test_beside_torch))
