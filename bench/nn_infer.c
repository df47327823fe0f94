/* nn_infer.c -- one network in one process, driven line by line by bench/nn_infer.py, so that ours
 * and the peers run by turns.
 *
 * usage: nn-infer MODEL.onnx INPUT.f32 BATCH HEIGHT WIDTH THREADS f32|bf16 OUTPUT.f32
 * Prints "ready START_MS MEMORY_BYTES" after the first answer, then for each line "N" on its input
 * "CPU_MS WALL_MS" of one of N runs; "why" lists the slowest steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "nn/import/onnx.h"
#include "nn/session.h"

static double now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct bench {
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

static ft_err begin(bench *b, char **argv) {
    ft_nn_graph *g;
    double from = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    FT_TRY(ft_nn_onnx_read(&g, argv[1]));
    FT_TRY(ft_nn_model_new(&b->model, g));
    FT_TRY(input_read(b, argv[2], atol(argv[3]), atol(argv[4]), atol(argv[5])));
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

int main(int argc, char **argv) {
    bench b = { 0 };
    if (argc != 9) {
        fprintf(stderr, "usage: nn-infer MODEL INPUT BATCH HEIGHT WIDTH THREADS f32|bf16 OUTPUT\n");
        return 64;
    }
    ft_err err = begin(&b, argv);
    if (err == FT_OK) err = serve(&b);
    if (err != FT_OK) fprintf(stderr, "%s\n%s", ft_err_why(), ft_err_trail());
    ft_nn_session_free(b.session);
    ft_nn_model_free(b.model);
    ft_arena_fini(&b.arena);
    free(b.in.data);
    return ft_err_exit(err);
}
