/* loader_metrics_test.c -- from the loader to the alert: a job's loader shows its stages through
 * the hook, they become the stream "metric", and LoaderStarved says that the job waits for its
 * data. */
#include <time.h>

#include "base/check.h"
#include "data/loader.h"
#include "debug/hook.h"
#include "debug/system_watch.h"
#include "debug/training_report.h"
#include "rules/rule.h"
#include "streams/stream.h"
#include "tests/test.h"

static const ft_stream_kind *const kinds[] = { &ft_kind_metric, &ft_kind_tensor, &ft_kind_system,
                                               NULL };
static const ft_rule *const rules[] = { &ft_rule_loader_starved, NULL };

/* ---- a set whose records take a while */
static int wait_us;
static float number;
static ft_array value = { .dtype = FT_F32, .data = &number };
static const ft_field fields[] = { { .name = { "value", 5 }, .dtype = FT_F32 } };

static void sleep_us(int us) {
    struct timespec t = { 0, us * 1000 };
    nanosleep(&t, NULL);
}
static ft_err reader_open(void **reader, void *self, const int *wanted, size_t count) {
    (void)self, (void)wanted, (void)count;
    *reader = &value;
    return FT_OK;
}
static void reader_close(void *reader) { (void)reader; }
static ft_err reader_read(ft_sample *out, void *reader, uint64_t record) {
    sleep_us(wait_us);
    *out = (ft_sample){ .values = reader, .value_count = 1, .record = record };
    return FT_OK;
}
static uint64_t reader_id(const ft_sample *s) { return s->record; }

/* A job of 40 steps that work 2 ms each; the loader shows itself at every fourth. */
static void train(ft_store *s, ft_str job, int record_us) {
    ft_hook *h;
    ft_loader *l;
    ft_batch *b;
    ft_str uri;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_feed feed = { .fields = fields,
                     .field_count = 1,
                     .count = 80,
                     .random = true,
                     .place = FT_FEED_NETWORK,
                     .open = reader_open,
                     .close = reader_close,
                     .read = reader_read,
                     .id = reader_id };
    wait_us = record_us;
    EXPECT_OK(ft_arena_printf(&uri, &arena, "%s/trial-%.*s", test_dir(), FT_STR_ARG(job)));
    EXPECT_OK(ft_hook_new(&h, s, &(ft_hook_opts){ .uri = uri, .job = job }));
    EXPECT_OK(ft_loader_open(&l, &feed, &(ft_loader_spec){ .batch = 2, .workers = 1 }));
    for (int64_t step = 0; ft_loader_next(&b, l) == FT_OK; step++) {
        ft_tap *tap = ft_hook_tap(h);
        EXPECT_OK(ft_tap_begin(tap, step));
        EXPECT_OK(ft_tap_scalar(tap, "train-loss", 1));
        if (step % 4 == 3) EXPECT_OK(ft_loader_emit(l, tap));
        EXPECT_OK(ft_tap_end(tap, step));
        sleep_us(2000);
        ft_batch_release(b);
    }
    ft_loader_free(l);
    EXPECT_OK(ft_hook_finish(h));
    ft_hook_free(h);
    ft_arena_fini(&arena);
}

static ft_verdict judge(ft_store *s, ft_str job, ft_arena *arena) {
    ft_params *p;
    ft_verdict v = { 0 };
    EXPECT_OK(ft_params_new(&p, arena, ft_rule_loader_starved.params));
    ft_rule_input in = {
        .at = 39, .store = s, .kind = &ft_kind_metric, .key = job, .arena = arena
    };
    EXPECT_OK(ft_rule_loader_starved.evaluate(NULL, p, &in, &v));
    return v;
}

/* The job's report draws the stages, and the machine beside them. */
static void expect_drawn(ft_store *s, ft_str job, ft_arena *arena) {
    ft_str uri;
    ft_buf html = { 0 };
    ft_system_usage usage;
    ft_system_watch *w;
    EXPECT_OK(ft_system_watch_new(&w, s, job));
    sleep_us(30000);
    EXPECT_OK(ft_system_watch_end(w));
    EXPECT_OK(ft_system_usage_read(&usage, s, arena, job));
    EXPECT(usage.points == 2 && usage.values[FT_SYSTEM_CPU] && usage.values[FT_SYSTEM_DISK]);
    EXPECT_OK(ft_arena_printf(&uri, arena, "%s/trial-%.*s", test_dir(), FT_STR_ARG(job)));
    ft_training_report_opts o = { .job = job, .trial_uri = uri, .usage = &usage };
    EXPECT_OK(ft_training_report(&html, s, &o));
    EXPECT_OK(ft_buf_byte(&html, 0));
    EXPECT(strstr(html.at, "What batches waited for"));
    EXPECT(strstr(html.at, "Of a batch's stages, network took longest") ||
           strstr(html.at, "Of a batch&#39;s stages, network took longest"));
    EXPECT(strstr(html.at, "The machine meanwhile") && strstr(html.at, "MB/s"));
    ft_buf_fini(&html);
}

static void test_starved_and_not(void **state) {
    (void)state;
    ft_store *s;
    ft_str home;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_streams_use(kinds);
    ft_rules_use(rules);
    EXPECT_OK(ft_arena_printf(&home, &arena, "%s/home", test_dir()));
    EXPECT_OK(ft_store_open(&s, home.at));
    train(s, FT_STR("starved"), 4000); /* 8 ms a batch for a step of 2 */
    ft_verdict v = judge(s, FT_STR("starved"), &arena);
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT(strstr(v.reason.at, "the dearest stage of a batch is network"));
    print_message("# %s\n", v.reason.at);
    expect_drawn(s, FT_STR("starved"), &arena);
    v.outcome = FT_ISSUE;
    for (int i = 0; i < 5 && v.outcome == FT_ISSUE; i++) { /* a busy machine may starve it, truly */
        ft_str job;
        EXPECT_OK(ft_arena_printf(&job, &arena, "fed-%d", i));
        train(s, job, 0);
        v = judge(s, job, &arena);
    }
    EXPECT(v.outcome == FT_NO_ISSUE);
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_starved_and_not))
