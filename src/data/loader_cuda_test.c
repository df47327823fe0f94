/* loader_cuda_test.c -- page-locking, against a libcudart of the test's own
 * (the machine that runs tests has no GPU, as a rule): this program makes it with the C compiler
 * and starts itself again with it in its library path. */
#include "data/loader_cuda.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "data/loader.h"
#include "data/loader_made_test.h"
#include "tests/test.h"

/* Pins are counted in a file's size, so that both sides see them. */
static const char library[] =
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    "static int pins, refuse = -1;\n"
    "int fake_pins(void) { return pins; }\n"
    "void fake_refuse(int after) { refuse = after; }\n"
    "int cudaGetDeviceCount(int *n) { *n = getenv(\"FAKE_NO_DEVICE\") ? 0 : 1; return 0; }\n"
    "int cudaHostRegister(void *at, size_t n, unsigned f) { if (!at || !n || f != 1) return 1; if "
    "(refuse >= 0 && pins >= "
    "refuse) return 2; pins++; return 0; }\n"
    "int cudaHostUnregister(void *at) { (void)at; pins--; return 0; }\n"
    "const char *cudaGetErrorString(int c) { return c == 2 ? \"out of memory\" : \"invalid\"; }\n";

static int pins(void) {
    int (*get)(void) = NULL;
    void *lib = dlopen("libcudart.so", RTLD_NOW);
    EXPECT(lib);
    *(void **)&get = dlsym(lib, "fake_pins");
    EXPECT(get);
    return get();
}
static void refuse(int after) {
    void (*set)(int) = NULL;
    *(void **)&set = dlsym(dlopen("libcudart.so", RTLD_NOW), "fake_refuse");
    EXPECT(set);
    set(after);
}

static bool faked(void) { return getenv("FETTLE_TEST_CUDA") != NULL; }

static void test_pinned_slots(void **state) {
    (void)state;
    ft_loader *l;
    ft_feed feed;
    ft_batch *b, *kept = NULL;
    ft_loader_stats stats;
    made m = { .count = 100 };
    ft_loader_spec spec = { .batch = 10, .workers = 0, .prefetch = 2, .pin = true };
    if (!faked()) SKIP("no C compiler for a libcudart of the test's own");
    made_feed(&feed, &m);
    EXPECT_OK(ft_loader_open(&l, &feed, &spec));
    for (int i = 0; ft_loader_next(&b, l) == FT_OK; i++) {
        if (i == 3) ft_batch_keep(kept = b);
        ft_batch_release(b);
    }
    ft_loader_told(&stats, l);
    EXPECT(stats.pinned && pins() >= 2);
    ft_loader_free(l);
    EXPECT(pins() >= 1); /* the batch that is held is still locked */
    ft_batch_release(kept);
    EXPECT(pins() == 0);
}

/* Locking is refused at some point (too much of it): ordinary slots do as well. */
static void test_refused(void **state) {
    (void)state;
    if (!faked()) SKIP("no C compiler for a libcudart of the test's own");
    for (int after = 0; after < 2; after++) {
        ft_loader *l;
        ft_feed feed;
        ft_batch *b;
        size_t got = 0;
        made m = { .count = 100 };
        ft_loader_spec spec = { .batch = 10, .workers = 1, .prefetch = 4, .pin = true };
        refuse(after);
        made_feed(&feed, &m);
        EXPECT_OK(ft_loader_open(&l, &feed, &spec));
        for (; ft_loader_next(&b, l) == FT_OK; got += b->count) ft_batch_release(b);
        EXPECT(got == 100);
        ft_loader_free(l);
        EXPECT(pins() == 0);
    }
    refuse(-1);
}

static void test_errors(void **state) {
    (void)state;
    char bytes[100];
    if (!faked()) SKIP("no C compiler for a libcudart of the test's own");
    EXPECT_OK(ft_cuda_load());
    EXPECT_ERR(FT_EPEER, ft_cuda_pin(bytes, 0));
    EXPECT_WHY("CUDA could not lock memory: invalid");
    setenv("FAKE_NO_DEVICE", "1", 1);
    EXPECT_ERR(FT_EABSENT, ft_cuda_load());
    EXPECT_WHY("no device");
    unsetenv("FAKE_NO_DEVICE");
}

/* Without CUDA nothing changes but what the stats say. */
static void test_absent(void **state) {
    (void)state;
    ft_loader *l;
    ft_feed feed;
    ft_loader_stats stats;
    ft_batch *b;
    made m = { .count = 10 };
    if (faked()) setenv("FAKE_NO_DEVICE", "1", 1);
    made_feed(&feed, &m);
    EXPECT_OK(ft_loader_open(&l, &feed, &(ft_loader_spec){ .pin = true }));
    EXPECT_OK(ft_loader_next(&b, l));
    ft_batch_release(b);
    ft_loader_told(&stats, l);
    EXPECT(!stats.pinned || !faked());
    ft_loader_free(l);
    unsetenv("FAKE_NO_DEVICE");
}

/* Make the library and start again with it; go on without when there is no compiler. */
static void start_again(char **argv) {
    char path[400], command[900];
    if (faked()) return;
    snprintf(path, sizeof path, "%s/cudart.c", test_dir());
    FILE *f = fopen(path, "w");
    if (!f) return;
    fputs(library, f);
    fclose(f);
    snprintf(command, sizeof command, "cc -shared -fPIC -w -o %s/libcudart.so %s 2>/dev/null",
             test_dir(), path);
    if (system(command) != 0) return;
    setenv("LD_LIBRARY_PATH", test_dir(), 1);
    setenv("FETTLE_TEST_CUDA", test_dir(), 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
    char command[400];
    (void)argc;
    start_again(argv);
    const struct CMUnitTest list[] = { cmocka_unit_test(test_pinned_slots),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_absent) };
    int failed = cmocka_run_group_tests(list, NULL, NULL);
    if (faked()) { /* made before the second start */
        snprintf(command, sizeof command, "rm -rf '%s'", getenv("FETTLE_TEST_CUDA"));
        if (system(command) != 0) return 1;
    }
    return test_end(failed);
}
