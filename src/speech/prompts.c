/* prompts.c -- see prompts.h. */
#include "speech/prompts.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/files.h"
#include "media/part_file.h"
#include "speech/prompts_in.h"

#define ARENA_BYTES ((size_t)1 << 30)
#define MADE_BY     "fettle prompts 1" /* another number builds everything again */

typedef struct builder {
    const ft_prompts_opts *opts;
    const char *folder, *name;
    ft_prompts_told *told;
    ft_prompt_list now, known, gone; /* sorted: known, and of them those that the table lacks */
    ft_arena arena;
} builder;

static void tell(const builder *b, const ft_prompt *p, const char *what) {
    if (b->opts->told) b->opts->told(b->opts->ctx, p->id, what);
}

static ft_speech_request request_of(const builder *b, const ft_prompt *p) {
    ft_speech_request r = b->opts->request;
    r.text = p->text;
    if (p->voice.len) r.voice = p->voice;
    if (p->style.len) r.style = p->style;
    if (ft_str_is(r.style, "neutral")) r.style = (ft_str){ 0 };
    return r;
}

/* Everything that the sound depends on, and who speaks. */
static ft_err find_key(const builder *b, ft_prompt *p) {
    ft_speech_request r = request_of(b, p);
    const ft_voice *voice;
    ft_buf all = { 0 };
    FT_TRY(ft_voice_find(&voice, r.voice.len ? r.voice : FT_STR("Joanna")));
    ft_buf_printf(&all, "%s\n%s\n%s %s\n%.*s\n%.*s\n%d %d %d\n%s %d %d %d\n", MADE_BY,
                  FETTLE_VERSION, voice->id, voice->speaker, FT_STR_ARG(r.lang),
                  FT_STR_ARG(r.style), (int)r.type, (int)r.engine, (int)r.lexicon_count,
                  r.format->name, r.rate_hz, r.telephone, r.frame_20ms);
    ft_buf_add(&all, b->opts->lexicons);
    ft_buf_add(&all, r.text);
    ft_err err = all.err ? all.err : ft_sha256_hex(p->key, ft_buf_str(&all));
    ft_buf_fini(&all);
    return err;
}

static int by_file(const void *a, const void *b) {
    return ft_str_cmp(((const ft_prompt *)a)->file, ((const ft_prompt *)b)->file);
}

static ft_prompt *listed(const ft_prompt_list *l, const ft_prompt *p) {
    return l->count ? bsearch(p, l->prompts, l->count, sizeof *p, by_file) : NULL;
}

static ft_err find_gone(builder *b) {
    ft_prompt_list now = b->now;
    FT_TRY(ft_arena_items(&now.prompts, &b->arena, now.count + 1));
    FT_TRY(ft_arena_items(&b->gone.prompts, &b->arena, b->known.count + 1));
    now.count = 0;
    for (size_t i = 0; i < b->now.count; i++)
        if (b->now.prompts[i].file.len) now.prompts[now.count++] = b->now.prompts[i];
    if (now.count) qsort(now.prompts, now.count, sizeof *now.prompts, by_file);
    for (size_t i = 0; i < b->known.count; i++) {
        const ft_prompt *p = &b->known.prompts[i];
        bool ours = p->file.len && ft_path_base(p->file).len == p->file.len;
        if (ours && !listed(&now, p)) b->gone.prompts[b->gone.count++] = *p;
    }
    return FT_OK;
}

/* What is there: of this table's, and how it was made. */
static ft_err find_made(builder *b) {
    for (size_t i = 0; i < b->now.count; i++) {
        ft_prompt *p = &b->now.prompts[i];
        const ft_prompt *before = listed(&b->known, p);
        const char *path;
        if (p->file.len == 0) continue;
        FT_TRY(ft_path_join(&path, &b->arena, b->folder, p->file.at));
        if (!ft_file_exists(path)) continue;
        if (!before && !b->opts->force)
            return FT_FAIL(FT_EEXIST,
                           "%s:%d: prompt '%.*s': %s is there and was not made from a table; move "
                           "it away, or --force",
                           b->name, p->line, FT_STR_ARG(p->id), path);
        if (p->err || b->opts->force || strcmp(before->key, p->key) != 0) continue;
        FT_TRY(ft_sha256_file(p->sha256, path));
        if (strcmp(before->sha256, p->sha256) == 0) p->seconds = before->seconds;
    }
    return FT_OK;
}

static ft_err on_audio(void *ctx, ft_str bytes) { return ft_part_file_write(ctx, bytes); }

static ft_err speak_into(const builder *b, ft_prompt *p, const char *path) {
    ft_arena arena = FT_ARENA_INIT(ARENA_BYTES);
    ft_part_file *file = NULL;
    ft_buf head = { 0 };
    ft_speech_told told;
    ft_speech_request r = request_of(b, p);
    ft_err err;
    FT_GOTO(err, ft_part_file_new(&file, path));
    ft_speech_sink to = { on_audio, NULL, file };
    FT_GOTO(err, ft_speech_speak(&told, &r, &to, &head, &arena));
    FT_GOTO(err, ft_part_file_commit(file, ft_buf_str(&head)));
    p->seconds = told.seconds > 0 ? told.seconds : 1e-3;
done:
    ft_part_file_free(file);
    ft_buf_fini(&head);
    ft_arena_fini(&arena);
    return err;
}

/* The other rows can be spoken all the same. */
static bool is_of_the_row(ft_err err) {
    return err == FT_EPARSE || err == FT_EINVAL || err == FT_ENOTFOUND || err == FT_EUNSUPPORTED ||
           err == FT_ETOOBIG || err == FT_EABSENT;
}

static ft_err failure_of(const ft_prompt *p) { return FT_FAIL(p->err, "%.*s", FT_STR_ARG(p->why)); }

static void tell_failed(const builder *b, const ft_prompt *p) {
    ft_err err = failure_of(p);
    b->told->failed += err != FT_OK;
    tell(b, p, "failed");
    ft_err_clear();
}

static ft_err row_failed(builder *b, ft_prompt *p, ft_err err) {
    FT_TRY(ft_prompt_failed(p, &b->arena, err, b->name));
    tell_failed(b, p);
    return FT_OK;
}

static ft_err build_one(builder *b, ft_prompt *p) {
    const char *path;
    if (p->err) return FT_OK;
    if (p->seconds > 0) {
        b->told->kept++;
        tell(b, p, "kept");
        return FT_OK;
    }
    FT_TRY(ft_path_join(&path, &b->arena, b->folder, p->file.at));
    ft_err err = speak_into(b, p, path);
    if (is_of_the_row(err)) return row_failed(b, p, err);
    if (err == FT_OK) err = ft_sha256_file(p->sha256, path);
    if (err != FT_OK)
        return ft_err_prefix(err, "%s:%d: prompt '%.*s'", b->name, p->line, FT_STR_ARG(p->id));
    b->told->built++;
    b->told->seconds += p->seconds;
    tell(b, p, "built");
    return FT_OK;
}

static ft_err build_each(builder *b) {
    for (size_t i = 0; i < b->now.count; i++) FT_TRY(build_one(b, &b->now.prompts[i]));
    return FT_OK;
}

/* Files that we made and that the table no longer has; a row that could not be read may have meant
 * one of them. */
static ft_err remove_gone(builder *b) {
    if (b->told->failed) return FT_OK;
    for (size_t i = 0; i < b->gone.count; i++) {
        const ft_prompt *p = &b->gone.prompts[i];
        const char *path;
        FT_TRY(ft_path_join(&path, &b->arena, b->folder, p->file.at));
        if (!ft_file_exists(path)) continue; /* it never could be made */
        FT_TRY(ft_file_remove(path));
        b->told->removed++;
        tell(b, p, "removed");
    }
    b->gone.count = 0;
    return FT_OK;
}

static ft_err check_one(builder *b, ft_prompt *p) {
    if (p->err) {
        tell_failed(b, p);
        return FT_OK;
    }
    ft_speech_request r = request_of(b, p);
    ft_err err = ft_speech_check(&r, NULL);
    if (err == FT_OK) err = find_key(b, p);
    if (is_of_the_row(err)) return row_failed(b, p, err);
    return err ? ft_err_prefix(err, "%s:%d: prompt '%.*s'", b->name, p->line, FT_STR_ARG(p->id))
               : FT_OK;
}

static ft_err first_failure(const builder *b) {
    for (size_t i = 0; i < b->now.count; i++)
        if (b->now.prompts[i].err) return failure_of(&b->now.prompts[i]);
    return FT_OK;
}

/* All is looked at before the first is spoken; whose files they are is on the disk before the first
 * of them is. */
static ft_err build_all(builder *b) {
    for (size_t i = 0; i < b->now.count; i++) FT_TRY(check_one(b, &b->now.prompts[i]));
    FT_TRY(find_gone(b));
    FT_TRY(find_made(b));
    FT_TRY(ft_prompts_remember(&b->now, &b->gone, b->folder));
    ft_err err = build_each(b);
    if (err == FT_OK) err = remove_gone(b);
    if (err != FT_OK) {
        (void)ft_prompts_remember(&b->now, &b->gone, b->folder);
        return err;
    }
    FT_TRY(ft_prompts_remember(&b->now, &b->gone, b->folder));
    FT_TRY(ft_prompts_page(&b->now, b->folder));
    return first_failure(b);
}

ft_err ft_prompts_build(ft_prompts_told *out, ft_str table, const char *name, const char *folder,
                        const ft_prompts_opts *opts) {
    ft_err err;
    builder b = { .opts = opts, .folder = folder, .name = name, .told = out };
    b.arena = (ft_arena)FT_ARENA_INIT(ARENA_BYTES);
    *out = (ft_prompts_told){ 0 };
    FT_CHECK(opts->request.format);
    FT_GOTO(err, ft_prompts_read(&b.now, &b.arena, table, name, opts->request.format->ending));
    FT_GOTO(err, ft_dir_make(folder));
    FT_GOTO(err, ft_prompts_known(&b.known, &b.arena, folder));
    if (b.known.count) qsort(b.known.prompts, b.known.count, sizeof *b.known.prompts, by_file);
    err = build_all(&b);
done:
    ft_arena_fini(&b.arena);
    return err;
}
