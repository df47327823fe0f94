/* media.c -- our side of the benchmark `media`: one case over pictures in one file, prints its CPU
 * seconds, writes what it made of the first ones. bench/media.py makes the file, runs the peer in
 * turn and compares the pixels.
 *
 *     media CASE BLOB LIST OUT      LIST: offset length x y width height flip, a line a picture */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/files.h"
#include "media/pixels.h"

#define SIDE     224
#define SHOWN    64
#define PICTURES ((size_t)1 << 20)
#define BATCH    64 /* results are written to a ring of this many, as a loader does */
#define RAW_SIDE 256

typedef struct item {
    ft_str bytes;
    ft_box box;
    bool flip;
} item;

typedef struct bench {
    item *items;
    size_t count;
    ft_decoder *decoder;
    ft_resizer *resizer;
    ft_image small; /* SIDE x SIDE */
    uint8_t *ring;
    FILE *out;
} bench;

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void show(bench *b, size_t i, const void *at, size_t bytes) {
    if (i < SHOWN) FT_CHECK(fwrite(at, 1, bytes, b->out) == bytes);
}

static const ft_packing usual = { .dtype = FT_F32,
                                  .mean = { 0.485f, 0.456f, 0.406f },
                                  .std = { 0.229f, 0.224f, 0.225f } };

static uint8_t *slot(const bench *b, size_t i) { return b->ring + i % BATCH * SIDE * SIDE * 3 * 4; }

/* The whole picture to colours. */
static ft_err run_decode(bench *b, size_t i) {
    ft_image image;
    FT_TRY(ft_decoder_decode(&image, b->decoder, b->items[i].bytes,
                             &(ft_decode_opts){ .channels = 3 }));
    for (int y = 0; y < image.height && i < SHOWN; y++)
        show(b, i, image.data + (size_t)y * image.stride_bytes, ft_image_row_bytes(&image));
    return FT_OK;
}

/* What training reads: the region, resized with antialias. */
static ft_err region(bench *b, size_t i) {
    ft_image image;
    ft_decode_opts opts = { .channels = 3, .region = b->items[i].box };
    FT_TRY(ft_decoder_decode(&image, b->decoder, b->items[i].bytes, &opts));
    return ft_resize(b->resizer, &b->small, &image, NULL, FT_FILTER_BILINEAR);
}

static ft_err run_region(bench *b, size_t i) {
    FT_TRY(region(b, i));
    show(b, i, b->small.data, SIDE * SIDE * 3);
    return FT_OK;
}

static ft_err run_train(bench *b, size_t i) {
    ft_packing pack = usual;
    pack.flip = b->items[i].flip;
    FT_TRY(region(b, i));
    FT_TRY(ft_pack_image(slot(b, i), &b->small, &pack, FT_MEDIA_AUTO));
    show(b, i, slot(b, i), SIDE * SIDE * 3 * 4);
    return FT_OK;
}

/* Raw pictures of 256 x 256: crop, flip, layout. */
static ft_err raw(bench *b, size_t i, ft_packing pack) {
    ft_image image = { (uint8_t *)(uintptr_t)b->items[i].bytes.at, RAW_SIDE, RAW_SIDE, 3,
                       RAW_SIDE * 3 };
    FT_TRY(ft_image_crop(&image, &image, b->items[i].box));
    pack.flip = b->items[i].flip;
    FT_TRY(ft_pack_image(slot(b, i), &image, &pack, FT_MEDIA_AUTO));
    show(b, i, slot(b, i), ft_pack_bytes(&pack, &image));
    return FT_OK;
}

static ft_err run_raw_f32(bench *b, size_t i) { return raw(b, i, usual); }
static ft_err run_raw_f32_stream(bench *b, size_t i) {
    ft_packing pack = usual;
    pack.stream = true;
    return raw(b, i, pack);
}
static ft_err run_raw_u8(bench *b, size_t i) {
    return raw(b, i, (ft_packing){ .dtype = FT_U8, .channels_last = true });
}
static ft_err run_raw_u8_planes(bench *b, size_t i) {
    return raw(b, i, (ft_packing){ .dtype = FT_U8 });
}

static const struct {
    const char *name;
    ft_err (*run)(bench *b, size_t i);
} cases[] = {
    { "decode", run_decode },
    { "region", run_region },
    { "train", run_train },
    { "train-restarts", run_train },
    { "raw-f32", run_raw_f32 },
    { "raw-u8", run_raw_u8 },
    { "raw-u8-planes", run_raw_u8_planes },
    { "raw-f32-stream", run_raw_f32_stream },
};

static ft_err read_list(bench *b, ft_arena *arena, const char *path, ft_str blob) {
    FT_TRY(ft_arena_items(&b->items, arena, PICTURES));
    FILE *f = fopen(path, "r");
    if (!f) return FT_FAIL_ERRNO("cannot open %s", path);
    size_t offset, length;
    int flip;
    ft_box box;
    while (b->count < PICTURES && fscanf(f, "%zu %zu %d %d %d %d %d", &offset, &length, &box.x,
                                         &box.y, &box.width, &box.height, &flip) == 7)
        b->items[b->count++] = (item){ ft_str_slice(blob, offset, length), box, flip != 0 };
    fclose(f);
    return FT_OK;
}

/* The pictures as a packer would leave them: the same pixels, with restart markers. */
static ft_err add_restarts(bench *b, ft_arena *arena) {
    for (size_t i = 0; i < b->count; i++) {
        ft_buf anew = { 0 };
        FT_TRY(ft_image_restarts(&anew, b->items[i].bytes, 0));
        FT_TRY(ft_arena_str(&b->items[i].bytes, arena, ft_buf_str(&anew)));
        ft_buf_fini(&anew);
    }
    return FT_OK;
}

static ft_err run(bench *b, ft_arena *arena, char **argv) {
    ft_str blob;
    FT_TRY(ft_file_read(&blob, arena, argv[2], (size_t)1 << 31));
    FT_TRY(read_list(b, arena, argv[3], blob));
    FT_TRY(ft_decoder_new(&b->decoder));
    FT_TRY(ft_resizer_new(&b->resizer, FT_MEDIA_AUTO));
    FT_TRY(ft_image_new(&b->small, arena, SIDE, SIDE, 3));
    FT_TRY(ft_arena_take(&b->ring, arena, BATCH * SIDE * SIDE * 3 * 4));
    if (strcmp(argv[1], "train-restarts") == 0) FT_TRY(add_restarts(b, arena));
    for (size_t k = 0; k < FT_COUNT(cases); k++) {
        if (strcmp(cases[k].name, argv[1]) != 0) continue;
        FT_TRY(cases[k].run(b, b->count - 1)); /* libraries, tables, memory: once in a process */
        double begin = cpu_s();
        for (size_t i = 0; i < b->count; i++) FT_TRY(cases[k].run(b, i));
        printf("%.9f\n", cpu_s() - begin);
        return FT_OK;
    }
    return FT_FAIL(FT_EINVAL, "no case '%s'", argv[1]);
}

int main(int argc, char **argv) {
    ft_arena arena = FT_ARENA_INIT((size_t)4 << 30);
    bench b = { 0 };
    if (argc != 5 || !(b.out = fopen(argv[4], "wb"))) {
        fprintf(stderr, "usage: media CASE BLOB LIST OUT\n");
        return 2;
    }
    ft_err err = run(&b, &arena, argv);
    if (err) fprintf(stderr, "%s\n", ft_err_why());
    fclose(b.out);
    ft_decoder_free(b.decoder);
    ft_resizer_free(b.resizer);
    ft_arena_fini(&arena);
    return err ? 1 : 0;
}
