/* random.h -- numbers from a seed and identifiers from the system. Nothing here is for secrets but
 * ft_random_secret.
 *
 * The generator is xoshiro256** (Blackman, Vigna: Scrambled linear pseudorandom number generators,
 * 2021), seeded by splitmix64: the same bits on every machine. Threads: one generator, one thread.
 */
#ifndef FT_RANDOM_H
#define FT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct ft_random {
    uint64_t state[4];
} ft_random;

#define FT_UUID_TEXT 37

void ft_random_seed(ft_random *r, uint64_t seed);
uint64_t ft_random_u64(ft_random *r);
uint64_t ft_random_below(ft_random *r, uint64_t n); /* 0 … n-1 without bias; n > 0 */
double ft_random_unit(ft_random *r);                /* [0, 1) */
/* Mean 0, deviation 1, by the polar method; the last bit follows the C library's log. */
double ft_random_normal(ft_random *r);

/* Bytes from the operating system (getrandom). */
ft_err ft_random_secret(void *out, size_t len);
/* A version 4 UUID (RFC 9562) from a per-thread generator seeded by the system; unique, also after
 * fork; not secret. */
void ft_uuid(char out[FT_UUID_TEXT]);

#endif
