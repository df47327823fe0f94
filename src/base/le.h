/* le.h -- numbers out of bytes, lowest first, as most file formats have them. */
#ifndef FT_LE_H
#define FT_LE_H

#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as files have numbers, so has memory");

static inline uint16_t ft_le16(const char *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t ft_le32(const char *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t ft_le64(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

#endif
