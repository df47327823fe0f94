/* feeder_test.c -- writers of pipes as processes: this program is the writer too. */
#include "data/feeder.h"

#include <signal.h>

#include "base/check.h"
#include "base/files.h"
#include "base/proc.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(0);
static char data_dir[300], pipe_dir[300], self[4096];
static int rounds;

static int start(void **state) {
    (void)state;
    snprintf(data_dir, sizeof data_dir, "%s/data%d", test_dir(), rounds);
    snprintf(pipe_dir, sizeof pipe_dir, "%s/pipes%d", test_dir(), rounds++);
    EXPECT_OK(ft_dir_make(data_dir));
    EXPECT_OK(ft_dir_make(pipe_dir));
    return 0;
}

static const char *file(const char *name, const char *text) {
    const char *path;
    EXPECT_OK(ft_path_join(&path, &arena, data_dir, name));
    EXPECT_OK(ft_file_write_atomic(path, ft_str_of(text), false));
    return path;
}

static ft_feeder *feeder_of(const char *uri) {
    ft_feeder *f;
    ft_channel_source c = { .uri = ft_str_of(uri), .mode = FT_INPUT_PIPE };
    EXPECT_OK(ft_feeder_new(&f, test_dir()));
    EXPECT_OK(ft_feeder_start(f, pipe_dir, FT_STR("train"), &c));
    return f;
}

static uint64_t read_epoch(uint64_t epoch, uint64_t at_most) {
    ft_input *in;
    ft_str view;
    uint64_t sum = 0;
    EXPECT_OK(ft_pipe_input(&in, pipe_dir, FT_STR("train"), epoch, NULL));
    while (sum < at_most) {
        EXPECT_OK(ft_input_peek(&view, in, 1));
        if (!view.len) break;
        sum += view.len;
        ft_input_skip(in, view.len);
    }
    ft_input_free(in);
    return sum;
}

static void test_whole(void **state) {
    (void)state;
    file("a", "12345");
    file("b", "678");
    ft_feeder *f = feeder_of(data_dir);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        EXPECT(read_epoch(epoch, UINT64_MAX) == 8);
        EXPECT_OK(ft_feeder_check(f));
    }
    EXPECT_OK(ft_feeder_poll(f));
    ft_feeder_free(f);
    EXPECT_OK(ft_feeder_check(NULL));
    EXPECT_OK(ft_feeder_poll(NULL));
    ft_feeder_free(NULL);
}

static void test_early(void **state) {
    (void)state;
    EXPECT(truncate(file("a", ""), 20 << 20) == 0);
    ft_feeder *f = feeder_of(data_dir);
    EXPECT(read_epoch(0, 1000) < 20 << 20);
    EXPECT_OK(ft_feeder_check(f)); /* the reader wanted no more: no failure */
    EXPECT(read_epoch(1, UINT64_MAX) == 20 << 20);
    EXPECT_OK(ft_feeder_check(f));
    ft_feeder_free(f);
}

/* The file shrinks: the stream stops, and the check says that it was no epoch. */
static void test_broken(void **state) {
    (void)state;
    const char *path = file("a", "");
    EXPECT(truncate(path, 20 << 20) == 0);
    ft_feeder *f = feeder_of(data_dir);
    ft_input *in;
    ft_str view;
    EXPECT_OK(ft_pipe_input(&in, pipe_dir, FT_STR("train"), 0, NULL));
    EXPECT(truncate(path, 10 << 20) == 0);
    do {
        EXPECT_OK(ft_input_peek(&view, in, 1));
        ft_input_skip(in, view.len);
    } while (view.len);
    ft_input_free(in);
    EXPECT_ERR(FT_EPEER, ft_feeder_check(f));
    EXPECT_WHY("channel 'train'");
    EXPECT_WHY("/a' ends at byte 10485760, it had 20971520");
    ft_feeder_free(f);
}

static void test_nothing_there(void **state) {
    (void)state;
    ft_feeder *f = feeder_of("/no/such/place");
    EXPECT(read_epoch(0, UINT64_MAX) == 0); /* not for ever */
    EXPECT_ERR(FT_EPEER, ft_feeder_check(f));
    EXPECT_WHY("/no/such/place");
    ft_feeder_free(f);
}

/* A writer that is killed without a word, before and while it is read. */
static void test_killed(void **state) {
    (void)state;
    EXPECT(truncate(file("a", ""), 20 << 20) == 0);
    for (int began = 0; began < 2; began++) {
        ft_feeder *f = feeder_of(data_dir);
        ft_str text;
        const char *path;
        ft_input *in = NULL;
        if (began) EXPECT_OK(ft_pipe_input(&in, pipe_dir, FT_STR("train"), 0, NULL));
        EXPECT_OK(ft_path_join(&path, &arena, pipe_dir, "pid"));
        while (!ft_file_exists(path)) usleep(1000); /* the writer says who it is first of all */
        EXPECT_OK(ft_file_read(&text, &arena, path, 100));
        kill(atoi(text.at), SIGKILL);
        EXPECT_OK(ft_file_remove(path));
        if (began) {
            ft_str view;
            do {
                EXPECT_OK(ft_input_peek(&view, in, 1));
                ft_input_skip(in, view.len);
            } while (view.len);
            ft_input_free(in);
        } else {
            read_epoch(0, UINT64_MAX);
        }
        EXPECT_ERR(FT_EPEER, ft_feeder_check(f));
        EXPECT_WHY("killed by signal 9");
        EXPECT_ERR(FT_EPEER, ft_feeder_poll(f));
        ft_feeder_free(f);
        start(NULL);
        EXPECT(truncate(file("a", ""), 20 << 20) == 0);
    }
}

static void test_refused(void **state) {
    (void)state;
    ft_feeder *f;
    ft_channel_source c = { .uri = FT_STR("x"), .mode = FT_INPUT_PIPE };
    EXPECT_OK(ft_feeder_new(&f, NULL));
    EXPECT_ERR(FT_ENOTFOUND, ft_feeder_start(f, "/no/such", FT_STR("train"), &c));
    setenv("FETTLE_PROGRAM", "/no/such/fettle", 1);
    EXPECT_ERR(FT_ENOTFOUND, ft_feeder_start(f, pipe_dir, FT_STR("train"), &c));
    EXPECT_WHY("/no/such/fettle");
    setenv("FETTLE_PROGRAM", self, 1);
    c.uri = FT_STR("");
    EXPECT_ERR(FT_EINVAL, ft_feeder_start(f, pipe_dir, FT_STR("train"), &c));
    ft_feeder_free(f);
    EACH_FAULT {
        if (ft_feeder_new(&f, "/home") == FT_OK) ft_feeder_free(f);
    }
}

static void tell(const char *line) {
    printf("%s\n", line);
    fflush(stdout);
}

static int be_writer(char **argv) {
    const char *path;
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (ft_path_join(&path, &arena, argv[2], "pid") != FT_OK) return 1;
    if (ft_file_write_atomic(path, ft_str_of(pid), false) != FT_OK) ft_err_clear();
    return ft_err_exit(ft_feeder_write(argv[2], ft_str_of(argv[3]), ft_str_of(argv[4]), tell));
}

#define CASE(name) cmocka_unit_test_setup(name, start)
int main(int argc, char **argv) {
    if (argc == 5) return be_writer(argv);
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    const struct CMUnitTest list[] = { CASE(test_whole),  CASE(test_early),
                                       CASE(test_broken), CASE(test_nothing_there),
                                       CASE(test_killed), CASE(test_refused) };
    int failed = cmocka_run_group_tests(list, NULL, NULL);
    ft_arena_fini(&arena);
    return test_end(failed);
}
