/* espeak_serve.c -- the other side of the pipe: libespeak-ng, asked for one text after the other.
 *
 * The library is loaded here and nowhere else: in the process `fettle run-espeak`. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/lib.h"
#include "speech/espeak.h"
#include "speech/espeak_in.h"

/* The few things that are used of libespeak-ng.so.1, as its manual and ABI have them. */
enum { OUTPUT_SYNCHRONOUS = 2, BUFFER_MS = 200 };
enum { WITH_PHONEMES = 1, WITH_IPA = 2, WITHOUT_EXIT = 0x8000 };
enum { SPELL_IPA = 2, SPELL_APART = '_' << 8 };
enum { CHARS_UTF8 = 1, TEXT_PHONEMES = 0x100, END_PAUSE = 0x1000 };
enum { EVENT_END_OF_LIST = 0, EVENT_WORD = 1, EVENT_PHONEME = 7 };

typedef struct event {
    int kind;
    unsigned id;
    int at_char, length;
    int time_ms, sample;
    void *user;
    union {
        int number;
        const char *name;
        char ipa[8]; /* ends with a zero unless it takes all of them */
    } what;
} event;

typedef struct espeak_api {
    int (*initialize)(int output, int buffer_ms, const char *path, int options);
    void (*set_callback)(int (*callback)(short *samples, int count, event *events));
    int (*set_voice)(const char *name);
    int (*synth)(const void *text, size_t size, unsigned position, int position_kind,
                 unsigned end_position, unsigned flags, unsigned *id, void *user);
    const char *(*spell)(const void **text, int text_kind, int phoneme_kind);
} espeak_api;

static espeak_api api;
static int rate_hz;
static int answer_fd;
static ft_err answer_err; /* of the text being said */

static ft_err load(void) {
    static void *handle;
    static const ft_lib_symbol symbols[] = {
        { "espeak_Initialize", offsetof(espeak_api, initialize) },
        { "espeak_SetSynthCallback", offsetof(espeak_api, set_callback) },
        { "espeak_SetVoiceByName", offsetof(espeak_api, set_voice) },
        { "espeak_Synth", offsetof(espeak_api, synth) },
        { "espeak_TextToPhonemes", offsetof(espeak_api, spell) },
    };
    if (rate_hz > 0) return FT_OK;
    FT_TRY(ft_lib_load(&handle, "libespeak-ng.so.1", "libespeak-ng1", &api, symbols,
                       FT_COUNT(symbols)));
    rate_hz = api.initialize(OUTPUT_SYNCHRONOUS, BUFFER_MS, NULL,
                             WITH_PHONEMES | WITH_IPA | WITHOUT_EXIT);
    if (rate_hz <= 0)
        return FT_FAIL(FT_EABSENT, "espeak-ng's voices are missing: install espeak-ng-data");
    return FT_OK;
}

static ft_err answer(ft_espeak_kind kind, const void *at, size_t len) {
    ft_espeak_head head = { (uint32_t)kind, (uint32_t)len };
    FT_TRY(ft_espeak_send(answer_fd, &head, sizeof head));
    return len ? ft_espeak_send(answer_fd, at, len) : FT_OK;
}

static ft_err answer_event(const event *e) {
    if (e->kind != EVENT_WORD && e->kind != EVENT_PHONEME) return FT_OK;
    ft_espeak_event out = { .word = e->kind == EVENT_WORD,
                            .at_char = e->at_char > 0 ? (uint32_t)e->at_char - 1 : 0,
                            .sample = e->sample > 0 ? (uint32_t)e->sample : 0 };
    if (!out.word) memcpy(out.ipa, e->what.ipa, sizeof e->what.ipa);
    return answer(FT_ESPEAK_EVENT, &out, sizeof out);
}

/* Called by the library; 1 ends the synthesis. */
static int on_speech(short *samples, int count, event *events) {
    ft_err err = FT_OK;
    for (; err == FT_OK && events && events->kind != EVENT_END_OF_LIST; events++)
        err = answer_event(events);
    if (err == FT_OK && samples && count > 0)
        err = answer(FT_ESPEAK_SAMPLES, samples, (size_t)count * sizeof *samples);
    answer_err = err;
    return err != FT_OK;
}

static ft_err ready(const char *voice) {
    static char readied[FT_ESPEAK_VOICE_MAX + 1];
    if (*readied && strcmp(readied, voice) == 0) return FT_OK;
    FT_TRY(load());
    if (api.set_voice(voice) != 0)
        return FT_FAIL(FT_EABSENT, "espeak-ng has no voice %s; is espeak-ng-data whole?", voice);
    api.set_callback(on_speech);
    snprintf(readied, sizeof readied, "%s", voice);
    return FT_OK;
}

static ft_err say(const char *text, bool phonemes) {
    unsigned flags = CHARS_UTF8 | END_PAUSE | (phonemes ? TEXT_PHONEMES : 0);
    if (*text && api.synth(text, strlen(text) + 1, 0, 1, 0, flags, NULL, NULL) != 0)
        return FT_FAIL(FT_EPEER, "espeak-ng could not say the text");
    FT_TRY(answer_err);
    return answer(FT_ESPEAK_DONE, &rate_hz, sizeof rate_hz);
}

/* Lines are written over with ends. */
static ft_err spell(char *text, int mode) {
    ft_buf ipa = { 0 };
    for (char *line = text; line;) {
        char *end = strchr(line, '\n');
        if (end) *end = 0;
        for (const void *at = line; at;) { /* a clause at a time */
            const char *said = api.spell(&at, CHARS_UTF8, mode);
            if (said) ft_buf_add(&ipa, ft_str_of(said));
            if (at) ft_buf_byte(&ipa, ' ');
        }
        ft_buf_byte(&ipa, '\n');
        line = end ? end + 1 : NULL;
    }
    ft_err err = ipa.err ? ipa.err : answer(FT_ESPEAK_IPA, ipa.at, ipa.len);
    ft_buf_fini(&ipa);
    FT_TRY(err);
    return answer(FT_ESPEAK_DONE, &rate_hz, sizeof rate_hz);
}

static ft_err answer_failure(ft_err err) {
    ft_buf b = { 0 };
    int32_t code = (int32_t)err;
    ft_buf_add_n(&b, &code, sizeof code);
    ft_buf_add(&b, ft_str_of(ft_err_why()));
    err = b.err ? b.err : answer(FT_ESPEAK_FAILED, b.at, b.len);
    ft_buf_fini(&b);
    return err;
}

/* The library remembers the waves of the text before; a process that said nothing yet says the same
 * text always with the same samples. So each text is said by a fork. */
static ft_err say_apart(char *text, uint32_t how) {
    int status = 0;
    pid_t us = getpid(), pid = fork();
    if (pid < 0) return FT_FAIL(FT_ENOMEM, "no process to say a text");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ft_err err = getppid() != us                ? FT_ECANCELED
                     : how == FT_ESPEAK_SPELL       ? spell(text, SPELL_IPA)
                     : how == FT_ESPEAK_SPELL_APART ? spell(text, SPELL_IPA | SPELL_APART)
                                                    : say(text, how == FT_ESPEAK_PHONEMES);
        if (err != FT_OK) err = answer_failure(err);
        _exit(err != FT_OK);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status == 0 ? FT_OK : FT_FAIL(FT_EPEER, "a text could not be said");
}

static ft_err serve_one(const ft_espeak_ask *ask) {
    char voice[FT_ESPEAK_VOICE_MAX + 1] = "";
    if (ask->voice_len > FT_ESPEAK_VOICE_MAX || ask->text_len > FT_ESPEAK_TEXT_MAX)
        return FT_FAIL(FT_ETOOBIG, "a request of %u bytes", ask->text_len);
    char *text = calloc(ask->text_len + 1, 1);
    if (!text) return FT_FAIL(FT_ENOMEM, "no memory for a text");
    ft_err err = ft_espeak_receive(answer_fd, voice, ask->voice_len, -1);
    if (err == FT_OK) err = ft_espeak_receive(answer_fd, text, ask->text_len, -1);
    if (err == FT_OK) {
        err = ready(voice);
        err = err == FT_OK ? say_apart(text, ask->how) : answer_failure(err);
    }
    free(text);
    return err;
}

ft_err ft_espeak_serve(int fd) {
    answer_fd = fd;
    for (;;) {
        ft_espeak_ask ask;
        if (ft_espeak_receive(fd, &ask, sizeof ask, -1) != FT_OK) return FT_OK; /* nobody asks */
        FT_TRY(serve_one(&ask));
    }
}
