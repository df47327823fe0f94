/* loader_ring.c -- the slots that batches live in: made when needed, up to the memory limit, used
 * again when their last reference goes. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/loader_cuda.h"
#include "data/loader_in.h"

#define ALIGN     64
#define HUGE_PAGE ((size_t)2 << 20)

static size_t up(size_t n, size_t to) { return (n + to - 1) / to * to; }

ft_err ft_ring_new(ft_ring **out, size_t batch, const ft_place *places, size_t count,
                   size_t memory_bytes_max, bool pin) {
    ft_ring *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return FT_FAIL(FT_ENOMEM, "out of memory for a ring of batches");
    r->batch = batch;
    r->place_count = count;
    memcpy(r->places, places, count * sizeof *places);
    for (size_t i = 0; i < count; i++) {
        r->places[i].offset = r->slot_bytes;
        r->slot_bytes += up(places[i].bytes * batch, ALIGN);
    }
    r->slot_bytes = up(r->slot_bytes + 1, r->slot_bytes >= HUGE_PAGE ? HUGE_PAGE : 4096);
    r->slots_max = memory_bytes_max / r->slot_bytes;
    if (r->slots_max > FT_LOADER_SLOTS_MAX) r->slots_max = FT_LOADER_SLOTS_MAX;
    if (r->slots_max < 2) {
        size_t mb = r->slot_bytes >> 20;
        free(r);
        return FT_FAIL(
            FT_ETOOBIG,
            "a batch of %zu samples takes %zu MiB, and two of them are more than the memory "
            "limit of %zu MiB: smaller batches, or a higher limit",
            batch, mb, memory_bytes_max >> 20);
    }
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->work, NULL);
    pthread_cond_init(&r->ready, NULL);
    atomic_init(&r->refs, 1);
    r->pin = pin && ft_cuda_load() == FT_OK;
    if (pin && !r->pin) ft_err_clear(); /* absent is normal: told by the stats */
    *out = r;
    return FT_OK;
}

static void slot_free(ft_slot *s) {
    if (s->pinned) ft_cuda_unpin(s->memory);
    free(s->memory);
    free(s->ids);
    free(s->codes);
    free(s);
}

/* Large slots in large pages: the first batch of 19 MB took 14 ms of page faults in small ones, 3
 * in these. */
static char *slot_memory(size_t bytes) {
    size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 4096;
    char *at = ft_fault_here() ? NULL : aligned_alloc(align, up(bytes, align));
    if (at && align == HUGE_PAGE) madvise(at, up(bytes, align), MADV_HUGEPAGE);
    return at;
}

static ft_slot *slot_new(ft_ring *r) {
    ft_slot *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return NULL;
    s->ring = r;
    s->ids = ft_fault_here() ? NULL : calloc(r->batch, sizeof *s->ids);
    s->codes = ft_fault_here() ? NULL : calloc(r->batch, 1);
    s->memory = slot_memory(r->slot_bytes);
    if (!s->ids || !s->codes || !s->memory) {
        slot_free(s);
        return NULL;
    }
    s->pinned = r->pin && ft_cuda_pin(s->memory, r->slot_bytes) == FT_OK;
    if (r->pin && !s->pinned) {
        r->pin = false; /* too much is locked already: an ordinary slot does as well */
        ft_err_clear();
    }
    for (size_t i = 0; i < r->place_count; i++) {
        const ft_place *p = &r->places[i];
        ft_batch_field *f = &s->fields[i];
        f->name = ft_str_of(p->name);
        f->array = p->array;
        f->array.ndim = p->array.ndim + 1;
        memcpy(f->array.shape + 1, p->array.shape, sizeof *p->array.shape * (size_t)p->array.ndim);
        f->array.data = s->memory + p->offset;
    }
    s->batch.fields = s->fields;
    s->batch.field_count = r->place_count;
    s->batch.ids = s->ids;
    r->slots++;
    return s;
}

ft_slot *ft_ring_take(ft_ring *r) {
    ft_slot *s = r->free;
    if (s)
        r->free = s->next_free;
    else if (r->slots < r->slots_max)
        s = slot_new(r);
    if (!s && r->slots < r->slots_max) r->slots_max = r->slots; /* no memory for more */
    return s;
}

void ft_ring_give(ft_ring *r, ft_slot *s) {
    s->next_free = r->free;
    r->free = s;
}

void ft_ring_unref(ft_ring *r) {
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1) return;
    while (r->free) {
        ft_slot *s = r->free;
        r->free = s->next_free;
        slot_free(s);
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->work);
    pthread_cond_destroy(&r->ready);
    free(r);
}

void ft_batch_keep(ft_batch *b) { atomic_fetch_add(&((ft_slot *)b)->refs, 1); }

void ft_batch_release(ft_batch *b) {
    ft_slot *s = (ft_slot *)b;
    if (!s) return;
    int left = atomic_fetch_sub(&s->refs, 1);
    FT_CHECK(left > 0);
    if (left != 1) return;
    ft_ring *r = s->ring;
    pthread_mutex_lock(&r->lock);
    ft_ring_give(r, s);
    r->held--;
    pthread_cond_broadcast(&r->work);
    pthread_mutex_unlock(&r->lock);
    ft_ring_unref(r);
}
