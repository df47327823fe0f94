/* network_args.c -- see network_args.h. */
#include "cli/network_args.h"

#include "base/files.h"

#define PICTURE_MAX ((size_t)256 << 20)

ft_err ft_cli_class(int *out, ft_cli *cli, const ft_nn_network *n, ft_str text) {
    const char *names[1024];
    size_t count = 0;
    int64_t number;
    if (ft_str_i64(&number, text) && number >= 0 && number < INT32_MAX) {
        *out = (int)number;
        return FT_OK;
    }
    for (size_t i = 0; i < n->label_count; i++) {
        if (ft_str_eq(n->labels[i], text)) {
            *out = (int)i;
            return FT_OK;
        }
        ft_str label = { 0 };
        FT_TRY(ft_arena_str(&label, &cli->arena, n->labels[i]));
        if (count < sizeof names / sizeof *names) names[count++] = label.at;
    }
    const char *near = ft_str_nearest(text, names, count);
    if (!count)
        return FT_FAIL(FT_EINVAL, "no class '%.*s': this network has no labels.txt",
                       FT_STR_ARG(text));
    if (near)
        return FT_FAIL(FT_EINVAL, "no class '%.*s'; did you mean '%s'?", FT_STR_ARG(text), near);
    return FT_FAIL(FT_EINVAL, "no class '%.*s': this network has %zu, '%s' to '%s'",
                   FT_STR_ARG(text), n->label_count, names[0], names[count - 1]);
}

ft_str ft_cli_class_label(const ft_nn_network *n, int class) {
    bool named = class >= 0 && (size_t) class < n->label_count;
    return named ? n->labels[class] : FT_STR("");
}

ft_err ft_cli_picture(ft_str *out, ft_arena *arena, ft_str path) {
    ft_str name = { 0 };
    FT_TRY(ft_arena_str(&name, arena, path));
    return ft_file_read(out, arena, name.at, PICTURE_MAX);
}

ft_str ft_cli_stem(ft_str path) {
    ft_str base = ft_path_base(path);
    for (size_t i = base.len; i-- > 1;)
        if (base.at[i] == '.') return ft_str_slice(base, 0, i);
    return base;
}
