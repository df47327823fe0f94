/* program_tree.c -- the folder that a model's program runs in: a copy of its files, the code, what
 * it is started with. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "data/tar.h"
#include "jobs/container.h"
#include "jobs/image.h"
#include "net/sigv4.h"
#include "serve/asset.h"
#include "serve/program_in.h"

#define ENV_MAX  300
#define ARGV_MAX (2 * ENV_MAX + 40)
#define PLACE    FT_CONTAINER_PLACE
#define SHIM     "inference.py"

typedef struct tree {
    ft_program_model *m;
    ft_arena *arena;
    const char *root;
    int port;
    ft_str submit; /* where the code lies, as the program sees it */
    const char *argv[ARGV_MAX + 1];
    size_t argc;
    const char *env[ENV_MAX + 1];
    size_t env_count;
} tree;

void ft_program_container(char out[128], const ft_program_model *m) {
    ft_str base = ft_path_base(ft_str_of(m->folder));
    snprintf(out, 128, "fettle-%.60s-%.*s", m->endpoint, FT_STR_ARG(ft_str_slice(base, 0, 50)));
}

/* ---- files */

/* A folder's file or folder beside the specification: "../<sha256>". */
static ft_err beside(const char **out, const tree *t, ft_str relative) {
    ft_str path;
    FT_TRY(ft_arena_printf(&path, t->arena, "%s/%.*s", t->m->path, FT_STR_ARG(relative)));
    *out = path.at;
    return FT_OK;
}

static ft_err files_fill(tree *t) {
    static const char *const folders[] = { "model", "code", "input/config", "output" };
    const ft_program_spec *spec = &t->m->spec;
    const char *from = NULL, *to = NULL;
    for (size_t i = 0; i < FT_COUNT(folders); i++) {
        FT_TRY(ft_path_join(&to, t->arena, t->root, folders[i]));
        FT_TRY(ft_dir_make(to));
    }
    if (spec->data.len) {
        FT_TRY(beside(&from, t, spec->data));
        FT_TRY(ft_path_join(&to, t->arena, t->root, "model"));
        FT_TRY(ft_container_copy(t->arena, from, to));
    }
    t->submit = FT_STR(PLACE "/model/code");
    if (!spec->source.len) return FT_OK;
    t->submit = FT_STR(PLACE "/code");
    FT_TRY(beside(&from, t, spec->source));
    FT_TRY(ft_path_join(&to, t->arena, t->root, "code"));
    return ft_tar_unpack(from, to, NULL);
}

/* ---- environment and command */

static ft_err env_add(tree *t, ft_str name, ft_str value) {
    ft_str line;
    if (t->env_count == ENV_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d variables", ENV_MAX);
    if (!name.len || ft_str_find(name, '=') < name.len)
        return FT_FAIL(FT_EINVAL, "'%.*s' is no variable's name", FT_STR_ARG(name));
    FT_TRY(ft_arena_printf(&line, t->arena, "%.*s=%.*s", FT_STR_ARG(name), FT_STR_ARG(value)));
    t->env[t->env_count++] = line.at;
    return FT_OK;
}

/* The place of the code and the port are ours to say. */
static bool is_ours(ft_str name) {
    return ft_str_is(name, "SAGEMAKER_SUBMIT_DIRECTORY") ||
           ft_str_is(name, "SAGEMAKER_BIND_TO_PORT");
}

static ft_err env_given(tree *t) {
    ft_str name, value, json = t->m->spec.environment_json;
    ft_json j;
    if (!json.len) return FT_OK;
    ft_json_init(&j, json, t->arena, &(ft_json_opts){ .name = "Environment" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_TRY(ft_json_string(&j, &value));
        if (!is_ours(name)) FT_TRY(env_add(t, name, value));
    }
    return ft_json_end(&j);
}

static ft_err env_fill(tree *t) {
    static const struct {
        const char *name, *value;
    } fixed[] = {
        { "SAGEMAKER_BASE_DIR", PLACE },           { "SM_MODEL_DIR", PLACE "/model" },
        { "SAGEMAKER_CONTAINER_LOG_LEVEL", "20" }, { "SAGEMAKER_REGION", FT_REGION_DEFAULT },
        { "AWS_REGION", FT_REGION_DEFAULT },       { "PYTHONUNBUFFERED", "1" },
        { "PYTHONDONTWRITEBYTECODE", "1" },
    };
    const ft_program_spec *spec = &t->m->spec;
    char port[16];
    snprintf(port, sizeof port, "%d", spec->run == FT_PROGRAM_IMAGE ? 8080 : t->port);
    for (size_t i = 0; i < FT_COUNT(fixed); i++)
        FT_TRY(env_add(t, ft_str_of(fixed[i].name), ft_str_of(fixed[i].value)));
    if (spec->run == FT_PROGRAM_SCRIPT)
        FT_TRY(env_add(t, FT_STR("SAGEMAKER_PROGRAM"), spec->program));
    if (spec->framework.len) FT_TRY(env_add(t, FT_STR("FETTLE_FRAMEWORK"), spec->framework));
    FT_TRY(env_given(t));
    FT_TRY(env_add(t, FT_STR("SAGEMAKER_SUBMIT_DIRECTORY"), t->submit));
    return env_add(t, FT_STR("SAGEMAKER_BIND_TO_PORT"), ft_str_of(port));
}

static ft_err arg(tree *t, ft_str text) {
    if (t->argc == ARGV_MAX) return FT_FAIL(FT_ETOOBIG, "more than %d arguments", ARGV_MAX);
    FT_TRY(ft_arena_str(&text, t->arena, text));
    t->argv[t->argc++] = text.at;
    return FT_OK;
}

static const ft_asset *shim(void) {
    const ft_asset *a = ft_server_assets;
    while (strcmp(a->name, SHIM) != 0) a++;
    return a;
}

static ft_err script_command(tree *t) {
    const char *path;
    FT_TRY(ft_path_join(&path, t->arena, t->root, SHIM));
    FT_TRY(ft_file_write_atomic(path, ft_str_n((const char *)shim()->bytes, shim()->len), false));
    FT_TRY(arg(t, FT_STR("python3")));
    return arg(t, FT_STR(PLACE "/" SHIM));
}

/* A program of the model's own is a file of a store that keeps no right to run. */
static ft_err file_command(tree *t) {
    ft_str program = t->m->spec.program;
    const char *path;
    if (!ft_str_starts(program, FT_STR("/"))) {
        ft_str name;
        FT_TRY(ft_arena_printf(&name, t->arena, "model/%.*s", FT_STR_ARG(program)));
        FT_TRY(ft_path_join(&path, t->arena, t->root, name.at));
        if (chmod(path, 0755) != 0) return FT_FAIL_ERRNO("the model's program %s", name.at);
        FT_TRY(ft_arena_printf(&program, t->arena, PLACE "/%s", name.at));
    }
    FT_TRY(arg(t, program));
    return arg(t, FT_STR("serve"));
}

static ft_err image_command(tree *t) {
    char name[128];
    ft_image_podman podman = { .image = t->m->spec.image,
                               .name = name,
                               .root = t->root,
                               .env = t->env,
                               .port = t->port,
                               .word = "serve" };
    ft_program_container(name, t->m);
    return ft_image_podman_argv(t->argv, &t->argc, ARGV_MAX, t->arena, &podman);
}

ft_err ft_program_tree(ft_program_model *m, int port) {
    ft_arena arena = FT_ARENA_INIT(0);
    tree *t = NULL;
    const char *run;
    ft_str requirements;
    ft_err err;
    FT_GOTO(err, ft_arena_items(&t, &arena, 1));
    *t = (tree){ .m = m, .arena = &arena, .port = port };
    FT_GOTO(err, ft_dir_remove(m->folder));
    FT_GOTO(err, ft_path_join(&t->root, &arena, m->folder, "ml"));
    FT_GOTO(err, files_fill(t));
    FT_GOTO(err, env_fill(t));
    if (m->spec.run == FT_PROGRAM_SCRIPT) FT_GOTO(err, script_command(t));
    if (m->spec.run == FT_PROGRAM_FILE) FT_GOTO(err, file_command(t));
    if (m->spec.run == FT_PROGRAM_IMAGE) FT_GOTO(err, image_command(t));
    FT_GOTO(err,
            ft_arena_printf(&requirements, &arena, "%.*s/requirements.txt", FT_STR_ARG(t->submit)));
    FT_GOTO(err, ft_path_join(&run, &arena, m->folder, "run.json"));
    bool script = m->spec.run == FT_PROGRAM_SCRIPT, image = m->spec.run == FT_PROGRAM_IMAGE;
    const char *cwd = script ? t->submit.at : image ? NULL : PLACE;
    err = ft_container_run_write(
        run, &(ft_container_run){ .root = t->root,
                                  .bare = image,
                                  .argv = t->argv,
                                  .env = t->env,
                                  .cwd = cwd,
                                  .requirements = script ? requirements.at : NULL });
done:
    ft_arena_fini(&arena);
    return err;
}

/* ---- where it listens */

/* Sockets that process `pid` has open, among `inodes`. */
static int port_of(const char *fds, const uint64_t *inodes, const int *ports, size_t count) {
    DIR *dir = opendir(fds);
    int found = 0;
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        char path[700], target[64];
        unsigned long inode;
        snprintf(path, sizeof path, "%s/%s", fds, e->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0) continue;
        target[n] = '\0';
        if (sscanf(target, "socket:[%lu]", &inode) != 1) continue;
        for (size_t i = 0; i < count && !found; i++)
            if (inodes[i] == inode) found = ports[i];
    }
    if (dir) closedir(dir);
    return found;
}

static size_t listeners(uint64_t *inodes, int *ports, size_t max, const char *table) {
    FILE *in = fopen(table, "re");
    char line[400];
    size_t count = 0;
    while (in && count < max && fgets(line, sizeof line, in)) {
        unsigned port, state;
        unsigned long inode;
        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*d %*d %lu",
                   &port, &state, &inode) == 3 &&
            state == 0x0A)
            ports[count] = (int)port, inodes[count++] = inode;
    }
    if (in) fclose(in);
    return count;
}

int ft_program_port_find(pid_t group) {
    enum { MAX = 4096 };
    static _Thread_local uint64_t inodes[MAX];
    static _Thread_local int ports[MAX];
    size_t count = listeners(inodes, ports, MAX, "/proc/self/net/tcp");
    count += listeners(inodes + count, ports + count, MAX - count, "/proc/self/net/tcp6");
    DIR *dir = count ? opendir("/proc") : NULL;
    int found = 0;
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        char fds[300];
        pid_t pid = (pid_t)atoi(e->d_name);
        if (pid <= 0 || getpgid(pid) != group) continue;
        snprintf(fds, sizeof fds, "/proc/%s/fd", e->d_name);
        found = port_of(fds, inodes, ports, count);
    }
    if (dir) closedir(dir);
    return found;
}
