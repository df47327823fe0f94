/* train_ranks.c -- see train_ranks.h. */
#include "cli/train_ranks.h"

#include <signal.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/pool.h"
#include "base/proc.h"
#include "nn/learn/ranks.h"

#define WAIT_US (FT_SECOND_US / 3) /* for a job that leaves together with the ranks */
#define LOOK_US (FT_SECOND_US / 50)

static atomic_bool stop;
static void on_stop(int signal) {
    FT_UNUSED(signal);
    atomic_store(&stop, true);
}

ft_err ft_train_ranks_check(const ft_train_asked *asked) {
    for (size_t i = 0; i < asked->channel_count; i++) {
        const ft_job_channel *c = &asked->channels[i];
        if (c->source.len)
            return FT_FAIL(FT_EUNSUPPORTED,
                           "%.*s: several ranks read local files alone, and '%.*s' is none; copy "
                           "the data to one path on every machine and name that",
                           FT_STR_ARG(c->name), FT_STR_ARG(c->path));
    }
    return FT_OK;
}

ft_err ft_train_rank_run(const ft_train_asked *asked) {
    ft_channel channels[FT_TRAIN_CHANNELS_MAX] = { 0 };
    for (size_t i = 0; i < asked->channel_count; i++)
        channels[i] =
            (ft_channel){ .name = asked->channels[i].name, .path = asked->channels[i].path };
    signal(SIGTERM, on_stop);
    signal(SIGINT, on_stop);
    ft_train_args args = { .params = asked->params,
                           .channels = channels,
                           .channel_count = asked->channel_count,
                           .stop = &stop,
                           .threads = ft_cpu_count() };
    ft_err err = asked->algorithm->train(&args);
    return err == FT_ECANCELED ? FT_OK : err;
}

bool ft_train_rank_died(int *rank, ft_store *s, ft_arena *arena, ft_str name) {
    ft_job job;
    *rank = ft_nn_ranks_lost();
    if (*rank < 0) return false;
    for (int64_t until = ft_clock_monotonic_us() + WAIT_US; ft_clock_monotonic_us() < until;
         ft_clock_sleep_us(LOOK_US))
        if (ft_job_get(&job, s, arena, name) == FT_OK && !ft_pid_alive(job.pid, job.pid_started))
            return false;
    return true;
}
