/* guard.h -- what a rule host leaves behind for whoever watches over it: a mapped page that says
 * which rule it is evaluating, since when, and which evaluation killed the hosts before it.
 *
 * The host marks begin and end of every evaluation (a few stores, no system call). When it dies
 * inside one, the next host finds the mark, counts, and after FT_GUARD_ATTEMPTS deaths on the same
 * (watch, at) refuses that evaluation: the watch becomes an Error and the rest goes on. A host that
 * hangs inside one is seen by ft_guard_busy_us, killed by its supervisor and then counted the same.
 *
 * One host a page (a lock that the system frees when the process ends). Threads: one. */
#ifndef FT_GUARD_H
#define FT_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define FT_GUARD_ATTEMPTS 3

typedef struct ft_guard ft_guard;

/* Host: be the one host of this page (FT_EBUSY, naming the other's process, when there is one) and
 * take over what the last one left. */
ft_err ft_guard_take(ft_guard **out, const char *path);
/* Supervisor: look at it. FT_ENOTFOUND while no host has ever run. */
ft_err ft_guard_look(ft_guard **out, const char *path);
void ft_guard_free(ft_guard *g); /* fine on NULL */

/* Host: an evaluation begins; false when it has killed FT_GUARD_ATTEMPTS hosts already. */
bool ft_guard_begin(ft_guard *g, int64_t watch, int64_t at);
void ft_guard_end(ft_guard *g);
/* Host: the sentence for the evaluation that was refused: "the rule host died 3 times (signal 11,
 * Segmentation fault)". Static per thread. */
const char *ft_guard_text(const ft_guard *g);
/* Host: note the signal that kills this process in the page, then die of it. Process-wide. */
void ft_guard_catch(ft_guard *g);

/* Supervisor: how long the evaluation in progress has lasted, in µs of the monotonic clock; 0 when
 * there is none. */
int64_t ft_guard_busy_us(const ft_guard *g);
/* Supervisor: SIGKILL the host because its evaluation passed the deadline. false when it is gone or
 * its evaluation has ended meanwhile. */
bool ft_guard_kill(ft_guard *g, int64_t deadline_us);
/* The host's process; false when it is gone. */
bool ft_guard_alive(const ft_guard *g, pid_t *pid);

#endif
