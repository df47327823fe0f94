/* rnn_direction.h -- one direction of a recurrent node in working memory of the type REAL: inputs
 * to it, the cell's run, outputs and gradients back. Included twice by rnn.c, after rnn_cell.h. */

static REAL *CELL(take)(REAL **memory, size_t items) {
    REAL *at = *memory;
    *memory += (items + 15) / 16 * 16;
    return at;
}
static const REAL *CELL(read)(REAL **memory, const ft_nn_call *c, size_t input, int64_t at,
                              size_t items) {
    if (!ft_nn_given(c->in, c->in_count, input)) return NULL;
    REAL *to = CELL(take)(memory, items);
    for (size_t i = 0; i < items; i++) to[i] = (REAL)ft_nn_item(&c->in[input], at + (int64_t)i);
    return to;
}
static void CELL(load)(CELL(cell) * v, REAL **memory, const ft_nn_call *c, int64_t d) {
    const rnn_shape *s = v->s;
    size_t h = (size_t)s->hidden, gh = (size_t)s->gates * h, in = (size_t)s->input;
    REAL *x = CELL(take)(memory, (size_t)(s->steps * s->batch) * in);
    for (int64_t k = 0; k < s->steps * s->batch; k++)
        for (int64_t j = 0; j < s->input; j++)
            x[k * s->input + j] =
                (REAL)ft_nn_item(&c->in[0], x_at(s, k / s->batch, k % s->batch) + j);
    v->x = x;
    v->w = CELL(read)(memory, c, 1, d * (int64_t)(gh * in), gh * in);
    v->r = CELL(read)(memory, c, 2, d * (int64_t)(gh * h), gh * h);
    v->wb = CELL(read)(memory, c, 3, d * (int64_t)(2 * gh), 2 * gh);
    v->rb = v->wb ? v->wb + gh : NULL;
    v->p = CELL(read)(memory, c, 7, d * (int64_t)(3 * h), 3 * h);
    CELL(cell_place)(v, CELL(take)(memory, CELL(cell_items)(s)));
    for (int64_t b = 0; b < s->batch; b++) {
        for (int64_t j = 0; j < s->hidden; j++) {
            int64_t at = state_at(s, b, d) + j;
            bool first = ft_nn_given(c->in, c->in_count, 5);
            bool memory_cell = ft_nn_given(c->in, c->in_count, 6);
            v->h[b * s->hidden + j] = first ? (REAL)ft_nn_item(&c->in[5], at) : 0;
            v->c[b * s->hidden + j] = memory_cell ? (REAL)ft_nn_item(&c->in[6], at) : 0;
        }
    }
}
static void CELL(give)(const CELL(cell) * v, const ft_nn_call *c, int64_t d) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden, last = s->steps * s->batch;
    for (int64_t k = 0; k < s->steps && c->out[0].data; k++) {
        for (int64_t b = 0; b < s->batch; b++) {
            int64_t row = CELL(row)(v, k, b);
            int64_t t = row < 0 ? k : row / s->batch; /* past its length: zero */
            for (int64_t j = 0; j < n; j++)
                ft_nn_put_f64(&c->out[0], y_at(s, t, b, d) + j,
                              row < 0 ? 0 : (double)v->h[((k + 1) * s->batch + b) * n + j]);
        }
    }
    for (int64_t i = 0; i < s->batch * n; i++) {
        int64_t at = state_at(s, i / n, d) + i % n;
        if (c->out_count > 1 && c->out[1].data)
            ft_nn_put_f64(&c->out[1], at, (double)v->h[last * n + i]);
        if (c->out_count > 2 && c->out[2].data)
            ft_nn_put_f64(&c->out[2], at, (double)v->c[last * n + i]);
    }
}
static ft_err CELL(run)(const ft_nn_call *c) {
    rnn_shape s;
    FT_TRY(shape_of(&s, c->node, c->in, c->in_count));
    FT_TRY(lengths_read(&s, c));
    for (int64_t d = 0; d < s.directions; d++) {
        REAL *memory = (REAL *)(void *)((char *)c->scratch +
                                        ((size_t)s.batch * sizeof(int64_t) + 63) / 64 * 64);
        CELL(cell) v = { .s = &s, .reverse = s.first_reverse || d == 1 };
        CELL(load)(&v, &memory, c, d);
        FT_TRY(CELL(forth)(&v));
        CELL(give)(&v, c, d);
    }
    return FT_OK;
}

/* Adds working memory to a gradient; `at` NULL: not wanted. */
static REAL *CELL(zeroed)(REAL **memory, bool wanted, size_t items) {
    if (!wanted) return NULL;
    REAL *at = CELL(take)(memory, items);
    memset(at, 0, items * sizeof *at);
    return at;
}
static void CELL(add)(const ft_nn_call *c, size_t input, int64_t at, const REAL *from,
                      size_t items) {
    float *to = from ? (float *)c->in_grad[input].data + at : NULL;
    for (size_t i = 0; to && i < items; i++) to[i] += (float)from[i];
}
static void CELL(last)(const CELL(cell) * v, const ft_nn_call *c, int64_t d) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden;
    for (int64_t i = 0; i < s->batch * n; i++) {
        int64_t at = state_at(s, i / n, d) + i % n;
        bool h = c->out_count > 1 && c->out_grad[1].data;
        bool m = c->out_count > 2 && c->out_grad[2].data;
        v->back[i] = h ? (REAL)((const float *)c->out_grad[1].data)[at] : 0;
        v->back[s->batch * n + i] = m ? (REAL)((const float *)c->out_grad[2].data)[at] : 0;
    }
}
static REAL *CELL(dy)(REAL **memory, const rnn_shape *s, const ft_nn_call *c, int64_t d) {
    if (!c->out_grad[0].data) return NULL;
    REAL *dy = CELL(take)(memory, (size_t)(s->steps * s->batch * s->hidden));
    for (int64_t k = 0; k < s->steps * s->batch; k++)
        for (int64_t j = 0; j < s->hidden; j++)
            dy[k * s->hidden + j] = (REAL)((const float *)c->out_grad[0]
                                               .data)[y_at(s, k / s->batch, k % s->batch, d) + j];
    return dy;
}
static bool CELL(wants)(const ft_nn_call *c, size_t input) {
    return input < c->in_count && c->in_grad[input].data;
}
static ft_err CELL(back)(const ft_nn_call *c, const rnn_shape *s, int64_t d) {
    REAL *memory =
        (REAL *)(void *)((char *)c->scratch + ((size_t)s->batch * sizeof(int64_t) + 63) / 64 * 64);
    size_t h = (size_t)s->hidden, gh = (size_t)s->gates * h, in = (size_t)s->input;
    size_t states = (size_t)s->batch * h;
    CELL(cell) v = { .s = s, .reverse = s->first_reverse || d == 1 };
    CELL(load)(&v, &memory, c, d);
    FT_TRY(CELL(forth)(&v));
    CELL(last)(&v, c, d);
    const REAL *dy = CELL(dy)(&memory, s, c, d);
    CELL(grads)
    g = {
        .x = CELL(zeroed)(&memory, CELL(wants)(c, 0), (size_t)(s->steps * s->batch) * in),
        .w = CELL(zeroed)(&memory, CELL(wants)(c, 1), gh * in),
        .r = CELL(zeroed)(&memory, CELL(wants)(c, 2), gh * h),
        .wb = CELL(zeroed)(&memory, CELL(wants)(c, 3), 2 * gh),
        .p = CELL(zeroed)(&memory, CELL(wants)(c, 7), 3 * h),
    };
    g.rb = g.wb ? g.wb + gh : NULL;
    FT_TRY(CELL(reverse)(&v, &g, dy));
    for (int64_t k = 0; g.x && k < s->steps * s->batch; k++)
        CELL(add)(c, 0, x_at(s, k / s->batch, k % s->batch), g.x + k * s->input, in);
    CELL(add)(c, 1, d * (int64_t)(gh * in), g.w, gh * in);
    CELL(add)(c, 2, d * (int64_t)(gh * h), g.r, gh * h);
    CELL(add)(c, 3, d * (int64_t)(2 * gh), g.wb, 2 * gh);
    CELL(add)(c, 7, d * (int64_t)(3 * h), g.p, 3 * h);
    for (int64_t b = 0; b < s->batch; b++) {
        const REAL *dh = v.back + b * s->hidden, *dc = v.back + (int64_t)states + b * s->hidden;
        if (CELL(wants)(c, 5)) CELL(add)(c, 5, state_at(s, b, d), dh, h);
        if (CELL(wants)(c, 6)) CELL(add)(c, 6, state_at(s, b, d), dc, h);
    }
    return FT_OK;
}
