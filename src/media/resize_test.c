/* resize_test.c -- sizes: beside Pillow and PyTorch, every path beside plain C. */
#include <math.h>

#include "media/image_test.h"
#include "media/resize.h"
#include "tests/oracle.h"

static const char *const filter_names[] = { "BILINEAR", "BICUBIC", "BOX",
                                            "HAMMING",  "LANCZOS", "NEAREST" };

/* ---- every path gives the bytes of plain C */

static ft_span random_span(ft_random *r, const ft_image *from) {
    ft_span s = { ft_random_unit(r) * from->width, ft_random_unit(r) * from->height, 0, 0 };
    if (ft_random_below(r, 2)) s = (ft_span){ (int)s.x0, (int)s.y0, 0, 0 };
    s.x1 = s.x0 + (from->width - s.x0) * (0.05 + 0.95 * ft_random_unit(r));
    s.y1 = s.y0 + (from->height - s.y0) * (0.05 + 0.95 * ft_random_unit(r));
    return s;
}

static void compare_paths(ft_media_path path, int rounds, uint64_t seed) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_resizer *plain, *fast;
    ft_random r;
    ft_random_seed(&r, seed);
    EXPECT_OK(ft_resizer_new(&plain, FT_MEDIA_PLAIN));
    EXPECT_OK(ft_resizer_new(&fast, path));
    for (int i = 0; i < rounds; i++) {
        int channels = ft_random_below(&r, 3) ? 3 : 1, most = i % 16 ? 90 : 700;
        ft_image big = test_picture(&arena, 1 + (int)ft_random_below(&r, most),
                                    1 + (int)ft_random_below(&r, most), channels, i);
        ft_image from, want, got;
        EXPECT_OK(ft_image_crop(&from, &big, test_box(&r, big.width, big.height)));
        int width = 1 + (int)ft_random_below(&r, 100), height = 1 + (int)ft_random_below(&r, 100);
        ft_span span = random_span(&r, &from), *part = ft_random_below(&r, 2) ? &span : NULL;
        EXPECT_OK(ft_image_new(&want, &arena, width, height, channels));
        EXPECT_OK(ft_image_new(&got, &arena, width + 3, height, channels));
        EXPECT_OK(ft_image_crop(&got, &got, (ft_box){ 1, 0, width, height }));
        for (ft_filter f = 0; f <= FT_FILTER_NEAREST; f++) {
            EXPECT_OK(ft_resize(plain, &want, &from, part, f));
            EXPECT_OK(ft_resize(fast, &got, &from, part, f));
            if (!test_equal(&want, &got))
                print_error("%s %d x %d -> %d x %d, %d channels\n", filter_names[f], from.width,
                            from.height, width, height, channels);
            EXPECT(test_equal(&want, &got));
            EXPECT(got.data[-1] == 0); /* not beside the rows */
            for (int y = 0; y < height; y++)
                EXPECT(got.data[(size_t)y * got.stride_bytes + ft_image_row_bytes(&got)] == 0);
        }
        ft_arena_reset(&arena);
    }
    ft_resizer_free(plain);
    ft_resizer_free(fast);
    ft_arena_fini(&arena);
}

static void test_avx2(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX2)) SKIP("no AVX2");
    compare_paths(FT_MEDIA_AVX2, 400, 1);
}

static void test_avx512(void **state) {
    (void)state;
    if (!ft_media_path_has(FT_MEDIA_AVX512)) SKIP("no AVX-512 with VBMI and VNNI");
    compare_paths(FT_MEDIA_AVX512, 400, 2);
}

/* ---- beside Pillow */

static const char pillow[] =
    "import numpy as np\n"
    "from PIL import Image\n"
    "for i in range(len(open(d + 'list').read().splitlines())):\n"
    "    w, h, c, ow, oh, f, *box = open(d + 'list').read().splitlines()[i].split()\n"
    "    a = np.fromfile(d + f'f{i}', np.uint8).reshape(int(h), int(w), int(c))\n"
    "    im = Image.fromarray(a if c == '3' else a[:, :, 0])\n"
    "    im = im.resize((int(ow), int(oh)), getattr(Image, f), box=tuple(map(float, box)) or "
    "None)\n"
    "    b = np.fromfile(d + f't{i}', np.uint8).astype(int)\n"
    "    print(np.abs(np.asarray(im).ravel() - b).max())\n";

static void test_beside_pillow(void **state) {
    (void)state;
    if (!oracle_has("PIL,numpy")) SKIP("no python3-pil");
    enum { ROUNDS = 150 };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_buf list = { 0 };
    ft_resizer *resizer;
    ft_random r;
    double most[ROUNDS];
    ft_random_seed(&r, 5);
    EXPECT_OK(ft_resizer_new(&resizer, FT_MEDIA_AUTO));
    for (int i = 0; i < ROUNDS; i++) {
        char name[20];
        int channels = i % 3 ? 3 : 1, side = i % 10 ? 120 : 900;
        ft_filter f = (ft_filter)(i % 6);
        ft_image from = test_picture(&arena, 1 + (int)ft_random_below(&r, side),
                                     1 + (int)ft_random_below(&r, side), channels, i),
                 to;
        EXPECT_OK(ft_image_new(&to, &arena, 1 + (int)ft_random_below(&r, 224),
                               1 + (int)ft_random_below(&r, 224), channels));
        ft_span span = random_span(&r, &from);
        bool part = i % 4 > 1;
        EXPECT_OK(ft_resize(resizer, &to, &from, part ? &span : NULL, f));
        ft_buf_printf(&list, "%d %d %d %d %d %s", from.width, from.height, channels, to.width,
                      to.height, filter_names[f]);
        if (part)
            ft_buf_printf(&list, " %.17g %.17g %.17g %.17g", span.x0, span.y0, span.x1, span.y1);
        EXPECT_OK(ft_buf_byte(&list, '\n'));
        snprintf(name, sizeof name, "f%d", i);
        oracle_put(name, from.data, ft_image_row_bytes(&from) * (size_t)from.height);
        snprintf(name, sizeof name, "t%d", i);
        oracle_put(name, to.data, ft_image_row_bytes(&to) * (size_t)to.height);
    }
    oracle_put("list", list.at, list.len);
    EXPECT(oracle_ask(most, ROUNDS, pillow));
    for (int i = 0; i < ROUNDS; i++) {
        if (most[i] != 0) print_error("resize %d: %g levels apart\n", i, most[i]);
        EXPECT(most[i] == 0);
    }
    ft_resizer_free(resizer);
    ft_buf_fini(&list);
    ft_arena_fini(&arena);
}

/* ---- the plain kind: written out by hand */

static void test_grids(void **state) {
    (void)state;
    uint8_t in[] = { 0, 100, 200 }, out[6];
    ft_image from = { in, 3, 1, 1, 3 }, to = { out, 6, 1, 1, 6 };
    static const uint8_t half_pixel[] = { 0, 25, 75, 125, 175, 200 },
                         corners[] = { 0, 40, 80, 120, 160, 200 },
                         origin[] = { 0, 50, 100, 150, 200, 200 };
    EXPECT_OK(ft_resize_grid(&to, &from, FT_GRID_HALF_PIXEL));
    EXPECT(memcmp(out, half_pixel, 6) == 0);
    EXPECT_OK(ft_resize_grid(&to, &from, FT_GRID_CORNERS));
    EXPECT(memcmp(out, corners, 6) == 0);
    EXPECT_OK(ft_resize_grid(&to, &from, FT_GRID_ORIGIN));
    EXPECT(memcmp(out, origin, 6) == 0);
    to.width = 1;
    for (ft_grid g = FT_GRID_HALF_PIXEL; g <= FT_GRID_ORIGIN; g++) {
        EXPECT_OK(ft_resize_grid(&to, &from, g));
        EXPECT(out[0] == (g == FT_GRID_HALF_PIXEL ? 100 : 0));
    }
    from.width = 1;
    to.width = 6;
    EXPECT_OK(ft_resize_grid(&to, &from, FT_GRID_CORNERS));
    EXPECT(out[5] == 0);
    EXPECT_ERR(FT_EINVAL, ft_resize_grid(&to, &from, (ft_grid)9));
}

/* Many random sizes, against the same formula in NumPy in double. */
static void test_grids_beside_numpy(void **state) {
    (void)state;
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image from = test_picture(&arena, 53, 41, 3, 4), to;
    static const int sizes[][2] = { { 20, 30 }, { 53, 41 }, { 111, 97 }, { 224, 3 }, { 1, 1 } };
    double most[15];
    char name[20];
    for (int i = 0; i < 15; i++) {
        EXPECT_OK(ft_image_new(&to, &arena, sizes[i / 3][0], sizes[i / 3][1], 3));
        EXPECT_OK(ft_resize_grid(&to, &from, (ft_grid)(i % 3)));
        snprintf(name, sizeof name, "g%d", i);
        oracle_put(name, to.data, ft_image_row_bytes(&to) * (size_t)to.height);
    }
    oracle_put("from", from.data, ft_image_row_bytes(&from) * (size_t)from.height);
    EXPECT(oracle_ask(most, 15,
                      "import numpy as np\n"
                      "a = np.fromfile(d + 'from', np.uint8).reshape(41, 53, 3).astype(float)\n"
                      "def taps(n, m, grid):\n"
                      "    i = np.arange(m)\n"
                      "    at = [(i + .5) * n / m - .5, i * ((n - 1) / (m - 1) if m > 1 else 0), i "
                      "* n / m][grid]\n"
                      "    at = np.clip(at, 0, None); near = np.minimum(at.astype(int), n - 1)\n"
                      "    return near, np.minimum(near + 1, n - 1), at - near\n"
                      "for i in range(15):\n"
                      "    w, h = [(20, 30), (53, 41), (111, 97), (224, 3), (1, 1)][i // 3]\n"
                      "    y0, y1, v = taps(41, h, i % 3); x0, x1, u = taps(53, w, i % 3)\n"
                      "    u = u[None, :, None]; v = v[:, None, None]\n"
                      "    r = (a[y0][:, x0] * (1 - u) + a[y0][:, x1] * u) * (1 - v)"
                      " + (a[y1][:, x0] * (1 - u) + a[y1][:, x1] * u) * v\n"
                      "    b = np.fromfile(d + f'g{i}', np.uint8).reshape(h, w, 3)\n"
                      "    print(np.abs(r - b).max())\n"));
    for (int i = 0; i < 15; i++) EXPECT(most[i] <= 0.501);
    ft_arena_fini(&arena);
}

static void test_letterbox(void **state) {
    (void)state;
    uint8_t pixel[12] = { 0 };
    static const uint8_t black[3] = { 7, 8, 9 };
    ft_image wide = { pixel, 640, 480, 3, 1920 }, line = { pixel, 1000, 1, 3, 3000 };
    ft_image tiny = { pixel, 2, 2, 3, 6 };
    ft_box b;
    EXPECT_OK(ft_letterbox(&b, 192, 192, &wide));
    EXPECT(b.x == 0 && b.y == 24 && b.width == 192 && b.height == 144);
    EXPECT_OK(ft_letterbox(&b, 100, 300, &wide));
    EXPECT(b.x == 0 && b.y == 112 && b.width == 100 && b.height == 75);
    EXPECT_OK(ft_letterbox(&b, 50, 50, &line));
    EXPECT(b.height == 1 && b.width == 50 && b.y == 24);
    EXPECT_ERR(FT_EINVAL, ft_letterbox(&b, 0, 5, &wide));
    ft_image_fill(&tiny, black);
    EXPECT(pixel[0] == 7 && pixel[4] == 8 && pixel[11] == 9);
}

static void test_refusals(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image from = test_picture(&arena, 9, 7, 3, 4), to = test_picture(&arena, 4, 4, 3, 4);
    static const ft_span wrong[] = { { -1, 0, 5, 5 },  { 0, 0, 9.5, 7 }, { 3, 3, 3, 5 },
                                     { 5, 0, 4, 5 },   { 0, NAN, 5, 5 }, { 0, 0, 5, INFINITY },
                                     { 0, 0, 5, 7.01 } };
    ft_resizer *r;
    EXPECT_OK(ft_resizer_new(&r, FT_MEDIA_AUTO));
    for (size_t i = 0; i < FT_COUNT(wrong); i++) {
        EXPECT_ERR(FT_EINVAL, ft_resize(r, &to, &from, &wrong[i], FT_FILTER_BOX));
        EXPECT_WHY("is not inside a picture of 9 x 7");
    }
    EXPECT_ERR(FT_EINVAL, ft_resize(r, &to, &from, NULL, (ft_filter)17));
    EXPECT_ERR(FT_EUNSUPPORTED, ft_resizer_new(&(ft_resizer *){ NULL }, (ft_media_path)17));
    ft_resizer_free(r);
    ft_resizer_free(NULL);
    ft_arena_fini(&arena);
}

static ft_err resize_once(const ft_image *to, const ft_image *from, ft_filter f) {
    ft_resizer *r = NULL;
    ft_err err;
    FT_GOTO(err, ft_resizer_new(&r, FT_MEDIA_AUTO));
    FT_GOTO(err, ft_resize(r, to, from, NULL, f));
    FT_GOTO(err, ft_resize_grid(to, from, FT_GRID_ORIGIN));
done:
    ft_resizer_free(r);
    return err;
}

static void test_faults(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image from = test_picture(&arena, 20, 17, 3, 4), to = test_picture(&arena, 40, 30, 3, 4);
    for (ft_filter f = 0; f <= FT_FILTER_NEAREST; f++) {
        int failed = 0;
        EACH_FAULT {
            ft_err err = resize_once(&to, &from, f);
            EXPECT(err == FT_OK || err == FT_ENOMEM);
            failed += err != FT_OK;
        }
        EXPECT(failed >= (f == FT_FILTER_NEAREST ? 3 : 5));
    }
    ft_arena_fini(&arena);
}

/* A failure in the middle leaves nothing behind that the next call would take for ready. */
static void test_after_a_fault(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image from = test_picture(&arena, 20, 17, 3, 4), to = test_picture(&arena, 40, 30, 3, 4),
             want = test_picture(&arena, 40, 30, 3, 5);
    ft_resizer *plain;
    EXPECT_OK(ft_resizer_new(&plain, FT_MEDIA_PLAIN));
    EXPECT_OK(ft_resize(plain, &want, &from, NULL, FT_FILTER_BILINEAR));
    EACH_FAULT {
        ft_resizer *r = NULL;
        if (ft_resizer_new(&r, FT_MEDIA_AUTO)) continue;
        if (ft_resize(r, &to, &from, NULL, FT_FILTER_BILINEAR) == FT_ENOMEM)
            EXPECT_OK(ft_resize(r, &to, &from, NULL, FT_FILTER_BILINEAR));
        EXPECT(test_equal(&to, &want));
        ft_resizer_free(r);
    }
    ft_resizer_free(plain);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_faults), cmocka_unit_test(test_after_a_fault),
          cmocka_unit_test(test_avx2), cmocka_unit_test(test_avx512),
          cmocka_unit_test(test_beside_pillow), cmocka_unit_test(test_grids),
          cmocka_unit_test(test_grids_beside_numpy), cmocka_unit_test(test_letterbox),
          cmocka_unit_test(test_refusals))
