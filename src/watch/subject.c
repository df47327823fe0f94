/* subject.c -- see subject.h. */
#include "watch/subject.h"

#include "base/files.h"

#define SUBJECT_BYTES_MAX 256

static const char *const names[] = { [FT_SUBJECT_JOB] = "job", [FT_SUBJECT_ENDPOINT] = "endpoint" };

const char *ft_subject_kind_name(ft_subject_kind kind) { return names[kind]; }

ft_err ft_subject(ft_str *out, ft_arena *arena, ft_subject_kind kind, ft_str name) {
    return ft_arena_printf(out, arena, "%s/%.*s", names[kind], FT_STR_ARG(name));
}

bool ft_subject_is(ft_str *name, ft_subject_kind kind, ft_str subject) {
    ft_str head = ft_str_cut(&subject, '/');
    if (!ft_str_is(head, names[kind]) || !subject.at) return false;
    if (name) *name = subject;
    return true;
}

ft_err ft_subject_check(ft_str subject) {
    ft_str name = subject, kind = ft_str_cut(&name, '/');
    bool good = kind.len && name.len && subject.len <= SUBJECT_BYTES_MAX && name.at[0] != '.';
    for (size_t i = 0; good && i < subject.len; i++) {
        char c = subject.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || &subject.at[i] == name.at - 1;
    }
    if (good) return FT_OK;
    return FT_FAIL(FT_EINVAL, "subject '%.*s': expected job/NAME or endpoint/NAME",
                   FT_STR_ARG(subject));
}

ft_err ft_subject_folder(const char **out, ft_store *s, ft_arena *arena, ft_str subject) {
    FT_TRY(ft_subject_check(subject));
    ft_str name = subject, kind = ft_str_cut(&name, '/'), path;
    FT_TRY(ft_arena_printf(&path, arena, "%s/%.*ss/%.*s", ft_store_home(s), FT_STR_ARG(kind),
                           FT_STR_ARG(name)));
    FT_TRY(ft_dir_make(path.at));
    *out = path.at;
    return FT_OK;
}
