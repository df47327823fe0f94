/* config.h -- what stands beside a neural voice: NAME.onnx.json, as Piper writes it.
 *
 * Which network inputs a text becomes: signs (IPA or letters) and their numbers, noise, pace,
 * sample rate, speakers. Source: Piper's own voice files and its reader's documentation (phoneme
 * ids: every sign is followed by the pad; "^" begins, "$" ends a text).
 *
 * Threads: a read one is immutable. Memory: the arena. Errors: FT_EPARSE with the file, line and
 * what was expected. */
#ifndef FT_VITS_CONFIG_H
#define FT_VITS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define FT_VITS_CONFIG_BYTES_MAX ((size_t)4 << 20) /* thousands of speakers */
#define FT_VITS_RATE_MIN         4000
#define FT_VITS_RATE_MAX         96000
#define FT_VITS_SIGN_IDS_MAX     8 /* numbers of one sign */

typedef struct ft_vits_sign { /* a row of phoneme_id_map */
    uint32_t sign;            /* Unicode */
    int id_count;
    int64_t ids[FT_VITS_SIGN_IDS_MAX];
} ft_vits_sign;

typedef struct ft_vits_change { /* a row of phoneme_map: one sign becomes others */
    uint32_t from, to[FT_VITS_SIGN_IDS_MAX];
    int to_count;
} ft_vits_change;

typedef struct ft_vits_speaker {
    ft_str name;
    int64_t id;
} ft_vits_speaker;

typedef struct ft_vits_config {
    int rate_hz;
    bool letters;  /* phoneme_type "text": signs are letters; else espeak-ng's IPA */
    ft_str espeak; /* espeak-ng's voice: "en-us" */
    ft_str lang;   /* "en-US", from language.code or the espeak voice; may be empty */
    ft_str lang_name;
    double noise_scale, length_scale, noise_w;
    int64_t speaker_count; /* at least 1 */
    ft_vits_speaker *speakers;
    size_t speaker_rows;
    ft_vits_sign *signs; /* in order of the sign */
    size_t sign_count;
    ft_vits_change *changes;
    size_t change_count;
} ft_vits_config;

/* `name` stands in errors: the file's. */
ft_err ft_vits_config_read(ft_vits_config *out, ft_arena *arena, ft_str text, const char *name);
/* The numbers of a sign; NULL: it has none. */
const ft_vits_sign *ft_vits_sign_find(const ft_vits_config *c, uint32_t sign);
/* The speaker of a name or number ("", the first); FT_ENOTFOUND. */
ft_err ft_vits_speaker_find(int64_t *out, const ft_vits_config *c, ft_str name);

/* The next character of well-formed UTF-8, taken off `rest`. */
uint32_t ft_vits_char(ft_str *rest);

#endif
