/* inputs_in.h -- channels that are more than a local path: how they arrive in a job's process
 * (data/channel.h), and what is remembered of them. */
#ifndef FT_JOBS_INPUTS_IN_H
#define FT_JOBS_INPUTS_IN_H

#include "data/feeder.h"
#include "models/algorithm.h"

/* For an algorithm of ours: File and FastFile are a folder of links below `folder`, Pipe a FIFO in
 * it whose writer is started (`*feeder` is made with the first). `channel->path` becomes what is to
 * be read. */
ft_err ft_job_input_deliver(ft_channel *channel, ft_feeder **feeder, ft_arena *arena,
                            const char *folder);
/* For the user's program on host `host` (from 1) of `hosts`: into `to`, and Pipe's FIFOs into
 * `data`. `feeder` as above. A program in an image sees its tree alone: links out of it would lead
 * nowhere, so FastFile gives it copies. */
ft_err ft_job_input_place(const ft_channel *channel, const char *to, int host, int hosts,
                          bool image);
ft_err ft_job_input_pipe(const ft_channel *channel, ft_feeder **feeder, const char *data, int host,
                         int hosts);
bool ft_job_input_is_pipe(const ft_channel *channel);

/* What a channel is made of: a hash over its parts' names, sizes and versions (the ETag of an
 * object, the SHA-256 of a file). */
typedef struct ft_job_input_identity {
    char sha256[65];
    size_t parts;
    uint64_t size_bytes;
} ft_job_input_identity;
ft_err ft_job_input_identify(ft_job_input_identity *out, const ft_channel *channel);

#endif
