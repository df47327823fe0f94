/* part_file.h -- a file that appears under its name when it is whole, and not before.
 *
 * Bytes go into a file without a name (O_TMPFILE; a hidden name beside the target where the file
 * system knows none), which gets the name at the end: whatever happens before, what stood there
 * stays and nothing is left behind. A device or a pipe ("/dev/stdout") is written to at once.
 *
 * Threads: one at a time. Memory: a few hundred bytes. */
#ifndef FT_PART_FILE_H
#define FT_PART_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ft_part_file ft_part_file;

ft_err ft_part_file_new(ft_part_file **out, const char *path);
/* The shape that ft_audio_out_new wants: `file` is an ft_part_file. */
ft_err ft_part_file_write(void *file, ft_str bytes);
/* `map` shows the file `path`: what is written out of it (64 KiB and more at once) the kernel
 * copies from file to file, where it can. Both must stay as they are up to the commit. */
ft_err ft_part_file_source(ft_part_file *f, const char *path, ft_str map);
/* Name it. `head` replaces the first bytes; where it cannot (a pipe), it is let go. */
ft_err ft_part_file_commit(ft_part_file *f, ft_str head);
/* Without a commit before, nothing has happened. Fine on NULL. */
void ft_part_file_free(ft_part_file *f);

#endif
