/* channel.h -- one input channel of a job by SageMaker's settings: which objects, which worker gets
 * which, in what order, and how they arrive: File, FastFile or Pipe.
 *
 * Order and share depend on (seed, epoch, rank, world) alone. Without shuffling, parts are in the
 * source's order (keys in byte order, a manifest's lines as they stand) and worker `rank` of
 * `world` gets parts rank, rank + world, … when the distribution is ShardedByS3Key. With shuffling
 * the whole list is permuted by seed + epoch before it is dealt, so content moves between workers.
 *
 * Source: formats.md 3.4, 3.5; docs.aws.amazon.com/sagemaker, API_Channel, API_ShuffleConfig.
 *
 * Threads: one. Memory: texts belong to who fills it, or lie in the arena they were read into. */
#ifndef FT_DATA_CHANNEL_H
#define FT_DATA_CHANNEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "data/source.h"

typedef enum ft_input_mode { FT_INPUT_FILE, FT_INPUT_PIPE, FT_INPUT_FASTFILE } ft_input_mode;

typedef struct ft_channel_source {
    ft_str uri;        /* s3://…, a path, … (source.h) */
    ft_str type;       /* "" or "S3Prefix", "ManifestFile", "AugmentedManifestFile" */
    ft_str attributes; /* AttributeNames, with commas */
    ft_input_mode mode;
    bool sharded;  /* S3DataDistributionType ShardedByS3Key; else FullyReplicated */
    bool gzip;     /* CompressionType Gzip: unpacked on the way (Pipe) */
    bool recordio; /* RecordWrapperType RecordIO: each object one record (Pipe) */
    bool shuffle;  /* ShuffleConfig */
    uint64_t seed;
    uint32_t rank, world; /* of this worker; world 0: one worker */
} ft_channel_source;

ft_err ft_input_mode_parse(ft_input_mode *out, ft_str text); /* any case; FT_EINVAL */
/* As JSON by SageMaker's member names, and back. FT_EPARSE, FT_EINVAL in words for what does not go
 * together (AugmentedManifestFile needs Pipe and AttributeNames, RecordIO and Gzip need Pipe). */
ft_err ft_channel_source_write(ft_buf *out, const ft_channel_source *c);
ft_err ft_channel_source_read(ft_channel_source *out, ft_arena *arena, ft_str json);
ft_err ft_channel_source_check(const ft_channel_source *c);

/* All parts of the channel, whoever reads them, and the numbers of those that worker `rank` reads
 * in `epoch`, in order; `order` has room for all. For who reads many epochs: it is listed once. */
ft_err ft_channel_list(ft_source **out, const ft_channel_source *c, const ft_source_opts *opts);
ft_err ft_channel_order(size_t *order, size_t *count, const ft_source *s,
                        const ft_channel_source *c, uint64_t epoch);
/* What worker `rank` reads in `epoch`, in order. A line of an augmented manifest stays together. */
ft_err ft_channel_open(ft_source **out, const ft_channel_source *c, uint64_t epoch,
                       const ft_source_opts *opts);

/* Put the channel's parts into `folder` (which exists) as a program finds them in File mode, named
 * by what stands below the prefix' last "/": copies (`copy`), or links where the file system allows
 * it. FastFile mode gives the same view by symbolic links to the files themselves and to the cache
 * (docs/input-modes.md tells what that is). */
ft_err ft_channel_fill(const ft_channel_source *c, const char *folder, bool copy,
                       const ft_source_opts *opts);

#endif
