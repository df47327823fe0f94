/* weights_test.c -- weight files that PyTorch, NumPy and others wrote, read back; hostile and
 * damaged ones refused. */
#include "nn/weights.h"

#include <math.h>

#include "base/check.h"
#include "base/files.h"
#include "tests/oracle.h"

static const char *file_of(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* Two tensors as every file here has them: a counts from 0, [2, 3]; b is its transpose, [3, 2]. */
static void expect_pair(const char *file, const char *format, const char *a_name,
                        const char *b_name) {
    ft_nn_weights *w = NULL;
    EXPECT_OK(ft_nn_weights_read(&w, file_of(file)));
    EXPECT(strcmp(w->format, format) == 0);
    const ft_array *a = ft_nn_weights_find(w, ft_str_of(a_name));
    const ft_array *b = ft_nn_weights_find(w, ft_str_of(b_name));
    EXPECT(a && b && a->ndim == 2 && a->shape[0] == 2 && a->shape[1] == 3);
    EXPECT(b->ndim == 2 && b->shape[0] == 3 && b->shape[1] == 2);
    for (int64_t i = 0; i < 6; i++) {
        EXPECT(ft_array_f64(a, i) == (double)i);
        EXPECT(ft_array_f64(b, i) == (double)(i / 2 + i % 2 * 3));
    }
    ft_nn_weights_free(w);
}

static void test_torch(void **state) {
    (void)state;
    double got;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    EXPECT(oracle_ask(
        &got, 1,
        "import torch, collections\n"
        "a = torch.arange(6).float().reshape(2, 3)\n"
        "sd = collections.OrderedDict([('a', a), ('b', a.t()), ('h', a.half()),\n"
        "  ('w', a.bfloat16()), ('n', torch.tensor(7)), ('s', a[1:, 1:])])\n"
        "sd._metadata = {'': {'version': 1}}\n"
        "torch.save(sd, d + 'zip.pt')\n"
        "torch.save(sd, d + 'old.pt', _use_new_zipfile_serialization=False)\n"
        "torch.save({'state_dict': sd, 'epoch': 3, 'loss': 0.25, 'seen': ['x', None, True],\n"
        "  'p': torch.nn.Parameter(a)}, d + 'nested.pt')\n"
        "torch.save(torch.nn.Linear(2, 2), d + 'module.pt')\n"
        "print(1)\n"));
    expect_pair("zip.pt", "torch", "a", "b");
    expect_pair("old.pt", "torch (before 1.6)", "a", "b");
    expect_pair("nested.pt", "torch", "state_dict.a", "state_dict.b");
    expect_pair("nested.pt", "torch", "p", "state_dict.b");
    ft_nn_weights *w = NULL;
    EXPECT_OK(ft_nn_weights_read(&w, file_of("zip.pt")));
    EXPECT(ft_nn_weights_find(w, FT_STR("h"))->dtype == FT_F16);
    EXPECT(ft_nn_weights_find(w, FT_STR("w"))->dtype == FT_BF16);
    EXPECT(ft_array_f64(ft_nn_weights_find(w, FT_STR("w")), 5) == 5);
    EXPECT(ft_nn_weights_find(w, FT_STR("n"))->ndim == 0);
    EXPECT(ft_array_f64(ft_nn_weights_find(w, FT_STR("n")), 0) == 7);
    EXPECT(ft_array_f64(ft_nn_weights_find(w, FT_STR("s")), 1) == 5);
    ft_nn_weights_free(w);
    EXPECT_ERR(FT_EDENIED, ft_nn_weights_read(&w, file_of("module.pt")));
    EXPECT_WHY("nothing is run");
}

/* What a hostile file would run is named and not run. */
static void test_code_is_refused(void **state) {
    (void)state;
    double got;
    if (!oracle_has("torch")) SKIP("no python3-torch");
    EXPECT(oracle_ask(
        &got, 1,
        "import torch, os, zipfile, pickle\n"
        "class Evil:\n"
        "  def __reduce__(self): return (os.system, ('touch ' + d + 'ran',))\n"
        "torch.save({'a': Evil()}, d + 'evil.pt')\n"
        "torch.save({'a': Evil()}, d + 'evil_old.pt', _use_new_zipfile_serialization=False)\n"
        "z = zipfile.ZipFile(d + 'evil4.pt', 'w')\n"
        "z.writestr('x/data.pkl', pickle.dumps({'a': Evil()}, 4)); z.close()\n"
        "print(1)\n"));
    static const char *const names[] = { "evil.pt", "evil_old.pt", "evil4.pt" };
    for (size_t i = 0; i < 3; i++) {
        ft_nn_weights *w = NULL;
        EXPECT_ERR(FT_EDENIED, ft_nn_weights_read(&w, file_of(names[i])));
        EXPECT_WHY("system");
        EXPECT(!w);
    }
    EXPECT(access(file_of("ran"), F_OK) != 0);
}

static void test_others(void **state) {
    (void)state;
    double got;
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    EXPECT(oracle_ask(
        &got, 1,
        "import numpy as np, json, struct\n"
        "a = np.arange(6, dtype=np.float32).reshape(2, 3)\n"
        "b = np.ascontiguousarray(a.T)\n"
        "np.savez(d + 'w.npz', a=a, b=b)\n"
        "np.savez_compressed(d + 'z.npz', a=a, b=b)\n"
        "h = json.dumps({'__metadata__': {'format': 'pt'},\n"
        "  'a': {'dtype': 'F32', 'shape': [2, 3], 'data_offsets': [0, 24]},\n"
        "  'b': {'dtype': 'F32', 'shape': [3, 2], 'data_offsets': [24, 48]}}).encode()\n"
        "open(d + 'w.safetensors', 'wb').write(struct.pack('<Q', len(h)) + h + a.tobytes() +\n"
        "  b.tobytes())\n"
        "def nd(x): return struct.pack('<IiI', 0xf993fac9, 0, x.ndim) + \\\n"
        "  b''.join(struct.pack('<q', n) for n in x.shape) + struct.pack('<iii', 1, 0, 0) + \\\n"
        "  x.tobytes()\n"
        "def old(x): return struct.pack('<I', x.ndim) + \\\n"
        "  b''.join(struct.pack('<I', n) for n in x.shape) + struct.pack('<iii', 1, 0, 0) + \\\n"
        "  x.tobytes()\n"
        "names = b''.join(struct.pack('<Q', len(n)) + n for n in (b'arg:a', b'arg:b'))\n"
        "open(d + 'w.params', 'wb').write(struct.pack('<QQQ', 0x112, 0, 2) + nd(a) + old(b) +\n"
        "  struct.pack('<Q', 2) + names)\n"
        "print(1)\n"));
    expect_pair("w.npz", "npz", "a", "b");
    expect_pair("z.npz", "npz", "a", "b");
    expect_pair("w.safetensors", "safetensors", "a", "b");
    expect_pair("w.params", "mxnet", "arg:a", "arg:b");
}

static void test_shared_bytes(void **state) {
    (void)state;
    char file[300];
    ft_nn_weights *w;
    const char *header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    size_t len = strlen(header);
    memset(file, 0, sizeof file);
    file[0] = (char)len;
    memcpy(file + 8, header, len);
    EXPECT_ERR(FT_ECORRUPT, ft_nn_weights_parse(&w, ft_str_n(file, 8 + len + 2)));
    EXPECT_WHY("2 bytes behind the header, its tensors take 4");
}

/* Cut at any byte, or with one byte changed: an error or the same tensors, never a crash. */
static void test_damaged(void **state) {
    (void)state;
    static const char *const names[] = { "w.npz", "w.safetensors", "w.params", "zip.pt", "old.pt" };
    for (size_t n = 0; n < FT_COUNT(names); n++) {
        ft_arena arena = FT_ARENA_INIT(4 << 20);
        ft_str bytes = { 0 };
        if (access(file_of(names[n]), R_OK) != 0) continue;
        EXPECT_OK(ft_file_read(&bytes, &arena, file_of(names[n]), 1 << 20));
        char *copy = malloc(bytes.len);
        for (size_t len = 0; len < bytes.len; len++) {
            ft_nn_weights *w = NULL;
            memcpy(copy, bytes.at, len);
            ft_err err = ft_nn_weights_parse(&w, ft_str_n(copy, len));
            EXPECT(err != FT_OK || w);
            ft_nn_weights_free(w);
        }
        for (size_t i = 0; i < bytes.len; i++) {
            ft_nn_weights *w = NULL;
            memcpy(copy, bytes.at, bytes.len);
            copy[i] = (char)(copy[i] ^ (1 << i % 8));
            ft_err err = ft_nn_weights_parse(&w, ft_str_n(copy, bytes.len));
            EXPECT(err != FT_OK || w);
            ft_nn_weights_free(w);
        }
        free(copy);
        ft_arena_fini(&arena);
    }
}

/* A few hundred bytes of lists that hold each other 16 times over, 15 deep: no walk of all ways. */
static void test_shared_lists(void **state) {
    (void)state;
    ft_buf b = { 0 };
    ft_nn_weights *w = NULL;
    ft_buf_add(&b, FT_STR("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."));
    ft_buf_add(&b, FT_STR("N.N.]q"));
    ft_buf_byte(&b, 0);
    for (int level = 1; level < 16; level++) {
        ft_buf_add(&b, FT_STR("]q"));
        ft_buf_byte(&b, (char)level);
        ft_buf_byte(&b, '(');
        for (int i = 0; i < 16; i++) {
            ft_buf_byte(&b, 'h');
            ft_buf_byte(&b, (char)(level - 1));
        }
        ft_buf_byte(&b, 'e');
    }
    ft_buf_add(&b, FT_STR(".](X\x01\0\0\0ke."));
    EXPECT_ERR(FT_ETOOBIG, ft_nn_weights_parse(&w, ft_buf_str(&b)));
    EXPECT_WHY("too many times");
    ft_buf_fini(&b);
}

/* A locator of a 64-bit record in a file too short for one. */
static void test_short_zip(void **state) {
    (void)state;
    ft_buf b = { 0 };
    ft_nn_weights *w = NULL;
    ft_buf_add(&b, FT_STR("PK\3\4-----PK\6\7\0\0\0\0\0\0\0\0\0\0\0\x40\1\0\0\0"));
    ft_buf_add(&b, FT_STR("PK\5\6\0\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\0\0"));
    EXPECT(b.len > 42 && b.len < 56);
    EXPECT_ERR(FT_ECORRUPT, ft_nn_weights_parse(&w, ft_buf_str(&b)));
    ft_buf_fini(&b);
}

static void test_load_by_name(void **state) {
    (void)state;
    float weight[4] = { 0 }, bias[2] = { 0 }, mean[2] = { 0 }, scale[2] = { 7, 7 };
    double file_weight[4] = { 1, 2, 3, 4 };
    float file_bias[2] = { 5, 6 }, file_mean[3] = { 0 };
    ft_nn_graph *g = NULL;
    ft_nn_weights w = { .arena = FT_ARENA_INIT(1 << 20) };
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    ft_nn_match match;
    int v;
    EXPECT_OK(ft_nn_graph_new(&g, FT_STR("g")));
    ft_array a = { .dtype = FT_F32, .ndim = 2, .shape = { 2, 2 }, .data = weight };
    EXPECT_OK(ft_nn_data(&v, g, FT_STR("layer1.0.fc.weight"), FT_NN_WEIGHT, &a, true));
    a = (ft_array){ .dtype = FT_F32, .ndim = 1, .shape = { 2 }, .data = bias };
    EXPECT_OK(ft_nn_data(&v, g, FT_STR("bn1.bias"), FT_NN_WEIGHT, &a, true));
    a.data = mean;
    EXPECT_OK(ft_nn_data(&v, g, FT_STR("bn1.running_mean"), FT_NN_STATE, &a, true));
    a.data = scale;
    EXPECT_OK(ft_nn_data(&v, g, FT_STR("bn1.weight"), FT_NN_WEIGHT, &a, true));
    a = (ft_array){ .dtype = FT_F64, .ndim = 2, .shape = { 2, 2 }, .data = file_weight };
    EXPECT_OK(ft_nn_weights_add(&w, FT_STR("module.layers1.0.fc.weight"), &a));
    a = (ft_array){ .dtype = FT_F32, .ndim = 1, .shape = { 2 }, .data = file_bias };
    EXPECT_OK(ft_nn_weights_add(&w, FT_STR("bn1.beta"), &a));
    a = (ft_array){ .dtype = FT_F32, .ndim = 1, .shape = { 3 }, .data = file_mean };
    EXPECT_OK(ft_nn_weights_add(&w, FT_STR("bn1.running_mean"), &a));
    EXPECT_OK(ft_nn_weights_add(&w, FT_STR("bn1.num_batches_tracked"), &a));
    EXPECT_OK(ft_nn_weights_load(&match, g, &w, &arena));
    EXPECT(match.loaded == 2 && match.missing_count == 1 && match.shaped_count == 1);
    EXPECT_STR("bn1.weight", match.missing[0]);
    EXPECT_STR("bn1.running_mean: file [3], model [2]", match.shaped[0]);
    EXPECT(match.unused_count == 1);
    const float *got = g->values[ft_nn_value_find(g, FT_STR("layer1.0.fc.weight"))].data;
    EXPECT(got[0] == 1 && got[3] == 4);
    got = g->values[ft_nn_value_find(g, FT_STR("bn1.bias"))].data;
    EXPECT(got[1] == 6);
    ft_nn_graph_free(g);
    ft_arena_fini(&arena);
    ft_arena_fini(&w.arena);
}

static void test_faults(void **state) {
    (void)state;
    if (access(file_of("zip.pt"), R_OK) != 0) SKIP("no python3-torch");
    EACH_FAULT {
        ft_nn_weights *w = NULL;
        ft_err err = ft_nn_weights_read(&w, file_of("zip.pt"));
        EXPECT(err == FT_OK ? w != NULL : w == NULL);
        ft_nn_weights_free(w);
    }
}

TEST_MAIN(cmocka_unit_test(test_torch), cmocka_unit_test(test_code_is_refused),
          cmocka_unit_test(test_others), cmocka_unit_test(test_shared_bytes),
          cmocka_unit_test(test_damaged), cmocka_unit_test(test_load_by_name),
          cmocka_unit_test(test_faults), cmocka_unit_test(test_shared_lists),
          cmocka_unit_test(test_short_zip))
