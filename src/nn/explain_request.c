/* explain_request.c -- see explain_request.h. */
#include "nn/explain_request.h"

#include "models/rows.h"

#define OPACITY_DEFAULT 0.5F

static ft_err class_of(ft_nn_explain_opts *o, const ft_nn_network *n, ft_str text) {
    int64_t number = -1;
    if (!text.len) return FT_OK;
    o->class_given = true;
    for (size_t i = 0; i < n->label_count; i++)
        if (ft_str_eq(n->labels[i], text)) {
            o->class = (int)i;
            return FT_OK;
        }
    if (!ft_str_i64(&number, text) || number < 0 || number > INT32_MAX)
        return FT_FAIL(FT_EINVAL, "class '%.*s': expected a number or a label", FT_STR_ARG(text));
    o->class = (int)number;
    return FT_OK;
}

static ft_err answer_png(ft_payload *out, const ft_nn_explanation *x, const ft_payload *in,
                         const ft_explain_ask *ask, ft_arena *arena) {
    ft_image picture, *over = NULL;
    ft_buf png = { 0 };
    ft_nn_map m = { x->width, x->height, x->map };
    if (ft_image_sniff(in->bytes) != FT_IMAGE_UNKNOWN) {
        FT_TRY(ft_image_decode(&picture, arena, in->bytes, NULL));
        over = &picture;
    }
    ft_err err = ft_nn_map_png(&png, &m, over, ask->opacity > 0 ? ask->opacity : OPACITY_DEFAULT);
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&png));
    out->content_type = FT_STR("image/png");
    ft_buf_fini(&png);
    return err;
}

static void number(ft_json_out *w, const char *name, double v) {
    ft_json_out_name(w, name);
    ft_json_out_f64(w, v);
}

static void write_map(ft_json_out *w, const ft_nn_explanation *x) {
    ft_json_out_name(w, "map");
    ft_json_out_array(w);
    for (int y = 0; y < x->height; y++) {
        ft_json_out_array(w);
        for (int k = 0; k < x->width; k++)
            ft_json_out_f64(w, x->map[(size_t)y * (size_t)x->width + (size_t)k]);
        ft_json_out_close(w);
    }
    ft_json_out_close(w);
}

static ft_err answer_json(ft_payload *out, const ft_nn_explanation *x, const ft_nn_network *n,
                          ft_arena *arena) {
    ft_buf text = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &text, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "method"), ft_json_out_text(&w, ft_nn_method_name(x->method));
    ft_json_out_name(&w, "class"), ft_json_out_i64(&w, x->class);
    if ((size_t)x->class < n->label_count)
        ft_json_out_name(&w, "label"), ft_json_out_str(&w, n->labels[x->class]);
    number(&w, "probability", x->probability);
    number(&w, "score", x->score);
    if (x->method == FT_NN_FULLGRAD) {
        number(&w, "input_part", x->input_part);
        number(&w, "bias_part", x->bias_part);
        number(&w, "incompleteness", x->incompleteness);
    }
    write_map(&w, x);
    ft_json_out_close(&w);
    ft_err err = text.err;
    if (err == FT_OK) err = ft_arena_str(&out->bytes, arena, ft_buf_str(&text));
    out->content_type = FT_STR("application/json");
    ft_buf_fini(&text);
    return err;
}

ft_err ft_nn_explain_request(ft_payload *out, ft_nn_explainer *e, const ft_nn_network *n,
                             const ft_array *image, const ft_payload *in, const ft_explain_ask *ask,
                             ft_str accept, ft_arena *arena) {
    ft_nn_explain_opts o = { .samples = ask->samples, .noise = ask->noise, .seed = ask->seed };
    ft_nn_explanation x;
    ft_str type;
    ft_media_choose(&type, "image/png|application/json", accept);
    if (!type.at) return FT_FAIL(FT_EACCEPT, "explanations are image/png or application/json");
    if (ask->method.len) FT_TRY(ft_nn_method_parse(&o.method, ask->method));
    FT_TRY(class_of(&o, n, ask->class));
    FT_TRY(ft_nn_explain(&x, e, image, &o, arena));
    return ft_str_is(type, "image/png") ? answer_png(out, &x, in, ask, arena)
                                        : answer_json(out, &x, n, arena);
}
