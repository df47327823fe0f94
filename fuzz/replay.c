/* replay.c -- runs one fuzz target over files and folders of files, without libFuzzer: the corpus
 * as a test of every build, and a crash file under a debugger. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/files.h"
#include "fuzz/target.h"

#define INPUT_BYTES_MAX ((size_t)1 << 26)

static ft_err replay_file(const char *path) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str bytes;
    ft_err err = ft_file_read(&bytes, &arena, path, INPUT_BYTES_MAX);
    /* An exact copy, so that a sanitizer sees a read past the end. */
    uint8_t *copy = err ? NULL : malloc(bytes.len ? bytes.len : 1);
    if (copy) {
        memcpy(copy, bytes.at, bytes.len);
        LLVMFuzzerTestOneInput(copy, bytes.len);
    }
    free(copy);
    ft_arena_fini(&arena);
    return err;
}

static ft_err replay_path(const char *path, int *count) {
    ft_file_info info;
    FT_TRY(ft_file_stat(&info, path));
    if (!info.is_dir) {
        ++*count;
        return replay_file(path);
    }
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str *names = NULL;
    size_t names_count = 0;
    ft_err err = ft_dir_list(&names, &names_count, &arena, path);
    for (size_t i = 0; i < names_count && !err; i++) {
        char child[4096];
        snprintf(child, sizeof child, "%s/%.*s", path, FT_STR_ARG(names[i]));
        err = replay_path(child, count);
    }
    ft_arena_fini(&arena);
    return err;
}

int main(int argc, char **argv) {
    int count = 0;
    for (int i = 1; i < argc; i++) {
        if (replay_path(argv[i], &count)) {
            fprintf(stderr, "%s\n", ft_err_why());
            return 1;
        }
    }
    printf("%d inputs replayed\n", count);
    return count == 0; /* an empty corpus tests nothing */
}
