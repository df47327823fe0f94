/* nn_train.c -- training steps of one network in one process, driven line by line by
 * bench/nn_train.py, so that ours and the peers run by turns.
 *
 * usage: nn-train ARCH BATCH SIDE THREADS f32|bf16
 * Prints "ready", then for each line "N" on its input "CPU_MS WALL_MS LOSS" of one of N steps (SGD
 * with momentum 0.9 at 1e-3, on the same random batch); "why" lists the slowest nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/random.h"
#include "nn/learn/trainer.h"
#include "nn/zoo/zoo.h"

#define CLASSES 1000

static double now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct bench {
    ft_nn_graph *graph;
    ft_nn_trainer *trainer;
    ft_array in;
    int64_t *labels;
    double loss;
} bench;

static ft_err begin(bench *b, char **argv) {
    const ft_nn_arch *arch;
    ft_random random;
    int64_t batch = atol(argv[2]), side = atol(argv[3]);
    ft_random_seed(&random, 1);
    FT_TRY(ft_nn_arch_find(&arch, ft_str_of(argv[1])));
    FT_TRY(ft_nn_arch_build(&b->graph, arch,
                            &(ft_nn_arch_opts){ .classes = CLASSES, .size = (int)side }));
    ft_nn_trainer_opts opts = { .threads = atoi(argv[4]), .optimiser.momentum = 0.9 };
    if (strcmp(argv[5], "bf16") == 0) opts.math = FT_NN_MATH_BF16;
    FT_TRY(ft_nn_trainer_new(&b->trainer, b->graph, &opts));
    b->in =
        (ft_array){ .dtype = FT_F32, .ndim = 4, .shape = { batch, arch->channels, side, side } };
    b->in.data = malloc(ft_array_bytes(&b->in));
    b->labels = calloc((size_t)batch, sizeof *b->labels);
    if (!b->in.data || !b->labels) return FT_FAIL(FT_ENOMEM, "no memory");
    for (int64_t i = 0; i < ft_array_count(&b->in); i++)
        ((float *)b->in.data)[i] = (float)ft_random_normal(&random);
    for (int64_t i = 0; i < batch; i++) b->labels[i] = (int64_t)ft_random_below(&random, CLASSES);
    return FT_OK;
}

static ft_err step(bench *b) {
    ft_nn_told_step told;
    FT_TRY(ft_nn_trainer_step(b->trainer, &b->in, b->labels, 1e-3, &told));
    b->loss = told.loss;
    return FT_OK;
}

static ft_err why(bench *b) {
    ft_buf text = { 0 };
    ft_json_out w;
    ft_nn_gradient *g = ft_nn_trainer_gradient(b->trainer);
    ft_nn_gradient_time(g, true);
    FT_TRY(step(b));
    ft_json_out_init(&w, &text, true);
    ft_json_out_object(&w);
    ft_nn_gradient_describe(g, &w);
    ft_json_out_close(&w);
    printf("%.*s\n", (int)text.len, text.at);
    ft_nn_gradient_time(g, false);
    ft_buf_fini(&text);
    return FT_OK;
}

static ft_err one_line(bench *b, const char *line) {
    if (strncmp(line, "why", 3) == 0) return why(b);
    int n = atoi(line);
    double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID), wall = now_ms(CLOCK_MONOTONIC);
    for (int i = 0; i < n; i++) FT_TRY(step(b));
    cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = now_ms(CLOCK_MONOTONIC) - wall;
    printf("%.3f %.3f %.5f\n", cpu / n, wall / n, b->loss);
    return FT_OK;
}

int main(int argc, char **argv) {
    bench b = { 0 };
    char line[64];
    if (argc != 6) return fprintf(stderr, "usage: nn-train ARCH BATCH SIDE THREADS f32|bf16\n"), 2;
    ft_err err = begin(&b, argv);
    if (err == FT_OK) err = step(&b);
    if (err == FT_OK) printf("ready\n");
    fflush(stdout);
    while (err == FT_OK && fgets(line, sizeof line, stdin)) {
        err = one_line(&b, line);
        fflush(stdout);
    }
    if (err != FT_OK) fprintf(stderr, "nn-train: %s\n", ft_err_why());
    ft_nn_trainer_free(b.trainer);
    ft_nn_graph_free(b.graph);
    free(b.in.data);
    free(b.labels);
    return err == FT_OK ? 0 : 1;
}
