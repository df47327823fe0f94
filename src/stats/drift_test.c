/* drift_test.c -- against SciPy; odd samples; what no shift looks like. */
#include "stats/drift.h"

#include <math.h>

#include "base/random.h"
#include "stats/histogram.h"
#include "stats/sort.h"
#include "tests/oracle.h"

static double a[20000], b[20000];

static void fill(size_t n, size_t m, double shift, double grid) {
    ft_random r;
    ft_random_seed(&r, 11);
    for (size_t i = 0; i < n; i++) a[i] = ft_random_normal(&r);
    for (size_t i = 0; i < m; i++) b[i] = ft_random_normal(&r) + shift;
    for (size_t i = 0; grid > 0 && i < n; i++) a[i] = round(a[i] / grid) * grid;
    for (size_t i = 0; grid > 0 && i < m; i++) b[i] = round(b[i] / grid) * grid;
    EXPECT_OK(ft_sort_f64(a, n));
    EXPECT_OK(ft_sort_f64(b, m));
}

static void test_ks(void **state) {
    (void)state;
    static const struct {
        size_t n, m;
        double shift, grid, tolerance;
    } row[] = { { 5, 3, 0.5, 0, 1e-10 },       { 30, 30, 1, 0, 1e-10 },
                { 100, 71, 0.2, 0, 1e-9 },     { 400, 900, 0.1, 0.5, 1e-9 },
                { 2000, 3000, 0.02, 0, 1e-8 }, { 20000, 18000, 0.01, 0, 0.02 } };
    enum { ROWS = sizeof row / sizeof row[0] };
    double want[2 * ROWS], d[ROWS], p[ROWS];
    char name[16];
    if (!oracle_has("scipy")) SKIP("no python3-scipy");
    for (size_t i = 0; i < ROWS; i++) {
        fill(row[i].n, row[i].m, row[i].shift, row[i].grid);
        snprintf(name, sizeof name, "a%zu", i);
        oracle_put(name, a, row[i].n * sizeof *a);
        snprintf(name, sizeof name, "b%zu", i);
        oracle_put(name, b, row[i].m * sizeof *b);
        d[i] = ft_ks(a, row[i].n, b, row[i].m);
        EXPECT_OK(ft_ks_pvalue(&p[i], d[i], row[i].n, row[i].m));
    }
    EXPECT(
        oracle_ask(want, 2 * ROWS,
                   "import numpy as np\nfrom scipy.stats import ks_2samp\n"
                   "for i in range(6):\n"
                   "    a, b = np.fromfile(d + 'a%d' % i), np.fromfile(d + 'b%d' % i)\n"
                   "    r = ks_2samp(a, b, mode='exact' if len(a) * len(b) <= 1e7 else 'asymp')\n"
                   "    print(r[0], r[1])"));
    for (size_t i = 0; i < ROWS; i++) {
        EXPECT(oracle_near(d[i], want[2 * i], 1e-12));
        EXPECT(oracle_near(p[i], want[2 * i + 1], row[i].tolerance));
    }
}

static void test_chi2(void **state) {
    (void)state;
    static const double x[] = { 12, 30, 0, 7, 0, 55 }, y[] = { 20, 25, 3, 9, 0, 41 };
    static const double at[] = { 1e-9, 0.3, 1, 5, 40, 300 }, dof[] = { 1, 2, 5, 9, 100, 3000 };
    double want[3 + 36 + 6];
    if (!oracle_has("scipy")) SKIP("no python3-scipy");
    EXPECT(oracle_ask(
        want, 45,
        "from scipy.stats import chi2, chi2_contingency\n"
        "r = chi2_contingency([[12,30,0,7,55],[20,25,3,9,41]], correction=False)\n"
        "print(r[0], r[1], r[2])\n"
        "print(*[chi2.sf(x, d) for x in [1e-9,.3,1,5,40,300] for d in [1,2,5,9,100,3000]])\n"
        "print(*[chi2.isf(1e-5, d) for d in [1,2,5,9,100,3000]])"));
    ft_chi2 c = ft_chi2_two(x, y, 6);
    EXPECT(oracle_near(c.statistic, want[0], 1e-12) && oracle_near(c.pvalue, want[1], 1e-12));
    EXPECT(c.dof == 4 && want[2] == 4);
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 6; k++) {
            double got = ft_chi2_sf(at[i], dof[k]), sure = want[3 + i * 6 + k];
            EXPECT(fabs(got - sure) <= 1e-11 * sure + 1e-300);
        }
        EXPECT(oracle_near(ft_chi2_isf(1e-5, dof[i]), want[39 + i], 1e-10));
    }
}

static void test_psi(void **state) {
    (void)state;
    static const double x[] = { 10, 20, 30, 40 }, y[] = { 40, 30, 20, 10 }, z[] = { 0, 0, 50, 50 };
    static const double none[4] = { 0 };
    double want = 2 * (0.3 * log(4) + 0.1 * log(1.5));
    EXPECT(fabs(ft_psi(x, y, 4) - want) < 1e-14);
    EXPECT(ft_psi(x, x, 4) == 0 && fabs(ft_psi(y, x, 4) - want) < 1e-14);
    EXPECT(isfinite(ft_psi(x, z, 4)) && ft_psi(x, z, 4) > 0.5);
    EXPECT(isnan(ft_psi(x, none, 4)) && isnan(ft_psi(none, none, 4)));
}

/* Under no shift the index passes its noise about as often as promised. */
static void test_psi_noise(void **state) {
    (void)state;
    ft_random r;
    int above = 0;
    const int rounds = 2000;
    ft_random_seed(&r, 12);
    double noise = ft_psi_noise(1000, 700, 10, 0.05);
    for (int round = 0; round < rounds; round++) {
        double x[10] = { 0 }, y[10] = { 0 };
        for (int i = 0; i < 1000; i++) x[ft_random_below(&r, 10)]++;
        for (int i = 0; i < 700; i++) y[ft_random_below(&r, 10)]++;
        above += ft_psi(x, y, 10) > noise;
    }
    EXPECT(above > rounds * 0.035 && above < rounds * 0.068);
    EXPECT(ft_psi_noise(100, 100, 1, 0.05) == 0 && isnan(ft_psi_noise(0, 100, 10, 0.05)));
}

static void test_linf(void **state) {
    (void)state;
    static const double x[] = { 50, 50 }, y[] = { 20, 80 };
    EXPECT(fabs(ft_linf_categories(x, y, 2) - 0.3) < 1e-15);
    EXPECT(fabs(ft_linf_robust(0.3, 100, 100) - (0.3 - 1.8 * sqrt(0.02))) < 1e-15);
    EXPECT(ft_linf_robust(0.1, 100, 100) == 0 && isnan(ft_linf_robust(0.1, 0, 100)));
    EXPECT(isnan(ft_linf_categories(x, (const double[]){ 0, 0 }, 2)));
}

static void test_weighted(void **state) {
    (void)state;
    ft_sketch *s, *t;
    ft_weighted x, y;
    fill(20000, 15000, 0.3, 0);
    EXPECT_OK(ft_sketch_new(&s, 0));
    EXPECT_OK(ft_sketch_new(&t, 0));
    EXPECT_OK(ft_sketch_add(s, a, 20000));
    EXPECT_OK(ft_sketch_add(t, b, 15000));
    EXPECT_OK(ft_sketch_values(&x, s));
    EXPECT_OK(ft_sketch_values(&y, t));
    EXPECT(fabs(ft_ks_weighted(&x, &y) - ft_ks(a, 20000, b, 15000)) < 0.004);
    EXPECT(ft_ks_weighted(&x, &x) == 0);
    ft_sketch_free(s);
    ft_sketch_free(t);
    x = (ft_weighted){ 0 };
    EXPECT(isnan(ft_ks_weighted(&x, &x)) && isnan(ft_ks(a, 0, b, 5)));
}

static void test_every_fault(void **state) {
    (void)state;
    double p;
    int rounds = 0;
    EACH_FAULT {
        ft_err err = ft_ks_pvalue(&p, 0.4, 50, 60);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        rounds++;
    }
    EXPECT(rounds == 2);
    EXPECT_OK(ft_ks_pvalue(&p, 0, 50, 60));
    EXPECT(p == 1);
    EXPECT_OK(ft_ks_pvalue(&p, 1, 50, 60));
    EXPECT(p < 1e-12);
    EXPECT_OK(ft_ks_pvalue(&p, 0.5, 0, 60));
    EXPECT(isnan(p));
}

TEST_MAIN(cmocka_unit_test(test_ks), cmocka_unit_test(test_chi2), cmocka_unit_test(test_psi),
          cmocka_unit_test(test_psi_noise), cmocka_unit_test(test_linf),
          cmocka_unit_test(test_weighted), cmocka_unit_test(test_every_fault))
