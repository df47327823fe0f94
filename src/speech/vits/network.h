/* network.h -- the network of a neural voice (VITS, as Piper exports it): numbers of sounds in,
 * sound out.
 *
 * The graph is cut before the layers that make samples: the front is run once for a text and says
 * how long every sound takes; the back (convolutions alone) makes the samples window by window with
 * the neighbours that its receptive field asks for, so that the first are heard early and memory
 * does not grow with the text. Every window's samples are those of the whole. A graph that cannot
 * be cut so is run as it is.
 *
 * Sources: J. Kim, J. Kong, J. Son, "Conditional Variational Autoencoder with Adversarial Learning
 * for End-to-End Text-to-Speech" (VITS), ICML 2021; Piper's exporter (names of inputs and outputs).
 *
 * Threads: a network is shared; a run belongs to one at a time. Memory: weights once a network. */
#ifndef FT_VITS_NETWORK_H
#define FT_VITS_NETWORK_H

#include "base/arena.h"
#include "speech/vits/config.h"

#define FT_VITS_SECONDS_MAX 180 /* of one run: 40 words take 20 */

typedef struct ft_vits_network ft_vits_network;
typedef struct ft_vits_run ft_vits_run;

/* `config` must outlive it. FT_EUNSUPPORTED when the file is no such voice: the sentence names its
 * inputs; errors of ONNX files as ft_nn_onnx_read has them. */
ft_err ft_vits_network_new(ft_vits_network **out, const char *path, const ft_vits_config *config);
void ft_vits_network_free(ft_vits_network *n); /* after its runs; fine on NULL */
/* What was found, for people: "durations told, sound in windows of 150 frames". */
void ft_vits_network_describe(const ft_vits_network *n, char *out, size_t size);

ft_err ft_vits_run_new(ft_vits_run **out, ft_vits_network *n);
void ft_vits_run_free(ft_vits_run *r); /* fine on NULL */

typedef struct ft_vits_ask {
    const int64_t *ids;
    size_t count;
    double pace; /* 2: twice as fast as the voice by itself */
    int64_t speaker;
} ft_vits_ask;

typedef struct ft_vits_said {
    size_t samples; /* in all */
    size_t *ends;   /* of each id, in samples; by share where `told` is false */
    bool told;
} ft_vits_said;

/* Think a text out; the same ask gives the same bits. FT_ECORRUPT when the network gives no sound,
 * FT_ETOOBIG for more than FT_VITS_SECONDS_MAX. */
ft_err ft_vits_think(ft_vits_said *out, ft_vits_run *r, const ft_vits_ask *ask, ft_arena *arena);
/* Its next samples (-1 … 1), in the run's memory until the next call; `*count` 0 at the end.
 * FT_ECORRUPT for samples that are no numbers. */
ft_err ft_vits_next(const float **out, size_t *count, ft_vits_run *r);

#endif
