/* set_folder_write.c -- samples into a folder of images, a file each, in the folder of its class;
 * see set_folder.c. */
#include <fcntl.h>
#include <stdio.h>

#include "base/files.h"
#include "base/json.h"
#include "data/set_folder_in.h"

static ft_err classes_read(ft_dataset_writer *w, ft_set_folder_writing *x) {
    ft_json j;
    ft_str member, list;
    size_t capacity = 0;
    if (!w->opts.meta.len || ft_json_find(&list, w->opts.meta, "classes") != FT_OK) {
        ft_err_clear();
        return FT_OK;
    }
    ft_json_init(&j, list, &w->arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_string(&j, &member));
        if (x->class_count == capacity) {
            ft_str *more;
            capacity = capacity ? capacity * 2 : 16;
            FT_TRY(ft_arena_items(&more, &w->arena, capacity));
            if (x->class_count) memcpy(more, x->classes, x->class_count * sizeof *more);
            x->classes = more;
        }
        x->classes[x->class_count++] = member;
    }
    return ft_json_end(&j);
}

ft_err ft_set_folder_write_begin(ft_dataset_writer *w) {
    ft_set_folder_writing *x = w->state;
    x->image = x->label = x->name = -1;
    for (size_t i = 0; i < w->field_count; i++) {
        const ft_field *f = &w->fields[i];
        if (f->kind == FT_FIELD_IMAGE && x->image < 0) x->image = (int)i;
        if (ft_str_is(f->name, "label") && f->ndim == 0 && f->kind == FT_FIELD_ARRAY)
            x->label = (int)i;
        if (f->kind == FT_FIELD_TEXT && (ft_str_is(f->name, "path") || ft_str_is(f->name, "key")))
            x->name = (int)i;
    }
    if (x->image < 0)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s': a folder of images needs a field of encoded images",
                       w->path);
    FT_TRY(classes_read(w, x));
    return ft_saving_dir_open(&x->dir, &w->arena, w->path);
}

/* The class's folder: its name, else its number. */
static ft_err class_of(ft_str *out, const ft_dataset_writer *w, ft_set_folder_writing *x,
                       const ft_array *values) {
    *out = FT_STR("");
    if (x->label < 0 || !values[x->label].data) return FT_OK;
    double label = ft_array_f64(&values[x->label], 0);
    if (label >= 0 && label < (double)x->class_count && label == (double)(size_t)label) {
        *out = x->classes[(size_t)label];
        if (out->len && out->at[0] != '.' && ft_str_find(*out, '/') == out->len) return FT_OK;
    }
    (void)w;
    return ft_arena_printf(out, &x->arena, "%.9g", label);
}

/* The last part of the record's name without ending, when it is a name at all. */
static ft_str stem_of(const ft_set_folder_writing *x, const ft_array *values) {
    if (x->name < 0 || !values[x->name].data) return (ft_str){ 0 };
    const ft_array *v = &values[x->name];
    ft_str base = ft_path_base(ft_str_n(v->data, (size_t)v->shape[0]));
    base = ft_str_slice(base, 0, ft_str_find(base, '.'));
    for (size_t i = 0; i < base.len; i++)
        if ((unsigned char)base.at[i] < ' ') return (ft_str){ 0 };
    return base.len < 200 ? base : (ft_str){ 0 };
}

ft_err ft_set_folder_write(ft_dataset_writer *w, const ft_array *values) {
    ft_set_folder_writing *x = w->state;
    ft_str class, dir, path, stem;
    int fd;
    ft_arena_reset(&x->arena);
    const ft_array *v = &values[x->image];
    if (!v->data)
        return FT_FAIL(FT_EINVAL, "'%s', record %llu has no image", w->path,
                       (unsigned long long)w->count);
    ft_str bytes = ft_str_n(v->data, (size_t)v->shape[0]);
    const char *ending = ft_str_starts(bytes, FT_STR("\x89PNG")) ? "png"
                         : ft_str_starts(bytes, FT_STR("RIFF"))  ? "webp"
                         : bytes.len && bytes.at[0] == 'P'       ? "ppm"
                                                                 : "jpg";
    FT_TRY(class_of(&class, w, x, values));
    FT_TRY(ft_arena_printf(&dir, &x->arena, "%s/%.*s", x->dir.temporary.at, FT_STR_ARG(class)));
    FT_TRY(ft_dir_make(dir.at));
    stem = stem_of(x, values);
    if (stem.len)
        FT_TRY(ft_arena_printf(&path, &x->arena, "%s/%.*s.%s", dir.at, FT_STR_ARG(stem), ending));
    if (!stem.len || ft_file_exists(path.at)) /* a name that came before */
        FT_TRY(ft_arena_printf(&path, &x->arena, "%s/%.*s%s%09llu.%s", dir.at, FT_STR_ARG(stem),
                               stem.len ? "-" : "", (unsigned long long)w->count, ending));
    FT_TRY(ft_fd_open(&fd, path.at, O_WRONLY | O_CREAT | O_EXCL, 0666));
    ft_err err = bytes.len ? ft_fd_write(fd, bytes.at, bytes.len, path.at) : FT_OK;
    ft_fd_close(&fd);
    x->bytes += bytes.len;
    return err;
}

uint64_t ft_set_folder_written(const ft_dataset_writer *w) {
    return ((const ft_set_folder_writing *)w->state)->bytes;
}

ft_err ft_set_folder_write_end(ft_dataset_writer *w) {
    return ft_saving_dir_end(&((ft_set_folder_writing *)w->state)->dir);
}

void ft_set_folder_write_free(ft_dataset_writer *w) {
    ft_set_folder_writing *x = w->state;
    ft_saving_dir_free(&x->dir);
    ft_arena_fini(&x->arena);
}
