/* record.c -- see record.h. */
#include "serve/speech/record.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "streams/format.h"

#define VOICES_MAX 128 /* names; those of neural voices that were added, too */

static const ft_column columns[] = {
    { "time_us", FT_VALUE_INT, "when it had ended, µs since 1970" },
    { "door", FT_VALUE_TEXT, "who asked: api, aws, article, task" },
    { "id", FT_VALUE_TEXT, "of the task or article" },
    { "speaker", FT_VALUE_TEXT, "what really spoke" },
    { "style", FT_VALUE_TEXT, "asked for beside the text; empty: what the text says" },
    { "format", FT_VALUE_TEXT, "of the sound; json: speech marks" },
    { "rate_hz", FT_VALUE_INT, "samples a second; 0: the format's own" },
    { "chars", FT_VALUE_INT, "characters, tags not counted" },
    { "bytes", FT_VALUE_INT, "of the answer" },
    { "seconds", FT_VALUE_F64, "of sound" },
    { "first_ms", FT_VALUE_F64, "until the first bytes were there, ms" },
    { "took_ms", FT_VALUE_F64, "until the last, ms" },
    { "outcome", FT_VALUE_TEXT, "spoken, left (the client went away), failed" },
    { "reason", FT_VALUE_TEXT, "of a failure" },
    { "text_sha256", FT_VALUE_TEXT, "of what was asked for" },
    { "sound_sha256", FT_VALUE_TEXT, "of the answer's bytes, when it is whole" },
    { NULL, FT_VALUE_NULL, NULL },
};

const ft_stream_kind ft_kind_speech = {
    .name = "speech",
    .key = "voice",
    .doc = "what was spoken: for whom, by what, how fast",
    .columns = columns,
    .order_column = 0,
    .format = &ft_format_jsonl,
};

struct ft_speech_recorder {
    const char *home;
    pthread_mutex_t lock; /* of what follows */
    ft_store *store;      /* opened with the first record */
    struct {
        const ft_voice *voice;
        ft_stream_writer *writer;
    } voices[VOICES_MAX];
};

ft_err ft_speech_recorder_new(ft_speech_recorder **out, const char *home) {
    ft_speech_recorder *k = ft_fault_here() ? NULL : calloc(1, sizeof *k);
    *out = k;
    if (!k) return FT_FAIL(FT_ENOMEM, "no memory to record speech");
    k->home = home;
    pthread_mutex_init(&k->lock, NULL);
    return FT_OK;
}

static ft_err writer_of(ft_stream_writer **out, ft_speech_recorder *k, const ft_voice *voice) {
    size_t i = 0;
    *out = NULL;
    while (i < VOICES_MAX && k->voices[i].voice && strcmp(k->voices[i].voice->id, voice->id) != 0)
        i++;
    if (i == VOICES_MAX) return FT_FAIL(FT_EFULL, "more than %d voices are recorded", VOICES_MAX);
    if (!k->voices[i].writer)
        FT_TRY(ft_stream_write(&k->voices[i].writer, k->store, &ft_kind_speech,
                               ft_str_of(voice->id), NULL));
    k->voices[i].voice = voice;
    *out = k->voices[i].writer;
    return FT_OK;
}

static ft_err append(ft_speech_recorder *k, const ft_speech_record *r) {
    ft_stream_writer *w;
    if (!k->store) FT_TRY(ft_store_open(&k->store, k->home));
    FT_TRY(writer_of(&w, k, r->voice));
    ft_value values[] = { ft_value_int(ft_clock_now_us()),
                          ft_value_text(ft_str_of(r->door)),
                          ft_value_text(r->id),
                          ft_value_text(ft_str_of(r->voice->speaker)),
                          ft_value_text(r->style),
                          ft_value_text(ft_str_of(r->format)),
                          ft_value_int(r->rate_hz),
                          ft_value_int((int64_t)r->chars),
                          ft_value_int((int64_t)r->bytes),
                          ft_value_f64(r->sound_s),
                          ft_value_f64(r->first_ms),
                          ft_value_f64(r->took_ms),
                          ft_value_text(ft_str_of(r->outcome)),
                          ft_value_text(r->reason),
                          ft_value_text(ft_str_of(r->text_sha256)),
                          ft_value_text(ft_str_of(r->sound_sha256)) };
    FT_CHECK(FT_COUNT(values) == FT_COUNT(columns) - 1);
    return ft_stream_append(w, values);
}

void ft_speech_recorder_add(ft_speech_recorder *k, const ft_speech_record *record) {
    pthread_mutex_lock(&k->lock);
    ft_err err = append(k, record);
    if (err) ft_log_err(FT_LOG_WARN, "speech", err, "recording what was spoken");
    ft_err_clear();
    pthread_mutex_unlock(&k->lock);
}

void ft_speech_recorder_free(ft_speech_recorder *k) {
    if (!k) return;
    for (size_t i = 0; i < VOICES_MAX; i++)
        if (ft_stream_close(k->voices[i].writer) != FT_OK) ft_err_clear();
    ft_store_close(k->store);
    pthread_mutex_destroy(&k->lock);
    free(k);
}
