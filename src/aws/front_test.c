/* front_test.c -- requests of every protocol through the whole front door, each fallible call on
 * the server's side failed once: nothing crashes or leaks, every answer is well formed, and what is
 * stored is whole. */
#include <stdatomic.h>

#include "aws/aws.h"
#include "aws/cloudwatch.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "net/client.h"
#include "net/sigv4.h"
#include "serve/serve.h"
#include "store/objects.h"
#include "tests/test.h"

static char home[128];
static ft_store *store;
static ft_serve *serve;
static ft_arena arena = FT_ARENA_INIT(0);
static ft_aws_key key;

/* ---- the real routes, asked again and again on the server's thread */

static atomic_int rounds, malformed;
static _Thread_local const ft_route *real;

/* A text begins as its protocol's do; a failure is never silent. */
static bool well_formed(ft_err err, const ft_response *resp) {
    if (err != FT_OK) return true; /* the server's own words */
    int status = resp->status ? resp->status : 200;
    if (status < 200 || status > 599) return false;
    if (!resp->body.len) return true;
    return resp->body.at[0] == '<' || resp->body.at[0] == '{';
}

/* One try: a streamed route gets its body in one piece. */
static ft_err once(const ft_route *route, ft_request *req, ft_response *resp) {
    void *state = NULL;
    req->state = NULL;
    if (route->piece) {
        ft_err err = route->piece(req, &state, req->body);
        if (err != FT_OK) {
            if (state) route->drop(state);
            return err;
        }
        req->state = state;
    }
    return route->handle(req, resp);
}

static ft_err again_and_again(ft_request *req, ft_response *resp) {
    const ft_route *route = real;
    ft_err err = FT_OK;
    EACH_FAULT {
        if (resp->fd > 0) ft_fd_close(&resp->fd);
        *resp = (ft_response){ 0 };
        err = once(route, req, resp);
        atomic_fetch_add(&rounds, 1);
        if (!well_formed(err, resp)) atomic_fetch_add(&malformed, 1);
    }
    ft_fault_off();
    return err;
}

static const ft_route rehearsed = { .method = "*",
                                    .pattern = "/{rest*}",
                                    .doc = "",
                                    .body_limit_bytes = 1 << 20,
                                    .handle = again_and_again };

static const ft_route *front(const ft_request *req, void *app) {
    real = ft_aws_front(req, app);
    return real ? &rehearsed : NULL;
}

static int begin(void **state) {
    (void)state;
    snprintf(home, sizeof home, "/tmp/ft-front-%d", (int)getpid());
    ft_dir_remove(home);
    if (ft_store_open(&store, home) != FT_OK || ft_aws_prepare(store) != FT_OK) return -1;
    if (ft_aws_key_add(&key, store, &arena, FT_STR("me"), FT_STR("")) != FT_OK) return -1;
    ft_serve_opts opts = { .home = home, .front = front };
    return ft_serve_start(&serve, &opts) == FT_OK ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    ft_serve_stop(serve);
    ft_store_close(store);
    ft_arena_fini(&arena);
    return ft_dir_remove(home) == FT_OK ? 0 : -1;
}

/* ---- requests */

typedef struct request {
    const char *method, *target, *service, *body;
    const char *header; /* one more; NULL: none */
    int status;         /* of the round without a failure */
} request;

/* A copy's source is signed, too: `made` anew, with it. The target has no query. */
static void sign_source(ft_sig_headers *made, const request *r, const char *host, ft_str source) {
    ft_str text, list = FT_STR("host;x-amz-content-sha256;x-amz-copy-source;x-amz-date"),
                 day = ft_str_slice(made->date, 0, 8);
    char hash[FT_SHA256_HEX], signature[65];
    unsigned char sign_key[32], mac[32];
    EXPECT_OK(ft_arena_printf(&text, &arena, "%s\n%s\n\nhost:%s\nx-amz-content-sha256:%.*s\n",
                              r->method, r->target, host, FT_STR_ARG(made->content_sha256)));
    EXPECT_OK(ft_arena_printf(&text, &arena,
                              "%sx-amz-copy-source:%.*s\nx-amz-date:%.*s\n\n%.*s\n%.*s", text.at,
                              FT_STR_ARG(source), FT_STR_ARG(made->date), FT_STR_ARG(list),
                              FT_STR_ARG(made->content_sha256)));
    EXPECT_OK(ft_sha256_hex(hash, text));
    EXPECT_OK(ft_arena_printf(&text, &arena,
                              "AWS4-HMAC-SHA256\n%.*s\n%.*s/us-east-1/s3/aws4_request\n%s",
                              FT_STR_ARG(made->date), FT_STR_ARG(day), hash));
    EXPECT_OK(ft_sig_key(sign_key, key.secret, day, FT_STR("us-east-1"), FT_STR("s3")));
    EXPECT_OK(ft_hmac_sha256(mac, ft_str_n((const char *)sign_key, 32), text));
    ft_hex(signature, mac, 32);
    EXPECT_OK(ft_arena_printf(&made->authorization, &arena,
                              "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/us-east-1/s3/aws4_request, "
                              "SignedHeaders=%.*s, Signature=%s",
                              FT_STR_ARG(key.id), FT_STR_ARG(day), FT_STR_ARG(list), signature));
}

static ft_fetched ask(const request *r) {
    ft_sig_headers sig;
    ft_fetched got;
    char url[600], host[100], sha[FT_SHA256_HEX];
    ft_str authorization, date, hash, body = ft_str_of(r->body ? r->body : "");
    const char *address = ft_serve_url(serve) + sizeof "http://" - 1;
    snprintf(host, sizeof host, "%s", address);
    if (strchr(host, '/')) *strchr(host, '/') = '\0';
    snprintf(url, sizeof url, "http://%s%s", host, r->target);
    EXPECT_OK(ft_sha256_hex(sha, body));
    EXPECT_OK(ft_sig_sign(&sig, &arena, ft_str_of(r->method), ft_str_of(r->target), ft_str_of(host),
                          key.id, key.secret, FT_STR("us-east-1"), ft_str_of(r->service),
                          ft_str_of(sha), FT_STR(""), ft_clock_now_us()));
    ft_str value = ft_str_of(r->header ? r->header : ""), name = ft_str_cut(&value, ':');
    if (ft_str_is(name, "x-amz-copy-source")) sign_source(&sig, r, host, ft_str_trim(value));
    EXPECT_OK(ft_arena_printf(&authorization, &arena, "Authorization: %.*s",
                              FT_STR_ARG(sig.authorization)));
    EXPECT_OK(ft_arena_printf(&date, &arena, "X-Amz-Date: %.*s", FT_STR_ARG(sig.date)));
    EXPECT_OK(ft_arena_printf(&hash, &arena, "x-amz-content-sha256: %.*s",
                              FT_STR_ARG(sig.content_sha256)));
    const char *headers[] = { authorization.at, date.at, hash.at, r->header, NULL };
    EXPECT_OK(ft_http_fetch(
        &got, &arena,
        &(ft_fetch){ .method = r->method, .url = url, .body = body, .headers = headers }));
    return got;
}

static void each(const request *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int before = atomic_load(&rounds);
        ft_fetched got = ask(&list[i]);
        if (got.status != list[i].status)
            print_error("%s %s: %d, expected %d: %.*s\n", list[i].method, list[i].target,
                        got.status, list[i].status, FT_STR_ARG(got.body));
        EXPECT(got.status == list[i].status);
        EXPECT(atomic_load(&rounds) - before > 3); /* something was failed on the way */
        EXPECT(atomic_load(&malformed) == 0);
    }
}

/* Statuses of what is made are those of "again", since an earlier round may have made it. */
static void test_s3(void **state) {
    static const request list[] = {
        { "PUT", "/data", "s3", NULL, NULL, 200 },
        { "PUT", "/data/a/b", "s3", "hello", NULL, 200 },
        { "PUT", "/data/a/c", "s3", NULL, "x-amz-copy-source: /data/a/b", 200 },
        { "GET", "/data/a/b", "s3", NULL, NULL, 200 },
        { "GET", "/data/a/b", "s3", NULL, "Range: bytes=1-2", 206 },
        { "GET", "/data?list-type=2&prefix=a", "s3", NULL, NULL, 200 },
        { "GET", "/data?delimiter=/", "s3", NULL, NULL, 200 },
        { "POST", "/data/big?uploads=", "s3", NULL, NULL, 200 },
        { "GET", "/data?uploads=", "s3", NULL, NULL, 200 },
        { "POST", "/data?delete=", "s3", "<Delete><Object><Key>a/c</Key></Object></Delete>", NULL,
          200 },
        { "GET", "/data/none", "s3", NULL, NULL, 404 },
        { "PUT", "/data/k?tagging=", "s3", NULL, NULL, 501 },
        { "DELETE", "/data/a/b", "s3", NULL, NULL, 204 },
        { "GET", "/", "s3", NULL, NULL, 200 },
    };
    ft_object o;
    (void)state;
    each(list, 2);
    EXPECT_OK(ft_object_head(&o, store, &arena, FT_STR("data"), FT_STR("a/b")));
    EXPECT(o.size_bytes == 5); /* whole, whatever failed before */
    each(list + 2, sizeof list / sizeof *list - 2);
}

static void test_query(void **state) {
    static const char form[] = "Content-Type: application/x-www-form-urlencoded";
    static const request list[] = {
        { "POST", "/", "sts", "Action=GetCallerIdentity&Version=2011-06-15", form, 200 },
        { "POST", "/", "iam", "Action=GetRole&RoleName=r", form, 200 },
        { "POST", "/", "iam", "Action=ListUsers", form, 400 },
        { "POST", "/", "sns", "Action=ListTopics&Attributes.entry.0.key=a", form, 400 },
        { "POST", "/", "sns", "Action=CreateTopic&Version=2010-03-31&Name=t", form, 200 },
        { "POST", "/", "sns", "Action=ListTopics&Version=2010-03-31", form, 200 },
        { "POST", "/", "sns",
          "Action=GetTopicAttributes&TopicArn=arn:aws:sns:us-east-1:123456789012:t", form, 200 },
        { "POST", "/", "sns",
          "Action=Subscribe&TopicArn=arn:aws:sns:us-east-1:123456789012:t&Protocol=email&Endpoint="
          "a@b",
          form, 200 },
        { "POST", "/", "sns", "Action=ListSubscriptions", form, 200 },
        { "POST", "/", "sns", "Action=Nothing", form, 400 },
        { "POST", "/", "monitoring",
          "Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1."
          "Value=1",
          form, 200 },
        { "POST", "/", "monitoring", "Action=ListMetrics&Namespace=n", form, 200 },
    };
    (void)state;
    each(list, sizeof list / sizeof *list);
}

/* Whatever failed in a call before: a value that was taken is read back, and every file of values
 * is a segment. The namespace begins with the rehearsal, so its first segment does, too. */
static void test_metrics_are_found(void **state) {
    static const request put[] = {
        { "POST", "/", "monitoring",
          "Action=PutMetricData&Namespace=rehearsed&MetricData.member.1.MetricName=m"
          "&MetricData.member.1.Value=1&MetricData.member.2.MetricName=o"
          "&MetricData.member.2.Values.member.1=2&MetricData.member.2.Values.member.2=3",
          "Content-Type: application/x-www-form-urlencoded", 200 },
    };
    double sum = 0;
    ft_cursor *c;
    ft_record r;
    (void)state;
    each(put, 1);
    EXPECT_OK(ft_cursor_open(&c, store, &ft_kind_cloudwatch,
                             &(ft_cursor_opts){ .key = FT_STR("rehearsed") }));
    for (; ft_cursor_next(c, &r) == FT_OK; sum += r.values[FT_CLOUDWATCH_VALUE].f)
        EXPECT(ft_str_is(r.key, "rehearsed"));
    ft_cursor_close(c);
    EXPECT(sum >= 6); /* what the last round put; earlier ones may have got as far */
}

static void test_json(void **state) {
    static const request list[] = {
        { "POST", "/", "sagemaker", "{}", "X-Amz-Target: SageMaker.ListModels", 200 },
        { "POST", "/", "sagemaker", "{\"ModelName\":\"none\"}",
          "X-Amz-Target: SageMaker.DescribeModel", 400 },
        { "POST", "/", "sagemaker", "{", "X-Amz-Target: SageMaker.ListModels", 400 },
        { "POST", "/", "sagemaker", "{}", "X-Amz-Target: SageMaker.DescribeModel", 400 },
        { "POST", "/", "sagemaker",
          "{\"ResourceArn\":\"arn:aws:x\",\"Tags\":[{\"Key\":\"a\",\"Value\":\"b\"}]}",
          "X-Amz-Target: SageMaker.AddTags", 200 },
        { "POST", "/", "sagemaker", "{\"ResourceArn\":\"arn:aws:x\"}",
          "X-Amz-Target: SageMaker.ListTags", 200 },
        { "POST", "/", "sagemaker", "{}", "X-Amz-Target: SageMaker.ListTrainingJobs", 200 },
        { "POST", "/", "logs", "{}", "X-Amz-Target: Logs_20140328.DescribeLogGroups", 200 },
        { "POST", "/endpoints/none/invocations", "sagemaker", "1", "Content-Type: text/csv", 400 },
        { "POST", "/topics/a", "iotdata", "x", NULL, 400 },
        { "POST", "/", "polly", "{}", NULL, 501 },
    };
    (void)state;
    each(list, sizeof list / sizeof *list - 1); /* the last one's service may come */
}

/* Rows without a request. Listed before many are made: each one listed is three calls that fail. */
static void test_keys(void **state) {
    ft_aws_key made, *list;
    size_t count;
    (void)state;
    EACH_FAULT {
        ft_arena own = FT_ARENA_INIT(0);
        ft_err err = ft_aws_key_list(&list, &count, store, &own);
        if (err == FT_OK) err = ft_aws_key_get(&made, store, &own, key.id);
        EXPECT(err != FT_OK || (count >= 1 && ft_str_eq(made.secret, key.secret)));
        ft_arena_fini(&own);
    }
    EACH_FAULT {
        ft_arena own = FT_ARENA_INIT(0);
        ft_err err = ft_aws_key_add(&made, store, &own, FT_STR(""), FT_STR("n"));
        if (err == FT_OK) err = ft_aws_key_remove(store, made.id);
        ft_arena_fini(&own);
    }
    EXPECT_OK(ft_aws_key_list(&list, &count, store, &arena));
    EXPECT(count >= 1);
}

int main(void) {
    const struct CMUnitTest list[] = { cmocka_unit_test(test_s3), cmocka_unit_test(test_query),
                                       cmocka_unit_test(test_metrics_are_found),
                                       cmocka_unit_test(test_json), cmocka_unit_test(test_keys) };
    return test_end(cmocka_run_group_tests(list, begin, end));
}
