/* A job is checked whole before anything of it exists. */
#include "jobs/toy_test.h"

static void test_create_checks(void **state) {
    (void)state;
    world w;
    ft_params *good, *unlucky;
    ft_str name;
    ft_job *jobs;
    size_t count;
    world_begin(&w, "checks");
    EXPECT_OK(params_of(&good, &w.arena, "rounds=3"));
    EXPECT_OK(params_of(&unlucky, &w.arena, "rounds=13"));
    ft_job_channel train = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_job_channel twice[] = { train, train };
    ft_job_channel other = { .name = FT_STR("test"), .path = ft_str_of(data_path) };
    ft_job_channel absent = { .name = FT_STR("train"), .path = FT_STR("/no/such.csv") };
    ft_watch_spec typo = { .rule = FT_STR("LossNotDecreasin") };
    ft_watch_spec value = { .rule = FT_STR("LossNotDecreasing"),
                            .params_json = FT_STR("{\"num_steps\":\"many\"}") };
    ft_str expression = FT_STR("^(unclosed");
    ft_collection bad = { .name = FT_STR("mine"), .include = &expression, .include_count = 1 };
    const struct {
        ft_job_spec spec;
        ft_err want;
        const char *why;
    } cases[] = {
        { { .algorithm = FT_STR("toi") }, FT_ENOTFOUND, "did you mean 'toy'" },
        { { .params = unlucky }, FT_EINVAL, "unlucky" },
        { { .name = FT_STR("-x") }, FT_EINVAL, "'-x'" },
        { { .name = FT_STR("a/../b") }, FT_EINVAL, "letters, digits and hyphens" },
        { { .name = FT_STR("0123456789012345678901234567890123456789012345678901234567890123") },
          FT_EINVAL,
          "1 to 63" },
        { { .channels = &other, .channel_count = 1 }, FT_EINVAL, "needs the channel 'train'" },
        { { .channels = twice, .channel_count = 2 }, FT_EINVAL, "given twice" },
        { { .channels = &absent, .channel_count = 1 }, FT_ENOTFOUND, "/no/such.csv" },
        { { .output_uri = FT_STR("/tmp/x") }, FT_EPARSE, "output" },
        { { .output_uri = FT_STR("s3://nowhere/x") }, FT_ENOTFOUND, "'nowhere'" },
        { { .watches = &typo, .watch_count = 1 }, FT_ENOTFOUND, "LossNotDecreasing" },
        { { .watches = &value, .watch_count = 1 }, FT_EINVAL, "num_steps" },
        { { .collections = &bad, .collection_count = 1 }, FT_EINVAL, "mine" },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        ft_job_spec spec = cases[i].spec;
        if (!spec.algorithm.len) spec.algorithm = FT_STR("toy");
        if (!spec.params) spec.params = good;
        if (!spec.channels) spec.channels = &train, spec.channel_count = 1;
        EXPECT_ERR(cases[i].want, ft_job_create(&name, w.store, &w.arena, &spec));
        EXPECT_WHY(cases[i].why);
    }
    EXPECT_OK(ft_job_list(&jobs, &count, w.store, &w.arena, 100));
    EXPECT(count == 0);
    char folder[400];
    snprintf(folder, sizeof folder, "%s/jobs", home);
    ft_str *names;
    if (ft_file_exists(folder)) {
        EXPECT_OK(ft_dir_list(&names, &count, &w.arena, folder));
        EXPECT(count == 0);
    }
    ft_job_spec spec = {
        .algorithm = FT_STR("toy"), .params = good, .channels = &train, .channel_count = 1
    };
    EXPECT_OK(ft_job_create(&name, w.store, &w.arena, &spec));
    EXPECT(ft_str_starts(name, FT_STR("toy-20")) && name.len == 26);
    spec.name = name;
    EXPECT_ERR(FT_EEXIST, ft_job_create(&name, w.store, &w.arena, &spec));
    ft_job job;
    EXPECT_ERR(FT_ENOTFOUND,
               ft_job_get(&job, w.store, &w.arena, ft_str_slice(name, 0, name.len - 1)));
    EXPECT_WHY("did you mean 'toy-20");
    EXPECT_OK(ft_job_get(&job, w.store, &w.arena, name));
    EXPECT(job.status == FT_JOB_IN_PROGRESS && job.pid == 0 && job.owner_pid == getpid());
    EXPECT_STR("Starting", job.secondary);
    EXPECT(strstr(job.config_json.at, "\"hyperparameters\":{\"rounds\":\"3\"}"));
    EXPECT(strstr(job.config_json.at, "\"loss\":\"falling\""));
    world_end(&w);
}

static void test_create_faults(void **state) {
    (void)state;
    world w;
    char name[32];
    int n = 0;
    ft_job job;
    world_begin(&w, "create-faults");
    EACH_FAULT {
        snprintf(name, sizeof name, "job-%d", n++);
        ft_err err = create_in(w.store, &w.arena, name, "rounds=2", "LossNotDecreasing", "stop");
        ft_fault_off();
        char folder[400];
        snprintf(folder, sizeof folder, "%s/jobs/%s", home, name);
        if (err == FT_OK)
            EXPECT_OK(ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        else
            EXPECT_ERR(FT_ENOTFOUND, ft_job_get(&job, w.store, &w.arena, ft_str_of(name)));
        EXPECT((err == FT_OK) == ft_file_exists(folder));
    }
    EXPECT(n > 20);
    world_end(&w);
}

TOY_MAIN(cmocka_unit_test(test_create_checks), cmocka_unit_test(test_create_faults))
