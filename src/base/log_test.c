/* log_test.c -- format, levels, files, hostile text. */
#include "base/log.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "tests/test.h"

static int64_t fixed_now(void) { return 1644859549123456; }
static int64_t fixed_mono(void) { return 0; }
static void no_sleep(int64_t us) { (void)us; }

static ft_arena arena;
static char path[512];

static const char *logged(void) {
    ft_str got;
    EXPECT_OK(ft_file_read(&got, &arena, path, 1 << 24));
    return got.at;
}

static int start(void **state) {
    (void)state;
    static const ft_clock_ops fixed = { fixed_now, fixed_mono, no_sleep };
    ft_clock_use(&fixed);
    snprintf(path, sizeof path, "%s/log", test_dir());
    ft_log_set_level(FT_LOG_INFO);
    return ft_log_to(path);
}

static int end(void **state) {
    (void)state;
    unlink(path);
    ft_arena_fini(&arena);
    return ft_log_to(NULL);
}

static void test_line(void **state) {
    (void)state;
    ft_log(FT_LOG_WARN, "serve", "port %d", 80);
    assert_string_equal(logged(), "2022-02-14T17:25:49.123Z warn serve: port 80\n");
}

static void test_levels(void **state) {
    (void)state;
    ft_log(FT_LOG_DEBUG, "x", "hidden");
    EXPECT(*logged() == '\0');
    ft_log_set_level(FT_LOG_OFF);
    ft_log(FT_LOG_ERROR, "x", "hidden");
    EXPECT(*logged() == '\0');
    ft_log_set_level(FT_LOG_DEBUG);
    ft_log(FT_LOG_DEBUG, "x", "shown");
    EXPECT(strstr(logged(), "debug x: shown"));
}

static void test_hostile_text(void **state) {
    (void)state;
    ft_log(FT_LOG_INFO, "x", "a\n2022-02-14T00:00:00.000Z error x: forged\x1b[2J");
    EXPECT(strchr(logged(), '\n')[1] == '\0');
    EXPECT(!strchr(logged(), 0x1b));
    char big[10000];
    memset(big, 'b', sizeof big);
    big[9999] = '\0';
    ft_log(FT_LOG_INFO, "x", "%s", big);
    EXPECT(strlen(logged()) < 5000);
    EXPECT(logged()[strlen(logged()) - 1] == '\n');
}

static void test_errors(void **state) {
    (void)state;
    ft_err e = FT_FAIL(FT_EIO, "disk %d is gone", 3);
    ft_log_err(FT_LOG_ERROR, "store", e, "cannot save");
    EXPECT(strstr(logged(), "error store: cannot save: disk 3 is gone (FT_EIO)\n"));
    EXPECT(!strstr(logged(), "debug"));
    ft_log_set_level(FT_LOG_DEBUG);
    ft_log_err(FT_LOG_ERROR, "store", e, "cannot save");
    EXPECT(strstr(logged(), "log_test.c"));
    EXPECT_ERR(FT_ENOTFOUND, ft_log_to("/no/such/folder/log"));
    ft_log(FT_LOG_INFO, "x", "still here");
    EXPECT(strstr(logged(), "still here"));
}

static void *many_lines(void *ctx) {
    for (int i = 0; i < 500; i++) ft_log(FT_LOG_INFO, "thread", "%s", (const char *)ctx);
    return NULL;
}

static void test_threads_do_not_mix(void **state) {
    (void)state;
    pthread_t threads[2];
    EXPECT(pthread_create(&threads[0], NULL, many_lines, "aaaaaaaaaa") == 0);
    EXPECT(pthread_create(&threads[1], NULL, many_lines, "bbbbbbbbbb") == 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    int lines = 0;
    for (const char *at = logged(); *at; lines++) {
        size_t len = strcspn(at, "\n");
        EXPECT(len == strlen("2022-02-14T17:25:49.123Z info thread: aaaaaaaaaa"));
        at += len + 1;
    }
    EXPECT(lines == 1000);
}

int main(void) {
    const struct CMUnitTest list[] = {
        cmocka_unit_test_setup_teardown(test_line, start, end),
        cmocka_unit_test_setup_teardown(test_levels, start, end),
        cmocka_unit_test_setup_teardown(test_hostile_text, start, end),
        cmocka_unit_test_setup_teardown(test_errors, start, end),
        cmocka_unit_test_setup_teardown(test_threads_do_not_mix, start, end),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
