/* set_folder_walk.c -- the pictures below a folder, quickly: a new user's folder of 10,000 is known
 * in 3 ms, which is what the kernel takes to list it. Classes are walked by all cores beside each
 * other; what an entry is, the listing says itself, only links and file systems that do not tell
 * are asked for one by one; names are sorted by their first eight bytes that differ. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/pool.h"
#include "data/dataset_paths_in.h"
#include "data/set_folder_in.h"
#include "data/shown.h"

#define DEPTH_MAX 64

typedef struct name {
    uint64_t key; /* its first bytes after those that all names of the folder share */
    size_t at;    /* in the text: the whole path below the root */
} name;

typedef struct names {
    name *at;
    size_t count, room;
} names;

typedef struct group { /* the pictures of one folder */
    const char *folder;
    size_t first, count;
} group;

typedef struct tree { /* below one class */
    const ft_dataset_opts *opts;
    const char *root;
    int root_fd;
    ft_buf text;
    names pictures;
    group *groups;
    size_t group_count, group_room;
    ft_arena arena; /* names of folders */
} tree;

static bool injected(void) {
    if (!ft_fault_here()) return false;
    errno = EIO;
    return true;
}

static ft_err no_memory(const tree *t) {
    return FT_FAIL(FT_ENOMEM, "no memory for the files of '%s'", t->root);
}

/* ---- one folder */

static ft_err name_add(names *n, const tree *t, size_t at) {
    if (n->count == n->room) {
        size_t room = n->room ? 2 * n->room : 256;
        name *more = ft_fault_here() ? NULL : realloc(n->at, room * sizeof *more);
        if (!more) return no_memory(t);
        n->at = more;
        n->room = room;
    }
    n->at[n->count++] = (name){ 0, at };
    return FT_OK;
}

static bool is_folder(DIR *dir, const struct dirent *e) {
    struct stat st;
    if (e->d_type == DT_DIR) return true;
    if (e->d_type == DT_REG) return false;
    return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* Pictures to t->pictures, folders to `below`, both by their paths in the text. */
static ft_err entry_take(tree *t, names *below, DIR *dir, const char *folder,
                         const struct dirent *e) {
    size_t at = t->text.len;
    if (e->d_name[0] == '.') return FT_OK;
    bool image = ft_set_image_name(t->opts, ft_str_of(e->d_name)), inside = is_folder(dir, e);
    if (!image && !inside) return FT_OK;
    FT_TRY(ft_buf_add(&t->text, ft_str_of(folder)));
    if (folder[0]) FT_TRY(ft_buf_byte(&t->text, '/'));
    FT_TRY(ft_buf_add_n(&t->text, e->d_name, strlen(e->d_name) + 1));
    return name_add(inside ? below : &t->pictures, t, at);
}

static ft_err folder_list(tree *t, names *below, const char *folder) {
    ft_err err = FT_OK;
    int fd = injected()
                 ? -1
                 : openat(t->root_fd, folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 || injected() ? NULL : fdopendir(fd);
    if (!dir) {
        err = FT_FAIL_ERRNO("cannot list folder '%s/%s'", t->root, folder);
        if (fd >= 0) close(fd);
        return err;
    }
    for (;;) {
        errno = 0;
        const struct dirent *e = injected() ? NULL : readdir(dir);
        if (!e && errno) FT_GOTO(err, FT_FAIL_ERRNO("cannot list folder '%s/%s'", t->root, folder));
        if (!e) break;
        FT_GOTO(err, entry_take(t, below, dir, folder, e));
    }
done:
    closedir(dir);
    return err;
}

ft_err ft_set_folder_pictures(bool *pictures, const char *path) {
    ft_err err = FT_OK;
    ft_dataset_opts usual = { 0 };
    DIR *dir = injected() ? NULL : opendir(path);
    *pictures = false;
    if (!dir) return FT_FAIL_ERRNO("cannot list folder '%s'", path);
    while (!*pictures) {
        errno = 0;
        const struct dirent *e = injected() ? NULL : readdir(dir);
        if (!e && errno) err = FT_FAIL_ERRNO("cannot list folder '%s'", path);
        if (!e) break;
        if (e->d_name[0] == '.' || e->d_name[0] == '_') continue;
        ft_str named = ft_str_of(e->d_name);
        *pictures =
            ft_set_image_name(&usual, named) || (!ft_set_side_name(named) && is_folder(dir, e));
    }
    closedir(dir);
    return err;
}

/* ---- its order */

static uint64_t key_of(const char *s) {
    uint64_t key = 0;
    int i = 0;
    for (; i < 8 && s[i]; i++) key = key << 8 | (uint8_t)s[i];
    return i && i < 8 ? key << 8 * (8 - i) : key;
}

static int by_key(const void *a, const void *b) {
    uint64_t x = ((const name *)a)->key, y = ((const name *)b)->key;
    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b, void *text) {
    return strcmp((const char *)text + ((const name *)a)->at,
                  (const char *)text + ((const name *)b)->at);
}

/* Byte order. The names share the folder's path, and often more. */
static void sort(name *at, size_t count, char *text) {
    size_t same = count ? strlen(text + at[0].at) : 0;
    for (size_t i = 1, n; i < count; i++) {
        for (n = 0; n < same && text[at[i].at + n] == text[at[0].at + n]; n++) {
        }
        same = n;
    }
    for (size_t i = 0; i < count; i++) at[i].key = key_of(text + at[i].at + same);
    qsort(at, count, sizeof *at, by_key);
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && at[i + n].key == at[i].key; n++) {
        }
        if (n > 1) qsort_r(at + i, n, sizeof *at, by_text, text);
    }
}

/* ---- a tree of them */

static ft_err group_add(tree *t, const char *folder, size_t first) {
    if (first == t->pictures.count) return FT_OK;
    if (t->group_count == t->group_room) {
        size_t room = t->group_room ? 2 * t->group_room : 4;
        group *more = ft_fault_here() ? NULL : realloc(t->groups, room * sizeof *more);
        if (!more) return no_memory(t);
        t->groups = more;
        t->group_room = room;
    }
    t->groups[t->group_count++] = (group){ folder, first, t->pictures.count - first };
    sort(t->pictures.at + first, t->pictures.count - first, t->text.at);
    return FT_OK;
}

static ft_err walk(tree *t, const char *folder, int depth);

static ft_err walk_below(tree *t, const names *below, int depth) {
    for (size_t i = 0; i < below->count; i++) {
        ft_str path; /* the text moves as it grows */
        FT_TRY(ft_arena_str(&path, &t->arena, ft_str_of(t->text.at + below->at[i].at)));
        FT_TRY(walk(t, path.at, depth + 1));
    }
    return FT_OK;
}

static ft_err walk(tree *t, const char *folder, int depth) {
    ft_err err = FT_OK;
    names below = { 0 };
    size_t first = t->pictures.count;
    if (depth > DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%s': folders in folders, more than %d deep", t->root,
                       DEPTH_MAX);
    FT_GOTO(err, folder_list(t, &below, folder));
    FT_GOTO(err, group_add(t, folder, first));
    FT_GOTO(err, walk_below(t, &below, depth));
done:
    free(below.at);
    return err;
}

static int by_folder(const void *a, const void *b) {
    return strcmp(((const group *)a)->folder, ((const group *)b)->folder);
}

static void tree_fini(tree *t) {
    free(t->pictures.at);
    free(t->groups);
    ft_buf_fini(&t->text);
    ft_arena_fini(&t->arena);
}

/* The text of a tree to the arena, and its pictures after those of the trees before. */
static ft_err tree_give(ft_picture *to, tree *t, int64_t label, ft_arena *arena) {
    char *text;
    if (!t->pictures.count) return FT_OK;
    FT_TRY(ft_arena_take(&text, arena, t->text.len));
    memcpy(text, t->text.at, t->text.len);
    qsort(t->groups, t->group_count, sizeof *t->groups, by_folder);
    for (size_t g = 0; g < t->group_count; g++)
        for (size_t i = 0; i < t->groups[g].count; i++)
            *to++ = (ft_picture){ .path = text + t->pictures.at[t->groups[g].first + i].at,
                                  .label = label };
    return FT_OK;
}

/* ---- all of them */

static ft_err class_walk(void *ctx, size_t i) {
    ft_pictures *p = ctx;
    tree *t = (tree *)p->trees + i;
    return walk(t, p->classes[i].at, 1);
}

static ft_err classes_walk(ft_pictures *p) {
    ft_pool *pool;
    FT_TRY(ft_pool_new(&pool, p->class_count < 2 ? 0 : ft_cpu_count() - 1));
    ft_err err = ft_pool_run(pool, p->class_count, class_walk, p);
    ft_pool_free(pool);
    return err;
}

/* The folders that the root's listing found. */
static ft_err classes_name(ft_pictures *p, ft_arena *arena, tree *top, names *below) {
    sort(below->at, below->count, top->text.at);
    FT_TRY(ft_arena_items(&p->classes, arena, below->count));
    for (size_t i = 0; i < below->count; i++)
        FT_TRY(ft_arena_str(&p->classes[i], arena, ft_str_of(top->text.at + below->at[i].at)));
    p->class_count = below->count;
    return FT_OK;
}

static ft_err classes_give(ft_pictures *p, ft_arena *arena, const tree *top) {
    ft_err err = FT_OK;
    tree *trees = ft_fault_here() ? NULL : calloc(p->class_count, sizeof *trees);
    if (!trees) return no_memory(top);
    p->trees = trees;
    for (size_t i = 0; i < p->class_count; i++) {
        trees[i] = (tree){ .opts = top->opts, .root = top->root, .root_fd = top->root_fd };
        trees[i].text.limit_bytes = trees[i].arena.limit_bytes = SIZE_MAX / 2;
    }
    FT_GOTO(err, classes_walk(p));
    for (size_t i = 0; i < p->class_count; i++) {
        if (!trees[i].pictures.count)
            FT_GOTO(err, FT_FAIL(FT_ENOTFOUND, "'%s': the class '%s' has no image", top->root,
                                 ft_shown(p->classes[i])));
        p->count += trees[i].pictures.count;
    }
    FT_GOTO(err, ft_arena_items(&p->at, arena, p->count));
    ft_picture *to = p->at;
    for (size_t i = 0; i < p->class_count; i++) {
        FT_GOTO(err, tree_give(to, &trees[i], (int64_t)i, arena));
        to += trees[i].pictures.count;
    }
done:
    for (size_t i = 0; i < p->class_count; i++) tree_fini(&trees[i]);
    free(trees);
    p->trees = NULL;
    return err;
}

ft_err ft_set_folder_walk(ft_pictures *out, ft_arena *arena, const char *root,
                          const ft_dataset_opts *opts) {
    ft_err err = FT_OK;
    names below = { 0 };
    tree top = { .opts = opts, .root = root, .root_fd = -1 };
    bool classes = !ft_str_is(opts->label, "none");
    top.text.limit_bytes = top.arena.limit_bytes = SIZE_MAX / 2;
    *out = (ft_pictures){ 0 };
    FT_GOTO(err, ft_fd_open(&top.root_fd, root, O_RDONLY | O_DIRECTORY, 0));
    FT_GOTO(err, folder_list(&top, &below, ""));
    if (classes && below.count) {
        FT_GOTO(err, classes_name(out, arena, &top, &below));
        FT_GOTO(err, classes_give(out, arena, &top));
    } else {
        FT_GOTO(err, group_add(&top, "", 0));
        FT_GOTO(err, walk_below(&top, &below, 0));
        out->count = top.pictures.count;
        FT_GOTO(err, ft_arena_items(&out->at, arena, out->count));
        FT_GOTO(err, tree_give(out->at, &top, 0, arena));
    }
    if (!out->count) err = FT_FAIL(FT_ENOTFOUND, "'%s' has no image in it", root);
done:
    free(below.at);
    ft_fd_close(&top.root_fd);
    tree_fini(&top);
    return err;
}
