/* source_stream.c -- a source's parts as streams: one, or all of them in a row. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"
#include "data/source_in.h"

/* ---- one part */

typedef struct stream {
    ft_source *s;
    size_t part;
    uint64_t offset, expected; /* read-ahead was asked for up to `expected` */
    int fd;                    /* of a FIFO or standard input; -1: the part is read by place */
} stream;

static void stream_free(void *ctx) {
    stream *st = ctx;
    if (st->fd != STDIN_FILENO) ft_fd_close(&st->fd);
    free(st);
}

static void ahead(stream *st) {
    const ft_remote_opts *o = &st->s->opts.remote;
    uint64_t block = o->block_bytes ? o->block_bytes : FT_REMOTE_BLOCK_BYTES;
    int parts = o->parts ? o->parts : FT_REMOTE_PARTS;
    uint64_t blocks = o->ahead ? (uint64_t)(o->ahead > 0 ? o->ahead : 0) : (uint64_t)parts;
    if (!blocks || st->offset + (blocks - 1) * block < st->expected) return;
    st->expected = st->offset + blocks * block;
    ft_source_expect(st->s, st->part, st->offset, blocks * block);
}

static ft_err stream_read(void *ctx, void *at, size_t len, size_t *got) {
    stream *st = ctx;
    const ft_part *part = &st->s->parts[st->part];
    if (st->fd >= 0) return ft_fd_read(got, st->fd, at, len, part->name.at);
    if (st->s->places[st->part].kind == FT_PART_REMOTE) ahead(st);
    FT_TRY(ft_source_read(got, st->s, st->part, at, len, st->offset));
    st->offset += *got;
    return FT_OK;
}

static ft_err stream_new(stream **out, ft_source *s, size_t part) {
    const ft_part_place *place = &s->places[part];
    stream *st = ft_fault_here() ? NULL : calloc(1, sizeof *st);
    if (!st) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(s->name));
    *st = (stream){ .s = s, .part = part, .fd = -1 };
    *out = st;
    if (place->kind != FT_PART_STREAM) return FT_OK;
    if (ft_str_is(s->parts[part].name, "-")) {
        st->fd = STDIN_FILENO;
        return FT_OK;
    }
    ft_err err = ft_fd_open(&st->fd, place->path, O_RDONLY, 0); /* waits for a writer */
    if (err != FT_OK) stream_free(st);
    return err;
}

ft_err ft_source_input(ft_input **out, ft_source *s, size_t part, const ft_input_opts *opts) {
    stream *st = NULL;
    *out = NULL;
    FT_TRY(stream_new(&st, s, part));
    return ft_input_from(out, stream_read, stream_free, st, s->parts[part].name, opts);
}

/* ---- all of them */

typedef struct row {
    ft_source *s;
    size_t next;
    ft_input *in; /* NULL: between two parts */
    ft_input_opts opts;
} row;

static void row_free(void *ctx) {
    row *r = ctx;
    ft_input_free(r->in);
    free(r);
}

static ft_err row_read(void *ctx, void *at, size_t len, size_t *got) {
    row *r = ctx;
    *got = 0;
    while (!*got) {
        if (!r->in && r->next == r->s->count) return FT_OK;
        if (!r->in) FT_TRY(ft_source_input(&r->in, r->s, r->next++, &r->opts));
        FT_TRY(ft_input_read(got, r->in, at, len));
        if (*got) break;
        ft_input_free(r->in);
        r->in = NULL;
    }
    return FT_OK;
}

ft_err ft_source_input_all(ft_input **out, ft_source *s, const ft_input_opts *opts) {
    ft_input_opts outer = opts ? *opts : (ft_input_opts){ 0 };
    *out = NULL;
    row *r = ft_fault_here() ? NULL : calloc(1, sizeof *r);
    if (!r) return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(s->name));
    *r = (row){ .s = s, .opts = outer };
    r->opts.no_hash = true; /* what is hashed is the whole row */
    outer.no_unpack = true; /* each part was unpacked by itself */
    return ft_input_from(out, row_read, row_free, r, s->name, &outer);
}
