/* shared_test.h -- for this room's tests: real files and other programs, and a word when they are
 * absent. */
#ifndef FT_MONITOR_SHARED_TEST_H
#define FT_MONITOR_SHARED_TEST_H

#include <sys/wait.h>

#include "base/files.h"
#include "tests/test.h"

/* A file of the shared test data, or NULL with a word. */
static inline const char *shared_file(const char *name) {
    static char path[600];
    const char *root = getenv("FETTLE_SHARED_DATA");
    const char *source = getenv("FETTLE_SOURCE_ROOT");
    if (root)
        snprintf(path, sizeof path, "%s/%s", root, name);
    else
        snprintf(path, sizeof path, "%s/../shared/data/%s", source ? source : "..", name);
    if (ft_file_exists(path)) return path;
    print_message("# SKIP %s is absent\n", path);
    return NULL;
}

static inline ft_str file_text(ft_arena *arena, const char *path) {
    ft_str text;
    EXPECT_OK(ft_file_read(&text, arena, path, (size_t)1 << 30));
    return text;
}

/* Run a Python program (the Debian one, which has the packages); false with a word when it cannot.
 * Exit code 77 is its word for a package that is absent. */
static inline bool python(const char *program, const char *arguments) {
    char path[400], command[2048];
    snprintf(path, sizeof path, "%s/oracle.py", test_dir());
    if (!ft_file_exists("/usr/bin/python3")) {
        print_message("# SKIP /usr/bin/python3 is absent\n");
        return false;
    }
    EXPECT_OK(ft_file_write_atomic(path, ft_str_of(program), false));
    snprintf(command, sizeof command, "/usr/bin/python3 %s %s", path, arguments);
    int code = system(command);
    if (WIFEXITED(code) && WEXITSTATUS(code) == 77) {
        print_message("# SKIP a Python package is absent\n");
        return false;
    }
    EXPECT(code == 0);
    return true;
}

#endif
