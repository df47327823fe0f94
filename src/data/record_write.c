/* record_write.c -- record files in the making, and indexes. See record.h. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "data/saving.h"
#include "data/record_in.h"

struct ft_record_writer {
    const ft_record_format *format;
    ft_record_write write;
    ft_saving part;
};

/* ---- writing */

static ft_err no_memory(const char *path) {
    return FT_FAIL(FT_ENOMEM, "no memory to write '%s'", path);
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
    w->format = format;
    w->write.out = &w->part.out;
    FT_GOTO(err, ft_saving_open(&w->part, path));
    FT_GOTO(err, ft_saving_squeeze(&w->part));
    w->write.state = ft_fault_here() ? NULL : calloc(1, format->write_bytes + 1);
    if (!w->write.state) FT_GOTO(err, no_memory(path));
    *out = w;
    w = NULL;
done:
    ft_record_writer_free(w);
    return err;
}

ft_err ft_record_write_one(ft_record_writer *w, const ft_record *record, uint64_t *offset) {
    size_t before = w->part.out.len;
    ft_err err = w->format->write(&w->write, record);
    if (err) {
        w->part.out.len = before; /* half a frame would spoil the rest */
        return ft_err_prefix(err, "'%s', record %llu", w->part.path,
                             (unsigned long long)w->write.count);
    }
    if (offset) *offset = w->part.flushed + before;
    w->write.count++;
    return ft_saving_flush(&w->part, FT_SAVING_FLUSH);
}

ft_err ft_record_write_bytes(ft_record_writer *w, ft_str bytes) {
    return ft_record_write_one(w, &(ft_record){ .bytes = bytes }, NULL);
}

uint64_t ft_record_writer_bytes(const ft_record_writer *w) { return ft_saving_bytes(&w->part); }

ft_err ft_record_writer_end(ft_record_writer *w) {
    ft_err err = FT_OK;
    ft_buf head = { 0 };
    if (w->format->end) FT_GOTO(err, w->format->end(&w->write, &head));
    FT_GOTO(err, ft_saving_head(&w->part, ft_buf_str(&head)));
    FT_GOTO(err, ft_saving_end(&w->part));
done:
    ft_buf_fini(&head);
    return err;
}

void ft_record_writer_free(ft_record_writer *w) {
    if (!w) return;
    ft_saving_free(&w->part);
    free(w->write.state);
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
