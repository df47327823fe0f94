/* bleep.h -- the tone over a word that shall not be heard (say-as expletive). The engine says
 * another word in its place, which gives the tone its length: nothing of the word is told.
 *
 * Threads: one at a time. Memory: the struct. */
#ifndef FT_SPEECH_BLEEP_H
#define FT_SPEECH_BLEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_BLEEP_HZ   1000
#define FT_BLEEPS_MAX 64 /* told of and not yet heard: a phrase has fewer words */

typedef struct ft_bleeps {
    struct {
        double start_s, end_s; /* of the sentence */
    } list[FT_BLEEPS_MAX];
    size_t count;
} ft_bleeps;

/* Before the samples come. More than FT_BLEEPS_MAX at once: the last stays a spoken word. */
void ft_bleeps_add(ft_bleeps *b, double start_s, double end_s);
/* Does one lie in the `count` samples from number `from` of the sentence on? */
bool ft_bleeps_any(const ft_bleeps *b, uint64_t from, size_t count, int rate_hz);
/* Put them over these samples, and forget those that are over. */
void ft_bleeps_put(ft_bleeps *b, int16_t *samples, uint64_t from, size_t count, int rate_hz);

#endif
