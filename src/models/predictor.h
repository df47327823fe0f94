/* predictor.h -- something that serves: load, describe, predict, free. One file, one exported
 * struct, one row.
 *
 * A loaded model is immutable: many threads predict at once, each with its own arena. */
#ifndef FT_PREDICTOR_H
#define FT_PREDICTOR_H

#include "base/arena.h"
#include "base/array.h"
#include "base/json.h"
#include "base/tap.h"

struct ft_schema;

typedef struct ft_payload { /* a request's or response's body */
    ft_str content_type;    /* with parameters as sent; empty: unknown */
    ft_str bytes;
} ft_payload;

typedef struct ft_model
    ft_model; /* each predictor has its own; first member is `const ft_predictor *predictor` */

/* ---- predictors that ask another process, such as a program of the user's */
typedef struct ft_serving { /* for whom a model answers */
    const char *home;       /* of the store */
    ft_str endpoint, variant;
    int version;
} ft_serving;

typedef struct ft_asking { /* one request and what came of it; texts in the arena */
    ft_payload in;
    ft_str accept, custom_attributes;
    ft_arena *arena;
    ft_payload out;
    int status; /* the program's own, such as 200 or 415 */
    ft_str custom_attributes_out;
} ft_asking;

#define FT_EXPLAIN_SAMPLES_MAX 200 /* one request holds the model's lock meanwhile */
typedef struct ft_explain_ask {    /* what is to be explained, and how it is drawn */
    ft_str method; /* "fullgrad", "gradient", "smoothgrad", "gradcam"; empty: the first */
    ft_str class;  /* a number or label; empty: the answer's */
    float opacity; /* of the map over the picture; 0: half */
    int samples;   /* smoothgrad's copies, 0: its default; at most FT_EXPLAIN_SAMPLES_MAX */
    double noise;  /* its deviation, of the range of the picture's values; 0: its default */
    uint64_t seed;
} ft_explain_ask;

typedef struct ft_predictor {
    const char *name; /* "xgboost" */
    const char *doc;
    const char *content_types; /* accepted: "text/csv|application/json" */
    /* An empty request is answered with 204 and nothing, without `predict` (SageMaker's XGBoost
     * container does so). Else `predict` gets it, and says what it misses. */
    bool empty_is_fine;
    /* Is this folder or file one of yours? 0 no … 100 surely. */
    int (*sniff)(const char *path);
    /* Load from a model folder (or single file). Refuses what is not one, naming byte or field. */
    ft_err (*load)(ft_model **out, const char *path);
    /* What it is, as members of the open JSON object: inputs, outputs, objective, sizes. */
    void (*describe)(const ft_model *m, ft_json_out *w);
    /* One request. The response's bytes live in the arena. FT_EMEDIA for a content type it does not
     * read, FT_EPARSE with row and column for a bad body. `accept` as sent ("" = any). `tap` may be
     * NULL; else the request's tensors are shown to it, whose `wants` must say the same at every
     * step: such a call may take several times as long, and they come one at a time. */
    ft_err (*predict)(const ft_model *m, ft_payload *out, const ft_payload *in, ft_str accept,
                      ft_tap *tap, ft_arena *arena);
    /* Can requests show what the tap wants? FT_EINVAL with some of the names that there are when it
     * wants none of them, FT_EUNSUPPORTED. NULL: it has no tensors to show. Any thread. */
    ft_err (*shows)(const ft_model *m, ft_tap *tap);
    /* What a class is called, borrowed from the model; empty: by its number alone. May be NULL. */
    ft_str (*class_name)(const ft_model *m, int class);
    /* Why it answers a request as it does: a heat map as image/png, or its numbers as
     * application/json, as `accept` asks. NULL: it cannot tell. Any thread. */
    ft_err (*explain)(const ft_model *m, ft_payload *out, const ft_payload *in,
                      const ft_explain_ask *ask, ft_str accept, ft_arena *arena);
    /* Rows at once, for batch work: out_cols values a row. NULL when the predictor's input is not a
     * matrix. */
    ft_err (*predict_rows)(const ft_model *m, float *out, const float *rows, size_t count);
    size_t (*input_cols)(const ft_model *m); /* 0: not a matrix */
    size_t (*output_cols)(const ft_model *m);
    /* What its columns are, borrowed from the model. May be NULL, or give NULL: not known. */
    const struct ft_schema *(*schema)(const ft_model *m);
    void (*free)(ft_model *m); /* fine on NULL */

    /* All three or none: the model is another process, which is started by a server and answers
     * after a while. `load` does not start it, and `free` does not wait for its end.
     *
     * Once, before it serves; returns at once. */
    ft_err (*start)(ft_model *m, const ft_serving *as);
    /* FT_OK: it answers. FT_EBUSY without a trail: not yet. Another: it will not, in words. */
    ft_err (*ready)(ft_model *m);
    /* One request; may take a minute, so it is called where nobody else waits. Any thread. FT_OK
     * whatever the program's status; FT_EPEER, FT_ETIMEOUT when it did not answer. */
    ft_err (*ask)(ft_model *m, ft_asking *asking);
} ft_predictor;

struct ft_model {
    const ft_predictor *predictor;
};

void ft_predictors_use(const ft_predictor *const *rows);
const ft_predictor *ft_predictor_find(ft_str name);
const ft_predictor *const *ft_predictors(void);
/* The predictor that knows the path best; FT_EUNSUPPORTED lists what is known. */
ft_err ft_predictor_for(const ft_predictor **out, const char *path);

#endif
