/* source.c -- see source.h: life, parts and their order, reading any part from any thread. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "data/source_in.h"

#define MANIFEST_MAX ((size_t)1 << 30)
#define ARENA_MAX    ((size_t)1 << 36)

/* ---- parts */

ft_err ft_source_text(ft_str *out, ft_source *s, ft_str text) {
    return ft_arena_str(out, &s->arena, text);
}

static ft_err room(ft_source *s) {
    size_t most = s->opts.parts_max ? s->opts.parts_max : FT_SOURCE_PARTS_MAX;
    if (s->count == most)
        return FT_FAIL(FT_ETOOBIG, "'%.*s' has more than %zu parts", FT_STR_ARG(s->name), most);
    if (s->count < s->capacity) return FT_OK;
    size_t capacity = s->capacity ? s->capacity * 2 : 16;
    ft_part *parts = ft_fault_here() ? NULL : realloc(s->parts, capacity * sizeof *parts);
    if (parts) s->parts = parts;
    ft_part_place *places =
        parts && !ft_fault_here() ? realloc(s->places, capacity * sizeof *places) : NULL;
    if (places) s->places = places;
    if (!parts || !places) return FT_FAIL(FT_ENOMEM, "no memory for %zu parts", capacity);
    s->capacity = capacity;
    return FT_OK;
}

ft_err ft_source_add(ft_source *s, const ft_part *part, const ft_part_place *place) {
    FT_TRY(room(s));
    s->parts[s->count] = *part;
    s->places[s->count++] = *place;
    return FT_OK;
}

ft_err ft_source_store(ft_store **out, ft_source *s) {
    if (!s->store) FT_TRY(ft_store_open(&s->store, s->opts.home));
    *out = s->store;
    return FT_OK;
}

ft_err ft_source_remote(ft_remote **out, ft_source *s) {
    ft_store *store = NULL;
    if (!s->remote) {
        FT_TRY(ft_source_store(&store, s)); /* its home may be $FETTLE_HOME's */
        FT_TRY(ft_remote_new(&s->remote, ft_store_home(store), &s->opts.remote));
    }
    *out = s->remote;
    return FT_OK;
}

/* ---- opening */

/* A manifest is read as any other file or object. */
static ft_err manifest_text(ft_str *out, ft_source *s, ft_str where) {
    ft_source_opts opts = s->opts;
    ft_source *from = NULL;
    ft_err err;
    char *at;
    size_t got;
    opts.type = opts.attributes = (ft_str){ 0 };
    FT_TRY(ft_source_open(&from, where, &opts));
    if (from->count != 1 || from->parts[0].size_bytes > MANIFEST_MAX)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "'%.*s' is no manifest: one file of at most %zu bytes",
                             FT_STR_ARG(where), MANIFEST_MAX));
    size_t size = (size_t)from->parts[0].size_bytes;
    FT_GOTO(err, ft_arena_take(&at, &s->arena, size + 1));
    FT_GOTO(err, ft_source_read(&got, from, 0, at, size, 0));
    *out = ft_str_n(at, got);
done:
    ft_source_free(from);
    return err;
}

static ft_err open_by_type(ft_source *s) {
    ft_str text, type = s->opts.type;
    if (!type.len || ft_str_is(type, "S3Prefix")) return ft_source_list(s, s->name, false, 0);
    bool plain = ft_str_is(type, "ManifestFile");
    if (!plain && !ft_str_is(type, "AugmentedManifestFile"))
        return FT_FAIL(FT_EINVAL,
                       "S3DataType '%.*s': expected S3Prefix, ManifestFile or "
                       "AugmentedManifestFile",
                       FT_STR_ARG(type));
    FT_TRY(manifest_text(&text, s, s->name));
    FT_TRY(plain ? ft_source_manifest(s, text, s->name) : ft_source_augmented(s, text, s->name));
    if (!s->count)
        return FT_FAIL(FT_ENOTFOUND, "the manifest '%.*s' names nothing", FT_STR_ARG(s->name));
    return FT_OK;
}

static ft_err opts_keep(ft_source *s, ft_str where) {
    ft_str home;
    FT_TRY(ft_source_text(&s->name, s, where));
    FT_TRY(ft_source_text(&s->opts.type, s, s->opts.type));
    FT_TRY(ft_source_text(&s->opts.attributes, s, s->opts.attributes));
    if (s->opts.home) {
        FT_TRY(ft_source_text(&home, s, ft_str_of(s->opts.home)));
        s->opts.home = home.at;
    }
    return open_by_type(s);
}

ft_err ft_source_open(ft_source **out, ft_str where, const ft_source_opts *opts) {
    *out = NULL;
    ft_source *s = ft_fault_here() ? NULL : calloc(1, sizeof *s);
    if (!s) return FT_FAIL(FT_ENOMEM, "no memory to open '%.*s'", FT_STR_ARG(where));
    s->arena.limit_bytes = ARENA_MAX;
    if (opts) s->opts = *opts;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->opened, NULL);
    ft_err err = opts_keep(s, where);
    ft_store_close(s->store); /* one thread's: readers need none */
    s->store = NULL;
    if (err != FT_OK) {
        ft_source_free(s);
        return err;
    }
    *out = s;
    return FT_OK;
}

static void slot_clear(ft_source_slot *slot) {
    if (!slot->used) return;
    ft_fd_close(&slot->fd);
    ft_remote_close(slot->object);
    *slot = (ft_source_slot){ .fd = -1 };
}

void ft_source_free(ft_source *s) {
    if (!s) return;
    for (size_t i = 0; i < FT_SOURCE_OPEN_MAX; i++) slot_clear(&s->slots[i]);
    for (ft_source_pin *p = s->pins; p; p = p->next) ft_remote_close(p->object);
    ft_remote_free(s->remote);
    pthread_cond_destroy(&s->opened);
    pthread_mutex_destroy(&s->lock);
    free(s->parts);
    free(s->places);
    ft_arena_fini(&s->arena);
    free(s);
}

const ft_part *ft_source_parts(const ft_source *s, size_t *count) {
    *count = s->count;
    return s->parts;
}

ft_err ft_source_choose(ft_source *s, const size_t *order, size_t count) {
    ft_part *parts = ft_fault_here() ? NULL : calloc(count + 1, sizeof *parts);
    ft_part_place *places = parts && !ft_fault_here() ? calloc(count + 1, sizeof *places) : NULL;
    if (!places) {
        free(parts);
        return FT_FAIL(FT_ENOMEM, "no memory for an order of %zu parts", count);
    }
    for (size_t i = 0; i < count; i++) {
        FT_CHECK(order[i] < s->count);
        parts[i] = s->parts[order[i]];
        places[i] = s->places[order[i]];
    }
    free(s->parts);
    free(s->places);
    s->parts = parts, s->places = places;
    s->count = s->capacity = count;
    return FT_OK;
}

/* ---- open parts: a few stay open, since an open costs more than a read */

static ft_err file_open(int *fd, const ft_part *part, const ft_part_place *place) {
    struct stat st;
    FT_TRY(ft_fd_open(fd, place->path, O_RDONLY, 0));
    if (fstat(*fd, &st) != 0) return FT_FAIL_ERRNO("'%s'", place->path);
    if (place->inode && (uint64_t)st.st_ino != place->inode)
        return FT_FAIL(FT_ECONFLICT, "%.*s has changed since it was opened",
                       FT_STR_ARG(part->name));
    if ((uint64_t)st.st_size < part->size_bytes)
        return FT_FAIL(FT_ECORRUPT, "'%.*s' has shrunk from %llu to %llu bytes since it was opened",
                       FT_STR_ARG(part->name), (unsigned long long)part->size_bytes,
                       (unsigned long long)st.st_size);
    return FT_OK;
}

static ft_err remote_open(ft_remote_object **out, ft_source *s, size_t number) {
    const ft_part *part = &s->parts[number];
    const ft_part_place *place = &s->places[number];
    ft_remote_info known = { .key = place->key,
                             .size_bytes = part->size_bytes,
                             .etag = part->etag };
    return ft_remote_open(out, s->remote, place->bucket, place->key, &known);
}

static ft_err slot_open(ft_source_slot *slot, ft_source *s, size_t number) {
    slot->fd = -1;
    if (s->places[number].kind == FT_PART_REMOTE) return remote_open(&slot->object, s, number);
    return file_open(&slot->fd, &s->parts[number], &s->places[number]);
}

/* The slot of a part, or the one to use for it: a free one, else the one that was not touched for
 * longest. NULL: all are in use. */
static ft_source_slot *slot_find(ft_source *s, size_t number, bool *there) {
    ft_source_slot *best = NULL;
    *there = true;
    for (size_t i = 0; i < FT_SOURCE_OPEN_MAX; i++) {
        ft_source_slot *slot = &s->slots[i];
        if (slot->used && slot->part == number) return slot;
        if (slot->used && slot->refs) continue;
        if (!best || (best->used && (!slot->used || slot->touched < best->touched))) best = slot;
    }
    *there = false;
    return best;
}

static ft_err slot_take(ft_source_slot **out, ft_source *s, size_t number) {
    bool there;
    ft_err err = FT_OK;
    pthread_mutex_lock(&s->lock);
    ft_source_slot *slot = slot_find(s, number, &there);
    while (!slot || (there && slot->opening)) {
        pthread_cond_wait(&s->opened, &s->lock);
        slot = slot_find(s, number, &there);
    }
    slot->refs++;
    slot->touched = s->touches++;
    if (!there) {
        ft_source_slot old = *slot;
        *slot = (ft_source_slot){ .used = true,
                                  .opening = true,
                                  .part = number,
                                  .refs = 1,
                                  .touched = s->touches,
                                  .fd = -1 };
        pthread_mutex_unlock(&s->lock);
        slot_clear(&old);
        ft_source_slot fresh = { .used = true };
        err = slot_open(&fresh, s, number);
        pthread_mutex_lock(&s->lock);
        slot->fd = fresh.fd, slot->object = fresh.object;
        slot->opening = false;
        if (err != FT_OK) slot_clear(slot);
        pthread_cond_broadcast(&s->opened);
    }
    pthread_mutex_unlock(&s->lock);
    *out = slot;
    return err;
}

static void slot_give(ft_source *s, ft_source_slot *slot) {
    pthread_mutex_lock(&s->lock);
    if (!--slot->refs) pthread_cond_broadcast(&s->opened);
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading */

static ft_err file_read(size_t *got, int fd, const ft_part *part, void *at, size_t len,
                        uint64_t offset) {
    for (size_t n; *got < len; *got += n) {
        FT_TRY(ft_fd_pread(&n, fd, (char *)at + *got, len - *got, offset + *got, part->name.at));
        if (!n)
            return FT_FAIL(FT_ECORRUPT, "'%.*s' ends at byte %llu, it had %llu when it was opened",
                           FT_STR_ARG(part->name), (unsigned long long)(offset + *got),
                           (unsigned long long)part->size_bytes);
    }
    return FT_OK;
}

ft_err ft_source_read(size_t *got, ft_source *s, size_t part, void *at, size_t len,
                      uint64_t offset) {
    const ft_part *p = &s->parts[part];
    ft_source_slot *slot;
    ft_err err;
    *got = 0;
    FT_CHECK(part < s->count);
    if (s->places[part].kind == FT_PART_STREAM)
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' is a stream: it can only be read in order",
                       FT_STR_ARG(p->name));
    if (offset >= p->size_bytes) return FT_OK;
    if (len > p->size_bytes - offset) len = (size_t)(p->size_bytes - offset);
    if (s->places[part].kind == FT_PART_INLINED) {
        memcpy(at, p->inlined.at + offset, len);
        *got = len;
        return FT_OK;
    }
    FT_TRY(slot_take(&slot, s, part));
    err = slot->object ? ft_remote_read(got, slot->object, at, len, offset)
                       : file_read(got, slot->fd, p, at, len, offset);
    slot_give(s, slot);
    return err;
}

void ft_source_expect(ft_source *s, size_t part, uint64_t offset, uint64_t len) {
    ft_source_slot *slot;
    FT_CHECK(part < s->count);
    if (s->places[part].kind != FT_PART_REMOTE) return;
    if (slot_take(&slot, s, part) != FT_OK) { /* the read will tell */
        ft_err_clear();
        return;
    }
    ft_remote_expect(slot->object, offset, len);
    slot_give(s, slot);
}

/* ---- as files */

/* Locked. */
static const ft_source_pin *pin_find(const ft_source *s, size_t part) {
    const ft_source_pin *pin = s->pins;
    while (pin && pin->part != part) pin = pin->next;
    return pin;
}

/* Another thread may have been faster: then its pin counts. */
static ft_err pin_add(ft_source *s, size_t part, const char *path, ft_remote_object *object) {
    ft_source_pin *pin;
    ft_err err = FT_OK;
    pthread_mutex_lock(&s->lock);
    bool there = pin_find(s, part) != NULL;
    if (!there) err = ft_arena_take(&pin, &s->arena, sizeof *pin);
    if (!there && err == FT_OK) {
        *pin = (ft_source_pin){ .next = s->pins, .part = part, .path = path, .object = object };
        s->pins = pin;
        object = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    ft_remote_close(object);
    return err;
}

static ft_err remote_path(const char **out, ft_source *s, size_t part) {
    ft_remote_object *object;
    const char *path = NULL;
    pthread_mutex_lock(&s->lock);
    const ft_source_pin *pin = pin_find(s, part);
    pthread_mutex_unlock(&s->lock);
    if (!pin) {
        FT_TRY(remote_open(&object, s, part));
        ft_err err = ft_remote_path(&path, object);
        if (err == FT_OK)
            err = pin_add(s, part, path, object);
        else
            ft_remote_close(object);
        FT_TRY(err);
        pthread_mutex_lock(&s->lock);
        pin = pin_find(s, part);
        pthread_mutex_unlock(&s->lock);
    }
    *out = pin->path;
    return FT_OK;
}

ft_err ft_source_path(const char **out, ft_source *s, size_t part) {
    FT_CHECK(part < s->count);
    const ft_part_place *place = &s->places[part];
    if (place->kind == FT_PART_FILE) {
        int fd = -1;
        ft_err err =
            file_open(&fd, &s->parts[part], place); /* still the version that was listed? */
        ft_fd_close(&fd);
        *out = place->path;
        return err;
    }
    if (place->kind != FT_PART_REMOTE)
        return FT_FAIL(FT_EUNSUPPORTED, "'%.*s' is no file", FT_STR_ARG(s->parts[part].name));
    return remote_path(out, s, part);
}

ft_remote_stats ft_source_told(const ft_source *s) {
    return s->remote ? ft_remote_told(s->remote) : (ft_remote_stats){ 0 };
}
