/* zoo.h -- networks that are known by name: built in code, weights from a seed or a file.
 *
 * Names of weights are torchvision's (ResNet, MobileNetV2) or GluonCV's (the detectors and poses),
 * so that their files load as they are (weights.h).
 *
 * Sources: K. He et al., "Deep residual learning", 2016; M. Sandler et al., "MobileNetV2", 2018; B.
 * Xiao et al., "Simple baselines for human pose estimation", 2018; J. Redmon, A. Farhadi, "YOLOv3",
 * 2018; A. Howard et al., "MobileNets", 2017; K. He et al., "Delving deep into rectifiers", 2015
 * (initial weights). Threads: any. */
#ifndef FT_NN_ZOO_H
#define FT_NN_ZOO_H

#include "nn/weights.h"

typedef enum ft_nn_fit {
    FT_NN_FIT_CROP = 0, /* the shorter side to 8/7 of the input's, the middle of it */
    FT_NN_FIT_STRETCH,  /* both sides to the input's */
    FT_NN_FIT_BOX       /* the whole picture within, black bars */
} ft_nn_fit;

typedef struct ft_nn_arch_opts {
    int classes;   /* 0: the architecture's own number */
    int channels;  /* of the input; 0: the architecture's */
    int size;      /* of the input's sides; 0: the architecture's */
    uint64_t seed; /* of the first weights */
} ft_nn_arch_opts;

struct ft_zoo;

/* One architecture: one row in zoo.c, its builder in a file of its family. */
typedef struct ft_nn_arch {
    const char *name; /* "resnet18" */
    const char *doc;
    int classes, channels, size;
    const float *mean, *deviation; /* of pixels in 0 … 1, a channel */
    ft_nn_fit fit;                 /* how a picture becomes the input; cropped: photographs */
    bool scores;                   /* a row of classes' scores, which a softmax may follow */
    const char *classifier;        /* the last layer, trained first when fine-tuning: "fc" */
    void (*build)(struct ft_zoo *z, int image);
} ft_nn_arch;

extern const ft_nn_arch *const ft_nn_archs[]; /* ends with NULL */
/* FT_ENOTFOUND with the nearest name. */
ft_err ft_nn_arch_find(const ft_nn_arch **out, ft_str name);
/* The graph: input "input" [any, channels, size, size] f32, normalised; outputs as the family says.
 */
ft_err ft_nn_arch_build(ft_nn_graph **out, const ft_nn_arch *arch, const ft_nn_arch_opts *opts);
/* The architecture that the weights are of: every weight of it is there in its shape, apart from
 * the number of classes, which is found. FT_EUNSUPPORTED when none fits, with the one that came
 * nearest. */
ft_err ft_nn_arch_guess(const ft_nn_arch **out, ft_nn_arch_opts *opts, const ft_nn_weights *w);

/* YOLOv3's output layers cut down to one class of those it was trained for: the tensors
 * "yolo_outputs.N.prediction.*" of `w` keep the rows of boxes, objectness and class `keep`. */
ft_err ft_nn_yolo3_reduce(ft_nn_weights *w, int keep);

#endif
