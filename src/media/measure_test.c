/* measure_test.c -- pictures in numbers, beside NumPy and SciPy. */
#include "media/measure.h"

#include <math.h>

#include "base/check.h"
#include "base/random.h"
#include "tests/oracle.h"

static const char *const judge =
    "import numpy as np\n"
    "from scipy.signal import convolve2d\n"
    "a = np.fromfile(d + 'rgb.bin', np.uint8).reshape(21, 33, 3).astype(float)\n"
    "l = (a @ [0.299, 0.587, 0.114]) / 255\n"
    "n = convolve2d(l, [[1, -2, 1], [-2, 4, -2], [1, -2, 1]], mode='valid')\n"
    "dx, dy = np.abs(np.diff(l, axis=1)), np.abs(np.diff(l, axis=0))\n"
    "print(l.mean(), l.std(), np.abs(a[..., [0, 2]] - a[..., [1]]).mean() / 255,\n"
    "      np.concatenate([dx.ravel(), dy.ravel()]).mean(), np.sqrt(np.pi / 2) / 6 * "
    "np.abs(n).mean())\n"
    "k = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]\n"
    "c = [np.abs(convolve2d(a[..., i] - a[..., 1], k, mode='valid')) for i in (0, 2)]\n"
    "print(np.sqrt(np.median((c[0] + c[1]) / 510) ** 2 - (9.5 / 255) ** 2) / "
    "(np.median(np.abs(n)) + 1 / 255))\n";

static void test_numbers(void **state) {
    (void)state;
    uint8_t pixels[21 * 33 * 3];
    double want[6];
    ft_random r;
    ft_measure m;
    if (!oracle_has("numpy,scipy")) SKIP("no python3-numpy or scipy");
    ft_random_seed(&r, 3);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)ft_random_below(&r, 256);
    oracle_put("rgb.bin", pixels, sizeof pixels);
    EXPECT(oracle_ask(want, 6, judge));
    ft_image image = { pixels, 33, 21, 3, 99 };
    ft_image_measure(&m, &image);
    double got[] = { m.brightness, m.contrast, m.colour, m.edges, m.noise };
    for (int i = 0; i < 5; i++) EXPECT(oracle_near(got[i], want[i], 1e-9));
    EXPECT(fabs(m.colour_grain - want[5]) < 0.01); /* counted in steps */
}

/* A ramp has edges and no noise; noise is found at its size. */
static void test_noise(void **state) {
    (void)state;
    uint8_t pixels[64 * 64];
    ft_image image = { pixels, 64, 64, 1, 64 };
    ft_measure m;
    ft_random r;
    for (int i = 0; i < 64 * 64; i++) pixels[i] = (uint8_t)(2 * (i % 64) + i / 64);
    ft_image_measure(&m, &image);
    EXPECT(m.noise < 1e-12 && m.edges > 0 && m.colour == 0);
    ft_random_seed(&r, 1);
    for (int i = 0; i < 64 * 64; i++) pixels[i] = (uint8_t)(128 + 10 * ft_random_normal(&r));
    ft_image_measure(&m, &image);
    EXPECT(fabs(m.noise * 255 - 10) < 0.5 && fabs(m.grain * 255 - 10) < 1);
    for (int i = 0; i < 64 * 64; i++) /* texture in one corner has noise and no grain */
        pixels[i] = (uint8_t)(i % 64 < 24 && i / 64 < 40 ? 128 + 10 * ft_random_normal(&r) : 90);
    ft_image_measure(&m, &image);
    EXPECT(m.noise * 255 > 1 && m.grain == 0);
    image.width = image.height = 2;
    ft_image_measure(&m, &image);
    EXPECT(m.noise == 0);
    EXPECT_ERR(FT_EMEDIA, ft_picture_measure(&m, FT_STR("no picture")));
}

TEST_MAIN(cmocka_unit_test(test_numbers), cmocka_unit_test(test_noise))
