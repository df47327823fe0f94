/* optimiser.c -- see optimiser.h. */
#include "nn/learn/optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "nn/ops/shared.h"
#include "nn/ops/vector.h"

#define CHUNK ((int64_t)16384)
#define SLOTS 2

struct ft_nn_optimiser {
    ft_nn_optimiser_opts opts;
    const ft_nn_learnt *learnt;
    size_t count;
    float *grads;
    int64_t total;
    float *slots[SLOTS];
    int64_t steps;
    double *sums; /* of squares, one a chunk: added in their order */
};

static int slot_count(const ft_nn_optimiser *o) {
    return o->opts.kind != FT_NN_SGD ? 2 : o->opts.momentum != 0 ? 1 : 0;
}

ft_err ft_nn_optimiser_new(ft_nn_optimiser **out, const ft_nn_learnt *learnt, size_t count,
                           float *grads, int64_t total, const ft_nn_optimiser_opts *opts) {
    *out = NULL;
    ft_nn_optimiser *o = ft_fault_here() ? NULL : calloc(1, sizeof *o);
    if (!o) return FT_FAIL(FT_ENOMEM, "no memory for an optimiser");
    *o = (ft_nn_optimiser){
        .opts = *opts, .learnt = learnt, .count = count, .grads = grads, .total = total
    };
    if (o->opts.beta1 == 0) o->opts.beta1 = 0.9;
    if (o->opts.beta2 == 0) o->opts.beta2 = 0.999;
    if (o->opts.epsilon == 0) o->opts.epsilon = 1e-8;
    bool ok = true;
    for (int k = 0; k < slot_count(o); k++) {
        o->slots[k] = ft_fault_here() ? NULL : calloc((size_t)total + 1, sizeof(float));
        ok &= o->slots[k] != NULL;
    }
    o->sums = ft_fault_here() ? NULL : calloc((size_t)(total / CHUNK) + 2, sizeof *o->sums);
    if (!ok || !o->sums) {
        ft_nn_optimiser_free(o);
        return FT_FAIL(FT_ENOMEM, "no memory for an optimiser of %lld weights", (long long)total);
    }
    *out = o;
    return FT_OK;
}

void ft_nn_optimiser_free(ft_nn_optimiser *o) {
    if (!o) return;
    for (int k = 0; k < SLOTS; k++) free(o->slots[k]);
    free(o->sums);
    free(o);
}

/* ---- the rules, for a run of weights */

typedef struct rule {
    float rate, decay, momentum, beta1, beta2, epsilon;
    float second; /* 1 / sqrt(1 - beta2^t) */
    float shrink; /* AdamW: what weights are multiplied with */
    float step;   /* Adam: rate / (1 - beta1^t) */
    int nesterov;
} rule;

FT_NN_KERNEL(plain_rule, (float *w, const float *g, int64_t n, const rule *r), (w, g, n, r)) {
    float rate = r->rate, decay = r->decay;
    for (int64_t i = 0; i < n; i++) w[i] -= rate * (g[i] + decay * w[i]);
}
FT_NN_KERNEL(momentum_rule, (float *w, const float *g, float *m, int64_t n, const rule *r),
             (w, g, m, n, r)) {
    float rate = r->rate, decay = r->decay, momentum = r->momentum;
    for (int64_t i = 0; i < n; i++) {
        m[i] = momentum * m[i] + (g[i] + decay * w[i]);
        w[i] -= rate * m[i];
    }
}
FT_NN_KERNEL(nesterov_rule, (float *w, const float *g, float *m, int64_t n, const rule *r),
             (w, g, m, n, r)) {
    float rate = r->rate, decay = r->decay, momentum = r->momentum;
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];
        m[i] = momentum * m[i] + d;
        w[i] -= rate * (d + momentum * m[i]);
    }
}
FT_NN_KERNEL(adam_rule, (float *w, const float *g, float *m, float *v, int64_t n, const rule *r),
             (w, g, m, v, n, r)) {
    float decay = r->decay, beta1 = r->beta1, beta2 = r->beta2, second = r->second;
    float step = r->step, epsilon = r->epsilon, shrink = r->shrink;
    for (int64_t i = 0; i < n; i++) {
        float d = g[i] + decay * w[i];
        m[i] = beta1 * m[i] + (1 - beta1) * d;
        v[i] = beta2 * v[i] + (1 - beta2) * d * d;
        w[i] = w[i] * shrink - step * m[i] / (__builtin_sqrtf(v[i]) * second + epsilon);
    }
}

static void weights_move(const ft_nn_optimiser *o, const ft_nn_learnt *l, const rule *r, int64_t at,
                         int64_t n) {
    int64_t place = l->grad - o->grads + at;
    float *w = l->at + at, *g = l->grad + at, *m = o->slots[0], *v = o->slots[1];
    if (o->opts.kind != FT_NN_SGD)
        adam_rule(w, g, m + place, v + place, n, r);
    else if (!m)
        plain_rule(w, g, n, r);
    else if (r->nesterov)
        nesterov_rule(w, g, m + place, n, r);
    else
        momentum_rule(w, g, m + place, n, r);
}

static rule rule_of(const ft_nn_optimiser *o, double rate) {
    const ft_nn_optimiser_opts *s = &o->opts;
    double t = (double)o->steps;
    bool own = s->kind == FT_NN_ADAMW;
    return (rule){ .rate = (float)rate,
                   .decay = own ? 0 : (float)s->weight_decay,
                   .momentum = (float)s->momentum,
                   .nesterov = s->nesterov,
                   .beta1 = (float)s->beta1,
                   .beta2 = (float)s->beta2,
                   .epsilon = (float)s->epsilon,
                   .second = (float)(1 / sqrt(1 - pow(s->beta2, t))),
                   .step = (float)(rate / (1 - pow(s->beta1, t))),
                   .shrink = own ? (float)(1 - rate * s->weight_decay) : 1 };
}

/* ---- all gradients as one list */

static double squares(const float *g, int64_t n) {
    double sums[8] = { 0 }, sum = 0;
    for (int64_t i = 0; i < n; i++) sums[i & 7] += (double)g[i] * (double)g[i];
    for (int k = 0; k < 8; k++) sum += sums[k];
    return sum;
}

double ft_nn_optimiser_norm(ft_nn_optimiser *o) {
    int64_t chunks = (o->total + CHUNK - 1) / CHUNK;
    double sum = 0;
#pragma omp parallel for num_threads( \
    ft_nn_threads(o->opts.threads, o->total)) if (o->opts.threads > 1)
    for (int64_t k = 0; k < chunks; k++) {
        int64_t at = k * CHUNK;
        o->sums[k] = squares(o->grads + at, o->total - at < CHUNK ? o->total - at : CHUNK);
    }
    for (int64_t k = 0; k < chunks; k++) sum += o->sums[k];
    return sqrt(sum);
}

FT_NN_KERNEL(scale_all, (float *g, int64_t n, float by), (g, n, by)) {
    for (int64_t i = 0; i < n; i++) g[i] *= by;
}

void ft_nn_optimiser_step(ft_nn_optimiser *o, double learning_rate, double norm) {
    if (o->opts.clip_norm > 0 && norm + 1e-6 > o->opts.clip_norm)
        scale_all(o->grads, o->total, (float)(o->opts.clip_norm / (norm + 1e-6)));
    o->steps++;
    rule r = rule_of(o, learning_rate);
    for (size_t k = 0; k < o->count; k++) {
        const ft_nn_learnt *l = &o->learnt[k];
#pragma omp parallel for num_threads( \
    ft_nn_threads(o->opts.threads, l->count)) if (o->opts.threads > 1)
        for (int64_t at = 0; at < l->count; at += CHUNK)
            weights_move(o, l, &r, at, l->count - at < CHUNK ? l->count - at : CHUNK);
    }
}

int64_t *ft_nn_optimiser_steps(ft_nn_optimiser *o) { return &o->steps; }

bool ft_nn_optimiser_slot(const ft_nn_optimiser *o, int slot, const char **name, float **at) {
    if (slot >= slot_count(o)) return false;
    *name = o->opts.kind == FT_NN_SGD ? "momentum" : slot == 0 ? "first" : "second";
    *at = o->slots[slot];
    return true;
}

/* ---- schedules */

double ft_nn_schedule_rate(const ft_nn_schedule *s, int64_t step) {
    if (step < s->warmup) return s->rate * (double)(step + 1) / (double)s->warmup;
    if (s->kind == FT_NN_STEP && s->every > 0)
        return s->rate * pow(s->factor, (double)(step / s->every));
    if (s->kind != FT_NN_COSINE || s->steps <= s->warmup) return s->rate;
    double done = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
    return s->rate * (s->last + (1 - s->last) * 0.5 * (1 + cos(acos(-1) * fmin(done, 1))));
}
