/* replay.h -- captured requests asked again, and the answers compared byte for byte: of the version
 * that gave them (each segment of captures descends from one), which must answer as it did, or of
 * another version, to see what would change.
 *
 * The models are loaded here; no server is asked, nothing is captured. Threads: one. */
#ifndef FT_REPLAY_H
#define FT_REPLAY_H

#include "base/arena.h"
#include "store/store.h"

typedef struct ft_replay_opts {
    int version;           /* asked instead of the one that answered; 0: that one */
    int64_t from, until;   /* times in µs, [from, until); both 0: all */
    uint64_t requests_max; /* 0: all */
} ft_replay_opts;

typedef struct ft_replay_found { /* an answer that is another one now; borrowed for the call */
    ft_str event_id, segment;    /* the capture, and the stream segment that has it */
    int version;                 /* that was asked */
    ft_str was, is;              /* the captured answer, and today's; `is` empty when it failed */
    ft_str why;                  /* it failed: in words */
} ft_replay_found;

typedef struct ft_replay_result {
    uint64_t equal, different; /* requests asked again */
    uint64_t incomplete;       /* captured without input or output: nothing to compare */
} ft_replay_result;

/* `found` (may be NULL) is told each difference, in the order of time; an error of it ends the
 * replay. FT_ENOTFOUND: no such endpoint or version. FT_ECONFLICT: the version's model file is
 * another one than was deployed, or it is not known which version answered (captures of another
 * system: give a version). FT_EUNSUPPORTED: the model is a program, which only a server runs. */
ft_err ft_replay(ft_replay_result *out, ft_store *s, ft_str endpoint, const ft_replay_opts *opts,
                 ft_err (*found)(void *ctx, const ft_replay_found *f), void *ctx);

#endif
