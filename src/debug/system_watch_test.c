/* Samples beside a job: at its start, while it runs, at its end; every failing call. */
#include "debug/system_watch.h"

#include "base/clock.h"
#include "debug/hook.h"
#include "debug/system_usage.h"
#include "tests/test.h"

static const ft_stream_kind *const kinds[] = { &ft_kind_metric, &ft_kind_system, NULL };

static ft_store *store(ft_arena *arena) {
    ft_store *s;
    ft_str home;
    ft_streams_use(kinds);
    EXPECT_OK(ft_arena_printf(&home, arena, "%s/home", test_dir()));
    EXPECT_OK(ft_store_open(&s, home.at));
    return s;
}

static void test_samples(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_store *s = store(&arena);
    ft_system_usage u;
    ft_system_watch *w;
    int64_t began = ft_clock_monotonic_us();
    EXPECT_OK(ft_system_watch_new(&w, s, FT_STR("job")));
    while (ft_clock_monotonic_us() - began < 500000) { /* due after 125 and 375 ms */
        EXPECT_OK(ft_system_watch_look(w));
        ft_clock_sleep_us(5000);
    }
    EXPECT_OK(ft_system_watch_end(w));
    EXPECT_OK(ft_system_usage_read(&u, s, &arena, FT_STR("job")));
    EXPECT(u.points >= 3 && u.points <= 4);
    for (size_t i = 1; i < u.points; i++) {
        EXPECT(u.time_us[i] > u.time_us[i - 1]);
        EXPECT(u.values[FT_SYSTEM_CPU][i] >= 0 && u.values[FT_SYSTEM_CPU][i] <= 100);
        EXPECT(u.values[FT_SYSTEM_CPU_MEMORY][i] > 0 && u.values[FT_SYSTEM_CPU_MEMORY][i] < 100);
        EXPECT(u.values[FT_SYSTEM_DISK][i] >= 0 && u.values[FT_SYSTEM_NETWORK][i] >= 0);
    }
    EXPECT_OK(ft_system_watch_end(NULL));
    ft_store_close(s);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_store *s = store(&arena);
    EACH_FAULT {
        ft_system_watch *w;
        if (ft_system_watch_new(&w, s, FT_STR("other")) == FT_OK) {
            ft_system_watch_look(w);
            ft_system_watch_end(w);
        }
    }
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_samples), cmocka_unit_test(test_faults))
