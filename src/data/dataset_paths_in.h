/* dataset_paths_in.h -- which files a path stands for. Private to the room. */
#ifndef FT_DATASET_PATHS_IN_H
#define FT_DATASET_PATHS_IN_H

#include "data/dataset_in.h"

#define FT_SET_HEAD_BYTES ((size_t)1 << 16)

/* The format whose bytes these are most likely, and how likely; NULL: none. */
const ft_dataset_format *ft_set_sniff(ft_str head, ft_str path, int *score);
/* Files and folders of images that the paths stand for, in order, in the dataset's arena; braces
 * are expanded. At least one. Pictures named file by file are d->pictures and stand for one shard
 * together. FT_ENOTFOUND names the path. */
ft_err ft_set_paths(const char ***files, size_t *file_count, ft_dataset *d, const ft_str *paths,
                    size_t count);
/* d->format of a folder of images; FT_EINVAL when opts ask for another. */
ft_err ft_set_folder_format(ft_dataset *d, const char *path);
/* Does the name end like an image (as torchvision has it, or as opts say)? */
bool ft_set_image_name(const ft_dataset_opts *opts, ft_str name);
/* Is it what stands beside data and is none (an index, a note, a hidden file)? */
bool ft_set_side_name(ft_str name);

#endif
