/* speaking_in.h -- a synthesis under way, and the threads that work on them: what the files of both
 * share. A synthesis has two holders, its thread and its client; the last one frees it. */
#ifndef FT_SPEAKING_IN_H
#define FT_SPEAKING_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "serve/speech/keep.h"
#include "serve/speech/speaking.h"

typedef struct ft_speaking ft_speaking;

struct ft_speaking {
    ft_speaking *next; /* that waits for a thread */
    ft_speakers *speakers;
    atomic_int holders;
    /* Fixed when it began: */
    ft_arena arena;
    ft_speech_request request;
    const ft_lexicon *lexicons[FT_POLLY_LEXICONS_MAX];
    ft_str media_type, article;
    bool whole;
    ft_speech_record record;
    int64_t asked_us;
    /* The speaking thread's: */
    ft_keep keep;
    ft_hasher *hasher;
    uint64_t spoken;      /* bytes */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t taken;
    ft_request *req; /* to be woken; NULL: it was, or it was given up */
    ft_waker *waker; /* of the answer on its way; NULL: it has not begun, or is over */
    bool begun, ready, done, gone, starved; /* starved: `pull` found nothing */
    ft_buf bytes;                           /* spoken and not yet taken from `read` on */
    size_t read;
    ft_err err;
    ft_str why;
};

struct ft_speakers {
    const char *home;
    ft_speech_recorder *recorder;
    atomic_bool ending;
    atomic_int alive;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work, over;
    ft_speaking *first, **last;
    int queued, threads, idle;
};

/* speakers.c: wait for a thread; false: not even one could be made. */
bool ft_speakers_take(ft_speakers *s, ft_speaking *k);
/* speaking.c: on a thread; gives up the thread's hold. */
void ft_speaking_run(ft_speaking *k);

#endif
