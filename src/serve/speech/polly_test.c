/* polly_test.c -- what is asked for: read, held against the limits, refused by name, kept. */
#include "serve/speech/polly.h"

#include "base/check.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(64 << 20);

static ft_request request_of(const char *body) {
    return (ft_request){ .arena = &arena, .body = ft_str_of(body) };
}

/* The name of the refusal, "" for none. */
static const char *asked(const char *body, bool aws, ft_polly_ask *ask) {
    ft_request req = request_of(body);
    ft_polly p = { .req = &req, .aws = aws };
    ft_err err = ft_polly_read(ask, &p);
    if (err == FT_OK) err = ft_polly_check(ask, &p, FT_POLLY_SPEECH_BILLED, FT_POLLY_SPEECH_TOTAL);
    EXPECT((err != FT_OK) == (p.code != NULL));
    EXPECT(!p.code || (p.status >= 400 && p.status < 500));
    return p.code ? p.code : "";
}

#define MORE(members) \
    "{\"Text\":\"Hi\",\"VoiceId\":\"Joanna\",\"OutputFormat\":\"mp3\"," members "}"

static void test_read(void **state) {
    (void)state;
    ft_polly_ask ask;
    EXPECT_STR("", ft_str_of(asked(MORE("\"SampleRate\":\"16000\",\"Engine\":\"neural\","
                                        "\"LanguageCode\":\"en-US\",\"TextType\":\"text\"") "  ",
                                   true, &ask)));
    EXPECT(ask.speak.rate_hz == 16000 && ask.speak.engine == FT_ENGINE_NEURAL);
    EXPECT(ask.speak.type == FT_SPEECH_TEXT && ask.billed_chars == 2);
    EXPECT_STR("audio/mpeg", ask.media_type);
    EXPECT_STR("Joanna", ft_str_of(ask.who->id));
    EXPECT_STR("", ft_str_of(asked("{\"Text\":\"h\\u00e4\",\"VoiceId\":null}", false, &ask)));
    EXPECT_STR("mp3", ask.format); /* the house's own defaults */
    EXPECT(ask.speak.engine == FT_ENGINE_OWN && ask.speak.type == FT_SPEECH_AUTO);
    EXPECT(ask.billed_chars == 2);
    EXPECT_STR("", ft_str_of(asked("{\"Text\":\"<speak>Hi</speak>\",\"OutputFormat\":\"json\","
                                   "\"SpeechMarkTypes\":[\"word\",\"ssml\"],\"SampleRate\":8000}",
                                   false, &ask)));
    EXPECT(ask.speak.marks == (FT_MARKS_WORD | FT_MARKS_SSML) && !ask.speak.format);
    EXPECT_STR("", ft_str_of(asked(MORE("\"Colour\":\"blue\",\"Style\":\"none\""), true, &ask)));
    EXPECT(ask.speak.style.len == 0); /* unknown to Polly: passed over */
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *body, *code;
        bool aws;
    } cases[] = {
        { "{", "SerializationException", true },
        { "[]", "SerializationException", true },
        { "{\"Text\":[1]}", "SerializationException", true },
        { "{\"Text\":5,\"VoiceId\":\"Joanna\",\"OutputFormat\":\"mp3\"}",
          "SerializationException", true },
        { "{\"SpeechMarkTypes\":\"word\"}", "SerializationException", true },
        { "{}", "ValidationException", true },
        { "{\"Text\":\"Hi\",\"OutputFormat\":\"mp3\"}", "ValidationException", true },
        { "{\"Text\":\"Hi\",\"VoiceId\":\"Joanna\"}", "ValidationException", true },
        { MORE("\"VoiceId\":\"joanna\""), "ValidationException", true },
        { MORE("\"Engine\":\"steam\""), "ValidationException", true },
        { MORE("\"TextType\":\"auto\""), "ValidationException", true },
        { MORE("\"OutputFormat\":\"wav\""), "ValidationException", true },
        { MORE("\"LanguageCode\":\"de-DE\""), "LanguageNotSupportedException", true },
        { MORE("\"SampleRate\":\"-8000\""), "InvalidSampleRateException", true },
        { MORE("\"OutputFormat\":\"pcm\",\"SampleRate\":\"24000\""), "InvalidSampleRateException",
          true },
        { MORE("\"VoiceId\":\"Ruth\""), "EngineNotSupportedException", true },
        { MORE("\"SpeechMarkTypes\":[\"word\"]"), "MarksNotSupportedForFormatException", true },
        { MORE("\"OutputFormat\":\"json\""), "ValidationException", true },
        { MORE("\"OutputFormat\":\"json\",\"SpeechMarkTypes\":[\"ssml\"]"),
          "SsmlMarksNotSupportedForTextTypeException", true },
        { MORE("\"LexiconNames\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]"), "ValidationException",
          true },
        { MORE("\"TextType\":\"ssml\""), "InvalidSsmlException", true },
        { MORE("\"Colour\":\"blue\""), "ValidationException", false },
        { MORE("\"Style\":\"opera\""), "ValidationException", false },
        { MORE("\"Telephone\":\"rings\""), "ValidationException", false },
        { "{\"Text\":\"<speak>Hi\"}", "InvalidSsmlException", false },
        { "{\"Text\":\"\"}", "ValidationException", false },
    };
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        ft_polly_ask ask;
        const char *code = asked(cases[i].body, cases[i].aws, &ask);
        if (strcmp(code, cases[i].code) != 0) print_error("%s\n", cases[i].body);
        EXPECT_STR(cases[i].code, ft_str_of(code));
        EXPECT(strlen(ft_err_why()) > 10);
    }
}

static const char *long_text(const char *piece, int count, const char *before, const char *after) {
    static char text[40000];
    char *at = stpcpy(stpcpy(text, "{\"Text\":\""), before);
    for (int i = 0; i < count; i++) at = stpcpy(at, piece);
    stpcpy(stpcpy(at, after), "\"}");
    return text;
}

static void test_limits(void **state) {
    (void)state;
    ft_polly_ask ask;
    EXPECT_STR("", ft_str_of(asked(long_text("ä ", 1500, "", ""), false, &ask)));
    EXPECT(ask.billed_chars == 3000);
    EXPECT_STR("TextLengthExceededException",
               ft_str_of(asked(long_text("ä ", 1501, "", ""), false, &ask)));
    EXPECT_WHY("3002 billed");
    EXPECT_STR("",
               ft_str_of(asked(long_text("<p>a</p>", 740, "<speak>", "</speak>"), false, &ask)));
    EXPECT(ask.billed_chars == 740); /* tags are not billed */
    EXPECT_STR("TextLengthExceededException",
               ft_str_of(asked(long_text("<p>a</p>", 750, "<speak>", "</speak>"), false, &ask)));
    EXPECT_WHY("total");
}

static void test_kept(void **state) {
    (void)state;
    ft_polly_ask first, again;
    ft_buf text = { 0 };
    ft_json_out j;
    EXPECT_STR("", ft_str_of(asked(MORE("\"LexiconNames\":[\"a\",\"b\"],\"Style\":\"news\","
                                        "\"OutputS3KeyPrefix\":\"x/\\\"y\""),
                                   false, &first)));
    ft_json_out_init(&j, &text, false);
    ft_json_out_object(&j);
    ft_polly_write(&j, &first);
    ft_json_out_close(&j);
    EXPECT_OK(text.err);
    EXPECT(!strstr(text.at, "Text\"")); /* the text is kept elsewhere */
    ft_request req = request_of("");
    ft_polly p = { .req = &req };
    EXPECT_OK(ft_polly_read_json(&again, &p, ft_buf_str(&text)));
    EXPECT(ft_str_eq(again.voice, first.voice) && ft_str_eq(again.style, first.style));
    EXPECT_STR("x/\"y", again.prefix);
    EXPECT(again.lexicons.count == 2);
    EXPECT_STR("b", again.lexicons.items[1]);
    ft_buf_fini(&text);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_request req = request_of(MORE("\"TextType\":\"text\",\"LexiconNames\":[\"\\u0061\"]"));
        ft_polly p = { .req = &req };
        ft_polly_ask ask;
        ft_err err = ft_polly_read(&ask, &p);
        if (err == FT_OK)
            err = ft_polly_check(&ask, &p, FT_POLLY_SPEECH_BILLED, FT_POLLY_SPEECH_TOTAL);
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        EXPECT(!p.code);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_read), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_limits), cmocka_unit_test(test_kept), cmocka_unit_test(test_faults))
