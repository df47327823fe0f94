/* train_options.h -- from the options of `fettle train` (cmd_train.c) to a job's specification. */
#ifndef FT_TRAIN_OPTIONS_H
#define FT_TRAIN_OPTIONS_H

#include "cli/cli.h"
#include "jobs/job.h"

#define FT_TRAIN_CHANNELS_MAX 2 /* train and validation */

/* What every rank needs to know. Memory: the command's arena. */
typedef struct ft_train_asked {
    const ft_algorithm *algorithm;
    ft_params *params; /* finished and validated */
    ft_job_channel channels[FT_TRAIN_CHANNELS_MAX];
    size_t channel_count;
    bool pictures; /* it learns from them, not from tables */
    bool ranks;    /* one of several processes that mpirun started */
    int rank;      /* 0: the one that is the job */
} ft_train_asked;
/* FT_EINVAL, FT_ENOTFOUND in words. */
ft_err ft_train_asked_read(ft_train_asked *out, ft_cli *cli);
/* The job with its rules and what is kept of it; borrows from `asked`. */
ft_err ft_train_spec(ft_job_spec *out, ft_cli *cli, const ft_train_asked *asked);

#endif
