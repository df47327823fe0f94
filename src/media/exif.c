/* exif.c -- the one thing of an Exif block that matters to pixels: how the camera was held.
 * Source: Exif 2.3 section 4.6.4, TIFF 6.0 section 2. Malformed blocks are common and no reason to
 * refuse a picture: they count as upright. */
#include "media/image_in.h"

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define ENTRY_BYTES     12

typedef struct tiff {
    ft_str bytes;
    bool big;
} tiff;

static uint32_t number(const tiff *t, size_t at, int bytes) {
    uint32_t v = 0;
    if (at > t->bytes.len || t->bytes.len - at < (size_t)bytes) return 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)t->bytes.at[at + (size_t)(t->big ? i : bytes - 1 - i)];
    return v;
}

int ft_exif_orientation(ft_str bytes) {
    tiff t = { bytes, ft_str_starts(bytes, FT_STR("MM")) };
    if (!t.big && !ft_str_starts(bytes, FT_STR("II"))) return 1;
    if (number(&t, 2, 2) != 42) return 1;
    size_t at = number(&t, 4, 4);
    uint32_t entries = number(&t, at, 2);
    for (uint32_t i = 0; i < entries; i++) {
        size_t entry = at + 2 + (size_t)i * ENTRY_BYTES;
        if (entry + ENTRY_BYTES > bytes.len) break;
        if (number(&t, entry, 2) != TAG_ORIENTATION || number(&t, entry + 2, 2) != TYPE_SHORT)
            continue;
        uint32_t v = number(&t, entry + 8, 2);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}
