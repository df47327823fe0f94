/* loader_plan.c -- what a batch holds: which fields of the samples, in what shape. */
#include <stdio.h>

#include "base/check.h"
#include "data/loader_in.h"

static int find(const ft_feed *feed, ft_str name) {
    return ft_fields_find(feed->fields, feed->field_count, name);
}

/* The field that transforms are for: an encoded picture, else "image" of bytes. */
static int picture_of(const ft_feed *feed) {
    int image = find(feed, FT_STR("image"));
    for (size_t i = 0; image < 0 && i < feed->field_count; i++)
        if (feed->fields[i].kind == FT_FIELD_IMAGE) image = (int)i;
    return image;
}

static bool looks_raw(const ft_field *f) {
    return f->kind == FT_FIELD_ARRAY && f->dtype == FT_U8 &&
           (f->ndim == 2 || (f->ndim == 3 && (f->shape[2] == 1 || f->shape[2] == 3)));
}

static ft_err add(ft_place *places, size_t *count, ft_place_kind kind, int source, ft_str name,
                  const ft_array *array) {
    if (*count == FT_LOADER_FIELDS_MAX)
        return FT_FAIL(FT_ETOOBIG, "a batch of more than %d fields: name the ones that are wanted",
                       FT_LOADER_FIELDS_MAX);
    ft_place *p = &places[(*count)++];
    *p = (ft_place){ .kind = kind, .source = source, .array = *array };
    p->array.data = NULL;
    p->bytes = ft_array_bytes(&p->array);
    snprintf(p->name, sizeof p->name, "%.*s", FT_STR_ARG(name));
    return FT_OK;
}

static ft_err add_picture(ft_loader *l, ft_place *places, size_t *count, int field) {
    static const ft_array cut = { .dtype = FT_I32, .ndim = 1, .shape = { 5 } };
    const ft_field *f = &l->feed.fields[field];
    ft_transform_opts opts = l->spec.pixels;
    FT_TRY(ft_transform_new(&l->transform, l->spec.transforms, f, &opts));
    ft_transform_gather(l->transform,
                        ft_array_bytes(ft_transform_shape(l->transform)) * l->spec.batch);
    l->picture = (int)*count;
    FT_TRY(add(places, count, FT_PLACE_PICTURE, field, f->name, ft_transform_shape(l->transform)));
    if (l->spec.cuts) FT_TRY(add(places, count, FT_PLACE_CUT, field, FT_STR("cut"), &cut));
    return FT_OK;
}

static ft_err add_field(ft_loader *l, ft_place *places, size_t *count, int field, bool asked) {
    const ft_field *f = &l->feed.fields[field];
    bool picture = field == picture_of(&l->feed);
    if (picture && (f->kind == FT_FIELD_IMAGE || (l->spec.transforms.len && looks_raw(f))))
        return add_picture(l, places, count, field);
    if (!ft_field_fixed(f)) {
        if (!asked) return FT_OK; /* texts and lists that differ in size stay out of the batch */
        return FT_FAIL(FT_EINVAL,
                       "field %.*s differs in size from record to record: a batch cannot "
                       "hold it",
                       FT_STR_ARG(f->name));
    }
    ft_array a = { .dtype = f->dtype, .ndim = f->ndim };
    memcpy(a.shape, f->shape, sizeof a.shape);
    if (a.ndim == FT_ARRAY_DIMS_MAX)
        return FT_FAIL(FT_EINVAL,
                       "field %.*s has %d dimensions: with the batch's there are more "
                       "than %d",
                       FT_STR_ARG(f->name), a.ndim, FT_ARRAY_DIMS_MAX);
    return add(places, count, FT_PLACE_COPY, field, f->name, &a);
}

static ft_err unknown_field(const ft_feed *feed, ft_str name) {
    char all[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < feed->field_count && n < sizeof all - 1; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%.*s", i ? ", " : "",
                              FT_STR_ARG(feed->fields[i].name));
    return FT_FAIL(FT_EINVAL, "no field is called '%.*s'; there are: %s", FT_STR_ARG(name), all);
}

ft_err ft_loader_plan(ft_loader *l, ft_place *places, size_t *count) {
    ft_str rest = l->spec.fields;
    *count = 0;
    l->picture = -1;
    for (size_t i = 0; !rest.len && i < l->feed.field_count; i++)
        FT_TRY(add_field(l, places, count, (int)i, false));
    while (rest.len) {
        ft_str name = ft_str_trim(ft_str_cut(&rest, ','));
        int field = find(&l->feed, name);
        if (field < 0) return unknown_field(&l->feed, name);
        FT_TRY(add_field(l, places, count, field, true));
    }
    if (!*count)
        return FT_FAIL(FT_EINVAL, "no field of these records fits into a batch: they all differ in "
                                  "size");
    if (l->spec.transforms.len && l->picture < 0)
        return FT_FAIL(FT_EINVAL, "transforms '%.*s', but no picture is among the fields",
                       FT_STR_ARG(l->spec.transforms));
    for (size_t i = 0; i < *count; i++)
        if (places[i].kind != FT_PLACE_CUT) l->wanted[l->wanted_count++] = places[i].source;
    l->path_field = find(&l->feed, FT_STR("path"));
    if (l->path_field >= 0 && l->feed.fields[l->path_field].kind == FT_FIELD_TEXT)
        l->wanted[l->wanted_count++] = l->path_field;
    else
        l->path_field = -1;
    return FT_OK;
}
