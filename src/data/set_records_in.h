/* set_records_in.h -- writing files of records as datasets (set_records_write.c). Private to the
 * room. */
#ifndef FT_SET_RECORDS_IN_H
#define FT_SET_RECORDS_IN_H

#include "data/dataset_in.h"
#include "data/payload_in.h"
#include "data/record.h"

typedef struct ft_set_records_writing {
    ft_record_writer *w;
    ft_payload_plan plan;
    ft_buf payload;
    ft_arena arena; /* of the record */
    ft_record_index index;
    size_t index_capacity;
} ft_set_records_writing;

ft_err ft_set_records_write_begin(ft_dataset_writer *w);
ft_err ft_set_records_write(ft_dataset_writer *w, const ft_array *values);
uint64_t ft_set_records_written(const ft_dataset_writer *w);
ft_err ft_set_records_write_end(ft_dataset_writer *w);
void ft_set_records_write_free(ft_dataset_writer *w);

#endif
