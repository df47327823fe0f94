/* looks_in.h -- what the files of looks.h share. Private to the room. */
#ifndef FT_LOOKS_IN_H
#define FT_LOOKS_IN_H

#include "media/image.h"
#include "report/page.h"
#include "serve/looks.h"

/* ---- looks.c: pictures in a row, usual ones left and odd ones right; NULL leaves a place empty */
#define FT_LOOKS_PANELS 4
ft_err ft_looks_strip(ft_page *p, const ft_image *const panels[FT_LOOKS_PANELS], ft_str caption,
                      ft_arena *arena);
/* ---- looks_tensors.c: the section on tensors */
ft_err ft_looks_tensors(ft_page *p, ft_store *s, ft_arena *arena, const ft_looks_ask *ask);

#endif
