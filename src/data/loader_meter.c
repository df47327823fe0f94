/* loader_meter.c -- what samples cost, measured while they are made, and the tuning that follows.
 *
 * The CPU clock of a thread costs up to 0.7 µs a look (measured on a virtual machine) and seven
 * looks are taken, so cheap samples are measured now and then: one for each millisecond of work,
 * which keeps the cost at half a percent. What reading waits is its wall time less its CPU time,
 * when the kernel says that the thread waited meanwhile (for a block device, or, where samples come
 * from elsewhere, at all); a thread that was only pushed off its CPU by others, or by a lock of the
 * kernel, did not wait for data. */
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/check.h"
#include "base/pool.h"
#include "data/loader_in.h"

#define MEASURED_EVERY_NS 1000000.0
#define STRIDE_MAX        256
#define TUNE_EVERY_NS     100000000u
#define STARVED_SHARE     0.02 /* of the consumer's time: below that nothing is gained */
#define PREFETCH_UNEVEN   6
#define CALM_ROUNDS       20 /* rounds without want before something is given back */

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
uint64_t ft_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
uint64_t ft_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

uint64_t ft_cpu_since(uint64_t before) {
    uint64_t took = ft_cpu_ns() - before, look = ft_transform_look_ns();
    return took > look ? took - look : 0;
}

/* ---- a worker's */
bool ft_meter_due(ft_worker *w, unsigned *weight) {
    if (++w->since < w->stride) return false;
    *weight = w->since;
    w->since = 0;
    return true;
}

static void add(atomic_uint_fast64_t *to, uint64_t ns, unsigned weight) {
    atomic_fetch_add_explicit(to, ns * weight, memory_order_relaxed);
}

static long blocked(const ft_feed *f) {
    struct rusage r;
    getrusage(RUSAGE_THREAD, &r);
    return f->block_io ? r.ru_inblock + r.ru_majflt : r.ru_nvcsw;
}

ft_span_clock ft_read_begin(const ft_feed *f) {
    ft_span_clock c = { .blocked = blocked(f) };
    c.wall = ft_now_ns();
    c.cpu = ft_cpu_ns(); /* last: looking costs, too */
    return c;
}

void ft_read_end(ft_measured *m, const ft_span_clock *from, const ft_feed *f) {
    uint64_t cpu = ft_cpu_since(from->cpu), wall = ft_now_ns() - from->wall;
    m->wall += wall;
    m->cpu += cpu;
    if (blocked(f) != from->blocked && wall > cpu) m->wait += wall - cpu;
}

void ft_meter_add(ft_worker *w, const ft_measured *m, unsigned weight) {
    ft_meter *to = &w->meter;
    add(&to->read_wait, m->wait, weight);
    add(&to->read_cpu, m->cpu, weight);
    add(&to->decode, m->time.decode, weight);
    add(&to->transform, m->time.transform, weight);
    add(&to->copy, m->time.copy, weight);
    add(&to->colour, m->time.colour, weight);
}

void ft_meter_stride(ft_worker *w, uint64_t sample_ns) {
    double stride = MEASURED_EVERY_NS / (double)(sample_ns + 1);
    w->stride = stride < 1 ? 1 : stride > STRIDE_MAX ? STRIDE_MAX : (unsigned)stride;
}

static double seconds(atomic_uint_fast64_t *ns) {
    return (double)atomic_load_explicit(ns, memory_order_relaxed) * 1e-9;
}

static void add_worker(ft_stages *out, ft_worker *w, int place) {
    ft_meter *m = &w->meter;
    out->cpu_s[place] += seconds(&m->read_cpu);
    out->wait_s[place] += seconds(&m->read_wait);
    out->cpu_s[FT_STAGE_DECODE] += seconds(&m->decode);
    out->cpu_s[FT_STAGE_TRANSFORM] += seconds(&m->transform);
    out->cpu_s[FT_STAGE_COPY] += seconds(&m->copy);
    out->colour_s += seconds(&m->colour);
    out->idle_s += seconds(&m->idle);
    out->bytes_read += (double)atomic_load_explicit(&m->bytes_read, memory_order_relaxed);
}

/* Samples are measured now and then, and not everything of them; the threads' own clocks know all
 * that was spent. What is left over is the loader's own: claims, waking, fresh memory. */
static void settle(ft_stages *out, ft_loader *l) {
    double total = out->own_s, parts = 0; /* the consumer's */
    clockid_t id;
    struct timespec t;
    for (int i = 0; i < l->started; i++)
        if (!pthread_getcpuclockid(l->workers[i].thread, &id) && !clock_gettime(id, &t))
            total += (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
    for (int i = FT_STAGE_NETWORK; i <= FT_STAGE_COPY; i++) parts += out->cpu_s[i];
    out->own_s = fmax(total - parts, 0);
    if (parts <= total) return;
    for (int i = FT_STAGE_NETWORK; i <= FT_STAGE_COPY; i++) out->cpu_s[i] *= total / parts;
    out->colour_s *= total / parts;
}

/* The size that pictures get, and by what. */
static void made_tell(ft_stages *out, const ft_loader *l, const ft_array *a) {
    int first = a->ndim == 3 && a->shape[0] <= 4; /* channels come first */
    if (a->ndim < 2 || !l->spec.transforms.len) return;
    snprintf(out->made, sizeof out->made, "%lldx%lld by %.*s", (long long)a->shape[first + 1],
             (long long)a->shape[first], FT_STR_ARG(l->spec.transforms));
}

void ft_meter_stages(ft_stages *out, ft_loader *l) {
    int place = l->feed.place == FT_FEED_NETWORK ? FT_STAGE_NETWORK : FT_STAGE_DISK;
    *out = l->stages;
    for (int i = 0; i < l->started; i++) add_worker(out, &l->workers[i], place);
    add_worker(out, &l->self, place);
    settle(out, l);
    out->workers = l->spec.workers ? l->active : 0;
    out->workers_max = l->worker_count;
    out->tuned = l->spec.workers == FT_LOADER_WORKERS_TUNED;
    out->cores = ft_cpu_count();
    out->encoded = l->picture >= 0 &&
                   l->feed.fields[l->ring->places[l->picture].source].kind == FT_FIELD_IMAGE;
    out->narrow = l->picture < 0 || l->spec.pixels.dtype == FT_U8;
    out->bytes_batch = l->bytes_batch;
    out->ring_bytes = (double)(l->ring->slots * l->ring->slot_bytes);
    out->batch = l->spec.batch;
    out->records = l->feed.count == FT_DATASET_UNKNOWN ? 0 : l->feed.count;
    out->channels_last = l->spec.pixels.channels_last;
    if (l->picture >= 0) {
        const ft_place *p = &l->ring->places[l->picture];
        out->batch_picture = p->array;
        made_tell(out, l, &p->array);
    }
}

/* ---- the consumer's */
void ft_meter_come(ft_loader *l) {
    uint64_t now = ft_now_ns();
    l->come_cpu_ns = ft_cpu_ns();
    if (!l->left_at_ns) return;
    double wall = (double)(now - l->left_at_ns) * 1e-9;
    double cpu = (double)(l->come_cpu_ns - l->left_cpu_ns) * 1e-9;
    l->stages.cpu_s[FT_STAGE_COMPUTE] += cpu;
    l->stages.wait_s[FT_STAGE_COMPUTE] += fmax(wall - cpu, 0);
}

void ft_meter_leave(ft_loader *l, uint64_t starved_ns) {
    l->left_at_ns = ft_now_ns();
    l->left_cpu_ns = ft_cpu_ns();
    l->stages.own_s += (double)(l->left_cpu_ns - l->come_cpu_ns) * 1e-9;
    l->stages.starved_s += (double)starved_ns * 1e-9;
    l->stages.wall_s = (double)(l->left_at_ns - l->opened_ns) * 1e-9;
}

/* ---- tuning */
static double sum(const double *a, const double *b, int from, int to) {
    double s = 0;
    for (int i = from; i <= to; i++) s += a[i] - b[i];
    return s;
}

/* Workers that keep every core busy although each waits for its reads: cores × (1 + wait / cpu). */
static int workers_for(const ft_loader *l, const ft_stages *now, const ft_stages *before) {
    double cpu = sum(now->cpu_s, before->cpu_s, FT_STAGE_NETWORK, FT_STAGE_COPY);
    double wait = sum(now->wait_s, before->wait_s, FT_STAGE_NETWORK, FT_STAGE_DISK);
    double want = now->cores * (1 + (cpu > 0 ? wait / cpu : 0));
    if (!(want >= 1)) want = 1;
    return want > l->worker_count ? l->worker_count : (int)ceil(want);
}

/* Room for what all workers have in hand twice over, and for some unevenness: more is only memory.
 */
static int prefetch_most(const ft_loader *l) {
    size_t want = 2 * ((size_t)l->active / l->spec.batch) + PREFETCH_UNEVEN;
    return (int)(want < l->ring->slots_max - 1 ? want : l->ring->slots_max - 1);
}

static void change(ft_loader *l, int workers, int prefetch) {
    if (l->spec.workers != FT_LOADER_WORKERS_TUNED) workers = l->active;
    if (l->spec.prefetch) prefetch = l->prefetch;
    if (workers == l->active && prefetch == l->prefetch) return;
    l->prefetch = prefetch;
    l->tune.changes++;
    if (ft_workers_set(l, workers) != FT_OK) { /* no more threads to be had: those there are do */
        ft_err_clear();
        l->worker_count = l->started;
    }
}

void ft_loader_tune(ft_loader *l) {
    ft_stages now;
    uint64_t at = ft_now_ns();
    if (l->spec.workers == 0 || at - l->tune.at_ns < TUNE_EVERY_NS) return;
    ft_meter_stages(&now, l);
    const ft_stages *before = &l->tune.before;
    double wall = (double)(at - l->tune.at_ns) * 1e-9;
    double starved = (now.starved_s - before->starved_s) / wall;
    double idle = (now.idle_s - before->idle_s) / wall / (l->active > 0 ? l->active : 1);
    int prefetch = l->prefetch, workers = l->active, most = prefetch_most(l);
    if (starved > STARVED_SHARE) {
        l->tune.calm = 0;
        int want = workers_for(l, &now, before);
        if (want > workers) workers = want < 2 * workers ? want : 2 * workers;
        if (idle > 0.1 || workers > l->prefetch)
            prefetch *= 2; /* they wait for room, or soon will */
    } else if (idle > 0.5 && ++l->tune.calm >= CALM_ROUNDS && workers > 1) {
        l->tune.calm = 0;
        workers--;
    }
    change(l, workers, prefetch < most ? prefetch : most);
    l->tune.at_ns = at;
    l->tune.before = now;
}
