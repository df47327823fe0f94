/* tasks_in.h -- rows of tasks, for the threads that speak them. */
#ifndef FT_SPEECH_TASKS_IN_H
#define FT_SPEECH_TASKS_IN_H

#include "serve/speech/tasks.h"

/* Of the object that holds a text, in the default bucket. */
ft_err ft_speech_text_key(ft_str *out, ft_arena *arena, ft_str sha256);
/* What a server that is gone had begun waits again; `waiting`: how many wait in all. */
ft_err ft_speech_tasks_again(int64_t *waiting, ft_store *s);
/* The oldest that waits, now in progress; FT_ENOTFOUND without a trail. */
ft_err ft_speech_task_take(ft_speech_task *out, ft_store *s, ft_arena *arena);
ft_err ft_speech_task_end(ft_store *s, int64_t seq, const char *status, ft_str reason);

#endif
