/* lineage.h -- who came from what. Every object, job, model, endpoint, capture, verdict and alert
 * names its parents.
 *
 * A node is "kind:name": input:<sha256>, job:<name>, model:<sha256>, endpoint:<name>@<version>,
 * capture:<stream segment>, speech:<sha256>, rule:<name>@<sha256 of code+parameters>, verdict:<id>
 * (of a check of constraints: its report's URI), alert:<id>. Which parents a kind must have is a
 * table, so a walk can say which edge is missing instead of ending silently. */
#ifndef FT_LINEAGE_H
#define FT_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "store/store.h"

typedef struct ft_lineage_kind {
    const char *kind;
    const char *parents; /* kinds that a node must descend from; "" for a root. "a,b|c" = a and (b
                            or c) */
    const char *doc;
} ft_lineage_kind;
extern const ft_lineage_kind ft_lineage_kinds[]; /* ends with a NULL kind */

/* The ids, as every room writes them; in the arena. Rows of ft_lineage_kinds. */
typedef enum ft_lineage {
    FT_LINEAGE_ALERT,
    FT_LINEAGE_VERDICT,
    FT_LINEAGE_RULE,
    FT_LINEAGE_CAPTURE,
    FT_LINEAGE_ENDPOINT,
    FT_LINEAGE_MODEL,
    FT_LINEAGE_JOB,
    FT_LINEAGE_SPEECH,
    FT_LINEAGE_INPUT
} ft_lineage;
ft_err ft_lineage_id(ft_str *out, ft_arena *arena, ft_lineage kind, ft_str name);
ft_err ft_lineage_id_number(ft_str *out, ft_arena *arena, ft_lineage kind, int64_t number);
ft_err ft_lineage_id_rule(ft_str *out, ft_arena *arena, const char *rule, const char *sha256);
ft_err ft_lineage_id_endpoint(ft_str *out, ft_arena *arena, ft_str name, int version);
/* Is `id` of this kind? Then its name, and what stands behind its last '@' (at == NULL: nothing
 * does). */
bool ft_lineage_id_read(ft_str *name, ft_str *version, ft_lineage kind, ft_str id);

/* Note a node with what a person should read about it ("train.csv, 45 MB", "eta=0 stopped at step
 * 10"). Idempotent; a later note that is not empty replaces the earlier one. FT_EINVAL for a kind
 * that is not in the table. */
ft_err ft_lineage_node(ft_store *s, ft_str id, ft_str note);
/* Both ends need not be noted (yet). Idempotent. FT_EINVAL for a node that is its own parent. */
ft_err ft_lineage_edge(ft_store *s, ft_str child, ft_str parent);

/* What a node comes from at once, in byte order; none is no failure. */
ft_err ft_lineage_parents(ft_str **out, size_t *count, ft_store *s, ft_arena *arena, ft_str id);

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
