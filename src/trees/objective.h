/* objective.h -- what a boosted model was trained for: which labels it takes, how its base score
 * becomes a margin, and how margins become answers. One row an objective of XGBoost 0.90 to 1.7.
 *
 * Source: XGBoost 1.7.4, src/objective. Margins are the sums of leaves before any transform.
 * Threads: any; the table is constant. */
#ifndef FT_OBJECTIVE_H
#define FT_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

typedef enum ft_task {
    FT_TASK_REGRESSION = 1,
    FT_TASK_BINARY,
    FT_TASK_MULTICLASS,
    FT_TASK_RANKING,
    FT_TASK_SURVIVAL
} ft_task;

/* How the stored base score becomes the margin that every sum starts from. */
typedef enum ft_link {
    FT_LINK_IDENTITY = 1,
    FT_LINK_LOGIT, /* log(p / (1 - p)); p in (0, 1) */
    FT_LINK_LOG    /* log(m); m > 0 */
} ft_link;

/* How margins become answers. */
typedef enum ft_transform {
    FT_TRANSFORM_NONE = 1,
    FT_TRANSFORM_SIGMOID,
    FT_TRANSFORM_EXP,
    FT_TRANSFORM_STEP,    /* 1 when the margin is positive, else 0 */
    FT_TRANSFORM_SOFTMAX, /* a probability a class */
    FT_TRANSFORM_ARGMAX   /* the class's number: one answer a row */
} ft_transform;

typedef enum ft_label_rule {
    FT_LABEL_FINITE = 1,
    FT_LABEL_BINARY,    /* 0 or 1 */
    FT_LABEL_UNIT,      /* [0, 1] */
    FT_LABEL_CLASS,     /* whole, [0, num_class) */
    FT_LABEL_NOT_BELOW, /* >= 0 */
    FT_LABEL_POSITIVE,  /* > 0 */
    FT_LABEL_ABOVE_MINUS_ONE
} ft_label_rule;

/*  name, XGBoost's metric, task, labels, link, transform, since (NULL: 0.90), meaning */
/* clang-format off */
#define FT_OBJECTIVE_TABLE(X) \
    X("reg:squarederror", "rmse", REGRESSION, FINITE, IDENTITY, NONE, NULL, "squared error") \
    X("reg:linear", "rmse", REGRESSION, FINITE, IDENTITY, NONE, NULL, "old name of reg:squarederror") \
    X("reg:squaredlogerror", "rmsle", REGRESSION, ABOVE_MINUS_ONE, IDENTITY, NONE, "1.0", "squared error of log(1 + y)") \
    X("reg:logistic", "rmse", REGRESSION, UNIT, LOGIT, SIGMOID, NULL, "logistic regression of a share") \
    X("reg:pseudohubererror", "mphe", REGRESSION, FINITE, IDENTITY, NONE, "1.2", "pseudo-Huber loss") \
    X("reg:absoluteerror", "mae", REGRESSION, FINITE, IDENTITY, NONE, "1.7", "absolute error; leaves are medians") \
    X("reg:gamma", "gamma-nloglik", REGRESSION, POSITIVE, LOG, EXP, NULL, "gamma regression with log link") \
    X("reg:tweedie", "tweedie-nloglik@1.5", REGRESSION, NOT_BELOW, LOG, EXP, NULL, "Tweedie regression with log link") \
    X("count:poisson", "poisson-nloglik", REGRESSION, NOT_BELOW, LOG, EXP, NULL, "Poisson regression of counts") \
    X("binary:logistic", "logloss", BINARY, BINARY, LOGIT, SIGMOID, NULL, "two classes, answers the probability of 1") \
    X("binary:logitraw", "logloss", BINARY, BINARY, IDENTITY, NONE, NULL, "two classes, answers the score before the logistic function") \
    X("binary:hinge", "error", BINARY, BINARY, IDENTITY, STEP, NULL, "two classes, hinge loss, answers 0 or 1") \
    X("multi:softmax", "mlogloss", MULTICLASS, CLASS, IDENTITY, ARGMAX, NULL, "num_class classes, answers the class") \
    X("multi:softprob", "mlogloss", MULTICLASS, CLASS, IDENTITY, SOFTMAX, NULL, "num_class classes, answers a probability a class") \
    X("rank:pairwise", "map", RANKING, NOT_BELOW, IDENTITY, NONE, NULL, "LambdaMART on pairs") \
    X("rank:ndcg", "map", RANKING, NOT_BELOW, IDENTITY, NONE, NULL, "LambdaMART on NDCG") \
    X("rank:map", "map", RANKING, NOT_BELOW, IDENTITY, NONE, NULL, "LambdaMART on mean average precision") \
    X("survival:cox", "cox-nloglik", SURVIVAL, FINITE, LOG, EXP, NULL, "Cox regression; a negative label is a censored time") \
    X("survival:aft", "aft-nloglik", SURVIVAL, POSITIVE, LOG, EXP, "1.1", "accelerated failure time; the label is the (uncensored) time")
/* clang-format on */

typedef struct ft_objective {
    const char *name;   /* NULL ends the table */
    const char *metric; /* XGBoost's default for it */
    ft_task task;
    ft_label_rule labels;
    ft_link link;
    ft_transform transform;
    const char *since; /* XGBoost's version when later than 0.90, else NULL */
    const char *doc;
} ft_objective;

extern const ft_objective ft_objectives[];

/* NULL when there is none of this name. */
const ft_objective *ft_objective_find(ft_str name);
/* The margin that sums start from. FT_EINVAL when the link does not take the score. */
ft_err ft_objective_margin(float *out, const ft_objective *o, float base_score);
/* Answers a row for `groups` margins a row: 1 for FT_TRANSFORM_ARGMAX, else `groups`. */
size_t ft_objective_columns(const ft_objective *o, size_t groups);
/* Margins of `rows` rows become answers in place: columns * rows of them, packed at the front. */
void ft_objective_transform(const ft_objective *o, float *margins, size_t rows, size_t groups);
/* Is the label fit for the objective? `classes` counts for FT_LABEL_CLASS only. */
bool ft_objective_label_fits(const ft_objective *o, float label, size_t classes);
/* What a label must be, for messages: "0 or 1". */
const char *ft_objective_label_text(const ft_objective *o);

#endif
