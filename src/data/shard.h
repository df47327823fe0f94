/* shard.h -- Fettle's own record file, ".fts": samples of named fields, ready to be copied into a
 * batch. docs/shard-format.md has every byte.
 *
 *     header     magic, version, field table, CRC-32C
 *     blocks     whole records; a field begins at a multiple of 64 bytes (of 8 when it is smaller)
 *     index      a row for each block (first record, place, CRC-32C), offsets of records whose
 *                sizes differ, metadata as JSON
 *     footer     64 bytes: where the index is, counts, checksums
 *
 * A record of fixed fields has one size, so record i stands at data + i * size and a batch of
 * neighbours is one copy. Fields that differ in size (encoded images, texts) stand behind the fixed
 * part, which says where.
 *
 * Reading maps the file, guarded (mapped.h). A block's checksum is verified when the first of its
 * records is read, once for each open file.
 *
 * Threads: a reader (ft_shard) may be used by any number at once; a writer by one. */
#ifndef FT_SHARD_H
#define FT_SHARD_H

#include "data/dataset.h"

#define FT_SHARD_ENDING      ".fts"
#define FT_SHARD_BLOCK_BYTES ((size_t)256 << 10) /* a block closes when it has so many */
#define FT_SHARD_NAME_MAX    95                  /* bytes of a field's name */
#define FT_SHARD_RECORD_MAX  ((uint64_t)1 << 32)
#define FT_SHARD_META_MAX    ((size_t)64 << 20)

/* ---- reading */
typedef struct ft_shard ft_shard;

typedef struct ft_shard_opts {
    bool no_check; /* do not verify blocks */
} ft_shard_opts;

/* Reads header, footer and index; the records stay in the file. FT_ECORRUPT says which part is
 * damaged, FT_EUNSUPPORTED for a later version. `opts` may be NULL. */
ft_err ft_shard_open(ft_shard **out, const char *path, const ft_shard_opts *opts);
void ft_shard_free(ft_shard *s);
const ft_field *ft_shard_fields(const ft_shard *s, size_t *count);
uint64_t ft_shard_count(const ft_shard *s);
ft_str ft_shard_meta(const ft_shard *s); /* "{}" when there is none */
/* Verify the blocks of records [first, first + count), unless that was done. A few ns when it was.
 * FT_ECORRUPT names file, block, record and byte. */
ft_err ft_shard_verify(ft_shard *s, uint64_t first, uint64_t count);
/* All values of one record as views of the map, `values[field_count]`; verified. `offset` and
 * `bytes` (may be NULL) get the record's place. */
ft_err ft_shard_read(ft_array *values, ft_shard *s, uint64_t record, uint64_t *offset,
                     uint64_t *bytes);
/* Is the file as long as it was? FT_ECORRUPT when views of it were cut off meanwhile (their bytes
 * then read as zeros). */
ft_err ft_shard_intact(const ft_shard *s);

/* ---- writing: beside `path`, put in place by ft_shard_writer_end. */
typedef struct ft_shard_writer ft_shard_writer;

/* FT_EINVAL for fields that cannot be: no or equal names, names over FT_SHARD_NAME_MAX. */
ft_err ft_shard_writer_new(ft_shard_writer **out, const char *path, const ft_field *fields,
                           size_t count);
/* One record; an absent value (data NULL) of a field that differs in size is kept as absent, of a
 * fixed one it is FT_EINVAL, like any value that does not fit its field. Nothing of a refused
 * record is written. */
ft_err ft_shard_write(ft_shard_writer *w, const ft_array *values);
uint64_t ft_shard_written(const ft_shard_writer *w); /* bytes so far */
/* Index, footer, fdatasync, rename. `meta` is a JSON object or empty. */
ft_err ft_shard_writer_end(ft_shard_writer *w, ft_str meta);
void ft_shard_writer_free(ft_shard_writer *w); /* not ended: the temporary file is removed */

#endif
