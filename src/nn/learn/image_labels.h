/* image_labels.h -- which class a record is of: a whole number, or a name; in a field of its own
 * (label, cls, class, target …), in the JSON beside the picture ({"label": "cat"}), or in the text
 * beside it.
 *
 * The first record tells which of both: where it is a name, all are names. Names are numbered as
 * they appear, and by ft_nn_labels_sorted in the order of the alphabet, as class folders are.
 *
 * Threads: one at a time. Ownership: names live in the arena given to _init. */
#ifndef FT_NN_IMAGE_LABELS_H
#define FT_NN_IMAGE_LABELS_H

#include "data/dict.h"
#include "data/loader_feed.h"

typedef struct ft_nn_labels {
    int field;
    bool json, text; /* what the field holds; neither: numbers */
    bool begun, named;
    size_t known; /* names that the data itself lists; 0: any name is fine */
    ft_dict names;
    ft_arena scratch;
} ft_nn_labels;

/* FT_EINVAL when no field tells a class. `names`: of classes that the data lists, `count` of them.
 */
ft_err ft_nn_labels_init(ft_nn_labels *l, const ft_feed *f, const ft_str *names, size_t count,
                         ft_arena *arena);
void ft_nn_labels_fini(ft_nn_labels *l); /* the names stay */
/* A record's number; of a name its number in `names`. FT_EINVAL says what stands there. */
ft_err ft_nn_labels_read(int64_t *out, ft_nn_labels *l, const ft_array *a);
/* The names in order (*out, names.count of them) and where each number is there, in `arena`. */
ft_err ft_nn_labels_sorted(ft_str **out, int32_t **place, const ft_nn_labels *l, ft_arena *arena);

#endif
