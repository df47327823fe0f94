/* loader.c -- our side of bench/loader.py: a folder of JPEGs or a raw shard to batches of floats.
 *
 *     loader run PATH TRANSFORMS WORKERS BATCH EPOCHS
 *         prints images, CPU seconds, wall seconds, ms to the first batch (from opening the files)
 *     loader first PATH TRANSFORMS WORKERS BATCH
 *         prints ms and CPU ms (of all threads) to the first batch, and ms of them for opening
 *     loader pack FOLDER OUT SIDE              a shard of raw pictures, resized to SIDE x SIDE
 *     loader dump PATH TRANSFORMS COUNT OUT    OUT.f32: pictures; OUT.cut: id and cut of each
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/check.h"
#include "data/dataset_write.h"
#include "data/loader.h"

static double wall(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static ft_err open_loader(ft_loader **l, const char *path, const ft_loader_spec *spec) {
    ft_feed feed;
    ft_str paths = ft_str_of(path);
    FT_TRY(ft_feed_dataset(&feed, &paths, 1, NULL));
    return ft_loader_open(l, &feed, spec);
}

static ft_err run(char **a) {
    ft_loader *l;
    ft_batch *b;
    ft_err err = FT_OK;
    size_t images = 0;
    double first = 0, sum = 0, from = wall(), cpu_from = cpu();
    ft_loader_spec spec = { .transforms = ft_str_of(a[1]),
                            .workers = atoi(a[2]),
                            .batch = (size_t)atoi(a[3]),
                            .shuffle = FT_SHUFFLE_FULL };
    FT_TRY(open_loader(&l, a[0], &spec));
    for (int epoch = 0; epoch < atoi(a[4]); epoch++) {
        if (epoch) FT_TRY(ft_loader_epoch(l, (uint64_t)epoch));
        while (!(err = ft_loader_next(&b, l))) {
            if (!first) first = wall() - from;
            sum +=
                ft_array_f64(&b->fields[0].array, (int64_t)(images % 7)); /* a batch is touched */
            images += b->count;
            ft_batch_release(b);
        }
        if (err != FT_ENOTFOUND) return err;
    }
    ft_loader_free(l);
    printf("%zu %.6f %.6f %.3f %g\n", images, cpu() - cpu_from, wall() - from, first * 1e3, sum);
    return FT_OK;
}

static ft_err first(char **a) {
    ft_loader *l;
    ft_feed feed;
    ft_batch *b;
    ft_loader_spec spec = { .transforms = ft_str_of(a[1]),
                            .workers = atoi(a[2]),
                            .batch = (size_t)atoi(a[3]),
                            .shuffle = FT_SHUFFLE_FULL };
    ft_str path = ft_str_of(a[0]);
    double from = wall(), cpu_from = cpu(), opened;
    FT_TRY(ft_feed_dataset(&feed, &path, 1, NULL));
    opened = wall();
    FT_TRY(ft_loader_open(&l, &feed, &spec));
    FT_TRY(ft_loader_next(&b, l));
    printf("%.3f %.3f %.3f\n", (wall() - from) * 1e3, (cpu() - cpu_from) * 1e3,
           (opened - from) * 1e3);
    ft_batch_release(b);
    ft_loader_free(l);
    return FT_OK;
}

static ft_err pack_batch(ft_dataset_writer *w, const ft_batch *b, int64_t side) {
    size_t bytes = (size_t)(side * side * 3);
    for (size_t i = 0; i < b->count; i++) {
        ft_array row[2] = {
            { FT_U8, 3, { side, side, 3 }, (char *)b->fields[0].array.data + i * bytes },
            { .dtype = FT_I64, .data = (int64_t *)b->fields[1].array.data + i }
        };
        FT_TRY(ft_dataset_write(w, row));
    }
    return FT_OK;
}

static ft_err pack(char **a) {
    ft_loader *l;
    ft_batch *b;
    ft_dataset_writer *w;
    int64_t side = atoi(a[2]);
    char steps[64];
    ft_field fields[2] = {
        { .name = FT_STR("image"), .dtype = FT_U8, .ndim = 3, .shape = { side, side, 3 } },
        { .name = FT_STR("label"), .dtype = FT_I64 }
    };
    snprintf(steps, sizeof steps, "resize=%d:%d", (int)side, (int)side);
    ft_loader_spec spec = { .transforms = ft_str_of(steps),
                            .workers = 2,
                            .fields = FT_STR("image,label"),
                            .pixels = { .dtype = FT_U8, .channels_last = true } };
    FT_TRY(open_loader(&l, a[0], &spec));
    FT_TRY(ft_dataset_writer_new(&w, a[1], fields, 2, NULL));
    ft_err err;
    while (!(err = ft_loader_next(&b, l))) {
        FT_TRY(pack_batch(w, b, side));
        ft_batch_release(b);
    }
    ft_loader_free(l);
    if (err != FT_ENOTFOUND) return err;
    FT_TRY(ft_dataset_writer_end(w));
    ft_dataset_writer_free(w);
    return FT_OK;
}

static ft_err dump_batch(FILE *pixels, FILE *cuts, const ft_batch *b, size_t count) {
    const ft_array *image = &b->fields[0].array;
    size_t bytes = ft_array_bytes(image) / b->count;
    if (fwrite(image->data, bytes, count, pixels) != count) return FT_FAIL_ERRNO("writing pixels");
    for (size_t i = 0; i < count; i++) {
        const int32_t *c = (const int32_t *)b->fields[1].array.data + i * 5;
        fprintf(cuts, "%llu %d %d %d %d %d\n", (unsigned long long)(b->ids[i] & 0xffffffffff), c[0],
                c[1], c[2], c[3], c[4]);
    }
    return FT_OK;
}

static ft_err dump(char **a) {
    char name[4096];
    ft_loader *l;
    ft_batch *b;
    size_t left = (size_t)atoi(a[2]);
    ft_loader_spec spec = { .transforms = ft_str_of(a[1]),
                            .workers = 2,
                            .shuffle = FT_SHUFFLE_FULL,
                            .fields = FT_STR("image"),
                            .cuts = true };
    snprintf(name, sizeof name, "%s.f32", a[3]);
    FILE *pixels = fopen(name, "wb");
    snprintf(name, sizeof name, "%s.cut", a[3]);
    FILE *cuts = fopen(name, "w");
    if (!pixels || !cuts) return FT_FAIL_ERRNO("opening %s", name);
    FT_TRY(open_loader(&l, a[0], &spec));
    while (left) {
        FT_TRY(ft_loader_next(&b, l));
        size_t n = b->count < left ? b->count : left;
        FT_TRY(dump_batch(pixels, cuts, b, n));
        left -= n;
        ft_batch_release(b);
    }
    ft_loader_free(l);
    if (fclose(pixels) || fclose(cuts)) return FT_FAIL_ERRNO("writing %s", name);
    return FT_OK;
}

int main(int argc, char **argv) {
    ft_err err = FT_EINVAL;
    if (argc == 7 && !strcmp(argv[1], "run"))
        err = run(argv + 2);
    else if (argc == 6 && !strcmp(argv[1], "first"))
        err = first(argv + 2);
    else if (argc == 5 && !strcmp(argv[1], "pack"))
        err = pack(argv + 2);
    else if (argc == 6 && !strcmp(argv[1], "dump"))
        err = dump(argv + 2);
    if (err) fprintf(stderr, "loader: %s\n", ft_err_why());
    return err != FT_OK;
}
