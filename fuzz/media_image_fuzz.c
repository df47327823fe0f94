/* media_image_fuzz.c -- any bytes as a picture: refused in words, or pixels of the size that the
 * headers say; our own JPEG reader and libjpeg agree, also on a JPEG with restarts put in; a region
 * is the whole picture cut; what is written is read back. */
#include <stdlib.h>

#include "base/check.h"
#include "fuzz/target.h"
#include "media/image_in.h"

#define PIXELS_MAX (1 << 16)

static bool equal(const ft_image *a, const ft_image *b) {
    for (int y = 0; y < a->height; y++)
        if (memcmp(a->data + (size_t)y * a->stride_bytes, b->data + (size_t)y * b->stride_bytes,
                   ft_image_row_bytes(a)))
            return false;
    return a->width == b->width && a->height == b->height && a->channels == b->channels;
}

/* A region chosen by the first bytes that vary. */
static ft_box some_box(const uint8_t *data, size_t size, int width, int height) {
    unsigned seed = size > 40 ? data[size / 2] * 256u + data[size / 3] : (unsigned)size;
    ft_box b = { .x = (int)(seed % (unsigned)width), .y = (int)(seed / 7 % (unsigned)height) };
    b.width = 1 + (int)(seed / 3 % (unsigned)(width - b.x));
    b.height = 1 + (int)(seed / 5 % (unsigned)(height - b.y));
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(64 << 20);
    ft_str bytes = ft_str_n(data, size);
    ft_decode_opts opts = { .pixels_max = PIXELS_MAX };
    ft_image_info info;
    ft_image whole, part, cut;
    ft_buf file = { 0 };
    ft_err probed = ft_image_probe(&info, bytes);
    if (ft_image_decode(&whole, &arena, bytes, &opts)) {
        FT_CHECK(ft_str_utf8(ft_str_of(ft_err_why())));
        opts.damaged = true;
        opts.shrink = 2;
        if (ft_image_decode(&whole, &arena, bytes, &opts) == FT_OK)
            FT_CHECK(ft_image_valid(&whole));
    } else {
        FT_CHECK(ft_image_valid(&whole));
        FT_CHECK(probed == FT_OK && info.width == whole.width && info.height == whole.height);
        ft_decoder foreign = { .foreign = true, .arena = &arena };
        FT_CHECK(ft_decoder_decode(&part, &foreign, bytes, &opts) == FT_OK);
        FT_CHECK(equal(&part, &whole));
        free(foreign.scratch.at);
        if (ft_image_restarts(&file, bytes, 1 + (int)(size % 9)) == FT_OK) {
            FT_CHECK(ft_image_decode(&part, &arena, ft_buf_str(&file), NULL) == FT_OK);
            FT_CHECK(equal(&part, &whole));
        }
        ft_buf_reset(&file);
        opts.region = some_box(data, size, whole.width, whole.height);
        FT_CHECK(ft_image_decode(&part, &arena, bytes, &opts) == FT_OK);
        FT_CHECK(ft_image_crop(&cut, &whole, opts.region) == FT_OK);
        FT_CHECK(equal(&part, &cut));
        ft_encode_opts png = { .kind = FT_IMAGE_PNG, .level = 1 };
        FT_CHECK(ft_image_encode(&file, &whole, &png) == FT_OK);
        FT_CHECK(ft_image_decode(&part, &arena, ft_buf_str(&file), NULL) == FT_OK);
        FT_CHECK(equal(&part, &whole));
    }
    ft_buf_fini(&file);
    ft_arena_fini(&arena);
    return 0;
}
