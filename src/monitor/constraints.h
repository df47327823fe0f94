/* constraints.h -- what traffic must fulfil: suggested from a baseline's statistics, written and
 * read as Model Monitor's constraints.json (formats.md 3.11), which a person may edit.
 *
 * A share that must be reached ("completeness": 0.93) is a limit in the long run: a window violates
 * it when it is below by more than chance explains (check.h). A share of 1 is strict. */
#ifndef FT_CONSTRAINTS_H
#define FT_CONSTRAINTS_H

#include "monitor/statistics.h"

typedef struct ft_constraint { /* of one feature */
    ft_str name;
    ft_stat_type type;
    double completeness; /* share of values that must be present */
    bool non_negative;   /* numbers */
    ft_str *domain;      /* texts that are allowed; NULL: any */
    size_t domain_count;
    double
        domain_threshold; /* share of the values that must be in the domain; NaN: the common one */
} ft_constraint;

typedef struct ft_constraints {
    ft_arena arena;
    ft_constraint *features;
    size_t count;
    bool enabled;              /* monitoring_config.evaluate_constraints */
    double datatype_threshold; /* share of values that must be of the type */
    double domain_threshold;
    bool compare;          /* distribution_constraints.perform_comparison */
    bool robust;           /* comparison_method Robust; else Simple */
    double threshold;      /* comparison_threshold: numbers */
    double text_threshold; /* categorical_comparison_threshold */
} ft_constraints;

/* Completeness below 1 is lowered by what chance allows (1.96 standard errors), as Model Monitor's
 * library suggests it. A domain of texts some of which were seen only once gets a threshold of its
 * own, since as many will be new (Good and Turing: the share of values not seen yet is that of
 * values seen once). */
ft_err ft_constraints_suggest(ft_constraints **out, const ft_statistics *baseline);
void ft_constraints_free(ft_constraints *c); /* fine on NULL */
/* `near`: the place where it most likely is. NULL when there is none. */
const ft_constraint *ft_constraints_find(const ft_constraints *c, ft_str name, size_t near);

ft_err ft_constraints_write(ft_buf *out, const ft_constraints *c);
/* FT_EPARSE with line and column. */
ft_err ft_constraints_read(ft_constraints **out, ft_str json, const char *name);

#endif
