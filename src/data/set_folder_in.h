/* set_folder_in.h -- folders of images: what is below them (set_folder_walk.c), writing them
 * (set_folder_write.c). Private to the room. */
#ifndef FT_SET_FOLDER_IN_H
#define FT_SET_FOLDER_IN_H

#include "data/dataset_in.h"
#include "data/saving.h"

typedef struct ft_picture {
    const char *path;    /* below the root, or whole when it begins with a slash */
    const float *labels; /* of a list */
    uint64_t id;
    int64_t label; /* number of its class */
} ft_picture;

typedef struct ft_pictures {
    ft_picture *at;
    size_t count;
    ft_str *classes; /* the folders in the root, in byte order; none: pictures without classes */
    size_t class_count;
    ft_str root; /* that the paths are below, where they were named */
    void *trees; /* while walking */
} ft_pictures;

/* All pictures below a root: class after class, the folders of each in byte order of their paths,
 * the files of each in byte order. Names that begin with a dot are passed over. In the arena.
 * FT_ENOTFOUND: none, or a class has none. */
ft_err ft_set_folder_walk(ft_pictures *out, ft_arena *arena, const char *root,
                          const ft_dataset_opts *opts);
/* The same of files that were named; their folders are the classes, when there are several. */
ft_err ft_set_folder_listed(ft_pictures *out, ft_arena *arena, const char *const *paths,
                            size_t count, const ft_dataset_opts *opts);
/* Is it a folder of classes or pictures, not one of data files? */
ft_err ft_set_folder_pictures(bool *pictures, const char *path);

typedef struct ft_set_folder_writing {
    ft_saving_dir dir;
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
