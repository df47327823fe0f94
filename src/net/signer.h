/* signer.h -- RSA signatures with a key of our own (libcrypto, loaded on first use): for messages
 * whose receivers ask for a certificate to check them with.
 *
 * A folder holds key.pem (readable by the owner alone) and cert.pem, made once by the openssl
 * program.
 *
 * Threads: any; several processes may make the same folder at once. */
#ifndef FT_SIGNER_H
#define FT_SIGNER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_signer {
    ft_str cert_pem, key_pem; /* in the arena */
} ft_signer;

/* FT_EABSENT without the openssl program. */
ft_err ft_signer_open(ft_signer *out, ft_arena *arena, const char *folder);
/* RSASSA-PKCS1-v1_5 over SHA-256, or SHA-1 where a protocol demands it; base64, in the arena. */
ft_err ft_signer_sign(ft_str *out, ft_arena *arena, const ft_signer *s, ft_str text, bool sha1);

#endif
