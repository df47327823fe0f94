/* recover_test.c -- writers that are killed, tails that are torn, disks that are full. The promise:
 * every append that returned FT_OK is there afterwards, once, and nothing torn is ever seen. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "base/random.h"
#include "store/objects.h"
#include "streams/format.h"
#include "tests/test.h"

static const ft_column columns[] = {
    { "step", FT_VALUE_INT, "" }, { "seed", FT_VALUE_INT, "" }, { "text", FT_VALUE_TEXT, "" }, { 0 }
};
static const ft_stream_kind kind_lines = { .name = "lines",
                                           .key = "k",
                                           .columns = columns,
                                           .format = &ft_format_jsonl,
                                           .segment_bytes_max = 20000 };
static const ft_stream_kind kind_packed = { .name = "packed",
                                            .key = "k",
                                            .columns = columns,
                                            .format = &ft_format_rows,
                                            .segment_bytes_max = 20000 };
static const ft_stream_kind *const kinds[] = { &kind_lines, &kind_packed, NULL };

static ft_arena arena;
static char home[300];

static ft_store *fresh(void) {
    static int count;
    ft_store *s;
    ft_streams_use(kinds);
    ft_arena_reset(&arena);
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, home));
    return s;
}

/* The text is told by the step, so a torn or mixed record shows. */
static int text_of(char out[400], int64_t step, int64_t seed) {
    int len = snprintf(out, 400, "%lld/%lld:", (long long)step, (long long)seed);
    int more = (int)((step * 7 + seed) % 300);
    memset(out + len, 'a' + (char)(step % 26), (size_t)more);
    return len + more;
}

static ft_err add(ft_stream_writer *w, int64_t step, int64_t seed) {
    char text[400];
    int len = text_of(text, step, seed);
    ft_value v[] = { ft_value_int(step), ft_value_int(seed),
                     ft_value_text(ft_str_n(text, (size_t)len)) };
    return ft_stream_append(w, v);
}

/* Reads a whole stream: steps 0, 1, 2 … without a gap, each true to its text. Returns how many. */
static int64_t check_all(ft_store *s, const ft_stream_kind *kind, const char *key, int64_t seed) {
    ft_cursor *c;
    ft_record r;
    int64_t n = 0;
    ft_err err;
    char want[400];
    EXPECT_OK(ft_cursor_open(&c, s, kind, &(ft_cursor_opts){ .key = ft_str_of(key) }));
    while ((err = ft_cursor_next(c, &r)) == FT_OK) {
        EXPECT(r.values[0].i == n && r.values[1].i == seed);
        int len = text_of(want, n, seed);
        EXPECT(ft_str_eq(r.values[2].s, ft_str_n(want, (size_t)len)));
        n++;
    }
    EXPECT_ERR(FT_ENOTFOUND, err);
    EXPECT(ft_cursor_damaged(c) == 0);
    ft_cursor_close(c);
    return n;
}

static void check_sealed(ft_store *s, const ft_stream_kind *kind, const char *key,
                         int64_t records) {
    ft_segment *list;
    size_t count;
    int64_t sum = 0;
    EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, kind, ft_str_of(key)));
    for (size_t i = 0; i < count; i++) {
        ft_uri uri;
        ft_object o;
        ft_str bytes;
        char sha256[FT_SHA256_HEX];
        EXPECT(list[i].sealed && list[i].first == sum);
        sum += (int64_t)list[i].records;
        EXPECT(list[i].last == sum - 1);
        EXPECT_OK(ft_uri_parse(&uri, list[i].uri));
        EXPECT_OK(ft_object_get(&bytes, s, &arena, uri.bucket, uri.key, 1 << 20));
        EXPECT_OK(ft_sha256_hex(sha256, bytes));
        EXPECT_OK(ft_object_head(&o, s, &arena, uri.bucket, uri.key));
        EXPECT(strcmp(sha256, list[i].sha256) == 0 && strcmp(sha256, o.sha256) == 0);
        EXPECT(bytes.len == list[i].bytes);
    }
    EXPECT(sum == records);
}

/* ---- kill -9 at random points */

enum { KILLS = 50 };

static void append_until_killed(int fd, const ft_stream_kind *kind, const char *key, int64_t seed,
                                bool buffered) {
    ft_store *s;
    ft_stream_writer *w;
    ft_stream_opts opts = { .buffered = buffered, .sync_us = 3000 };
    if (ft_store_open(&s, home) != FT_OK) _exit(1);
    if (ft_stream_write(&w, s, kind, ft_str_of(key), &opts) != FT_OK) _exit(2);
    for (int64_t step = 0;; step++) {
        if (add(w, step, seed) != FT_OK) _exit(3);
        if (buffered && step % 16 == 15 && ft_stream_flush(w) != FT_OK) _exit(4);
        if (buffered && step % 16 != 15) continue; /* not promised yet */
        if (write(fd, &step, sizeof step) != sizeof step) _exit(5);
    }
}

/* Last step that the writer told before it was killed; -1: none. */
static int64_t kill_after(int fd, pid_t pid, uint64_t after, long pause_ns) {
    int64_t step, last = -1;
    uint64_t count = 0;
    while (read(fd, &step, sizeof step) == sizeof step) {
        last = step;
        if (++count != after) continue;
        nanosleep(&(struct timespec){ .tv_nsec = pause_ns }, NULL);
        kill(pid, SIGKILL);
    }
    return last;
}

static void test_killed_writers(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_random random;
    ft_random_seed(&random, 77);
    for (int i = 0; i < KILLS; i++) {
        const ft_stream_kind *kind = kinds[i % 2];
        bool buffered = i % 4 == 3;
        char key[20];
        int ends[2], sealed, status;
        int64_t seed = (int64_t)(ft_random_u64(&random) >> 2);
        uint64_t after = 1 + ft_random_below(&random, 400);
        if (buffered) after = after / 16 + 1;
        snprintf(key, sizeof key, "kill-%d", i);
        ft_arena_reset(&arena);
        EXPECT(pipe(ends) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            append_until_killed(ends[1], kind, key, seed, buffered);
        }
        close(ends[1]);
        int64_t last = kill_after(ends[0], pid, after, (long)ft_random_below(&random, 1000000));
        close(ends[0]);
        EXPECT(waitpid(pid, &status, 0) == pid);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        int64_t before = check_all(s, kind, key, seed); /* readable before it is recovered */
        EXPECT(before >= last + 1);
        EXPECT_OK(ft_streams_recover(s, &sealed));
        EXPECT(sealed <= 1); /* none: killed between two segments */
        EXPECT(check_all(s, kind, key, seed) == before);
        check_sealed(s, kind, key, before);
        EXPECT_OK(ft_streams_recover(s, &sealed));
        EXPECT(sealed == 0);
    }
    ft_store_close(s);
}

/* ---- torn tails, as a power cut leaves them */

/* A writer that appends and is gone without a word. */
static void append_and_die(const ft_stream_kind *kind, const char *key, int64_t records) {
    pid_t pid = fork();
    if (pid == 0) {
        ft_store *s;
        ft_stream_writer *w;
        if (ft_store_open(&s, home) != FT_OK) _exit(1);
        if (ft_stream_write(&w, s, kind, ft_str_of(key), NULL) != FT_OK) _exit(2);
        for (int64_t step = 0; step < records; step++)
            if (add(w, step, 1) != FT_OK) _exit(3);
        _exit(0);
    }
    int status;
    EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const char *tail_path(ft_store *s, const ft_stream_kind *kind, const char *key) {
    ft_segment *list;
    size_t count;
    ft_uri uri;
    const char *path;
    EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, kind, ft_str_of(key)));
    EXPECT(count == 1 && !list[0].sealed);
    EXPECT_OK(ft_uri_parse(&uri, list[0].uri));
    EXPECT_OK(ft_object_path(&path, s, &arena, uri.bucket, uri.key));
    return path;
}

static void test_torn_tails(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int cut;          /* bytes taken off the end */
        const char *more; /* added */
        size_t more_len;
        int64_t left; /* of ten records */
    } cases[] = {
        { "whole", 0, "", 0, 10 },
        { "cut-1", 1, "", 0, 9 },
        { "cut-20", 20, "", 0, 9 },
        { "zeros", 0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, 10 },
        { "half", 0, "{\"step\":10,\"se", 14, 10 },
        { "noise", 0, "\x93\x01\xff\xfe noise \n and more\n", 22, 10 },
        { "mark", 0, "FBLK\x10\0\0\0\x01\0\0\0", 12, 10 },
    };
    ft_store *s = fresh();
    for (size_t i = 0; i < FT_COUNT(cases); i++)
        for (int k = 0; k < 2; k++) {
            ft_segment *list;
            size_t count;
            struct stat st;
            int sealed;
            append_and_die(kinds[k], cases[i].name, 10);
            const char *path = tail_path(s, kinds[k], cases[i].name);
            int fd = open(path, O_WRONLY | O_APPEND);
            EXPECT(fd >= 0 && fstat(fd, &st) == 0);
            EXPECT(ftruncate(fd, st.st_size - cases[i].cut) == 0);
            EXPECT(write(fd, cases[i].more, cases[i].more_len) == (ssize_t)cases[i].more_len);
            close(fd);
            EXPECT_OK(ft_streams_recover(s, &sealed));
            EXPECT(sealed == 1);
            EXPECT(check_all(s, kinds[k], cases[i].name, 1) == cases[i].left);
            check_sealed(s, kinds[k], cases[i].name, cases[i].left);
            EXPECT_OK(
                ft_stream_segments(&list, &count, s, &arena, kinds[k], ft_str_of(cases[i].name)));
            EXPECT(count == 1);
        }
    ft_store_close(s);
}

/* A reader that stands in a tail while it is cut goes on reading what it saw. */
static void test_reader_in_a_torn_tail(void **state) {
    (void)state;
    ft_store *s = fresh();
    for (int k = 0; k < 2; k++) {
        ft_cursor *c;
        ft_record r;
        int sealed;
        int64_t n = 0;
        append_and_die(kinds[k], "read", 10);
        const char *path = tail_path(s, kinds[k], "read");
        int fd = open(path, O_WRONLY | O_APPEND);
        EXPECT(fd >= 0 && write(fd, "torn", 4) == 4);
        close(fd);
        EXPECT_OK(ft_cursor_open(&c, s, kinds[k], &(ft_cursor_opts){ .key = FT_STR("read") }));
        EXPECT_OK(ft_cursor_next(c, &r));
        EXPECT_OK(ft_streams_recover(s, &sealed));
        for (n = 1; ft_cursor_next(c, &r) == FT_OK; n++) EXPECT(r.values[0].i == n);
        EXPECT(n == 10);
        EXPECT_ERR(FT_ENOTFOUND, ft_cursor_next(c, &r)); /* sees that it is sealed */
        EXPECT(ft_cursor_damaged(c) == 0);
        ft_cursor_close(c);
    }
    ft_store_close(s);
}

static void test_nothing_worth_keeping(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_segment *list;
    size_t count;
    int sealed;
    for (int k = 0; k < 2; k++) {
        append_and_die(kinds[k], "empty", 1);
        append_and_die(kinds[k], "deleted", 5);
        EXPECT(truncate(tail_path(s, kinds[k], "empty"), 3) == 0);
        EXPECT_OK(ft_file_remove(tail_path(s, kinds[k], "deleted")));
    }
    EXPECT_OK(ft_streams_recover(s, &sealed));
    EXPECT(sealed == 4);
    for (int k = 0; k < 2; k++) {
        EXPECT_OK(ft_stream_segments(&list, &count, s, &arena, kinds[k], (ft_str){ 0 }));
        EXPECT(count == 0);
    }
    ft_store_close(s);
}

/* Many tails, three processes that recover at once: each tail is sealed by one of them. */
static void test_recovery_by_several(void **state) {
    (void)state;
    ft_store *s = fresh();
    char key[20];
    int ends[2], total = 0, sealed, status;
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof key, "t%d", i);
        append_and_die(kinds[i % 2], key, 20);
    }
    EXPECT(pipe(ends) == 0);
    for (int p = 0; p < 3; p++) {
        if (fork() != 0) continue;
        ft_store *own;
        if (ft_store_open(&own, home) != FT_OK) _exit(1);
        if (ft_streams_recover(own, &sealed) != FT_OK) _exit(2);
        if (write(ends[1], &sealed, sizeof sealed) != sizeof sealed) _exit(3);
        _exit(0);
    }
    for (int p = 0; p < 3; p++) {
        EXPECT(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        EXPECT(read(ends[0], &sealed, sizeof sealed) == sizeof sealed);
        total += sealed;
    }
    EXPECT(total == 12);
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof key, "t%d", i);
        EXPECT(check_all(s, kinds[i % 2], key, 1) == 20);
        check_sealed(s, kinds[i % 2], key, 20);
    }
    close(ends[0]);
    close(ends[1]);
    ft_store_close(s);
}

/* A torn or whole tail of ten records for round `round`. */
static void make_tail(ft_store *s, char key[20], int round) {
    snprintf(key, 20, "f%d", round);
    append_and_die(kinds[round % 2], key, 10);
    if (round % 3 == 0) {
        int fd = open(tail_path(s, kinds[round % 2], key), O_WRONLY | O_APPEND);
        EXPECT(fd >= 0 && write(fd, "torn", 4) == 4);
        close(fd);
    }
}

static void test_each_fault(void **state) {
    (void)state;
    ft_store *s = fresh();
    int round = 0, sealed;
    char key[20];
    make_tail(s, key, 0);
    EACH_FAULT {
        ft_err err = ft_streams_recover(s, &sealed);
        ft_fault_off();
        EXPECT(check_all(s, kinds[round % 2], key, 1) == 10); /* also half recovered */
        /* the next recovery is by another process; this one has claimed the tail and is alive */
        EXPECT_OK(ft_db_run(ft_store_db(s), "update segment set writer_pid = 0", ""));
        if (err != FT_OK) EXPECT_OK(ft_streams_recover(s, &sealed));
        EXPECT(check_all(s, kinds[round % 2], key, 1) == 10);
        check_sealed(s, kinds[round % 2], key, 10);
        make_tail(s, key, ++round);
    }
    EXPECT(round > 20);
    ft_store_close(s);
}

/* The disk fills: the append says so, what was told stays, and room again means work again. */
static void test_full_disk(void **state) {
    (void)state;
    ft_store *s;
    ft_stream_writer *w;
    static char ballast[1 << 16];
    char path[400];
    snprintf(home, sizeof home, "%s/full", test_dir());
    EXPECT(mkdir(home, 0700) == 0);
    if (mount("tmpfs", home, "tmpfs", 0, "size=3m") != 0)
        SKIP("no right to mount a small file system");
    ft_streams_use(kinds);
    bool right = true;
    for (int k = 0; k < 2 && right; k++) {
        int64_t step = 0;
        ft_err err = ft_store_open(&s, home), full = FT_OK, after = FT_EIO, closed = FT_EIO;
        if (err == FT_OK) err = ft_stream_write(&w, s, kinds[k], FT_STR("x"), NULL);
        for (; err == FT_OK && step < 20; step++) err = add(w, step, 1);
        snprintf(path, sizeof path, "%s/ballast", home);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        while (write(fd, ballast, sizeof ballast) > 0) {
        }
        while (err == FT_OK && (full = add(w, step, 1)) == FT_OK) step++;
        close(fd);
        unlink(path);
        if (err == FT_OK) after = add(w, step++, 1);
        if (err == FT_OK) closed = ft_stream_close(w);
        right = err == FT_OK && full == FT_ENOSPC && after == FT_OK && closed == FT_OK;
        if (right) right = check_all(s, kinds[k], "x", 1) == step;
        ft_store_close(s);
    }
    umount(home);
    EXPECT(right);
}

TEST_MAIN(cmocka_unit_test(test_killed_writers), cmocka_unit_test(test_torn_tails),
          cmocka_unit_test(test_reader_in_a_torn_tail),
          cmocka_unit_test(test_nothing_worth_keeping), cmocka_unit_test(test_recovery_by_several),
          cmocka_unit_test(test_each_fault), cmocka_unit_test(test_full_disk))
