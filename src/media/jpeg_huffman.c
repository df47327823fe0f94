/* jpeg_huffman.c -- entropy-coded data of a baseline JPEG: stuffing undone, tables, blocks.
 * Source: ITU-T T.81 annexes C and F.2. */
#include <stdlib.h>
#include <string.h>

#include "media/jpeg_own_in.h"

#ifdef FT_MEDIA_X86
#define HUFF_TARGET FT_TARGET_AVX512 /* for shifts by any register */
#else
#define HUFF_TARGET
#endif

#define PADDING 4096 /* zeros after the data: more than an MCU of ten blocks can take */

/* Natural place of zigzag position k, in a group's layout of rows of four blocks. What is past 63
 * is written for the end of a block and for damage: a zero where a zero is, or never looked at. */
#define AT(n) ((n) / 8 * 8 * FT_JPEG_GROUP + (n) % 8)
#define END8  AT(63), AT(63), AT(63), AT(63), AT(63), AT(63), AT(63), AT(63)
static const uint8_t places[64 + FT_HUFF_END + 16] = {
    AT(0),  AT(1),  AT(8),  AT(16), AT(9),  AT(2),  AT(3),  AT(10), AT(17), AT(24), AT(32), AT(25),
    AT(18), AT(11), AT(4),  AT(5),  AT(12), AT(19), AT(26), AT(33), AT(40), AT(48), AT(41), AT(34),
    AT(27), AT(20), AT(13), AT(6),  AT(7),  AT(14), AT(21), AT(28), AT(35), AT(42), AT(49), AT(56),
    AT(57), AT(50), AT(43), AT(36), AT(29), AT(22), AT(15), AT(23), AT(30), AT(37), AT(44), AT(51),
    AT(58), AT(59), AT(52), AT(45), AT(38), AT(31), AT(39), AT(46), AT(53), AT(60), AT(61), AT(54),
    AT(47), AT(55), AT(62), AT(63), END8,   END8,   END8,   END8,   END8,   END8,   END8,   END8,
    END8,   END8,   END8,   END8,   END8,   END8,   END8,   END8,   END8,   END8
};

/* ---- stuffing */

static ft_err add_start(struct ft_jpeg_own *j, size_t at) {
    size_t have = j->starts.bytes / sizeof(size_t);
    if (j->intervals + 1 >= have) {
        ft_ground more = { 0 };
        ft_err err = ft_ground_take(&more, 2 * (have + 64) * sizeof(size_t));
        if (err) return err;
        if (j->intervals) memcpy(more.at, j->starts.at, j->intervals * sizeof(size_t));
        free(j->starts.at);
        j->starts = more;
    }
    ((size_t *)(void *)j->starts.at)[j->intervals++] = at;
    return FT_OK;
}

ft_err ft_jpeg_own_unstuff(bool *ok, struct ft_jpeg_own *j, ft_str bytes, size_t at) {
    size_t left = bytes.len - at, len = 0;
    const char *from = bytes.at + at, *end = bytes.at + bytes.len;
    *ok = false;
    j->intervals = 0;
    FT_TRY(ft_ground_take(&j->scan, left + PADDING));
    FT_TRY(add_start(j, 0));
    for (;;) {
        const char *mark = memchr(from, 0xff, (size_t)(end - from));
        if (!mark || mark + 1 >= end) return FT_OK; /* no marker: cut off */
        memcpy(j->scan.at + len, from, (size_t)(mark - from));
        len += (size_t)(mark - from);
        int next = (uint8_t)mark[1];
        from = mark + 2;
        if (next == 0) {
            j->scan.at[len++] = 0xff;
        } else if (next >= 0xd0 && next <= 0xd7) {
            if (!j->restart || next - 0xd0 != (int)((j->intervals - 1) % 8)) return FT_OK;
            FT_TRY(add_start(j, len));
        } else if (next == 0xff) {
            return FT_OK; /* fill bytes: rare, libjpeg knows them */
        } else {
            break;
        }
    }
    FT_TRY(add_start(j, len));
    j->intervals--;
    memset(j->scan.at + len, 0, PADDING);
    *ok = true;
    return FT_OK;
}

/* ---- tables */

/* Value of `size` bits (T.81, F.2.2.1: EXTEND). */
static inline int extended(unsigned bits, int size) {
    return size && bits < 1u << (size - 1) ? (int)bits - (1 << size) + 1 : (int)bits;
}

/* What a symbol means when `code` bits of it and `extra` (the bits after, FT_HUFF_BITS - code of
 * them) are seen. */
static int32_t entry(int symbol, int code, unsigned extra, bool ac) {
    int size = symbol & 15, step = ac ? (symbol >> 4) + 1 : 1, rest = FT_HUFF_BITS - code;
    if (ac && symbol == 0) return FT_HUFF_END << 8 | code;
    if (size > rest) return 0;
    int value = extended(extra >> (rest - size), size);
    return (int32_t)((uint32_t)value << 16 | (uint32_t)step << 8 | (uint32_t)(code + size));
}

static bool build(ft_huff *t, bool ac) {
    uint32_t code = 0, s = 0;
    memset(t->fast, 0, sizeof t->fast);
    for (int len = 1; len <= 16; len++, code <<= 1) {
        t->offset[len] = (int32_t)s - (int32_t)code;
        for (int i = 0; i < t->counts[len - 1]; i++, s++, code++) {
            int symbol = t->symbols[s];
            if (ac ? (symbol & 15) > 10 || (!(symbol & 15) && symbol != 0 && symbol != 0xf0)
                   : symbol > 11)
                return false;
            if (code >= 1u << len) return false;
            int rest = FT_HUFF_BITS - len;
            for (uint32_t extra = 0; rest >= 0 && extra < 1u << rest; extra++)
                t->fast[code << rest | extra] = entry(symbol, len, extra, ac);
        }
        t->most[len] = (int32_t)(code << (16 - len));
    }
    t->most[17] = INT32_MAX;
    return true;
}

bool ft_jpeg_own_tables(struct ft_jpeg_own *j) {
    for (int i = 0; i < j->parts; i++) {
        const ft_jpeg_part *p = &j->part[i];
        ft_huff *both[2] = { &j->huff[0][p->dc], &j->huff[1][p->ac] };
        if (!j->quant_set[p->quant]) return false;
        for (int ac = 0; ac < 2; ac++) {
            if (!both[ac]->set) return false;
            if (!both[ac]->built && !build(both[ac], ac)) return false;
            both[ac]->built = true;
        }
    }
    return true;
}

/* ---- blocks: `buf` and `count` as in ft_jpeg_bits, in registers */

/* An entry for a symbol that the look-up does not hold: at most 27 bits. 0: no such code. */
static __attribute__((noinline)) int32_t long_symbol(uint64_t buf, const ft_huff *t, bool ac) {
    int32_t code = (int32_t)(buf >> 48);
    int len = 1;
    while (len < 17 && code >= t->most[len]) len++;
    if (len == 17) return 0;
    int symbol = t->symbols[((code >> (16 - len)) + t->offset[len]) & 255], size = symbol & 15;
    if (ac && symbol == 0) return FT_HUFF_END << 8 | len;
    buf <<= len;
    unsigned bits = size ? (unsigned)(buf >> (64 - size)) : 0;
    return (int32_t)((uint32_t)extended(bits, size) << 16 |
                     (uint32_t)(ac ? (symbol >> 4) + 1 : 1) << 8 | (uint32_t)(len + size));
}

#define LOOK(table) (table)->fast[buf >> (64 - FT_HUFF_BITS)]
#define REFILL()                                  \
    do {                                          \
        uint64_t next_;                           \
        memcpy(&next_, at, sizeof next_);         \
        buf |= __builtin_bswap64(next_) >> count; \
        at += (63 - count) >> 3;                  \
        count |= 56;                              \
    } while (0)
#define CONSUME(e)       \
    do {                 \
        buf <<= (e)&63;  \
        count -= (e)&63; \
    } while (0)
#define PUT(e)                                     \
    do {                                           \
        k += (e) >> 8 & 255;                       \
        out[places[k - 1]] = (int16_t)((e) >> 16); \
    } while (0)

void ft_jpeg_bits_start(ft_jpeg_bits *b, const uint8_t *at) { *b = (ft_jpeg_bits){ .at = at }; }

HUFF_TARGET bool ft_jpeg_block(ft_jpeg_bits *bits, int16_t *out, const ft_huff *dc_table,
                               const ft_huff *ac_table, int *dc) {
    uint64_t buf = bits->buf;
    int count = bits->count;
    const uint8_t *at = bits->at;
    unsigned k = 1;
    REFILL();
    int32_t e = LOOK(dc_table);
    if ((e & 255) == 0) e = long_symbol(buf, dc_table, false);
    bool sound = e != 0;
    CONSUME(e);
    *dc += e >> 16;
    out[0] = (int16_t)*dc;
    /* A refill gives 56 bits: two symbols of the look-up and one of any length. */
    while (k < 64) {
        REFILL();
        e = LOOK(ac_table);
        if (__builtin_expect((e & 255) != 0, 1)) {
            CONSUME(e);
            PUT(e);
            if (k >= 64) break;
            e = LOOK(ac_table);
            if (__builtin_expect((e & 255) != 0, 1)) {
                CONSUME(e);
                PUT(e);
                if (k >= 64) break;
                e = LOOK(ac_table);
            }
        }
        if ((e & 255) == 0) {
            e = long_symbol(buf, ac_table, true);
            if (!e) sound = false, k = 64;
        }
        CONSUME(e);
        PUT(e);
    }
    *bits = (ft_jpeg_bits){ buf, count, at };
    return sound && (k == 64 || k > FT_HUFF_END) && *dc >= -2048 && *dc < 2048;
}
