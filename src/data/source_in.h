/* source_in.h -- a source's insides: parts and their places, shared by listing (source_list.c),
 * manifests (source_manifest.c), reading (source.c) and streams (source_stream.c). */
#ifndef FT_SOURCE_IN_H
#define FT_SOURCE_IN_H

#include <pthread.h>

#include "data/source.h"
#include "store/store.h"

#define FT_SOURCE_OPEN_MAX 64

typedef enum ft_part_kind {
    FT_PART_FILE,   /* `path`: a file, or the file of an object of this home */
    FT_PART_REMOTE, /* bucket and key on another server */
    FT_PART_INLINED,
    FT_PART_STREAM /* `path`: a FIFO, or "-" */
} ft_part_kind;

typedef struct ft_part_place {
    ft_part_kind kind;
    const char *path;
    ft_str bucket, key;
    uint64_t inode; /* of an object's file: another one is another version; 0: not looked at */
} ft_part_place;

typedef struct ft_source_slot { /* an open part */
    bool used, opening;
    size_t part;
    int refs;
    uint64_t touched;
    int fd;
    ft_remote_object *object;
} ft_source_slot;

typedef struct ft_source_pin { /* an object that stays open because someone has its path */
    struct ft_source_pin *next;
    size_t part;
    const char *path;
    ft_remote_object *object;
} ft_source_pin;

struct ft_source {
    ft_arena arena;
    ft_str name;
    ft_source_opts opts;
    ft_part *parts;
    ft_part_place *places;
    size_t count, capacity;
    ft_store *store;      /* while it is opened */
    ft_remote *remote;    /* NULL: nothing is elsewhere */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t opened;
    ft_source_slot slots[FT_SOURCE_OPEN_MAX];
    uint64_t touches;
    ft_source_pin *pins;
};

/* Append; texts must live as long as the source. FT_ETOOBIG past the limit. */
ft_err ft_source_add(ft_source *s, const ft_part *part, const ft_part_place *place);
/* What a text names, as parts; `line` of a manifest, 0: none. With `exact` an object's whole key.
 */
ft_err ft_source_list(ft_source *s, ft_str text, bool exact, uint64_t line);
ft_err ft_source_manifest(ft_source *s, ft_str text, ft_str where);
ft_err ft_source_augmented(ft_source *s, ft_str text, ft_str where);
ft_err ft_source_store(ft_store **out, ft_source *s);
ft_err ft_source_remote(ft_remote **out, ft_source *s);
/* A copy in the source's arena. */
ft_err ft_source_text(ft_str *out, ft_source *s, ft_str text);

#endif
