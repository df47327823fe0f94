/* loader_state.c -- where an epoch stands, as one line of JSON. */
#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "data/loader_in.h"

#define VERSION 1

static const char *const shuffles[] = { "none", "full", "window" };

ft_err ft_loader_state(ft_buf *out, ft_loader *l) {
    ft_json_out w;
    char print[17];
    pthread_mutex_lock(&l->ring->lock);
    uint64_t position = l->delivered, bad = l->bad;
    pthread_mutex_unlock(&l->ring->lock);
    ft_hex(print, &l->feed.print, sizeof l->feed.print);
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "fettle_loader");
    ft_json_out_i64(&w, VERSION);
    ft_json_out_name(&w, "seed");
    ft_json_out_i64(&w, (int64_t)l->spec.seed);
    ft_json_out_name(&w, "epoch");
    ft_json_out_i64(&w, (int64_t)l->spec.epoch);
    ft_json_out_name(&w, "position");
    ft_json_out_i64(&w, (int64_t)position);
    ft_json_out_name(&w, "shuffle");
    ft_json_out_text(&w, shuffles[l->spec.shuffle]);
    ft_json_out_name(&w, "window");
    ft_json_out_i64(&w, l->spec.shuffle == FT_SHUFFLE_WINDOW ? (int64_t)l->spec.window : 0);
    ft_json_out_name(&w, "bad");
    ft_json_out_i64(&w, (int64_t)bad);
    ft_json_out_name(&w, "data");
    ft_json_out_text(&w, print);
    ft_json_out_close(&w);
    return out->err;
}

typedef struct saved {
    int64_t version, seed, epoch, position, window, bad;
    ft_str shuffle, data;
} saved;

static ft_err read_state(saved *s, ft_str text, ft_arena *arena) {
    ft_json j;
    ft_str name;
    ft_json_init(&j, text, arena, &(ft_json_opts){ .name = "loader state" });
    *s = (saved){ .position = -1 };
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        if (ft_str_is(name, "fettle_loader"))
            FT_TRY(ft_json_i64(&j, &s->version));
        else if (ft_str_is(name, "seed"))
            FT_TRY(ft_json_i64(&j, &s->seed));
        else if (ft_str_is(name, "epoch"))
            FT_TRY(ft_json_i64(&j, &s->epoch));
        else if (ft_str_is(name, "position"))
            FT_TRY(ft_json_i64(&j, &s->position));
        else if (ft_str_is(name, "window"))
            FT_TRY(ft_json_i64(&j, &s->window));
        else if (ft_str_is(name, "bad"))
            FT_TRY(ft_json_i64(&j, &s->bad));
        else if (ft_str_is(name, "shuffle"))
            FT_TRY(ft_json_string(&j, &s->shuffle));
        else if (ft_str_is(name, "data"))
            FT_TRY(ft_json_string(&j, &s->data));
    }
    return ft_json_end(&j);
}

static ft_err fits(const ft_loader *l, const saved *s) {
    char print[17];
    int64_t window = l->spec.shuffle == FT_SHUFFLE_WINDOW ? (int64_t)l->spec.window : 0;
    ft_hex(print, &l->feed.print, sizeof l->feed.print);
    if (s->version != VERSION)
        return FT_FAIL(FT_EUNSUPPORTED, "loader state of version %lld: this program knows %d",
                       (long long)s->version, VERSION);
    if (s->position < 0 || s->bad < 0 || s->epoch < 0)
        return FT_FAIL(FT_EPARSE, "loader state: position, epoch or bad is missing or negative");
    if (!ft_str_is(s->data, print))
        return FT_FAIL(FT_ECONFLICT, "loader state of other data: names or counts of its files are "
                                     "not those of these");
    if ((uint64_t)s->seed != l->spec.seed)
        return FT_FAIL(FT_ECONFLICT, "loader state of seed %lld: this loader has %lld",
                       (long long)s->seed, (long long)l->spec.seed);
    if (!ft_str_is(s->shuffle, shuffles[l->spec.shuffle]) || s->window != window)
        return FT_FAIL(FT_ECONFLICT,
                       "loader state of shuffle %.*s, window %lld: this loader has %s, "
                       "%lld",
                       FT_STR_ARG(s->shuffle), (long long)s->window, shuffles[l->spec.shuffle],
                       (long long)window);
    return FT_OK;
}

ft_err ft_loader_resume(ft_loader *l, ft_str text) {
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    saved s;
    ft_err err;
    FT_GOTO(err, read_state(&s, text, &arena));
    FT_GOTO(err, fits(l, &s));
    FT_GOTO(err, ft_loader_restart(l, (uint64_t)s.epoch, (uint64_t)s.position));
    l->bad = (uint64_t)s.bad;
done:
    ft_arena_fini(&arena);
    return err;
}
