/* sigv4.h -- request signatures of the AWS front door: Signature Version 4 in a header or in the
 * query (presigned), and S3's old Version 2 query. Checking and making; pure functions over the
 * request's pieces.
 *
 * Source: AWS General Reference, "Signature Version 4 signing process"; what clients really send:
 * formats.md 2.2, 2.3.
 *
 * Threads: any; derived signing keys are cached in a table behind a lock. */
#ifndef FT_SIGV4_H
#define FT_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FT_SIG_SKEW_US       ((int64_t)15 * 60 * 1000000)
#define FT_SIG_EXPIRES_MAX_S 604800
#define FT_REGION_DEFAULT    "us-east-1" /* where nobody tells one */

typedef struct ft_sig_request {
    ft_str method;
    ft_str raw_target; /* as on the wire, with the query */
    /* A header's value (several of one name joined with ","); at == NULL when absent. `name` is
     * lower case. */
    ft_str (*header)(const void *ctx, ft_str name);
    const void *ctx;
} ft_sig_request;

typedef enum ft_sig_form {
    FT_SIG_NONE,
    FT_SIG_V4_HEADER,
    FT_SIG_V4_QUERY,
    FT_SIG_V2_QUERY
} ft_sig_form;

typedef struct ft_sig {
    ft_sig_form form;
    ft_str access_key, day, region, service; /* the credential scope; V2: service "s3" */
    ft_str signed_headers, signature;
    ft_str stamp;                /* X-Amz-Date, "20221122T050000Z" */
    ft_str payload;              /* x-amz-content-sha256 as sent; at == NULL when absent */
    int64_t made_us, expires_us; /* expires_us 0 of version 4: the skew rule applies */
} ft_sig;

/* Read what the request claims; no secret is needed. FT_OK with form FT_SIG_NONE when it is not
 * signed; FT_EPARSE for a signature that is not well formed, saying which part. */
ft_err ft_sig_read(ft_sig *out, const ft_sig_request *req, ft_arena *arena);

typedef enum ft_sig_outcome {
    FT_SIG_GOOD,
    FT_SIG_WRONG,
    FT_SIG_EXPIRED,
    FT_SIG_SKEWED
} ft_sig_outcome;
/* Check it with the key's secret. `body_sha256`: 64 hex digits of the body, used when the request
 * did not send x-amz-content-sha256; may be empty when it did. The caller compares a sent hash with
 * the body itself. */
ft_err ft_sig_check(ft_sig_outcome *out, const ft_sig *sig, const ft_sig_request *req,
                    ft_str secret, ft_str body_sha256, int64_t now_us, ft_arena *arena);

/* The key that signs a day's requests (and aws-chunked pieces): cached. */
ft_err ft_sig_key(unsigned char out[32], ft_str secret, ft_str day, ft_str region, ft_str service);
/* One piece of an aws-chunked body: 64 hex digits. `kind`: "AWS4-HMAC-SHA256-PAYLOAD" or
 * "-TRAILER". */
ft_err ft_sig_chunk(char out[65], const unsigned char key[32], const char *kind, const ft_sig *sig,
                    ft_str previous, ft_str sha256_hex);

/* Sign a request of our own: the values of Authorization, X-Amz-Date and x-amz-content-sha256, in
 * the arena. Signs host, the date, the content hash and the token. `body_sha256`: hex or
 * "UNSIGNED-PAYLOAD". `token`: of temporary keys, sent as x-amz-security-token; empty: none. */
typedef struct ft_sig_headers {
    ft_str authorization, date, content_sha256;
} ft_sig_headers;
ft_err ft_sig_sign(ft_sig_headers *out, ft_arena *arena, ft_str method, ft_str raw_target,
                   ft_str host, ft_str access_key, ft_str secret, ft_str region, ft_str service,
                   ft_str body_sha256, ft_str token, int64_t now_us);

#endif
