/* page_in.h -- private to the room: escaping, and the style sheet. */
#ifndef FT_PAGE_IN_H
#define FT_PAGE_IN_H

#include "report/page.h"

extern const char ft_page_style[];

#endif
