/* route.c -- see route_in.h. */
#include "net/route_in.h"

#include <stdio.h>

#include "base/check.h"

typedef struct node node;

typedef struct entry {
    const ft_route *route;
    struct entry *next;
} entry;

struct node {
    ft_str name;   /* of a literal */
    node *sibling; /* the parent's next literal */
    node *literals, *param;
    entry *here, *rest; /* routes that end here, and those that take all from here on */
};

struct ft_route_tree {
    node root;
};

/* ---- building ---- */

static ft_err child_get(node **out, ft_arena *arena, node *parent, ft_str name, bool param) {
    node **at = param ? &parent->param : &parent->literals;
    while (*at && !param && !ft_str_eq((*at)->name, name)) at = &(*at)->sibling;
    if (!*at) {
        FT_TRY(ft_arena_items(at, arena, 1));
        (*at)->name = name;
    }
    *out = *at;
    return FT_OK;
}

static ft_err entry_add(entry **list, ft_arena *arena, const ft_route *route) {
    for (; *list; list = &(*list)->next)
        if (strcmp((*list)->route->method, route->method) == 0)
            return FT_FAIL(FT_EINVAL, "route %s %s is there twice (the other is %s)", route->method,
                           route->pattern, (*list)->route->pattern);
    FT_TRY(ft_arena_items(list, arena, 1));
    (*list)->route = route;
    return FT_OK;
}

static ft_err pattern_fail(const ft_route *route, const char *why) {
    return FT_FAIL(FT_EINVAL, "route %s %s: %s", route->method, route->pattern, why);
}

static ft_err route_add(node *root, ft_arena *arena, const ft_route *route) {
    ft_str rest = ft_str_of(route->pattern);
    node *at = root;
    int params = 0, depth = 0;
    if (!rest.len || rest.at[0] != '/') return pattern_fail(route, "expected '/' first");
    if (!route->handle) return pattern_fail(route, "it has no handler");
    rest = ft_str_from(rest, 1);
    while (rest.at) {
        ft_str part = ft_str_cut(&rest, '/');
        bool param = ft_str_starts(part, FT_STR("{")) && ft_str_ends(part, FT_STR("}"));
        if (param && ++params > FT_ROUTE_PARAMS_MAX) return pattern_fail(route, "too many names");
        if (++depth > FT_TARGET_SEGMENTS_MAX) return pattern_fail(route, "too many segments");
        if (param && ft_str_ends(part, FT_STR("*}"))) {
            if (rest.at) return pattern_fail(route, "expected the {rest*} last");
            return entry_add(&at->rest, arena, route);
        }
        FT_TRY(child_get(&at, arena, at, part, param));
    }
    return entry_add(&at->here, arena, route);
}

ft_err ft_route_tree_new(ft_route_tree **out, ft_arena *arena, const ft_route *const *tables) {
    FT_TRY(ft_arena_items(out, arena, 1));
    for (; tables && *tables; tables++)
        for (const ft_route *route = *tables; route->method; route++)
            FT_TRY(route_add(&(*out)->root, arena, route));
    return FT_OK;
}

/* ---- finding ---- */

typedef struct search {
    ft_route_match *out;
    const ft_target *target;
    ft_str method;
} search;

static void allow_add(char allow[128], const char *method) {
    size_t len = strlen(allow);
    if (!strstr(allow, method)) snprintf(allow + len, 128 - len, "%s%s", len ? ", " : "", method);
}

static const ft_route *choose(const search *s, const entry *list) {
    const ft_route *any = NULL, *get = NULL;
    for (const entry *e = list; e; e = e->next)
        if (ft_str_is(s->method, e->route->method)) return e->route;
    for (const entry *e = list; e; e = e->next) {
        if (strcmp(e->route->method, "*") == 0) any = e->route;
        if (strcmp(e->route->method, "GET") == 0) get = e->route;
        allow_add(s->out->allow, e->route->method);
        if (get == e->route) allow_add(s->out->allow, "HEAD");
    }
    return get && ft_str_is(s->method, "HEAD") ? get : any;
}

static bool node_find(const search *s, const node *at, int depth);

static bool param_find(const search *s, const node *at, int depth) {
    ft_route_match *m = s->out;
    ft_str value = s->target->segments[depth];
    if (!at->param || !value.len) return false; /* a name is never empty */
    m->params[m->param_count++] = value;
    if (node_find(s, at->param, depth + 1)) return true;
    m->param_count--;
    return false;
}

static bool rest_find(const search *s, const node *at, int depth) {
    ft_route_match *m = s->out;
    if (!at->rest || !(m->route = choose(s, at->rest))) return false;
    const char *from = s->target->segments[depth].at;
    m->params[m->param_count++] =
        (ft_str){ from, (size_t)(s->target->path.at + s->target->path.len - from) };
    return true;
}

static bool node_find(const search *s, const node *at, int depth) {
    const ft_target *t = s->target;
    if (depth == t->segment_count)
        return !t->deeper && at->here && (s->out->route = choose(s, at->here)) != NULL;
    for (const node *child = at->literals; child; child = child->sibling)
        if (ft_str_eq(child->name, t->segments[depth]) && node_find(s, child, depth + 1))
            return true;
    return param_find(s, at, depth) || rest_find(s, at, depth);
}

void ft_route_find(ft_route_match *out, const ft_route_tree *tree, ft_str method,
                   const ft_target *target) {
    out->route = NULL;
    out->param_count = 0;
    out->allow[0] = '\0';
    node_find(&(search){ out, target, method }, &tree->root, 0);
    FT_CHECK(out->param_count <= FT_ROUTE_PARAMS_MAX);
}

bool ft_route_knows(const ft_route_tree *tree, ft_str segment) {
    for (const node *child = tree->root.literals; child; child = child->sibling)
        if (ft_str_eq(child->name, segment)) return true;
    return false;
}
