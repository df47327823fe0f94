/* random.c -- see random.h. */
#include "base/random.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/hash.h"

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t v, int by) { return v << by | v >> (64 - by); }

void ft_random_seed(ft_random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) r->state[i] = splitmix(&seed);
}

uint64_t ft_random_u64(ft_random *r) {
    uint64_t *s = r->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Lemire, Fast random integer generation in an interval, 2019. */
uint64_t ft_random_below(ft_random *r, uint64_t n) {
    FT_CHECK(n > 0);
    unsigned __int128 product = (unsigned __int128)ft_random_u64(r) * n;
    if ((uint64_t)product < n) {
        uint64_t threshold = (0 - n) % n;
        while ((uint64_t)product < threshold) product = (unsigned __int128)ft_random_u64(r) * n;
    }
    return (uint64_t)(product >> 64);
}

double ft_random_unit(ft_random *r) { return (double)(ft_random_u64(r) >> 11) * 0x1p-53; }

/* Marsaglia's polar method; the second number of the pair is not kept, so a generator is its four
 * words and nothing else. */
double ft_random_normal(ft_random *r) {
    for (;;) {
        double x = 2 * ft_random_unit(r) - 1, y = 2 * ft_random_unit(r) - 1, s = x * x + y * y;
        if (s > 0 && s < 1) return x * sqrt(-2 * log(s) / s);
    }
}

ft_err ft_random_secret(void *out, size_t len) {
    unsigned char *p = out;
    while (len) {
        ssize_t got = ft_fault_here() ? (errno = EIO, -1) : getrandom(p, len, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return FT_FAIL_ERRNO("random bytes from the operating system");
        p += got;
        len -= (size_t)got;
    }
    return FT_OK;
}

/* ---- UUIDs. A forked child must not repeat its parent's: a fork makes every generator stale. */

static atomic_uint forks = 1;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;
static void forked(void) { atomic_fetch_add(&forks, 1); }
static void forks_watch(void) { pthread_atfork(NULL, NULL, forked); }

static void uuid_seed(ft_random *r) {
    uint64_t words[4];
    if (getrandom(words, sizeof words, GRND_NONBLOCK) == sizeof words) {
        memcpy(r->state, words, sizeof words);
        if (words[0] | words[1] | words[2] | words[3]) return;
    }
    /* Only before the kernel's pool is filled, seconds after power-on. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ft_random_seed(r, (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec << 20 ^
                          (uint64_t)getpid() << 40 ^ (uint64_t)(uintptr_t)r);
}

void ft_uuid(char out[FT_UUID_TEXT]) {
    static _Thread_local ft_random generator;
    static _Thread_local unsigned seeded;
    static const int dash_before[] = { 4, 6, 8, 10 };
    unsigned char raw[16];
    unsigned now = atomic_load_explicit(&forks, memory_order_relaxed);
    if (seeded != now) {
        pthread_once(&forks_once, forks_watch);
        uuid_seed(&generator);
        seeded = now;
    }
    uint64_t words[2] = { ft_random_u64(&generator), ft_random_u64(&generator) };
    memcpy(raw, words, sizeof raw);
    raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40); /* version 4 */
    raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    char *p = out;
    for (int i = 0, dash = 0; i < 16; i++, p += 2) {
        if (dash < 4 && dash_before[dash] == i) {
            *p++ = '-';
            dash++;
        }
        ft_hex(p, &raw[i], 1);
    }
}
