/* worker.c -- see worker.h. */
#include "serve/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "serve/asking.h"
#include "serve/serve_in.h"
#include "store/lineage.h"
#include "store/objects.h"

/* ---- endpoints */

static void slot_close(ft_slot *slot) {
    ft_err err = ft_capture_close(slot->capture);
    if (err) ft_log_err(FT_LOG_WARN, "serve", err, "closing a capture");
    ft_err_clear();
    slot->capture = NULL;
    if (slot->meter) atomic_fetch_sub(&slot->meter->growing, slot->lines);
    slot->lines = 0;
    ft_synced_drop(slot->synced);
    slot->synced = NULL;
}

/* Captures of a version that still answers go on; a new version begins a segment of its own, so
 * that each segment has one endpoint version as its parent. */
static void slots_move(ft_slot *to, const ft_live_set *next, ft_worker *w) {
    for (size_t i = 0; w->set && i < w->set->count; i++) {
        const ft_live *now = ft_live_same(next, &w->set->items[i]);
        if (now)
            to[now - next->items] = w->slots[i];
        else
            slot_close(&w->slots[i]);
    }
}

void ft_worker_adopt(ft_worker *w) {
    ft_live_set *next = ft_live_hold(w->registry);
    ft_slot *slots = ft_fault_here() ? NULL : calloc(next->count + 1, sizeof *slots);
    if (!slots) {
        ft_live_release(next);
        return;
    }
    slots_move(slots, next, w);
    free(w->slots);
    ft_live_release(w->set);
    w->set = next;
    w->slots = slots;
}

/* capture:<segment> -> endpoint:<name>@<version> */
static ft_err note_segment(ft_worker *w, const ft_live *live, ft_slot *slot, ft_str segment) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str capture, endpoint, note;
    ft_err err;
    FT_GOTO(err, ft_lineage_id(&capture, &arena, FT_LINEAGE_CAPTURE, segment));
    FT_GOTO(err, ft_lineage_id_endpoint(&endpoint, &arena, live->name, live->version));
    FT_GOTO(err, ft_arena_printf(&note, &arena, "captured requests of endpoint %.*s",
                                 FT_STR_ARG(live->name)));
    FT_GOTO(err, ft_lineage_node(w->store, capture, note));
    FT_GOTO(err, ft_lineage_edge(w->store, capture, endpoint));
    slot->noted = true;
done:
    ft_arena_fini(&arena);
    return err;
}

/* The writer went on to another file; what the last one holds is now told by its row. */
static void segment_begin(ft_slot *slot, const ft_live *live, ft_str segment) {
    atomic_fetch_sub(&live->meter->growing, slot->lines);
    ft_synced_drop(slot->synced);
    slot->synced = NULL;
    slot->meter = live->meter;
    slot->lines = 0;
    slot->noted = false;
    size_t len = segment.len < sizeof slot->segment ? segment.len : 0;
    memcpy(slot->segment, segment.at, len);
    slot->segment[len] = '\0';
}

/* Its file goes to the thread that syncs. */
static ft_err sync_segment(ft_worker *w, ft_slot *slot, ft_str segment) {
    ft_arena arena = FT_ARENA_INIT(0);
    const char *path;
    ft_uri uri;
    ft_err err;
    FT_GOTO(err, ft_uri_parse(&uri, segment));
    FT_GOTO(err, ft_object_path(&path, w->store, &arena, uri.bucket, uri.key));
    err = ft_syncer_add(&slot->synced, w->serve->syncer, path);
done:
    ft_arena_fini(&arena);
    return err;
}

/* Once a segment. The request is captured whatever becomes of this; it is tried again with the
 * next. */
static void segment_tell(ft_worker *w, const ft_live *live, ft_slot *slot, ft_str segment) {
    ft_err err = slot->synced ? FT_OK : sync_segment(w, slot, segment);
    if (err) ft_log_err(FT_LOG_WARN, "serve", err, "syncing a capture");
    err = slot->noted ? FT_OK : note_segment(w, live, slot, segment);
    if (err) ft_log_err(FT_LOG_WARN, "serve", err, "lineage of a capture");
    ft_err_clear();
}

static ft_err capture_to(ft_slot *slot, ft_worker *w, const ft_live *live, char id[FT_UUID_TEXT],
                         const ft_payload *in, const ft_payload *out, ft_str inference_id,
                         ft_str custom_attributes) {
    int64_t now_us = ft_clock_now_us();
    if (!slot->capture) {
        ft_capture_opts opts = live->capture;
        opts.synced_elsewhere = true; /* syncer.h: no record waits for the disk */
        FT_TRY(ft_capture_open(&slot->capture, w->store, live->name, &opts));
    }
    ft_capture_id(id, now_us, &w->random);
    FT_TRY(ft_capture_add(slot->capture, ft_str_n(id, FT_UUID_TEXT - 1), now_us, in, out,
                          inference_id, custom_attributes));
    ft_str segment = ft_capture_segment(slot->capture);
    if (!ft_str_is(segment, slot->segment)) segment_begin(slot, live, segment);
    slot->lines++;
    atomic_fetch_add_explicit(&live->meter->growing, 1, memory_order_relaxed);
    if (slot->synced) ft_synced_mark(slot->synced);
    if (!slot->synced || !slot->noted) segment_tell(w, live, slot, segment);
    return FT_OK;
}

ft_err ft_worker_capture(ft_worker *w, const ft_live *live, char id[FT_UUID_TEXT],
                         const ft_payload *in, const ft_payload *out, ft_str inference_id,
                         ft_str custom_attributes) {
    uintptr_t at = (uintptr_t)live, from = (uintptr_t)w->set->items;
    ft_slot alone = { 0 };
    bool ours = at >= from && at < from + w->set->count * sizeof *live;
    ft_slot *slot = ours ? &w->slots[live - w->set->items] : &alone;
    ft_err err = capture_to(slot, w, live, id, in, out, inference_id, custom_attributes);
    if (!ours) slot_close(slot);
    return err;
}

/* ---- life */

ft_err ft_worker_new(void **out, void *app) {
    ft_serve *serve = app;
    uint64_t seed;
    ft_err err;
    ft_worker *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return FT_FAIL(FT_ENOMEM, "no memory for a serving thread");
    w->serve = serve;
    w->registry = serve->registry;
    FT_GOTO(err, ft_store_open(&w->store, serve->home));
    FT_GOTO(err, ft_random_secret(&seed, sizeof seed));
    ft_random_seed(&w->random, seed);
    ft_worker_adopt(w);
    if (!w->set) err = FT_FAIL(FT_ENOMEM, "no memory for a serving thread");
done:
    if (err)
        ft_worker_free(w);
    else
        *out = w;
    return err;
}

void ft_worker_free(void *worker) {
    ft_worker *w = worker;
    if (!w) return;
    if (w->guest.state) w->guest.free(w->guest.state);
    for (size_t i = 0; w->set && i < w->set->count; i++) slot_close(&w->slots[i]);
    free(w->slots);
    ft_live_release(w->set);
    ft_buf_fini(&w->json);
    ft_store_close(w->store);
    free(w);
}

void ft_worker_tick(void *worker) {
    ft_worker *w = worker;
    ft_worker_refresh(w);
    if (w->guest.state) w->guest.tick(w->guest.state);
    for (size_t i = 0; i < w->set->count; i++) {
        ft_err err = w->slots[i].capture ? ft_capture_tick(w->slots[i].capture) : FT_OK;
        if (err) ft_log_err(FT_LOG_WARN, "serve", err, "keeping captures"), ft_err_clear();
    }
}

ft_err ft_worker_later(ft_request *req, ft_response *resp, ft_asking_job *work, ft_str text) {
    const ft_worker *w = req->thread;
    return ft_asking_work(req, resp, w->serve->askings, work, w->serve->home, text);
}
