/* sigv4_claim.c -- who a request says to be from, and with which signature: in the header, in the
 * query, or in the older query form of S3. */

#include "base/clock.h"
#include "net/sigv4_in.h"

static ft_err scope_read(ft_sig *out, ft_str credential) {
    ft_str rest = credential, part[5];
    /* The key id may hold slashes in theory; the scope is the last four parts. */
    for (int i = 4; i > 0; i--) {
        size_t at = rest.len;
        while (at > 0 && rest.at[at - 1] != '/') at--;
        if (at == 0)
            return FT_FAIL(FT_EPARSE, "the credential '%.*s' must have five parts",
                           FT_STR_ARG(credential));
        part[i] = ft_str_from(rest, at);
        rest.len = at - 1;
    }
    out->access_key = rest, out->day = part[1], out->region = part[2], out->service = part[3];
    if (!ft_str_is(part[4], "aws4_request"))
        return FT_FAIL(FT_EPARSE, "the credential must end with aws4_request");
    return rest.len ? FT_OK : FT_FAIL(FT_EPARSE, "the credential names no access key");
}

/* "20221122T050000Z" */
static ft_err stamp_read(int64_t *out, ft_str s) {
    int64_t v[2];
    if (s.len != 16 || s.at[8] != 'T' || s.at[15] != 'Z' ||
        !ft_str_i64(&v[0], ft_str_slice(s, 0, 8)) || !ft_str_i64(&v[1], ft_str_slice(s, 9, 6)) ||
        v[0] < 0 || v[1] < 0)
        return FT_FAIL(FT_EPARSE, "the date '%.*s' must be of the form 20221122T050000Z",
                       FT_STR_ARG(s));
    ft_date d = { .year = (int)(v[0] / 10000),
                  .month = (int)(v[0] / 100 % 100),
                  .day = (int)(v[0] % 100),
                  .hour = (int)(v[1] / 10000),
                  .minute = (int)(v[1] / 100 % 100),
                  .second = (int)(v[1] % 100) };
    if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.hour > 23 || d.minute > 59 ||
        d.second > 60)
        return FT_FAIL(FT_EPARSE, "the date '%.*s' is not a date", FT_STR_ARG(s));
    *out = ft_date_us(&d);
    return FT_OK;
}

static ft_err header_read(ft_sig *out, const ft_sig_request *req, ft_str authorization) {
    ft_str rest = ft_str_from(authorization, sizeof "AWS4-HMAC-SHA256" - 1);
    out->form = FT_SIG_V4_HEADER;
    while (rest.at) {
        ft_str value = ft_str_trim(ft_str_cut(&rest, ',')), name = ft_str_cut(&value, '=');
        if (ft_str_is(name, "Credential") && value.at)
            FT_TRY(scope_read(out, value));
        else if (ft_str_is(name, "SignedHeaders"))
            out->signed_headers = value;
        else if (ft_str_is(name, "Signature"))
            out->signature = value;
    }
    if (!out->access_key.len || !out->signed_headers.len || !out->signature.len)
        return FT_FAIL(FT_EPARSE,
                       "the Authorization header needs Credential, SignedHeaders and Signature");
    out->stamp = req->header(req->ctx, FT_STR("x-amz-date"));
    out->payload = req->header(req->ctx, FT_STR("x-amz-content-sha256"));
    if (!out->stamp.at) return FT_FAIL(FT_EPARSE, "a signed request needs the header X-Amz-Date");
    FT_TRY(stamp_read(&out->made_us, out->stamp));
    if (!ft_str_eq(out->day, ft_str_slice(out->stamp, 0, 8)))
        return FT_FAIL(FT_EPARSE, "the date of the credential is not the date of the request");
    return FT_OK;
}

/* Sentences are AWS's, since people search for them. */
static ft_err expires_read(ft_sig *out, ft_str expires) {
    int64_t seconds;
    if (!ft_str_i64(&seconds, expires))
        return FT_FAIL(FT_EPARSE, "X-Amz-Expires should be a number");
    if (seconds < 0) return FT_FAIL(FT_EPARSE, "X-Amz-Expires must be non-negative");
    if (seconds > FT_SIG_EXPIRES_MAX_S)
        return FT_FAIL(FT_EPARSE,
                       "X-Amz-Expires must be less than a week (in seconds); that is, the given "
                       "X-Amz-Expires must be less than %d seconds",
                       FT_SIG_EXPIRES_MAX_S);
    out->expires_us = out->made_us + seconds * 1000000;
    return FT_OK;
}

static ft_err v4_query_read(ft_sig *out, const ft_sig_request *req, ft_arena *arena) {
    ft_str algorithm, credential, expires;
    FT_TRY(ft_sig_query_value(&algorithm, arena, req->raw_target, "X-Amz-Algorithm"));
    FT_TRY(ft_sig_query_value(&credential, arena, req->raw_target, "X-Amz-Credential"));
    FT_TRY(ft_sig_query_value(&expires, arena, req->raw_target, "X-Amz-Expires"));
    FT_TRY(ft_sig_query_value(&out->stamp, arena, req->raw_target, "X-Amz-Date"));
    FT_TRY(ft_sig_query_value(&out->signed_headers, arena, req->raw_target, "X-Amz-SignedHeaders"));
    FT_TRY(ft_sig_query_value(&out->signature, arena, req->raw_target, "X-Amz-Signature"));
    out->form = FT_SIG_V4_QUERY;
    if (!algorithm.at || !credential.at || !out->stamp.at || !expires.at ||
        !out->signed_headers.len || !out->signature.len)
        return FT_FAIL(FT_EPARSE,
                       "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                       "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                       "X-Amz-Expires parameters.");
    if (!ft_str_is(algorithm, "AWS4-HMAC-SHA256"))
        return FT_FAIL(FT_EPARSE, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    if (scope_read(out, credential) != FT_OK)
        return FT_FAIL(
            FT_EPARSE,
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
            "expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (stamp_read(&out->made_us, out->stamp) != FT_OK)
        return FT_FAIL(FT_EPARSE, "X-Amz-Date must be in the ISO8601 Long Format "
                                  "\"yyyyMMdd'T'HHmmss'Z'\"");
    if (!ft_str_eq(out->day, ft_str_slice(out->stamp, 0, 8)))
        return FT_FAIL(FT_EPARSE,
                       "Invalid credential date \"%.*s\". This date is not the same as X-Amz-Date: "
                       "\"%.*s\".",
                       FT_STR_ARG(out->day), FT_STR_ARG(ft_str_slice(out->stamp, 0, 8)));
    return expires_read(out, expires);
}

static ft_err v2_query_read(ft_sig *out, const ft_sig_request *req, ft_arena *arena,
                            ft_str access_key) {
    ft_str expires;
    int64_t seconds;
    FT_TRY(ft_sig_query_value(&out->signature, arena, req->raw_target, "Signature"));
    FT_TRY(ft_sig_query_value(&expires, arena, req->raw_target, "Expires"));
    *out = (ft_sig){ .form = FT_SIG_V2_QUERY,
                     .access_key = access_key,
                     .service = FT_STR("s3"),
                     .region = FT_STR(FT_REGION_DEFAULT),
                     .signature = out->signature,
                     .stamp = expires };
    if (!out->signature.len || !expires.at)
        return FT_FAIL(FT_EPARSE, "Query-string authentication requires the Signature, Expires and "
                                  "AWSAccessKeyId parameters");
    if (!ft_str_i64(&seconds, expires) || seconds < 0 || seconds > INT64_MAX / 1000000)
        return FT_FAIL(FT_EPARSE, "Invalid date (should be seconds since epoch): %.*s",
                       FT_STR_ARG(expires));
    out->expires_us = seconds * 1000000;
    return FT_OK;
}

ft_err ft_sig_read(ft_sig *out, const ft_sig_request *req, ft_arena *arena) {
    ft_str authorization = req->header(req->ctx, FT_STR("authorization")), value;
    *out = (ft_sig){ 0 };
    if (authorization.at) {
        if (ft_str_starts(authorization, FT_STR("AWS4-HMAC-SHA256")))
            return header_read(out, req, authorization);
        return FT_FAIL(FT_EPARSE, "the Authorization header is not AWS4-HMAC-SHA256");
    }
    FT_TRY(ft_sig_query_value(&value, arena, req->raw_target, "X-Amz-Signature"));
    if (value.at) return v4_query_read(out, req, arena);
    FT_TRY(ft_sig_query_value(&value, arena, req->raw_target, "AWSAccessKeyId"));
    if (value.at) return v2_query_read(out, req, arena, value);
    return FT_OK;
}
