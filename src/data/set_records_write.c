/* set_records_write.c -- samples into files of records; see set_records.c, dataset_write.h. */
#include "base/files.h"
#include "data/record_in.h"
#include "data/set_records_in.h"

/* ---- ft_set_records_writing */

static ft_err plan_write(ft_dataset_writer *w) {
    ft_set_records_writing *x = w->state;
    x->plan = (ft_payload_plan){ .payload = w->format->usual,
                                 .fields = w->fields,
                                 .count = w->field_count,
                                 .arena = &w->arena,
                                 .path = ft_str_of(w->path) };
    bool bytes = w->format->any_bytes && w->field_count == 1 &&
                 w->fields[0].kind != FT_FIELD_ARRAY && ft_str_is(w->fields[0].name, "bytes");
    if (bytes) x->plan.payload = &ft_payload_bytes;
    ft_err err = x->plan.payload->fit(&x->plan);
    return err ? ft_err_prefix(err, "'%s'", w->path) : FT_OK;
}

ft_err ft_set_records_write_begin(ft_dataset_writer *w) {
    ft_set_records_writing *x = w->state;
    x->payload.limit_bytes = x->arena.limit_bytes = SIZE_MAX / 2;
    FT_TRY(plan_write(w));
    FT_TRY(ft_record_writer_new(&x->w, w->path, w->format->records));
    if (!x->plan.payload->head) return FT_OK;
    FT_TRY(x->plan.payload->head(&x->payload, &x->plan));
    return ft_record_write_bytes(x->w, ft_buf_str(&x->payload));
}

ft_err ft_set_records_write(ft_dataset_writer *w, const ft_array *values) {
    ft_set_records_writing *x = w->state;
    uint64_t offset;
    ft_buf_reset(&x->payload);
    ft_arena_reset(&x->arena);
    ft_err err = x->plan.payload->write(&x->payload, &x->plan, &x->arena, values);
    if (err) return ft_err_prefix(err, "'%s', record %llu", w->path, (unsigned long long)w->count);
    ft_record record = { .bytes = ft_buf_str(&x->payload), .number = w->count };
    FT_TRY(ft_record_write_one(x->w, &record, &offset));
    if (!w->format->records->indexed) return FT_OK;
    return ft_record_index_add(&x->index, &w->arena, &x->index_capacity, w->count, offset);
}

uint64_t ft_set_records_written(const ft_dataset_writer *w) {
    return ft_record_writer_bytes(((const ft_set_records_writing *)w->state)->w);
}

/* RecordIO's index stands beside it: the old one goes first, so that none ever belongs to another
 * file. */
ft_err ft_set_records_write_end(ft_dataset_writer *w) {
    ft_set_records_writing *x = w->state;
    ft_str path = ft_str_of(w->path), index_path;
    bool index = w->format->records->indexed && ft_str_ends(path, FT_STR(".rec"));
    ft_buf text = { .limit_bytes = SIZE_MAX / 2 };
    ft_err err;
    if (!index) return ft_record_writer_end(x->w);
    FT_TRY(ft_arena_printf(&index_path, &w->arena, "%.*s.idx",
                           FT_STR_ARG(ft_str_slice(path, 0, path.len - 4))));
    FT_GOTO(err, ft_record_index_write(&text, &x->index));
    FT_GOTO(err, ft_file_remove(index_path.at));
    FT_GOTO(err, ft_record_writer_end(x->w));
    FT_GOTO(err, ft_file_write_atomic(index_path.at, ft_buf_str(&text), true));
done:
    ft_buf_fini(&text);
    return err;
}

void ft_set_records_write_free(ft_dataset_writer *w) {
    ft_set_records_writing *x = w->state;
    ft_record_writer_free(x->w);
    ft_buf_fini(&x->payload);
    ft_arena_fini(&x->arena);
}
