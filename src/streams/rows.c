/* rows.c -- the segment format "rows": packed numbers and texts in checksummed blocks. Ours; all
 * numbers little-endian.
 *
 *     file    "FTROWS1\n", u32 length and u32 CRC-32C of what follows:
 *             u8 columns, for each: u8 type, u8 length, name
 *     block   u32 "FBLK", u32 bytes, u32 records, u32 CRC-32C of bytes, records and payload
 *     record  a bit a column: is it there? (lowest bit first, padded to bytes); then the values
 * that are there: integers and doubles 8 bytes, texts and blobs u32 length and bytes
 *
 * The file names its columns, so a kind may gain, lose or reorder some and old segments stay
 * readable. A block is written by one write(2) and becomes visible whole or not at all; one that is
 * damaged is skipped to the next mark that stands before a block with a right checksum. */
#include <endian.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "streams/format.h"

#define FILE_MAGIC       "FTROWS1\n"
#define FILE_MAGIC_BYTES ((size_t)8)
#define FILE_FIXED_BYTES (FILE_MAGIC_BYTES + 8)
#define FILE_HEAD_MAX    ((uint32_t)16384) /* 60 columns with names of 255 bytes */
#define BLOCK_MAGIC      0x4b4c4246u       /* "FBLK" */
#define BLOCK_HEAD_BYTES ((size_t)16)
#define BLOCK_BYTES_MAX  (FT_RECORD_BYTES_MAX + (1u << 20))

/* How the columns of a file become the kind's. */
typedef struct rows_state {
    int count;                    /* columns in the file */
    int8_t to[FT_COLUMNS_MAX];    /* the kind's column; -1: it has none of this name */
    uint8_t type[FT_COLUMNS_MAX]; /* ft_value_type in the file */
} rows_state;

static uint32_t get_u32(const char *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return le32toh(v);
}

static uint64_t get_u64(const char *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

static void put_u32(char *at, uint32_t v) {
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}

/* ---- writing ---- */

static ft_err start(ft_buf *buf, const ft_stream_kind *kind) {
    size_t at = buf->len;
    ft_buf_add_n(buf, FILE_MAGIC "\0\0\0\0\0\0\0\0", FILE_FIXED_BYTES);
    ft_buf_byte(buf, (char)ft_stream_columns(kind));
    for (int i = 0; kind->columns[i].name; i++) {
        ft_str name = ft_str_of(kind->columns[i].name);
        FT_CHECK(name.len <= UINT8_MAX);
        ft_buf_byte(buf, (char)kind->columns[i].type);
        ft_buf_byte(buf, (char)name.len);
        ft_buf_add(buf, name);
    }
    if (buf->err != FT_OK) return buf->err;
    char *head = buf->at + at;
    size_t len = buf->len - at - FILE_FIXED_BYTES;
    put_u32(head + FILE_MAGIC_BYTES, (uint32_t)len);
    put_u32(head + FILE_MAGIC_BYTES + 4, ft_crc32c(0, head + FILE_FIXED_BYTES, len));
    return FT_OK;
}

static ft_err block_head(ft_buf *buf) {
    static const char room[BLOCK_HEAD_BYTES];
    return ft_buf_add_n(buf, room, BLOCK_HEAD_BYTES);
}

static ft_err wrong_type(const ft_column *column) {
    return FT_FAIL(FT_EINVAL, "column '%s': the value is of another type", column->name);
}

/* Bytes that a value takes; the same checks as writing it needs. */
static ft_err value_size(size_t *size, const ft_column *column, const ft_value *v) {
    bool number = column->type == FT_VALUE_INT || column->type == FT_VALUE_F64;
    bool fits =
        v->type == column->type || (v->type == FT_VALUE_INT && column->type == FT_VALUE_F64);
    if (!fits) return wrong_type(column);
    if (!number && v->s.len > FT_RECORD_BYTES_MAX / 2)
        return FT_FAIL(FT_ETOOBIG, "column '%s': %zu bytes, at most %zu are kept", column->name,
                       v->s.len, FT_RECORD_BYTES_MAX / 2);
    *size += number ? 8 : 4 + v->s.len;
    return FT_OK;
}

static char *put_value(char *at, const ft_column *column, const ft_value *v) {
    if (column->type == FT_VALUE_INT || column->type == FT_VALUE_F64) {
        uint64_t bits;
        double wide = (double)v->i;
        if (v->type == column->type)
            memcpy(&bits, &v->i, sizeof bits);
        else
            memcpy(&bits, &wide, sizeof bits);
        bits = htole64(bits);
        memcpy(at, &bits, sizeof bits);
        return at + 8;
    }
    put_u32(at, (uint32_t)v->s.len);
    if (v->s.len) memcpy(at + 4, v->s.at, v->s.len);
    return at + 4 + v->s.len;
}

static ft_err encode(ft_buf *buf, const ft_stream_kind *kind, const ft_value *values) {
    uint64_t there = 0;
    size_t size = 0;
    int count = 0;
    for (; kind->columns[count].name; count++) {
        if (values[count].type == FT_VALUE_NULL) continue;
        there |= (uint64_t)1 << count;
        FT_TRY(value_size(&size, &kind->columns[count], &values[count]));
    }
    size_t mask_bytes = ((size_t)count + 7) / 8;
    FT_TRY(ft_buf_reserve(buf, size + sizeof there));
    char *at = buf->at + buf->len;
    uint64_t mask = htole64(there);
    memcpy(at, &mask, sizeof mask);
    at += mask_bytes;
    for (int i = 0; i < count; i++)
        if (there >> i & 1) at = put_value(at, &kind->columns[i], &values[i]);
    buf->len += mask_bytes + size;
    return FT_OK;
}

static uint32_t block_crc(const char *head, size_t bytes) {
    uint32_t crc = ft_crc32c(0, head + 4, 8);
    return ft_crc32c(crc, head + BLOCK_HEAD_BYTES, bytes);
}

static ft_err block_tail(ft_buf *buf, size_t at, uint32_t records) {
    char *head = buf->at + at;
    size_t bytes = buf->len - at - BLOCK_HEAD_BYTES;
    FT_CHECK(bytes <= BLOCK_BYTES_MAX);
    put_u32(head, BLOCK_MAGIC);
    put_u32(head + 4, (uint32_t)bytes);
    put_u32(head + 8, records);
    put_u32(head + 12, block_crc(head, bytes));
    return FT_OK;
}

/* ---- the file's head ---- */

static void same_columns(rows_state *state, const ft_stream_kind *kind) {
    state->count = ft_stream_columns(kind);
    for (int i = 0; i < state->count; i++) {
        state->to[i] = (int8_t)i;
        state->type[i] = (uint8_t)kind->columns[i].type;
    }
}

static int8_t column_of(const ft_stream_kind *kind, ft_str name) {
    for (int i = 0; kind->columns[i].name; i++)
        if (ft_str_is(name, kind->columns[i].name)) return (int8_t)i;
    return -1;
}

/* False when the description does not hold together. */
static bool read_columns(rows_state *state, const ft_stream_kind *kind, ft_str head) {
    size_t at = 1;
    if (head.len < 1 || (unsigned char)head.at[0] > FT_COLUMNS_MAX) return false;
    state->count = (unsigned char)head.at[0];
    for (int i = 0; i < state->count; i++) {
        if (head.len - at < 2) return false;
        size_t len = (unsigned char)head.at[at + 1];
        state->type[i] = (uint8_t)head.at[at];
        if (state->type[i] > FT_VALUE_BLOB || head.len - at - 2 < len) return false;
        state->to[i] = column_of(kind, ft_str_slice(head, at + 2, len));
        at += 2 + len;
    }
    return at == head.len;
}

static ft_err open_file(ft_segment_look *look) {
    const ft_str data = look->data;
    rows_state *state = look->state;
    look->used = 0;
    if (data.len < FILE_FIXED_BYTES && !look->last) {
        look->need = FILE_FIXED_BYTES;
        return FT_ENOTFOUND;
    }
    uint32_t len = 0;
    bool right = data.len >= FILE_FIXED_BYTES && memcmp(data.at, FILE_MAGIC, FILE_MAGIC_BYTES) == 0;
    if (right) {
        len = get_u32(data.at + FILE_MAGIC_BYTES);
        right = len <= FILE_HEAD_MAX;
    }
    if (right && data.len - FILE_FIXED_BYTES < len) {
        if (!look->last) {
            look->need = FILE_FIXED_BYTES + len;
            return FT_ENOTFOUND;
        }
        right = false;
    }
    const char *head = data.at + FILE_FIXED_BYTES;
    if (right && get_u32(data.at + FILE_MAGIC_BYTES + 4) == ft_crc32c(0, head, len) &&
        read_columns(state, look->kind, ft_str_n(head, len))) {
        look->used = FILE_FIXED_BYTES + len;
        return FT_OK;
    }
    same_columns(state, look->kind); /* the best guess; the blocks have their own checksums */
    look->used = data.len ? 1 : 0;
    return FT_FAIL(FT_ECORRUPT, "the head of the file is not that of packed rows");
}

/* ---- records ---- */

typedef enum block_check { BLOCK_RIGHT, BLOCK_SHORT, BLOCK_WRONG } block_check;

static block_check check_block(const ft_segment_look *look, ft_str data, size_t *need) {
    *need = BLOCK_HEAD_BYTES;
    if (data.len < BLOCK_HEAD_BYTES) return look->last ? BLOCK_WRONG : BLOCK_SHORT;
    uint32_t bytes = get_u32(data.at + 4), records = get_u32(data.at + 8);
    if (get_u32(data.at) != BLOCK_MAGIC || bytes == 0 || bytes > BLOCK_BYTES_MAX || records == 0 ||
        records > bytes)
        return BLOCK_WRONG;
    *need = BLOCK_HEAD_BYTES + bytes;
    if (data.len < *need) return look->last ? BLOCK_WRONG : BLOCK_SHORT;
    return get_u32(data.at + 12) == block_crc(data.at, bytes) ? BLOCK_RIGHT : BLOCK_WRONG;
}

/* The next place from `at` on that may be a block: its mark, or so near the end that a mark may
 * begin there. */
static size_t next_mark(ft_str data, size_t at) {
    for (; at + 4 <= data.len; at++) {
        const char *found = memchr(data.at + at, BLOCK_MAGIC & 0xff, data.len - at - 3);
        if (!found) break;
        at = (size_t)(found - data.at);
        if (get_u32(found) == BLOCK_MAGIC) return at;
    }
    return data.len >= 3 && at < data.len - 3 ? data.len - 3 : at < data.len ? at : data.len;
}

static ft_err damaged(ft_segment_look *look, const char *what) {
    look->block_left = 0;
    size_t to = next_mark(look->data, 1);
    if (look->last && look->data.len - to < 4) to = look->data.len;
    look->used = to ? to : 1;
    return FT_FAIL(FT_ECORRUPT, "%s", what);
}

/* Bytes of one value; 0: it does not fit into what is left. */
static size_t value_bytes(uint8_t type, const char *at, const char *end) {
    size_t left = (size_t)(end - at);
    if (type == FT_VALUE_INT || type == FT_VALUE_F64) return left >= 8 ? 8 : 0;
    if (left < 4) return 0;
    size_t len = (size_t)get_u32(at) + 4;
    return len <= left ? len : 0;
}

static void get_value(ft_value *out, uint8_t type, ft_value_type wanted, const char *at,
                      size_t bytes) {
    if (type == FT_VALUE_INT || type == FT_VALUE_F64) {
        uint64_t bits = get_u64(at);
        out->type = type;
        memcpy(&out->i, &bits, sizeof bits);
        if (type == FT_VALUE_INT && wanted == FT_VALUE_F64) *out = ft_value_f64((double)out->i);
    } else {
        *out = (ft_value){ .type = type, .s = { at + 4, bytes - 4 } };
    }
    if (out->type != wanted) *out = (ft_value){ 0 }; /* the column changed its type since */
}

/* One record at `at`; returns its bytes, or 0 when it does not hold together. */
static size_t read_record(const ft_segment_look *look, const char *at, const char *end) {
    const rows_state *state = look->state;
    const char *from = at;
    size_t mask_bytes = ((size_t)state->count + 7) / 8;
    if ((size_t)(end - at) < mask_bytes) return 0;
    uint64_t there = 0;
    memcpy(&there, at, mask_bytes);
    there = le64toh(there);
    at += mask_bytes;
    for (int i = 0; i < state->count; i++) {
        if (!(there >> i & 1)) continue;
        size_t bytes = value_bytes(state->type[i], at, end);
        if (bytes == 0) return 0;
        int to = state->to[i];
        if (to >= 0 && look->wanted >> to & 1)
            get_value(&look->values[to], state->type[i], look->kind->columns[to].type, at, bytes);
        at += bytes;
    }
    return (size_t)(at - from);
}

static ft_err next(ft_segment_look *look) {
    size_t head = 0;
    look->used = 0;
    look->raw = (ft_str){ "", 0 };
    if (look->block_left == 0) {
        if (look->data.len == 0) return FT_ENOTFOUND;
        switch (check_block(look, look->data, &look->need)) {
        case BLOCK_SHORT:
            return FT_ENOTFOUND;
        case BLOCK_WRONG:
            return damaged(look, "a block fails its check");
        case BLOCK_RIGHT:
            break;
        }
        look->block_left = get_u32(look->data.at + 4);
        head = BLOCK_HEAD_BYTES;
    } else if (look->data.len < look->block_left) {
        look->need = (size_t)look->block_left;
        if (!look->last) return FT_ENOTFOUND;
        return damaged(look, "the file was cut inside a block");
    }
    const char *at = look->data.at + head;
    size_t bytes = read_record(look, at, at + look->block_left);
    if (bytes == 0) return damaged(look, "a block holds other columns than its file says");
    look->block_left -= bytes;
    look->used = head + bytes;
    return FT_OK;
}

static ft_err sync(ft_segment_look *look) {
    size_t need;
    for (size_t at = next_mark(look->data, 0); at + BLOCK_HEAD_BYTES <= look->data.len;
         at = next_mark(look->data, at + 1)) {
        if (check_block(look, ft_str_from(look->data, at), &need) != BLOCK_RIGHT) continue;
        look->used = at;
        return FT_OK;
    }
    return FT_ENOTFOUND;
}

const ft_segment_format ft_format_rows = {
    .name = "rows",
    .suffix = ".rows",
    .doc = "packed numbers and texts in checksummed blocks",
    .state_bytes = sizeof(rows_state),
    .start = start,
    .block_head = block_head,
    .encode = encode,
    .block_tail = block_tail,
    .open_file = open_file,
    .next = next,
    .sync = sync,
};
