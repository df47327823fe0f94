/* cut.c -- a step in parts, for a session whose team has more than one thread: each part computes
 * some rows of the output from those rows of the input (and their neighbours, under a window).
 *
 * "Rows" are the output's first axis with more than one item: a picture's in a channels-last
 * network, tokens, or a batch's items. Rows lie one behind the other, so that a part is a node of
 * its own on arrays of its own: what an operation prepares and runs is what it would for a whole
 * step. Parts of one shape share oneDNN's code, and all share packed weights (store.h).
 *
 * A convolution on a picture of few rows (7 on 2 threads would be 4 and 3) is shared by output
 * channels instead: each part has its share of the weights and computes into memory of its own,
 * from where its columns are copied.
 *
 * There are more parts than threads, so that a thread that the machine takes away is not waited
 * for longer than a part. */
#include "base/check.h"
#include "nn/ops/kernel.h"
#include "nn/post.h"
#include "nn/session_in.h"

#define PARTS_EACH    4     /* at most, a thread */
#define SHARE_NS_MIN  4e3   /* a thread's share that is worth its way there (about 1 us) */
#define PART_NS_MIN   100e3 /* smaller shares are not split further: kernels like many rows */
#define FLOPS_A_NS    80.0  /* of a product or convolution on one thread */
#define BYTES_A_NS    10.0  /* read and written */
#define UNEVEN_MAX    1.08 /* the largest share of rows over the mean; beyond, channels are shared */
#define CHANNELS_STEP 16   /* what a kernel computes at once */
#define WHOLE         (-1)

typedef enum rule { /* how a node's inputs go with rows of its output */
                    CUT_NOT = 0,
                    CUT_ELEMENTWISE, /* every input has the rows, or broadcasts over them */
                    CUT_FIRST,       /* the first input has them (and what is added) */
                    CUT_ALL,         /* every input has them */
                    CUT_WINDOW,      /* the first, with neighbours */
                    CUT_MATMUL,
                    CUT_GEMM
} rule;

typedef struct cutting {
    ft_nn_plan *p;
    ft_nn_step *step;
    const ft_array *out;
    int axis;     /* of the output: the rows' */
    int64_t rows; /* of the output */
    bool window;
    int in_axis[FT_NN_PART_INPUTS_MAX]; /* the rows' in each input, or WHOLE */
    ft_nn_window w;
} cutting;

/* ---- rules */

static rule rule_of(const ft_nn_node *n, const cutting *c) {
    const ft_nn_op *op = n->op;
    switch (op->rows) {
    case FT_NN_ROWS_WINDOW:
        if (c->axis == 0) return CUT_FIRST;
        return c->axis == 1 && ft_nn_attr_int(n, "ft_last") ? CUT_WINDOW : CUT_NOT;
    case FT_NN_ROWS_LINES:
    case FT_NN_ROWS_JOINED: {
        int64_t axis = ft_nn_attr_int(n, "axis");
        if ((axis < 0 ? axis + c->out->ndim : axis) <= c->axis) return CUT_NOT;
        return op->rows == FT_NN_ROWS_JOINED ? CUT_ALL : CUT_FIRST;
    }
    case FT_NN_ROWS_MATMUL:
        return CUT_MATMUL;
    case FT_NN_ROWS_GEMM:
        return CUT_GEMM;
    case FT_NN_ROWS_UNTOLD:
        break;
    }
    return op->elementwise ? CUT_ELEMENTWISE : CUT_NOT;
}

/* Where the rows are in an input that broadcasts to the output; false when they are not in a row.
 */
static bool rows_in(int *axis, const cutting *c, const ft_array *in) {
    int at = c->axis - (c->out->ndim - in->ndim);
    *axis = WHOLE;
    if (in->dtype == FT_DTYPE_COUNT || at < 0 || in->shape[at] == 1) return true;
    for (int i = 0; i < at; i++)
        if (in->shape[i] != 1) return false;
    *axis = at;
    return in->shape[at] == c->rows;
}

static bool matmul_rows(cutting *c, const ft_array *in) {
    if (in[0].ndim < 2 || in[1].ndim < 2 || c->axis == c->out->ndim - 1) return false;
    if (!rows_in(&c->in_axis[0], c, &in[0]) || c->in_axis[0] == WHOLE) return false;
    if (c->axis == c->out->ndim - 2 || in[1].ndim == 2) return true;
    return rows_in(&c->in_axis[1], c, &in[1]);
}

/* One row times a matrix: columns of the result are rows of a transposed weight. */
static bool gemm_columns(cutting *c, const ft_array *in) {
    if (!ft_nn_attr_int(c->step->node, "transB") || in[0].ndim != 2) return false;
    c->in_axis[1] = 0;
    return true;
}

static bool gemm_rows(cutting *c, const ft_array *in) {
    if (c->axis == 1) return gemm_columns(c, in);
    c->in_axis[0] = 0;
    return !ft_nn_attr_int(c->step->node, "transA");
}

/* The window along the rows, on the shapes in (n, c, spatial …) order. */
static bool window_rows(cutting *c, const ft_array *in) {
    const ft_nn_node *n = c->step->node;
    int64_t spatial[FT_ARRAY_DIMS_MAX], kernel[FT_ARRAY_DIMS_MAX];
    const int64_t *given;
    size_t count;
    ft_array x = ft_nn_first(&in[0], true);
    bool conv = strcmp(n->op->name, "Conv") == 0;
    if (!conv && (!ft_nn_attr_ints(n, "kernel_shape", &given, &count) || (int)count != x.ndim - 2))
        return false;
    for (int i = 0; i < x.ndim - 2; i++) kernel[i] = conv ? in[1].shape[i + 2] : given[i];
    if (ft_nn_window_of(&c->w, n, &x, kernel, spatial) != FT_OK) {
        ft_err_clear();
        return false;
    }
    if (strcmp(n->op->name, "AveragePool") == 0 && c->w.ceil) return false;
    c->in_axis[0] = c->axis;
    c->window = true;
    return spatial[0] == c->rows;
}

static bool rows_find(cutting *c) {
    const ft_nn_node *n = c->step->node;
    const ft_array *in = c->step->in;
    rule r = rule_of(n, c);
    int sum = r == CUT_FIRST || r == CUT_WINDOW || r >= CUT_MATMUL ? ft_nn_post_sum_input(n) : -1;
    for (size_t k = 0; k < n->input_count; k++) {
        c->in_axis[k] = WHOLE;
        bool rows = r == CUT_ALL || (r == CUT_FIRST && k == 0) || (int)k == sum;
        if (r == CUT_ELEMENTWISE && !rows_in(&c->in_axis[k], c, &in[k])) return false;
        if (!rows) continue;
        if (!rows_in(&c->in_axis[k], c, &in[k]) || c->in_axis[k] == WHOLE) return false;
    }
    if (r == CUT_WINDOW && !window_rows(c, in)) return false;
    if (r == CUT_MATMUL && !matmul_rows(c, in)) return false;
    if (r == CUT_GEMM && !gemm_rows(c, in)) return false;
    /* What is added to a product's columns or rows: rows_in says where they are. */
    if (r == CUT_GEMM && n->input_count > 2 && sum != 2 && !rows_in(&c->in_axis[2], c, &in[2]))
        return false;
    if (r == CUT_MATMUL && n->input_count > 2 && sum != 2 && in[2].dtype != FT_DTYPE_COUNT &&
        in[2].ndim > 1)
        return false;
    return r != CUT_NOT;
}

/* ---- parts */

static bool uneven(int64_t rows, int parts) {
    int64_t largest = (rows + parts - 1) / parts;
    return (double)(largest * parts) > UNEVEN_MAX * (double)rows;
}

static int parts_wanted(const cutting *c, int threads) {
    const ft_nn_node *n = c->step->node;
    size_t bytes = ft_array_bytes(c->out);
    for (size_t k = 0; k < n->input_count; k++)
        if (c->in_axis[k] != WHOLE) bytes += ft_array_bytes(&c->step->in[k]);
    double ns = (double)bytes / BYTES_A_NS;
    if (n->op->flops) {
        double by = (double)n->op->flops(n, c->step->in, c->step->out) / FLOPS_A_NS;
        if (by > ns) ns = by;
    }
    if (ns < SHARE_NS_MIN * threads) return 0;
    double each = ns / PART_NS_MIN / threads;
    int parts = each > PARTS_EACH ? PARTS_EACH * threads : (int)each * threads;
    while (parts > threads && uneven(c->rows, parts)) parts -= threads;
    if (parts < threads) parts = threads;
    return parts > c->rows ? (int)c->rows : parts;
}

static void slice(ft_array *a, size_t *at, int axis, int64_t from, int64_t to) {
    a->shape[axis] = 1;
    *at = (size_t)from * ft_array_bytes(a); /* all axes before it are 1 */
    a->shape[axis] = to - from;
    if (a->data) a->data = (char *)a->data + *at;
}

/* The input's rows under the window, and the pads that are left of it. False: there are none. */
static bool window_slice(cutting *c, ft_nn_step_part *part, int64_t from, int64_t to,
                         int64_t *begin, int64_t *end) {
    const ft_nn_window *w = &c->w;
    int64_t size = c->step->in[0].shape[c->axis];
    int64_t first = from * w->stride[0] - w->pad_begin[0];
    int64_t behind =
        (to - 1) * w->stride[0] - w->pad_begin[0] + (w->kernel[0] - 1) * w->dilation[0] + 1;
    *begin = first < 0 ? -first : 0;
    *end = behind > size ? behind - size : 0;
    if (first < 0) first = 0;
    if (behind > size) behind = size;
    if (first >= behind) return false;
    slice(&part->in[0], &part->in_at[0], c->axis, first, behind);
    return true;
}

static ft_err pads_set(const cutting *c, ft_nn_step_part *part, int64_t begin, int64_t end) {
    const ft_nn_node *n = c->step->node;
    int64_t *pads;
    ft_nn_attr *attrs;
    int dims = c->w.dims;
    FT_TRY(ft_arena_items(&pads, &c->p->arena, 2 * (size_t)dims));
    FT_TRY(ft_arena_items(&attrs, &c->p->arena, n->attr_count + 1));
    for (int i = 0; i < dims; i++) {
        pads[i] = i ? c->w.pad_begin[i] : begin;
        pads[dims + i] = i ? c->w.pad_end[i] : end;
    }
    size_t count = 0;
    for (size_t i = 0; i < n->attr_count; i++)
        if (strcmp(n->attrs[i].name, "pads") != 0 && strcmp(n->attrs[i].name, "auto_pad") != 0)
            attrs[count++] = n->attrs[i];
    attrs[count++] =
        (ft_nn_attr){ .name = "pads", .type = FT_NN_INTS, .ints = pads, .count = 2 * (size_t)dims };
    part->node.attrs = attrs;
    part->node.attr_count = count;
    return FT_OK;
}

static ft_err part_fill(bool *can, cutting *c, ft_nn_step_part *part, int64_t from, int64_t to) {
    const ft_nn_node *n = c->step->node;
    int64_t begin, end;
    *can = true;
    part->node = *n;
    FT_TRY(ft_arena_items(&part->in, &c->p->arena, n->input_count));
    FT_TRY(ft_arena_items(&part->in_at, &c->p->arena, n->input_count));
    memcpy(part->in, c->step->in, n->input_count * sizeof *part->in);
    part->out = *c->out;
    slice(&part->out, &part->out_at, c->axis, from, to);
    for (size_t k = 0; k < n->input_count; k++)
        if (c->in_axis[k] != WHOLE && !(c->window && k == 0))
            slice(&part->in[k], &part->in_at[k], c->in_axis[k], from, to);
    if (!c->window) return FT_OK;
    *can = window_slice(c, part, from, to, &begin, &end);
    return *can ? pads_set(c, part, begin, end) : FT_OK;
}

/* ---- parts of channels */

/* Shares of at least CHANNELS_STEP channels that are more even than the rows'; 0: none. */
static int channels_wanted(const cutting *c, int threads, int parts) {
    const ft_nn_node *n = c->step->node;
    int64_t steps = c->out->shape[c->out->ndim - 1] / CHANNELS_STEP;
    if (c->p->careful || !c->window || strcmp(n->op->name, "Conv") != 0 ||
        ft_nn_attr_int(n, "group") != 1 || !c->step->in[1].data ||
        c->out->shape[c->out->ndim - 1] % CHANNELS_STEP)
        return 0;
    return uneven(c->rows, parts) && !uneven(steps, threads) ? threads : 0;
}

static ft_err channels_fill(const cutting *c, ft_nn_step_part *part, int64_t from, int64_t to) {
    const ft_nn_node *n = c->step->node;
    int sum = ft_nn_post_sum_input(n), last = c->out->ndim - 1;
    ft_nn_attr *attrs;
    part->node = *n;
    FT_TRY(ft_arena_items(&part->in, &c->p->arena, n->input_count));
    FT_TRY(ft_arena_items(&part->in_at, &c->p->arena, n->input_count));
    FT_TRY(ft_arena_items(&attrs, &c->p->arena, n->attr_count + 1));
    memcpy(part->in, c->step->in, n->input_count * sizeof *part->in);
    memcpy(attrs, n->attrs, n->attr_count * sizeof *attrs);
    for (size_t i = 0; i < n->attr_count; i++) {
        if (strcmp(attrs[i].name, "ft_scale") != 0) continue;
        attrs[i].floats += from;
        attrs[i].count = (size_t)(to - from);
    }
    part->node.attrs = attrs;
    part->out = *c->out;
    part->out.shape[last] = to - from;
    part->columns = true;
    part->out_at = (size_t)from * ft_dtype_bytes(c->out->dtype);
    int64_t items = c->step->in[1].shape[0];
    part->in[1].shape[0] = to - from;
    part->in_at[1] = ft_array_bytes(&part->in[1]) / (size_t)(to - from) * (size_t)from;
    part->in[1].data = (char *)part->in[1].data + part->in_at[1];
    FT_CHECK(to <= items);
    if (n->input_count > 2 && sum != 2 && part->in[2].dtype != FT_DTYPE_COUNT)
        slice(&part->in[2], &part->in_at[2], 0, from, to);
    if (sum >= 0) part->in[sum] = part->out;
    return FT_OK;
}

static ft_err channels_cut(cutting *c, int count) {
    ft_nn_step *step = c->step;
    int64_t steps = c->out->shape[c->out->ndim - 1] / CHANNELS_STEP;
    FT_TRY(ft_arena_items(&step->parts, &c->p->arena, (size_t)count));
    for (int i = 0; i < count; i++)
        FT_TRY(channels_fill(c, &step->parts[i], steps * i / count * CHANNELS_STEP,
                             steps * (i + 1) / count * CHANNELS_STEP));
    step->part_count = count;
    return FT_OK;
}

ft_err ft_nn_step_cut(ft_nn_plan *p, ft_nn_step *step, int threads) {
    cutting c = { .p = p, .step = step, .out = &step->out[0] };
    const ft_nn_node *n = step->node;
    bool can = true;
    if (threads < 2 || step->skip || step->late || n->op->view || n->output_count != 1 ||
        n->input_count > FT_NN_PART_INPUTS_MAX || n->op->random || ft_array_count(c.out) == 0)
        return FT_OK;
    while (c.axis < c.out->ndim && c.out->shape[c.axis] == 1) c.axis++;
    if (c.axis == c.out->ndim) return FT_OK;
    c.rows = c.out->shape[c.axis];
    int count = rows_find(&c) ? parts_wanted(&c, threads) : 0;
    if (count < 2) return FT_OK;
    int shares = channels_wanted(&c, threads, count);
    if (shares) return channels_cut(&c, shares);
    FT_TRY(ft_arena_items(&step->parts, &p->arena, (size_t)count));
    for (int i = 0; i < count && can; i++)
        FT_TRY(part_fill(&can, &c, &step->parts[i], c.rows * i / count, c.rows * (i + 1) / count));
    step->part_count = can ? count : 0;
    return FT_OK;
}
