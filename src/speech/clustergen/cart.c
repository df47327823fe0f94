/* cart.c -- see cart.h. */
#include "speech/clustergen/cart.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"

#define FEATURES_MAX 1024                  /* a power of two; slt's and rms's trees know 110 */
#define TO_STATE     "R:mcep_link.parent." /* from a frame */
#define TO_SOUND     "R:segstate.parent."  /* from a state */

static ft_flite *const api = &ft_flite_api;

typedef struct feature {
    ft_str path; /* from the state on */
    ft_cart_scope scope;
    size_t member;  /* of ft_cart_frame */
    uint64_t asked; /* at which of its scope's things */
    cst_val *value; /* held; a frame's is `own` */
    float number;
    cst_val own;
} feature;

struct ft_cart {
    const cst_cart_node *nodes;
    const uint16_t *features; /* by the tree's own number of a feature */
};

struct ft_carts {
    ft_arena arena;
    feature features[FEATURES_MAX]; /* by the path's hash */
    size_t count;
    uint64_t now[FT_CART_SCOPES];
};

#define MEMBER(name, member) \
    { "lisp_cg_" name, offsetof(ft_cart_frame, member) }
static const struct {
    const char *name;
    size_t member;
} frame_features[] = {
    MEMBER("state_pos", state_pos),       MEMBER("state_place", state_place),
    MEMBER("state_index", state_index),   MEMBER("state_rindex", state_rindex),
    MEMBER("phone_place", phone_place),   MEMBER("phone_index", phone_index),
    MEMBER("phone_rindex", phone_rindex), MEMBER("position_in_phrasep", position_in_phrase),
};

/* ---- making trees known */

ft_err ft_carts_new(ft_carts **out) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    if (!*out) return FT_FAIL(FT_ENOMEM, "no memory for the trees of a voice");
    (*out)->arena = (ft_arena)FT_ARENA_INIT((size_t)16 << 20);
    for (int i = 0; i < FT_CART_SCOPES; i++) (*out)->now[i] = 1;
    return FT_OK;
}

static void release(feature *f) {
    if (f->value && f->value != &f->own) api->delete_val(f->value);
    f->value = NULL;
}

void ft_carts_free(ft_carts *c) {
    if (!c) return;
    for (size_t i = 0; i < FEATURES_MAX; i++) release(&c->features[i]);
    ft_arena_fini(&c->arena);
    free(c);
}

static feature feature_of(ft_str path) {
    feature f = { .path = path, .scope = FT_CART_STATE };
    for (size_t i = 0; i < FT_COUNT(frame_features); i++)
        if (ft_str_is(path, frame_features[i].name)) {
            f.scope = FT_CART_FRAME;
            f.member = frame_features[i].member;
        }
    if (ft_str_starts(path, FT_STR(TO_STATE))) f.path = ft_str_from(path, strlen(TO_STATE));
    if (ft_str_starts(f.path, FT_STR(TO_SOUND))) f.scope = FT_CART_SOUND;
    return f;
}

static ft_err feature_find(uint16_t *out, ft_carts *c, const char *path) {
    feature f = feature_of(ft_str_of(path));
    size_t at = ft_hash64(f.path, 0) % FEATURES_MAX;
    while (c->features[at].path.len && !ft_str_eq(c->features[at].path, f.path))
        at = (at + 1) % FEATURES_MAX;
    *out = (uint16_t)at;
    if (c->features[at].path.len) return FT_OK;
    if (++c->count == FEATURES_MAX)
        return FT_FAIL(FT_EUNSUPPORTED, "the voice's trees ask for more than %d features",
                       FEATURES_MAX - 1);
    c->features[at] = f;
    return FT_OK;
}

static bool understood(const cst_cart_node *n) {
    return n->op == CST_CART_OP_LEAF || n->op == CST_CART_OP_IS || n->op == CST_CART_OP_LESS ||
           n->op == CST_CART_OP_GREATER || n->op == CST_CART_OP_IN;
}

ft_err ft_cart_add(const ft_cart **out, ft_carts *c, const cst_cart *tree) {
    ft_cart *t;
    uint16_t *features;
    size_t count = 0;
    *out = NULL;
    for (const cst_cart_node *n = tree->rule_table; n->val; n++)
        if (!understood(n)) return FT_FAIL(FT_EUNSUPPORTED, "a tree asks by operation %d", n->op);
    while (tree->feat_table[count]) count++;
    FT_TRY(ft_arena_items(&t, &c->arena, 1));
    FT_TRY(ft_arena_items(&features, &c->arena, count + 1));
    for (size_t i = 0; i < count; i++) FT_TRY(feature_find(&features[i], c, tree->feat_table[i]));
    *t = (ft_cart){ tree->rule_table, features };
    *out = t;
    return FT_OK;
}

/* ---- asking */

void ft_carts_next(ft_carts *c, ft_cart_scope scope) {
    for (int i = 0; i <= (int)scope; i++) c->now[i]++;
}

static float number_of(const cst_val *v) {
    if (CST_VAL_TYPE(v) == CST_VAL_TYPE_FLOAT) return (float)CST_VAL_FLOAT(v);
    return api->val_float(v);
}

static void answer_frame(feature *f, const ft_cart_frame *frame) {
    const char *at = (const char *)frame + f->member;
    f->own.c.a.ref_count = -1;
    if (f->member == offsetof(ft_cart_frame, state_pos)) {
        f->own.c.a.type = CST_VAL_TYPE_STRING;
        memcpy(&f->own.c.a.v.vval, at, sizeof(char *));
    } else {
        memcpy(&f->number, at, sizeof f->number);
        f->own.c.a.type = CST_VAL_TYPE_FLOAT;
        f->own.c.a.v.fval = (double)f->number;
    }
    f->value = &f->own;
}

/* A value without an owner lives as long as it is held here. */
static void answer_item(feature *f, const cst_item *state) {
    const cst_val *v = api->ffeature(state, f->path.at);
    release(f);
    f->value = api->val_inc_refcount(v);
    if (CST_VAL_TYPE(v) < CST_VAL_TYPE_FIRST_FREE) f->number = number_of(v);
}

static bool same(const cst_val *a, const cst_val *b) {
    if (CST_VAL_TYPE(a) == CST_VAL_TYPE_STRING && CST_VAL_TYPE(b) == CST_VAL_TYPE_STRING)
        return strcmp(CST_VAL_STRING(a), CST_VAL_STRING(b)) == 0;
    return api->val_equal(a, b);
}

const cst_val *ft_cart_ask(ft_carts *c, const ft_cart *tree, const cst_item *state,
                           const ft_cart_frame *frame) {
    const cst_cart_node *n = tree->nodes;
    while (n->op != CST_CART_OP_LEAF) {
        feature *f = &c->features[tree->features[n->feat]];
        if (f->asked != c->now[f->scope]) {
            f->asked = c->now[f->scope];
            if (f->scope == FT_CART_FRAME)
                answer_frame(f, frame);
            else
                answer_item(f, state);
        }
        bool yes = n->op == CST_CART_OP_LESS      ? f->number < number_of(n->val)
                   : n->op == CST_CART_OP_IS      ? same(f->value, n->val)
                   : n->op == CST_CART_OP_GREATER ? f->number > number_of(n->val)
                                                  : api->val_member(f->value, n->val);
        n = yes ? n + 1 : tree->nodes + n->no_node;
    }
    return n->val;
}
