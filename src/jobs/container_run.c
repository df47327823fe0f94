/* container_run.c -- a process that becomes a program of the user's, in its tree: what the server
 * starts for a model that is a program. Between the two it is this program, so that the server's
 * own process never changes what it sees. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "jobs/container.h"

#define ARGV_MAX      1000
#define FILE_MAX      ((size_t)4 << 20)
#define REQUIRE_US    (600 * FT_SECOND_US) /* for pip */
#define LINE_KEPT     400
#define PYTHON_FOLDER "python"

/* ---- the file */

static void texts_write(ft_json_out *w, const char *name, const char *const *texts) {
    ft_json_out_name(w, name);
    ft_json_out_array(w);
    for (; texts && *texts; texts++) ft_json_out_text(w, *texts);
    ft_json_out_close(w);
}

ft_err ft_container_run_write(const char *path, const ft_container_run *run) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, true);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "root"), ft_json_out_text(&w, run->root);
    ft_json_out_name(&w, "cwd"), ft_json_out_text(&w, run->cwd);
    ft_json_out_name(&w, "bare"), ft_json_out_bool(&w, run->bare);
    ft_json_out_name(&w, "requirements"), ft_json_out_text(&w, run->requirements);
    texts_write(&w, "argv", run->argv);
    texts_write(&w, "env", run->env);
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_file_write_atomic(path, ft_buf_str(&buf), false);
    ft_buf_fini(&buf);
    return err;
}

static ft_err texts_read(const char *const **out, ft_json *j, ft_arena *arena) {
    const char **list;
    size_t n = 0;
    FT_TRY(ft_arena_items(&list, arena, ARGV_MAX + 1));
    FT_TRY(ft_json_enter_array(j));
    while (ft_json_next_item(j)) {
        ft_str text;
        if (n == ARGV_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d texts", ARGV_MAX);
        FT_TRY(ft_json_string(j, &text));
        FT_TRY(ft_arena_str(&text, arena, text));
        list[n++] = text.at;
    }
    *out = list;
    return j->err;
}

static ft_err text_read(const char **out, ft_json *j, ft_arena *arena) {
    ft_json_kind kind;
    ft_str text;
    FT_TRY(ft_json_peek(j, &kind));
    if (kind == FT_JSON_NULL) return ft_json_null(j);
    FT_TRY(ft_json_string(j, &text));
    FT_TRY(ft_arena_str(&text, arena, text));
    *out = text.at;
    return FT_OK;
}

static ft_err run_read(ft_container_run *run, ft_arena *arena, const char *path) {
    ft_str text, name;
    ft_json j;
    *run = (ft_container_run){ 0 };
    FT_TRY(ft_file_read(&text, arena, path, FILE_MAX));
    ft_json_init(&j, text, arena, &(ft_json_opts){ .name = path });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "root")) FT_TRY(text_read(&run->root, &j, arena));
        if (ft_str_is(name, "cwd")) FT_TRY(text_read(&run->cwd, &j, arena));
        if (ft_str_is(name, "bare")) FT_TRY(ft_json_bool(&j, &run->bare));
        if (ft_str_is(name, "requirements")) FT_TRY(text_read(&run->requirements, &j, arena));
        if (ft_str_is(name, "argv")) FT_TRY(texts_read(&run->argv, &j, arena));
        if (ft_str_is(name, "env")) FT_TRY(texts_read(&run->env, &j, arena));
    }
    FT_TRY(ft_json_end(&j));
    if (run->root && run->argv && run->argv[0] && run->env) return FT_OK;
    return FT_FAIL(FT_EPARSE, "%s: expected root, argv and env", path);
}

/* ---- what the program requires */

typedef struct said {
    char last[LINE_KEPT], error[LINE_KEPT];
} said;

static void on_line(void *ctx, ft_str line) {
    said *s = ctx;
    ft_str kept = ft_str_slice(ft_str_trim(line), 0, LINE_KEPT - 1);
    if (!kept.len) return;
    bool error = ft_str_starts(kept, FT_STR("ERROR: ")) && !s->error[0];
    snprintf(error ? s->error : s->last, LINE_KEPT, "%.*s", FT_STR_ARG(kept));
}

static ft_err pip_run(ft_proc_end *end, said *s, ft_arena *arena, const char *requirements,
                      const char *base) {
    ft_supervisor *sup;
    ft_proc *p;
    ft_str user;
    FT_TRY(ft_arena_printf(&user, arena, "PYTHONUSERBASE=%s", base));
    const char *argv[] = { "python3",
                           "-m",
                           "pip",
                           "install",
                           "--user",
                           "--break-system-packages",
                           "--no-input",
                           "--disable-pip-version-check",
                           "-r",
                           requirements,
                           getenv("PIP_INDEX_URL") ? NULL : "--no-index",
                           NULL };
    const char *env[] = { user.at, "PIP_ROOT_USER_ACTION=ignore", NULL };
    FT_TRY(ft_supervisor_new(&sup));
    ft_err err = ft_proc_start(&p, sup,
                               &(ft_proc_spec){ .name = "pip",
                                                .argv = argv,
                                                .env = env,
                                                .on_line = on_line,
                                                .ctx = s,
                                                .deadline_us = REQUIRE_US,
                                                .die_with_parent = true });
    if (err == FT_OK) err = ft_proc_wait(p, -1);
    if (err == FT_OK) *end = ft_proc_result(p);
    ft_supervisor_free(sup);
    return err;
}

ft_err ft_container_require(ft_arena *arena, const char *requirements, const char *base) {
    said s = { 0 };
    ft_proc_end end = { 0 };
    ft_err err = pip_run(&end, &s, arena, requirements, base);
    if (err == FT_OK && end.exit_code == 0) return FT_OK;
    if (err == FT_OK && !s.last[0] && !s.error[0])
        snprintf(s.last, sizeof s.last, "%s", ft_proc_end_text(&end));
    if (err != FT_OK) snprintf(s.last, sizeof s.last, "%s", ft_err_why());
    ft_err_clear();
    return FT_FAIL(
        FT_EABSENT,
        "requirements.txt cannot be fulfilled here: %s (packages that this machine's "
        "Python has, and wheels in the folder $PIP_FIND_LINKS, are found; $PIP_INDEX_URL "
        "names an index to ask)",
        s.error[0] ? s.error : s.last);
}

/* ---- becoming it */

static ft_err env_set(const ft_container *c, const char *const *env) {
    for (; *env; env++) {
        ft_str value = ft_str_of(*env), name = ft_str_cut(&value, '='), seen;
        FT_TRY(ft_arena_str(&name, c->arena, name));
        FT_TRY(ft_container_seen(&seen, c, value.at ? value : FT_STR("")));
        if (setenv(name.at, seen.at, 1) != 0) return FT_FAIL_ERRNO("environment");
    }
    return FT_OK;
}

static ft_err require(const ft_container *c, const char *requirements) {
    const char *base;
    ft_str path;
    FT_TRY(ft_container_seen(&path, c, ft_str_of(requirements)));
    if (!ft_file_exists(path.at)) return FT_OK;
    FT_TRY(ft_path_join(&base, c->arena, c->seen, PYTHON_FOLDER));
    FT_TRY(ft_container_require(c->arena, path.at, base));
    return setenv("PYTHONUSERBASE", base, 1) == 0 ? FT_OK : FT_FAIL_ERRNO("environment");
}

/* A failure leaves the names unknown, which matters to few. */
static void names_show(const char *root) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/" FT_CONTAINER_NAMES, root);
    if (n > 0 && n < (int)sizeof path && access(path, R_OK) == 0)
        (void)mount(path, "/etc/hosts", NULL, MS_BIND, NULL);
}

static ft_err become(ft_container *c, const ft_container_run *run) {
    const char **argv;
    ft_str text;
    size_t n = 0;
    ft_err err = run->bare ? FT_OK : ft_container_mount(c->arena, run->root);
    if (err == FT_OK && !run->bare) names_show(run->root);
    if (err != FT_OK) {
        ft_log(FT_LOG_WARN, "jobs",
               "%s: " FT_CONTAINER_PLACE
               " is at %s here (see SM_MODEL_DIR and the other variables)",
               ft_err_why(), run->root);
        ft_err_clear();
    }
    c->root = run->root;
    c->seen = err == FT_OK ? FT_CONTAINER_PLACE : run->root;
    FT_TRY(env_set(c, run->env));
    if (run->requirements) FT_TRY(require(c, run->requirements));
    while (run->argv[n]) n++;
    FT_TRY(ft_arena_items(&argv, c->arena, n + 1));
    for (size_t i = 0; i < n; i++) {
        FT_TRY(ft_container_seen(&text, c, ft_str_of(run->argv[i])));
        argv[i] = text.at;
    }
    if (run->cwd) {
        FT_TRY(ft_container_seen(&text, c, ft_str_of(run->cwd)));
        if (chdir(text.at) != 0) return FT_FAIL_ERRNO("%s", text.at);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a new user namespace has cleared it */
    execvp(argv[0], (char *const *)argv);
    return errno == ENOENT ? FT_FAIL(FT_ENOTFOUND, "program '%s' does not exist here", argv[0])
                           : FT_FAIL_ERRNO("program '%s'", argv[0]);
}

ft_err ft_container_become(const char *path) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_container c = { .arena = &arena };
    ft_container_run run;
    ft_err err = run_read(&run, &arena, path);
    if (err == FT_OK) err = become(&c, &run);
    ft_arena_fini(&arena);
    return err;
}
