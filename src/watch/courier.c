/* courier.c -- see courier.h. */
#include "watch/courier.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "watch/outbox.h"

#define COURIER_LOOK_US (FT_SECOND_US / 2) /* other processes raise alerts too */

struct ft_courier {
    pthread_t thread;
    ft_alarm alarm;
    atomic_bool given_up;
    ft_store *store;
};

static void look(ft_courier *c) {
    int sent = 0, left = 0;
    ft_err err = ft_outbox_run_until(c->store, &sent, &left, &c->given_up);
    if (err != FT_OK) ft_log_err(FT_LOG_WARN, "watch", err, "the outbox did not run");
    ft_err_clear();
    if (sent) ft_log(FT_LOG_INFO, "watch", "%d alerts delivered, %d waiting", sent, left);
}

static void *courier_run(void *self) {
    ft_courier *c = self;
    uint64_t seen = 0;
    bool more;
    do {
        more = ft_alarm_rest(&c->alarm, &seen, COURIER_LOOK_US);
        look(c);
    } while (more);
    return NULL;
}

static void courier_free(ft_courier *c) {
    ft_store_close(c->store);
    ft_alarm_fini(&c->alarm);
    free(c);
}

ft_err ft_courier_start(ft_courier **out, const char *home) {
    ft_err err = FT_OK;
    *out = NULL;
    ft_courier *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory for the outbox's thread");
    ft_alarm_init(&c->alarm);
    FT_GOTO(err, ft_store_open(&c->store, home));
    if (ft_fault_here() || pthread_create(&c->thread, NULL, courier_run, c) != 0)
        FT_GOTO(err, FT_FAIL(FT_EFULL, "cannot start the outbox's thread"));
    *out = c;
    return FT_OK;
done:
    courier_free(c);
    return err;
}

void ft_courier_poke(ft_courier *c) { ft_alarm_poke(&c->alarm); }

void ft_courier_stop(ft_courier *c, bool once_more) {
    if (!c) return;
    atomic_store(&c->given_up, !once_more);
    ft_alarm_end(&c->alarm);
    pthread_join(c->thread, NULL);
    courier_free(c);
}
