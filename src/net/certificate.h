/* certificate.h -- a certificate of our own for `--tls`: made once by the openssl program, kept in
 * a folder as cert.pem and key.pem (readable by the owner alone), made again when it has less than
 * a week to live or other names are wanted.
 *
 * It signs itself: clients are told to trust cert.pem (AWS_CA_BUNDLE, curl --cacert). It speaks for
 * localhost, 127.0.0.1, ::1 and the AWS host names that a resolver may point here, so that clients
 * which know no other address can be caught. */
#ifndef FT_CERTIFICATE_H
#define FT_CERTIFICATE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_certificate {
    ft_str cert_pem, key_pem; /* contents, NUL-terminated, in the arena */
    const char *cert_path;
} ft_certificate;

/* `names` (host names and addresses, may be NULL) are added to its own. FT_EABSENT without the
 * openssl program, FT_EINVAL for what is no host name. */
ft_err ft_certificate_make(ft_certificate *out, ft_arena *arena, const char *folder,
                           const ft_str *names, size_t name_count);
/* One that was given. FT_EINVAL names a file that is no PEM of its kind. */
ft_err ft_certificate_read(ft_certificate *out, ft_arena *arena, const char *cert_path,
                           const char *key_path);

#endif
