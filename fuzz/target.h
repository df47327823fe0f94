/* target.h -- what every fuzz target is: one function that reads foreign bytes and must neither
 * crash nor break the properties that it states with FT_CHECK. libFuzzer calls it with inputs that
 * it invents, replay.c with those of the corpus. Always returns 0. */
#ifndef FT_FUZZ_TARGET_H
#define FT_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
