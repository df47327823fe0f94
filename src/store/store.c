/* store.c -- the home folder; see store.h. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/proc.h"
#include "store/beneath_in.h"
#include "store/store_in.h"

static ft_err home_path(char out[PATH_MAX], const char *home) {
    const char *user = getenv("HOME");
    if (!home || !*home) home = getenv("FETTLE_HOME");
    int len = -1;
    if (home && *home)
        len = snprintf(out, PATH_MAX, "%s", home);
    else if (user && *user)
        len = snprintf(out, PATH_MAX, "%s/.fettle", user);
    if (len < 0) return FT_FAIL(FT_EINVAL, "no home folder: neither FETTLE_HOME nor HOME is set");
    if (len > PATH_MAX / 4) /* leaves room for the longest object key under it */
        return FT_FAIL(FT_EINVAL, "home folder '%.80s…': the path is longer than %d bytes", out,
                       PATH_MAX / 4);
    return FT_OK;
}

/* A folder of the home: only its owner reads it. */
static ft_err make_private(const char *path) {
    if (ft_file_exists(path)) return FT_OK;
    FT_TRY(ft_dir_make(path));
    if (ft_injected() || chmod(path, 0700) != 0)
        return FT_FAIL_ERRNO("cannot protect folder '%s'", path);
    return FT_OK;
}

static ft_err open_folder(int *out, const ft_store *s, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", s->home, name);
    FT_TRY(make_private(path));
    return ft_fd_open(out, path, O_RDONLY | O_DIRECTORY, 0);
}

static ft_err open_all(ft_store *s) {
    char path[PATH_MAX];
    FT_TRY(make_private(s->home));
    FT_TRY(open_folder(&s->objects_fd, s, "objects"));
    FT_TRY(open_folder(&s->temp_fd, s, "objects/" FT_TEMP_FOLDER));
    s->pid = getpid();
    FT_TRY(ft_pid_started(&s->pid_started, s->pid));
    snprintf(path, sizeof path, "%s/fettle.db", s->home);
    FT_TRY(ft_db_open(&s->db, path));
    if (chmod(path, 0600) != 0 && errno != EPERM && errno != EROFS)
        return FT_FAIL_ERRNO("%s: cannot be made private", path);
    FT_TRY(ft_db_migrate(s->db, "objects", ft_objects_tables, ft_objects_tables_count));
    FT_TRY(ft_db_migrate(s->db, "uploads", ft_uploads_tables, ft_uploads_tables_count));
    return ft_db_migrate(s->db, "lineage", ft_lineage_tables, ft_lineage_tables_count);
}

ft_err ft_store_open(ft_store **out, const char *home) {
    char path[PATH_MAX];
    *out = NULL;
    FT_TRY(home_path(path, home));
    ft_store *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory to open home folder '%s'", path);
    s->objects_fd = s->temp_fd = -1;
    s->home = strdup(path);
    ft_err err = s->home ? open_all(s) : FT_FAIL(FT_ENOMEM, "no memory to open '%s'", path);
    if (err != FT_OK) {
        ft_store_close(s);
        return ft_err_prefix(err, "cannot open the home folder '%s'", path);
    }
    *out = s;
    return FT_OK;
}

void ft_store_close(ft_store *s) {
    if (!s) return;
    ft_db_close(s->db);
    ft_fd_close(&s->objects_fd);
    ft_fd_close(&s->temp_fd);
    ft_arena_fini(&s->texts);
    free(s->home);
    free(s);
}

const char *ft_store_home(const ft_store *s) { return s->home; }
ft_db *ft_store_db(ft_store *s) { return s->db; }
