/* spans.c -- see spans.h. */
#include "nn/spans.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/fault.h"

static int larger_first(const void *a, const void *b) {
    const ft_nn_span *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

/* Put `s` into the smallest gap between the spans in `order` (by place) that live with it. */
static void span_place(ft_nn_span *s, ft_nn_span *const *order, int count) {
    size_t end = 0, best = SIZE_MAX, best_at = 0;
    for (int i = 0; i < count; i++) {
        const ft_nn_span *o = order[i];
        if (o->to < s->from || o->from > s->to) continue;
        if (o->at >= end && o->at - end >= s->bytes && o->at - end < best) {
            best = o->at - end;
            best_at = end;
        }
        if (o->at + o->bytes > end) end = o->at + o->bytes;
    }
    s->at = best == SIZE_MAX ? end : best_at;
}

ft_err ft_nn_spans_place(ft_nn_span *spans, int count, size_t *bytes) {
    *bytes = 0;
    if (!count) return FT_OK;
    ft_nn_span **order = ft_fault_here() ? NULL : calloc((size_t)count, sizeof *order);
    if (!order) return FT_FAIL(FT_ENOMEM, "no memory for placing %d values", count);
    qsort(spans, (size_t)count, sizeof *spans, larger_first);
    for (int i = 0; i < count; i++) {
        ft_nn_span *s = &spans[i];
        span_place(s, order, i);
        int at = i;
        for (; at > 0 && order[at - 1]->at > s->at; at--) order[at] = order[at - 1];
        order[at] = s;
        if (s->at + s->bytes > *bytes) *bytes = s->at + s->bytes;
    }
    free(order);
    return FT_OK;
}
