/* test.h -- the test harness: cmocka, with errors that print their trail. A test file is a program:
 *
 *     static void test_full(void **state) { (void)state; EXPECT_ERR(FT_EINVAL, ft_time_parse(&t, x)); }
 *     TEST_MAIN(cmocka_unit_test(test_full)) */
#ifndef FT_TEST_H
#define FT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/str.h"

#define EXPECT(cond)                                                                          \
    do {                                                                                      \
        if (!(cond)) {                                                                        \
            ft_fault_off();                                                                   \
            print_error("%s:%d: expected %s\n%s", __FILE__, __LINE__, #cond, ft_err_trail()); \
            _fail(__FILE__, __LINE__);                                                        \
        }                                                                                     \
    } while (0)
#define EXPECT_ERR(want, call)                                                           \
    do {                                                                                 \
        ft_err got_ = (call);                                                            \
        if (got_ != (want)) {                                                            \
            ft_fault_off();                                                              \
            print_error("%s:%d: %s gave %s, expected %s\n%s", __FILE__, __LINE__, #call, \
                        ft_err_name(got_), #want, ft_err_trail());                       \
            _fail(__FILE__, __LINE__);                                                   \
        }                                                                                \
    } while (0)
#define EXPECT_OK(call) EXPECT_ERR(FT_OK, call)
/* The last failure's sentence holds `text`. */
#define EXPECT_WHY(text)                                                                         \
    do {                                                                                         \
        if (!strstr(ft_err_why(), (text))) {                                                     \
            print_error("%s:%d: \"%s\" does not say \"%s\"\n", __FILE__, __LINE__, ft_err_why(), \
                        (text));                                                                 \
            _fail(__FILE__, __LINE__);                                                           \
        }                                                                                        \
    } while (0)
#define EXPECT_STR(want, view)                                                                 \
    do {                                                                                       \
        ft_str view_ = (view);                                                                 \
        if (!ft_str_is(view_, (want))) {                                                       \
            print_error("%s:%d: %s is \"%.*s\", expected \"%s\"\n", __FILE__, __LINE__, #view, \
                        FT_STR_ARG(view_), (want));                                            \
            _fail(__FILE__, __LINE__);                                                         \
        }                                                                                      \
    } while (0)
/* Run the block once for every fallible call in it, failing that one call; the last round fails
 * nothing. */
#define EACH_FAULT for (long fault_ = 0; ft_fault_round(&fault_);)

/* End this case with a word: what it needs is not on this machine. (cmocka's own skip() prints "not
 * ok", which TAP readers take for a failure.) tests/count.py counts these lines. */
#define SKIP(...)                             \
    do {                                      \
        print_message("# SKIP " __VA_ARGS__); \
        print_message("\n");                  \
        return;                               \
    } while (0)

/* Path of a file of the shared test data, or NULL when it is not there: $FETTLE_SHARED_DATA, else
 * shared/data beside the repository. Static. */
static inline const char *test_shared(const char *name) {
    static char path[1024];
    static const char *const beside[] = { "../shared/data", "../../shared/data" };
    const char *set = getenv("FETTLE_SHARED_DATA");
    for (int i = 0; i < (set ? 1 : 2); i++) {
        snprintf(path, sizeof path, "%s/%s", set ? set : beside[i], name);
        if (access(path, R_OK) == 0) return path;
    }
    return NULL;
}

/* A fresh folder under $TMPDIR or /tmp for this test program, removed at its exit (tests/test.c is
 * not needed: header only). */
static inline const char *test_dir(void) {
    static char path[256];
    if (!path[0]) {
        const char *tmp = getenv("TMPDIR");
        snprintf(path, sizeof path, "%s/fettle-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        if (!mkdtemp(path)) abort();
    }
    return path;
}
static inline int test_end(int failed) {
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", test_dir());
    if (!failed && system(command) != 0) return 1;
    return failed;
}

#define TEST_MAIN(...)                                              \
    int main(void) {                                                \
        const struct CMUnitTest list_[] = { __VA_ARGS__ };          \
        return test_end(cmocka_run_group_tests(list_, NULL, NULL)); \
    }

#endif
