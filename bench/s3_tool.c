/* s3_tool.c -- the two parts of the s3 benchmark that are no HTTP: microseconds of one signature
 * check, and a bucket with many keys.
 *
 *     s3-tool sigv4 ROUNDS          prints the median of 15 timings, in microseconds
 *     s3-tool fill HOME BUCKET N    puts N objects of a few bytes */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "net/sigv4.h"
#include "store/objects.h"

#define TIMINGS 15
#define SECRET  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

typedef struct header {
    const char *name;
    ft_str value;
} header;

static ft_str find(const void *ctx, ft_str name) {
    for (const header *h = ctx; h->name; h++)
        if (ft_str_is(name, h->name)) return h->value;
    return (ft_str){ 0 };
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* As boto3 sends a PutObject: claim read, key found in the cache, canonical request, two HMACs. */
static ft_err check_once(const header *headers, ft_str target, int64_t now_us, ft_arena *arena) {
    ft_sig sig;
    ft_sig_outcome outcome;
    ft_sig_request req = { FT_STR("PUT"), target, find, headers };
    ft_arena_reset(arena);
    FT_TRY(ft_sig_read(&sig, &req, arena));
    FT_TRY(ft_sig_check(&outcome, &sig, &req, FT_STR(SECRET), (ft_str){ 0 }, now_us, arena));
    return outcome == FT_SIG_GOOD ? FT_OK : FT_FAIL(FT_EDENIED, "the signature is not good");
}

static ft_err sigv4(int rounds) {
    ft_arena keep = FT_ARENA_INIT(0), work = FT_ARENA_INIT(0);
    ft_sig_headers made;
    double us[TIMINGS];
    int64_t now = ft_clock_now_us();
    ft_str target = FT_STR("/data/folder/object%20name.bin?partNumber=7&uploadId=0123456789abcdef");
    FT_TRY(ft_sig_sign(&made, &keep, FT_STR("PUT"), target, FT_STR("127.0.0.1:8080"),
                       FT_STR("AKIAIOSFODNN7EXAMPLE"), FT_STR(SECRET), FT_STR("us-east-1"),
                       FT_STR("s3"), FT_STR("UNSIGNED-PAYLOAD"), (ft_str){ 0 }, now));
    header headers[] = { { "host", FT_STR("127.0.0.1:8080") },
                         { "x-amz-content-sha256", made.content_sha256 },
                         { "x-amz-date", made.date },
                         { "authorization", made.authorization },
                         { 0 } };
    for (int t = 0; t < TIMINGS; t++) {
        int64_t began = ft_clock_monotonic_us();
        for (int i = 0; i < rounds; i++) FT_TRY(check_once(headers, target, now, &work));
        us[t] = (double)(ft_clock_monotonic_us() - began) / rounds;
    }
    qsort(us, TIMINGS, sizeof *us, by_value);
    printf("%.3f\n", us[TIMINGS / 2]);
    ft_arena_fini(&keep), ft_arena_fini(&work);
    return FT_OK;
}

static ft_err fill(const char *home, ft_str bucket, int count) {
    ft_store *s;
    FT_TRY(ft_store_open(&s, home));
    ft_err err = ft_bucket_make(s, bucket);
    if (err == FT_OK) err = ft_db_begin(ft_store_db(s));
    for (int i = 0; i < count && err == FT_OK; i++) {
        char key[64];
        int n = snprintf(key, sizeof key, "folder-%02d/part-%08d.csv", i / 10000, i);
        err = ft_object_put(NULL, s, bucket, (ft_str){ key, (size_t)n }, FT_STR("1,2,3\n"),
                            &(ft_object_put_opts){ .lazy = true });
    }
    if (err == FT_OK) err = ft_db_commit(ft_store_db(s));
    ft_store_close(s);
    return err;
}

int main(int argc, char **argv) {
    ft_err err = FT_EINVAL;
    if (argc == 3 && strcmp(argv[1], "sigv4") == 0)
        err = sigv4(atoi(argv[2]));
    else if (argc == 5 && strcmp(argv[1], "fill") == 0)
        err = fill(argv[2], ft_str_of(argv[3]), atoi(argv[4]));
    else
        fprintf(stderr, "usage: s3-tool sigv4 ROUNDS | fill HOME BUCKET COUNT\n");
    if (err != FT_OK) fprintf(stderr, "s3-tool: %s\n", ft_err_why());
    return err == FT_OK ? 0 : 1;
}
