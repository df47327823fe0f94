/* index_in.h -- an index file: which tensors one step has, and where in its event file they stand.
 *
 *     {"meta":{"mode":"TRAIN","mode_step":1,"event_file_name":"events/…"},
 *      "tensor_payload":[{"tensorname":"loss","start_idx":0,"length":90}],"shape_payload":[]} */
#ifndef FT_INDEX_IN_H
#define FT_INDEX_IN_H

#include "base/arena.h"
#include "base/buf.h"
#include "trials/collection.h"

#define FT_INDEX_BYTES_MAX ((size_t)256 << 20) /* one file: about three million tensors */

/* One entry of the payload; the first has no comma before it. */
ft_err ft_index_add(ft_buf *out, bool first, ft_str name, uint64_t offset, uint64_t length);
/* The whole file around a payload of such entries. */
ft_err ft_index_write(ft_buf *out, ft_mode mode, int64_t mode_step, ft_str event_file,
                      ft_str payload);

typedef struct ft_index_entry {
    ft_str name;
    uint64_t offset, length;
} ft_index_entry;
typedef struct ft_index {
    ft_mode mode;
    int64_t mode_step;
    ft_str event_file; /* relative to the trial */
    ft_index_entry *entries;
    size_t count;
} ft_index;
/* Views of `json` and the arena. FT_EPARSE with the place, for wrong members and ranges too. */
ft_err ft_index_read(ft_index *out, ft_arena *arena, ft_str json);

/* "index/000000001/000000001234_worker_0.json" -> 1234, "worker_0"; false for any other key. */
bool ft_index_key(int64_t *step, ft_str *worker, ft_str key);

#endif
