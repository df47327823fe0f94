/* pixels_test.c -- packing on every path beside plain C and NumPy; turns and colours beside Pillow;
 * boxes of random crops. */
#include <math.h>

#include "media/image_test.h"
#include "media/pixels.h"
#include "tests/oracle.h"

static const ft_dtype kinds[] = { FT_F32, FT_BF16, FT_U8 };

/* ---- packing */

static void compare_pack(ft_media_path path, int rounds) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_random r;
    ft_random_seed(&r, 11);
    for (int i = 0; i < rounds; i++) {
        int channels = ft_random_below(&r, 3) ? 3 : 1;
        ft_image big = test_picture(&arena, 1 + (int)ft_random_below(&r, i % 8 ? 150 : 300),
                                    1 + (int)ft_random_below(&r, 9), channels, i);
        ft_image image;
        EXPECT_OK(ft_image_crop(&image, &big, test_box(&r, big.width, big.height)));
        for (int k = 0; k < 24; k++) {
            ft_packing pack = { kinds[k % 3],
                                k / 3 % 2,
                                k / 6 % 2,
                                k / 12 % 2,
                                { 0.485f, 0.456f, 0.406f },
                                { 0.229f, 0.224f, 0.225f } };
            size_t bytes = ft_pack_bytes(&pack, &image), guard = 64;
            uint8_t *want, *got;
            size_t shift = i % 4 ? 0 : ft_dtype_bytes(pack.dtype);
            EXPECT_OK(ft_arena_take(&want, &arena, bytes + guard));
            EXPECT_OK(ft_arena_take(&got, &arena, bytes + guard));
            EXPECT_OK(ft_pack_image(want + shift, &image, &pack, FT_MEDIA_PLAIN));
            EXPECT_OK(ft_pack_image(got + shift, &image, &pack, path));
            if (memcmp(want, got, bytes + guard))
                print_error("%d x %d x %d, %s, last %d, flip %d, stream %d\n", image.width,
                            image.height, channels, ft_dtype_name(pack.dtype), pack.channels_last,
                            pack.flip, pack.stream);
            EXPECT(memcmp(want, got, bytes + guard) == 0);
        }
        ft_arena_reset(&arena);
    }
    ft_arena_fini(&arena);
}

static void test_pack_avx2(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX2)) SKIP("no AVX2");
    compare_pack(FT_MEDIA_AVX2, 300);
}

static void test_pack_avx512(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX512)) SKIP("no AVX-512 with VBMI and VNNI");
    compare_pack(FT_MEDIA_AVX512, 300);
}

/* torchvision: ToTensor (v / 255 in f32), Normalize ((v - mean) / std in f32), hflip. */
static void test_pack_beside_numpy(void **state) {
    (void)state;
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 67, 31, 3, 2);
    double got[12];
    char name[20];
    oracle_put("image", image.data, ft_image_row_bytes(&image) * (size_t)image.height);
    for (int k = 0; k < 12; k++) {
        ft_packing pack = { kinds[k % 3],
                            k / 3 % 2,
                            k / 6 % 2,
                            false,
                            { 0.485f, 0.456f, 0.406f },
                            { 0.229f, 0.224f, 0.225f } };
        uint8_t *to;
        EXPECT_OK(ft_arena_take(&to, &arena, ft_pack_bytes(&pack, &image)));
        EXPECT_OK(ft_pack_image(to, &image, &pack, FT_MEDIA_AUTO));
        snprintf(name, sizeof name, "p%d", k);
        oracle_put(name, to, ft_pack_bytes(&pack, &image));
    }
    EXPECT(oracle_ask(
        got, 12,
        "import numpy as np\n"
        "f = np.float32\n"
        "a = np.fromfile(d + 'image', np.uint8).reshape(31, 67, 3)\n"
        "for k in range(12):\n"
        "    x = a[:, ::-1] if k // 6 % 2 else a\n"
        "    if k % 3 < 2:\n"
        "        x = (x.astype(f) / f(255) - np.array([.485, .456, .406], f))"
        " / np.array([.229, .224, .225], f)\n"
        "    if not k // 3 % 2: x = x.transpose(2, 0, 1)\n"
        "    b = np.fromfile(d + f'p{k}', (f, np.uint16, np.uint8)[k % 3]).reshape(x.shape)\n"
        "    if k % 3 == 1: b = (b.astype(np.uint32) << 16).view(f)\n"
        "    print(np.abs(x.astype(float) - b).max() / (1, 256, 1)[k % 3])\n"));
    for (int k = 0; k < 12; k++) EXPECT(got[k] <= (k % 3 == 2 ? 0 : k % 3 == 1 ? 4e-5 : 5e-7));
    ft_arena_fini(&arena);
}

static void test_pack_plain_values(void **state) {
    (void)state;
    uint8_t bytes[] = { 0, 128, 255 };
    ft_image image = { bytes, 3, 1, 1, 3 };
    ft_packing raw = { .dtype = FT_F32, .std = { 1.0f / 255 } }, unit = { .dtype = FT_F32 };
    ft_packing half = { .dtype = FT_BF16, .mean = { 0.5f }, .std = { 0.5f } };
    ft_packing wrong = { .dtype = FT_F16 }, none = { .dtype = FT_F32, .mean = { NAN } };
    float f[3];
    uint16_t h[3];
    EXPECT_OK(ft_pack_image(f, &image, &raw, FT_MEDIA_AUTO));
    EXPECT(f[0] == 0 && fabsf(f[1] - 128) < 2e-5f && fabsf(f[2] - 255) < 2e-5f);
    EXPECT_OK(ft_pack_image(f, &image, &unit, FT_MEDIA_AUTO));
    EXPECT(f[0] == 0 && fabsf(f[2] - 1) < 1e-7f);
    EXPECT_OK(ft_pack_image(h, &image, &half, FT_MEDIA_AUTO));
    EXPECT(ft_bf16_f32(h[0]) == -1 && ft_bf16_f32(h[2]) == 1);
    EXPECT_ERR(FT_EINVAL, ft_pack_image(f, &image, &wrong, FT_MEDIA_AUTO));
    EXPECT_WHY("float16");
    EXPECT_ERR(FT_EINVAL, ft_pack_image(f, &image, &none, FT_MEDIA_AUTO));
    EXPECT_ERR(FT_EUNSUPPORTED, ft_pack_image(f, &image, &unit, (ft_media_path)9));
}

/* ---- turns */

static void test_turns_beside_pillow(void **state) {
    (void)state;
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 23, 14, 3, 6), out;
    double same[10];
    char name[20];
    oracle_put("image", image.data, ft_image_row_bytes(&image) * (size_t)image.height);
    for (int o = 1; o <= 8; o++) {
        EXPECT_OK(ft_image_orient(&out, &arena, &image, o));
        EXPECT((out.width == 23) == (o <= 4));
        snprintf(name, sizeof name, "o%d", o);
        oracle_put(name, out.data, ft_image_row_bytes(&out) * (size_t)out.height);
    }
    ft_image_flip_x(&image);
    oracle_put("x", image.data, ft_image_row_bytes(&image) * (size_t)image.height);
    ft_image_flip_x(&image);
    ft_image_flip_y(&image);
    oracle_put("y", image.data, ft_image_row_bytes(&image) * (size_t)image.height);
    EXPECT(oracle_ask(same, 10,
                      "import numpy as np\nfrom PIL import Image, ImageOps\n"
                      "a = np.fromfile(d + 'image', np.uint8).reshape(14, 23, 3)\n"
                      "def same(name, im): print(int(open(d + name, 'rb').read() == "
                      "np.asarray(im).tobytes()))\n"
                      "for o in range(1, 9):\n"
                      "    im = Image.fromarray(a); e = im.getexif(); e[0x112] = o\n"
                      "    im.info['exif'] = e.tobytes()\n"
                      "    same(f'o{o}', ImageOps.exif_transpose(im))\n"
                      "same('x', ImageOps.mirror(Image.fromarray(a)))\n"
                      "same('y', ImageOps.flip(Image.fromarray(a)))\n"));
    for (int i = 0; i < 10; i++) EXPECT(same[i] == 1);
    EXPECT_ERR(FT_EINVAL, ft_image_orient(&out, &arena, &image, 9));
    ft_arena_fini(&arena);
}

/* ---- colours */

typedef struct change {
    ft_err (*apply)(const ft_image *image, float factor);
    const char *python;
    float factor;
} change;

static const change changes[] = {
    { ft_colour_brightness, "ImageEnhance.Brightness(im).enhance(f)", 0 },
    { ft_colour_brightness, "ImageEnhance.Brightness(im).enhance(f)", 0.37f },
    { ft_colour_brightness, "ImageEnhance.Brightness(im).enhance(f)", 1.8f },
    { ft_colour_contrast, "ImageEnhance.Contrast(im).enhance(f)", 0 },
    { ft_colour_contrast, "ImageEnhance.Contrast(im).enhance(f)", 0.61f },
    { ft_colour_contrast, "ImageEnhance.Contrast(im).enhance(f)", 2.3f },
    { ft_colour_saturation, "ImageEnhance.Color(im).enhance(f)", 0 },
    { ft_colour_saturation, "ImageEnhance.Color(im).enhance(f)", 0.45f },
    { ft_colour_saturation, "ImageEnhance.Color(im).enhance(f)", 1.55f },
    { ft_colour_hue, "hue(im, f)", 0.1f },
    { ft_colour_hue, "hue(im, f)", -0.27f },
    { ft_colour_hue, "hue(im, f)", 0.5f },
};

/* Every colour on a grid of 26 levels a channel, and a painting. */
static ft_image all_colours(ft_arena *arena) {
    ft_image image = test_picture(arena, 26 * 26, 40, 3, 6);
    for (int i = 0; i < 26 * 26 * 26; i++) {
        uint8_t *at = image.data + 3 * i;
        at[0] = (uint8_t)(i % 26 * 10 + i % 3);
        at[1] = (uint8_t)(i / 26 % 26 * 10);
        at[2] = (uint8_t)(i / 676 * 10 + i % 2);
    }
    return image;
}

static void test_colours_beside_pillow(void **state) {
    (void)state;
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    ft_arena arena = FT_ARENA_INIT(0);
    enum { COUNT = FT_COUNT(changes) };
    double most[COUNT];
    char name[20];
    ft_buf script = { 0 };
    ft_image image = all_colours(&arena);
    oracle_put("image", image.data, ft_image_row_bytes(&image) * (size_t)image.height);
    ft_buf_printf(
        &script, "import numpy as np\nfrom PIL import Image, ImageEnhance\n"
                 "im = Image.fromarray(np.fromfile(d + 'image', np.uint8).reshape(40, 676, 3))\n"
                 "def hue(im, f):\n" /* torchvision's adjust_hue */
                 "    h, s, v = im.convert('HSV').split()\n"
                 "    n = np.array(h, dtype=np.uint8)\n"
                 "    with np.errstate(over='ignore'): n += np.uint8(int(f * 255) %% 256)\n"
                 "    return Image.merge('HSV', (Image.fromarray(n, 'L'), s, v)).convert('RGB')\n");
    for (size_t i = 0; i < COUNT; i++) {
        image = all_colours(&arena);
        EXPECT_OK(changes[i].apply(&image, changes[i].factor));
        snprintf(name, sizeof name, "c%zu", i);
        oracle_put(name, image.data, ft_image_row_bytes(&image) * (size_t)image.height);
        ft_buf_printf(&script,
                      "f = %.9g\nb = np.fromfile(d + '%s', np.uint8).astype(int)\n"
                      "print(np.abs(np.asarray(%s).astype(int).ravel() - b).max())\n",
                      (double)changes[i].factor, name, changes[i].python);
    }
    EXPECT(oracle_ask(most, COUNT, script.at));
    for (size_t i = 0; i < COUNT; i++) {
        if (most[i] != 0)
            print_message("# %s, %g: %g\n", changes[i].python, (double)changes[i].factor, most[i]);
        EXPECT(most[i] <= 1);
    }
    ft_buf_fini(&script);
    ft_arena_fini(&arena);
}

static void test_colours_refused(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image image = test_picture(&arena, 5, 4, 3, 1), was = test_picture(&arena, 5, 4, 3, 1);
    ft_image grey = test_picture(&arena, 5, 4, 1, 1), grey_was = test_picture(&arena, 5, 4, 1, 1);
    for (size_t i = 0; i < FT_COUNT(changes); i++) {
        EXPECT_ERR(FT_EINVAL, changes[i].apply(&image, NAN));
        EXPECT_ERR(FT_EINVAL, changes[i].apply(&image, -0.6f));
        EXPECT_OK(changes[i].apply(&image, changes[i].apply == ft_colour_hue ? 0 : 1));
    }
    EXPECT(test_equal(&image, &was));
    EXPECT_OK(ft_colour_saturation(&grey, 0.2f));
    EXPECT_OK(ft_colour_hue(&grey, 0.2f));
    EXPECT(test_equal(&grey, &grey_was));
    EXPECT_OK(ft_colour_contrast(&grey, 0));
    EXPECT(grey.data[0] == grey.data[19]);
    EXPECT_ERR(FT_EINVAL, ft_image_grey(&image, &was));
    EXPECT_OK(ft_image_grey(&grey, &was));
    EXPECT(grey.data[3] == ft_luma(was.data + 9));
    ft_arena_fini(&arena);
}

static void test_jitter(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_jitter jitter = { 0.4f, 0.3f, 1.7f, 0.1f }, none = { 0, 0, 0, 0 };
    ft_jitter_draw draw, again;
    ft_random r, s;
    int first[4] = { 0 };
    double mean = 0;
    ft_random_seed(&r, 1);
    ft_random_seed(&s, 1);
    for (int i = 0; i < 4000; i++) {
        ft_jitter_choose(&draw, &r, &jitter);
        ft_jitter_choose(&again, &s, &none);
        EXPECT(draw.factor[0] >= 0.6f && draw.factor[0] <= 1.4f);
        EXPECT(draw.factor[1] >= 0.7f && draw.factor[1] <= 1.3f);
        EXPECT(draw.factor[2] >= 0 && draw.factor[2] <= 2.7f);
        EXPECT(draw.factor[3] >= -0.1f && draw.factor[3] <= 0.1f);
        EXPECT(again.factor[0] == 1 && again.factor[3] == 0);
        int seen = 0;
        for (int k = 0; k < 4; k++) seen |= 1 << draw.order[k];
        EXPECT(seen == 15);
        first[draw.order[0]]++;
        mean += draw.factor[0] / 4000.0;
    }
    EXPECT(memcmp(&r, &s, sizeof r) == 0); /* the same number of values taken */
    for (int k = 0; k < 4; k++) EXPECT(first[k] > 850 && first[k] < 1150);
    EXPECT(mean > 0.98 && mean < 1.02);
    ft_image image = test_picture(&arena, 9, 8, 3, 1), by_hand = test_picture(&arena, 9, 8, 3, 1);
    draw = (ft_jitter_draw){ { 0.8f, 1.2f, 0.5f, 0.05f }, { 2, 0, 3, 1 } };
    EXPECT_OK(ft_jitter_apply(&image, &jitter, &draw));
    EXPECT_OK(ft_colour_saturation(&by_hand, 0.5f));
    EXPECT_OK(ft_colour_brightness(&by_hand, 0.8f));
    EXPECT_OK(ft_colour_hue(&by_hand, 0.05f));
    EXPECT_OK(ft_colour_contrast(&by_hand, 1.2f));
    EXPECT(test_equal(&image, &by_hand));
    ft_arena_fini(&arena);
}

/* ---- crops */

static void test_crop_random(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    ft_random r;
    ft_random_seed(&r, 4);
    double area = 0, shape = 0, x = 0;
    for (int i = 0; i < COUNT; i++) {
        ft_box b = ft_crop_random(&r, 500, 375, NULL, NULL);
        EXPECT(b.width >= 1 && b.height >= 1 && b.x >= 0 && b.y >= 0);
        EXPECT(b.x + b.width <= 500 && b.y + b.height <= 375);
        double part = (double)b.width * b.height / (500.0 * 375),
               ratio = (double)b.width / b.height;
        EXPECT(part > 0.078 && part <= 1 && ratio > 0.74 && ratio < 1.35);
        area += part / COUNT;
        shape += log(ratio) / COUNT;
        x += b.width < 500 ? (double)b.x / (500 - b.width) / COUNT : 0.5 / COUNT;
    }
    /* torchvision 0.14, 100,000 draws of get_params for this picture: 0.4328, 0.0307 */
    EXPECT(fabs(area - 0.4328) < 0.006);
    EXPECT(fabs(shape - 0.0307) < 0.006);
    EXPECT(fabs(x - 0.5) < 0.01);
    /* Too long for any try: the middle, at the nearest ratio. */
    ft_box b = ft_crop_random(&r, 1000, 10, (const float[2]){ 1, 1 }, NULL);
    EXPECT(b.width == 13 && b.height == 10 && b.x == 493 && b.y == 0);
    b = ft_crop_random(&r, 10, 1000, (const float[2]){ 1, 1 }, NULL);
    EXPECT(b.width == 10 && b.height == 13 && b.y == 493);
    b = ft_crop_random(&r, 1, 1, NULL, NULL);
    EXPECT(b.width == 1 && b.height == 1);
    b = ft_crop_centre(500, 375, 224, 224);
    EXPECT(b.x == 138 && b.y == 76 && b.width == 224); /* 75.5 to even */
    b = ft_crop_centre(100, 375, 224, 224);
    EXPECT(b.x == 0 && b.width == 100 && b.height == 224);
}

static ft_err turn(const ft_image *image) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image out;
    ft_err err = ft_image_orient(&out, &arena, image, 6);
    ft_arena_fini(&arena);
    return err;
}

static void test_faults(void **state) {
    (void)state;
    uint8_t bytes[12] = { 0 };
    ft_image image = { bytes, 2, 2, 3, 6 };
    int failed = 0;
    EACH_FAULT {
        ft_err err = turn(&image);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        failed += err != FT_OK;
    }
    EXPECT(failed >= 1);
}

TEST_MAIN(cmocka_unit_test(test_faults), cmocka_unit_test(test_pack_avx2),
          cmocka_unit_test(test_pack_avx512), cmocka_unit_test(test_pack_beside_numpy),
          cmocka_unit_test(test_pack_plain_values), cmocka_unit_test(test_turns_beside_pillow),
          cmocka_unit_test(test_colours_beside_pillow), cmocka_unit_test(test_colours_refused),
          cmocka_unit_test(test_jitter), cmocka_unit_test(test_crop_random))
