/* added.c -- see added.h. */
#include "speech/added.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/files.h"
#include "speech/vits/network.h"
#include "speech/vits/vits.h"
#include "store/db.h"
#include "store/objects.h"

#define KEPT_MAX    4096 /* rows of a process */
#define CHUNK_BYTES ((size_t)1 << 20)
#define HASH_SHOWN  12

static const char *const steps[] = {
    "create table speech_voice (name text primary key, model text not null, config text not null,"
    " speaker text not null, sex text not null, lang text not null, lang_name text not null,"
    " about text not null, added_us integer not null) without rowid",
};

typedef struct row {
    ft_str name, model, config, speaker, sex, lang, lang_name, about;
} row;

/* ---- voices of this process */

typedef struct kept {
    ft_vits_voice voice; /* first */
    struct kept *next;
    char texts[]; /* of the row and the paths, one behind the other */
} kept;

static char *home_text;
static kept *first;
static int kept_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void ft_voices_home(const char *home) {
    pthread_mutex_lock(&lock);
    free(home_text);
    home_text = home ? strdup(home) : NULL;
    pthread_mutex_unlock(&lock);
}

static bool same(const kept *k, const row *r, const char *model, const char *config) {
    const ft_voice *v = &k->voice.voice;
    return ft_str_is(r->name, v->id) && ft_str_is(r->about, v->speaker) &&
           ft_str_is(r->speaker, k->voice.speaker) && ft_str_is(r->sex, v->sex) &&
           ft_str_is(r->lang, v->lang) && strcmp(model, k->voice.model) == 0 &&
           strcmp(config, k->voice.config) == 0;
}

static const char *put_text(char **at, ft_str text) {
    char *to = *at;
    if (text.len) memcpy(to, text.at, text.len);
    to[text.len] = 0;
    *at += text.len + 1;
    return to;
}

static ft_err keep(const ft_voice **out, const row *r, const char *model, const char *config) {
    ft_str m = ft_str_of(model), c = ft_str_of(config);
    size_t len = r->name.len + r->about.len + r->speaker.len + r->sex.len + r->lang.len +
                 r->lang_name.len + m.len + c.len + 8;
    if (kept_count == KEPT_MAX)
        return FT_FAIL(FT_EFULL, "more than %d voices in a process", KEPT_MAX);
    kept *k = ft_fault_here() ? NULL : calloc(1, sizeof *k + len);
    if (!k) return FT_FAIL(FT_ENOMEM, "no memory for a voice");
    char *at = k->texts;
    k->voice = (ft_vits_voice){ .model = put_text(&at, m),
                                .config = put_text(&at, c),
                                .speaker = put_text(&at, r->speaker) };
    k->voice.voice = (ft_voice){ .id = put_text(&at, r->name),
                                 .speaker = put_text(&at, r->about),
                                 .engine = &ft_engine_vits,
                                 .engine_voice = k->voice.model,
                                 .sex = put_text(&at, r->sex),
                                 .lang = put_text(&at, r->lang),
                                 .lang_name = put_text(&at, r->lang_name),
                                 .neural = true };
    pthread_mutex_init(&k->voice.lock, NULL);
    k->next = first;
    first = k;
    kept_count++;
    *out = &k->voice.voice;
    return FT_OK;
}

static ft_err keep_or_find(const ft_voice **out, const row *r, const char *model,
                           const char *config) {
    ft_err err = FT_OK;
    *out = NULL;
    pthread_mutex_lock(&lock);
    for (kept *k = first; k && !*out; k = k->next)
        if (same(k, r, model, config)) *out = &k->voice.voice;
    if (!*out) err = keep(out, r, model, config);
    pthread_mutex_unlock(&lock);
    return err;
}

/* ---- rows and objects */

static ft_err table(ft_db **out, ft_store *s) {
    *out = ft_store_db(s);
    return ft_db_migrate(*out, "voice", steps, (int)FT_COUNT(steps));
}

static ft_err key_of(ft_str *out, ft_arena *arena, ft_str name, const char *file) {
    return ft_arena_printf(out, arena, "speech/voices/%.*s/%s", FT_STR_ARG(name), file);
}

static ft_err path_of(const char **out, ft_store *s, ft_arena *arena, ft_str name,
                      const char *file) {
    ft_str key;
    FT_TRY(key_of(&key, arena, name, file));
    return ft_object_path(out, s, arena, FT_STR(FT_BUCKET_DEFAULT), key);
}

/* A home that is not there is not made by looking for a voice. */
static ft_err open_home(ft_store **out, ft_arena *arena) {
    ft_str home = { 0 }, db;
    const char *env = getenv("FETTLE_HOME"), *user = getenv("HOME");
    pthread_mutex_lock(&lock);
    ft_err err = home_text ? ft_arena_str(&home, arena, ft_str_of(home_text)) : FT_OK;
    pthread_mutex_unlock(&lock);
    FT_TRY(err);
    if (!home.len && env && *env) home = ft_str_of(env);
    if (!home.len && !user) return FT_ENOTFOUND;
    if (!home.len) FT_TRY(ft_arena_printf(&home, arena, "%s/.fettle", user));
    FT_TRY(ft_arena_printf(&db, arena, "%.*s/fettle.db", FT_STR_ARG(home)));
    if (!ft_file_exists(db.at)) return FT_ENOTFOUND;
    return ft_store_open(out, home.at);
}

static ft_err row_voice(const ft_voice **out, ft_store *s, ft_arena *arena, const row *r) {
    const char *model, *config;
    FT_TRY(path_of(&model, s, arena, r->name, "voice.onnx"));
    FT_TRY(path_of(&config, s, arena, r->name, "voice.onnx.json"));
    return keep_or_find(out, r, model, config);
}

static ft_err find(const ft_voice **out, ft_store *s, ft_arena *arena, ft_str name) {
    ft_db *db;
    row r = { .name = name };
    FT_TRY(table(&db, s));
    ft_err err = ft_db_one(db, arena,
                           "select model, config, speaker, sex, lang, lang_name, about"
                           " from speech_voice where name = ?",
                           "s", "sssssss", name, &r.model, &r.config, &r.speaker, &r.sex, &r.lang,
                           &r.lang_name, &r.about);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    return row_voice(out, s, arena, &r);
}

bool ft_voice_is_added(const ft_voice *voice) {
    for (const ft_voice *v = ft_voices; v->id; v++)
        if (v == voice) return false;
    return true;
}

ft_err ft_voice_added(const ft_voice **out, ft_str name) {
    ft_arena arena = FT_ARENA_INIT((size_t)1 << 20);
    ft_store *s = NULL;
    *out = NULL;
    ft_err err =
        name.len && name.len <= FT_VOICE_NAME_LEN_MAX ? open_home(&s, &arena) : FT_ENOTFOUND;
    if (err == FT_OK) err = find(out, s, &arena, name);
    ft_store_close(s);
    ft_arena_fini(&arena);
    return err;
}

static ft_err read_rows(row *rows, size_t *count, ft_store *s, ft_arena *arena) {
    ft_db *db;
    ft_rows *found;
    ft_err err = FT_OK;
    FT_TRY(table(&db, s));
    FT_TRY(ft_db_query(&found, db,
                       "select name, model, config, speaker, sex, lang, lang_name, about"
                       " from speech_voice order by name",
                       ""));
    while (err == FT_OK && *count < FT_VOICES_ADDED_MAX && ft_rows_next(found)) {
        row *r = &rows[*count];
        ft_str *texts[] = { &r->name, &r->model, &r->config,    &r->speaker,
                            &r->sex,  &r->lang,  &r->lang_name, &r->about };
        ft_rows_read(found, "ssssssss", texts[0], texts[1], texts[2], texts[3], texts[4], texts[5],
                     texts[6], texts[7]);
        for (size_t i = 0; i < FT_COUNT(texts) && err == FT_OK; i++)
            err = ft_arena_str(texts[i], arena, *texts[i]);
        ++*count;
    }
    ft_err ended = ft_rows_end(found);
    return err ? err : ended;
}

ft_err ft_voices_all(const ft_voice ***out, size_t *count, ft_arena *arena) {
    size_t house = 0, added = 0;
    row *rows;
    ft_store *s = NULL;
    while (ft_voices[house].id) house++;
    FT_TRY(ft_arena_items(out, arena, house + FT_VOICES_ADDED_MAX));
    FT_TRY(ft_arena_items(&rows, arena, FT_VOICES_ADDED_MAX));
    for (size_t i = 0; i < house; i++) (*out)[i] = &ft_voices[i];
    *count = house;
    ft_err err = open_home(&s, arena);
    if (err == FT_ENOTFOUND) return FT_OK;
    if (err == FT_OK) err = read_rows(rows, &added, s, arena);
    for (size_t i = 0; i < added && err == FT_OK; i++) {
        err = row_voice(&(*out)[*count], s, arena, &rows[i]);
        if (err == FT_OK) ++*count;
        if (err == FT_ENOTFOUND) err = FT_OK, ft_err_clear(); /* its files were taken away */
    }
    ft_store_close(s);
    return err;
}

/* ---- adding */

static ft_err check_name(ft_str name) {
    bool good = name.len >= 1 && name.len <= FT_VOICE_NAME_LEN_MAX;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        good &= (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (i > 0 && (c == '-' || c == '_'));
    }
    if (!good)
        return FT_FAIL(FT_EINVAL,
                       "'%.*s' is no name for a voice: 1 to %d letters, digits, '-', '_'",
                       FT_STR_ARG(ft_str_slice(name, 0, 80)), FT_VOICE_NAME_LEN_MAX);
    for (const ft_voice *v = ft_voices; v->id; v++)
        if (ft_str_ieq(name, ft_str_of(v->id)))
            return FT_FAIL(FT_EEXIST, "%s is a voice of the house; take another name", v->id);
    return FT_OK;
}

/* Begin, the first sign that makes a sound, end: does the network give sound? */
static ft_err try_sound(const ft_vits_network *n, const ft_vits_config *c, int64_t speaker,
                        ft_arena *arena) {
    ft_vits_run *run;
    ft_vits_said said;
    const float *at;
    size_t count = 0;
    int64_t ids[8], sign = 0;
    for (size_t i = 0; i < c->sign_count; i++)
        if (c->signs[i].sign >= 'a' && c->signs[i].id_count && !sign) sign = c->signs[i].ids[0];
    int64_t pad = ft_vits_sign_find(c, '_')->ids[0];
    const int64_t text[] = { ft_vits_sign_find(c, '^')->ids[0], pad, sign, pad, sign, pad,
                             ft_vits_sign_find(c, '$')->ids[0] };
    memcpy(ids, text, sizeof text);
    FT_TRY(ft_vits_run_new(&run, (ft_vits_network *)(uintptr_t)n));
    ft_vits_ask ask = { ids, FT_COUNT(text), 1, speaker };
    ft_err err = ft_vits_think(&said, run, &ask, arena);
    if (err == FT_OK) err = ft_vits_next(&at, &count, run);
    ft_vits_run_free(run);
    return err;
}

static ft_err put_file(ft_object *out, ft_store *s, ft_arena *arena, ft_str name, const char *file,
                       ft_str bytes) {
    ft_str key;
    ft_object_writer *w;
    ft_object_put_opts opts = { .content_type = FT_STR("application/octet-stream") };
    FT_TRY(key_of(&key, arena, name, file));
    FT_TRY(ft_object_write(&w, s, FT_STR(FT_BUCKET_DEFAULT), key, &opts));
    ft_err err = FT_OK;
    for (size_t at = 0; at < bytes.len && err == FT_OK; at += CHUNK_BYTES)
        err = ft_object_write_add(w, ft_str_slice(bytes, at, CHUNK_BYTES));
    if (err != FT_OK) {
        ft_object_write_abort(w);
        return err;
    }
    return ft_object_write_commit(out, w);
}

static const char *lang_name_of(const ft_vits_config *c, ft_str lang) {
    for (const ft_voice *v = ft_voices; v->id; v++)
        if (ft_str_is(lang, v->lang)) return v->lang_name;
    return c->lang_name.len ? c->lang_name.at : lang.at;
}

static ft_err put_row(ft_store *s, const row *r) {
    ft_db *db;
    int64_t others;
    FT_TRY(table(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(*) from speech_voice where name <> ?", "s", "i",
                     r->name, &others));
    if (others >= FT_VOICES_ADDED_MAX)
        return FT_FAIL(FT_EFULL, "there are %d voices already; remove one first",
                       FT_VOICES_ADDED_MAX);
    return ft_db_run(db,
                     "insert into speech_voice (name, model, config, speaker, sex, lang,"
                     " lang_name, about, added_us) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     "ssssssssi", r->name, r->model, r->config, r->speaker, r->sex, r->lang,
                     r->lang_name, r->about, ft_clock_now_us());
}

typedef struct adding {
    const ft_voice_new *voice;
    ft_store *store;
    ft_arena *arena;
    const char *config_path;
    ft_str model, text; /* the files */
    ft_vits_config config;
    ft_vits_network *network;
    int64_t speaker;
} adding;

static ft_err read_files(adding *a) {
    const ft_voice_new *v = a->voice;
    ft_file_info info;
    ft_str path;
    FT_TRY(ft_arena_printf(&path, a->arena, "%s.json", v->model));
    a->config_path = v->config ? v->config : path.at;
    FT_TRY(ft_file_stat(&info, v->model));
    if (info.is_dir || info.size_bytes > FT_VOICE_MODEL_BYTES_MAX)
        return FT_FAIL(FT_EINVAL, "%s: no file of a voice (NAME.onnx)", v->model);
    if (!ft_file_exists(a->config_path))
        return FT_FAIL(FT_ENOTFOUND,
                       "%s is missing: a voice is two files, NAME.onnx and "
                       "NAME.onnx.json",
                       a->config_path);
    FT_TRY(ft_file_read(&a->text, a->arena, a->config_path, FT_VITS_CONFIG_BYTES_MAX));
    FT_TRY(ft_vits_config_read(&a->config, a->arena, a->text, a->config_path));
    FT_TRY(ft_vits_speaker_find(&a->speaker, &a->config, v->speaker));
    FT_TRY(ft_vits_network_new(&a->network, v->model, &a->config));
    ft_err err = try_sound(a->network, &a->config, a->speaker, a->arena);
    return err == FT_OK ? FT_OK : ft_err_prefix(err, "%s", v->model);
}

/* A text that is not told is empty, not null. */
static ft_str some(ft_str text) { return text.at ? text : FT_STR(""); }

static ft_err keep_files(ft_str *about, adding *a) {
    const ft_voice_new *v = a->voice;
    ft_object model, config;
    char found[128];
    row r = { .name = v->name, .speaker = some(v->speaker), .sex = some(v->sex) };
    r.lang = v->lang.len ? v->lang : a->config.lang;
    if (!r.lang.len)
        return FT_FAIL(FT_EINVAL, "%s does not tell the voice's language: --lang en-US",
                       a->config_path);
    FT_TRY(ft_arena_str(&r.lang, a->arena, r.lang));
    r.lang_name = ft_str_of(lang_name_of(&a->config, r.lang));
    FT_TRY(ft_file_map(&a->model, v->model));
    FT_TRY(put_file(&model, a->store, a->arena, v->name, "voice.onnx", a->model));
    r.model = ft_str_of(model.sha256);
    ft_err err = ft_arena_str(&r.model, a->arena, r.model);
    if (err == FT_OK)
        err = put_file(&config, a->store, a->arena, v->name, "voice.onnx.json", a->text);
    FT_TRY(err);
    FT_TRY(ft_arena_str(&r.config, a->arena, ft_str_of(config.sha256)));
    ft_vits_network_describe(a->network, found, sizeof found);
    FT_TRY(ft_arena_printf(&r.about, a->arena, "neural, VITS %.*s.%.*s%s%.*s (%.*s, %d Hz; %s)",
                           HASH_SHOWN, r.model.at, HASH_SHOWN / 2, r.config.at,
                           v->speaker.len ? ", speaker " : "", FT_STR_ARG(v->speaker),
                           FT_STR_ARG(r.lang_name), a->config.rate_hz, found));
    *about = r.about;
    return put_row(a->store, &r);
}

/* What cannot be removed stays, unnamed. */
static void remove_files(ft_store *s, ft_arena *arena, ft_str name) {
    static const char *const files[] = { "voice.onnx", "voice.onnx.json" };
    ft_str key;
    for (size_t i = 0; i < FT_COUNT(files); i++)
        if (key_of(&key, arena, name, files[i]) == FT_OK)
            (void)ft_object_remove(s, FT_STR(FT_BUCKET_DEFAULT), key);
}

static ft_err check_free(ft_store *s, ft_str name) {
    ft_db *db;
    int64_t taken;
    FT_TRY(check_name(name));
    FT_TRY(table(&db, s));
    FT_TRY(ft_db_one(db, NULL, "select count(*) from speech_voice where name = ?", "s", "i", name,
                     &taken));
    if (!taken) return FT_OK;
    return FT_FAIL(FT_EEXIST, "there is a voice %.*s; remove it first: fettle voices rm %.*s",
                   FT_STR_ARG(name), FT_STR_ARG(name));
}

ft_err ft_voice_add(ft_str *about, ft_store *s, ft_arena *arena, const ft_voice_new *voice) {
    adding a = { .voice = voice, .store = s, .arena = arena };
    FT_TRY(check_free(s, voice->name));
    ft_err err = read_files(&a);
    if (err == FT_OK && (err = keep_files(about, &a)) != FT_OK) remove_files(s, arena, voice->name);
    ft_vits_network_free(a.network);
    if (a.model.at) ft_file_unmap(a.model);
    return err;
}

ft_err ft_voice_remove(ft_store *s, ft_str name) {
    ft_arena arena = FT_ARENA_INIT((size_t)1 << 20);
    ft_db *db;
    FT_TRY(table(&db, s));
    FT_TRY(ft_db_run(db, "delete from speech_voice where name = ?", "s", name));
    if (ft_db_changes(db) == 0)
        return FT_FAIL(FT_ENOTFOUND, "no voice '%.*s' was added here",
                       FT_STR_ARG(ft_str_slice(name, 0, 80)));
    remove_files(s, &arena, name);
    ft_arena_fini(&arena);
    return FT_OK;
}
