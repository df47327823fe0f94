/* fault.c -- see fault.h. */
#include "base/fault.h"

static _Thread_local long calls_left = -1; /* < 0: not armed */
static _Thread_local bool hit;

bool ft_fault_here(void) {
    if (__builtin_expect(calls_left < 0, 1)) return false;
    if (calls_left-- > 0) return false;
    hit = true;
    return true;
}

bool ft_fault_round(long *round) {
    bool again = *round == 0 || hit;
    calls_left = again ? (*round)++ : -1;
    hit = false;
    return again;
}

void ft_fault_off(void) { calls_left = -1; }
