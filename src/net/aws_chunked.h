/* aws_chunked.h -- the body encoding "aws-chunked": pieces with their size, optionally signed, and
 * trailing headers such as a checksum (formats.md 2.4). A push parser: feed what came, get the
 * payload's bytes back as views of it.
 *
 * Memory: a line buffer of FT_CHUNK_LINE_MAX, no copy of the payload. Signed pieces are checked as
 * they end: payload handed out before must not be made visible until ft_chunked_end says so. */
#ifndef FT_AWS_CHUNKED_H
#define FT_AWS_CHUNKED_H

#include "base/buf.h"
#include "base/hash.h"
#include "net/sigv4.h"

#define FT_CHUNK_LINE_MAX  1024
#define FT_CHUNK_BYTES_MAX ((uint64_t)1 << 33)

typedef struct ft_chunked {
    /* Set by the caller; all zero for unsigned pieces. */
    const ft_sig *sig;     /* NULL: pieces are not signed */
    unsigned char key[32]; /* ft_sig_key of the request */
    /* Private. */
    int state;
    uint64_t left; /* bytes of the piece still to come */
    uint64_t decoded_bytes;
    char line[FT_CHUNK_LINE_MAX];
    size_t line_len;
    char previous[65], claimed[65]; /* signatures: of the piece before, of this piece */
    ft_hasher *hash;
    ft_buf trailer; /* "name:value\n" of each trailing header, in lower case */
    bool vouched;   /* all of it is signed */
} ft_chunked;

/* Take from `*in` (moved forward): gives the next view of payload in `out`, empty when `*in` is
 * used up or the body has ended. FT_EPARSE for a broken encoding, FT_EDENIED for a wrong piece
 * signature. */
ft_err ft_chunked_take(ft_str *out, ft_chunked *c, ft_str *in);
/* At the end of the body: FT_EPARSE when it was cut off, FT_EDENIED when trailing headers of signed
 * pieces came without their own signature. */
ft_err ft_chunked_end(const ft_chunked *c);
/* A trailing header's value; at == NULL when it did not come. `name` in lower case. */
ft_str ft_chunked_trailer(const ft_chunked *c, const char *name);
void ft_chunked_fini(ft_chunked *c);

#endif
