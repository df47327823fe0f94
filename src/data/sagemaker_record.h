/* sagemaker_record.h -- the payload of SageMaker's RecordIO-protobuf: named tensors as features and
 * labels. Source: aialgs.data.Record (formats.md 3.1).
 *
 *     Float32Tensor{repeated float values=1; repeated uint64 keys=2; repeated uint64 shape=3}
 *     Float64Tensor and Int32Tensor likewise; Bytes{repeated bytes value=1; string content_type=2}
 *     Value{oneof: float32_tensor=2, float64_tensor=3, int32_tensor=7, bytes=9}
 *     Record{map<string,Value> features=1, label=2; string uid=3, metadata=4, configuration=5}
 *
 * Packed and unpacked numbers, any order of fields. Threads: any. Memory: the arena; texts and
 * bytes are views of the payload. */
#ifndef FT_SAGEMAKER_RECORD_H
#define FT_SAGEMAKER_RECORD_H

#include "base/arena.h"
#include "base/array.h"
#include "base/buf.h"

#define FT_SAGEMAKER_TENSORS_MAX 1024 /* features and labels of a record */

typedef struct ft_sagemaker_tensor {
    ft_str name;    /* "values" where rows are dense numbers */
    ft_dtype dtype; /* FT_F32, FT_F64, FT_I32; FT_U8: `bytes` */
    void *values;   /* of that type */
    size_t count;
    uint64_t *keys; /* sparse: the columns of the values; NULL: dense */
    size_t key_count;
    uint64_t *shape;
    size_t dims;
    ft_str bytes, content_type;
} ft_sagemaker_tensor;

typedef struct ft_sagemaker_record {
    ft_sagemaker_tensor *features, *labels;
    size_t feature_count, label_count;
    ft_str uid, metadata, configuration;
} ft_sagemaker_record;

/* FT_ECORRUPT for damaged protobuf, FT_EPARSE where the fields do not fit together (keys beside
 * another number of values), FT_ETOOBIG. */
ft_err ft_sagemaker_record_read(ft_sagemaker_record *out, ft_arena *arena, ft_str bytes);
/* Appends the payload as the SDK writes it: packed numbers, features before labels. */
ft_err ft_sagemaker_record_write(ft_buf *out, const ft_sagemaker_record *record);
/* Does it begin like one? Also true of a cut one. */
bool ft_sagemaker_record_looks(ft_str bytes);
/* Value `i` as a double. */
double ft_sagemaker_value(const ft_sagemaker_tensor *t, size_t i);

#endif
