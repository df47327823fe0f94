/* words_test.c -- tokens, sentences, pauses and places; what elements and lexicons make of a word;
 * written and spoken pairs of both languages (english_pairs.txt, spanish_pairs.txt), numbers beside
 * num2words, and what a long text costs. */
#include "speech/words.h"

#include <time.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/files.h"
#include "base/random.h"
#include "speech/espeak_in.h"
#include "speech/phones.h"
#include "speech/say/say_in.h"
#include "tests/oracle.h"

static ft_arena arena = FT_ARENA_INIT(64 << 20);

static int clean(void **state) {
    (void)state;
    ft_arena_fini(&arena);
    return 0;
}

static void script_in(ft_script *out, ft_str text, const char *lang) {
    ft_document d;
    EXPECT_OK(ft_document_read(&d, &arena, text, &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    EXPECT_OK(ft_script_make(out, &arena, &d, ft_str_of(lang), NULL, 0));
}

static void script_of(ft_script *out, const char *text, const ft_lexicon *lexicon) {
    ft_document d;
    EXPECT_OK(ft_document_read(&d, &arena, ft_str_of(text),
                               &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    EXPECT_OK(ft_script_make(out, &arena, &d, FT_STR("en-US"), &lexicon, lexicon ? 1 : 0));
}

static void add_spoken(ft_buf *text, const ft_word *w) {
    for (size_t i = 0; i < w->spoken_count; i++) {
        ft_buf_printf(text, " %.*s", FT_STR_ARG(w->spoken[i].text));
        if (w->spoken[i].pause) ft_buf_byte(text, ',');
    }
}

/* Words as said, '/' between sentences, ',' at a pause within a word. */
static ft_str said(const ft_script *s) {
    ft_buf text = { 0 };
    ft_str out = { 0 };
    for (size_t i = 0; i < s->count; i++) {
        if (i) ft_buf_add(&text, FT_STR(" /"));
        for (size_t k = 0; k < s->sentences[i].count; k++) {
            const ft_item *item = &s->sentences[i].items[k];
            if (item->kind == FT_ITEM_BREAK) ft_buf_printf(&text, " [%d]", item->ms);
            if (item->kind == FT_ITEM_MARK) ft_buf_printf(&text, " {%.*s}", FT_STR_ARG(item->name));
            if (item->kind == FT_ITEM_WORD) add_spoken(&text, &item->word);
        }
    }
    EXPECT_OK(ft_arena_str(&out, &arena, ft_buf_str(&text)));
    ft_buf_fini(&text);
    return ft_str_trim(out);
}

static void test_sentences(void **state) {
    (void)state;
    static const struct {
        const char *text, *said;
    } rows[] = {
        { "Mary had a little lamb.", "mary had a little lamb" },
        { "One. Two! Three? Four", "one / two / three / four" },
        { "Dr. Smith met Mr. Jones. They left.", "doctor smith met mister jones / they left" },
        { "J. Smith came (late). \"Why?\" he said.", "j smith came late / why he said" },
        { "It cost a lot ... and then more.", "it cost a lot and then more" },
        { "first\n\nsecond", "first / second" },
        { "well-known - don't stop", "well known don't stop" },
        { "<speak><s>no stop</s><s>here</s> and there</speak>", "no stop / here / and there" },
        { "<speak>a <break time=\"1s\"/> b<mark name=\"m\"/> c</speak>", "a [1000] b {m} c" },
        { "<speak>End.<break time=\"1s\"/> Next.</speak>", "end [1000] / next" },
        { "<speak><sub alias=\"World Wide Web\">WWW</sub> it</speak>", "world wide web it" },
        { "<speak/>", "" },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_script s;
        script_of(&s, rows[i].text, NULL);
        ft_str got = said(&s);
        if (!ft_str_is(got, rows[i].said)) print_error("row %zu\n", i);
        EXPECT_STR(rows[i].said, got);
    }
}

/* Every word is the slice of the input that it says. */
static void test_places(void **state) {
    (void)state;
    const char *text = "<speak>She said: &quot;<emphasis>Hi, Bob!</emphasis>&quot; Twice.</speak>";
    ft_script s;
    script_of(&s, text, NULL);
    static const char *const words[] = { "She", "said", "Hi", "Bob", "Twice" };
    size_t at = 0;
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < s.sentences[i].count; k++) {
            const ft_item *item = &s.sentences[i].items[k];
            if (item->kind != FT_ITEM_WORD) continue;
            EXPECT(at < FT_COUNT(words));
            EXPECT_STR(words[at], item->word.written);
            EXPECT(memcmp(text + item->word.start, words[at], strlen(words[at])) == 0);
            at++;
        }
    EXPECT(at == FT_COUNT(words));
    EXPECT(s.sentences[0].items[1].word.pause == FT_PAUSE_MAJOR); /* said: */
    EXPECT(s.sentences[0].items[2].word.manner->emphasis == 1);
    EXPECT(s.sentences[0].items[2].word.pause == FT_PAUSE_MINOR); /* Hi, */
    EXPECT(s.sentences[0].items[3].word.ending == '!');
    /* Ends stand behind a reference, never within it. */
    text =
        "<speak><p>fin &lt;ok&gt;</p><p>caf&#233; &amp;<!-- no text --> <![CDATA[co]]></p></speak>";
    script_of(&s, text, NULL);
    EXPECT(s.count == 2);
    EXPECT_STR("fin &lt;ok&gt;",
               ft_str_n(text + s.sentences[0].start, s.sentences[0].end - s.sentences[0].start));
    EXPECT_STR("caf&#233;", s.sentences[1].items[0].word.written);
    EXPECT_STR("&amp;", s.sentences[1].items[1].word.written);
    EXPECT_STR("co", s.sentences[1].items[2].word.written);
}

static void test_lexicon(void **state) {
    (void)state;
    ft_lexicon *l;
    ft_script s;
    EXPECT_OK(ft_lexicon_read(
        &l, &arena,
        FT_STR("<lexicon alphabet=\"ipa\" xml:lang=\"en-US\"><lexeme><grapheme>W3C</grapheme>"
               "<alias>World Wide Web</alias></lexeme><lexeme><grapheme>pecan</grapheme><phoneme>"
               "pɪˈkɑːn</phoneme></lexeme></lexicon>")));
    script_of(&s, "The W3C likes pecan pie.", l);
    EXPECT_STR("the world wide web likes  pie", said(&s));
    const ft_spoken *spoken = &s.sentences[0].items[3].word.spoken[0];
    EXPECT_STR("pɪˈkɑːn", spoken->phonemes);
    EXPECT_STR("ipa", spoken->alphabet);
}

/* A word that is said with hundreds is cut into items: one mark, every spoken word once. */
static void test_long_words(void **state) {
    (void)state;
    static const struct {
        const char *unit;
        int times;
        size_t spoken;
    } rows[] = { { "7", 1000, 1000 }, { "a@b.", 200, 0 }, { "x", 3000, 63 }, { "é", 700, 15 } };
    for (size_t r = 0; r < FT_COUNT(rows); r++) {
        ft_buf text = { 0 };
        ft_script s;
        size_t words = 0, spoken = 0;
        for (int i = 0; i < rows[r].times; i++) ft_buf_add(&text, ft_str_of(rows[r].unit));
        script_in(&s, ft_buf_str(&text), "en-US");
        EXPECT(s.count == 1);
        for (size_t i = 0; i < s.sentences[0].count; i++) {
            const ft_word *w = &s.sentences[0].items[i].word;
            bool last = i + 1 == s.sentences[0].count;
            EXPECT(w->continued == (i > 0));
            EXPECT((w->pause == FT_PAUSE_FULL) == last && (w->ending != 0) == last);
            EXPECT(w->start == 0 && w->end + 1 >= text.len);
            EXPECT(w->spoken_count == 1 || ft_word_weight(w) <= FT_WORD_SPOKEN_MAX);
            for (size_t k = 0; k < w->spoken_count; k++)
                EXPECT(w->spoken[k].text.len > 0 && ft_str_utf8(w->spoken[k].text));
            words++;
            spoken += w->spoken_count;
        }
        EXPECT(words > 4 && (!rows[r].spoken || spoken == rows[r].spoken));
        ft_buf_fini(&text);
        ft_arena_fini(&arena);
    }
}

static void test_new_information(void **state) {
    (void)state;
    ft_script s;
    script_of(&s, "The rain fell. The rain in Spain.", NULL);
    const ft_sentence *a = &s.sentences[0], *b = &s.sentences[1];
    EXPECT(!a->items[0].word.new_information && a->items[1].word.new_information);
    EXPECT(!b->items[1].word.new_information && b->items[3].word.new_information);
}

/* ---- written and spoken */

/* The file beside this one: tests run in the build's folder or in the repository's. */
static ft_str pairs_file(const char *name) {
    char path[1024];
    const char *here = __FILE__, *slash;
    ft_str bytes = { 0 };
    while (access(here, R_OK) != 0 && strncmp(here, "../", 3) == 0) here += 3;
    slash = strrchr(here, '/');
    snprintf(path, sizeof path, "%.*s/%s", (int)(slash ? slash - here : 1), slash ? here : ".",
             name);
    EXPECT_OK(ft_file_read(&bytes, &arena, path, 1 << 20));
    return bytes;
}

static void check_pairs(const char *name, const char *lang, int least) {
    int count = 0, wrong = 0;
    for (ft_str rest = pairs_file(name); rest.at;) {
        ft_str line = ft_str_cut(&rest, '\n');
        if (line.len == 0 || (line.at[0] == '#' && ft_str_find(line, '\t') == line.len)) continue;
        ft_str written = ft_str_cut(&line, '\t');
        ft_script s;
        script_in(&s, written, lang);
        ft_str got = said(&s);
        count++;
        if (ft_str_eq(got, line)) continue;
        wrong++;
        print_error("%.*s\n  wanted %.*s\n  got    %.*s\n", FT_STR_ARG(written), FT_STR_ARG(line),
                    FT_STR_ARG(got));
    }
    print_message("# %s: %d pairs\n", name, count);
    EXPECT(wrong == 0);
    EXPECT(count >= least);
}

static void test_english(void **state) {
    (void)state;
    check_pairs("english_pairs.txt", "en-US", 400);
}
static void test_spanish(void **state) {
    (void)state;
    check_pairs("spanish_pairs.txt", "es-US", 250);
}

static const ft_spoken *spoken_of(const ft_script *s, const char *written) {
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->sentences[i].count; k++)
            if (ft_str_is(s->sentences[i].items[k].word.written, written))
                return s->sentences[i].items[k].word.spoken;
    return NULL;
}

static void test_homographs(void **state) {
    (void)state;
    static const struct {
        const char *text, *word, *phonemes, *part;
    } rows[] = {
        { "I have read it.", "read", "ˈɹɛd", "VBD" },
        { "They read it last week.", "read", "ˈɹɛd", "VBD" },
        { "Please read this.", "read", "ˈɹid", "VB" },
        { "She will read it.", "read", "ˈɹid", "VB" },
        { "the lead pipe", "lead", "ˈlɛd", "NN" },
        { "They lead us.", "lead", "ˈlid", "VB" },
        { "They lead by 3.", "lead", "ˈlid", "VB" },
        { "In the lead.", "lead", "ˈlid", "VB" },
        { "Iron is lighter than lead.", "lead", "ˈlɛd", "NN" },
        { "tests for lead and arsenic", "lead", "ˈlɛd", "NN" },
        { "He had to wind the clock.", "wind", "ˈwaɪnd", "VB" },
        { "exposed to wind and rain", "wind", "ˈwɪnd", "NN" },
        { "The strong wind brought down a tree.", "wind", "ˈwɪnd", "NN" },
        { "Stocks fell at the close.", "close", "ˈkloʊz", "VB" },
        { "by the close of trading", "close", "ˈkloʊz", "VB" },
        { "The broadcast is live.", "live", "ˈlaɪv", "JJ" },
        { "The vote was close.", "close", "ˈkloʊs", "JJ" },
        { "They took a bow on stage.", "bow", "ˈbaʊ", "VB" },
        { "He hunts with a bow and arrow.", "bow", "ˈboʊ", "NN" },
        { "a torn muscle and a knee ligament tear", "tear", "ˈtɛɹ", "VB" },
        { "Do not tear the page.", "tear", "ˈtɛɹ", "VB" },
        { "She wiped away a tear.", "tear", "ˈtɪɹ", "NN" },
        { "He dove into the lake.", "dove", "ˈdoʊv", "VBD" },
        { "a white dove", "dove", "ˈdʌv", "NN" },
        { "a minute amount of it", "minute", "maɪˈnut", "JJ" },
        { "in the last minute", "minute", "ˈmɪnət", "NN" },
        { "two new houses", "houses", "ˈhaʊzɪz", "NN" },
        { "Street address:", "address", "ˈædɹɛs", "NN" },
        { "He will address the nation.", "address", "əˈdɹɛs", "VB" },
        { "We live here.", "live", "ˈlɪv", "VB" },
        { "a live show", "live", "ˈlaɪv", "JJ" },
        { "The wind blew.", "wind", "ˈwɪnd", "NN" },
        { "wind up the clock", "wind", "ˈwaɪnd", "VB" },
        { "He caught a bass.", "bass", "ˈbæs", "SENSE_1" },
        { "the bass guitar", "bass", "ˈbeɪs", "SENSE_0" },
        { "Close the door.", "Close", "ˈkloʊz", "VB" },
        { "a close friend", "close", "ˈkloʊs", "JJ" },
        { "Record the message.", "Record", "ɹɪˈkɔɹd", "VB" },
        { "a new record", "record", "ˈɹɛkɚd", "NN" },
        { "to present it", "present", "pɹɪˈzɛnt", "VB" },
        { "the present", "present", "ˈpɹɛzənt", "NN" },
        { "I object to it.", "object", "əbˈdʒɛkt", "VB" },
        { "an object", "object", "ˈɑbdʒɛkt", "NN" },
        { "She records it.", "records", "ɹɪˈkɔɹdz", "VB" },
        { "to use it", "use", "ˈjuz", "VB" },
        { "no use", "use", "jus", "NN" },
        { "vitamin A", "A", "ˈeɪ", "" },
        { "<speak>I <w role=\"amazon:VBD\">read</w> it.</speak>", "read", "ˈɹɛd", "VBD" },
        { "<speak><w role=\"amazon:SENSE_1\">bass</w></speak>", "bass", "ˈbæs", "SENSE_1" },
        { "<speak><w role=\"amazon:NN\">tree</w></speak>", "tree", "", "NN" },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_script s;
        script_of(&s, rows[i].text, NULL);
        const ft_spoken *spoken = spoken_of(&s, rows[i].word);
        if (!spoken || !ft_str_is(spoken->phonemes, rows[i].phonemes))
            print_error("%s\n", rows[i].text);
        EXPECT(spoken != NULL);
        EXPECT_STR(rows[i].phonemes, spoken->phonemes);
        EXPECT_STR(rows[i].part, spoken->part);
    }
}

static void expect_sounds(const char *text) {
    ft_script s;
    ft_buf flite = { 0 }, espeak = { 0 };
    script_of(&s, text, NULL);
    EXPECT(s.count == 1);
    for (size_t i = 0; i < s.sentences[0].count; i++)
        for (size_t k = 0; k < s.sentences[0].items[i].word.spoken_count; k++) {
            const ft_spoken *w = &s.sentences[0].items[i].word.spoken[k];
            if (!w->phonemes.len) continue;
            EXPECT_OK(ft_phones_from(&flite, w->phonemes, w->alphabet));
            EXPECT_OK(ft_espeak_phones_from(&espeak, "gmw/en", w->phonemes, w->alphabet));
        }
    EXPECT(flite.len > 0 && espeak.len > 0);
    ft_buf_fini(&flite);
    ft_buf_fini(&espeak);
}

/* Sounds that a class writes are sounds that both engines take. */
static void test_sounds(void **state) {
    (void)state;
    static const char *const roles[] = { "NN", "VB", "JJ", "VBD", "SENSE_1" };
    char text[128];
    for (size_t i = 0; ft_homograph_word(i); i++)
        for (size_t k = 0; k < FT_COUNT(roles); k++)
            for (int plural = 0; plural < 2; plural++) {
                snprintf(text, sizeof text,
                         "<speak>vitamin A <w role=\"amazon:%s\">%s%s</w></speak>", roles[k],
                         ft_homograph_word(i), plural ? "s" : "");
                expect_sounds(text);
            }
    for (char c = 'A'; c <= 'Z'; c++) {
        snprintf(text, sizeof text, "the XQ%cs", c);
        expect_sounds(text);
    }
}

/* Marks: a word of several tokens is their whole slice, and no letter or digit is without a word or
 * in two. */
static void test_cover(void **state) {
    (void)state;
    static const char *const texts[] = {
        "Dr. Smith paid $3.5 million on Nov. 22, 2026, at 3:05 p.m. (EST) - call 1 (800) 555-0100 "
        "now!",
        "5 sq ft, 72 °F; it's 2 1/2 lb—really... \"5'10\\\"\" tall? a.k.a. x@y.com #1 'tis <b> & "
        "c.",
        "El 1.º de mayo a las 3:05 p. m. pagó 50 € en EE. UU. (tel. 55 1234 5678).",
    };
    for (size_t i = 0; i < FT_COUNT(texts); i++) {
        ft_script s;
        script_in(&s, ft_str_of(texts[i]), i < 2 ? "en-US" : "es-US");
        size_t at = 0;
        for (size_t k = 0; k < s.count; k++)
            for (size_t n = 0; n < s.sentences[k].count; n++) {
                const ft_word *w = &s.sentences[k].items[n].word;
                EXPECT(w->start >= at && w->end > w->start);
                for (; at < w->start; at++)
                    EXPECT(!((texts[i][at] | 32) >= 'a' && (texts[i][at] | 32) <= 'z'));
                EXPECT(w->spoken_count > 0);
                at = w->end;
            }
        for (; texts[i][at]; at++)
            EXPECT(!((texts[i][at] | 32) >= 'a' && (texts[i][at] | 32) <= 'z'));
    }
}

/* ---- numbers beside num2words and inflect */

static const char oracle_script[] =
    "import re, sys\n"
    "from num2words import num2words\n"
    "def plain(t): return re.sub(r'[-,]', ' ', t).replace(' and ', ' ').split()\n"
    "try:\n"
    "    import inflect\n"
    "    other = inflect.engine()\n"
    "except ImportError:\n"
    "    other = None\n"
    "bad = 0\n"
    "for line in open(d + 'said.txt', encoding='utf-8'):\n"
    "    lang, kind, digits, said = line.rstrip('\\n').split('\\t')\n"
    "    want = num2words(int(digits), lang=lang, to=kind)\n"
    /* Version 0.5.10 leaves accents away, and the short form before mil and millones (RAE has
       both). */
    "    if lang == 'es':\n"
    "        want = re.sub(r'dieciseis', 'dieciséis', re.sub(r'veintiun\\b', 'veintiún', want))\n"
    "        want = re.sub(r'veintiuno (mil|\\w+ones)', r'veintiún \\1', want)\n"
    "        want = re.sub(r'\\buno (mil|\\w+ones)', r'un \\1', want)\n"
    "    a, b = plain(want), said.split()\n"
    "    c = a\n"
    "    if other and lang == 'en' and kind == 'cardinal': c = "
    "plain(other.number_to_words(int(digits), andword=''))\n"
    "    if a != b or a != c:\n"
    "        bad += 1\n"
    "        if bad < 6: print('#', lang, kind, digits, ' '.join(a), '|', said, file=sys.stderr)\n"
    "print(bad)\n";

static void add_number(ft_buf *lines, const char *lang, const char *kind, uint64_t n) {
    ft_script s;
    char text[160];
    snprintf(text, sizeof text, "<speak><say-as interpret-as=\"%s\">%llu</say-as></speak>", kind,
             (unsigned long long)n);
    script_in(&s, ft_str_of(text), lang);
    ft_buf_printf(lines, "%.2s\t%s\t%llu\t%.*s\n", lang, kind, (unsigned long long)n,
                  FT_STR_ARG(said(&s)));
}

static void test_num2words(void **state) {
    (void)state;
    if (!oracle_has("num2words")) SKIP("no python3-num2words");
    ft_buf lines = { 0 };
    double bad;
    ft_random random;
    ft_random_seed(&random, 7);
    /* ./run prove asks for more of them. */
    const char *more = getenv("FETTLE_NUMBERS");
    uint64_t count = more ? strtoull(more, NULL, 10) : 1200;
    for (uint64_t n = 0; n < count; n++) {
        if (n % 1000 == 999) ft_arena_reset(&arena);
        uint64_t bound = 10;
        for (uint64_t k = n % 15; k; k--) bound *= 10;
        uint64_t number = n < 130 ? n : ft_random_u64(&random) % bound;
        add_number(&lines, "en-US", "cardinal", number);
        add_number(&lines, "es-US", "cardinal", number);
        if (number > 0) add_number(&lines, "en-US", "ordinal", number);
    }
    EXPECT_OK(lines.err);
    oracle_put("said.txt", lines.at, lines.len);
    ft_buf_fini(&lines);
    EXPECT(oracle_ask(&bad, 1, oracle_script));
    EXPECT(bad == 0);
}

/* ---- long texts: no time that grows by the square */

/* Of this process: other programs are of no concern. */
static int64_t cpu_us(void) { return (int64_t)clock() * 1000000 / CLOCKS_PER_SEC; }

static void test_long(void **state) {
    (void)state;
    static const char *const parts[] = { "1 ", "1",   "a",  "a.",   "ab-", "1-", "$",
                                         "(",  "'",   "…",  "Dr. ", "12:", "é",  "IV ",
                                         "A ", "+1 ", "#",  "a@",   "x.y", "\"", "1,",
                                         "1/", "❤",   "aB", "no. ", "!a",  "--", "...a" };
    static char text[100001];
    for (size_t i = 0; i < FT_COUNT(parts); i++) {
        size_t len = strlen(parts[i]), n = 0;
        for (; n + len < sizeof text; n += len) memcpy(text + n, parts[i], len);
        text[n] = 0;
        for (int es = 0; es < 2; es++) {
            ft_arena own = FT_ARENA_INIT(256 << 20);
            ft_document d;
            ft_script s;
            EXPECT_OK(ft_document_read(&d, &own, ft_str_n(text, n), &(ft_document_opts){ 0 }));
            int64_t began = cpu_us();
            EXPECT_OK(ft_script_make(&s, &own, &d, ft_str_of(es ? "es-US" : "en-US"), NULL, 0));
            double ms = (double)(cpu_us() - began) / 1000;
            if (ms > 100) print_message("# 100 KB of '%s': %.0f ms\n", parts[i], ms);
            EXPECT(ms < 2000); /* a square would take minutes; sanitizers some hundred */
            ft_arena_fini(&own);
        }
    }
}

/* ---- faults */

static ft_err make_said(ft_str *out, ft_arena *own, const char *text, const char *lang) {
    ft_document d;
    ft_script s;
    ft_buf all = { 0 };
    FT_TRY(
        ft_document_read(&d, own, ft_str_of(text), &(ft_document_opts){ .type = FT_SPEECH_AUTO }));
    FT_TRY(ft_script_make(&s, own, &d, ft_str_of(lang), NULL, 0));
    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < s.sentences[i].count; k++)
            add_spoken(&all, &s.sentences[i].items[k].word);
    ft_err err = all.err;
    if (err == FT_OK) err = ft_arena_str(out, own, ft_buf_str(&all));
    ft_buf_fini(&all);
    return err;
}

/* A word is said in whole or the script fails: no word is lost to a failed allocation. */
static void test_faults(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        { "Dr. Li paid $3.50 at 3:05 p.m.; read COVID-19 x@y.com.", "en-US" },
        { "<speak>A <say-as interpret-as=\"address\">5 Elm St.</say-as> <sub alias=\"w "
          "w\">WW</sub></speak>",
          "en-US" },
        { "El 1.º de mayo, 21 casas y 50 €.", "es-US" },
    };
    for (size_t i = 0; i < FT_COUNT(texts); i++) {
        ft_str want, got;
        EXPECT_OK(make_said(&want, &arena, texts[i][0], texts[i][1]));
        EACH_FAULT {
            ft_arena small = FT_ARENA_INIT(1 << 20);
            ft_err err = make_said(&got, &small, texts[i][0], texts[i][1]);
            EXPECT(err == FT_OK || err == FT_ENOMEM);
            if (err == FT_OK) EXPECT(ft_str_eq(want, got));
            ft_arena_fini(&small);
        }
    }
}

TEST_MAIN(
    cmocka_unit_test_teardown(test_sentences, clean), cmocka_unit_test_teardown(test_places, clean),
    cmocka_unit_test_teardown(test_lexicon, clean),
    cmocka_unit_test_teardown(test_new_information, clean),
    cmocka_unit_test_teardown(test_long_words, clean),
    cmocka_unit_test_teardown(test_english, clean), cmocka_unit_test_teardown(test_spanish, clean),
    cmocka_unit_test_teardown(test_homographs, clean),
    cmocka_unit_test_teardown(test_sounds, clean), cmocka_unit_test_teardown(test_cover, clean),
    cmocka_unit_test_teardown(test_num2words, clean), cmocka_unit_test_teardown(test_long, clean),
    cmocka_unit_test_teardown(test_faults, clean))
