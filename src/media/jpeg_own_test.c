/* jpeg_own_test.c -- our baseline reader gives libjpeg-turbo's pixels to the bit, takes what it
 * should and declines the rest. */
#include "media/image_test.h"
#include "media/jpeg_own_in.h"

static bool ours(const test_jpeg_kind *k) {
    return !k->progressive && k->components <= 3 && k->h <= 2 && k->v <= 2 &&
           !(k->h == 1 && k->v == 2) && !(k->components == 1 && k->h == 2);
}

/* Restart markers everywhere, odd sizes, every quality: own == libjpeg. */
static void compare(const test_jpeg_kind *kind, int rounds, uint64_t seed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_decoder own = { 0 }, foreign = { .foreign = true };
    ft_random r;
    ft_random_seed(&r, seed);
    for (int i = 0; i < rounds; i++) {
        uint64_t most = i % 8 ? 130 : 600;
        ft_image image = test_picture(&arena, 8 + (int)ft_random_below(&r, most),
                                      8 + (int)ft_random_below(&r, most), kind->components, i);
        ft_image a, b;
        ft_buf jpeg = { 0 };
        test_jpeg_kind k = *kind;
        bool taken;
        if (i % 3 == 0) k.restart = 1 + (int)ft_random_below(&r, 40);
        test_jpeg(&jpeg, &image, &k, 1 + (int)ft_random_below(&r, 100));
        for (int n = 0; n < 6; n++) {
            ft_decode_opts opts = { 0 };
            if (n) opts.region = test_box(&r, image.width, image.height);
            if (kind->components == 1 && n % 2) opts.channels = 3;
            EXPECT_OK(ft_decoder_decode(&a, &foreign, ft_buf_str(&jpeg), &opts));
            EXPECT_OK(ft_jpeg_own_decode(&taken, &b, &own, ft_buf_str(&jpeg), &opts));
            EXPECT(taken);
            if (!test_equal(&a, &b))
                print_error("%s: %d x %d, region %d,%d %d x %d, restart %d: %d levels apart\n",
                            kind->name, image.width, image.height, opts.region.x, opts.region.y,
                            opts.region.width, opts.region.height, k.restart,
                            test_distance(&a, &b));
            EXPECT(test_equal(&a, &b));
        }
        ft_buf_fini(&jpeg);
        ft_arena_reset(&arena);
    }
    free(own.pixels.at);
    free(own.scratch.at);
    ft_jpeg_own_free(own.own);
    free(foreign.pixels.at);
    free(foreign.scratch.at);
    ft_arena_fini(&arena);
}

static void test_as_libjpeg(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX512)) SKIP("no AVX-512 with VBMI and VNNI");
    for (size_t i = 0; i < FT_COUNT(test_jpeg_kinds); i++)
        if (ours(&test_jpeg_kinds[i])) compare(&test_jpeg_kinds[i], 60, i);
}

static void test_declines(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 40, 30, 3, 1), out;
    bool taken;
    for (size_t i = 0; i < FT_COUNT(test_jpeg_kinds); i++) {
        const test_jpeg_kind *k = &test_jpeg_kinds[i];
        ft_buf jpeg = { 0 };
        ft_decoder d = { .arena = &arena };
        ft_decode_opts half = { .shrink = 2 }, grey = { .channels = 1 };
        ft_image from = image;
        if (k->components == 1) from = test_picture(&arena, 40, 30, 1, 1);
        test_jpeg(&jpeg, &from, k, 80);
        bool able = ours(k) && ft_media_path_has(FT_MEDIA_AVX512);
        EXPECT_OK(ft_jpeg_own_decode(&taken, &out, &d, ft_buf_str(&jpeg), &(ft_decode_opts){ 0 }));
        EXPECT(taken == able);
        EXPECT_OK(ft_jpeg_own_decode(&taken, &out, &d, ft_buf_str(&jpeg), &half));
        EXPECT(!taken);
        EXPECT_OK(ft_jpeg_own_decode(&taken, &out, &d, ft_buf_str(&jpeg), &grey));
        EXPECT(taken == (able && k->components == 1));
        jpeg.len -= 2; /* no end: libjpeg decides */
        EXPECT_OK(ft_jpeg_own_decode(&taken, &out, &d, ft_buf_str(&jpeg), &(ft_decode_opts){ 0 }));
        EXPECT(!taken);
        ft_jpeg_own_free(d.own);
        ft_buf_fini(&jpeg);
    }
    ft_arena_fini(&arena);
}

/* Any byte changed: what both give, they give alike; what libjpeg finds damaged, ours declines. */
static void test_damage(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX512)) SKIP("no AVX-512 with VBMI and VNNI");
    ft_arena arena = FT_ARENA_INIT(0), keep = FT_ARENA_INIT(0);
    ft_random r;
    ft_random_seed(&r, 77);
    long both = 0, declined = 0;
    for (size_t i = 0; i < FT_COUNT(test_jpeg_kinds); i++) {
        const test_jpeg_kind *k = &test_jpeg_kinds[i];
        ft_image image = test_picture(&keep, 45, 37, k->components == 1 ? 1 : 3, i), a, b;
        ft_buf jpeg = { 0 };
        if (!ours(k)) continue;
        test_jpeg(&jpeg, &image, k, 60);
        for (size_t at = 2; at < jpeg.len; at++) {
            ft_decoder own = { .arena = &arena }, foreign = { .arena = &arena, .foreign = true };
            ft_decode_opts opts = { .pixels_max = 1 << 16 };
            char was = jpeg.at[at];
            bool taken;
            jpeg.at[at] = (char)(was ^ (1 + ft_random_below(&r, 255)));
            EXPECT_OK(ft_jpeg_own_decode(&taken, &b, &own, ft_buf_str(&jpeg), &opts));
            ft_err err = ft_decoder_decode(&a, &foreign, ft_buf_str(&jpeg), &opts);
            if (taken && err) print_error("%s, byte %zu: %s\n", k->name, at, ft_err_why());
            if (taken && !err && !test_equal(&a, &b)) print_error("%s, byte %zu\n", k->name, at);
            EXPECT(!taken || (err == FT_OK && test_equal(&a, &b)));
            both += taken;
            declined += !taken;
            jpeg.at[at] = was;
            free(foreign.scratch.at);
            ft_jpeg_own_free(own.own);
            ft_arena_reset(&arena);
        }
        ft_buf_fini(&jpeg);
        ft_arena_reset(&keep);
    }
    EXPECT(both > 100 && declined > 100);
    ft_arena_fini(&arena);
    ft_arena_fini(&keep);
}

/* Written anew with restarts: the same pixels, whole and in part, for every kind. */
static void test_restarts(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_random r;
    ft_random_seed(&r, 8);
    for (size_t i = 0; i < FT_COUNT(test_jpeg_kinds); i++)
        for (int mcus = 0; mcus < 9; mcus += 4) {
            const test_jpeg_kind *k = &test_jpeg_kinds[i];
            ft_image image = test_picture(&arena, 100 + mcus, 90, k->components == 1 ? 1 : 3, i);
            ft_image whole, again, part, cut;
            ft_buf jpeg = { 0 }, anew = { 0 }, twice = { 0 };
            ft_decode_opts opts = { 0 };
            test_jpeg(&jpeg, &image, k, 75);
            EXPECT_OK(ft_image_restarts(&anew, ft_buf_str(&jpeg), mcus));
            EXPECT(memmem(anew.at, anew.len, "\xff\xdd\0\4\0", 5));
            EXPECT_OK(ft_image_decode(&whole, &arena, ft_buf_str(&jpeg), NULL));
            EXPECT_OK(ft_image_decode(&again, &arena, ft_buf_str(&anew), NULL));
            EXPECT(test_equal(&whole, &again));
            for (int n = 0; n < 8; n++) {
                opts.region = test_box(&r, image.width, image.height);
                EXPECT_OK(ft_image_decode(&part, &arena, ft_buf_str(&anew), &opts));
                EXPECT_OK(ft_image_crop(&cut, &whole, opts.region));
                EXPECT(test_equal(&part, &cut));
            }
            EXPECT_OK(ft_image_restarts(&twice, ft_buf_str(&anew), mcus));
            EXPECT(ft_str_eq(ft_buf_str(&anew), ft_buf_str(&twice)));
            ft_buf_fini(&jpeg);
            ft_buf_fini(&anew);
            ft_buf_fini(&twice);
            ft_arena_reset(&arena);
        }
    ft_arena_fini(&arena);
}

/* What cannot be written anew leaves nothing behind. */
static void test_restarts_refused(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 60, 50, 3, 1);
    ft_buf jpeg = { 0 }, out = { 0 };
    test_jpeg(&jpeg, &image, &test_jpeg_kinds[2], 75);
    EXPECT_OK(ft_buf_add(&out, FT_STR("before")));
    for (size_t len = 4; len + 2 < jpeg.len; len += 7) {
        EXPECT_ERR(FT_ECORRUPT, ft_image_restarts(&out, ft_str_n(jpeg.at, len), 0));
        EXPECT(out.len == 6);
    }
    EXPECT_ERR(FT_EMEDIA, ft_image_restarts(&out, FT_STR("P5 1 1 255 x"), 0));
    EXPECT_ERR(FT_EINVAL, ft_image_restarts(&out, ft_buf_str(&jpeg), -1));
    EACH_FAULT {
        ft_buf to = { 0 };
        ft_err err = ft_image_restarts(&to, ft_buf_str(&jpeg), 2);
        EXPECT(err == FT_OK || err == FT_ENOMEM || err == FT_EABSENT);
        EXPECT((err == FT_OK) == (to.len > 0));
        ft_buf_fini(&to);
    }
    ft_buf_fini(&jpeg);
    ft_buf_fini(&out);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX512)) SKIP("no AVX-512 with VBMI and VNNI");
    ft_arena keep = FT_ARENA_INIT(0);
    ft_image image = test_picture(&keep, 50, 40, 3, 3), out;
    ft_buf jpeg = { 0 };
    test_jpeg_kind kind = { "420", 3, 2, 2, false, 1 };
    int failed = 0;
    test_jpeg(&jpeg, &image, &kind, 80);
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_decoder d = { .arena = &arena };
        bool taken;
        ft_err err =
            ft_jpeg_own_decode(&taken, &out, &d, ft_buf_str(&jpeg), &(ft_decode_opts){ 0 });
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        EXPECT(taken == (err == FT_OK));
        failed += err != FT_OK;
        ft_jpeg_own_free(d.own);
        ft_arena_fini(&arena);
    }
    EXPECT(failed >= 5);
    ft_buf_fini(&jpeg);
    ft_arena_fini(&keep);
}

TEST_MAIN(cmocka_unit_test(test_faults), cmocka_unit_test(test_as_libjpeg),
          cmocka_unit_test(test_declines), cmocka_unit_test(test_damage),
          cmocka_unit_test(test_restarts), cmocka_unit_test(test_restarts_refused))
