/* cmd_trial.c -- `fettle trial explain`: the heat map of a stored request, from its tensors. */
#include <stdio.h>

#include "base/files.h"
#include "cli/listing.h"
#include "serve/saliency.h"

static const ft_param options[] = {
    { "step", FT_PARAM_INT, NULL, .min = 0, .max = 1e12,
      .doc = "N: of the trial (the newest with a picture when not given)" },
    { "out", FT_PARAM_STRING, NULL,
      .doc = "FILE.png: the map over the picture (step-N.png when not given)" },
    { "opacity", FT_PARAM_FLOAT, "0.5", .min = 0, .max = 1,
      .doc = "X: of the map over the picture; 1 shows the map alone" },
    { 0 }
};

static ft_err step_choose(int64_t *out, ft_trial *t, ft_cli *cli) {
    size_t count;
    if (ft_params_given(cli->options, "step")) {
        *out = ft_params_int(cli->options, "step");
        return FT_OK;
    }
    const int64_t *steps = ft_trial_tensor_steps(t, FT_STR("gradient/image"), &count);
    if (!count)
        return FT_FAIL(FT_ENOTFOUND, "no step of this trial has gradient/image: an endpoint keeps "
                                     "what a map needs with " FT_SALIENCY_TAP);
    *out = steps[count - 1];
    return FT_OK;
}

static ft_err draw(ft_str *file, const ft_saliency *s, ft_cli *cli) {
    ft_image picture;
    ft_buf png = { 0 };
    ft_str given = ft_params_str(cli->options, "out");
    FT_TRY(given.at ? ft_arena_str(file, &cli->arena, given)
                    : ft_arena_printf(file, &cli->arena, "step-%lld.png", (long long)s->step));
    FT_TRY(ft_saliency_picture(&picture, &s->image, &cli->arena));
    ft_err err =
        ft_nn_map_png(&png, &s->map, &picture, (float)ft_params_float(cli->options, "opacity"));
    if (err == FT_OK) err = ft_file_write_atomic(file->at, ft_buf_str(&png), false);
    ft_buf_fini(&png);
    return err;
}

static ft_err explain(ft_trial *t, ft_cli *cli) {
    static const char *const columns[] = { "step",   "width",       "height",
                                           "layers", "passed_over", "file" };
    ft_saliency s;
    ft_listing l;
    ft_str file = { 0 };
    int64_t step;
    FT_TRY(ft_trial_refresh(t, NULL));
    FT_TRY(step_choose(&step, t, cli));
    FT_TRY(ft_saliency_of(&s, t, step, &cli->arena));
    FT_TRY(draw(&file, &s, cli));
    ft_listing_init(&l, cli, columns, 6);
    ft_listing_int(&l, s.step);
    ft_listing_int(&l, s.map.width);
    ft_listing_int(&l, s.map.height);
    ft_listing_int(&l, s.layers);
    ft_listing_int(&l, s.passed_over);
    ft_listing_text(&l, file);
    return ft_listing_print(&l, "");
}

static ft_err run(ft_cli *cli) {
    ft_store *s;
    ft_trial *t;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_trial_open(&t, s, cli->args[0]));
    ft_err err = explain(t, cli);
    ft_trial_close(t);
    return err;
}

const ft_command ft_command_trial_explain = {
    .name = "trial explain",
    .args = "TRIAL",
    .args_min = 1,
    .args_max = 1,
    .doc = "the heat map of a stored request, from its tensors",
    .more =
        "FullGrad from what an endpoint kept (`fettle deploy --tap`), or what smdebug's PyTorch "
        "hook did: the picture and its gradient, and of every BatchNormalization its numbers "
        "and the gradient of what it gave.\n\n"
        "    fettle trial explain s3://fettle/tensors/signs --step 12",
    .options = options,
    .run = run,
};
