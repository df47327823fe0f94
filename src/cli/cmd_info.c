/* cmd_info.c -- `fettle info` and `fettle algorithms ls|show`: what this program can do here. */
#include <stdio.h>

#include "base/check.h"
#include "base/pool.h"
#include "cli/listing.h"
#include "models/algorithm.h"
#include "models/predictor.h"
#include "nn/session.h"
#include "rules/rule.h"

static ft_err run_info(ft_cli *cli) {
    static const char *const columns[] = { "what", "value" };
    ft_listing l;
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    ft_listing_text(&l, FT_STR("version")), ft_listing_text(&l, FT_STR(FETTLE_VERSION));
    ft_listing_text(&l, FT_STR("home")), ft_listing_text(&l, ft_str_of(ft_store_home(s)));
    ft_listing_text(&l, FT_STR("processors")), ft_listing_int(&l, ft_cpu_count());
#if defined __x86_64__
    const char *simd = __builtin_cpu_supports("avx512bw") ? "AVX-512"
                       : __builtin_cpu_supports("avx2")   ? "AVX2"
                                                          : "SSE2";
    ft_listing_text(&l, FT_STR("instructions")), ft_listing_text(&l, ft_str_of(simd));
#endif
    ft_listing_text(&l, FT_STR("networks")), ft_listing_text(&l, ft_str_of(ft_nn_math_words()));
    return ft_listing_print(&l, NULL);
}

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "algorithm", "served by", "what it is" };
    ft_listing l;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (const ft_algorithm *const *a = ft_algorithms(); *a; a++) {
        ft_listing_text(&l, ft_str_of((*a)->name));
        ft_listing_text(&l, ft_str_of((*a)->predictor));
        ft_listing_text(&l, ft_str_of((*a)->doc));
    }
    return ft_listing_print(&l, NULL);
}

static ft_err run_show(ft_cli *cli) {
    const ft_algorithm *a = ft_algorithm_find(cli->args[0]);
    if (!a)
        return FT_FAIL(FT_ENOTFOUND, "no algorithm '%.*s'; `fettle algorithms ls` lists them",
                       FT_STR_ARG(cli->args[0]));
    return ft_listing_params(cli, a->params);
}

const ft_command ft_command_info = { .name = "info",
                                     .doc = "version, home, processor",
                                     .run = run_info };
const ft_command ft_command_algorithms_ls = { .name = "algorithms ls",
                                              .doc = "what can be trained",
                                              .run = run_ls };
const ft_command ft_command_algorithms_show = {
    .name = "algorithms show",
    .args = "ALGORITHM",
    .args_min = 1,
    .args_max = 1,
    .doc = "its hyperparameters: type, range, default, effect",
    .run = run_show
};
