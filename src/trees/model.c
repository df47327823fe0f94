/* model.c -- see model.h. The members of a model come in any order, so everything is read first and
 * put together at the end. */
#include "trees/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "trees/model_in.h"

/* A model in the making. */
typedef struct reading {
    const char *name;
    ft_doc doc;
    ft_forest *forest;
    ft_str booster, objective;
    bool has_base_score;
    int64_t feature_count, class_count, target_count, parallel_trees, tree_count;
    ft_model_column groups, weights, linear; /* tree_info, weight_drop, gblinear's weights */
    int64_t linear_rounds;
    ft_raw_tree raw;
    ft_tree *trees; /* malloc'd, by position in the file */
    int64_t *ids;
    size_t count, capacity;
    ft_str *names;
    size_t name_count, name_capacity;
} reading;

/* ---- the small objects */

static ft_err read_text_f32(ft_doc *d, float *out) {
    ft_str text;
    ft_json_kind kind = FT_JSON_STRING;
    if (!d->is_ubj) FT_TRY(ft_json_peek(&d->json, &kind));
    if (kind == FT_JSON_NUMBER) return ft_doc_f32(d, out);
    FT_TRY(ft_doc_string(d, &text));
    if (!ft_str_f32(out, text))
        return FT_FAIL(FT_EPARSE, "%s: base_score: expected a number, found \"%.*s\"", d->name,
                       FT_STR_ARG(text));
    return FT_OK;
}

static ft_err read_model_param(reading *r) {
    ft_str name;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "base_score")) {
            FT_TRY(read_text_f32(&r->doc, &r->forest->base_score));
            r->has_base_score = true;
        } else if (ft_str_is(name, "num_feature")) {
            FT_TRY(ft_doc_text_i64(&r->doc, &r->feature_count));
        } else if (ft_str_is(name, "num_class")) {
            FT_TRY(ft_doc_text_i64(&r->doc, &r->class_count));
        } else if (ft_str_is(name, "num_target")) {
            FT_TRY(ft_doc_text_i64(&r->doc, &r->target_count));
        } else {
            FT_TRY(ft_doc_skip(&r->doc));
        }
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_attributes(reading *r) {
    ft_str name, text;
    int64_t v;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        bool iteration = ft_str_is(name, "best_iteration"), score = ft_str_is(name, "best_score");
        if (!iteration && !score) {
            FT_TRY(ft_doc_skip(&r->doc));
            continue;
        }
        FT_TRY(ft_doc_string(&r->doc, &text));
        if (iteration) {
            if (!ft_str_i64(&v, text) || v < 0)
                return FT_FAIL(FT_EPARSE,
                               "%s: attributes.best_iteration: expected a round, found \"%.*s\"",
                               r->name, FT_STR_ARG(text));
            r->forest->best_iteration = v;
        } else if (!ft_str_f64(&r->forest->best_score, text)) {
            r->forest->best_score = NAN; /* only said, never used */
        }
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_objective(reading *r) {
    ft_str name;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "name"))
            FT_TRY(ft_doc_string(&r->doc, &r->objective));
        else
            FT_TRY(ft_doc_skip(&r->doc));
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_names(reading *r) {
    ft_str text;
    FT_TRY(ft_doc_enter_array(&r->doc));
    while (ft_doc_next_item(&r->doc)) {
        FT_TRY(ft_doc_string(&r->doc, &text));
        if (r->name_count == r->name_capacity) {
            size_t capacity = r->name_capacity ? r->name_capacity * 2 : 64;
            ft_str *at = ft_fault_here() ? NULL : realloc(r->names, capacity * sizeof *at);
            if (!at) return FT_FAIL(FT_ENOMEM, "no memory for %zu feature names", capacity);
            r->names = at;
            r->name_capacity = capacity;
        }
        FT_TRY(ft_arena_str(&r->names[r->name_count++], &r->forest->arena, text));
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_version(reading *r) {
    int64_t v;
    size_t i = 0;
    FT_TRY(ft_doc_enter_array(&r->doc));
    while (ft_doc_next_item(&r->doc)) {
        FT_TRY(ft_doc_i64(&r->doc, &v));
        if (i < 3 && v >= 0 && v < 1000000) r->forest->version[i] = (int)v;
        i++;
    }
    return ft_doc_ok(&r->doc);
}

/* ---- the booster */

static ft_err room_for_tree(reading *r) {
    if (r->count == FT_FOREST_TREES_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s: more than %zu trees", r->name, FT_FOREST_TREES_MAX);
    if (r->count < r->capacity) return FT_OK;
    size_t capacity = r->capacity ? r->capacity * 2 : 128;
    ft_tree *trees = ft_fault_here() ? NULL : realloc(r->trees, capacity * sizeof *trees);
    if (!trees) return FT_FAIL(FT_ENOMEM, "no memory for %zu trees", capacity);
    r->trees = trees;
    int64_t *ids = ft_fault_here() ? NULL : realloc(r->ids, capacity * sizeof *ids);
    if (!ids) return FT_FAIL(FT_ENOMEM, "no memory for %zu trees", capacity);
    r->ids = ids;
    r->capacity = capacity;
    return FT_OK;
}

/* Trees are laid out as they come; num_feature is not known yet, so its bound is the format's. */
static ft_err read_trees(reading *r) {
    FT_TRY(ft_doc_enter_array(&r->doc));
    while (ft_doc_next_item(&r->doc)) {
        FT_TRY(room_for_tree(r));
        r->raw.name = r->name;
        r->raw.number = r->count;
        FT_TRY(ft_raw_tree_read(&r->raw, &r->doc));
        FT_TRY(ft_raw_tree_build(&r->trees[r->count], &r->raw, FT_FOREST_FEATURES_MAX,
                                 &r->forest->arena));
        r->ids[r->count] = r->raw.id < 0 ? (int64_t)r->count : r->raw.id;
        r->count++;
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_gbtree_param(reading *r) {
    ft_str name;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "num_trees"))
            FT_TRY(ft_doc_text_i64(&r->doc, &r->tree_count));
        else if (ft_str_is(name, "num_parallel_tree"))
            FT_TRY(ft_doc_text_i64(&r->doc, &r->parallel_trees));
        else
            FT_TRY(ft_doc_skip(&r->doc));
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_booster_model(reading *r) {
    ft_str name;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "gbtree_model_param"))
            FT_TRY(read_gbtree_param(r));
        else if (ft_str_is(name, "tree_info"))
            FT_TRY(ft_column_read(&r->groups, &r->doc, false, FT_FOREST_TREES_MAX));
        else if (ft_str_is(name, "trees"))
            FT_TRY(read_trees(r));
        else if (ft_str_is(name, "weights"))
            FT_TRY(ft_column_read(&r->linear, &r->doc, true, FT_FOREST_FEATURES_MAX));
        else if (ft_str_is(name, "boosted_rounds"))
            FT_TRY(ft_doc_i64(&r->doc, &r->linear_rounds));
        else
            FT_TRY(ft_doc_skip(&r->doc));
    }
    return ft_doc_ok(&r->doc);
}

/* gbtree: {name, model}; dart: {name, gbtree: {name, model}, weight_drop}; gblinear: {name, model}.
 * The outer name says which; `inner` is dart's own gbtree. */
static ft_err read_booster(reading *r, bool inner) {
    ft_str name, text;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "name")) {
            FT_TRY(ft_doc_string(&r->doc, &text));
            if (!inner) r->booster = text;
        } else if (ft_str_is(name, "model")) {
            FT_TRY(read_booster_model(r));
        } else if (ft_str_is(name, "gbtree") && !inner) {
            FT_TRY(read_booster(r, true));
        } else if (ft_str_is(name, "weight_drop")) {
            FT_TRY(ft_column_read(&r->weights, &r->doc, true, FT_FOREST_TREES_MAX));
        } else {
            FT_TRY(ft_doc_skip(&r->doc));
        }
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_learner(reading *r) {
    ft_str name;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "attributes"))
            FT_TRY(read_attributes(r));
        else if (ft_str_is(name, "feature_names"))
            FT_TRY(read_names(r));
        else if (ft_str_is(name, "gradient_booster"))
            FT_TRY(read_booster(r, false));
        else if (ft_str_is(name, "learner_model_param"))
            FT_TRY(read_model_param(r));
        else if (ft_str_is(name, "objective"))
            FT_TRY(read_objective(r));
        else
            FT_TRY(ft_doc_skip(&r->doc));
    }
    return ft_doc_ok(&r->doc);
}

static ft_err read_document(reading *r) {
    bool has_learner = false;
    ft_str name;
    FT_TRY(ft_doc_enter_object(&r->doc));
    while (ft_doc_next_member(&r->doc, &name)) {
        if (ft_str_is(name, "learner")) {
            FT_TRY(read_learner(r));
            has_learner = true;
        } else if (ft_str_is(name, "version")) {
            FT_TRY(read_version(r));
        } else {
            FT_TRY(ft_doc_skip(&r->doc));
        }
    }
    FT_TRY(ft_doc_end(&r->doc));
    if (!has_learner)
        return FT_FAIL(FT_EPARSE, "%s: not an XGBoost model: \"learner\" is missing", r->name);
    return FT_OK;
}

/* ---- putting together */

static ft_err check_counts(reading *r) {
    static const struct {
        const char *name;
        size_t offset;
        int64_t min, max;
    } limits[] = {
        { "num_feature", offsetof(reading, feature_count), 1, FT_FOREST_FEATURES_MAX },
        { "num_class", offsetof(reading, class_count), 0, FT_FOREST_GROUPS_MAX },
        { "num_target", offsetof(reading, target_count), 0, FT_FOREST_GROUPS_MAX },
        { "num_parallel_tree", offsetof(reading, parallel_trees), 1, FT_FOREST_TREES_MAX },
    };
    for (size_t i = 0; i < FT_COUNT(limits); i++) {
        int64_t v = *(const int64_t *)((const char *)r + limits[i].offset);
        if (v < limits[i].min || v > limits[i].max)
            return FT_FAIL(FT_EPARSE, "%s: %s: expected %lld to %lld, found %lld", r->name,
                           limits[i].name, (long long)limits[i].min, (long long)limits[i].max,
                           (long long)v);
    }
    return FT_OK;
}

static ft_err set_objective(reading *r) {
    ft_forest *f = r->forest;
    f->objective = ft_objective_find(r->objective);
    if (!f->objective)
        return r->objective.at
                   ? FT_FAIL(FT_EUNSUPPORTED, "%s: objective \"%.*s\" is not known here", r->name,
                             FT_STR_ARG(r->objective))
                   : FT_FAIL(FT_EPARSE, "%s: learner.objective.name is missing", r->name);
    if (!r->has_base_score)
        return FT_FAIL(FT_EPARSE, "%s: learner_model_param.base_score is missing", r->name);
    ft_err err = ft_objective_margin(&f->base_margin, f->objective, f->base_score);
    return err ? ft_err_prefix(err, "%s", r->name) : FT_OK;
}

static ft_err check_features(const reading *r, const ft_tree *t, size_t number) {
    for (size_t i = 0; i < t->node_count; i++)
        if (t->nodes[i].left && t->nodes[i].feature >= (uint64_t)r->feature_count)
            return FT_FAIL(FT_EPARSE,
                           "%s: tree %zu: split_indices: %u is outside the model's %lld features",
                           r->name, number, t->nodes[i].feature, (long long)r->feature_count);
    return FT_OK;
}

static ft_err check_tree_lists(const reading *r) {
    if (r->tree_count >= 0 && (uint64_t)r->tree_count != r->count)
        return FT_FAIL(FT_EPARSE, "%s: num_trees says %lld, there are %zu trees", r->name,
                       (long long)r->tree_count, r->count);
    if (r->groups.count != r->count)
        return FT_FAIL(FT_EPARSE, "%s: tree_info has %zu values for %zu trees", r->name,
                       r->groups.count, r->count);
    if (r->forest->booster == FT_BOOSTER_DART && r->weights.count != r->count)
        return FT_FAIL(FT_EPARSE, "%s: weight_drop has %zu values for %zu trees", r->name,
                       r->weights.count, r->count);
    return FT_OK;
}

static ft_err place_tree(const reading *r, ft_tree *trees, size_t i) {
    int64_t id = r->ids[i];
    if (id < 0 || (uint64_t)id >= r->count || trees[id].nodes)
        return FT_FAIL(FT_EPARSE, "%s: tree %zu: id %lld is taken or outside the %zu trees",
                       r->name, i, (long long)id, r->count);
    FT_TRY(check_features(r, &r->trees[i], i));
    double group = r->groups.at[id];
    if (group < 0 || group >= (double)r->forest->group_count)
        return FT_FAIL(FT_EPARSE, "%s: tree_info[%lld]: %.0f is outside the model's %zu outputs",
                       r->name, (long long)id, group, r->forest->group_count);
    trees[id] = r->trees[i];
    trees[id].group = (uint32_t)group;
    if (r->forest->booster == FT_BOOSTER_DART) trees[id].weight = (float)r->weights.at[id];
    if (!isfinite(trees[id].weight))
        return FT_FAIL(FT_EPARSE, "%s: weight_drop[%lld] is not a finite number", r->name,
                       (long long)id);
    return FT_OK;
}

static ft_err set_trees(reading *r) {
    ft_forest *f = r->forest;
    ft_tree *trees;
    FT_TRY(check_tree_lists(r));
    FT_TRY(ft_arena_items(&trees, &f->arena, r->count + 1));
    for (size_t i = 0; i < r->count; i++) FT_TRY(place_tree(r, trees, i));
    f->trees = trees;
    f->tree_count = r->count;
    f->parallel_trees = (size_t)r->parallel_trees;
    f->round_count = r->count / (f->group_count * f->parallel_trees);
    return FT_OK;
}

static ft_err set_linear(reading *r) {
    ft_forest *f = r->forest;
    float *linear;
    if (r->linear.count != (f->feature_count + 1) * f->group_count)
        return FT_FAIL(FT_EPARSE, "%s: weights has %zu values, expected (%zu + 1) x %zu", r->name,
                       r->linear.count, f->feature_count, f->group_count);
    FT_TRY(ft_arena_items(&linear, &f->arena, r->linear.count));
    for (size_t i = 0; i < r->linear.count; i++) {
        linear[i] = (float)r->linear.at[i];
        if (!isfinite(linear[i]))
            return FT_FAIL(FT_EPARSE, "%s: weights[%zu] is not a finite number", r->name, i);
    }
    f->linear = linear;
    f->round_count = r->linear_rounds > 0 ? (size_t)r->linear_rounds : 0;
    return FT_OK;
}

static ft_err set_booster(reading *r) {
    static const struct {
        const char *name;
        ft_booster booster;
    } boosters[] = { { "gbtree", FT_BOOSTER_GBTREE },
                     { "dart", FT_BOOSTER_DART },
                     { "gblinear", FT_BOOSTER_GBLINEAR } };
    for (size_t i = 0; i < FT_COUNT(boosters); i++)
        if (ft_str_is(r->booster, boosters[i].name)) r->forest->booster = boosters[i].booster;
    if (!r->forest->booster)
        return r->booster.at
                   ? FT_FAIL(FT_EUNSUPPORTED,
                             "%s: booster \"%.*s\": known are gbtree, dart and gblinear", r->name,
                             FT_STR_ARG(r->booster))
                   : FT_FAIL(FT_EPARSE, "%s: learner.gradient_booster.name is missing", r->name);
    return FT_OK;
}

static ft_err put_together(reading *r) {
    ft_forest *f = r->forest;
    FT_TRY(check_counts(r));
    FT_TRY(set_booster(r));
    FT_TRY(set_objective(r));
    f->feature_count = (size_t)r->feature_count;
    f->class_count = (size_t)r->class_count;
    f->group_count = 1;
    if (r->class_count > 1) f->group_count = (size_t)r->class_count;
    if (r->target_count > (int64_t)f->group_count) f->group_count = (size_t)r->target_count;
    if (f->objective->task == FT_TASK_MULTICLASS && f->class_count < 1)
        return FT_FAIL(FT_EPARSE, "%s: num_class is 0 with objective %s", r->name,
                       f->objective->name);
    if (r->name_count > 0 && r->name_count != f->feature_count)
        return FT_FAIL(FT_EPARSE, "%s: feature_names has %zu names, num_feature says %zu", r->name,
                       r->name_count, f->feature_count);
    if (r->name_count > 0) {
        ft_str *names;
        FT_TRY(ft_arena_items(&names, &f->arena, r->name_count));
        memcpy(names, r->names, r->name_count * sizeof *names);
        f->names = names;
        f->name_count = r->name_count;
    }
    FT_TRY(f->booster == FT_BOOSTER_GBLINEAR ? set_linear(r) : set_trees(r));
    if (!f->linear && f->best_iteration >= (int64_t)f->round_count)
        return FT_FAIL(FT_EPARSE, "%s: attributes.best_iteration is %lld, there are %zu rounds",
                       r->name, (long long)f->best_iteration, f->round_count);
    return FT_OK;
}

static void reading_fini(reading *r) {
    ft_raw_tree_fini(&r->raw);
    free(r->groups.at);
    free(r->weights.at);
    free(r->linear.at);
    free(r->trees);
    free(r->ids);
    free(r->names);
}

/* ---- exported */

ft_err ft_forest_read(ft_forest **out, ft_str bytes, const char *name) {
    FT_CHECK(out && name);
    *out = NULL;
    if (bytes.len > FT_FOREST_BYTES_MAX)
        return FT_FAIL(FT_ETOOBIG, "%s: %zu bytes, the limit for a model is %zu", name, bytes.len,
                       FT_FOREST_BYTES_MAX);
    ft_forest *f = ft_fault_here() ? NULL : calloc(1, sizeof *f);
    if (!f) return FT_FAIL(FT_ENOMEM, "no memory for a model");
    f->arena = (ft_arena)FT_ARENA_INIT((size_t)16 << 30);
    f->best_iteration = -1;
    f->best_score = NAN;
    ft_err err = FT_OK;
    ft_arena scratch = FT_ARENA_INIT(0); /* texts with escapes */
    reading r = { .name = name, .forest = f, .tree_count = -1, .parallel_trees = 1 };
    FT_GOTO(err, ft_doc_open(&r.doc, bytes, name, &scratch));
    FT_GOTO(err, read_document(&r));
    FT_GOTO(err, put_together(&r));
    *out = f;
    f = NULL;
done:
    reading_fini(&r);
    ft_arena_fini(&scratch);
    ft_forest_free(f);
    return err;
}

void ft_forest_free(ft_forest *f) {
    if (!f) return;
    ft_arena arena = f->arena;
    free(f);
    ft_arena_fini(&arena);
}

size_t ft_forest_best_rounds(const ft_forest *f) {
    return f->best_iteration >= 0 ? (size_t)f->best_iteration + 1 : f->round_count;
}

size_t ft_forest_trees_of(const ft_forest *f, size_t rounds) {
    if (rounds >= f->round_count) return f->tree_count;
    return rounds * f->group_count * f->parallel_trees;
}

bool ft_node_category_left(const ft_tree *t, const ft_node *n, float value) {
    if (!(value >= 0 && value < (float)((1 << 24) - 1))) return true; /* not a category */
    uint32_t c = (uint32_t)value;
    if (c / 32 >= n->cat_words) return true;
    return !(t->cat_bits[n->cat_at + c / 32] >> (c % 32) & 1);
}

uint32_t ft_tree_leaf(const ft_tree *t, const float *row) {
    uint32_t at = 0;
    while (t->nodes[at].left) {
        const ft_node *n = &t->nodes[at];
        float x = row[n->feature];
        bool left = x != x           ? n->default_left
                    : n->is_category ? ft_node_category_left(t, n, x)
                                     : x < n->value;
        at = n->left + !left;
    }
    return at;
}
