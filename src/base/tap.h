/* tap.h -- where running code offers what it sees: named scalars, arrays and events at a step.
 *
 * Training, serving and the loader *emit*; the debugger and the monitor *receive*. Neither includes
 * the other: whoever starts the work hands it a tap. A NULL tap means that nobody listens and costs
 * one branch.
 *
 *     if (ft_tap_wants(tap, "predictions", step)) { … compute … ; ft_tap_array(tap, "predictions",
 * &a); }
 *
 * Threads: one emitting thread at a time for a tap. Ownership: the receiver copies what it keeps.
 */
#ifndef FT_TAP_H
#define FT_TAP_H

#include "base/array.h"
#include "base/err.h"

typedef struct ft_tap ft_tap;

typedef struct ft_tap_ops {
    /* Will a tensor of this name be kept at this step? Asked before costly work. Never NULL. */
    bool (*wants)(void *self, const char *name, int64_t step);
    /* A new step begins / has ended. `end` may block shortly (a gate) and may return FT_ECANCELED:
     * the emitter then stops its work in good order. Never NULL. */
    ft_err (*begin)(void *self, int64_t step);
    ft_err (*end)(void *self, int64_t step);
    /* One named array of the current step. Never NULL. */
    ft_err (*array)(void *self, const char *name, const ft_array *value);
    /* One named scalar of the current step: a metric. Never NULL. */
    ft_err (*scalar)(void *self, const char *name, double value);
    /* Something worth a line in the log, with no number. May be NULL. */
    ft_err (*event)(void *self, const char *name, const char *text);
    /* The step that has begun ends an epoch: its losses and metrics are worth keeping whatever the
     * interval. Before its scalars. May be NULL. */
    void (*epoch)(void *self, int64_t step);
} ft_tap_ops;

struct ft_tap {
    const ft_tap_ops *ops;
    void *self;
    uint64_t serial; /* ft_tap_serial(), or 0: who keeps something for a tap knows it by that */
};

/* A number that no other tap of this process has or had; an address comes again. Threads: any. */
uint64_t ft_tap_serial(void);

static inline bool ft_tap_wants(ft_tap *t, const char *name, int64_t step) {
    return t && t->ops->wants(t->self, name, step);
}
static inline ft_err ft_tap_begin(ft_tap *t, int64_t step) {
    return t ? t->ops->begin(t->self, step) : FT_OK;
}
static inline ft_err ft_tap_end(ft_tap *t, int64_t step) {
    return t ? t->ops->end(t->self, step) : FT_OK;
}
static inline ft_err ft_tap_array(ft_tap *t, const char *name, const ft_array *value) {
    return t ? t->ops->array(t->self, name, value) : FT_OK;
}
static inline ft_err ft_tap_scalar(ft_tap *t, const char *name, double value) {
    return t ? t->ops->scalar(t->self, name, value) : FT_OK;
}
static inline void ft_tap_epoch(ft_tap *t, int64_t step) {
    if (t && t->ops->epoch) t->ops->epoch(t->self, step);
}
static inline ft_err ft_tap_event(ft_tap *t, const char *name, const char *text) {
    return t && t->ops->event ? t->ops->event(t->self, name, text) : FT_OK;
}

#endif
