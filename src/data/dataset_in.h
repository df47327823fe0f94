/* dataset_in.h -- what the formats of datasets share. Private to the room: a new format starts
 * here, see docs/add-a-dataset-format.md. */
#ifndef FT_DATASET_IN_H
#define FT_DATASET_IN_H

#include "base/buf.h"
#include "data/dataset.h"
#include "data/dataset_write.h"
#include "data/record.h"

#define FT_READER_FILES 64 /* that a reader keeps open */

typedef struct ft_set_shard {
    ft_dataset *d;
    uint32_t number;
    const char *path;
    uint64_t count;      /* FT_DATASET_UNKNOWN until the end */
    uint64_t size_bytes; /* of the file; 0 of a folder or stream */
    bool ordered;        /* its records cannot be found by number */
    bool copies;         /* values are copied when they are read, although the file is mapped */
    void *state;         /* zeroed private state of the format */
} ft_set_shard;

struct ft_dataset_format {
    const char *name; /* "tfrecord" */
    const char *doc;
    const char *endings;     /* of file names, ".npy|.npz"; a folder: "/". NULL: its records' */
    const char *media_types; /* "application/x-npy", or "". NULL: its records' */
    bool folders;            /* a shard is a folder */
    bool pictures;           /* a file each, named by the field "path" */
    bool mapped;             /* see ft_dataset_mapped */
    const struct ft_record_format *records; /* of which the samples are payloads; else NULL */
    const struct ft_payload_kind *usual;    /* what these payloads mostly are */
    bool any_bytes;                         /* other payloads are the field "bytes" */
    /* Do the first bytes (unpacked) look like it? 0 no … 100 surely. NULL: as its records do, or
     * never by content. */
    int (*sniff)(ft_str head, ft_str path);
    size_t shard_bytes, reader_bytes; /* of private state */
    /* Look at a shard: count, state; the first one makes the fields (ft_set_field), the others are
     * compared with them. Once there are fields, shards are opened beside each other: the dataset
     * is then only looked at. */
    ft_err (*open)(ft_set_shard *s);
    void (*close)(ft_set_shard *s); /* may be NULL */
    /* Fill r->values with record `record`, set offset and stored_bytes. Names file and record in
     * its failures. NULL: in order only. */
    ft_err (*read)(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, uint64_t record);
    /* Where records cannot be found by number. NULL: by `read`. */
    ft_err (*seek)(ft_dataset_reader *r, ft_set_shard *s, uint64_t record);
    ft_err (*next)(ft_sample *out, ft_dataset_reader *r, ft_set_shard *s, bool *can_go_on);
    void (*leave)(ft_dataset_reader *r);                     /* may be NULL */
    ft_err (*intact)(ft_dataset_reader *r, ft_set_shard *s); /* may be NULL */
    /* ---- writing; NULL: read only here */
    size_t write_bytes;
    ft_err (*write_begin)(ft_dataset_writer *w);
    ft_err (*write)(ft_dataset_writer *w, const ft_array *values);
    uint64_t (*written)(const ft_dataset_writer *w); /* bytes so far */
    ft_err (*write_end)(ft_dataset_writer *w);
    void (*write_free)(ft_dataset_writer *w); /* may be NULL */
};
typedef struct ft_dataset_format ft_dataset_format;

static inline const char *ft_set_endings(const ft_dataset_format *f) {
    return f->endings ? f->endings : f->records->endings;
}
static inline const char *ft_set_media_types(const ft_dataset_format *f) {
    return f->media_types ? f->media_types : f->records->media_types;
}
/* NULL: it is never known by content. */
static inline int (*ft_set_sniff_of(const ft_dataset_format *f))(ft_str head, ft_str path) {
    return f->sniff ? f->sniff : f->records ? f->records->sniff : NULL;
}

extern const ft_dataset_format *const ft_dataset_formats[]; /* ends with NULL; in dataset_paths.c */
ft_err ft_dataset_format_find(const ft_dataset_format **out, ft_str name);
/* By the ending of a file name, ".gz" and ".zst" aside; NULL when none fits. */
const ft_dataset_format *ft_dataset_format_ending(ft_str path);

struct ft_dataset {
    const ft_dataset_format *format;
    ft_dataset_opts opts;
    ft_field *fields;
    size_t field_count, field_capacity;
    ft_str meta;
    ft_str head; /* what stands before the records of every file (CSV's names) */
    ft_set_shard *shards;
    uint32_t shard_count;
    uint64_t total;
    bool random;
    bool copies; /* values are copied when they are read, although the file is mapped */
    const char *const *pictures; /* that were named file by file: all are the one shard */
    size_t picture_count;
    ft_input *stream;  /* the one shard of ft_dataset_open_input, until a reader takes it */
    bool stream_first; /* it is, or was, such a one */
    void *plan;        /* what the format knows of all shards, in the arena */
    void (*plan_free)(void *plan);
    ft_arena arena;
};

struct ft_dataset_reader {
    ft_dataset *d;
    void *state;      /* zeroed private state of the format */
    ft_array *values; /* one for each field */
    bool *wanted;     /* one for each field; NULL: all */
    ft_arena arena;   /* of the record */
    ft_arena own;     /* of the reader */
    ft_buf raw;       /* its bytes */
    struct {
        int fd; /* with 1 added: 0 is none */
        uint32_t shard;
    } files[FT_READER_FILES];
    uint32_t shard; /* in order: where `next` goes on */
    uint64_t record;
    bool begun;
    uint32_t *touched; /* shards that views were given of since the last `intact` */
    bool *marks;       /* is the shard among them? */
    size_t touched_count;
};

struct ft_dataset_writer {
    const ft_dataset_format *format;
    ft_dataset_write_opts opts;
    const char *path;
    ft_field *fields;
    size_t field_count;
    uint64_t count; /* records written */
    void *state;    /* zeroed private state of the format */
    ft_arena arena;
};

/* ---- dataset_names.c: names of classes beside a file that has no place for them */
ft_err ft_set_names_write(ft_dataset_writer *w);
ft_err ft_set_names_read(ft_dataset *d, const char *file);
ft_err ft_set_names_remove(ft_arena *arena, ft_str file);

/* ---- for drivers */

/* Append a field; the name is copied. FT_ETOOBIG past FT_DATASET_FIELDS_MAX. */
ft_err ft_set_field(ft_dataset *d, const ft_field *f);
/* Are these the fields of the dataset (names, kinds, types, dimensions)? FT_EINVAL naming the
 * shard and the first difference. */
ft_err ft_set_same(const ft_set_shard *s, const ft_field *fields, size_t count);
static inline bool ft_set_wants(const ft_dataset_reader *r, size_t field) {
    return !r->wanted || r->wanted[field];
}
/* `len` bytes of a shard's file into r->raw, as `*out`; FT_ECORRUPT when the file ends before. */
ft_err ft_set_pread(ft_str *out, ft_dataset_reader *r, const ft_set_shard *s, uint64_t offset,
                    uint64_t len);
/* These bytes of the shard's file will be read soon. */
void ft_set_advise(const ft_set_shard *s, uint64_t offset, uint64_t len);
/* The shard was looked at: `intact` will ask for it. */
void ft_set_touch(ft_dataset_reader *r, uint32_t shard);
/* "'train.tfrecord', record 17 (byte 4711): <why>". */
ft_err ft_set_fail(ft_err err, const ft_set_shard *s, uint64_t record, uint64_t offset);
size_t ft_set_record_max(const ft_dataset *d);

extern const ft_dataset_format ft_set_fts, ft_set_tfrecord, ft_set_recordio, ft_set_sagemaker,
    ft_set_jsonl, ft_set_csv, ft_set_libsvm, ft_set_tar, ft_set_npy, ft_set_npz, ft_set_idx,
    ft_set_folder, ft_set_lst, ft_set_files;

#endif
