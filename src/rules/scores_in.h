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
ft_err ft_rule_column(int *out, const ft_stream_kind *kind, const char *name);

/* Call `each` with every record's output in the window. */
ft_err ft_rule_outputs(const ft_rule_input *in, void (*each)(void *ctx, ft_str output), void *ctx);

#endif
