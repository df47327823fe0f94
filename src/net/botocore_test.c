/* botocore_test.c -- requests that botocore signed must verify here, and none of them with a byte
 * changed. Header and query form, S3 and other services, Version 2 of S3, our own signatures. */
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "net/sigv4.h"
#include "tests/oracle.h"

#define REQUESTS    400
#define HEADERS_MAX 32

/* One JSON line a request. `neutral` bytes of the target are those that botocore itself treats
 * alike. */
static const char script[] =
    "import random, json, hashlib, time, sys\n"
    "from urllib.parse import quote, urlsplit\n"
    "from botocore.auth import *\n"
    "from botocore.awsrequest import AWSRequest\n"
    "from botocore.utils import percent_encode_sequence\n"
    "from botocore.credentials import Credentials\n"
    "r = random.Random(20221122)\n"
    "alphabet = 'abcXYZ019-._~ /+=&%?#@!$*(),:;' + chr(39) + chr(34) + 'é€ß' + chr(9)\n"
    "def word(n): return ''.join(r.choice(alphabet) for _ in range(r.randint(0, n)))\n"
    "out = open(d + 'requests', 'w')\n"
    "for i in range(400):\n"
    "    kind = ['v4', 's3', 'v4query', 's3query', 'v2query'][i % 5]\n"
    "    s3 = kind in ('s3', 's3query', 'v2query')\n"
    "    service = 's3' if s3 else r.choice(['sagemaker', 'sns', 'iotdata', 'polly'])\n"
    "    region = r.choice(['us-east-1', 'eu-west-1'])\n"
    "    key = 'AKID' + str(r.randint(1, 5))\n"
    "    secret = 'secret/+' + str(r.randint(1, 5))\n"
    "    token = None if r.random() < 0.6 else 'token//+==' + str(i)\n"
    "    path = '/' + quote(word(12), safe='/~')\n"
    "    if s3: path = '/bucket' + path\n"
    "    method = r.choice(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'])\n"
    "    body = word(50).encode() if kind in ('v4', 's3') and method in ('PUT', 'POST') else b''\n"
    "    host = r.choice(['localhost:8080', '127.0.0.1', 'bucket.s3.amazonaws.com'])\n"
    "    url = r.choice(['http://', 'https://']) + host + path\n"
    "    params = {}\n"
    "    if kind == 'v2query': params = r.choice([{}, {'uploadId': 'a+b=', 'partNumber': '3'}])\n"
    "    elif r.random() < 0.6: params = {word(6) + str(k): word(8) for k in range(r.randint(1, "
    "4))}\n"
    "    headers = {}\n"
    "    for k in range(r.randint(0, 3)): headers['X-Amz-Meta-K%d' % k] = r.choice(\n"
    "        ['plain', '  two   blanks ', 'a,b', 'x=1; y', ' '])\n"
    "    if r.random() < 0.5: headers['Content-Type'] = 'text/csv; charset=utf-8'\n"
    "    if kind.endswith('query'): headers = {}\n"
    "    if params: url += '?' + percent_encode_sequence(params) # as the clients do\n"
    "    request = AWSRequest(method, url, headers, body)\n"
    "    c = Credentials(key, secret, token)\n"
    "    auth = {'v4': lambda: SigV4Auth(c, service, region),\n"
    "            's3': lambda: S3SigV4Auth(c, service, region),\n"
    "            'v4query': lambda: SigV4QueryAuth(c, service, region, 900),\n"
    "            's3query': lambda: S3SigV4QueryAuth(c, service, region, 900),\n"
    "            'v2query': lambda: HmacV1QueryAuth(c, 900)}[kind]()\n"
    "    request.context['payload_signing_enabled'] = True\n"
    "    auth.add_auth(request)\n"
    "    p = request.prepare()\n"
    "    u = urlsplit(p.url)\n"
    "    target = p.url[p.url.index(u.netloc) + len(u.netloc):]\n"
    "    h = {k.lower(): v if isinstance(v, str) else v.decode() for k, v in p.headers.items()}\n"
    "    h.setdefault('host', u.netloc)\n"
    "    sha = hashlib.sha256(b'' if kind == 'v4query' else body).hexdigest()\n"
    "    out.write(json.dumps({'kind': kind, 'method': method, 'target': target, 'key': key,\n"
    "        'secret': secret, 'sha': sha, 'headers': h}) + chr(10))\n"
    "out.close()\n"
    "print(int(time.time()))\n";

typedef struct sample {
    ft_str kind, method, target, key, secret, sha;
    struct {
        ft_str name, value;
    } headers[HEADERS_MAX];
    int header_count;
} sample;

static ft_arena arena;

static ft_str find(const void *ctx, ft_str name) {
    const sample *s = ctx;
    for (int i = 0; i < s->header_count; i++)
        if (ft_str_ieq(name, s->headers[i].name)) return s->headers[i].value;
    return (ft_str){ NULL, 0 };
}

static void read_headers(sample *s, ft_json *j) {
    ft_str name, value;
    EXPECT_OK(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name)) {
        EXPECT_OK(ft_json_string(j, &value));
        EXPECT(s->header_count < HEADERS_MAX);
        s->headers[s->header_count].name = name;
        s->headers[s->header_count++].value = value;
    }
}

static void read_sample(sample *s, ft_str line) {
    ft_json j;
    ft_str name, value;
    *s = (sample){ 0 };
    ft_json_init(&j, line, &arena, NULL);
    EXPECT_OK(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "headers")) {
            read_headers(s, &j);
            continue;
        }
        EXPECT_OK(ft_json_string(&j, &value));
        if (ft_str_is(name, "kind")) s->kind = value;
        if (ft_str_is(name, "method")) s->method = value;
        if (ft_str_is(name, "target")) s->target = value;
        if (ft_str_is(name, "key")) s->key = value;
        if (ft_str_is(name, "secret")) s->secret = value;
        if (ft_str_is(name, "sha")) s->sha = value;
    }
    EXPECT_OK(ft_json_end(&j));
}

/* Does it verify? A claim that cannot be read does not. */
static bool good(const sample *s, ft_str key, int64_t now_us) {
    ft_sig sig;
    ft_sig_outcome outcome = FT_SIG_WRONG;
    ft_sig_request req = { s->method, s->target, find, s };
    if (ft_sig_read(&sig, &req, &arena) != FT_OK || sig.form == FT_SIG_NONE) return false;
    if (!ft_str_eq(sig.access_key, key)) return false;
    ft_err err = ft_sig_check(&outcome, &sig, &req, s->secret, s->sha, now_us, &arena);
    return err == FT_OK && outcome == FT_SIG_GOOD;
}

static void change_byte(ft_str *s, size_t at, char byte) {
    ft_str copy;
    EXPECT_OK(ft_arena_str(&copy, &arena, *s));
    ((char *)copy.at)[at] = byte;
    *s = copy;
}

/* Letters and digits only: '+' for "%20", say, may mean the same. */
static bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A letter that is part of an escape ("%c3" for "%C3") means the same in another case. */
static bool in_escape(ft_str s, size_t at) {
    return (at >= 1 && s.at[at - 1] == '%') || (at >= 2 && s.at[at - 2] == '%');
}

/* Every letter and digit of the target, one at a time. */
static void expect_target_counts(const sample *s, int64_t now_us) {
    for (size_t at = 1; at < s->target.len; at++) {
        sample changed = *s;
        char was = s->target.at[at];
        if (!is_word_byte(was) || in_escape(s->target, at)) continue;
        change_byte(&changed.target, at, was == 'q' ? 'r' : 'q');
        if (good(&changed, s->key, now_us))
            fail_msg("%.*s: byte %zu of %.*s may change", FT_STR_ARG(s->kind), at,
                     FT_STR_ARG(s->target));
    }
}

static bool signs(const sample *s, ft_str name) {
    ft_str list = find(s, FT_STR("authorization"));
    char want[100];
    size_t at = 0;
    snprintf(want, sizeof want, "%.*s", FT_STR_ARG(name));
    for (; at + name.len <= list.len; at++)
        if (memcmp(list.at + at, want, name.len) == 0) return true;
    return false;
}

static void expect_headers_count(const sample *s, int64_t now_us) {
    for (int i = 0; i < s->header_count; i++) {
        sample changed = *s;
        ft_str *value = &changed.headers[i].value;
        bool authorization = ft_str_ieq(s->headers[i].name, FT_STR("authorization"));
        if (!ft_str_trim(*value).len || (!authorization && !signs(s, s->headers[i].name))) continue;
        size_t at = value->len - 1;
        while (at > 0 && value->at[at] == ' ') at--;
        change_byte(value, at, value->at[at] == '0' ? '1' : '0');
        if (good(&changed, s->key, now_us))
            fail_msg("%.*s: header %.*s may change", FT_STR_ARG(s->kind),
                     FT_STR_ARG(s->headers[i].name));
    }
}

static void expect_rest_counts(const sample *s, int64_t now_us) {
    sample changed = *s;
    changed.method = ft_str_is(s->method, "GET") ? FT_STR("PUT") : FT_STR("GET");
    EXPECT(!good(&changed, s->key, now_us));
    changed = *s;
    change_byte(&changed.secret, 0, 'S');
    EXPECT(!good(&changed, s->key, now_us));
    changed = *s;
    change_byte(&changed.sha, 0, s->sha.at[0] == '0' ? '1' : '0');
    /* S3's requests carry their own word about the body. */
    EXPECT(good(&changed, s->key, now_us) == !ft_str_starts(s->kind, FT_STR("v4")));
    EXPECT(!good(s, s->key, now_us + 16 * 60 * FT_SECOND_US));
}

static void test_botocore_signs(void **state) {
    (void)state;
    double now[1];
    char path[400];
    ft_str lines;
    if (!oracle_has("botocore")) {
        print_message("# skipped: no python3-botocore\n");
        skip();
    }
    EXPECT(oracle_ask(now, 1, script));
    int64_t now_us = (int64_t)now[0] * FT_SECOND_US;
    ft_arena text = FT_ARENA_INIT(0);
    snprintf(path, sizeof path, "%s/requests", test_dir());
    EXPECT_OK(ft_file_read(&lines, &text, path, 1 << 24));
    int count = 0;
    while (lines.len) {
        sample s;
        ft_arena_reset(&arena);
        read_sample(&s, ft_str_cut(&lines, '\n'));
        if (!good(&s, s.key, now_us))
            fail_msg("request %d (%.*s) %.*s %.*s: %s", count, FT_STR_ARG(s.kind),
                     FT_STR_ARG(s.method), FT_STR_ARG(s.target), ft_err_why());
        expect_target_counts(&s, now_us);
        expect_headers_count(&s, now_us);
        expect_rest_counts(&s, now_us);
        count++;
    }
    EXPECT(count == REQUESTS);
    ft_arena_fini(&text);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_botocore_signs))
