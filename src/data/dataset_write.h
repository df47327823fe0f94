/* dataset_write.h -- samples into files of any format that is written here.
 *
 *     ft_dataset_writer_new(&w, "train.tfrecord", fields, count, NULL);
 *     ft_dataset_write(w, values); …
 *     ft_dataset_writer_end(w);
 *
 * The format comes from opts or the path's ending (fts, tfrecord, rec, pbr, jsonl, npy, csv,
 * libsvm, idx, tar; a path that ends in '/' is a folder of files); ".gz" and ".zst" pack what is
 * not read by number. Side files (.idx of RecordIO, IDX labels) are written beside it. Files are
 * made under another name and put in place by _end: until then, and whatever fails, what stood
 * there stays whole.
 *
 * What a format cannot hold is FT_EUNSUPPORTED by the field's name when the writer is made.
 * Threads: one at a time. */
#ifndef FT_DATASET_WRITE_H
#define FT_DATASET_WRITE_H

#include "data/dataset.h"

typedef struct ft_dataset_writer ft_dataset_writer;

typedef struct ft_dataset_write_opts {
    ft_str format; /* empty: by the ending */
    ft_str meta;   /* JSON object; fts keeps it, other files its "classes" in FILE.classes.json */
    int level;     /* of gzip and zstd; 0: theirs */
} ft_dataset_write_opts;

ft_err ft_dataset_writer_new(ft_dataset_writer **out, const char *path, const ft_field *fields,
                             size_t count, const ft_dataset_write_opts *opts);
ft_err ft_dataset_write(ft_dataset_writer *w, const ft_array *values);
uint64_t ft_dataset_written(const ft_dataset_writer *w); /* bytes of the file so far, about */
ft_err ft_dataset_writer_end(ft_dataset_writer *w);
void ft_dataset_writer_free(ft_dataset_writer *w);

#endif
