/* payload_in.h -- what the bytes of a record mean, as fields: one file, one row each. Private to
 * the room.
 *
 * A plan is made once from a dataset's first records (`see` for each, then `seen`) or from the
 * fields that are to be written (`fit`); afterwards it is only looked at. */
#ifndef FT_PAYLOAD_IN_H
#define FT_PAYLOAD_IN_H

#include "base/buf.h"
#include "data/dataset.h"

struct ft_payload_kind;

typedef struct ft_payload_plan {
    const struct ft_payload_kind *payload;
    ft_field *fields;
    size_t count, capacity;
    uint64_t records;  /* seen */
    bool mix_is_text;  /* a field that is now a number, now a text becomes text (JSON) */
    const void *begun; /* what the record format learned from the file's begin (CSV), or NULL */
    ft_str head;       /* what stands before the records */
    ft_str path;       /* for messages */
    const ft_dataset_opts *opts;
    void *state; /* the payload's own, in the arena */
    ft_arena *arena;
} ft_payload_plan;

typedef struct ft_payload_kind {
    const char *name;
    /* Look at one of the first records: ft_payload_plan_see for each field. */
    ft_err (*see)(ft_payload_plan *p, ft_str bytes);
    ft_err (*seen)(ft_payload_plan *p); /* may be NULL */
    /* The values of a record: `values[count]`, zeroed; numbers in the arena, bytes as views. */
    ft_err (*read)(ft_array *values, const ft_payload_plan *p, ft_arena *arena, ft_str bytes);
    /* Can the plan's fields be written? FT_EUNSUPPORTED by name. NULL: read only. */
    ft_err (*fit)(ft_payload_plan *p);
    /* What stands before the first record of a file. NULL: nothing. */
    ft_err (*head)(ft_buf *out, const ft_payload_plan *p);
    /* Append a record. */
    ft_err (*write)(ft_buf *out, const ft_payload_plan *p, ft_arena *arena, const ft_array *values);
} ft_payload_kind;

extern const ft_payload_kind ft_payload_bytes, ft_payload_example, ft_payload_mxnet,
    ft_payload_sagemaker, ft_payload_json, ft_payload_csv, ft_payload_libsvm, ft_payload_tar;
ft_err ft_payload_find(const ft_payload_kind **out, ft_str name);

/* A record has this value. Fields that are seen in other shapes become varying (-1), one number
 * and several become one dimension, integers and floats become floats. */
ft_err ft_payload_plan_see(ft_payload_plan *p, ft_str name, ft_field_kind kind, ft_dtype dtype,
                           int ndim, const int64_t *shape);
#define FT_PAYLOAD_UNSURE \
    (-2) /* shape[0] of a field of which only empty bytes were seen, meanwhile \
                             */
/* Bytes: an image, a text or anything; what empty ones are, others tell. */
ft_err ft_payload_plan_see_bytes(ft_payload_plan *p, ft_str name, ft_str bytes);
/* Number of a field, tried at `hint` first; -1: none. */
int ft_payload_plan_find(const ft_payload_plan *p, ft_str name, size_t hint);
/* `count` items at `data` as the value of field i: a scalar or one dimension, as the plan has it.
 * FT_EPARSE when it is neither. */
ft_err ft_payload_plan_put(ft_array *values, const ft_payload_plan *p, size_t i, ft_dtype dtype,
                           void *data, size_t count);
void ft_payload_plan_put_bytes(ft_array *values, size_t i, ft_str bytes);
static inline ft_str ft_value_bytes(const ft_array *v) {
    return v->data ? ft_str_n(v->data, (size_t)v->shape[0]) : (ft_str){ 0 };
}
/* Item `i` as the shortest text that reads back; "NaN", "Infinity", "true". */
void ft_payload_number(ft_buf *out, const ft_array *v, int64_t i);
bool ft_bytes_image(ft_str bytes); /* do they begin like an encoded image? */
bool ft_bytes_text(ft_str bytes);  /* UTF-8 without control characters */

#endif
