/* poison.h -- memory that is owned but not handed out, marked for AddressSanitizer: a read or write
 * beyond what was taken from an arena, or beyond what a buffer holds, is told as one beyond an
 * allocation is. Nothing at all without the sanitizer. Private to the room's allocators. */
#ifndef FT_POISON_H
#define FT_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FT_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(FT_POISONS)
#define FT_POISONS 1
#endif

#ifdef FT_POISONS
#include <sanitizer/asan_interface.h>
static inline void ft_poison(const void *at, size_t bytes) {
    __asan_poison_memory_region(at, bytes);
}
static inline void ft_unpoison(const void *at, size_t bytes) {
    __asan_unpoison_memory_region(at, bytes);
}
#else
static inline void ft_poison(const void *at, size_t bytes) { (void)at, (void)bytes; }
static inline void ft_unpoison(const void *at, size_t bytes) { (void)at, (void)bytes; }
#endif

#endif
