/* power10.c -- see number_in.h. Factors of two only move the binary point, so the bits of 10^k are
 * those of 5^k. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/number_in.h"

#define LIMBS 31 /* of 32 bits; 5^342 has 795 bits, and 128 more are wanted below it */

static ft_power10 table[FT_POWER10_MAX - FT_POWER10_MIN + 1];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static atomic_bool table_made; /* cheaper to ask than pthread_once */

/* The top 128 bits of the number in `limbs`, lowest first. */
static ft_power10 top_bits(const uint32_t *limbs) {
    int high = LIMBS - 1;
    while (limbs[high] == 0) high--;
    unsigned shift = (unsigned)__builtin_clz(limbs[high]);
    uint32_t word[4];
    for (int i = 0; i < 4; i++) {
        uint32_t above = high - i >= 0 ? limbs[high - i] : 0;
        uint32_t below = high - i - 1 >= 0 ? limbs[high - i - 1] : 0;
        word[i] = shift ? above << shift | below >> (32 - shift) : above;
    }
    return (ft_power10){ (uint64_t)word[0] << 32 | word[1], (uint64_t)word[2] << 32 | word[3] };
}

static void multiply5(uint32_t *limbs) {
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)limbs[i] * 5;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    FT_CHECK(carry == 0);
}

/* Rounded down; rounding down twice is rounding down once. */
static void divide5(uint32_t *limbs) {
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / 5);
        rest %= 5;
    }
}

static void table_make(void) {
    uint32_t limbs[LIMBS] = { 1 };
    for (int k = 0; k <= FT_POWER10_MAX; k++) {
        table[k - FT_POWER10_MIN] = top_bits(limbs);
        multiply5(limbs);
    }
    memset(limbs, 0, sizeof limbs);
    limbs[LIMBS - 1] = 1u << 31;
    for (int k = -1; k >= FT_POWER10_MIN; k--) {
        divide5(limbs);
        table[k - FT_POWER10_MIN] = top_bits(limbs);
    }
    atomic_store_explicit(&table_made, true, memory_order_release);
}

ft_power10 ft_power10_of(int k) {
    FT_CHECK(k >= FT_POWER10_MIN && k <= FT_POWER10_MAX);
    if (__builtin_expect(!atomic_load_explicit(&table_made, memory_order_acquire), 0))
        pthread_once(&table_once, table_make);
    return table[k - FT_POWER10_MIN];
}
