/* sigv4_test.c -- the worked examples of AWS's documentation, tampering, time, and aws-chunked
 * bodies. */
#include "net/aws_chunked.h"
#include "net/sigv4.h"

#include "base/clock.h"
#include "base/random.h"
#include "tests/test.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct header {
    const char *name, *value;
} header;

static ft_str find(const void *ctx, ft_str name) {
    for (const header *h = ctx; h->name; h++)
        if (ft_str_is(name, h->name)) return ft_str_of(h->value);
    return (ft_str){ 0 };
}

static ft_arena arena;

static int64_t at(const char *iso) {
    int64_t us;
    EXPECT_OK(ft_time_parse(&us, ft_str_of(iso)));
    return us;
}

static ft_sig_outcome check(const char *method, const char *target, const header *headers,
                            const char *secret, int64_t now) {
    ft_sig sig;
    ft_sig_outcome outcome;
    ft_sig_request req = { ft_str_of(method), ft_str_of(target), find, headers };
    EXPECT_OK(ft_sig_read(&sig, &req, &arena));
    EXPECT_OK(ft_sig_check(&outcome, &sig, &req, ft_str_of(secret), FT_STR(EMPTY), now, &arena));
    return outcome;
}

/* Signature Version 4 signing process, "GET ListUsers". */
static void test_iam_example(void **state) {
    (void)state;
    header h[] = { { "content-type", "application/x-www-form-urlencoded; charset=utf-8" },
                   { "host", "iam.amazonaws.com" },
                   { "x-amz-date", "20150830T123600Z" },
                   { "authorization",
                     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                     "SignedHeaders=content-type;host;x-amz-date, "
                     "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7" },
                   { 0 } };
    const char *target = "/?Action=ListUsers&Version=2010-05-08",
               *secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    int64_t now = at("2015-08-30T12:36:00Z");
    EXPECT(check("GET", target, h, secret, now) == FT_SIG_GOOD);
    EXPECT(check("GET", "/?Version=2010-05-08&Action=ListUsers", h, secret, now) == FT_SIG_GOOD);
    EXPECT(check("POST", target, h, secret, now) == FT_SIG_WRONG);
    EXPECT(check("GET", "/?Action=ListUsers&Version=2010-05-09", h, secret, now) == FT_SIG_WRONG);
    EXPECT(check("GET", target, h, "x", now) == FT_SIG_WRONG);
    EXPECT(check("GET", target, h, secret, now + 16 * 60 * FT_SECOND_US) == FT_SIG_SKEWED);
    EXPECT(check("GET", target, h, secret, now - 16 * 60 * FT_SECOND_US) == FT_SIG_SKEWED);
    EXPECT(check("GET", target, h, secret, now + 14 * 60 * FT_SECOND_US) == FT_SIG_GOOD);
    h[0].value = "text/plain";
    EXPECT(check("GET", target, h, secret, now) == FT_SIG_WRONG);
}

/* Amazon S3 API Reference, "Examples: signature calculations": GET object with a range, and the
 * list with a prefix. */
static void test_s3_examples(void **state) {
    (void)state;
    header get[] = {
        { "host", "examplebucket.s3.amazonaws.com" },
        { "range", "bytes=0-9" },
        { "x-amz-content-sha256", EMPTY },
        { "x-amz-date", "20130524T000000Z" },
        { "authorization",
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
          "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
        { 0 }
    };
    EXPECT(check("GET", "/test.txt", get, SECRET, at("2013-05-24T00:00:00Z")) == FT_SIG_GOOD);
    header list[] = {
        { "host", "examplebucket.s3.amazonaws.com" },
        { "x-amz-content-sha256", EMPTY },
        { "x-amz-date", "20130524T000000Z" },
        { "authorization",
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
          "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
          "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
        { 0 }
    };
    EXPECT(check("GET", "/?max-keys=2&prefix=J", list, SECRET, at("2013-05-24T00:00:00Z")) ==
           FT_SIG_GOOD);
}

static void test_presigned_example(void **state) {
    (void)state;
    header h[] = { { "host", "examplebucket.s3.amazonaws.com" }, { 0 } };
    const char *target =
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%"
        "2F20130524"
        "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-"
        "SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    EXPECT(check("GET", target, h, SECRET, at("2013-05-24T10:00:00Z")) == FT_SIG_GOOD);
    EXPECT(check("GET", target, h, SECRET, at("2013-05-25T00:00:01Z")) == FT_SIG_EXPIRED);
    EXPECT(check("GET", target, h, SECRET, at("2013-05-23T10:00:00Z")) == FT_SIG_SKEWED);
}

/* Version 2, signatures by Python's hmac. Its Expires is a time: 0 is long over. */
static void test_version_2_ends(void **state) {
    (void)state;
    header h[] = { { "host", "127.0.0.1" }, { 0 } };
    const char *late =
        "/bucket/"
        "key?AWSAccessKeyId=A&Expires=1700000000&Signature=vy8K9VFVd%2BdOP06c2QTUpQiIXkI%3D";
    const char *never =
        "/bucket/key?AWSAccessKeyId=A&Expires=0&Signature=POWQXvsE5UCVLMS0p8axL8XVrGg%3D";
    EXPECT(check("GET", late, h, SECRET, 1699999999 * FT_SECOND_US) == FT_SIG_GOOD);
    EXPECT(check("GET", late, h, SECRET, 1700000001 * FT_SECOND_US) == FT_SIG_EXPIRED);
    EXPECT(check("GET", never, h, SECRET, at("2022-11-22T05:00:00Z")) == FT_SIG_EXPIRED);
}

/* Any request that we sign is good; any changed byte of method, path, query, host or hash is not.
 */
static void test_round_trip_and_tampering(void **state) {
    (void)state;
    ft_random r;
    ft_random_seed(&r, 11);
    int64_t now = at("2022-11-22T05:00:00Z");
    for (int i = 0; i < 300; i++) {
        char target[128] = "/";
        size_t n = 1 + ft_random_below(&r, 60);
        static const char alphabet[] = "abcXYZ019-_.~/%2F%20+=&*!()";
        for (size_t k = 1; k < n; k++)
            target[k] = alphabet[ft_random_below(&r, sizeof alphabet - 1)];
        target[n] = '\0';
        if (ft_random_below(&r, 2)) strcat(target, "?b=2&a=%20x&c");
        const char *service = ft_random_below(&r, 2) ? "s3" : "iotdata";
        ft_sig_headers made;
        EXPECT_OK(ft_sig_sign(&made, &arena, FT_STR("PUT"), ft_str_of(target), FT_STR("h:1"),
                              FT_STR("AK"), FT_STR(SECRET), FT_STR("eu-west-1"), ft_str_of(service),
                              FT_STR("UNSIGNED-PAYLOAD"), FT_STR(""), now));
        header h[] = { { "host", "h:1" },
                       { "x-amz-date", made.date.at },
                       { "x-amz-content-sha256", "UNSIGNED-PAYLOAD" },
                       { "authorization", made.authorization.at },
                       { 0 } };
        EXPECT(check("PUT", target, h, SECRET, now) == FT_SIG_GOOD);
        strcat(target, "z");
        EXPECT(check("PUT", target, h, SECRET, now) == FT_SIG_WRONG);
        h[2].value = EMPTY;
        target[strlen(target) - 1] = '\0';
        EXPECT(check("PUT", target, h, SECRET, now) == FT_SIG_WRONG);
        ft_arena_reset(&arena);
    }
}

/* A token of temporary keys is signed: a request with another one is not ours. */
static void test_token_is_signed(void **state) {
    (void)state;
    ft_sig_headers made;
    int64_t now = at("2022-11-22T05:00:00Z");
    EXPECT_OK(ft_sig_sign(&made, &arena, FT_STR("GET"), FT_STR("/b/k"), FT_STR("h:1"), FT_STR("AK"),
                          FT_STR(SECRET), FT_STR("eu-west-1"), FT_STR("s3"),
                          FT_STR("UNSIGNED-PAYLOAD"), FT_STR("t0/ken="), now));
    header h[] = { { "host", "h:1" },
                   { "x-amz-date", made.date.at },
                   { "x-amz-content-sha256", "UNSIGNED-PAYLOAD" },
                   { "x-amz-security-token", "t0/ken=" },
                   { "authorization", made.authorization.at },
                   { 0 } };
    EXPECT(check("GET", "/b/k", h, SECRET, now) == FT_SIG_GOOD);
    h[3].value = "t0/ker=";
    EXPECT(check("GET", "/b/k", h, SECRET, now) == FT_SIG_WRONG);
    ft_arena_reset(&arena);
}

static void test_malformed_claims(void **state) {
    (void)state;
    static const char *const bad[] = {
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=AK",
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256 Credential=AK/1/2/3/aws4_request, SignedHeaders=host, Signature=zz",
        "AWS4-HMAC-SHA256 Credential=/20221122/r/s3/aws4_request, SignedHeaders=host, "
        "Signature=" EMPTY,
        "AWS4-HMAC-SHA256 Credential=A/20221122/r/s3/other, SignedHeaders=host, Signature=" EMPTY,
        "AWS4-HMAC-SHA256 Credential=A/20221121/r/s3/aws4_request, SignedHeaders=host, "
        "Signature=" EMPTY
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        header h[] = { { "authorization", bad[i] }, { "x-amz-date", "20221122T050000Z" }, { 0 } };
        ft_sig sig;
        ft_sig_request req = { FT_STR("GET"), FT_STR("/"), find, h };
        EXPECT_ERR(FT_EPARSE, ft_sig_read(&sig, &req, &arena));
    }
    static const char *const presigned[] = { /* date, seconds, signature */
                                             "20221122T050000&X-Amz-Expires=9&X-Amz-Signature=a",
                                             "20221121T050000Z&X-Amz-Expires=9&X-Amz-Signature=a",
                                             "20221122T050000Z&X-Amz-Expires=-1&X-Amz-Signature=a",
                                             "20221122T050000Z&X-Amz-Expires=1e9&X-Amz-Signature=a",
                                             "20221122T050000Z&X-Amz-Expires=604801&"
                                             "X-Amz-Signature=a",
                                             "20221122T050000Z&X-Amz-Expires=9&X-Amz-Signature=",
                                             "20221122T050000Z&X-Amz-Signature=a"
    };
    ft_sig sig;
    const header none[] = { { 0 } };
    for (size_t i = 0; i < sizeof presigned / sizeof *presigned; i++) {
        char target[400];
        snprintf(target, sizeof target,
                 "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%%2F20221122%%2Fr%%2Fs3"
                 "%%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Date=%s",
                 presigned[i]);
        ft_sig_request asked = { FT_STR("GET"), ft_str_of(target), find, none };
        EXPECT_ERR(FT_EPARSE, ft_sig_read(&sig, &asked, &arena));
        EXPECT(sig.form == FT_SIG_V4_QUERY);
    }
    ft_sig_request req = { FT_STR("GET"), FT_STR("/x?y=1"), find, none };
    EXPECT_OK(ft_sig_read(&sig, &req, &arena));
    EXPECT(sig.form == FT_SIG_NONE);
}

/* Feed a body in pieces of `step` bytes. */
static ft_err feed(ft_buf *out, ft_chunked *c, ft_str body, size_t step) {
    for (size_t i = 0; i < body.len; i += step) {
        ft_str in = ft_str_slice(body, i, step), piece;
        while (in.len) {
            FT_TRY(ft_chunked_take(&piece, c, &in));
            ft_buf_add(out, piece);
        }
    }
    return ft_chunked_end(c);
}

static void test_unsigned_pieces_with_a_trailer(void **state) {
    (void)state;
    ft_str body = FT_STR("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Amz-Checksum-CRC32:NSRBwg==\r\n\r\n");
    for (size_t step = 1; step <= body.len; step++) {
        ft_chunked c = { 0 };
        ft_buf out = { 0 };
        EXPECT_OK(feed(&out, &c, body, step));
        EXPECT_STR("abcde", ft_buf_str(&out));
        EXPECT_STR("NSRBwg==", ft_chunked_trailer(&c, "x-amz-checksum-crc32"));
        ft_chunked_fini(&c);
        ft_buf_fini(&out);
    }
    for (size_t cut = 1; cut < body.len - 40; cut++) {
        ft_chunked c = { 0 };
        ft_buf out = { 0 };
        EXPECT_ERR(FT_EPARSE, feed(&out, &c, ft_str_slice(body, 0, cut), 7));
        ft_chunked_fini(&c);
        ft_buf_fini(&out);
    }
    static const char *const bad[] = { "x\r\nabc",
                                       "3\r\nabcd\r\n0\r\n\r\n",
                                       "\r\n",
                                       "11111111111111111\r\n",
                                       "0\r\nnocolon\r\n\r\n",
                                       "0\r\n\r\nmore" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ft_chunked c = { 0 };
        ft_buf out = { 0 };
        EXPECT(feed(&out, &c, ft_str_of(bad[i]), 100) != FT_OK);
        ft_chunked_fini(&c);
        ft_buf_fini(&out);
    }
}

/* S3 API Reference, "Signature calculations: transferring payload in multiple chunks": 65 KiB of
 * 'a' and 1 KiB. */
static void test_signed_pieces_example(void **state) {
    (void)state;
    ft_sig sig = { .form = FT_SIG_V4_HEADER,
                   .day = FT_STR("20130524"),
                   .region = FT_STR("us-east-1"),
                   .service = FT_STR("s3"),
                   .stamp = FT_STR("20130524T000000Z"),
                   .signature =
                       FT_STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9") };
    ft_buf body = { 0 }, out = { 0 };
    char *as = calloc(1, 65536);
    memset(as, 'a', 65536);
    ft_buf_printf(&body, "10000;chunk-signature="
                         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n");
    ft_buf_add_n(&body, as, 65536);
    ft_buf_printf(&body, "\r\n400;chunk-signature="
                         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
    ft_buf_add_n(&body, as, 1024);
    ft_buf_printf(&body,
                  "\r\n0;chunk-signature="
                  "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
    ft_chunked c = { .sig = &sig };
    EXPECT_OK(ft_sig_key(c.key, FT_STR(SECRET), sig.day, sig.region, sig.service));
    EXPECT_OK(feed(&out, &c, ft_buf_str(&body), 1000));
    EXPECT(out.len == 65536 + 1024);
    ft_chunked_fini(&c);
    body.at[200] = 'b';
    ft_chunked wrong = { .sig = &sig };
    memcpy(wrong.key, c.key, 32);
    ft_buf_reset(&out);
    EXPECT_ERR(FT_EDENIED, feed(&out, &wrong, ft_buf_str(&body), 1000));
    ft_chunked_fini(&wrong);
    ft_buf_fini(&body);
    ft_buf_fini(&out);
    free(as);
}

/* A body of one signed piece and a checksum after it: `form` 0 as it must be, 1 without the
 * trailer's signature, 2 with a header after the signature, 3 with a wrong one. */
static void trailer_body(ft_buf *out, const ft_chunked *c, int form) {
    char none[FT_SHA256_HEX], sha[FT_SHA256_HEX], last[65], end[65];
    EXPECT_OK(ft_sha256_hex(sha, FT_STR("abc")));
    EXPECT_OK(ft_sig_chunk(last, c->key, "AWS4-HMAC-SHA256-PAYLOAD", c->sig, c->sig->signature,
                           ft_str_of(sha)));
    ft_buf_printf(out, "3;chunk-signature=%s\r\nabc\r\n", last);
    EXPECT_OK(ft_sha256_hex(none, FT_STR("")));
    EXPECT_OK(ft_sig_chunk(end, c->key, "AWS4-HMAC-SHA256-PAYLOAD", c->sig, ft_str_of(last),
                           ft_str_of(none)));
    ft_buf_printf(out, "0;chunk-signature=%s\r\nx-amz-checksum-crc32:NSRBwg==\r\n", end);
    EXPECT_OK(ft_sha256_hex(sha, FT_STR("x-amz-checksum-crc32:NSRBwg==\n")));
    EXPECT_OK(ft_sig_chunk(last, c->key, "AWS4-HMAC-SHA256-TRAILER", c->sig, ft_str_of(end),
                           ft_str_of(sha)));
    if (form == 3) last[5] = last[5] == 'a' ? 'b' : 'a';
    if (form != 1) ft_buf_printf(out, "x-amz-trailer-signature:%s\r\n", last);
    if (form == 2) ft_buf_printf(out, "x-amz-checksum-sha1:AAAA\r\n");
    ft_buf_printf(out, "\r\n");
}

static void test_signed_trailers(void **state) {
    (void)state;
    ft_sig sig = { .form = FT_SIG_V4_HEADER,
                   .day = FT_STR("20130524"),
                   .region = FT_STR("us-east-1"),
                   .service = FT_STR("s3"),
                   .stamp = FT_STR("20130524T000000Z"),
                   .signature =
                       FT_STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9") };
    for (int form = 0; form < 4; form++) {
        ft_chunked c = { .sig = &sig };
        ft_buf body = { 0 }, out = { 0 };
        EXPECT_OK(ft_sig_key(c.key, FT_STR(SECRET), sig.day, sig.region, sig.service));
        trailer_body(&body, &c, form);
        ft_err err = feed(&out, &c, ft_buf_str(&body), 9);
        EXPECT(err == (form ? FT_EDENIED : FT_OK));
        ft_chunked_fini(&c);
        ft_buf_fini(&body);
        ft_buf_fini(&out);
    }
}

TEST_MAIN(cmocka_unit_test(test_signed_trailers), cmocka_unit_test(test_iam_example),
          cmocka_unit_test(test_s3_examples), cmocka_unit_test(test_presigned_example),
          cmocka_unit_test(test_version_2_ends), cmocka_unit_test(test_round_trip_and_tampering),
          cmocka_unit_test(test_token_is_signed), cmocka_unit_test(test_malformed_claims),
          cmocka_unit_test(test_unsigned_pieces_with_a_trailer),
          cmocka_unit_test(test_signed_pieces_example))
