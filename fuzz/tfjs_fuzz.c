/* tfjs_fuzz.c -- any bytes as the model.json of a TensorFlow.js model, beside a weight file of 64
 * bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "fuzz/target.h"
#include "nn/import/tfjs.h"

static char folder[64], path[96];

static void put(const char *name, const void *at, size_t bytes) {
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    FT_CHECK(f && fwrite(at, 1, bytes, f) == bytes && fclose(f) == 0);
}

static void clean(void) {
    snprintf(path, sizeof path, "%s/model.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/w.bin", folder);
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_nn_graph *g;
    if (!folder[0]) {
        static const char weights[64] = { 1, 2, 3 };
        snprintf(folder, sizeof folder, "/tmp/fettle-tfjs-XXXXXX");
        FT_CHECK(mkdtemp(folder));
        atexit(clean);
        put("w.bin", weights, sizeof weights);
    }
    put("model.json", data, size);
    ft_err err = ft_nn_tfjs_read(&g, path);
    FT_CHECK(err == FT_OK ? g != NULL : g == NULL && ft_err_why()[0]);
    ft_nn_graph_free(g);
    return 0;
}
