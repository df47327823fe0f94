/* store_in.h -- the home as the files of this room see it. */
#ifndef FT_STORE_IN_H
#define FT_STORE_IN_H

#include <stdint.h>

#include "base/arena.h"
#include "store/store.h"

#define FT_TEMP_FOLDER ".tmp" /* in objects/; no bucket can have this name */

#define FT_PARTS_FOLDER ".parts" /* in objects/ as well: parts of uploads */

struct ft_store {
    char *home;
    ft_db *db;
    int objects_fd, temp_fd; /* objects/ and objects/.tmp/ */
    int pid;
    uint64_t pid_started;
    ft_arena texts; /* of the last object that was put: see ft_object_write_commit */
};

extern const char *const ft_objects_tables[];
extern const int ft_objects_tables_count;
extern const char *const ft_uploads_tables[];
extern const int ft_uploads_tables_count;
extern const char *const ft_lineage_tables[];
extern const int ft_lineage_tables_count;

/* Uploads that nobody went on with, and files of parts without a row. */
ft_err ft_uploads_clean(ft_store *s, int *removed);

#endif
