/* algorithm.c -- the registry of what trains; rows come from cli. See algorithm.h. */
#include "models/algorithm.h"

#include <stddef.h>

static const ft_algorithm *const none[] = { NULL };
static const ft_algorithm *const *algorithms = none;

void ft_algorithms_use(const ft_algorithm *const *rows) { algorithms = rows ? rows : none; }

const ft_algorithm *const *ft_algorithms(void) { return algorithms; }

const ft_algorithm *ft_algorithm_find(ft_str name) {
    for (const ft_algorithm *const *a = algorithms; *a; a++)
        if (ft_str_is(name, (*a)->name)) return *a;
    return NULL;
}
