/* example.c -- see example.h. Lists are counted, then filled. */
#include "data/example.h"

#include <string.h>

#include "base/protobuf.h"

enum {
    EXAMPLE_FEATURES = 1,
    FEATURES_FEATURE = 1,
    ENTRY_NAME = 1,
    ENTRY_VALUE = 2,
    LIST_VALUE = 1
};

static ft_err bad_list(void) {
    return FT_FAIL(FT_ECORRUPT, "damaged protobuf: a list of another type than it says");
}

/* ---- lists */

static ft_err list_count(size_t *count, ft_str list, ft_example_kind kind) {
    ft_proto p = { .rest = list };
    ft_proto_field f;
    uint64_t v;
    *count = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number != LIST_VALUE) continue;
        bool packed = f.type == FT_PROTO_BYTES;
        if (kind == FT_EXAMPLE_BYTES && packed) {
            ++*count;
        } else if (kind == FT_EXAMPLE_FLOATS && (packed || f.type == FT_PROTO_32)) {
            if (f.bytes.len % sizeof(float)) return bad_list();
            *count += f.bytes.len / sizeof(float);
        } else if (kind == FT_EXAMPLE_INTS && packed) {
            for (ft_str rest = f.bytes; rest.len; ++*count)
                if (!ft_proto_varint(&v, &rest)) return bad_list();
        } else if (kind == FT_EXAMPLE_INTS && f.type == FT_PROTO_VARINT) {
            ++*count;
        } else {
            return bad_list();
        }
    }
    return p.err;
}

static void list_fill(ft_example_feature *out, ft_str list) {
    ft_proto p = { .rest = list };
    ft_proto_field f;
    uint64_t v;
    size_t n = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number != LIST_VALUE) continue;
        if (out->kind == FT_EXAMPLE_BYTES) {
            out->bytes[n++] = f.bytes;
        } else if (out->kind == FT_EXAMPLE_FLOATS) {
            if (f.bytes.len) memcpy(out->floats + n, f.bytes.at, f.bytes.len);
            n += f.bytes.len / sizeof(float);
        } else if (f.type == FT_PROTO_VARINT) {
            out->ints[n++] = (int64_t)f.value;
        } else {
            while (ft_proto_varint(&v, &f.bytes)) out->ints[n++] = (int64_t)v;
        }
    }
}

static ft_err list_read(ft_example_feature *out, ft_arena *arena, ft_str list,
                        ft_example_kind kind) {
    *out = (ft_example_feature){ .name = out->name, .kind = kind };
    FT_TRY(list_count(&out->count, list, kind));
    if (kind == FT_EXAMPLE_BYTES) FT_TRY(ft_arena_items(&out->bytes, arena, out->count));
    if (kind == FT_EXAMPLE_FLOATS) FT_TRY(ft_arena_items(&out->floats, arena, out->count));
    if (kind == FT_EXAMPLE_INTS) FT_TRY(ft_arena_items(&out->ints, arena, out->count));
    list_fill(out, list);
    return FT_OK;
}

/* ---- features */

static ft_err entry_read(ft_example_feature *out, ft_arena *arena, ft_str entry) {
    ft_proto p = { .rest = entry };
    ft_proto_field f;
    ft_str value = { 0 };
    while (ft_proto_next(&p, &f)) {
        if (f.type != FT_PROTO_BYTES) continue;
        if (f.number == ENTRY_NAME) out->name = f.bytes;
        if (f.number == ENTRY_VALUE) value = f.bytes;
    }
    FT_TRY(p.err);
    p = (ft_proto){ .rest = value };
    while (ft_proto_next(&p, &f)) /* of a oneof the last counts */
        if (f.type == FT_PROTO_BYTES && f.number >= FT_EXAMPLE_BYTES && f.number <= FT_EXAMPLE_INTS)
            FT_TRY(list_read(out, arena, f.bytes, (ft_example_kind)f.number));
    return p.err;
}

/* The features of all Features messages (protobuf merges a message that stands twice). */
static ft_err features_count(size_t *count, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f, g;
    *count = 0;
    while (ft_proto_next(&p, &f)) {
        if (f.number != EXAMPLE_FEATURES) continue;
        if (f.type != FT_PROTO_BYTES) return bad_list();
        ft_proto q = { .rest = f.bytes };
        while (ft_proto_next(&q, &g)) {
            if (g.number != FEATURES_FEATURE) continue;
            if (g.type != FT_PROTO_BYTES) return bad_list();
            if (++*count > FT_EXAMPLE_FEATURES_MAX)
                return FT_FAIL(FT_ETOOBIG, "more than %d features in an example",
                               FT_EXAMPLE_FEATURES_MAX);
        }
        FT_TRY(q.err);
    }
    return p.err;
}

ft_err ft_example_read(ft_example *out, ft_arena *arena, ft_str bytes) {
    ft_proto p = { .rest = bytes };
    ft_proto_field f, g;
    size_t count;
    *out = (ft_example){ 0 };
    FT_TRY(features_count(&count, bytes));
    FT_TRY(ft_arena_items(&out->features, arena, count));
    while (ft_proto_next(&p, &f)) {
        if (f.number != EXAMPLE_FEATURES) continue;
        ft_proto q = { .rest = f.bytes };
        while (ft_proto_next(&q, &g))
            if (g.number == FEATURES_FEATURE)
                FT_TRY(entry_read(&out->features[out->feature_count++], arena, g.bytes));
    }
    return FT_OK;
}

const ft_example_feature *ft_example_find(const ft_example *e, const char *name) {
    for (size_t i = e->feature_count; i-- > 0;)
        if (ft_str_is(e->features[i].name, name)) return &e->features[i];
    return NULL;
}

/* ---- writing */

static void put_list(ft_buf *out, const ft_example_feature *f) {
    size_t list = ft_proto_open(out, (uint32_t)f->kind), packed;
    switch (f->kind) {
    case FT_EXAMPLE_BYTES:
        for (size_t i = 0; i < f->count; i++) ft_proto_put_bytes(out, LIST_VALUE, f->bytes[i]);
        break;
    case FT_EXAMPLE_FLOATS:
        if (f->count)
            ft_proto_put_bytes(out, LIST_VALUE, ft_str_n(f->floats, f->count * sizeof *f->floats));
        break;
    default:
        packed = f->count ? ft_proto_open(out, LIST_VALUE) : 0;
        for (size_t i = 0; i < f->count; i++) ft_proto_put_varint(out, (uint64_t)f->ints[i]);
        if (f->count) ft_proto_close(out, packed);
    }
    ft_proto_close(out, list);
}

ft_err ft_example_write(ft_buf *out, const ft_example *e) {
    size_t features = ft_proto_open(out, EXAMPLE_FEATURES);
    for (size_t i = 0; i < e->feature_count; i++) {
        const ft_example_feature *f = &e->features[i];
        size_t entry = ft_proto_open(out, FEATURES_FEATURE);
        ft_proto_put_bytes(out, ENTRY_NAME, f->name);
        size_t value = ft_proto_open(out, ENTRY_VALUE);
        if (f->kind != FT_EXAMPLE_NONE) put_list(out, f);
        ft_proto_close(out, value);
        ft_proto_close(out, entry);
    }
    ft_proto_close(out, features);
    return out->err;
}
