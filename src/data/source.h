/* source.h -- where bytes come from: one interface for files, folders, patterns, objects of this
 * home, objects of another S3 server, manifests, pipes.
 *
 *     ft_source_open(&s, FT_STR("s3://data/train/"), NULL);
 *     parts = ft_source_parts(s, &count);                    // in order, with sizes
 *     ft_source_read(&got, s, i, at, len, offset);           // any part, any thread
 *     ft_source_input(&in, s, i, NULL);                      // one part as a stream, or …
 *     ft_source_input_all(&in, s, NULL);                     // … all of them, one after another
 *     ft_source_free(s);
 *
 * What a text means:
 *     -                           standard input (one part, a stream)
 *     s3://bucket/key             one object when there is one of that key, else every object whose
 *                                 key begins so; with opts.type "S3Prefix" always the latter, as
 *                                 SageMaker has it;
 *                                 a bucket of this home is read from its files, another bucket
 *                                 from the server that ft_remote_place_find names
 *     file:///path, path          a file, a FIFO (a stream), or a folder: every file in it and
 *                                 below, in byte order of their paths; names that begin with "."
 *                                 or "_" are passed over
 *     path with * ? [             a pattern, as the shell's
 * With opts.type "ManifestFile" the text names a JSON manifest, "AugmentedManifestFile" one of
 * JSON lines, wherever it is (formats.md 3.4).
 *
 * A part that shrinks or changes while it is read is FT_ECORRUPT (a file) or FT_ECONFLICT (an
 * object); failures name part and byte.
 *
 * Threads: any number may read one source; its inputs belong to one each. Memory: names and sizes
 * of the parts, at most 64 open files, and what remote.h says. */
#ifndef FT_SOURCE_H
#define FT_SOURCE_H

#include "data/input.h"
#include "store/remote.h"

#define FT_SOURCE_SIZE_UNKNOWN UINT64_MAX /* a stream */
#define FT_SOURCE_PARTS_MAX    ((size_t)10000000)

typedef struct ft_source ft_source;

typedef struct ft_part {
    ft_str name;  /* path or "s3://…", for messages and lineage */
    ft_str below; /* what of it stands below the source's own folder or prefix: "a/b.rec" */
    uint64_t size_bytes;
    ft_str etag; /* of an object; empty: a file */
    /* Of an augmented manifest: bytes that stand in the manifest itself; at == NULL: the part is a
     * file or object. */
    ft_str inlined;
    uint64_t line; /* of the manifest that names it, from 1; 0: none does */
} ft_part;

typedef struct ft_source_opts {
    const char *home; /* NULL: $FETTLE_HOME, else ~/.fettle; for s3:// alone */
    ft_str type;      /* "" or "S3Prefix", "ManifestFile", "AugmentedManifestFile" */
    ft_str
        attributes; /* AugmentedManifestFile: AttributeNames, with commas; one part each a line */
    ft_remote_opts remote;
    size_t parts_max; /* 0: FT_SOURCE_PARTS_MAX */
} ft_source_opts;

/* FT_ENOTFOUND when nothing is there (an empty folder or prefix too), FT_EPARSE for a manifest,
 * with its line. `opts` may be NULL. */
ft_err ft_source_open(ft_source **out, ft_str where, const ft_source_opts *opts);
void ft_source_free(ft_source *s);
const ft_part *ft_source_parts(const ft_source *s, size_t *count);
/* Its parts as another order or choice: `order[count]` are numbers of parts; kept is a copy.
 * Afterwards parts are numbered by it. Before anything is read. */
ft_err ft_source_choose(ft_source *s, const size_t *order, size_t count);

/* Up to `len` bytes of a part at `offset`, fewer only at its end as it was when the source was
 * opened. FT_EUNSUPPORTED for a stream. */
ft_err ft_source_read(size_t *got, ft_source *s, size_t part, void *at, size_t len,
                      uint64_t offset);
/* Will be read soon: begin to fetch (objects elsewhere; else nothing happens). */
void ft_source_expect(ft_source *s, size_t part, uint64_t offset, uint64_t len);
/* Its parts as local files, for mapping and for programs: the file itself, or the cache's, fetched
 * whole. The path is valid until the source is freed. FT_EUNSUPPORTED for a stream and for inlined
 * bytes. */
ft_err ft_source_path(const char **out, ft_source *s, size_t part);
/* What the network cost; zeroed when nothing came from it. */
ft_remote_stats ft_source_told(const ft_source *s);

/* One part as a stream from start to end, with read-ahead, unpacked as input.h has it. The source
 * must outlive it. */
ft_err ft_source_input(ft_input **out, ft_source *s, size_t part, const ft_input_opts *opts);
/* All parts one after another with nothing between, as Pipe mode gives them (packed parts: each
 * unpacked by itself, unless opts.no_unpack). */
ft_err ft_source_input_all(ft_input **out, ft_source *s, const ft_input_opts *opts);

#endif
