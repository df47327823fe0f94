/* random.h -- numbers from a seed (PCG-64 / xoshiro256**: the same bits on every machine) and
 * identifiers from the system. Nothing here is for secrets but ft_random_secret. */
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
double ft_random_normal(ft_random *r);              /* mean 0, deviation 1 */

/* Bytes from the operating system (getrandom). */
ft_err ft_random_secret(void *out, size_t len);
/* A version 4 UUID from a per-thread generator seeded by the system: 30 ns, unique, not secret. */
void ft_uuid(char out[FT_UUID_TEXT]);

#endif
