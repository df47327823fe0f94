/* measure_test.c -- what the wave is like: every element of SSML that changes the sound, measured
 * on the sound, for a voice of each engine; and the measures themselves, on tones of known pitch
 * and beside an autocorrelation in NumPy. */
#include <math.h>

#include "base/check.h"
#include "base/json.h"
#include "base/proc.h"
#include "speech/espeak.h"
#include "speech/speech.h"
#include "tests/oracle.h"
#include "tests/pitch.h"

#define RATE 16000

typedef struct wave {
    ft_buf bytes, marks;
    const int16_t *x;
    size_t count;
    double seconds;
} wave;

static ft_err on_audio(void *ctx, ft_str bytes) { return ft_buf_add(&((wave *)ctx)->bytes, bytes); }
static ft_err on_mark(void *ctx, ft_str line) { return ft_buf_add(&((wave *)ctx)->marks, line); }

/* The voices that are here: one of each sex of flite's, one of espeak-ng's. */
static const char *const all_voices[] = { "Joanna", "Matthew", "Lupe" };
static const char *voices[4];

static ft_err try_speak(wave *w, const char *voice, const char *style, const char *text) {
    ft_arena arena = FT_ARENA_INIT(512 << 20);
    ft_speech_told told;
    ft_speech_request r = { .text = ft_str_of(text),
                            .type = FT_SPEECH_AUTO,
                            .voice = ft_str_of(voice),
                            .style = ft_str_of(style),
                            .rate_hz = RATE,
                            .format = ft_audio_format_find(FT_STR("pcm")),
                            .marks = FT_MARKS_WORD | FT_MARKS_VISEME };
    ft_speech_sink to = { on_audio, on_mark, w };
    *w = (wave){ 0 };
    ft_err err = ft_speech_speak(&told, &r, &to, NULL, &arena);
    ft_arena_fini(&arena);
    w->x = (const int16_t *)(const void *)w->bytes.at;
    w->count = w->bytes.len / sizeof *w->x;
    w->seconds = (double)w->count / RATE;
    return err;
}

static wave speak(const char *voice, const char *text) {
    wave w;
    EXPECT_OK(try_speak(&w, voice, "", text));
    return w;
}

static void wave_free(wave *w) {
    ft_buf_fini(&w->bytes);
    ft_buf_fini(&w->marks);
}

static bool any_voice(void) { return voices[0] != NULL; }

/* When the n-th mark of a kind stands, in seconds; -1: none. */
static double mark_s(const wave *w, const char *type, int n) {
    char wanted[40];
    snprintf(wanted, sizeof wanted, "\"type\":\"%s\"", type);
    for (ft_str rest = ft_buf_str(&w->marks); rest.at && rest.len;) {
        ft_str line = ft_str_cut(&rest, '\n');
        if (!line.len || !memmem(line.at, line.len, wanted, strlen(wanted)) || n-- > 0) continue;
        return strtod(line.at + strlen("{\"time\":"), NULL) / 1000;
    }
    return -1;
}

static void near(const char *voice, const char *what, double got, double want, double slack) {
    print_message("# %-8s %-24s %.3f, wanted %.3f\n", voice, what, got, want);
    if (fabs(got - want) > slack) print_error("%s: %s is off\n", voice, what);
    EXPECT(fabs(got - want) <= slack);
}

/* ---- the measures */

static void test_tracker(void **state) {
    (void)state;
    static int16_t x[4 * RATE];
    double worst = 0;
    double phase = 0;
    for (size_t i = 0; i < FT_COUNT(x); i++) { /* 80 to 400 Hz, evenly in octaves */
        double hz = 80 * pow(5, (double)i / FT_COUNT(x));
        phase += 2 * M_PI * hz / RATE;
        x[i] = (int16_t)lrint(6000 * sin(phase) + 3000 * sin(2 * phase) + 1500 * sin(3 * phase));
    }
    size_t found = 0;
    for (size_t at = 0; at + 2000 < FT_COUNT(x); at += 160) {
        double hz = test_frame_pitch_hz(x, FT_COUNT(x), at, RATE);
        /* A window and the one a lag behind it: what is found is the pitch between their middles.
         */
        double middle = (double)at + RATE / 50.0 + RATE / hz / 2;
        double want = 80 * pow(5, middle / FT_COUNT(x));
        if (hz > 0) worst = fmax(worst, fabs(hz / want - 1)), found++;
    }
    print_message("# sweep: %zu frames, at worst %.2f %% off\n", found, 100 * worst);
    EXPECT(found > 350 && worst < 0.01);
    memset(x, 0, sizeof x);
    EXPECT(test_pitch_of(x, FT_COUNT(x), RATE).voiced == 0);
}

/* Boersma's: autocorrelation of a Hann window over the window's own, the highest peak. */
static const char boersma[] =
    "import numpy as np\n"
    "x = np.fromfile(d + 'speech.pcm', np.int16).astype(float)\n"
    "r, n = 16000, 960\n"
    "w = np.hanning(n); aw = np.correlate(w, w, 'full')[n - 1:]; aw /= aw[0]\n"
    "f = []\n"
    "for i in range(0, len(x) - n, 160):\n"
    "    s = x[i:i + n]; s = s - s.mean()\n"
    "    if np.sqrt((s * s).mean()) < 250: continue\n"
    "    a = np.correlate(s * w, s * w, 'full')[n - 1:]\n"
    "    a = a / a[0] / aw\n"
    "    lo, hi = r // 420, r // 65\n"
    "    k = lo + int(np.argmax(a[lo:hi] - 0.02 * np.log2(np.arange(lo, hi) / lo)))\n"
    "    if a[k] > 0.6: f.append(r / k)\n"
    "f = np.array(f); print(np.median(f), len(f))\n";

static void test_tracker_as_numpy(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    if (!oracle_has("numpy")) SKIP("no python3-numpy");
    for (int i = 0; voices[i]; i++) {
        double want[2];
        wave w = speak(voices[i], "We were away a year ago. Who are you, and where will you go?");
        oracle_put("speech.pcm", w.bytes.at, w.bytes.len);
        EXPECT(oracle_ask(want, 2, boersma));
        double hz = test_pitch_hz(w.x, w.count, RATE);
        near(voices[i], "median pitch, Hz", hz, want[0], want[0] * 0.03);
        wave_free(&w);
    }
}

/* ---- break */

static void test_break(void **state) {
    (void)state;
    static const struct {
        const char *attribute;
        int ms;
    } rows[] = { { "time='100ms'", 100 },      { "time='250ms'", 250 },
                 { "time='1s'", 1000 },        { "time='3s'", 3000 },
                 { "strength='strong'", 450 }, { "strength='x-strong'", 900 } };
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = speak(voices[i], "<speak>We are able<break time='500ms'/> under all.</speak>");
        size_t from, quiet = test_longest_silence(base.x, base.count * 9 / 10, 40, &from);
        EXPECT(quiet > RATE * 0.38); /* the last sound dies away in it */
        for (size_t k = 0; k < FT_COUNT(rows); k++) {
            char text[100];
            snprintf(text, sizeof text, "<speak>We are able<break %s/> under all.</speak>",
                     rows[k].attribute);
            wave w = speak(voices[i], text);
            near(voices[i], rows[k].attribute, w.seconds - base.seconds + 0.5, rows[k].ms / 1e3,
                 0.010);
            size_t silence = test_longest_silence(w.x, w.count * 9 / 10, 40, &from);
            if (rows[k].ms > 400)
                near(voices[i], "silence", ((double)silence - (double)quiet) / RATE + 0.5,
                     rows[k].ms / 1e3, 0.010);
            wave_free(&w);
        }
        wave_free(&base);
    }
}

/* ---- prosody */

#define SENTENCE "We were away a year ago and now we are all alone in a large room."

static wave prosody(const char *voice, const char *attribute) {
    char text[300];
    snprintf(text, sizeof text, "<speak><prosody %s>" SENTENCE "</prosody></speak>", attribute);
    return speak(voice, text);
}

static void test_rate(void **state) {
    (void)state;
    static const struct {
        const char *attribute;
        double rate;
    } rows[] = { { "rate='50%'", 0.5 },   { "rate='80%'", 0.8 },    { "rate='125%'", 1.25 },
                 { "rate='200%'", 2 },    { "rate='x-slow'", 0.5 }, { "rate='slow'", 0.75 },
                 { "rate='fast'", 1.25 }, { "rate='x-fast'", 1.5 } };
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = prosody(voices[i], "rate='medium'");
        double hz = test_pitch_hz(base.x, base.count, RATE);
        for (size_t k = 0; k < FT_COUNT(rows); k++) {
            wave w = prosody(voices[i], rows[k].attribute);
            near(voices[i], rows[k].attribute, base.seconds / w.seconds, rows[k].rate,
                 rows[k].rate * 0.05);
            double kept = test_pitch_hz(w.x, w.count, RATE) / hz; /* nothing is resampled */
            EXPECT(kept > 0.95 && kept < 1.05);
            wave_free(&w);
        }
        wave_free(&base);
    }
}

static void test_pitch_and_range(void **state) {
    (void)state;
    static const struct {
        const char *attribute;
        double pitch;
    } rows[] = { { "pitch='+10%'", 1.1 },    { "pitch='-15%'", 0.85 }, { "pitch='+25%'", 1.25 },
                 { "pitch='low'", 1 / 1.2 }, { "pitch='high'", 1.2 },  { "pitch='+2st'", 1.1225 },
                 { "pitch='x-high'", 1.5 } };
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = prosody(voices[i], "pitch='medium'");
        test_pitch p = test_pitch_of(base.x, base.count, RATE);
        for (size_t k = 0; k < FT_COUNT(rows); k++) {
            wave w = prosody(voices[i], rows[k].attribute);
            double got = test_pitch_hz(w.x, w.count, RATE) / p.median_hz;
            near(voices[i], rows[k].attribute, got, rows[k].pitch, rows[k].pitch * 0.05);
            EXPECT(w.count == base.count);
            wave_free(&w);
        }
        wave wide = prosody(voices[i], "range='+50%'"), flat = prosody(voices[i], "range='-100%'");
        test_pitch a = test_pitch_of(wide.x, wide.count, RATE);
        test_pitch b = test_pitch_of(flat.x, flat.count, RATE);
        near(voices[i], "range='+50%'", a.deviation_log / p.deviation_log, 1.5, 0.15);
        near(voices[i], "range='-100%'", b.deviation_log / p.deviation_log, 0, 0.25);
        wave_free(&wide), wave_free(&flat), wave_free(&base);
    }
}

static void test_volume(void **state) {
    (void)state;
    static const struct {
        const char *attribute;
        double db;
    } rows[] = { { "volume='-6dB'", -6 }, { "volume='-12dB'", -12 }, { "volume='+3dB'", 3 },
                 { "volume='soft'", -6 }, { "volume='loud'", 6 },    { "volume='x-soft'", -12 } };
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = prosody(voices[i], "volume='medium'");
        for (size_t k = 0; k < FT_COUNT(rows); k++) {
            wave w = prosody(voices[i], rows[k].attribute);
            double want = pow(10, rows[k].db / 20);
            near(voices[i], rows[k].attribute,
                 test_rms(w.x, w.count) / test_rms(base.x, base.count), want, want * 0.05);
            wave_free(&w);
        }
        wave w = prosody(voices[i], "volume='silent'");
        print_message("# %-8s silent: %.3f\n", voices[i], test_rms(w.x, w.count));
        EXPECT(w.count == base.count && test_rms(w.x, w.count) < 2);
        wave_free(&w), wave_free(&base);
    }
}

/* ---- emphasis */

/* Of the second word, from its mark to the next: seconds, pitch, loudness. */
static void measure_word(const wave *w, double out[3]) {
    double from = mark_s(w, "word", 2), to = mark_s(w, "word", 3);
    EXPECT(from > 0 && to > from);
    size_t at = (size_t)(from * RATE), count = (size_t)((to - from) * RATE);
    out[0] = to - from;
    out[1] = test_pitch_of(w->x + at, count, RATE).median_hz;
    out[2] = test_rms(w->x + at, count);
}

static void test_emphasis(void **state) {
    (void)state;
    static const char *const levels[] = { "reduced", "none", "moderate", "strong" };
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        double before[3] = { 0 };
        for (int k = 0; k < 4; k++) {
            char text[200];
            double now[3];
            snprintf(text, sizeof text,
                     "<speak>We are <emphasis level='%s'>alone</emphasis> now.</speak>", levels[k]);
            wave w = speak(voices[i], text);
            measure_word(&w, now);
            print_message("# %-8s %-9s %.3f s, %.0f Hz, %.0f\n", voices[i], levels[k], now[0],
                          now[1], now[2]);
            EXPECT(k == 0 || (now[0] > before[0] * 1.03 && now[2] > before[2] * 1.05));
            EXPECT(k == 0 || now[1] > before[1]);
            memcpy(before, now, sizeof before);
            wave_free(&w);
        }
    }
}

/* ---- Amazon's effects */

static wave effect(const char *voice, const char *attribute) {
    char text[300];
    snprintf(text, sizeof text, "<speak><amazon:effect %s>" SENTENCE "</amazon:effect></speak>",
             attribute);
    return speak(voice, text);
}

static void test_whispered(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = speak(voices[i], SENTENCE), w = effect(voices[i], "name='whispered'");
        double voiced = test_voiced_share(base.x, base.count, RATE);
        double left = test_voiced_share(w.x, w.count, RATE);
        print_message("# %-8s voiced %.2f, whispered %.2f\n", voices[i], voiced, left);
        EXPECT(voiced > 0.6 && left < 0.1 && w.count == base.count);
        EXPECT(test_rms(w.x, w.count) > test_rms(base.x, base.count) / 8);
        wave_free(&w), wave_free(&base);
    }
}

/* Log power in bands an eighth of a tone apart. */
enum { BANDS = 96 };
static const double band_step = 0.04; /* of log frequency, from 200 Hz */

static void spectrum(const wave *w, double out[BANDS]) {
    for (int b = 0; b < BANDS; b++) {
        double c = 2 * cos(2 * M_PI * 200 * exp(b * band_step) / RATE), sum = 1;
        for (size_t at = 0; at + 96 <= w->count; at += 192) {
            double s1 = 0, s2 = 0;
            for (int k = 0; k < 96; k++) { /* short: formants, not the tones of the voice */
                double window = 0.5 - 0.5 * cos(2 * M_PI * k / 96);
                double s = w->x[at + (size_t)k] * window + c * s1 - s2;
                s2 = s1;
                s1 = s;
            }
            sum += s1 * s1 + s2 * s2 - c * s1 * s2;
        }
        out[b] = log(sum);
    }
}

/* How far (in log frequency) b's spectrum lies below a's. */
static double lies_below(const wave *a, const wave *b) {
    double x[BANDS], y[BANDS], least = INFINITY;
    int best = 0;
    spectrum(a, x);
    spectrum(b, y);
    for (int shift = -12; shift <= 12; shift++) {
        double sum = 0, mean = 0;
        int count = 0;
        for (int k = 16; k < BANDS - 28; k++, count++) mean += y[k] - x[k + shift];
        mean /= count;
        for (int k = 16; k < BANDS - 28; k++) {
            double d = y[k] - x[k + shift] - mean;
            sum += d * d;
        }
        if (sum < least) least = sum, best = shift;
    }
    return best * band_step;
}

static void test_tract(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = speak(voices[i], SENTENCE);
        wave longer = effect(voices[i], "vocal-tract-length='+20%'");
        wave shorter = effect(voices[i], "vocal-tract-length='-15%'");
        double hz = test_pitch_hz(base.x, base.count, RATE);
        near(voices[i], "tract +20 %", lies_below(&base, &longer), log(1.2), 0.07);
        near(voices[i], "tract -15 %", lies_below(&base, &shorter), log(0.85), 0.07);
        near(voices[i], "its pitch", test_pitch_hz(longer.x, longer.count, RATE) / hz, 1, 0.05);
        EXPECT(longer.count == base.count && shorter.count == base.count);
        wave_free(&base), wave_free(&longer), wave_free(&shorter);
    }
}

/* How much of a difference in loudness is left: the slope of one's frames in dB over the other's,
 * where that is loud. */
static double dynamics(const wave *base, const wave *w) {
    double x1 = 0, y1 = 0, xx = 0, xy = 0, count = 0;
    for (size_t at = 0; at + 320 <= w->count; at += 160) {
        double x = 20 * log10(test_rms(base->x + at, 320) + 1);
        double y = 20 * log10(test_rms(w->x + at, 320) + 1);
        if (x < 52) continue;
        x1 += x, y1 += y, xx += x * x, xy += x * y, count++;
    }
    return (xy - x1 * y1 / count) / (xx - x1 * x1 / count);
}

static void test_drc(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = speak(voices[i], SENTENCE), w = effect(voices[i], "name='drc'");
        double slope = dynamics(&base, &w);
        print_message("# %-8s with drc 1 dB is %.2f dB\n", voices[i], slope);
        EXPECT(slope > 0.3 && slope < 0.8 && w.count == base.count);
        wave_free(&w), wave_free(&base);
    }
}

/* How alike neighbouring periods are, at the median of the voiced frames. */
static double harmony(const wave *w) {
    static double found[10000];
    size_t count = 0;
    for (size_t at = 0; count < 10000; at += 160) {
        double hz = test_frame_pitch_hz(w->x, w->count, at, RATE);
        if (hz < 0) break;
        if (hz > 0) found[count++] = test_likeness(w->x, at, RATE / 25, (int)lrint(RATE / hz));
    }
    EXPECT(count > 0);
    qsort(found, count, sizeof *found, test_by_size);
    return found[count / 2];
}

static void test_soft(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave base = speak(voices[i], SENTENCE), w = effect(voices[i], "phonation='soft'");
        double before = harmony(&base), after = harmony(&w);
        print_message("# %-8s periods alike %.3f, softly %.3f\n", voices[i], before, after);
        EXPECT(after < before - 0.005 && after > 0.75 && w.count == base.count);
        wave_free(&w), wave_free(&base);
    }
}

static void test_breaths(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave plain = speak(voices[i], "<speak>One.<break time='500ms'/> Two.</speak>");
        wave asked = speak(voices[i], "<speak>One.<amazon:breath duration='long'/> Two.</speak>");
        double one = mark_s(&asked, "word", 1);
        EXPECT(fabs(asked.seconds - plain.seconds - 0.1) < 0.02); /* 600 ms */
        double heard = test_rms(asked.x + (size_t)((one - 0.45) * RATE), RATE * 3 / 10);
        double silent =
            test_rms(plain.x + (size_t)((mark_s(&plain, "word", 1) - 0.3) * RATE), RATE / 5);
        print_message("# %-8s breath %.1f, silence %.1f\n", voices[i], heard, silent);
        EXPECT(heard > 20 && silent < 3 && heard < test_rms(plain.x, plain.count));
        wave_free(&plain), wave_free(&asked);
        wave with = speak(voices[i], "<speak><amazon:auto-breaths>We are away. And we are alone, "
                                     "all of us.</amazon:auto-breaths></speak>");
        wave without = speak(voices[i], "We are away. And we are alone, all of us.");
        size_t from, first = (size_t)(mark_s(&with, "word", 0) * RATE);
        EXPECT(with.count == without.count);
        EXPECT(test_longest_silence(with.x + first, with.count - first, 100, &from) <
               test_longest_silence(without.x + first, without.count - first, 100, &from));
        wave_free(&with), wave_free(&without);
    }
}

/* ---- marks */

/* A word behind silence is heard where its mark says. */
static void test_marks_on_the_wave(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave w = speak(voices[i], "<speak>One<break time='600ms'/> able<break time='800ms'/> "
                                  "under<break time='500ms'/> open.</speak>");
        for (int n = 1; n <= 3; n++) {
            double mark = mark_s(&w, "word", n);
            size_t at = (size_t)((mark - 0.2) * RATE);
            while (at < w.count && abs(w.x[at]) < 100) at++;
            near(voices[i], "word is heard at", (double)at / RATE, mark, 0.020);
        }
        wave_free(&w);
    }
}

/* Marks stand at the engine's own times of the phones. */
typedef struct times {
    double phones[200], words[50];
    int phone_count, word_count;
    const char *last;
} times;

static ft_err on_phone(void *ctx, const ft_phone *phone) {
    times *t = ctx;
    if (t->last && strcmp(t->last, phone->viseme) == 0) return FT_OK; /* one mark for both */
    t->last = phone->viseme;
    if (t->phone_count < 200) t->phones[t->phone_count++] = phone->start_s;
    return FT_OK;
}
static ft_err on_item(void *ctx, const ft_timed *timed) {
    times *t = ctx;
    if (t->word_count < 50) t->words[t->word_count++] = timed->start_s;
    return FT_OK;
}

static void test_marks_of_phones(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        const ft_voice *voice;
        void *engine;
        ft_arena arena = FT_ARENA_INIT(256 << 20);
        ft_document d;
        ft_script s;
        times t = { 0 };
        wave w = speak(voices[i], SENTENCE);
        EXPECT_OK(ft_voice_find(&voice, ft_str_of(voices[i])));
        EXPECT_OK(voice->engine->open(&engine, voice));
        EXPECT_OK(ft_document_read(&d, &arena, FT_STR(SENTENCE), &(ft_document_opts){ 0 }));
        EXPECT_OK(ft_script_make(&s, &arena, &d, ft_str_of(voice->lang), NULL, 0));
        ft_listener to = { NULL, on_phone, on_item, &t };
        EXPECT_OK(voice->engine->speak(engine, &s.sentences[0], NULL, &to, &arena));
        voice->engine->close(engine);
        EXPECT(t.phone_count > 20 && t.word_count == 16);
        for (int n = 0; n < t.phone_count; n++)
            EXPECT(fabs(mark_s(&w, "viseme", n) - t.phones[n]) <= 0.020);
        for (int n = 0; n < t.word_count; n++)
            EXPECT(fabs(mark_s(&w, "word", n) - t.words[n]) <= 0.020);
        wave_free(&w);
        ft_arena_fini(&arena);
    }
}

/* ---- the news style, on sentences that it was not tuned on */

static const char news_text[] =
    "The harbor was closed on Monday after a storm, which came in from the south. Two ferries "
    "could "
    "not leave, and more than a hundred travelers spent the night in a school. The mayor said that "
    "the water would be gone by Wednesday.\n\nIn other news, the price of bread has risen again. "
    "Bakers ask for help; the ministry has not answered.";

/* Mean length of the pauses within the text, and of the speech without pauses. */
static void measure_pauses(const wave *w, double *pause_s, double *speech_s) {
    double sum = 0, from = -1;
    int count = 0;
    for (ft_str rest = ft_buf_str(&w->marks); rest.at && rest.len;) {
        ft_str line = ft_str_cut(&rest, '\n');
        if (!line.len || !memmem(line.at, line.len, "viseme", 6)) continue;
        double now = strtod(line.at + strlen("{\"time\":"), NULL) / 1000;
        if (from >= 0) sum += now - from, count++;
        from = memmem(line.at, line.len, "\"sil\"", 5) ? now : -1;
    }
    double end = from >= 0 ? from : w->seconds;
    *pause_s = sum / count;
    *speech_s = end - sum;
}

static void test_news(void **state) {
    (void)state;
    if (!any_voice()) SKIP("no voice");
    for (int i = 0; voices[i]; i++) {
        wave a, b;
        double pause[2], speech[2];
        EXPECT_OK(try_speak(&a, voices[i], "", news_text));
        EXPECT_OK(try_speak(&b, voices[i], "news", news_text));
        measure_pauses(&a, &pause[0], &speech[0]);
        measure_pauses(&b, &pause[1], &speech[1]);
        test_pitch p = test_pitch_of(a.x, a.count, RATE), q = test_pitch_of(b.x, b.count, RATE);
        double rate = speech[0] / speech[1], longer = pause[1] / pause[0];
        double range = q.deviation_log / p.deviation_log;
        print_message("# %-8s news: rate %.3f, range %.3f, pauses %.3f, whole %.3f of neutral\n",
                      voices[i], rate, range, longer, b.seconds / a.seconds);
        int differ =
            (fabs(rate - 1) >= 0.15) + (fabs(range - 1) >= 0.15) + (fabs(longer - 1) >= 0.15);
        EXPECT(differ >= 2 && rate > 1.03 && range > 1.15);
        EXPECT(b.seconds < a.seconds * 1.02); /* no slower as a whole */
        wave_free(&a), wave_free(&b);
    }
}

int main(int argc, char **argv) {
    static char self[1000];
    if (argc > 1 && strcmp(argv[1], "run-espeak") == 0) return ft_espeak_serve(0) != FT_OK;
    if (ft_self_path(self, sizeof self) != FT_OK) return 1;
    setenv("FETTLE_PROGRAM", self, 1);
    for (size_t i = 0, n = 0; i < FT_COUNT(all_voices); i++) {
        wave w;
        if (try_speak(&w, all_voices[i], "", "A.") == FT_OK) voices[n++] = all_voices[i];
        wave_free(&w);
    }
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_tracker),
        cmocka_unit_test(test_tracker_as_numpy),
        cmocka_unit_test(test_break),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_pitch_and_range),
        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_emphasis),
        cmocka_unit_test(test_whispered),
        cmocka_unit_test(test_tract),
        cmocka_unit_test(test_drc),
        cmocka_unit_test(test_soft),
        cmocka_unit_test(test_breaths),
        cmocka_unit_test(test_marks_on_the_wave),
        cmocka_unit_test(test_marks_of_phones),
        cmocka_unit_test(test_news),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
