/* wav.h -- WAV files: RIFF (little endian), RIFX (big endian) and RF64 (past 4 GiB; also as BW64)
 * with integer samples of 1 to 64 bits, floats, µ-law and A-law, also behind WAVE_FORMAT_EXTENSIBLE.
 *
 * What is written for 16-bit PCM is the canonical file: 44 bytes, then the samples; the G.711 codes
 * get the `fact` chunk that the format asks of them, as sox writes both.
 *
 * Source: Multimedia Programming Interface and Data Specifications 1.0 (1991), RIFF WAVE;
 * Microsoft, Multiple Channel Audio Data and WAVE Files (2001); EBU Tech 3306 (2009), RF64. Threads: any. Memory: views of the
 * bytes. */
#ifndef FT_WAV_H
#define FT_WAV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define FT_WAV_HEADER_MAX   58
#define FT_WAV_CHANNELS_MAX 256

typedef enum ft_wav_coding { FT_WAV_PCM = 0, FT_WAV_FLOAT, FT_WAV_ULAW, FT_WAV_ALAW } ft_wav_coding;

typedef struct ft_wav {
    ft_wav_coding coding;
    int rate_hz, channels;
    int bits;         /* of a sample as the file says, 1..64 */
    int sample_bytes; /* that it takes: bits stand at its high end */
    bool big_endian;
    ft_str data;     /* whole frames only */
    uint64_t frames; /* one sample of each channel */
    bool cut;        /* the file ends before the length that it gives */
} ft_wav;

/* FT_EMEDIA: not a WAV; FT_ECORRUPT with the byte; FT_EUNSUPPORTED: a coding that is not read here.
 * A file that ends within its samples is read as far as it goes, with `cut` set; one that ends
 * before the first sample it promises is refused. A data length of 0xffffffff or 0 at the end of
 * the file, as programs that write to a pipe leave it, means "up to the end". */
ft_err ft_wav_read(ft_wav *out, ft_str bytes);
/* Samples without a header, as a WAV's: `out` says how they stand (coding, rate_hz, channels, bits,
 * big_endian), the rest is filled in. A frame that is not whole at the end is left out, with `cut`
 * set. FT_EINVAL for what no samples can be. */
ft_err ft_wav_raw(ft_wav *out, ft_str bytes);
/* Samples `from` … `from + count` of all frames interleaved, as numbers in [-1, 1). */
void ft_wav_f64(double *out, const ft_wav *wav, uint64_t from, size_t count);
/* The same as 16 bits: rounded to the nearest, halves up, held at the ends. */
void ft_wav_i16(int16_t *out, const ft_wav *wav, uint64_t from, size_t count);

/* The bytes before the samples, at most FT_WAV_HEADER_MAX, of PCM (16 bits), ULAW or ALAW. `frames`
 * UINT32_MAX: not known yet. Returns their number; 0 when the file would pass 4 GiB. Samples of an
 * odd number of bytes want one zero byte behind them. */
size_t ft_wav_header(uint8_t out[FT_WAV_HEADER_MAX], ft_wav_coding coding, int rate_hz,
                     int channels, uint64_t frames);

#endif
