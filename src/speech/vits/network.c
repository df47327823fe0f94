/* network.c -- see network.h: the two parts of a voice's graph, and running them. */
#include "speech/vits/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/import/onnx.h"
#include "nn/part.h"
#include "nn/session.h"
#include "speech/vits/network_in.h"

#define INPUTS_MAX      4
#define OUTPUTS_MAX     (2 + FT_VITS_SIDES_MAX)
#define STEP_FRAMES     128               /* new ones a window: 1.5 s of a Piper voice */
#define FRONT_BYTES_MAX ((size_t)1 << 30) /* of one run */
#define WHOLE_BYTES_MAX ((size_t)3 << 30) /* where the graph is not cut */
#define SEED            0x66657474u       /* of the noise: the same text, the same bits */
#define FRAMES_MAX      (FT_VITS_SECONDS_MAX * 400.0)

typedef enum input { /* what an input of the graph is given */
                     INPUT_IDS,
                     INPUT_LENGTHS,
                     INPUT_SCALES,
                     INPUT_SPEAKER
} input;
static const char *const input_names[] = { "input", "input_lengths", "scales", "sid" };

struct ft_vits_network {
    const ft_vits_config *config;
    ft_nn_graph *graph;        /* whole, when it is cut: its weights are shared */
    ft_nn_model *front, *back; /* back NULL: not cut */
    ft_vits_cut cut;
    input inputs[INPUTS_MAX];
    int input_count;
};

struct ft_vits_run {
    ft_vits_network *network;
    ft_nn_session *front, *back;
    ft_arena thought; /* the latent line and its sides, until the next text */
    ft_arena window;
    ft_array latent, sides[FT_VITS_SIDES_MAX];
    float *whole;         /* of a graph that is not cut */
    int64_t frames, next; /* of the latent line; the first frame that is not heard yet */
    size_t samples, given;
};

/* ---- is it a voice? */

static ft_err refuse_inputs(const ft_nn_graph *g, const char *path) {
    ft_buf names = { 0 };
    for (int i = 0; i < g->input_count; i++)
        ft_buf_printf(&names, "%s%.*s", i ? ", " : "", FT_STR_ARG(g->values[g->inputs[i]].name));
    ft_err err = FT_FAIL(FT_EUNSUPPORTED,
                         "%s: no VITS voice as Piper exports it: its inputs are %.*s; expected "
                         "input, input_lengths, scales (and sid of several speakers)",
                         path, (int)(names.len < 200 ? names.len : 200), names.at ? names.at : "");
    ft_buf_fini(&names);
    return err;
}

static ft_err find_inputs(ft_vits_network *n, const ft_nn_graph *g, const char *path) {
    bool found[FT_COUNT(input_names)] = { false };
    static const ft_dtype types[] = { FT_I64, FT_I64, FT_F32, FT_I64 };
    static const int dims[] = { 2, 1, 1, 1 };
    if (g->input_count < 3 || g->input_count > INPUTS_MAX) return refuse_inputs(g, path);
    for (int i = 0; i < g->input_count; i++) {
        const ft_nn_value *v = &g->values[g->inputs[i]];
        size_t k = 0;
        while (k < FT_COUNT(input_names) && !ft_str_is(v->name, input_names[k])) k++;
        if (k == FT_COUNT(input_names) || v->dtype != types[k] || v->ndim != dims[k])
            return refuse_inputs(g, path);
        found[k] = true;
        n->inputs[n->input_count++] = (input)k;
    }
    if (!found[INPUT_IDS] || !found[INPUT_LENGTHS] || !found[INPUT_SCALES])
        return refuse_inputs(g, path);
    if (g->output_count < 1) return FT_FAIL(FT_EUNSUPPORTED, "%s: no output", path);
    if (n->config->speaker_count > 1 && !found[INPUT_SPEAKER])
        return FT_FAIL(FT_EUNSUPPORTED, "%s: %lld speakers, but no input sid", path,
                       (long long)n->config->speaker_count);
    return FT_OK;
}

/* ---- the parts */

/* What both parts agree on: the line's type and shape. */
static void tell_latent(const ft_vits_cut *c, ft_nn_graph *g) {
    ft_nn_value *v = &g->values[c->latent];
    v->dtype = FT_F32;
    v->ndim = 3;
    v->shape[0] = 1, v->shape[1] = c->channels, v->shape[2] = FT_NN_DIM_ANY;
}

static ft_err make_part(ft_nn_model **out, const ft_nn_graph *g, const int *in, size_t in_count,
                        const int *to, size_t to_count, const ft_vits_cut *back_of) {
    ft_nn_graph *part;
    FT_TRY(ft_nn_graph_part(&part, g, in, in_count, to, to_count));
    if (back_of) tell_latent(back_of, part);
    return ft_nn_model_new(out, part);
}

static ft_err make_models(ft_vits_network *n) {
    const ft_nn_graph *g = n->graph;
    const ft_vits_cut *c = &n->cut;
    int front[OUTPUTS_MAX], back[1 + FT_VITS_SIDES_MAX], count = 0;
    bool cut = c->latent != FT_NN_NONE;
    back[0] = front[count++] = cut ? c->latent : g->outputs[0];
    for (int i = 0; i < c->side_count && cut; i++) back[1 + i] = front[count++] = c->sides[i];
    if (c->durations != FT_NN_NONE) front[count++] = c->durations;
    FT_TRY(make_part(&n->front, g, g->inputs, (size_t)g->input_count, front, (size_t)count, NULL));
    if (!cut) return FT_OK;
    return make_part(&n->back, g, back, 1 + (size_t)c->side_count, g->outputs, 1, c);
}

ft_err ft_vits_network_new(ft_vits_network **out, const char *path, const ft_vits_config *config) {
    ft_err err;
    *out = NULL;
    ft_vits_network *n = ft_fault_here() ? NULL : calloc(1, sizeof *n);
    if (!n) return FT_FAIL(FT_ENOMEM, "no memory for a neural voice");
    n->config = config;
    FT_GOTO(err, ft_nn_onnx_read(&n->graph, path));
    FT_GOTO(err, find_inputs(n, n->graph, path));
    FT_GOTO(err, ft_vits_cut_find(&n->cut, n->graph));
    FT_GOTO(err, make_models(n));
    *out = n;
    return FT_OK;
done:
    ft_vits_network_free(n);
    return err;
}

void ft_vits_network_free(ft_vits_network *n) {
    if (!n) return;
    ft_nn_model_free(n->front);
    ft_nn_model_free(n->back);
    ft_nn_graph_free(n->graph);
    free(n);
}

void ft_vits_network_describe(const ft_vits_network *n, char *out, size_t size) {
    int len = snprintf(out, size, "times of sounds %s, ",
                       n->cut.durations != FT_NN_NONE ? "from the network" : "by share");
    if (len < 0 || (size_t)len >= size) return;
    if (n->back)
        snprintf(out + len, size - (size_t)len, "sound in windows of %d frames",
                 STEP_FRAMES + 2 * n->cut.reach);
    else
        snprintf(out + len, size - (size_t)len, "sound of a text at once");
}

ft_err ft_vits_run_new(ft_vits_run **out, ft_vits_network *n) {
    ft_err err;
    *out = NULL;
    ft_vits_run *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory for a neural voice");
    r->network = n;
    r->thought = (ft_arena)FT_ARENA_INIT(FRONT_BYTES_MAX);
    r->window = (ft_arena)FT_ARENA_INIT(FRONT_BYTES_MAX);
    ft_nn_session_opts opts = { .threads = 1,
                                .bytes_max = n->back ? FRONT_BYTES_MAX : WHOLE_BYTES_MAX };
    FT_GOTO(err, ft_nn_session_new(&r->front, n->front, &opts));
    if (n->back) FT_GOTO(err, ft_nn_session_new(&r->back, n->back, &opts));
    *out = r;
    return FT_OK;
done:
    ft_vits_run_free(r);
    return err;
}

void ft_vits_run_free(ft_vits_run *r) {
    if (!r) return;
    ft_nn_session_free(r->front);
    ft_nn_session_free(r->back);
    ft_arena_fini(&r->thought);
    ft_arena_fini(&r->window);
    free(r);
}

/* ---- thinking */

static ft_err run_front(ft_vits_run *r, const ft_vits_ask *ask, ft_array *outputs) {
    const ft_vits_network *n = r->network;
    const ft_vits_config *c = n->config;
    int64_t count = (int64_t)ask->count, speaker = ask->speaker;
    float scales[3] = { (float)c->noise_scale, (float)(c->length_scale / ask->pace),
                        (float)c->noise_w };
    const ft_array given[] = { { FT_I64, 2, { 1, count }, (void *)(uintptr_t)ask->ids },
                               { FT_I64, 1, { 1 }, &count },
                               { FT_F32, 1, { 3 }, scales },
                               { FT_I64, 1, { 1 }, &speaker } };
    ft_array in[INPUTS_MAX];
    for (int i = 0; i < n->input_count; i++) in[i] = given[n->inputs[i]];
    ft_nn_session_seed(r->front, SEED);
    ft_err err = ft_nn_run(r->front, in, outputs, &r->thought, NULL);
    if (err != FT_ENOMEM) return err;
    return FT_FAIL(FT_ETOOBIG, "the voice's network wants more than %zu MiB for a sentence",
                   (n->back ? FRONT_BYTES_MAX : WHOLE_BYTES_MAX) >> 20);
}

/* Where every id ends, in frames; what is not told is shared out. */
static ft_err find_ends(ft_vits_said *out, const ft_vits_ask *ask, const ft_array *durations,
                        double frames, ft_arena *arena) {
    double at = 0, *ends;
    FT_TRY(ft_arena_items(&out->ends, arena, ask->count));
    FT_TRY(ft_arena_items(&ends, arena, ask->count));
    out->told =
        durations && durations->dtype == FT_F32 && ft_array_count(durations) == (int64_t)ask->count;
    for (size_t i = 0; i < ask->count; i++) {
        double d = out->told ? (double)((const float *)durations->data)[i] : 1;
        at += d > 0 ? d : 0;
        ends[i] = at;
    }
    if (out->told && !(at <= FRAMES_MAX))
        return FT_FAIL(FT_ETOOBIG, "the voice's network wants to speak a sentence for %.0f frames",
                       at);
    for (size_t i = 0; i < ask->count; i++)
        out->ends[i] = at > 0 ? (size_t)(ends[i] / at * (double)out->samples + 0.5) : 0;
    FT_UNUSED(frames);
    return FT_OK;
}

static ft_err take_outputs(ft_vits_said *out, ft_vits_run *r, const ft_array *outputs) {
    const ft_vits_network *n = r->network;
    const ft_array *line = &outputs[0];
    if (line->dtype != FT_F32 || line->ndim < 1)
        return FT_FAIL(FT_EUNSUPPORTED, "the voice's network gives no float32");
    r->latent = *line;
    for (int i = 0; i < n->cut.side_count && n->back; i++) r->sides[i] = outputs[1 + i];
    r->frames = n->back ? line->shape[2] : 0;
    int64_t samples = n->back ? r->frames * n->cut.frame : ft_array_count(line);
    if (samples <= 0) return FT_FAIL(FT_ECORRUPT, "the voice's network gives no sound");
    if (samples > (int64_t)FT_VITS_SECONDS_MAX * n->config->rate_hz)
        return FT_FAIL(FT_ETOOBIG, "a sentence of %lld s; %d are the most",
                       (long long)(samples / n->config->rate_hz), FT_VITS_SECONDS_MAX);
    for (int64_t i = 0; i < ft_array_count(line); i++)
        if (!isfinite(((const float *)line->data)[i]))
            return FT_FAIL(FT_ECORRUPT, "the voice's network gives what is no number");
    r->samples = out->samples = (size_t)samples;
    return FT_OK;
}

ft_err ft_vits_think(ft_vits_said *out, ft_vits_run *r, const ft_vits_ask *ask, ft_arena *arena) {
    const ft_vits_network *n = r->network;
    ft_array outputs[OUTPUTS_MAX];
    *out = (ft_vits_said){ 0 };
    ft_arena_reset(&r->thought);
    r->next = 0;
    r->given = r->samples = 0;
    FT_TRY(run_front(r, ask, outputs));
    FT_TRY(take_outputs(out, r, outputs));
    int at = 1 + (n->back ? n->cut.side_count : 0);
    bool told = n->cut.durations != FT_NN_NONE;
    return find_ends(out, ask, told ? &outputs[at] : NULL, (double)r->frames, arena);
}

/* ---- sound */

static ft_err check_numbers(const float *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return FT_FAIL(FT_ECORRUPT, "the voice's network gives what is no number");
    return FT_OK;
}

/* The frames of a window, cut out of the line. */
static ft_err cut_window(ft_array *out, ft_vits_run *r, int64_t from, int64_t count) {
    const ft_array *line = &r->latent;
    float *to;
    *out = *line;
    out->shape[2] = count;
    FT_TRY(ft_arena_items(&to, &r->window, (size_t)(line->shape[1] * count)));
    for (int64_t c = 0; c < line->shape[1]; c++)
        memcpy(to + c * count, (const float *)line->data + c * line->shape[2] + from,
               (size_t)count * sizeof *to);
    out->data = to;
    return FT_OK;
}

/* Windows are of one size, so that the plan for it is made once; the last one ends with the line.
 */
ft_err ft_vits_next(const float **out, size_t *count, ft_vits_run *r) {
    const ft_vits_network *n = r->network;
    ft_array in[1 + FT_VITS_SIDES_MAX], sound;
    *count = 0;
    if (r->given >= r->samples) return FT_OK;
    if (!n->back) {
        *out = r->latent.data;
        *count = r->given = r->samples;
        return FT_OK;
    }
    int64_t reach = n->cut.reach, size = STEP_FRAMES + 2 * reach;
    if (size > r->frames) size = r->frames;
    int64_t from = r->next - reach > 0 ? r->next - reach : 0;
    if (from + size > r->frames) from = r->frames - size;
    int64_t until = from + size == r->frames ? r->frames : from + size - reach;
    ft_arena_reset(&r->window);
    FT_TRY(cut_window(&in[0], r, from, size));
    for (int i = 0; i < n->cut.side_count; i++) in[1 + i] = r->sides[i];
    FT_TRY(ft_nn_run(r->back, in, &sound, &r->window, NULL));
    if (sound.dtype != FT_F32 || ft_array_count(&sound) != size * n->cut.frame)
        return FT_FAIL(FT_ECORRUPT, "the voice's network gives %lld samples for %lld frames",
                       (long long)ft_array_count(&sound), (long long)size);
    *out = (const float *)sound.data + (r->next - from) * n->cut.frame;
    *count = (size_t)((until - r->next) * n->cut.frame);
    r->given += *count;
    r->next = until;
    return check_numbers(*out, *count);
}
