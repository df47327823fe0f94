/* tasks.h -- long texts: a task is a row, its text and its sound are objects. Tasks wait in the
 * order in which they came and are spoken by threads of a low priority; those that a server did not
 * finish, it or the next one begins anew.
 *
 * The sound is at s3://<bucket>/<prefix.><id>.<ending>, beside it <…>.manifest.json: what was asked
 * for, what really spoke, hashes of text and sound. Lineage: speech:<sha256 of the sound> comes
 * from input:<sha256 of the text>.
 *
 * Threads: new and free from one; the rest from any, each with a store of its own. */
#ifndef FT_SPEECH_TASKS_H
#define FT_SPEECH_TASKS_H

#include "serve/speech/polly.h"
#include "serve/speech/record.h"

#define FT_SPEECH_TASK_THREADS 2
#define FT_SPEECH_TASKS_WAIT   1000 /* scheduled and not begun */
#define FT_SPEECH_TEXT_BYTES   ((size_t)FT_POLLY_TASK_TOTAL * 4)

typedef struct ft_speech_task {
    int64_t seq;
    ft_str id, status; /* "scheduled", "inProgress", "completed", "failed" */
    ft_str reason;     /* of a failure */
    ft_str members;    /* JSON of what was asked for, without the text */
    ft_str region;     /* of a task that came signed; empty: the house's own */
    ft_str bucket, key, topic, text_sha256;
    int64_t chars, created_us;
} ft_speech_task;

/* Once before the rest: the table. */
ft_err ft_speech_tasks_prepare(ft_store *s);
/* Store text and row; fills in seq, id, status, created_us, text_sha256. FT_EFULL when too many
 * wait. */
ft_err ft_speech_task_add(ft_speech_task *t, ft_store *s, ft_arena *arena, ft_str text);
/* FT_ENOTFOUND without a trail. */
ft_err ft_speech_task_get(ft_speech_task *out, ft_store *s, ft_arena *arena, ft_str id);
/* By seq, above `after`; `status` empty: of all. */
ft_err ft_speech_task_list(ft_speech_task **out, size_t *count, ft_store *s, ft_arena *arena,
                           ft_str status, int64_t after, size_t limit);
/* Tasks that ended, have a topic and were not told yet; and that one was. */
ft_err ft_speech_tasks_untold(ft_speech_task **out, size_t *count, ft_store *s, ft_arena *arena);
ft_err ft_speech_task_told(ft_store *s, int64_t seq);
/* "https://s3.<region>.amazonaws.com/bucket/key", or s3://bucket/key for the house's own. */
ft_err ft_speech_task_uri(ft_str *out, const ft_speech_task *t, ft_arena *arena);

/* ---- the threads that speak them */
typedef struct ft_speech_tasks ft_speech_tasks;
/* `s` is used by this call alone; `home` is borrowed. */
ft_err ft_speech_tasks_new(ft_speech_tasks **out, ft_store *s, const char *home,
                           ft_speech_recorder *recorder);
void ft_speech_tasks_wake(ft_speech_tasks *t); /* a task was added */
void ft_speech_tasks_free(ft_speech_tasks *t); /* fine on NULL */

#endif
