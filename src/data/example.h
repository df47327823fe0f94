/* example.h -- tf.Example: named lists of bytes, floats or integers; what TFRecords mostly hold.
 * Source: TensorFlow, core/example/{example,feature}.proto:
 *
 *     Example{Features features=1}  Features{map<string,Feature> feature=1}
 *     Feature{oneof: BytesList=1 {repeated bytes 1}, FloatList=2 {repeated float 1},
 *             Int64List=3 {repeated int64 1}}
 *
 * Threads: any. Memory: the arena; byte strings and names are views of the payload. */
#ifndef FT_EXAMPLE_H
#define FT_EXAMPLE_H

#include "base/arena.h"
#include "base/buf.h"

#define FT_EXAMPLE_FEATURES_MAX 65536

typedef enum ft_example_kind {
    FT_EXAMPLE_NONE,
    FT_EXAMPLE_BYTES,
    FT_EXAMPLE_FLOATS,
    FT_EXAMPLE_INTS
} ft_example_kind;

typedef struct ft_example_feature {
    ft_str name;
    ft_example_kind kind; /* NONE: an empty feature */
    size_t count;
    ft_str *bytes; /* the one of its kind */
    float *floats;
    int64_t *ints;
} ft_example_feature;

typedef struct ft_example {
    ft_example_feature *features; /* in the order of the payload */
    size_t feature_count;
} ft_example;

/* FT_ECORRUPT for damaged protobuf, FT_ETOOBIG. */
ft_err ft_example_read(ft_example *out, ft_arena *arena, ft_str bytes);
/* NULL when it has none of that name; of two, the last, as a map has it. */
const ft_example_feature *ft_example_find(const ft_example *e, const char *name);
ft_err ft_example_write(ft_buf *out, const ft_example *e);

#endif
