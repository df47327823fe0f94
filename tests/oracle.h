/* oracle.h -- an outside judge for tests: /usr/bin/python3 with Debian's packages (NumPy, SciPy,
 * scikit-learn, xgboost). A test that asks one skips with a word where the package is absent.
 *
 *     if (!oracle_has("scipy")) SKIP("no python3-scipy");
 *     oracle_put("a.bin", a, sizeof a);
 *     double got[2];
 *     EXPECT(oracle_ask(got, 2, "import numpy as np; a = np.fromfile(d + 'a.bin'); print(a.mean(),
 * a.std())"));
 *
 * The script runs with `d` set to the test's folder and prints numbers separated by blanks. */
#ifndef FT_TEST_ORACLE_H
#define FT_TEST_ORACLE_H

#include "base/number.h"
#include "tests/test.h"

#define ORACLE_PYTHON "/usr/bin/python3"

/* `modules`: "numpy,scipy". Looks for them without importing: that takes seconds for some. */
static inline bool oracle_has(const char *modules) {
    char command[400];
    snprintf(command, sizeof command,
             ORACLE_PYTHON
             " -c 'import sys, importlib.util as u; sys.exit(not all(u.find_spec(m) for "
             "m in \"%s\".split(\",\")))' 2>/dev/null",
             modules);
    return system(command) == 0;
}

static inline void oracle_put(const char *name, const void *at, size_t bytes) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(at, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

/* Numbers that the script printed; how many were read (at most `count`). */
static inline int oracle_read(double *out, int count, const char *script) {
    char path[400], command[900], word[64];
    snprintf(path, sizeof path, "%s/oracle.py", test_dir());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "import warnings; warnings.filterwarnings('ignore')\nd = '%s/'\n%s\n", test_dir(),
            script);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command, ORACLE_PYTHON " %s", path);
    FILE *python = popen(command, "r");
    assert_non_null(python);
    int got = 0;
    while (got < count && fscanf(python, "%63s", word) == 1)
        if (ft_str_f64(&out[got], ft_str_of(word))) got++;
    return pclose(python) == 0 ? got : -1;
}
static inline bool oracle_ask(double *out, int count, const char *script) {
    return oracle_read(out, count, script) == count;
}

/* |a - b| <= tolerance * max(1, |b|); two NaNs are near. */
static inline bool oracle_near(double a, double b, double tolerance) {
    double scale = b < 0 ? -b : b, distance = a > b ? a - b : b - a;
    if (a != a || b != b) return a != a && b != b;
    bool near = a == b || distance <= tolerance * (scale > 1 ? scale : 1);
    if (!near) print_error("%.17g, the oracle has %.17g\n", a, b);
    return near;
}

#endif
