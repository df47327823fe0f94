/* tar_record_in.h -- samples of tar archives. Private to the room. */
#ifndef FT_TAR_RECORD_IN_H
#define FT_TAR_RECORD_IN_H

#include "base/buf.h"

typedef struct tar_state {
    ft_buf key; /* of the sample that is being read */
} tar_state;

/* Split a member's name; false when it belongs to no sample. */
bool ft_tar_key(ft_str *key, ft_str *ending, ft_str name);

#endif
