/* courier.c -- see courier_in.h. */
#include "watch/courier_in.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "watch/outbox.h"

#define COURIER_LOOK_US (FT_SECOND_US / 2) /* other processes raise alerts too */

struct ft_courier {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool poked, stopping;
    ft_store *store;
};

/* Wait for a poke or the time. False when it is to end. */
static bool courier_wait(ft_courier *c) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += COURIER_LOOK_US * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&c->lock);
    while (!c->poked && !c->stopping)
        if (pthread_cond_timedwait(&c->wake, &c->lock, &until) != 0) break;
    c->poked = false;
    bool more = !c->stopping;
    pthread_mutex_unlock(&c->lock);
    return more;
}

static void *courier_run(void *self) {
    ft_courier *c = self;
    for (bool more = true; more;) {
        int sent, left;
        more = courier_wait(c);
        ft_err err = ft_outbox_run(c->store, &sent, &left);
        if (err != FT_OK) ft_log_err(FT_LOG_WARN, "watch", err, "the outbox did not run");
    }
    return NULL;
}

ft_err ft_courier_start(ft_courier **out, const char *home) {
    ft_err err = FT_OK;
    *out = NULL;
    ft_courier *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for the outbox's thread");
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    FT_GOTO(err, ft_store_open(&c->store, home));
    if (ft_fault_here() || pthread_create(&c->thread, NULL, courier_run, c) != 0)
        FT_GOTO(err, FT_FAIL(FT_EFULL, "cannot start the outbox's thread"));
    *out = c;
    return FT_OK;
done:
    ft_store_close(c->store);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
    return err;
}

static void courier_signal(ft_courier *c, bool stopping) {
    pthread_mutex_lock(&c->lock);
    c->poked = true;
    c->stopping |= stopping;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

void ft_courier_poke(ft_courier *c) { courier_signal(c, false); }

void ft_courier_stop(ft_courier *c) {
    if (!c) return;
    courier_signal(c, true);
    pthread_join(c->thread, NULL);
    ft_store_close(c->store);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
