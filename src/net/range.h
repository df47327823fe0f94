/* range.h -- the Range header of a request, and its answer (RFC 9110, 14). One range of bytes;
 * several at once, another unit or what cannot be read ask for the whole, as the RFC lets a server
 * do. */
#ifndef FT_RANGE_H
#define FT_RANGE_H

#include "net/server.h"

typedef enum ft_range {
    FT_RANGE_WHOLE,
    FT_RANGE_PART,
    FT_RANGE_OUTSIDE /* of what has `size` bytes: 416, or the whole */
} ft_range;
/* `*first` and `*length` are the whole's unless it is a part. */
ft_range ft_range_parse(uint64_t *first, uint64_t *length, ft_str header, uint64_t size);
ft_range ft_request_range(uint64_t *first, uint64_t *length, const ft_request *req, uint64_t size);
/* 206 with Content-Range, and these bytes of the answer's file. */
ft_err ft_response_range(ft_response *resp, ft_arena *arena, uint64_t first, uint64_t length,
                         uint64_t size);
/* 416 with the size in Content-Range, and nothing of it. */
ft_err ft_response_outside(ft_response *resp, ft_arena *arena, uint64_t size);
/* What a GET of a file of `size` bytes asks for, with Accept-Ranges: the whole, a part, or 416. `etag`
 * with its quotes; empty: none. A range is for another version when If-Range says so: the whole.
 */
ft_err ft_response_ranged(ft_response *resp, const ft_request *req, ft_str etag, uint64_t size);

#endif
