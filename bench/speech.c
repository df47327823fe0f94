/* speech.c -- how soon and how steadily speech comes, in one process as a server has it.
 *
 *     speech warm VOICE RUNS           ms until the first bytes of a sentence, engines opened
 *     speech cpu VOICE                 CPU seconds for a second of speech
 *     speech parallel VOICE THREADS    the worst gap in ms when all speak at once
 *
 * A text comes on standard input. Numbers, one a line, go to standard output. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "speech/espeak.h"
#include "speech/speech.h"

#define THREADS_MAX 64

static char text[1 << 16];

typedef struct listener {
    int64_t began_us, first_us;
    double heard_s, gap_s; /* how far the sound came too late, at worst */
    ft_speech_told told;
    const char *voice;
    ft_err err;
} listener;

static ft_err on_audio(void *ctx, ft_str bytes) {
    listener *l = ctx;
    int64_t now = ft_clock_monotonic_us();
    if (!l->first_us) l->first_us = now;
    double late = (double)(now - l->first_us) / 1e6 - l->heard_s;
    if (late > l->gap_s) l->gap_s = late;
    l->heard_s += (double)bytes.len / 2 / 16000;
    return FT_OK;
}

static void *listen_to(void *ctx) {
    listener *l = ctx;
    ft_arena arena = FT_ARENA_INIT(256 << 20);
    ft_speech_request r = { .text = ft_str_of(text),
                            .voice = ft_str_of(l->voice),
                            .format = ft_audio_format_find(FT_STR("pcm")) };
    ft_speech_sink to = { .audio = on_audio, .ctx = l };
    l->began_us = ft_clock_monotonic_us();
    l->err = ft_speech_speak(&l->told, &r, &to, NULL, &arena);
    if (l->err) fprintf(stderr, "%s\n", ft_err_why());
    ft_arena_fini(&arena);
    return NULL;
}

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int warm(const char *voice, int runs) {
    for (int i = -2; i < runs; i++) { /* two to warm up */
        listener l = { .voice = voice };
        listen_to(&l);
        if (l.err) return 1;
        if (i >= 0) printf("%.3f\n", (double)(l.first_us - l.began_us) / 1e3);
    }
    return 0;
}

static int cpu(const char *voice) {
    listener l = { .voice = voice };
    listen_to(&l);
    double began = cpu_s();
    listener again = { .voice = voice };
    listen_to(&again);
    printf("%.6f\n", (cpu_s() - began) / again.heard_s);
    return l.err || again.err;
}

static int parallel(const char *voice, int threads) {
    pthread_t ids[THREADS_MAX];
    listener all[THREADS_MAX];
    double worst = 0, first = 0;
    for (int i = 0; i < threads; i++) {
        all[i] = (listener){ .voice = voice };
        if (pthread_create(&ids[i], NULL, listen_to, &all[i])) return 1;
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        if (all[i].err) return 1;
        double ms = (double)(all[i].first_us - all[i].began_us) / 1e3;
        if (all[i].gap_s > worst) worst = all[i].gap_s;
        if (ms > first) first = ms;
    }
    printf("%.3f\n%.3f\n", worst * 1e3, first);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "run-espeak") == 0) return ft_espeak_serve(0) != FT_OK;
    if (argc < 3) return 2;
    int number = argc > 3 ? atoi(argv[3]) : 1;
    size_t len = fread(text, 1, sizeof text - 1, stdin);
    if (len == 0 || number < 1 || number > THREADS_MAX) return 2;
    if (strcmp(argv[1], "warm") == 0) return warm(argv[2], number);
    if (strcmp(argv[1], "cpu") == 0) return cpu(argv[2]);
    return strcmp(argv[1], "parallel") == 0 ? parallel(argv[2], number) : 2;
}
