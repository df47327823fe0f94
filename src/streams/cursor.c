/* cursor.c -- the records of a stream in order, from all its segments. See stream.h.
 *
 * A heap holds one head a segment; the smallest (order, segment, offset) is next. A sealed segment
 * is opened only when its first order comes to the top, and closed when it is read, so a stream of
 * a thousand segments keeps few files open. A growing segment is read as far as it was when the
 * cursor was opened or last came to its end, and its row is looked at after that: if it does not
 * say "unordered" by then, what is seen is in order.
 *
 * A segment that is not in order is indexed (24 bytes a record) and read through the sorted index.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "streams/reader_in.h"
#include "streams/segments_in.h"

#define SOURCES_FIRST 8
#define INDEX_FIRST   1024

/* Where a record of an unordered segment stands. */
typedef struct place {
    int64_t order;
    uint64_t offset, mark;
} place;

typedef struct source {
    ft_segment segment; /* texts in the cursor's arena */
    ft_reader *reader;  /* NULL: not opened yet, or done */
    int64_t order;      /* of the head; of a segment not opened its first */
    bool done;          /* nothing will come from it any more */
    place *index;       /* unordered: places in order */
    size_t index_at, index_count, index_room;
    uint64_t indexed; /* bytes of the file that the index covers */
} source;

struct ft_cursor {
    ft_store *s;
    const ft_stream_kind *kind;
    ft_cursor_opts opts;
    bool ranged; /* opts.from and until count */
    uint64_t wanted;
    ft_arena arena;
    source **sources; /* all, by id */
    size_t source_count, source_room;
    source **heap;
    size_t heap_count;
    source *current; /* gave the last record; to be moved on before the next */
    int64_t last_id; /* of the segments seen */
    bool at_end;
    uint64_t damaged; /* of readers that are closed */
    void *own;        /* the cursor of a format that brings one */
};

/* ---- the heap ---- */

static bool before(const source *a, const source *b) {
    if (a->order != b->order) return a->order < b->order;
    return a->segment.id < b->segment.id; /* within a segment the offset decides: it has one head */
}

static void sift_down(ft_cursor *c, size_t i) {
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= c->heap_count) return;
        if (child + 1 < c->heap_count && before(c->heap[child + 1], c->heap[child])) child++;
        if (!before(c->heap[child], c->heap[i])) return;
        source *t = c->heap[i];
        c->heap[i] = c->heap[child];
        c->heap[child] = t;
        i = child;
    }
}

static void heap_put(ft_cursor *c, source *s) {
    size_t i = c->heap_count++;
    c->heap[i] = s;
    while (i > 0 && before(c->heap[i], c->heap[(i - 1) / 2])) {
        source *t = c->heap[i];
        c->heap[i] = c->heap[(i - 1) / 2];
        c->heap[(i - 1) / 2] = t;
        i = (i - 1) / 2;
    }
}

static void heap_take(ft_cursor *c) {
    c->heap[0] = c->heap[--c->heap_count];
    sift_down(c, 0);
}

/* ---- one segment ---- */

static bool in_range(const ft_cursor *c, int64_t order) {
    return !c->ranged || (order >= c->opts.from && order < c->opts.until);
}

static void source_close(ft_cursor *c, source *src) {
    if (src->reader) c->damaged += src->reader->damaged;
    ft_reader_close(src->reader);
    src->reader = NULL;
    free(src->index);
    src->index = NULL;
    src->done = true;
}

static int by_order(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static ft_err index_add(source *src, int64_t order) {
    if (src->index_count == src->index_room) {
        size_t room = src->index_room ? src->index_room * 2 : INDEX_FIRST;
        place *more = ft_fault_here() ? NULL : realloc(src->index, room * sizeof *more);
        if (!more)
            return FT_FAIL(FT_ENOMEM, "no memory to sort '%.*s'", FT_STR_ARG(src->segment.uri));
        src->index = more;
        src->index_room = room;
    }
    const ft_reader *r = src->reader;
    src->index[src->index_count++] = (place){ order, r->offset, r->mark };
    return FT_OK;
}

/* Index what the file holds beyond what is indexed, and sort that. */
static ft_err index_more(ft_cursor *c, source *src) {
    ft_reader *r = src->reader;
    uint64_t order_only = (uint64_t)1 << c->kind->order_column;
    ft_err err;
    src->index_at = src->index_count = 0; /* what was there has been given out */
    ft_reader_go(r, r->begun && src->indexed < r->first ? r->first : src->indexed, 0);
    while ((err = ft_reader_next(r, order_only)) == FT_OK) {
        int64_t order;
        if (ft_reader_order(r, &order) && in_range(c, order)) FT_TRY(index_add(src, order));
        if (r->block_left == 0) src->indexed = r->at;
    }
    if (err != FT_ENOTFOUND) return err;
    if (src->index_count) qsort(src->index, src->index_count, sizeof *src->index, by_order);
    return FT_OK;
}

static ft_err next_indexed(ft_cursor *c, source *src) {
    if (src->index_at == src->index_count && src->indexed < src->reader->size)
        FT_TRY(index_more(c, src));
    if (src->index_at == src->index_count) return FT_ENOTFOUND;
    place p = src->index[src->index_at++];
    ft_reader_go(src->reader, p.offset, p.mark);
    ft_err err = ft_reader_next(src->reader, c->wanted);
    src->order = p.order;
    return err;
}

/* The next record in order; FT_ENOTFOUND: none now. */
static ft_err next_in_order(ft_cursor *c, source *src) {
    for (;;) {
        ft_err err = ft_reader_next(src->reader, c->wanted);
        if (err != FT_OK) return err;
        if (!ft_reader_order(src->reader, &src->order)) {
            src->reader->damaged++;
            continue;
        }
        if (c->ranged && src->order >= c->opts.until) {
            src->done = true;
            return FT_ENOTFOUND;
        }
        if (in_range(c, src->order)) return FT_OK;
    }
}

/* Move to the segment's next record and put it on the heap; a sealed one that is over is closed. */
static ft_err source_advance(ft_cursor *c, source *src) {
    ft_err err = src->segment.unordered ? next_indexed(c, src) : next_in_order(c, src);
    if (err == FT_OK) {
        heap_put(c, src);
        return FT_OK;
    }
    if (err != FT_ENOTFOUND) return err;
    if (src->done || src->segment.sealed) source_close(c, src);
    return FT_OK;
}

/* Open and see its file as it is now. FT_OK with `done` when the file is gone (retired). */
static ft_err source_open(ft_cursor *c, source *src) {
    ft_err err = ft_reader_open(&src->reader, c->s, c->kind, src->segment.uri);
    if (err == FT_ENOTFOUND) {
        ft_err_clear();
        src->done = true;
        return FT_OK;
    }
    FT_TRY(err);
    FT_TRY(ft_reader_look(src->reader));
    if (src->segment.sealed) src->reader->last = true;
    return FT_OK;
}

static ft_err source_begin(ft_cursor *c, source *src) {
    if (c->ranged && !src->segment.unordered) FT_TRY(ft_reader_seek(src->reader, c->opts.from));
    return source_advance(c, src);
}

/* ---- the set of segments ---- */

static bool may_hold(const ft_cursor *c, const ft_segment *g) {
    return !c->ranged || !g->sealed || (g->last >= c->opts.from && g->first < c->opts.until);
}

static ft_err add_source(ft_cursor *c, const ft_segment *g) {
    if (c->source_count == c->source_room) {
        size_t room = c->source_room ? c->source_room * 2 : SOURCES_FIRST;
        source **all = ft_fault_here() ? NULL : realloc(c->sources, room * sizeof(source *));
        if (all) c->sources = all;
        source **heap = all ? realloc(c->heap, room * sizeof(source *)) : NULL;
        if (!heap) return FT_FAIL(FT_ENOMEM, "no memory to read stream '%s'", c->kind->name);
        c->heap = heap;
        c->source_room = room;
    }
    source *src;
    FT_TRY(ft_arena_items(&src, &c->arena, 1));
    src->segment = *g;
    src->order = g->first;
    c->sources[c->source_count++] = src;
    return FT_OK;
}

/* A growing segment's row, after its file was looked at. */
static ft_err look_at_row(ft_cursor *c, source *src) {
    bool unordered = src->segment.unordered;
    ft_err err = ft_segment_state(&src->segment, c->s, src->segment.id);
    if (err == FT_ENOTFOUND) { /* retired: what is in the file is all */
        src->segment.sealed = true;
        err = FT_OK;
    } else if (err == FT_OK && src->segment.sealed) {
        src->reader->size = src->segment.bytes; /* its torn tail, if any, was cut */
    }
    FT_TRY(err);
    if (src->segment.sealed) src->reader->last = true;
    /* what was given out before it became unordered is not given again */
    if (src->segment.unordered && !unordered) src->indexed = src->reader->at;
    return FT_OK;
}

/* Drop sources that are done, so that following a stream for days does not collect them. */
static void forget_done(ft_cursor *c) {
    size_t kept = 0;
    for (size_t i = 0; i < c->source_count; i++)
        if (!c->sources[i]->done) c->sources[kept++] = c->sources[i];
    c->source_count = kept;
}

/* See new segments, and what growing ones hold now. */
static ft_err refresh(ft_cursor *c) {
    ft_segment *list;
    size_t count, known = c->source_count;
    FT_TRY(ft_segments_after(&list, &count, c->s, &c->arena, c->kind, c->opts.key, c->last_id));
    for (size_t i = 0; i < count; i++) {
        if (may_hold(c, &list[i])) FT_TRY(add_source(c, &list[i]));
        c->last_id = list[i].id;
    }
    for (size_t i = 0; i < c->source_count; i++) {
        source *src = c->sources[i];
        if (i >= known && src->segment.sealed) { /* opened when its turn comes */
            heap_put(c, src);
            continue;
        }
        if (src->done || src->segment.sealed) continue;
        if (!src->reader) {
            FT_TRY(source_open(c, src));
            if (src->done) continue;
            FT_TRY(look_at_row(c, src));
            FT_TRY(source_begin(c, src));
        } else {
            FT_TRY(ft_reader_look(src->reader));
            FT_TRY(look_at_row(c, src));
            FT_TRY(source_advance(c, src));
        }
    }
    return FT_OK;
}

/* ---- exported ---- */

ft_err ft_cursor_open(ft_cursor **out, ft_store *s, const ft_stream_kind *kind,
                      const ft_cursor_opts *opts) {
    static const ft_cursor_opts everything;
    ft_err err = FT_OK;
    *out = NULL;
    if (!opts) opts = &everything;
    FT_CHECK(kind->format->open || kind->format->next);
    ft_cursor *c = ft_fault_here() ? NULL : calloc(1, sizeof *c);
    if (!c) return FT_FAIL(FT_ENOMEM, "no memory to read stream '%s'", kind->name);
    c->s = s;
    c->kind = kind;
    c->opts = *opts;
    c->last_id = -1;
    c->ranged = opts->from != 0 || opts->until != 0;
    c->wanted = (opts->wanted ? opts->wanted : ~(uint64_t)0) | (uint64_t)1 << kind->order_column;
    if (opts->key.at) FT_GOTO(err, ft_arena_str(&c->opts.key, &c->arena, opts->key));
    if (kind->format->open) {
        FT_GOTO(err, kind->format->open(&c->own, s, kind, &c->opts));
    } else {
        FT_GOTO(err, ft_streams_ready(s));
        FT_GOTO(err, refresh(c));
    }
    *out = c;
    c = NULL;
done:
    ft_cursor_close(c);
    return err;
}

static void fill_record(ft_record *out, const source *src) {
    const ft_reader *r = src->reader;
    out->key = src->segment.key;
    out->values = r->values;
    out->raw = r->raw;
    out->segment = src->segment.uri;
    out->offset = r->offset;
}

ft_err ft_cursor_next(ft_cursor *c, ft_record *out) {
    if (c->kind->format->open) return c->kind->format->read(c->own, out);
    if (c->at_end) {
        c->at_end = false;
        forget_done(c);
        FT_TRY(refresh(c));
    }
    if (c->current) {
        source *src = c->current;
        c->current = NULL;
        FT_TRY(source_advance(c, src));
    }
    while (c->heap_count > 0) {
        source *top = c->heap[0];
        heap_take(c);
        if (top->reader) {
            fill_record(out, top);
            c->current = top;
            return FT_OK;
        }
        FT_TRY(source_open(c, top));
        if (!top->done) FT_TRY(source_begin(c, top));
    }
    c->at_end = true;
    return FT_ENOTFOUND;
}

uint64_t ft_cursor_damaged(const ft_cursor *c) {
    uint64_t n = c->damaged;
    for (size_t i = 0; i < c->source_count; i++)
        if (c->sources[i]->reader) n += c->sources[i]->reader->damaged;
    return n;
}

void ft_cursor_close(ft_cursor *c) {
    if (!c) return;
    if (c->own) c->kind->format->close(c->own);
    for (size_t i = 0; i < c->source_count; i++) source_close(c, c->sources[i]);
    free(c->sources);
    free(c->heap);
    ft_arena_fini(&c->arena);
    free(c);
}
