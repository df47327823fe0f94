/* pack_out.c -- the files that packing writes: their names, sizes and what was there before. See
 * pack.h. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/files.h"
#include "data/pack_in.h"

#define WORTH_SPLITTING ((uint64_t)16000000) /* less than this is one file */
#define SHARDS_WANTED   32                   /* readers that may each have one */
#define SHARD_NUMBER    "-00000"

/* NAME-00007.ENDING; packed files keep both endings. */
static ft_err shard_path(ft_str *out, ft_pack_out *o, uint32_t number) {
    ft_str to = ft_str_of(o->to), base = ft_path_base(to);
    size_t dot = ft_str_find(base, '.');
    if (dot == 0) dot = base.len;
    size_t stem = to.len - base.len + dot;
    return ft_arena_printf(out, &o->arena, "%.*s-%05u%.*s", (int)stem, to.at, number,
                           FT_STR_ARG(ft_str_from(to, stem)));
}

/* Half files of runs that were killed: "<name>.<uuid>.part" of ours. */
static ft_err leftovers_remove(ft_pack_out *o) {
    ft_str to = ft_str_of(o->to), base = ft_path_base(to), dir, *names;
    size_t count, at = to.len - base.len;
    base = ft_str_slice(base, 0, ft_str_find(base, '.'));
    FT_TRY(ft_arena_str(&dir, &o->arena, at ? ft_str_slice(to, 0, at) : FT_STR("./")));
    FT_TRY(ft_dir_list(&names, &count, &o->arena, dir.at));
    for (size_t i = 0; i < count; i++) {
        ft_str path, rest = ft_str_from(names[i], base.len);
        bool ours = ft_str_starts(names[i], base) && ft_str_ends(rest, FT_STR(".part")) &&
                    (rest.at[0] == '.' || (rest.at[0] == '-' && rest.len > sizeof SHARD_NUMBER &&
                                           rest.at[sizeof SHARD_NUMBER - 1] == '.'));
        if (!ours || rest.len < 36 + 5) continue; /* a UUID stands between */
        FT_TRY(
            ft_arena_printf(&path, &o->arena, "%.*s%.*s", FT_STR_ARG(dir), FT_STR_ARG(names[i])));
        FT_TRY(ft_dir_remove(path.at)); /* a folder in the making is one too */
    }
    return FT_OK;
}

/* A shard that is there must come from the same options, where the format can tell. */
static ft_err resumed_count(ft_pack_out *o, uint64_t *count, ft_str path) {
    ft_dataset *d;
    ft_dataset_opts opts = { .format = ft_str_of(o->format->name) };
    FT_TRY(ft_dataset_open(&d, &path, 1, &opts));
    *count = ft_dataset_count(d);
    bool other = o->format == &ft_set_fts && !ft_str_eq(ft_dataset_meta(d), o->meta);
    ft_dataset_free(d);
    if (other)
        return FT_FAIL(FT_ECONFLICT,
                       "'%s' was packed with other options: it cannot be gone on from", path.at);
    if (*count == FT_DATASET_UNKNOWN)
        return FT_FAIL(FT_EUNSUPPORTED, "'%s' is packed: how many records it has is not known",
                       path.at);
    return FT_OK;
}

/* A shard was closed as soon as it had its size: the one that was chosen is the largest below. */
static ft_err shard_size_before(ft_pack_out *o, ft_str first) {
    ft_file_info info;
    FT_TRY(ft_file_stat(&info, first.at));
    o->shard_bytes = FT_PACK_SHARD_MIN;
    while (o->shard_bytes < FT_PACK_SHARD_MAX && o->shard_bytes * 2 <= info.size_bytes)
        o->shard_bytes *= 2;
    return FT_OK;
}

ft_err ft_pack_out_begin(ft_pack_out *o, uint64_t *resumed, uint64_t source_count) {
    ft_str first;
    *resumed = 0;
    o->arena.limit_bytes = SIZE_MAX / 2;
    FT_TRY(shard_path(&first, o, 0));
    if (o->opts->force || o->opts->resume) FT_TRY(leftovers_remove(o));
    if (o->opts->resume && o->opts->bad_max)
        return FT_FAIL(FT_EINVAL,
                       "records that are left out cannot be gone on after: either resume, "
                       "or allow bad records");
    if (o->opts->resume) {
        ft_str path;
        uint64_t count = 0;
        if (ft_file_exists(o->to))
            return FT_FAIL(FT_EEXIST, "'%s' is there, whole: nothing is left to do", o->to);
        for (;; o->shards++) {
            FT_TRY(shard_path(&path, o, o->shards));
            if (!ft_file_exists(path.at)) break;
            FT_TRY(resumed_count(o, &count, path));
            *resumed += count;
        }
        if (o->shards) FT_TRY(shard_size_before(o, first));
        if (*resumed > source_count)
            return FT_FAIL(FT_ECONFLICT,
                           "the shards that are there hold %llu records, the source %llu",
                           (unsigned long long)*resumed, (unsigned long long)source_count);
        return FT_OK;
    }
    if (o->opts->force || o->format->folders) return FT_OK;
    const char *there = ft_file_exists(o->to) ? o->to : ft_file_exists(first.at) ? first.at : NULL;
    if (!there) return FT_OK;
    return FT_FAIL(FT_EEXIST, "'%s' is there: say --force to replace it%s", there,
                   there == o->to ? "" : ", or --resume to go on");
}

void ft_pack_choose(ft_pack_out *o, uint64_t bytes, ft_pack_told *told) {
    uint64_t size = o->opts->shard_bytes;
    double total = (double)bytes / 1e6;
    if (!o->opts->shards || o->format->folders) {
        snprintf(told->why, sizeof told->why, "one %s, as asked",
                 o->format->folders ? "folder" : "file");
        return;
    }
    if (!size && o->shard_bytes) {
        size = o->shard_bytes;
        snprintf(told->why, sizeof told->why, "shards of %.4g MB, as the ones before",
                 (double)size / 1e6);
    } else if (size) {
        snprintf(told->why, sizeof told->why, "shards of %.4g MB, as asked", (double)size / 1e6);
    } else if (bytes == UINT64_MAX) {
        size = FT_PACK_SHARD_MAX / 2;
        snprintf(told->why, sizeof told->why,
                 "shards of %.4g MB: how much will come is not known, and this much is read at the "
                 "disk's full rate",
                 (double)size / 1e6);
    } else if (bytes <= WORTH_SPLITTING) {
        snprintf(told->why, sizeof told->why,
                 "one file: %.3g MB are read at once, shards would only cost", total);
        return;
    } else {
        size = FT_PACK_SHARD_MIN;
        while (size < FT_PACK_SHARD_MAX && size * SHARDS_WANTED < bytes) size *= 2;
        if (size > FT_PACK_SHARD_MAX) size = FT_PACK_SHARD_MAX;
        unsigned long long count = (unsigned long long)((bytes + size - 1) / size);
        snprintf(
            told->why, sizeof told->why,
            size == FT_PACK_SHARD_MAX
                ? "shards of %.4g MB: %.4g MB make %llu of them, enough to spread over readers, "
                  "and a larger one would not be read faster"
                : "shards of %.4g MB: %.4g MB make %llu of them, so that as many readers can "
                  "each have their own",
            (double)size / 1e6, total, count);
    }
    o->split = true;
    o->shard_bytes = told->shard_bytes = size;
}

static ft_err shard_begin(ft_pack_out *o) {
    ft_str path = ft_str_of(o->to);
    ft_dataset_write_opts opts = { .format = ft_str_of(o->format->name), .meta = o->meta };
    if (o->split) FT_TRY(shard_path(&path, o, o->shards));
    return ft_dataset_writer_new(&o->w, path.at, o->fields, o->field_count, &opts);
}

static ft_err shard_end(ft_pack_out *o) {
    uint64_t bytes = ft_dataset_written(o->w);
    FT_TRY(ft_dataset_writer_end(o->w));
    ft_dataset_writer_free(o->w);
    o->w = NULL;
    o->bytes += bytes;
    o->shards++;
    return FT_OK;
}

ft_err ft_pack_out_write(ft_pack_out *o, const ft_array *values) {
    if (!o->w) FT_TRY(shard_begin(o));
    FT_TRY(ft_dataset_write(o->w, values));
    return o->split && ft_dataset_written(o->w) >= o->shard_bytes ? shard_end(o) : FT_OK;
}

/* Shards of an earlier run that had more of them would mix with ours. */
static ft_err surplus_remove(ft_pack_out *o) {
    for (uint32_t n = o->split ? o->shards : 0;; n++) {
        ft_str path;
        FT_TRY(shard_path(&path, o, n));
        if (!ft_file_exists(path.at)) break;
        FT_TRY(ft_file_remove(path.at));
        FT_TRY(ft_set_names_remove(&o->arena, path));
    }
    if (o->split && ft_file_exists(o->to)) FT_TRY(ft_file_remove(o->to));
    return FT_OK;
}

ft_err ft_pack_out_end(ft_pack_out *o) {
    if (!o->w && o->shards == 0) FT_TRY(shard_begin(o)); /* no record: a file that says so */
    if (o->w) FT_TRY(shard_end(o));
    return o->opts->force ? surplus_remove(o) : FT_OK;
}

uint64_t ft_pack_out_bytes(const ft_pack_out *o) {
    return o->bytes + (o->w ? ft_dataset_written(o->w) : 0);
}

void ft_pack_out_fini(ft_pack_out *o) {
    ft_dataset_writer_free(o->w);
    ft_arena_fini(&o->arena);
}
