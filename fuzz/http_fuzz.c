/* http_fuzz.c -- a request target that parses has a path of its own segments, every route that it
 * finds has its names inside that path, and its query can be walked to the end. */
#include "base/check.h"
#include "fuzz/target.h"
#include "net/percent.h"
#include "net/route_in.h"
#include "net/target_in.h"

static ft_err handle(ft_request *req, ft_response *resp) {
    (void)req;
    (void)resp;
    return FT_OK;
}

#define ROUTE(m, p) \
    { .method = m, .pattern = p, .doc = "", .handle = handle }
static const ft_route routes[] = {
    ROUTE("GET", "/"),        ROUTE("GET", "/a"),
    ROUTE("GET", "/a/{x}"),   ROUTE("PUT", "/a/{x}/{y}/b"),
    ROUTE("GET", "/{x}/{y}"), ROUTE("GET", "/{x}/{y}/b/{rest*}"),
    ROUTE("*", "/{rest*}"),   { 0 },
};
static const ft_route *const tables[] = { routes, NULL };

static bool within(ft_str part, ft_str whole) {
    return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

static void check_target(const ft_target *t, const ft_route_tree *tree) {
    static const char *const methods[] = { "GET", "PUT", "HEAD", "X" };
    FT_CHECK(t->path.len > 0 && t->path.at[0] == '/');
    FT_CHECK(memchr(t->path.at, '\0', t->path.len) == NULL);
    FT_CHECK(t->segment_count >= 1 && t->segment_count <= FT_TARGET_SEGMENTS_MAX);
    for (int i = 0; i < t->segment_count; i++) FT_CHECK(within(t->segments[i], t->path));
    for (size_t i = 0; i < FT_COUNT(methods); i++) {
        ft_route_match m;
        ft_route_find(&m, tree, ft_str_of(methods[i]), t);
        FT_CHECK(m.route != NULL); /* the last route takes everything */
        for (int k = 0; k < m.param_count; k++) FT_CHECK(within(m.params[k], t->path));
    }
}

static void check_query(ft_str query, ft_arena *arena) {
    ft_str name, value, decoded;
    size_t left = query.len + 1;
    while (ft_query_next(&query, &name, &value)) {
        FT_CHECK(query.len < left); /* it moves on */
        left = query.len;
        if (ft_percent_decode(&decoded, arena, name, FT_PERCENT_FORM) == FT_OK)
            FT_CHECK(decoded.len <= name.len);
        if (ft_percent_decode(&decoded, arena, value, 0) == FT_OK)
            FT_CHECK(decoded.len <= value.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_route_tree *tree;
    ft_target target;
    FT_CHECK(ft_route_tree_new(&tree, &arena, tables) == FT_OK);
    if (ft_target_parse(&target, &arena, ft_str_n(data, size)) == FT_OK) {
        check_target(&target, tree);
        check_query(target.query, &arena);
    }
    ft_arena_fini(&arena);
    return 0;
}
