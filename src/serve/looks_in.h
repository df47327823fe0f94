/* looks_in.h -- what the files of looks.h share. Private to the room. */
#ifndef FT_LOOKS_IN_H
#define FT_LOOKS_IN_H

#include "report/page.h"
#include "serve/looks.h"

/* ---- looks_tensors.c: the section on tensors */
ft_err ft_looks_tensors(ft_page *p, ft_store *s, ft_arena *arena, const ft_looks_ask *ask);

#endif
