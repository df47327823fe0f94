/* remote_test.c -- the S3 client against a server that does everything wrong: nothing is lost,
 * doubled or mixed, the time is bounded; and the cache: nothing is fetched twice, damage is found,
 * the limit holds. */
#include "store/remote.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "store/remote_in.h"
#include "store/s3_stand_in_test.h"
#include "tests/test.h"

#define BLOCK ((size_t)1 << 16)
#define SIZE  (BLOCK * 9 + 1234)

static stand_in server;
static ft_arena arena = FT_ARENA_INIT(0);
static char data[SIZE], other[SIZE], got[SIZE], home[300];
static int homes;

static void serve_all(void) {
    stand_in_put(&server, "big", data, SIZE, "v1");
    stand_in_put(&server, "little", data, BLOCK + 100, "v1");
    stand_in_put(&server, "none", "", 0, "empty");
}

static int start(void **state) {
    (void)state;
    ft_random r;
    ft_random_seed(&r, 7);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)ft_random_u64(&r), other[i] = (char)~data[i];
    stand_in_start(&server);
    serve_all();
    snprintf(home, sizeof home, "%s/home%d", test_dir(), homes++);
    return 0;
}

static int stop(void **state) {
    (void)state;
    stand_in_stop(&server);
    ft_arena_fini(&arena);
    return 0;
}

static ft_remote_opts opts_of(int parts, bool cache) {
    static char endpoint[64];
    static ft_remote_place place;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", server.port);
    place = (ft_remote_place){ .endpoint = ft_str_of(endpoint),
                               .access_key = FT_STR("AK"),
                               .secret = FT_STR("secret") };
    return (ft_remote_opts){ .place = &place,
                             .parts = parts,
                             .block_bytes = BLOCK,
                             .no_cache = !cache,
                             .pause_us = 1000,
                             .stall_us = 1000000,
                             .deadline_us = 20000000 };
}

static ft_remote *remote_new(int parts, bool cache) {
    ft_remote *r;
    ft_remote_opts opts = opts_of(parts, cache);
    EXPECT_OK(ft_remote_new(&r, cache ? home : NULL, &opts));
    return r;
}

/* All of it in pieces of a size that fits no block; the sum of what came. */
static ft_err read_all(ft_remote *r, const char *key) {
    ft_remote_object *f;
    size_t n;
    memset(got, 0, sizeof got);
    FT_TRY(ft_remote_open(&f, r, FT_STR("b"), ft_str_of(key), NULL));
    ft_err err = FT_OK;
    for (uint64_t at = 0; err == FT_OK && at < ft_remote_size(f); at += n) {
        ft_remote_expect(f, at, 4 * BLOCK);
        err = ft_remote_read(&n, f, got + at, 50001, at);
        if (err == FT_OK && !n)
            err = FT_FAIL(FT_ECORRUPT, "nothing came at %llu", (unsigned long long)at);
    }
    ft_remote_close(f);
    return err;
}

static void test_reads(void **state) {
    (void)state;
    for (int parts = 1; parts <= 4; parts += 3) {
        ft_remote *r = remote_new(parts, false);
        ft_remote_object *f;
        size_t n;
        EXPECT_OK(read_all(r, "big"));
        EXPECT(memcmp(got, data, SIZE) == 0);
        ft_remote_stats told = ft_remote_told(r);
        EXPECT(told.net_bytes == SIZE && told.requests == 11 && told.retries == 0);
        EXPECT(told.wait_us > 0 && told.request_us > 0 && told.cached_bytes == 0);
        EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), NULL));
        EXPECT_STR("v1", ft_remote_etag(f));
        EXPECT_STR("s3://b/big", ft_remote_uri(f));
        EXPECT_OK(ft_remote_read(&n, f, got, SIZE, 77)); /* over the end, many blocks at once */
        EXPECT(n == SIZE - 77 && memcmp(got, data + 77, n) == 0);
        EXPECT_OK(ft_remote_read(&n, f, got, 10, SIZE));
        EXPECT(n == 0);
        const char *path;
        EXPECT_ERR(FT_EUNSUPPORTED, ft_remote_path(&path, f));
        ft_remote_close(f);
        EXPECT_OK(read_all(r, "none"));
        EXPECT_ERR(FT_ENOTFOUND, ft_remote_open(&f, r, FT_STR("b"), FT_STR("no"), NULL));
        EXPECT_WHY("s3://b/no");
        ft_remote_free(r);
    }
    EXPECT(atomic_load(&server.connections) <= 12); /* kept, not made anew */
}

/* ---- everything wrong, once or now and then */

static _Atomic stand_in_wrong now;
static _Atomic int every; /* the n-th request goes wrong, and each `every`-th after it */
static stand_in_wrong one_wrong(int n, const char *method) {
    (void)method;
    return n % every == every - 1 ? now : S3_GOOD;
}

static void test_passing_faults(void **state) {
    (void)state;
    static const stand_in_wrong passing[] = { S3_CUT_HEAD, S3_CUT_BODY, S3_SLOW_DOWN, S3_500,
                                              S3_SHORT };
    server.wrong = one_wrong;
    for (size_t i = 0; i < FT_COUNT(passing); i++)
        for (int parts = 1; parts <= 4; parts += 3)
            for (every = 2; every <= 5; every += 3) {
                now = passing[i];
                atomic_store(&server.requests, 0);
                ft_remote *r = remote_new(parts, false);
                EXPECT_OK(read_all(r, "big"));
                EXPECT(memcmp(got, data, SIZE) == 0);
                /* curl itself asks again on a kept connection that was closed */
                EXPECT(now == S3_CUT_HEAD || ft_remote_told(r).retries >= 2);
                EXPECT(ft_remote_told(r).net_bytes == SIZE); /* nothing came twice */
                ft_remote_free(r);
            }
}

static void test_lasting_faults(void **state) {
    (void)state;
    static const struct {
        stand_in_wrong wrong;
        ft_err err;
        const char *why;
    } lasting[] = {
        { S3_CUT_HEAD, FT_EPEER, "no answer from" },
        { S3_SLOW_DOWN, FT_EBUSY, "503 SlowDown" },
        { S3_500, FT_EPEER, "500" },
        { S3_LONG, FT_ECORRUPT, "more bytes came" },
        { S3_ETAG, FT_ECONFLICT, "has changed since it was opened" },
        { S3_RANGE, FT_ECORRUPT, "asked for bytes" },
        { S3_WHOLE, FT_EUNSUPPORTED, "whole objects only" },
        { S3_DENIED, FT_EDENIED, "AccessDenied" },
    };
    ft_remote_info known = { .size_bytes = SIZE, .etag = FT_STR("v1") };
    server.wrong = one_wrong;
    every = 1;
    for (size_t i = 0; i < FT_COUNT(lasting); i++)
        for (int parts = 1; parts <= 4; parts += 3) {
            ft_remote_object *f;
            size_t n;
            now = lasting[i].wrong;
            ft_remote *r = remote_new(parts, false);
            EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), &known));
            ft_remote_expect(f, BLOCK, BLOCK);
            EXPECT_ERR(lasting[i].err, ft_remote_read(&n, f, got, 1000, BLOCK));
            EXPECT_WHY(lasting[i].why);
            EXPECT(n == 0);
            now = S3_GOOD; /* the same handle goes on when the server does */
            EXPECT_OK(ft_remote_read(&n, f, got, 1000, BLOCK));
            EXPECT(n == 1000 && memcmp(got, data + BLOCK, 1000) == 0);
            ft_remote_close(f);
            ft_remote_free(r);
        }
}

/* A peer that drips or is silent is cut after the stall time; then it is asked again. */
static void test_stalls(void **state) {
    (void)state;
    static const stand_in_wrong slow[] = { S3_DRIP, S3_STALL };
    server.wrong = one_wrong;
    every = 12; /* once */
    for (size_t i = 0; i < 2; i++) {
        now = slow[i];
        atomic_store(&server.requests, 8);
        ft_remote *r = remote_new(4, false);
        int64_t began_us = ft_clock_monotonic_us();
        EXPECT_OK(read_all(r, "big"));
        EXPECT(memcmp(got, data, SIZE) == 0 && ft_remote_told(r).retries >= 1);
        EXPECT(ft_clock_monotonic_us() - began_us < 15 * FT_SECOND_US);
        ft_remote_free(r);
    }
    ft_remote_opts opts = opts_of(1, false);
    ft_remote *r;
    every = 1;
    now = S3_STALL; /* for ever: the deadline bounds it */
    opts.deadline_us = 1500000;
    EXPECT_OK(ft_remote_new(&r, NULL, &opts));
    ft_remote_info known = { .size_bytes = SIZE, .etag = FT_STR("v1") };
    ft_remote_object *f;
    size_t n;
    EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), &known));
    int64_t began_us = ft_clock_monotonic_us();
    EXPECT_ERR(FT_ETIMEOUT, ft_remote_read(&n, f, got, 1000, 0));
    EXPECT(ft_clock_monotonic_us() - began_us < 10 * FT_SECOND_US);
    ft_remote_close(f);
    ft_remote_free(r);
}

/* The object changes in mid-way: told, never mixed; a new handle reads the new version. */
static void test_changed(void **state) {
    (void)state;
    for (int cache = 0; cache < 2; cache++) {
        ft_remote *r = remote_new(1, cache);
        ft_remote_object *f;
        size_t n;
        stand_in_put(&server, "big", data, SIZE, "v1");
        EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), NULL));
        EXPECT_OK(ft_remote_read(&n, f, got, 10, 0));
        stand_in_put(&server, "big", other, SIZE, "v2");
        EXPECT_ERR(FT_ECONFLICT, ft_remote_read(&n, f, got, 10, BLOCK));
        EXPECT_WHY("s3://b/big has changed");
        ft_remote_close(f);
        EXPECT_OK(read_all(r, "big"));
        EXPECT(memcmp(got, other, SIZE) == 0);
        ft_remote_free(r);
    }
}

static void test_nobody(void **state) {
    (void)state;
    ft_remote *r;
    ft_remote_place place = { .endpoint = FT_STR("http://127.0.0.1:1") };
    ft_remote_opts opts = { .place = &place, .pause_us = 1000, .tries = 3 };
    ft_remote_info info;
    EXPECT_OK(ft_remote_new(&r, NULL, &opts));
    EXPECT_ERR(FT_EPEER, ft_remote_head(&info, r, &arena, FT_STR("b"), FT_STR("k")));
    EXPECT(ft_remote_told(r).requests == 3 && ft_remote_told(r).retries == 2);
    ft_remote_free(r);
    place.endpoint = FT_STR("ftp://x");
    EXPECT_OK(ft_remote_new(&r, NULL, &opts));
    EXPECT_ERR(FT_EINVAL, ft_remote_head(&info, r, &arena, FT_STR("b"), FT_STR("k")));
    ft_remote_free(r);
    opts.block_bytes = 10000;
    EXPECT_ERR(FT_EINVAL, ft_remote_new(&r, NULL, &opts));
    EXPECT_WHY("power of two");
}

/* ---- listing, writing */

static void test_list(void **state) {
    (void)state;
    char key[64];
    ft_remote_info *list;
    size_t count;
    ft_remote *r = remote_new(1, false);
    server.object_count = 0;
    for (int i = 0; i < 25; i++) {
        snprintf(key, sizeof key, "d/%02d", i);
        stand_in_put(&server, key, data, (size_t)i, key);
    }
    server.page = 7;
    EXPECT_OK(ft_remote_list(&list, &count, r, &arena, FT_STR("b"), FT_STR(""), 0));
    EXPECT(count == 25 && list[24].size_bytes == 24 && list[24].modified_us == 1669093200000000);
    EXPECT_STR("d/24", list[24].key);
    EXPECT_STR("d/24", list[24].etag);
    EXPECT_ERR(FT_ETOOBIG, ft_remote_list(&list, &count, r, &arena, FT_STR("b"), FT_STR(""), 20));
    stand_in_put(&server, "a", data, 1, "x"); /* out of order: an entry would be lost or doubled */
    EXPECT_ERR(FT_ECORRUPT, ft_remote_list(&list, &count, r, &arena, FT_STR("b"), FT_STR(""), 0));
    EXPECT_WHY("after");
    ft_remote_free(r);
}

static void test_pages(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "<Error/>",
        "<ListBucketResult><Contents/></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%4</Key><Size>1</Size>"
        "</Contents></ListBucketResult>",
    };
    ft_remote_page page;
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        page = (ft_remote_page){ 0 };
        EXPECT_ERR(FT_EPARSE, ft_remote_page_read(&page, &arena, ft_str_of(bad[i])));
    }
    page = (ft_remote_page){ 0 };
    EXPECT_OK(ft_remote_page_read(
        &page, &arena,
        FT_STR("<ListBucketResult xmlns=\"u\"><EncodingType>url</EncodingType><Contents>"
               "<Key>a%20b%2Fc+d%41</Key><Size>12</Size></Contents></ListBucketResult>")));
    EXPECT(page.count == 1 && !page.more);
    EXPECT_STR("a b/c dA", page.items[0].key);
}

static void test_put(void **state) {
    (void)state;
    ft_str etag;
    ft_remote *r = remote_new(1, false);
    static char large[12 << 20];
    for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 2654435761u >> 13);
    EXPECT_OK(ft_remote_put(&etag, r, &arena, FT_STR("b"), FT_STR("small"), FT_STR("hello"),
                            FT_STR("text/plain")));
    EXPECT_STR("put", etag);
    stand_in_object *o = stand_in_find(&server, "small", 5);
    EXPECT(o && o->len == 5 && memcmp(o->bytes, "hello", 5) == 0);
    free((void *)(uintptr_t)o->bytes);
    const char *path;
    EXPECT_OK(ft_path_join(&path, &arena, test_dir(), "large"));
    EXPECT_OK(ft_file_write_atomic(path, ft_str_n(large, sizeof large), false));
    server.wrong = one_wrong;
    now = S3_SLOW_DOWN;
    every = 2; /* each second request twice */
    EXPECT_OK(
        ft_remote_put_file(&etag, r, &arena, FT_STR("b"), FT_STR("large"), path, (ft_str){ 0 }));
    EXPECT_STR("whole-2", etag);
    o = stand_in_find(&server, "large", 5);
    EXPECT(o && o->len == sizeof large && memcmp(o->bytes, large, o->len) == 0);
    free((void *)(uintptr_t)o->bytes);
    now = S3_DENIED;
    every = 2; /* begin is let in, the first part is not */
    atomic_store(&server.requests, 0);
    EXPECT_ERR(FT_EDENIED, ft_remote_put_file(&etag, r, &arena, FT_STR("b"), FT_STR("l2"), path,
                                              (ft_str){ 0 }));
    EXPECT_WHY("AccessDenied");
    EXPECT(atomic_load(&server.aborted) == 1 && !stand_in_find(&server, "l2", 2));
    ft_remote_free(r);
}

/* ---- the cache */

static void test_nothing_twice(void **state) {
    (void)state;
    ft_remote *r = remote_new(4, true);
    ft_remote_object *f;
    const char *path;
    ft_str whole;
    EXPECT_OK(read_all(r, "big"));
    EXPECT(ft_remote_told(r).net_bytes == SIZE && ft_remote_told(r).cached_bytes == 0);
    EXPECT_OK(read_all(r, "big"));
    EXPECT(memcmp(got, data, SIZE) == 0 && ft_remote_told(r).net_bytes == SIZE);
    EXPECT(ft_remote_told(r).cached_bytes == SIZE);
    ft_remote_free(r);
    r = remote_new(1, true); /* as another process */
    EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), NULL));
    EXPECT_OK(ft_remote_path(&path, f));
    EXPECT_OK(ft_file_read(&whole, &arena, path, SIZE + 1));
    EXPECT(whole.len == SIZE && memcmp(whole.at, data, SIZE) == 0);
    EXPECT(ft_remote_told(r).net_bytes == 0);
    ft_remote_cached size;
    EXPECT_OK(ft_remote_cache_trim(&size, r, 0)); /* it is open: it stays */
    EXPECT(size.entries == 1 && size.bytes >= SIZE);
    ft_remote_close(f);
    EXPECT_OK(ft_remote_cache_trim(&size, r, 0));
    EXPECT(size.entries == 0 && size.bytes == 0);
    EXPECT_OK(read_all(r, "big"));
    EXPECT(ft_remote_told(r).net_bytes == SIZE);
    ft_remote_free(r);
}

/* Several processes at once: each block comes over the network once in all. */
static void test_processes_share(void **state) {
    (void)state;
    int children = 3;
    uint64_t sum = 0;
    int pipes[2];
    EXPECT(pipe(pipes) == 0);
    for (int i = 0; i < children; i++)
        if (fork() == 0) {
            ft_remote *r = remote_new(2, true);
            uint64_t bytes = read_all(r, "big") == FT_OK && !memcmp(got, data, SIZE)
                                 ? ft_remote_told(r).net_bytes
                                 : 1000000000;
            if (write(pipes[1], &bytes, sizeof bytes) != sizeof bytes) _exit(1);
            ft_remote_free(r);
            _exit(0);
        }
    for (int i = 0; i < children; i++) {
        uint64_t bytes = 0;
        EXPECT(read(pipes[0], &bytes, sizeof bytes) == sizeof bytes);
        sum += bytes;
    }
    while (wait(NULL) > 0) {
    }
    close(pipes[0]), close(pipes[1]);
    EXPECT(sum == SIZE);
}

static void damage(const char *path, long at) {
    int fd = open(path, O_RDWR);
    char byte;
    EXPECT(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte = (char)~byte;
    EXPECT(pwrite(fd, &byte, 1, at) == 1);
    close(fd);
}

static void test_damage_is_found(void **state) {
    (void)state;
    ft_remote *r = remote_new(1, true);
    ft_remote_object *f;
    const char *path;
    size_t n;
    EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), NULL));
    EXPECT_OK(ft_remote_path(&path, f));
    EXPECT_OK(ft_arena_str(&(ft_str){ 0 }, &arena, ft_str_of(path)));
    char kept[512];
    snprintf(kept, sizeof kept, "%s", path);
    ft_remote_close(f);
    damage(kept, (long)BLOCK * 3 + 5);
    EXPECT_OK(read_all(r, "big"));
    EXPECT(memcmp(got, data, SIZE) == 0);
    EXPECT(ft_remote_told(r).net_bytes == SIZE + BLOCK); /* that block again */
    EXPECT(truncate(kept, (off_t)BLOCK) == 0); /* cut by someone: all that is missing again */
    EXPECT_OK(ft_remote_open(&f, r, FT_STR("b"), FT_STR("big"), NULL));
    EXPECT_OK(ft_remote_read(&n, f, got, SIZE, 0));
    EXPECT(n == SIZE && memcmp(got, data, SIZE) == 0);
    ft_remote_close(f);
    ft_remote_free(r);
}

static void test_limit(void **state) {
    (void)state;
    char key[64];
    ft_remote *r;
    ft_remote_cached size;
    ft_remote_opts opts = opts_of(1, true);
    opts.cache_bytes = 4 * SIZE;
    EXPECT_OK(ft_remote_new(&r, home, &opts));
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof key, "o%02d", i);
        stand_in_put(&server, key, data, SIZE, key);
        EXPECT_OK(read_all(r, key));
    }
    EXPECT_OK(ft_remote_cache_size(&size, r));
    EXPECT(size.bytes <= opts.cache_bytes + SIZE && size.entries >= 2 && size.entries <= 5);
    uint64_t before = ft_remote_told(r).net_bytes;
    EXPECT_OK(read_all(r, "o11")); /* the newest is there, the oldest is not */
    EXPECT(ft_remote_told(r).net_bytes == before);
    EXPECT_OK(read_all(r, "o00"));
    EXPECT(ft_remote_told(r).net_bytes == before + SIZE);
    ft_remote_free(r);
    opts.cache_bytes = SIZE / 2; /* larger than the cache may be: it passes through */
    EXPECT_OK(ft_remote_new(&r, home, &opts));
    stand_in_put(&server, "wide", data, SIZE, "wide");
    EXPECT_OK(read_all(r, "wide"));
    EXPECT_OK(read_all(r, "wide"));
    EXPECT(ft_remote_told(r).net_bytes == 2 * SIZE);
    ft_remote_free(r);
}

/* ---- settings */

static const char *write_file(const char *name, const char *text) {
    const char *path;
    EXPECT_OK(ft_dir_make(home));
    EXPECT_OK(ft_path_join(&path, &arena, home, name));
    EXPECT_OK(ft_file_write_atomic(path, ft_str_of(text), false));
    return path;
}

static void test_places(void **state) {
    (void)state;
    static const char *const names[] = {
        "FETTLE_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3",   "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",  "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_REGION",         "AWS_DEFAULT_REGION",    "AWS_PROFILE"
    };
    ft_remote_place p;
    for (size_t i = 0; i < FT_COUNT(names); i++) unsetenv(names[i]);
    setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    EXPECT_ERR(FT_ENOTFOUND, ft_remote_place_find(&p, &arena, home, FT_STR("b")));
    EXPECT_WHY("AWS_ENDPOINT_URL");
    setenv("AWS_CONFIG_FILE",
           write_file("config", "[default]\nregion=eu-north-1\n[profile lab]\nregion = lab-1\n"
                                "endpoint_url = http://lab:9000/\ns3 =\n  region = no\n"),
           1);
    setenv("AWS_SHARED_CREDENTIALS_FILE",
           write_file("credentials", "# keys\n[default]\naws_access_key_id = D\n"
                                     "aws_secret_access_key=ds\naws_session_token = t\n"
                                     "[lab]\naws_access_key_id=L\naws_secret_access_key = ls=\n"),
           1);
    EXPECT_OK(ft_remote_place_find(&p, &arena, home, FT_STR("b")));
    EXPECT_STR("https://s3.eu-north-1.amazonaws.com", p.endpoint);
    EXPECT_STR("D", p.access_key);
    EXPECT_STR("t", p.token);
    EXPECT(p.host_style);
    setenv("AWS_PROFILE", "lab", 1);
    EXPECT_OK(ft_remote_place_find(&p, &arena, home, FT_STR("b")));
    EXPECT_STR("http://lab:9000", p.endpoint);
    EXPECT_STR("lab-1", p.region);
    EXPECT_STR("ls=", p.secret);
    EXPECT(!p.host_style && !p.token.len);
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
    setenv("AWS_ENDPOINT_URL", "http://env", 1);
    EXPECT_OK(ft_remote_place_find(&p, &arena, home, FT_STR("b")));
    EXPECT_STR("http://env", p.endpoint);
    EXPECT_STR("es", p.secret);
    write_file("remote.ini", "[b]\nendpoint_url=https://own\naws_access_key_id=O\n"
                             "aws_secret_access_key=os\n[default]\nregion=home-1\n");
    EXPECT_OK(ft_remote_place_find(&p, &arena, home, FT_STR("b")));
    EXPECT_STR("https://own", p.endpoint);
    EXPECT_STR("O", p.access_key);
    EXPECT_STR("home-1", p.region);
    EXPECT_OK(ft_remote_place_find(&p, &arena, home, FT_STR("c")));
    EXPECT_STR("http://env", p.endpoint);
    for (size_t i = 0; i < FT_COUNT(names); i++) unsetenv(names[i]);
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    ft_log_set_level(FT_LOG_OFF);
    EACH_FAULT {
        ft_remote_opts opts = opts_of(1, true);
        ft_remote *r;
        opts.tries = 1;
        ft_err err = ft_remote_new(&r, home, &opts);
        if (err == FT_OK) err = read_all(r, "little");
        if (err == FT_OK) EXPECT(memcmp(got, data, BLOCK + 100) == 0);
        ft_remote_info *list;
        size_t count;
        ft_arena own = FT_ARENA_INIT(0);
        if (err == FT_OK) err = ft_remote_list(&list, &count, r, &own, FT_STR("b"), FT_STR(""), 0);
        if (err == FT_OK)
            err = ft_remote_put(NULL, r, &own, FT_STR("b"), FT_STR("little"), FT_STR(""),
                                (ft_str){ 0 });
        ft_fault_off();
        stand_in_object *o = stand_in_find(&server, "little", 6);
        if (o->bytes != data) free((void *)(uintptr_t)o->bytes);
        serve_all();
        ft_arena_fini(&own);
        ft_remote_free(r);
        failures += err != FT_OK;
        EXPECT_OK(ft_dir_remove(home));
    }
    EXPECT(failures >= 20);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
TEST_MAIN(CASE(test_reads), CASE(test_passing_faults), CASE(test_lasting_faults), CASE(test_stalls),
          CASE(test_changed), CASE(test_nobody), CASE(test_list), CASE(test_pages), CASE(test_put),
          CASE(test_nothing_twice), CASE(test_processes_share), CASE(test_damage_is_found),
          CASE(test_limit), CASE(test_places), CASE(test_every_fault))
