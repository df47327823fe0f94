/* keys_in.h -- what the signature check needs of keys.c. */
#ifndef FT_AWS_KEYS_IN_H
#define FT_AWS_KEYS_IN_H

#include "base/check.h"
#include "base/arena.h"
#include "store/store.h"

ft_err ft_aws_migrate(ft_store *s); /* the room's tables */
/* FT_ENOTFOUND without a trail for an unknown id. */
ft_err ft_aws_key_secret(ft_str *out, ft_store *s, ft_arena *arena, ft_str id);

#endif
