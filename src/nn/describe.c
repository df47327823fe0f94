/* describe.c -- what a session planned, as JSON. See session.h. */
#include "nn/session_in.h"

static void shape_write(ft_json_out *w, const ft_array *a) {
    ft_json_out_name(w, "shape");
    ft_json_out_array(w);
    for (int i = 0; i < a->ndim; i++) ft_json_out_i64(w, a->shape[i]);
    ft_json_out_close(w);
}

static void step_write(ft_json_out *w, const ft_nn_step *step, bool timed) {
    const ft_nn_node *n = step->node;
    ft_json_out_object(w);
    ft_json_out_name(w, "node"), ft_json_out_str(w, n->name);
    ft_json_out_name(w, "op"), ft_json_out_text(w, n->op->name);
    const ft_nn_attr *post = ft_nn_attr_find(n, "ft_post");
    if (post) {
        ft_json_out_name(w, "fused");
        ft_json_out_array(w);
        for (size_t i = 0; i < post->count; i++) ft_json_out_str(w, post->strings[i]);
        ft_json_out_close(w);
    }
    if (step->late)
        ft_json_out_name(w, "late"), ft_json_out_bool(w, true);
    else if (n->output_count)
        shape_write(w, &step->out[0]);
    if (step->kernel) ft_json_out_name(w, "kernel"), ft_json_out_text(w, step->kernel);
    if (step->scratch_bytes) {
        ft_json_out_name(w, "scratch_bytes");
        ft_json_out_i64(w, (int64_t)step->scratch_bytes);
    }
    if (step->flops) ft_json_out_name(w, "flops"), ft_json_out_i64(w, step->flops);
    if (timed) ft_json_out_name(w, "us"), ft_json_out_i64(w, step->spent_us);
    ft_json_out_close(w);
}

void ft_nn_session_describe(const ft_nn_session *s, ft_json_out *w) {
    const ft_nn_session *runs = !s->last && s->lane_count ? s->lanes[0] : s;
    const ft_nn_plan *p = runs->last ? runs->last : runs->plans[0];
    ft_json_out_name(w, "threads"), ft_json_out_i64(w, s->opts.threads);
    ft_json_out_name(w, "weight_bytes");
    ft_json_out_i64(w, (int64_t)ft_nn_store_bytes(s->model->store));
    ft_json_out_name(w, "nodes"), ft_json_out_i64(w, s->model->graph->node_count);
    if (!p) return;
    ft_json_out_name(w, "arena_bytes"), ft_json_out_i64(w, (int64_t)p->memory_bytes);
    ft_json_out_name(w, "largest_two_bytes"), ft_json_out_i64(w, (int64_t)p->largest_two_bytes);
    ft_json_out_name(w, "steps");
    ft_json_out_array(w);
    for (int i = 0; i < p->step_count; i++)
        if (!p->steps[i].skip) step_write(w, &p->steps[i], s->timed || p->steps[i].spent_us > 0);
    ft_json_out_close(w);
}
