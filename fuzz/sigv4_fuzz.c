/* sigv4_fuzz.c -- a signed request: the first line is its target, the next its headers ("name:
 * value"), what follows an empty line is an aws-chunked body. None of it may do more than be
 * refused: no forged signature is good. */
#include "base/check.h"
#include "base/clock.h"
#include "fuzz/target.h"
#include "net/aws_chunked.h"
#include "net/sigv4.h"

static ft_str find_header(const void *ctx, ft_str name) {
    ft_str rest = *(const ft_str *)ctx;
    while (rest.at) {
        ft_str value = ft_str_cut(&rest, '\n'), found = ft_str_cut(&value, ':');
        if (value.at && ft_str_ieq(found, name)) return ft_str_trim(value);
    }
    return (ft_str){ NULL, 0 };
}

static void read_body(const ft_sig *sig, ft_str body) {
    ft_chunked c = { .sig = sig };
    ft_str in = body, out;
    size_t payload = 0;
    ft_err err = FT_OK;
    do {
        err = ft_chunked_take(&out, &c, &in);
        if (err == FT_OK && out.len)
            FT_CHECK(out.at >= body.at && out.at + out.len <= body.at + body.len);
        payload += err == FT_OK ? out.len : 0;
    } while (err == FT_OK && in.len > 0 && out.len > 0);
    FT_CHECK(payload <= body.len);
    ft_str sum = ft_chunked_trailer(&c, "x-amz-checksum-crc32");
    FT_CHECK(!sum.at || sum.len <= body.len);
    ft_chunked_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str rest = ft_str_n(data, size), target = ft_str_cut(&rest, '\n'), headers = rest;
    size_t blank = 0;
    while (rest.at && blank + 1 < rest.len && memcmp(rest.at + blank, "\n\n", 2) != 0) blank++;
    if (rest.at) {
        headers = ft_str_slice(rest, 0, blank);
        rest = ft_str_from(rest, blank + 2);
    }
    ft_sig sig;
    ft_sig_outcome outcome = FT_SIG_WRONG;
    ft_sig_request req = { FT_STR("PUT"), target, find_header, &headers };
    if (ft_sig_read(&sig, &req, &arena) == FT_OK && sig.form != FT_SIG_NONE) {
        ft_err err = ft_sig_check(&outcome, &sig, &req, FT_STR("a secret that no input knows"),
                                  FT_STR("UNSIGNED-PAYLOAD"), 1669093200 * FT_SECOND_US, &arena);
        FT_CHECK(err != FT_OK || outcome != FT_SIG_GOOD);
        read_body(&sig, rest);
    }
    read_body(NULL, rest);
    ft_arena_fini(&arena);
    return 0;
}
