/* rnn_cell.h -- one direction of an RNN, GRU or LSTM, forth and back, for the type REAL. Included
 * twice by rnn.c, which defines CELL: float with oneDNN's products, double with plain loops (the
 * reference). Private.
 *
 * Steps are counted in the order of processing, k; row `t` of the data is then k, or for the
 * reverse direction length - 1 - k. Past its length a batch item keeps its state.
 * Gates stand in ONNX's order: GRU z r h, LSTM i o f c. */

typedef struct CELL(cell) {
    const rnn_shape *s;
    bool reverse;
    const REAL *x, *w, *r;   /* [T,B,I], [GH,I], [GH,H] */
    const REAL *wb, *rb, *p; /* [GH], [GH], [3H]; NULL: none */
    REAL *gates;             /* [T,B,GH], after their activations; by k */
    REAL *by_time;           /* [T,B,GH]: x w, by t; backward: gradients before activations */
    REAL *h, *c;             /* [T+1,B,H] states by k */
    REAL *aside;             /* [T,B,H]: GRU's reset state, or h Rh + b before reset */
    REAL *back;              /* [B,GH + 3H] of the step back */
} CELL(cell);

static size_t CELL(cell_items)(const rnn_shape *s) {
    size_t tb = (size_t)(s->steps * s->batch), h = (size_t)s->hidden, g = (size_t)s->gates;
    return tb * (2 * g * h + h) + 2 * (tb + (size_t)s->batch) * h + (size_t)s->batch * (g + 3) * h +
           8 * 16;
}
/* Lays the working arrays out in `memory`. */
static void CELL(cell_place)(CELL(cell) * v, REAL *memory) {
    const rnn_shape *s = v->s;
    size_t tb = (size_t)(s->steps * s->batch), h = (size_t)s->hidden, gh = (size_t)s->gates * h;
    v->gates = memory;
    v->by_time = v->gates + tb * gh;
    v->aside = v->by_time + tb * gh;
    v->h = v->aside + tb * h;
    v->c = v->h + (tb + (size_t)s->batch) * h;
    v->back = v->c + (tb + (size_t)s->batch) * h;
}

static int64_t CELL(row)(const CELL(cell) * v, int64_t k, int64_t b) { /* -1: past the end */
    int64_t length = v->s->lengths ? v->s->lengths[b] : v->s->steps;
    if (k >= length) return -1;
    return (v->reverse ? length - 1 - k : k) * v->s->batch + b;
}

static void CELL(clipped)(const rnn_shape *s, REAL *v, int64_t n) {
    REAL limit = (REAL)s->clip;
    if (!(s->clip > 0)) return;
    for (int64_t i = 0; i < n; i++) v[i] = v[i] > limit ? limit : v[i] < -limit ? -limit : v[i];
}
static void CELL(activate)(const rnn_shape *s, int which, bool reverse, REAL *v, int64_t n) {
    const activation *a = &s->activations[(reverse && s->directions == 2 ? 3 : 0) + which];
    CELL(clipped)(s, v, n);
    if (a->kind == SIGMOID)
        CELL(sigmoid_span)(v, n);
    else if (a->kind == TANH)
        CELL(tanh_span)(v, n);
    else
        for (int64_t i = 0; i < n; i++) v[i] = (REAL)activation_of(a, (double)v[i]);
}

/* ---- forward */

static ft_err CELL(products_of_x)(CELL(cell) * v) {
    const rnn_shape *s = v->s;
    int64_t rows = s->steps * s->batch, gh = s->gates * s->hidden;
    FT_TRY(CELL(product)(false, true, rows, gh, s->input, v->x, s->input, v->w, s->input, 0,
                         v->by_time, gh));
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t j = 0; j < gh; j++) {
            bool later = s->kind == GRU && s->linear_before_reset && j >= 2 * s->hidden;
            REAL add = v->wb ? v->wb[j] : 0;
            if (v->rb && !later) add += v->rb[j];
            v->by_time[row * gh + j] += add;
        }
    }
    return FT_OK;
}

static void CELL(lstm_item)(CELL(cell) * v, REAL *g, const REAL *before, REAL *c, REAL *h) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden;
    REAL *i = g, *o = g + n, *f = g + 2 * n, *m = g + 3 * n;
    for (int64_t j = 0; v->p && j < n; j++) {
        i[j] += v->p[j] * before[j];
        f[j] += v->p[2 * n + j] * before[j];
    }
    CELL(activate)(s, 0, v->reverse, i, n);
    CELL(activate)(s, 0, v->reverse, f, n);
    CELL(activate)(s, 1, v->reverse, m, n);
    for (int64_t j = 0; s->input_forget && j < n; j++) f[j] = 1 - i[j];
    for (int64_t j = 0; j < n; j++) c[j] = f[j] * before[j] + i[j] * m[j];
    for (int64_t j = 0; v->p && j < n; j++) o[j] += v->p[n + j] * c[j];
    CELL(activate)(s, 0, v->reverse, o, n);
    memcpy(h, c, (size_t)n * sizeof *h);
    CELL(activate)(s, 2, v->reverse, h, n);
    for (int64_t j = 0; j < n; j++) h[j] *= o[j];
}

/* z and r are there; the candidate still lacks what comes from the state, in aside or by product.
 */
static void CELL(gru_item)(CELL(cell) * v, REAL *g, const REAL *aside, const REAL *before,
                           REAL *h) {
    int64_t n = v->s->hidden;
    REAL *z = g, *r = g + n, *m = g + 2 * n;
    for (int64_t j = 0; v->s->linear_before_reset && j < n; j++) m[j] += r[j] * aside[j];
    CELL(activate)(v->s, 1, v->reverse, m, n);
    for (int64_t j = 0; j < n; j++) h[j] = (1 - z[j]) * m[j] + z[j] * before[j];
}

/* What the candidate gets from the state: h Rh + b, or (r h) Rh. */
static ft_err CELL(gru_aside)(CELL(cell) * v, int64_t k) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden, gh = 3 * n, b = s->batch;
    REAL *gates = v->gates + k * b * gh, *aside = v->aside + k * b * n;
    const REAL *before = v->h + k * b * n, *rh = v->r + 2 * n * n;
    if (s->linear_before_reset) {
        FT_TRY(CELL(product)(false, true, b, n, n, before, n, rh, n, 0, aside, n));
        for (int64_t i = 0; v->rb && i < b * n; i++) aside[i] += v->rb[2 * n + i % n];
        return FT_OK;
    }
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < n; j++)
            aside[i * n + j] = gates[i * gh + n + j] * before[i * n + j];
    return CELL(product)(false, true, b, n, n, aside, n, rh, n, 1, gates + 2 * n, gh);
}

static ft_err CELL(step)(CELL(cell) * v, int64_t k) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden, gh = s->gates * n, b = s->batch;
    int64_t from_state = s->kind == GRU ? 2 * n : gh;
    REAL *gates = v->gates + k * b * gh;
    const REAL *before = v->h + k * b * n;
    REAL *after = v->h + (k + 1) * b * n;
    for (int64_t i = 0; i < b; i++) {
        int64_t row = CELL(row)(v, k, i);
        if (row < 0)
            memset(gates + i * gh, 0, (size_t)gh * sizeof *gates);
        else
            memcpy(gates + i * gh, v->by_time + row * gh, (size_t)gh * sizeof *gates);
    }
    FT_TRY(CELL(product)(false, true, b, from_state, n, before, n, v->r, n, 1, gates, gh));
    for (int64_t i = 0; s->kind == GRU && i < b; i++)
        CELL(activate)(s, 0, v->reverse, gates + i * gh, 2 * n);
    if (s->kind == GRU) FT_TRY(CELL(gru_aside)(v, k));
    for (int64_t i = 0; i < b; i++) {
        const REAL *c_before = v->c + (k * b + i) * n;
        REAL *g = gates + i * gh, *h = after + i * n, *c = v->c + ((k + 1) * b + i) * n;
        if (CELL(row)(v, k, i) < 0) {
            memcpy(h, before + i * n, (size_t)n * sizeof *h);
            memcpy(c, c_before, (size_t)n * sizeof *c);
        } else if (s->kind == LSTM) {
            CELL(lstm_item)(v, g, c_before, c, h);
        } else if (s->kind == GRU) {
            CELL(gru_item)(v, g, v->aside + (k * b + i) * n, before + i * n, h);
        } else {
            CELL(activate)(s, 0, v->reverse, g, n);
            memcpy(h, g, (size_t)n * sizeof *h);
        }
    }
    return FT_OK;
}

/* h and c hold the first states in their first rows. */
static ft_err CELL(forth)(CELL(cell) * v) {
    FT_TRY(CELL(products_of_x)(v));
    for (int64_t k = 0; k < v->s->steps; k++) FT_TRY(CELL(step)(v, k));
    return FT_OK;
}

/* ---- backward. `back` holds for each item: dh, dc, spare (3H), then GH of gradients before the
 * activations. Only the activations whose slope follows from their value. */

static REAL CELL(slope)(const rnn_shape *s, int which, bool reverse, REAL y) {
    rnn_kind kind = s->activations[(reverse && s->directions == 2 ? 3 : 0) + which].kind;
    return kind == SIGMOID ? y * (1 - y) : kind == TANH ? 1 - y * y : y > 0 ? 1 : 0;
}

static void CELL(lstm_back)(CELL(cell) * v, int64_t k, int64_t i, REAL *dh, REAL *dc, REAL *dg) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden;
    const REAL *g = v->gates + (k * s->batch + i) * 4 * n;
    const REAL *before = v->c + (k * s->batch + i) * n;
    const REAL *c = v->c + ((k + 1) * s->batch + i) * n;
    for (int64_t j = 0; j < n; j++) {
        REAL in = g[j], o = g[n + j], f = g[2 * n + j], m = g[3 * n + j], seen = c[j];
        CELL(activate)(s, 2, v->reverse, &seen, 1);
        REAL d_o = dh[j] * seen * CELL(slope)(s, 0, v->reverse, o);
        REAL d = dc[j] + dh[j] * o * CELL(slope)(s, 2, v->reverse, seen);
        if (v->p) d += d_o * v->p[n + j];
        REAL d_in = d * m, d_f = d * before[j];
        if (s->input_forget) d_in -= d_f, d_f = 0;
        dg[j] = d_in * CELL(slope)(s, 0, v->reverse, in);
        dg[n + j] = d_o;
        dg[2 * n + j] = d_f * CELL(slope)(s, 0, v->reverse, f);
        dg[3 * n + j] = d * in * CELL(slope)(s, 1, v->reverse, m);
        dc[j] = d * f;
        if (v->p) dc[j] += dg[j] * v->p[j] + dg[2 * n + j] * v->p[2 * n + j];
        dh[j] = 0; /* all of it went through the gates */
    }
}

/* dh becomes what passes by z; `spare` gets the gradient of what came aside. */
static void CELL(gru_back)(CELL(cell) * v, int64_t k, int64_t i, REAL *dh, REAL *spare, REAL *dg) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden;
    const REAL *g = v->gates + (k * s->batch + i) * 3 * n;
    const REAL *before = v->h + (k * s->batch + i) * n;
    const REAL *aside = v->aside + (k * s->batch + i) * n;
    for (int64_t j = 0; j < n; j++) {
        REAL z = g[j], r = g[n + j], m = g[2 * n + j];
        dg[j] = dh[j] * (before[j] - m) * CELL(slope)(s, 0, v->reverse, z);
        dg[2 * n + j] = dh[j] * (1 - z) * CELL(slope)(s, 1, v->reverse, m);
        dg[n + j] = 0;
        if (s->linear_before_reset) {
            dg[n + j] = dg[2 * n + j] * aside[j] * CELL(slope)(s, 0, v->reverse, r);
            spare[j] = dg[2 * n + j] * r;
        }
        dh[j] *= z;
    }
}

/* The step's gradients: `dgs` [B,GH], dh and dc become those of the step before. */
static ft_err CELL(step_back)(CELL(cell) * v, int64_t k, REAL *dh, REAL *dc, REAL *spare, REAL *dgs,
                              REAL *dr, REAL *drb) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden, gh = s->gates * n, b = s->batch;
    int64_t from_state = s->kind == GRU ? 2 * n : gh;
    const REAL *before = v->h + k * b * n;
    memset(dgs, 0, (size_t)(b * gh) * sizeof *dgs);
    memset(spare, 0, (size_t)(b * n) * sizeof *spare);
    for (int64_t i = 0; i < b; i++) {
        REAL *dg = dgs + i * gh;
        if (CELL(row)(v, k, i) < 0) continue; /* the state passed by */
        if (s->kind == LSTM) {
            CELL(lstm_back)(v, k, i, dh + i * n, dc + i * n, dg);
        } else if (s->kind == GRU) {
            CELL(gru_back)(v, k, i, dh + i * n, spare + i * n, dg);
        } else {
            const REAL *h = v->h + ((k + 1) * b + i) * n;
            for (int64_t j = 0; j < n; j++) {
                dg[j] = dh[i * n + j] * CELL(slope)(s, 0, v->reverse, h[j]);
                dh[i * n + j] = 0;
            }
        }
    }
    if (s->kind == GRU && !s->linear_before_reset) { /* through (r h) Rh */
        const REAL *rh = v->r + 2 * n * n, *gates = v->gates + k * b * gh;
        FT_TRY(CELL(product)(false, false, b, n, n, dgs + 2 * n, gh, rh, n, 0, spare, n));
        for (int64_t i = 0; i < b * n; i++) {
            int64_t at = i / n * gh + n + i % n;
            dgs[at] = spare[i] * before[i] * CELL(slope)(s, 0, v->reverse, gates[at]);
            dh[i] += spare[i] * gates[at];
        }
        if (dr)
            FT_TRY(CELL(product)(true, false, n, n, b, dgs + 2 * n, gh, v->aside + k * b * n, n, 1,
                                 dr + 2 * n * n, n));
        for (int64_t i = 0; drb && i < b * n; i++)
            drb[2 * n + i % n] += dgs[i / n * gh + 2 * n + i % n];
    } else if (s->kind == GRU) {
        FT_TRY(CELL(product)(false, false, b, n, n, spare, n, v->r + 2 * n * n, n, 1, dh, n));
        if (dr)
            FT_TRY(CELL(product)(true, false, n, n, b, spare, n, before, n, 1, dr + 2 * n * n, n));
        for (int64_t i = 0; drb && i < b * n; i++) drb[2 * n + i % n] += spare[i];
    }
    FT_TRY(CELL(product)(false, false, b, n, from_state, dgs, gh, v->r, n, 1, dh, n));
    if (dr) FT_TRY(CELL(product)(true, false, from_state, n, b, dgs, gh, before, n, 1, dr, n));
    for (int64_t i = 0; drb && i < b; i++)
        for (int64_t j = 0; j < from_state; j++) drb[j] += dgs[i * gh + j];
    return FT_OK;
}

typedef struct CELL(grads) { /* all are added to; NULL: not wanted */
    REAL *x, *w, *r, *wb, *rb, *p;
} CELL(grads);

static void CELL(peep_back)(const CELL(cell) * v, int64_t k, const REAL *dgs, REAL *dp) {
    int64_t n = v->s->hidden, b = v->s->batch;
    for (int64_t i = 0; i < b; i++) {
        const REAL *dg = dgs + i * 4 * n;
        const REAL *before = v->c + (k * b + i) * n, *c = v->c + ((k + 1) * b + i) * n;
        for (int64_t j = 0; j < n; j++) {
            dp[j] += dg[j] * before[j];
            dp[n + j] += dg[n + j] * c[j];
            dp[2 * n + j] += dg[2 * n + j] * before[j];
        }
    }
}

/* After forth. `dy` by t, [T,B,H] with steps between rows (NULL: zero); dh, dc: of the last states,
 * in `back`, become those of the first. */
static ft_err CELL(reverse)(CELL(cell) * v, const CELL(grads) * g, const REAL *dy) {
    const rnn_shape *s = v->s;
    int64_t n = s->hidden, gh = s->gates * n, b = s->batch, rows = s->steps * b;
    REAL *dh = v->back, *dc = dh + b * n, *spare = dc + b * n, *dgs = spare + b * n;
    memset(v->by_time, 0, (size_t)(rows * gh) * sizeof *v->by_time);
    for (int64_t k = s->steps - 1; k >= 0; k--) {
        for (int64_t i = 0; dy && i < b; i++) {
            int64_t row = CELL(row)(v, k, i);
            for (int64_t j = 0; row >= 0 && j < n; j++) dh[i * n + j] += dy[row * n + j];
        }
        FT_TRY(CELL(step_back)(v, k, dh, dc, spare, dgs, g->r, g->rb));
        if (g->p) CELL(peep_back)(v, k, dgs, g->p);
        for (int64_t i = 0; i < b; i++) {
            int64_t row = CELL(row)(v, k, i);
            if (row >= 0) memcpy(v->by_time + row * gh, dgs + i * gh, (size_t)gh * sizeof *dgs);
        }
    }
    if (g->x)
        FT_TRY(CELL(product)(false, false, rows, s->input, gh, v->by_time, gh, v->w, s->input, 1,
                             g->x, s->input));
    if (g->w)
        FT_TRY(CELL(product)(true, false, gh, s->input, rows, v->by_time, gh, v->x, s->input, 1,
                             g->w, s->input));
    for (int64_t row = 0; g->wb && row < rows; row++)
        for (int64_t j = 0; j < gh; j++) g->wb[j] += v->by_time[row * gh + j];
    return FT_OK;
}
