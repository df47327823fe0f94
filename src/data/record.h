/* record.h -- files that are streams of records: RecordIO, TFRecord, JSON lines, arrays by row. The
 * loader, `fettle data` and Pipe mode read and write through this.
 *
 *     ft_records_open(&r, "train.rec", NULL);
 *     while (!(err = ft_records_next(r, &record))) { … record.bytes … }
 *     if (err != FT_ENOTFOUND) …                           // the end is FT_ENOTFOUND, without a
 * word ft_records_free(r);
 *
 * What a record's bytes mean (a tf.Example, an image with labels) is the payload's business:
 * example.h, mxnet_image.h, sagemaker_record.h.
 *
 * Threads: a reader or writer belongs to one thread at a time. Memory: the longest record. */
#ifndef FT_RECORD_H
#define FT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "data/input.h"

#define FT_RECORD_BYTES_MAX ((size_t)64 << 20)

typedef struct ft_record {
    ft_str bytes;    /* the payload, a view until the next call */
    uint64_t offset; /* of its frame in the unpacked stream: where a reader can begin */
    uint64_t number; /* from 0, skipped ones counted */
    bool is_array;   /* the format tells type and shape: `array` views the bytes */
    ft_array array;
} ft_record;

typedef struct ft_record_opts {
    ft_str format;           /* "recordio", "tfrecord", …; empty: by content */
    size_t record_bytes_max; /* 0: FT_RECORD_BYTES_MAX */
    uint64_t bad_max;        /* records that may be damaged and are skipped; the next one fails */
    uint64_t offset;         /* begin at this record's offset (a file that is not packed) */
    uint64_t unpacked_bytes_max;
    bool hash; /* ft_records_end will be asked for the file's hash */
} ft_record_opts;

/* ---- a format: one file, one row. See docs/add-a-record-format.md. */
typedef struct ft_record_read { /* what a format's reader gets */
    ft_input *in;
    size_t record_bytes_max;
    void *state; /* zeroed private state of the format */
    /* Set by `next` beside a failure: the stream stands at the next record, so that this one can be
     * skipped. */
    bool can_skip;
} ft_record_read;

typedef struct ft_record_write { /* what a format's writer gets */
    void *state;
    ft_buf *out;    /* append here */
    uint64_t count; /* records before this one */
} ft_record_write;

typedef struct ft_record_format {
    const char *name; /* "tfrecord" */
    const char *doc;
    const char *endings;     /* of file names, ".rec|.recordio": chooses the format to write */
    const char *media_types; /* "application/x-recordio", or "" */
    /* Do the first bytes (unpacked) look like it? 0 no … 100 surely. */
    int (*sniff)(ft_str head, ft_str path);
    bool indexed;                   /* a file "x.idx" beside "x.rec" may say where records stand */
    size_t read_bytes, write_bytes; /* of private state */
    /* Read what stands before the first record. Called also before reading from an offset: the
     * stream then stands at the file's start and is moved afterwards. NULL: nothing stands there.
     */
    ft_err (*begin)(ft_record_read *r);
    /* The next record: bytes, and array if it has one. FT_ENOTFOUND without a trail at the end.
     * FT_ECORRUPT, FT_ETOOBIG, FT_EPARSE otherwise, without file and number, which the caller adds.
     */
    ft_err (*next)(ft_record_read *r, ft_record *out);
    void (*fini)(void *state); /* may be NULL */
    /* Pass the next record without looking at its payload, as `next` otherwise. NULL: by `next`. */
    ft_err (*pass)(ft_record_read *r);
    /* The payload within the bytes of its frame, where that needs neither state nor check. NULL:
     * `next` is asked. */
    ft_str (*payload)(ft_str frame);
    /* What `begin` read (CSV's names): files of one set must agree. NULL: nothing stands there. */
    ft_str (*head)(const void *state);
    /* Append one record's frame; before the first, what stands before it. NULL: read only. */
    ft_err (*write)(ft_record_write *w, const ft_record *record);
    /* What stands after the last record is appended; `head` gets bytes that replace the file's
     * first ones (a count that was not known), or stays empty. May be NULL. */
    ft_err (*end)(ft_record_write *w, ft_buf *head);
} ft_record_format;

extern const ft_record_format *const ft_record_formats[]; /* ends with NULL; in record.c */
/* FT_EINVAL with the nearest right name. */
ft_err ft_record_format_find(const ft_record_format **out, ft_str name);
/* By the ending of a file name, ".gz" and ".zst" aside; NULL when none fits. */
const ft_record_format *ft_record_format_ending(ft_str path);

/* ---- reading */
typedef struct ft_records ft_records;

/* `opts` may be NULL. FT_EUNSUPPORTED for bytes that no format knows. */
ft_err ft_records_open(ft_records **out, const char *path, const ft_record_opts *opts);
ft_err ft_records_bytes(ft_records **out, ft_str bytes, ft_str name, const ft_record_opts *opts);
/* Takes the input, whatever happens. */
ft_err ft_records_input(ft_records **out, ft_input *in, const ft_record_opts *opts);
/* FT_ENOTFOUND at the end. Failures name file, record and byte. */
ft_err ft_records_next(ft_records *r, ft_record *out);
/* After a failure: does the stream stand at the next record, so that it can be read on? */
bool ft_records_can_go_on(const ft_records *r);
/* The same without looking at the payload, where the format allows it: where the record stands. */
ft_err ft_records_pass(ft_records *r, uint64_t *offset);
/* Where the next record would begin: after the last, the end of the file. */
uint64_t ft_records_offset(const ft_records *r);
const void *ft_records_state(const ft_records *r); /* the format's own */
const ft_record_format *ft_records_format(const ft_records *r);
uint64_t ft_records_bad(const ft_records *r); /* records skipped so far */
/* Size and hash of the file on disk (opts.hash); reads its rest. */
ft_err ft_records_end(ft_records *r, char sha256[65], uint64_t *size_bytes);
void ft_records_free(ft_records *r);

/* ---- writing: packed when `path` ends in ".gz" or ".zst"; to a temporary file beside `path`, put
 * in place by ft_record_writer_end; until then, and whatever fails, the old file stays whole. */
typedef struct ft_record_writer ft_record_writer;

ft_err ft_record_writer_new(ft_record_writer **out, const char *path,
                            const ft_record_format *format);
/* `offset` (may be NULL) gets where its frame begins. */
ft_err ft_record_write_one(ft_record_writer *w, const ft_record *record, uint64_t *offset);
ft_err ft_record_write_bytes(ft_record_writer *w, ft_str bytes);
uint64_t ft_record_writer_bytes(const ft_record_writer *w); /* so far, before packing */
/* Flush, sync, put in place. After it, or instead of it, free. */
ft_err ft_record_writer_end(ft_record_writer *w);
void ft_record_writer_free(ft_record_writer *w); /* not ended: the temporary file is removed */

/* ---- an index: "key\toffset\n" a record, as MXNet's .idx files have it */
typedef struct ft_record_index {
    uint64_t *keys, *offsets;
    size_t count;
} ft_record_index;

/* FT_EPARSE with the line. Lives in the arena. An offset past `file_bytes` (0: not known) is
 * refused. */
ft_err ft_record_index_read(ft_record_index *out, ft_arena *arena, ft_str text, ft_str path,
                            uint64_t file_bytes);
/* Append an entry; `*capacity` is the caller's, 0 at first. */
ft_err ft_record_index_add(ft_record_index *x, ft_arena *arena, size_t *capacity, uint64_t key,
                           uint64_t offset);
ft_err ft_record_index_write(ft_buf *out, const ft_record_index *index);
/* By reading the whole file: keys are the numbers of the records. */
ft_err ft_record_index_scan(ft_record_index *out, ft_arena *arena, const char *path,
                            const ft_record_opts *opts);

#endif
