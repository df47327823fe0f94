/* resample_test.c -- resampling against sines that are known at every rate. */
#include "media/resample.h"

#include <math.h>

#include "base/random.h"
#include "media/resample_half.h"
#include "tests/test.h"

static void sine(int16_t *out, size_t count, int rate_hz, double tone_hz, double level) {
    for (size_t i = 0; i < count; i++)
        out[i] = (int16_t)lrint(level * sin(2 * M_PI * tone_hz * (double)i / rate_hz));
}

static size_t resample(int16_t **out, int from_hz, int to_hz, const int16_t *in, size_t count,
                       size_t piece) {
    ft_resampler *r = NULL;
    EXPECT_OK(ft_resampler_new(&r, from_hz, to_hz));
    *out = malloc((ft_resampler_room(r, count) + ft_resampler_room(r, 0)) * sizeof **out);
    size_t written = 0;
    for (size_t at = 0; at < count; at += piece) {
        size_t take = count - at < piece ? count - at : piece;
        size_t got = ft_resampler_push(r, *out + written, in + at, take);
        EXPECT(got <= ft_resampler_room(r, take));
        written += got;
    }
    size_t rest = ft_resampler_end(r, *out + written);
    EXPECT(rest <= ft_resampler_room(r, 0));
    ft_resampler_free(r);
    return written + rest;
}

/* A tone inside the pass band comes out as the same tone, one in the stop band not at all. */
static void test_tones(void **state) {
    (void)state;
    static const struct {
        int from_hz, to_hz;
        double tone_hz;
        bool passes;
    } rows[] = {
        { 16000, 8000, 1000, true },   { 16000, 8000, 3300, true },  { 16000, 8000, 4700, false },
        { 16000, 8000, 7000, false },  { 16000, 22050, 440, true },  { 16000, 22050, 6500, true },
        { 22050, 8000, 3000, true },   { 22050, 8000, 5000, false }, { 22050, 16000, 6700, true },
        { 44100, 16000, 9500, false }, { 16000, 24000, 2000, true }, { 8000, 48000, 3000, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t count = (size_t)rows[i].from_hz / 2;
        int16_t *in = malloc(count * sizeof *in), *out = NULL;
        sine(in, count, rows[i].from_hz, rows[i].tone_hz, 16000);
        size_t got = resample(&out, rows[i].from_hz, rows[i].to_hz, in, count, 333);
        EXPECT(got == (size_t)rows[i].to_hz / 2);
        double signal = 0, noise = 0;
        for (size_t n = got / 4; n < got * 3 / 4; n++) {
            double want = rows[i].passes
                              ? 16000 * sin(2 * M_PI * rows[i].tone_hz * (double)n / rows[i].to_hz)
                              : 0;
            signal += 16000.0 * 16000 / 2;
            noise += (out[n] - want) * (out[n] - want);
        }
        double db = 10 * log10(signal / noise);
        if (db < 60) print_error("row %zu: %.1f dB\n", i, db);
        EXPECT(db >= 60);
        free(in);
        free(out);
    }
}

/* Where the pieces are cut makes no difference, and neither does what came before an end. */
static void test_pieces(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    static int16_t in[COUNT];
    static const size_t pieces[] = { 1, 7, 160, 4096, COUNT };
    for (int i = 0; i < COUNT; i++) in[i] = (int16_t)(i * 7919);
    static const int from_hz[] = { 22050, 32000, 48000 }; /* any, half, a third */
    for (size_t k = 0; k < 3; k++) {
        int16_t *whole = NULL;
        size_t want = resample(&whole, from_hz[k], 16000, in, COUNT, COUNT);
        EXPECT(want == (size_t)(COUNT * 16000 + from_hz[k] - 1) / (size_t)from_hz[k]);
        for (size_t i = 0; i < 5; i++) {
            int16_t *out = NULL;
            size_t got = resample(&out, from_hz[k], 16000, in, COUNT, pieces[i]);
            EXPECT(got == want && memcmp(out, whole, got * sizeof *out) == 0);
            free(out);
        }
        free(whole);
    }
}

/* Half the rate: the quick ways give the plain one's bits, at any length and place, and hold what
 * is too loud. */
enum { HALF_TAPS = 64, HALF_COUNT = 1300 };

static void expect_half_as_plain(const int16_t *in, const int16_t *coeffs) {
    static int16_t out[HALF_COUNT + 1], want[HALF_COUNT];
    for (size_t from = 0; from < 3; from++)
        for (size_t count = 0; from + count <= HALF_COUNT; count += 1 + count / 9) {
            out[count] = 12345;
            ft_half_filter(out, in + 2 * from, count, coeffs, HALF_TAPS);
            ft_half_filter_plain(want, in + 2 * from, count, coeffs, HALF_TAPS);
            EXPECT(memcmp(out, want, count * sizeof *out) == 0 && out[count] == 12345);
        }
}

static void test_half_as_plain(void **state) {
    (void)state;
    static int16_t in[2 * HALF_COUNT + HALF_TAPS];
    int16_t coeffs[HALF_TAPS];
    float filter[HALF_TAPS], sum = 0;
    ft_random random;
    ft_random_seed(&random, 7);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        in[i] = i < 100 ? INT16_MIN : i < 200 ? INT16_MAX : (int16_t)ft_random_u64(&random);
    for (int k = 0; k < HALF_TAPS; k++) sum += filter[k] = (float)(ft_random_u64(&random) % 1000);
    for (int k = 0; k < HALF_TAPS; k++) filter[k] /= sum;
    EXPECT(ft_half_coeffs(coeffs, filter, HALF_TAPS));
    int all = 0;
    for (int k = 0; k < HALF_TAPS; k++) all += coeffs[k];
    EXPECT(all == 1 << FT_HALF_BITS);
    expect_half_as_plain(in, coeffs);
    /* Of half the band: odd ones are zero, but for one, wherever it stands and whatever its sign.
     */
    for (int centre = 1; centre < HALF_TAPS; centre += 2) {
        for (int k = 1; k < HALF_TAPS; k += 2) coeffs[k] = 0;
        coeffs[centre] = (int16_t)(centre % 4 == 1 ? 16384 : -15000);
        expect_half_as_plain(in, coeffs);
    }
    filter[3] = 1.5F;
    EXPECT(!ft_half_coeffs(coeffs, filter, HALF_TAPS)); /* no room in 16 bits */
    EXPECT(!ft_half_coeffs(coeffs, filter, 3) && !ft_half_coeffs(coeffs, filter, 0));
}

static void test_edges(void **state) {
    (void)state;
    ft_resampler *r = NULL;
    int16_t in[3] = { 1, -2, 3 }, *out = NULL;
    EXPECT_ERR(FT_EINVAL, ft_resampler_new(&r, 0, 8000));
    EXPECT_ERR(FT_EINVAL, ft_resampler_new(&r, 8000, FT_RESAMPLE_HZ_MAX + 1));
    EXPECT_ERR(FT_EINVAL, ft_resampler_new(&r, 383987, 383983)); /* both prime */
    EXPECT_WHY("ratio");
    EXPECT(resample(&out, 8000, 8000, in, 3, 1) == 3 && memcmp(in, out, sizeof in) == 0);
    free(out);
    EXPECT(resample(&out, 16000, 8000, in, 0, 1) == 0);
    free(out);
    EXPECT(resample(&out, 48000, 8000, in, 1, 1) == 1);
    free(out);
    ft_resampler_free(NULL);
    EACH_FAULT {
        ft_err err = ft_resampler_new(&r, 16000, 8000);
        EXPECT(err == FT_OK || (err == FT_ENOMEM && !r));
        ft_resampler_free(r);
    }
}

TEST_MAIN(cmocka_unit_test(test_tones), cmocka_unit_test(test_pieces),
          cmocka_unit_test(test_half_as_plain), cmocka_unit_test(test_edges))
