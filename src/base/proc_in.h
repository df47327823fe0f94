/* proc_in.h -- what the files of the process supervisor share. */
#ifndef FT_PROC_IN_H
#define FT_PROC_IN_H

#include "base/arena.h"
#include "base/proc.h"

typedef enum proc_state {
    PROC_RUNNING,
    PROC_LINGERING, /* stopped, its leader has ended, others of its group use their grace time */
    PROC_WAITING,   /* for its restart */
    PROC_ENDED
} proc_state;

struct ft_proc {
    ft_supervisor *owner;
    ft_proc *next;
    ft_arena arena; /* the copied spec */
    ft_proc_spec spec;
    char **argv, **envp;

    proc_state state;
    bool forgotten;
    pid_t pid; /* also its group's id */
    int pidfd; /* -1: none */
    int out;   /* read end of its output, or -1 */
    int file;  /* where output read from `out` is kept, or -1 */
    bool file_failed;
    char *line; /* LINE_MAX_BYTES, when there is on_line */
    size_t line_len;

    int64_t run_from_us;            /* monotonic, as the following */
    int64_t deadline_at, kill_at;   /* 0: none */
    int64_t restart_at, restart_in; /* when, and the back-off before the next one */
    int row;                        /* restarts in a row */
    ft_proc_end end;
};

#define LINE_MAX_BYTES ((size_t)65536)

/* Copies argv, the environment and the strings of p->spec into p->arena. */
ft_err proc_copy_spec(ft_proc *p, const ft_proc_spec *spec);
/* Fork and exec; fills pid, pidfd, out, file. */
ft_err proc_launch(ft_proc *p);
/* Is any process of the group, but its leader, still running? */
bool proc_group_alive(pid_t group);

#endif
