/* pipe.c -- see pipe.h. */
#include "data/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/record.h"

#define PIPE_BYTES   (1 << 20)           /* fewer switches between writer and reader */
#define WINDOW_BYTES ((size_t)256 << 10) /* of one write */
#define RECORD_MAX   ((uint64_t)1 << 29) /* of MXNet's RecordIO */

typedef struct writer {
    const ft_channel_source *c;
    const ft_pipe_opts *opts;
    const char *path; /* of the epoch's FIFO */
    int fd;
    uint64_t bytes;
    bool early; /* the reader has left */
} writer;

/* ---- FIFOs */

ft_err ft_pipe_path(const char **out, ft_arena *arena, const char *folder, ft_str channel,
                    uint64_t epoch) {
    ft_str path;
    FT_TRY(ft_arena_printf(&path, arena, "%s/%.*s_%llu", folder, FT_STR_ARG(channel),
                           (unsigned long long)epoch));
    *out = path.at;
    return FT_OK;
}

static ft_err fifo_make(const char *path) {
    if (ft_fault_here()) return FT_FAIL(FT_EIO, "cannot make the FIFO '%s'", path);
    if (mkfifo(path, 0644) != 0 && errno != EEXIST)
        return FT_FAIL_ERRNO("cannot make the FIFO '%s'", path);
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISFIFO(st.st_mode))
        return FT_FAIL(FT_EEXIST, "'%s' is there and is no FIFO", path);
    return FT_OK;
}

ft_err ft_pipe_make(const char *folder, ft_str channel) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path = NULL;
    ft_err err = ft_pipe_path(&path, &arena, folder, channel, 0);
    if (err == FT_OK) err = fifo_make(path);
    ft_arena_fini(&arena);
    return err;
}

static bool stopped(const writer *w) { return w->opts->stop && atomic_load(w->opts->stop); }

/* Waits in the kernel for a reader; a signal ends the wait. */
static ft_err fifo_open(writer *w) {
    if (ft_fault_here()) return FT_FAIL(FT_EIO, "cannot open the FIFO '%s'", w->path);
    while ((w->fd = open(w->path, O_WRONLY | O_CLOEXEC)) < 0) {
        if (errno != EINTR) return FT_FAIL_ERRNO("cannot open the FIFO '%s'", w->path);
        if (stopped(w)) return FT_FAIL(FT_ECANCELED, "stopped");
    }
    fcntl(w->fd, F_SETPIPE_SZ, PIPE_BYTES); /* a limit of the system may forbid it: then as it is */
    return FT_OK;
}

/* ---- bytes */

static ft_err send(writer *w, ft_str bytes) {
    while (bytes.len && !w->early) {
        if (stopped(w)) return FT_FAIL(FT_ECANCELED, "stopped");
        ssize_t n = ft_fault_here() ? (errno = EIO, -1) : write(w->fd, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EPIPE) return FT_FAIL_ERRNO("writing to the FIFO '%s'", w->path);
        w->early = n < 0;
        if (n < 0) break;
        w->bytes += (uint64_t)n;
        bytes = ft_str_from(bytes, (size_t)n);
    }
    return FT_OK;
}

static ft_err part_send(writer *w, ft_input *in) {
    ft_str view;
    while (!w->early) {
        FT_TRY(ft_input_peek(&view, in, WINDOW_BYTES));
        if (!view.len) return FT_OK;
        FT_TRY(send(w, view));
        ft_input_skip(in, view.len);
    }
    return FT_OK;
}

/* The whole part as one record; `size_bytes` is what it has unless it is packed. */
static ft_err part_wrap(writer *w, ft_input *in, uint64_t size_bytes) {
    const ft_record_format *format;
    ft_buf out = { 0 };
    ft_str view;
    ft_err err;
    bool known = !w->c->gzip && size_bytes < RECORD_MAX;
    FT_TRY(ft_record_format_find(&format, FT_STR("recordio")));
    FT_TRY(ft_input_peek(&view, in, known ? (size_t)size_bytes + 1 : (size_t)RECORD_MAX));
    if (view.len >= RECORD_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%.*s' is too long for one record (512 MiB)",
                       FT_STR_ARG(ft_input_name(in)));
    void *state = ft_fault_here() ? NULL : calloc(1, format->write_bytes + 1);
    if (!state) return FT_FAIL(FT_ENOMEM, "no memory for a record");
    ft_record_write write = { .state = state, .out = &out };
    FT_GOTO(err, format->write(&write, &(ft_record){ .bytes = view }));
    FT_GOTO(err, send(w, ft_buf_str(&out)));
done:
    free(state);
    ft_buf_fini(&out);
    return err;
}

static ft_err parts_send(writer *w, ft_source *s, const size_t *order, size_t count) {
    size_t all;
    const ft_part *parts = ft_source_parts(s, &all);
    ft_input_opts opts = { .no_hash = true, .no_unpack = !w->c->gzip };
    for (size_t i = 0; i < count && !w->early; i++) {
        ft_input *in = NULL;
        FT_TRY(ft_source_input(&in, s, order[i], &opts));
        if (i + 1 < count) ft_source_expect(s, order[i + 1], 0, FT_REMOTE_BLOCK_BYTES);
        ft_err err =
            w->c->recordio ? part_wrap(w, in, parts[order[i]].size_bytes) : part_send(w, in);
        ft_input_free(in);
        FT_TRY(err);
    }
    return FT_OK;
}

static ft_err epoch_send(writer *w, ft_source *s, uint64_t epoch) {
    size_t count;
    ft_source_parts(s, &count);
    size_t *order = ft_fault_here() ? NULL : calloc(count + 1, sizeof *order);
    if (!order) return FT_FAIL(FT_ENOMEM, "no memory for an order of %zu parts", count);
    ft_err err = ft_channel_order(order, &count, s, w->c, epoch);
    if (err == FT_OK) err = parts_send(w, s, order, count);
    free(order);
    return err;
}

/* ---- epochs */

static void tell(const writer *w, ft_pipe_event event, uint64_t epoch) {
    if (w->opts->told) w->opts->told(w->opts->ctx, event, epoch, w->bytes);
}

static ft_err epoch_write(writer *w, ft_source *s, const char *next, uint64_t epoch) {
    FT_TRY(fifo_open(w));
    tell(w, FT_PIPE_BEGUN, epoch);
    ft_err err = next ? fifo_make(next) : FT_OK;
    if (err == FT_OK) err = epoch_send(w, s, epoch);
    if (err == FT_OK) tell(w, w->early ? FT_PIPE_EARLY : FT_PIPE_WHOLE, epoch);
    if (err != FT_OK) tell(w, FT_PIPE_FAILED, epoch);
    if (err == FT_OK)
        err = ft_file_remove(w->path); /* before the end is seen: a reader that opens
                                          it again would wait for ever */
    ft_fd_close(&w->fd);
    return err;
}

static ft_err epochs_write(const char *folder, ft_str channel, ft_source *s, writer *w) {
    ft_arena arena = FT_ARENA_INIT(0);
    uint64_t epochs = w->opts->epochs;
    ft_err err = FT_OK;
    for (uint64_t epoch = 0; err == FT_OK && (!epochs || epoch < epochs); epoch++) {
        const char *next = NULL;
        bool last = epochs && epoch + 1 == epochs;
        ft_arena_reset(&arena);
        w->bytes = 0, w->early = false;
        err = ft_pipe_path(&w->path, &arena, folder, channel, epoch);
        if (err == FT_OK && !last) err = ft_pipe_path(&next, &arena, folder, channel, epoch + 1);
        if (err == FT_OK) err = epoch_write(w, s, next, epoch);
    }
    ft_arena_fini(&arena);
    return err;
}

/* There is nothing to write. A reader must not wait for it. */
static ft_err never_begun(const char *folder, ft_str channel, writer *w, ft_err why) {
    ft_arena arena = FT_ARENA_INIT(0);
    tell(w, FT_PIPE_FAILED, 0);
    ft_err err = ft_pipe_path(&w->path, &arena, folder, channel, 0);
    if (err == FT_OK) err = fifo_open(w);
    ft_fd_close(&w->fd);
    ft_arena_fini(&arena);
    return err == FT_OK ? why : err;
}

ft_err ft_pipe_write(const char *folder, ft_str channel, const ft_channel_source *c,
                     const ft_pipe_opts *opts) {
    static const ft_pipe_opts none;
    ft_source *s = NULL;
    writer w = { .c = c, .opts = opts ? opts : &none, .fd = -1 };
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an epoch's end */
    FT_TRY(ft_pipe_make(folder, channel));
    ft_err err = ft_channel_list(&s, c, w.opts->source);
    if (err != FT_OK) return never_begun(folder, channel, &w, err);
    err = epochs_write(folder, channel, s, &w);
    ft_source_free(s);
    return err;
}

ft_err ft_pipe_input(ft_input **out, const char *folder, ft_str channel, uint64_t epoch,
                     const ft_input_opts *opts) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path = NULL;
    *out = NULL;
    ft_err err = ft_pipe_path(&path, &arena, folder, channel, epoch);
    if (err == FT_OK) err = ft_input_open(out, path, opts);
    ft_arena_fini(&arena);
    return err;
}
