/* kind.c -- kinds of streams and their registry; see stream.h. */
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "streams/stream.h"

static const ft_stream_kind *const no_kinds[] = { NULL };
static const ft_stream_kind *const *kinds = no_kinds;

void ft_streams_use(const ft_stream_kind *const *list) { kinds = list ? list : no_kinds; }

const ft_stream_kind *const *ft_stream_kinds(void) { return kinds; }

const ft_stream_kind *ft_stream_kind_find(ft_str name) {
    for (const ft_stream_kind *const *k = kinds; *k; k++)
        if (ft_str_is(name, (*k)->name)) return *k;
    return NULL;
}

int ft_stream_columns(const ft_stream_kind *kind) {
    int n = 0;
    while (kind->columns[n].name) n++;
    FT_CHECK(n > 0 && n <= FT_COLUMNS_MAX);
    FT_CHECK(kind->order_column >= 0 && kind->order_column < n);
    return n;
}

ft_order ft_stream_order(const ft_stream_kind *kind) {
    ft_str name = ft_str_of(kind->columns[kind->order_column].name);
    return ft_str_ends(name, FT_STR("_us")) ? FT_ORDER_TIME : FT_ORDER_STEP;
}

double ft_value_number(const ft_value *v) {
    if (v->type == FT_VALUE_INT) return (double)v->i;
    return v->type == FT_VALUE_F64 ? v->f : (double)NAN;
}
