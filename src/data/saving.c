/* saving.c -- see saving.h. */
#include "data/saving.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/random.h"
#include "data/squeeze_in.h"

ft_err ft_saving_open(ft_saving *p, const char *path) {
    char uuid[FT_UUID_TEXT];
    size_t size = strlen(path) + FT_UUID_TEXT + 8;
    *p = (ft_saving){ .fd = -1, .out.limit_bytes = SIZE_MAX / 2 };
    ft_uuid(uuid);
    p->path = ft_fault_here() ? NULL : strdup(path);
    char *temporary = p->path ? malloc(size) : NULL;
    if (!temporary) return FT_FAIL(FT_ENOMEM, "no memory to write '%s'", path);
    snprintf(temporary, size, "%s.%s.part", path, uuid);
    p->temporary = temporary;
    return ft_fd_open(&p->fd, temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
}

ft_err ft_saving_squeeze(ft_saving *p) {
    p->packed.limit_bytes = SIZE_MAX / 2;
    return ft_squeeze_new(&p->squeeze, ft_str_of(p->path));
}

/* The kernel is told to begin with the disk early, so that the sync at the end finds little left.
 */
static ft_err write_out(ft_saving *p, ft_str bytes) {
    if (bytes.len == 0) return FT_OK;
    FT_TRY(ft_fd_write(p->fd, bytes.at, bytes.len, p->temporary));
    sync_file_range(p->fd, (off_t)p->written, (off_t)bytes.len, SYNC_FILE_RANGE_WRITE);
    p->written += bytes.len;
    return FT_OK;
}

static ft_err flush(ft_saving *p, bool last) {
    if (p->squeeze) {
        ft_buf_reset(&p->packed);
        FT_TRY(ft_squeeze_add(&p->packed, p->squeeze, ft_buf_str(&p->out), last));
        FT_TRY(write_out(p, ft_buf_str(&p->packed)));
    } else {
        FT_TRY(write_out(p, ft_buf_str(&p->out)));
    }
    p->flushed += p->out.len;
    ft_buf_reset(&p->out);
    return FT_OK;
}

ft_err ft_saving_flush(ft_saving *p, size_t at_least) {
    if (p->out.len == 0 || p->out.len < at_least) return p->out.err;
    return flush(p, false);
}

ft_err ft_saving_head(ft_saving *p, ft_str bytes) {
    if (bytes.len == 0) return FT_OK;
    if (p->squeeze)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s': this format is not written packed", p->path);
    FT_TRY(flush(p, false));
    if (lseek(p->fd, 0, SEEK_SET) != 0)
        return FT_FAIL_ERRNO("cannot go back in '%s'", p->temporary);
    FT_TRY(ft_fd_write(p->fd, bytes.at, bytes.len, p->temporary));
    if (lseek(p->fd, 0, SEEK_END) < 0) return FT_FAIL_ERRNO("cannot go on in '%s'", p->temporary);
    return FT_OK;
}

/* So that the new name survives a power cut. */
static ft_err folder_sync(const ft_saving *p) {
    ft_arena arena = { 0 };
    ft_str folder, path = ft_str_of(p->path);
    size_t len = path.len - ft_path_base(path).len;
    ft_err err = ft_arena_str(&folder, &arena, len ? ft_str_slice(path, 0, len) : FT_STR("."));
    if (!err) err = ft_dir_sync(folder.at);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_saving_end(ft_saving *p) {
    FT_TRY(flush(p, true));
    FT_TRY(ft_fd_sync(p->fd, p->temporary));
    FT_TRY(ft_file_rename(p->temporary, p->path));
    free(p->temporary);
    p->temporary = NULL; /* it is in place */
    return folder_sync(p);
}

void ft_saving_free(ft_saving *p) {
    if (p->path && p->fd >= 0 && p->temporary) unlink(p->temporary);
    if (p->path) ft_fd_close(&p->fd);
    ft_buf_fini(&p->out);
    ft_buf_fini(&p->packed);
    ft_squeeze_free(p->squeeze);
    free(p->temporary);
    free(p->path);
    *p = (ft_saving){ .fd = -1 };
}

/* ---- folders */

ft_err ft_saving_dir_open(ft_saving_dir *p, ft_arena *arena, const char *path) {
    char uuid[FT_UUID_TEXT];
    ft_str text = ft_str_of(path), *names;
    size_t count = 0;
    *p = (ft_saving_dir){ 0 };
    while (text.len > 1 && text.at[text.len - 1] == '/') text.len--;
    FT_TRY(ft_arena_str(&p->folder, arena, text));
    if (ft_file_exists(p->folder.at)) {
        FT_TRY(ft_dir_list(&names, &count, arena, p->folder.at));
        if (count) return FT_FAIL(FT_EEXIST, "'%s' is there and is not empty", p->folder.at);
    }
    ft_uuid(uuid);
    FT_TRY(ft_arena_printf(&p->temporary, arena, "%s.%s.part", p->folder.at, uuid));
    return ft_dir_make(p->temporary.at);
}

ft_err ft_saving_dir_end(ft_saving_dir *p) {
    int fd;
    if (ft_file_exists(p->folder.at)) FT_TRY(ft_dir_remove(p->folder.at)); /* it was empty */
    FT_TRY(ft_fd_open(&fd, p->temporary.at, O_RDONLY | O_DIRECTORY, 0));
    int failed = syncfs(fd); /* thousands of small files: all at once */
    ft_fd_close(&fd);
    if (failed) return FT_FAIL_ERRNO("cannot flush '%s' to the disk", p->temporary.at);
    FT_TRY(ft_file_rename(p->temporary.at, p->folder.at));
    p->temporary = (ft_str){ 0 };
    return FT_OK;
}

void ft_saving_dir_free(ft_saving_dir *p) {
    if (p->temporary.at && ft_dir_remove(p->temporary.at)) ft_err_clear();
    p->temporary = (ft_str){ 0 };
}
