/* op_rig_test.h -- one node on arrays of random numbers: run, compared with its reference, its
 * gradient compared with central differences of the reference in double precision.
 *
 *     rig r = rig_of("Conv", attrs, FT_COUNT(attrs));
 *     rig_input(&r, FT_F32, 4, (int64_t[]){ 1, 3, 5, 5 });
 *     rig_same(&r, 1e-5);       // forward equals the reference
 *     rig_gradient(&r, 1e-3);   // backward equals differences
 *     rig_end(&r); */
#ifndef FT_NN_OP_RIG_TEST_H
#define FT_NN_OP_RIG_TEST_H

#include "base/check.h"
#include "base/random.h"
#include "nn/graph_in.h"
#include "nn/ops/shared.h"
#include "nn/sanitizer_test.h"
#include "tests/test.h"

#define RIG_IO 8

typedef struct rig {
    ft_nn_graph *graph;
    ft_nn_node node;
    ft_arena arena;
    ft_random random;
    ft_array in[RIG_IO], out[RIG_IO];
    int values[RIG_IO];
    size_t in_count, out_count;
    int threads;
    bool data[RIG_IO]; /* the rule may read it (weights, axes) */
} rig;

static inline rig rig_of(const char *op, const ft_nn_attr *attrs, size_t attr_count) {
    rig r = { .threads = 1, .out_count = 1 };
    ft_random_seed(&r.random, 7);
    EXPECT_OK(ft_nn_graph_new(&r.graph, FT_STR("rig")));
    r.node.op = ft_nn_op_find(ft_str_of(op));
    EXPECT(r.node.op);
    r.node.name = FT_STR("rig");
    r.node.attrs = attrs;
    r.node.attr_count = attr_count;
    return r;
}

static inline ft_array *rig_input(rig *r, ft_dtype type, int ndim, const int64_t *shape) {
    ft_array *a = &r->in[r->in_count++];
    *a = (ft_array){ .dtype = type, .ndim = ndim };
    for (int i = 0; i < ndim; i++) a->shape[i] = shape[i];
    EXPECT_OK(ft_arena_take(&a->data, &r->arena, ft_array_bytes(a)));
    for (int64_t i = 0; i < ft_array_count(a); i++)
        ft_nn_put_f64(a, i, ft_nn_is_float(type) ? ft_random_normal(&r->random) : 0);
    return a;
}
static inline void rig_absent(rig *r) { r->in[r->in_count++] = ft_nn_no_array(); }

static inline void rig_ready(rig *r) {
    static const int numbers[RIG_IO] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    static const int absent[1] = { FT_NN_NONE };
    int *list;
    EXPECT_OK(ft_arena_items(&list, &r->arena, RIG_IO));
    for (size_t i = 0; i < r->in_count; i++)
        list[i] = ft_nn_absent(&r->in[i]) ? absent[0] : numbers[i];
    r->node.inputs = list;
    r->node.outputs = numbers;
    r->node.input_count = r->in_count;
    r->node.output_count = r->out_count;
}

static inline ft_err rig_infer(rig *r) {
    bool content;
    rig_ready(r);
    return ft_nn_node_infer(&r->node, r->in, r->out, &content);
}

static inline void rig_outputs(rig *r, ft_array *out) {
    for (size_t i = 0; i < r->out_count; i++) {
        out[i] = r->out[i];
        EXPECT_OK(ft_arena_take(&out[i].data, &r->arena, ft_array_bytes(&out[i])));
    }
}

/* Made, called, unmade. `grads`: backward, from out_grad to in_grad. */
static inline ft_err rig_call(rig *r, ft_array *out, const ft_array *out_grad, ft_array *in_grad,
                              bool reference) {
    ft_nn_prepare p = { .node = &r->node,
                        .in = r->in,
                        .out = r->out,
                        .in_count = r->in_count,
                        .out_count = r->out_count,
                        .threads = r->threads,
                        .training = in_grad != NULL,
                        .reference = reference };
    ft_nn_call c = { .node = &r->node,
                     .in = r->in,
                     .in_count = r->in_count,
                     .out = out,
                     .out_count = r->out_count,
                     .out_grad = out_grad,
                     .in_grad = in_grad,
                     .threads = r->threads,
                     .training = in_grad != NULL };
    const ft_nn_op *op = r->node.op;
    if (op->prepare) FT_TRY(op->prepare(&p));
    ft_err err = FT_OK;
    if (p.scratch_bytes) err = ft_arena_take(&c.scratch, &r->arena, p.scratch_bytes);
    c.state = p.state;
    if (err == FT_OK) err = reference || !op->forward ? op->reference(&c) : op->forward(&c);
    if (err == FT_OK && in_grad) err = op->backward(&c);
    if (p.state) op->unprepare(p.state);
    return err;
}

static inline double rig_far(const ft_array *a, const ft_array *b) {
    double most = 0;
    EXPECT(ft_array_count(a) == ft_array_count(b));
    for (int64_t i = 0; i < ft_array_count(a); i++) {
        double x = ft_array_f64(a, i), y = ft_array_f64(b, i);
        double far = x == y ? 0 : fabs(x - y) / fmax(1, fabs(y));
        if (!(far <= most)) most = far;
    }
    return most;
}

#define rig_same(r, tolerance) rig_same_((r), (tolerance), __FILE__, __LINE__)
static inline void rig_same_(rig *r, double tolerance, const char *file, int line) {
    ft_array fast[RIG_IO], plain[RIG_IO];
    EXPECT_OK(rig_infer(r));
    rig_outputs(r, fast);
    rig_outputs(r, plain);
    EXPECT_OK(rig_call(r, plain, NULL, NULL, true));
    EXPECT_OK(rig_call(r, fast, NULL, NULL, false));
    for (size_t i = 0; i < r->out_count; i++) {
        double far = rig_far(&fast[i], &plain[i]);
        if (!(far <= tolerance)) {
            print_error("%s:%d: output %zu differs from the reference by %g\n", file, line, i, far);
            _fail(file, line);
        }
    }
}

/* Sum of out * weight, by the reference in double. */
static inline double rig_energy(rig *r, const ft_array *weight) {
    ft_array out[RIG_IO];
    double sum = 0;
    rig_outputs(r, out);
    EXPECT_OK(rig_call(r, out, NULL, NULL, true));
    for (int64_t i = 0; i < ft_array_count(&out[0]); i++)
        sum += ft_array_f64(&out[0], i) * ft_array_f64(weight, i);
    return sum;
}

/* The inputs as doubles, for differences; the old ones come back with rig_narrow. */
static inline void rig_widen(rig *r, ft_array *old) {
    memcpy(old, r->in, sizeof r->in);
    for (size_t i = 0; i < r->in_count; i++) {
        if (ft_nn_absent(&r->in[i]) || r->in[i].dtype != FT_F32) continue;
        r->in[i].dtype = FT_F64;
        EXPECT_OK(ft_arena_take(&r->in[i].data, &r->arena, ft_array_bytes(&r->in[i])));
        for (int64_t k = 0; k < ft_array_count(&r->in[i]); k++)
            ft_nn_put_f64(&r->in[i], k, ft_array_f64(&old[i], k));
    }
    EXPECT_OK(rig_infer(r));
}

#define RIG_PROBES 12 /* places of each input that are tried */

static inline void rig_differences(rig *r, const ft_array *weight, const ft_array *grad,
                                   double tolerance, const char *file, int line) {
    ft_array old[RIG_IO];
    rig_widen(r, old);
    for (size_t i = 0; i < r->in_count; i++) {
        if (!grad[i].data) continue;
        int64_t count = ft_array_count(&r->in[i]);
        for (int probe = 0; probe < RIG_PROBES && count; probe++) {
            int64_t at = (int64_t)ft_random_below(&r->random, (uint64_t)count);
            double x = ft_array_f64(&r->in[i], at), step = 1e-4;
            ft_nn_put_f64(&r->in[i], at, x + step);
            double above = rig_energy(r, weight);
            ft_nn_put_f64(&r->in[i], at, x - step);
            double below = rig_energy(r, weight);
            ft_nn_put_f64(&r->in[i], at, x);
            double want = (above - below) / (2 * step), got = ft_array_f64(&grad[i], at);
            if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) {
                print_error("%s:%d: gradient of input %zu at %lld is %g, differences say %g\n",
                            file, line, i, (long long)at, got, want);
                _fail(file, line);
            }
        }
    }
    memcpy(r->in, old, sizeof old);
    EXPECT_OK(rig_infer(r));
}

/* The gradients of output 0 with respect to every f32 input, by the kernels (`reference` false) or
 * plain C. */
static inline void rig_backward(rig *r, const ft_array *weight, ft_array *grad, bool reference) {
    ft_array out[RIG_IO], out_grad[RIG_IO] = { 0 };
    rig_outputs(r, out);
    for (size_t i = 0; i < r->out_count; i++) out_grad[i] = ft_nn_like(&out[i]);
    out_grad[0] = *weight;
    for (size_t i = 0; i < r->in_count; i++) {
        grad[i] = r->in[i];
        grad[i].data = NULL;
        if (!ft_nn_absent(&r->in[i]) && r->in[i].dtype == FT_F32)
            EXPECT_OK(ft_arena_take(&grad[i].data, &r->arena, ft_array_bytes(&grad[i])));
    }
    EXPECT_OK(rig_call(r, out, out_grad, grad, reference));
}

#define rig_gradient(r, tolerance) rig_gradient_((r), (tolerance), __FILE__, __LINE__)
static inline void rig_gradient_(rig *r, double tolerance, const char *file, int line) {
    ft_array grad[RIG_IO];
    EXPECT_OK(rig_infer(r));
    ft_array weight = r->out[0];
    EXPECT_OK(ft_arena_take(&weight.data, &r->arena, ft_array_bytes(&weight)));
    for (int64_t i = 0; i < ft_array_count(&weight); i++)
        ft_nn_put_f64(&weight, i, ft_random_normal(&r->random));
    for (int reference = 0; reference < 2; reference++) {
        rig_backward(r, &weight, grad, reference == 1);
        rig_differences(r, &weight, grad, tolerance, file, line);
    }
}

static inline void rig_end(rig *r) {
    ft_nn_graph_free(r->graph);
    ft_arena_fini(&r->arena);
}

#define ATTR_INT(at, v) \
    { .name = at, .type = FT_NN_INT, .i = (v) }
#define ATTR_FLOAT(at, v) \
    { .name = at, .type = FT_NN_FLOAT, .f = (v) }
#define ATTR_STR(at, v) \
    { .name = at, .type = FT_NN_STRING, .s = FT_STR(v) }
#define ATTR_INTS(at, ...)                                                        \
    {                                                                             \
        .name = at, .type = FT_NN_INTS, .ints = (const int64_t[]){ __VA_ARGS__ }, \
        .count = sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)       \
    }

#endif
