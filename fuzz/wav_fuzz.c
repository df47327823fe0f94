/* wav_fuzz.c -- any bytes as a WAV file: refused, or every sample can be read. */
#include "base/check.h"
#include "fuzz/target.h"
#include "media/wav.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_wav w;
    if (ft_wav_read(&w, ft_str_n(data, size))) {
        FT_CHECK(ft_err_why()[0]);
        return 0;
    }
    uint64_t all = w.frames * (uint64_t)w.channels;
    for (uint64_t at = 0; at < all && at < 100000; at += 64) {
        int16_t narrow[64];
        double wide[64];
        size_t take = all - at < 64 ? (size_t)(all - at) : 64;
        ft_wav_i16(narrow, &w, at, take);
        ft_wav_f64(wide, &w, at, take);
    }
    return 0;
}
