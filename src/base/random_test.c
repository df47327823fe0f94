/* random_test.c -- the reference's own bits, no bias, UUIDs that stay unique after fork. */
#include "base/random.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

/* First outputs for the state 1, 2, 3, 4: the vector that other implementations test against, too.
 */
static void test_reference_bits(void **state) {
    (void)state;
    static const uint64_t want[] = { 11520u, 0u, 1509978240u, 1215971899390074240u };
    ft_random r = { { 1, 2, 3, 4 } };
    for (int i = 0; i < 4; i++) EXPECT(ft_random_u64(&r) == want[i]);
    ft_random a, b;
    ft_random_seed(&a, 7);
    ft_random_seed(&b, 7);
    for (int i = 0; i < 100; i++) EXPECT(ft_random_u64(&a) == ft_random_u64(&b));
    ft_random_seed(&b, 8);
    EXPECT(ft_random_u64(&a) != ft_random_u64(&b));
}

static void test_below(void **state) {
    (void)state;
    ft_random r;
    int seen[6] = { 0 };
    ft_random_seed(&r, 1);
    for (int i = 0; i < 60000; i++) seen[ft_random_below(&r, 6)]++;
    for (int i = 0; i < 6; i++) EXPECT(seen[i] > 9600 && seen[i] < 10400);
    for (int i = 0; i < 100; i++) EXPECT(ft_random_below(&r, 1) == 0);
    uint64_t big = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = ft_random_below(&r, UINT64_MAX / 3 * 2);
        EXPECT(v < UINT64_MAX / 3 * 2);
        big += v > UINT64_MAX / 3;
    }
    EXPECT(big > 420 && big < 580); /* a plain modulus would give 333 */
}

static void test_unit_and_normal(void **state) {
    (void)state;
    ft_random r;
    double sum = 0, squares = 0, uniform = 0;
    ft_random_seed(&r, 2);
    for (int i = 0; i < 100000; i++) {
        double u = ft_random_unit(&r), z = ft_random_normal(&r);
        EXPECT(u >= 0 && u < 1);
        uniform += u;
        sum += z;
        squares += z * z;
    }
    EXPECT(fabs(uniform / 1e5 - 0.5) < 0.005);
    EXPECT(fabs(sum / 1e5) < 0.015 && fabs(squares / 1e5 - 1) < 0.02);
}

static void test_uuid(void **state) {
    (void)state;
    char a[FT_UUID_TEXT], b[FT_UUID_TEXT], child[FT_UUID_TEXT] = "";
    int fd[2];
    for (int i = 0; i < 1000; i++) {
        ft_uuid(a);
        EXPECT(strlen(a) == 36 && a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
        EXPECT(a[14] == '4' && strchr("89ab", a[19]));
        ft_uuid(b);
        EXPECT(strcmp(a, b) != 0);
    }
    EXPECT(pipe(fd) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        ft_uuid(child);
        _exit(write(fd[1], child, sizeof child) != sizeof child);
    }
    ft_uuid(a);
    EXPECT(read(fd[0], child, sizeof child) == sizeof child);
    EXPECT(waitpid(pid, NULL, 0) == pid);
    EXPECT(strlen(child) == 36 && strcmp(child, a) != 0);
    close(fd[0]);
    close(fd[1]);
}

static void test_secret(void **state) {
    (void)state;
    unsigned char a[32] = { 0 }, b[32] = { 0 };
    EXPECT_OK(ft_random_secret(a, sizeof a));
    EXPECT_OK(ft_random_secret(b, sizeof b));
    EXPECT(memcmp(a, b, sizeof a) != 0);
    EACH_FAULT {
        ft_err err = ft_random_secret(a, sizeof a);
        EXPECT(err == FT_OK || err == FT_EIO);
    }
}

TEST_MAIN(cmocka_unit_test(test_reference_bits), cmocka_unit_test(test_below),
          cmocka_unit_test(test_unit_and_normal), cmocka_unit_test(test_uuid),
          cmocka_unit_test(test_secret))
