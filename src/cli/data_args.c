/* data_args.c -- see data_args.h. */
#include "cli/data_args.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "media/image.h"

#define TEXT_SHOWN  60
#define ITEMS_SHOWN 8

static bool has_option(const ft_cli *cli, const char *name) {
    return ft_param_find(ft_params_table(cli->options), ft_str_of(name)) != NULL;
}

/* The parts of an s3:// source, as files. */
static ft_err objects_add(ft_str *paths, size_t *count, size_t room, ft_data_sources *s,
                          ft_cli *cli, ft_str where) {
    ft_source *source;
    ft_source_opts opts = { .home = cli->home };
    size_t parts;
    FT_TRY(ft_source_open(&source, where, &opts));
    s->kept[s->kept_count++] = source;
    ft_source_parts(source, &parts);
    if (parts > room)
        return FT_FAIL(FT_ETOOBIG, "'%.*s' has %zu objects", FT_STR_ARG(where), parts);
    for (size_t i = 0; i < parts; i++) {
        const char *path;
        FT_TRY(ft_source_path(&path, source, i));
        paths[(*count)++] = ft_str_of(path);
    }
    return FT_OK;
}

ft_err ft_data_open(ft_data_sources *s, ft_cli *cli, int count) {
    ft_str *paths;
    size_t path_count = 0, room = 100000;
    ft_dataset_opts opts = { 0 };
    *s = (ft_data_sources){ 0 };
    if (has_option(cli, "from")) opts.format = ft_params_str(cli->options, "from");
    if (has_option(cli, "payload")) opts.payload = ft_params_str(cli->options, "payload");
    if (has_option(cli, "label")) opts.label = ft_params_str(cli->options, "label");
    if (has_option(cli, "record-max"))
        opts.record_bytes_max = (size_t)ft_params_int(cli->options, "record-max") * 1000000;
    FT_TRY(ft_arena_items(&paths, &cli->arena, room));
    for (int i = 0; i < count; i++) {
        if (ft_str_starts(cli->args[i], FT_STR("s3://")))
            FT_TRY(objects_add(paths, &path_count, room - path_count, s, cli, cli->args[i]));
        else
            paths[path_count++] = cli->args[i];
    }
    return ft_dataset_open(&s->d, paths, path_count, &opts);
}

void ft_data_close(ft_data_sources *s) {
    ft_dataset_free(s->d);
    for (int i = 0; i < s->kept_count; i++) ft_source_free(s->kept[i]);
    *s = (ft_data_sources){ 0 };
}

/* ---- values for people */

static ft_err shape_add(ft_buf *out, int ndim, const int64_t *shape) {
    if (ndim == 0) return out->err;
    ft_buf_byte(out, '[');
    for (int d = 0; d < ndim; d++) {
        if (d) ft_buf_add(out, FT_STR(", "));
        if (shape[d] < 0)
            ft_buf_byte(out, '?');
        else
            ft_buf_i64(out, shape[d]);
    }
    return ft_buf_byte(out, ']');
}

ft_err ft_data_type(ft_buf *out, const ft_field *f) {
    if (f->kind != FT_FIELD_ARRAY) return ft_buf_add(out, ft_str_of(ft_field_kind_name(f->kind)));
    ft_buf_add(out, ft_str_of(ft_dtype_name(f->dtype)));
    return shape_add(out, f->ndim, f->shape);
}

static ft_err bytes_add(ft_buf *out, const ft_field *f, ft_str bytes, bool whole) {
    ft_image_info info;
    if (f->kind == FT_FIELD_TEXT) {
        size_t len = whole || bytes.len <= TEXT_SHOWN ? bytes.len : TEXT_SHOWN;
        len = ft_str_utf8_valid_len(ft_str_slice(bytes, 0, len));
        ft_buf_add(out, ft_str_slice(bytes, 0, len));
        return len < bytes.len ? ft_buf_add(out, FT_STR("…")) : out->err;
    }
    if (ft_image_sniff(bytes) != FT_IMAGE_UNKNOWN && !ft_image_probe(&info, bytes))
        return ft_buf_printf(out, "%s %dx%d, %zu bytes", ft_image_kind_name(info.kind), info.width,
                             info.height, bytes.len);
    ft_err_clear();
    return ft_buf_printf(out, "%zu bytes", bytes.len);
}

static ft_err number_add(ft_buf *out, const ft_array *v, int64_t i) {
    if (v->dtype == FT_I64) return ft_buf_i64(out, ((const int64_t *)v->data)[i]);
    double x = ft_array_f64(v, i);
    if (v->dtype == FT_BOOL) return ft_buf_add(out, x != 0 ? FT_STR("true") : FT_STR("false"));
    return v->dtype == FT_F32 ? ft_buf_f32(out, (float)x) : ft_buf_f64(out, x);
}

ft_err ft_data_value(ft_buf *out, const ft_field *f, const ft_array *v, bool whole) {
    if (!v->data) return ft_buf_byte(out, '-');
    if (f->kind != FT_FIELD_ARRAY)
        return bytes_add(out, f, ft_str_n(v->data, (size_t)v->shape[0]), whole);
    int64_t count = ft_array_count(v), shown = whole ? ITEMS_SHOWN * 4 : ITEMS_SHOWN / 2;
    if (v->ndim == 0) return number_add(out, v, 0);
    if (count > shown && !whole) {
        ft_buf_add(out, ft_str_of(ft_dtype_name(v->dtype)));
        return shape_add(out, v->ndim, v->shape);
    }
    if (v->ndim > 1) {
        FT_TRY(shape_add(out, v->ndim, v->shape));
        ft_buf_byte(out, ' ');
    }
    for (int64_t i = 0; i < count && i < shown; i++) {
        if (i) ft_buf_byte(out, ' ');
        FT_TRY(number_add(out, v, i));
    }
    return count > shown ? ft_buf_add(out, FT_STR(" …")) : out->err;
}

ft_err ft_data_summary(ft_buf *out, const ft_dataset *d) {
    size_t count;
    const ft_field *f = ft_dataset_fields(d, &count);
    uint64_t records = ft_dataset_count(d);
    uint32_t shards = ft_dataset_shards(d);
    ft_buf_printf(out, "%s: %u file%s, ", ft_dataset_format_name(d), shards,
                  shards == 1 ? "" : "s");
    if (records == FT_DATASET_UNKNOWN)
        ft_buf_add(out, FT_STR("records in order; "));
    else
        ft_buf_printf(out, "%llu record%s; ", (unsigned long long)records, records == 1 ? "" : "s");
    for (size_t i = 0; i < count && i < 12; i++) {
        ft_buf_printf(out, "%s%.*s ", i ? ", " : "", FT_STR_ARG(f[i].name));
        FT_TRY(ft_data_type(out, &f[i]));
    }
    return count > 12 ? ft_buf_printf(out, " and %zu more fields", count - 12) : out->err;
}
