/* prompts_in.h -- a table of prompts that was read. Private to speech. */
#ifndef FT_PROMPTS_IN_H
#define FT_PROMPTS_IN_H

#include "base/hash.h"
#include "speech/prompts.h"

typedef struct ft_prompt {
    ft_str id, text, voice, style;
    ft_str file; /* "welcome.wav" */
    int line;
    char key[FT_SHA256_HEX];    /* of all that it is made of */
    char sha256[FT_SHA256_HEX]; /* of the file */
    double seconds;             /* of the file that is there; 0: none */
    ft_err err;                 /* the row cannot be spoken; its file may be empty */
    ft_str why;
} ft_prompt;

typedef struct ft_prompt_list {
    ft_prompt *prompts;
    size_t count;
} ft_prompt_list;

/* Rows of the table, checked: ids and files once each. One that is wrong has its `err`. */
ft_err ft_prompts_read(ft_prompt_list *out, ft_arena *arena, ft_str table, const char *name,
                       const char *ending);
/* What was built before; empty without prompts.json. */
ft_err ft_prompts_known(ft_prompt_list *out, ft_arena *arena, const char *folder);
/* The row cannot be spoken: keeps the failure's sentence, behind its place. */
ft_err ft_prompt_failed(ft_prompt *p, ft_arena *arena, ft_err err, const char *table);
/* Files that are ours: of this table, made or about to be, and `gone` from it. */
ft_err ft_prompts_remember(const ft_prompt_list *now, const ft_prompt_list *gone,
                           const char *folder);
/* index.html: every prompt with its text and a player. */
ft_err ft_prompts_page(const ft_prompt_list *l, const char *folder);

#endif
