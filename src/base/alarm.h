/* alarm.h -- a thread's sleep between two looks: until a time, a poke, or the end. By the monotonic
 * clock, so that setting the machine's clock neither stops nor hurries it.
 *
 * Threads: any pokes; each that rests counts with a `seen` of its own, so no poke is lost between a
 * look and the rest after it. */
#ifndef FT_ALARM_H
#define FT_ALARM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FT_ALARM_EVER (-1)

typedef struct ft_alarm {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint64_t pokes;
    bool over;
} ft_alarm;

void ft_alarm_init(ft_alarm *a);
void ft_alarm_fini(ft_alarm *a); /* when nobody rests */
/* Until `us` are over (FT_ALARM_EVER: no time), or it was poked since `*seen` (0 at first). False
 * once it has ended. */
bool ft_alarm_rest(ft_alarm *a, uint64_t *seen, int64_t us);
void ft_alarm_poke(ft_alarm *a);
void ft_alarm_end(ft_alarm *a);

#endif
