/* cmd_data_bench.c -- `fettle data bench`: how fast a data set becomes batches here, what it waits
 * for, and what would help. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/listing.h"
#include "data/loader.h"

static const ft_param options[] = {
    { .name = "batch",
      .type = FT_PARAM_INT,
      .default_text = "64",
      .min = 1,
      .max = 1 << 20,
      .doc = "N: samples of a batch" },
    { .name = "transforms",
      .type = FT_PARAM_STRING,
      .doc = "LIST: of pictures, such as random_resized_crop=224,flip,normalise=imagenet" },
    { .name = "dtype",
      .type = FT_PARAM_CHOICE,
      .default_text = "float32",
      .choices = "float32|bfloat16|uint8",
      .doc = "TYPE: of pictures in a batch" },
    { .name = "layout",
      .type = FT_PARAM_CHOICE,
      .default_text = "nchw",
      .choices = "nchw|nhwc",
      .doc = "LAYOUT: of pictures in a batch" },
    { .name = "draft", .type = FT_PARAM_FLAG, .doc = "decode JPEGs smaller where that is enough" },
    { .name = "fields",
      .type = FT_PARAM_STRING,
      .doc = "NAMES: of the fields in a batch, with commas" },
    { .name = "format",
      .type = FT_PARAM_STRING,
      .doc = "FORMAT: of the files; by content when not given" },
    { .name = "stream",
      .type = FT_PARAM_FLAG,
      .doc = "read the parts as they come, keeping nothing (one SOURCE)" },
    { .name = "shuffle",
      .type = FT_PARAM_CHOICE,
      .default_text = "full",
      .choices = "none|full|window",
      .doc = "ORDER: of the records" },
    { .name = "window",
      .type = FT_PARAM_INT,
      .default_text = "1024",
      .min = 1,
      .max = 1 << 24,
      .doc = "N: records that a window shuffle reads ahead" },
    { .name = "seed",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = INFINITY,
      .doc = "N: of order and augmentation" },
    { .name = "workers",
      .type = FT_PARAM_INT,
      .default_text = "-1",
      .min = -1,
      .max = FT_LOADER_WORKERS_MAX,
      .doc = "N: threads; -1 as many as pay, 0 none beside the consumer's" },
    { .name = "prefetch",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = FT_LOADER_SLOTS_MAX - 1,
      .doc = "N: batches ready ahead; 0 as many as pay" },
    { .name = "bad-max",
      .type = FT_PARAM_INT,
      .default_text = "0",
      .min = 0,
      .max = INFINITY,
      .doc = "N: bad records that are left out" },
    { .name = "compute",
      .type = FT_PARAM_STRING,
      .default_text = "0ms",
      .doc = "TIME: that the consumer waits at each batch, as an accelerator's step (20ms)" },
    { .name = "seconds",
      .type = FT_PARAM_FLOAT,
      .default_text = "5",
      .min = 0.1,
      .max = 86400,
      .doc = "N: how long; epochs follow each other" },
    { .name = "quality",
      .type = FT_PARAM_FLAG,
      .doc = "measure how well the order mixes records and labels, and nothing else" },
    { 0 },
};

static void spec_of(ft_loader_spec *s, const ft_params *p) {
    ft_str shuffle = ft_params_str(p, "shuffle"), dtype = ft_params_str(p, "dtype");
    *s = (ft_loader_spec){ .batch = (size_t)ft_params_int(p, "batch"),
                           .shuffle = ft_str_is(shuffle, "full")     ? FT_SHUFFLE_FULL
                                      : ft_str_is(shuffle, "window") ? FT_SHUFFLE_WINDOW
                                                                     : FT_SHUFFLE_NONE,
                           .window = (size_t)ft_params_int(p, "window"),
                           .seed = (uint64_t)ft_params_int(p, "seed"),
                           .workers = (int)ft_params_int(p, "workers"),
                           .prefetch = (int)ft_params_int(p, "prefetch"),
                           .bad_max = (uint64_t)ft_params_int(p, "bad-max"),
                           .fields = ft_params_str(p, "fields"),
                           .transforms = ft_params_str(p, "transforms") };
    s->pixels.dtype = ft_str_is(dtype, "uint8")      ? FT_U8
                      : ft_str_is(dtype, "bfloat16") ? FT_BF16
                                                     : FT_F32;
    s->pixels.channels_last = ft_str_is(ft_params_str(p, "layout"), "nhwc");
    s->pixels.draft = ft_params_bool(p, "draft");
}

/* ---- running */
static ft_err consume(ft_loader *l, const ft_params *p) {
    int64_t compute_us, until;
    ft_batch *b;
    FT_TRY(ft_duration_parse(&compute_us, ft_params_str(p, "compute")));
    until = ft_clock_monotonic_us() + (int64_t)(ft_params_float(p, "seconds") * 1e6);
    for (uint64_t epoch = 0, given = 0; ft_clock_monotonic_us() < until;) {
        ft_err err = ft_loader_next(&b, l);
        if (err == FT_ENOTFOUND) {
            if (!given) return FT_FAIL(FT_ENOTFOUND, "there are no records");
            FT_TRY(ft_loader_epoch(l, ++epoch));
            continue;
        }
        FT_TRY(err);
        given += b->count;
        if (compute_us) ft_clock_sleep_us(compute_us);
        ft_batch_release(b);
    }
    return FT_OK;
}

/* ---- telling */
static void print_stages(const ft_loader_stats *s) {
    double batches = (double)(s->batches ? s->batches : 1);
    printf("\n%-10s %14s %14s\n", "stage", "CPU ms/batch", "wait ms/batch");
    for (int i = 0; i < FT_STAGE_COUNT; i++)
        printf("%-10s %14.3f %14.3f\n", ft_stage_name((ft_stage)i),
               1e3 * s->stages.cpu_s[i] / batches, 1e3 * s->stages.wait_s[i] / batches);
    printf("%-10s %14.3f\n", "(itself)", 1e3 * s->stages.own_s / batches);
}

static void print_text(const ft_loader_stats *s, const ft_data_verdict *v) {
    char memory[32];
    double work = s->stages.own_s;
    for (int i = FT_STAGE_NETWORK; i <= FT_STAGE_COPY; i++) work += s->stages.cpu_s[i];
    printf(
        "%llu samples in %llu batches, %.2f s: %.0f samples/s, %.0f a CPU second of the loader\n",
        (unsigned long long)s->samples, (unsigned long long)s->batches, s->stages.wall_s, v->rate,
        work > 0 ? (double)s->samples / work : INFINITY);
    printf(
        "first batch after %.2f ms; %d workers, %d batches ahead, %d threads on pixels (changed %d "
        "times), %s\n",
        (double)s->first_batch_us * 1e-3, s->workers, s->prefetch, s->decode_threads, s->tuned,
        ft_text_size(memory, s->memory_bytes));
    if (s->bad)
        printf("%llu bad records were left out of the last epoch\n", (unsigned long long)s->bad);
    print_stages(s);
    printf("\n%s\n", v->sentence);
}

static ft_err print_json(ft_cli *cli, const ft_loader_stats *s, const ft_data_verdict *v) {
    static const char *const columns[] = {
        "samples",  "batches",   "seconds",      "samples_per_s", "first_batch_ms", "workers",
        "prefetch", "bad",       "bound",        "gain",          "gain_cpu",       "network_ms",
        "disk_ms",  "decode_ms", "transform_ms", "copy_ms",       "compute_ms",     "verdict",
    };
    double batches = (double)(s->batches ? s->batches : 1);
    ft_listing l;
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    ft_listing_int(&l, (int64_t)s->samples);
    ft_listing_int(&l, (int64_t)s->batches);
    ft_listing_number(&l, s->stages.wall_s);
    ft_listing_number(&l, v->rate);
    ft_listing_number(&l, (double)s->first_batch_us * 1e-3);
    ft_listing_int(&l, s->workers);
    ft_listing_int(&l, s->prefetch);
    ft_listing_int(&l, (int64_t)s->bad);
    ft_listing_text(&l, ft_str_of(ft_stage_name(v->stage)));
    ft_listing_number(&l, v->gain);
    ft_listing_number(&l, v->gain_cpu);
    for (int i = 0; i < FT_STAGE_COUNT; i++)
        ft_listing_number(&l, 1e3 * (s->stages.cpu_s[i] + s->stages.wait_s[i]) / batches);
    ft_listing_text(&l, ft_str_of(v->sentence));
    return ft_listing_print(&l, NULL);
}

static ft_err bench(ft_cli *cli, ft_feed *feed) {
    ft_loader *l;
    ft_loader_spec spec;
    ft_loader_stats stats;
    ft_data_verdict verdict;
    spec_of(&spec, cli->options);
    if (!feed->random && spec.shuffle == FT_SHUFFLE_FULL) spec.shuffle = FT_SHUFFLE_WINDOW;
    FT_TRY(ft_loader_open(&l, feed, &spec));
    ft_err err;
    FT_GOTO(err, consume(l, cli->options));
    ft_loader_told(&stats, l);
    FT_GOTO(err, ft_data_judge(&verdict, &stats.stages, NULL));
    if (cli->json)
        FT_GOTO(err, print_json(cli, &stats, &verdict));
    else
        print_text(&stats, &verdict);
done:
    ft_loader_free(l);
    return err;
}

/* ---- quality of the order */
static int64_t label_of(const ft_batch *b, size_t i) {
    for (size_t f = 0; f < b->field_count; f++)
        if (ft_str_is(b->fields[f].name, "label") || b->field_count == 1)
            return (int64_t)ft_array_f64(
                &b->fields[f].array,
                (int64_t)i * (ft_array_count(&b->fields[f].array) / (int64_t)b->count));
    return 0;
}

typedef struct mixed {
    uint64_t *ids;
    int64_t *labels;
    size_t count, room;
} mixed;

static ft_err grow(mixed *m, size_t more) {
    if (m->count + more <= m->room) return FT_OK;
    m->room = 2 * (m->count + more);
    uint64_t *ids = realloc(m->ids, m->room * sizeof *ids);
    if (ids) m->ids = ids;
    int64_t *labels = realloc(m->labels, m->room * sizeof *labels);
    if (labels) m->labels = labels;
    return ids && labels ? FT_OK : FT_FAIL(FT_ENOMEM, "out of memory for %zu labels", m->room);
}

static int by_id(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Ids to places in the stored order. */
static ft_err rank_ids(mixed *m) {
    uint64_t *sorted = malloc((m->count + 1) * sizeof *sorted);
    if (!sorted) return FT_FAIL(FT_ENOMEM, "out of memory for %zu records", m->count);
    memcpy(sorted, m->ids, m->count * sizeof *sorted);
    qsort(sorted, m->count, sizeof *sorted, by_id);
    for (size_t i = 0; i < m->count; i++) {
        uint64_t *at = bsearch(&m->ids[i], sorted, m->count, sizeof *sorted, by_id);
        m->ids[i] = (uint64_t)(at - sorted);
    }
    free(sorted);
    return FT_OK;
}

static ft_err collect(mixed *m, ft_loader *l) {
    ft_batch *b;
    ft_err err;
    while (!(err = ft_loader_next(&b, l))) {
        err = grow(m, b->count);
        for (size_t i = 0; !err && i < b->count; i++) {
            m->labels[m->count] = label_of(b, i);
            m->ids[m->count++] = b->ids[i];
        }
        ft_batch_release(b);
        if (err) return err;
    }
    return err == FT_ENOTFOUND ? rank_ids(m) : err;
}

static ft_err quality(ft_cli *cli, ft_feed *feed) {
    static const char *const columns[] = { "records",  "neighbour_correlation", "displacement",
                                           "run_mean", "run_expected",          "run_longest" };
    ft_loader *l;
    ft_loader_spec spec;
    ft_order_quality q;
    ft_listing list;
    mixed m = { 0 };
    spec_of(&spec, cli->options);
    spec.transforms = (ft_str){ 0 };
    spec.fields = spec.fields.len ? spec.fields : FT_STR("label");
    if (!feed->random && spec.shuffle == FT_SHUFFLE_FULL) spec.shuffle = FT_SHUFFLE_WINDOW;
    FT_TRY(ft_loader_open(&l, feed, &spec));
    ft_err err;
    FT_GOTO(err, collect(&m, l));
    ft_order_measure(&q, m.ids, m.labels, m.count);
    ft_listing_init(&list, cli, columns, FT_COUNT(columns));
    ft_listing_int(&list, (int64_t)m.count);
    ft_listing_number(&list, q.neighbour_correlation);
    ft_listing_number(&list, q.displacement);
    ft_listing_number(&list, q.run_mean);
    ft_listing_number(&list, q.run_expected);
    ft_listing_int(&list, (int64_t)q.run_longest);
    FT_GOTO(err, ft_listing_print(&list, NULL));
done:
    ft_loader_free(l);
    free(m.ids);
    free(m.labels);
    return err;
}

static ft_err run(ft_cli *cli) {
    ft_feed feed;
    ft_dataset_opts opts = { .format = ft_params_str(cli->options, "format") };
    if (ft_params_bool(cli->options, "stream") && cli->arg_count == 1)
        FT_TRY(ft_feed_stream(&feed, cli->args[0], &opts));
    else
        FT_TRY(ft_feed_dataset(&feed, cli->args, (size_t)cli->arg_count, &opts));
    return ft_params_bool(cli->options, "quality") ? quality(cli, &feed) : bench(cli, &feed);
}

const ft_command ft_command_data_bench = {
    .name = "data bench",
    .args = "SOURCE...",
    .args_min = 1,
    .args_max = FT_ARGS_MAX,
    .doc = "how fast data becomes batches, what it waits for, and what would help",
    .more =
        "Reads the files as a training job would, for some seconds, and says in one sentence which "
        "stage bounds it and\n"
        "what the remedy would give. --compute 20ms stands for the step of the job that would take "
        "the batches.\n\n"
        "  fettle data bench train/ --transforms random_resized_crop=224,flip,normalise=imagenet\n"
        "  fettle data bench train.fts --transforms random_crop=224,flip,normalise=imagenet\n"
        "  fettle data bench train.tar --quality --shuffle window --window 5000",
    .options = options,
    .run = run,
};
