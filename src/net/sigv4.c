/* sigv4.c -- see sigv4.h. The canonical request is built once into a buffer and hashed; three HMACs
 * of the key chain are cached, so a check costs about two hashes and one HMAC. */
#include "net/sigv4.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "net/sigv4_in.h"

#define QUERY_PAIRS_MAX    256
#define SIGNED_HEADERS_MAX 64
#define KEY_CACHE          64

typedef struct pair {
    ft_str name, value; /* encoded as the canonical query has them */
} pair;

/* ---- the canonical request */

/* Services other than S3 sign the path without empty and dot parts, encoded once more than it is on
 * the wire; S3 signs the decoded path encoded once, untouched. */
static ft_err canonical_path(ft_buf *buf, ft_str raw_path, bool s3, ft_arena *arena) {
    if (s3) {
        ft_str plain;
        FT_TRY(ft_percent_decode(&plain, arena, raw_path, FT_SIG_DECODE));
        ft_percent_encode_to(buf, plain.len ? plain : FT_STR("/"), "/");
        return buf->err;
    }
    ft_str *part, rest = raw_path;
    size_t count = 0;
    FT_TRY(ft_arena_items(&part, arena, raw_path.len + 1));
    while (rest.at) {
        ft_str p = ft_str_cut(&rest, '/');
        if (p.len == 0 || ft_str_is(p, ".")) continue;
        if (ft_str_is(p, ".."))
            count -= count > 0;
        else
            part[count++] = p;
    }
    for (size_t i = 0; i < count; i++) {
        ft_buf_byte(buf, '/');
        ft_percent_encode_to(buf, part[i], "/");
    }
    if (count == 0 || (raw_path.len && raw_path.at[raw_path.len - 1] == '/')) ft_buf_byte(buf, '/');
    return buf->err;
}

static int pair_order(const void *a, const void *b) {
    const pair *x = a, *y = b;
    int c = ft_str_cmp(x->name, y->name);
    return c ? c : ft_str_cmp(x->value, y->value);
}

static ft_err encoded(ft_str *out, ft_arena *arena, ft_str s) {
    ft_str plain;
    ft_buf buf = { 0 };
    FT_TRY(ft_percent_decode(&plain, arena, s, FT_SIG_DECODE));
    ft_percent_encode_to(&buf, plain, "");
    ft_err err = buf.err != FT_OK ? buf.err : ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static ft_err canonical_query(ft_buf *buf, ft_str raw_query, bool presigned, ft_arena *arena) {
    pair *pairs;
    size_t count = 0;
    ft_str rest = raw_query;
    FT_TRY(ft_arena_items(&pairs, arena, QUERY_PAIRS_MAX));
    while (rest.at && raw_query.len) {
        ft_str value = ft_str_cut(&rest, '&'), name = ft_str_cut(&value, '=');
        if (!name.len && !value.at) continue;
        if (count == QUERY_PAIRS_MAX)
            return FT_FAIL(FT_ETOOBIG, "more than %d query parameters", QUERY_PAIRS_MAX);
        FT_TRY(encoded(&pairs[count].name, arena, name));
        FT_TRY(encoded(&pairs[count].value, arena, value.at ? value : FT_STR("")));
        if (!presigned || !ft_str_is(pairs[count].name, "X-Amz-Signature")) count++;
    }
    qsort(pairs, count, sizeof *pairs, pair_order);
    for (size_t i = 0; i < count; i++)
        ft_buf_printf(buf, "%s%.*s=", i ? "&" : "", (int)pairs[i].name.len, pairs[i].name.at),
            ft_buf_add(buf, pairs[i].value);
    return buf->err;
}

/* "name:value\n" with outer blanks gone and inner runs of blanks as one. */
static ft_err canonical_headers(ft_buf *buf, const ft_sig *sig, const ft_sig_request *req) {
    ft_str rest = sig->signed_headers;
    for (int n = 0; rest.at; n++) {
        ft_str name = ft_str_cut(&rest, ';');
        if (n == SIGNED_HEADERS_MAX)
            return FT_FAIL(FT_ETOOBIG, "more than %d signed headers", SIGNED_HEADERS_MAX);
        ft_str value = ft_str_trim(req->header(req->ctx, name));
        ft_buf_add(buf, name);
        ft_buf_byte(buf, ':');
        for (size_t i = 0; i < value.len; i++)
            if (value.at[i] != ' ' || value.at[i - 1] != ' ') ft_buf_byte(buf, value.at[i]);
        ft_buf_byte(buf, '\n');
    }
    return buf->err;
}

static ft_err string_to_sign(ft_buf *out, const ft_sig *sig, const ft_sig_request *req,
                             ft_str payload, ft_arena *arena) {
    ft_buf c = { 0 };
    char hash[FT_SHA256_HEX];
    ft_err err;
    ft_buf_add(&c, req->method);
    ft_buf_byte(&c, '\n');
    FT_GOTO(err,
            canonical_path(&c, ft_sig_path(req->raw_target), ft_str_is(sig->service, "s3"), arena));
    ft_buf_byte(&c, '\n');
    FT_GOTO(err, canonical_query(&c, ft_sig_query(req->raw_target), sig->form == FT_SIG_V4_QUERY,
                                 arena));
    ft_buf_byte(&c, '\n');
    FT_GOTO(err, canonical_headers(&c, sig, req));
    ft_buf_byte(&c, '\n');
    ft_buf_add(&c, sig->signed_headers);
    ft_buf_byte(&c, '\n');
    ft_buf_add(&c, payload);
    FT_GOTO(err, c.err);
    FT_GOTO(err, ft_sha256_hex(hash, ft_buf_str(&c)));
    ft_buf_printf(out, "AWS4-HMAC-SHA256\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n%s",
                  FT_STR_ARG(sig->stamp), FT_STR_ARG(sig->day), FT_STR_ARG(sig->region),
                  FT_STR_ARG(sig->service), hash);
    err = out->err;
done:
    ft_buf_fini(&c);
    return err;
}

/* ---- the signing key, cached by all that it is made of */

typedef struct cached_key {
    uint64_t tag, check; /* two hashes of (secret, day, region, service); 0: empty */
    unsigned char key[32];
} cached_key;

static cached_key cache[KEY_CACHE];
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

static ft_err key_derive(unsigned char out[32], ft_str secret, ft_str day, ft_str region,
                         ft_str service) {
    char first[4 + 256];
    if (secret.len > 256) return FT_FAIL(FT_EINVAL, "a secret of %zu bytes", secret.len);
    memcpy(first, "AWS4", 4);
    memcpy(first + 4, secret.at, secret.len);
    FT_TRY(ft_hmac_sha256(out, (ft_str){ first, 4 + secret.len }, day));
    FT_TRY(ft_hmac_sha256(out, ft_str_n(out, 32), region));
    FT_TRY(ft_hmac_sha256(out, ft_str_n(out, 32), service));
    return ft_hmac_sha256(out, ft_str_n(out, 32), FT_STR("aws4_request"));
}

ft_err ft_sig_key(unsigned char out[32], ft_str secret, ft_str day, ft_str region, ft_str service) {
    uint64_t tag = 1, check = 2;
    const ft_str part[] = { secret, day, region, service };
    for (size_t i = 0; i < FT_COUNT(part); i++)
        tag = ft_hash64(part[i], tag), check = ft_hash64(part[i], check + 1);
    cached_key *slot = &cache[tag % KEY_CACHE];
    pthread_mutex_lock(&cache_lock);
    bool hit = slot->tag == tag && slot->check == check;
    if (hit) memcpy(out, slot->key, 32);
    pthread_mutex_unlock(&cache_lock);
    if (hit) return FT_OK;
    FT_TRY(key_derive(out, secret, day, region, service));
    pthread_mutex_lock(&cache_lock);
    *slot = (cached_key){ .tag = tag, .check = check };
    memcpy(slot->key, out, 32);
    pthread_mutex_unlock(&cache_lock);
    return FT_OK;
}

/* ---- checking */

static ft_err v4_signature(char out[65], const ft_sig *sig, const ft_sig_request *req,
                           ft_str secret, ft_str payload, ft_arena *arena) {
    unsigned char key[32], mac[32];
    ft_buf text = { 0 };
    ft_err err;
    FT_GOTO(err, string_to_sign(&text, sig, req, payload, arena));
    FT_GOTO(err, ft_sig_key(key, secret, sig->day, sig->region, sig->service));
    FT_GOTO(err, ft_hmac_sha256(mac, ft_str_n(key, 32), ft_buf_str(&text)));
    ft_hex(out, mac, 32);
done:
    ft_buf_fini(&text);
    return err;
}

static const char *const v2_subresources[] = { "acl",
                                               "delete",
                                               "location",
                                               "partNumber",
                                               "response-cache-control",
                                               "response-content-disposition",
                                               "response-content-encoding",
                                               "response-content-language",
                                               "response-content-type",
                                               "response-expires",
                                               "tagging",
                                               "uploadId",
                                               "uploads",
                                               "versionId",
                                               "versions" };

/* "GET\n<md5>\n<type>\n<expires>\n<amz headers>/<bucket>/<key>[?subresources]" (formats.md 2.3) */
static ft_err v2_text(ft_buf *buf, const ft_sig *sig, const ft_sig_request *req, ft_arena *arena) {
    ft_str md5 = req->header(req->ctx, FT_STR("content-md5")),
           type = req->header(req->ctx, FT_STR("content-type"));
    ft_str token;
    FT_TRY(ft_sig_query_value(&token, arena, req->raw_target, "x-amz-security-token"));
    ft_buf_printf(buf, "%.*s\n%.*s\n%.*s\n%.*s\n", FT_STR_ARG(req->method), FT_STR_ARG(md5),
                  FT_STR_ARG(type), FT_STR_ARG(sig->stamp));
    if (token.at) ft_buf_printf(buf, "x-amz-security-token:%.*s\n", FT_STR_ARG(token));
    ft_buf_add(buf, ft_sig_path(req->raw_target));
    char mark = '?';
    for (size_t i = 0; i < FT_COUNT(v2_subresources); i++) {
        ft_str value;
        FT_TRY(ft_sig_query_value(&value, arena, req->raw_target, v2_subresources[i]));
        if (!value.at) continue;
        ft_buf_printf(buf, "%c%s%s%.*s", mark, v2_subresources[i], value.len ? "=" : "",
                      FT_STR_ARG(value));
        mark = '&';
    }
    return buf->err;
}

static ft_err v2_check(ft_sig_outcome *out, const ft_sig *sig, const ft_sig_request *req,
                       ft_str secret, ft_arena *arena) {
    ft_buf text = { 0 }, encoded_mac = { 0 };
    unsigned char mac[20];
    ft_err err;
    FT_GOTO(err, v2_text(&text, sig, req, arena));
    ft_hmac_sha1(mac, secret, ft_buf_str(&text));
    FT_GOTO(err, ft_base64_add(&encoded_mac, ft_str_n(mac, sizeof mac)));
    if (!ft_equal_const_time(ft_buf_str(&encoded_mac), sig->signature)) *out = FT_SIG_WRONG;
done:
    ft_buf_fini(&text);
    ft_buf_fini(&encoded_mac);
    return err;
}

/* What stands for the body in the canonical request. */
static ft_str payload_of(const ft_sig *sig, ft_str body_sha256) {
    if (sig->payload.at) return sig->payload;
    if (sig->form == FT_SIG_V4_QUERY && ft_str_is(sig->service, "s3"))
        return FT_STR("UNSIGNED-PAYLOAD");
    return body_sha256.len ? body_sha256 : FT_STR(FT_SHA256_EMPTY);
}

ft_err ft_sig_check(ft_sig_outcome *out, const ft_sig *sig, const ft_sig_request *req,
                    ft_str secret, ft_str body_sha256, int64_t now_us, ft_arena *arena) {
    FT_CHECK(sig->form != FT_SIG_NONE);
    *out = FT_SIG_GOOD;
    if (sig->form == FT_SIG_V2_QUERY) {
        FT_TRY(v2_check(out, sig, req, secret, arena));
    } else {
        char want[65];
        FT_TRY(v4_signature(want, sig, req, secret, payload_of(sig, body_sha256), arena));
        if (!ft_equal_const_time(ft_str_n(want, 64), sig->signature)) *out = FT_SIG_WRONG;
    }
    if (*out != FT_SIG_GOOD) return FT_OK;
    bool ends = sig->form == FT_SIG_V2_QUERY || sig->expires_us; /* 0 is 1970 in version 2 */
    if (ends && now_us > sig->expires_us)
        *out = FT_SIG_EXPIRED;
    else if (sig->form != FT_SIG_V2_QUERY) {
        int64_t ahead = sig->made_us - now_us;
        if (ahead > FT_SIG_SKEW_US || (!sig->expires_us && ahead < -FT_SIG_SKEW_US))
            *out = FT_SIG_SKEWED;
    }
    return FT_OK;
}

ft_err ft_sig_chunk(char out[65], const unsigned char key[32], const char *kind, const ft_sig *sig,
                    ft_str previous, ft_str sha256_hex) {
    ft_buf text = { 0 };
    unsigned char mac[32];
    bool trailer = strstr(kind, "TRAILER") != NULL;
    ft_buf_printf(&text, "%s\n%.*s\n%.*s/%.*s/%.*s/aws4_request\n%.*s\n%s%s%.*s", kind,
                  FT_STR_ARG(sig->stamp), FT_STR_ARG(sig->day), FT_STR_ARG(sig->region),
                  FT_STR_ARG(sig->service), FT_STR_ARG(previous), trailer ? "" : FT_SHA256_EMPTY,
                  trailer ? "" : "\n", FT_STR_ARG(sha256_hex));
    ft_err err =
        text.err != FT_OK ? text.err : ft_hmac_sha256(mac, ft_str_n(key, 32), ft_buf_str(&text));
    if (err == FT_OK) ft_hex(out, mac, 32);
    ft_buf_fini(&text);
    return err;
}

/* ---- signing */

static ft_str sign_header(const void *ctx, ft_str name) {
    const ft_str *value = ctx; /* host, x-amz-content-sha256, x-amz-date, x-amz-security-token */
    if (ft_str_is(name, "host")) return value[0];
    if (ft_str_is(name, "x-amz-security-token")) return value[3];
    return ft_str_is(name, "x-amz-date") ? value[2] : value[1];
}

ft_err ft_sig_sign(ft_sig_headers *out, ft_arena *arena, ft_str method, ft_str raw_target,
                   ft_str host, ft_str access_key, ft_str secret, ft_str region, ft_str service,
                   ft_str body_sha256, ft_str token, int64_t now_us) {
    ft_date d = ft_time_date(now_us);
    char signature[65];
    FT_TRY(ft_arena_printf(&out->date, arena, "%04d%02d%02dT%02d%02d%02dZ", d.year, d.month, d.day,
                           d.hour, d.minute, d.second));
    FT_TRY(ft_arena_str(&out->content_sha256, arena, body_sha256));
    const ft_str values[4] = { host, body_sha256, out->date, token };
    ft_sig_request req = {
        .method = method, .raw_target = raw_target, .header = sign_header, .ctx = values
    };
    ft_sig sig = { .form = FT_SIG_V4_HEADER,
                   .access_key = access_key,
                   .day = ft_str_slice(out->date, 0, 8),
                   .region = region,
                   .service = service,
                   .signed_headers = token.len ? FT_STR("host;x-amz-content-sha256;x-amz-date;"
                                                        "x-amz-security-token")
                                               : FT_STR("host;x-amz-content-sha256;x-amz-date"),
                   .stamp = out->date };
    FT_TRY(v4_signature(signature, &sig, &req, secret, body_sha256, arena));
    return ft_arena_printf(&out->authorization, arena,
                           "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/%.*s/%.*s/aws4_request, "
                           "SignedHeaders=%.*s, Signature=%s",
                           FT_STR_ARG(access_key), FT_STR_ARG(sig.day), FT_STR_ARG(region),
                           FT_STR_ARG(service), FT_STR_ARG(sig.signed_headers), signature);
}
