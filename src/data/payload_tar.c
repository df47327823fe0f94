/* payload_tar.c -- a sample of a WebDataset as fields: "key", and one for each ending. What an
 * ending's contents are is told by its last part, as WebDataset's decoders have it: npy is an
 * array; cls, cls2, class, count, index, inx and id an integer; txt, text, transcript and json
 * text; images by their bytes. "mask.png" and "box.npy" are the fields "mask" and "box". */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "data/npy.h"
#include "data/payload_in.h"
#include "data/shown.h"
#include "data/tar_member.h"
#include "data/tar_record_in.h"

#define KEY "key"

/* What is learned from the first samples. */
typedef struct looks {
    bool beside; /* a sample has two pictures that are named by their kind alone: jpg and png */
} looks;

static const char *const picture_endings[] = { "jpg", "jpeg", "png", "webp", "ppm", "pgm", NULL };

static bool among(ft_str word, const char *const *words) {
    for (; *words; words++)
        if (ft_str_ieq(word, ft_str_of(*words))) return true;
    return false;
}

static bool is_integer(ft_str ending) {
    static const char *const words[] = {
        "cls", "cls2", "class", "count", "index", "inx", "id", NULL
    };
    return among(ending, words);
}

/* The last part of an ending, and what stands before it. */
static ft_str last_part(ft_str *before, ft_str ending) {
    size_t dot = ending.len;
    while (dot > 0 && ending.at[dot - 1] != '.') dot--;
    *before = ft_str_slice(ending, 0, dot ? dot - 1 : 0);
    return ft_str_from(ending, dot);
}

/* The field's name, in lower case as WebDataset has endings. */
static ft_err name_of(ft_str *out, ft_arena *arena, ft_str ending) {
    static const char *const kinds[] = { "npy", "txt", "jpg",  "jpeg", "png",
                                         "ppm", "pgm", "webp", "bin",  NULL };
    ft_str before, last = last_part(&before, ending);
    FT_TRY(ft_arena_str(out, arena, before.len && among(last, kinds) ? before : ending));
    for (size_t i = 0; i < out->len; i++) {
        char *c = (char *)(uintptr_t)&out->at[i];
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    }
    return FT_OK;
}

/* Walks the members of a frame that have a key. */
typedef struct walk {
    ft_str rest, key, ending, bytes;
    ft_tar_member m;
} walk;

static ft_err walk_next(walk *w, bool *more) {
    *more = false;
    while (w->rest.len) {
        ft_err err = ft_tar_member_read(&w->m, w->rest);
        if (err == FT_ENOTFOUND) return FT_OK;
        FT_TRY(err);
        if (w->m.need || w->m.head + w->m.size > w->rest.len || w->m.total < w->m.size)
            return FT_FAIL(FT_ECORRUPT, "the sample ends within a member");
        w->bytes = ft_str_slice(w->rest, w->m.head, (size_t)w->m.size);
        ft_str here = w->rest;
        w->rest = ft_str_from(here, w->m.total > here.len ? here.len : (size_t)w->m.total);
        if (w->m.type != '0' || !ft_tar_key(&w->key, &w->ending, w->m.name)) continue;
        *more = true;
        return FT_OK;
    }
    return FT_OK;
}

/* ---- looking */

/* "jpg", "jpeg" and "png" are one field where each sample has one of them. */
static bool is_picture(ft_str ending) { return among(ending, picture_endings); }

static ft_err see_member(ft_payload_plan *p, const walk *w) {
    ft_str name, before, last = last_part(&before, w->ending), trimmed = ft_str_trim(w->bytes);
    int64_t n;
    FT_TRY(name_of(&name, p->arena, w->ending));
    if (ft_str_ieq(last, FT_STR("npy"))) {
        ft_npy_header h;
        FT_TRY(ft_npy_header_read(&h, w->bytes));
        return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, h.array.dtype, h.array.ndim,
                                   h.array.shape);
    }
    if (is_integer(last) && ft_str_i64(&n, trimmed))
        return ft_payload_plan_see(p, name, FT_FIELD_ARRAY, FT_I64, 0, NULL);
    if (is_picture(last)) /* whatever it holds: its reader tells when it is none */
        return ft_payload_plan_see(p, name, FT_FIELD_IMAGE, FT_U8, 1, NULL);
    return ft_payload_plan_see_bytes(p, name, w->bytes);
}

static ft_err see(ft_payload_plan *p, ft_str bytes) {
    walk w = { .rest = bytes };
    bool more;
    int pictures = 0;
    if (!p->state) FT_TRY(ft_arena_take(&p->state, p->arena, sizeof(looks)));
    FT_TRY(ft_payload_plan_see(p, FT_STR(KEY), FT_FIELD_TEXT, FT_U8, 1, NULL));
    for (;;) {
        FT_TRY(walk_next(&w, &more));
        if (!more) return FT_OK;
        if (is_picture(w.ending) && ++pictures > 1) ((looks *)p->state)->beside = true;
        ft_err err = see_member(p, &w);
        if (err) return ft_err_prefix(err, "'%s'", ft_shown(w.m.name));
    }
}

/* The one picture whose name is only its kind; -1 when there is none, or are several. */
static int one_picture(const ft_payload_plan *p) {
    int found = -1;
    for (size_t i = 0; i < p->count; i++) {
        const ft_field *f = &p->fields[i];
        if (f->kind != FT_FIELD_IMAGE || !(is_picture(f->name) || ft_str_is(f->name, "image")))
            continue;
        if (found >= 0) return -1;
        found = (int)i;
    }
    return found;
}

/* Pictures of several kinds, one a sample, are the one field "image". */
static ft_err seen(ft_payload_plan *p) {
    size_t to = 0, first = p->count, pictures = 0;
    for (size_t i = 0; i < p->count; i++)
        pictures += p->fields[i].kind == FT_FIELD_IMAGE && is_picture(p->fields[i].name);
    if (pictures < 2 || ((const looks *)p->state)->beside) return FT_OK;
    if (ft_payload_plan_find(p, FT_STR("image"), 0) >= 0) return FT_OK;
    for (size_t i = 0; i < p->count; i++) {
        if (p->fields[i].kind == FT_FIELD_IMAGE && is_picture(p->fields[i].name)) {
            if (first < p->count) continue;
            first = i;
            p->fields[i].name = FT_STR("image");
        }
        p->fields[to++] = p->fields[i];
    }
    p->count = to;
    return FT_OK;
}

/* ---- reading */

static ft_err put(ft_array *values, const ft_payload_plan *p, size_t i, ft_arena *arena,
                  const walk *w) {
    const ft_field *f = &p->fields[i];
    ft_str before;
    if (values[i].data) return FT_FAIL(FT_ECORRUPT, "a sample has this ending twice");
    if (f->kind != FT_FIELD_ARRAY) {
        ft_payload_plan_put_bytes(values, i, w->bytes);
        return FT_OK;
    }
    if (ft_str_ieq(last_part(&before, w->ending), FT_STR("npy"))) {
        FT_TRY(ft_npy_read(&values[i], arena, w->bytes));
        if (values[i].dtype == f->dtype && values[i].ndim == f->ndim) return FT_OK;
        return FT_FAIL(FT_EPARSE, "an array of another type than in the first records");
    }
    int64_t *n;
    FT_TRY(ft_arena_items(&n, arena, 1));
    if (!ft_str_i64(n, ft_str_trim(w->bytes)))
        return FT_FAIL(FT_EPARSE, "expected an integer, found '%s'", ft_shown(w->bytes));
    return ft_payload_plan_put(values, p, i, FT_I64, n, 1);
}

static ft_err read(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes) {
    walk w = { .rest = bytes };
    bool more;
    int stood_in = -1; /* the field that a picture of another kind was taken for */
    for (size_t hint = 1;; hint++) {
        ft_str name, key;
        FT_TRY(walk_next(&w, &more));
        if (!more) break;
        if (!values[0].data) {
            FT_TRY(ft_arena_str(&key, arena, w.key));
            ft_payload_plan_put_bytes(values, 0, key);
        }
        FT_TRY(name_of(&name, arena, w.ending));
        int i = ft_payload_plan_find(p, name, hint);
        if (i < 0 && is_picture(w.ending)) { /* another kind than the first samples' */
            i = one_picture(p);
            if (i >= 0 && values[i].data) continue;
            stood_in = i >= 0 ? i : stood_in;
        } else if (i >= 0 && i == stood_in) {
            values[i].data = NULL;
            stood_in = -1;
        }
        if (i < 0) continue; /* the first samples did not have it */
        ft_err err = put(values, p, (size_t)i, arena, &w);
        if (err) return ft_err_prefix(err, "'%s'", ft_shown(w.m.name));
    }
    return FT_OK;
}

/* ---- writing */

typedef struct places {
    int key;         /* field, -1: numbers are the keys */
    uint64_t number; /* of the next record */
} places;

static ft_err fit(ft_payload_plan *p) {
    places *w;
    FT_TRY(ft_arena_take(&w, p->arena, sizeof *w));
    w->key = ft_payload_plan_find(p, FT_STR(KEY), 0);
    if (w->key < 0) w->key = ft_payload_plan_find(p, FT_STR("path"), 0);
    if (w->key >= 0 && p->fields[w->key].kind != FT_FIELD_TEXT) w->key = -1;
    p->state = w;
    return FT_OK;
}

/* A key is a name without dots in its last part. */
static ft_err key_of(ft_str *out, const ft_payload_plan *p, ft_arena *arena,
                     const ft_array *values) {
    places *w = p->state;
    uint64_t number = w->number++;
    ft_str key = w->key >= 0 ? ft_value_bytes(&values[w->key]) : (ft_str){ 0 }, ending;
    if (key.len == 0) return ft_arena_printf(out, arena, "%09llu", (unsigned long long)number);
    bool leaves =
        key.at[0] == '/' || ft_str_starts(key, FT_STR("../")) || memchr(key.at, 0, key.len);
    if (leaves || key.at[key.len - 1] == '/')
        return FT_FAIL(FT_EINVAL, "'%s' cannot be the key of a sample", ft_shown(key));
    ft_tar_key(out, &ending, key);
    if (out->len == 0 || out->at[out->len - 1] == '/')
        return FT_FAIL(FT_EINVAL, "'%s' cannot be the key of a sample", ft_shown(key));
    return FT_OK;
}

static const char *image_ending(ft_str bytes) {
    if (ft_str_starts(bytes, FT_STR("\x89PNG"))) return "png";
    if (ft_str_starts(bytes, FT_STR("RIFF"))) return "webp";
    if (bytes.len && bytes.at[0] == 'P') return "ppm";
    return ft_str_starts(bytes, FT_STR("\xff\xd8")) ? "jpg" : "bin";
}

/* The ending, and the contents in `*bytes` (those of arrays in `scratch`). */
static ft_err member(ft_str *ending, ft_str *bytes, ft_arena *arena, ft_buf *scratch,
                     const ft_field *f, const ft_array *v) {
    static const char *const own[] = { "txt", "text", "json", "bin", NULL };
    bool label = ft_str_is(f->name, "label");
    *bytes = ft_value_bytes(v);
    *ending = f->name;
    ft_buf_reset(scratch);
    if (f->kind == FT_FIELD_ARRAY && f->ndim == 0 && (label || is_integer(f->name))) {
        double x = ft_array_f64(v, 0);
        if (x == (double)(int64_t)x) { /* MXNet's labels are floats that mean classes */
            if (label) *ending = FT_STR("cls");
            FT_TRY(ft_buf_i64(scratch, (int64_t)x));
            *bytes = ft_buf_str(scratch);
            return FT_OK;
        }
    }
    if (f->kind == FT_FIELD_ARRAY) {
        FT_TRY(ft_npy_write(scratch, v));
        *bytes = ft_buf_str(scratch);
        return ft_arena_printf(ending, arena, "%.*s.npy", FT_STR_ARG(f->name));
    }
    ft_str before;
    ft_str last = last_part(&before, f->name);
    if (among(last, own)) return FT_OK;
    const char *kind = f->kind == FT_FIELD_TEXT ? "txt" : image_ending(*bytes);
    bool same = ft_str_is(last, kind) || ft_str_is(last, "jpeg") || ft_str_is(last, "pgm");
    if (is_picture(last) && (same || before.len || f->kind != FT_FIELD_IMAGE)) return FT_OK;
    if (ft_str_is(f->name, "image") || is_picture(f->name)) {
        *ending = ft_str_of(kind);
        return FT_OK;
    }
    return ft_arena_printf(ending, arena, "%.*s.%s", FT_STR_ARG(f->name), kind);
}

static ft_err write(ft_buf *out, const ft_payload_plan *p, ft_arena *arena,
                    const ft_array *values) {
    const places *w = p->state;
    ft_buf scratch = { .limit_bytes = SIZE_MAX / 2 };
    ft_str key;
    ft_err err;
    FT_GOTO(err, key_of(&key, p, arena, values));
    for (size_t i = 0; i < p->count; i++) {
        ft_str ending, bytes, name;
        if (!values[i].data || (int)i == w->key) continue;
        FT_GOTO(err, member(&ending, &bytes, arena, &scratch, &p->fields[i], &values[i]));
        FT_GOTO(err,
                ft_arena_printf(&name, arena, "%.*s.%.*s", FT_STR_ARG(key), FT_STR_ARG(ending)));
        if (memchr(ending.at, '/', ending.len))
            FT_GOTO(err, FT_FAIL(FT_EUNSUPPORTED, "field '%s' cannot be an ending of a name",
                                 ft_shown(p->fields[i].name)));
        FT_GOTO(err, ft_tar_member_write(out, name, bytes.len));
        FT_GOTO(err, ft_buf_add(out, bytes));
        FT_GOTO(err, ft_tar_member_pad(out, bytes.len));
    }
done:
    ft_buf_fini(&scratch);
    return err;
}

const ft_payload_kind ft_payload_tar = {
    .name = "tar",
    .see = see,
    .seen = seen,
    .read = read,
    .fit = fit,
    .write = write,
};
