/* proc_launch.c -- from a spec to a running child.
 *
 * vfork, because fork copies the page tables of a server that holds gigabytes of models: the parent
 * sleeps until the child has called exec, and until then the child only makes system calls. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/proc_in.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define PIPE_BYTES (1 << 20) /* a burst of output does not block the child */

typedef enum stage { STAGE_SETUP, STAGE_CWD, STAGE_EXEC } stage;

typedef struct failure {
    stage at;
    int code; /* errno */
} failure;

/* What the child needs, prepared before the fork. */
typedef struct launch {
    const ft_proc *proc;
    pid_t parent;
    int in, out; /* become 0, and 1 and 2; out -1: inherited */
    int tell;    /* the failure goes here; closed by exec */
} launch;

/* ---- copies of the spec ---- */

static ft_err copy_text(const char **out, ft_arena *arena, const char *text) {
    ft_str s = { NULL, 0 };
    if (text) FT_TRY(ft_arena_str(&s, arena, ft_str_of(text)));
    *out = s.at;
    return FT_OK;
}

static size_t count_texts(const char *const *list) {
    size_t n = 0;
    while (list && list[n]) n++;
    return n;
}

static bool same_name(const char *a, const char *b) {
    size_t len = strcspn(a, "=");
    return strncmp(a, b, len) == 0 && b[len] == '=';
}

/* Our environment, with the spec's variables in place of ours. */
static ft_err copy_env(ft_proc *p, const char *const *extra) {
    size_t more = count_texts(extra), ours = count_texts((const char *const *)environ), n = 0;
    FT_TRY(ft_arena_items(&p->envp, &p->arena, ours + more + 1));
    for (size_t i = 0; i < ours; i++) {
        bool replaced = false;
        for (size_t k = 0; k < more; k++) replaced |= same_name(extra[k], environ[i]);
        if (!replaced) FT_TRY(copy_text((const char **)&p->envp[n++], &p->arena, environ[i]));
    }
    for (size_t k = 0; k < more; k++)
        FT_TRY(copy_text((const char **)&p->envp[n++], &p->arena, extra[k]));
    return FT_OK;
}

ft_err proc_copy_spec(ft_proc *p, const ft_proc_spec *spec) {
    size_t argc = count_texts(spec->argv);
    FT_CHECK(argc > 0);
    p->spec = *spec;
    FT_TRY(ft_arena_items(&p->argv, &p->arena, argc + 1));
    for (size_t i = 0; i < argc; i++)
        FT_TRY(copy_text((const char **)&p->argv[i], &p->arena, spec->argv[i]));
    FT_TRY(copy_env(p, spec->env));
    FT_TRY(copy_text(&p->spec.name, &p->arena, spec->name ? spec->name : spec->argv[0]));
    FT_TRY(copy_text(&p->spec.cwd, &p->arena, spec->cwd));
    FT_TRY(copy_text(&p->spec.output_path, &p->arena, spec->output_path));
    p->spec.argv = NULL; /* the caller's; ours are p->argv and p->envp */
    p->spec.env = NULL;
    if (p->spec.on_line) FT_TRY(ft_arena_take(&p->line, &p->arena, LINE_MAX_BYTES));
    return FT_OK;
}

/* ---- in the child: system calls only ---- */

static void default_signals(void) {
    sigset_t none;
    for (int i = 1; i < NSIG; i++) {
        struct sigaction now;
        /* An ignored SIGPIPE or SIGCHLD of ours would surprise the program, too. */
        if (sigaction(i, NULL, &now) != 0 || now.sa_handler == SIG_DFL) continue;
        if (i != SIGHUP || now.sa_handler != SIG_IGN) /* under nohup all shall live on */
            sigaction(i, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
    }
    sigemptyset(&none); /* the parent's thread may block all of them */
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static stage child_setup(const launch *plan) {
    const ft_proc_spec *spec = &plan->proc->spec;
    if (setpgid(0, 0) != 0) return STAGE_SETUP;
    if (spec->die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return STAGE_SETUP;
        if (getppid() != plan->parent) _exit(127); /* it died before the line above */
    }
    if (dup2(plan->in, STDIN_FILENO) < 0) return STAGE_SETUP;
    if (plan->out >= 0 &&
        (dup2(plan->out, STDOUT_FILENO) < 0 || dup2(plan->out, STDERR_FILENO) < 0))
        return STAGE_SETUP;
    /* Libraries leave sockets and files open to exec; ours is a clean start. */
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    if (spec->cwd && chdir(spec->cwd) != 0) return STAGE_CWD;
    default_signals();
    execvpe(plan->proc->argv[0], plan->proc->argv, plan->proc->envp);
    return STAGE_EXEC;
}

static _Noreturn void child_run(const launch *plan) {
    failure f = { .at = child_setup(plan) };
    f.code = errno;
    ssize_t n = write(plan->tell, &f, sizeof f);
    _exit(n == sizeof f ? 127 : 126);
}

/* ---- in the parent ---- */

/* Where the child's output goes: a pipe to us, the file, or nothing. */
static ft_err output_open(ft_proc *p, int *child_out) {
    const ft_proc_spec *spec = &p->spec;
    int append = O_WRONLY | O_APPEND | O_CREAT, pipe_fds[2];
    if (spec->inherit_output) return FT_OK;
    if (!spec->on_line)
        return ft_fd_open(child_out, spec->output_path ? spec->output_path : "/dev/null", append,
                          0666);
    if (spec->output_path) FT_TRY(ft_fd_open(&p->file, spec->output_path, append, 0666));
    if (ft_fault_here() || pipe2(pipe_fds, O_CLOEXEC) != 0)
        return FT_FAIL_ERRNO("cannot make a pipe for '%s'", spec->name);
    p->out = pipe_fds[0];
    *child_out = pipe_fds[1];
    fcntl(p->out, F_SETFL, O_NONBLOCK);
    fcntl(p->out, F_SETPIPE_SZ, PIPE_BYTES); /* a wish: above the user's limit it stays smaller */
    return FT_OK;
}

/* Its own frame: the child runs on the parent's stack below it. */
static __attribute__((noinline)) pid_t fork_child(const launch *plan) {
    pid_t pid = vfork();
    if (pid == 0) child_run(plan);
    return pid;
}

static ft_err told_failure(const ft_proc *p, const failure *f) {
    errno = f->code;
    if (f->at == STAGE_CWD)
        return FT_FAIL_ERRNO("cannot start '%s': folder '%s'", p->spec.name, p->spec.cwd);
    if (f->at == STAGE_EXEC)
        return FT_FAIL_ERRNO("cannot start '%s': program '%s'", p->spec.name, p->argv[0]);
    return FT_FAIL_ERRNO("cannot start '%s'", p->spec.name);
}

/* Signals are blocked over the fork: a handler of ours must not run in the child's borrowed
 * memory. */
static ft_err fork_and_listen(ft_proc *p, launch *plan) {
    ft_err err = FT_OK;
    int tell[2];
    sigset_t all, before;
    failure f;
    if (ft_fault_here() || pipe2(tell, O_CLOEXEC) != 0)
        return FT_FAIL_ERRNO("cannot start '%s'", p->spec.name);
    plan->tell = tell[1];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p->pid = ft_fault_here() ? (errno = EAGAIN, -1) : fork_child(plan);
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(tell[1]);
    if (p->pid < 0) {
        errno = code;
        err = FT_FAIL_ERRNO("cannot start '%s'", p->spec.name);
    } else if (read(tell[0], &f, sizeof f) == sizeof f) {
        while (wait4(p->pid, NULL, 0, NULL) < 0 && errno == EINTR) {
        }
        err = told_failure(p, &f);
    }
    close(tell[0]);
    if (err != FT_OK) p->pid = 0;
    return err;
}

ft_err proc_launch(ft_proc *p) {
    ft_err err = FT_OK;
    launch plan = { .proc = p, .parent = getpid(), .in = -1, .out = -1 };
    FT_GOTO(err, output_open(p, &plan.out));
    FT_GOTO(err, ft_fd_open(&plan.in, "/dev/null", O_RDONLY, 0));
    FT_GOTO(err, fork_and_listen(p, &plan));
    p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0); /* close on exec by itself; -1 is fine */
    p->line_len = 0;
done:
    ft_fd_close(&plan.in);
    ft_fd_close(&plan.out);
    if (err != FT_OK) {
        ft_fd_close(&p->out);
        ft_fd_close(&p->file);
    }
    return err;
}
