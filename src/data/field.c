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
