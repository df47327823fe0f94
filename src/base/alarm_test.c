/* alarm_test.c -- a rest ends with its time, a poke or the end, and no poke is lost. */
#include "base/alarm.h"

#include "base/clock.h"
#include "tests/test.h"

static void test_time(void **state) {
    (void)state;
    ft_alarm a;
    uint64_t seen = 0;
    ft_alarm_init(&a);
    int64_t from = ft_clock_monotonic_us();
    EXPECT(ft_alarm_rest(&a, &seen, 20000));
    EXPECT(ft_clock_monotonic_us() - from >= 20000);
    EXPECT(ft_alarm_rest(&a, &seen, 0));
    ft_alarm_fini(&a);
}

/* Poked before it rests: it does not. Each sleeper has its own count. */
static void test_pokes(void **state) {
    (void)state;
    ft_alarm a;
    uint64_t one = 0, other = 0;
    ft_alarm_init(&a);
    ft_alarm_poke(&a);
    ft_alarm_poke(&a);
    EXPECT(ft_alarm_rest(&a, &one, FT_ALARM_EVER));
    EXPECT(ft_alarm_rest(&a, &other, FT_ALARM_EVER));
    int64_t from = ft_clock_monotonic_us();
    EXPECT(ft_alarm_rest(&a, &one, 10000)); /* both pokes are seen */
    EXPECT(ft_clock_monotonic_us() - from >= 10000);
    ft_alarm_end(&a);
    EXPECT(!ft_alarm_rest(&a, &one, FT_ALARM_EVER));
    EXPECT(!ft_alarm_rest(&a, &one, FT_ALARM_EVER)); /* for good */
    ft_alarm_fini(&a);
}

typedef struct sleeper {
    ft_alarm alarm;
    pthread_mutex_t lock;
    pthread_cond_t woke;
    int rounds;
    bool ended;
} sleeper;

static void *sleep_until_end(void *arg) {
    sleeper *s = arg;
    uint64_t seen = 0;
    for (bool more = true; more;) {
        more = ft_alarm_rest(&s->alarm, &seen, FT_ALARM_EVER);
        pthread_mutex_lock(&s->lock);
        s->rounds++;
        s->ended = !more;
        pthread_cond_signal(&s->woke);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    sleeper s = { .lock = PTHREAD_MUTEX_INITIALIZER, .woke = PTHREAD_COND_INITIALIZER };
    pthread_t thread;
    ft_alarm_init(&s.alarm);
    EXPECT(pthread_create(&thread, NULL, sleep_until_end, &s) == 0);
    for (int i = 1; i <= 100; i++) {
        ft_alarm_poke(&s.alarm);
        pthread_mutex_lock(&s.lock);
        while (s.rounds < i) pthread_cond_wait(&s.woke, &s.lock);
        pthread_mutex_unlock(&s.lock);
    }
    ft_alarm_end(&s.alarm);
    pthread_join(thread, NULL);
    EXPECT(s.ended && s.rounds == 101);
    ft_alarm_fini(&s.alarm);
}

TEST_MAIN(cmocka_unit_test(test_time), cmocka_unit_test(test_pokes), cmocka_unit_test(test_threads))
