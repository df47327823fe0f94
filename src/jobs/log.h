/* log.h -- what jobs and other running things print, as a stream: kind "log", keyed by who printed
 * (watch/subject.h: "job/NAME", "endpoint/NAME"). Ordered by time. */
#ifndef FT_JOB_LOG_H
#define FT_JOB_LOG_H

#include "streams/stream.h"

/* time_us, message, ingested_us. */
extern const ft_stream_kind ft_kind_log;
enum { FT_LOG_TIME, FT_LOG_MESSAGE, FT_LOG_INGESTED, FT_LOG_COLUMNS };

/* One line now. `w` NULL: nothing. */
ft_err ft_job_log_line(ft_stream_writer *w, ft_str line);

#endif
