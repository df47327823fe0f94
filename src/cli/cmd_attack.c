/* cmd_attack.c -- `fettle attack`: pictures changed by little so that a network answers otherwise,
 * to try what watches it. */
#include <stdio.h>

#include "base/files.h"
#include "cli/listing.h"
#include "cli/model_place.h"
#include "cli/network_args.h"
#include "nn/attack.h"

static const ft_param options[] = {
    { "method", FT_PARAM_CHOICE, "pgd", .choices = FT_NN_ATTACK_CHOICES,
      .doc = "WORD: pgd, fgsm, or noise of the same size (the control)" },
    { "target", FT_PARAM_STRING, NULL,
      .doc = "CLASS: to be answered, by number or label; any other than now when not given" },
    { "eps", FT_PARAM_FLOAT, "8", .min = 0, .max = 255, .min_open = true,
      .doc = "X: largest change of a channel, of 255" },
    { "steps", FT_PARAM_INT, "40", .min = 1, .max = 100000, .doc = "N: of pgd, at most" },
    { "step", FT_PARAM_FLOAT, NULL, .min = 0, .max = 255,
      .doc = "X: change of one step of pgd (2.5 eps / steps when not given)" },
    { "confidence", FT_PARAM_FLOAT, "0.9", .min = 0, .max = 1, .min_open = true,
      .doc = "X: pgd stops when the wanted answer has this probability" },
    { "seed", FT_PARAM_INT, "0", .min = 0, .max = 1e15, .doc = "N: of the random start and noise" },
    { "out", FT_PARAM_STRING, NULL, .required = true,
      .doc = "FOLDER: NAME.png of each is written there" },
    { "difference", FT_PARAM_STRING, NULL,
      .doc = "FOLDER: for what was changed, as pictures (OUT-difference when not given)" },
    { "limit", FT_PARAM_INT, NULL, .min = 1, .max = 1e9, .doc = "N: stop after N pictures" },
    { "threads", FT_PARAM_INT, "1", .min = 1, .max = 256, .doc = "N: threads of the run" },
    { 0 }
};

typedef struct attacking {
    ft_cli *cli;
    ft_nn_network *network;
    ft_nn_explainer *e;
    ft_nn_attack_opts opts;
    ft_str out, differences;
    ft_arena arena; /* of one picture */
    ft_listing listing;
    int64_t done, succeeded, already, flat, unread, limit;
    ft_str *written; /* names so far, sorted */
    size_t written_count, written_room;
} attacking;

static ft_err write_picture(const attacking *a, ft_str folder, ft_str stem, ft_str png,
                            ft_str *path) {
    FT_TRY(ft_arena_printf(path, &a->cli->arena, "%.*s/%.*s.png", FT_STR_ARG(folder),
                           FT_STR_ARG(stem)));
    return ft_file_write_atomic(path->at, png, false);
}

static ft_err write_difference(attacking *a, const ft_nn_attacked *got, ft_str stem) {
    ft_image d;
    ft_buf png = { 0 };
    ft_str path = { 0 };
    FT_TRY(ft_nn_attack_difference(&d, got, &a->arena));
    ft_err err = ft_image_encode(&png, &d, &(ft_encode_opts){ .kind = FT_IMAGE_PNG });
    if (err == FT_OK) err = write_picture(a, a->differences, stem, ft_buf_str(&png), &path);
    ft_buf_fini(&png);
    return err;
}

/* It was answered with the target before: no attack's merit. */
static bool already(const attacking *a, const ft_nn_attacked *got) {
    return a->opts.targeted && got->class_before == a->opts.target;
}

static void tell(attacking *a, ft_str file, const ft_nn_attacked *got) {
    ft_listing *l = &a->listing;
    ft_listing_text(l, file);
    ft_listing_int(l, got->class_before);
    ft_listing_number(l, got->probability_before);
    ft_listing_int(l, got->class_after);
    ft_listing_number(l, got->probability_after);
    ft_listing_text(l, already(a, got) ? FT_STR("already")
                       : got->success  ? FT_STR("yes")
                                       : FT_STR("no"));
    ft_listing_int(l, got->steps);
    ft_listing_int(l, got->change_most);
}

/* "3/12.png" of a folder -> "3_12" */
static ft_err name_of(ft_str *out, ft_arena *arena, ft_str below) {
    FT_TRY(ft_arena_str(out, arena, below));
    for (size_t i = 0; i < out->len; i++)
        if (out->at[i] == '/') ((char *)(uintptr_t)out->at)[i] = '_';
    *out = ft_cli_stem(*out);
    return FT_OK;
}

/* Two pictures under one name: the second would replace the first. */
static ft_err name_take(attacking *a, ft_str stem, ft_str path) {
    ft_str name = { 0 };
    size_t low = 0, high = a->written_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ft_str_cmp(stem, a->written[middle]);
        if (order == 0)
            return FT_FAIL(FT_ECONFLICT,
                           "%.*s: another picture is written as %.*s.png already; give the folder "
                           "that has both, or another name",
                           FT_STR_ARG(path), FT_STR_ARG(stem));
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (a->written_count == a->written_room) {
        ft_str *more;
        a->written_room = a->written_room ? 2 * a->written_room : 64;
        FT_TRY(ft_arena_items(&more, &a->cli->arena, a->written_room));
        if (a->written_count) memcpy(more, a->written, a->written_count * sizeof *more);
        a->written = more;
    }
    FT_TRY(ft_arena_str(&name, &a->cli->arena, stem));
    memmove(a->written + low + 1, a->written + low, (a->written_count - low) * sizeof name);
    a->written[low] = name;
    a->written_count++;
    return FT_OK;
}

static ft_err one(attacking *a, ft_str path, ft_str stem) {
    ft_nn_attacked got;
    ft_str bytes, file = { 0 };
    a->opts.seed++; /* every picture another start */
    FT_TRY(ft_cli_picture(&bytes, &a->arena, path));
    FT_TRY(ft_nn_attack(&got, a->e, a->network, bytes, &a->opts, &a->arena));
    FT_TRY(name_take(a, stem, path));
    FT_TRY(write_picture(a, a->out, stem, got.png, &file));
    FT_TRY(write_difference(a, &got, stem));
    a->done++;
    a->already += already(a, &got);
    a->flat += got.flat;
    a->succeeded += got.success && !already(a, &got);
    tell(a, file, &got);
    return FT_OK;
}

/* A picture that cannot be read does not end the others. */
static ft_err one_of_many(attacking *a, ft_str path, ft_str below) {
    ft_str name = { 0 };
    if (a->limit && a->done >= a->limit) return FT_OK;
    ft_arena_reset(&a->arena);
    ft_err err = name_of(&name, &a->arena, below);
    if (err == FT_OK) err = one(a, path, name);
    bool unread = err == FT_EMEDIA || err == FT_ECORRUPT || err == FT_ETOOBIG;
    if (!unread) return err;
    fprintf(stderr, "passed over: %.*s: %s\n", FT_STR_ARG(path), ft_err_why());
    ft_err_clear();
    a->unread++;
    return FT_OK;
}

static ft_err file_of_folder(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    (void)info;
    return one_of_many(ctx, ft_str_of(path), below);
}

static ft_err all(attacking *a) {
    for (int i = 1; i < a->cli->arg_count; i++) {
        ft_str path = { 0 };
        ft_file_info info;
        FT_TRY(ft_arena_str(&path, &a->cli->arena, a->cli->args[i]));
        FT_TRY(ft_file_stat(&info, path.at));
        if (info.is_dir)
            FT_TRY(ft_dir_walk(
                &(ft_dir_walker){ .arena = &a->cli->arena, .file = file_of_folder, .ctx = a },
                path.at));
        else
            FT_TRY(one_of_many(a, path, ft_path_base(path)));
    }
    if (!a->done && !a->unread)
        return FT_FAIL(FT_ENOTFOUND, "'%.*s'%s: there is no file", FT_STR_ARG(a->cli->args[1]),
                       a->cli->arg_count > 2 ? " and the others" : "");
    if (!a->done)
        return FT_FAIL(FT_EMEDIA, "none of the %lld files is a picture", (long long)a->unread);
    return FT_OK;
}

static ft_err opts_read(attacking *a) {
    const ft_params *p = a->cli->options;
    ft_str target = ft_params_str(p, "target");
    a->opts = (ft_nn_attack_opts){ .targeted = target.at != NULL,
                                   .epsilon = ft_params_float(p, "eps"),
                                   .steps = (int)ft_params_int(p, "steps"),
                                   .confidence = ft_params_float(p, "confidence"),
                                   .seed = (uint64_t)ft_params_int(p, "seed") };
    if (ft_params_given(p, "step")) a->opts.step = ft_params_float(p, "step");
    a->limit = ft_params_given(p, "limit") ? ft_params_int(p, "limit") : 0;
    FT_TRY(ft_nn_attack_parse(&a->opts.method, ft_params_str(p, "method")));
    return target.at ? ft_cli_class(&a->opts.target, a->cli, a->network, target) : FT_OK;
}

static ft_err attack(attacking *a) {
    static const char *const columns[] = { "file", "class",   "probability", "becomes",
                                           "with", "success", "steps",       "change" };
    ft_cli *cli = a->cli;
    FT_TRY(opts_read(a));
    FT_TRY(ft_arena_str(&a->out, &cli->arena, ft_params_str(cli->options, "out")));
    while (a->out.len > 1 && ft_str_ends(a->out, FT_STR("/"))) a->out.len--;
    ft_str given = ft_params_str(cli->options, "difference");
    FT_TRY(ft_arena_printf(&a->out, &cli->arena, "%.*s", FT_STR_ARG(a->out)));
    FT_TRY(given.at ? ft_arena_str(&a->differences, &cli->arena, given)
                    : ft_arena_printf(&a->differences, &cli->arena, "%s-difference", a->out.at));
    FT_TRY(ft_dir_make(a->out.at));
    FT_TRY(ft_dir_make(a->differences.at));
    ft_listing_init(&a->listing, cli, columns, 8);
    FT_TRY(all(a));
    FT_TRY(ft_listing_print(&a->listing, ""));
    fprintf(stderr, "%lld of %lld attacks %s\n", (long long)a->succeeded,
            (long long)(a->done - a->already),
            a->opts.targeted ? "reach the target" : "change the answer");
    if (a->already)
        fprintf(stderr, "%lld pictures were answered with the target before: not counted\n",
                (long long)a->already);
    if (a->flat)
        fprintf(stderr,
                "%lld pictures have a gradient of nothing but zeros: a step function, as Round or "
                "Sign, is on the way back, and only chance changes the answer\n",
                (long long)a->flat);
    return FT_OK;
}

static ft_err run(ft_cli *cli) {
    attacking a = { .cli = cli };
    ft_str path = { 0 };
    FT_TRY(ft_cli_model_file(&path, cli, cli->args[0]));
    FT_TRY(ft_nn_network_read(&a.network, path.at));
    ft_err err = ft_nn_explainer_new(&a.e, a.network, (int)ft_params_int(cli->options, "threads"));
    if (err == FT_OK) err = attack(&a);
    ft_arena_fini(&a.arena);
    ft_nn_explainer_free(a.e);
    ft_nn_network_free(a.network);
    return err;
}

const ft_command ft_command_attack = {
    .name = "attack",
    .args = "MODEL PICTURE...",
    .args_min = 2,
    .args_max = FT_ARGS_MAX,
    .doc = "change pictures by little so that a network answers otherwise",
    .more =
        "To try what watches an endpoint. Whether an attack succeeds is found out by the PNG as "
        "it was written, read again; a picture that was answered with the target before is told as "
        "\"already\" and not counted. PICTURE may be a folder: its 3/12.png is written as "
        "3_12.png. MODEL is what `fettle run` takes; one without a gradient is refused.\n\n"
        "    fettle attack resnet18.pth signs/ --target 14 --eps 8 --out attacked\n"
        "    fettle attack model.onnx cat.jpg --method fgsm --out attacked",
    .options = options,
    .run = run,
};
