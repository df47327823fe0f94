/* network.c -- see network.h: finding and reading. */
#include "nn/network_in.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "nn/import/onnx.h"
#include "nn/import/tfjs.h"
#include "nn/graph_in.h"
#include "nn/ops/kernel.h"
#include "nn/ops/vector.h"

/* ---- which file it is */

typedef struct kind {
    const char *ending;
    int score;
    ft_err (*read)(ft_nn_network *n, const char *path, const ft_nn_told *t);
} kind;

static ft_err read_onnx(ft_nn_network *n, const char *path, const ft_nn_told *t);
static ft_err read_tfjs(ft_nn_network *n, const char *path, const ft_nn_told *t);
static ft_err read_weights(ft_nn_network *n, const char *path, const ft_nn_told *t);

static const kind kinds[] = {
    { ".onnx", 95, read_onnx },           { ".json", 50, read_tfjs },
    { ".safetensors", 90, read_weights }, { ".pt", 85, read_weights },
    { ".pth", 85, read_weights },         { ".params", 85, read_weights },
    { ".npz", 70, read_weights },
};

/* Many things are .json: a model of TensorFlow.js tells its format near its begin. */
static bool is_tfjs(const char *path) {
    char head[4096];
    FILE *f = fopen(path, "rb");
    size_t got = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    return got && (memmem(head, got, "graph-model", 11) || memmem(head, got, "modelTopology", 13));
}

static const kind *kind_of(const char *path) {
    for (size_t i = 0; i < FT_COUNT(kinds); i++)
        if (ft_str_ends(ft_str_of(path), ft_str_of(kinds[i].ending)))
            return kinds[i].read != read_tfjs || is_tfjs(path) ? &kinds[i] : NULL;
    return NULL;
}

/* The file of a folder whose kind scores best. Two of one kind: nobody says which is meant. */
static ft_err find_in_folder(const char **out, const kind **as, ft_arena *arena,
                             const char *folder) {
    DIR *dir = opendir(folder);
    const char *other = NULL;
    *out = NULL;
    *as = NULL;
    if (!dir) return FT_FAIL_ERRNO("%s", folder);
    ft_err err = FT_OK;
    for (struct dirent *e; err == FT_OK && (e = readdir(dir));) {
        const char *file = NULL;
        err = ft_path_join(&file, arena, folder, e->d_name);
        const kind *k = err != FT_OK || e->d_name[0] == '.' ? NULL : kind_of(file);
        if (!k || (*as && k->score < (*as)->score)) continue;
        other = *as && k->score == (*as)->score ? *out : NULL;
        *as = k;
        *out = file;
    }
    closedir(dir);
    if (err != FT_OK || !other) return err;
    const char *one = strrchr(*out, '/') + 1, *two = strrchr(other, '/') + 1;
    bool ordered = strcmp(one, two) < 0;
    return FT_FAIL(FT_ECONFLICT, "%s has two networks, %s and %s: name the file that is meant",
                   folder, ordered ? one : two, ordered ? two : one);
}

static ft_err find_file(const char **out, const kind **as, ft_arena *arena, const char *path) {
    ft_file_info info;
    FT_TRY(ft_file_stat(&info, path));
    *out = path;
    *as = info.is_dir ? NULL : kind_of(path);
    if (info.is_dir) FT_TRY(find_in_folder(out, as, arena, path));
    if (*as) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND,
                   "%s: no network (.onnx, model.json of TensorFlow.js, .pt, .pth, "
                   ".safetensors, .params, .npz)",
                   path);
}

int ft_nn_network_sniff(const char *path) {
    ft_arena arena = FT_ARENA_INIT(0);
    const kind *k = NULL;
    const char *file = NULL;
    int score = 0;
    ft_err err = find_file(&file, &k, &arena, path);
    bool either = err == FT_ECONFLICT && k; /* reading says so in words */
    if (err == FT_OK || either) score = k->read == read_tfjs ? 95 : k->score;
    ft_arena_fini(&arena);
    ft_err_clear();
    return score;
}

/* ---- reading */

static ft_err read_onnx(ft_nn_network *n, const char *path, const ft_nn_told *t) {
    FT_UNUSED(t);
    n->format = "onnx";
    return ft_nn_onnx_read(&n->graph, path);
}

static ft_err read_tfjs(ft_nn_network *n, const char *path, const ft_nn_told *t) {
    FT_UNUSED(t);
    n->format = "tfjs";
    return ft_nn_tfjs_read(&n->graph, path);
}

static ft_err build_arch(ft_nn_network *n, const ft_nn_weights *w, const ft_nn_told *t) {
    ft_nn_arch_opts opts = { 0 };
    if (t->arch.len) {
        FT_TRY(ft_nn_arch_find(&n->arch, t->arch));
        opts.classes = (int)t->classes;
    } else {
        FT_TRY(ft_nn_arch_guess(&n->arch, &opts, w));
    }
    if (t->size) opts.size = (int)t->size;
    if (t->channels) opts.channels = (int)t->channels;
    FT_TRY(ft_nn_arch_build(&n->graph, n->arch, &opts));
    FT_TRY(ft_nn_weights_load(&n->match, n->graph, w, &n->arena));
    if (n->match.missing_count + n->match.shaped_count == 0) return FT_OK;
    return FT_FAIL(FT_ECONFLICT,
                   "%zu weights of %s are not in the file or have another shape; the "
                   "first is %.*s",
                   n->match.missing_count + n->match.shaped_count, n->arch->name,
                   FT_STR_ARG(n->match.shaped_count ? n->match.shaped[0] : n->match.missing[0]));
}

static ft_err read_weights(ft_nn_network *n, const char *path, const ft_nn_told *t) {
    ft_nn_weights *w = NULL;
    FT_TRY(ft_nn_weights_read(&w, path));
    n->format = w->format;
    ft_err err = build_arch(n, w, t);
    /* The graph has copies; the match's names are the file's. */
    n->match = (ft_nn_match){ .loaded = n->match.loaded };
    ft_nn_weights_free(w);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "%s", path);
}

/* Sets the sign of `*odd` when any of the numbers is a NaN or infinite: an exponent of ones. */
FT_NN_KERNEL(numbers_odd, (int32_t * odd, const char *at, int64_t count), (odd, at, count)) {
    ft_v16i all[4] = { 0 };
    int64_t i = 0;
    for (; i + 4 * FT_NN_LANES <= count; i += 4 * FT_NN_LANES)
        for (int k = 0; k < 4; k++) {
            ft_v16i bits;
            memcpy(&bits, at + (i + k * FT_NN_LANES) * 4, sizeof bits);
            all[k] |= (ft_v16i)((ft_v16u)(bits & 0x7fffffff) + 0x00800000);
        }
    ft_v16i any = all[0] | all[1] | all[2] | all[3];
    for (int k = 0; k < FT_NN_LANES; k++) *odd |= any[k];
    for (uint32_t bits; i < count; i++) {
        memcpy(&bits, at + i * 4, sizeof bits);
        *odd |= (int32_t)((bits & 0x7fffffff) + 0x00800000);
    }
}

static ft_err number_refuse(const ft_nn_value *v, int64_t count, const char *path) {
    float x = 0;
    int64_t k = 0;
    for (; k < count; k++) {
        memcpy(&x, (const char *)v->data + (size_t)k * sizeof x, sizeof x); /* may be unaligned */
        if (x - x != 0) break;
    }
    return FT_FAIL(FT_ECORRUPT, "%s: weight '%.*s' is %s at item %lld", path, FT_STR_ARG(v->name),
                   x != x ? "not a number" : "infinite", (long long)k);
}

/* A weight that is no number would make every answer none, or worse, some. */
static ft_err check_numbers(const ft_nn_graph *g, const char *path) {
    for (int i = 0; i < g->value_count; i++) {
        const ft_nn_value *v = &g->values[i];
        int32_t odd = 0;
        if (!v->data || v->dtype != FT_F32 || v->role == FT_NN_CONST) continue;
        ft_array a = ft_nn_value_array(v);
        ft_nn_pages_expect(v->data, ft_array_bytes(&a));
        numbers_odd(&odd, v->data, ft_array_count(&a));
        if (odd < 0) return number_refuse(v, ft_array_count(&a), path);
    }
    return FT_OK;
}

static ft_err read_into(ft_nn_network *n, const char *path) {
    const char *file = NULL;
    const kind *k = NULL;
    ft_nn_told told = { 0 };
    FT_TRY(find_file(&file, &k, &n->arena, path));
    FT_TRY(ft_nn_told_read(n, &told, file));
    FT_TRY(k->read(n, file, &told));
    FT_TRY(check_numbers(n->graph, file));
    ft_nn_looks_complete(n, &told);
    return ft_nn_labels_check(n, file);
}

ft_err ft_nn_network_read(ft_nn_network **out, const char *path) {
    *out = NULL;
    ft_nn_network *n = ft_fault_here() ? NULL : calloc(1, sizeof *n);
    if (!n) return FT_FAIL(FT_ENOMEM, "no memory for a network");
    n->arena = (ft_arena)FT_ARENA_INIT((size_t)1 << 30);
    ft_err err = read_into(n, path);
    if (err != FT_OK) {
        ft_nn_network_free(n);
        return err;
    }
    *out = n;
    return FT_OK;
}

void ft_nn_network_free(ft_nn_network *n) {
    if (!n) return;
    ft_nn_graph_free(n->graph);
    ft_arena_fini(&n->arena);
    free(n);
}

/* ---- sizes */

void ft_nn_network_sizes(ft_nn_sizes *out, const ft_nn_network *n) {
    const ft_nn_graph *g = n->graph;
    *out = (ft_nn_sizes){ 0 };
    for (int i = 0; i < g->value_count; i++) {
        const ft_nn_value *v = &g->values[i];
        if (!v->data) continue;
        ft_array a = { .dtype = v->dtype, .ndim = v->ndim, .data = (void *)v->data };
        memcpy(a.shape, v->shape, sizeof a.shape);
        out->weight_bytes += ft_array_bytes(&a);
        /* some exporters write weights as constants of the graph */
        bool weights = v->role != FT_NN_CONST || (ft_nn_is_float(v->dtype) && v->ndim > 0);
        if (weights) out->parameters += ft_array_count(&a);
    }
}
