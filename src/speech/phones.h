/* phones.h -- the sounds of US English under their four names: flite's, IPA, X-SAMPA and Polly's
 * viseme.
 *
 * Sources: CMU's phone set for US English (radio); Handbook of the IPA, 1999; J. C. Wells, X-SAMPA,
 * 1995; Amazon Polly, "Phoneme and viseme tables: English (US)". Threads: any. */
#ifndef FT_SPEECH_PHONES_H
#define FT_SPEECH_PHONES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_phone_row {
    const char *name; /* flite's: "aa" */
    const char *ipa, *sampa;
    const char *viseme; /* "a"; "sil" for silence */
    bool vowel;
} ft_phone_row;

/* NULL: not one of them. */
const ft_phone_row *ft_phone_find(const char *name);

/* Is it a pause? */
bool ft_phone_silent(const ft_phone_row *phone);

/* "ˈpi.kæn" (ipa) or "\"pi.k{n" (x-sampa) as flite takes it: "p iy1 k ae0 n", appended. Sounds that
 * US English does not have become the nearest that it has. FT_EPARSE names what is no sound. */
ft_err ft_phones_from(ft_buf *out, ft_str phonemes, ft_str alphabet);

#endif
