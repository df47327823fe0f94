/* shard_in.h -- the bytes of a raw shard, as docs/shard-format.md has them. Private to the room. */
#ifndef FT_SHARD_IN_H
#define FT_SHARD_IN_H

#include <stddef.h>

#include "data/shard.h"

#define FT_SHARD_MAGIC \
    "\x89"             \
    "FTS\r\n\x1a\n"
#define FT_SHARD_END         "FTSEND\r\n"
#define FT_SHARD_VERSION     1u
#define FT_SHARD_VARIES      1u /* flag: records differ in size, the index has their offsets */
#define FT_SHARD_ALIGN       64
#define FT_SHARD_ALIGN_SMALL 8
#define FT_SHARD_PAGE        4096

typedef struct ft_shard_head {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes; /* this, the fields and the CRC after them */
    uint32_t field_count;
    uint32_t flags;
    uint64_t record_bytes; /* of a record, or of its fixed part */
    uint64_t data_offset;  /* of the first record; a multiple of 4096 */
    uint64_t block_bytes;  /* what blocks were closed at */
    char zero[16];
} ft_shard_head;

typedef struct ft_shard_field {
    char name[96]; /* ends in NUL */
    uint32_t kind, dtype, ndim, zero;
    uint64_t offset; /* in the record's fixed part */
    uint64_t bytes;  /* there: of the value, or of its slot */
    int64_t shape[FT_ARRAY_DIMS_MAX];
} ft_shard_field;

typedef struct ft_shard_block {
    uint64_t first;  /* record */
    uint64_t offset; /* in the file */
    uint64_t bytes;
    uint32_t crc, zero;
} ft_shard_block;

typedef struct ft_shard_foot {
    uint64_t index_offset, index_bytes;
    uint64_t record_count, block_count;
    uint64_t meta_bytes;
    uint32_t index_crc, header_crc;
    uint32_t zero;
    uint32_t crc; /* of the bytes before it */
    char magic[8];
} ft_shard_foot;

_Static_assert(sizeof(ft_shard_head) == 64 && sizeof(ft_shard_field) == 192, "header");
_Static_assert(sizeof(ft_shard_block) == 32 && sizeof(ft_shard_foot) == 64, "index");
_Static_assert(offsetof(ft_shard_foot, crc) == 52, "footer");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shards are little-endian");
/* The numbers in files. */
_Static_assert(FT_FIELD_ARRAY == 0 && FT_FIELD_BYTES == 1 && FT_FIELD_TEXT == 2 &&
                   FT_FIELD_IMAGE == 3,
               "kinds");
_Static_assert(FT_F32 == 0 && FT_F64 == 1 && FT_F16 == 2 && FT_BF16 == 3 && FT_I8 == 4 &&
                   FT_I16 == 5 && FT_I32 == 6 && FT_I64 == 7 && FT_U8 == 8 && FT_U16 == 9 &&
                   FT_U32 == 10 && FT_U64 == 11 && FT_BOOL == 12 && FT_DTYPE_COUNT == 13,
               "types");

/* A slot of a value whose size differs: offset from the record's begin (0: absent), bytes, then the
 * size of each dimension as i64. */
#define FT_SHARD_SLOT_BYTES(ndim) (16 + 8 * (uint64_t)(ndim))

/* Is the shape sane, whatever the data? */
static inline bool ft_shard_shape_valid(ft_array a) {
    a.data = (void *)(uintptr_t)"";
    return ft_array_valid(&a);
}

static inline uint64_t ft_shard_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }
/* Where a field of so many bytes may begin. */
static inline uint64_t ft_shard_align(uint64_t bytes) {
    return bytes >= FT_SHARD_ALIGN ? FT_SHARD_ALIGN : FT_SHARD_ALIGN_SMALL;
}

#endif
