/* route_test.c -- which route takes what. */
#include "net/route_in.h"

#include "base/check.h"
#include "tests/test.h"

static ft_err handle(ft_request *req, ft_response *resp) {
    (void)req;
    (void)resp;
    return FT_OK;
}

#define ROUTE(m, p) \
    { .method = m, .pattern = p, .doc = "", .handle = handle }
static const ft_route own[] = {
    ROUTE("GET", "/"),
    ROUTE("GET", "/jobs"),
    ROUTE("POST", "/jobs"),
    ROUTE("GET", "/jobs/{name}"),
    ROUTE("DELETE", "/jobs/{name}"),
    ROUTE("GET", "/jobs/new"),
    ROUTE("POST", "/endpoints/{name}/invocations"),
    ROUTE("GET", "/{a}/{b}/c"),
    ROUTE("GET", "/static/{rest*}"),
    { 0 },
};
static const ft_route front[] = { ROUTE("*", "/s3/{rest*}"), ROUTE("PUT", "/{rest*}"), { 0 } };
static const ft_route *const tables[] = { own, front, NULL };

static ft_arena arena;

/* "pattern(params)" or "none" or "not: allowed" */
static const char *found(const ft_route_tree *tree, const char *method, const char *path) {
    static char text[512];
    ft_target t;
    ft_route_match m;
    EXPECT_OK(ft_target_parse(&t, &arena, ft_str_of(path)));
    ft_route_find(&m, tree, ft_str_of(method), &t);
    if (!m.route) {
        snprintf(text, sizeof text, m.allow[0] ? "not: %s" : "none", m.allow);
        return text;
    }
    size_t len = (size_t)snprintf(text, sizeof text, "%s %s", m.route->method, m.route->pattern);
    for (int i = 0; i < m.param_count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " %.*s", FT_STR_ARG(m.params[i]));
    return text;
}

static void test_find(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        { "GET", "/", "GET /" },
        { "GET", "/jobs", "GET /jobs" },
        { "HEAD", "/jobs", "GET /jobs" },
        { "POST", "/jobs", "POST /jobs" },
        { "GET", "/jobs/", "none" },
        { "GET", "/jobs/x", "GET /jobs/{name} x" },
        { "GET", "/jobs/new", "GET /jobs/new" },
        { "DELETE", "/jobs/new", "DELETE /jobs/{name} new" },
        { "PATCH", "/jobs/x", "not: GET, HEAD, DELETE" },
        { "GET", "/jobs/a%2Fb", "GET /jobs/{name} a/b" },
        { "POST", "/endpoints/e/invocations", "POST /endpoints/{name}/invocations e" },
        { "POST", "/endpoints//invocations", "none" },
        { "GET", "/endpoints/e/invocations", "not: POST" },
        { "GET", "/jobs/b/c", "GET /{a}/{b}/c jobs b" }, /* after a wrong turn */
        { "GET", "/static/a/b.js", "GET /static/{rest*} a/b.js" },
        { "GET", "/static/", "GET /static/{rest*} " },
        { "GET", "/static", "not: PUT" },        /* what /{rest*} offers there */
        { "PUT", "/jobs", "PUT /{rest*} jobs" }, /* the method decides, too */
        { "PUT", "/jobs/x/y//z", "PUT /{rest*} jobs/x/y//z" },
        { "POST", "/s3/b/k", "* /s3/{rest*} b/k" },
        { "BREW", "/s3/", "* /s3/{rest*} " },
        { "get", "/jobs", "not: GET, HEAD, POST, PUT" },
        { "GE", "/jobs", "not: GET, HEAD, POST, PUT" },
    };
    ft_route_tree *tree;
    EXPECT_OK(ft_route_tree_new(&tree, &arena, tables));
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        const char *got = found(tree, rows[i][0], rows[i][1]);
        /* The catch-all PUT may stand in any Allow: looked at in the rows above that say so. */
        if (strncmp(rows[i][2], "not", 3) == 0 || strcmp(rows[i][2], "none") == 0)
            EXPECT(strncmp(got, "not: ", 5) == 0 && strstr(got, "PUT"));
        else
            assert_string_equal(got, rows[i][2]);
    }
    static const ft_route *const only_own[] = { own, NULL };
    EXPECT_OK(ft_route_tree_new(&tree, &arena, only_own));
    assert_string_equal(found(tree, "PATCH", "/jobs/x"), "not: GET, HEAD, DELETE");
    assert_string_equal(found(tree, "GET", "/endpoints/e/invocations"), "not: POST");
    assert_string_equal(found(tree, "GET", "/jobs/"), "none");
    assert_string_equal(found(tree, "POST", "/endpoints//invocations"), "none");
    assert_string_equal(found(tree, "GET", "/static"), "none");
    assert_string_equal(found(tree, "get", "/jobs"), "not: GET, HEAD, POST");
    EXPECT(ft_route_knows(tree, FT_STR("jobs")) && !ft_route_knows(tree, FT_STR("job")));
    ft_arena_fini(&arena);
}

static void test_deep(void **state) {
    (void)state;
    char path[3000] = "/s3", rest[3000];
    for (size_t i = 3; i + 2 < sizeof path; i += 2) memcpy(path + i, "/k", 3);
    ft_route_tree *tree;
    ft_target t;
    ft_route_match m;
    EXPECT_OK(ft_route_tree_new(&tree, &arena, tables));
    EXPECT_OK(ft_target_parse(&t, &arena, ft_str_of(path)));
    ft_route_find(&m, tree, FT_STR("GET"), &t);
    snprintf(rest, sizeof rest, "%s", path + 4);
    EXPECT(m.route && m.param_count == 1);
    EXPECT_STR(rest, m.params[0]);
    ft_arena_fini(&arena);
}

static void test_bad_tables(void **state) {
    (void)state;
    static const ft_route bad[][2] = {
        { ROUTE("GET", "jobs"), { 0 } },
        { ROUTE("GET", ""), { 0 } },
        { ROUTE("GET", "/{rest*}/x"), { 0 } },
        { ROUTE("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"), { 0 } },
        { { .method = "GET", .pattern = "/x" }, { 0 } },
    };
    ft_route_tree *tree;
    for (size_t i = 0; i < FT_COUNT(bad); i++) {
        const ft_route *const table[] = { bad[i], NULL };
        EXPECT_ERR(FT_EINVAL, ft_route_tree_new(&tree, &arena, table));
        EXPECT_WHY(bad[i]->pattern);
    }
    static const ft_route twice[] = { ROUTE("GET", "/a/{x}"), ROUTE("GET", "/a/{y}"), { 0 } };
    const ft_route *const table[] = { twice, NULL };
    EXPECT_ERR(FT_EINVAL, ft_route_tree_new(&tree, &arena, table));
    EXPECT_WHY("/a/{y} is there twice (the other is /a/{x})");
    ft_arena_fini(&arena);
}

static void test_every_fault(void **state) {
    (void)state;
    int failures = 0;
    EACH_FAULT {
        ft_route_tree *tree;
        ft_arena small = FT_ARENA_INIT(0);
        ft_err err = ft_route_tree_new(&tree, &small, tables);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        failures += err != FT_OK;
        ft_arena_fini(&small);
    }
    EXPECT(failures >= 1);
}

TEST_MAIN(cmocka_unit_test(test_find), cmocka_unit_test(test_deep),
          cmocka_unit_test(test_bad_tables), cmocka_unit_test(test_every_fault))
