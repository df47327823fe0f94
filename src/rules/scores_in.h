/* scores_in.h -- the scores of captured answers, for rules on classification. Private to the room.
 */
#ifndef FT_RULE_SCORES_IN_H
#define FT_RULE_SCORES_IN_H

#include "rules/rule_in.h"

#define FT_RULE_SCORES_MAX 4096 /* classes of an answer */

/* The numbers of the first row of an answer: CSV's first line, JSON's first list of numbers. 0 when
 * there are fewer than two or they are not probabilities (between 0 and 1, sum 1). */
size_t ft_rule_scores(double out[FT_RULE_SCORES_MAX], ft_str output);

/* A column of the rule's stream; FT_EINVAL when it has none of that name. */
ft_err ft_rule_column(int *out, const ft_stream_kind *kind, ft_str name);

/* Call `each` with every record's output in the window. */
ft_err ft_rule_outputs(const ft_rule_input *in, void (*each)(void *ctx, ft_str output), void *ctx);

/* ---- rules that fire when too large a share of a window's records is of some kind */
#define FT_RULE_SHARE_PARAMS(threshold, threshold_doc, few_doc)                                  \
    { .name = "threshold_percent",                                                               \
      .type = FT_PARAM_FLOAT,                                                                    \
      .default_text = threshold,                                                                 \
      .min = 0,                                                                                  \
      .max = 100,                                                                                \
      .doc = threshold_doc },                                                                    \
    {                                                                                            \
        .name = "min_records", .type = FT_PARAM_INT, .default_text = "20", .min = 1, .max = 1e9, \
        .doc = few_doc                                                                           \
    }

typedef struct ft_rule_share {
    uint64_t total, found;
    double percent, most; /* set by judging */
} ft_rule_share;

/* Is the share too large? When not, or when too few records were seen ("7 pictures in the window;
 * 20 are needed"), the verdict is set. */
ft_err ft_rule_share_judge(bool *fired, ft_rule_share *s, const ft_params *p,
                           const ft_rule_input *in, ft_verdict *out, const char *what);
/* The evidence: `found` under `name`, and what it was judged by. */
void ft_rule_share_note(ft_rule_evidence *e, const ft_rule_share *s, const char *name);

#endif
