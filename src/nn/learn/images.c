/* images.c -- see images.h. */
#include "nn/learn/images.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/json.h"
#include "nn/learn/image_labels.h"

#define IMAGES_MAX  ((uint64_t)1 << 31)
#define CLASSES_MAX 100000

/* ---- fields */

static int field_named(const ft_feed *f, ft_str name) {
    for (size_t i = 0; i < f->field_count; i++)
        if (ft_str_eq(f->fields[i].name, name)) return (int)i;
    return -1;
}

static int image_field(const ft_feed *f) {
    for (size_t i = 0; i < f->field_count; i++)
        if (f->fields[i].kind == FT_FIELD_IMAGE) return (int)i;
    return field_named(f, FT_STR("image"));
}

/* ---- looking through */

typedef struct look {
    ft_nn_images *m;
    const ft_nn_images_opts *opts;
    ft_nn_labels labels;
    int group;
    regex_t regex;
    bool has_regex;
    void *reader;
    int64_t strange; /* a class with an example that is none of `as`; -1: none */
} look;

/* What stands for the sample's group: the field's bytes, or what the expression found in it. */
static ft_err group_read(uint64_t *out, const look *l, const ft_array *a, uint64_t number) {
    regmatch_t m[2] = { { .rm_so = -1 }, { .rm_so = -1 } };
    *out = number + 1;
    if (l->group < 0) return FT_OK;
    ft_str text = ft_str_n(a->data ? a->data : "", a->data ? ft_array_bytes(a) : 0);
    if (l->has_regex) {
        char path[4096];
        if (text.len >= sizeof path) return FT_FAIL(FT_ETOOBIG, "a path of %zu bytes", text.len);
        memcpy(path, text.at, text.len);
        path[text.len] = 0;
        if (regexec(&l->regex, path, 2, m, 0) != 0)
            return FT_FAIL(FT_EINVAL, "group: nothing in its path '%s' matches '%.*s'", path,
                           FT_STR_ARG(l->opts->group));
        const regmatch_t *hit = m[1].rm_so >= 0 ? &m[1] : &m[0];
        text = ft_str_slice(text, (size_t)hit->rm_so, (size_t)(hit->rm_eo - hit->rm_so));
    }
    *out = ft_hash64(text, 7);
    return FT_OK;
}

static ft_err label_fits(const look *l, int64_t label) {
    int64_t most = l->m->class_of     ? l->m->own_count
                   : l->opts->classes ? l->opts->classes
                   : l->m->classes    ? l->m->classes
                                      : CLASSES_MAX;
    if (label >= 0 && label < most) return FT_OK;
    return FT_FAIL(FT_EINVAL, "its label %lld is out of range: classes are 0 to %lld",
                   (long long)label, (long long)most - 1);
}

static ft_err sample_look(look *l, uint64_t number, int64_t *most) {
    ft_nn_images *m = l->m;
    ft_sample s = { 0 };
    int64_t label = -1;
    uint64_t group = 0;
    m->labels[number] = -1;
    ft_err err = m->feed.read(&s, l->reader, number);
    bool there = err == FT_OK;
    if (there) err = ft_nn_labels_read(&label, &l->labels, &s.values[l->labels.field]);
    if (there && err == FT_OK && !l->labels.named) err = label_fits(l, label);
    if (there && err == FT_OK)
        err = group_read(&group, l, l->group < 0 ? NULL : &s.values[l->group], number);
    if (err != FT_OK && there) {
        ft_str file = m->feed.where ? m->feed.where(m->feed.self, &s) : FT_STR("the data");
        err =
            ft_err_prefix(err, "%.*s, record %llu", FT_STR_ARG(file), (unsigned long long)s.record);
    }
    if (err == FT_ENOMEM || (err != FT_OK && m->bad >= l->opts->bad_max)) return err;
    if (err != FT_OK) {
        m->bad++;
        ft_err_clear();
        return FT_OK;
    }
    int64_t own = label;
    if (m->class_of && m->class_of[label] < 0) {
        l->strange = label;
        return FT_OK;
    }
    if (m->class_of) label = m->class_of[label];
    if (label > *most) *most = label;
    m->labels[number] = (int32_t)label;
    uint64_t mark = l->labels.named ? ft_hash64(l->labels.names.at[own], 0) : (uint64_t)label;
    m->groups[number] = ft_hash64(ft_str_n((const char *)&group, sizeof group), mark);
    return FT_OK;
}

static ft_err look_open(look *l) {
    ft_nn_images *m = l->m;
    char pattern[1024];
    ft_str group = l->opts->group;
    l->group = -1;
    int image = image_field(&m->feed), wanted[3];
    if (image < 0) return FT_FAIL(FT_EINVAL, "there is no field of pictures in the data");
    FT_TRY(ft_nn_labels_init(&l->labels, &m->feed, m->names, m->names ? (size_t)m->classes : 0,
                             &m->arena));
    const ft_field *f = &m->feed.fields[image];
    m->channels = f->kind == FT_FIELD_IMAGE || f->kind == FT_FIELD_BYTES ? 0
                  : f->ndim == 3                                         ? (int)f->shape[2]
                                                                         : 1;
    size_t count = 0;
    wanted[count++] = l->labels.field;
    if (group.len) {
        l->group = field_named(&m->feed, group);
        if (l->group < 0) {
            if (group.len >= sizeof pattern) return FT_FAIL(FT_ETOOBIG, "group: too long");
            memcpy(pattern, group.at, group.len);
            pattern[group.len] = 0;
            l->group = field_named(&m->feed, FT_STR("path"));
            if (l->group < 0)
                return FT_FAIL(FT_EINVAL, "group: the data has no field '%s', and none 'path'",
                               pattern);
            if (regcomp(&l->regex, pattern, REG_EXTENDED) != 0)
                return FT_FAIL(FT_EINVAL, "group: '%s' is no field and no regular expression",
                               pattern);
            l->has_regex = true;
        }
        wanted[count++] = l->group;
    }
    return m->feed.open(&l->reader, m->feed.self, wanted, count);
}

static ft_err strange_class(const ft_nn_images *m, const ft_nn_images *as, int64_t class) {
    char list[300];
    size_t n = 0;
    list[0] = 0;
    for (int64_t k = 0; k < as->classes && n + 80 < sizeof list; k++)
        n +=
            (size_t)snprintf(list + n, sizeof list - n, "%s%.*s", k ? ", " : "",
                             (int)(as->names[k].len < 60 ? as->names[k].len : 60), as->names[k].at);
    return FT_FAIL(FT_EINVAL, "its class '%.*s' is none of the %lld classes of %.*s (%s%s)",
                   FT_STR_ARG(m->names[class]), (long long)as->classes, FT_STR_ARG(as->path), list,
                   n + 80 < sizeof list ? "" : " …");
}

/* Another set's classes: its names in their order, and what the data's own numbers are there. */
static ft_err classes_match(ft_nn_images *m, const ft_nn_images *as) {
    if (!as || !as->names || !m->names) return FT_OK;
    m->own_count = m->classes;
    FT_TRY(ft_arena_items(&m->class_of, &m->arena, (size_t)m->own_count + 1));
    for (int64_t k = 0; k < m->own_count; k++) {
        m->class_of[k] = -1;
        for (int64_t i = 0; i < as->classes; i++)
            if (ft_str_eq(m->names[k], as->names[i])) m->class_of[k] = (int32_t)i;
    }
    return FT_OK;
}

/* Classes that only the records name, in order; or by their places in another set. */
static ft_err names_take(ft_nn_images *m, const look *l) {
    int32_t *place;
    const ft_nn_images *as = l->opts->as;
    FT_TRY(ft_nn_labels_sorted(&m->names, &place, &l->labels, &m->arena));
    m->classes = (int64_t)l->labels.names.count;
    if (as && !as->names)
        return FT_FAIL(FT_EINVAL, "its labels are names ('%.*s'), those of %.*s are numbers",
                       FT_STR_ARG(m->names[0]), FT_STR_ARG(as->path));
    if (!as && l->opts->classes && l->opts->classes != m->classes)
        return FT_FAIL(FT_EINVAL, "%lld classes are named, not %lld", (long long)m->classes,
                       (long long)l->opts->classes);
    FT_TRY(classes_match(m, as));
    for (int64_t k = 0; as && k < m->own_count; k++)
        if (m->class_of[k] < 0) return strange_class(m, as, k);
    for (uint64_t i = 0; i < m->feed.count; i++) {
        if (m->labels[i] < 0) continue;
        m->labels[i] = place[m->labels[i]];
        if (as) m->labels[i] = m->class_of[m->labels[i]];
    }
    return FT_OK;
}

/* What loaders see: the class that was found, as a number. */
static ft_err fields_make(ft_nn_images *m, int label) {
    ft_field *fields;
    FT_TRY(ft_arena_items(&fields, &m->arena, m->feed.field_count));
    memcpy(fields, m->feed.fields, m->feed.field_count * sizeof *fields);
    fields[label] = (ft_field){ .name = FT_STR("label"), .kind = FT_FIELD_ARRAY, .dtype = FT_I32 };
    m->fields = fields;
    m->label_field = label;
    return FT_OK;
}

static ft_err look_through(ft_nn_images *m, const ft_nn_images_opts *opts) {
    look l = { .m = m, .opts = opts, .strange = -1 };
    int64_t most = -1;
    ft_err err = look_open(&l);
    for (uint64_t i = 0; i < m->feed.count && err == FT_OK; i++) err = sample_look(&l, i, &most);
    if (l.reader) m->feed.close(l.reader);
    if (l.has_regex) regfree(&l.regex);
    if (err == FT_OK && l.strange >= 0) err = strange_class(m, opts->as, l.strange);
    if (err == FT_OK && l.labels.named && !l.labels.known) err = names_take(m, &l);
    if (err == FT_OK) err = fields_make(m, l.labels.field);
    ft_nn_labels_fini(&l.labels);
    if (m->class_of) m->names = opts->as->names;
    if (opts->classes) m->classes = opts->classes;
    if (!m->classes) m->classes = most + 1;
    return err;
}

/* ---- classes and division */

static ft_err names_read(ft_nn_images *m, ft_str meta) {
    ft_str list;
    ft_json j;
    if (ft_json_find(&list, meta, "classes") != FT_OK) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(ft_arena_items(&m->names, &m->arena, CLASSES_MAX / 10));
    ft_json_init(&j, list, &m->arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        ft_str name;
        if (m->classes == CLASSES_MAX / 10)
            return FT_FAIL(FT_ETOOBIG, "more than %d classes", CLASSES_MAX / 10);
        FT_TRY(ft_json_string(&j, &name));
        FT_TRY(ft_arena_str(&m->names[m->classes++], &m->arena, name));
    }
    return ft_json_end(&j);
}

static bool judges(const ft_nn_images *m, const ft_nn_images_opts *o, uint64_t number) {
    uint64_t h =
        ft_hash64(ft_str_n((const char *)&m->groups[number], sizeof *m->groups), o->seed + 0x5eed);
    return (double)(h >> 11) * 0x1p-53 < o->share;
}

/* Where the largest label alone tells how many classes there are, it may be the wrong one. */
static ft_err none_of(const ft_nn_images *m, const uint64_t *examples) {
    char list[200];
    size_t n = 0;
    int64_t empty = 0;
    for (int64_t k = 0; k < m->classes; k++) {
        if (examples[k]) continue;
        if (n + 40 < sizeof list)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%lld", empty ? ", " : "",
                                  (long long)k);
        else if (list[n - 1] != '.')
            n += (size_t)snprintf(list + n, sizeof list - n, ", ...");
        empty++;
    }
    return FT_FAIL(FT_EINVAL,
                   "its largest label %lld makes %lld classes, of which %lld ha%s no example to "
                   "learn from: %s",
                   (long long)m->classes - 1, (long long)m->classes, (long long)empty,
                   empty == 1 ? "s" : "ve", list);
}

static ft_err divide(ft_nn_images *m, const ft_nn_images_opts *o) {
    uint64_t *examples, count = m->feed.count;
    FT_TRY(ft_arena_items(&m->learn.numbers, &m->arena, count + 1));
    FT_TRY(ft_arena_items(&m->judge.numbers, &m->arena, count + 1));
    FT_TRY(ft_arena_items(&examples, &m->arena, (size_t)m->classes + 1));
    for (uint64_t i = 0; i < count; i++) {
        if (m->labels[i] < 0) continue;
        ft_nn_images_part *p = judges(m, o, i) ? &m->judge : &m->learn;
        p->numbers[p->count++] = i;
        if (p == &m->learn) examples[m->labels[i]]++;
    }
    for (int64_t k = 0; k < m->classes && !o->any_class; k++)
        if (!examples[k] && !m->names && !o->classes)
            return none_of(m, examples);
        else if (!examples[k])
            return FT_FAIL(FT_EINVAL, "class %lld%s%.*s%s has no example to learn from",
                           (long long)k, m->names ? " ('" : "", m->names ? (int)m->names[k].len : 0,
                           m->names ? m->names[k].at : "", m->names ? "')" : "");
    m->print = ft_hash64(
        ft_str_n((const char *)m->learn.numbers, m->learn.count * sizeof *m->learn.numbers),
        m->feed.print);
    return FT_OK;
}

/* ---- life */

static ft_err open_into(ft_nn_images *m, ft_str path, const ft_nn_images_opts *opts) {
    ft_dataset *d = NULL;
    ft_str at;
    FT_TRY(ft_arena_str(&at, &m->arena, path));
    m->path = at;
    FT_TRY(ft_dataset_open(&d, &at, 1, NULL));
    ft_err err = names_read(m, ft_dataset_meta(d));
    ft_dataset_free(d);
    FT_TRY(err);
    FT_TRY(classes_match(m, opts->as));
    FT_TRY(ft_feed_dataset(&m->feed, &at, 1, NULL));
    if (!m->feed.random || m->feed.count == FT_DATASET_UNKNOWN)
        return FT_FAIL(FT_EUNSUPPORTED, "this data can only be read in order; `fettle data pack` "
                                        "makes shards of it that are read in any");
    if (m->feed.count > IMAGES_MAX) return FT_FAIL(FT_ETOOBIG, "too many pictures");
    FT_TRY(ft_arena_items(&m->labels, &m->arena, m->feed.count + 1));
    FT_TRY(ft_arena_items(&m->groups, &m->arena, m->feed.count + 1));
    FT_TRY(look_through(m, opts));
    if (m->classes < 2 && !opts->as)
        return FT_FAIL(FT_EINVAL, "there is nothing to tell apart: %lld class%s",
                       (long long)m->classes, m->classes == 1 ? "" : "es");
    return divide(m, opts);
}

ft_err ft_nn_images_open(ft_nn_images **out, ft_str path, const ft_nn_images_opts *opts) {
    *out = NULL;
    ft_nn_images *m = ft_fault_here() ? NULL : calloc(1, sizeof *m);
    if (!m) return FT_FAIL(FT_ENOMEM, "no memory for a set of pictures");
    m->arena = (ft_arena)FT_ARENA_INIT((size_t)64 << 30);
    ft_err err = open_into(m, path, opts);
    if (err != FT_OK) {
        ft_nn_images_free(m);
        /* A record of a single file is named with the file already. */
        if (strncmp(ft_err_why(), path.at, path.len) == 0) return err;
        return ft_err_prefix(err, "%.*s", FT_STR_ARG(path));
    }
    *out = m;
    return FT_OK;
}

void ft_nn_images_free(ft_nn_images *m) {
    if (!m) return;
    if (m->feed.self) ft_feed_free(&m->feed);
    ft_arena_fini(&m->arena);
    free(m);
}

/* ---- one side as a feed */

typedef struct side {
    ft_nn_images *m;
    const ft_nn_images_part *part;
} side;

typedef struct side_reader {
    const side *s;
    void *inner;
} side_reader;

static ft_err side_open(void **reader, void *self, const int *wanted, size_t wanted_count) {
    side *s = self;
    *reader = NULL;
    side_reader *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for a reader");
    r->s = s;
    ft_err err = s->m->feed.open(&r->inner, s->m->feed.self, wanted, wanted_count);
    if (err != FT_OK) {
        free(r);
        return err;
    }
    *reader = r;
    return FT_OK;
}

static void side_close(void *reader) {
    side_reader *r = reader;
    if (!r) return;
    r->s->m->feed.close(r->inner);
    free(r);
}

static ft_err side_read(ft_sample *out, void *reader, uint64_t number) {
    side_reader *r = reader;
    ft_nn_images *m = r->s->m;
    uint64_t own = r->s->part->numbers[number];
    FT_TRY(m->feed.read(out, r->inner, own));
    out->values[m->label_field] = (ft_array){ .dtype = FT_I32, .data = &m->labels[own] };
    return FT_OK;
}

static ft_err side_intact(void *reader) {
    side_reader *r = reader;
    return r->s->m->feed.intact ? r->s->m->feed.intact(r->inner) : FT_OK;
}

static ft_str side_where(void *self, const ft_sample *s) {
    side *own = self;
    return own->m->feed.where ? own->m->feed.where(own->m->feed.self, s) : FT_STR("the data");
}

static void side_free(void *self) { free(self); }

int ft_nn_images_field(const ft_nn_images *m) { return image_field(&m->feed); }

ft_err ft_nn_images_loader(ft_loader **out, ft_nn_images *m, bool judge, ft_loader_spec *spec) {
    side *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a feed");
    *s = (side){ .m = m, .part = judge ? &m->judge : &m->learn };
    ft_feed feed = m->feed;
    feed.fields = m->fields;
    feed.count = s->part->count;
    feed.print = m->print + judge;
    feed.self = s;
    feed.open = side_open;
    feed.close = side_close;
    feed.read = side_read;
    feed.intact = side_intact;
    feed.where = side_where;
    feed.free = side_free;
    feed.start = NULL;
    feed.next = NULL;
    spec->fields = FT_STR("image,label");
    return ft_loader_open(out, &feed, spec);
}

ft_err ft_nn_images_batch(ft_array *images, int64_t **labels, const ft_batch *b,
                          const ft_nn_images *m, ft_arena *arena) {
    const ft_array *l = NULL;
    images->data = NULL;
    FT_TRY(ft_arena_items(labels, arena, b->count + 1));
    for (size_t i = 0; i < b->field_count; i++)
        if (b->fields[i].array.ndim == 4 && b->fields[i].array.dtype == FT_F32)
            *images = b->fields[i].array;
        else
            l = &b->fields[i].array;
    if (!images->data || !l) return FT_FAIL(FT_EINVAL, "a batch without pictures or labels");
    int64_t each = b->count ? ft_array_count(l) / (int64_t)b->count : 0;
    for (size_t i = 0; i < b->count; i++)
        (*labels)[i] = (int64_t)ft_array_f64(l, (int64_t)i * each);
    for (size_t i = 0; i < b->count; i++)
        if ((*labels)[i] < 0 || (*labels)[i] >= m->classes)
            return FT_FAIL(FT_EINVAL, "label %lld is none of %lld classes", (long long)(*labels)[i],
                           (long long)m->classes);
    return FT_OK;
}
