/* subject.h -- what is watched, in one text: "job/mnist-1", "endpoint/fashion". The same text is the
 * key of its log. */
#ifndef FT_SUBJECT_H
#define FT_SUBJECT_H

#include "base/arena.h"
#include "store/store.h"

typedef enum ft_subject_kind {
    FT_SUBJECT_ANY,
    FT_SUBJECT_JOB,
    FT_SUBJECT_ENDPOINT
} ft_subject_kind;

/* "job", "endpoint". */
const char *ft_subject_kind_name(ft_subject_kind kind);
/* In the arena. */
ft_err ft_subject(ft_str *out, ft_arena *arena, ft_subject_kind kind, ft_str name);
/* Is `subject` of this kind? Then its name. `name` may be NULL. */
bool ft_subject_is(ft_str *name, ft_subject_kind kind, ft_str subject);
/* FT_EINVAL: kind and name are of letters, digits and -_. so that a folder can carry them. */
ft_err ft_subject_check(ft_str subject);
/* Where host and subject meet: $HOME/jobs/NAME for "job/NAME", $HOME/endpoints/NAME …; made. */
ft_err ft_subject_folder(const char **out, ft_store *s, ft_arena *arena, ft_str subject);

#endif
