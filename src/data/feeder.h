/* feeder.h -- the writers of a job's pipes: each a process of its own (`fettle run-pipe`), watched
 * by the job and killed with it.
 *
 * A writer tells on its output when an epoch has begun and how it ended, before the reader can see
 * the end. So after a reader is done one can ask whether what it got was whole: a stream that only
 * stopped is not taken for an epoch.
 *
 * A writer that dies without a word (killed, out of memory) is a failure too; a reader that waits
 * for it is let go.
 *
 * Threads: one uses a feeder; each writer has a thread here that watches it. Memory: a few hundred
 * bytes a writer. */
#ifndef FT_FEEDER_H
#define FT_FEEDER_H

#include "data/pipe.h"

typedef struct ft_feeder ft_feeder;

/* `home` (may be NULL) is the home that the writers use. */
ft_err ft_feeder_new(ft_feeder **out, const char *home);
/* Make the FIFO of epoch 0 in `folder` and start who writes it. */
ft_err ft_feeder_start(ft_feeder *f, const char *folder, ft_str channel,
                       const ft_channel_source *c);
/* Has a writer failed? FT_EPEER with its own sentence. Never waits. Fine on NULL. */
ft_err ft_feeder_poll(ft_feeder *f);
/* The readers are done: was every epoch that one has begun written to its end, or left early by its
 * reader? Waits (30 s at most) for writers that have not told yet. Fine on NULL. */
ft_err ft_feeder_check(ft_feeder *f);
/* Ends the writers. Fine on NULL. */
void ft_feeder_free(ft_feeder *f);

/* What a writer's process does; returns when it has failed or its epochs are written. The lines
 * that it tells go to `tell`. */
ft_err ft_feeder_write(const char *folder, ft_str channel, ft_str channel_json,
                       void (*tell)(const char *line));

#endif
