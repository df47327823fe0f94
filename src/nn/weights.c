/* weights.c -- see weights.h: the formats, and loading by name. */
#include "nn/weights.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/npy.h"
#include "data/zip.h"
#include "nn/import/onnx.h"
#include "nn/weights_in.h"

static const ft_nn_weight_format *const formats[] = { &ft_weights_torch_zip,
                                                      &ft_weights_npz,
                                                      &ft_weights_torch_legacy,
                                                      &ft_weights_mxnet,
                                                      &ft_weights_safetensors,
                                                      &ft_weights_onnx,
                                                      NULL };

/* ---- a set of them */

ft_err ft_nn_weights_add(ft_nn_weights *w, ft_str name, const ft_array *value) {
    if (w->count == FT_NN_WEIGHTS_MAX)
        return FT_FAIL(FT_ETOOBIG, "more than %d tensors", FT_NN_WEIGHTS_MAX);
    if (w->count == w->capacity) {
        ft_nn_named *wider;
        size_t capacity = w->capacity ? 2 * w->capacity : 64;
        FT_TRY(ft_arena_items(&wider, &w->arena, capacity));
        if (w->count) memcpy(wider, w->at, w->count * sizeof *wider);
        w->at = wider;
        w->capacity = capacity;
    }
    ft_nn_named named = { .value = *value };
    FT_TRY(ft_arena_str(&named.name, &w->arena, name));
    w->at[w->count++] = named;
    return FT_OK;
}

ft_err ft_nn_weights_view(ft_array *a, ft_nn_weights *w, ft_str bytes, uint64_t at) {
    a->data = (void *)bytes.at; /* an array without data is not valid */
    if (!ft_array_valid(a))
        return FT_FAIL(FT_ECORRUPT, "byte %llu: no sane shape", (unsigned long long)at);
    size_t len = ft_array_bytes(a);
    if (at > bytes.len || len > bytes.len - at)
        return FT_FAIL(FT_ECORRUPT, "byte %llu: a tensor of %zu bytes, the file ends before",
                       (unsigned long long)at, len);
    const char *from = bytes.at + at;
    if ((uintptr_t)from % ft_dtype_bytes(a->dtype) == 0) {
        a->data = (void *)from;
        return FT_OK;
    }
    FT_TRY(ft_arena_take(&a->data, &w->arena, len ? len : 1));
    if (len) memcpy(a->data, from, len);
    return FT_OK;
}

const ft_array *ft_nn_weights_find(const ft_nn_weights *w, ft_str name) {
    for (size_t i = 0; i < w->count; i++)
        if (ft_str_eq(w->at[i].name, name)) return &w->at[i].value;
    return NULL;
}

static ft_err read_any(ft_nn_weights *w, ft_str bytes) {
    for (const ft_nn_weight_format *const *f = formats; *f; f++) {
        if (!(*f)->sniff(bytes)) continue;
        w->format = (*f)->name;
        return (*f)->read(w, bytes);
    }
    return FT_FAIL(FT_EMEDIA, "no weights known here (safetensors, a PyTorch state_dict, MXNet's "
                              ".params, .npz or ONNX)");
}

ft_err ft_nn_weights_parse(ft_nn_weights **out, ft_str bytes) {
    *out = NULL;
    ft_nn_weights *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory for weights");
    w->arena = (ft_arena)FT_ARENA_INIT((size_t)64 << 30);
    ft_err err = read_any(w, bytes);
    if (err != FT_OK) {
        ft_nn_weights_free(w);
        return err;
    }
    *out = w;
    return FT_OK;
}

ft_err ft_nn_weights_read(ft_nn_weights **out, const char *path) {
    ft_str map = { 0 };
    *out = NULL;
    FT_TRY(ft_file_map(&map, path));
    ft_err err = ft_nn_weights_parse(out, map);
    if (err != FT_OK) {
        ft_file_unmap(map);
        return ft_err_prefix(err, "%s", path);
    }
    (*out)->map = map;
    return FT_OK;
}

void ft_nn_weights_free(ft_nn_weights *w) {
    if (!w) return;
    if (w->map.at) ft_file_unmap(w->map);
    ft_arena_fini(&w->arena);
    free(w);
}

/* ---- formats that others read for us */

static bool npz_sniff(ft_str bytes) {
    return ft_str_starts(bytes, FT_STR("PK\3\4")) && !ft_weights_torch_zip.sniff(bytes);
}

static ft_err npz_member(ft_nn_weights *w, const ft_zip_member *m) {
    ft_buf unpacked = { .limit_bytes = SIZE_MAX / 2 };
    ft_array a = { 0 };
    ft_err err = m->deflated ? ft_zip_unpack(&unpacked, m) : FT_OK;
    if (err == FT_OK)
        err = ft_npy_read(&a, &w->arena, m->deflated ? ft_buf_str(&unpacked) : m->packed);
    if (err == FT_OK) err = ft_nn_weights_add(w, ft_str_slice(m->name, 0, m->name.len - 4), &a);
    ft_buf_fini(&unpacked);
    return err == FT_OK ? err : ft_err_prefix(err, "member %.*s", FT_STR_ARG(m->name));
}

static ft_err npz_read(ft_nn_weights *w, ft_str bytes) {
    ft_zip z;
    ft_zip_member m;
    ft_err err;
    FT_TRY(ft_zip_open(&z, bytes));
    while ((err = ft_zip_next(&m, &z)) == FT_OK)
        if (ft_str_ends(m.name, FT_STR(".npy"))) FT_TRY(npz_member(w, &m));
    return err == FT_ENOTFOUND ? FT_OK : err;
}

const ft_nn_weight_format ft_weights_npz = { "npz", npz_sniff, npz_read };

/* A ModelProto begins with its IR version: field 1, a varint. */
static bool onnx_sniff(ft_str bytes) {
    return bytes.len > 4 && bytes.at[0] == 8 && bytes.at[1] > 0 && bytes.at[1] < 32;
}

static ft_err onnx_read(ft_nn_weights *w, ft_str bytes) {
    ft_nn_graph *g = NULL;
    ft_err err = ft_nn_onnx_parse(&g, bytes, NULL);
    for (int i = 0; err == FT_OK && i < g->value_count; i++) {
        const ft_nn_value *v = &g->values[i];
        if (v->role != FT_NN_WEIGHT && v->role != FT_NN_STATE) continue;
        ft_array a = { .dtype = v->dtype, .ndim = v->ndim };
        memcpy(a.shape, v->shape, sizeof a.shape);
        size_t len = ft_array_bytes(&a);
        err = ft_arena_take(&a.data, &w->arena, len ? len : 1);
        if (err == FT_OK && len) memcpy(a.data, v->data, len);
        if (err == FT_OK) err = ft_nn_weights_add(w, v->name, &a);
    }
    ft_nn_graph_free(g);
    return err;
}

const ft_nn_weight_format ft_weights_onnx = { "onnx", onnx_sniff, onnx_read };

/* ---- loading by name */

/* What others write in front of every name: wrappers' members, and what a checkpoint calls the
 * dictionary that holds them. */
static const char *const prefixes[] = {
    "module.",      "model.",   "state_dict.", "model_state_dict.",
    "model_state.", "network.", "arg:",        "aux:",
    "backbone.",    "net.",     NULL
};
/* Endings of names that mean the same as torch's. */
static const struct {
    const char *theirs, *ours;
} endings[] = { { ".gamma", ".weight" },
                { ".beta", ".bias" },
                { "_weight", ".weight" },
                { "_bias", ".bias" },
                { "_gamma", ".weight" },
                { "_beta", ".bias" },
                { "_running_mean", ".running_mean" },
                { "_running_var", ".running_var" },
                { "_moving_mean", ".running_mean" },
                { "_moving_var", ".running_var" } };

/* "state_dict.module.conv1.weight": one within the other, in any order. */
static ft_str without_prefixes(ft_str name) {
    for (const char *const *p = prefixes; *p;) {
        bool has = ft_str_starts(name, ft_str_of(*p));
        if (has) name = ft_str_from(name, strlen(*p));
        p = has ? prefixes : p + 1;
    }
    return name;
}

/* A name as the zoo writes it: prefixes off, "layers1" is "layer1", gamma is weight. */
static void plain_name(ft_buf *out, ft_str name) {
    name = without_prefixes(name);
    ft_str end = { 0 };
    for (size_t i = 0; i < FT_COUNT(endings); i++) {
        ft_str theirs = ft_str_of(endings[i].theirs);
        if (!ft_str_ends(name, theirs)) continue;
        name = ft_str_slice(name, 0, name.len - theirs.len);
        end = ft_str_of(endings[i].ours);
        break;
    }
    for (size_t i = 0; i < name.len; i++) {
        ft_buf_byte(out, name.at[i]);
        ft_str rest = ft_str_from(name, i + 1);
        bool plural = ft_str_ends(ft_buf_str(out), FT_STR("layer")) && rest.len > 1 &&
                      rest.at[0] == 's' && rest.at[1] >= '0' && rest.at[1] <= '9';
        if (plural) i++;
    }
    ft_buf_add(out, end);
}

static bool shape_is(const ft_nn_value *v, const ft_array *a) {
    if (v->ndim != a->ndim) return false;
    return memcmp(v->shape, a->shape, (size_t)v->ndim * sizeof *v->shape) == 0;
}

static ft_err shape_text(ft_buf *out, int ndim, const int64_t *shape) {
    ft_buf_byte(out, '[');
    for (int i = 0; i < ndim; i++) ft_buf_printf(out, "%s%lld", i ? ", " : "", (long long)shape[i]);
    return ft_buf_byte(out, ']');
}

static ft_err note_shape(ft_nn_match *out, const ft_nn_value *v, const ft_array *a,
                         ft_arena *arena) {
    ft_buf text = { 0 };
    ft_buf_printf(&text, "%.*s: file ", FT_STR_ARG(v->name));
    shape_text(&text, a->ndim, a->shape);
    ft_buf_add(&text, FT_STR(", model "));
    ft_err err = shape_text(&text, v->ndim, v->shape);
    if (err == FT_OK) err = ft_arena_str(&out->shaped[out->shaped_count], arena, ft_buf_str(&text));
    if (err == FT_OK) out->shaped_count++;
    ft_buf_fini(&text);
    return err;
}

static ft_err take_value(ft_nn_graph *g, ft_nn_value *v, const ft_array *a) {
    int64_t count = ft_array_count(a);
    float *to;
    if (v->dtype != FT_F32)
        return FT_FAIL(FT_EUNSUPPORTED, "weight %.*s is not float32", FT_STR_ARG(v->name));
    FT_TRY(ft_arena_items(&to, &g->arena, (size_t)(count ? count : 1)));
    if (a->dtype == FT_F32)
        memcpy(to, a->data, (size_t)count * sizeof *to);
    else
        for (int64_t i = 0; i < count; i++) to[i] = (float)ft_array_f64(a, i);
    v->data = to;
    return FT_OK;
}

typedef struct lookup { /* plain name → tensor of the file; sorted */
    ft_str name;
    size_t at;
} lookup;

static int by_name(const void *a, const void *b) {
    return ft_str_cmp(((const lookup *)a)->name, ((const lookup *)b)->name);
}

static ft_err make_lookup(lookup **out, const ft_nn_weights *w, ft_arena *arena) {
    FT_TRY(ft_arena_items(out, arena, w->count + 1));
    for (size_t i = 0; i < w->count; i++) {
        ft_buf plain = { 0 };
        plain_name(&plain, w->at[i].name);
        (*out)[i].at = i;
        ft_err err =
            plain.err ? plain.err : ft_arena_str(&(*out)[i].name, arena, ft_buf_str(&plain));
        ft_buf_fini(&plain);
        FT_TRY(err);
    }
    qsort(*out, w->count, sizeof **out, by_name);
    return FT_OK;
}

static ft_err load_one(ft_nn_match *out, ft_nn_graph *g, ft_nn_value *v, const ft_nn_weights *w,
                       const lookup *names, bool *used, ft_arena *arena) {
    lookup key = { .name = v->name };
    const lookup *found = w->count ? bsearch(&key, names, w->count, sizeof *names, by_name) : NULL;
    if (!found) {
        out->missing[out->missing_count++] = v->name;
        return FT_OK;
    }
    used[found->at] = true;
    const ft_array *a = &w->at[found->at].value;
    if (!shape_is(v, a)) return note_shape(out, v, a, arena);
    FT_TRY(take_value(g, v, a));
    out->loaded++;
    return FT_OK;
}

ft_err ft_nn_weights_load(ft_nn_match *out, ft_nn_graph *g, const ft_nn_weights *w,
                          ft_arena *arena) {
    lookup *names;
    bool *used;
    size_t values = (size_t)g->value_count;
    *out = (ft_nn_match){ 0 };
    FT_TRY(make_lookup(&names, w, arena));
    FT_TRY(ft_arena_items(&used, arena, w->count + 1));
    FT_TRY(ft_arena_items(&out->missing, arena, values + 1));
    FT_TRY(ft_arena_items(&out->shaped, arena, values + 1));
    FT_TRY(ft_arena_items(&out->unused, arena, w->count + 1));
    for (int i = 0; i < g->value_count; i++) {
        ft_nn_value *v = &g->values[i];
        if (v->role == FT_NN_WEIGHT || v->role == FT_NN_STATE)
            FT_TRY(load_one(out, g, v, w, names, used, arena));
    }
    for (size_t i = 0; i < w->count; i++)
        if (!used[i]) out->unused[out->unused_count++] = w->at[i].name;
    if (out->loaded == 0)
        return FT_FAIL(FT_ECONFLICT,
                       "none of the file's %zu tensors is one of the model's %zu: the first is "
                       "'%.*s', the model's '%.*s'",
                       w->count, out->missing_count + out->shaped_count,
                       FT_STR_ARG(w->count ? w->at[0].name : FT_STR("nothing")),
                       FT_STR_ARG(out->missing_count ? out->missing[0] : FT_STR("nothing")));
    return FT_OK;
}
