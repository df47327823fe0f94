/* set_folder_in.h -- writing folders of images (set_folder_write.c). Private to the room. */
#ifndef FT_SET_FOLDER_IN_H
#define FT_SET_FOLDER_IN_H

#include "data/dataset_in.h"
#include "data/part_in.h"

typedef struct ft_set_folder_writing {
    ft_part_dir dir;
    int image, label, name;
    ft_str *classes;
    size_t class_count;
    uint64_t bytes;
    ft_arena arena; /* of the record */
} ft_set_folder_writing;

ft_err ft_set_folder_write_begin(ft_dataset_writer *w);
ft_err ft_set_folder_write(ft_dataset_writer *w, const ft_array *values);
uint64_t ft_set_folder_written(const ft_dataset_writer *w);
ft_err ft_set_folder_write_end(ft_dataset_writer *w);
void ft_set_folder_write_free(ft_dataset_writer *w);

#endif
