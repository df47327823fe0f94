/* loader_picture_test.c -- pictures through the whole loader: raw shards and encoded records give
 * what the transform alone gives, whatever the workers; files that are damaged; a shard that
 * shrinks. */
#include <fcntl.h>

#include "base/files.h"
#include "data/dataset_test.h"
#include "data/loader.h"

enum { SIDE = 24, COUNT = 40 };

static uint8_t pixel_of(uint64_t record, int i) { return (uint8_t)(record * 31 + (uint64_t)i * 7); }

static const ft_field raw_fields[] = {
    { .name = { "image", 5 }, .dtype = FT_U8, .ndim = 3, .shape = { SIDE, SIDE, 3 } },
    { .name = { "label", 5 }, .dtype = FT_I64 },
};

static void raw_sample(ft_array *values, uint64_t i) {
    static uint8_t pixels[SIDE * SIDE * 3];
    static int64_t label;
    for (int k = 0; k < SIDE * SIDE * 3; k++) pixels[k] = pixel_of(i, k);
    label = (int64_t)i;
    values[0] = (ft_array){ FT_U8, 3, { SIDE, SIDE, 3 }, pixels };
    values[1] = (ft_array){ .dtype = FT_I64, .data = &label };
}

static const char *raw_shard(void) {
    static char path[512];
    static const test_set set = { raw_fields, 2, raw_sample };
    snprintf(path, sizeof path, "%s", test_set_path("raw.fts"));
    if (access(path, R_OK) != 0) test_set_write(path, &set, COUNT);
    return path;
}

static ft_err open_path(ft_loader **l, const char *path, const ft_loader_spec *spec) {
    ft_feed feed;
    ft_str s = ft_str_of(path);
    FT_TRY(ft_feed_dataset(&feed, &s, 1, NULL));
    return ft_loader_open(l, &feed, spec);
}

/* ---- as the transform alone has it */
static void test_raw_is_the_transform(void **state) {
    (void)state;
    static const char steps[] = "random_crop=16:12,flip,jitter=0.3,normalise=imagenet";
    for (int workers = 0; workers < 4; workers++) {
        ft_loader *l;
        ft_batch *b;
        ft_transform *t;
        ft_transform_work *w;
        size_t got = 0;
        ft_loader_spec spec = { .batch = 7,
                                .workers = workers,
                                .shuffle = FT_SHUFFLE_FULL,
                                .seed = 4,
                                .epoch = 1,
                                .transforms = ft_str_of(steps),
                                .cuts = true };
        EXPECT_OK(ft_transform_new(&t, ft_str_of(steps), &raw_fields[0],
                                   &(ft_transform_opts){ .dtype = FT_F32 }));
        EXPECT_OK(ft_transform_work_new(&w, t));
        EXPECT_OK(open_path(&l, raw_shard(), &spec));
        while (ft_loader_next(&b, l) == FT_OK) {
            EXPECT(b->field_count == 3 && b->fields[0].array.ndim == 4 &&
                   b->fields[0].array.shape[2] == 12);
            for (size_t i = 0; i < b->count; i++, got++) {
                float want[3 * 12 * 16];
                ft_transform_cut cut;
                ft_array v[2];
                raw_sample(v, b->ids[i]);
                EXPECT(((const int64_t *)b->fields[2].array.data)[i] == (int64_t)b->ids[i]);
                EXPECT_OK(
                    ft_transform_run(want, &cut, &v[0], ft_order_key(4, 1, b->ids[i]), w, NULL));
                EXPECT(memcmp(want, (const float *)b->fields[0].array.data + i * 3 * 12 * 16,
                              sizeof want) == 0);
                EXPECT(memcmp(&cut, (const int32_t *)b->fields[1].array.data + i * 5, sizeof cut) ==
                       0);
            }
            ft_batch_release(b);
        }
        EXPECT(got == COUNT);
        ft_loader_free(l);
        ft_transform_work_free(w);
        ft_transform_free(t);
    }
}

/* Without transforms raw pictures are copied as they are. */
static void test_raw_copy(void **state) {
    (void)state;
    ft_loader *l;
    ft_batch *b;
    size_t got = 0;
    EXPECT_OK(open_path(&l, raw_shard(), &(ft_loader_spec){ .batch = 16, .workers = 2 }));
    while (ft_loader_next(&b, l) == FT_OK) {
        const uint8_t *at = b->fields[0].array.data;
        EXPECT(b->fields[0].array.shape[3] == 3 && b->fields[0].array.dtype == FT_U8);
        for (size_t i = 0; i < b->count; i++, got++)
            for (int k = 0; k < SIDE * SIDE * 3; k++) EXPECT(*at++ == pixel_of(got, k));
        ft_batch_release(b);
    }
    EXPECT(got == COUNT);
    ft_loader_free(l);
}

/* ---- several shards are numbered through */
static void test_shards(void **state) {
    (void)state;
    static const test_set set = { raw_fields, 2, raw_sample };
    ft_str paths[3];
    static const uint64_t counts[] = { 11, 1, 20 };
    static uint8_t seen[3][20];
    ft_feed feed;
    ft_loader *l;
    ft_batch *b;
    for (int i = 0; i < 3; i++) {
        static char names[3][512];
        char name[20];
        snprintf(name, sizeof name, "part%d.fts", i);
        snprintf(names[i], sizeof names[i], "%s", test_set_path(name));
        test_set_write(names[i], &set, counts[i]);
        paths[i] = ft_str_of(names[i]);
    }
    EXPECT_OK(ft_feed_dataset(&feed, paths, 3, NULL));
    EXPECT(feed.count == 32 && feed.random);
    EXPECT_OK(ft_loader_open(
        &l, &feed,
        &(ft_loader_spec){
            .batch = 5, .shuffle = FT_SHUFFLE_FULL, .workers = 2, .fields = FT_STR("label") }));
    while (ft_loader_next(&b, l) == FT_OK) {
        for (size_t i = 0; i < b->count; i++) {
            uint64_t shard = b->ids[i] >> 40, record = b->ids[i] & 0xffffffffff;
            EXPECT(shard < 3 && record < counts[shard] && !seen[shard][record]++);
            EXPECT(((const int64_t *)b->fields[0].array.data)[i] == (int64_t)record);
        }
        ft_batch_release(b);
    }
    for (int s = 0; s < 3; s++)
        for (uint64_t r = 0; r < counts[s]; r++) EXPECT(seen[s][r]);
    ft_loader_free(l);
}

/* ---- damage: a flipped bit is told with file and record; a file that shrinks is no signal */
static void test_damage(void **state) {
    (void)state;
    static const test_set set = { raw_fields, 2, raw_sample };
    ft_loader *l;
    ft_batch *b;
    ft_err err;
    const char *path = test_set_path("damaged.fts");
    test_set_write(path, &set, COUNT);
    int fd = open(path, O_RDWR);
    EXPECT(fd >= 0 && pwrite(fd, "!", 1, 9000) == 1);
    close(fd);
    for (int workers = 0; workers < 3; workers++) {
        EXPECT_OK(open_path(&l, path, &(ft_loader_spec){ .batch = 8, .workers = workers }));
        while (!(err = ft_loader_next(&b, l))) ft_batch_release(b);
        EXPECT_ERR(FT_ECORRUPT, err);
        EXPECT_WHY("damaged.fts");
        ft_loader_free(l);
    }
    path = test_set_path("shrinks.fts");
    test_set_write(path, &set, COUNT);
    EXPECT_OK(open_path(&l, path, &(ft_loader_spec){ .batch = 8, .workers = 0, .prefetch = 1 }));
    EXPECT_OK(ft_loader_next(&b, l));
    ft_batch_release(b);
    EXPECT(truncate(path, 4096) == 0);
    while (!(err = ft_loader_next(&b, l))) ft_batch_release(b);
    EXPECT_ERR(FT_ECORRUPT, err);
    EXPECT_WHY("shrinks.fts");
    ft_loader_free(l);
}

/* ---- streams: records that can only be read in order, with a window */
static void test_stream(void **state) {
    (void)state;
    static const test_set set = { raw_fields, 2, raw_sample };
    const char *path = test_set_path("records.tfrecord");
    uint64_t first[COUNT], n = 0;
    test_set_write(path, &set, COUNT);
    for (int workers = 0; workers < 4; workers++) {
        ft_feed feed;
        ft_loader *l;
        ft_batch *b;
        uint8_t seen[COUNT] = { 0 };
        ft_str s = ft_str_of(path);
        EXPECT_OK(ft_feed_dataset(&feed, &s, 1, &(ft_dataset_opts){ .no_index = true }));
        EXPECT(!feed.random);
        EXPECT_OK(ft_loader_open(&l, &feed,
                                 &(ft_loader_spec){ .batch = 6,
                                                    .shuffle = FT_SHUFFLE_WINDOW,
                                                    .window = 8,
                                                    .workers = workers,
                                                    .fields = FT_STR("label") }));
        for (n = 0; ft_loader_next(&b, l) == FT_OK; ft_batch_release(b))
            for (size_t i = 0; i < b->count; i++, n++) {
                EXPECT(!seen[b->ids[i]]++ &&
                       ((const int64_t *)b->fields[0].array.data)[i] == (int64_t)b->ids[i]);
                if (!workers) first[n] = b->ids[i];
                EXPECT(first[n] == b->ids[i]);
            }
        EXPECT(n == COUNT);
        ft_loader_free(l);
    }
}

/* Parts as they come: a folder's files one after another, a new order of them each epoch, a FIFO
 * once. */
static void test_parts(void **state) {
    (void)state;
    static const test_set set = { raw_fields, 2, raw_sample };
    char dir[400], path[500];
    uint64_t first[3 * 15], n;
    snprintf(dir, sizeof dir, "%s/parts", test_dir());
    EXPECT_OK(ft_dir_make(dir));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%d.tfrecord", dir, i);
        test_set_write(path, &set, 10 + (uint64_t)i * 5);
    }
    for (int workers = 0; workers < 3; workers++) {
        ft_feed feed;
        ft_loader *l;
        ft_batch *b;
        EXPECT_OK(ft_feed_stream(&feed, ft_str_of(dir), NULL));
        EXPECT_OK(ft_loader_open(&l, &feed,
                                 &(ft_loader_spec){ .batch = 7,
                                                    .shuffle = FT_SHUFFLE_WINDOW,
                                                    .window = 4,
                                                    .workers = workers,
                                                    .fields = FT_STR("label") }));
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            uint8_t seen[3][20] = { { 0 } };
            EXPECT_OK(ft_loader_epoch(l, epoch));
            for (n = 0; ft_loader_next(&b, l) == FT_OK; ft_batch_release(b))
                for (size_t i = 0; i < b->count; i++, n++) {
                    EXPECT(!seen[b->ids[i] >> 40][b->ids[i] & 0xff]++);
                    if (!workers && !epoch) first[n] = b->ids[i];
                    EXPECT(epoch || first[n] == b->ids[i]);
                }
            EXPECT(n == 45);
        }
        ft_loader_free(l);
    }
    ft_feed feed;
    EXPECT_ERR(FT_ENOTFOUND, ft_feed_stream(&feed, FT_STR("/nonexistent/x"), NULL));
    EACH_FAULT {
        ft_loader *l = NULL;
        ft_batch *b;
        n = 0;
        ft_err err = ft_feed_stream(&feed, ft_str_of(dir),
                                    &(ft_dataset_opts){ .format = FT_STR("tfrecord") });
        if (!err) err = ft_loader_open(&l, &feed, &(ft_loader_spec){ .fields = FT_STR("label") });
        while (!err && !(err = ft_loader_next(&b, l))) n += b->count, ft_batch_release(b);
        EXPECT(err != FT_ENOTFOUND || n == 45 || !l);
        ft_loader_free(l);
    }
}

static void test_faults(void **state) {
    (void)state;
    const char *path = raw_shard();
    EACH_FAULT {
        ft_loader *l = NULL;
        ft_batch *b;
        size_t got = 0;
        ft_err err = open_path(
            &l, path, &(ft_loader_spec){ .batch = 16, .transforms = FT_STR("resize=8:8") });
        while (!err && !(err = ft_loader_next(&b, l))) got += b->count, ft_batch_release(b);
        EXPECT(err != FT_ENOTFOUND || got == COUNT);
        ft_loader_free(l);
    }
}

TEST_MAIN(cmocka_unit_test(test_raw_is_the_transform), cmocka_unit_test(test_raw_copy),
          cmocka_unit_test(test_shards), cmocka_unit_test(test_damage),
          cmocka_unit_test(test_stream), cmocka_unit_test(test_parts),
          cmocka_unit_test(test_faults))
