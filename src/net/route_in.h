/* route_in.h -- which route answers a request: a tree of path segments.
 *
 * A literal goes before a {name}, a {name} before a {rest*}; the method has its say, too, so that
 * "PUT /{rest*}" takes what "GET /jobs" does not. HEAD is answered by a GET route. */
#ifndef FT_ROUTE_IN_H
#define FT_ROUTE_IN_H

#include "base/arena.h"
#include "net/server.h"
#include "net/target_in.h"

#define FT_ROUTE_PARAMS_MAX 8

typedef struct ft_route_tree ft_route_tree;

/* `tables`: as ft_server_opts.routes. FT_EINVAL names a pattern that is wrong or given twice. */
ft_err ft_route_tree_new(ft_route_tree **out, ft_arena *arena, const ft_route *const *tables);

typedef struct ft_route_match {
    const ft_route *route; /* NULL: none */
    ft_str params[FT_ROUTE_PARAMS_MAX];
    int param_count;
    char allow[128]; /* no route, yet the path has other methods: "GET, HEAD, POST"; else "" */
} ft_route_match;

/* Does any pattern begin with "/<segment>"? */
bool ft_route_knows(const ft_route_tree *tree, ft_str segment);
/* Threads: any, the tree does not change. */
void ft_route_find(ft_route_match *out, const ft_route_tree *tree, ft_str method,
                   const ft_target *target);

#endif
