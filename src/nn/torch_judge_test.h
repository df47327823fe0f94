/* torch_judge_test.h -- nodes beside python3-torch: outputs and all gradients. One Python process
 * judges all cases of a test. Inputs of whole numbers (axes, indexes) stand in the Python
 * expression as they are; t[0], t[1] … are the others. */
#ifndef FT_NN_TORCH_JUDGE_TEST_H
#define FT_NN_TORCH_JUDGE_TEST_H

#include "base/buf.h"
#include "nn/op_rig_test.h"
#include "tests/oracle.h"

#define CASES_MAX 200

typedef struct judge {
    ft_buf spec; /* a Python list of calls */
    int cases;
    ft_random random;
} judge;

static inline int64_t pick(judge *j, int64_t low, int64_t high) {
    return low + (int64_t)ft_random_below(&j->random, (uint64_t)(high - low + 1));
}

static inline void shape_write(ft_buf *b, const ft_array *a) {
    ft_buf_printf(b, "(");
    for (int i = 0; i < a->ndim; i++) ft_buf_printf(b, "%lld,", (long long)a->shape[i]);
    ft_buf_printf(b, "),");
}

static inline void array_write(FILE *f, const ft_array *a) {
    assert_int_equal(fwrite(a->data, 1, ft_array_bytes(a), f), ft_array_bytes(a));
}

/* Run forward and backward by the kernels; leave inputs, dy, y and gradients in a file, and the
 * call (an expression over t[0], t[1] …) in the spec. */
static inline void judge_add(judge *j, rig *r, const char *call) {
    char name[40], path[400];
    ft_array out[RIG_IO], out_grad[RIG_IO] = { 0 }, grad[RIG_IO] = { 0 };
    EXPECT_OK(rig_infer(r));
    rig_outputs(r, out);
    for (size_t i = 0; i < r->out_count; i++) out_grad[i] = ft_nn_like(&out[i]);
    EXPECT_OK(ft_arena_take(&out_grad[0].data, &r->arena, ft_array_bytes(&out[0])));
    for (int64_t i = 0; i < ft_array_count(&out[0]); i++)
        ft_nn_put_f64(&out_grad[0], i, ft_random_normal(&r->random));
    for (size_t i = 0; i < r->in_count; i++) {
        grad[i] = ft_nn_like(&r->in[i]);
        if (r->in[i].dtype != FT_F32) continue;
        EXPECT_OK(ft_arena_take(&grad[i].data, &r->arena, ft_array_bytes(&r->in[i])));
    }
    EXPECT_OK(rig_call(r, out, out_grad, grad, false));
    snprintf(name, sizeof name, "case%d", j->cases++);
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (size_t i = 0; i < r->in_count; i++)
        if (r->in[i].dtype == FT_F32) array_write(f, &r->in[i]);
    array_write(f, &out_grad[0]);
    array_write(f, &out[0]);
    for (size_t i = 0; i < r->in_count; i++)
        if (r->in[i].dtype == FT_F32) array_write(f, &grad[i]);
    assert_int_equal(fclose(f), 0);
    ft_buf_printf(&j->spec, " ('%s', \"%s\", [", name, call);
    for (size_t i = 0; i < r->in_count; i++)
        if (r->in[i].dtype == FT_F32) shape_write(&j->spec, &r->in[i]);
    ft_buf_printf(&j->spec, "], ");
    shape_write(&j->spec, &out[0]);
    ft_buf_printf(&j->spec, "),\n");
    rig_end(r);
}

static const char *const judge_script =
    "import numpy as np, torch, torch.nn.functional as F\n"
    "torch.set_num_threads(1)\n"
    "for name, call, shapes, out in cases:\n"
    "    a = np.fromfile(d + name, np.float32); at = 0\n"
    "    def take(s):\n"
    "        global at\n"
    "        n = int(np.prod(s)); v = torch.from_numpy(a[at:at + n].reshape(s).copy()); at += n\n"
    "        return v\n"
    "    t = [take(s).double().requires_grad_() for s in shapes]\n"
    "    dy, y = take(out).double(), take(out).double()\n"
    "    want = eval(call)\n"
    "    worst = float((want - y).abs().div(want.abs().clamp(min=1)).max())\n"
    "    (want * dy).sum().backward()\n"
    "    for v in t:\n"
    "        g = take(tuple(v.shape)).double()\n"
    "        w = v.grad if v.grad is not None else torch.zeros_like(v)\n"
    "        worst = max(worst, float((w - g).abs().div(w.abs().clamp(min=1)).max()))\n"
    "    print(worst if worst == worst else 1e9)\n";

static inline void judge_ask(judge *j, double tolerance) {
    double worst[CASES_MAX];
    ft_buf script = { 0 };
    assert_true(j->cases <= CASES_MAX);
    ft_buf_printf(&script, "cases = [\n%s]\n%s", j->spec.at, judge_script);
    EXPECT_OK(script.err);
    EXPECT(oracle_ask(worst, j->cases, script.at));
    for (int i = 0; i < j->cases; i++) {
        if (!(worst[i] <= tolerance)) print_error("case %d is %g off\n%s", i, worst[i], j->spec.at);
        EXPECT(worst[i] <= tolerance);
    }
    ft_buf_fini(&script);
    ft_buf_fini(&j->spec);
}

#endif
