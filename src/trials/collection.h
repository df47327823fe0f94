/* collection.h -- which tensors are kept, when: smdebug's collections and save configurations.
 *
 * A collection names tensors outright or by regular expressions, and says at which steps they are
 * kept and in what form. The structs are plain views: whoever makes them keeps the memory (mostly
 * an arena). */
#ifndef FT_COLLECTION_H
#define FT_COLLECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* What the training program was doing. The numbers are those of the event files. */
typedef enum ft_mode { FT_MODE_TRAIN = 1, FT_MODE_EVAL, FT_MODE_PREDICT, FT_MODE_GLOBAL } ft_mode;
#define FT_MODE_COUNT 4
const char *ft_mode_name(ft_mode m);             /* "TRAIN"; "?" for none of them */
ft_err ft_mode_parse(ft_mode *out, ft_str name); /* any case; FT_EINVAL */

#define FT_SAVE_INTERVAL_DEFAULT 500 /* smdebug's */

typedef struct ft_save_config {
    int64_t interval; /* every n-th step; 0: unset (FT_SAVE_INTERVAL_DEFAULT) */
    int64_t *steps;   /* these steps as well; NULL: none */
    size_t step_count;
    int64_t start, end; /* [start, end); end 0: no end; end < 0: never by interval */
} ft_save_config;

typedef struct ft_collection {
    ft_str name;
    ft_str *include; /* expressions, matched from the start of the name (Python's re.match) */
    size_t include_count;
    ft_str *names; /* tensors named outright */
    size_t name_count;
    ft_save_config save;                     /* of every mode that has none of its own */
    ft_save_config mode_save[FT_MODE_COUNT]; /* by mode - 1; interval 0: `save` counts */
    ft_str reductions;                       /* "mean,abs_max,l2_norm"; empty: the tensor itself */
    bool keep_raw;                           /* the tensor itself beside its reductions */
} ft_collection;

bool ft_save_due(const ft_save_config *save, int64_t step);
/* The save configuration that counts for a mode. */
const ft_save_config *ft_collection_save(const ft_collection *c, ft_mode mode);

/* A collection compiled for many questions. Borrows the collection's texts. */
typedef struct ft_matcher ft_matcher;
/* FT_EINVAL for an expression that cannot be read, with the collection's name. */
ft_err ft_matcher_new(ft_matcher **out, const ft_collection *c);
ft_err ft_matcher_has(bool *out, ft_matcher *m, ft_str tensor);
void ft_matcher_free(ft_matcher *m);
/* The same for one question. */
ft_err ft_collection_has(bool *out, const ft_collection *c, ft_str tensor);

/* XGBoost's built-in collections, all at one interval (0: unset): metrics, losses,
 * feature_importance, average_shap, full_shap, predictions, labels, hyperparameters, trees. In the
 * arena. */
ft_err ft_collections_xgboost(ft_collection **out, size_t *count, ft_arena *arena,
                              int64_t interval);
/* The built-in expression of a collection name, XGBoost's and the deep learning hooks' ("weights",
 * "gradients" …); NULL when the name is the user's own. */
const char *ft_collection_builtin(ft_str name);

/* Set one parameter of a collection, by the hook's names: save_interval, save_steps "1,2",
 * start_step, end_step (all with an optional "train." "eval." "predict." "global."), include_regex
 * "a,b" (added), reductions "mean,abs_max", save_raw_tensor, save_histogram and save_shape
 * (accepted, without effect). FT_EINVAL names the parameter and what was expected, with the nearest
 * right name. Parameters without a mode must be set before those with one. */
ft_err ft_collection_set(ft_collection *c, ft_arena *arena, ft_str parameter, ft_str value);
/* "losses:save_interval=10,start_step=0" of the command line: a built-in or new collection. */
ft_err ft_collection_parse(ft_collection *out, ft_arena *arena, ft_str text);

/* The collections file (formats.md 3.7) and back. Reading refuses keys that the reference reader
 * refuses. FT_EPARSE with the place. */
ft_err ft_collections_write(ft_buf *out, const ft_collection *c, size_t count, int num_workers);
ft_err ft_collections_read(ft_collection **out, size_t *count, int *num_workers, ft_arena *arena,
                           ft_str json);

#endif
