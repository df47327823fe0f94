/* alarm.c -- see alarm.h. */
#include "base/alarm.h"

#include <time.h>

#include "base/clock.h"

void ft_alarm_init(ft_alarm *a) {
    pthread_condattr_t attr;
    *a = (ft_alarm){ 0 };
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&a->wake, &attr);
    pthread_condattr_destroy(&attr);
}

void ft_alarm_fini(ft_alarm *a) {
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
}

bool ft_alarm_rest(ft_alarm *a, uint64_t *seen, int64_t us) {
    int64_t until_us = ft_clock_monotonic_us() + (us > 0 ? us : 0);
    struct timespec until = { .tv_sec = until_us / FT_SECOND_US,
                              .tv_nsec = until_us % FT_SECOND_US * 1000 };
    int late = us == 0;
    pthread_mutex_lock(&a->lock);
    while (a->pokes == *seen && !a->over && !late) {
        if (us < 0)
            pthread_cond_wait(&a->wake, &a->lock);
        else
            late = pthread_cond_timedwait(&a->wake, &a->lock, &until);
    }
    *seen = a->pokes;
    bool more = !a->over;
    pthread_mutex_unlock(&a->lock);
    return more;
}

static void tell(ft_alarm *a, bool over) {
    pthread_mutex_lock(&a->lock);
    a->pokes++;
    a->over |= over;
    pthread_cond_broadcast(&a->wake);
    pthread_mutex_unlock(&a->lock);
}

void ft_alarm_poke(ft_alarm *a) { tell(a, false); }

void ft_alarm_end(ft_alarm *a) { tell(a, true); }
