/* input.c -- see input.h. Raw bytes come from a descriptor, a function or memory; a packed stream
 * goes through `raw` into the window, a plain one straight into it; plain memory is the window. */
#include "data/input.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/hash.h"
#include "data/unpack_in.h"

#define CHUNK_BYTES ((size_t)1 << 18) /* of one read(2); stays in the second-level cache */
#define JUMP_BYTES  ((size_t)4096)    /* of the first read after a jump: perhaps only a header */
#define MAGIC_BYTES ((size_t)8)

struct ft_input {
    char *name;
    int fd; /* -1: from `read`, or from memory */
    ft_err (*read)(void *ctx, void *at, size_t len, size_t *got);
    void (*free_ctx)(void *ctx);
    void *ctx;
    ft_str memory;
    bool borrowed;      /* the window is the caller's memory */
    uint64_t raw_bytes; /* read so far */
    bool raw_ended;
    ft_hasher *hasher;

    ft_unpack *unpack; /* NULL: plain */
    unsigned char *raw;
    size_t raw_at, raw_len;

    char *window; /* window[start, end) is what a peek shows */
    size_t capacity, start, end;
    size_t chunk; /* of the next read: small after a jump, doubling as reading goes on */
    uint64_t offset, made_bytes, made_max;
    bool ended;
};

/* ---- raw bytes */

static ft_err raw_read(size_t *got, ft_input *in, void *at, size_t len) {
    if (in->fd >= 0) {
        FT_TRY(ft_fd_read(got, in->fd, at, len, in->name));
    } else if (in->read) {
        *got = 0;
        FT_TRY(in->read(in->ctx, at, len, got));
        FT_CHECK(*got <= len);
    } else {
        *got = len < in->memory.len ? len : in->memory.len;
        if (*got) memcpy(at, in->memory.at, *got);
        in->memory = ft_str_from(in->memory, *got);
    }
    in->raw_bytes += *got;
    in->raw_ended = *got == 0;
    if (in->hasher && *got) FT_TRY(ft_hasher_add(in->hasher, at, *got));
    return FT_OK;
}

/* ---- the window */

/* Room for `room` more bytes after the window's end; what was skipped is dropped first. */
static ft_err window_room(ft_input *in, size_t room) {
    if (in->capacity - in->end >= room) return FT_OK;
    if (in->start) {
        memmove(in->window, in->window + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->capacity - in->end >= room) return FT_OK;
    size_t capacity = in->capacity + in->capacity / 2;
    if (capacity < in->end + room) capacity = in->end + room;
    char *window = ft_fault_here() ? NULL : realloc(in->window, capacity);
    if (!window) return FT_FAIL(FT_ENOMEM, "no memory for %zu bytes of '%s'", capacity, in->name);
    in->window = window;
    in->capacity = capacity;
    return FT_OK;
}

static ft_err fill_unpacked(ft_input *in) {
    size_t used, made = 0;
    while (made == 0 && !in->ended) {
        if (in->raw_at == in->raw_len && !in->raw_ended) {
            in->raw_at = 0;
            FT_TRY(raw_read(&in->raw_len, in, in->raw, CHUNK_BYTES));
        }
        ft_str raw = ft_str_n(in->raw + in->raw_at, in->raw_len - in->raw_at);
        FT_TRY(ft_unpack_some(in->unpack, raw, &used, in->window + in->end, in->capacity - in->end,
                              &made));
        in->raw_at += used;
        if (raw.len == 0 && in->raw_ended && made == 0) {
            if (!ft_unpack_whole(in->unpack))
                return FT_FAIL(FT_ECORRUPT,
                               "'%s' ends in the middle of its packed data, after "
                               "%llu bytes",
                               in->name, (unsigned long long)in->raw_bytes);
            in->ended = true;
        }
    }
    in->end += made;
    in->made_bytes += made;
    if (in->made_bytes > in->made_max)
        return FT_FAIL(FT_ETOOBIG, "'%s' unpacks to more than %llu bytes, the most that is read",
                       in->name, (unsigned long long)in->made_max);
    return FT_OK;
}

static ft_err fill(ft_input *in, size_t missing) {
    size_t got = 0;
    if (in->unpack) return fill_unpacked(in);
    size_t room = in->capacity - in->end, most = missing > in->chunk ? missing : in->chunk;
    if (room > most) room = most;
    if (in->chunk < CHUNK_BYTES) in->chunk *= 2;
    FT_TRY(raw_read(&got, in, in->window + in->end, room));
    in->end += got;
    in->ended = in->raw_ended;
    return FT_OK;
}

/* Is it packed? Looks at the first bytes, which are in the window by then. */
static ft_err unpack_begin(ft_input *in) {
    ft_str head;
    FT_TRY(ft_input_peek(&head, in, MAGIC_BYTES));
    FT_TRY(ft_unpack_new(&in->unpack, head, in->name));
    if (!in->unpack) return FT_OK;
    /* The window holds raw bytes so far: they become the first of the packed stream. */
    in->raw_len = in->end - in->start;
    in->raw = ft_fault_here() ? NULL : malloc(in->raw_len + CHUNK_BYTES);
    if (!in->raw) return FT_FAIL(FT_ENOMEM, "no memory to unpack '%s'", in->name);
    memcpy(in->raw, in->window + in->start, in->raw_len);
    in->start = in->end = 0;
    in->ended = false;
    return FT_OK;
}

/* ---- life */

static ft_err input_new(ft_input **out, ft_str name, const ft_input_opts *opts) {
    *out = NULL;
    ft_input *in = ft_fault_here() ? NULL : calloc(1, sizeof *in);
    char *copy = in ? malloc(name.len + 1) : NULL;
    if (!copy) {
        free(in);
        return FT_FAIL(FT_ENOMEM, "no memory to read '%.*s'", FT_STR_ARG(name));
    }
    if (name.len) memcpy(copy, name.at, name.len);
    copy[name.len] = '\0';
    in->name = copy;
    in->fd = -1;
    in->chunk = CHUNK_BYTES;
    in->made_max =
        opts && opts->unpacked_bytes_max ? opts->unpacked_bytes_max : FT_INPUT_UNPACKED_MAX;
    *out = in;
    return FT_OK;
}

static ft_err input_begin(ft_input *in, const ft_input_opts *opts) {
    if (!opts || !opts->no_hash) FT_TRY(ft_hasher_new(&in->hasher, false));
    if (!opts || !opts->no_unpack) FT_TRY(unpack_begin(in));
    return FT_OK;
}

ft_err ft_input_open(ft_input **out, const char *path, const ft_input_opts *opts) {
    ft_err err;
    ft_input *in = NULL;
    struct stat st;
    *out = NULL;
    FT_GOTO(err, input_new(&in, ft_str_of(path), opts));
    FT_GOTO(err, ft_fd_open(&in->fd, path, O_RDONLY, 0));
    if (fstat(in->fd, &st) == 0 && S_ISDIR(st.st_mode))
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%s' is a folder, expected a file", path));
    FT_GOTO(err, input_begin(in, opts));
    *out = in;
    in = NULL;
done:
    ft_input_free(in);
    return err;
}

ft_err ft_input_from(ft_input **out, ft_err (*read)(void *ctx, void *at, size_t len, size_t *got),
                     void (*free_ctx)(void *ctx), void *ctx, ft_str name,
                     const ft_input_opts *opts) {
    ft_err err = input_new(out, name, opts);
    if (err) {
        if (free_ctx) free_ctx(ctx);
        return err;
    }
    (*out)->read = read, (*out)->free_ctx = free_ctx, (*out)->ctx = ctx;
    err = input_begin(*out, opts);
    if (!err) return FT_OK;
    ft_input_free(*out);
    *out = NULL;
    return err;
}

/* Plain memory is its own window. */
static void borrow(ft_input *in, ft_str bytes) {
    in->borrowed = in->ended = in->raw_ended = true;
    in->window = (char *)(uintptr_t)bytes.at;
    in->capacity = in->end = bytes.len;
    in->start = 0;
    in->offset = 0;
    in->raw_bytes = bytes.len;
}

void ft_input_renew(ft_input *in, ft_str bytes) {
    FT_CHECK(in->borrowed && !in->hasher);
    borrow(in, bytes);
}

bool ft_input_packed(const ft_input *in) { return in->unpack != NULL; }

static ft_err memory_begin(ft_input *in, ft_str bytes, const ft_input_opts *opts) {
    if (!opts || !opts->no_unpack) {
        FT_TRY(ft_unpack_new(&in->unpack, ft_str_slice(bytes, 0, MAGIC_BYTES), in->name));
        if (in->unpack) {
            ft_unpack_free(in->unpack);
            in->unpack = NULL;
            in->memory = bytes;
            return input_begin(in, opts);
        }
    }
    if (!opts || !opts->no_hash) {
        FT_TRY(ft_hasher_new(&in->hasher, false));
        if (bytes.len) FT_TRY(ft_hasher_add(in->hasher, bytes.at, bytes.len));
    }
    borrow(in, bytes.at ? bytes : FT_STR(""));
    return FT_OK;
}

ft_err ft_input_memory(ft_input **out, ft_str bytes, ft_str name, const ft_input_opts *opts) {
    ft_err err;
    ft_input *in = NULL;
    *out = NULL;
    FT_GOTO(err, input_new(&in, name, opts));
    FT_GOTO(err, memory_begin(in, bytes, opts));
    *out = in;
    in = NULL;
done:
    ft_input_free(in);
    return err;
}

ft_err ft_input_peek(ft_str *out, ft_input *in, size_t want) {
    while (in->end - in->start < want && !in->ended) {
        size_t missing = want - (in->end - in->start);
        FT_TRY(window_room(in, missing > CHUNK_BYTES ? missing : CHUNK_BYTES));
        FT_TRY(fill(in, missing));
    }
    *out = ft_str_n(in->window ? in->window + in->start : "", in->end - in->start);
    return FT_OK;
}

void ft_input_skip(ft_input *in, size_t len) {
    FT_CHECK(len <= in->end - in->start);
    in->start += len;
    in->offset += len;
    if (in->start == in->end && !in->borrowed) in->start = in->end = 0;
}

ft_err ft_input_read(size_t *got, ft_input *in, void *at, size_t len) {
    ft_str view;
    *got = 0;
    while (*got < len) {
        FT_TRY(ft_input_peek(&view, in, 1));
        if (view.len == 0) break;
        size_t n = view.len < len - *got ? view.len : len - *got;
        memcpy((char *)at + *got, view.at, n);
        ft_input_skip(in, n);
        *got += n;
    }
    return FT_OK;
}

static ft_err seek_by_reading(ft_input *in, uint64_t offset) {
    ft_str view;
    if (in->borrowed && offset <= in->end) {
        in->start = (size_t)offset;
        in->offset = offset;
        return FT_OK;
    }
    if (offset < in->offset)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s' can only be read forward", in->name);
    while (in->offset < offset) {
        FT_TRY(ft_input_peek(&view, in, 1));
        if (view.len == 0)
            return FT_FAIL(FT_ECORRUPT, "'%s' ends at byte %llu, before byte %llu", in->name,
                           (unsigned long long)in->offset, (unsigned long long)offset);
        uint64_t left = offset - in->offset;
        ft_input_skip(in, left < view.len ? (size_t)left : view.len);
    }
    return FT_OK;
}

ft_err ft_input_seek(ft_input *in, uint64_t offset) {
    struct stat st;
    bool movable =
        in->fd >= 0 && !in->unpack && !in->hasher && fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!movable || (offset >= in->offset && offset - in->offset <= in->end - in->start))
        return seek_by_reading(in, offset);
    if (offset > (uint64_t)st.st_size)
        return FT_FAIL(FT_ECORRUPT, "'%s' ends at byte %llu, before byte %llu", in->name,
                       (unsigned long long)st.st_size, (unsigned long long)offset);
    if (lseek(in->fd, (off_t)offset, SEEK_SET) < 0)
        return FT_FAIL_ERRNO("cannot go to byte %llu of '%s'", (unsigned long long)offset,
                             in->name);
    in->start = in->end = 0;
    in->offset = offset;
    in->chunk = JUMP_BYTES;
    in->ended = in->raw_ended = false;
    return FT_OK;
}

uint64_t ft_input_offset(const ft_input *in) { return in->offset; }
ft_str ft_input_name(const ft_input *in) { return ft_str_of(in->name); }

ft_err ft_input_end(ft_input *in, char sha256[65], uint64_t *size_bytes) {
    size_t got;
    FT_CHECK(in->hasher);
    in->start = in->end = 0;
    if (!in->borrowed) FT_TRY(window_room(in, CHUNK_BYTES));
    while (!in->raw_ended) FT_TRY(raw_read(&got, in, in->window, CHUNK_BYTES));
    in->ended = true;
    *size_bytes = in->raw_bytes;
    return ft_hasher_end(in->hasher, sha256, NULL);
}

void ft_input_free(ft_input *in) {
    if (!in) return;
    ft_fd_close(&in->fd);
    ft_hasher_free(in->hasher);
    ft_unpack_free(in->unpack);
    if (in->free_ctx) in->free_ctx(in->ctx);
    free(in->raw);
    if (!in->borrowed) free(in->window);
    free(in->name);
    free(in);
}
