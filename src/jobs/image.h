/* image.h -- what a container image's name means on this machine, where no image is pulled.
 *
 *     …/pytorch-training:1.8.1-cpu-py36      a framework: the user's own script runs by this
 *                                            machine's Python
 *     /home/me/train, file:///home/me/train  a program of this machine: it is run with the word
 *                                            "train" or "serve"; a processing job's with its
 *                                            arguments
 *     /home/me/image                         a folder: its program "train", "serve" or "run"
 *     anything else                          an image: run by podman when that is installed
 *
 * Threads: any. Memory: in the arena. */
#ifndef FT_IMAGE_H
#define FT_IMAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef enum ft_image_use { FT_IMAGE_TRAIN, FT_IMAGE_SERVE, FT_IMAGE_PROCESS } ft_image_use;

typedef enum ft_image_kind {
    FT_IMAGE_FRAMEWORK, /* `framework` */
    FT_IMAGE_PROGRAM,   /* `program`: a file that may be run */
    FT_IMAGE_PODMAN
} ft_image_kind;

typedef struct ft_image {
    ft_image_kind kind;
    ft_str name; /* the repository's last name, "pytorch-training" */
    ft_str
        framework; /* "pytorch" "mxnet" "sklearn" "xgboost" "tensorflow" "huggingface"; empty: none
                    */
    ft_str program;
} ft_image;
/* FT_EUNSUPPORTED in words when it is neither and podman is absent; FT_ENOTFOUND, FT_EDENIED for a
 * path that is no program. */
ft_err ft_image_find(ft_image *out, ft_arena *arena, ft_str image, ft_image_use use);
/* Is podman in $PATH? $FETTLE_PODMAN is another program in its place; empty: none. */
bool ft_image_podman_there(void);

/* `podman run` for a tree (container.h) that the image sees at /opt/ml. */
typedef struct ft_image_podman {
    ft_str image;
    const char *name;              /* of the container */
    const char *root;              /* the tree */
    const char *const *env;        /* "NAME=value", ends with NULL */
    int port;                      /* > 0: the container's port 8080 is this one, on 127.0.0.1 */
    const char *word;              /* "train", "serve"; NULL: none */
    const char *const *entrypoint; /* instead of the image's; NULL: the image's */
    const char *const *arguments;  /* after `word`; NULL: none */
} ft_image_podman;
/* Adds to argv[0, *argc); at most `max`, FT_ETOOBIG. Texts in the arena. */
ft_err ft_image_podman_argv(const char **argv, size_t *argc, size_t max, ft_arena *arena,
                            const ft_image_podman *ask);
/* A container of that name goes, if there is one: it outlives a killed podman. */
void ft_image_podman_remove(const char *name);

#endif
