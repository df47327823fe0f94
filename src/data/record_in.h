/* record_in.h -- what the record formats share. Private to the room. */
#ifndef FT_RECORD_IN_H
#define FT_RECORD_IN_H

#include "base/le.h"
#include "data/record.h"

extern const ft_record_format ft_records_recordio, ft_records_sagemaker, ft_records_tfrecord,
    ft_records_npy, ft_records_jsonl, ft_records_csv, ft_records_libsvm, ft_records_tar;

#define FT_RECORDIO_MAGIC 0xced7230au

/* Peek exactly `len` bytes. At the very end of the stream: FT_ENOTFOUND without a trail; in the
 * middle: FT_ECORRUPT "ends within <what>". */
ft_err ft_record_peek(ft_str *out, ft_record_read *r, size_t len, const char *what);
/* The line that comes next, without its newline and blanks around it; the stream stays before it,
 * `*bytes` long with the newline. FT_ENOTFOUND without a trail at the end, FT_ETOOBIG. */
ft_err ft_record_line(ft_str *line, size_t *bytes, ft_record_read *r);
/* Is a record of `len` bytes allowed? FT_ETOOBIG. */
ft_err ft_record_fits(const ft_record_read *r, uint64_t len);

#endif
