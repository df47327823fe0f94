/* lib_test.c -- loading, absence in words, threads, every failed step. */
#include "base/lib.h"

#include <pthread.h>

#include "base/check.h"
#include "tests/test.h"

struct maths {
    double (*cos)(double);
    double (*sqrt)(double);
};
static const ft_lib_symbol symbols[] = { { "cos", offsetof(struct maths, cos) },
                                         { "sqrt", offsetof(struct maths, sqrt) } };

static void test_loads_once(void **state) {
    (void)state;
    struct maths api = { 0 };
    void *handle = NULL;
    EXPECT_OK(ft_lib_load(&handle, "libnosuch.so.9|libm.so.6", "libc6", &api, symbols, 2));
    EXPECT(handle && api.cos(0) == 1 && api.sqrt(9) == 3);
    void *first = handle;
    api.cos = NULL; /* a second call must not look again */
    EXPECT_OK(ft_lib_load(&handle, "libm.so.6", "libc6", &api, symbols, 2));
    EXPECT(handle == first && api.cos == NULL);
}

static void test_absent(void **state) {
    (void)state;
    struct maths api = { 0 };
    void *handle = NULL;
    EXPECT_ERR(FT_EABSENT,
               ft_lib_load(&handle, "libno.so.1|libnosuch.so.9", "nosuch9", &api, symbols, 2));
    EXPECT_WHY("libnosuch.so.9 is not installed: install the Debian package nosuch9");
    EXPECT(!handle);
    static const ft_lib_symbol wrong[] = { { "ft_no_such_function", 0 } };
    EXPECT_ERR(FT_EABSENT, ft_lib_load(&handle, "libm.so.6", "libc6", &api, wrong, 1));
    EXPECT_WHY("libm.so.6 has no function ft_no_such_function");
    EXPECT(!handle);
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        struct maths api = { 0 };
        void *handle = NULL;
        ft_err err = ft_lib_load(&handle, "libm.so.6", "libc6", &api, symbols, 2);
        EXPECT(err == (handle ? FT_OK : FT_EABSENT));
        rounds++;
    }
    EXPECT(rounds == 4);
}

static struct maths shared_api;
static void *shared_handle;

static void *load_and_use(void *ctx) {
    ft_err err = ft_lib_load(&shared_handle, "libm.so.6", "libc6", &shared_api, symbols, 2);
    *(double *)ctx = err == FT_OK ? shared_api.sqrt(16) : 0;
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[8];
    double got[8];
    for (size_t i = 0; i < FT_COUNT(threads); i++)
        EXPECT(pthread_create(&threads[i], NULL, load_and_use, &got[i]) == 0);
    for (size_t i = 0; i < FT_COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        EXPECT(got[i] == 4);
    }
}

TEST_MAIN(cmocka_unit_test(test_loads_once), cmocka_unit_test(test_absent),
          cmocka_unit_test(test_every_fault), cmocka_unit_test(test_threads))
