/* notebook.h -- a report page as a Jupyter notebook (nbformat 4.5): one cell that shows the page in
 * a frame of its own. */
#ifndef FT_NOTEBOOK_H
#define FT_NOTEBOOK_H

#include "base/buf.h"
#include "base/str.h"

ft_err ft_notebook(ft_buf *out, ft_str title, ft_str html);

#endif
