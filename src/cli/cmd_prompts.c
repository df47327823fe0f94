/* cmd_prompts.c -- `fettle prompts build`: a table of prompts into files. */
#include <signal.h>
#include <stdio.h>

#include "base/check.h"
#include "base/files.h"
#include "cli/listing.h"
#include "speech/prompts.h"

#define LEXICONS_MAX 5 /* Polly's */

static void tell(void *ctx, ft_str id, const char *what) {
    const ft_cli *cli = ctx;
    if (strcmp(what, "failed") == 0)
        fprintf(stderr, "%-8s%s\n", what, ft_err_why());
    else if (!cli->json && strcmp(what, "kept") != 0)
        fprintf(stderr, "%-8s%.*s\n", what, FT_STR_ARG(id));
}

static ft_err read_lexicons(ft_prompts_opts *o, ft_cli *cli, ft_buf *all) {
    const ft_lexicon **lexicons;
    ft_str path, pls;
    FT_TRY(ft_arena_items(&lexicons, &cli->arena, LEXICONS_MAX));
    o->request.lexicons = lexicons;
    for (size_t i = 0; ft_params_each(cli->options, "lexicon", i, &path); i++) {
        ft_lexicon *one;
        if (i == LEXICONS_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d lexicons", LEXICONS_MAX);
        FT_TRY(ft_file_read(&pls, &cli->arena, path.at, FT_LEXICON_BYTES_MAX));
        ft_err err = ft_lexicon_read(&one, &cli->arena, pls);
        if (err != FT_OK) return ft_err_prefix(err, "%.*s", FT_STR_ARG(path));
        lexicons[o->request.lexicon_count++] = one;
        FT_TRY(ft_buf_add(all, pls));
    }
    o->lexicons = ft_buf_str(all);
    return FT_OK;
}

static ft_err read_options(ft_prompts_opts *o, ft_cli *cli, ft_buf *lexicons) {
    const ft_params *p = cli->options;
    ft_str format = ft_params_str(p, "format");
    o->request.type = FT_SPEECH_AUTO;
    o->request.voice = ft_params_str(p, "voice");
    o->request.style = ft_params_str(p, "style");
    o->request.format =
        ft_audio_format_find(ft_str_is(format, "ogg") ? FT_STR("ogg_vorbis") : format);
    o->request.rate_hz = (int)ft_params_int(p, "rate");
    o->request.telephone = ft_params_bool(p, "telephone");
    o->request.frame_20ms = ft_params_bool(p, "frames");
    o->force = ft_params_bool(p, "force");
    o->told = tell;
    o->ctx = cli;
    return read_lexicons(o, cli, lexicons);
}

static ft_err run_build(ft_cli *cli) {
    ft_prompts_opts opts = { 0 };
    ft_prompts_told told = { 0 };
    ft_buf lexicons = { 0 };
    ft_str table = { 0 }, to = ft_params_str(cli->options, "out");
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), not our death */
    ft_err err = read_options(&opts, cli, &lexicons);
    if (err == FT_OK)
        err = ft_file_read(&table, &cli->arena, cli->args[0].at, FT_PROMPTS_BYTES_MAX);
    if (err == FT_OK) err = ft_prompts_build(&told, table, cli->args[0].at, to.at, &opts);
    ft_buf_fini(&lexicons);
    if (err != FT_OK && told.failed)
        return FT_FAIL(err, "%zu of the table's prompts cannot be spoken; %zu built, %zu kept",
                       told.failed, told.built, told.kept);
    if (err != FT_OK) return err;
    return ft_cli_done(cli, "%zu built (%.1f s), %zu kept, %zu removed; listen: %.*s/index.html",
                       told.built, told.seconds, told.kept, told.removed, FT_STR_ARG(to));
}

static const ft_param options[] = {
    { "out", FT_PARAM_STRING, NULL, .required = true, .doc = "FOLDER: where the files go" },
    { "voice", FT_PARAM_STRING, "Joanna", .doc = "NAME: who speaks, where the table does not say" },
    { "style", FT_PARAM_CHOICE, "neutral", .choices = "neutral|news|conversational",
      .doc = "NAME: how, where the table does not say" },
    { "format", FT_PARAM_CHOICE, "wav",
      .choices = "wav|mp3|ogg|ogg_vorbis|pcm|ulaw|alaw|wav_ulaw|wav_alaw",
      .doc = "NAME: what to write" },
    { "rate", FT_PARAM_INT, NULL, .min = 8000, .max = 24000,
      .doc = "HZ: 8000, 16000, 22050 or 24000 (the format's)" },
    { "telephone", FT_PARAM_FLAG, .doc = "300 to 3,400 Hz at an even level" },
    { "frames", FT_PARAM_FLAG, .doc = "fill up the last 20 ms with silence" },
    { "lexicon", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "FILE: a pronunciation lexicon (PLS)" },
    { "force", FT_PARAM_FLAG, .doc = "build every prompt, changed or not" },
    { 0 }
};

const ft_command ft_command_prompts_build = {
    .name = "prompts build",
    .args = "TABLE.csv",
    .args_min = 1,
    .args_max = 1,
    .doc = "a table of prompts into sound files, what changed only",
    .more =
        "The first line of the table names its columns: id and text (or ssml; SSML when it "
        "begins with\n<speak); voice, style and file may be there. Beside the files stand "
        "index.html, to listen to\nthem, and prompts.json, what each was made of. Files that we "
        "made and that the table no longer\nhas are removed; a file of that name that we did not "
        "make is not replaced (but by --force).\nA prompt that cannot be spoken is told with its "
        "line; the others are built.\n\n"
        "  fettle prompts build menu.csv --out prompts --format wav_ulaw --telephone",
    .options = options,
    .run = run_build,
};
