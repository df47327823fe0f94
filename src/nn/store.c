/* store.c -- see store.h. A list is searched: models have hundreds of weights, and only when a plan
 * is made. */
#include "nn/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

typedef struct packed {
    struct packed *next;
    const void *from;
    size_t key_bytes, bytes;
    void *data;
    unsigned char key[];
} packed;

struct ft_nn_store {
    pthread_mutex_t lock;
    packed *list;
    size_t bytes;
};

ft_err ft_nn_store_new(ft_nn_store **out) {
    *out = NULL;
    ft_nn_store *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a store of weights");
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return FT_OK;
}

static void packed_free(packed *p) {
    if (!p) return;
    free(p->data);
    free(p);
}

void ft_nn_store_free(ft_nn_store *s) {
    if (!s) return;
    for (packed *p = s->list, *next; p; p = next) {
        next = p->next;
        packed_free(p);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static packed *find(const ft_nn_store *s, const void *from, const void *key, size_t key_bytes) {
    for (packed *p = s->list; p; p = p->next)
        if (p->from == from && p->key_bytes == key_bytes && memcmp(p->key, key, key_bytes) == 0)
            return p;
    return NULL;
}

static packed *packed_new(const void *from, const void *key, size_t key_bytes, size_t bytes) {
    packed *p = ft_fault_here() ? NULL : calloc(1, sizeof *p + key_bytes);
    size_t whole = (bytes + 63) & ~(size_t)63;
    if (p) p->data = whole < bytes ? NULL : aligned_alloc(64, whole ? whole : 64);
    if (!p || !p->data) {
        packed_free(p);
        return NULL;
    }
    p->from = from;
    p->key_bytes = key_bytes;
    p->bytes = bytes;
    memcpy(p->key, key, key_bytes);
    return p;
}

static ft_err packed_make(const void **out, ft_nn_store *s, packed *p,
                          ft_err (*make)(void *ctx, void *to), void *ctx) {
    if (!p) return FT_FAIL(FT_ENOMEM, "no memory for packed weights");
    ft_err err = make(ctx, p->data);
    if (err != FT_OK) {
        packed_free(p);
        return ft_err_frame(err, __FILE__, __LINE__, "make");
    }
    p->next = s->list;
    s->list = p;
    s->bytes += p->bytes;
    *out = p->data;
    return FT_OK;
}

ft_err ft_nn_store_packed(const void **out, ft_nn_store *s, const void *from, const void *key,
                          size_t key_bytes, size_t bytes, ft_err (*make)(void *ctx, void *to),
                          void *ctx) {
    ft_err err = FT_OK;
    *out = NULL;
    pthread_mutex_lock(&s->lock);
    packed *p = find(s, from, key, key_bytes);
    if (p)
        *out = p->data;
    else
        err = packed_make(out, s, packed_new(from, key, key_bytes, bytes), make, ctx);
    pthread_mutex_unlock(&s->lock);
    return err;
}

bool ft_nn_store_has(ft_nn_store *s, const void *from, const void *key, size_t key_bytes) {
    pthread_mutex_lock(&s->lock);
    bool has = find(s, from, key, key_bytes) != NULL;
    pthread_mutex_unlock(&s->lock);
    return has;
}

size_t ft_nn_store_bytes(ft_nn_store *s) {
    pthread_mutex_lock(&s->lock);
    size_t bytes = s->bytes;
    pthread_mutex_unlock(&s->lock);
    return bytes;
}
