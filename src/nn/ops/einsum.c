/* einsum.c -- Einsum: sums of products by letters ("ij,jk->ik"), with "..." for axes that
 * broadcast and letters that come twice for diagonals; Det: determinants of matrices. */
#include <ctype.h>
#include <inttypes.h>

#include "base/check.h"
#include "nn/ops/kernel.h"

#define INPUTS_MAX 8
#define LABELS_MAX 64 /* letters, and eight for "..." */
#define DOTS       52

typedef struct term { /* one operand: the label of each axis */
    int label[FT_ARRAY_DIMS_MAX];
    int count;
} term;
typedef struct equation {
    term in[INPUTS_MAX], out;
    int inputs;
    int64_t size[LABELS_MAX]; /* 0: not used; ANY: not known */
    bool used[LABELS_MAX];
} equation;

static int letter(char c) { return c >= 'a' ? c - 'a' : c - 'A' + 26; }

static ft_err wrong(const ft_nn_node *node) {
    ft_str text = ft_nn_attr_str(node, "equation");
    return ft_nn_refuse_(node, FT_EINVAL, "the equation '%.*s' does not fit the inputs",
                         FT_STR_ARG(text));
}

/* `dots`: how many axes "..." stands for; labels of the last of them are the same everywhere. */
static ft_err term_of(term *t, const ft_nn_node *node, ft_str text, int dots) {
    *t = (term){ 0 };
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == ' ') continue;
        if (c == '.') {
            if (!ft_str_starts(ft_str_from(text, i), FT_STR("..."))) return wrong(node);
            i += 2;
            for (int k = 0; k < dots; k++) {
                if (t->count == FT_ARRAY_DIMS_MAX) return wrong(node);
                t->label[t->count++] = DOTS + FT_ARRAY_DIMS_MAX - dots + k;
            }
            continue;
        }
        if (!isalpha((unsigned char)c) || t->count == FT_ARRAY_DIMS_MAX) return wrong(node);
        t->label[t->count++] = letter(c);
    }
    return FT_OK;
}

static int letters_in(ft_str text) {
    int n = 0;
    for (size_t i = 0; i < text.len; i++) n += isalpha((unsigned char)text.at[i]) != 0;
    return n;
}

static ft_err sizes_take(equation *e, const ft_nn_node *node, const term *t, const ft_array *a) {
    if (t->count != a->ndim) return wrong(node);
    for (int d = 0; d < t->count; d++) {
        int64_t *size = &e->size[t->label[d]];
        if (!e->used[t->label[d]] || *size < 0 || *size == 1)
            *size = e->used[t->label[d]] && a->shape[d] < 0 ? *size : a->shape[d];
        else if (a->shape[d] >= 0 && a->shape[d] != *size && a->shape[d] != 1)
            return wrong(node);
        e->used[t->label[d]] = true;
    }
    return FT_OK;
}

/* Without "->": the axes of "...", then every letter that comes once, in order. */
static ft_err out_implied(equation *e, const ft_nn_node *node, int dots) {
    int times[LABELS_MAX] = { 0 };
    e->out.count = 0;
    for (int k = 0; k < e->inputs; k++) {
        for (int d = 0; d < e->in[k].count; d++) times[e->in[k].label[d]]++;
    }
    for (int k = 0; k < dots; k++)
        e->out.label[e->out.count++] = DOTS + FT_ARRAY_DIMS_MAX - dots + k;
    for (int upper = 1; upper >= 0; upper--) { /* capitals sort first */
        for (int l = upper * 26; l < upper * 26 + 26; l++) {
            if (times[l] != 1) continue;
            if (e->out.count == FT_ARRAY_DIMS_MAX) return wrong(node);
            e->out.label[e->out.count++] = l;
        }
    }
    return FT_OK;
}

static ft_err equation_of(equation *e, const ft_nn_node *node, const ft_array *in, size_t count) {
    ft_str text = ft_nn_attr_str(node, "equation"), left = text, right = { 0 };
    int most = 0;
    *e = (equation){ .inputs = (int)count };
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.at[i] != '-' || text.at[i + 1] != '>') continue;
        left = ft_str_slice(text, 0, i);
        right = ft_str_from(text, i + 2);
        if (!right.at) right.at = "";
        break;
    }
    bool told = left.len != text.len;
    ft_str rest = left;
    for (size_t k = 0; k < count; k++) {
        ft_str one = rest.at ? ft_str_cut(&rest, ',') : (ft_str){ 0 };
        if (!one.at) return wrong(node);
        int dots = in[k].ndim - letters_in(one);
        if (dots < 0) return wrong(node);
        if (dots > most) most = dots;
        FT_TRY(term_of(&e->in[k], node, one, dots));
        FT_TRY(sizes_take(e, node, &e->in[k], &in[k]));
    }
    if (rest.at) return wrong(node);
    if (told)
        FT_TRY(term_of(&e->out, node, right, most));
    else
        FT_TRY(out_implied(e, node, most));
    for (int d = 0; d < e->out.count; d++) {
        if (!e->used[e->out.label[d]]) return wrong(node);
        for (int k = 0; k < d; k++)
            if (e->out.label[k] == e->out.label[d]) return wrong(node);
    }
    return FT_OK;
}

static ft_err einsum_infer(ft_nn_infer *i) {
    equation e;
    if (i->in_count > INPUTS_MAX)
        return ft_nn_refuse_(i->node, FT_EUNSUPPORTED, "more than %d inputs", INPUTS_MAX);
    for (size_t k = 0; k < i->in_count; k++) {
        FT_TRY(ft_nn_take(i, k, FT_NN_NUMBERS));
        FT_TRY(ft_nn_take_same(i, 0, k));
    }
    i->out[0] = ft_nn_unknown(i->in[0].dtype);
    for (size_t k = 0; k < i->in_count; k++) {
        if (i->in[k].ndim < 0) return FT_OK;
    }
    FT_TRY(equation_of(&e, i->node, i->in, i->in_count));
    i->out[0].ndim = e.out.count;
    for (int d = 0; d < e.out.count; d++) i->out[0].shape[d] = e.size[e.out.label[d]];
    return ft_nn_sane(i->node, &i->out[0]);
}

/* Steps of every label in an array: axes of one label add up (a diagonal), sizes of 1 broadcast. */
static void label_steps(int64_t *step, const term *t, const ft_array *a) {
    int64_t own[FT_ARRAY_DIMS_MAX];
    memset(step, 0, LABELS_MAX * sizeof *step);
    ft_nn_steps(own, a->shape, a->ndim);
    for (int d = 0; d < t->count; d++) {
        if (a->shape[d] != 1) step[t->label[d]] += own[d];
    }
}

typedef struct einsum { /* the loop: output labels outside, summed ones inside */
    int labels[LABELS_MAX], outer, all;
    int64_t step[INPUTS_MAX + 1][LABELS_MAX], size[LABELS_MAX]; /* the last: the output */
    int64_t outputs, each;
} einsum;

static ft_err einsum_of(einsum *s, const ft_nn_call *c) {
    equation e;
    FT_TRY(equation_of(&e, c->node, c->in, c->in_count));
    *s = (einsum){ .outputs = 1, .each = 1 };
    memcpy(s->size, e.size, sizeof s->size);
    for (int k = 0; k < e.inputs; k++) label_steps(s->step[k], &e.in[k], &c->in[k]);
    label_steps(s->step[INPUTS_MAX], &e.out, &c->out[0]);
    bool out[LABELS_MAX] = { false };
    for (int d = 0; d < e.out.count; d++) {
        s->labels[s->all++] = e.out.label[d];
        s->outputs *= e.size[e.out.label[d]];
        out[e.out.label[d]] = true;
    }
    s->outer = s->all;
    for (int l = 0; l < LABELS_MAX; l++) {
        if (!e.used[l] || out[l]) continue;
        s->labels[s->all++] = l;
        s->each *= e.size[l];
    }
    return FT_OK;
}

/* Adds the places of index `i` of labels [from, to) to `at`. */
static void places(const einsum *s, int64_t *at, int inputs, int64_t i, int from, int to) {
    for (int k = to - 1; k >= from; k--) {
        int l = s->labels[k];
        int64_t index = i % s->size[l];
        i /= s->size[l];
        for (int j = 0; j < inputs; j++) at[j] += index * s->step[j][l];
        at[INPUTS_MAX] += index * s->step[INPUTS_MAX][l];
    }
}
static ft_err einsum_run(const ft_nn_call *c) {
    einsum s;
    int n = (int)c->in_count;
    bool floats = ft_nn_is_float(c->out[0].dtype);
    FT_TRY(einsum_of(&s, c));
    for (int64_t o = 0; o < s.outputs; o++) {
        double sum = 0;
        uint64_t whole = 0;
        for (int64_t k = 0; k < s.each; k++) {
            int64_t at[INPUTS_MAX + 1] = { 0 };
            double v = 1;
            uint64_t u = 1;
            places(&s, at, n, o, 0, s.outer);
            places(&s, at, n, k, s.outer, s.all);
            for (int j = 0; j < n; j++) {
                if (floats)
                    v *= ft_array_f64(&c->in[j], at[j]);
                else
                    u *= (uint64_t)ft_nn_get_int(&c->in[j], at[j]);
            }
            sum += v;
            whole += u;
        }
        if (floats)
            ft_nn_put_f64(&c->out[0], o, sum);
        else
            ft_nn_put_int(&c->out[0], o, (int64_t)whole);
    }
    return FT_OK;
}
/* ---- two inputs as products of matrices: labels of both and of the output count batches, those of
 * one input are rows or columns, those that are summed are the depth. */

typedef struct matrices {
    int order[3][LABELS_MAX], count[3]; /* labels of a: batches, rows, depth; of b: batches, depth,
                                           columns; of the output: batches, rows, columns */
    int64_t batches, m, n, k;
} matrices;

static int occurrences(const term *t, int label) {
    int n = 0;
    for (int d = 0; d < t->count; d++) n += t->label[d] == label;
    return n;
}
static bool broadcasts(const term *t, const ft_array *a, const equation *e) {
    for (int d = 0; d < t->count; d++)
        if (a->shape[d] != e->size[t->label[d]]) return true;
    return false;
}
static void group_add(matrices *p, int which, int label) {
    p->order[which][p->count[which]++] = label;
}
/* The labels for which the three flags hold, in the order of `t`; the product of their sizes. */
static int64_t group(matrices *p, const equation *e, const term *t, bool a, bool b, bool out,
                     uint32_t to) {
    int64_t size = 1;
    for (int d = 0; d < t->count; d++) {
        int l = t->label[d];
        if ((occurrences(&e->in[0], l) > 0) != a || (occurrences(&e->in[1], l) > 0) != b ||
            (occurrences(&e->out, l) > 0) != out)
            continue;
        size *= e->size[l];
        for (int which = 0; which < 3; which++)
            if (to >> which & 1) group_add(p, which, l);
    }
    return size;
}
static bool matrices_of(matrices *p, const equation *e, const ft_array *in) {
    *p = (matrices){ .batches = 0 };
    if (e->inputs != 2 || broadcasts(&e->in[0], &in[0], e) || broadcasts(&e->in[1], &in[1], e))
        return false;
    for (int l = 0; l < LABELS_MAX; l++) {
        int a = occurrences(&e->in[0], l), b = occurrences(&e->in[1], l);
        if (a > 1 || b > 1 || (a + b == 1 && !occurrences(&e->out, l))) return false;
    }
    p->batches = group(p, e, &e->out, true, true, true, 7);
    p->m = group(p, e, &e->out, true, false, true, 1 | 4);
    p->k = group(p, e, &e->in[0], true, true, false, 1 | 2);
    p->n = group(p, e, &e->out, false, true, true, 2 | 4);
    return p->batches > 0 && p->m > 0 && p->n > 0 && p->k > 0;
}
/* Between an array and its labels in matrix order, dense. */
static ft_nn_copy packing(const matrices *p, int which, const equation *e, const term *t,
                          const ft_array *a) {
    int64_t step[LABELS_MAX], next = 1;
    ft_nn_copy copy = { .dims = p->count[which] };
    label_steps(step, t, a);
    for (int d = copy.dims - 1; d >= 0; d--) {
        int l = p->order[which][d];
        copy.size[d] = e->size[l];
        copy.in_step[d] = step[l];
        copy.out_step[d] = next;
        next *= e->size[l];
    }
    return copy;
}

static ft_err einsum_prepare(ft_nn_prepare *p) {
    static char fast; /* a mark: nothing to give back */
    equation e;
    matrices mats;
    if (p->reference || p->in[0].dtype != FT_F32 || p->in_count != 2) return FT_OK;
    FT_TRY(equation_of(&e, p->node, p->in, p->in_count));
    for (int l = 0; l < LABELS_MAX; l++)
        if (e.used[l] && e.size[l] < 0) return FT_OK;
    if (!matrices_of(&mats, &e, p->in)) return FT_OK;
    ft_err err = ft_dnn_load();
    if (err == FT_EABSENT) {
        ft_err_clear();
        return FT_OK;
    }
    int64_t items = mats.m * mats.k + mats.k * mats.n + mats.m * mats.n;
    p->scratch_bytes = (size_t)(mats.batches * items) * sizeof(float);
    p->state = &fast;
    return err;
}
static void einsum_unprepare(void *state) { (void)state; }

static ft_err einsum_forward(const ft_nn_call *c) {
    equation e;
    matrices p;
    if (!c->state) return einsum_run(c);
    FT_TRY(equation_of(&e, c->node, c->in, c->in_count));
    FT_CHECK(matrices_of(&p, &e, c->in));
    float *a = c->scratch, *b = a + p.batches * p.m * p.k, *z = b + p.batches * p.k * p.n;
    ft_nn_copy to_a = packing(&p, 0, &e, &e.in[0], &c->in[0]);
    ft_nn_copy to_b = packing(&p, 1, &e, &e.in[1], &c->in[1]);
    ft_nn_copy to_z = packing(&p, 2, &e, &e.out, &c->out[0]), from_z = ft_nn_copy_back(&to_z);
    ft_nn_copy_run(c, &to_a, a, c->in[0].data, sizeof *a);
    ft_nn_copy_run(c, &to_b, b, c->in[1].data, sizeof *b);
    for (int64_t i = 0; i < p.batches; i++) {
        ft_nn_gemm g = { .m = p.m,
                         .n = p.n,
                         .k = p.k,
                         .alpha = 1,
                         .a = a + i * p.m * p.k,
                         .lda = p.k,
                         .b = b + i * p.k * p.n,
                         .ldb = p.n,
                         .c = z + i * p.m * p.n,
                         .ldc = p.n };
        FT_TRY(ft_nn_gemm_run(&g, true));
    }
    ft_nn_copy_run(c, &from_z, c->out[0].data, z, sizeof *z);
    return FT_OK;
}

static ft_err einsum_backward(const ft_nn_call *c) {
    einsum s;
    int n = (int)c->in_count;
    FT_TRY(einsum_of(&s, c));
    for (int j = 0; j < n; j++) {
        if (c->in_grad[j].data) memset(c->in_grad[j].data, 0, ft_array_bytes(&c->in_grad[j]));
    }
    for (int64_t o = 0; o < s.outputs && c->out_grad[0].data; o++) {
        for (int64_t k = 0; k < s.each; k++) {
            int64_t at[INPUTS_MAX + 1] = { 0 };
            places(&s, at, n, o, 0, s.outer);
            places(&s, at, n, k, s.outer, s.all);
            for (int j = 0; j < n; j++) {
                double v = (double)((const float *)c->out_grad[0].data)[at[INPUTS_MAX]];
                for (int other = 0; other < n; other++) {
                    if (other != j) v *= ft_array_f64(&c->in[other], at[other]);
                }
                if (c->in_grad[j].data) ((float *)c->in_grad[j].data)[at[j]] += (float)v;
            }
        }
    }
    return FT_OK;
}
static int64_t einsum_flops(const ft_nn_node *node, const ft_array *in, const ft_array *out) {
    equation e;
    int64_t all = (int64_t)node->input_count;
    (void)out;
    if (equation_of(&e, node, in, node->input_count)) {
        ft_err_clear();
        return 0;
    }
    for (int l = 0; l < LABELS_MAX; l++)
        if (e.used[l] && __builtin_mul_overflow(all, e.size[l], &all)) return INT64_MAX;
    return all;
}
static const ft_nn_attr_row einsum_attrs[] = { { "equation", FT_NN_STRING, 0, NULL, true }, { 0 } };
extern const ft_nn_op ft_nn_op_einsum;
const ft_nn_op ft_nn_op_einsum = { .name = "Einsum",
                                   .doc = "sums of products by letters",
                                   .attrs = einsum_attrs,
                                   .inputs_min = 1,
                                   .inputs_max = INPUTS_MAX,
                                   .outputs_min = 1,
                                   .outputs_max = 1,
                                   .infer = einsum_infer,
                                   .reference = einsum_run,
                                   .forward = einsum_forward,
                                   .prepare = einsum_prepare,
                                   .unprepare = einsum_unprepare,
                                   .backward = einsum_backward,
                                   .flops = einsum_flops };

/* ---- Det: by elimination with the largest pivot */

static ft_err det_infer(ft_nn_infer *i) {
    const ft_array *in = &i->in[0];
    FT_TRY(ft_nn_take(i, 0, FT_NN_FLOATS));
    i->out[0] = ft_nn_like(in);
    if (in->ndim < 0) return FT_OK;
    if (in->ndim < 2 || in->shape[in->ndim - 1] != in->shape[in->ndim - 2])
        return ft_nn_refuse_(i->node, FT_EINVAL, "takes square matrices");
    i->out[0].ndim -= 2;
    return FT_OK;
}
static ft_err det_prepare(ft_nn_prepare *p) {
    const ft_array *in = &p->in[0];
    if (ft_nn_sized(in))
        p->scratch_bytes = (size_t)ft_nn_product(in, in->ndim - 2, in->ndim) * sizeof(double) + 8;
    return FT_OK;
}
static double det_of(double *m, int64_t n) {
    double det = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t best = k;
        for (int64_t r = k + 1; r < n; r++)
            if (fabs(m[r * n + k]) > fabs(m[best * n + k])) best = r;
        if (m[best * n + k] == 0) return 0;
        for (int64_t j = 0; best != k && j < n; j++) {
            double t = m[k * n + j];
            m[k * n + j] = m[best * n + j];
            m[best * n + j] = t;
        }
        det *= best == k ? m[k * n + k] : -m[k * n + k];
        for (int64_t r = k + 1; r < n; r++) {
            double f = m[r * n + k] / m[k * n + k];
            for (int64_t j = k; j < n; j++) m[r * n + j] -= f * m[k * n + j];
        }
    }
    return det;
}
static ft_err det_run(const ft_nn_call *c) {
    const ft_array *in = &c->in[0];
    int64_t n = in->shape[in->ndim - 1];
    double *m = c->scratch;
    for (int64_t k = 0; k < ft_array_count(&c->out[0]); k++) {
        for (int64_t i = 0; i < n * n; i++) m[i] = ft_array_f64(in, k * n * n + i);
        ft_nn_put_f64(&c->out[0], k, det_of(m, n));
    }
    return FT_OK;
}
extern const ft_nn_op ft_nn_op_det;
const ft_nn_op ft_nn_op_det = { .name = "Det",
                                .doc = "determinants of matrices",
                                .inputs_min = 1,
                                .inputs_max = 1,
                                .outputs_min = 1,
                                .outputs_max = 1,
                                .infer = det_infer,
                                .reference = det_run,
                                .prepare = det_prepare };
