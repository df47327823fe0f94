/* system_watch.c -- see system_watch.h. */
#include "debug/system_watch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"

#define FIRST_US (FT_SYSTEM_WATCH_US / 8)
#define LEAST_US (FT_SECOND_US / 50) /* a last sample so soon after another says nothing */

struct ft_system_watch {
    ft_system_sampler *sampler;
    ft_stream_writer *to;
    ft_system_value *values; /* FT_SYSTEM_VALUES_MAX */
    int64_t last_us, due_us, step_us;
};

ft_err ft_system_append(ft_stream_writer *w, const ft_system_value *values, size_t count,
                        int64_t time_us) {
    for (size_t i = 0; i < count; i++) {
        ft_value record[FT_SYSTEM_COLUMNS] = {
            [FT_SYSTEM_TIME] = ft_value_int(time_us),
            [FT_SYSTEM_TYPE] = ft_value_text(ft_str_of(values[i].type)),
            [FT_SYSTEM_NAME] = ft_value_text(ft_str_of(values[i].name)),
            [FT_SYSTEM_DIMENSION] = ft_value_text(ft_str_of(values[i].dimension)),
            [FT_SYSTEM_VALUE] = ft_value_f64(values[i].value),
        };
        FT_TRY(ft_stream_append(w, record));
    }
    return FT_OK;
}

static ft_err sample(ft_system_watch *w) {
    size_t count;
    w->last_us = ft_clock_now_us();
    FT_TRY(ft_system_sample(w->sampler, w->values, &count));
    return ft_system_append(w->to, w->values, count, w->last_us);
}

static void watch_free(ft_system_watch *w) {
    ft_system_sampler_free(w->sampler);
    free(w->values);
    free(w);
}

ft_err ft_system_watch_new(ft_system_watch **out, ft_store *s, ft_str job) {
    ft_err err;
    ft_system_watch *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory to watch the machine");
    w->step_us = FIRST_US;
    w->values = ft_fault_here() ? NULL : calloc(FT_SYSTEM_VALUES_MAX, sizeof *w->values);
    if (!w->values) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory to watch the machine"));
    FT_GOTO(err, ft_system_sampler_new(&w->sampler));
    FT_GOTO(err, ft_stream_write(&w->to, s, &ft_kind_system, job,
                                 &(ft_stream_opts){ .buffered = true }));
    FT_GOTO(err, sample(w));
    w->due_us = ft_clock_monotonic_us() + w->step_us;
    *out = w;
    w = NULL;
done:
    if (w && ft_stream_close(w->to) != FT_OK) ft_err_clear();
    if (w) watch_free(w);
    return err;
}

ft_err ft_system_watch_look(ft_system_watch *w) {
    int64_t now = ft_clock_monotonic_us();
    if (now < w->due_us) return ft_stream_tick(w->to);
    if (w->step_us < FT_SYSTEM_WATCH_US) w->step_us *= 2;
    w->due_us = now + w->step_us;
    return sample(w);
}

ft_err ft_system_watch_end(ft_system_watch *w) {
    if (!w) return FT_OK;
    ft_err err = ft_clock_now_us() - w->last_us < LEAST_US ? FT_OK : sample(w);
    ft_err closed = ft_stream_close(w->to);
    watch_free(w);
    return err ? err : closed;
}
