/* prompts.h -- a table of prompts into files: every prompt of a telephone menu from one CSV, built
 * again only where something changed, with a page to listen to them.
 *
 *     id,text
 *     welcome,"Welcome to Fettle."
 *     menu,"<speak>Press <emphasis>one</emphasis> …</speak>"
 *
 * Columns are found by their names in the first line: id and text (or ssml) must be there; voice,
 * style and file (the file's name without its ending, the id) may be. Beside the files stands
 * prompts.json: of each prompt what it was made of, and its file's hash: a file that changed is
 * made again. One that the table no longer has is removed, when we made it; one that we did not
 * make is not replaced (FT_EEXIST).
 *
 * Threads: one at a time in a folder. Memory: the table, and one prompt's sound. */
#ifndef FT_PROMPTS_H
#define FT_PROMPTS_H

#include "speech/speech.h"

#define FT_PROMPTS_MAX       100000
#define FT_PROMPTS_BYTES_MAX ((size_t)64 << 20)

typedef struct ft_prompts_opts {
    ft_speech_request request; /* everything but the text; its voice and style where the table has
                                  none */
    ft_str lexicons;           /* bytes of the request's lexicons: another text builds anew */
    bool force;                /* build all */
    /* What happened to each prompt, as it happens: "built", "kept", "removed"; "failed", and
     * ft_err_why() says where and why. May be NULL. */
    void (*told)(void *ctx, ft_str id, const char *what);
    void *ctx;
} ft_prompts_opts;

typedef struct ft_prompts_told {
    size_t built, kept, removed, failed;
    double seconds; /* of sound built */
} ft_prompts_told;

/* `table`: the CSV; `name` of it, for messages. A row that cannot be spoken is told and left out:
 * its file stays as it was, nothing is removed, the others are built, and the first failure with
 * its line is what is returned. What ends the build at once: a table that is none (FT_EPARSE), a
 * file that was not made from one (FT_EEXIST), memory, the disk. Whatever fails, files built before
 * stay and are known. */
ft_err ft_prompts_build(ft_prompts_told *out, ft_str table, const char *name, const char *folder,
                        const ft_prompts_opts *opts);

#endif
