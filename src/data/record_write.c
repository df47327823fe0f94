/* record_write.c -- record files in the making, and indexes. See record.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/random.h"
#include "data/record_in.h"

#define FLUSH_BYTES ((size_t)1 << 20)

struct ft_record_writer {
    const ft_record_format *format;
    ft_record_write write;
    ft_buf out;
    char *path, *temporary;
    int fd;
    uint64_t flushed;
};

/* ---- writing */

static ft_err no_memory(const char *path) {
    return FT_FAIL(FT_ENOMEM, "no memory to write '%s'", path);
}

/* `path` and a name beside it that no other writer has. */
static ft_err names(ft_record_writer *w, const char *path) {
    char uuid[FT_UUID_TEXT];
    size_t size = strlen(path) + FT_UUID_TEXT + 8;
    ft_uuid(uuid);
    w->path = ft_fault_here() ? NULL : strdup(path);
    w->temporary = w->path ? malloc(size) : NULL;
    if (!w->temporary) return no_memory(path);
    snprintf(w->temporary, size, "%s.%s.part", path, uuid);
    return FT_OK;
}

ft_err ft_record_writer_new(ft_record_writer **out, const char *path,
                            const ft_record_format *format) {
    ft_err err;
    *out = NULL;
    if (!format->write)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s': the format %s is only read here", path,
                       format->name);
    ft_record_writer *w = ft_fault_here() ? NULL : calloc(1, sizeof *w);
    if (!w) return no_memory(path);
    w->fd = -1;
    w->format = format;
    w->write.out = &w->out;
    FT_GOTO(err, names(w, path));
    w->write.state = ft_fault_here() ? NULL : calloc(1, format->write_bytes + 1);
    if (!w->write.state) FT_GOTO(err, no_memory(path));
    FT_GOTO(err, ft_fd_open(&w->fd, w->temporary, O_WRONLY | O_CREAT | O_EXCL, 0666));
    *out = w;
    w = NULL;
done:
    ft_record_writer_free(w);
    return err;
}

static ft_err flush(ft_record_writer *w) {
    if (w->out.len) FT_TRY(ft_fd_write(w->fd, w->out.at, w->out.len, w->temporary));
    w->flushed += w->out.len;
    ft_buf_reset(&w->out);
    return FT_OK;
}

ft_err ft_record_write_one(ft_record_writer *w, const ft_record *record, uint64_t *offset) {
    size_t before = w->out.len;
    ft_err err = w->format->write(&w->write, record);
    if (err) {
        w->out.len = before; /* half a frame would spoil the rest */
        return ft_err_prefix(err, "'%s', record %llu", w->path, (unsigned long long)w->write.count);
    }
    if (offset) *offset = w->flushed + before;
    w->write.count++;
    return w->out.len >= FLUSH_BYTES ? flush(w) : FT_OK;
}

ft_err ft_record_write_bytes(ft_record_writer *w, ft_str bytes) {
    return ft_record_write_one(w, &(ft_record){ .bytes = bytes }, NULL);
}

uint64_t ft_record_writer_bytes(const ft_record_writer *w) { return w->flushed + w->out.len; }

static ft_err write_end(ft_record_writer *w) {
    ft_err err = FT_OK;
    ft_buf head = { 0 };
    if (w->format->end) FT_GOTO(err, w->format->end(&w->write, &head));
    FT_GOTO(err, flush(w));
    if (head.len && lseek(w->fd, 0, SEEK_SET) != 0)
        FT_GOTO(err, FT_FAIL_ERRNO("cannot go back in '%s'", w->temporary));
    if (head.len) FT_GOTO(err, ft_fd_write(w->fd, head.at, head.len, w->temporary));
    FT_GOTO(err, ft_fd_sync(w->fd, w->temporary));
done:
    ft_buf_fini(&head);
    return err;
}

ft_err ft_record_writer_end(ft_record_writer *w) {
    FT_TRY(write_end(w));
    FT_TRY(ft_file_rename(w->temporary, w->path));
    free(w->temporary);
    w->temporary = NULL; /* it is in place */
    return FT_OK;
}

void ft_record_writer_free(ft_record_writer *w) {
    if (!w) return;
    if (w->fd >= 0 && w->temporary) unlink(w->temporary);
    ft_fd_close(&w->fd);
    ft_buf_fini(&w->out);
    free(w->write.state);
    free(w->temporary);
    free(w->path);
    free(w);
}

/* ---- indexes */

static ft_err index_room(ft_record_index *x, ft_arena *arena, size_t *capacity) {
    uint64_t *keys, *offsets;
    if (x->count < *capacity) return FT_OK;
    *capacity = *capacity ? *capacity * 2 : 1024;
    FT_TRY(ft_arena_items(&keys, arena, *capacity));
    FT_TRY(ft_arena_items(&offsets, arena, *capacity));
    if (x->count) {
        memcpy(keys, x->keys, x->count * sizeof *keys);
        memcpy(offsets, x->offsets, x->count * sizeof *offsets);
    }
    x->keys = keys;
    x->offsets = offsets;
    return FT_OK;
}

ft_err ft_record_index_add(ft_record_index *x, ft_arena *arena, size_t *capacity, uint64_t key,
                           uint64_t offset) {
    FT_TRY(index_room(x, arena, capacity));
    x->keys[x->count] = key;
    x->offsets[x->count++] = offset;
    return FT_OK;
}

static ft_err index_line(ft_record_index *x, ft_str line, ft_str path, size_t number,
                         uint64_t file_bytes) {
    uint64_t key, offset;
    ft_str rest = line, first = ft_str_cut(&rest, '\t');
    if (!rest.at || !ft_str_u64(&key, first) || !ft_str_u64(&offset, rest))
        return FT_FAIL(FT_EPARSE, "%.*s:%zu: expected a key, a tab and an offset", FT_STR_ARG(path),
                       number);
    if (file_bytes && offset >= file_bytes)
        return FT_FAIL(
            FT_ECORRUPT, "%.*s:%zu: offset %llu is past the end of the file (%llu bytes)",
            FT_STR_ARG(path), number, (unsigned long long)offset, (unsigned long long)file_bytes);
    x->keys[x->count] = key;
    x->offsets[x->count++] = offset;
    return FT_OK;
}

ft_err ft_record_index_read(ft_record_index *out, ft_arena *arena, ft_str text, ft_str path,
                            uint64_t file_bytes) {
    size_t capacity = 0;
    *out = (ft_record_index){ 0 };
    for (size_t number = 1; text.len; number++) {
        ft_str line = ft_str_slice(text, 0, ft_str_find(text, '\n'));
        text = ft_str_from(text, line.len + 1);
        line = ft_str_trim(line);
        if (line.len == 0) continue;
        FT_TRY(index_room(out, arena, &capacity));
        FT_TRY(index_line(out, line, path, number, file_bytes));
    }
    return FT_OK;
}

ft_err ft_record_index_write(ft_buf *out, const ft_record_index *index) {
    for (size_t i = 0; i < index->count; i++)
        ft_buf_printf(out, "%llu\t%llu\n", (unsigned long long)index->keys[i],
                      (unsigned long long)index->offsets[i]);
    return out->err;
}

ft_err ft_record_index_scan(ft_record_index *out, ft_arena *arena, const char *path,
                            const ft_record_opts *opts) {
    ft_err err;
    ft_records *r = NULL;
    ft_record record;
    size_t capacity = 0;
    *out = (ft_record_index){ 0 };
    FT_GOTO(err, ft_records_open(&r, path, opts));
    while (!(err = ft_records_next(r, &record))) {
        FT_GOTO(err, index_room(out, arena, &capacity));
        out->keys[out->count] = record.number;
        out->offsets[out->count++] = record.offset;
    }
    if (err == FT_ENOTFOUND) err = FT_OK;
done:
    ft_records_free(r);
    return err;
}
