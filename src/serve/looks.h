/* looks.h -- an alert's pictures: captured requests of a window that was found wrong beside those
 * of a window that was not, each with the heat map of its answer, and what the tensors of both say.
 *
 * Pictures come from the capture, heat maps from the model that answers now, tensors from the trial
 * that the endpoint keeps (taps.h); what is absent is left out with a word.
 *
 * Threads: a serving thread. Memory: the page. */
#ifndef FT_LOOKS_H
#define FT_LOOKS_H

#include "monitor/monitor.h"
#include "serve/live.h"

typedef struct ft_looks_ask {
    ft_str endpoint;
    const ft_live *live;
    const ft_monitor_row *odd, *usual; /* usual may be NULL */
    ft_str tensors;                    /* URI of the trial; empty: none is kept */
} ft_looks_ask;

/* A self-contained page. FT_ENOTFOUND when the window has no captured picture. */
ft_err ft_looks_page(ft_buf *out, ft_store *s, ft_arena *arena, const ft_looks_ask *ask);

#endif
