/* jpeg_own_head.c -- the markers of a baseline JPEG, strictly: what is not as expected is declined.
 * Source: ITU-T T.81 annex B. */
#include <string.h>

#include "media/jpeg_own_in.h"

enum {
    SOF0 = 0xc0,
    SOF1 = 0xc1,
    DHT = 0xc4,
    SOS = 0xda,
    DQT = 0xdb,
    DRI = 0xdd,
    APP0 = 0xe0,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe
};

static int byte_at(ft_str s, size_t i) { return (uint8_t)s.at[i]; }

static bool quant_tables(struct ft_jpeg_own *j, ft_str body) {
    while (body.len) {
        int head = byte_at(body, 0), wide = head >> 4, slot = head & 15;
        size_t bytes = wide ? 128 : 64;
        if (wide > 1 || slot > 3 || body.len < 1 + bytes) return false;
        for (int k = 0; k < 64; k++) {
            uint32_t v = wide ? ft_be16(body.at + 1 + 2 * k) : (uint32_t)byte_at(body, 1 + k);
            if (v > INT16_MAX) return false;
            j->quant[slot][k] = (uint16_t)v;
        }
        j->quant_set[slot] = true;
        body = ft_str_from(body, 1 + bytes);
    }
    return true;
}

/* The tables of most files are those of the file before. */
static bool huffman_tables(struct ft_jpeg_own *j, ft_str body) {
    while (body.len) {
        int head = byte_at(body, 0);
        size_t symbols = 0;
        if ((head & 0xef) > 3 || body.len < 17) return false;
        for (int i = 1; i <= 16; i++) symbols += (size_t)byte_at(body, i);
        if (symbols > 256 || body.len < 17 + symbols) return false;
        ft_huff *t = &j->huff[head >> 4][head & 15];
        if (memcmp(t->counts, body.at + 1, 16) || memcmp(t->symbols, body.at + 17, symbols)) {
            t->built = false;
            memcpy(t->counts, body.at + 1, 16);
            memcpy(t->symbols, body.at + 17, symbols);
        }
        t->set = true;
        body = ft_str_from(body, 17 + symbols);
    }
    return true;
}

static bool sampling_known(const struct ft_jpeg_own *j) {
    const ft_jpeg_part *p = j->part;
    if (j->parts == 1) return p[0].h == 1 && p[0].v == 1;
    if (p[1].h != 1 || p[1].v != 1 || p[2].h != 1 || p[2].v != 1) return false;
    return (p[0].h == 1 && p[0].v == 1) || (p[0].h == 2 && p[0].v <= 2 && p[0].v >= 1);
}

static bool frame(struct ft_jpeg_own *j, ft_str body) {
    if (j->framed || body.len < 9 || byte_at(body, 0) != 8) return false;
    j->height = (int)ft_be16(body.at + 1);
    j->width = (int)ft_be16(body.at + 3);
    j->parts = byte_at(body, 5);
    if (!j->width || !j->height || (j->parts != 1 && j->parts != 3)) return false;
    if (body.len != 6 + 3 * (size_t)j->parts) return false;
    for (int i = 0; i < j->parts; i++) {
        size_t at = 6 + 3 * (size_t)i;
        j->part[i] = (ft_jpeg_part){ .id = byte_at(body, at),
                                     .h = byte_at(body, at + 1) >> 4,
                                     .v = byte_at(body, at + 1) & 15,
                                     .quant = byte_at(body, at + 2) };
        if (j->part[i].quant > 3) return false;
    }
    j->framed = true;
    return sampling_known(j);
}

/* Which colours three components are: libjpeg's rules (default_decompress_parms). */
static bool is_ycc(const struct ft_jpeg_own *j) {
    const ft_jpeg_part *p = j->part;
    if (j->parts == 1 || j->jfif) return true;
    if (j->adobe) return j->adobe_transform == 1;
    return p[0].id == 1 && p[1].id == 2 && p[2].id == 3;
}

/* One scan of all components, in the frame's order. */
static bool scan(struct ft_jpeg_own *j, ft_str body) {
    size_t parts = (size_t)j->parts;
    if (!j->framed || body.len != 4 + 2 * parts || byte_at(body, 0) != j->parts) return false;
    for (size_t i = 0; i < parts; i++) {
        int tables = byte_at(body, 2 + 2 * i);
        if (byte_at(body, 1 + 2 * i) != j->part[i].id) return false;
        j->part[i].dc = tables >> 4;
        j->part[i].ac = tables & 15;
        if (j->part[i].dc > 3 || j->part[i].ac > 3) return false;
    }
    const char *rest = body.at + 1 + 2 * parts;
    return rest[0] == 0 && rest[1] == 63 && rest[2] == 0 && is_ycc(j);
}

static bool segment(struct ft_jpeg_own *j, int marker, ft_str body) {
    switch (marker) {
    case SOF0:
    case SOF1:
        return frame(j, body);
    case DHT:
        return huffman_tables(j, body);
    case DQT:
        return quant_tables(j, body);
    case DRI:
        j->restart = body.len == 2 ? (int)ft_be16(body.at) : 0;
        return body.len == 2;
    case APP0:
        j->jfif = j->jfif || (body.len >= 14 && memcmp(body.at, "JFIF", 5) == 0);
        return true;
    case APP14:
        if (body.len >= 12 && memcmp(body.at, "Adobe", 5) == 0) {
            j->adobe = true;
            j->adobe_transform = byte_at(body, 11);
        }
        return true;
    default:
        return (marker > APP0 && marker <= APP15) || marker == COM;
    }
}

bool ft_jpeg_own_headers(struct ft_jpeg_own *j, ft_str bytes, size_t *at) {
    j->framed = j->jfif = j->adobe = false;
    j->restart = 0;
    for (int i = 0; i < 4; i++) j->quant_set[i] = j->huff[0][i].set = j->huff[1][i].set = false;
    for (*at = 2;;) {
        if (bytes.len - *at < 4 || (uint8_t)bytes.at[*at] != 0xff) return false;
        int marker = byte_at(bytes, *at + 1);
        size_t len = ft_be16(bytes.at + *at + 2);
        if (len < 2 || bytes.len - *at - 2 < len) return false;
        ft_str body = ft_str_slice(bytes, *at + 4, len - 2);
        *at += 2 + len;
        if (marker == SOS) return scan(j, body);
        if (!segment(j, marker, body)) return false;
    }
}
