/* set_folder.c -- folders of images as torchvision's ImageFolder has them (a sub-folder is a class,
 * classes and files in byte order of their paths), and MXNet's .lst files ("id\tlabel…\tpath").
 * Names that begin with a dot are passed over, which ImageFolder does not do. Written the other way
 * round: a file an image, in the folder of its class.
 *
 * Sources: torchvision, datasets/folder.py; MXNet, tools/im2rec.py. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/json.h"
#include "data/dataset_paths_in.h"
#include "data/set_folder_in.h"
#include "data/shown.h"

#define LABELS_MAX 4096

typedef struct files {
    ft_picture *at;
    size_t count, capacity;
    const char *root;
    size_t label_count; /* lst: of each image */
    bool classes;
    ft_arena arena;
} files;

enum { IMAGE, LABEL, PATH, ID };

/* ---- a folder */

static ft_err classes_tell(ft_dataset *d, const ft_str *names, size_t count) {
    ft_buf text = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &text, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "classes");
    ft_json_out_array(&w);
    for (size_t i = 0; i < count; i++) ft_json_out_str(&w, names[i]);
    ft_json_out_close(&w);
    ft_json_out_close(&w);
    ft_err err = text.err ? text.err : ft_arena_str(&d->meta, &d->arena, ft_buf_str(&text));
    ft_buf_fini(&text);
    return err;
}

static ft_err fields_make(ft_set_shard *s, const ft_field *fields, size_t count) {
    if (s->number) return ft_set_same(s, fields, count);
    for (size_t i = 0; i < count; i++) FT_TRY(ft_set_field(s->d, &fields[i]));
    return FT_OK;
}

#define BYTES_FIELD(n, k)                                                          \
    {                                                                              \
        .name = FT_STR(n), .kind = (k), .dtype = FT_U8, .ndim = 1, .shape = { -1 } \
    }

static ft_err folder_open(ft_set_shard *s) {
    files *f = s->state;
    ft_field fields[] = { BYTES_FIELD("image", FT_FIELD_IMAGE),
                          { .name = FT_STR("label"), .dtype = FT_I64 },
                          BYTES_FIELD("path", FT_FIELD_TEXT) };
    ft_pictures found;
    const ft_dataset *d = s->d;
    f->root = s->path;
    f->arena.limit_bytes = SIZE_MAX / 2;
    if (d->picture_count) {
        FT_TRY(ft_set_folder_listed(&found, &f->arena, d->pictures, d->picture_count, &d->opts));
        f->root = found.root.at;
    } else {
        FT_TRY(ft_set_folder_walk(&found, &f->arena, s->path, &d->opts));
    }
    f->at = found.at;
    f->count = found.count;
    f->classes = found.class_count > 0;
    if (f->classes && !s->number) FT_TRY(classes_tell(s->d, found.classes, found.class_count));
    s->count = f->count;
    if (f->classes) return fields_make(s, fields, 3);
    fields[1] = fields[2];
    return fields_make(s, fields, 2);
}

/* ---- a list */

static ft_err entry_add(files *f, const ft_picture *e) {
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 256;
        ft_picture *at;
        FT_TRY(ft_arena_items(&at, &f->arena, capacity));
        if (f->count) memcpy(at, f->at, f->count * sizeof *at);
        f->at = at;
        f->capacity = capacity;
    }
    f->at[f->count++] = *e;
    return FT_OK;
}

static ft_err list_line(files *f, ft_str line, size_t number, const char *path) {
    float labels[LABELS_MAX], *kept;
    ft_str rest = line, copy;
    ft_picture e = { 0 };
    size_t count = 0;
    if (!ft_str_u64(&e.id, ft_str_trim(ft_str_cut(&rest, '\t'))))
        return FT_FAIL(FT_EPARSE, "%s:%zu: expected id, labels and path with tabs between", path,
                       number);
    for (;;) {
        ft_str cell = ft_str_cut(&rest, '\t');
        if (!rest.at) { /* the last one is the path */
            if (!cell.len) return FT_FAIL(FT_EPARSE, "%s:%zu: no path", path, number);
            FT_TRY(ft_arena_str(&copy, &f->arena, cell));
            e.path = copy.at;
            break;
        }
        if (count == LABELS_MAX || !ft_str_f32(&labels[count++], ft_str_trim(cell)))
            return FT_FAIL(FT_EPARSE, "%s:%zu: expected a label, found '%s'", path, number,
                           ft_shown(cell));
    }
    if (!f->count) f->label_count = count;
    if (count == 0 || count != f->label_count)
        return FT_FAIL(FT_EPARSE, "%s:%zu: %zu labels, expected %zu", path, number, count,
                       f->label_count ? f->label_count : 1);
    FT_TRY(ft_arena_items(&kept, &f->arena, count));
    memcpy(kept, labels, count * sizeof *kept);
    e.labels = kept;
    return entry_add(f, &e);
}

static ft_err list_open(ft_set_shard *s) {
    files *f = s->state;
    ft_str text, root, path = ft_str_of(s->path);
    ft_field fields[] = { BYTES_FIELD("image", FT_FIELD_IMAGE),
                          { .name = FT_STR("label"), .dtype = FT_F32 },
                          BYTES_FIELD("path", FT_FIELD_TEXT),
                          { .name = FT_STR("id"), .dtype = FT_U64 } };
    f->arena.limit_bytes = SIZE_MAX / 2;
    size_t dir = path.len - ft_path_base(path).len;
    FT_TRY(ft_arena_str(&root, &f->arena, dir ? ft_str_slice(path, 0, dir - 1) : FT_STR(".")));
    f->root = root.at;
    FT_TRY(ft_file_read(&text, &f->arena, s->path, SIZE_MAX / 4));
    for (size_t number = 1; text.len; number++) {
        ft_str line = ft_str_slice(text, 0, ft_str_find(text, '\n'));
        text = ft_str_from(text, line.len + 1);
        if (line.len && line.at[line.len - 1] == '\r') line.len--;
        if (line.len) FT_TRY(list_line(f, line, number, s->path));
    }
    if (f->count == 0) return FT_FAIL(FT_ENOTFOUND, "'%s' names no image", s->path);
    s->count = f->count;
    if (f->label_count > 1) {
        fields[1].ndim = 1;
        fields[1].shape[0] = (int64_t)f->label_count;
    }
    return fields_make(s, fields, 4);
}

static void shard_close(ft_set_shard *s) {
    files *f = s->state;
    ft_arena_fini(&f->arena);
}

/* ---- reading */

static ft_err file_read(ft_str *out, ft_dataset_reader *r, const char *path) {
    int fd;
    struct stat st;
    size_t got = 0, most = ft_set_record_max(r->d);
    ft_err err = FT_OK;
    FT_TRY(ft_fd_open(&fd, path, O_RDONLY, 0));
    if (fstat(fd, &st) != 0) FT_GOTO(err, FT_FAIL_ERRNO("cannot look at '%s'", path));
    if ((uint64_t)st.st_size > most)
        FT_GOTO(err, FT_FAIL(FT_ETOOBIG, "a record of %llu bytes, at most %zu are allowed",
                             (unsigned long long)st.st_size, most));
    ft_buf_reset(&r->raw);
    FT_GOTO(err, ft_buf_reserve(&r->raw, (size_t)st.st_size + 1));
    FT_GOTO(err, ft_fd_pread(&got, fd, r->raw.at, (size_t)st.st_size, 0, path));
    if (got < (size_t)st.st_size)
        FT_GOTO(err,
                FT_FAIL(FT_ECORRUPT, "the file shrank from %llu to %zu bytes while it was read",
                        (unsigned long long)st.st_size, got));
    *out = ft_str_n(r->raw.at, got);
done:
    ft_fd_close(&fd);
    return err;
}

static void put_bytes(ft_array *v, ft_str bytes) {
    *v = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)bytes.len } };
    v->data = (void *)(uintptr_t)bytes.at;
}

static ft_err file_sample(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, uint64_t record) {
    files *f = s->state;
    ft_picture *e = &f->at[record];
    ft_str path, bytes = { 0 };
    if (e->path[0] == '/' || !f->root[0])
        path = ft_str_of(e->path);
    else
        FT_TRY(ft_arena_printf(&path, &r->arena, "%s/%s", f->root, e->path));
    if (ft_set_wants(r, IMAGE)) {
        ft_err err = file_read(&bytes, r, path.at);
        if (err)
            return ft_err_prefix(err, "'%s', record %llu", path.at, (unsigned long long)record);
        put_bytes(&r->values[IMAGE], bytes);
        out->stored_bytes = bytes.len;
    }
    bool labelled = f->classes || f->label_count;
    put_bytes(&r->values[labelled ? PATH : LABEL], ft_str_of(e->path));
    if (f->classes) r->values[LABEL] = (ft_array){ .dtype = FT_I64, .data = &e->label };
    if (f->label_count) {
        r->values[LABEL] =
            (ft_array){ .dtype = FT_F32,
                        .ndim = f->label_count > 1,
                        .shape = { f->label_count > 1 ? (int64_t)f->label_count : 0 },
                        .data = (void *)(uintptr_t)e->labels };
        r->values[ID] = (ft_array){ .dtype = FT_U64, .data = &e->id };
    }
    return FT_OK;
}

static int sniff_list(ft_str head, ft_str path) {
    uint64_t id;
    ft_str rest = head;
    return ft_str_ends(path, FT_STR(".lst")) && ft_str_u64(&id, ft_str_cut(&rest, '\t')) && rest.at
               ? 95
               : 0;
}

const ft_dataset_format ft_set_folder = {
    .name = "folder",
    .doc = "a folder of images, a sub-folder each class",
    .endings = "/",
    .media_types = "",
    .folders = true,
    .pictures = true,
    .shard_bytes = sizeof(files),
    .open = folder_open,
    .close = shard_close,
    .read = file_sample,
    .write_bytes = sizeof(ft_set_folder_writing),
    .write_begin = ft_set_folder_write_begin,
    .write = ft_set_folder_write,
    .written = ft_set_folder_written,
    .write_end = ft_set_folder_write_end,
    .write_free = ft_set_folder_write_free,
};
const ft_dataset_format ft_set_lst = {
    .name = "lst",
    .doc = "MXNet's list of images: id, labels and path a line (read only)",
    .endings = ".lst",
    .media_types = "",
    .sniff = sniff_list,
    .pictures = true,
    .shard_bytes = sizeof(files),
    .open = list_open,
    .close = shard_close,
    .read = file_sample,
};
