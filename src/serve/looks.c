/* looks.c -- see looks.h. */
#include "serve/looks.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "media/resize.h"
#include "monitor/pictures.h"
#include "report/page.h"
#include "serve/looks_in.h"

#define SHOWN    5   /* pairs of pictures */
#define PANEL    160 /* pixels of a picture's side on the page */
#define GAP      8
#define READ_MAX 20000 /* captured requests of a window that are looked through */

typedef struct look { /* a captured picture */
    ft_str event, bytes;
    int64_t at_us;
    double prediction, confidence;
    ft_image picture, map;
    bool mapped;
} look;

typedef struct window {
    const ft_monitor_row *run;
    look *items;
    size_t count;
    int most; /* the class answered most often */
} window;

/* ---- choosing requests */

static ft_err cursor_of(ft_cursor **c, ft_store *s, const ft_monitor_row *run) {
    ft_cursor_opts opts = { .key = run->endpoint,
                            .from = run->from_us,
                            .until = run->until_us,
                            .wanted = 1ull << FT_CAPTURE_TIME | 1ull << FT_CAPTURE_EVENT |
                                      1ull << FT_CAPTURE_PREDICTION |
                                      1ull << FT_CAPTURE_CONFIDENCE | FT_CAPTURE_WANTED_ASKED };
    return ft_cursor_open(c, s, &ft_kind_capture, &opts);
}

static double number(const ft_value *v) { return ft_value_number(v); }

/* Which class was answered most, and how often. */
static ft_err count_classes(int *most, int64_t *times, ft_store *s, const ft_monitor_row *run,
                            ft_arena *arena) {
    ft_cursor *c;
    ft_record r;
    int64_t *counts;
    enum { CLASSES = 10000 };
    FT_TRY(ft_arena_items(&counts, arena, CLASSES));
    memset(counts, 0, CLASSES * sizeof *counts);
    FT_TRY(cursor_of(&c, s, run));
    ft_err err = FT_OK;
    for (int n = 0; n < READ_MAX && (err = ft_cursor_next(c, &r)) == FT_OK; n++) {
        double p = number(&r.values[FT_CAPTURE_PREDICTION]);
        if (p >= 0 && p < CLASSES) counts[(int)p]++;
    }
    ft_cursor_close(c);
    *most = 0;
    for (int i = 1; i < CLASSES; i++)
        if (counts[i] > counts[*most]) *most = i;
    *times = counts[*most];
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err look_read(look *l, bool *picture, const ft_record *r, ft_arena *arena) {
    const ft_value *v = r->values;
    ft_payload in = { 0 };
    *picture = false;
    if (v[FT_CAPTURE_EVENT].type != FT_VALUE_TEXT) return FT_OK;
    ft_err err = ft_capture_payload(&in, arena, v, FT_CAPTURE_ASKED);
    if (err == FT_EPARSE) return ft_err_clear(), FT_OK; /* damaged, or not kept */
    FT_TRY(err);
    if (!ft_is_picture(&in)) return FT_OK;
    err = ft_image_decode(&l->picture, arena, in.bytes, &(ft_decode_opts){ .channels = 3 });
    if (err != FT_OK) {
        ft_err_clear();
        return FT_OK;
    }
    FT_TRY(ft_arena_str(&l->event, arena, v[FT_CAPTURE_EVENT].s));
    FT_TRY(ft_arena_str(&l->bytes, arena, in.bytes));
    l->at_us = v[FT_CAPTURE_TIME].i;
    l->prediction = number(&v[FT_CAPTURE_PREDICTION]);
    l->confidence = number(&v[FT_CAPTURE_CONFIDENCE]);
    *picture = true;
    return FT_OK;
}

/* Of the class `only` (-1: any), spread over the `of` that there are. */
static ft_err window_fill(window *w, ft_store *s, int only, int64_t of, ft_arena *arena) {
    ft_cursor *c;
    ft_record r;
    int64_t every = of / SHOWN > 0 ? of / SHOWN : 1, seen = 0;
    FT_TRY(ft_arena_items(&w->items, arena, SHOWN));
    FT_TRY(cursor_of(&c, s, w->run));
    ft_err err = FT_OK;
    for (int n = 0; n < READ_MAX && w->count < SHOWN && (err = ft_cursor_next(c, &r)) == FT_OK;
         n++) {
        bool picture;
        if (only >= 0 && number(&r.values[FT_CAPTURE_PREDICTION]) != only) continue;
        if (seen++ % every != 0) continue;
        w->items[w->count] = (look){ 0 };
        if ((err = look_read(&w->items[w->count], &picture, &r, arena)) != FT_OK) break;
        w->count += picture;
    }
    ft_cursor_close(c);
    return err == FT_ENOTFOUND ? FT_OK : err;
}

/* ---- drawing */

/* Bytes of the answer's heat map over the picture; a model that cannot tell leaves it out. */
static ft_err look_map(look *l, const ft_live *live, ft_arena *arena) {
    ft_payload in = { .bytes = l->bytes }, out = { 0 };
    ft_explain_ask ask = { 0 };
    const ft_model *m = live ? live->held->model : NULL;
    if (!m || !m->predictor->explain) return FT_OK;
    ft_err err = m->predictor->explain(m, &out, &in, &ask, FT_STR("image/png"), arena);
    if (err == FT_OK)
        err = ft_image_decode(&l->map, arena, out.bytes, &(ft_decode_opts){ .channels = 3 });
    l->mapped = err == FT_OK;
    if (err != FT_OK && err != FT_ENOMEM) ft_err_clear();
    return err == FT_ENOMEM ? err : FT_OK;
}

static ft_err panel(const ft_image *strip, int at, const ft_image *picture) {
    ft_image to;
    if (!picture) return FT_OK;
    FT_TRY(ft_image_crop(&to, strip, (ft_box){ at * (PANEL + GAP), 0, PANEL, PANEL }));
    return ft_resize_grid(&to, picture, FT_GRID_HALF_PIXEL);
}

static void caption_add(ft_buf *to, const char *what, const look *l) {
    char time[FT_TIME_TEXT];
    ft_buf_printf(to, "%s: class %g", what, l->prediction);
    if (!isnan(l->confidence)) ft_buf_printf(to, " at %.3f", l->confidence);
    ft_buf_printf(to, ", %s", ft_time_iso(time, l->at_us, false));
}

ft_err ft_looks_strip(ft_page *p, const ft_image *const panels[FT_LOOKS_PANELS], ft_str caption,
                      ft_arena *arena) {
    static const uint8_t white[3] = { 255, 255, 255 };
    ft_image strip;
    ft_buf png = { 0 };
    FT_TRY(ft_image_new(&strip, arena, FT_LOOKS_PANELS * (PANEL + GAP) - GAP, PANEL, 3));
    ft_image_fill(&strip, white);
    for (int i = 0; i < FT_LOOKS_PANELS; i++) FT_TRY(panel(&strip, i, panels[i]));
    ft_err err = ft_image_encode(&png, &strip, &(ft_encode_opts){ .kind = FT_IMAGE_PNG });
    if (err == FT_OK) ft_page_image(p, FT_STR("image/png"), ft_buf_str(&png), caption);
    ft_buf_fini(&png);
    return err;
}

/* usual picture, its map, odd picture, its map, in a row. */
static ft_err pair_draw(ft_page *p, const look *usual, const look *odd, ft_arena *arena) {
    ft_buf caption = { 0 };
    const ft_image *panels[FT_LOOKS_PANELS] = { usual ? &usual->picture : NULL,
                                                usual && usual->mapped ? &usual->map : NULL,
                                                &odd->picture, odd->mapped ? &odd->map : NULL };
    ft_err err;
    if (usual) caption_add(&caption, "left, as usual", usual);
    if (usual) ft_buf_printf(&caption, " · ");
    caption_add(&caption, "right, in the alert's window", odd);
    FT_GOTO(err, caption.err);
    err = ft_looks_strip(p, panels, ft_buf_str(&caption), arena);
done:
    ft_buf_fini(&caption);
    return err;
}

/* ---- the page */

static ft_err pictures_section(ft_page *p, window *usual, window *odd, const ft_live *live,
                               ft_arena *arena) {
    ft_page_section(p, FT_STR("Pictures and what decided"));
    ft_page_text(p, "Captured requests, each beside the heat map of its answer (FullGrad, by the "
                    "model that answers now; red counts most).");
    for (size_t i = 0; i < odd->count; i++) {
        FT_TRY(look_map(&odd->items[i], live, arena));
        if (i < usual->count) FT_TRY(look_map(&usual->items[i], live, arena));
        FT_TRY(pair_draw(p, i < usual->count ? &usual->items[i] : NULL, &odd->items[i], arena));
    }
    return FT_OK;
}

static void facts(ft_page *p, const ft_looks_ask *ask, const window *odd, int64_t times) {
    char text[64], from[FT_TIME_TEXT], until[FT_TIME_TEXT];
    ft_page_facts_begin(p);
    ft_page_fact(p, "endpoint", ask->endpoint);
    snprintf(text, sizeof text, "%s to %s", ft_time_iso(from, ask->odd->from_us, true),
             ft_time_iso(until, ask->odd->until_us, true));
    ft_page_fact(p, "window", ft_str_of(text));
    char share[96];
    const ft_model *m = ask->live ? ask->live->held->model : NULL;
    ft_str label =
        m && m->predictor->class_name ? m->predictor->class_name(m, odd->most) : FT_STR("");
    int64_t number_named;
    if (ft_str_i64(&number_named, label) && number_named == odd->most) label = FT_STR("");
    snprintf(share, sizeof share, "class %d%s%.*s, %lld times of %lld", odd->most,
             label.len ? " " : "",
             FT_STR_ARG(ft_str_slice(label, 0, label.len < 40 ? label.len : 40)), (long long)times,
             (long long)ask->odd->records);
    ft_page_fact(p, "answered most", ft_str_of(share));
    ft_page_facts_end(p);
}

static ft_err page_fill(ft_page *p, ft_store *s, ft_arena *arena, const ft_looks_ask *ask) {
    window odd = { .run = ask->odd }, usual = { .run = ask->usual };
    int64_t times, rest = 0;
    FT_TRY(count_classes(&odd.most, &times, s, ask->odd, arena));
    FT_TRY(window_fill(&odd, s, odd.most, times, arena));
    if (!odd.count)
        return FT_FAIL(FT_ENOTFOUND, "the window has no captured picture of endpoint '%.*s'",
                       FT_STR_ARG(ask->endpoint));
    if (usual.run) {
        FT_TRY(count_classes(&usual.most, &rest, s, usual.run, arena));
        FT_TRY(window_fill(&usual, s, -1, usual.run->records, arena));
    }
    facts(p, ask, &odd, times);
    FT_TRY(pictures_section(p, &usual, &odd, ask->live, arena));
    if (ask->tensors.len) FT_TRY(ft_looks_tensors(p, s, arena, ask));
    return FT_OK;
}

ft_err ft_looks_page(ft_buf *out, ft_store *s, ft_arena *arena, const ft_looks_ask *ask) {
    ft_page p;
    ft_str title = { 0 };
    FT_TRY(ft_arena_printf(&title, arena, "Pictures of %.*s", FT_STR_ARG(ask->endpoint)));
    ft_page_begin(&p, title, FT_STR("as usual, and in the window of an alert"));
    ft_err err = page_fill(&p, s, arena, ask);
    if (err == FT_OK) err = ft_page_end(&p, out);
    ft_page_fini(&p);
    return err;
}
