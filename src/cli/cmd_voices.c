/* cmd_voices.c -- `fettle voices add|ls|rm`: neural voices of the user's own. */
#include "base/check.h"
#include "cli/listing.h"
#include "speech/added.h"

static ft_err run_add(ft_cli *cli) {
    const ft_params *p = cli->options;
    ft_store *s;
    ft_str about, sex = ft_params_str(p, "sex"), config = ft_params_str(p, "config");
    ft_voice_new voice = { .name = cli->args[0],
                           .model = cli->args[1].at,
                           .config = config.len ? config.at : NULL,
                           .speaker = ft_params_str(p, "speaker"),
                           .lang = ft_params_str(p, "lang") };
    if (ft_str_is(sex, "female")) voice.sex = FT_STR("Female");
    if (ft_str_is(sex, "male")) voice.sex = FT_STR("Male");
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_voice_add(&about, s, &cli->arena, &voice));
    return ft_cli_done(cli, "%.*s: %.*s", FT_STR_ARG(cli->args[0]), FT_STR_ARG(about));
}

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "voice", "language", "sex", "what speaks" };
    const ft_voice **all;
    size_t count;
    ft_listing l;
    FT_TRY(ft_voices_all(&all, &count, &cli->arena));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_listing_text(&l, ft_str_of(all[i]->id));
        ft_listing_text(&l, ft_str_of(all[i]->lang));
        ft_listing_text(&l, ft_str_of(all[i]->sex));
        ft_listing_text(&l, ft_str_of(all[i]->speaker));
    }
    return ft_listing_print(&l, NULL);
}

static ft_err run_rm(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_voice_remove(s, cli->args[0]));
    return ft_cli_done(cli, "%.*s is removed", FT_STR_ARG(cli->args[0]));
}

static const ft_param add_options[] = {
    { "config", FT_PARAM_STRING, NULL, .doc = "FILE: its configuration (FILE.onnx.json)" },
    { "speaker", FT_PARAM_STRING, NULL, .doc = "NAME: of several, by name or number (the first)" },
    { "sex", FT_PARAM_CHOICE, "untold", .choices = "untold|female|male",
      .doc = "SEX: for listings; the files do not tell it" },
    { "lang", FT_PARAM_STRING, NULL, .doc = "CODE: its language, as en-US (what its files say)" },
    { 0 }
};

const ft_command ft_command_voices_add = {
    .name = "voices add",
    .args = "NAME FILE.onnx",
    .args_min = 2,
    .args_max = 2,
    .doc = "add a neural voice of your own (VITS, as Piper makes them)",
    .more =
        "FILE.onnx.json stands beside the network and says how it was trained. Both are kept in "
        "the "
        "home;\nthe voice then speaks wherever a voice has a name, in a running server, too. Its "
        "phonemes come\nfrom espeak-ng. See docs/add-a-voice.md.\n\n"
        "  fettle voices add Joe en_US-joe-medium.onnx --sex male\n"
        "  fettle speak --voice Joe --out hello.wav \"Hello. It is 3:05 pm.\"",
    .options = add_options,
    .run = run_add
};
const ft_command ft_command_voices_ls = { .name = "voices ls",
                                          .doc = "who speaks, and what really speaks",
                                          .run = run_ls };
const ft_command ft_command_voices_rm = { .name = "voices rm",
                                          .args = "NAME",
                                          .args_min = 1,
                                          .args_max = 1,
                                          .doc = "remove a voice that was added",
                                          .run = run_rm };
