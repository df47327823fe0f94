/* observe.c -- see observe.h. */
#include "nn/observe.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"

struct ft_nn_observer {
    ft_nn_graph *graph; /* a copy */
    ft_nn_names *names;
    ft_nn_gradient *session;
    ft_tap *tap; /* while it is made */
    bool gradients;
};

static bool wanted(void *ctx, const char *name) { return ft_tap_wants(ctx, name, 0); }

static bool keep(void *ctx, ft_str name) {
    const ft_nn_observer *o = ctx;
    return ft_nn_names_keep(o->names, name, wanted, o->tap);
}

static bool frozen(void *ctx, ft_str name) {
    const ft_nn_observer *o = ctx;
    return !ft_nn_names_keep_gradient(o->names, name, wanted, o->tap);
}

/* What of all names the tap wants. */
static void count_wanted(const ft_nn_observer *o, size_t *values, size_t *gradients,
                         size_t *weights) {
    *values = *gradients = *weights = 0;
    for (size_t i = 0; i < ft_nn_names_count(o->names); i++) {
        bool gradient;
        const char *name = ft_nn_names_at(o->names, i, &gradient);
        if (!ft_tap_wants(o->tap, name, 0)) continue;
        *(gradient ? gradients : values) += 1;
    }
    for (int v = 0; v < o->graph->value_count; v++)
        if (o->graph->values[v].role == FT_NN_WEIGHT)
            *weights +=
                ft_nn_names_keep_gradient(o->names, o->graph->values[v].name, wanted, o->tap);
}

/* Some of the names, from all over the network. */
static ft_err nothing_wanted(const ft_nn_observer *o) {
    enum { SHOWN = 6 };
    ft_buf some = { 0 };
    size_t count = ft_nn_names_count(o->names);
    size_t shown = count < SHOWN ? count : SHOWN;
    for (size_t i = 0; i < shown; i++)
        ft_buf_printf(&some, "%s%s", i ? ", " : "",
                      ft_nn_names_at(o->names, i * count / shown, &(bool){ 0 }));
    ft_err err = FT_FAIL(FT_EINVAL,
                         "no tensor of this network matches; of its %zu names some are: "
                         "%.*s",
                         count, FT_STR_ARG(ft_buf_str(&some)));
    ft_buf_fini(&some);
    return err;
}

static ft_err session_make(ft_nn_observer *o, int threads) {
    size_t values, gradients, weights;
    count_wanted(o, &values, &gradients, &weights);
    if (!values && !gradients) return nothing_wanted(o);
    ft_nn_gradient_opts opts = { .threads = threads,
                                 .inputs = true,
                                 .fixed = weights == 0,
                                 .keep = keep,
                                 .frozen = frozen,
                                 .ctx = o };
    o->gradients = gradients > 0;
    return ft_nn_gradient_new(&o->session, o->graph, &opts);
}

static ft_err observer_init(ft_nn_observer *o, const ft_nn_network *n, int threads) {
    ft_str arch = n->arch ? ft_str_of(n->arch->name) : n->graph->name;
    FT_TRY(ft_nn_graph_copy(&o->graph, n->graph));
    FT_TRY(ft_nn_graph_infer(o->graph));
    FT_TRY(ft_nn_names_new(&o->names, o->graph, ft_nn_names_top(arch)));
    return session_make(o, threads);
}

ft_err ft_nn_observer_new(ft_nn_observer **out, const ft_nn_network *n, int threads, ft_tap *tap) {
    *out = NULL;
    ft_nn_observer *o = ft_fault_here() ? NULL : calloc(1, sizeof *o);
    if (!o) return FT_FAIL(FT_ENOMEM, "no memory for an observer");
    o->tap = tap;
    ft_err err = observer_init(o, n, threads);
    if (err == FT_OK)
        *out = o;
    else
        ft_nn_observer_free(o);
    return err;
}

void ft_nn_observer_free(ft_nn_observer *o) {
    if (!o) return;
    ft_nn_gradient_free(o->session);
    ft_nn_names_free(o->names);
    ft_nn_graph_free(o->graph);
    free(o);
}

/* Each row's largest score gets 1: the gradients are those of what was answered. */
static ft_err back(ft_nn_observer *o, const ft_array *outputs, ft_arena *arena) {
    ft_array *grads, *first;
    FT_TRY(ft_arena_items(&grads, arena, (size_t)o->graph->output_count));
    for (int i = 0; i < o->graph->output_count; i++) {
        grads[i] = outputs[i];
        grads[i].data = NULL;
    }
    first = &grads[0];
    int64_t items = ft_array_count(first), cols = first->ndim ? first->shape[first->ndim - 1] : 1;
    float *at;
    if (first->dtype != FT_F32 || !items) return FT_OK;
    FT_TRY(ft_arena_items(&at, arena, (size_t)items));
    memset(at, 0, (size_t)items * sizeof *at);
    for (int64_t row = 0; row < items / cols; row++) {
        const float *scores = (const float *)outputs[0].data + row * cols;
        int64_t best = 0;
        for (int64_t k = 1; k < cols; k++)
            if (scores[k] > scores[best]) best = k;
        at[row * cols + best] = 1;
    }
    first->data = at;
    return ft_nn_gradient_back(o->session, grads);
}

ft_err ft_nn_observe(ft_nn_observer *o, const ft_array *inputs, ft_array *outputs, ft_tap *tap,
                     ft_arena *arena) {
    FT_TRY(ft_nn_gradient_run(o->session, inputs, outputs));
    for (int i = 0; i < o->graph->output_count; i++) {
        size_t bytes = ft_array_bytes(&outputs[i]);
        void *copy;
        FT_TRY(ft_arena_take(&copy, arena, bytes + 1));
        memcpy(copy, outputs[i].data, bytes);
        outputs[i].data = copy;
    }
    if (o->gradients && o->graph->output_count) FT_TRY(back(o, outputs, arena));
    return ft_nn_names_show(o->names, o->session, tap, 0, o->gradients);
}
