/* image_test.c -- pictures in and out: regions, limits, damage, faults. */
#include "media/image_test.h"

/* ---- regions are the whole picture, cut */

static long region_rounds(ft_arena *arena, const test_jpeg_kind *kind, int shrink, int rounds,
                          uint64_t seed) {
    ft_random r;
    long wrong = 0;
    ft_random_seed(&r, seed);
    ft_decoder *d;
    EXPECT_OK(ft_decoder_new(&d));
    for (int k = 0; k < rounds; k++) {
        uint64_t most = k % 8 ? 150 : 500;
        int width = 1 + (int)ft_random_below(&r, most), height = 1 + (int)ft_random_below(&r, most);
        ft_image image =
            test_picture(arena, width, height, kind->components == 1 ? 1 : 3, ft_random_u64(&r));
        ft_image whole, part, want;
        ft_buf jpeg = { 0 };
        test_jpeg(&jpeg, &image, kind, 30 + (int)ft_random_below(&r, 70));
        ft_decode_opts opts = { .shrink = shrink };
        if (ft_random_below(&r, 4) == 0) opts.channels = ft_random_below(&r, 2) ? 1 : 3;
        EXPECT_OK(ft_image_decode(&whole, arena, ft_buf_str(&jpeg), &opts));
        for (int i = 0; i < 12; i++) {
            opts.region = test_box(&r, whole.width, whole.height);
            EXPECT_OK(ft_image_crop(&want, &whole, opts.region));
            EXPECT_OK(ft_decoder_decode(&part, d, ft_buf_str(&jpeg), &opts));
            if (!test_equal(&part, &want)) {
                if (!wrong++)
                    print_error("%s /%d: %d x %d, region %d,%d %d x %d: %d levels apart\n",
                                kind->name, shrink, whole.width, whole.height, opts.region.x,
                                opts.region.y, opts.region.width, opts.region.height,
                                test_distance(&part, &want));
            }
        }
        ft_buf_fini(&jpeg);
        ft_arena_reset(arena);
    }
    ft_decoder_free(d);
    return wrong;
}

static void test_jpeg_regions(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    long wrong = 0;
    for (size_t i = 0; i < FT_COUNT(test_jpeg_kinds); i++)
        wrong += region_rounds(&arena, &test_jpeg_kinds[i], 1, 60, i);
    ft_arena_fini(&arena);
    EXPECT(wrong == 0);
}

static void test_jpeg_regions_shrunk(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    long wrong = 0;
    for (size_t i = 0; i < FT_COUNT(test_jpeg_kinds); i++)
        for (int shrink = 2; shrink <= 8; shrink *= 2)
            wrong += region_rounds(&arena, &test_jpeg_kinds[i], shrink, 10, i + 100);
    ft_arena_fini(&arena);
    EXPECT(wrong == 0);
}

/* ---- limits and wishes that cannot be met */

static ft_buf encoded(const ft_image *image, ft_image_kind kind) {
    ft_buf file = { 0 };
    EXPECT_OK(ft_image_encode(&file, image, &(ft_encode_opts){ .kind = kind }));
    return file;
}

static const ft_image_kind kinds[] = { FT_IMAGE_JPEG, FT_IMAGE_PNG, FT_IMAGE_PNM };

static void test_options(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 40, 30, 3, 1), out;
    for (size_t i = 0; i < FT_COUNT(kinds); i++) {
        ft_buf file = encoded(&image, kinds[i]);
        ft_str bytes = ft_buf_str(&file);
        ft_decode_opts small = { .pixels_max = 1199 }, exact = { .pixels_max = 1200 };
        ft_decode_opts two = { .channels = 2 }, third = { .shrink = 3 }, half = { .shrink = 2 };
        ft_decode_opts outside = { .region = { 1, 0, 40, 30 } };
        ft_decode_opts below = { .region = { 0, -1, 4, 3 } }, thin = { .region = { 0, 0, 4, 0 } };
        EXPECT_ERR(FT_ETOOBIG, ft_image_decode(&out, &arena, bytes, &small));
        EXPECT_WHY("40 x 30 pixels; the limit is 1199");
        EXPECT(!out.data);
        EXPECT_OK(ft_image_decode(&out, &arena, bytes, &exact));
        EXPECT_ERR(FT_EINVAL, ft_image_decode(&out, &arena, bytes, &two));
        EXPECT_ERR(FT_EINVAL, ft_image_decode(&out, &arena, bytes, &third));
        EXPECT_ERR(FT_EINVAL, ft_image_decode(&out, &arena, bytes, &outside));
        EXPECT_WHY("region 1,0 of 40 x 30 is not inside a picture of 40 x 30");
        EXPECT_ERR(FT_EINVAL, ft_image_decode(&out, &arena, bytes, &below));
        EXPECT_ERR(FT_EINVAL, ft_image_decode(&out, &arena, bytes, &thin));
        EXPECT_ERR(kinds[i] == FT_IMAGE_JPEG ? FT_OK : FT_EUNSUPPORTED,
                   ft_image_decode(&out, &arena, bytes, &half));
        if (kinds[i] == FT_IMAGE_JPEG) EXPECT(out.width == 20 && out.height == 15);
        ft_buf_fini(&file);
    }
    ft_buf to = { 0 };
    ft_encode_opts wrong[] = { { .quality = 90 },
                               { .kind = FT_IMAGE_JPEG, .quality = 101 },
                               { .kind = FT_IMAGE_PNG, .level = 10 },
                               { .kind = FT_IMAGE_JPEG, .sampling = 411 } };
    for (size_t i = 0; i < FT_COUNT(wrong); i++)
        EXPECT_ERR(FT_EINVAL, ft_image_encode(&to, &image, &wrong[i]));
    EXPECT_ERR(FT_EINVAL, ft_image_new(&out, &arena, 0, 4, 3));
    EXPECT_ERR(FT_EINVAL, ft_image_new(&out, &arena, 4, FT_IMAGE_SIDE_MAX + 1, 3));
    EXPECT_ERR(FT_EINVAL, ft_image_new(&out, &arena, 4, 4, 2));
    ft_arena_fini(&arena);
}

static void test_not_pictures(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image out;
    ft_image_info info;
    static const char *const texts[] = { "",       "P",        "P7\n1 1\n255\n",
                                         "GIF89a", "\xff\xd8", "\x89PNG\r\n" };
    for (size_t i = 0; i < FT_COUNT(texts); i++) {
        EXPECT_ERR(FT_EMEDIA, ft_image_decode(&out, &arena, ft_str_of(texts[i]), NULL));
        EXPECT_ERR(FT_EMEDIA, ft_image_probe(&info, ft_str_of(texts[i])));
    }
    EXPECT_STR("PNG", ft_str_of(ft_image_kind_name(FT_IMAGE_PNG)));
    EXPECT_STR("unknown", ft_str_of(ft_image_kind_name((ft_image_kind)99)));
    ft_arena_fini(&arena);
}

static void expect_refused(ft_arena *arena, ft_err code, ft_str bytes, const char *why) {
    ft_image out;
    EXPECT_ERR(code, ft_image_decode(&out, arena, bytes, NULL));
    EXPECT_WHY(why);
}

static void test_pnm_headers(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P5\n"), "cut off at byte 3, expected the width");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P5\n3 x"), "byte 5: expected the height");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P5 1 1 70000 "),
                   "the largest value is larger than 65535");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P5 1 1 0 "), "1 x 1 pixels of 0..0");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P5 9999999999 1 255 "), "larger than 2147483647");
    expect_refused(&arena, FT_ETOOBIG, FT_STR("P5 70000 1 255 "), "65500 a side");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P5 1 1 255x"), "byte 10: expected a blank");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P6 2 2 255 12345"), "2 rows of 6 bytes");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P3 1 1 255 1 2"), "expected a sample");
    expect_refused(&arena, FT_ECORRUPT, FT_STR("P2 1 1 7 8"), "a sample is larger than 7");
    ft_arena_fini(&arena);
}

/* ---- damage */

/* Every file cut at every byte: refused in words, with as many pixels as it says or none. */
static void test_cut(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 33, 20, 3, 5), out;
    ft_image_info info;
    for (size_t i = 0; i < FT_COUNT(kinds) + FT_COUNT(test_jpeg_kinds); i++) {
        ft_buf file = { 0 };
        if (i < FT_COUNT(kinds))
            file = encoded(&image, kinds[i]);
        else if (test_jpeg_kinds[i - FT_COUNT(kinds)].components > 1)
            test_jpeg(&file, &image, &test_jpeg_kinds[i - FT_COUNT(kinds)], 80);
        /* the mark of the end (IEND, EOI) has no pixels: it is not waited for */
        size_t end = i == 1 ? 12 : i == 2 ? 0 : 2, needed = file.len > end ? file.len - end : 0;
        for (size_t len = 0; len < needed; len++) {
            char *copy = malloc(len + 1); /* an exact copy: sanitizers see a read past it */
            memcpy(copy, file.at, len);
            ft_err err = ft_image_decode(&out, &arena, ft_str_n(copy, len), NULL);
            EXPECT(err == FT_ECORRUPT || (err == FT_EMEDIA && len < 8));
            EXPECT(!out.data);
            EXPECT(ft_str_utf8(ft_str_of(ft_err_why())));
            err = ft_image_probe(&info, ft_str_n(copy, len));
            EXPECT(err == FT_OK || err == FT_ECORRUPT || err == FT_EMEDIA);
            EXPECT(err || (info.width == 33 && info.height == 20));
            free(copy);
        }
        ft_buf_fini(&file);
    }
    ft_arena_fini(&arena);
}

/* One byte changed at a time: refused or a picture of the size that it says. */
static void test_changed(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0), keep = FT_ARENA_INIT(0);
    ft_image image = test_picture(&keep, 25, 18, 3, 6), out;
    ft_random r;
    ft_random_seed(&r, 9);
    for (size_t i = 0; i < FT_COUNT(kinds); i++) {
        ft_buf file = encoded(&image, kinds[i]);
        long refused = 0;
        for (size_t at = 0; at < file.len; at++) {
            ft_decode_opts opts = { .pixels_max = 1 << 16, .damaged = at % 2 };
            char was = file.at[at];
            file.at[at] = (char)(was ^ (1 + ft_random_below(&r, 255)));
            ft_err err = ft_image_decode(&out, &arena, ft_buf_str(&file), &opts);
            EXPECT(err == FT_OK || err == FT_ECORRUPT || err == FT_ETOOBIG || err == FT_EMEDIA ||
                   err == FT_EUNSUPPORTED);
            EXPECT((err != FT_OK) == !out.data);
            refused += err != FT_OK;
            file.at[at] = was;
            ft_arena_reset(&arena);
        }
        EXPECT(refused > 8);
        EXPECT(kinds[i] != FT_IMAGE_PNG || refused >= (long)file.len - 12); /* all but IEND */
        ft_buf_fini(&file);
    }
    ft_arena_fini(&arena);
    ft_arena_fini(&keep);
}

/* With `damaged`, what stands before the cut is there to the bit. */
static void test_damaged(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 64, 64, 3, 7), whole, part, top, same;
    ft_buf file = encoded(&image, FT_IMAGE_JPEG);
    ft_decode_opts opts = { .damaged = true };
    EXPECT_OK(ft_image_decode(&whole, &arena, ft_buf_str(&file), NULL));
    ft_str cut = ft_str_n(file.at, file.len * 3 / 4);
    expect_refused(&arena, FT_ECORRUPT, cut, "cut off at byte");
    EXPECT_OK(ft_image_decode(&part, &arena, cut, &opts));
    EXPECT_OK(ft_image_crop(&top, &part, (ft_box){ 0, 0, 64, 16 }));
    EXPECT_OK(ft_image_crop(&same, &whole, (ft_box){ 0, 0, 64, 16 }));
    EXPECT(test_equal(&top, &same) && !test_equal(&part, &whole));
    ft_buf_fini(&file);
    ft_arena_fini(&arena);
}

/* A file without tables must not find those of the file before it. */
static void test_files_stand_alone(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 16, 16, 3, 8), out;
    ft_buf file = encoded(&image, FT_IMAGE_JPEG), bare = { 0 };
    char *dqt = memmem(file.at, file.len, "\xff\xdb", 2);
    ft_decoder *d;
    EXPECT(dqt);
    ft_buf_add_n(&bare, file.at, (size_t)(dqt - file.at));
    while ((uint8_t)dqt[1] == 0xdb) dqt += 2 + ft_be16(dqt + 2); /* leave the tables out */
    EXPECT_OK(ft_buf_add_n(&bare, dqt, (size_t)(file.at + file.len - dqt)));
    EXPECT_OK(ft_decoder_new(&d));
    EXPECT_OK(ft_decoder_decode(&out, d, ft_buf_str(&file), NULL));
    EXPECT_ERR(FT_ECORRUPT, ft_decoder_decode(&out, d, ft_buf_str(&bare), NULL));
    EXPECT_WHY("Quantization table");
    EXPECT_OK(ft_decoder_decode(&out, d, ft_buf_str(&file), NULL));
    ft_decoder_free(d);
    ft_decoder_free(NULL);
    ft_buf_fini(&file);
    ft_buf_fini(&bare);
    ft_arena_fini(&arena);
}

/* ---- faults */

static ft_err there_and_back(ft_image *out, ft_arena *arena, ft_buf *file, const ft_image *image,
                             ft_image_kind kind) {
    ft_decoder *d = NULL;
    ft_err err;
    ft_buf_reset(file);
    FT_GOTO(err, ft_decoder_new(&d));
    FT_GOTO(err, ft_image_encode(file, image, &(ft_encode_opts){ .kind = kind }));
    FT_GOTO(err, ft_decoder_decode(out, d, ft_buf_str(file), &(ft_decode_opts){ .channels = 1 }));
    FT_GOTO(err, ft_image_decode(out, arena, ft_buf_str(file), NULL));
done:
    ft_decoder_free(d);
    return err;
}

static void test_faults(void **state) {
    (void)state;
    ft_arena keep = FT_ARENA_INIT(0);
    ft_image image = test_picture(&keep, 50, 40, 3, 3), out;
    for (size_t i = 0; i < FT_COUNT(kinds); i++) {
        int failed = 0;
        EACH_FAULT {
            ft_arena arena = FT_ARENA_INIT(0);
            ft_buf file = { 0 };
            ft_err err = there_and_back(&out, &arena, &file, &image, kinds[i]);
            EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
            failed += err != FT_OK;
            ft_buf_fini(&file);
            ft_arena_fini(&arena);
        }
        EXPECT(failed >= 5);
    }
    ft_arena_fini(&keep);
}

TEST_MAIN(cmocka_unit_test(test_faults), cmocka_unit_test(test_jpeg_regions),
          cmocka_unit_test(test_jpeg_regions_shrunk), cmocka_unit_test(test_options),
          cmocka_unit_test(test_not_pictures), cmocka_unit_test(test_pnm_headers),
          cmocka_unit_test(test_cut), cmocka_unit_test(test_changed),
          cmocka_unit_test(test_damaged), cmocka_unit_test(test_files_stand_alone))
