/* nn_infer.c -- one network in one process, driven line by line by bench/nn_infer.py, so that ours
 * and the peers run by turns.
 *
 * usage: nn-infer MODEL INPUT.f32 BATCH HEIGHT WIDTH THREADS f32|bf16 OUTPUT.f32
 *        nn-infer MODEL write FILE.onnx
 * MODEL is whatever `fettle run` takes. A network that takes channels-last pictures gets the
 * numbers as pixels: 128 + 50 x, in its own type. Prints "ready START_MS MEMORY_BYTES" after the
 * first answer, then for each line "N" on its input "CPU_MS WALL_MS" of one of N runs; "why" lists
 * the slowest steps. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/files.h"
#include "nn/import/onnx.h"
#include "nn/network.h"
#include "nn/session.h"

static double now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct bench {
    ft_nn_network *network;
    ft_nn_model *model;
    ft_nn_session *session;
    ft_arena arena;
    ft_array in, out[8];
} bench;

static ft_err input_read(bench *b, const char *path, int64_t batch, int64_t height, int64_t width) {
    b->in = (ft_array){ .dtype = FT_F32, .ndim = 4, .shape = { batch, 3, height, width } };
    size_t bytes = (size_t)(batch * 3 * height * width) * 4;
    b->in.data = malloc(bytes);
    FILE *f = fopen(path, "rb");
    if (!f || !b->in.data || fread(b->in.data, 1, bytes, f) != bytes)
        return FT_FAIL(FT_EIO, "%s: cannot be read", path);
    fclose(f);
    return FT_OK;
}

/* As the graph has it: channels last, as pixels. */
static void input_turn(bench *b, const ft_nn_graph *g) {
    const ft_nn_value *v = &g->values[g->inputs[0]];
    float *x = b->in.data;
    if (v->ndim != 4 || v->shape[3] != 3) return;
    int64_t count = ft_array_count(&b->in), height = b->in.shape[2], width = b->in.shape[3];
    b->in = (ft_array){
        .dtype = v->dtype, .ndim = 4, .shape = { b->in.shape[0], height, width, 3 }, .data = x
    };
    for (int64_t i = 0; i < count; i++) {
        x[i] = fminf(fmaxf(128 + 50 * x[i], 0), 255);
        if (v->dtype == FT_I32) ((int32_t *)b->in.data)[i] = (int32_t)x[i];
    }
}

static ft_err begin(bench *b, char **argv) {
    double from = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    FT_TRY(ft_nn_network_read(&b->network, argv[1]));
    ft_nn_graph *g = b->network->graph;
    b->network->graph = NULL;
    FT_TRY(ft_nn_model_new(&b->model, g));
    FT_TRY(input_read(b, argv[2], atol(argv[3]), atol(argv[4]), atol(argv[5])));
    input_turn(b, g);
    ft_nn_math math = strcmp(argv[7], "bf16") == 0 ? FT_NN_MATH_BF16 : FT_NN_MATH_F32;
    FT_TRY(ft_nn_session_new(&b->session, b->model,
                             &(ft_nn_session_opts){ .threads = atoi(argv[6]), .math = math }));
    FT_TRY(ft_nn_run(b->session, &b->in, b->out, &b->arena, NULL));
    printf("ready %.3f\n", now_ms(CLOCK_PROCESS_CPUTIME_ID) - from);
    FILE *f = fopen(argv[8], "wb");
    if (!f ||
        fwrite(b->out[0].data, 1, ft_array_bytes(&b->out[0]), f) != ft_array_bytes(&b->out[0]))
        return FT_FAIL(FT_EIO, "%s: cannot be written", argv[8]);
    fclose(f);
    return FT_OK;
}

static ft_err why(bench *b) {
    ft_buf text = { 0 };
    ft_json_out w;
    ft_nn_session_time(b->session, true);
    FT_TRY(ft_nn_run(b->session, &b->in, b->out, &b->arena, NULL));
    FT_TRY(ft_nn_run(b->session, &b->in, b->out, &b->arena, NULL));
    ft_nn_session_time(b->session, false);
    ft_json_out_init(&w, &text, true);
    ft_json_out_object(&w);
    ft_nn_session_describe(b->session, &w);
    ft_json_out_close(&w);
    puts(text.at);
    ft_buf_fini(&text);
    return FT_OK;
}

static ft_err serve(bench *b) {
    char line[64];
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int runs = atoi(line);
        if (strncmp(line, "why", 3) == 0) FT_TRY(why(b));
        double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID), wall = now_ms(CLOCK_MONOTONIC);
        for (int i = 0; i < runs; i++) {
            ft_arena_reset(&b->arena);
            FT_TRY(ft_nn_run(b->session, &b->in, b->out, &b->arena, NULL));
        }
        if (runs)
            printf("%.4f %.4f\n", (now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu) / runs,
                   (now_ms(CLOCK_MONOTONIC) - wall) / runs);
        fflush(stdout);
    }
    return FT_OK;
}

static ft_err write_onnx(bench *b, const char *model, const char *path) {
    ft_buf bytes = { 0 };
    FT_TRY(ft_nn_network_read(&b->network, model));
    ft_err err = ft_nn_onnx_write(&bytes, b->network->graph);
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&bytes), false);
    ft_buf_fini(&bytes);
    return err;
}

int main(int argc, char **argv) {
    bench b = { 0 };
    bool writes = argc == 4 && strcmp(argv[2], "write") == 0;
    if (argc != 9 && !writes) {
        fprintf(stderr, "usage: nn-infer MODEL INPUT BATCH HEIGHT WIDTH THREADS f32|bf16 OUTPUT\n");
        return 64;
    }
    ft_err err = writes ? write_onnx(&b, argv[1], argv[3]) : begin(&b, argv);
    if (err == FT_OK && !writes) err = serve(&b);
    if (err != FT_OK) fprintf(stderr, "%s\n%s", ft_err_why(), ft_err_trail());
    ft_nn_session_free(b.session);
    ft_nn_model_free(b.model);
    ft_nn_network_free(b.network);
    ft_arena_fini(&b.arena);
    free(b.in.data);
    return ft_err_exit(err);
}
