/* flite_api.c -- see flite_in.h. */
#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/lib.h"
#include "speech/flite_in.h"

#define VOICES_MAX 8

ft_flite ft_flite_api;

#define SYMBOL(name, member) \
    { name, offsetof(ft_flite, member) }
static const ft_lib_symbol symbols[] = {
    SYMBOL("flite_init", init),
    SYMBOL("new_utterance", new_utterance),
    SYMBOL("delete_utterance", delete_utterance),
    SYMBOL("utt_init", utt_init),
    SYMBOL("utt_relation_create", relation_create),
    SYMBOL("utt_relation", relation),
    SYMBOL("relation_append", append),
    SYMBOL("relation_head", head),
    SYMBOL("item_set_string", set_string),
    SYMBOL("item_set_int", set_int),
    SYMBOL("item_feat_int", feat_int),
    SYMBOL("item_feat_string", feat_string),
    SYMBOL("item_feat_float", feat_float),
    SYMBOL("item_feat_present", feat_present),
    SYMBOL("item_next", next),
    SYMBOL("item_parent", parent),
    SYMBOL("item_as", as),
    SYMBOL("feat_set", feat_set),
    SYMBOL("feat_val", feat_val),
    SYMBOL("new_audio_streaming_info", new_streaming),
    SYMBOL("audio_streaming_info_val", streaming_val),
    SYMBOL("utt_synth_tokens", synth_tokens),
    SYMBOL("val_cg_db", val_cg_db),
    SYMBOL("val_track", val_track),
    SYMBOL("delete_track", delete_track),
    SYMBOL("mlpg", mlpg),
    SYMBOL("feat_set_int", feat_set_int),
    SYMBOL("get_param_float", get_param_float),
    SYMBOL("ffeature", ffeature),
    SYMBOL("ffeature_string", ffeature_string),
    SYMBOL("ffeature_float", ffeature_float),
    SYMBOL("item_add_daughter", add_daughter),
    SYMBOL("item_daughter", daughter),
    SYMBOL("item_last_daughter", last_daughter),
    SYMBOL("item_set_float", set_float),
    SYMBOL("val_float", val_float),
    SYMBOL("val_int", val_int),
    SYMBOL("val_equal", val_equal),
    SYMBOL("val_member", val_member),
    SYMBOL("val_inc_refcount", val_inc_refcount),
    SYMBOL("delete_val", delete_val),
    SYMBOL("uttfunc_val", uttfunc_val),
    SYMBOL("new_track", new_track),
    SYMBOL("cst_track_resize", track_resize),
    SYMBOL("track_val", track_val),
    SYMBOL("cst_spamf0", spamf0),
};

typedef struct loaded {
    char name[16];
    void *handle;
    struct {
        cst_voice *(*make)(const char *folder);
    } api;
    cst_voice *voice;
} loaded;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static loaded voices[VOICES_MAX];
static int voice_count;

static ft_err load_voice(loaded *v, const char *name) {
    char soname[64], maker[64];
    snprintf(soname, sizeof soname, "libflite_cmu_us_%s.so.1", name);
    snprintf(maker, sizeof maker, "register_cmu_us_%s", name);
    ft_lib_symbol symbol = { maker, 0 };
    FT_TRY(ft_lib_load(&v->handle, soname, "libflite1", &v->api, &symbol, 1));
    v->voice = v->api.make(NULL);
    if (!v->voice) return FT_FAIL(FT_EABSENT, "flite has no voice %s", name);
    snprintf(v->name, sizeof v->name, "%s", name);
    return FT_OK;
}

static ft_err load_locked(cst_voice **out, const char *name) {
    static void *handle;
    bool first = !handle;
    FT_TRY(ft_lib_load(&handle, "libflite.so.1", "libflite1", &ft_flite_api, symbols,
                       FT_COUNT(symbols)));
    if (first) ft_flite_api.init();
    for (int i = 0; i < voice_count; i++)
        if (strcmp(voices[i].name, name) == 0) {
            *out = voices[i].voice;
            return FT_OK;
        }
    FT_CHECK(voice_count < VOICES_MAX);
    FT_TRY(load_voice(&voices[voice_count], name));
    *out = voices[voice_count++].voice;
    return FT_OK;
}

ft_err ft_flite_load(cst_voice **out, const char *voice) {
    pthread_mutex_lock(&lock);
    ft_err err = load_locked(out, voice);
    pthread_mutex_unlock(&lock);
    return err;
}
