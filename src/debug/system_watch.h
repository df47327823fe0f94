/* system_watch.h -- samples of the machine beside a job, into the stream "system": at its start,
 * then by steps that grow to a second, and at its end, so that a job of half a second has some as
 * well.
 *
 * Threads: one. A failure costs the samples, never the job: who asks tells it and goes on. */
#ifndef FT_SYSTEM_WATCH_H
#define FT_SYSTEM_WATCH_H

#include "debug/system_sample.h"

#define FT_SYSTEM_WATCH_US INT64_C(1000000)

/* One reading as records of the stream. */
ft_err ft_system_append(ft_stream_writer *w, const ft_system_value *values, size_t count,
                        int64_t time_us);

typedef struct ft_system_watch ft_system_watch;
/* The store must outlive it. */
ft_err ft_system_watch_new(ft_system_watch **out, ft_store *s, ft_str job);
/* Samples when it is due. */
ft_err ft_system_watch_look(ft_system_watch *w);
/* The last sample; frees w also on failure; fine on NULL. */
ft_err ft_system_watch_end(ft_system_watch *w);

#endif
