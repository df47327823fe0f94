/* cloudwatch.h -- metrics that programs put by CloudWatch's calls, as the stream kind "cloudwatch"
 * keyed by namespace. */
#ifndef FT_AWS_CLOUDWATCH_H
#define FT_AWS_CLOUDWATCH_H

#include "aws/aws.h"
#include "streams/stream.h"

enum { /* columns of the kind; a record is one value, or a set of `samples` values summed up */
       FT_CLOUDWATCH_TIME,
       FT_CLOUDWATCH_NAME,
       FT_CLOUDWATCH_DIMENSIONS, /* {"Host":"a"}, names in byte order */
       FT_CLOUDWATCH_VALUE,      /* the sum of the samples */
       FT_CLOUDWATCH_SAMPLES,
       FT_CLOUDWATCH_MIN,
       FT_CLOUDWATCH_MAX,
       FT_CLOUDWATCH_UNIT,
       FT_CLOUDWATCH_COLUMNS
};
extern const ft_stream_kind ft_kind_cloudwatch;

/* A value, or several summed up, for the rooms of this front that know metrics themselves. */
typedef struct ft_cloudwatch_datum {
    ft_str name, dimensions, unit; /* dimensions: as in the kind */
    int64_t time_us;
    double value, samples, min, max;
} ft_cloudwatch_datum;
/* Appends it by a writer of the kind whose key is `space`; ListMetrics knows it from then on. */
ft_err ft_cloudwatch_append(ft_stream_writer *w, ft_store *s, ft_arena *arena, ft_str space,
                            const ft_cloudwatch_datum *d);

#endif
