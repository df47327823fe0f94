/* dataset_write.c -- see dataset_write.h. */
#include "data/dataset_write.h"

#include <stdlib.h>

#include "base/fault.h"
#include "data/dataset_in.h"
#include "data/squeeze_in.h"

static ft_err format_choose(ft_dataset_writer *w) {
    ft_str path = ft_str_of(w->path);
    if (w->opts.format.len) {
        FT_TRY(ft_dataset_format_find(&w->format, w->opts.format));
    } else {
        w->format = ft_dataset_format_ending(path);
        if (!w->format)
            return FT_FAIL(FT_EINVAL,
                           "'%s': which format? Its ending says none; give one by its name",
                           w->path);
    }
    if (ft_squeeze_name(path) && !w->format->records)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "'%s': %s is not written packed: it is read by number, in place", w->path,
                       w->format->name);
    if (w->format->write) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED, "'%s': the format %s is only read here", w->path,
                   w->format->name);
}

static ft_err writer_begin(ft_dataset_writer *w, const char *path, const ft_field *fields,
                           size_t count) {
    ft_str copy;
    FT_TRY(ft_arena_str(&copy, &w->arena, ft_str_of(path)));
    w->path = copy.at;
    FT_TRY(ft_arena_items(&w->fields, &w->arena, count));
    memcpy(w->fields, fields, count * sizeof *fields);
    w->field_count = count;
    for (size_t i = 0; i < count; i++)
        FT_TRY(ft_arena_str(&w->fields[i].name, &w->arena, fields[i].name));
    FT_TRY(ft_arena_str(&w->opts.meta, &w->arena, w->opts.meta));
    FT_TRY(format_choose(w));
    FT_TRY(ft_arena_take(&w->state, &w->arena, w->format->write_bytes + 1));
    return w->format->write_begin(w);
}

ft_err ft_dataset_writer_new(ft_dataset_writer **out, const char *path, const ft_field *fields,
                             size_t count, const ft_dataset_write_opts *opts) {
    *out = NULL;
    if (count == 0) return FT_FAIL(FT_EINVAL, "'%s': samples without a field", path);
    ft_dataset_writer *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory to write '%s'", path);
    if (opts) w->opts = *opts;
    ft_err err = writer_begin(w, path, fields, count);
    if (err)
        ft_dataset_writer_free(w);
    else
        *out = w;
    return err;
}

ft_err ft_dataset_write(ft_dataset_writer *w, const ft_array *values) {
    FT_TRY(w->format->write(w, values));
    w->count++;
    return FT_OK;
}

uint64_t ft_dataset_written(const ft_dataset_writer *w) { return w->format->written(w); }

/* What the data means comes first: a file that is whole has its names. */
ft_err ft_dataset_writer_end(ft_dataset_writer *w) {
    FT_TRY(ft_set_names_write(w));
    return w->format->write_end(w);
}

void ft_dataset_writer_free(ft_dataset_writer *w) {
    if (!w) return;
    if (w->state && w->format->write_free) w->format->write_free(w);
    ft_arena_fini(&w->arena);
    free(w);
}
