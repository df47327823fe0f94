/* event_in.h -- one tensor as an Event protobuf in a TFRecord frame (formats.md 3.3, 3.7), written
 * and read by hand: the messages are few and fixed.
 *
 *     Event{ double wall_time=1; int64 step=2; Summary summary=5 }
 *     Summary{ Value value=1 }   Value{ tag=1; float simple_value=2; TensorProto tensor=8; meta=9 }
 *     SummaryMetadata{ PluginData plugin_data=1 }    PluginData{ plugin_name=1; content=2 }
 *     TensorProto{ dtype=1; tensor_shape=2; tensor_content=4; typed lists 5..13, 16, 17 }
 *     TensorShapeProto{ Dim dim=2 }    Dim{ int64 size=1; string name=2 }
 *
 * Written: what smdebug writes, byte for byte. Read: that, and every form that TensorFlow-like
 * writers use. The payload's checksum is smdebug's constant; a true checksum is accepted too. */
#ifndef FT_EVENT_IN_H
#define FT_EVENT_IN_H

#include "base/array.h"
#include "base/arena.h"
#include "base/buf.h"
#include "trials/collection.h"

#define FT_EVENT_BYTES_MAX ((uint64_t)2 << 30) /* one record */
/* Every payload's checksum: the masked CRC-32C of the ten letters "0x12345678", by an old mistake
 * of the reference writer that its reader insists on. */
#define FT_EVENT_PAYLOAD_CRC 0x062dc0b3u

/* What all records of a step share, encoded once. */
typedef struct ft_event_step {
    char head[24]; /* wall_time and step */
    size_t head_len;
    char meta[96]; /* SummaryMetadata with mode_step and mode */
    size_t meta_len;
} ft_event_step;
void ft_event_step_init(ft_event_step *out, int64_t step, ft_mode mode, int64_t mode_step,
                        int64_t wall_us);

/* Append one framed record. FT_EINVAL for a shape that cannot be, FT_ETOOBIG past the limit. */
ft_err ft_event_add(ft_buf *out, const ft_event_step *step, ft_str tag, const ft_array *a);
ft_err ft_event_add_text(ft_buf *out, const ft_event_step *step, ft_str tag, const ft_str *items,
                         size_t count);

/* A record taken apart; the views point into the record. */
typedef struct ft_event {
    ft_str tag;
    int64_t step, mode_step;
    ft_mode mode; /* 0: not said */
    double wall_time;
    bool is_simple; /* the value is `simple`, there is no tensor */
    float simple;
    ft_str tensor; /* the TensorProto's bytes */
    int dtype;     /* its code; 0: none (texts) */
    bool has_shape;
    int ndim;
    int64_t shape[FT_ARRAY_DIMS_MAX];
    size_t texts; /* items of string_val */
} ft_event;

/* Check the frame and read the record at the start of `bytes`. Of several values in one record, the
 * one whose tag is `tag` is taken (empty, or none fits: the first). `size_bytes` (may be NULL) gets
 * the record's length. FT_ECORRUPT says what is wrong, without a place: the caller knows it. */
ft_err ft_event_read(ft_event *out, uint64_t *size_bytes, ft_str bytes, ft_str tag);
/* The numbers or the texts, in the arena. FT_EINVAL when it holds the other. */
ft_err ft_event_value(ft_array *out, ft_arena *arena, const ft_event *e);
ft_err ft_event_texts(ft_str **out, size_t *count, ft_arena *arena, const ft_event *e);

#endif
