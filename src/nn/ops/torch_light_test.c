/* torch_light_test.c -- the light operations beside python3-torch: outputs and all gradients. */
#include "nn/torch_judge_test.h"

static void unary(judge *j, const char *op, const char *call, double spread, double shift) {
    rig r = rig_of(op, NULL, 0);
    ft_array *a = rig_input(&r, FT_F32, 3, (int64_t[]){ 3, 4, 21 });
    for (int64_t i = 0; i < ft_array_count(a); i++)
        ft_nn_put_f64(a, i, ft_array_f64(a, i) * spread + shift);
    judge_add(j, &r, call);
}

static void test_unary(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    static const char *const calls[][2] = {
        { "Relu", "F.relu(t[0])" },
        { "Sigmoid", "torch.sigmoid(t[0])" },
        { "Tanh", "torch.tanh(t[0])" },
        { "Softplus", "F.softplus(t[0])" },
        { "Softsign", "F.softsign(t[0])" },
        { "HardSwish", "F.hardswish(t[0])" },
        { "Mish", "F.mish(t[0])" },
        { "LeakyRelu", "F.leaky_relu(t[0], 0.01)" },
        { "Elu", "F.elu(t[0])" },
        { "Celu", "F.celu(t[0])" },
        { "Selu", "F.selu(t[0])" },
        { "Gelu", "F.gelu(t[0])" },
        { "Exp", "torch.exp(t[0])" },
        { "Erf", "torch.erf(t[0])" },
        { "Abs", "t[0].abs()" },
        { "Neg", "-t[0]" },
        { "Sin", "t[0].sin()" },
        { "Atan", "t[0].atan()" },
        { "HardSigmoid", "(t[0] * 0.2 + 0.5).clamp(0, 1)" },
        { "Shrink", "F.softshrink(t[0], 0.5) + (t[0].abs() > 0.5) * t[0].sign() * 0.5" },
        { "ThresholdedRelu", "F.threshold(t[0], 1.0, 0.0)" },
    };
    judge j = { 0 };
    for (size_t i = 0; i < FT_COUNT(calls); i++) unary(&j, calls[i][0], calls[i][1], 2, 0);
    unary(&j, "Log", "t[0].log()", 0.1, 3);
    unary(&j, "Sqrt", "t[0].sqrt()", 0.1, 3);
    unary(&j, "Reciprocal", "1 / t[0]", 0.1, 3);
    unary(&j, "Acosh", "t[0].acosh()", 0.1, 3);
    unary(&j, "Asin", "t[0].asin()", 0.1, 0);
    judge_ask(&j, 1e-5);
}

static void test_binary(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    static const char *const calls[][2] = {
        { "Add", "t[0] + t[1]" },
        { "Sub", "t[0] - t[1]" },
        { "Mul", "t[0] * t[1]" },
        { "Div", "t[0] / t[1]" },
        { "Pow", "t[0] ** t[1]" },
        { "Max", "torch.maximum(t[0], t[1])" },
        { "Min", "torch.minimum(t[0], t[1])" },
        { "PRelu", "torch.where(t[0] < 0, t[0] * t[1], t[0])" },
    };
    static const int64_t shapes[][2][4] = { { { 2, 3, 4, 17 }, { 2, 3, 4, 17 } },
                                            { { 2, 3, 4, 17 }, { 1, 3, 1, 1 } },
                                            { { 2, 3, 4, 17 }, { 1, 1, 1, 17 } },
                                            { { 2, 1, 4, 1 }, { 1, 3, 1, 17 } } };
    judge j = { 0 };
    for (size_t i = 0; i < FT_COUNT(calls); i++) {
        for (size_t s = 0; s < (i == 7 ? 3 : FT_COUNT(shapes)); s++) {
            rig r = rig_of(calls[i][0], NULL, 0);
            for (int k = 0; k < 2; k++) {
                ft_array *a = rig_input(&r, FT_F32, 4, shapes[s][k]);
                for (int64_t n = 0; i != 7 && n < ft_array_count(a); n++)
                    ft_nn_put_f64(a, n, ft_array_f64(a, n) * 0.2 + 2);
            }
            judge_add(&j, &r, calls[i][1]);
        }
    }
    judge_ask(&j, 1e-4);
}

/* An op with one float input and lists of whole numbers after it. */
static void listed(judge *j, const char *op, const ft_nn_attr *attrs, size_t count, int lists,
                   const int64_t (*list)[4], const int *lengths, const char *call) {
    rig r = rig_of(op, attrs, count);
    rig_input(&r, FT_F32, 3, (int64_t[]){ 4, 5, 18 });
    for (int l = 0; l < lists; l++) {
        int64_t n = lengths[l];
        ft_array *a = rig_input(&r, FT_I64, lengths[l] ? 1 : 0, &n);
        for (int64_t k = 0; k < (n ? n : 1); k++) ft_nn_put_int(a, k, list[l][k]);
    }
    judge_add(j, &r, call);
}

static void test_reductions(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    static const char *const calls[][2] = {
        { "ReduceSum", "t[0].sum(%s)" },
        { "ReduceMean", "t[0].mean(%s)" },
        { "ReduceMax", "t[0].amax(%s)" },
        { "ReduceMin", "t[0].amin(%s)" },
        { "ReduceL1", "t[0].abs().sum(%s)" },
        { "ReduceL2", "t[0].norm(dim=%s)" },
        { "ReduceSumSquare", "(t[0] ** 2).sum(%s)" },
        { "ReduceLogSumExp", "t[0].logsumexp(%s)" },
    };
    static const struct {
        int64_t axes[1][4];
        int count;
        const char *text;
    } axes[] = { { { { 2 } }, 1, "(2,)" }, { { { 0 } }, 1, "(0,)" }, { { { 0, 2 } }, 2, "(0,2)" } };
    const ft_nn_attr attrs[] = { ATTR_INT("keepdims", 0) };
    judge j = { 0 };
    for (size_t i = 0; i < FT_COUNT(calls); i++) {
        for (size_t a = 0; a < FT_COUNT(axes); a++) {
            char call[100], *at;
            snprintf(call, sizeof call, "%s", calls[i][1]);
            at = strstr(call, "%s");
            snprintf(at, sizeof call - (size_t)(at - call), "%s%s", axes[a].text,
                     strstr(calls[i][1], "%s") + 2);
            listed(&j, calls[i][0], attrs, 1, 1, axes[a].axes, &axes[a].count, call);
        }
    }
    judge_ask(&j, 1e-4);
}

static void test_movement(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    judge j = { 0 };
    const ft_nn_attr perm[] = { ATTR_INTS("perm", 1, 2, 0) };
    listed(&j, "Transpose", perm, 1, 0, NULL, NULL, "t[0].permute(1, 2, 0)");
    listed(&j, "Slice", NULL, 0, 4,
           (const int64_t[][4]){ { 1, 16 }, { 5, 2 }, { 1, 2 }, { 2, -3 } },
           (const int[]){ 2, 2, 2, 2 }, "t[0][:, 1:5:2, [16, 13, 10, 7, 4]]");
    listed(&j, "Tile", NULL, 0, 1, (const int64_t[][4]){ { 2, 1, 3 } }, (const int[]){ 3 },
           "t[0].repeat(2, 1, 3)");
    const ft_nn_attr axis[] = { ATTR_INT("axis", 2) };
    listed(&j, "Gather", axis, 1, 1, (const int64_t[][4]){ { 3, -1, 3, 0 } }, (const int[]){ 4 },
           "t[0][:, :, [3, 17, 3, 0]]");
    listed(&j, "CumSum", NULL, 0, 1, (const int64_t[][4]){ { 2 } }, (const int[]){ 0 },
           "t[0].cumsum(2)");
    listed(&j, "TopK", NULL, 0, 1, (const int64_t[][4]){ { 5 } }, (const int[]){ 1 },
           "t[0].topk(5)[0]");
    listed(&j, "Trilu", NULL, 0, 1, (const int64_t[][4]){ { -2 } }, (const int[]){ 0 },
           "t[0].triu(-2)");
    const ft_nn_attr reflect[] = { ATTR_STR("mode", "reflect") };
    rig r = rig_of("Pad", reflect, 1);
    rig_input(&r, FT_F32, 3, (int64_t[]){ 2, 3, 9 });
    ft_array *pads = rig_input(&r, FT_I64, 1, (int64_t[]){ 6 });
    ft_nn_put_int(pads, 2, 4);
    ft_nn_put_int(pads, 5, 3);
    judge_add(&j, &r, "F.pad(t[0], (4, 3), mode='reflect')");
    const ft_nn_attr letters[] = { ATTR_STR("equation", "bhqd,bhkd->bhqk") };
    r = rig_of("Einsum", letters, 1);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 3, 4, 5 });
    rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 3, 6, 5 });
    judge_add(&j, &r, "torch.einsum('bhqd,bhkd->bhqk', t[0], t[1])");
    const ft_nn_attr local[] = { ATTR_INT("size", 5), ATTR_FLOAT("alpha", 0.2),
                                 ATTR_FLOAT("beta", 0.75), ATTR_FLOAT("bias", 1.3) };
    r = rig_of("LRN", local, 4);
    rig_input(&r, FT_F32, 4, (int64_t[]){ 2, 9, 4, 5 });
    judge_add(&j, &r, "F.local_response_norm(t[0], 5, 0.2, 0.75, 1.3)");
    judge_ask(&j, 1e-5);
}

static void test_losses(void **state) {
    (void)state;
    if (!oracle_has("torch,torchvision")) SKIP("no python3-torch, python3-torchvision");
    static const char labels_text[] = "torch.tensor([1,4,3,0,2,2])";
    static const int64_t labels[] = { 1, 4, 3, 0, 2, 2 };
    const ft_nn_attr smooth[] = { ATTR_FLOAT("label_smoothing", 0.2), ATTR_INT("ignore_index", 3) };
    judge j = { 0 };
    for (int kind = 0; kind < 3; kind++) {
        static const char *const ops[] = { "SoftmaxCrossEntropyLoss", "CrossEntropyLoss",
                                           "NegativeLogLikelihoodLoss" };
        static const char *const calls[] = { "F.cross_entropy(t[0], %s)",
                                             "F.cross_entropy(t[0], %s, label_smoothing=0.2, "
                                             "ignore_index=3)",
                                             "F.nll_loss(t[0], %s)" };
        char call[200];
        rig r = rig_of(ops[kind], smooth, kind == 1 ? 2 : 0);
        rig_input(&r, FT_F32, 2, (int64_t[]){ 6, 5 });
        ft_array *a = rig_input(&r, FT_I64, 1, (int64_t[]){ 6 });
        for (int i = 0; i < 6; i++) ft_nn_put_int(a, i, labels[i]);
        const char *at = strstr(calls[kind], "%s");
        snprintf(call, sizeof call, "%.*s%s%s", (int)(at - calls[kind]), calls[kind], labels_text,
                 at + 2);
        judge_add(&j, &r, call);
    }
    rig r = rig_of("MeanSquaredError", NULL, 0);
    for (int i = 0; i < 2; i++) rig_input(&r, FT_F32, 2, (int64_t[]){ 6, 5 });
    judge_add(&j, &r, "F.mse_loss(t[0], t[1])");
    r = rig_of("FocalLoss", NULL, 0);
    rig_input(&r, FT_F32, 1, (int64_t[]){ 6 });
    ft_array *t = rig_input(&r, FT_F32, 1, (int64_t[]){ 6 });
    for (int i = 0; i < 6; i++) ((float *)t->data)[i] = (float)(i % 2);
    judge_add(&j, &r,
              "__import__('torchvision').ops.sigmoid_focal_loss(t[0], t[1].detach(), "
              "reduction='mean')");
    judge_ask(&j, 1e-5);
}

/* torch's gates in ONNX's order: LSTM i f g o becomes i o f c, GRU r z n becomes z r h. */
static void recurrent(judge *j, const char *op, int64_t gates, const char *module,
                      const char *order, const ft_nn_attr *attrs, size_t attr_count, bool both) {
    const int64_t t = 5, b = 3, in = 4, h = 6, d = both ? 2 : 1;
    char call[1400];
    rig r = rig_of(op, attrs, attr_count);
    rig_input(&r, FT_F32, 3, (int64_t[]){ t, b, in });
    rig_input(&r, FT_F32, 3, (int64_t[]){ d, gates * h, in });
    rig_input(&r, FT_F32, 3, (int64_t[]){ d, gates * h, h });
    rig_input(&r, FT_F32, 2, (int64_t[]){ d, 2 * gates * h });
    for (size_t i = 1; i < 4; i++)
        for (int64_t k = 0; k < ft_array_count(&r.in[i]); k++)
            ft_nn_put_f64(&r.in[i], k, ft_array_f64(&r.in[i], k) * 0.4);
    snprintf(call, sizeof call,
             "(lambda x, W, R, B, o, h=6: torch._VF.%s(x, %s, "
             "[q for k in range(%d) for q in (lambda pick: (pick(W[k]), pick(R[k]), "
             "pick(B[k][:%d*h]), pick(B[k][%d*h:])))(lambda v: torch.cat([v[i*h:(i+1)*h] for i in "
             "o]))], True, 1, 0.0, False, %s, False)[0].view(5, 3, %d, h).transpose(1, 2))"
             "(t[0], t[1], t[2], t[3], %s)",
             module,
             gates == 4 ? (both ? "(torch.zeros(2, 3, 6).double(),) * 2"
                                : "(torch.zeros(1, 3, 6).double(),) * 2")
             : both     ? "torch.zeros(2, 3, 6).double()"
                        : "torch.zeros(1, 3, 6).double()",
             (int)d, (int)gates, (int)gates, both ? "True" : "False", (int)d, order);
    judge_add(j, &r, call);
}
static void test_recurrent(void **state) {
    (void)state;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    const ft_nn_attr both[] = { ATTR_INT("hidden_size", 6),
                                ATTR_STR("direction", "bidirectional") };
    const ft_nn_attr gru[] = { ATTR_INT("hidden_size", 6), ATTR_INT("linear_before_reset", 1) };
    judge j = { 0 };
    recurrent(&j, "RNN", 1, "rnn_tanh", "[0]", both, 1, false);
    recurrent(&j, "LSTM", 4, "lstm", "[0, 2, 3, 1]", both, 1, false);
    recurrent(&j, "LSTM", 4, "lstm", "[0, 2, 3, 1]", both, 2, true);
    recurrent(&j, "GRU", 3, "gru", "[1, 0, 2]", gru, 2, false);
    judge_ask(&j, 1e-5);
}

TEST_MAIN(cmocka_unit_test(test_unary), cmocka_unit_test(test_binary),
          cmocka_unit_test(test_reductions), cmocka_unit_test(test_movement),
          cmocka_unit_test(test_losses), cmocka_unit_test(test_recurrent))
