/* unit_in.h -- a unit: how it is written and what it is called. Private to the class "unit". */
#ifndef FT_UNIT_IN_H
#define FT_UNIT_IN_H

#include "speech/say/say_in.h"

enum {
    FT_UNIT_GLUED = 1, /* only right behind its figure: "5s" is seconds, "5 s" is not */
    FT_UNIT_ALONE = 2  /* also without a figure: it is no word of either language */
};

typedef struct ft_unit_names {
    const char *one, *many;
} ft_unit_names;

struct ft_unit {
    const char *written; /* ways to write it, a blank between them */
    ft_unit_names names[FT_TONGUES];
    ft_form form; /* of its Spanish name */
    int flags;
};

/* Is `text` one of the ways to write it? (ft_unit_find looks among all.) */
bool ft_unit_written(const ft_unit *u, ft_str text);
/* By its whole name, as "1meter" has it: for say-as only. */
const ft_unit *ft_unit_by_name(ft_str text, int tongue);

#endif
