/* speakers.c -- the threads that speak: made as they are needed, FT_SPEAKING_THREADS at most. */
#include <signal.h>
#include <stdlib.h>

#include "base/fault.h"
#include "serve/speech/speaking_in.h"

static void *thread_main(void *arg) {
    ft_speakers *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->first && !atomic_load(&s->ending)) {
            s->idle++;
            pthread_cond_wait(&s->work, &s->lock);
            s->idle--;
        }
        ft_speaking *k = s->first;
        if (!k) break;
        s->first = k->next;
        if (!s->first) s->last = &s->first;
        s->queued--;
        pthread_mutex_unlock(&s->lock);
        ft_speaking_run(k);
        pthread_mutex_lock(&s->lock);
    }
    s->threads--;
    pthread_cond_broadcast(&s->over);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* With the lock. */
static void thread_more(ft_speakers *s) {
    pthread_t thread;
    sigset_t every, before;
    if (s->idle >= s->queued || s->threads == FT_SPEAKING_THREADS) return;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    if (pthread_create(&thread, NULL, thread_main, s) == 0) {
        pthread_detach(thread);
        s->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool ft_speakers_take(ft_speakers *s, ft_speaking *k) {
    pthread_mutex_lock(&s->lock);
    *s->last = k;
    s->last = &k->next;
    s->queued++;
    thread_more(s);
    bool good = s->threads > 0;
    if (!good) {
        s->first = NULL;
        s->last = &s->first;
        s->queued = 0;
    }
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    return good;
}

/* ---- life */

ft_err ft_speakers_new(ft_speakers **out, const char *home, ft_speech_recorder *recorder) {
    ft_speakers *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    *out = s;
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a server");
    s->home = home;
    s->recorder = recorder;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->over, NULL);
    return FT_OK;
}

void ft_speakers_free(ft_speakers *s) {
    if (!s) return;
    atomic_store(&s->ending, true);
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->work);
    while (s->threads) pthread_cond_wait(&s->over, &s->lock);
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&s->over);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int ft_speakers_busy(ft_speakers *s) { return atomic_load(&s->alive); }
