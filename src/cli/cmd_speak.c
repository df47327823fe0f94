/* cmd_speak.c -- `fettle speak`: text or SSML into sound and speech marks. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "cli/listing.h"
#include "media/part_file.h"
#include "speech/added.h"
#include "speech/espeak.h"
#include "speech/speech.h"

#define TEXT_BYTES_MAX ((size_t)4 << 20)
#define LEXICONS_MAX   5 /* Polly's */

/* ---- the request */

/* A text; a file of that name; "-": what comes in. */
static ft_err read_text(ft_str *out, ft_cli *cli) {
    ft_str arg = cli->args[0];
    ft_file_info info;
    if (ft_str_is(arg, "-")) return ft_file_read(out, &cli->arena, "/dev/stdin", TEXT_BYTES_MAX);
    *out = arg;
    if (arg.len == 0 || arg.len > 1024 || ft_str_find(arg, '\n') < arg.len) return FT_OK;
    bool is_file = ft_file_stat(&info, arg.at) == FT_OK && !info.is_dir;
    ft_err_clear();
    return is_file ? ft_file_read(out, &cli->arena, arg.at, TEXT_BYTES_MAX) : FT_OK;
}

static ft_err read_marks(unsigned *out, const ft_params *p) {
    static const struct {
        const char *name;
        unsigned mark;
    } kinds[] = { { "sentence", FT_MARKS_SENTENCE },
                  { "word", FT_MARKS_WORD },
                  { "ssml", FT_MARKS_SSML },
                  { "viseme", FT_MARKS_VISEME } };
    ft_str name;
    for (size_t i = 0; ft_params_each(p, "marks", i, &name); i++)
        for (size_t k = 0; k < FT_COUNT(kinds); k++)
            if (ft_str_is(name, kinds[k].name)) *out |= kinds[k].mark;
    return FT_OK;
}

static ft_err read_lexicons(ft_speech_request *r, ft_cli *cli) {
    const ft_lexicon **lexicons;
    ft_str path, pls;
    FT_TRY(ft_arena_items(&lexicons, &cli->arena, LEXICONS_MAX));
    r->lexicons = lexicons;
    for (size_t i = 0; ft_params_each(cli->options, "lexicon", i, &path); i++) {
        ft_lexicon *one;
        if (i == LEXICONS_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d lexicons", LEXICONS_MAX);
        FT_TRY(ft_file_read(&pls, &cli->arena, path.at, FT_LEXICON_BYTES_MAX));
        ft_err err = ft_lexicon_read(&one, &cli->arena, pls);
        if (err != FT_OK) return ft_err_prefix(err, "%.*s", FT_STR_ARG(path));
        lexicons[r->lexicon_count++] = one;
    }
    return FT_OK;
}

/* By --format, else by the file's ending, else WAV; none where only marks are wanted. */
static ft_err read_format(ft_speech_request *r, const ft_params *p) {
    ft_str to = ft_params_str(p, "out");
    if (ft_params_given(p, "format")) {
        ft_str name = ft_params_str(p, "format");
        r->format = ft_audio_format_find(ft_str_is(name, "ogg") ? FT_STR("ogg_vorbis") : name);
        return FT_OK;
    }
    if (!to.len && ft_params_given(p, "marks")) return FT_OK;
    if (to.len && !ft_str_is(to, "-")) r->format = ft_audio_format_ending(to);
    if (!r->format && to.len && !ft_str_starts(to, FT_STR("/dev/")) && !ft_str_is(to, "-"))
        return FT_FAIL(FT_EINVAL, "%.*s: no format by that ending; give --format", FT_STR_ARG(to));
    if (!r->format) r->format = ft_audio_format_find(FT_STR("wav"));
    return FT_OK;
}

static ft_err read_request(ft_speech_request *r, ft_cli *cli) {
    const ft_params *p = cli->options;
    ft_str engine = ft_params_str(p, "engine");
    bool ssml = ft_params_bool(p, "ssml"), text = ft_params_bool(p, "text");
    if (ssml && text) return FT_FAIL(FT_EINVAL, "--ssml and --text: one of them");
    FT_TRY(read_text(&r->text, cli));
    r->type = ssml ? FT_SPEECH_SSML : text ? FT_SPEECH_TEXT : FT_SPEECH_AUTO;
    r->voice = ft_params_str(p, "voice");
    r->style = ft_params_str(p, "style");
    if (ft_str_is(r->style, "neutral")) r->style = (ft_str){ 0 };
    r->lang = ft_params_str(p, "lang");
    r->engine = ft_str_is(engine, "standard") ? FT_ENGINE_STANDARD
                : ft_str_is(engine, "neural") ? FT_ENGINE_NEURAL
                                              : FT_ENGINE_OWN;
    r->rate_hz = (int)ft_params_int(p, "rate");
    r->telephone = ft_params_bool(p, "telephone");
    r->frame_20ms = ft_params_bool(p, "frames");
    FT_TRY(read_marks(&r->marks, p));
    FT_TRY(read_lexicons(r, cli));
    FT_TRY(read_format(r, p));
    return ft_speech_check(r, NULL);
}

/* ---- speaking */

typedef struct target {
    ft_part_file *sound, *marks; /* NULL: not wanted */
} target;

static ft_err on_audio(void *ctx, ft_str bytes) {
    return ft_part_file_write(((target *)ctx)->sound, bytes);
}
static ft_err on_mark(void *ctx, ft_str line) {
    return ft_part_file_write(((target *)ctx)->marks, line);
}

static bool goes_out(ft_str to) {
    return to.len == 0 || ft_str_is(to, "-") || ft_file_is_special(to.at);
}
static const char *path_of(ft_str name) {
    return name.len == 0 || ft_str_is(name, "-") ? "/dev/stdout" : name.at;
}

/* Marks without a file of their own: beside the sound, or out where there is no sound. */
static ft_err open_targets(target *t, const ft_speech_request *r, ft_cli *cli) {
    ft_str to = ft_params_str(cli->options, "out"),
           marks = ft_params_str(cli->options, "marks-out");
    if (r->format && !to.len && isatty(1))
        return FT_FAIL(FT_EINVAL, "where to? --out FILE, or - for standard output");
    if (r->format) FT_TRY(ft_part_file_new(&t->sound, path_of(to)));
    if (!r->marks) return FT_OK;
    if (!marks.len && r->format && !goes_out(to))
        FT_TRY(ft_arena_printf(&marks, &cli->arena, "%.*s.marks.json", FT_STR_ARG(to)));
    if (!marks.len && r->format)
        return FT_FAIL(FT_EINVAL, "where do the marks go? --marks-out FILE");
    return ft_part_file_new(&t->marks, path_of(marks));
}

static ft_err commit(const target *t, const ft_buf *head) {
    if (t->marks) FT_TRY(ft_part_file_commit(t->marks, (ft_str){ 0 }));
    return t->sound ? ft_part_file_commit(t->sound, ft_buf_str(head)) : FT_OK;
}

static ft_err speak(ft_cli *cli, const ft_speech_request *r, ft_speech_told *told) {
    target t = { 0 };
    ft_buf head = { 0 };
    ft_err err;
    FT_GOTO(err, open_targets(&t, r, cli));
    ft_speech_sink to = { t.sound ? on_audio : NULL, t.marks ? on_mark : NULL, &t };
    FT_GOTO(err, ft_speech_speak(told, r, &to, &head, &cli->arena));
    FT_GOTO(err, commit(&t, &head));
done:
    ft_part_file_free(t.sound);
    ft_part_file_free(t.marks);
    ft_buf_fini(&head);
    return err;
}

static ft_err list_voices(ft_cli *cli) {
    static const char *const columns[] = { "voice", "language", "sex", "engines", "news",
                                           "what speaks" };
    ft_listing l;
    const ft_voice **all;
    size_t count;
    FT_TRY(ft_voices_all(&all, &count, &cli->arena));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        const ft_voice *v = all[i];
        ft_listing_text(&l, ft_str_of(v->id));
        ft_listing_text(&l, ft_str_of(v->lang));
        ft_listing_text(&l, ft_str_of(v->sex));
        ft_listing_text(&l, v->neural && v->standard ? FT_STR("neural, standard")
                            : v->neural              ? FT_STR("neural")
                                                     : FT_STR("standard"));
        ft_listing_text(&l, v->news ? FT_STR("yes") : FT_STR("by --style"));
        ft_listing_text(&l, ft_str_of(v->speaker));
    }
    return ft_listing_print(&l, NULL);
}

static ft_err run(ft_cli *cli) {
    ft_speech_request r = { 0 };
    ft_speech_told told = { 0 };
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), not our death */
    if (ft_params_bool(cli->options, "voices")) return list_voices(cli);
    if (cli->arg_count == 0) return FT_FAIL(FT_EINVAL, "what is to be spoken? TEXT, FILE or -");
    FT_TRY(read_request(&r, cli));
    FT_TRY(speak(cli, &r, &told));
    ft_str to = ft_params_str(cli->options, "out");
    if (!r.format || goes_out(to)) return FT_OK; /* nothing shall stand between the results */
    return ft_cli_done(cli, "%.*s: %.3f s", FT_STR_ARG(to), told.seconds);
}

static const ft_param options[] = {
    { "voice", FT_PARAM_STRING, "Joanna", .doc = "NAME: who speaks; --voices lists them" },
    { "style", FT_PARAM_CHOICE, "neutral", .choices = "neutral|news|conversational",
      .doc = "NAME: how, where the text does not say" },
    { "lang", FT_PARAM_STRING, NULL, .doc = "CODE: language of the text (the voice's)" },
    { "engine", FT_PARAM_CHOICE, "own", .choices = "own|standard|neural",
      .doc = "NAME: take what can be spoken here, or just what Polly's engine takes" },
    { "format", FT_PARAM_CHOICE, NULL,
      .choices = "wav|mp3|ogg|ogg_vorbis|pcm|ulaw|alaw|wav_ulaw|wav_alaw",
      .doc = "NAME: what to write, where the ending does not say (wav)" },
    { "rate", FT_PARAM_INT, NULL, .min = 8000, .max = 24000,
      .doc = "HZ: 8000, 16000, 22050 or 24000 (the format's)" },
    { "out", FT_PARAM_STRING, NULL, .doc = "FILE: where to; - is standard output" },
    { "ssml", FT_PARAM_FLAG, .doc = "it is SSML (by default: when it begins with <speak)" },
    { "text", FT_PARAM_FLAG, .doc = "it is plain text" },
    { "marks", FT_PARAM_LIST, NULL, .choices = "sentence|word|viseme|ssml",
      .doc = "LIST: speech marks as JSON lines: sentence,word,viseme,ssml" },
    { "marks-out", FT_PARAM_STRING, NULL,
      .doc = "FILE: where the marks go (OUT.marks.json; out, where there is no sound)" },
    { "telephone", FT_PARAM_FLAG, .doc = "300 to 3,400 Hz at an even level" },
    { "frames", FT_PARAM_FLAG, .doc = "fill up the last 20 ms with silence" },
    { "lexicon", FT_PARAM_STRING, NULL, .repeated = true,
      .doc = "FILE: a pronunciation lexicon (PLS); the first that has a word wins" },
    { "voices", FT_PARAM_FLAG, .doc = "list the voices and what really speaks" },
    { 0 }
};

const ft_command ft_command_speak = {
    .name = "speak",
    .args = "TEXT|FILE|-",
    .args_min = 0,
    .args_max = 1,
    .doc = "text or SSML into sound",
    .more =
        "Voices have the names of Amazon Polly's, so that what is written for them runs here; "
        "other\nprograms really speak (--voices), and they do not sound alike. Neural voices of "
        "your own\nare added by `fettle voices add`. FILE appears when it is whole.\n\n"
        "--style news works with every voice. Where --voices says \"yes\", Polly's voice of that name "
        "has\nit, too: there <amazon:domain name=\"news\"> is also taken with --engine neural.\n\n"
        "  fettle speak --out hello.wav \"Hello. It is 3:05 pm.\"\n"
        "  fettle speak --voice Matthew --style news --out news.mp3 article.txt\n"
        "  fettle speak --voice Lupe --format ulaw --telephone --out menu.ulaw - < menu.ssml\n"
        "  fettle speak --marks word,viseme \"Mary had a little lamb.\"",
    .options = options,
    .run = run,
};

static ft_err run_espeak(ft_cli *cli) {
    FT_UNUSED(cli);
    return ft_espeak_serve(0);
}

const ft_command ft_command_run_espeak = {
    .name = "run-espeak",
    .args_min = 0,
    .args_max = 0,
    .hidden = true,
    .doc = "speak with espeak-ng what is asked for over standard input",
    .run = run_espeak,
};
