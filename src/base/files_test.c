/* files_test.c -- round trips, refusals with their reasons, and every failed system call. */
#include "base/files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/test.h"

static const char *in_dir(const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_dir(), name);
    return path;
}

static void expect_content(const char *path, const char *want) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str got;
    EXPECT_OK(ft_file_read(&got, &arena, path, 1 << 20));
    EXPECT(got.len == strlen(want) && memcmp(got.at, want, got.len) == 0);
    EXPECT(got.at[got.len] == '\0');
    ft_arena_fini(&arena);
}

static size_t entries(const char *path) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *names;
    size_t count;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, path));
    ft_arena_fini(&arena);
    return count;
}

static void test_whole_files(void **state) {
    (void)state;
    const char *path = in_dir("whole");
    EXPECT(!ft_file_exists(path));
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("one"), true));
    expect_content(path, "one");
    EXPECT_OK(ft_file_write_atomic(path, FT_STR(""), false));
    expect_content(path, "");
    ft_str map;
    EXPECT_OK(ft_file_map(&map, path));
    EXPECT(map.len == 0 && map.at);
    ft_file_unmap(map);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("two\n"), false));
    EXPECT_OK(ft_file_map(&map, path));
    EXPECT(map.len == 4 && memcmp(map.at, "two\n", 4) == 0);
    ft_file_unmap(map);
    ft_file_info info;
    EXPECT_OK(ft_file_stat(&info, path));
    EXPECT(info.size_bytes == 4 && !info.is_dir && info.inode && info.mtime_ns > 0);
    EXPECT_OK(ft_file_remove(path));
    EXPECT_OK(ft_file_remove(path));
    EXPECT(!ft_file_exists(path));
}

static void test_streams_without_size(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str got;
    EXPECT_OK(ft_file_read(&got, &arena, "/proc/self/status", 1 << 20));
    EXPECT(got.len > 100 && strstr(got.at, "Name:"));
    EXPECT_ERR(FT_ETOOBIG, ft_file_read(&got, &arena, "/proc/self/status", 20));
    EXPECT_ERR(FT_ETOOBIG, ft_file_read(&got, &arena, "/dev/zero", 100000));
    EXPECT_WHY("'/dev/zero' is longer than 100000 bytes");
    ft_arena_fini(&arena);
}

static void test_refusals(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str got;
    ft_file_info info;
    int fd;
    EXPECT_ERR(FT_ENOTFOUND, ft_file_stat(&info, in_dir("absent")));
    EXPECT_WHY("absent': No such file");
    EXPECT_ERR(FT_ENOTFOUND, ft_file_read(&got, &arena, in_dir("absent"), 10));
    EXPECT_ERR(FT_EINVAL, ft_file_read(&got, &arena, test_dir(), 10));
    EXPECT_WHY("is a folder");
    EXPECT_ERR(FT_EINVAL, ft_file_map(&got, test_dir()));
    EXPECT_ERR(FT_ENOTFOUND, ft_file_write_atomic(in_dir("no/such"), FT_STR("x"), false));
    EXPECT_OK(ft_file_write_atomic(in_dir("big"), FT_STR("12345"), false));
    EXPECT_ERR(FT_ETOOBIG, ft_file_read(&got, &arena, in_dir("big"), 4));
    EXPECT_WHY("has 5 bytes, at most 4");
    EXPECT_OK(ft_file_read(&got, &arena, in_dir("big"), 5));
    EXPECT_ERR(FT_EEXIST, ft_fd_open(&fd, in_dir("big"), O_WRONLY | O_CREAT | O_EXCL, 0600));
    EXPECT_ERR(FT_EEXIST, ft_file_link(in_dir("big"), in_dir("big")));
    EXPECT_ERR(FT_ENOTFOUND, ft_file_rename(in_dir("absent"), in_dir("x")));
    EXPECT_ERR(FT_EEXIST, ft_dir_make(in_dir("big")));
    EXPECT_WHY("a file of that name");
    EXPECT_ERR(FT_EINVAL, ft_dir_make(""));
    char longest[6000];
    memset(longest, 'a', sizeof longest);
    longest[5999] = '\0';
    EXPECT_ERR(FT_EINVAL, ft_dir_make(longest));
    EXPECT_ERR(FT_EINVAL, ft_file_write_atomic(longest, FT_STR("x"), false));
    EXPECT_OK(ft_dir_make(in_dir("folder")));
    EXPECT_ERR(FT_EINVAL, ft_file_write_atomic(in_dir("folder"), FT_STR("x"), false));
    EXPECT(entries(test_dir()) == 2); /* "big", "folder", and no temporary file */
    EXPECT_OK(ft_dir_remove(in_dir("folder")));
    EXPECT_OK(ft_file_remove(in_dir("big")));
    ft_arena_fini(&arena);
}

static void test_long_name_is_replaceable(void **state) {
    (void)state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    EXPECT_OK(ft_file_write_atomic(in_dir(name), FT_STR("full"), false));
    expect_content(in_dir(name), "full");
    EXPECT_OK(ft_file_remove(in_dir(name)));
}

static void test_folders(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    EXPECT_OK(ft_dir_make(in_dir("f/a//b/c/")));
    EXPECT_OK(ft_dir_make(in_dir("f/a/b/c")));
    EXPECT_OK(ft_file_write_atomic(in_dir("f/z"), FT_STR("z"), false));
    EXPECT_OK(ft_file_write_atomic(in_dir("f/Z"), FT_STR("Z"), false));
    EXPECT_OK(ft_file_write_atomic(in_dir("f/\xc3\xa9"), FT_STR("e"), false));
    EXPECT_OK(ft_dir_sync(in_dir("f")));
    ft_str *names;
    size_t count;
    EXPECT_OK(ft_dir_list(&names, &count, &arena, in_dir("f")));
    EXPECT(count == 4);
    EXPECT(!strcmp(names[0].at, "Z") && !strcmp(names[1].at, "a") && !strcmp(names[2].at, "z"));
    EXPECT_OK(ft_dir_list(&names, &count, &arena, in_dir("f/a/b/c")));
    EXPECT(count == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_dir_list(&names, &count, &arena, in_dir("none")));

    EXPECT_OK(ft_dir_make(in_dir("outside")));
    EXPECT_OK(ft_file_write_atomic(in_dir("outside/keep"), FT_STR("k"), false));
    EXPECT(symlink(in_dir("outside"), in_dir("f/a/link")) == 0);
    EXPECT_OK(ft_dir_remove(in_dir("f")));
    EXPECT(!ft_file_exists(in_dir("f")));
    expect_content(in_dir("outside/keep"), "k");
    EXPECT(symlink(in_dir("outside"), in_dir("top")) == 0);
    EXPECT_OK(ft_dir_remove(in_dir("top")));
    expect_content(in_dir("outside/keep"), "k");
    EXPECT_OK(ft_dir_remove(in_dir("f")));
    EXPECT_OK(ft_dir_remove(in_dir("outside")));
    ft_arena_fini(&arena);
}

static void test_descriptors(void **state) {
    (void)state;
    int fd;
    char got[16];
    size_t n;
    const char *path = in_dir("fd");
    EXPECT_OK(ft_fd_open(&fd, path, O_RDWR | O_CREAT, 0600));
    EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    EXPECT_OK(ft_fd_write(fd, "0123456789", 10, path));
    EXPECT_OK(ft_fd_sync(fd, path));
    EXPECT_OK(ft_fd_pread(&n, fd, got, sizeof got, 4, path));
    EXPECT(n == 6 && memcmp(got, "456789", 6) == 0);
    EXPECT_OK(ft_fd_read(&n, fd, got, sizeof got, path));
    EXPECT(n == 0);
    EXPECT_OK(ft_fd_truncate(fd, 3, path));
    EXPECT_OK(ft_fd_pread(&n, fd, got, sizeof got, 0, path));
    EXPECT(n == 3);
    ft_fd_close(&fd);
    EXPECT(fd == -1);
    ft_fd_close(&fd);
    EXPECT_OK(ft_fd_open(&fd, path, O_RDONLY, 0));
    EXPECT_ERR(FT_EIO, ft_fd_write(fd, "x", 1, path));
    EXPECT_WHY(path);
    ft_fd_close(&fd);
    EXPECT_OK(ft_fd_open(&fd, "/dev/full", O_WRONLY, 0));
    EXPECT_ERR(FT_ENOSPC, ft_fd_write(fd, "x", 1, "/dev/full"));
    EXPECT_WHY("cannot write '/dev/full': No space left on device");
    ft_fd_close(&fd);
    EXPECT_OK(ft_file_remove(path));
}

static void test_paths(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    static const char *const joins[][3] = {
        { "a/b", "c", "a/b/c" }, { "a/", "c", "a/c" }, { "/", "c", "/c" },
        { "a//", "c", "a/c" },   { "", "c", "c" },
    };
    for (size_t i = 0; i < FT_COUNT(joins); i++) {
        const char *got;
        EXPECT_OK(ft_path_join(&got, &arena, joins[i][0], joins[i][1]));
        EXPECT(strcmp(got, joins[i][2]) == 0);
    }
    static const char *const bases[][2] = {
        { "/a/b.csv", "b.csv" }, { "b", "b" }, { "a/b/", "b" }, { "/", "/" }, { "", "" },
    };
    for (size_t i = 0; i < FT_COUNT(bases); i++) {
        ft_str got = ft_path_base(ft_str_of(bases[i][0]));
        EXPECT(got.len == strlen(bases[i][1]) && memcmp(got.at, bases[i][1], got.len) == 0);
    }
    ft_arena_fini(&arena);
}

/* Whatever fails: the old or the new content, never half, and no temporary file. */
static void test_atomic_every_fault(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir("atom/x"));
    EXPECT_OK(ft_dir_make(in_dir("atom")));
    int rounds = 0;
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("old"), false));
    EACH_FAULT {
        ft_err err = ft_file_write_atomic(path, FT_STR("new"), true);
        bool clean = err == FT_OK;
        ft_fault_off();
        expect_content(path, clean ? "new" : "old");
        EXPECT(entries(in_dir("atom")) == 1);
        if (!clean) EXPECT_WHY(path);
        rounds++;
    }
    EXPECT(rounds == 6); /* open, write, flush, close, rename; then a clean round */
    EXPECT_OK(ft_dir_remove(in_dir("atom")));
}

static ft_err everything(ft_arena *arena) {
    ft_str s, *names;
    size_t n;
    ft_file_info info;
    FT_TRY(ft_dir_make(in_dir("every/a")));
    FT_TRY(ft_file_write_atomic(in_dir("every/f"), FT_STR("f"), false));
    FT_TRY(ft_file_stat(&info, in_dir("every/f")));
    FT_TRY(ft_file_read(&s, arena, in_dir("every/f"), 10));
    FT_TRY(ft_file_read(&s, arena, "/proc/self/stat", 10000));
    FT_TRY(ft_file_map(&s, in_dir("every/f")));
    ft_file_unmap(s);
    FT_TRY(ft_file_link(in_dir("every/f"), in_dir("every/g")));
    FT_TRY(ft_file_rename(in_dir("every/g"), in_dir("every/h")));
    FT_TRY(ft_dir_list(&names, &n, arena, in_dir("every")));
    FT_TRY(ft_dir_sync(in_dir("every")));
    FT_TRY(ft_file_remove(in_dir("every/h")));
    return ft_dir_remove(in_dir("every"));
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        ft_err err = everything(&arena);
        ft_fault_off();
        if (err != FT_OK) {
            EXPECT(err == FT_EIO || err == FT_ENOMEM);
            EXPECT(strlen(ft_err_why()) > 10);
            failures++;
        }
        ft_arena_fini(&arena);
        EXPECT_OK(ft_dir_remove(in_dir("every")));
    }
    EXPECT(failures > 20);
}

/* A real full disk and a real read-only one, where mounting is allowed. */
static void test_full_and_read_only_disk(void **state) {
    (void)state;
    const char *disk = in_dir("disk");
    EXPECT_OK(ft_dir_make(disk));
    if (mount("none", disk, "tmpfs", 0, "size=64k") != 0) {
        print_message("# skipped: mounting is not allowed here\n");
        skip();
    }
    static char fill[100000];
    const char *path = in_dir("disk/x");
    ft_err small = ft_file_write_atomic(path, FT_STR("old"), true);
    ft_err full = ft_file_write_atomic(path, (ft_str){ fill, sizeof fill }, true);
    bool told = strstr(ft_err_why(), path) && strstr(ft_err_why(), "No space left");
    size_t left = entries(disk);
    int remounted = mount("none", disk, NULL, MS_REMOUNT | MS_RDONLY, NULL);
    ft_err read_only = ft_file_write_atomic(path, FT_STR("new"), true);
    bool told_too = strstr(ft_err_why(), "Read-only") != NULL;
    ft_err folder = ft_dir_make(in_dir("disk/sub"));
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str kept;
    ft_err read = ft_file_read(&kept, &arena, path, 10);
    umount(disk);
    EXPECT(small == FT_OK && full == FT_ENOSPC && told && left == 1);
    EXPECT(remounted == 0 && read_only == FT_EDENIED && told_too && folder == FT_EDENIED);
    EXPECT(read == FT_OK && kept.len == 3 && memcmp(kept.at, "old", 3) == 0);
    ft_arena_fini(&arena);
}

/* A pipe is written to and stays a pipe; renaming over it is refused. */
static void test_special_files(void **state) {
    (void)state;
    char path[300], other[300], got[8] = { 0 };
    struct stat st;
    snprintf(path, sizeof path, "%s/pipe", test_dir());
    snprintf(other, sizeof other, "%s/other", test_dir());
    EXPECT(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDWR | O_NONBLOCK);
    EXPECT(fd >= 0);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("hello"), true));
    EXPECT(read(fd, got, sizeof got) == 5 && memcmp(got, "hello", 5) == 0);
    EXPECT_OK(ft_file_write_atomic(other, FT_STR("x"), false));
    EXPECT_ERR(FT_EINVAL, ft_file_rename(other, path));
    EXPECT_WHY("device or a pipe");
    EXPECT(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
    close(fd);
    EXPECT(unlink(path) == 0 && unlink(other) == 0);
}

typedef struct seen {
    char text[200];
    size_t at;
} seen;

static ft_err see(void *ctx, const char *path, ft_str below, const ft_file_info *info) {
    seen *s = ctx;
    EXPECT(ft_str_ends(ft_str_of(path), below) && !info->is_dir);
    s->at += (size_t)snprintf(s->text + s->at, sizeof s->text - s->at, "%s=%llu ", below.at,
                              (unsigned long long)info->size_bytes);
    return ft_str_is(below, "wrong") ? FT_FAIL(FT_ECORRUPT, "wrong") : FT_OK;
}

static bool is_hidden(ft_str name) { return name.at[0] == '.'; }

static void test_tree(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    seen s = { 0 };
    ft_dir_walker t = { .arena = &arena, .skip = is_hidden, .file = see, .ctx = &s };
    char root[300], path[2000];
    snprintf(root, sizeof root, "%s", in_dir("tree"));
    static const char *const files[] = { "b", "a/2", "a/1", "a/c/deep", ".hidden/x", "a.txt" };
    for (size_t i = 0; i < FT_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        *strrchr(path, '/') = '\0';
        EXPECT_OK(ft_dir_make(path));
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        EXPECT_OK(ft_file_write_atomic(path, FT_STR("xyz"), false));
    }
    EXPECT_OK(ft_dir_walk(&t, root));
    assert_string_equal("a/1=3 a/2=3 a/c/deep=3 a.txt=3 b=3 ", s.text);
    snprintf(path, sizeof path, "%s/a/gone", root); /* a link to nothing: there, and not */
    EXPECT(symlink("/nowhere/at/all", path) == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_dir_walk(&t, root));
    t.may_go = true;
    s = (seen){ 0 };
    EXPECT_OK(ft_dir_walk(&t, root));
    assert_string_equal("a/1=3 a/2=3 a/c/deep=3 a.txt=3 b=3 ", s.text);
    t.own_files =
        true; /* what a program may leave: links out, links round, a link within, a pipe */
    static const struct {
        const char *name, *to;
    } links[] = {
        { "a/out", "/etc" }, { "a/file", "/etc/passwd" }, { "a/round", "." }, { "within", "a/1" }
    };
    for (size_t i = 0; i < FT_COUNT(links); i++) {
        snprintf(path, sizeof path, "%s/%s", root, links[i].name);
        EXPECT(symlink(links[i].to, path) == 0);
    }
    snprintf(path, sizeof path, "%s/pipe", root);
    EXPECT(mkfifo(path, 0600) == 0);
    ft_str map;
    EXPECT_ERR(FT_EINVAL, ft_file_map(&map, path));
    s = (seen){ 0 };
    EXPECT_OK(ft_dir_walk(&t, root));
    assert_string_equal("a/1=3 a/2=3 a/c/deep=3 a.txt=3 b=3 within=3 ", s.text);
    for (size_t i = 0; i < FT_COUNT(links); i++) {
        snprintf(path, sizeof path, "%s/%s", root, links[i].name);
        EXPECT(unlink(path) == 0);
    }
    snprintf(path, sizeof path, "%s/wrong", root);
    EXPECT_OK(ft_file_write_atomic(path, FT_STR(""), false));
    EXPECT_ERR(FT_ECORRUPT, ft_dir_walk(&t, root));
    size_t at = (size_t)snprintf(path, sizeof path, "%s", root);
    for (int i = 0; i < FT_WALK_DEPTH_MAX; i++)
        at += (size_t)snprintf(path + at, sizeof path - at, "/d");
    EXPECT_OK(ft_dir_make(path));
    EXPECT_ERR(FT_ETOOBIG, ft_dir_walk(&t, root));
    EXPECT_WHY("more than 32 deep");
    EXPECT_ERR(FT_ENOTFOUND, ft_dir_walk(&t, in_dir("no-tree")));
    EXPECT_OK(ft_dir_remove(root));
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_tree), cmocka_unit_test(test_special_files),
          cmocka_unit_test(test_whole_files), cmocka_unit_test(test_streams_without_size),
          cmocka_unit_test(test_refusals), cmocka_unit_test(test_long_name_is_replaceable),
          cmocka_unit_test(test_folders), cmocka_unit_test(test_descriptors),
          cmocka_unit_test(test_paths), cmocka_unit_test(test_atomic_every_fault),
          cmocka_unit_test(test_every_fault), cmocka_unit_test(test_full_and_read_only_disk))
