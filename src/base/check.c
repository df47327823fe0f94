/* check.c -- see check.h. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

_Noreturn void ft_check_failed(const char *cond, const char *file, int line) {
    fprintf(stderr, "%s:%d: check failed: %s\n%s", file, line, cond, ft_err_trail());
    abort();
}
