/* mail.h -- one letter by a mail server (libcurl, loaded on first use) or by a program that takes
 * letters as sendmail does.
 *
 * Threads: any. Memory: given back before the call returns. */
#ifndef FT_MAIL_H
#define FT_MAIL_H

#include "base/err.h"
#include "base/str.h"

#define FT_MAIL_TIMEOUT_US ((int64_t)30000000)

typedef struct ft_mail {
    ft_str from, to, subject, text; /* UTF-8 */
    ft_str id;                      /* of the Message-ID: the same letter again has the same */
} ft_mail;

/* "name@host" with nothing that could begin another header. FT_EINVAL. */
ft_err ft_mail_address_check(ft_str address);
/* "smtp://[user:password@]host[:port]", "smtps://…", or the full path of a program. FT_EINVAL. */
ft_err ft_mail_server_check(ft_str server);
/* FT_EPEER when the server or the program refuses, FT_ETIMEOUT, FT_EABSENT without libcurl or the
 * program. */
ft_err ft_mail_send(ft_str server, const ft_mail *mail);

#endif
