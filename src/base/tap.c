/* tap.c -- see tap.h. */
#include "base/tap.h"

#include <stdatomic.h>

uint64_t ft_tap_serial(void) {
    static atomic_uint_fast64_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}
