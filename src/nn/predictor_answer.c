/* predictor_answer.c -- a network's outputs as an answer's body: rows of scores, JSON by name,
 * .npy. See predictor_in.h. */
#include "base/check.h"
#include "data/npy.h"
#include "models/rows.h"
#include "nn/predictor_in.h"

/* Of a row of scores the largest's label, behind its list: {"score":[…],"label":"cat"}. Numbers
 * have no ']'. */
static ft_err labels_add(ft_payload *out, const ft_nn_network *n, const float *scores, size_t rows,
                         size_t cols, ft_arena *arena) {
    ft_buf text = { 0 };
    ft_str rest = out->bytes;
    for (size_t r = 0; r < rows; r++) {
        ft_json_out w;
        size_t best = 0, end = ft_str_find(rest, ']') + 1;
        for (size_t k = 1; k < cols; k++)
            if (scores[r * cols + k] > scores[r * cols + best]) best = k;
        ft_buf_add(&text, ft_str_slice(rest, 0, end));
        ft_buf_add(&text, FT_STR(",\"label\":"));
        ft_json_out_init(&w, &text, false);
        ft_json_out_str(&w, n->labels[best]);
        rest = ft_str_from(rest, end);
    }
    ft_buf_add(&text, rest);
    ft_err err = text.err;
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&text));
    ft_buf_fini(&text);
    return err;
}

static ft_err answer_rows(ft_payload *out, const ft_nn_network *n, const ft_array *a, ft_str accept,
                          ft_arena *arena) {
    size_t rows = (size_t)a->shape[0], cols = a->ndim > 1 ? (size_t)a->shape[1] : 1;
    FT_TRY(ft_rows_answer(out, a->data, rows, cols, accept, arena));
    bool json = ft_str_starts(out->content_type, FT_STR("application/json"));
    if (!json || cols < 2 || n->label_count != cols) return FT_OK;
    return labels_add(out, n, a->data, rows, cols, arena);
}

static void write_nest(ft_json_out *w, const ft_array *a, int depth, int64_t *at) {
    if (depth == a->ndim) {
        ft_json_out_f64(w, ft_array_f64(a, (*at)++));
        return;
    }
    ft_json_out_array(w);
    for (int64_t i = 0; i < a->shape[depth]; i++) write_nest(w, a, depth + 1, at);
    ft_json_out_close(w);
}

static ft_err answer_json(ft_payload *out, const ft_nn_network *n, const ft_array *a,
                          ft_arena *arena) {
    const ft_nn_graph *g = n->graph;
    ft_buf text = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &text, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "outputs");
    ft_json_out_object(&w);
    for (int i = 0; i < g->output_count; i++) {
        int64_t at = 0;
        ft_json_out_name_str(&w, g->values[g->outputs[i]].name);
        write_nest(&w, &a[i], 0, &at);
    }
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = text.err;
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&text));
    out->content_type = FT_STR("application/json");
    ft_buf_fini(&text);
    return err;
}

static ft_err answer_npy(ft_payload *out, const ft_array *a, ft_arena *arena) {
    ft_buf bytes = { 0 };
    ft_err err = ft_npy_write(&bytes, a);
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&bytes));
    out->content_type = FT_STR("application/x-npy");
    ft_buf_fini(&bytes);
    return err;
}

ft_err ft_nn_answer(ft_payload *out, const ft_nn_network *n, ft_array *a, ft_str accept,
                    ft_arena *arena) {
    const ft_nn_graph *g = n->graph;
    ft_str type;
    ft_nn_network_answer(n, a);
    bool rows = g->output_count == 1 && a->dtype == FT_F32 && (a->ndim == 1 || a->ndim == 2);
    if (rows) {
        ft_media_choose(&type, "text/csv|application/json|application/jsonlines|application/x-npy",
                        accept);
        if (!ft_str_is(type, "application/x-npy")) return answer_rows(out, n, a, accept, arena);
        return answer_npy(out, a, arena);
    }
    ft_media_choose(
        &type, g->output_count == 1 ? "application/json|application/x-npy" : "application/json",
        accept);
    if (!type.at) return FT_FAIL(FT_EACCEPT, "this network answers application/json");
    return ft_str_is(type, "application/x-npy") ? answer_npy(out, a, arena)
                                                : answer_json(out, n, a, arena);
}
