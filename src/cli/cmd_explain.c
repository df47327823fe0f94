/* cmd_explain.c -- `fettle explain`: why a network answers a picture as it does, as a heat map. */
#include <stdio.h>

#include "base/files.h"
#include "cli/listing.h"
#include "cli/model_place.h"
#include "cli/network_args.h"
#include "nn/explain.h"

static const ft_param options[] = {
    { "method", FT_PARAM_CHOICE, "fullgrad", .choices = FT_NN_METHOD_CHOICES,
      .doc = "WORD: how it is found" },
    { "class", FT_PARAM_STRING, NULL,
      .doc = "CLASS: explain its score, by number or label (the answer's when not given)" },
    { "out", FT_PARAM_STRING, NULL,
      .doc = "FILE.png: the map over the picture (PICTURE-METHOD.png when not given)" },
    { "opacity", FT_PARAM_FLOAT, "0.5", .min = 0, .max = 1,
      .doc = "X: of the map over the picture; 1 shows the map alone" },
    { "samples", FT_PARAM_INT, "25", .min = 1, .max = 10000, .doc = "N: copies for smoothgrad" },
    { "noise", FT_PARAM_FLOAT, "0.15", .min = 0, .max = 10, .min_open = true,
      .doc = "X: smoothgrad's deviation, of the range of the picture's values" },
    { "seed", FT_PARAM_INT, "0", .min = 0, .max = 1e15, .doc = "N: of the noise" },
    { "threads", FT_PARAM_INT, "1", .min = 1, .max = 256, .doc = "N: threads of the run" },
    { 0 }
};

static ft_err opts_read(ft_nn_explain_opts *o, const ft_nn_network *n, ft_cli *cli) {
    const ft_params *p = cli->options;
    ft_str class = ft_params_str(p, "class");
    *o = (ft_nn_explain_opts){ .class_given = class.at != NULL,
                               .samples = (int)ft_params_int(p, "samples"),
                               .noise = ft_params_float(p, "noise"),
                               .seed = (uint64_t)ft_params_int(p, "seed") };
    FT_TRY(ft_nn_method_parse(&o->method, ft_params_str(p, "method")));
    return class.at ? ft_cli_class(&o->class, cli, n, class) : FT_OK;
}

static ft_err file_name(ft_str *out, ft_cli *cli) {
    ft_str given = ft_params_str(cli->options, "out");
    if (given.at) return ft_arena_str(out, &cli->arena, given);
    ft_str stem = ft_cli_stem(cli->args[1]), method = ft_params_str(cli->options, "method");
    return ft_arena_printf(out, &cli->arena, "%.*s-%.*s.png", FT_STR_ARG(stem), FT_STR_ARG(method));
}

/* A PNG by another name would be taken for what it is not. */
static ft_err name_check(ft_cli *cli) {
    ft_str given = ft_params_str(cli->options, "out");
    if (!given.at || ft_str_ends(given, FT_STR(".png")) || ft_str_ends(given, FT_STR(".PNG")) ||
        ft_file_is_special(given.at))
        return FT_OK;
    return FT_FAIL(FT_EINVAL, "--out %.*s: heat maps are written as PNG: expected FILE.png",
                   FT_STR_ARG(given));
}

static ft_err draw(ft_str *file, const ft_nn_explanation *x, ft_str bytes, ft_cli *cli) {
    ft_image picture;
    ft_buf png = { 0 };
    ft_nn_map m = { x->width, x->height, x->map };
    FT_TRY(file_name(file, cli));
    FT_TRY(ft_image_decode(&picture, &cli->arena, bytes, NULL));
    ft_err err = ft_nn_map_png(&png, &m, &picture, (float)ft_params_float(cli->options, "opacity"));
    if (err == FT_OK) err = ft_file_write_atomic(file->at, ft_buf_str(&png), false);
    ft_buf_fini(&png);
    return err;
}

static ft_err tell(const ft_nn_explanation *x, const ft_nn_network *n, ft_str file, ft_cli *cli) {
    static const char *const columns[] = { "class",      "label",     "probability",    "score",
                                           "input_part", "bias_part", "incompleteness", "file" };
    ft_listing l;
    bool full = x->method == FT_NN_FULLGRAD;
    ft_listing_init(&l, cli, columns, 8);
    ft_listing_int(&l, x->class);
    ft_listing_text(&l, ft_cli_class_label(n, x->class));
    ft_listing_number(&l, x->probability);
    ft_listing_number(&l, x->score);
    double parts[] = { x->input_part, x->bias_part, x->incompleteness };
    for (int i = 0; i < 3; i++) {
        if (full)
            ft_listing_number(&l, parts[i]);
        else
            ft_listing_text(&l, FT_STR(""));
    }
    ft_listing_text(&l, file);
    return ft_listing_print(&l, "");
}

static ft_err explain(ft_nn_explainer *e, const ft_nn_network *n, ft_cli *cli) {
    ft_nn_explain_opts o;
    ft_nn_explanation x;
    ft_array image;
    ft_str bytes, file = { 0 };
    FT_TRY(name_check(cli));
    FT_TRY(opts_read(&o, n, cli));
    FT_TRY(ft_cli_picture(&bytes, &cli->arena, cli->args[1]));
    ft_err err = ft_nn_picture(&image, n, bytes, &cli->arena);
    if (err != FT_OK) return ft_err_prefix(err, "%.*s", FT_STR_ARG(cli->args[1]));
    FT_TRY(ft_nn_explain(&x, e, &image, &o, &cli->arena));
    FT_TRY(draw(&file, &x, bytes, cli));
    return tell(&x, n, file, cli);
}

static ft_err run(ft_cli *cli) {
    ft_nn_network *n;
    ft_nn_explainer *e = NULL;
    ft_str path = { 0 };
    FT_TRY(ft_cli_model_file(&path, cli, cli->args[0]));
    FT_TRY(ft_nn_network_read(&n, path.at));
    ft_err err = ft_nn_explainer_new(&e, n, (int)ft_params_int(cli->options, "threads"));
    if (err == FT_OK) err = explain(e, n, cli);
    ft_nn_explainer_free(e);
    ft_nn_network_free(n);
    return err;
}

const ft_command ft_command_explain = {
    .name = "explain",
    .args = "MODEL PICTURE",
    .args_min = 2,
    .args_max = 2,
    .doc = "why a network answers a picture as it does, as a heat map",
    .more =
        "Methods: fullgrad (input and all biases; the parts add up to the score, and "
        "\"incompleteness\" says by how much of it they do not), gradient, smoothgrad, gradcam. "
        "MODEL is what `fettle run` takes.\n\n"
        "    fettle explain resnet18.pth sign.png\n"
        "    fettle explain model.onnx cat.jpg --method gradcam --class tabby --out cat-why.png",
    .options = options,
    .run = run,
};
