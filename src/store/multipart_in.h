/* multipart_in.h -- what the files of multipart uploads share. */
#ifndef FT_MULTIPART_IN_H
#define FT_MULTIPART_IN_H

#include "store/key_in.h"
#include "store/multipart.h"
#include "store/store_in.h"

/* FT_ENOTFOUND when there is no such upload of this key. */
ft_err ft_upload_find(ft_store *s, ft_str id, ft_str bucket, ft_str key);
/* Files of an upload, to be dropped once its rows are gone; names in the arena. */
ft_err ft_upload_files(ft_str **out, size_t *count, ft_store *s, ft_arena *arena, ft_str id);
/* Where a part's file stands beneath objects/. */
void ft_part_path(char out[FT_PLACE_BYTES], ft_str file);
/* Fine when it cannot be: then it is litter, and ft_uploads_clean takes it. */
void ft_part_drop(ft_store *s, ft_str file);

#endif
