/* actions.c -- see actions.h. */
#include "cli/actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/job.h"
#include "serve/endpoint.h"

static ft_err act(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v) {
    ft_str name;
    (void)verdict_id;
    if (ft_str_is(action, "stop") && ft_subject_is(&name, FT_SUBJECT_JOB, watch->spec.subject))
        return ft_job_stop(ctx, name, v->reason);
    if (ft_str_is(action, "rollback") &&
        ft_subject_is(&name, FT_SUBJECT_ENDPOINT, watch->spec.subject))
        return ft_endpoint_rollback(ctx, name);
    return FT_EUNSUPPORTED; /* alert, run: the host's own */
}

static bool ended(void *ctx, ft_str subject) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str name;
    ft_job job;
    bool over = ft_subject_is(&name, FT_SUBJECT_JOB, subject) &&
                ft_job_get(&job, ctx, &arena, name) == FT_OK && ft_job_status_final(job.status);
    ft_arena_fini(&arena);
    return over;
}

ft_watch_hooks ft_actions_hooks(ft_store *store) {
    return (ft_watch_hooks){ .act = act, .ended = ended, .ctx = store };
}

static bool runs(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* A path, or a name that $PATH finds. */
static ft_err program_check(ft_str program) {
    char path[4096];
    const char *told = getenv("PATH");
    ft_str rest = ft_str_of(told ? told : "/usr/bin:/bin");
    if (ft_str_find(program, '/') < program.len) {
        snprintf(path, sizeof path, "%.*s", FT_STR_ARG(program));
        if (runs(path)) return FT_OK;
        return FT_FAIL(FT_ENOTFOUND, "action run: '%s' is no program that can be run", path);
    }
    while (rest.at) {
        ft_str folder = ft_str_cut(&rest, ':');
        snprintf(path, sizeof path, "%.*s/%.*s", FT_STR_ARG(folder), FT_STR_ARG(program));
        if (runs(path)) return FT_OK;
    }
    return FT_FAIL(FT_ENOTFOUND, "action run: no program '%.*s' is in PATH", FT_STR_ARG(program));
}

ft_err ft_actions_check(ft_str actions) {
    ft_str word, program;
    FT_TRY(ft_watch_actions_check(actions, (ft_str){ 0 }));
    while (ft_watch_actions_each(&actions, &word))
        if (ft_watch_action_program(&program, word)) FT_TRY(program_check(program));
    return FT_OK;
}
