/* system_usage_test.c -- samples of this machine, and the profiler's rules over made-up ones. */
#include "debug/system_usage.h"

#include <math.h>

#include "base/json.h"
#include "debug/hook.h"
#include "debug/system_report.h"
#include "debug/system_sample.h"
#include "tests/test.h"

static const ft_stream_kind *const kinds[] = { &ft_kind_metric, &ft_kind_system, NULL };

static void test_this_machine(void **state) {
    static ft_system_value values[FT_SYSTEM_VALUES_MAX];
    ft_system_sampler *s;
    size_t count;
    (void)state;
    EXPECT_OK(ft_system_sampler_new(&s));
    EXPECT_OK(ft_system_sample(s, values, &count));
    EXPECT(count >= 1 && strcmp(values[0].name, "MemoryUsedPercent") == 0);
    volatile double work = 1;
    for (int i = 0; i < 30000000; i++) work += 1 / work;
    EXPECT_OK(ft_system_sample(s, values, &count));
    int cpus = 0;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        EXPECT(isfinite(values[i].value) && values[i].value >= 0);
        if (strcmp(values[i].dimension, "CPUUtilization") != 0) continue;
        cpus++;
        EXPECT(values[i].value <= 100.001);
        if (values[i].value > most) most = values[i].value;
    }
    EXPECT(cpus == sysconf(_SC_NPROCESSORS_ONLN) || cpus > 0);
    EXPECT(most > 0); /* it was busy just now */
    ft_system_sampler_free(s);
}

static ft_store *s;

static void put(ft_stream_writer *w, int64_t at_us, const char *type, const char *name,
                const char *dimension, double value) {
    ft_value v[FT_SYSTEM_COLUMNS] = { ft_value_int(at_us), ft_value_text(ft_str_of(type)),
                                      ft_value_text(ft_str_of(name)),
                                      ft_value_text(ft_str_of(dimension)), ft_value_f64(value) };
    EXPECT_OK(ft_stream_append(w, v));
}

/* 200 samples of a job whose device idles while two processors work, but for the first 100. */
static void write_job(void) {
    ft_stream_writer *w;
    ft_streams_use(kinds);
    EXPECT_OK(ft_store_open(&s, test_dir()));
    EXPECT_OK(ft_stream_write(&w, s, &ft_kind_system, FT_STR("j"), NULL));
    for (int64_t i = 0; i < 200; i++) {
        int64_t at_us = 1000000 * (1000 + i);
        put(w, at_us, "cpu", "cpu0", "CPUUtilization", i < 100 ? 10 : 99);
        put(w, at_us, "cpu", "cpu1", "CPUUtilization", i < 100 ? 30 : 95);
        put(w, at_us, "gpu", "gpu0", "GPUUtilization", i < 100 ? 90 : 5);
        put(w, at_us, "network", "ReceiveBytesPerSecond", "Algorithm", 7);
        put(w, at_us, "network", "TransmitBytesPerSecond", "Algorithm", 3);
    }
    EXPECT_OK(ft_stream_close(w));
}

static ft_system_verdict judged(const ft_system_usage *u, const char *rule, const char *params,
                                ft_arena *arena) {
    ft_system_verdict v;
    EXPECT_OK(
        ft_system_rule_run(&v, ft_system_rule_find(ft_str_of(rule)), u, ft_str_of(params), arena));
    return v;
}

static void test_rules(void **state) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_system_usage u;
    ft_system_summary sum;
    ft_buf out = { 0 };
    (void)state;
    write_job();
    EXPECT_OK(ft_system_usage_read(&u, s, &arena, FT_STR("j")));
    EXPECT(u.points == 200 && u.values[FT_SYSTEM_CPU][0] == 20 &&
           u.values[FT_SYSTEM_CPU][199] == 97);
    EXPECT(u.values[FT_SYSTEM_NETWORK][5] == 10 && !u.values[FT_SYSTEM_IO]);
    EXPECT(ft_system_summary_of(&sum, &u, FT_SYSTEM_GPU, &arena) && sum.max == 90 && sum.min == 5);
    EXPECT(!ft_system_summary_of(&sum, &u, FT_SYSTEM_IO, &arena));
    ft_system_verdict v = judged(&u, "CPUBottleneck", "{}", &arena);
    EXPECT(v.fired && v.points == 100 && v.violations == 100); /* past the patience of 100 */
    v = judged(&u, "CPUBottleneck", "{\"patience\":\"0\",\"threshold\":\"50\"}", &arena);
    EXPECT(!v.fired && v.points == 200 &&
           v.violations == 100); /* half of them is not more than half */
    v = judged(&u, "CPUBottleneck", "{\"CPUBottleneck_cpu_threshold\":\"98\"}", &arena);
    EXPECT(!v.fired && v.violations == 0);
    EXPECT(strstr(v.params.at, "cpu_threshold:98"));
    v = judged(&u, "LowGPUUtilization", "{\"patience\":\"100\",\"window\":\"50\"}", &arena);
    EXPECT(v.fired && v.violations == 2 && v.points == 2);
    EXPECT(!judged(&u, "IOBottleneck", "{}", &arena).measured);
    u.started_us = 1, u.loop_us = 1 + 21 * 60 * (int64_t)1000000;
    EXPECT(judged(&u, "MaxInitializationTime", "{}", &arena).fired);
    EXPECT(!judged(&u, "MaxInitializationTime", "{\"threshold\":\"22\"}", &arena).fired);
    double steps[40];
    for (int i = 0; i < 40; i++) steps[i] = i == 7 ? 9 : 1;
    u.step_s = steps, u.step_count = 40;
    EXPECT(judged(&u, "StepOutlier", "{\"n_outliers\":\"0\"}", &arena).fired);
    EXPECT(!judged(&u, "StepOutlier", "{}", &arena).fired);
    EXPECT(!ft_system_rule_find(FT_STR("Nothing")));
    v = judged(&u, "OverallSystemUsage", "{}", &arena);
    EXPECT_OK(ft_system_rule_json(&out, ft_system_rule_find(FT_STR("OverallSystemUsage")), &v, &u,
                                  &arena));
    ft_str cpu;
    EXPECT_OK(ft_json_find(&cpu, ft_buf_str(&out), "Details.CPU.algo-1.max"));
    EXPECT_STR("97", cpu);
    ft_buf_reset(&out);
    EXPECT_OK(ft_system_report(&out, &(ft_system_report_opts){ .job = FT_STR("j"),
                                                               .status = FT_STR("Completed"),
                                                               .usage = &u }));
    ft_buf_byte(&out, '\0');
    EXPECT(strstr(out.at, "Rules Summary") && strstr(out.at, "CPUBottleneck") &&
           strstr(out.at, "Step Durations") && !strstr(out.at, "nan"));
    ft_buf_fini(&out);
    EXPECT_OK(ft_system_usage_read(&u, s, &arena, FT_STR("nobody")));
    EXPECT(u.points == 0 && u.step_count == 0);
    EACH_FAULT {
        ft_arena once = FT_ARENA_INIT(0);
        ft_err err = ft_system_usage_read(&u, s, &once, FT_STR("j"));
        EXPECT(err != FT_OK || u.points == 200);
        ft_arena_fini(&once);
    }
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_this_machine), cmocka_unit_test(test_rules))
