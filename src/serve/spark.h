/* spark.h -- the metric of a job that a person looks at first, as few points: for the dashboard's
 * small lines.
 *
 * Kept until the job's row says that it went on. Threads: any; a call may wait for another's. */
#ifndef FT_SPARK_H
#define FT_SPARK_H

#include "jobs/job.h"

#define FT_SPARK_POINTS 120
#define FT_SPARK_NAME   64

typedef struct ft_spark {
    char name[FT_SPARK_NAME]; /* "validation-mlogloss"; empty: no metric yet */
    int64_t step;             /* of the last value */
    double last;
    size_t count;
    double points[FT_SPARK_POINTS]; /* evenly spaced over the job so far */
} ft_spark;

struct ft_sparks; /* what was looked at last */
/* From the stream "metric": the metric of the validation channel if there is one, else the first
 * that the job wrote. */
ft_err ft_spark_of(ft_spark *out, struct ft_sparks *sparks, ft_store *s, const ft_job *job);

#endif
