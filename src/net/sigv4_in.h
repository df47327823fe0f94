/* sigv4_in.h -- what the files of signatures share. */
#ifndef FT_SIGV4_IN_H
#define FT_SIGV4_IN_H

#include "base/buf.h"
#include "net/sigv4.h"

/* Unreserved characters stay, the rest is %XX in upper case. */
void ft_sig_encode(ft_buf *buf, ft_str s, bool keep_slash);
/* %XX undone; a broken escape stays as it is ('+' is a plus here). */
ft_err ft_sig_decode(ft_str *out, ft_arena *arena, ft_str s);

/* What stands before the '?' of a target, and after it. */
ft_str ft_sig_path(ft_str target);
ft_str ft_sig_query(ft_str target);
/* A query parameter's decoded value; at == NULL when absent. */
ft_err ft_sig_query_value(ft_str *out, ft_arena *arena, ft_str target, const char *name);

#endif
