/* set_files.c -- samples unpacked into a folder: a file for each field, named by key and field as
 * in a WebDataset ("00000.jpg", "00000.cls"). Written only: as a folder it is read by what its
 * files are, in an archive as a WebDataset. */
#include <fcntl.h>
#include <stdio.h>

#include "base/files.h"
#include "data/dataset_in.h"
#include "data/saving.h"
#include "data/payload_in.h"
#include "data/shown.h"
#include "data/tar_member.h"

typedef struct writing {
    ft_saving_dir dir;
    ft_payload_plan plan;
    ft_buf members; /* of one sample */
    ft_arena arena;
    uint64_t bytes;
} writing;

static ft_err write_begin(ft_dataset_writer *w) {
    writing *x = w->state;
    x->members.limit_bytes = x->arena.limit_bytes = SIZE_MAX / 2;
    x->plan = (ft_payload_plan){ .payload = &ft_payload_tar,
                                 .fields = w->fields,
                                 .count = w->field_count,
                                 .arena = &w->arena,
                                 .path = ft_str_of(w->path) };
    FT_TRY(ft_payload_tar.fit(&x->plan));
    return ft_saving_dir_open(&x->dir, &w->arena, w->path);
}

/* Keys come from foreign files: none may lead out of the folder. */
static ft_err name_check(ft_str name) {
    ft_str rest = name;
    while (rest.at)
        if (ft_str_is(ft_str_cut(&rest, '/'), ".."))
            return FT_FAIL(FT_EDENIED, "'%s' would leave the folder", ft_shown(name));
    return name.at[0] == '/' ? FT_FAIL(FT_EDENIED, "'%s' is an absolute name", ft_shown(name))
                             : FT_OK;
}

static ft_err file_write(writing *x, ft_str name, ft_str bytes) {
    ft_str path, dir;
    int fd;
    FT_TRY(name_check(name));
    FT_TRY(ft_arena_printf(&path, &x->arena, "%s/%.*s", x->dir.temporary.at, FT_STR_ARG(name)));
    FT_TRY(ft_arena_str(&dir, &x->arena, ft_str_slice(path, 0, path.len - ft_path_base(path).len)));
    if (ft_str_find(name, '/') < name.len) FT_TRY(ft_dir_make(dir.at));
    FT_TRY(ft_fd_open(&fd, path.at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666));
    ft_err err = bytes.len ? ft_fd_write(fd, bytes.at, bytes.len, path.at) : FT_OK;
    ft_fd_close(&fd);
    x->bytes += bytes.len;
    return err;
}

static ft_err write_one(ft_dataset_writer *w, const ft_array *values) {
    writing *x = w->state;
    ft_tar_member m;
    ft_buf_reset(&x->members);
    ft_arena_reset(&x->arena);
    ft_err err = ft_payload_tar.write(&x->members, &x->plan, &x->arena, values);
    if (err) return ft_err_prefix(err, "'%s', record %llu", w->path, (unsigned long long)w->count);
    for (ft_str rest = ft_buf_str(&x->members); rest.len;
         rest = ft_str_from(rest, (size_t)m.total)) {
        FT_TRY(ft_tar_member_read(&m, rest));
        FT_TRY(file_write(x, m.name, ft_str_slice(rest, m.head, (size_t)m.size)));
    }
    return FT_OK;
}

static uint64_t written(const ft_dataset_writer *w) { return ((const writing *)w->state)->bytes; }
static ft_err write_end(ft_dataset_writer *w) {
    return ft_saving_dir_end(&((writing *)w->state)->dir);
}

static void write_free(ft_dataset_writer *w) {
    writing *x = w->state;
    ft_saving_dir_free(&x->dir);
    ft_buf_fini(&x->members);
    ft_arena_fini(&x->arena);
}

static ft_err cannot_open(ft_set_shard *s) {
    return FT_FAIL(FT_EUNSUPPORTED, "'%s': unpacked files are not read as one dataset", s->path);
}

const ft_dataset_format ft_set_files = {
    .name = "files",
    .doc = "a folder with a file for each field of each record (written only)",
    .endings = "",
    .media_types = "",
    .folders = true,
    .open = cannot_open,
    .write_bytes = sizeof(writing),
    .write_begin = write_begin,
    .write = write_one,
    .written = written,
    .write_end = write_end,
    .write_free = write_free,
};
