/* aws_chunked_fuzz.c -- a body in the encoding aws-chunked. The first byte says in what pieces it
 * comes: however it is cut, payload, trailer and outcome are the same. */
#include "base/check.h"
#include "fuzz/target.h"
#include "net/aws_chunked.h"

typedef struct result {
    ft_buf payload;
    ft_str sum;
    ft_err err;
} result;

static void read_all(result *out, ft_chunked *c, ft_str body, size_t step) {
    *out = (result){ 0 };
    for (size_t at = 0; at < body.len && out->err == FT_OK; at += step) {
        ft_str in = ft_str_slice(body, at, step), bytes;
        while (in.len && (out->err = ft_chunked_take(&bytes, c, &in)) == FT_OK)
            if (bytes.len) FT_CHECK(ft_buf_add(&out->payload, bytes) == FT_OK);
    }
    if (out->err == FT_OK) out->err = ft_chunked_end(c);
    out->sum = ft_chunked_trailer(c, "x-amz-checksum-crc32");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    ft_str body = ft_str_n(data + 1, size - 1);
    ft_chunked whole = { 0 }, pieces = { 0 };
    result a, b;
    read_all(&a, &whole, body, size);
    read_all(&b, &pieces, body, (size_t)data[0] % 23 + 1);
    FT_CHECK(a.err == b.err && ft_str_eq(ft_buf_str(&a.payload), ft_buf_str(&b.payload)));
    FT_CHECK(ft_str_eq(a.sum, b.sum) && a.payload.len <= body.len);
    FT_CHECK(a.err != FT_OK || a.payload.len == whole.decoded_bytes);
    ft_chunked_fini(&whole), ft_chunked_fini(&pieces);
    ft_buf_fini(&a.payload), ft_buf_fini(&b.payload);

    /* Signed pieces: nobody who does not know the key gets to the end with a payload. */
    ft_sig sig = { .form = FT_SIG_V4_HEADER,
                   .day = FT_STR("20221122"),
                   .region = FT_STR("us-east-1"),
                   .service = FT_STR("s3"),
                   .signature =
                       FT_STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                   .stamp = FT_STR("20221122T050000Z") };
    ft_chunked guarded = { .sig = &sig, .key = "a key of which no input can know" };
    read_all(&a, &guarded, body, size);
    FT_CHECK(a.err != FT_OK);
    ft_chunked_fini(&guarded);
    ft_buf_fini(&a.payload);
    ft_err_clear();
    return 0;
}
