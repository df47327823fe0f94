/* taps_test.c -- an endpoint's tensors when things fail: every call of the writing thread once, and
 * a disk that takes no more; the queue's bound, old steps. */
#include "serve/taps.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "tests/test.h"
#include "trials/trial.h"

#define ITEMS 4096

typedef struct shown { /* a model that shows one tensor; its thread rehearses failures */
    ft_model base;
    bool rehearse;
    long round;
    atomic_bool clean; /* a round ran without a failure */
    atomic_bool held, closed;
} shown;

static ft_err shown_predict(const ft_model *base, ft_payload *out, const ft_payload *in,
                            ft_str accept, ft_tap *tap, ft_arena *arena) {
    shown *m = (shown *)(uintptr_t)base;
    static float numbers[ITEMS];
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { ITEMS }, .data = numbers };
    FT_UNUSED(arena), FT_UNUSED(accept);
    while (atomic_load(&m->closed)) sched_yield();
    if (m->rehearse && !atomic_load(&m->clean) && !ft_fault_round(&m->round)) {
        ft_fault_off();
        atomic_store(&m->clean, true);
    }
    if (ft_str_is(in->bytes, "refuse")) return FT_FAIL(FT_EPARSE, "refused");
    for (int i = 0; i < ITEMS; i++) numbers[i] = (float)in->bytes.len;
    if (ft_tap_wants(tap, "x_output_0", 0)) FT_TRY(ft_tap_array(tap, "x_output_0", &a));
    out->bytes = FT_STR("1");
    return FT_OK;
}

static const ft_predictor shown_predictor = { .name = "shown", .predict = shown_predict };

static void let_go(void *held) { atomic_store(&((shown *)held)->held, false); }

static ft_arena arena = FT_ARENA_INIT(0);

static ft_str fresh(const char *name) {
    static int n;
    ft_str path = { 0 };
    EXPECT_OK(ft_arena_printf(&path, &arena, "%s/%s-%d", test_dir(), name, n++));
    return path;
}

static ft_taps *taps_of(shown *m, ft_str uri) {
    ft_taps *t;
    ft_endpoint ep = { .name = FT_STR("e"), .tap_regex = FT_STR(".*"), .tap_uri = uri };
    ep.tap_interval = 1;
    m->base.predictor = &shown_predictor;
    atomic_store(&m->held, true);
    EXPECT_OK(ft_taps_check(&ep));
    EXPECT_OK(ft_taps_new(&t, fresh("home").at, &ep,
                          &(ft_taps_model){ .model = &m->base, .held = m, .release = let_go }));
    return t;
}

/* Offer one, and wait until something became of it. */
static void offer(ft_taps *t, ft_str bytes, ft_str event) {
    ft_taps_told was = ft_taps_tell(t), now;
    ft_payload in = { FT_STR("text/csv"), bytes };
    ft_taps_offer(t, &in, event);
    do {
        sched_yield();
        now = ft_taps_tell(t);
    } while (now.recorded + now.failed + now.lost == was.recorded + was.failed + was.lost);
}

/* Every step that is seen is whole. */
static size_t whole_steps(ft_str uri) {
    ft_trial *t;
    size_t count;
    ft_arena own = FT_ARENA_INIT(0);
    EXPECT_OK(ft_trial_open(&t, NULL, uri));
    EXPECT_OK(ft_trial_refresh(t, NULL));
    const int64_t *steps = ft_trial_steps(t, &count);
    for (size_t i = 0; i < count; i++) {
        ft_array a;
        EXPECT_OK(ft_trial_value(&a, t, &own, FT_STR("x_output_0"), steps[i]));
        EXPECT(ft_array_count(&a) == ITEMS && ((const float *)a.data)[ITEMS - 1] == 3);
    }
    EXPECT(ft_trial_damaged(t) == 0);
    ft_trial_close(t);
    ft_arena_fini(&own);
    return count;
}

static void test_faults(void **state) {
    (void)state;
    shown m = { .rehearse = true };
    ft_str uri = fresh("trial");
    ft_taps *t = taps_of(&m, uri);
    while (!atomic_load(&m.clean)) offer(t, FT_STR("1,2"), FT_STR("event"));
    ft_taps_told told = ft_taps_tell(t);
    EXPECT(told.failed > 3 && told.recorded > 0 && told.lost == 0);
    offer(t, FT_STR("1,2"), FT_STR("event"));
    EXPECT(ft_taps_tell(t).failed == told.failed);
    ft_taps_release(t);
    EXPECT(!atomic_load(&m.held));
    EXPECT(whole_steps(uri) == (size_t)told.recorded + 1);
}

/* A file may grow to nothing, as on a full disk: steps fail and are counted, and go on after. */
static void test_full_disk(void **state) {
    (void)state;
    struct rlimit before, none;
    shown m = { 0 };
    ft_str uri = fresh("trial");
    ft_taps *t = taps_of(&m, uri);
    offer(t, FT_STR("1,2"), FT_STR(""));
    EXPECT(ft_taps_tell(t).recorded == 1);
    signal(SIGXFSZ, SIG_IGN);
    EXPECT(getrlimit(RLIMIT_FSIZE, &before) == 0);
    none = before;
    none.rlim_cur = ITEMS;
    EXPECT(setrlimit(RLIMIT_FSIZE, &none) == 0);
    offer(t, FT_STR("1,2"), FT_STR(""));
    offer(t, FT_STR("1,2"), FT_STR(""));
    EXPECT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    EXPECT(ft_taps_tell(t).recorded == 1 && ft_taps_tell(t).failed == 2);
    EXPECT(whole_steps(uri) == 1);
    offer(t, FT_STR("refuse"), FT_STR("")); /* a request that the model does not take */
    EXPECT(ft_taps_tell(t).failed == 3);
    offer(t, FT_STR("1,2"), FT_STR(""));
    ft_taps_release(t);
    EXPECT(whole_steps(uri) == 2);
}

/* Who takes the trial away gets one that can be read, with the requests since. */
static void test_taken_away(void **state) {
    (void)state;
    shown m = { 0 };
    ft_str uri = fresh("trial");
    ft_taps *t = taps_of(&m, uri);
    for (int i = 0; i < 3; i++) offer(t, FT_STR("1,2"), FT_STR(""));
    EXPECT(whole_steps(uri) == 3);
    EXPECT_OK(ft_dir_remove(uri.at));
    for (int i = 0; i < 2; i++) offer(t, FT_STR("1,2"), FT_STR(""));
    EXPECT(ft_taps_tell(t).failed == 0);
    ft_taps_release(t);
    EXPECT(whole_steps(uri) == 2);
}

static void test_bounds(void **state) {
    (void)state;
    static char large[1 << 20];
    shown m = { 0 };
    ft_str uri = fresh("trial");
    ft_payload in = { FT_STR("text/csv"), ft_str_n(large, sizeof large) };
    ft_taps *t = taps_of(&m, uri);
    atomic_store(&m.closed, true);
    for (int i = 0; i < 80; i++) ft_taps_offer(t, &in, FT_STR(""));
    ft_taps_told told = ft_taps_tell(t);
    EXPECT(told.lost >= 80 - 65 && told.waiting <= 64); /* 64 MB wait, one is at work */
    atomic_store(&m.closed, false);
    ft_taps_release(t); /* what waits is let go */
    m = (shown){ 0 };
    uri = fresh("trial");
    EXPECT(setenv("FETTLE_TAP_KEEP_MB", "1", 1) == 0);
    t = taps_of(&m, uri);
    for (int i = 0; i < 100; i++) offer(t, FT_STR("1,2"), FT_STR(""));
    ft_taps_release(t);
    EXPECT(unsetenv("FETTLE_TAP_KEEP_MB") == 0);
    size_t left = whole_steps(uri);
    EXPECT(left > 50 && left <= (1 << 20) / (ITEMS * sizeof(float)));
}

TEST_MAIN(cmocka_unit_test(test_faults), cmocka_unit_test(test_full_disk),
          cmocka_unit_test(test_taken_away), cmocka_unit_test(test_bounds))
