/* cache.c -- see cache_in.h. */
#include "store/cache_in.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"

#define MARK         0x6b6c6246u      /* "Fblk" */
#define IN_USE       ((off_t)1 << 60) /* the lock file's byte that open entries share */
#define OPENS_MAX    16  /* an entry that is removed again and again while it is opened */
#define SECTOR_BYTES 512 /* of st_blocks */

struct ft_cache_entry {
    char *data_path;
    int data_fd, blocks_fd, lock_fd;
    uint64_t size_bytes;
    size_t block_bytes, block_count;
    pthread_mutex_t lock; /* of `checked` */
    unsigned char *checked;
};

typedef struct mark {
    uint32_t crc, mark;
} mark;

/* ---- locks that belong to an open file, not to the process: threads with handles of their own
 * exclude each other too */

static ft_err lock_do(int fd, off_t at, short type, bool wait, const char *what) {
    struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
    if (ft_fault_here()) return FT_FAIL(FT_EIO, "cannot lock %s", what);
    while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &l) != 0) {
        if (errno == EINTR) continue;
        if (!wait && (errno == EAGAIN || errno == EACCES)) return FT_EBUSY;
        return FT_FAIL_ERRNO("cannot lock %s", what);
    }
    return FT_OK;
}

ft_err ft_cache_lock(ft_cache_entry *e, size_t block) {
    return lock_do(e->lock_fd, (off_t)block, F_WRLCK, true, e->data_path);
}

void ft_cache_unlock(ft_cache_entry *e, size_t block) {
    struct flock l = { .l_type = F_UNLCK, .l_start = (off_t)block, .l_len = 1 };
    fcntl(e->lock_fd, F_OFD_SETLK, &l);
}

/* ---- opening */

static size_t block_len(const ft_cache_entry *e, size_t block) {
    uint64_t at = (uint64_t)block * e->block_bytes, left = e->size_bytes - at;
    return left < e->block_bytes ? (size_t)left : e->block_bytes;
}

static ft_err file_open(int *fd, ft_arena *arena, const char *folder, const char *name) {
    const char *path;
    FT_TRY(ft_path_join(&path, arena, folder, name));
    return ft_fd_open(fd, path, O_RDWR | O_CREAT, 0600);
}

/* Is what we hold still what the path names? An evictor may have been faster. */
static bool same_file(int fd, const char *path) {
    struct stat held, there;
    return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino &&
           held.st_dev == there.st_dev;
}

static ft_err folder_claim(ft_cache_entry *e, ft_arena *arena, const char *folder) {
    const char *path;
    FT_TRY(ft_path_join(&path, arena, folder, "lock"));
    for (int i = 0; i < OPENS_MAX; i++) {
        FT_TRY(ft_dir_make(folder));
        ft_err err = ft_fd_open(&e->lock_fd, path, O_RDWR | O_CREAT, 0600);
        if (err == FT_ENOTFOUND) { /* removed since */
            ft_err_clear();
            continue;
        }
        FT_TRY(err);
        FT_TRY(lock_do(e->lock_fd, IN_USE, F_RDLCK, true, path));
        if (same_file(e->lock_fd, path)) return FT_OK;
        ft_fd_close(&e->lock_fd);
    }
    return FT_FAIL(FT_EBUSY, "%s is removed whenever it is made", folder);
}

static ft_err files_open(ft_cache_entry *e, ft_arena *arena, const char *folder, ft_str about) {
    const char *path;
    FT_TRY(folder_claim(e, arena, folder));
    FT_TRY(file_open(&e->blocks_fd, arena, folder, "blocks"));
    FT_TRY(file_open(&e->data_fd, arena, folder, "data"));
    FT_TRY(ft_fd_truncate(e->data_fd, e->size_bytes, e->data_path));
    FT_TRY(ft_path_join(&path, arena, folder, "about"));
    if (!ft_file_exists(path)) FT_TRY(ft_file_write_atomic(path, about, false));
    futimens(e->lock_fd, NULL); /* used now: what ft_cache_trim goes by */
    return FT_OK;
}

static ft_err entry_fill(ft_cache_entry *e, const char *dir, ft_str about) {
    char name[FT_SHA256_HEX];
    const char *folder, *data;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_err err;
    FT_GOTO(err, ft_sha256_hex(name, about));
    name[32] = '\0';
    FT_GOTO(err, ft_path_join(&folder, &arena, dir, name));
    FT_GOTO(err, ft_path_join(&data, &arena, folder, "data"));
    e->data_path = ft_fault_here() ? NULL : strdup(data);
    e->checked = ft_fault_here() ? NULL : calloc(e->block_count + 1, 1);
    if (!e->data_path || !e->checked) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory for the cache"));
    FT_GOTO(err, files_open(e, &arena, folder, about));
done:
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_cache_open(ft_cache_entry **out, const char *dir, ft_str about, uint64_t size_bytes,
                     size_t block_bytes) {
    *out = NULL;
    ft_cache_entry *e = ft_fault_here() ? NULL : calloc(1, sizeof *e);
    if (!e) return FT_FAIL(FT_ENOMEM, "no memory for the cache");
    *e = (ft_cache_entry){ .data_fd = -1,
                           .blocks_fd = -1,
                           .lock_fd = -1,
                           .size_bytes = size_bytes,
                           .block_bytes = block_bytes,
                           .block_count = (size_t)((size_bytes + block_bytes - 1) / block_bytes) };
    pthread_mutex_init(&e->lock, NULL);
    ft_err err = entry_fill(e, dir, about);
    if (err != FT_OK) {
        ft_cache_close(e);
        return err;
    }
    *out = e;
    return FT_OK;
}

void ft_cache_close(ft_cache_entry *e) {
    if (!e) return;
    ft_fd_close(&e->data_fd);
    ft_fd_close(&e->blocks_fd);
    ft_fd_close(&e->lock_fd); /* and its locks */
    pthread_mutex_destroy(&e->lock);
    free(e->checked);
    free(e->data_path);
    free(e);
}

/* ---- blocks */

static ft_err mark_read(mark *out, ft_cache_entry *e, size_t block) {
    size_t got;
    *out = (mark){ 0 };
    FT_TRY(ft_fd_pread(&got, e->blocks_fd, out, sizeof *out, block * sizeof *out, e->data_path));
    if (got < sizeof *out) *out = (mark){ 0 };
    return FT_OK;
}

static ft_err mark_write(ft_cache_entry *e, size_t block, mark m) {
    if (ft_fault_here()) return FT_FAIL(FT_ENOSPC, "%s: a block's mark", e->data_path);
    if (pwrite(e->blocks_fd, &m, sizeof m, (off_t)(block * sizeof m)) != (ssize_t)sizeof m)
        return FT_FAIL_ERRNO("%s: a block's mark", e->data_path);
    return FT_OK;
}

static void set_checked(ft_cache_entry *e, size_t block, bool checked) {
    pthread_mutex_lock(&e->lock);
    e->checked[block] = checked;
    pthread_mutex_unlock(&e->lock);
}

static bool is_checked(ft_cache_entry *e, size_t block) {
    pthread_mutex_lock(&e->lock);
    bool checked = e->checked[block];
    pthread_mutex_unlock(&e->lock);
    return checked;
}

ft_err ft_cache_has(bool *out, ft_cache_entry *e, size_t block) {
    mark m;
    FT_TRY(mark_read(&m, e, block));
    *out = m.mark == MARK;
    return FT_OK;
}

ft_err ft_cache_put(ft_cache_entry *e, size_t block, const void *at, size_t len) {
    off_t to = (off_t)((uint64_t)block * e->block_bytes);
    FT_CHECK(block < e->block_count && len == block_len(e, block));
    if (ft_fault_here()) return FT_FAIL(FT_ENOSPC, "%s: writing a block", e->data_path);
    for (size_t done = 0; done < len;) {
        ssize_t n = pwrite(e->data_fd, (const char *)at + done, len - done, to + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return FT_FAIL_ERRNO("%s: writing a block", e->data_path);
        done += (size_t)n;
    }
    FT_TRY(mark_write(e, block, (mark){ .crc = ft_crc32c(0, at, len), .mark = MARK }));
    set_checked(e, block, true);
    return FT_OK;
}

static ft_err data_read(ft_cache_entry *e, void *at, size_t len, uint64_t offset) {
    for (size_t done = 0, got; done < len; done += got) {
        FT_TRY(ft_fd_pread(&got, e->data_fd, (char *)at + done, len - done, offset + done,
                           e->data_path));
        if (!got) return FT_FAIL(FT_ECORRUPT, "%s has been cut", e->data_path);
    }
    return FT_OK;
}

/* All of a block against its mark; `at` holds it. */
static ft_err block_check(ft_cache_entry *e, size_t block, const void *at) {
    mark m;
    FT_TRY(mark_read(&m, e, block));
    if (m.mark == MARK && m.crc == ft_crc32c(0, at, block_len(e, block))) {
        set_checked(e, block, true);
        return FT_OK;
    }
    FT_TRY(mark_write(e, block, (mark){ 0 }));
    return FT_FAIL(FT_ECORRUPT, "%s: block %zu is damaged", e->data_path, block);
}

static ft_err check_whole(ft_cache_entry *e, size_t block) {
    size_t len = block_len(e, block);
    char *whole = ft_fault_here() ? NULL : malloc(len);
    if (!whole) return FT_FAIL(FT_ENOMEM, "no memory to check a block of %s", e->data_path);
    ft_err err = data_read(e, whole, len, (uint64_t)block * e->block_bytes);
    if (err == FT_OK) err = block_check(e, block, whole);
    free(whole);
    return err;
}

ft_err ft_cache_read(ft_cache_entry *e, void *at, size_t len, uint64_t offset) {
    size_t block = (size_t)(offset / e->block_bytes);
    bool checked = is_checked(e, block), whole = len == block_len(e, block);
    FT_CHECK(offset + len <= e->size_bytes);
    if (!checked && !whole) FT_TRY(check_whole(e, block));
    FT_TRY(data_read(e, at, len, offset));
    return checked || !whole ? FT_OK : block_check(e, block, at);
}

const char *ft_cache_data_path(const ft_cache_entry *e) { return e->data_path; }

/* ---- keeping to the limit */

typedef struct kept {
    const char *folder;
    uint64_t bytes;
    int64_t used_ns;
} kept;

static int by_use(const void *a, const void *b) {
    int64_t x = ((const kept *)a)->used_ns, y = ((const kept *)b)->used_ns;
    return x < y ? -1 : x > y;
}

/* What an entry takes on the disk, and when it was opened last. FT_ENOTFOUND: it is going. */
static ft_err entry_look(kept *out, ft_arena *arena, const char *folder) {
    const char *data, *lock;
    struct stat st;
    ft_file_info used;
    FT_TRY(ft_path_join(&data, arena, folder, "data"));
    FT_TRY(ft_path_join(&lock, arena, folder, "lock"));
    out->folder = folder;
    out->bytes = stat(data, &st) == 0 ? (uint64_t)st.st_blocks * SECTOR_BYTES : 0;
    ft_err err = ft_file_stat(&used, lock);
    if (err == FT_ENOTFOUND) ft_err_clear();
    out->used_ns = err == FT_OK ? used.mtime_ns : 0;
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* Gone, unless someone has it open (then FT_EBUSY without a trail). */
static ft_err entry_drop(ft_arena *arena, const char *folder) {
    const char *path;
    int fd = -1;
    FT_TRY(ft_path_join(&path, arena, folder, "lock"));
    ft_err err = ft_fd_open(&fd, path, O_RDWR, 0);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        return ft_dir_remove(folder);
    }
    FT_TRY(err);
    err = lock_do(fd, IN_USE, F_WRLCK, false, path);
    if (err == FT_OK) err = ft_dir_remove(folder);
    ft_fd_close(&fd);
    return err;
}

static ft_err entries_look(kept **list, size_t *count, ft_arena *arena, const char *dir) {
    ft_str *names;
    FT_TRY(ft_dir_list(&names, count, arena, dir));
    FT_TRY(ft_arena_items(list, arena, *count + 1));
    for (size_t i = 0; i < *count; i++) {
        const char *folder;
        FT_TRY(ft_path_join(&folder, arena, dir, names[i].at));
        FT_TRY(entry_look(&(*list)[i], arena, folder));
    }
    qsort(*list, *count, sizeof **list, by_use);
    return FT_OK;
}

ft_err ft_cache_trim(ft_cache_sum *out, const char *dir, uint64_t limit_bytes) {
    ft_arena arena = FT_ARENA_INIT(0);
    kept *list = NULL;
    size_t count = 0;
    ft_err err = FT_OK;
    *out = (ft_cache_sum){ 0 };
    if (!ft_file_exists(dir)) return FT_OK;
    FT_GOTO(err, entries_look(&list, &count, &arena, dir));
    out->entries = count;
    for (size_t i = 0; i < count; i++) out->bytes += list[i].bytes;
    for (size_t i = 0; i < count && out->bytes > limit_bytes; i++) {
        err = entry_drop(&arena, list[i].folder);
        if (err == FT_EBUSY) continue;
        FT_GOTO(err, err);
        out->bytes -= list[i].bytes;
        out->entries--;
    }
    err = FT_OK;
done:
    ft_arena_fini(&arena);
    return err;
}
