/* range.c -- see range.h. */
#include "net/range.h"

ft_range ft_range_parse(uint64_t *first, uint64_t *length, ft_str header, uint64_t size) {
    uint64_t a = 0, b = 0;
    *first = 0, *length = size;
    if (!ft_str_starts(header, FT_STR("bytes=")) || ft_str_find(header, ',') < header.len)
        return FT_RANGE_WHOLE;
    ft_str last = ft_str_from(header, sizeof "bytes=" - 1), begin = ft_str_cut(&last, '-');
    if (!last.at || (begin.len && !ft_str_u64(&a, begin)) || (last.len && !ft_str_u64(&b, last)) ||
        (!begin.len && !last.len))
        return FT_RANGE_WHOLE;
    if (!begin.len) { /* the last b bytes */
        a = b < size ? size - b : 0;
        b = size - 1;
    } else if (!last.len || b >= size) {
        b = size - 1;
    } else if (b < a) {
        return FT_RANGE_WHOLE;
    }
    if (a >= size) return FT_RANGE_OUTSIDE;
    *first = a, *length = b - a + 1;
    return FT_RANGE_PART;
}

ft_range ft_request_range(uint64_t *first, uint64_t *length, const ft_request *req, uint64_t size) {
    return ft_range_parse(first, length, ft_request_header(req, "Range"), size);
}

ft_err ft_response_range(ft_response *resp, ft_arena *arena, uint64_t first, uint64_t length,
                         uint64_t size) {
    ft_str text;
    FT_TRY(ft_arena_printf(&text, arena, "bytes %llu-%llu/%llu", (unsigned long long)first,
                           (unsigned long long)(first + length - 1), (unsigned long long)size));
    ft_response_header(resp, "Content-Range", text);
    resp->status = 206;
    resp->file_offset = first;
    resp->file_length = length;
    return FT_OK;
}

ft_err ft_response_outside(ft_response *resp, ft_arena *arena, uint64_t size) {
    ft_str text;
    FT_TRY(ft_arena_printf(&text, arena, "bytes */%llu", (unsigned long long)size));
    ft_response_header(resp, "Content-Range", text);
    resp->status = 416;
    return FT_OK;
}

ft_err ft_response_ranged(ft_response *resp, const ft_request *req, ft_str etag, uint64_t size) {
    ft_str of = ft_request_header(req, "If-Range");
    uint64_t first, length;
    ft_response_header(resp, "Accept-Ranges", FT_STR("bytes"));
    if (etag.len) ft_response_header(resp, "ETag", etag);
    if (of.len && !ft_str_eq(of, etag)) return FT_OK;
    switch (ft_request_range(&first, &length, req, size)) {
    case FT_RANGE_OUTSIDE:
        return ft_response_outside(resp, req->arena, size);
    case FT_RANGE_PART:
        return ft_response_range(resp, req->arena, first, length, size);
    default:
        return FT_OK;
    }
}
