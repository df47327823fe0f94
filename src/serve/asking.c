/* asking.c -- see asking.h. */
#include "serve/asking.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "serve/live.h"

typedef struct waiting {
    ft_asked told; /* first: what the handler sees */
    ft_arena arena;
    ft_askings *queue;
    ft_request *req; /* to be woken; NULL: forgotten */
    bool begun, done;
    ft_asking_job *work; /* NULL: a model is asked */
    const char *home;
    struct waiting *next;
} waiting;

struct ft_askings {
    pthread_mutex_t lock; /* of everything here and of each waiting's req, begun, done */
    pthread_cond_t work, idle_over;
    waiting *first, **last;
    size_t queued;
    int threads, idle;
    bool end;
};

static void waiting_free(waiting *w) {
    ft_live_release(w->told.set);
    ft_arena_fini(&w->arena);
    free(w);
}

/* ---- the threads */

static void ask(waiting *w) {
    if (w->work) {
        ft_asking *a = &w->told.asking;
        w->told.err = w->work(&a->out.bytes, w->home, &w->arena, a->in.bytes);
    } else {
        ft_model *m = w->told.live->held->model;
        w->told.err = m->predictor->ask(m, &w->told.asking);
    }
    if (w->told.err == FT_OK) return;
    if (ft_arena_str(&w->told.why, &w->arena, ft_str_of(ft_err_why())) != FT_OK)
        w->told.why = ft_str_of(ft_err_text(w->told.err));
    ft_err_clear();
}

static waiting *next_take(ft_askings *q) {
    waiting *w = q->first;
    q->first = w->next;
    if (!q->first) q->last = &q->first;
    q->queued--;
    return w;
}

static void *thread_main(void *arg) {
    ft_askings *q = arg;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        while (!q->first && !q->end) {
            q->idle++;
            pthread_cond_wait(&q->work, &q->lock);
            q->idle--;
        }
        if (!q->first) break;
        waiting *w = next_take(q);
        pthread_mutex_unlock(&q->lock);
        ask(w);
        pthread_mutex_lock(&q->lock);
        w->done = true;
        if (w->req)
            ft_request_wake(w->req); /* the handler takes the lock before it looks */
        else {
            pthread_mutex_unlock(&q->lock);
            waiting_free(w);
            pthread_mutex_lock(&q->lock);
        }
    }
    q->threads--;
    pthread_cond_broadcast(&q->idle_over);
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* With the lock. Without a thread at all nothing would be asked. */
static void thread_more(ft_askings *q) {
    pthread_t thread;
    sigset_t every, before;
    if (q->idle >= (int)q->queued || q->threads == FT_ASKING_THREADS) return;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    if (pthread_create(&thread, NULL, thread_main, q) == 0) {
        pthread_detach(thread);
        q->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

ft_err ft_askings_new(ft_askings **out) {
    ft_askings *q = ft_fault_here() ? NULL : calloc(1, sizeof *q);
    *out = q;
    if (!q) return FT_FAIL(FT_ENOMEM, "no memory for a server");
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->work, NULL);
    pthread_cond_init(&q->idle_over, NULL);
    q->last = &q->first;
    return FT_OK;
}

void ft_askings_free(ft_askings *q) {
    if (!q) return;
    pthread_mutex_lock(&q->lock);
    q->end = true;
    pthread_cond_broadcast(&q->work);
    while (q->threads) pthread_cond_wait(&q->idle_over, &q->lock);
    pthread_mutex_unlock(&q->lock);
    while (q->first) waiting_free(next_take(q));
    pthread_cond_destroy(&q->idle_over);
    pthread_cond_destroy(&q->work);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

/* ---- the handler's side */

/* The connection waits now. */
static void begin(void *arg) {
    waiting *w = arg;
    ft_askings *q = w->queue;
    pthread_mutex_lock(&q->lock);
    if (!w->begun) {
        w->begun = true;
        *q->last = w;
        q->last = &w->next;
        q->queued++;
        thread_more(q);
        pthread_cond_signal(&q->work);
    }
    if (q->threads == 0 && w->req) { /* not even one could be made */
        next_take(q);
        w->told.err = FT_EFULL, w->told.why = FT_STR("no thread to ask the model's program");
        w->done = true;
        ft_request_wake(w->req);
    }
    pthread_mutex_unlock(&q->lock);
}

/* The server gives the request up. */
static void forget(void *arg) {
    waiting *w = arg;
    ft_askings *q = w->queue;
    pthread_mutex_lock(&q->lock);
    bool asked = w->begun && !w->done;
    w->req = NULL; /* its thread frees it */
    pthread_mutex_unlock(&q->lock);
    if (!asked) waiting_free(w);
}

static ft_err copy(ft_asking *to, ft_arena *arena, const ft_asking *from) {
    *to = (ft_asking){ .arena = arena };
    FT_TRY(ft_arena_str(&to->in.bytes, arena, from->in.bytes));
    FT_TRY(ft_arena_str(&to->in.content_type, arena, from->in.content_type));
    FT_TRY(ft_arena_str(&to->accept, arena, from->accept));
    return ft_arena_str(&to->custom_attributes, arena, from->custom_attributes);
}

static ft_err waiting_new(waiting **out, ft_request *req, ft_askings *q, const ft_asking *asking) {
    waiting *w;
    pthread_mutex_lock(&q->lock);
    bool full = q->queued >= FT_ASKING_QUEUE || q->end;
    pthread_mutex_unlock(&q->lock);
    if (full) return FT_FAIL(FT_EBUSY, "too many requests wait for what takes long");
    if (ft_fault_here() || !(w = calloc(1, sizeof *w)))
        return FT_FAIL(FT_ENOMEM, "no memory for a request");
    w->queue = q;
    w->req = req;
    ft_err err = copy(&w->told.asking, &w->arena, asking);
    if (err == FT_OK)
        *out = w;
    else
        waiting_free(w);
    return err;
}

static void waiting_give(waiting *w, ft_request *req, ft_response *resp) {
    req->waiting = w;
    req->forget = forget;
    resp->later = begin;
}

ft_err ft_asking_begin(ft_request *req, ft_response *resp, ft_askings *q, struct ft_live_set *set,
                       const struct ft_live *live, const ft_asking *asking) {
    waiting *w;
    FT_TRY(waiting_new(&w, req, q, asking));
    atomic_fetch_add(&set->holders, 1); /* the caller holds it */
    w->told.set = set;
    w->told.live = live;
    waiting_give(w, req, resp);
    return FT_OK;
}

ft_err ft_asking_work(ft_request *req, ft_response *resp, ft_askings *q, ft_asking_job *work,
                      const char *home, ft_str text) {
    ft_asking asking = { .in.bytes = text };
    ft_str copied;
    waiting *w;
    FT_TRY(waiting_new(&w, req, q, &asking));
    ft_err err = ft_arena_str(&copied, &w->arena, ft_str_of(home));
    if (err != FT_OK) {
        waiting_free(w);
        return err;
    }
    w->home = copied.at;
    w->work = work;
    waiting_give(w, req, resp);
    return FT_OK;
}

ft_asked *ft_asking_result(ft_request *req, ft_response *resp) {
    waiting *w = req->waiting;
    pthread_mutex_lock(&w->queue->lock);
    bool done = w->done;
    pthread_mutex_unlock(&w->queue->lock);
    if (done) return &w->told;
    resp->later = begin;
    return NULL;
}

void ft_asking_forget(ft_request *req) {
    waiting *w = req->waiting;
    req->waiting = NULL;
    waiting_free(w);
}
