/* store_test.c -- homes: where they are, what they refuse, full and read-only disks, and writers
 * that are killed at random points. */
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
#include "tests/test.h"

static ft_arena arena;
static char home[300];

static const char *new_home(void) {
    static int count;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    ft_arena_reset(&arena);
    return home;
}

static void test_where_it_is(void **state) {
    (void)state;
    ft_store *s;
    struct stat st;
    setenv("FETTLE_HOME", new_home(), 1);
    EXPECT_OK(ft_store_open(&s, NULL));
    EXPECT(strcmp(ft_store_home(s), home) == 0);
    ft_store_close(s);
    EXPECT(stat(home, &st) == 0 && (st.st_mode & 0777) == 0700);
    unsetenv("FETTLE_HOME");
    char *user = getenv("HOME"), kept[300], want[320];
    snprintf(kept, sizeof kept, "%s", user ? user : "/");
    setenv("HOME", new_home(), 1);
    snprintf(want, sizeof want, "%s/.fettle", home);
    EXPECT_OK(ft_store_open(&s, NULL));
    EXPECT(strcmp(ft_store_home(s), want) == 0);
    ft_store_close(s);
    unsetenv("HOME");
    EXPECT_ERR(FT_EINVAL, ft_store_open(&s, NULL));
    EXPECT_WHY("FETTLE_HOME");
    setenv("HOME", kept, 1);
    ft_store_close(NULL);
}

static void test_what_it_refuses(void **state) {
    (void)state;
    ft_store *s;
    char path[400], longest[5000];
    snprintf(path, sizeof path, "%s/file", test_dir());
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("x"), false));
    EXPECT(ft_store_open(&s, path) != FT_OK && s == NULL);
    EXPECT_WHY(path);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    EXPECT_ERR(FT_EINVAL, ft_store_open(&s, longest));
    new_home();
    EACH_FAULT {
        ft_err err = ft_store_open(&s, home);
        ft_fault_off();
        EXPECT((err == FT_OK) == (s != NULL));
        ft_store_close(s);
    }
}

/* Root may write everywhere, so the folder has to be a read-only mount. */
static void test_read_only_home(void **state) {
    (void)state;
    ft_store *s;
    char made[400];
    const char *folder = new_home();
    snprintf(made, sizeof made, "%s/deeper", folder);
    EXPECT(mkdir(folder, 0700) == 0);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=4m") != 0)
        SKIP("no right to mount a small file system");
    EXPECT_OK(ft_store_open(&s, made));
    ft_store_close(s);
    EXPECT(mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m") == 0);
    ft_err again = ft_store_open(&s, made);
    snprintf(made, sizeof made, "%s/new", folder);
    ft_err new = ft_store_open(&s, made);
    umount(folder);
    EXPECT(again == FT_EDENIED && new == FT_EDENIED);
    EXPECT_WHY("ead-only");
}

/* A full disk: the put fails with its reason, what was there stays, and room again means work
 * again. */
static void test_full_disk(void **state) {
    (void)state;
    ft_store *s;
    ft_str out = { 0 };
    ft_object *items;
    size_t count = 0, failed = 0, after = 0;
    bool more;
    char key[32];
    static char bytes[50000];
    const char *folder = new_home();
    EXPECT(mkdir(folder, 0700) == 0);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=3m") != 0)
        SKIP("no right to mount a small file system");
    ft_err err = ft_store_open(&s, folder), first = FT_OK, get = FT_OK;
    EXPECT_OK(err);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k/%03d", i);
        err = ft_object_put(NULL, s, FT_STR("fettle"), ft_str_of(key),
                            ft_str_n(bytes, sizeof bytes), NULL);
        if (err != FT_OK && !failed++) first = err;
    }
    ft_err removed = FT_OK;
    for (int i = 0; i < 20 && removed == FT_OK; i++) {
        snprintf(key, sizeof key, "k/%03d", i);
        removed = ft_object_remove(s, FT_STR("fettle"), ft_str_of(key));
    }
    err = ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("again"), FT_STR("x"), NULL);
    get = ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("again"), 10);
    ft_err list = ft_object_list(&items, &count, &more, s, &arena, FT_STR("fettle"), FT_STR("k/"),
                                 FT_STR(""), 1000);
    for (size_t i = 0; i < count; i++) {
        ft_object o;
        if (ft_object_head(&o, s, &arena, FT_STR("fettle"), items[i].key) == FT_OK &&
            o.size_bytes == sizeof bytes)
            after++;
    }
    ft_store_close(s);
    umount(folder);
    EXPECT(failed > 0 && first == FT_ENOSPC);
    EXPECT(removed == FT_OK && err == FT_OK && get == FT_OK && list == FT_OK);
    EXPECT(count > 0 && after == count);
}

/* ---- kill -9 */

enum { KILLS = 50, KEYS = 8 };

/* Puts for ever; tells after each one which key has which round. */
static void write_until_killed(int fd, unsigned long long seed) {
    ft_store *s;
    ft_random random;
    ft_random_seed(&random, seed);
    if (ft_store_open(&s, home) != FT_OK) _exit(1);
    for (uint32_t round = 1;; round++) {
        uint32_t told[2] = { (uint32_t)ft_random_below(&random, KEYS), round };
        char key[32], bytes[200];
        ft_object_put_opts opts = { .lazy = ft_random_below(&random, 4) > 0 };
        snprintf(key, sizeof key, "kill/%u/x", told[0]);
        int len = snprintf(bytes, sizeof bytes, "%llu %u %0*d", seed, round, (int)(round % 90), 0);
        if (ft_object_put(NULL, s, FT_STR("fettle"), ft_str_of(key), ft_str_n(bytes, (size_t)len),
                          &opts) != FT_OK)
            _exit(2);
        if (write(fd, told, sizeof told) != sizeof told) _exit(3);
    }
}

/* Reads what the writer told until it is dead; the kill comes after `after` of them. */
static void kill_after(uint32_t last[KEYS], int fd, pid_t pid, uint64_t after, long pause_ns) {
    uint32_t told[2];
    uint64_t count = 0;
    memset(last, 0, KEYS * sizeof *last);
    while (read(fd, told, sizeof told) == sizeof told) {
        last[told[0]] = told[1];
        if (++count != after) continue;
        nanosleep(&(struct timespec){ .tv_nsec = pause_ns }, NULL);
        kill(pid, SIGKILL);
    }
}

static void check_after_kill(const uint32_t last[KEYS], unsigned long long seed) {
    ft_store *s;
    ft_objects_repaired r;
    EXPECT_OK(ft_store_open(&s, home));
    for (uint32_t k = 0; k < KEYS; k++) {
        char key[32], sha256[FT_SHA256_HEX];
        ft_object o;
        ft_str out;
        unsigned long long got_seed;
        uint32_t round;
        int zeros;
        snprintf(key, sizeof key, "kill/%u/x", k);
        ft_err err = ft_object_get(&out, s, &arena, FT_STR("fettle"), ft_str_of(key), 1000);
        if (last[k] == 0 && err == FT_ENOTFOUND) continue;
        EXPECT_OK(err);
        EXPECT(sscanf(out.at, "%llu %u %n", &got_seed, &round, &zeros) == 2);
        if (last[k]) EXPECT(got_seed == seed && round >= last[k]);
        int width = (int)(round % 90);
        EXPECT(out.len == (size_t)zeros + (size_t)(width ? width : 1));
        EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), ft_str_of(key)));
        EXPECT_OK(ft_sha256_hex(sha256, out));
        EXPECT(strcmp(o.sha256, sha256) == 0 && o.size_bytes == out.len);
    }
    EXPECT_OK(ft_objects_clean(s, NULL));
    EXPECT_OK(ft_objects_repair(&r, s, FT_STR("fettle")));
    EXPECT(r.seen <= KEYS && r.adopted == 0 && r.dropped == 0);
    char temp[400];
    ft_str *names;
    size_t count;
    snprintf(temp, sizeof temp, "%s/objects/.tmp", home);
    EXPECT_OK(ft_dir_list(&names, &count, &arena, temp));
    EXPECT(count == 0);
    ft_store_close(s);
    ft_arena_reset(&arena);
}

static void test_killed_writers(void **state) {
    (void)state;
    ft_random random;
    new_home();
    ft_random_seed(&random, 2024);
    for (int i = 0; i < KILLS; i++) {
        int ends[2];
        uint32_t last[KEYS];
        unsigned long long seed = ft_random_u64(&random);
        uint64_t after = 1 + ft_random_below(&random, 40);
        EXPECT(pipe(ends) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            write_until_killed(ends[1], seed);
        }
        close(ends[1]);
        kill_after(last, ends[0], pid, after, (long)ft_random_below(&random, 1000000));
        close(ends[0]);
        int status;
        EXPECT(waitpid(pid, &status, 0) == pid);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_after_kill(last, seed);
    }
}

/* Two processes put the same key; in the end row and file are of the same put. */
static void test_two_writers_of_one_key(void **state) {
    (void)state;
    ft_store *s;
    ft_object o;
    ft_str out;
    char sha256[FT_SHA256_HEX];
    EXPECT_OK(ft_store_open(&s, new_home()));
    ft_store_close(s);
    pid_t pids[2];
    for (int p = 0; p < 2; p++) {
        if ((pids[p] = fork()) != 0) continue;
        if (ft_store_open(&s, home) != FT_OK) _exit(1);
        for (int i = 0; i < 300; i++) {
            char bytes[64];
            int len = snprintf(bytes, sizeof bytes, "process %d round %d", p, i);
            if (ft_object_put(NULL, s, FT_STR("fettle"), FT_STR("same/key"),
                              ft_str_n(bytes, (size_t)len),
                              &(ft_object_put_opts){ .lazy = true }) != FT_OK)
                _exit(2);
            if (i % 10 == 0 && ft_object_remove(s, FT_STR("fettle"), FT_STR("same/key")) != FT_OK)
                _exit(3);
        }
        ft_store_close(s);
        _exit(0);
    }
    for (int p = 0; p < 2; p++) {
        int status;
        EXPECT(waitpid(pids[p], &status, 0) == pids[p] && WIFEXITED(status));
        EXPECT(WEXITSTATUS(status) == 0);
    }
    ft_objects_repaired r;
    EXPECT_OK(ft_store_open(&s, home));
    EXPECT_OK(ft_objects_repair(&r, s, FT_STR("fettle")));
    EXPECT(r.seen == 1 && r.adopted == 0 && r.rehashed == 0 && r.dropped == 0);
    EXPECT_OK(ft_object_get(&out, s, &arena, FT_STR("fettle"), FT_STR("same/key"), 100));
    EXPECT_OK(ft_object_head(&o, s, &arena, FT_STR("fettle"), FT_STR("same/key")));
    EXPECT_OK(ft_sha256_hex(sha256, out));
    EXPECT(strcmp(sha256, o.sha256) == 0);
    ft_store_close(s);
}

TEST_MAIN(cmocka_unit_test(test_where_it_is), cmocka_unit_test(test_what_it_refuses),
          cmocka_unit_test(test_read_only_home), cmocka_unit_test(test_full_disk),
          cmocka_unit_test(test_killed_writers), cmocka_unit_test(test_two_writers_of_one_key))
