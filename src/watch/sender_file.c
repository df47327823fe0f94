/* sender_file.c -- an alert as one JSON line at the end of a file: for demos, tests and whoever
 * follows a file. */
#include <fcntl.h>

#include "base/check.h"
#include "base/files.h"
#include "watch/outbox.h"

static ft_err check(ft_str target) {
    if (!target.len || target.at[0] != '/')
        return FT_FAIL(FT_EINVAL, "file '%.*s': expected an absolute path", FT_STR_ARG(target));
    return FT_OK;
}

/* One write: lines of several processes do not mix. */
static ft_err send_alert(ft_store *s, ft_str target, const ft_alert *alert, ft_arena *arena) {
    FT_UNUSED(s);
    ft_str path, json, line;
    int fd = -1;
    ft_err err;
    FT_TRY(ft_arena_str(&path, arena, target));
    FT_TRY(ft_alert_json(&json, alert, arena));
    FT_TRY(ft_arena_printf(&line, arena, "%s\n", json.at));
    FT_GOTO(err, ft_fd_open(&fd, path.at, O_WRONLY | O_CREAT | O_APPEND, 0600));
    FT_GOTO(err, ft_fd_write(fd, line.at, line.len, path.at));
    FT_GOTO(err, ft_fd_sync(fd, path.at));
done:
    ft_fd_close(&fd);
    return err;
}

const ft_sender ft_sender_file = { .name = "file",
                                   .named = true,
                                   .doc = "append the alert as one JSON line",
                                   .target = "an absolute path",
                                   .check = check,
                                   .send = send_alert };
