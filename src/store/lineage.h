/* lineage.h -- who came from what. Every object, job, model, endpoint, capture, verdict and alert
 * names its parents.
 *
 * A node is "kind:name": input:<sha256>, job:<name>, model:<sha256>, endpoint:<name>@<version>,
 * capture:<stream segment>, speech:<sha256>, rule:<name>@<sha256 of code+parameters>, verdict:<id>,
 * alert:<id>. Which parents a kind must have is a table, so a walk can say which edge is missing
 * instead of ending silently. */
#ifndef FT_LINEAGE_H
#define FT_LINEAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "store/store.h"

typedef struct ft_lineage_kind {
    const char *kind;
    const char *parents; /* kinds that a node must descend from; "" for a root. "a,b|c" = a and (b
                            or c) */
    const char *doc;
} ft_lineage_kind;
extern const ft_lineage_kind ft_lineage_kinds[]; /* ends with a NULL kind */

/* Note a node with what a person should read about it ("train.csv, 45 MB", "eta=0 stopped at step
 * 10"). Idempotent; a later note that is not empty replaces the earlier one. FT_EINVAL for a kind
 * that is not in the table. */
ft_err ft_lineage_node(ft_store *s, ft_str id, ft_str note);
/* Both ends need not be noted (yet). Idempotent. FT_EINVAL for a node that is its own parent. */
ft_err ft_lineage_edge(ft_store *s, ft_str child, ft_str parent);

typedef struct ft_lineage_step {
    int depth;
    ft_str id, note;
    bool missing;  /* no edge: `id` is the kind that should be there, "job" or "capture|job" */
    bool repeated; /* shown above already; its parents are not walked again */
} ft_lineage_step;
/* Walk from `id` to the roots, depth first, parents in byte order. FT_ENOTFOUND for an unknown id
 * (a bare id is tried with every kind, in the table's order). */
ft_err ft_lineage_walk(ft_lineage_step **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str id);

#endif
