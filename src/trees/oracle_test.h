/* oracle_test.h -- for tests only: XGBoost itself by way of Debian's python3-xgboost, and the files
 * that pass between it and us (raw f32, little-endian). */
#ifndef FT_ORACLE_TEST_H
#define FT_ORACLE_TEST_H

#include "base/files.h"
#include "tests/test.h"

/* src/trees/testdata/NAME; tests run in the build folder. */
static inline const char *testdata(const char *name) {
    static char path[512];
    const char *const roots[] = { "../src/trees/testdata", "src/trees/testdata" };
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", roots[i], name);
        if (access(path, R_OK) == 0) return path;
    }
    return path;
}

static inline const char *in_test_dir(const char *name) {
    static char paths[256][512];
    static int next;
    char *path = paths[next++ % 256];
    snprintf(path, sizeof paths[0], "%s/%s", test_dir(), name);
    return path;
}

static inline bool oracle_here(void) {
    static int here = -1;
    if (here < 0) here = system("/usr/bin/python3 -c 'import xgboost, numpy' 2>/dev/null") == 0;
    return here;
}

/* Run a Python script in the test folder; what it prints goes to out.txt there. */
static inline bool oracle_run(const char *script, const char *args) {
    char command[2048];
    FILE *f = fopen(in_test_dir("script.py"), "w");
    if (!f || fputs(script, f) < 0 || fclose(f) != 0) return false;
    snprintf(
        command, sizeof command,
        "cd '%s' && OMP_NUM_THREADS=1 timeout 100 /usr/bin/python3 script.py %s > out.txt 2>&1 "
        "|| { cat out.txt >&2; false; }",
        test_dir(), args);
    return system(command) == 0;
}

/* A file of f32; count in *count. */
static inline float *read_floats(const char *path, size_t *count, ft_arena *arena) {
    ft_str bytes;
    float *at;
    EXPECT_OK(ft_file_read(&bytes, arena, path, (size_t)1 << 30));
    *count = bytes.len / sizeof *at;
    EXPECT_OK(ft_arena_items(&at, arena, *count + 1));
    memcpy(at, bytes.at, bytes.len);
    return at;
}

#endif
