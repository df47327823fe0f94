/* lexicons.h -- the user's lexicons by name: rows of the metadata database.
 *
 * Threads: as the store. Memory: the arena. */
#ifndef FT_SERVE_LEXICONS_H
#define FT_SERVE_LEXICONS_H

#include "speech/lexicon.h"
#include "store/store.h"

#define FT_LEXICONS_MAX 100

typedef struct ft_lexicon_row {
    ft_str name, content, alphabet, lang;
    int64_t lexemes, chars, modified_us;
} ft_lexicon_row;

bool ft_lexicon_name_valid(ft_str name); /* 1 to 20 letters and digits */
/* FT_EFULL when there are FT_LEXICONS_MAX others. */
ft_err ft_lexicon_put(ft_store *s, const ft_lexicon_row *row);
/* FT_ENOTFOUND without a trail. */
ft_err ft_lexicon_get(ft_lexicon_row *out, ft_store *s, ft_arena *arena, ft_str name);
/* By name, without the contents. */
ft_err ft_lexicon_list(ft_lexicon_row **out, size_t *count, ft_store *s, ft_arena *arena);
ft_err ft_lexicon_remove(ft_store *s, ft_str name); /* FT_ENOTFOUND without a trail */

#endif
