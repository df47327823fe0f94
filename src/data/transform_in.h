/* transform_in.h -- what transform.c and its steps share. Private to the room. */
#ifndef FT_TRANSFORM_IN_H
#define FT_TRANSFORM_IN_H

#include "data/transform.h"

#define FT_TRANSFORM_VALUES_MAX 8

typedef struct ft_step {
    const struct ft_step_op *op;
    float v[FT_TRANSFORM_VALUES_MAX];
    int count;   /* of v that were given */
    ft_str word; /* the value when it is a word ("imagenet"); empty otherwise */
} ft_step;

/* Sizes along the steps; 0: differs from picture to picture. */
typedef struct ft_transform_plan {
    int width, height, channels;
} ft_transform_plan;

struct ft_transform {
    ft_step steps[FT_TRANSFORM_STEPS_MAX];
    size_t count;
    char *text; /* what the words view */
    ft_transform_opts opts;
    ft_packing pack;
    bool encoded;   /* the value is a file's bytes */
    int channels;   /* to decode to */
    ft_array shape; /* of one result */
    ft_transform_plan end;
    bool normalised;
};

struct ft_transform_work {
    const ft_transform *t;
    ft_decoder *decoder;
    ft_resizer *resizer;
    ft_arena arena; /* of one picture that is turned */
    struct {
        uint8_t *at;
        size_t bytes;
    } scratch[2];
};

/* One run: a picture on its way. */
typedef struct ft_transforming {
    ft_transform_work *w;
    ft_random random;
    ft_image image;                     /* the pixels so far; data NULL: not decoded yet */
    int width, height;                  /* of it, also before it is decoded */
    bool writable;                      /* its bytes are scratch */
    bool flip_x, flip_y;                /* still to be done */
    ft_str bytes;                       /* to decode */
    double x, y, cut_width, cut_height; /* of the stored picture */
    int flips;
    ft_transform_time *time;
    uint64_t mark;
} ft_transforming;

typedef struct ft_step_op {
    const char *name;
    const char *doc; /* "random_resized_crop=224: …" */
    float defaults[FT_TRANSFORM_VALUES_MAX];
    int least, most;   /* numbers that may be given */
    const char *words; /* that may stand instead, "a|b"; NULL: none */
    /* Check values and say what size comes out. May be NULL. */
    ft_err (*plan)(ft_transform *t, ft_step *s, ft_transform_plan *p);
    /* NULL: nothing happens at its turn. */
    ft_err (*run)(ft_transforming *r, const ft_step *s);
} ft_step_op;

extern const ft_step_op ft_step_ops[]; /* ends with name NULL; in transform_steps.c */

/* What passed since the last call belongs to `*to` (ns of this thread's CPU); nothing without
 * r->time. */
void ft_transform_tick(ft_transforming *r, uint64_t *to);
/* Pixels are there after this. */
ft_err ft_transform_decode(ft_transforming *r);
/* Only this box of the picture goes on (decoded alone when nothing is decoded yet); with `draft` at
 * a size that is not below want_width x want_height. */
ft_err ft_transform_crop(ft_transforming *r, ft_box box, int want_width, int want_height);
ft_err ft_transform_resize(ft_transforming *r, int width, int height);
/* The pixels are this picture's own after this: they may be written. */
ft_err ft_transform_own(ft_transforming *r);
/* A picture in the scratch that the current one does not stand in. */
ft_err ft_transform_scratch(ft_image *out, ft_transforming *r, int width, int height, int channels);

/* transform_affine.c */
ft_err ft_affine_plan(ft_transform *t, ft_step *s, ft_transform_plan *p);
ft_err ft_affine_run(ft_transforming *r, const ft_step *s);

#endif
