/* set_arrays_in.h -- writing arrays (set_arrays_write.c). Private to the room. */
#ifndef FT_SET_ARRAYS_IN_H
#define FT_SET_ARRAYS_IN_H

#include "data/dataset_in.h"
#include "data/saving.h"
#include "data/record.h"

typedef struct npy_writing {
    ft_record_writer *w;
} npy_writing;
ft_err ft_npy_write_begin(ft_dataset_writer *w);
ft_err ft_npy_write_one(ft_dataset_writer *w, const ft_array *values);
uint64_t ft_npy_written(const ft_dataset_writer *w);
ft_err ft_npy_write_end(ft_dataset_writer *w);
void ft_npy_write_free(ft_dataset_writer *w);
#define FT_SET_NPY_WRITE                                                                 \
    .write_bytes = sizeof(npy_writing), .write_begin = ft_npy_write_begin,               \
    .write = ft_npy_write_one, .written = ft_npy_written, .write_end = ft_npy_write_end, \
    .write_free = ft_npy_write_free

typedef struct idx_writing {
    ft_saving part[2]; /* images, labels */
    int field[2];      /* -1: no labels */
    ft_dtype label;    /* the type that labels are written as */
} idx_writing;
ft_err ft_idx_write_begin(ft_dataset_writer *w);
ft_err ft_idx_write_one(ft_dataset_writer *w, const ft_array *values);
uint64_t ft_idx_written(const ft_dataset_writer *w);
ft_err ft_idx_write_end(ft_dataset_writer *w);
void ft_idx_write_free(ft_dataset_writer *w);
#define FT_SET_IDX_WRITE                                                                 \
    .write_bytes = sizeof(idx_writing), .write_begin = ft_idx_write_begin,               \
    .write = ft_idx_write_one, .written = ft_idx_written, .write_end = ft_idx_write_end, \
    .write_free = ft_idx_write_free

#endif
