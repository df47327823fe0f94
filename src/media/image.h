/* image.h -- pictures in and out: JPEG, PNG and PNM (PGM, PPM) to pixels and back.
 *
 * Pixels are bytes, rows of interleaved channels: 3 (red, green, blue) or 1 (grey). They are those
 * of Pillow's Image.open(f).convert("RGB") or "L": JPEG by libjpeg-turbo's accurate DCT, CMYK as
 * Adobe writes it, palettes looked up, alpha dropped, 1 to 4 bits of grey spread over 0..255; of
 * 16 bits the high byte is taken (Pillow clips 16-bit grey instead). A region gives the same bytes
 * as the whole picture cut out.
 *
 * JPEG is read by libjpeg-turbo (libjpeg.so.62, loaded on first use), its common kinds by our own
 * reader where the processor has AVX-512 (the same pixels). PNG and PNM are read here:
 * on zlib, PNG is a few hundred lines without setjmp, and an error can name its byte.
 *
 * Threads:   any; one decoder, one thread at a time.
 * Memory:    an ft_image is a view. Whose memory it shows is said where one is handed out.
 * Errors:    the bytes have no name here: callers put the file's name in front (ft_err_prefix).
 * Sources:   ITU-T T.81, JFIF 1.02, Exif 2.3, PNG 2nd edition (ISO 15948), ppm(5), pgm(5). */
#ifndef FT_IMAGE_H
#define FT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define FT_IMAGE_SIDE_MAX   65500               /* JPEG's own limit */
#define FT_IMAGE_PIXELS_MAX ((uint64_t)1 << 27) /* unless the options say less or more */

typedef struct ft_image {
    uint8_t *data; /* row y begins at data + y * stride_bytes */
    int width, height;
    int channels; /* 1 or 3 */
    size_t stride_bytes;
} ft_image;

/* A rectangle of pixels; x to the right, y down. Width 0: everything, where that is allowed. */
typedef struct ft_box {
    int x, y, width, height;
} ft_box;

typedef enum ft_image_kind {
    FT_IMAGE_UNKNOWN = 0,
    FT_IMAGE_JPEG,
    FT_IMAGE_PNG,
    FT_IMAGE_PNM /* P2, P3, P5, P6 */
} ft_image_kind;

typedef struct ft_image_info {
    ft_image_kind kind;
    int width, height;
    int channels;     /* as stored: 1 grey or palette index, 2 grey and alpha, 3 colour, 4 CMYK or
                         colour and alpha */
    int bits;         /* of a stored sample: 1..16 */
    bool palette;     /* the stored channel is an index of colours */
    bool progressive; /* JPEG scans, PNG's Adam7: a region costs as much as the whole */
    int orientation;  /* Exif 1..8: 1 upright; how to turn it stands at ft_image_orient */
} ft_image_info;

typedef struct ft_decode_opts {
    int channels;        /* 1 or 3; 0: 1 when the file stores grey, else 3 */
    int shrink;          /* JPEG by smaller DCTs: 0 or 1 whole, 2, 4, 8; sides are rounded up.
                            FT_EUNSUPPORTED for other formats */
    ft_box region;       /* of the (shrunk) picture, as stored (before orientation) */
    uint64_t pixels_max; /* 0: FT_IMAGE_PIXELS_MAX; of the picture as stored */
    bool damaged;        /* take what can be had of damaged or cut JPEG data (the rest is grey) */
} ft_decode_opts;

const char *ft_image_kind_name(ft_image_kind kind); /* "JPEG"; "unknown" */
/* By the first bytes. */
ft_image_kind ft_image_sniff(ft_str bytes);
/* The headers alone; `bytes` may be just the beginning of a file as long as they hold the headers.
 * FT_EMEDIA: not a format read here; FT_ECORRUPT; FT_EUNSUPPORTED: a kind of JPEG that is not. */
ft_err ft_image_probe(ft_image_info *out, ft_str bytes);

/* The whole picture or a region of it, in the arena. FT_EMEDIA, FT_ECORRUPT (names the byte or has
 * libjpeg's words), FT_ETOOBIG past the limit, FT_EINVAL for a region outside, FT_EUNSUPPORTED,
 * FT_EABSENT without libjpeg. `opts` may be NULL. Damage outside the region may go unseen. */
ft_err ft_image_decode(ft_image *out, ft_arena *arena, ft_str bytes, const ft_decode_opts *opts);

/* Decoding many: keeps its library state and its memory. */
typedef struct ft_decoder ft_decoder;
ft_err ft_decoder_new(ft_decoder **out);
/* As ft_image_decode; `out` is borrowed from the decoder until its next call. Its stride may be
 * larger than its rows. */
ft_err ft_decoder_decode(ft_image *out, ft_decoder *d, ft_str bytes, const ft_decode_opts *opts);
void ft_decoder_free(ft_decoder *d);

typedef struct ft_encode_opts {
    ft_image_kind kind;
    int quality;  /* JPEG 1..100; 0: 90 */
    int sampling; /* JPEG chroma: 0 or 420, 422, 444 */
    int level;    /* PNG's zlib level 1..9; 0: 6 */
} ft_encode_opts;
/* Append a file; grey pictures give grey files. FT_EINVAL, FT_ENOMEM, FT_ETOOBIG, FT_EABSENT. */
ft_err ft_image_encode(ft_buf *out, const ft_image *image, const ft_encode_opts *opts);

/* Append a JPEG with the same pixels to the bit (coefficients are not touched) and a restart marker
 * every `mcus` blocks of blocks, where its data can be begun: a region then costs what it holds,
 * not what stands above and beside it. 0: 4, which takes 0.8 % of the bytes; Huffman codes made for
 * the picture save more than that. Progressive files become baseline; Exif and other application
 * data stay. FT_EMEDIA: not a JPEG; FT_EINVAL; else as ft_image_decode. */
ft_err ft_image_restarts(ft_buf *out, ft_str bytes, int mcus);

/* A dense picture of zeros in the arena. FT_EINVAL for sides outside 1..FT_IMAGE_SIDE_MAX. */
ft_err ft_image_new(ft_image *out, ft_arena *arena, int width, int height, int channels);
/* The view of a part, no copy. FT_EINVAL when the box is empty or not inside. */
ft_err ft_image_crop(ft_image *out, const ft_image *image, ft_box box);
/* Copy rows between pictures of one shape. */
void ft_image_copy(const ft_image *to, const ft_image *from);
/* Is it a shape that functions take: sides and channels in range, stride not below a row? */
bool ft_image_valid(const ft_image *image);
static inline size_t ft_image_row_bytes(const ft_image *image) {
    return (size_t)image->width * (size_t)image->channels;
}

#endif
