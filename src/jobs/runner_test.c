/* Jobs that a server's requests made: started, logged, archived, stopped with the server. */
#include "data/tar.h"
#include "jobs/log.h"
#include "jobs/runner.h"
#include "jobs/toy_test.h"

#define WAIT_US (20 * FT_SECOND_US)

static ft_job waited(world *w, const char *name, ft_job_status status, const char *secondary) {
    ft_job job = { 0 };
    int64_t until = ft_clock_monotonic_us() + WAIT_US;
    do {
        ft_arena_reset(&w->arena);
        EXPECT_OK(ft_job_get(&job, w->store, &w->arena, ft_str_of(name)));
        if (job.status == status && (!secondary || ft_str_is(job.secondary, secondary))) return job;
        ft_clock_sleep_us(5000);
    } while (ft_clock_monotonic_us() < until);
    print_error("%s is %s\n", name, ft_job_status_name(job.status));
    EXPECT(!"in time");
    return job;
}

static bool logged(world *w, const char *job, const char *words) {
    ft_cursor *c;
    ft_record r;
    ft_str key;
    bool found = false;
    EXPECT_OK(ft_subject(&key, &w->arena, FT_SUBJECT_JOB, ft_str_of(job)));
    EXPECT_OK(ft_cursor_open(&c, w->store, &ft_kind_log, &(ft_cursor_opts){ .key = key }));
    while (ft_cursor_next(c, &r) == FT_OK) {
        ft_str line = r.values[FT_LOG_MESSAGE].s;
        found |= memmem(line.at, line.len, words, strlen(words)) != NULL;
        EXPECT(r.values[FT_LOG_TIME].i > 0);
    }
    ft_cursor_close(c);
    return found;
}

static void archived(world *w, const char *name) {
    ft_job_channel channel = { .name = FT_STR("train"), .path = ft_str_of(data_path) };
    ft_params *p;
    ft_str made;
    EXPECT_OK(params_of(&p, &w->arena, "rounds=3"));
    ft_err err = ft_bucket_make(w->store, FT_STR("elsewhere"));
    EXPECT(err == FT_OK || err == FT_EEXIST);
    ft_job_spec spec = { .name = ft_str_of(name),
                         .algorithm = FT_STR("toy"),
                         .params = p,
                         .channels = &channel,
                         .channel_count = 1,
                         .debug_uri = FT_STR("s3://elsewhere/tensors/"),
                         .archive = FT_STR("toy-model=renamed") };
    EXPECT_OK(ft_job_create(&made, w->store, &w->arena, &spec));
}

static void test_runs(void **state) {
    (void)state;
    world w;
    ft_job_runner *r;
    const char *path;
    ft_str *names;
    size_t count;
    char folder[400];
    world_begin(&w, "runner");
    EXPECT_OK(ft_job_runner_start(&r, home));
    archived(&w, "kept");
    create(&w, "fails", "rounds=5 end=fail", NULL, "");
    ft_job job = waited(&w, "kept", FT_JOB_COMPLETED, NULL);
    EXPECT_STR("s3://elsewhere/tensors/kept/debug-output", job.trial_uri);
    EXPECT_OK(ft_object_path(&path, w.store, &w.arena, FT_STR("fettle"),
                             FT_STR("jobs/kept/output/model.tar.gz")));
    snprintf(folder, sizeof folder, "%s/unpacked", home);
    EXPECT_OK(ft_dir_make(folder));
    EXPECT_OK(ft_tar_unpack(path, folder, NULL));
    EXPECT_OK(ft_dir_list(&names, &count, &w.arena, folder));
    EXPECT(count == 2);
    EXPECT_STR("more", names[0]);
    EXPECT_STR("renamed", names[1]);
    waited(&w, "fails", FT_JOB_FAILED, NULL);
    EXPECT(logged(&w, "fails", "ERROR:root:"));
    ft_job_runner_stop(r);
    ft_job_runner_stop(NULL);
    world_end(&w);
}

static void test_stops(void **state) {
    (void)state;
    world w;
    ft_job_runner *r;
    world_begin(&w, "runner-stop");
    EXPECT_OK(ft_job_runner_start(&r, home));
    create(&w, "long", "rounds=1000000 step_us=1000", NULL, "");
    waited(&w, "long", FT_JOB_IN_PROGRESS, "Training");
    ft_job_runner_stop(r);
    ft_job job = waited(&w, "long", FT_JOB_STOPPED, NULL);
    EXPECT(job.pid > 0 && !ft_pid_alive(job.pid, job.pid_started));
    EXPECT_STR("the server that ran it was stopped", job.reason);
    world_end(&w);
}

static void test_faults(void **state) {
    (void)state;
    world w;
    world_begin(&w, "runner-faults");
    EACH_FAULT {
        ft_job_runner *r = NULL;
        ft_err err = ft_job_runner_start(&r, home);
        EXPECT((err == FT_OK) == (r != NULL));
        ft_job_runner_stop(r);
    }
    world_end(&w);
}

TOY_MAIN(cmocka_unit_test(test_runs), cmocka_unit_test(test_stops), cmocka_unit_test(test_faults))
