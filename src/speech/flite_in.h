/* flite_in.h -- flite by a table of functions, loaded on first use. Private to speech. */
#ifndef FT_SPEECH_FLITE_IN_H
#define FT_SPEECH_FLITE_IN_H

#include <flite/cst_cart.h>
#include <flite/cst_cg.h>
#include <flite/flite.h>

#include "base/err.h"

typedef struct ft_flite {
    __typeof__(&flite_init) init;
    __typeof__(&new_utterance) new_utterance;
    __typeof__(&delete_utterance) delete_utterance;
    __typeof__(&utt_init) utt_init;
    __typeof__(&utt_relation_create) relation_create;
    __typeof__(&utt_relation) relation;
    __typeof__(&relation_append) append;
    __typeof__(&relation_head) head;
    __typeof__(&item_set_string) set_string;
    __typeof__(&item_set_int) set_int;
    __typeof__(&item_feat_int) feat_int;
    __typeof__(&item_feat_string) feat_string;
    __typeof__(&item_feat_float) feat_float;
    __typeof__(&item_feat_present) feat_present;
    __typeof__(&item_next) next;
    __typeof__(&item_parent) parent;
    __typeof__(&item_as) as;
    __typeof__(&feat_set) feat_set;
    __typeof__(&feat_val) feat_val;
    __typeof__(&new_audio_streaming_info) new_streaming;
    __typeof__(&audio_streaming_info_val) streaming_val;
    __typeof__(&utt_synth_tokens) synth_tokens;
    __typeof__(&val_cg_db) val_cg_db;
    __typeof__(&val_track) val_track;
    __typeof__(&delete_track) delete_track;
    __typeof__(&mlpg) mlpg;
    __typeof__(&feat_set_int) feat_set_int;
    __typeof__(&get_param_float) get_param_float;
    __typeof__(&ffeature) ffeature;
    __typeof__(&ffeature_string) ffeature_string;
    __typeof__(&ffeature_float) ffeature_float;
    __typeof__(&item_add_daughter) add_daughter;
    __typeof__(&item_daughter) daughter;
    __typeof__(&item_last_daughter) last_daughter;
    __typeof__(&item_set_float) set_float;
    __typeof__(&val_float) val_float;
    __typeof__(&val_int) val_int;
    __typeof__(&val_equal) val_equal;
    __typeof__(&val_member) val_member;
    __typeof__(&val_inc_refcount) val_inc_refcount;
    __typeof__(&delete_val) delete_val;
    __typeof__(&uttfunc_val) uttfunc_val;
    __typeof__(&new_track) new_track;
    __typeof__(&cst_track_resize) track_resize;
    __typeof__(&track_val) track_val;
    cst_utterance *(*spamf0)(cst_utterance *u); /* no header names it */
} ft_flite;

extern ft_flite ft_flite_api;

/* The library and one voice ("slt"); FT_EABSENT names the package. The voice lives for ever. */
ft_err ft_flite_load(cst_voice **out, const char *voice);

#endif
