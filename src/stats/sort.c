/* sort.c -- see sort.h. Bytes for small arrays, 11-bit digits for large ones: the counters must
 * stay in the first cache, and clearing them must not cost more than the passes they save. */
#include "stats/sort.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"

#define INSERTION_MAX 48    /* below, insertion beats counting (measured on random doubles) */
#define BYTE_MAX      16384 /* below, 8 passes of bytes beat 6 of 11 bits */
#define SIGN          ((uint64_t)1 << 63)

typedef uint64_t __attribute__((may_alias)) key64; /* doubles are turned into keys in place */

uint64_t ft_sort_key(double v) {
    uint64_t bits;
    if (v != v) return UINT64_MAX;
    memcpy(&bits, &v, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

double ft_sort_value(uint64_t key) {
    uint64_t bits = key & SIGN ? key ^ SIGN : ~key;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void insertion(key64 *keys, uint32_t *payload, size_t n) {
    for (size_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        uint32_t load = payload ? payload[i] : 0;
        size_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--) {
            keys[at] = keys[at - 1];
            if (payload) payload[at] = payload[at - 1];
        }
        keys[at] = key;
        if (payload) payload[at] = load;
    }
}

/* Bits in which any two keys differ: digits without one are in order already. */
static uint64_t differing(const key64 *keys, size_t n) {
    uint64_t any = 0, all = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        any |= keys[i];
        all &= keys[i];
    }
    return any ^ all;
}

typedef struct pass {
    int shift;
    size_t *places; /* first the number of keys of each digit, then where the next of them goes */
} pass;

static inline __attribute__((always_inline)) void radix(key64 *keys, key64 *scratch,
                                                        uint32_t *payload,
                                                        uint32_t *payload_scratch, size_t n,
                                                        int bits, size_t *counts) {
    uint64_t mask = ((uint64_t)1 << bits) - 1, differ = differing(keys, n);
    pass passes[8];
    int count = 0;
    for (int shift = 0; shift < 64; shift += bits) {
        if (!(differ >> shift & mask)) continue;
        passes[count] = (pass){ shift, counts + ((size_t)count << bits) };
        memset(passes[count].places, 0, sizeof *counts << bits);
        count++;
    }
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < count; k++) passes[k].places[keys[i] >> passes[k].shift & mask]++;
    for (int k = 0; k < count; k++) {
        size_t *places = passes[k].places, begin = 0;
        for (size_t digit = 0; digit <= mask; digit++) {
            size_t here = places[digit];
            places[digit] = begin;
            begin += here;
        }
        for (size_t i = 0; i < n; i++) {
            size_t place = places[keys[i] >> passes[k].shift & mask]++;
            scratch[place] = keys[i];
            if (payload) payload_scratch[place] = payload[i];
        }
        key64 *swap = keys;
        keys = scratch, scratch = swap;
        uint32_t *load_swap = payload;
        payload = payload_scratch, payload_scratch = load_swap;
    }
    if (count & 1) { /* the result lies in the scratch: that is `keys` now */
        memcpy(scratch, keys, n * sizeof *keys);
        if (payload) memcpy(payload_scratch, payload, n * sizeof *payload);
    }
}

static void sort(key64 *keys, key64 *scratch, uint32_t *payload, uint32_t *payload_scratch,
                 size_t n) {
    if (n <= INSERTION_MAX) {
        insertion(keys, payload, n);
    } else if (n <= BYTE_MAX) {
        size_t counts[8 << 8];
        radix(keys, scratch, payload, payload_scratch, n, 8, counts);
    } else {
        size_t counts[6 << 11];
        radix(keys, scratch, payload, payload_scratch, n, 11, counts);
    }
}

void ft_sort_f64_with(double *values, double *scratch, size_t n) {
    key64 *keys = (key64 *)values;
    for (size_t i = 0; i < n; i++) keys[i] = ft_sort_key(values[i]);
    sort(keys, (key64 *)scratch, NULL, NULL, n);
    for (size_t i = 0; i < n; i++) values[i] = ft_sort_value(keys[i]);
}

ft_err ft_sort_f64(double *values, size_t n) {
    double *scratch = NULL;
    if (n > INSERTION_MAX) {
        scratch = ft_fault_here() ? NULL : malloc(n * sizeof *scratch);
        if (!scratch) return FT_FAIL(FT_ENOMEM, "no memory to sort %zu numbers", n);
    }
    ft_sort_f64_with(values, scratch, n);
    free(scratch);
    return FT_OK;
}

ft_err ft_sort_keys(uint64_t *keys, uint32_t *payload, size_t n) {
    uint64_t *scratch = NULL;
    FT_CHECK(payload != NULL);
    if (n > INSERTION_MAX) {
        scratch = ft_fault_here() ? NULL : malloc(n * (sizeof *keys + sizeof *payload));
        if (!scratch) return FT_FAIL(FT_ENOMEM, "no memory to sort %zu numbers", n);
    }
    sort(keys, scratch, payload, scratch ? (uint32_t *)(scratch + n) : NULL, n);
    free(scratch);
    return FT_OK;
}
