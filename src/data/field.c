/* field.c -- what a field of a dataset is; see dataset.h. */
#include "base/check.h"
#include "data/dataset.h"

bool ft_field_fixed(const ft_field *f) {
    if (f->kind != FT_FIELD_ARRAY) return false;
    for (int i = 0; i < f->ndim; i++)
        if (f->shape[i] < 0) return false;
    return true;
}

size_t ft_field_bytes(const ft_field *f) {
    if (!ft_field_fixed(f)) return 0;
    ft_array a = { .dtype = f->dtype, .ndim = f->ndim, .data = (void *)(uintptr_t)f };
    for (int i = 0; i < f->ndim; i++) a.shape[i] = f->shape[i];
    return ft_array_valid(&a) ? ft_array_bytes(&a) : 0;
}

const char *ft_field_kind_name(ft_field_kind kind) {
    static const char *const names[] = { "array", "bytes", "text", "image" };
    return (size_t)kind < FT_COUNT(names) ? names[kind] : "?";
}

int ft_fields_find(const ft_field *fields, size_t count, ft_str name) {
    static const char *const labels[] = {
        "cls", "class", "target", "y", "image/class/label", "label_values"
    };
    int found = -1;
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(fields[i].name, name)) return (int)i;
    for (size_t k = 0; k < FT_COUNT(labels) && ft_str_is(name, "label"); k++)
        for (size_t i = 0; i < count; i++)
            if (ft_str_is(fields[i].name, labels[k])) return (int)i;
    for (size_t i = 0; i < count && ft_str_is(name, "image"); i++) {
        if (fields[i].kind != FT_FIELD_IMAGE) continue;
        if (found >= 0) return -1; /* two: which is meant? */
        found = (int)i;
    }
    return found;
}
