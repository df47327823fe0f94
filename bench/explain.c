/* explain.c -- FullGrad of one network in one process, driven by bench/explain.py.
 *
 * usage: explain MODEL.pth INPUT.f32 SIDE MAP.f32
 * Prints "ready" after the first map (which is written), then for each line "N" on its input the
 * CPU and wall milliseconds of the fastest of N. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "nn/explain.h"

static double now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef struct bench {
    ft_nn_network *network;
    ft_nn_explainer *e;
    ft_array in;
    ft_arena arena;
} bench;

static ft_err explain(bench *b, ft_nn_explanation *x) {
    ft_arena_reset(&b->arena);
    return ft_nn_explain(x, b->e, &b->in, NULL, &b->arena);
}

static ft_err begin(bench *b, char **argv) {
    ft_nn_explanation x;
    int64_t side = atol(argv[3]);
    size_t items = (size_t)(3 * side * side);
    FT_TRY(ft_nn_network_read(&b->network, argv[1]));
    FT_TRY(ft_nn_explainer_new(&b->e, b->network, 1));
    b->in = (ft_array){ .dtype = FT_F32, .ndim = 4, .shape = { 1, 3, side, side } };
    b->in.data = malloc(items * sizeof(float));
    FILE *f = fopen(argv[2], "rb");
    if (!f || !b->in.data || fread(b->in.data, sizeof(float), items, f) != items)
        return FT_FAIL(FT_EIO, "%s: cannot be read", argv[2]);
    fclose(f);
    FT_TRY(explain(b, &x));
    f = fopen(argv[4], "wb");
    if (!f || fwrite(x.map, sizeof(float), items / 3, f) != items / 3)
        return FT_FAIL(FT_EIO, "%s: cannot be written", argv[4]);
    fclose(f);
    printf("ready %.3g\n", x.incompleteness);
    return FT_OK;
}

static ft_err turn(bench *b, int times) {
    double best[2] = { 1e30, 1e30 };
    for (int i = 0; i < times; i++) {
        ft_nn_explanation x;
        double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID), wall = now_ms(CLOCK_MONOTONIC);
        FT_TRY(explain(b, &x));
        cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        wall = now_ms(CLOCK_MONOTONIC) - wall;
        if (cpu < best[0]) best[0] = cpu;
        if (wall < best[1]) best[1] = wall;
    }
    printf("%.4f %.4f\n", best[0], best[1]);
    return FT_OK;
}

int main(int argc, char **argv) {
    bench b = { 0 };
    int times;
    if (argc != 5) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    ft_err err = begin(&b, argv);
    while (err == FT_OK && scanf("%d", &times) == 1) err = turn(&b, times);
    if (err != FT_OK) fprintf(stderr, "explain: %s\n", ft_err_why());
    ft_nn_explainer_free(b.e);
    ft_nn_network_free(b.network);
    free(b.in.data);
    ft_arena_fini(&b.arena);
    return err != FT_OK;
}
