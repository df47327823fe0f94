/* log.c -- see log.h. */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"

#define LINE_MAX_BYTES 4096 /* at most PIPE_BUF, so that lines in a pipe do not mix */
#define LEVEL_UNSET    (-1)

static const char *const level_names[] = { "debug", "info", "warn", "error", "off" };

static atomic_int level_now = LEVEL_UNSET;
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;
static int file_fd = -1; /* under file_lock; -1: standard error */

static int level_get(void) {
    int level = atomic_load(&level_now);
    if (level != LEVEL_UNSET) return level;
    level = FT_LOG_INFO;
    const char *name = getenv("FETTLE_LOG");
    for (int i = 0; name && i <= FT_LOG_OFF; i++)
        if (strcmp(name, level_names[i]) == 0) level = i;
    int unset = LEVEL_UNSET;
    atomic_compare_exchange_strong(&level_now, &unset, level);
    return atomic_load(&level_now);
}

void ft_log_set_level(ft_log_level level) { atomic_store(&level_now, (int)level); }

ft_err ft_log_to(const char *path) {
    int fd = -1;
    if (path) FT_TRY(ft_fd_open(&fd, path, O_WRONLY | O_APPEND | O_CREAT, 0666));
    pthread_mutex_lock(&file_lock);
    int old = file_fd;
    file_fd = fd;
    pthread_mutex_unlock(&file_lock);
    ft_fd_close(&old);
    return FT_OK;
}

/* Text from outside must not be able to forge a line or drive a terminal. */
static void blank_controls(char *at, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f) at[i] = ' ';
}

static void line_write(char *line, size_t len) {
    if (len > LINE_MAX_BYTES - 1) len = LINE_MAX_BYTES - 1;
    blank_controls(line, len);
    line[len++] = '\n';
    pthread_mutex_lock(&file_lock);
    ssize_t n = write(file_fd >= 0 ? file_fd : STDERR_FILENO, line, len);
    pthread_mutex_unlock(&file_lock);
    (void)n; /* nowhere left to report it */
}

static size_t line_head(char line[LINE_MAX_BYTES], ft_log_level level, const char *room) {
    char when[FT_TIME_TEXT];
    ft_time_iso(when, ft_clock_now_us(), true);
    when[23] = '\0'; /* milliseconds are enough */
    return (size_t)snprintf(line, LINE_MAX_BYTES, "%sZ %s %.32s: ", when, level_names[level], room);
}

void ft_log(ft_log_level level, const char *room, const char *fmt, ...) {
    if ((int)level < level_get() || level >= FT_LOG_OFF) return;
    char line[LINE_MAX_BYTES];
    size_t len = line_head(line, level, room);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line + len, sizeof line - len, fmt, ap);
    va_end(ap);
    line_write(line, len + (n > 0 ? (size_t)n : 0));
}

void ft_log_err(ft_log_level level, const char *room, ft_err e, const char *what) {
    ft_log(level, room, "%s: %s (%s)", what, ft_err_why(), ft_err_name(e));
    if (level_get() > FT_LOG_DEBUG) return;
    for (const char *at = ft_err_trail(); *at;) {
        size_t len = strcspn(at, "\n");
        ft_log(FT_LOG_DEBUG, room, "%.*s", (int)len, at);
        at += len + (at[len] == '\n');
    }
}
