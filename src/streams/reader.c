/* reader.c -- see reader_in.h. */
#include "streams/reader_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/log.h"
#include "store/objects.h"

#define WINDOW_FIRST ((size_t)1 << 16)
#define WINDOW_MAX   (FT_RECORD_BYTES_MAX + (1u << 21))
#define SEEK_LINEAR                                                               \
    ((uint64_t)1 << 16)  /* below this distance reading on is faster than halving \
                          */
#define DAMAGE_LOG_MAX 5 /* lines a file; all are counted */
#define ARENA_LIMIT    ((size_t)2 << 30)

/* ---- life ---- */

ft_err ft_reader_open(ft_reader **out, ft_store *s, const ft_stream_kind *kind, ft_str uri) {
    ft_err err = FT_OK;
    ft_uri place;
    *out = NULL;
    FT_TRY(ft_uri_parse(&place, uri));
    size_t state_bytes = (kind->format->state_bytes + 15) & ~(size_t)15;
    ft_reader *r = ft_fault_here() ? NULL : calloc(1, sizeof *r + state_bytes + uri.len + 1);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(uri));
    char *tail = (char *)(r + 1);
    r->kind = kind;
    r->columns = ft_stream_columns(kind);
    r->fd = -1;
    r->state = tail;
    r->arena.limit_bytes = ARENA_LIMIT;
    memcpy(tail + state_bytes, uri.at, uri.len);
    r->uri = (ft_str){ tail + state_bytes, uri.len };
    r->begun = !kind->format->open_file;
    FT_GOTO(err, ft_object_open(&r->fd, s, place.bucket, place.key));
    *out = r;
    r = NULL;
done:
    ft_reader_close(r);
    return err;
}

void ft_reader_close(ft_reader *r) {
    if (!r) return;
    ft_fd_close(&r->fd);
    ft_arena_fini(&r->arena);
    free(r->window);
    free(r);
}

ft_err ft_reader_look(ft_reader *r) {
    struct stat st;
    int code = ft_fault_here() ? (errno = EIO, -1) : fstat(r->fd, &st);
    if (code != 0) return FT_FAIL_ERRNO("cannot look at '%.*s'", FT_STR_ARG(r->uri));
    if (!r->last && (uint64_t)st.st_size > r->size) r->size = (uint64_t)st.st_size;
    return FT_OK;
}

/* ---- the window ---- */

static ft_err window_grow(ft_reader *r, size_t need) {
    size_t room = r->window_room ? r->window_room : WINDOW_FIRST;
    while (room < need) room *= 2;
    if (room == r->window_room) return FT_OK;
    if (room > 2 * WINDOW_MAX)
        return FT_FAIL(FT_ETOOBIG, "'%.*s': byte %llu: a record is longer than %zu bytes",
                       FT_STR_ARG(r->uri), (unsigned long long)r->at, FT_RECORD_BYTES_MAX);
    char *window = ft_fault_here() ? NULL : realloc(r->window, room);
    if (!window) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(r->uri));
    r->window = window;
    r->window_room = room;
    return FT_OK;
}

/* What the window holds from r->at on. */
static ft_str in_window(const ft_reader *r) {
    if (r->at < r->window_at || r->at > r->window_at + r->window_len) return (ft_str){ "", 0 };
    size_t skip = (size_t)(r->at - r->window_at);
    return (ft_str){ r->window + skip, r->window_len - skip };
}

/* Move the window to r->at and fill it. It holds `need` bytes then, or all there are. */
static ft_err window_fill(ft_reader *r, size_t need) {
    ft_str kept = in_window(r);
    size_t skip = kept.len ? (size_t)(kept.at - r->window) : 0;
    FT_TRY(window_grow(r, need));
    if (kept.len && skip) memmove(r->window, r->window + skip, kept.len);
    r->window_at = r->at;
    r->window_len = kept.len;
    uint64_t from = r->window_at + r->window_len;
    size_t room = r->window_room - r->window_len, got = 0;
    if (from >= r->size) return FT_OK;
    if (room > r->size - from) room = (size_t)(r->size - from);
    FT_TRY(ft_fd_pread(&got, r->fd, r->window + r->window_len, room, from, r->uri.at));
    r->window_len += got;
    if (got < room) r->size = from + got; /* somebody cut the file */
    return FT_OK;
}

/* ---- records ---- */

static void damage(ft_reader *r) {
    if (r->in_damage) return;
    r->in_damage = true;
    if (++r->damaged <= DAMAGE_LOG_MAX)
        ft_log(FT_LOG_WARN, "streams", "%.*s: byte %llu: %s; passed over", FT_STR_ARG(r->uri),
               (unsigned long long)r->at, ft_err_why());
    else if (r->damaged == DAMAGE_LOG_MAX + 1)
        ft_log(FT_LOG_WARN, "streams", "%.*s: more damage, not logged", FT_STR_ARG(r->uri));
}

typedef ft_err (*look_fn)(ft_segment_look *look);

/* Show `fn` the file from r->at on, with a window as large as it needs. */
static ft_err show(ft_segment_look *look, ft_reader *r, look_fn fn, uint64_t wanted) {
    for (size_t need = 1;;) {
        ft_str data = in_window(r);
        if (data.len < need && r->at + data.len < r->size) {
            FT_TRY(window_fill(r, need));
            data = in_window(r);
        }
        bool all = r->at + data.len >= r->size;
        *look = (ft_segment_look){
            .kind = r->kind,
            .state = r->state,
            .data = data,
            .offset = r->at,
            .last = all && r->last,
            .wanted = wanted,
            .arena = &r->arena,
            .values = r->values,
            .block_left = r->block_left,
        };
        ft_err err = fn(look);
        if (err != FT_ENOTFOUND || all) return err;
        need = look->need > data.len ? look->need : data.len * 2;
    }
}

/* The head of the file, once. */
static ft_err begin(ft_reader *r) {
    ft_segment_look look;
    ft_err err = show(&look, r, r->kind->format->open_file, 0);
    if (err != FT_OK && err != FT_ECORRUPT) return err;
    if (err == FT_ECORRUPT) damage(r);
    if (err == FT_ECORRUPT) ft_err_clear();
    r->begun = true;
    r->at += look.used;
    r->first = r->at;
    return FT_OK;
}

ft_err ft_reader_next(ft_reader *r, uint64_t wanted) {
    ft_segment_look look;
    if (!r->begun) {
        ft_err err = begin(r);
        if (err != FT_OK) return err;
    }
    for (;;) {
        if (r->at >= r->size) return FT_ENOTFOUND;
        if (r->arena.first) ft_arena_reset(&r->arena);
        memset(r->values, 0, sizeof *r->values * (size_t)r->columns);
        ft_err err = show(&look, r, r->kind->format->next, wanted);
        if (err == FT_ECORRUPT) {
            FT_CHECK(look.used > 0);
            damage(r);
            ft_err_clear();
            r->at += look.used;
            r->block_left = look.block_left;
            continue;
        }
        if (err != FT_OK) return err;
        r->in_damage = false;
        r->offset = r->at;
        r->mark = r->block_left;
        r->raw = look.raw;
        r->at += look.used;
        r->block_left = look.block_left;
        return FT_OK;
    }
}

bool ft_reader_order(const ft_reader *r, int64_t *order) {
    const ft_value *v = &r->values[r->kind->order_column];
    *order = v->i;
    return v->type == FT_VALUE_INT;
}

void ft_reader_go(ft_reader *r, uint64_t offset, uint64_t mark) {
    r->at = offset;
    r->block_left = mark;
}

/* ---- seeking ---- */

/* The order of the first record after byte `at`, whose offset is `*where`; false: there is none
 * that can be told. */
static ft_err probe(bool *found, uint64_t *where, int64_t *order, ft_reader *r, uint64_t at) {
    ft_segment_look look;
    *found = false;
    ft_reader_go(r, at, 0);
    ft_err err = show(&look, r, r->kind->format->sync, 0);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    *where = at + look.used;
    ft_reader_go(r, *where, 0);
    err = ft_reader_next(r, (uint64_t)1 << r->kind->order_column);
    if (err == FT_ENOTFOUND) return FT_OK;
    FT_TRY(err);
    *found = ft_reader_order(r, order);
    return FT_OK;
}

ft_err ft_reader_seek(ft_reader *r, int64_t from) {
    if (!r->kind->format->sync) return FT_OK;
    if (!r->begun) {
        ft_err err = begin(r);
        if (err != FT_OK) return err == FT_ENOTFOUND ? FT_OK : err;
    }
    uint64_t damaged = r->damaged;
    uint64_t low = r->at, high = r->size; /* every record before `low` has a smaller order */
    while (high > low && high - low > SEEK_LINEAR) {
        uint64_t middle = low + (high - low) / 2, where = 0;
        int64_t order;
        bool found;
        FT_TRY(probe(&found, &where, &order, r, middle));
        if (found && order < from && where < high)
            low = where;
        else
            high = middle;
    }
    ft_reader_go(r, low, 0);
    r->damaged = damaged; /* it will be met, and counted, by reading */
    r->in_damage = false;
    return FT_OK;
}
