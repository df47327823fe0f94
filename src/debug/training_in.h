/* training_in.h -- private: what the two halves of the training report share. */
#ifndef FT_TRAINING_IN_H
#define FT_TRAINING_IN_H

#include "debug/training_report.h"
#include "report/page.h"
#include "trials/trial.h"

typedef struct ft_training {
    const ft_training_report_opts *opts;
    ft_page *page;
    ft_trial *trial;
    ft_arena *arena; /* the whole report's */
    ft_store *store;
} ft_training;

/* One tensor of one step as doubles in the arena; FT_ENOTFOUND without a trail when it was not
 * saved. */
ft_err ft_training_numbers(double **out, ft_array *shape, ft_training *r, ft_str name,
                           int64_t step);
/* Sections on labels and predictions (training_outcome.c). */
ft_err ft_training_outcome(ft_training *r);
ft_err ft_training_labels(ft_training *r);
/* Sections on the loader and the machine, where there is something to tell (machine_part.c). */
ft_err ft_training_machine(ft_training *r);

#endif
