/* gate.h -- the gate between a job and its rule host: the job does not record step n+1 before the
 * rules have seen step n.
 *
 * A file of two counters, mapped by both processes and waited on by futex. The gate never holds a
 * job for long: a host that is dead or slower than the patience opens it, and it stays open until
 * the host moves again (so a dead host costs one patience, not one a step). A gate that was closed
 * stays closed: the job is to stop and nothing more may be recorded.
 *
 * Threads: one job thread and one host thread a gate; close from anywhere. Steps are >= 0. */
#ifndef FT_GATE_H
#define FT_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FT_GATE_PATIENCE_US ((int64_t)2000000)

typedef struct ft_gate ft_gate;

/* Map the file, making it when it is not there. FT_ECORRUPT for a file that is not a gate. */
ft_err ft_gate_open(ft_gate **out, const char *path);
/* Job: `step` is about to be recorded; waits until everything recorded before has been evaluated,
 * at most `patience_us` (0: FT_GATE_PATIENCE_US). FT_ECANCELED when the gate was closed. */
ft_err ft_gate_wait(ft_gate *g, int64_t step, int64_t patience_us);
/* Job: `step` and all before it can be read now. */
void ft_gate_recorded(ft_gate *g, int64_t step);
/* Host: `step` and all before it have been evaluated, and what they asked for has been done. */
void ft_gate_evaluated(ft_gate *g, int64_t step);
/* Host, or whoever stops the job: nothing more may be recorded. */
void ft_gate_close(ft_gate *g);
bool ft_gate_closed(const ft_gate *g);
/* Host: wait for a step after `seen`, the gate's closing or the time; returns the newest recorded
 * step, -1 when there is none. A time of 0 only looks. */
int64_t ft_gate_next(ft_gate *g, int64_t seen, int64_t timeout_us);
/* Unmaps; the file stays. Fine on NULL. */
void ft_gate_free(ft_gate *g);

#endif
