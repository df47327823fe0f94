/* reader_in.h -- the records of one segment file, one after another, through a window of pread(2)s.
 *
 * No mapping: a file that somebody cuts while it is read gives an error here, not a SIGBUS. The
 * reader sees the file up to `size`, which only ft_reader_look moves, so a caller decides when new
 * records appear.
 *
 * Memory: one window (64 KiB, more for larger records) and one arena for the current record. */
#ifndef FT_READER_IN_H
#define FT_READER_IN_H

#include "streams/format.h"

typedef struct ft_reader {
    const ft_stream_kind *kind;
    int columns;
    ft_str uri; /* owned */
    int fd;
    uint64_t size;    /* bytes that may be read */
    uint64_t first;   /* offset of the first record: after the file's head */
    uint64_t at;      /* offset of the next record */
    bool begun;       /* the head has been read */
    bool last;        /* the file will not grow beyond `size` */
    bool in_damage;   /* the last thing met was damage: it is one, however many steps it takes */
    uint64_t damaged; /* places */
    uint64_t block_left;
    char *window;
    uint64_t window_at; /* offset of window[0] */
    size_t window_len, window_room;
    void *state; /* the format's */
    ft_arena arena;
    /* the current record */
    uint64_t offset, mark; /* where it stands, and block_left there: for ft_reader_go */
    ft_str raw;
    ft_value values[FT_COLUMNS_MAX];
} ft_reader;

/* FT_ENOTFOUND when there is no such file. Sees nothing before the first ft_reader_look. */
ft_err ft_reader_open(ft_reader **out, ft_store *s, const ft_stream_kind *kind, ft_str uri);
void ft_reader_close(ft_reader *r);
/* See what the file holds now. */
ft_err ft_reader_look(ft_reader *r);
/* The next record with at least the columns in `wanted`; FT_ENOTFOUND without a trail at the end of
 * what is seen. Damage is counted, logged and passed over. */
ft_err ft_reader_next(ft_reader *r, uint64_t wanted);
/* The order of the current record; its column was wanted. False: it has none (then it counts as
 * damage and should be passed over). */
bool ft_reader_order(const ft_reader *r, int64_t *order);
/* Go to a record by the offset and mark it had. */
void ft_reader_go(ft_reader *r, uint64_t offset, uint64_t mark);
/* In a file whose orders never fall: go near the first record of order >= from, before it. */
ft_err ft_reader_seek(ft_reader *r, int64_t from);

#endif
