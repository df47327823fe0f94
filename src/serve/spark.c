/* spark.c -- see spark.h. */
#include "serve/spark.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/fault.h"
#include "serve/serve_in.h"
#include "streams/stream.h"

#define KEPT        64 /* jobs whose line is kept */
#define METRICS_MAX 16 /* names of one job that are looked at */
#define JOB_NAME    64

typedef struct kept {
    char job[JOB_NAME];
    int64_t step;
    ft_job_status status;
    uint64_t used; /* when, for replacing the oldest */
    ft_spark spark;
} kept;

struct ft_sparks {
    pthread_mutex_t lock;
    uint64_t uses;
    kept at[KEPT];
};

/* One metric being read: every `stride`-th value; when the points are full, every second of them
 * goes. */
typedef struct series {
    ft_spark spark;
    int64_t stride, seen;
} series;

static void series_add(series *s, int64_t step, double value) {
    ft_spark *k = &s->spark;
    if (s->seen++ % s->stride == 0) {
        if (k->count == FT_SPARK_POINTS) {
            for (size_t i = 0; i < FT_SPARK_POINTS / 2; i++) k->points[i] = k->points[2 * i];
            k->count = FT_SPARK_POINTS / 2;
            s->stride *= 2;
        }
        if ((s->seen - 1) % s->stride == 0) k->points[k->count++] = value;
    }
    k->step = step;
    k->last = value;
}

static series *series_of(series *all, size_t *count, ft_str name) {
    for (size_t i = 0; i < *count; i++)
        if (ft_str_is(name, all[i].spark.name)) return &all[i];
    if (*count == METRICS_MAX || !name.len || name.len >= FT_SPARK_NAME) return NULL;
    series *s = &all[(*count)++];
    memcpy(s->spark.name, name.at, name.len);
    s->stride = 1;
    return s;
}

/* Columns of the kind by name: this room does not know the one that writes it. */
static bool columns_find(const ft_stream_kind *kind, int *step, int *name, int *value) {
    *step = *name = *value = -1;
    for (int i = 0; kind && kind->columns[i].name; i++) {
        ft_str column = ft_str_of(kind->columns[i].name);
        if (ft_str_is(column, "step"))
            *step = i;
        else if (ft_str_is(column, "name"))
            *name = i;
        else if (ft_str_is(column, "value"))
            *value = i;
    }
    return *step >= 0 && *name >= 0 && *value >= 0;
}

static ft_err series_read(series *all, size_t *count, ft_store *s, ft_str job) {
    const ft_stream_kind *kind = ft_stream_kind_find(FT_STR("metric"));
    int step, name, value;
    ft_cursor *c;
    ft_record r;
    ft_err err;
    if (!columns_find(kind, &step, &name, &value)) return FT_OK;
    ft_cursor_opts opts = { .key = job, .wanted = 1ull << step | 1ull << name | 1ull << value };
    FT_TRY(ft_cursor_open(&c, s, kind, &opts));
    while ((err = ft_cursor_next(c, &r)) == FT_OK) {
        series *one = series_of(all, count, r.values[name].s);
        if (one) series_add(one, r.values[step].i, ft_value_number(&r.values[value]));
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err spark_read(ft_spark *out, ft_store *s, ft_str job) {
    size_t count = 0, chosen = 0;
    series *all = ft_fault_here() ? NULL : calloc(METRICS_MAX, sizeof *all);
    if (!all) return FT_FAIL(FT_ENOMEM, "no memory for the metrics of job %.*s", FT_STR_ARG(job));
    ft_err err = series_read(all, &count, s, job);
    while (chosen < count &&
           !ft_str_starts(ft_str_of(all[chosen].spark.name), FT_STR("validation")))
        chosen++;
    *out = all[chosen < count ? chosen : 0].spark;
    free(all);
    return err;
}

/* The job's place among the kept, or the one that was not used for longest. */
static kept *kept_of(struct ft_sparks *sparks, ft_str job) {
    kept *oldest = &sparks->at[0];
    for (size_t i = 0; i < KEPT; i++) {
        if (ft_str_is(job, sparks->at[i].job)) return &sparks->at[i];
        if (sparks->at[i].used < oldest->used) oldest = &sparks->at[i];
    }
    return oldest;
}

ft_err ft_spark_of(ft_spark *out, struct ft_sparks *sparks, ft_store *s, const ft_job *job) {
    ft_err err = FT_OK;
    if (job->name.len >= JOB_NAME) return spark_read(out, s, job->name);
    pthread_mutex_lock(&sparks->lock);
    kept *k = kept_of(sparks, job->name);
    if (!ft_str_is(job->name, k->job) || k->step != job->step || k->status != job->status) {
        err = spark_read(&k->spark, s, job->name);
        memset(k->job, 0, sizeof k->job);
        if (err == FT_OK) memcpy(k->job, job->name.at, job->name.len);
        k->step = job->step;
        k->status = job->status;
    }
    k->used = ++sparks->uses;
    *out = k->spark;
    pthread_mutex_unlock(&sparks->lock);
    return err;
}

ft_err ft_sparks_new(struct ft_sparks **out) {
    *out = ft_fault_here() ? NULL : calloc(1, sizeof **out);
    if (!*out) return FT_FAIL(FT_ENOMEM, "no memory for the jobs' metrics");
    pthread_mutex_init(&(*out)->lock, NULL);
    return FT_OK;
}

void ft_sparks_free(struct ft_sparks *sparks) {
    if (!sparks) return;
    pthread_mutex_destroy(&sparks->lock);
    free(sparks);
}
