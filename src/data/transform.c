/* transform.c -- steps read, planned and run. See transform.h. */
#include "data/transform.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/transform_in.h"

#define SIDE_PIXELS_MAX ((uint64_t)1 << 28) /* of one scratch picture */

/* ---- reading the list */
static ft_err find_op(const ft_step_op **out, ft_str name) {
    const char *names[FT_TRANSFORM_STEPS_MAX * 2 + 1] = { 0 };
    size_t n = 0;
    for (*out = ft_step_ops; (*out)->name; ++*out) {
        if (ft_str_is(name, (*out)->name)) return FT_OK;
        names[n++] = (*out)->name;
    }
    const char *near = ft_str_nearest(name, names, n);
    return FT_FAIL(FT_EINVAL, "no transform is called '%.*s'%s%s%s", FT_STR_ARG(name),
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool is_word(const ft_step_op *op, ft_str value) {
    ft_str rest = ft_str_of(op->words);
    while (rest.at)
        if (ft_str_eq(ft_str_cut(&rest, '|'), value)) return true;
    return false;
}

static ft_err read_values(ft_step *s, ft_str values) {
    if (s->op->words && is_word(s->op, values)) {
        s->word = values;
        return FT_OK;
    }
    for (ft_str item; values.at; s->count++) {
        item = ft_str_trim(ft_str_cut(&values, ':'));
        if (s->count == s->op->most) return FT_FAIL(FT_EINVAL, "too many values: %s", s->op->doc);
        if (!ft_str_f32(&s->v[s->count], item) || !isfinite(s->v[s->count]))
            return FT_FAIL(FT_EINVAL, "%s: '%.*s' is no number: %s", s->op->name, FT_STR_ARG(item),
                           s->op->doc);
    }
    return FT_OK;
}

static ft_err read_step(ft_transform *t, ft_str text, ft_transform_plan *plan) {
    ft_str name = ft_str_trim(ft_str_cut(&text, '='));
    ft_step *s = &t->steps[t->count];
    if (t->count == FT_TRANSFORM_STEPS_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d transforms", FT_TRANSFORM_STEPS_MAX);
    FT_TRY(find_op(&s->op, name));
    memcpy(s->v, s->op->defaults, sizeof s->v);
    if (text.at) FT_TRY(read_values(s, ft_str_trim(text)));
    if (s->count < s->op->least && !s->word.len)
        return FT_FAIL(FT_EINVAL, "a value is missing: %s", s->op->doc);
    if (t->normalised) return FT_FAIL(FT_EINVAL, "%s: normalise is always last", s->op->name);
    if (s->op->plan) FT_TRY(s->op->plan(t, s, plan));
    t->count++;
    return FT_OK;
}

/* ---- planning */
static ft_err start_of(ft_transform *t, ft_transform_plan *p, const ft_field *f) {
    t->encoded = f->kind == FT_FIELD_IMAGE || f->kind == FT_FIELD_BYTES;
    t->channels = t->opts.channels == 1 ? 1 : 3;
    if (t->encoded) {
        p->channels = t->channels;
        return FT_OK;
    }
    if (f->dtype != FT_U8 || f->ndim < 2 || f->ndim > 3)
        return FT_FAIL(FT_EINVAL,
                       "field %.*s is no picture: expected one that is encoded, or bytes "
                       "of height x width (x 1 or 3)",
                       FT_STR_ARG(f->name));
    p->channels = f->ndim == 2 ? 1 : (int)f->shape[2];
    if (p->channels != 1 && p->channels != 3)
        return FT_FAIL(FT_EINVAL, "field %.*s has %d channels: expected 1 or 3",
                       FT_STR_ARG(f->name), p->channels);
    if (t->opts.channels && t->opts.channels != p->channels && t->opts.channels != 1)
        return FT_FAIL(FT_EINVAL, "field %.*s has one channel: 3 cannot be made of it",
                       FT_STR_ARG(f->name));
    if (f->shape[0] > 0 && f->shape[1] > 0 && f->shape[0] <= FT_IMAGE_SIDE_MAX &&
        f->shape[1] <= FT_IMAGE_SIDE_MAX) {
        p->height = (int)f->shape[0];
        p->width = (int)f->shape[1];
    }
    return FT_OK;
}

static ft_err finish(ft_transform *t, const ft_transform_plan *p, ft_str field) {
    if (!p->width)
        return FT_FAIL(FT_EINVAL,
                       "pictures of field %.*s differ in size: end the transforms with one "
                       "size, such as random_resized_crop=224 or resize=256,center_crop=224",
                       FT_STR_ARG(field));
    t->end = *p;
    t->pack.dtype = t->opts.dtype;
    t->pack.channels_last = t->opts.channels_last;
    if (!t->normalised)
        for (int c = 0; c < 3; c++) t->pack.mean[c] = 0, t->pack.std[c] = 1;
    t->shape = (ft_array){ .dtype = t->opts.dtype, .ndim = 3 };
    t->shape.shape[t->opts.channels_last ? 2 : 0] = p->channels;
    t->shape.shape[t->opts.channels_last ? 0 : 1] = p->height;
    t->shape.shape[t->opts.channels_last ? 1 : 2] = p->width;
    return FT_OK;
}

ft_err ft_transform_new(ft_transform **out, ft_str steps, const ft_field *field,
                        const ft_transform_opts *opts) {
    ft_err err = FT_OK;
    ft_transform_plan plan = { 0 };
    ft_transform *t = ft_fault_here() ? NULL : calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return FT_FAIL(FT_ENOMEM, "out of memory for transforms");
    t->opts = *opts;
    t->text = ft_fault_here() ? NULL : malloc(steps.len + 1);
    if (!t->text) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "out of memory for transforms"));
    if (steps.len) memcpy(t->text, steps.at, steps.len);
    if (opts->dtype != FT_F32 && opts->dtype != FT_BF16 && opts->dtype != FT_U8)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "pictures of %s: expected float32, bfloat16 or uint8",
                             ft_dtype_name(opts->dtype)));
    FT_GOTO(err, start_of(t, &plan, field));
    for (ft_str rest = ft_str_n(t->text, steps.len), item; rest.len;) {
        item = ft_str_trim(ft_str_cut(&rest, ','));
        if (item.len) FT_GOTO(err, read_step(t, item, &plan));
    }
    FT_GOTO(err, finish(t, &plan, field->name));
    *out = t;
    t = NULL;
done:
    ft_transform_free(t);
    return err;
}

void ft_transform_free(ft_transform *t) {
    if (!t) return;
    free(t->text);
    free(t);
}

const ft_array *ft_transform_shape(const ft_transform *t) { return &t->shape; }

void ft_transform_gather(ft_transform *t, size_t bytes) {
    t->pack.stream = bytes >= FT_TRANSFORM_STREAM_BYTES;
}

const char *ft_transform_help(size_t i) { return ft_step_ops[i].name ? ft_step_ops[i].doc : NULL; }

/* ---- scratch of a thread */
ft_err ft_transform_work_new(ft_transform_work **out, const ft_transform *t) {
    ft_err err = FT_OK;
    ft_transform_work *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return FT_FAIL(FT_ENOMEM, "out of memory for a worker's pictures");
    w->t = t;
    if (t->encoded) FT_GOTO(err, ft_decoder_new(&w->decoder));
    FT_GOTO(err, ft_resizer_new(&w->resizer, FT_MEDIA_AUTO));
    *out = w;
    w = NULL;
done:
    ft_transform_work_free(w);
    return err;
}

void ft_transform_work_free(ft_transform_work *w) {
    if (!w) return;
    ft_decoder_free(w->decoder);
    ft_resizer_free(w->resizer);
    ft_arena_fini(&w->arena);
    free(w->scratch[0].at);
    free(w->scratch[1].at);
    free(w);
}

ft_err ft_transform_scratch(ft_image *out, ft_transforming *r, int width, int height,
                            int channels) {
    int which = r->image.data == r->w->scratch[0].at;
    size_t stride = ((size_t)width * (size_t)channels + 63) & ~(size_t)63;
    size_t bytes = stride * (size_t)height;
    if (bytes > SIDE_PIXELS_MAX)
        return FT_FAIL(FT_ETOOBIG, "a picture of %d x %d on the way: at most %llu bytes", width,
                       height, (unsigned long long)SIDE_PIXELS_MAX);
    if (r->w->scratch[which].bytes < bytes) {
        free(r->w->scratch[which].at);
        r->w->scratch[which].bytes = 0;
        bytes = (bytes + bytes / 4 + 63) & ~(size_t)63; /* the next one may be a little larger */
        r->w->scratch[which].at = ft_fault_here() ? NULL : aligned_alloc(64, bytes);
        if (!r->w->scratch[which].at)
            return FT_FAIL(FT_ENOMEM, "out of memory for a picture of %zu bytes", bytes);
        r->w->scratch[which].bytes = bytes;
    }
    *out = (ft_image){ r->w->scratch[which].at, width, height, channels, stride };
    return FT_OK;
}

/* ---- one run */
static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The least of a few: what is more was something else. */
static uint64_t look_measure(void) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 16; i++) {
        uint64_t before = cpu_ns(), took = cpu_ns() - before;
        if (took < least) least = took;
    }
    return least;
}

uint64_t ft_transform_look_ns(void) {
    static atomic_uint_fast64_t known; /* with 1 added; threads that come together measure alike */
    uint64_t ns = atomic_load_explicit(&known, memory_order_relaxed);
    if (!ns) atomic_store_explicit(&known, ns = look_measure() + 1, memory_order_relaxed);
    return ns - 1;
}

void ft_transform_tick(ft_transforming *r, uint64_t *to) {
    uint64_t now = cpu_ns(), took = now - r->mark, look = ft_transform_look_ns();
    *to += took > look ? took - look : 0;
    r->mark = now;
}

static ft_err decode_region(ft_transforming *r, ft_box box, int shrink) {
    ft_decode_opts opts = { .channels = r->w->t->channels, .shrink = shrink };
    if (shrink > 1) {
        box.x /= shrink, box.y /= shrink;
        box.width /= shrink, box.height /= shrink;
    }
    if (box.width != r->width || box.height != r->height || box.x || box.y) opts.region = box;
    if (r->time) ft_transform_tick(r, &r->time->transform);
    FT_TRY(ft_decoder_decode(&r->image, r->w->decoder, r->bytes, &opts));
    if (r->time) ft_transform_tick(r, &r->time->decode);
    r->writable = true;
    return FT_OK;
}

ft_err ft_transform_decode(ft_transforming *r) {
    if (r->image.data) return FT_OK;
    return decode_region(r, (ft_box){ 0, 0, r->width, r->height }, 1);
}

static int shrink_for(const ft_transforming *r, ft_box box, int want_width, int want_height) {
    if (!r->w->t->opts.draft || ft_image_sniff(r->bytes) != FT_IMAGE_JPEG) return 1;
    int shrink = 8;
    while (shrink > 1 && (box.width / shrink < want_width || box.height / shrink < want_height))
        shrink /= 2;
    return shrink;
}

ft_err ft_transform_crop(ft_transforming *r, ft_box box, int want_width, int want_height) {
    double sx = r->cut_width / r->width, sy = r->cut_height / r->height;
    if (r->flip_x) box.x = r->width - box.x - box.width; /* it is mirrored only later */
    if (r->flip_y) box.y = r->height - box.y - box.height;
    if (!r->image.data)
        FT_TRY(decode_region(r, box, shrink_for(r, box, want_width, want_height)));
    else
        FT_TRY(ft_image_crop(&r->image,
                             &(ft_image){ r->image.data, r->image.width, r->image.height,
                                          r->image.channels, r->image.stride_bytes },
                             box));
    r->x += box.x * sx;
    r->y += box.y * sy;
    r->cut_width = box.width * sx;
    r->cut_height = box.height * sy;
    r->width = r->image.width;
    r->height = r->image.height;
    return FT_OK;
}

ft_err ft_transform_resize(ft_transforming *r, int width, int height) {
    ft_image to;
    FT_TRY(ft_transform_decode(r));
    if (r->width == width && r->height == height) return FT_OK;
    FT_TRY(ft_transform_scratch(&to, r, width, height, r->image.channels));
    FT_TRY(ft_resize(r->w->resizer, &to, &r->image, NULL, FT_FILTER_BILINEAR));
    r->image = to;
    r->writable = true;
    r->width = width;
    r->height = height;
    return FT_OK;
}

ft_err ft_transform_own(ft_transforming *r) {
    ft_image to;
    FT_TRY(ft_transform_decode(r));
    if (r->writable) return FT_OK;
    FT_TRY(ft_transform_scratch(&to, r, r->width, r->height, r->image.channels));
    ft_image_copy(&to, &r->image);
    r->image = to;
    r->writable = true;
    return FT_OK;
}

/* A value's own bytes as a picture: a file to decode, or pixels. */
static ft_err begin(ft_transforming *r, const ft_array *value) {
    const ft_transform *t = r->w->t;
    ft_image_info info;
    if (!value->data) return FT_FAIL(FT_ECORRUPT, "it has no picture");
    if (t->encoded) {
        r->bytes = ft_str_n(value->data, ft_array_bytes(value));
        FT_TRY(ft_image_probe(&info, r->bytes));
        r->width = info.width;
        r->height = info.height;
    } else {
        int64_t channels = value->ndim == 3 ? value->shape[2] : 1;
        if (value->dtype != FT_U8 || value->ndim < 2 || value->ndim > 3 ||
            (channels != 1 && channels != 3) || value->shape[0] < 1 || value->shape[1] < 1 ||
            value->shape[0] > FT_IMAGE_SIDE_MAX || value->shape[1] > FT_IMAGE_SIDE_MAX)
            return FT_FAIL(FT_ECORRUPT, "its picture is no array of height x width x channels");
        r->height = (int)value->shape[0];
        r->width = (int)value->shape[1];
        r->image = (ft_image){ value->data, r->width, r->height, (int)channels,
                               (size_t)r->width * (size_t)channels };
    }
    r->cut_width = r->width;
    r->cut_height = r->height;
    return FT_OK;
}

static ft_err check_end(const ft_transforming *r) {
    const ft_transform_plan *end = &r->w->t->end;
    if (r->image.width == end->width && r->image.height == end->height &&
        r->image.channels == end->channels)
        return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "its picture is %d x %d x %d; %d x %d x %d was expected", r->width,
                   r->height, r->image.channels, end->width, end->height, end->channels);
}

static ft_err pack(ft_transforming *r, void *to) {
    ft_packing pass = r->w->t->pack;
    FT_TRY(ft_transform_decode(r));
    FT_TRY(check_end(r));
    if (r->flip_y) {
        FT_TRY(ft_transform_own(r));
        ft_image_flip_y(&r->image);
    }
    if (r->time) ft_transform_tick(r, &r->time->transform);
    pass.flip = r->flip_x;
    FT_TRY(ft_pack_image(to, &r->image, &pass, FT_MEDIA_AUTO));
    if (r->time) ft_transform_tick(r, &r->time->copy);
    return FT_OK;
}

ft_err ft_transform_run(void *to, ft_transform_cut *cut, const ft_array *value, uint64_t key,
                        ft_transform_work *w, ft_transform_time *time) {
    ft_transforming r = { .w = w, .time = time, .mark = time ? cpu_ns() : 0 };
    ft_random_seed(&r.random, key);
    FT_TRY(begin(&r, value));
    for (size_t i = 0; i < w->t->count; i++)
        if (w->t->steps[i].op->run) FT_TRY(w->t->steps[i].op->run(&r, &w->t->steps[i]));
    FT_TRY(pack(&r, to));
    *cut =
        (ft_transform_cut){ (int32_t)lround(r.x), (int32_t)lround(r.y),
                            (int32_t)lround(r.cut_width), (int32_t)lround(r.cut_height), r.flips };
    return FT_OK;
}
