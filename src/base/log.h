/* log.h -- lines for the operator: "2022-02-14T17:25:49.123Z warn serve: …". Goes to standard error
 * unless told otherwise.
 *
 * Handle an error once and log it there; a function that returns its error does not log.
 * Threads: any. A line is one write(2), so lines of several processes do not mix. */
#ifndef FT_LOG_H
#define FT_LOG_H

#include "base/err.h"

typedef enum ft_log_level {
    FT_LOG_DEBUG,
    FT_LOG_INFO,
    FT_LOG_WARN,
    FT_LOG_ERROR,
    FT_LOG_OFF
} ft_log_level;

/* Lines below `level` are dropped. Default: FT_LOG_INFO, or $FETTLE_LOG
 * (debug|info|warn|error|off). */
void ft_log_set_level(ft_log_level level);
/* Append to a file instead of standard error; NULL: standard error again. */
ft_err ft_log_to(const char *path);
/* `room` is a short lower-case word. A newline is added. */
void ft_log(ft_log_level level, const char *room, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A failure that was handled here: the sentence of ft_err_why() follows `what`; the trail at debug
 * level. */
void ft_log_err(ft_log_level level, const char *room, ft_err e, const char *what);

#endif
