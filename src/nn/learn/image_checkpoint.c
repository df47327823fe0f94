/* image_checkpoint.c -- what a killed run goes on from: weights, running statistics, the
 * optimiser's averages, and where it stands, in one safetensors file that is replaced in one step.
 *
 * A resumed run at the same number of threads gives the bits of an uninterrupted one: the order of
 * pictures, their augmentation and what Dropout drops follow from seed, epoch and step alone. */
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "nn/learn/image_run.h"

#define CHECKPOINT_NAME "image.safetensors"
#define FACTS           "fettle.run"

/* ---- whose checkpoint */

static bool matters(const char *name) {
    static const char *const not_these[] = { "threads", "checkpoint_steps", "save_interval" };
    for (size_t i = 0; i < FT_COUNT(not_these); i++)
        if (strcmp(name, not_these[i]) == 0) return false;
    return true;
}

ft_err ft_image_fingerprint(ft_image_run *r) {
    ft_buf b = { 0 };
    ft_buf_printf(&b, "data=%llx\nworld=%d\n", (unsigned long long)r->train->print, r->ranks.world);
    for (const ft_param *row = ft_params_table(r->params); row->name; row++)
        if (matters(row->name))
            ft_buf_printf(&b, "%s=%.*s\n", row->name,
                          FT_STR_ARG(ft_params_str(r->params, row->name)));
    ft_err err = b.err;
    if (err == FT_OK) err = ft_sha256_hex(r->fingerprint, ft_buf_str(&b));
    ft_buf_fini(&b);
    return err;
}

/* ---- where it stands */

typedef struct fact {
    const char *name;
    int64_t *whole;
    double *number;
} fact;

#define FACTS_MAX 16
static int facts_of(fact to[FACTS_MAX], ft_image_run *r) {
    fact all[] = { { "epoch", &r->epoch, NULL },
                   { "step", &r->step, NULL },
                   { "optimiser_steps", ft_nn_optimiser_steps(ft_nn_trainer_optimiser(r->trainer)),
                     NULL },
                   { "best_epoch", &r->best_epoch, NULL },
                   { "best", NULL, &r->best },
                   { "sum_loss", NULL, &r->sum_loss },
                   { "sum_right", &r->sum_right, NULL },
                   { "sum_seen", &r->sum_seen, NULL },
                   { "sum_steps", &r->sum_steps, NULL },
                   { "validation_loss", NULL, &r->last.loss },
                   { "validation_accuracy", NULL, &r->last.accuracy },
                   { "validation_count", &r->last.count, NULL } };
    memcpy(to, all, sizeof all);
    return (int)FT_COUNT(all);
}

static ft_err facts_write(ft_buf *b, ft_image_run *r, bool mid) {
    fact facts[FACTS_MAX];
    ft_json_out w;
    ft_json_out_init(&w, b, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "run"), ft_json_out_text(&w, r->fingerprint);
    ft_json_out_name(&w, "arch"), ft_json_out_text(&w, r->arch->name);
    for (int i = 0, n = facts_of(facts, r); i < n; i++) {
        ft_json_out_name(&w, facts[i].name);
        if (facts[i].whole)
            ft_json_out_i64(&w, *facts[i].whole);
        else
            ft_json_out_f64(&w, *facts[i].number);
    }
    if (mid) { /* in the middle of an epoch */
        ft_buf state = { 0 };
        ft_err err = ft_loader_state(&state, r->loader);
        ft_json_out_name(&w, "loader"), ft_json_out_str(&w, ft_buf_str(&state));
        ft_buf_fini(&state);
        FT_TRY(err);
    }
    ft_json_out_close(&w);
    return b->err;
}

static ft_err facts_read(ft_image_run *r, ft_str text, const char *path) {
    fact facts[FACTS_MAX];
    ft_str name, run = { 0 }, arch = { 0 };
    ft_json j;
    int n = facts_of(facts, r), found = 0;
    ft_json_init(&j, text, &r->arena, &(ft_json_opts){ .name = path });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        int i = 0;
        while (i < n && !ft_str_is(name, facts[i].name)) i++;
        if (i < n && facts[i].whole)
            FT_TRY(ft_json_i64(&j, facts[i].whole));
        else if (i < n)
            FT_TRY(ft_json_f64(&j, facts[i].number));
        else if (ft_str_is(name, "run"))
            FT_TRY(ft_json_string(&j, &run));
        else if (ft_str_is(name, "arch"))
            FT_TRY(ft_json_string(&j, &arch));
        else if (ft_str_is(name, "loader"))
            FT_TRY(ft_json_string(&j, &r->loader_state));
        else
            FT_TRY(ft_json_skip(&j, NULL));
        found += i < n;
    }
    FT_TRY(ft_json_end(&j));
    if (!ft_str_is(arch, r->arch->name))
        return FT_FAIL(FT_ECONFLICT,
                       "%s: a checkpoint of a %.*s, not of a %s; remove it to start "
                       "anew",
                       path, FT_STR_ARG(arch), r->arch->name);
    if (!ft_str_is(run, r->fingerprint))
        return FT_FAIL(FT_ECONFLICT,
                       "%s: a checkpoint of other data or parameters; remove it to start anew",
                       path);
    return found == n ? FT_OK : FT_FAIL(FT_ECORRUPT, "%s: does not say where it stands", path);
}

/* ---- tensors: the graph's, the optimiser's, the best ones so far */

static ft_err list_make(ft_nn_named **out, size_t *count, ft_image_run *r, ft_arena *arena) {
    ft_nn_named *graph, *list;
    size_t graph_count, learnt;
    int64_t total;
    const char *name;
    float *at;
    ft_nn_gradient *g = ft_nn_trainer_gradient(r->trainer);
    FT_TRY(ft_image_named(&graph, &graph_count, r, arena));
    FT_TRY(ft_arena_items(&list, arena, 2 * graph_count + 3));
    memcpy(list, graph, graph_count * sizeof *list);
    *count = graph_count;
    ft_nn_gradient_learnt(g, &learnt, NULL, &total);
    for (int k = 0; ft_nn_optimiser_slot(ft_nn_trainer_optimiser(r->trainer), k, &name, &at); k++) {
        ft_nn_named *t = &list[(*count)++];
        t->value = (ft_array){ .dtype = FT_F32, .ndim = 1, .shape = { total }, .data = at };
        FT_TRY(ft_arena_printf(&t->name, arena, "optimiser/%s", name));
    }
    for (size_t i = 0; r->best_weights && i < graph_count; i++) {
        list[*count] = r->best_weights[i];
        FT_TRY(ft_arena_printf(&list[*count].name, arena, "best/%.*s",
                               FT_STR_ARG(r->best_weights[i].name)));
        (*count)++;
    }
    *out = list;
    return FT_OK;
}

ft_err ft_image_checkpoint_write(ft_image_run *r) {
    ft_nn_named *list;
    size_t count;
    const char *path;
    ft_buf facts = { 0 };
    ft_arena scratch = FT_ARENA_INIT(0);
    ft_err err;
    if (!r->args->checkpoint_dir || !ft_image_first(r)) return FT_OK;
    FT_GOTO(err, list_make(&list, &count, r, &scratch));
    FT_GOTO(err, facts_write(&facts, r, r->sum_steps > 0));
    list[count++] = (ft_nn_named){
        FT_STR(FACTS),
        { .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)facts.len }, .data = facts.at }
    };
    FT_GOTO(err, ft_path_join(&path, &scratch, r->args->checkpoint_dir, CHECKPOINT_NAME));
    FT_GOTO(err, ft_nn_weights_write(path, list, count));
done:
    ft_buf_fini(&facts);
    ft_arena_fini(&scratch);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "checkpoint of step %lld", (long long)r->step);
}

/* ---- resume */

static ft_err tensors_take(ft_image_run *r, const ft_nn_weights *w, const char *path) {
    ft_nn_named *list;
    size_t count;
    FT_TRY(list_make(&list, &count, r, &r->arena));
    for (size_t i = 0; i < count; i++) {
        const ft_array *a = ft_nn_weights_find(w, list[i].name);
        size_t bytes = ft_array_bytes(&list[i].value);
        if (!a || a->dtype != list[i].value.dtype || ft_array_bytes(a) != bytes)
            return FT_FAIL(FT_ECORRUPT, "%s: no '%.*s' of the right size in it", path,
                           FT_STR_ARG(list[i].name));
        memcpy(list[i].value.data, a->data, bytes);
    }
    return FT_OK;
}

static ft_err resume_from(ft_image_run *r, const ft_nn_weights *w, const char *path) {
    const ft_array *facts = ft_nn_weights_find(w, FT_STR(FACTS));
    ft_str text;
    if (!facts || facts->dtype != FT_U8)
        return FT_FAIL(FT_ECORRUPT, "%s: is no checkpoint of this algorithm", path);
    FT_TRY(ft_arena_str(&text, &r->arena, ft_str_n(facts->data, (size_t)ft_array_count(facts))));
    FT_TRY(facts_read(r, text, path)); /* epoch and step: then the phase's trainer is made */
    int64_t steps = *ft_nn_optimiser_steps(ft_nn_trainer_optimiser(r->trainer));
    FT_TRY(ft_image_phase(r));
    *ft_nn_optimiser_steps(ft_nn_trainer_optimiser(r->trainer)) = steps;
    return tensors_take(r, w, path);
}

/* Every rank stands where the first one does. */
static ft_err ranks_agree(ft_image_run *r) {
    ft_nn_named *list;
    size_t count;
    int64_t place[3] = { r->epoch, r->step,
                         *ft_nn_optimiser_steps(ft_nn_trainer_optimiser(r->trainer)) };
    char state[4096] = "";
    if (r->ranks.world < 2) return FT_OK;
    if (r->loader_state.len >= sizeof state) return FT_FAIL(FT_ETOOBIG, "the loader's state");
    if (r->loader_state.len) memcpy(state, r->loader_state.at, r->loader_state.len);
    FT_TRY(ft_nn_ranks_share(&r->ranks, place, sizeof place));
    FT_TRY(ft_nn_ranks_share(&r->ranks, state, sizeof state));
    r->epoch = place[0];
    r->step = place[1];
    if (!ft_image_first(r)) FT_TRY(ft_image_phase(r));
    *ft_nn_optimiser_steps(ft_nn_trainer_optimiser(r->trainer)) = place[2];
    FT_TRY(ft_arena_str(&r->loader_state, &r->arena, ft_str_of(state)));
    FT_TRY(list_make(&list, &count, r, &r->arena));
    for (size_t i = 0; i < count; i++)
        FT_TRY(ft_nn_ranks_share(&r->ranks, list[i].value.data,
                                 (int64_t)ft_array_bytes(&list[i].value)));
    return FT_OK;
}

ft_err ft_image_checkpoint_resume(ft_image_run *r) {
    const char *path;
    ft_nn_weights *w = NULL;
    if (r->args->checkpoint_dir && ft_image_first(r)) {
        FT_TRY(ft_path_join(&path, &r->arena, r->args->checkpoint_dir, CHECKPOINT_NAME));
        if (ft_file_exists(path)) {
            FT_TRY(ft_nn_weights_read(&w, path));
            ft_err err = resume_from(r, w, path);
            ft_nn_weights_free(w);
            FT_TRY(err);
        }
    }
    return ranks_agree(r);
}
