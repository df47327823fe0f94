/* check.h -- statements about our own code. A failed check is a bug, never an input; on in release
 * builds. */
#ifndef FT_CHECK_H
#define FT_CHECK_H

#define FT_CHECK(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : ft_check_failed(#cond, __FILE__, __LINE__))
_Noreturn void ft_check_failed(const char *cond, const char *file, int line) __attribute__((cold));

#define FT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FT_UNUSED(x)    ((void)(x))

#endif
