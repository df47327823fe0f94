/* telephone_test.c -- the telephone's band beside SciPy's Butterworth filters, and its even level.
 */
#include "media/telephone.h"

#include <math.h>

#include "base/check.h"
#include "tests/oracle.h"

#define RATE  16000
#define COUNT (4 * RATE)

/* Amplitude of a tone in the second half. */
static double amplitude(const int16_t *x, double hz) {
    double c = 0, s = 0;
    for (size_t i = COUNT / 2; i < COUNT; i++) {
        c += x[i] * cos(2 * M_PI * hz * (double)i / RATE);
        s += x[i] * sin(2 * M_PI * hz * (double)i / RATE);
    }
    return 2 * sqrt(c * c + s * s) / (COUNT / 2);
}

static const char scipy_script[] =
    "import numpy as np\n"
    "from scipy.signal import butter, sosfreqz\n"
    "f = np.array([1000, 100, 200, 300, 500, 2000, 3000, 3400, 4000, 6000])\n"
    "h = np.ones(len(f))\n"
    "for hz, kind in ((300, 'high'), (3400, 'low')):\n"
    "    h = h * np.abs(sosfreqz(butter(4, hz, kind, fs=16000, output='sos'), f, fs=16000)[1])\n"
    "print(*(h / h[0]))\n";

/* Two tones at once: the level that follows the voice is the same for both. */
static void test_band_as_scipy(void **state) {
    (void)state;
    static const double tones_hz[] = { 1000, 100, 200, 300, 500, 2000, 3000, 3400, 4000, 6000 };
    static int16_t x[COUNT];
    double want[10];
    if (!oracle_has("scipy")) SKIP("no python3-scipy");
    EXPECT(oracle_ask(want, 10, scipy_script));
    for (size_t k = 1; k < FT_COUNT(tones_hz); k++) {
        ft_telephone t;
        for (size_t i = 0; i < COUNT; i++)
            x[i] = (int16_t)lrint(3000 * sin(2 * M_PI * 1000 * (double)i / RATE) +
                                  3000 * sin(2 * M_PI * tones_hz[k] * (double)i / RATE));
        ft_telephone_init(&t, RATE);
        ft_telephone_pass(&t, x, COUNT);
        double got = amplitude(x, tones_hz[k]) / amplitude(x, 1000);
        print_message("# %.0f Hz: %.4f, SciPy %.4f\n", tones_hz[k], got, want[k]);
        EXPECT(fabs(got - want[k]) < 0.003 + 0.01 * want[k]);
    }
}

/* Loud and soft voices come out alike: within 12 dB, at -20 dB of full scale. */
static void test_level(void **state) {
    (void)state;
    static int16_t x[COUNT];
    static const double amplitudes[] = { 2000, 4634, 12000 };
    for (size_t k = 0; k < FT_COUNT(amplitudes); k++) {
        ft_telephone t;
        for (size_t i = 0; i < COUNT; i++)
            x[i] = (int16_t)lrint(amplitudes[k] * sin(2 * M_PI * 1000 * (double)i / RATE));
        ft_telephone_init(&t, RATE);
        ft_telephone_pass(&t, x, COUNT);
        double db = 20 * log10(amplitude(x, 1000) / sqrt(2) / 32768);
        print_message("# %.0f in, %.2f dB out\n", amplitudes[k], db);
        EXPECT(fabs(db + 20) < 0.5);
    }
    memset(x, 0, sizeof x);
    ft_telephone t;
    ft_telephone_init(&t, RATE);
    ft_telephone_pass(&t, x, COUNT);
    for (size_t i = 0; i < COUNT; i++) EXPECT(x[i] == 0); /* silence is not turned up */
}

/* In pieces or at once: the same samples. At 6 kHz there is no upper edge to cut. */
static void test_pieces(void **state) {
    (void)state;
    static int16_t a[8000], b[8000];
    ft_telephone t;
    for (size_t i = 0; i < 8000; i++)
        a[i] = b[i] = (int16_t)lrint(5000 * sin((double)i * (double)i * 1e-4));
    ft_telephone_init(&t, 8000);
    EXPECT(t.stage_count == 4);
    ft_telephone_pass(&t, a, 8000);
    ft_telephone_init(&t, 8000);
    for (size_t i = 0; i < 8000; i += 160) ft_telephone_pass(&t, b + i, 160);
    EXPECT(memcmp(a, b, sizeof a) == 0);
    ft_telephone_init(&t, 6000);
    EXPECT(t.stage_count == 2);
}

TEST_MAIN(cmocka_unit_test(test_band_as_scipy), cmocka_unit_test(test_level),
          cmocka_unit_test(test_pieces))
