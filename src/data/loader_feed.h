/* loader_feed.h -- where a loader's samples come from: files of any format (dataset.h), or a set of
 * one's own given by functions.
 *
 * A feed is read by number, or, when its count is FT_DATASET_UNKNOWN or it says so, in order only.
 * A reader belongs to one thread; the feed itself is shared and does not change. */
#ifndef FT_LOADER_FEED_H
#define FT_LOADER_FEED_H

#include "data/dataset.h"

/* What a reader waits for when it waits: told in the verdict. */
typedef enum ft_feed_place { FT_FEED_DISK, FT_FEED_NETWORK, FT_FEED_MEMORY } ft_feed_place;

typedef struct ft_feed {
    const ft_field *fields;
    size_t field_count;
    uint64_t count;      /* of samples; FT_DATASET_UNKNOWN: a stream */
    bool random;         /* `read` works */
    ft_feed_place place; /* where it is: what a wait of its readers is */
    bool block_io;  /* it waits for block devices alone: only when the kernel counts a read from
                       one was it a wait; otherwise whenever a reader gave up its CPU */
    uint64_t print; /* a hash of what is in it, so that a state is not resumed over other data */
    void *self;
    /* A reader for one thread, which wants these fields only. */
    ft_err (*open)(void **reader, void *self, const int *wanted, size_t wanted_count);
    void (*close)(void *reader);
    /* Sample `number`. Failures name file and record. */
    ft_err (*read)(ft_sample *out, void *reader, uint64_t number);
    /* For streams: start over, the shards in an order that depends on the key (0: as they are);
     * then one after another. FT_ENOTFOUND without a trail at the end; after another failure with
     * *can_go_on the next call gives the sample behind it. */
    ft_err (*start)(void *reader, uint64_t key);
    ft_err (*next)(ft_sample *out, void *reader, bool *can_go_on);
    /* Was everything that this reader showed really there? (a file that shrank) May be NULL. */
    ft_err (*intact)(void *reader);
    /* The number that names a sample for ever: its place, not its turn. */
    uint64_t (*id)(const ft_sample *s);
    /* The file that it stands in, for messages. May be NULL. */
    ft_str (*where)(void *self, const ft_sample *s);
    void (*free)(void *self); /* may be NULL */
} ft_feed;

/* The feed of files and folders (dataset.h: paths, patterns), and of s3:// objects and prefixes,
 * which are fetched into the cache first, unless it has them (source.h). Their fields must agree.
 */
ft_err ft_feed_dataset(ft_feed *out, const ft_str *paths, size_t count,
                       const ft_dataset_opts *opts);
/* The same bytes as streams, part by part as they come (source.h: objects are not kept, a FIFO or
 * "-" is read once): in order only, so shuffling is within a window. */
ft_err ft_feed_stream(ft_feed *out, ft_str where, const ft_dataset_opts *opts);
void ft_feed_free(ft_feed *f);

#endif
