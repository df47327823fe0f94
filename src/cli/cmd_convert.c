/* cmd_convert.c -- `fettle convert`: a sound in one form into another. */
#include <signal.h>
#include <stdio.h>

#include "base/check.h"
#include "base/files.h"
#include "cli/listing.h"
#include "media/audio_out.h"
#include "media/convert.h"
#include "media/part_file.h"

/* How samples without a header stand: a name for each. */
static const struct {
    const char *name;
    ft_wav_coding coding;
    int bits;
    bool big_endian;
    int rate_hz; /* where nothing is said */
} encodings[] = {
    { "s16le", FT_WAV_PCM, 16, false, 16000 }, { "s16be", FT_WAV_PCM, 16, true, 16000 },
    { "u8", FT_WAV_PCM, 8, false, 8000 },      { "s24le", FT_WAV_PCM, 24, false, 48000 },
    { "s32le", FT_WAV_PCM, 32, false, 48000 }, { "f32le", FT_WAV_FLOAT, 32, false, 48000 },
    { "ulaw", FT_WAV_ULAW, 8, false, 8000 },   { "alaw", FT_WAV_ALAW, 8, false, 8000 },
};

static const char *encoding_of(const ft_params *p, ft_str path) {
    if (ft_params_given(p, "encoding")) {
        ft_str name = ft_params_str(p, "encoding");
        for (size_t i = 0; i < FT_COUNT(encodings); i++)
            if (ft_str_is(name, encodings[i].name)) return encodings[i].name;
    }
    if (ft_str_ends(path, FT_STR(".ulaw")) || ft_str_ends(path, FT_STR(".ul"))) return "ulaw";
    return ft_str_ends(path, FT_STR(".alaw")) || ft_str_ends(path, FT_STR(".al")) ? "alaw"
                                                                                  : "s16le";
}

static ft_err read_raw(ft_wav *w, ft_str bytes, ft_str path, const ft_params *p) {
    const char *name = encoding_of(p, path);
    for (size_t i = 0; i < FT_COUNT(encodings); i++) {
        if (strcmp(encodings[i].name, name) != 0) continue;
        *w = (ft_wav){ .coding = encodings[i].coding,
                       .bits = encodings[i].bits,
                       .big_endian = encodings[i].big_endian,
                       .rate_hz = encodings[i].rate_hz,
                       .channels = (int)ft_params_int(p, "channels") };
    }
    if (ft_params_given(p, "rate")) w->rate_hz = (int)ft_params_int(p, "rate");
    return ft_wav_raw(w, bytes);
}

/* By its first bytes, or by its name: an MP3 without tags begins like samples may. */
static bool is_compressed(ft_str bytes, ft_str path) {
    static const char *const endings[] = {
        ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".aac"
    };
    static const char *const begins[] = { "OggS", "ID3", "fLaC" };
    for (size_t i = 0; i < FT_COUNT(begins); i++)
        if (ft_str_starts(bytes, ft_str_of(begins[i]))) return true;
    for (size_t i = 0; i < FT_COUNT(endings); i++) {
        size_t len = strlen(endings[i]);
        if (path.len > len &&
            ft_str_ieq(ft_str_from(path, path.len - len), ft_str_n(endings[i], len)))
            return true;
    }
    return bytes.len >= 8 && memcmp(bytes.at + 4, "ftyp", 4) == 0;
}

/* A WAV says itself what it is; anything else is samples, unless it plainly is not. */
static ft_err read_sound(ft_wav *w, ft_str bytes, ft_str path, const ft_params *p) {
    bool is_wav = ft_str_starts(bytes, FT_STR("RIF")) || ft_str_starts(bytes, FT_STR("RF64")) ||
                  ft_str_starts(bytes, FT_STR("BW64"));
    bool given = ft_params_given(p, "encoding");
    if (is_wav && !given) return ft_wav_read(w, bytes);
    if (ft_str_ends(path, FT_STR(".wav")) && !given) return ft_wav_read(w, bytes);
    if (!given && is_compressed(bytes, path))
        return FT_FAIL(FT_EMEDIA, "a compressed file; converted are WAV files and plain samples");
    return read_raw(w, bytes, path, p);
}

static ft_err format_for(const ft_audio_format **out, const ft_params *p, ft_str path) {
    *out = ft_params_given(p, "format") ? ft_audio_format_find(ft_params_str(p, "format"))
                                        : ft_audio_format_ending(path);
    if (*out) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%.*s: no format by that ending; give --format", FT_STR_ARG(path));
}

static ft_err convert(ft_cli *cli, const ft_wav *w, ft_str bytes, ft_str to) {
    const ft_params *p = cli->options;
    ft_part_file *file = NULL;
    ft_buf head = { 0 };
    ft_err err;
    ft_convert_opts opts = { .rate_hz = (int)ft_params_int(p, "to-rate"),
                             .mono = ft_params_bool(p, "mono"),
                             .telephone = ft_params_bool(p, "telephone"),
                             .frame_20ms = ft_params_bool(p, "frames") };
    FT_TRY(format_for(&opts.format, p, to));
    FT_GOTO(err, ft_part_file_new(&file, to.at));
    FT_GOTO(err, ft_part_file_source(file, cli->args[0].at, bytes));
    FT_GOTO(err, ft_sound_convert(w, &opts, ft_part_file_write, file, &head));
    FT_GOTO(err, ft_part_file_commit(file, ft_buf_str(&head)));
done:
    ft_part_file_free(file);
    ft_buf_fini(&head);
    return err;
}

static ft_err run(ft_cli *cli) {
    ft_str from = cli->args[0], to = cli->args[1], bytes = { 0 };
    ft_wav w;
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), not our death */
    FT_TRY(ft_file_map(&bytes, from.at));
    ft_err err = read_sound(&w, bytes, from, cli->options);
    if (err != FT_OK) err = ft_err_prefix(err, "%.*s", FT_STR_ARG(from));
    if (err == FT_OK) err = convert(cli, &w, bytes, to);
    if (err == FT_OK && w.cut)
        fprintf(stderr,
                "%.*s: ends early, at %.3f s: before the length that it gives or within a sample\n",
                FT_STR_ARG(from), (double)w.frames / w.rate_hz);
    ft_file_unmap(bytes);
    if (err != FT_OK) return err;
    return ft_cli_done(cli, "%.*s: %.3f s", FT_STR_ARG(to), (double)w.frames / w.rate_hz);
}

static const ft_param options[] = {
    { "rate", FT_PARAM_INT, NULL, .min = FT_AUDIO_RATE_MIN, .max = FT_AUDIO_RATE_MAX,
      .doc = "HZ: samples a second of a file without a header (16000; 8000 for ulaw and alaw)" },
    { "channels", FT_PARAM_INT, "1", .min = 1, .max = 256,
      .doc = "N: channels of a file without a header" },
    { "encoding", FT_PARAM_CHOICE, NULL, .choices = "s16le|s16be|u8|s24le|s32le|f32le|ulaw|alaw",
      .doc = "NAME: samples of a file without a header" },
    { "format", FT_PARAM_CHOICE, NULL,
      .choices = "pcm|wav|mp3|ogg_vorbis|ulaw|alaw|wav_ulaw|wav_alaw",
      .doc = "NAME: what to write, where the ending does not say" },
    { "to-rate", FT_PARAM_INT, NULL, .min = FT_AUDIO_RATE_MIN, .max = FT_AUDIO_RATE_MAX,
      .doc = "HZ: samples a second to write" },
    { "mono", FT_PARAM_FLAG, .doc = "mix the channels into one" },
    { "telephone", FT_PARAM_FLAG, .doc = "300 to 3,400 Hz at an even level; mono" },
    { "frames", FT_PARAM_FLAG, .doc = "fill up the last 20 ms with silence" },
    { 0 }
};

const ft_command ft_command_convert = {
    .name = "convert",
    .args = "IN OUT",
    .args_min = 2,
    .args_max = 2,
    .doc = "a sound in one form into another: PCM, WAV, µ-law, A-law, MP3, Ogg Vorbis",
    .more = "IN is a WAV file (integers of 1 to 64 bits, floats, µ-law, A-law) or samples without "
            "a header,\nby default 16-bit little-endian ones at 16,000 a second, one channel: what "
            "speech services\ngive as pcm. OUT's ending says what to write. OUT appears when it is "
            "whole.\n\n"
            "  fettle convert in.pcm out.wav\n"
            "  fettle convert --rate 8000 --channels 2 in.pcm out.wav\n"
            "  fettle convert --to-rate 8000 --telephone in.wav out.ulaw.wav",
    .options = options,
    .run = run,
};
