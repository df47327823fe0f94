/* sigv4_in.h -- what the files of signatures share. */
#ifndef FT_SIGV4_IN_H
#define FT_SIGV4_IN_H

#include "base/buf.h"
#include "net/percent.h"
#include "net/sigv4.h"

/* How signatures read %XX: a broken escape stays as it is, '+' is a plus. */
#define FT_SIG_DECODE (FT_PERCENT_LENIENT | FT_PERCENT_NUL)

/* What stands before the '?' of a target, and after it. */
ft_str ft_sig_path(ft_str target);
ft_str ft_sig_query(ft_str target);
/* A query parameter's decoded value; at == NULL when absent. */
ft_err ft_sig_query_value(ft_str *out, ft_arena *arena, ft_str target, const char *name);

#endif
