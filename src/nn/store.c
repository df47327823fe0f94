/* store.c -- see store.h. A list is searched: models have hundreds of weights, and only when a plan
 * is made. Memory is taken in large blocks on huge pages: a hundred megabytes of weights would
 * otherwise cost 25,000 page faults, half of a session's start. */
#include "nn/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"

#define BLOCK_BYTES ((size_t)16 << 20)
#define HUGE_BYTES  ((size_t)2 << 20)

typedef struct packed {
    struct packed *next;
    const void *from;
    size_t key_bytes;
    const void *data;
    unsigned char key[];
} packed;

typedef struct block {
    struct block *next;
    size_t size, used;
    unsigned char *at;
} block;

struct ft_nn_store {
    pthread_mutex_t lock;
    packed *list;
    block *blocks;
    size_t bytes;
    void *scratch;
    size_t scratch_bytes;
};

ft_err ft_nn_store_new(ft_nn_store **out) {
    *out = NULL;
    ft_nn_store *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory for a store of weights");
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return FT_OK;
}

void ft_nn_store_free(ft_nn_store *s) {
    if (!s) return;
    for (packed *p = s->list, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    for (block *b = s->blocks, *next; b; b = next) {
        next = b->next;
        free(b->at);
        free(b);
    }
    free(s->scratch);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- memory */

static void *pages_take(size_t bytes, size_t *size) {
    size_t align = bytes >= HUGE_BYTES ? HUGE_BYTES : 64;
    *size = (bytes + align - 1) / align * align;
    if (*size < bytes || ft_fault_here()) return NULL;
    void *at = aligned_alloc(align, *size ? *size : align);
    if (at && align == HUGE_BYTES) madvise(at, *size, MADV_HUGEPAGE); /* where it is allowed */
    return at;
}

static ft_err block_room(ft_nn_store *s, size_t bytes) {
    if (s->blocks && s->blocks->size - s->blocks->used >= bytes) return FT_OK;
    block *b = ft_fault_here() ? NULL : calloc(1, sizeof *b);
    if (b) b->at = pages_take(bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES, &b->size);
    if (!b || !b->at) {
        free(b);
        return FT_FAIL(FT_ENOMEM, "no memory for packed weights");
    }
    b->next = s->blocks;
    s->blocks = b;
    return FT_OK;
}

static ft_err scratch_room(ft_nn_store *s, size_t bytes) {
    if (s->scratch_bytes >= bytes) return FT_OK;
    free(s->scratch);
    s->scratch_bytes = 0;
    s->scratch = pages_take(bytes, &s->scratch_bytes);
    if (s->scratch) return FT_OK;
    s->scratch_bytes = 0;
    return FT_FAIL(FT_ENOMEM, "no memory for packing weights");
}

/* ---- packed weights */

static packed *find(const ft_nn_store *s, const void *from, const void *key, size_t key_bytes) {
    for (packed *p = s->list; p; p = p->next)
        if (p->from == from && p->key_bytes == key_bytes && memcmp(p->key, key, key_bytes) == 0)
            return p;
    return NULL;
}

static ft_err packed_add(const void **out, ft_nn_store *s, const void *from, const void *key,
                         size_t key_bytes, const ft_nn_packer *packer) {
    size_t bytes = (packer->bytes + 63) & ~(size_t)63;
    if (bytes < packer->bytes) return FT_FAIL(FT_ENOMEM, "no memory for packed weights");
    FT_TRY(block_room(s, bytes));
    FT_TRY(scratch_room(s, packer->scratch_bytes));
    void *to = s->blocks->at + s->blocks->used;
    FT_TRY(packer->make(packer->ctx, to, s->scratch));
    packed *p = ft_fault_here() ? NULL : calloc(1, sizeof *p + key_bytes);
    if (!p) return FT_FAIL(FT_ENOMEM, "no memory for packed weights");
    *p = (packed){ .next = s->list, .from = from, .key_bytes = key_bytes, .data = to };
    memcpy(p->key, key, key_bytes);
    s->list = p;
    s->blocks->used += bytes;
    s->bytes += bytes;
    *out = to;
    return FT_OK;
}

ft_err ft_nn_store_packed(const void **out, ft_nn_store *s, const void *from, const void *key,
                          size_t key_bytes, const ft_nn_packer *packer) {
    ft_err err = FT_OK;
    *out = NULL;
    pthread_mutex_lock(&s->lock);
    packed *p = find(s, from, key, key_bytes);
    if (p)
        *out = p->data;
    else
        err = packed_add(out, s, from, key, key_bytes, packer);
    pthread_mutex_unlock(&s->lock);
    return err;
}

void ft_nn_store_settle(ft_nn_store *s) {
    pthread_mutex_lock(&s->lock);
    free(s->scratch);
    s->scratch = NULL;
    s->scratch_bytes = 0;
    pthread_mutex_unlock(&s->lock);
}

size_t ft_nn_store_bytes(ft_nn_store *s) {
    pthread_mutex_lock(&s->lock);
    size_t bytes = s->bytes;
    pthread_mutex_unlock(&s->lock);
    return bytes;
}
