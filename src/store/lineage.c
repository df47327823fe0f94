/* lineage.c -- nodes and edges, and the walk that says what is missing. See lineage.h. */
#include "store/lineage.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "store/store_in.h"

#define WALK_STEPS_MAX 100000 /* a graph larger than this is not read by a person */
#define PARENTS_MAX    100000
#define STEPS_FIRST    32

const ft_lineage_kind ft_lineage_kinds[] = {
    [FT_LINEAGE_ALERT] = { "alert", "verdict", "what was sent, and why" },
    [FT_LINEAGE_VERDICT] = { "verdict", "rule,capture|job",
                             "one evaluation of a rule, over captured requests or a job" },
    [FT_LINEAGE_RULE] = { "rule", "", "a rule, by the hash of its code and parameters" },
    [FT_LINEAGE_CAPTURE] = { "capture", "endpoint", "a segment of captured requests" },
    [FT_LINEAGE_ENDPOINT] = { "endpoint", "model", "a version of an endpoint" },
    [FT_LINEAGE_MODEL] = { "model", "job|input",
                           "a model, by its content hash; one given by hand has its file" },
    [FT_LINEAGE_JOB] = { "job", "input", "one run of an algorithm" },
    [FT_LINEAGE_SPEECH] = { "speech", "input", "sound or speech marks, by their content hash" },
    [FT_LINEAGE_INPUT] = { "input", "", "a training file or a text, by its content hash" },
    [FT_LINEAGE_INPUT + 1] = { 0 },
};

const char *const ft_lineage_tables[] = {
    "create table lineage_node (id text primary key, note text not null, noted_us integer not null)"
    " without rowid;"
    "create table lineage_edge (child text not null, parent text not null,"
    " primary key (child, parent)) without rowid;"
    "create index lineage_edge_parent on lineage_edge (parent);",
    /* A node remembers its parents beside the edges, so that a removed edge can be named. */
    "alter table lineage_node add column parents text not null default ''",
};
const int ft_lineage_tables_count = FT_COUNT(ft_lineage_tables);

/* ---- names ---- */

static ft_str kind_part(ft_str id) {
    size_t colon = ft_str_find(id, ':');
    return colon < id.len ? ft_str_slice(id, 0, colon) : (ft_str){ "", 0 };
}

static const ft_lineage_kind *kind_of(ft_str id) {
    ft_str name = kind_part(id);
    for (const ft_lineage_kind *k = ft_lineage_kinds; k->kind; k++)
        if (ft_str_is(name, k->kind)) return k;
    return NULL;
}

static ft_err id_check(ft_str id) {
    char kinds[128] = "";
    size_t n = 0;
    if (kind_of(id) && kind_part(id).len + 1 < id.len && ft_str_utf8(id)) return FT_OK;
    for (const ft_lineage_kind *k = ft_lineage_kinds; k->kind && n < sizeof kinds; k++)
        n += (size_t)snprintf(kinds + n, sizeof kinds - n, "%s%s", n ? ", " : "", k->kind);
    return FT_FAIL(FT_EINVAL,
                   "'%.*s' is no lineage node: expected kind:name with one of the kinds %s",
                   FT_STR_ARG(id), kinds);
}

ft_err ft_lineage_id(ft_str *out, ft_arena *arena, ft_lineage kind, ft_str name) {
    return ft_arena_printf(out, arena, "%s:%.*s", ft_lineage_kinds[kind].kind, FT_STR_ARG(name));
}

ft_err ft_lineage_id_number(ft_str *out, ft_arena *arena, ft_lineage kind, int64_t number) {
    return ft_arena_printf(out, arena, "%s:%lld", ft_lineage_kinds[kind].kind, (long long)number);
}

ft_err ft_lineage_id_rule(ft_str *out, ft_arena *arena, const char *rule, const char *sha256) {
    return ft_arena_printf(out, arena, "rule:%s@%s", rule, sha256);
}

ft_err ft_lineage_id_endpoint(ft_str *out, ft_arena *arena, ft_str name, int version) {
    return ft_arena_printf(out, arena, "endpoint:%.*s@%d", FT_STR_ARG(name), version);
}

bool ft_lineage_id_read(ft_str *name, ft_str *version, ft_lineage kind, ft_str id) {
    if (!ft_str_is(ft_str_cut(&id, ':'), ft_lineage_kinds[kind].kind) || !id.at) return false;
    size_t at = id.len;
    while (at > 0 && id.at[at - 1] != '@') at--;
    *name = at ? ft_str_slice(id, 0, at - 1) : id;
    *version = at ? ft_str_from(id, at) : (ft_str){ 0 };
    return true;
}

/* ---- writing ---- */

ft_err ft_lineage_node(ft_store *s, ft_str id, ft_str note) {
    FT_TRY(id_check(id));
    if (!note.at) note = FT_STR("");
    /* One file may have been read under several names: all of them are told. */
    return ft_db_run(s->db,
                     "insert into lineage_node (id, note, noted_us) values (?1, ?2, ?3) "
                     "on conflict (id) do update set note = case when note <> '' and"
                     " id like 'input:%' then note || '; also ' || ?2 else ?2 end"
                     " where ?2 <> '' and (id not like 'input:%' or"
                     " (instr(note, ?2) = 0 and length(note) < 2000))",
                     "ssi", id, note, ft_clock_now_us());
}

static ft_err edge_store(ft_store *s, ft_str child, ft_str parent) {
    FT_TRY(ft_db_run(s->db, "insert or ignore into lineage_edge (child, parent) values (?, ?)",
                     "ss", child, parent));
    if (ft_db_changes(s->db) == 0) return FT_OK;
    return ft_db_run(s->db,
                     "insert into lineage_node (id, note, noted_us, parents) values (?1, '', ?3, "
                     "?2) on conflict (id) do update set parents = case when instr(char(10) ||"
                     " parents || char(10), char(10) || ?2 || char(10)) then parents"
                     " when parents = '' then ?2 else parents || char(10) || ?2 end",
                     "ssi", child, parent, ft_clock_now_us());
}

ft_err ft_lineage_edge(ft_store *s, ft_str child, ft_str parent) {
    FT_TRY(id_check(child));
    FT_TRY(id_check(parent));
    if (ft_str_eq(child, parent))
        return FT_FAIL(FT_EINVAL, "'%.*s' cannot be its own parent", FT_STR_ARG(child));
    FT_TRY(ft_db_begin(s->db));
    ft_err err = edge_store(s, child, parent);
    if (err == FT_OK) return ft_db_commit(s->db);
    ft_db_rollback(s->db);
    return err;
}

/* ---- walking ---- */

typedef struct walk {
    ft_store *s;
    ft_arena *arena;
    ft_lineage_step *steps;
    size_t count, room;
    const ft_str **seen; /* open addressing, by id; `seen_room` is a power of two */
    size_t seen_count, seen_room;
} walk;

static ft_err step_add(ft_lineage_step **out, walk *w, int depth, ft_str id) {
    *out = NULL;
    if (w->count >= WALK_STEPS_MAX)
        return FT_FAIL(FT_ETOOBIG, "the lineage has more than %d steps", WALK_STEPS_MAX);
    FT_TRY(ft_arena_grow(&w->steps, &w->room, w->arena, w->count));
    *out = &w->steps[w->count++];
    (*out)->depth = depth;
    (*out)->id = id;
    return FT_OK;
}

static const ft_str **seen_place(walk *w, ft_str id) {
    size_t i = (size_t)ft_hash64(id, 0) & (w->seen_room - 1);
    while (w->seen[i] && !ft_str_eq(*w->seen[i], id)) i = (i + 1) & (w->seen_room - 1);
    return &w->seen[i];
}

static ft_err seen_grow(walk *w) {
    const ft_str **old = w->seen;
    size_t old_room = w->seen_room;
    w->seen_room = old_room ? old_room * 2 : STEPS_FIRST;
    FT_TRY(ft_arena_items(&w->seen, w->arena, w->seen_room));
    for (size_t i = 0; i < old_room; i++)
        if (old[i]) *seen_place(w, *old[i]) = old[i];
    return FT_OK;
}

/* Is this the first time? */
static ft_err seen_add(bool *first, walk *w, ft_str id) {
    ft_str *copy;
    if (w->seen_count * 2 >= w->seen_room) FT_TRY(seen_grow(w));
    const ft_str **place = seen_place(w, id);
    *first = !*place;
    if (!*first) return FT_OK;
    FT_TRY(ft_arena_items(&copy, w->arena, 1));
    *copy = id;
    *place = copy;
    w->seen_count++;
    return FT_OK;
}

ft_err ft_lineage_parents(ft_str **out, size_t *count, ft_store *s, ft_arena *arena, ft_str id) {
    ft_rows *rows;
    ft_err err = FT_OK;
    size_t room = 0;
    *out = NULL, *count = 0;
    FT_TRY(ft_db_query(&rows, s->db,
                       "select parent from lineage_edge where child = ? order by parent limit ?",
                       "si", id, (int64_t)PARENTS_MAX));
    while (err == FT_OK && ft_rows_next(rows)) {
        ft_str parent;
        ft_rows_read(rows, "s", &parent);
        err = ft_arena_grow(out, &room, arena, *count);
        if (err == FT_OK) err = ft_arena_str(&(*out)[(*count)++], arena, parent);
    }
    ft_err ended = ft_rows_end(rows);
    return err == FT_OK ? ended : err;
}

/* Is one of `parents` of one of the kinds in `choice` ("capture|job")? */
static bool has_kind(ft_str choice, const ft_str *parents, size_t count) {
    while (choice.at) {
        ft_str kind = ft_str_cut(&choice, '|');
        for (size_t i = 0; i < count; i++)
            if (ft_str_eq(kind_part(parents[i]), kind)) return true;
    }
    return false;
}

static bool is_among(ft_str id, const ft_str *ids, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ft_str_eq(id, ids[i])) return true;
    return false;
}

/* Parents that the node remembers (`known`, a line each) and whose edge is gone: named outright.
 * Their kinds are then not asked for again. */
static ft_err removed_steps(walk *w, int depth, ft_str known, const ft_str *parents, size_t count) {
    while (known.len) {
        ft_lineage_step *step;
        ft_str parent = ft_str_cut(&known, '\n');
        if (is_among(parent, parents, count)) continue;
        FT_TRY(step_add(&step, w, depth, parent));
        step->missing = true;
    }
    return FT_OK;
}

static ft_err missing_steps(walk *w, int depth, ft_str id, const ft_str *parents, size_t count) {
    const ft_lineage_kind *kind = kind_of(id);
    ft_str wanted = kind && *kind->parents ? ft_str_of(kind->parents) : (ft_str){ 0 };
    while (wanted.at) {
        ft_str choice = ft_str_cut(&wanted, ',');
        ft_lineage_step *step;
        if (has_kind(choice, parents, count)) continue;
        FT_TRY(step_add(&step, w, depth, choice));
        step->missing = true;
    }
    return FT_OK;
}

/* Recursion is as deep as the longest chain of nodes seen for the first time; WALK_STEPS_MAX small
 * frames would be too many, so the depth has its own limit. */
#define WALK_DEPTH_MAX 1000
static ft_err walk_from(walk *w, int depth, ft_str id) {
    ft_lineage_step *step;
    bool first;
    ft_str note = { 0 }, known = { 0 }, *parents;
    size_t count;
    if (depth > WALK_DEPTH_MAX)
        return FT_FAIL(FT_ETOOBIG, "the lineage is deeper than %d steps", WALK_DEPTH_MAX);
    FT_TRY(seen_add(&first, w, id));
    ft_err err =
        ft_db_one(w->s->db, w->arena, "select note, parents from lineage_node where id = ?", "s",
                  "ss", id, &note, &known);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    FT_TRY(step_add(&step, w, depth, id));
    step->note = note;
    step->repeated = !first;
    if (!first) return FT_OK;
    FT_TRY(ft_lineage_parents(&parents, &count, w->s, w->arena, id));
    size_t before = w->count;
    FT_TRY(removed_steps(w, depth + 1, known, parents, count));
    if (w->count == before) FT_TRY(missing_steps(w, depth + 1, id, parents, count));
    for (size_t i = 0; i < count; i++) FT_TRY(walk_from(w, depth + 1, parents[i]));
    return FT_OK;
}

static ft_err is_known(bool *out, ft_store *s, ft_str id) {
    int count = 0;
    FT_TRY(ft_db_one(s->db, NULL,
                     "select (select count(*) from lineage_node where id = ?1) + "
                     "(select count(*) from lineage_edge where child = ?1) + "
                     "(select count(*) from lineage_edge where parent = ?1)",
                     "s", "n", id, &count));
    *out = count > 0;
    return FT_OK;
}

/* The full id for what a person typed. */
static ft_err resolve(ft_str *out, ft_store *s, ft_arena *arena, ft_str id) {
    bool known = false;
    FT_TRY(ft_arena_str(out, arena, id));
    FT_TRY(is_known(&known, s, id));
    for (const ft_lineage_kind *k = ft_lineage_kinds; k->kind && !known; k++) {
        FT_TRY(ft_arena_printf(out, arena, "%s:%.*s", k->kind, FT_STR_ARG(id)));
        FT_TRY(is_known(&known, s, *out));
    }
    if (known) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND, "no lineage of '%.*s': expected kind:name, as in job:mnist-1",
                   FT_STR_ARG(id));
}

ft_err ft_lineage_walk(ft_lineage_step **out, size_t *count, ft_store *s, ft_arena *arena,
                       ft_str id) {
    walk w = { .s = s, .arena = arena };
    ft_str full;
    *out = NULL;
    *count = 0;
    FT_TRY(resolve(&full, s, arena, id));
    FT_TRY(walk_from(&w, 0, full));
    *out = w.steps;
    *count = w.count;
    return FT_OK;
}
