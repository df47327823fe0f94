/* cmd_data.c -- `fettle data pack|convert|unpack`: datasets into other datasets. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "cli/data_args.h"
#include "cli/listing.h"
#include "data/pack.h"

#define MB             1000000
#define BAR_CELLS      30
#define BAD_SHOWN      20
#define PLAIN_EVERY_US (5 * FT_SECOND_US)
#define SIDE_MAX       16384

static volatile sig_atomic_t interrupted;
static void on_interrupt(int number) {
    FT_UNUSED(number);
    interrupted = 1;
}

/* ---- what people see meanwhile */

typedef struct bar {
    bool terminal, quiet, drawn;
    int64_t began_us, plain_us;
    uint64_t bad_told;
} bar;

static ft_err bar_draw(void *ctx, const ft_pack_progress *p) {
    bar *b = ctx;
    int64_t now = ft_clock_monotonic_us();
    double seconds = (double)(now - b->began_us) / 1e6;
    char size[32], rate[32];
    if (interrupted)
        return FT_FAIL(FT_ECANCELED, "interrupted after %llu records and %u whole files",
                       (unsigned long long)p->records, p->shards);
    if (b->quiet || (!b->terminal && now - b->plain_us < PLAIN_EVERY_US)) return FT_OK;
    ft_text_size(size, p->bytes);
    ft_text_size(rate, seconds > 0 ? (uint64_t)((double)p->bytes / seconds) : 0);
    b->plain_us = now;
    if (!b->terminal || p->total == FT_DATASET_UNKNOWN) {
        fprintf(stderr, b->terminal ? "\r%llu records, %s, %s/s\033[K" : "%llu records, %s, %s/s\n",
                (unsigned long long)p->records, size, rate);
    } else {
        int full = p->total ? (int)((double)p->records / (double)p->total * BAR_CELLS) : BAR_CELLS;
        fprintf(stderr, "\r[%.*s%.*s] %llu/%llu  %s  %s/s\033[K", full,
                "##############################", BAR_CELLS - full,
                "..............................", (unsigned long long)p->records,
                (unsigned long long)p->total, size, rate);
    }
    b->drawn = b->terminal;
    return FT_OK;
}

static void bad_tell(void *ctx, const char *why) {
    bar *b = ctx;
    if (b->bad_told++ < BAD_SHOWN) fprintf(stderr, "%sleft out: %s\n", b->drawn ? "\n" : "", why);
}

/* ---- options */

static ft_err size_parse(int *width, int *height, ft_str text) {
    ft_str rest = text, first = ft_str_cut(&rest, 'x');
    uint64_t w = 0, h = 0;
    bool good = ft_str_u64(&w, first);
    h = w;
    if (rest.at) good = good && ft_str_u64(&h, rest);
    if (!good || w < 1 || h < 1 || w > SIDE_MAX || h > SIDE_MAX)
        return FT_FAIL(FT_EINVAL, "--resize: '%.*s' is no size; expected 256 or 320x240, up to %d",
                       FT_STR_ARG(text), SIDE_MAX);
    *width = (int)w;
    *height = (int)h;
    return FT_OK;
}

static ft_err opts_read(ft_pack_opts *o, ft_cli *cli) {
    const ft_params *p = cli->options;
    ft_str images = ft_params_str(p, "images"), fit = ft_params_str(p, "fit"), name;
    ft_str *vary;
    o->format = ft_params_str(p, "format");
    o->shard_bytes = (uint64_t)ft_params_int(p, "shard-size") * MB;
    if (ft_params_given(p, "resize"))
        FT_TRY(size_parse(&o->width, &o->height, ft_params_str(p, "resize")));
    o->fit = ft_str_is(fit, "squash")  ? FT_PACK_SQUASH
             : ft_str_is(fit, "short") ? FT_PACK_SHORT
                                       : FT_PACK_CROP;
    o->form = ft_str_is(images, "raw")       ? FT_PACK_RAW
              : ft_str_is(images, "jpeg")    ? FT_PACK_JPEG
              : ft_str_is(images, "png")     ? FT_PACK_PNG
              : ft_str_is(images, "regions") ? FT_PACK_REGIONS
                                             : FT_PACK_DEFAULT;
    o->quality = (int)ft_params_int(p, "quality");
    o->shuffle = ft_params_given(p, "shuffle");
    o->seed = (uint64_t)ft_params_int(p, "shuffle");
    o->threads = (int)ft_params_int(p, "threads");
    o->bad_max = (uint64_t)ft_params_int(p, "skip-bad");
    o->force = ft_params_bool(p, "force");
    o->resume = ft_params_bool(p, "resume");
    while (ft_params_each(p, "vary", o->vary_count, &name)) o->vary_count++;
    FT_TRY(ft_arena_items(&vary, &cli->arena, o->vary_count + 1));
    for (size_t i = 0; ft_params_each(p, "vary", i, &name); i++) vary[i] = name;
    o->vary = vary;
    return FT_OK;
}

/* ---- the end */

static ft_err told_json(const ft_pack_told *t, ft_str to, double seconds) {
    ft_buf b = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &b, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "to"), ft_json_out_str(&w, to);
    ft_json_out_name(&w, "records"), ft_json_out_i64(&w, (int64_t)(t->records + t->resumed));
    ft_json_out_name(&w, "resumed"), ft_json_out_i64(&w, (int64_t)t->resumed);
    ft_json_out_name(&w, "bad"), ft_json_out_i64(&w, (int64_t)t->bad);
    ft_json_out_name(&w, "empty"), ft_json_out_i64(&w, (int64_t)t->empty);
    ft_json_out_name(&w, "files"), ft_json_out_i64(&w, t->shards);
    ft_json_out_name(&w, "bytes"), ft_json_out_i64(&w, (int64_t)t->bytes);
    ft_json_out_name(&w, "shard_bytes"), ft_json_out_i64(&w, (int64_t)t->shard_bytes);
    ft_json_out_name(&w, "why"), ft_json_out_text(&w, t->why);
    ft_json_out_name(&w, "seconds"), ft_json_out_f64(&w, seconds);
    ft_json_out_close(&w);
    if (!b.err) printf("%s\n", b.at);
    ft_err err = b.err;
    ft_buf_fini(&b);
    return err;
}

/* The files by one name that the next command takes: "d/train-{00000..00027}.fts". */
static void names_print(const ft_pack_told *t, ft_str to) {
    ft_str base = ft_path_base(to);
    size_t dot = ft_str_find(base, '.');
    if (dot == 0) dot = base.len;
    size_t stem = to.len - base.len + dot;
    if (!t->shard_bytes)
        printf("%.*s", FT_STR_ARG(to));
    else if (t->shards == 1)
        printf("%.*s-00000%.*s", (int)stem, to.at, FT_STR_ARG(ft_str_from(to, stem)));
    else
        printf("%.*s-{00000..%05u}%.*s", (int)stem, to.at, t->shards - 1,
               FT_STR_ARG(ft_str_from(to, stem)));
}

static ft_err told_print(const ft_cli *cli, const ft_pack_told *t, ft_str to, double seconds) {
    char size[32], rate[32];
    if (cli->json) return told_json(t, to, seconds);
    ft_text_size(size, t->bytes);
    ft_text_size(rate, seconds > 0 ? (uint64_t)((double)t->bytes / seconds) : 0);
    printf("%s\n", t->why);
    names_print(t, to);
    printf(": %llu records in %u %s, %s in %.2f s (%s/s)",
           (unsigned long long)(t->records + t->resumed), t->shards,
           t->shards == 1 ? "file" : "files", size, seconds, rate);
    if (t->resumed) printf("; %llu of them were there before", (unsigned long long)t->resumed);
    if (t->bad) printf("; %llu damaged ones were left out", (unsigned long long)t->bad);
    printf("\n");
    if (t->empty)
        printf("%llu of them %s empty; the first: %s\n", (unsigned long long)t->empty,
               t->empty == 1 ? "is" : "are", t->empty_at);
    return FT_OK;
}

/* Takes the sources, all arguments but the last. */
static ft_err pack(ft_cli *cli, ft_data_sources *s, ft_pack_opts *opts) {
    ft_pack_told told;
    ft_str to = cli->args[cli->arg_count - 1];
    bar b = { .terminal = cli->terminal && !cli->json,
              .quiet = cli->json,
              .began_us = ft_clock_monotonic_us(),
              .plain_us = ft_clock_monotonic_us() };
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), not our death */
    opts->progress = bar_draw;
    opts->bad = bad_tell;
    opts->ctx = &b;
    ft_err err = ft_pack(&told, s->d, to.at, opts);
    double seconds = (double)(ft_clock_monotonic_us() - b.began_us) / 1e6;
    if (b.drawn) fprintf(stderr, "\n");
    if (!err) err = told_print(cli, &told, to, seconds);
    return err;
}

static ft_err run_with(ft_cli *cli, bool shards) {
    ft_pack_opts opts = { .shards = shards };
    ft_data_sources s = { 0 };
    ft_err err = opts_read(&opts, cli);
    if (ft_params_given(cli->options, "shard-size")) opts.shards = true;
    if (!err) err = ft_data_open(&s, cli, cli->arg_count - 1);
    if (!err) err = pack(cli, &s, &opts);
    ft_data_close(&s);
    return err;
}

static ft_err run_pack(ft_cli *cli) { return run_with(cli, true); }
static ft_err run_convert(ft_cli *cli) { return run_with(cli, false); }

/* Into a folder: images by class where there are images, else a file for each field. */
static ft_err run_unpack(ft_cli *cli) {
    ft_pack_opts opts = { .format = ft_params_str(cli->options, "format"),
                          .bad_max = (uint64_t)ft_params_int(cli->options, "skip-bad") };
    ft_data_sources s;
    ft_str base = ft_path_base(cli->args[cli->arg_count - 1]);
    ft_err err = ft_data_open(&s, cli, cli->arg_count - 1);
    if (!err && !opts.format.len && ft_str_find(base, '.') == base.len) {
        int image = ft_dataset_find(s.d, FT_STR("image"));
        const ft_field *f = ft_dataset_fields(s.d, NULL);
        bool encoded = image >= 0 && f[image].kind == FT_FIELD_IMAGE;
        opts.format = encoded ? FT_STR("folder") : FT_STR("files");
    }
    if (!err) err = pack(cli, &s, &opts);
    ft_data_close(&s);
    return err;
}

/* ---- rows */

#define PACK_OPTIONS                                                                              \
    { .name = "format",                                                                           \
      .type = FT_PARAM_STRING,                                                                    \
      .doc = "FORMAT: to write; by the ending of OUT when not given" },                           \
        { .name = "shard-size",                                                                   \
          .type = FT_PARAM_INT,                                                                   \
          .min = 1,                                                                               \
          .max = 128,                                                                             \
          .doc = "MB: of one file of many; chosen and explained when not given" },                \
        { .name = "resize",                                                                       \
          .type = FT_PARAM_STRING,                                                                \
          .doc = "SIZE: of pictures, 256 or 320x240 (antialiased, as Pillow does)" },             \
        { .name = "fit",                                                                          \
          .type = FT_PARAM_CHOICE,                                                                \
          .default_text = "crop",                                                                 \
          .choices = "crop|squash|short",                                                         \
          .doc = "HOW: keep the middle, keep all and lose the shape, or only the shorter side" }, \
        { .name = "images",                                                                       \
          .type = FT_PARAM_CHOICE,                                                                \
          .choices = "raw|jpeg|png|regions",                                                      \
          .doc = "FORM: of pictures in OUT; resized ones are raw in fts, npy and idx, else "      \
                 "jpeg; regions: the same JPEG pixels, quick to crop" },                          \
        { .name = "quality",                                                                      \
          .type = FT_PARAM_INT,                                                                   \
          .min = 1,                                                                               \
          .max = 100,                                                                             \
          .doc = "N: of JPEG (90 when not given); pictures are encoded anew" },                   \
        { .name = "shuffle",                                                                      \
          .type = FT_PARAM_INT,                                                                   \
          .min = 0,                                                                               \
          .max = 9e18,                                                                            \
          .doc = "SEED: write the records in a random order, the same for the same seed" },       \
        { .name = "vary",                                                                         \
          .type = FT_PARAM_STRING,                                                                \
          .repeated = true,                                                                       \
          .doc = "FIELD: its size may differ although the first records' did not" },              \
        { .name = "threads",                                                                      \
          .type = FT_PARAM_INT,                                                                   \
          .min = 0,                                                                               \
          .max = 64,                                                                              \
          .doc = "N: that read and make pictures; every core when not given" },                   \
        { .name = "skip-bad",                                                                     \
          .type = FT_PARAM_INT,                                                                   \
          .default_text = "0",                                                                    \
          .min = 0,                                                                               \
          .max = 9e18,                                                                            \
          .doc = "N: damaged records that are left out and told; the next one ends the work" },   \
        { .name = "force", .type = FT_PARAM_FLAG, .doc = "replace what is there" },               \
        { .name = "resume",                                                                       \
          .type = FT_PARAM_FLAG,                                                                  \
          .doc = "go on after the files that are whole" },                                        \
        FT_DATA_SOURCE_OPTIONS

static const ft_param pack_options[] = { PACK_OPTIONS, { 0 } };
static const ft_param unpack_options[] = {
    { .name = "format",
      .type = FT_PARAM_STRING,
      .doc = "FORMAT: to write; by the ending of OUT when not given" },
    { .name = "skip-bad",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = 9e18,
      .doc = "N: damaged records that are left out and told; the next one ends the work" },
    FT_DATA_SOURCE_OPTIONS,
    { 0 },
};

const ft_command ft_command_data_pack = {
    .name = "data pack",
    .args = "SOURCE… OUT",
    .args_min = 2,
    .args_max = FT_ARGS_MAX,
    .doc = "files, folders or tables into shards that are read fast",
    .more =
        "The size of the shards is chosen and explained when it is not given. Files appear whole "
        "or not at all; a run that was killed is gone on from with --resume.\n\n"
        "  fettle data pack photos/ train.fts --resize 256 --shuffle 1\n"
        "  fettle data pack photos/ train.tar --shard-size 64\n"
        "  fettle data pack table.csv table.fts\n",
    .options = pack_options,
    .run = run_pack,
};
const ft_command ft_command_data_convert = {
    .name = "data convert",
    .args = "SOURCE… OUT",
    .args_min = 2,
    .args_max = FT_ARGS_MAX,
    .doc = "a dataset into another format, one file",
    .more = "  fettle data convert train.tfrecord train.rec\n"
            "  fettle data convert train-images-idx3-ubyte.gz train.fts\n"
            "  fettle data convert digits.fts digits.tar --images png\n",
    .options = pack_options,
    .run = run_convert,
};
const ft_command ft_command_data_unpack = {
    .name = "data unpack",
    .args = "SOURCE… OUT",
    .args_min = 2,
    .args_max = FT_ARGS_MAX,
    .doc = "a dataset into files of a folder, or into a CSV",
    .more = "Pictures go into a folder of their class; other records become a file for each field. "
            "With OUT.csv a table is written.\n\n"
            "  fettle data unpack train.rec photos/\n"
            "  fettle data unpack table.fts table.csv\n",
    .options = unpack_options,
    .run = run_unpack,
};
