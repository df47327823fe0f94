/* pipe.h -- Pipe mode: a channel's data through one FIFO an epoch, <folder>/<channel>_<epoch>.
 *
 * The writer makes the FIFO of epoch 0 before anyone may look for it, and that of the next epoch
 * before it closes the one before, so that a reader that has seen the end finds it. Into an epoch's
 * FIFO go the parts in that epoch's order (channel.h), one after another with nothing between; with
 * RecordIO wrapping each part is one record (formats.md 3.2). A reader that closes early ends the
 * epoch, not the writer: the next one waits in its FIFO, from the start. A FIFO that was read is
 * removed.
 *
 * The writer blocks in the kernel while nobody reads, so it runs in a process of its own (`fettle
 * run-pipe`), supervised with the job and killed at its end. A part that cannot be read to its end
 * ends the writer with its reason: the reader sees a stream that stops, the job sees a writer that
 * failed, and must not take the epoch for whole.
 *
 * Source: formats.md 3.4; docs.aws.amazon.com/sagemaker, "Access Training Data", Pipe mode.
 *
 * Threads: one. Memory: one part when it is wrapped as a record (less than 512 MiB), else a
 * window. */
#ifndef FT_DATA_PIPE_H
#define FT_DATA_PIPE_H

#include <stdatomic.h>

#include "data/channel.h"

typedef enum ft_pipe_event {
    FT_PIPE_BEGUN, /* a reader has opened the epoch's FIFO */
    FT_PIPE_WHOLE, /* all has been written; told before the reader sees the end */
    FT_PIPE_EARLY, /* the reader left before the end */
    FT_PIPE_FAILED /* ft_err_why() says why; told before the reader sees its stream stop. One that
                      waits for the epoch is let in, to see an end at once */
} ft_pipe_event;

typedef struct ft_pipe_opts {
    const ft_source_opts *source; /* may be NULL */
    uint64_t epochs;              /* 0: until stopped or killed */
    atomic_bool *stop;            /* looked at between writes, and when a signal ends a wait; may be
                                     NULL. Set: FT_ECANCELED */
    void (*told)(void *ctx, ft_pipe_event event, uint64_t epoch, uint64_t bytes); /* may be NULL */
    void *ctx;
} ft_pipe_opts;

/* The path of an epoch's FIFO, in the arena. */
ft_err ft_pipe_path(const char **out, ft_arena *arena, const char *folder, ft_str channel,
                    uint64_t epoch);
/* Make the FIFO of epoch 0: before the reader starts. Fine when it is there. */
ft_err ft_pipe_make(const char *folder, ft_str channel);
/* Write epoch after epoch. SIGPIPE is ignored from here on. */
ft_err ft_pipe_write(const char *folder, ft_str channel, const ft_channel_source *c,
                     const ft_pipe_opts *opts);

/* An epoch as a stream, from its FIFO: what a reader of one's own does. Waits for the writer. */
ft_err ft_pipe_input(ft_input **out, const char *folder, ft_str channel, uint64_t epoch,
                     const ft_input_opts *opts);

#endif
