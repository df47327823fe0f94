/* torch_file.c -- PyTorch's files: a zip of a pickle and storages (since 1.6), or pickles and
 * storages one behind the other. Source: torch/serialization.py (_save, _legacy_save). */
#include "base/check.h"
#include "data/zip.h"
#include "nn/import/torch_pickle.h"
#include "nn/weights_in.h"

#define DEPTH_MAX 16                /* of dictionaries in dictionaries */
#define LOOKS_MAX ((size_t)1 << 26) /* for all storages of an older file together */

typedef struct torch_file {
    ft_nn_weights *w;
    ft_arena scratch; /* of pickles */
    /* Where a storage's bytes are. */
    ft_zip_member *members;
    size_t member_count;
    ft_str folder; /* "archive/data/" */
    ft_str bytes;  /* older files: storages by key */
    struct keyed {
        ft_str key, bytes;
    } * keyed;
    size_t keyed_count;
    size_t looks; /* at objects, for their storages */
} torch_file;

static ft_err storage_bytes(ft_str *out, const torch_file *f, const ft_pickle *store) {
    for (size_t i = 0; i < f->member_count; i++) {
        ft_str name = f->members[i].name;
        if (name.len != f->folder.len + store->key.len || !ft_str_starts(name, f->folder) ||
            !ft_str_ends(name, store->key))
            continue;
        *out = f->members[i].packed;
        return FT_OK;
    }
    for (size_t i = 0; i < f->keyed_count; i++)
        if (ft_str_eq(f->keyed[i].key, store->key)) {
            *out = f->keyed[i].bytes;
            return FT_OK;
        }
    return FT_FAIL(FT_ECORRUPT, "storage '%.*s' is not in the file", FT_STR_ARG(store->key));
}

/* Does every item that the view names lie in the storage? */
static ft_err check_view(const ft_pickle *t, uint64_t items) {
    uint64_t last = (uint64_t)t->offset;
    ft_array a = { .dtype = t->store->dtype, .ndim = t->ndim, .data = t->store };
    memcpy(a.shape, t->shape, sizeof a.shape);
    if (!ft_array_valid(&a) || t->offset < 0) return FT_FAIL(FT_ECORRUPT, "its shape is not sane");
    if (ft_array_count(&a) == 0) return FT_OK;
    for (int i = 0; i < t->ndim; i++) {
        if (t->stride[i] < 0) return FT_FAIL(FT_ECORRUPT, "a negative stride");
        uint64_t span;
        if (__builtin_mul_overflow((uint64_t)t->stride[i], (uint64_t)(t->shape[i] - 1), &span) ||
            __builtin_add_overflow(last, span, &last))
            return FT_FAIL(FT_ECORRUPT, "strides beyond any storage");
    }
    if (last < items) return FT_OK;
    return FT_FAIL(FT_ECORRUPT, "it reaches to item %llu of a storage of %llu",
                   (unsigned long long)last, (unsigned long long)items);
}

static bool is_dense(const ft_pickle *t) {
    int64_t want = 1;
    for (int i = t->ndim - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->stride[i] != want) return false;
        want *= t->shape[i];
    }
    return true;
}

static ft_err copy_strided(ft_array *a, torch_file *f, const ft_pickle *t, const char *from) {
    size_t item = ft_dtype_bytes(a->dtype), bytes = ft_array_bytes(a);
    int64_t count = ft_array_count(a), at[FT_ARRAY_DIMS_MAX] = { 0 };
    char *to;
    FT_TRY(ft_arena_take(&to, &f->w->arena, bytes ? bytes : 1));
    a->data = to;
    for (int64_t n = 0; n < count; n++) {
        int64_t place = t->offset;
        for (int i = 0; i < t->ndim; i++) place += at[i] * t->stride[i];
        memcpy(to + (size_t)n * item, from + (size_t)place * item, item);
        for (int i = t->ndim - 1; i >= 0 && ++at[i] == t->shape[i]; i--) at[i] = 0;
    }
    return FT_OK;
}

static ft_err add_tensor(torch_file *f, ft_str name, const ft_pickle *t) {
    ft_array a = { .dtype = t->store->dtype, .ndim = t->ndim };
    ft_str bytes = { 0 };
    memcpy(a.shape, t->shape, sizeof a.shape);
    size_t item = ft_dtype_bytes(a.dtype);
    FT_TRY(storage_bytes(&bytes, f, t->store));
    FT_TRY(check_view(t, bytes.len / item));
    if (is_dense(t))
        FT_TRY(ft_nn_weights_view(&a, f->w, bytes, (uint64_t)t->offset * item));
    else
        FT_TRY(copy_strided(&a, f, t, bytes.at));
    return ft_nn_weights_add(f->w, name, &a);
}

/* Names of nested dictionaries are joined by dots; what is no tensor (an epoch) is passed over. */
static ft_err add_all(torch_file *f, ft_str name, const ft_pickle *v, int depth) {
    if (depth > DEPTH_MAX) return FT_FAIL(FT_ETOOBIG, "dictionaries nested %d deep", DEPTH_MAX);
    if (v->kind == FT_PICKLE_TENSOR) {
        ft_err err = add_tensor(f, name, v);
        return err == FT_OK ? FT_OK : ft_err_prefix(err, "tensor '%.*s'", FT_STR_ARG(name));
    }
    if (v->kind != FT_PICKLE_DICT) return FT_OK;
    for (size_t i = 0; i + 1 < v->count; i += 2) {
        ft_str key = v->items[i]->text, joined = { 0 };
        if (v->items[i]->kind != FT_PICKLE_TEXT) continue;
        FT_TRY(ft_arena_printf(&joined, &f->scratch, "%.*s%s%.*s", FT_STR_ARG(name),
                               name.len ? "." : "", FT_STR_ARG(key)));
        FT_TRY(add_all(f, joined, v->items[i + 1], depth + 1));
    }
    return FT_OK;
}

/* ---- zip */

static bool zip_sniff(ft_str bytes) {
    if (!ft_str_starts(bytes, FT_STR("PK\3\4")) || bytes.len < 64) return false;
    ft_str head = ft_str_slice(bytes, 30, (uint8_t)bytes.at[26]); /* the first member's name */
    return ft_str_ends(head, FT_STR("data.pkl"));
}

/* torch.save stores its members, so that they can be mapped. */
static ft_err read_members(torch_file *f, ft_str bytes) {
    ft_zip z;
    ft_err err;
    FT_TRY(ft_zip_open(&z, bytes));
    FT_TRY(ft_arena_items(&f->members, &f->scratch, (size_t)z.left + 1));
    for (; (err = ft_zip_next(&f->members[f->member_count], &z)) == FT_OK; f->member_count++)
        if (f->members[f->member_count].deflated)
            return FT_FAIL(FT_EUNSUPPORTED, "member '%.*s' is packed; torch.save stores it",
                           FT_STR_ARG(f->members[f->member_count].name));
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err read_zip(torch_file *f, ft_str bytes) {
    ft_pickle *root = NULL;
    FT_TRY(read_members(f, bytes));
    for (size_t i = 0; i < f->member_count; i++) {
        ft_str name = f->members[i].name;
        size_t at = 0;
        if (!ft_str_ends(name, FT_STR("data.pkl"))) continue;
        ft_str folder = ft_str_slice(name, 0, name.len - 8);
        FT_TRY(ft_arena_printf(&f->folder, &f->scratch, "%.*sdata/", FT_STR_ARG(folder)));
        FT_TRY(ft_pickle_read(&root, &f->scratch, f->members[i].packed, &at));
        return add_all(f, (ft_str){ 0 }, root, 0);
    }
    return FT_FAIL(FT_ECORRUPT, "no data.pkl in the file");
}

/* ---- older files: magic, protocol, system, object, list of keys, then the storages */

static bool legacy_sniff(ft_str bytes) {
    return ft_str_starts(bytes,
                         FT_STR("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."));
}

/* A pickle may hold one list many times over: then there are far more ways through it than it has
 * bytes, and `looks` count them. */
static ft_err storages_of(const ft_pickle *v, const ft_pickle **found, ft_str key, int depth,
                          size_t *looks) {
    if (++*looks > LOOKS_MAX)
        return FT_FAIL(FT_ETOOBIG, "its lists hold each other too many times");
    if (v->kind == FT_PICKLE_TENSOR && ft_str_eq(v->store->key, key)) *found = v->store;
    for (size_t i = 0; depth < DEPTH_MAX && !*found && i < v->count; i++)
        FT_TRY(storages_of(v->items[i], found, key, depth + 1, looks));
    return FT_OK;
}

static ft_err read_storage(torch_file *f, const ft_pickle *root, ft_str key, size_t *at) {
    const ft_pickle *store = NULL;
    int64_t items;
    FT_TRY(storages_of(root, &store, key, 0, &f->looks));
    if (f->bytes.len - *at < 8)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: the file ends before storage '%.*s'", *at,
                       FT_STR_ARG(key));
    memcpy(&items, f->bytes.at + *at, sizeof items);
    *at += 8;
    if (!store) return FT_FAIL(FT_ECORRUPT, "storage '%.*s' belongs to nothing", FT_STR_ARG(key));
    size_t item = ft_dtype_bytes(store->dtype);
    if (items < 0 || (uint64_t)items > (f->bytes.len - *at) / item)
        return FT_FAIL(FT_ECORRUPT, "byte %zu: a storage of %lld items, the file ends before", *at,
                       (long long)items);
    size_t len = (size_t)items * item;
    f->keyed[f->keyed_count++] = (struct keyed){ key, ft_str_slice(f->bytes, *at, len) };
    *at += len;
    return FT_OK;
}

static ft_err read_legacy(torch_file *f, ft_str bytes) {
    ft_pickle *ignored = NULL, *root = NULL, *keys = NULL;
    size_t at = 0;
    f->bytes = bytes;
    for (int i = 0; i < 3; i++) FT_TRY(ft_pickle_read(&ignored, &f->scratch, bytes, &at));
    FT_TRY(ft_pickle_read(&root, &f->scratch, bytes, &at));
    FT_TRY(ft_pickle_read(&keys, &f->scratch, bytes, &at));
    if (keys->kind != FT_PICKLE_LIST) return FT_FAIL(FT_ECORRUPT, "no list of storages");
    FT_TRY(ft_arena_items(&f->keyed, &f->scratch, keys->count + 1));
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i]->kind != FT_PICKLE_TEXT)
            return FT_FAIL(FT_ECORRUPT, "a storage without a key");
        FT_TRY(read_storage(f, root, keys->items[i]->text, &at));
    }
    return add_all(f, (ft_str){ 0 }, root, 0);
}

static ft_err read_by(ft_nn_weights *w, ft_str bytes, ft_err (*read)(torch_file *, ft_str)) {
    torch_file f = { .w = w, .scratch = FT_ARENA_INIT((size_t)1 << 30) };
    ft_err err = read(&f, bytes);
    ft_arena_fini(&f.scratch);
    return err;
}

static ft_err zip_read(ft_nn_weights *w, ft_str bytes) { return read_by(w, bytes, read_zip); }
static ft_err legacy_read(ft_nn_weights *w, ft_str bytes) { return read_by(w, bytes, read_legacy); }

const ft_nn_weight_format ft_weights_torch_zip = { "torch", zip_sniff, zip_read };
const ft_nn_weight_format ft_weights_torch_legacy = { "torch (before 1.6)", legacy_sniff,
                                                      legacy_read };
