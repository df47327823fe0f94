/* A mapped file that shrinks gives zeros and an error, not a signal; other addresses keep theirs.
 */
#include "data/mapped.h"

#include <signal.h>
#include <sys/wait.h>

#include "data/table_test.h"

static char *file_of(const char *name, size_t bytes) {
    static char path[512];
    char *text = malloc(bytes);
    EXPECT(text);
    memset(text, 'x', bytes);
    snprintf(path, sizeof path, "%.*s", FT_STR_ARG(test_file(name, text, bytes)));
    free(text);
    return path;
}

static void test_read(void **state) {
    ft_mapped *m;
    (void)state;
    EXPECT_OK(ft_mapped_open(&m, file_of("a", 10000)));
    EXPECT(ft_mapped_bytes(m).len == 10000 && ft_mapped_bytes(m).at[9999] == 'x');
    EXPECT_OK(ft_mapped_intact(m));
    EXPECT(!ft_mapped_cut(m));
    ft_mapped_free(m);
    EXPECT_OK(ft_mapped_open(&m, file_of("empty", 0)));
    EXPECT(ft_mapped_bytes(m).len == 0);
    EXPECT_OK(ft_mapped_intact(m));
    ft_mapped_free(m);
    EXPECT_ERR(FT_ENOTFOUND, ft_mapped_open(&m, "/no/such/file"));
    EXPECT_ERR(FT_EINVAL, ft_mapped_open(&m, test_dir()));
    EXPECT(m == NULL);
    ft_mapped_free(NULL);
}

static void test_shrinks(void **state) {
    ft_mapped *m, *other;
    (void)state;
    EXPECT_OK(ft_mapped_open(&other, file_of("b", 100000)));
    char *path = file_of("c", 100000);
    EXPECT_OK(ft_mapped_open(&m, path));
    EXPECT(truncate(path, 5000) == 0);
    volatile const char *at = ft_mapped_bytes(m).at;
    EXPECT(at[4000] == 'x' && !ft_mapped_cut(m));
    EXPECT_ERR(FT_ECORRUPT, ft_mapped_intact(m));
    EXPECT(at[50000] == 0 && at[99999] == 0);
    EXPECT(ft_mapped_cut(m) && !ft_mapped_cut(other));
    EXPECT_ERR(FT_ECORRUPT, ft_mapped_intact(m));
    EXPECT_WHY("shrank from 100000 to 5000 bytes");
    ft_mapped_free(m);
    EXPECT_OK(ft_mapped_intact(other));
    EXPECT_OK(ft_mapped_open(&m, path)); /* the slot is used again, unmarked */
    EXPECT(!ft_mapped_cut(m));
    ft_mapped_free(m);
    ft_mapped_free(other);
}

static void on_other(int number) { _exit(number == SIGBUS ? 42 : 1); }

/* A bus error that is not ours goes to the handler that stood there first. */
static void test_others(void **state) {
    (void)state;
    char *path = file_of("d", 100);
    pid_t child = fork();
    if (child == 0) {
        ft_mapped *m;
        struct sigaction action = { .sa_handler = on_other };
        sigaction(SIGBUS, &action, NULL);
        if (ft_mapped_open(&m, path)) _exit(2);
        raise(SIGBUS);
        _exit(3);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void test_faults(void **state) {
    (void)state;
    char *path = file_of("e", 100);
    EACH_FAULT {
        ft_mapped *m;
        ft_err err = ft_mapped_open(&m, path);
        EXPECT(!err == !!m);
        ft_mapped_free(m);
    }
}

/* test_others first: its child must install the handler itself. */
TEST_MAIN(cmocka_unit_test(test_others), cmocka_unit_test(test_read),
          cmocka_unit_test(test_shrinks), cmocka_unit_test(test_faults))
