/* certificate_in.h -- the openssl program, which makes keys and certificates. */
#ifndef FT_CERTIFICATE_IN_H
#define FT_CERTIFICATE_IN_H

#include "base/err.h"

/* Run it to its end. FT_EABSENT when it is not installed; `exit_code` -1 when it was killed. */
ft_err ft_openssl_run(const char *const *argv, int *exit_code);

#endif
