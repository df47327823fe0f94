/* image.c -- see image.h. */
#include "jobs/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/proc.h"
#include "jobs/container.h"

#define REMOVE_US (20 * FT_SECOND_US)

/* ---- what a name says */

static const struct {
    const char *part, *framework;
} frameworks[] = { { "pytorch", "pytorch" },        { "mxnet", "mxnet" },
                   { "scikit-learn", "sklearn" },   { "sklearn", "sklearn" },
                   { "xgboost", "xgboost" },        { "tensorflow", "tensorflow" },
                   { "huggingface", "huggingface" } };

/* Of AWS's registries alone: who names his own image "my-pytorch" means that image. */
static bool is_aws(ft_str image, ft_str name) {
    ft_str host = ft_str_cut(&image, '/');
    static const char *const names[] = { "pytorch-training",
                                         "pytorch-inference",
                                         "mxnet-training",
                                         "mxnet-inference",
                                         "tensorflow-training",
                                         "tensorflow-inference",
                                         "sagemaker-pytorch",
                                         "sagemaker-mxnet",
                                         "sagemaker-tensorflow",
                                         "sagemaker-scikit-learn",
                                         "sagemaker-xgboost",
                                         "sagemaker-tensorflow-scriptmode",
                                         "huggingface-pytorch-training",
                                         "huggingface-pytorch-inference",
                                         "xgboost" };
    if (!image.at) host = FT_STR("");
    bool ecr = ft_str_find(host, '.') < host.len || host.len == 0;
    for (size_t i = 0; i < FT_COUNT(names) && ecr; i++)
        if (ft_str_is(name, names[i])) return true;
    return false;
}

static bool contains(ft_str text, const char *part) {
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= text.len; i++)
        if (memcmp(text.at + i, part, n) == 0) return true;
    return false;
}

static ft_str framework_of(ft_str image, ft_str name) {
    for (size_t i = 0; i < FT_COUNT(frameworks) && is_aws(image, name); i++)
        if (contains(name, frameworks[i].part)) return ft_str_of(frameworks[i].framework);
    return FT_STR("");
}

/* ---- programs of this machine */

static ft_err program_check(const char *path) {
    ft_file_info info;
    FT_TRY(ft_file_stat(&info, path));
    if (info.is_dir) return FT_FAIL(FT_EINVAL, "%s is a folder", path);
    if (access(path, X_OK) == 0) return FT_OK;
    return FT_FAIL(FT_EDENIED, "%s may not be run (chmod +x lets it)", path);
}

static ft_err program_of(ft_image *out, ft_arena *arena, ft_str image, ft_image_use use) {
    static const char *const words[] = { "train", "serve", "run" };
    ft_file_info info;
    const char *path;
    if (ft_str_starts(image, FT_STR("file://"))) image = ft_str_from(image, 7);
    FT_TRY(ft_arena_str(&out->program, arena, image));
    out->kind = FT_IMAGE_PROGRAM;
    ft_err err = ft_file_stat(&info, out->program.at);
    if (err != FT_OK) return ft_err_prefix(err, "image '%.*s'", FT_STR_ARG(image));
    if (info.is_dir) {
        FT_TRY(ft_path_join(&path, arena, out->program.at, words[use]));
        out->program = ft_str_of(path);
    }
    err = program_check(out->program.at);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "image '%.*s'", FT_STR_ARG(image));
}

/* What runs images: $FETTLE_PODMAN, else podman. */
static const char *podman(void) {
    const char *named = getenv("FETTLE_PODMAN");
    return named ? named : "podman";
}

bool ft_image_podman_there(void) {
    const char *path = getenv("PATH"), *name = podman();
    ft_str rest = ft_str_of(path ? path : "");
    if (!*name || strchr(name, '/')) return *name && access(name, X_OK) == 0;
    while (rest.at) {
        char file[4096];
        ft_str folder = ft_str_cut(&rest, ':');
        int n = snprintf(file, sizeof file, "%.*s/%s", FT_STR_ARG(folder), name);
        if (folder.len && n > 0 && n < (int)sizeof file && access(file, X_OK) == 0) return true;
    }
    return false;
}

ft_err ft_image_find(ft_image *out, ft_arena *arena, ft_str image, ft_image_use use) {
    *out = (ft_image){ .kind = FT_IMAGE_PODMAN, .framework = FT_STR(""), .program = FT_STR("") };
    if (ft_str_starts(image, FT_STR("/")) || ft_str_starts(image, FT_STR("file:///")))
        return program_of(out, arena, image, use);
    ft_str base = ft_path_base(image), name = ft_str_cut(&base, ':');
    out->name = ft_str_cut(&name, '@');
    out->framework = framework_of(image, out->name);
    if (out->framework.len) out->kind = FT_IMAGE_FRAMEWORK;
    if (out->kind == FT_IMAGE_FRAMEWORK || ft_image_podman_there()) return FT_OK;
    return FT_FAIL(FT_EUNSUPPORTED,
                   "The image %.*s is neither built in nor a program of this machine (an absolute "
                   "path), and podman, which runs images, is not installed",
                   FT_STR_ARG(image));
}

/* ---- podman */

typedef struct words {
    const char **argv;
    size_t *argc, max;
    ft_arena *arena;
} words;

static ft_err add(words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static ft_err add(words *w, const char *fmt, ...) {
    char text[8192];
    ft_str kept;
    va_list ap;
    if (*w->argc == w->max) return FT_FAIL(FT_ETOOBIG, "more than %zu arguments", w->max);
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        return FT_FAIL(FT_ETOOBIG, "an argument of more than %zu bytes", sizeof text);
    FT_TRY(ft_arena_str(&kept, w->arena, ft_str_of(text)));
    w->argv[(*w->argc)++] = kept.at;
    return FT_OK;
}

static ft_err add_all(words *w, const char *const *texts) {
    for (; texts && *texts; texts++) FT_TRY(add(w, "%s", *texts));
    return FT_OK;
}

ft_err ft_image_podman_argv(const char **argv, size_t *argc, size_t max, ft_arena *arena,
                            const ft_image_podman *ask) {
    words w = { .argv = argv, .argc = argc, .max = max, .arena = arena };
    static const char *const head[] = { "run", "--rm", "--replace", "--pull=missing", NULL };
    FT_TRY(add(&w, "%s", podman()));
    FT_TRY(add_all(&w, head));
    FT_TRY(add(&w, "--name=%s", ask->name));
    FT_TRY(add(&w, "--volume=%s:" FT_CONTAINER_PLACE, ask->root));
    if (ask->port) FT_TRY(add(&w, "--publish=127.0.0.1:%d:8080", ask->port));
    for (const char *const *e = ask->env; e && *e; e++) FT_TRY(add(&w, "--env=%s", *e));
    if (ask->entrypoint && *ask->entrypoint) FT_TRY(add(&w, "--entrypoint=%s", *ask->entrypoint));
    FT_TRY(add(&w, "%.*s", FT_STR_ARG(ask->image)));
    if (ask->entrypoint && *ask->entrypoint) FT_TRY(add_all(&w, ask->entrypoint + 1));
    if (ask->word) FT_TRY(add(&w, "%s", ask->word));
    return add_all(&w, ask->arguments);
}

void ft_image_podman_remove(const char *name) {
    const char *argv[] = { podman(), "rm", "--force", "--ignore", name, NULL };
    ft_supervisor *sup;
    ft_proc *p;
    if (ft_supervisor_new(&sup) != FT_OK) return;
    if (ft_proc_start(&p, sup,
                      &(ft_proc_spec){ .name = "podman", .argv = argv, .die_with_parent = true }) ==
        FT_OK)
        (void)ft_proc_wait(p, REMOVE_US);
    ft_err_clear();
    ft_supervisor_free(sup);
}
