/* clustergen.h -- from the sounds of a sentence to frames of spectrum and F0.
 *
 * What flite's own cg_synth does before it makes sound, for voices of the form of slt and rms: states
 * of each sound, how long each lasts, and by the voice's trees the cluster that each frame is like;
 * the spectrum then takes the likeliest path (trajectory.h). The numbers are flite's to the last
 * bit, in a third of its time.
 *
 * Threads: one at a time for ft_clustergen_predict (trees and utterance), any for
 * ft_clustergen_smooth. Source: A. W. Black, "CLUSTERGEN: a statistical parametric synthesizer using
 * trajectory modeling", Interspeech 2006; flite's header cst_cg.h. */
#ifndef FT_SPEECH_CLUSTERGEN_CLUSTERGEN_H
#define FT_SPEECH_CLUSTERGEN_CLUSTERGEN_H

#include "base/arena.h"
#include "speech/flite_in.h"

typedef struct ft_clustergen ft_clustergen;

typedef struct ft_clusters {
    size_t frames, channels, bands;
    float *f0;        /* [frames] Hz; 0: no voice */
    float *model;     /* [frames][2 * channels][2], see trajectory.h */
    float *strengths; /* [frames][bands] of the voice in each band of mixed excitation */
} ft_clusters;

/* FT_EUNSUPPORTED: the voice has another form; flite's own synthesis knows it. */
ft_err ft_clustergen_new(ft_clustergen **out, const cst_cg_db *db);
void ft_clustergen_free(ft_clustergen *g);

/* Gives the utterance (analysed up to its segments and durations' features, not synthesised) its
 * states and the ends of its segments, and tells the clusters of its frames, in `arena`. */
ft_err ft_clustergen_predict(ft_clusters *out, ft_clustergen *g, cst_utterance *u, ft_arena *arena);

/* Row t of `out` ([frames][1 + channels]) is F0, then the cepstrum. */
ft_err ft_clustergen_smooth(float *out, const ft_clustergen *g, const ft_clusters *c,
                            ft_arena *arena);

#endif
