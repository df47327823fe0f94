/* proc.h -- the process supervisor: start, watch, deadline, stop, restart.
 *
 * One supervisor serves many children from one thread (poll). A child is the leader of its own
 * process group, so stopping it stops what it started. Stopping is SIGTERM to the group, then
 * SIGKILL after the grace time; what is left of the group when its leader has ended by itself is
 * killed. A child reads /dev/null and inherits no descriptor beside 0, 1 and 2.
 *
 * No signal handler is installed: exits are seen by pidfd, where the kernel has it, else by looking
 * every 10 ms.
 *
 * Threads: one supervisor, one thread, which must outlive the children when `die_with_parent` is
 * used. Ownership: specs are copied; a process belongs to its supervisor. */
#ifndef FT_PROC_H
#define FT_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

typedef struct ft_supervisor ft_supervisor;
typedef struct ft_proc ft_proc;

typedef enum ft_restart { FT_RESTART_NEVER, FT_RESTART_ON_FAILURE, FT_RESTART_ALWAYS } ft_restart;

typedef struct ft_proc_spec {
    const char *name;        /* for messages */
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it has a '/' */
    const char *const *env;  /* "NAME=value", added to ours; NULL: none */
    const char *cwd;         /* NULL: ours */
    /* stdout and stderr are appended here; NULL: to on_line only, or discarded */
    const char *output_path;
    /* Each line of output, without its end; longer ones than 64 KiB come in pieces. May be NULL. */
    void (*on_line)(void *ctx, ft_str line);
    /* After it ended and will not be restarted; may be NULL. May start, stop and forget. */
    void (*on_exit)(void *ctx, ft_proc *p);
    void *ctx;
    int64_t deadline_us; /* this long after its (first) start it is stopped; 0: none */
    int64_t grace_us;    /* between SIGTERM and SIGKILL; 0: 2 s */
    ft_restart restart;
    int restart_max;      /* in a row, a run of a minute begins a new row; 0: 10. Back-off 100 ms
                             doubling to 10 s */
    bool die_with_parent; /* SIGKILL when the supervising process dies (PR_SET_PDEATHSIG) */
    bool inherit_output;  /* leave stdout and stderr as they are */
} ft_proc_spec;

typedef struct ft_proc_end {
    bool ended;
    int exit_code; /* -1 when a signal ended it */
    int signal;    /* 0 when it exited */
    bool by_deadline, by_request;
    int restarts;
    int64_t deadline_us; /* the spec's */
    int64_t cpu_us;      /* user + system of the last run */
    int64_t peak_rss_bytes;
} ft_proc_end;

ft_err ft_supervisor_new(ft_supervisor **out);
/* Stops and reaps every child. */
void ft_supervisor_free(ft_supervisor *s);
/* FT_ENOTFOUND when the program or cwd does not exist, FT_EDENIED when it may not be run: known
 * before this returns (exec failures are reported by a pipe). */
ft_err ft_proc_start(ft_proc **out, ft_supervisor *s, const ft_proc_spec *spec);
/* Ask it to stop; it will not be restarted. Returns at once. */
void ft_proc_stop(ft_proc *p);
/* Handle output, exits, deadlines and restarts for at most `timeout_us`; returns early when
 * something happened. */
ft_err ft_supervisor_poll(ft_supervisor *s, int64_t timeout_us);
/* Poll until `p` has ended for good. FT_ETIMEOUT after `timeout_us` (< 0: never). */
ft_err ft_proc_wait(ft_proc *p, int64_t timeout_us);
/* Give back what an ended process holds (a check that it has ended); else its supervisor does. */
void ft_proc_forget(ft_proc *p);
pid_t ft_proc_pid(const ft_proc *p); /* 0 when not running */
ft_proc_end ft_proc_result(const ft_proc *p);
/* "exit code 3", "killed by signal 9 (Killed)", "stopped after its deadline of 5 s". Static per
 * thread. */
const char *ft_proc_end_text(const ft_proc_end *end);

/* When a process started, in clock ticks since boot; with the pid it names one process for ever
 * (pids are reused). FT_ENOTFOUND when there is none. */
ft_err ft_pid_started(uint64_t *out, pid_t pid);
/* Is exactly that process still there (not a zombie)? */
bool ft_pid_alive(pid_t pid, uint64_t started);
/* Path of the running program (/proc/self/exe). */
ft_err ft_self_path(char *out, size_t size);

#endif
