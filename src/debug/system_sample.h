/* system_sample.h -- what the machine is doing: processors, memory, disks, network and NVIDIA's
 * devices, in the names of SageMaker's profiler (formats.md 3.9).
 *
 * Read from /proc; devices by libnvidia-ml, loaded on first use, left out where it is not there.
 * Rates are since the last reading. Threads: one sampler, one thread. */
#ifndef FT_SYSTEM_SAMPLE_H
#define FT_SYSTEM_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "streams/stream.h"

#define FT_SYSTEM_VALUES_MAX 1100 /* two of each of 512 processors, and the rest */

typedef struct ft_system_value {
    const char *type;      /* cpu, memory, i/o, network, gpu */
    char name[40];         /* cpu0, MemoryUsedPercent, ReceiveBytesPerSecond, gpu0 … */
    const char *dimension; /* CPUUtilization, I/OWaitPercentage, Algorithm …; may be empty */
    double value;          /* percent, bytes a second or operations a second */
} ft_system_value;

typedef struct ft_system_sampler ft_system_sampler;
ft_err ft_system_sampler_new(ft_system_sampler **out);
void ft_system_sampler_free(ft_system_sampler *s); /* fine on NULL */
/* The first reading gives what needs no time between (memory, devices). `values` holds
 * FT_SYSTEM_VALUES_MAX. */
ft_err ft_system_sample(ft_system_sampler *s, ft_system_value *values, size_t *count);

/* Samples of jobs as a stream, keyed by job. */
extern const ft_stream_kind ft_kind_system;
enum {
    FT_SYSTEM_TIME,
    FT_SYSTEM_TYPE,
    FT_SYSTEM_NAME,
    FT_SYSTEM_DIMENSION,
    FT_SYSTEM_VALUE,
    FT_SYSTEM_COLUMNS
};

#endif
