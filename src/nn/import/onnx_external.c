/* onnx_external.c -- weights in files beside an ONNX model: mapped once a file, and only files
 * within the model's folder. See onnx_in.h. */
#include <limits.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/files.h"
#include "nn/import/onnx_in.h"

static ft_err path_allowed(const onnx_build *b, const onnx_tensor *t, const char **path) {
    char folder[PATH_MAX], real[PATH_MAX];
    ft_str at = t->location;
    bool up = false;
    if (!b->folder)
        return FT_FAIL(FT_EDENIED, "tensor '%.*s': its data is in another file, and there is none",
                       FT_STR_ARG(t->name));
    while (at.at) up |= ft_str_is(ft_str_cut(&at, '/'), "..");
    if (up || t->location.len == 0 || t->location.at[0] == '/' ||
        memchr(t->location.at, 0, t->location.len))
        return FT_FAIL(FT_EDENIED, "tensor '%.*s': its data may not lie at '%.*s'",
                       FT_STR_ARG(t->name), FT_STR_ARG(t->location));
    ft_str joined;
    FT_TRY(ft_arena_printf(&joined, b->arena, "%s/%.*s", b->folder, FT_STR_ARG(t->location)));
    *path = joined.at;
    if (!realpath(b->folder, folder) || !realpath(*path, real))
        return FT_FAIL_ERRNO("tensor '%.*s': no data at '%s'", FT_STR_ARG(t->name), *path);
    size_t len = strlen(folder);
    if (strncmp(real, folder, len) != 0 || (real[len] != '/' && len > 1))
        return FT_FAIL(FT_EDENIED, "tensor '%.*s': '%s' leads out of the model's folder",
                       FT_STR_ARG(t->name), *path);
    return FT_OK;
}

static void file_free(void *thing) {
    onnx_file *f = thing;
    ft_file_unmap(f->map);
    free(f);
}

static ft_err file_of(ft_str *out, onnx_build *b, const onnx_tensor *t) {
    const char *path;
    for (onnx_file *f = *b->files; f; f = f->next) {
        if (ft_str_eq(f->location, t->location)) {
            *out = f->map;
            return FT_OK;
        }
    }
    FT_TRY(path_allowed(b, t, &path));
    onnx_file *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    if (!f) return FT_FAIL(FT_ENOMEM, "no memory for a file's name");
    f->location = t->location;
    ft_err err = ft_file_map(&f->map, path);
    if (err) {
        free(f);
        return ft_err_prefix(err, "tensor '%.*s'", FT_STR_ARG(t->name));
    }
    FT_TRY(ft_nn_graph_keep(b->top, f, file_free));
    f->next = *b->files;
    *b->files = f;
    *out = f->map;
    return FT_OK;
}

ft_err onnx_external(onnx_tensor *t, onnx_build *b) {
    ft_str map;
    FT_TRY(file_of(&map, b, t));
    uint64_t left = t->offset <= map.len ? map.len - t->offset : 0;
    if (!t->has_length) t->length = left;
    if (t->offset > map.len || t->length > left)
        return FT_FAIL(FT_ECORRUPT, "tensor '%.*s': bytes %llu to %llu of '%.*s', which has %zu",
                       FT_STR_ARG(t->name), (unsigned long long)t->offset,
                       (unsigned long long)(t->offset + t->length), FT_STR_ARG(t->location),
                       map.len);
    t->raw = ft_str_slice(map, (size_t)t->offset, (size_t)t->length);
    t->has_raw = true;
    return FT_OK;
}
