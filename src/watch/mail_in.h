/* mail_in.h -- a letter by the home's mail server, for the senders of this room. */
#ifndef FT_WATCH_MAIL_IN_H
#define FT_WATCH_MAIL_IN_H

#include "base/arena.h"
#include "net/mail.h"
#include "store/store.h"

/* `from` is filled in from the settings. FT_EUNSUPPORTED when they are not set. */
ft_err ft_watch_mail(ft_store *s, ft_arena *arena, ft_mail *mail);

#endif
