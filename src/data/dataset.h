/* dataset.h -- files of any format as numbered samples with named fields: what the loader, `fettle
 * data` and the Python binding read and write.
 *
 *     ft_dataset_open(&d, paths, count, NULL);              // files, folders; one shard each
 *     ft_dataset_reader_new(&r, d);                         // one for each thread
 *     ft_dataset_read(&sample, r, shard, record);           // any order, where `random`
 *     int image = ft_dataset_find(d, FT_STR("image"));      // number of a field, -1: none
 *     sample.values[image].data …                           // valid until the next call on r
 *
 * A dataset is a list of shards that share one list of fields. A shard is a file (a folder of
 * images is one shard too). The fields come from the first shard's header or its first records, the
 * other shards must fit.
 *
 * Fields, by format:
 *     fts        its own
 *     tfrecord   the features of tf.Example; other payloads: "bytes"
 *     recordio   of MXNet images: image, label, id; other payloads: "bytes"
 *     recordio-protobuf   the features ("values" or their names), "label" (or "label_<name>")
 *     jsonl      the members of the first object; other lines: "line"
 *     npy, npz   "values"; the members' names
 *     csv        one for each column, or "values" and the label (opts.stack)
 *     libsvm     label, index, value; weight and qid where the first rows have them
 *     idx        "image" (three dimensions) or "values", "label" from the file beside it
 *     folder, lst   image, label, path (and class names in the metadata)
 *     tar        "key" and one for each ending of the names (WebDataset): jpg, cls, json, npy …
 *
 * Class names of formats without a place for them stand beside the first file, in
 * FILE.classes.json, and are metadata.
 *
 * Threads: a dataset is read-only once open, any thread may use it; a reader belongs to one thread.
 * Files: records are read by pread into the reader's buffer; raw shards are mapped, guarded: a file
 * that shrinks is FT_ECORRUPT and no signal (mapped.h). Errors name file, record and offset. */
#ifndef FT_DATASET_H
#define FT_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/err.h"
#include "base/str.h"
#include "data/input.h"

#define FT_DATASET_FIELDS_MAX  ((size_t)4096)
#define FT_DATASET_SHARDS_MAX  ((size_t)1 << 20)
#define FT_DATASET_RECORDS_MAX ((uint64_t)1 << 40)
#define FT_DATASET_UNKNOWN     UINT64_MAX /* a count that is not known before the end */

typedef enum ft_field_kind {
    FT_FIELD_ARRAY, /* numbers */
    FT_FIELD_BYTES, /* anything: u8, one dimension */
    FT_FIELD_TEXT,  /* UTF-8: u8, one dimension */
    FT_FIELD_IMAGE  /* an encoded image (JPEG, PNG, PPM …): u8, one dimension */
} ft_field_kind;

typedef struct ft_field {
    ft_str name;
    ft_field_kind kind;
    ft_dtype dtype;
    int ndim;                         /* 0: one number */
    int64_t shape[FT_ARRAY_DIMS_MAX]; /* -1: differs from record to record */
} ft_field;

/* Bytes of a value when they are the same in every record, else 0. */
size_t ft_field_bytes(const ft_field *f);
bool ft_field_fixed(const ft_field *f);
const char *ft_field_kind_name(ft_field_kind kind); /* "array", "bytes", "text", "image" */

typedef struct ft_sample {
    ft_array *values; /* one for each field; data NULL: the record lacks it. Array data is aligned
                         to 8 bytes at least, to 64 in raw shards where it has 64 bytes or more */
    size_t value_count;
    uint32_t shard;
    uint64_t record;       /* in its shard, from 0 */
    uint64_t offset;       /* byte in the (unpacked) file where it stands */
    uint64_t stored_bytes; /* what reading it cost */
} ft_sample;

typedef struct ft_dataset ft_dataset;
typedef struct ft_dataset_reader ft_dataset_reader;
struct ft_dataset_format;

typedef struct ft_dataset_opts {
    ft_str format;  /* "tfrecord", …; empty: by content */
    ft_str payload; /* "example", "mxnet", "sagemaker", "json", "bytes"; empty: by content */
    ft_str label;   /* csv: name or number of the label's column; folder: "none" for no classes */
    int stack;      /* csv: number columns but the label as one f32 array "values". 1 yes, -1 no,
                       0: when there are over 64 columns or no header */
    bool no_index;  /* do not look for where records stand: counts of streams stay unknown, reading
                       is in order only. Raw shards, npy, idx know without looking */
    bool no_check;  /* do not verify checksums */
    size_t record_bytes_max;           /* 0: FT_RECORD_BYTES_MAX */
    const char *const *folder_endings; /* of images in folders, NULL-ended; NULL: torchvision's */
} ft_dataset_opts;

/* Every path is a file or a folder. A folder that holds shards (files of one format) stands for
 * these files in name order, a folder of class folders is one shard. A path may be a pattern
 * "train-{000..015}.tar" (WebDataset's braces) or "train-*.tar" (a shell's), unless a file has that
 * very name. `opts` may be NULL. */
ft_err ft_dataset_open(ft_dataset **out, const ft_str *paths, size_t count,
                       const ft_dataset_opts *opts);
/* One stream of bytes (Pipe mode, an object that is not kept): one shard, in order only. Takes the
 * input, whatever happens. */
ft_err ft_dataset_open_input(ft_dataset **out, ft_input *in, const ft_dataset_opts *opts);
void ft_dataset_free(ft_dataset *d); /* after its readers; fine on NULL */

const ft_field *ft_dataset_fields(const ft_dataset *d, size_t *count);
/* Number of a field: its name, else what stands for it: "image" is the only image field, "label" is
 * cls, class, target, y, image/class/label or label_values. -1: none. */
int ft_dataset_find(const ft_dataset *d, ft_str name);
int ft_fields_find(const ft_field *fields, size_t count, ft_str name);
const char *ft_dataset_format_name(const ft_dataset *d);
/* JSON object of what is known of all records: {"classes":["cat","dog"], …}; "{}" when nothing. */
ft_str ft_dataset_meta(const ft_dataset *d);
uint32_t ft_dataset_shards(const ft_dataset *d);
ft_str ft_dataset_shard_path(const ft_dataset *d, uint32_t shard);
/* Records of a shard, of all; FT_DATASET_UNKNOWN for streams. */
uint64_t ft_dataset_shard_count(const ft_dataset *d, uint32_t shard);
uint64_t ft_dataset_count(const ft_dataset *d);
bool ft_dataset_random(const ft_dataset *d); /* may records be read by number? */
/* Are all values in place in a mapped file, so that reading is no work and views stay valid as long
 * as the dataset? (raw shards, plain npy and idx) */
bool ft_dataset_mapped(const ft_dataset *d);

/* The formats, from 0; false past the last. */
typedef struct ft_dataset_kind {
    const char *name, *doc, *endings, *media_types;
    bool reads, writes;
} ft_dataset_kind;
bool ft_dataset_kinds(ft_dataset_kind *out, size_t i);

/* ---- reading */
ft_err ft_dataset_reader_new(ft_dataset_reader **out, ft_dataset *d);
void ft_dataset_reader_free(ft_dataset_reader *r);

/* Record `record` of a shard, in any order. A failure concerns this record alone: others may be
 * read. FT_ECORRUPT (an empty picture, an empty record too), FT_EPARSE, FT_ETOOBIG, FT_EIO. */
ft_err ft_dataset_read(ft_sample *out, ft_dataset_reader *r, uint32_t shard, uint64_t record);
/* "'photos/cat/2.jpg', record 17: <why>": where the sample stands, before the last failure. */
ft_err ft_dataset_fail(ft_err err, const ft_dataset *d, const ft_sample *s);
/* Only these fields are wanted (numbers of fields); the others may stay NULL. 0 fields: all. */
ft_err ft_dataset_want(ft_dataset_reader *r, const int *fields, size_t count);

/* In order: go to a record of a shard (0 begins it), then next … until FT_ENOTFOUND without a
 * trail at the shard's end. After a failure with *can_go_on (may be NULL) the next call gives the
 * record after it. A packed or piped shard is read forward to `record`. */
ft_err ft_dataset_seek(ft_dataset_reader *r, uint32_t shard, uint64_t record);
ft_err ft_dataset_next(ft_sample *out, ft_dataset_reader *r, bool *can_go_on);

/* Were all views that this reader gave of mapped files still backed by the file when this was
 * called? FT_ECORRUPT naming file and record otherwise. Call once after a batch was copied out. */
ft_err ft_dataset_intact(ft_dataset_reader *r);

#endif
