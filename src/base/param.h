/* param.h -- typed parameters: one table says name, type, range, default and meaning; parsing,
 * refusal with the nearest right name or the range, help text and docs all come from it. Used for
 * command options, algorithm hyperparameters and rule parameters alike.
 *
 *     static const ft_param loss_params[] = {
 *         { "num_steps", FT_PARAM_INT, "10", .min = 1, .max = 1e9, .doc = "steps between two
 * comparisons" }, { "diff_percent", FT_PARAM_FLOAT, "0.1", .min = 0, .max = 100, .doc = "smallest
 * drop that counts, in percent" }, { 0 } };
 *
 * Ownership: tables are static; values are copied into the arena. Threads: one sets, then any read.
 */
#ifndef FT_PARAM_H
#define FT_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef enum ft_param_type {
    FT_PARAM_INT = 1, /* int64 within [min, max] */
    FT_PARAM_FLOAT,   /* finite double within [min, max]; `min_open`/`max_open` exclude the bound */
    FT_PARAM_BOOL,    /* true/false, 1/0, yes/no, on/off */
    FT_PARAM_STRING,  /* any text */
    FT_PARAM_CHOICE,  /* one of `choices`, separated by '|' */
    FT_PARAM_LIST,    /* comma-separated; each item one of `choices` when given */
    FT_PARAM_FLAG     /* command line only: present or not */
} ft_param_type;

/* What setting the parameter does here (algorithms only). */
typedef enum ft_param_effect {
    FT_EFFECT_ACTIVE = 0, /* it changes the work */
    FT_EFFECT_SILENT      /* accepted for compatibility, without effect; `doc` says why */
} ft_param_effect;

typedef struct ft_param {
    const char *name; /* NULL ends a table */
    ft_param_type type;
    const char *default_text; /* NULL: unset unless given */
    double min, max;          /* both 0: no bounds; an infinity: no bound on that side */
    bool min_open, max_open;
    bool required;
    bool repeated; /* command line: may be given many times (see ft_params_each) */
    ft_param_effect effect;
    const char *choices;  /* "auto|exact|hist" */
    const char *prefixes; /* names that continue freely, "error@|ndcg@": LIST/CHOICE items */
    const char *doc;      /* one line, no full stop; for an option "FILE: what it is" */
    const char *since;    /* NULL, or the version that has it ("1.2") */
} ft_param;

typedef struct ft_params ft_params; /* a table and the values set */

/* Values for `table`, all unset. Lives in the arena. */
ft_err ft_params_new(ft_params **out, ft_arena *arena, const ft_param *table);
/* Set from text; a parameter set again takes the later value, a repeated one keeps all. FT_EINVAL
 * with a sentence that a user can act on: unknown name (with the nearest right one), wrong type,
 * outside the range (with the range), not one of the choices (with the choices). */
ft_err ft_params_set(ft_params *p, ft_str name, ft_str value);
/* After all sets: FT_EINVAL naming the first required parameter that is missing. */
ft_err ft_params_finish(const ft_params *p);

/* Typed reads: the value set, else the default. The name must be in the table and of that type (a
 * check). A parameter with neither value nor default reads as 0, NaN, false, or a view with at ==
 * NULL. */
bool ft_params_given(const ft_params *p, const char *name); /* set by the user? */
int64_t ft_params_int(const ft_params *p, const char *name);
double ft_params_float(const ft_params *p, const char *name);
bool ft_params_bool(const ft_params *p, const char *name);  /* BOOL and FLAG */
ft_str ft_params_str(const ft_params *p, const char *name); /* any type: the text */
/* The i-th value of a repeated parameter or the i-th item of a LIST (for others the 0-th is the
 * value); false past the last. */
bool ft_params_each(const ft_params *p, const char *name, size_t i, ft_str *out);
const ft_param *ft_params_table(const ft_params *p);

/* "integer in [1, 1000000], default 10" */
ft_err ft_param_describe(ft_str *out, ft_arena *arena, const ft_param *param);
const ft_param *ft_param_find(const ft_param *table, ft_str name);

#endif
