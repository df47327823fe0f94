/* actions.c -- see actions.h. */
#include "cli/actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jobs/job.h"
#include "serve/endpoint.h"

/* "job/NAME" -> NAME; FT_EINVAL when the subject is of another kind. */
static ft_err subject_of(ft_str *name, ft_str subject, const char *kind, const char *action) {
    *name = subject;
    if (ft_str_is(ft_str_cut(name, '/'), kind)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "action '%s' is for a %s, not for %.*s", action, kind,
                   FT_STR_ARG(subject));
}

static ft_err act(void *ctx, ft_str action, const ft_watch_row *watch, int64_t verdict_id,
                  const ft_verdict *v) {
    ft_str name;
    (void)verdict_id;
    if (ft_str_is(action, "stop")) {
        FT_TRY(subject_of(&name, watch->spec.subject, "job", "stop"));
        return ft_job_stop(ctx, name, v->reason);
    }
    if (ft_str_is(action, "rollback")) {
        FT_TRY(subject_of(&name, watch->spec.subject, "endpoint", "rollback"));
        return ft_endpoint_rollback(ctx, name);
    }
    return FT_EUNSUPPORTED; /* alert, run: the host's own */
}

static bool ended(void *ctx, ft_str subject) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str name = subject;
    ft_job job;
    bool over = ft_str_is(ft_str_cut(&name, '/'), "job") &&
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

/* A program that cannot be run is refused now, not when it is needed: a path, or a name that $PATH
 * finds. */
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
    while (actions.at && actions.len) {
        ft_str word = ft_str_trim(ft_str_cut(&actions, ','));
        if (!ft_str_is(word, "stop") && !ft_str_is(word, "alert") && !ft_str_is(word, "rollback") &&
            !ft_str_starts(word, FT_STR("run:")))
            return FT_FAIL(FT_EINVAL,
                           "unknown action '%.*s'; expected stop, alert, rollback or run:PROGRAM",
                           FT_STR_ARG(word));
        if (ft_str_starts(word, FT_STR("run:")))
            FT_TRY(program_check(ft_str_from(word, sizeof "run:" - 1)));
    }
    return FT_OK;
}
