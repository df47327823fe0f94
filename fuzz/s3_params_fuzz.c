/* s3_params_fuzz.c -- the query of a listing: of objects in both versions, of uploads, of parts.
 * Each is answered by XML that can be read, with no more entries than were asked for and none
 * before the marker; or refused as the client's fault. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aws/aws.h"
#include "aws/reply_in.h"
#include "aws/services_in.h"
#include "base/check.h"
#include "base/files.h"
#include "fuzz/target.h"
#include "net/server_in.h"
#include "store/objects.h"

#define QUERY_MAX 2048

static ft_store *store;
static char home[64];

static void home_remove(void) {
    ft_store_close(store);
    ft_dir_remove(home);
}

/* A bucket of a few keys that are not easy to list. */
static void begin(void) {
    static const char *const keys[] = { "a",   "a/b",  "a/b/c", "a/c", "b c", "k\xc3\xa4se/x",
                                        "<&>", "q?x=", "z/",    "z//y" };
    snprintf(home, sizeof home, "/tmp/ft-s3-params-%d", (int)getpid());
    FT_CHECK(ft_store_open(&store, home) == FT_OK &&
             ft_bucket_make(store, FT_STR("data")) == FT_OK);
    for (size_t i = 0; i < FT_COUNT(keys); i++)
        FT_CHECK(ft_object_put(NULL, store, FT_STR("data"), ft_str_of(keys[i]), FT_STR("v"),
                               &(ft_object_put_opts){ .lazy = true }) == FT_OK);
    atexit(home_remove);
}

static size_t count_of(ft_str text, const char *what) {
    size_t n = 0;
    for (const char *at = text.len ? text.at : ""; (at = strstr(at, what)) != NULL; at++) n++;
    return n;
}

static void answer_check(const ft_aws_call *c) {
    ft_xml_node *root;
    ft_str text = c->resp->body;
    FT_CHECK(ft_xml_parse(&root, c->arena, text) == FT_OK);
    ft_str max = ft_request_query(c->req, "max-keys");
    int64_t most = 1000;
    if (max.len && ft_str_i64(&most, max) && most > 1000) most = 1000;
    if (strstr(c->op->name, "ListObjects"))
        FT_CHECK(count_of(text, "<Contents>") + count_of(text, "<CommonPrefixes>") <= (size_t)most);
}

static void ask(const char *operation, ft_str query) {
    ft_connection connection = { .arena = FT_ARENA_INIT((size_t)64 << 20), .target.query = query };
    ft_request req = { .method = FT_STR("GET"),
                       .path = FT_STR("/data/a"),
                       .arena = &connection.arena,
                       .conn = &connection };
    ft_response resp = { 0 };
    ft_aws_call c = { .service = &ft_aws_s3,
                      .req = &req,
                      .resp = &resp,
                      .store = store,
                      .arena = &connection.arena,
                      .path = { FT_STR("data"), FT_STR("a") },
                      .path_count = 2,
                      .region = FT_STR("us-east-1") };
    for (const ft_aws_op *op = ft_aws_s3.ops; op->name; op++)
        if (strcmp(op->name, operation) == 0) c.op = op;
    FT_CHECK(c.op);
    ft_aws_reply_begin(&c);
    ft_err err = c.op->run(&c);
    if (err == FT_OK) err = ft_aws_reply_end(&c);
    if (err == FT_OK) {
        answer_check(&c);
    } else {
        ft_aws_error_name(&c, err);
        bool theirs = c.error_status >= 400 && c.error_status < 500;
        FT_CHECK(theirs || c.error_status == 501); /* a 500 would be asked again */
    }
    ft_err_clear();
    ft_buf_fini(&c.out);
    ft_arena_fini(&connection.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const operations[] = { "ListObjects", "ListObjectsV2",
                                              "ListMultipartUploads", "ListParts" };
    if (size > QUERY_MAX) return 0;
    if (!store) begin();
    for (size_t i = 0; i < FT_COUNT(operations); i++)
        ask(operations[i], ft_str_n((const char *)data, size));
    return 0;
}
