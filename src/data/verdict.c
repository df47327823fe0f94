/* verdict.c -- see verdict.h. */
#include "data/verdict.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/pool.h"

#define STARVED_SHARE 0.05 /* of the time: a consumer that waits less does not wait */
#define WORKERS_MOST  64   /* that are advised */
#define COSTS_US      (30 * FT_SECOND_US)
#define WORTH         1.1 /* a gain that is worth a word */

static const char *const stage_names[FT_STAGE_COUNT] = { "network",   "disk", "decode",
                                                         "transform", "copy", "compute" };
const char *ft_stage_name(ft_stage s) { return stage_names[s]; }

/* ---- what it costs here after packing */
static bool same_shape(const ft_stages *a, const ft_stages *b) {
    return a->batch_picture.dtype == b->batch_picture.dtype &&
           ft_array_bytes(&a->batch_picture) == ft_array_bytes(&b->batch_picture) &&
           a->channels_last == b->channels_last && a->batch == b->batch && a->workers == b->workers;
}

static ft_verdict_costs costs_of(const ft_stages *s) {
    static struct {
        pthread_mutex_t lock;
        ft_verdict_costs costs;
        ft_stages of;
        int64_t at_us;
    } known = { .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_mutex_lock(&known.lock);
    int64_t now = ft_clock_monotonic_us();
    if (!known.at_us || now - known.at_us > COSTS_US || !same_shape(s, &known.of)) {
        ft_verdict_costs_measure(&known.costs, s);
        known.of = *s;
        known.at_us = ft_clock_monotonic_us();
    }
    ft_verdict_costs costs = known.costs;
    pthread_mutex_unlock(&known.lock);
    return costs;
}

/* ---- the model: seconds for one sample */
typedef struct model {
    double cpu[FT_STAGE_COUNT], wait[FT_STAGE_COUNT];
    double colour, own;
    int workers, cores;
} model;

static double work(const model *m) {
    double s = m->own;
    for (int i = FT_STAGE_NETWORK; i <= FT_STAGE_COPY; i++) s += m->cpu[i];
    return s;
}
static double waits(const model *m) { return m->wait[FT_STAGE_NETWORK] + m->wait[FT_STAGE_DISK]; }
static double compute(const model *m) {
    return m->cpu[FT_STAGE_COMPUTE] + m->wait[FT_STAGE_COMPUTE];
}

static double over(double a, double b) { return b > 0 ? a / b : INFINITY; }

/* Samples a second by cores, by workers, by the consumer. */
static double limits(double out[3], const model *m) {
    if (!m->workers) { /* one thread does everything in turn */
        out[0] = out[2] = INFINITY;
        return out[1] = over(1, work(m) + waits(m) + compute(m));
    }
    out[0] = over(m->cores, work(m) + m->cpu[FT_STAGE_COMPUTE]);
    out[1] = over(m->workers, work(m) + waits(m));
    out[2] = over(1, compute(m));
    return fmin(out[0], fmin(out[1], out[2]));
}
static double rate(const model *m) {
    double l[3];
    return limits(l, m);
}

static model model_of(const ft_stages *s) {
    model m = { .workers = s->workers, .cores = s->cores > 0 ? s->cores : ft_cpu_count() };
    for (int i = 0; i < FT_STAGE_COUNT; i++) {
        m.cpu[i] = s->cpu_s[i] / s->samples;
        m.wait[i] = s->wait_s[i] / s->samples;
    }
    m.colour = s->colour_s / s->samples;
    m.own = s->own_s / s->samples;
    return m;
}

/* ---- which stage */
static ft_stage dearest(const double *cost, int from, int to) {
    int best = from;
    for (int i = from + 1; i <= to; i++)
        if (cost[i] > cost[best]) best = i;
    return (ft_stage)best;
}

static ft_stage stage_of(const model *m, const ft_stages *s, const double limit[3]) {
    double both[FT_STAGE_COUNT];
    for (int i = 0; i < FT_STAGE_COUNT; i++) both[i] = m->cpu[i] + m->wait[i];
    if (!m->workers) return dearest(both, FT_STAGE_NETWORK, FT_STAGE_COMPUTE);
    if (limit[2] <= fmin(limit[0], limit[1]) || s->starved_s < STARVED_SHARE * s->wall_s)
        return FT_STAGE_COMPUTE;
    if (limit[1] < limit[0] && waits(m) > work(m))
        return dearest(m->wait, FT_STAGE_NETWORK, FT_STAGE_DISK);
    return dearest(m->cpu, FT_STAGE_NETWORK, FT_STAGE_COPY);
}

/* ---- which remedy, and the model after it */

/* Raw samples of the final size in shards: mapped, so nothing is read, decoded or resized. */
static void as_packed(model *m, const ft_verdict_costs *c) {
    for (int i = FT_STAGE_NETWORK; i <= FT_STAGE_COPY; i++) m->cpu[i] = 0;
    m->wait[FT_STAGE_DISK] = m->wait[FT_STAGE_NETWORK] = m->own = 0;
    m->cpu[FT_STAGE_TRANSFORM] = m->colour;
    m->cpu[FT_STAGE_COPY] = c->packed;
}

/* What floats cost more than bytes is saved, whatever comes before. */
static void as_narrow(model *m, const ft_verdict_costs *c) {
    m->cpu[FT_STAGE_COPY] -= fmin(fmax(c->packed - c->narrow, 0), m->cpu[FT_STAGE_COPY]);
}

/* As many as cores and consumer can use: each works or waits all the time. */
static int workers_wanted(const model *m) {
    double limit[3];
    limits(limit, m);
    double want = ceil(fmin(limit[0], limit[2]) * (work(m) + waits(m)) - 0.01);
    return want > WORKERS_MOST ? WORKERS_MOST : want > 1 ? (int)want : 1;
}

static ft_remedy remedy_of(ft_stage stage, const model *m, const ft_stages *s) {
    bool idle_cores = m->workers < m->cores && !s->tuned && m->workers;
    bool few = m->workers && !s->tuned && workers_wanted(m) > m->workers;
    switch (stage) {
    case FT_STAGE_COMPUTE:
        return FT_REMEDY_COMPUTE;
    case FT_STAGE_NETWORK:
        return few ? FT_REMEDY_WORKERS : FT_REMEDY_LOCAL;
    case FT_STAGE_DISK:
        if (few) return FT_REMEDY_WORKERS;
        return m->wait[FT_STAGE_DISK] > m->cpu[FT_STAGE_DISK] ? FT_REMEDY_ORDER : FT_REMEDY_PACK;
    default:
        break;
    }
    if (idle_cores) return FT_REMEDY_WORKERS;
    if (stage == FT_STAGE_COPY) return s->narrow ? FT_REMEDY_NONE : FT_REMEDY_NARROW;
    if (stage == FT_STAGE_TRANSFORM && m->colour > 0.5 * m->cpu[FT_STAGE_TRANSFORM])
        return FT_REMEDY_NONE; /* colours change every time: nothing can be kept */
    return s->encoded ? FT_REMEDY_PACK : FT_REMEDY_RESIZE;
}

static model after(ft_remedy remedy, const model *now, const ft_verdict_costs *c) {
    model m = *now;
    switch (remedy) {
    case FT_REMEDY_WORKERS:
        m.workers = workers_wanted(now);
        break;
    case FT_REMEDY_LOCAL:
        m.wait[FT_STAGE_NETWORK] = 0;
        break;
    case FT_REMEDY_ORDER:
        m.wait[FT_STAGE_DISK] = 0;
        break;
    case FT_REMEDY_PACK:
    case FT_REMEDY_RESIZE:
        as_packed(&m, c);
        break;
    case FT_REMEDY_NARROW:
        as_narrow(&m, c);
        break;
    case FT_REMEDY_COMPUTE:
        m.cpu[FT_STAGE_COMPUTE] = m.wait[FT_STAGE_COMPUTE] = 0;
        break;
    default:
        break;
    }
    return m;
}

/* ---- the sentence */
static void say_remedy(char *to, size_t room, const ft_data_verdict *v, const ft_stages *s) {
    static const char *const what[] = {
        [FT_REMEDY_LOCAL] = "a local copy",
        [FT_REMEDY_ORDER] = "shards read in order, or memory enough to keep them,",
        [FT_REMEDY_PACK] = "packing resized shards",
        [FT_REMEDY_RESIZE] = "resizing when packing",
        [FT_REMEDY_NARROW] = "batches of bytes, normalised by the consumer,",
    };
    if (v->remedy == FT_REMEDY_NONE)
        snprintf(to, room,
                 "nothing that could be kept would save it: fewer transforms, or more cores");
    else if (v->remedy == FT_REMEDY_COMPUTE && v->gain >= WORTH)
        snprintf(to, room, "the loader could deliver %.1f× as much: only a faster consumer helps",
                 v->gain);
    else if (v->remedy == FT_REMEDY_COMPUTE)
        snprintf(to, room, "the loader keeps up");
    else if (v->remedy == FT_REMEDY_WORKERS)
        snprintf(to, room, "%d workers would give %.1f×", v->workers_wanted, v->gain);
    else if (s->made[0] && (v->remedy == FT_REMEDY_PACK || v->remedy == FT_REMEDY_RESIZE))
        snprintf(to, room, "%s would give %.1f×, for pictures of %s", what[v->remedy], v->gain,
                 s->made);
    else
        snprintf(to, room, "%s would give %.1f×", what[v->remedy], v->gain);
}

static void say(ft_data_verdict *v, const model *m, const ft_stages *s) {
    char remedy[256];
    say_remedy(remedy, sizeof remedy, v, s);
    if (v->stage == FT_STAGE_COMPUTE)
        snprintf(v->sentence, sizeof v->sentence,
                 "compute-bound: batches wait for the consumer %.0f %% of the time; %s",
                 100 * fmax(0, 1 - over(s->starved_s, s->wall_s)), remedy);
    else if (m->wait[v->stage] > m->cpu[v->stage])
        snprintf(v->sentence, sizeof v->sentence,
                 "%s-bound: a sample waits %.3g ms for it, %d read at a time; %s",
                 ft_stage_name(v->stage), 1e3 * m->wait[v->stage], m->workers ? m->workers : 1,
                 remedy);
    else
        snprintf(v->sentence, sizeof v->sentence, "%s-bound: %.2g of %d cores busy; %s",
                 ft_stage_name(v->stage), v->busy_cores, m->cores, remedy);
}

ft_err ft_data_judge(ft_data_verdict *out, const ft_stages *s, const ft_verdict_costs *c) {
    double total = 0;
    *out = (ft_data_verdict){ 0 };
    if (!(s->samples > 0) || !(s->wall_s > 0))
        return FT_FAIL(FT_EINVAL, "nothing was measured: no batch has come yet");
    ft_verdict_costs measured;
    if (!c) measured = costs_of(s), c = &measured;
    model now = model_of(s);
    for (int i = 0; i < FT_STAGE_COUNT; i++) total += now.cpu[i] + now.wait[i];
    for (int i = 0; i < FT_STAGE_COUNT && total > 0; i++)
        out->share[i] = (now.cpu[i] + now.wait[i]) / total;
    double modelled = limits(out->rate_limit, &now);
    out->rate = s->samples / s->wall_s;
    out->busy_cores = fmin((work(&now) + now.cpu[FT_STAGE_COMPUTE]) * out->rate, now.cores);
    out->stage = stage_of(&now, s, out->rate_limit);
    out->remedy = remedy_of(out->stage, &now, s);
    out->workers_wanted = workers_wanted(&now);
    model then = after(out->remedy, &now, c);
    out->gain = fmax(over(rate(&then), modelled), 1);
    out->cpu_s_sample = work(&now);
    out->cpu_s_after = work(&then);
    out->gain_cpu = over(out->cpu_s_sample, out->cpu_s_after);
    say(out, &now, s);
    return FT_OK;
}
