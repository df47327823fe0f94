/* images.h -- labelled pictures for a training: a dataset of any format, looked through once,
 * divided into a part to learn from and a part to judge by, and loaders over either.
 *
 * Division: samples of one group (a field, or what an expression finds in the field "path") stay
 * together, so that near-duplicates of one thing do not stand on both sides. Which group goes where
 * follows from the seed and the group's label and name alone.
 *
 * Threads: looking through is one thread's; feeds are read by any. Ownership: loaders borrow the
 * images, which must outlive them. */
#ifndef FT_NN_IMAGES_H
#define FT_NN_IMAGES_H

#include "data/loader.h"

typedef struct ft_nn_images_opts {
    int64_t classes; /* 0: as many as the data tells */
    ft_str group;    /* empty: each sample is a group */
    double share;    /* of the groups that judge; 0: none */
    uint64_t seed;
    bool any_class;                /* classes without an example are fine */
    const struct ft_nn_images *as; /* the classes are those of this set: by name where both have
                                      names, else by number. NULL: the data's own */
    uint64_t bad_max;              /* records whose label cannot be read: left out, up to so many */
} ft_nn_images_opts;

typedef struct ft_nn_images_part { /* samples of one side */
    uint64_t *numbers;
    uint64_t count;
} ft_nn_images_part;

typedef struct ft_nn_images {
    ft_arena arena;
    ft_feed feed;
    ft_str path;
    ft_str *names; /* of classes; NULL: numbers */
    int64_t classes;
    int32_t *class_of; /* by the data's own number: the class, -1: none of `as`; NULL: itself */
    int64_t own_count; /* of class_of */
    uint64_t bad;      /* left out */
    int32_t *labels;   /* by number; -1: left out */
    const ft_field *fields; /* of the feed, the label's being the class as one number */
    int label_field;
    uint64_t *groups; /* by number: hash of label and group */
    ft_nn_images_part learn, judge;
    int channels;   /* of the pictures where they are stored as arrays; 0: encoded */
    uint64_t print; /* of the feed and the division */
} ft_nn_images;

/* FT_EINVAL names class or record: a class without an example to learn from, a label that is no
 * class, a class that `as` has not, pictures or labels that are not there. FT_EUNSUPPORTED for what
 * can only be read in order.
 */
ft_err ft_nn_images_open(ft_nn_images **out, ft_str path, const ft_nn_images_opts *opts);
void ft_nn_images_free(ft_nn_images *m); /* fine on NULL */
/* The field of the pictures. */
int ft_nn_images_field(const ft_nn_images *m);
/* A loader of one side; `spec` is completed (fields). */
ft_err ft_nn_images_loader(ft_loader **out, ft_nn_images *m, bool judge, ft_loader_spec *spec);
/* The loader's batch: its pictures, and its labels as int64 in the arena. */
ft_err ft_nn_images_batch(ft_array *images, int64_t **labels, const ft_batch *b,
                          const ft_nn_images *m, ft_arena *arena);

#endif
