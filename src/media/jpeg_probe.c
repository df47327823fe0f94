/* jpeg_probe.c -- size, components and orientation of a JPEG from its markers, without libjpeg.
 * Source: ITU-T T.81 annex B. */
#include "media/image_in.h"

#include "base/check.h"

enum {
    MARK_TEM = 0x01,
    MARK_SOF0 = 0xc0,
    MARK_DHT = 0xc4,
    MARK_JPG = 0xc8,
    MARK_DAC = 0xcc,
    MARK_SOF15 = 0xcf,
    MARK_RST0 = 0xd0,
    MARK_EOI = 0xd9,
    MARK_SOS = 0xda,
    MARK_APP1 = 0xe1
};

static const ft_str exif_head = { "Exif\0", 6 };

/* The next marker and what its segment holds; *at moves behind it. */
static ft_err next_segment(int *marker, ft_str *body, ft_str bytes, size_t *at) {
    size_t i = *at;
    *body = (ft_str){ 0 };
    while (i < bytes.len && (uint8_t)bytes.at[i] != 0xff) i++; /* as libjpeg: junk is passed over */
    while (i < bytes.len && (uint8_t)bytes.at[i] == 0xff) i++;
    if (i >= bytes.len)
        return FT_FAIL(FT_ECORRUPT, "JPEG: cut off at byte %zu, before its picture begins",
                       bytes.len);
    *marker = (uint8_t)bytes.at[i++];
    *at = i;
    if (*marker == 0 || *marker == MARK_TEM || (*marker >= MARK_RST0 && *marker <= MARK_EOI))
        return FT_OK;
    uint32_t len = bytes.len - i >= 2 ? ft_be16(bytes.at + i) : 2;
    if (len < 2) len = 2; /* libjpeg passes over that too */
    if (bytes.len - i < len)
        return FT_FAIL(FT_ECORRUPT, "JPEG: cut off at byte %zu, within a segment", bytes.len);
    *body = ft_str_slice(bytes, i + 2, len - 2);
    *at = i + len;
    return FT_OK;
}

/* Huffman and arithmetic coding, baseline, extended and progressive: what libjpeg-turbo reads. */
static bool readable(int marker) { return marker <= 0xc2 || marker == 0xc9 || marker == 0xca; }

static ft_err frame(ft_image_info *out, int marker, ft_str body, size_t at) {
    if (!readable(marker))
        return FT_FAIL(FT_EUNSUPPORTED,
                       "JPEG, byte %zu: a lossless or hierarchical picture (SOF%d)", at,
                       marker - MARK_SOF0);
    if (body.len < 6 || body.len < 6 + 3 * (size_t)(uint8_t)body.at[5])
        return FT_FAIL(FT_ECORRUPT, "JPEG, byte %zu: a frame header of %zu bytes", at, body.len);
    out->bits = (uint8_t)body.at[0];
    out->height = (int)ft_be16(body.at + 1);
    out->width = (int)ft_be16(body.at + 3);
    out->channels = (uint8_t)body.at[5];
    out->progressive = (marker & 3) == 2;
    if (out->bits != 8)
        return FT_FAIL(FT_EUNSUPPORTED, "JPEG, byte %zu: %d bits a sample; 8 can be read", at,
                       out->bits);
    if (out->channels != 1 && out->channels != 3 && out->channels != 4)
        return FT_FAIL(FT_EUNSUPPORTED, "JPEG, byte %zu: %d components; 1, 3 and 4 can be read", at,
                       out->channels);
    if (!out->width || !out->height)
        return FT_FAIL(FT_ECORRUPT, "JPEG, byte %zu: the header says %d x %d pixels", at,
                       out->width, out->height);
    return FT_OK;
}

ft_err ft_jpeg_probe(ft_image_info *out, ft_str bytes) {
    size_t at = 2;
    for (;;) {
        int marker = 0;
        ft_str body;
        FT_TRY(next_segment(&marker, &body, bytes, &at));
        if (marker == MARK_APP1 && ft_str_starts(body, exif_head)) {
            out->orientation = ft_exif_orientation(ft_str_from(body, exif_head.len));
        } else if (marker == MARK_EOI || marker == MARK_SOS) {
            return FT_FAIL(FT_ECORRUPT, "JPEG, byte %zu: no frame header before the data", at);
        } else if (marker >= MARK_SOF0 && marker <= MARK_SOF15 && marker != MARK_DHT &&
                   marker != MARK_JPG && marker != MARK_DAC) {
            return frame(out, marker, body, at - body.len);
        }
    }
}
