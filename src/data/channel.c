/* channel.c -- see channel.h: settings as JSON, order and share, a folder's view. */
#include "data/channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"

#define ATTRIBUTES_MAX 16 /* as SageMaker's */
#define COPY_BYTES     ((size_t)1 << 20)

/* ---- words */

static const char *const modes[] = { "File", "Pipe", "FastFile" };

ft_err ft_input_mode_parse(ft_input_mode *out, ft_str text) {
    for (size_t i = 0; i < FT_COUNT(modes); i++)
        if (ft_str_ieq(text, ft_str_of(modes[i]))) {
            *out = (ft_input_mode)i;
            return FT_OK;
        }
    return FT_FAIL(FT_EINVAL, "input mode '%.*s': expected File, Pipe or FastFile",
                   FT_STR_ARG(text));
}

static ft_err choice(bool *out, ft_str text, const char *yes, const char *no, const char *what) {
    *out = ft_str_is(text, yes);
    if (*out || ft_str_is(text, no)) return FT_OK;
    return FT_FAIL(FT_EINVAL, "%s '%.*s': expected %s or %s", what, FT_STR_ARG(text), no, yes);
}

ft_err ft_channel_source_check(const ft_channel_source *c) {
    bool augmented = ft_str_is(c->type, "AugmentedManifestFile");
    bool pipe = c->mode == FT_INPUT_PIPE;
    if (!c->uri.len) return FT_FAIL(FT_EINVAL, "the channel has no S3Uri");
    if (c->type.len && !augmented && !ft_str_is(c->type, "S3Prefix") &&
        !ft_str_is(c->type, "ManifestFile"))
        return FT_FAIL(FT_EINVAL,
                       "S3DataType '%.*s': expected S3Prefix, ManifestFile or "
                       "AugmentedManifestFile",
                       FT_STR_ARG(c->type));
    if (augmented && !pipe)
        return FT_FAIL(FT_EINVAL, "an AugmentedManifestFile is read in Pipe mode alone");
    if (augmented && !c->attributes.len)
        return FT_FAIL(FT_EINVAL, "an AugmentedManifestFile needs AttributeNames");
    if (!augmented && c->attributes.len)
        return FT_FAIL(FT_EINVAL, "AttributeNames belong to an AugmentedManifestFile");
    if (c->recordio && !pipe)
        return FT_FAIL(FT_EINVAL, "RecordWrapperType RecordIO is for Pipe mode");
    if (c->gzip && !pipe) return FT_FAIL(FT_EINVAL, "CompressionType Gzip is for Pipe mode");
    if (c->rank >= (c->world ? c->world : 1))
        return FT_FAIL(FT_EINVAL, "worker %u of %u: they count from 0", c->rank,
                       c->world ? c->world : 1);
    return FT_OK;
}

/* ---- JSON */

static void attributes_write(ft_json_out *w, ft_str names) {
    ft_json_out_name(w, "AttributeNames");
    ft_json_out_array(w);
    while (names.at) ft_json_out_str(w, ft_str_trim(ft_str_cut(&names, ',')));
    ft_json_out_close(w);
}

ft_err ft_channel_source_write(ft_buf *out, const ft_channel_source *c) {
    ft_json_out w;
    ft_json_out_init(&w, out, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "S3Uri"), ft_json_out_str(&w, c->uri);
    if (c->type.len) ft_json_out_name(&w, "S3DataType"), ft_json_out_str(&w, c->type);
    if (c->attributes.len) attributes_write(&w, c->attributes);
    ft_json_out_name(&w, "InputMode"), ft_json_out_text(&w, modes[c->mode]);
    ft_json_out_name(&w, "S3DataDistributionType");
    ft_json_out_text(&w, c->sharded ? "ShardedByS3Key" : "FullyReplicated");
    if (c->gzip) ft_json_out_name(&w, "CompressionType"), ft_json_out_text(&w, "Gzip");
    if (c->recordio) ft_json_out_name(&w, "RecordWrapperType"), ft_json_out_text(&w, "RecordIO");
    if (c->shuffle) {
        char seed[24];
        ft_json_out_name(&w, "ShuffleConfig");
        ft_json_out_object(&w);
        snprintf(seed, sizeof seed, "%llu", (unsigned long long)c->seed);
        ft_json_out_name(&w, "Seed"), ft_json_out_raw(&w, ft_str_of(seed));
        ft_json_out_close(&w);
    }
    if (c->world) {
        ft_json_out_name(&w, "Rank"), ft_json_out_i64(&w, c->rank);
        ft_json_out_name(&w, "World"), ft_json_out_i64(&w, c->world);
    }
    ft_json_out_close(&w);
    return out->err;
}

static ft_err attributes_read(ft_str *out, ft_json *j) {
    ft_buf names = { 0 };
    ft_str name;
    ft_err err = ft_json_enter_array(j);
    for (int count = 0; err == FT_OK && ft_json_next_item(j); count++) {
        err = ft_json_string(j, &name);
        if (err == FT_OK && (count == ATTRIBUTES_MAX || ft_str_find(name, ',') < name.len))
            err = ft_json_fail(j, "at most %d names, without commas", ATTRIBUTES_MAX);
        if (count) ft_buf_byte(&names, ',');
        if (err == FT_OK) err = ft_buf_add(&names, name);
    }
    if (err == FT_OK) err = j->err;
    if (err == FT_OK) err = ft_arena_str(out, j->arena, ft_buf_str(&names));
    ft_buf_fini(&names);
    return err;
}

static ft_err shuffle_read(ft_channel_source *c, ft_json *j) {
    ft_str name;
    c->shuffle = true;
    FT_TRY(ft_json_enter_object(j));
    while (ft_json_next_member(j, &name))
        if (ft_str_is(name, "Seed")) FT_TRY(ft_json_u64(j, &c->seed));
    return j->err;
}

static ft_err number_read(uint32_t *out, ft_json *j) {
    uint64_t number;
    FT_TRY(ft_json_u64(j, &number));
    if (number > UINT32_MAX) return ft_json_fail(j, "no number of a worker");
    *out = (uint32_t)number;
    return FT_OK;
}

static ft_err word_read(ft_channel_source *c, ft_str name, ft_str text) {
    if (ft_str_is(name, "S3Uri")) c->uri = text;
    if (ft_str_is(name, "S3DataType")) c->type = text;
    if (ft_str_is(name, "InputMode")) return ft_input_mode_parse(&c->mode, text);
    if (ft_str_is(name, "S3DataDistributionType"))
        return choice(&c->sharded, text, "ShardedByS3Key", "FullyReplicated",
                      "S3DataDistributionType");
    if (ft_str_is(name, "CompressionType"))
        return choice(&c->gzip, text, "Gzip", "None", "CompressionType");
    if (ft_str_is(name, "RecordWrapperType"))
        return choice(&c->recordio, text, "RecordIO", "None", "RecordWrapperType");
    return FT_OK;
}

static ft_err member_read(ft_channel_source *c, ft_json *j, ft_str name) {
    ft_json_kind kind;
    ft_str text;
    if (ft_str_is(name, "AttributeNames")) return attributes_read(&c->attributes, j);
    if (ft_str_is(name, "ShuffleConfig")) return shuffle_read(c, j);
    if (ft_str_is(name, "Rank")) return number_read(&c->rank, j);
    if (ft_str_is(name, "World")) return number_read(&c->world, j);
    FT_TRY(ft_json_peek(j, &kind));
    if (kind != FT_JSON_STRING) return ft_json_skip(j, NULL);
    FT_TRY(ft_json_string(j, &text));
    FT_TRY(ft_arena_str(&text, j->arena, text));
    return word_read(c, name, text);
}

ft_err ft_channel_source_read(ft_channel_source *out, ft_arena *arena, ft_str json) {
    ft_json j;
    ft_str name;
    *out = (ft_channel_source){ 0 };
    ft_json_init(&j, json, arena, &(ft_json_opts){ .name = "channel" });
    FT_TRY(ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) FT_TRY(member_read(out, &j, name));
    FT_TRY(ft_json_end(&j));
    return ft_channel_source_check(out);
}

/* ---- order and share. A unit is what stays together: a part, or an augmented manifest's line. */

static void units_shuffle(size_t *units, size_t count, uint64_t seed) {
    ft_random r;
    ft_random_seed(&r, seed);
    for (size_t i = count; i > 1; i--) {
        size_t k = (size_t)ft_random_below(&r, i), swap = units[i - 1];
        units[i - 1] = units[k];
        units[k] = swap;
    }
}

static bool same_unit(const ft_part *parts, size_t a, size_t b, bool lines) {
    return lines && parts[a].line == parts[b].line;
}

/* `order` gets the parts of this worker; `units` is room for their first parts. */
static size_t deal(size_t *order, size_t *units, const ft_part *parts, size_t count,
                   const ft_channel_source *c, uint64_t epoch) {
    bool lines = ft_str_is(c->type, "AugmentedManifestFile");
    size_t unit_count = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        if (!i || !same_unit(parts, i - 1, i, lines)) units[unit_count++] = i;
    if (c->shuffle) units_shuffle(units, unit_count, c->seed + epoch);
    for (size_t u = 0; u < unit_count; u++) {
        if (c->sharded && c->world > 1 && u % c->world != c->rank) continue;
        size_t i = units[u];
        do order[n++] = i++;
        while (i < count && same_unit(parts, i - 1, i, lines));
    }
    return n;
}

ft_err ft_channel_list(ft_source **out, const ft_channel_source *c, const ft_source_opts *opts) {
    ft_source_opts own = opts ? *opts : (ft_source_opts){ 0 };
    *out = NULL;
    FT_TRY(ft_channel_source_check(c));
    own.type = c->type;
    own.attributes = c->attributes;
    return ft_source_open(out, c->uri, &own);
}

ft_err ft_channel_order(size_t *order, size_t *count, const ft_source *s,
                        const ft_channel_source *c, uint64_t epoch) {
    size_t all;
    const ft_part *parts = ft_source_parts(s, &all);
    size_t *units = ft_fault_here() ? NULL : calloc(all + 1, sizeof *units);
    if (!units) return FT_FAIL(FT_ENOMEM, "no memory for an order of %zu parts", all);
    *count = deal(order, units, parts, all, c, epoch);
    free(units);
    return FT_OK;
}

static ft_err choose(ft_source *s, const ft_channel_source *c, uint64_t epoch) {
    size_t count;
    ft_source_parts(s, &count);
    size_t *order = ft_fault_here() ? NULL : calloc(count + 1, sizeof *order);
    if (!order) return FT_FAIL(FT_ENOMEM, "no memory for an order of %zu parts", count);
    ft_err err = ft_channel_order(order, &count, s, c, epoch);
    if (err == FT_OK) err = ft_source_choose(s, order, count);
    free(order);
    return err;
}

ft_err ft_channel_open(ft_source **out, const ft_channel_source *c, uint64_t epoch,
                       const ft_source_opts *opts) {
    ft_source *s = NULL;
    *out = NULL;
    FT_TRY(ft_channel_list(&s, c, opts));
    ft_err err = choose(s, c, epoch);
    if (err != FT_OK) {
        ft_source_free(s);
        return err;
    }
    *out = s;
    return FT_OK;
}

/* ---- a folder's view */

static bool below_safe(ft_str below) {
    if (!below.len) return false;
    while (below.at) {
        ft_str part = ft_str_cut(&below, '/');
        if (!part.len || ft_str_is(part, ".") || ft_str_is(part, "..") ||
            memchr(part.at, '\0', part.len))
            return false;
    }
    return true;
}

/* Through the source, so that what shrinks or changes meanwhile is told. */
static ft_err part_copy(ft_source *s, size_t part, const char *to) {
    ft_input *in = NULL;
    ft_str view;
    int fd = -1;
    ft_err err;
    ft_input_opts opts = { .no_hash = true, .no_unpack = true };
    FT_GOTO(err, ft_source_input(&in, s, part, &opts));
    FT_GOTO(err, ft_fd_open(&fd, to, O_WRONLY | O_CREAT | O_EXCL, 0644));
    for (;;) {
        FT_GOTO(err, ft_input_peek(&view, in, COPY_BYTES));
        if (!view.len) break;
        FT_GOTO(err, ft_fd_write(fd, view.at, view.len, to));
        ft_input_skip(in, view.len);
    }
done:
    ft_fd_close(&fd);
    ft_input_free(in);
    return err;
}

/* A symbolic link for what is here and stays; what came from elsewhere lies in the cache, which may
 * drop its name but not a link's. */
static ft_err part_link(ft_source *s, size_t part, const char *to, bool fast) {
    size_t count;
    const char *from;
    const ft_part *p = &ft_source_parts(s, &count)[part];
    ft_err err = ft_source_path(&from, s, part);
    if (err == FT_EUNSUPPORTED) {
        ft_err_clear();
        return part_copy(s, part, to);
    }
    FT_TRY(err);
    bool here = !ft_str_starts(p->name, FT_STR("s3://")) || !ft_source_told(s).requests;
    if (fast && here && !ft_fault_here()) {
        char *whole = realpath(from, NULL);
        int code = whole ? symlink(whole, to) : -1;
        free(whole);
        return code == 0 ? FT_OK : FT_FAIL_ERRNO("'%s'", to);
    }
    if (ft_file_link(from, to) == FT_OK) return FT_OK;
    ft_err_clear(); /* another file system */
    return part_copy(s, part, to);
}

static ft_err part_place(ft_source *s, size_t part, ft_arena *arena, const char *folder, bool copy,
                         bool fast) {
    size_t count;
    const ft_part *p = &ft_source_parts(s, &count)[part];
    ft_str to, dir;
    if (!below_safe(p->below))
        return FT_FAIL(FT_EINVAL, "%.*s: '%.*s' is no file name", FT_STR_ARG(p->name),
                       FT_STR_ARG(p->below));
    FT_TRY(ft_arena_printf(&to, arena, "%s/%.*s", folder, FT_STR_ARG(p->below)));
    FT_TRY(ft_arena_str(&dir, arena, ft_str_slice(to, 0, to.len - ft_path_base(to).len)));
    FT_TRY(ft_dir_make(dir.at));
    return copy ? part_copy(s, part, to.at) : part_link(s, part, to.at, fast);
}

ft_err ft_channel_fill(const ft_channel_source *c, const char *folder, bool copy,
                       const ft_source_opts *opts) {
    ft_source *s = NULL;
    ft_arena arena = FT_ARENA_INIT(0);
    size_t count = 0;
    ft_err err;
    FT_GOTO(err, ft_channel_open(&s, c, 0, opts));
    ft_source_parts(s, &count);
    for (size_t i = 0; i < count; i++) {
        ft_arena_reset(&arena);
        if (i + 1 < count) ft_source_expect(s, i + 1, 0, FT_REMOTE_BLOCK_BYTES);
        FT_GOTO(err, part_place(s, i, &arena, folder, copy && c->mode != FT_INPUT_FASTFILE,
                                c->mode == FT_INPUT_FASTFILE));
    }
done:
    ft_arena_fini(&arena);
    ft_source_free(s);
    return err;
}
