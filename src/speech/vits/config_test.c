/* config_test.c -- what stands beside a neural voice, good and bad; sounds laid beside words. */
#include "speech/vits/config.h"

#include "base/check.h"
#include "speech/vits/align.h"
#include "tests/test.h"

#define IDS    "\"phoneme_id_map\":{\"_\":[0],\"^\":[1],\"$\":[2],\"ə\":[9],\"a\":[7,8]}"
#define AUDIO  "\"audio\":{\"sample_rate\":22050}"
#define ESPEAK "\"espeak\":{\"voice\":\"en-us\"}"

static ft_err read_text(ft_vits_config *c, ft_arena *arena, const char *text) {
    return ft_vits_config_read(c, arena, ft_str_of(text), "v.json");
}

static void test_read(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    ft_vits_config c;
    int64_t speaker;
    EXPECT_OK(read_text(&c, &arena,
                        "{" AUDIO "," ESPEAK "," IDS
                        ",\"num_speakers\":2,\"speaker_id_map\":{\"x\":1},"
                        "\"inference\":{\"noise_scale\":0.5},\"phoneme_map\":{\"a\":[\"ə\",\"a\"]},"
                        "\"other\":[1,{\"b\":2}]}"));
    EXPECT(c.rate_hz == 22050 && !c.letters && c.noise_scale == 0.5 && c.noise_w == 0.8);
    EXPECT(c.sign_count == 5 && c.change_count == 1 && c.changes[0].to_count == 2);
    EXPECT_STR("en-US", c.lang);
    const ft_vits_sign *a = ft_vits_sign_find(&c, 'a');
    EXPECT(a && a->id_count == 2 && a->ids[1] == 8);
    EXPECT(ft_vits_sign_find(&c, 0x259)->ids[0] == 9 && !ft_vits_sign_find(&c, 'b'));
    EXPECT_OK(ft_vits_speaker_find(&speaker, &c, FT_STR("x")));
    EXPECT(speaker == 1);
    EXPECT_OK(ft_vits_speaker_find(&speaker, &c, FT_STR("1")));
    EXPECT_OK(ft_vits_speaker_find(&speaker, &c, FT_STR("")));
    EXPECT(speaker == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_vits_speaker_find(&speaker, &c, FT_STR("2")));
    EXPECT_WHY("no speaker '2'; the voice has 2, from 0 on");
    ft_arena_fini(&arena);
}

static void test_languages(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        { "en_US", "en-US" }, { "en-us", "en-US" },      { "de", "de" },
        { "es-419", "es" },   { "en-gb-x-rp", "en-GB" }, { "cmn", "cmn" },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_arena arena = FT_ARENA_INIT(1 << 20);
        ft_vits_config c;
        char text[400];
        snprintf(text, sizeof text, "{" AUDIO ",\"espeak\":{\"voice\":\"%s\"}," IDS "}",
                 rows[i][0]);
        EXPECT_OK(read_text(&c, &arena, text));
        EXPECT_STR(rows[i][1], c.lang);
        ft_arena_fini(&arena);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "", "v.json: line 1" },
        { "{" AUDIO "," ESPEAK ",\"phoneme_id_map\":{\"_\":[0", "v.json: line 1" },
        { "{" ESPEAK "," IDS "}", "audio.sample_rate is missing" },
        { "{\"audio\":{\"sample_rate\":0}," ESPEAK "," IDS "}", "0 Hz; expected 4000 to 96000" },
        { "{\"audio\":{\"sample_rate\":10000000}," ESPEAK "," IDS "}", "10000000 Hz; expected" },
        { "{" AUDIO "," ESPEAK "}", "phoneme_id_map is missing" },
        { "{" AUDIO "," ESPEAK ",\"phoneme_id_map\":{\"^\":[1],\"$\":[2]}}",
          "has no '_' (the pad between signs)" },
        { "{" AUDIO "," ESPEAK ",\"phoneme_id_map\":{\"_\":[0],\"^\":[1],\"$\":[]}}",
          "has no '$' (its end)" },
        { "{" AUDIO "," ESPEAK ",\"phoneme_id_map\":{\"ab\":[1]}}", "'ab' is not one character" },
        { "{" AUDIO "," ESPEAK ",\"phoneme_id_map\":{\"a\":[-1]}}", "out of range" },
        { "{" AUDIO "," ESPEAK ",\"phoneme_id_map\":{\"a\":[1,2,3,4,5,6,7,8,9]}}", "more than 8" },
        { "{" AUDIO "," IDS "}", "espeak.voice is missing" },
        { "{" AUDIO "," ESPEAK "," IDS ",\"phoneme_type\":\"pinyin\"}", "'pinyin'" },
        { "{" AUDIO "," ESPEAK "," IDS ",\"num_speakers\":0}", "num_speakers is 0" },
        { "{" AUDIO "," ESPEAK "," IDS ",\"inference\":{\"length_scale\":0}}", "length_scale: 0" },
    };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        ft_arena arena = FT_ARENA_INIT(1 << 20);
        ft_vits_config c;
        EXPECT_ERR(FT_EPARSE, read_text(&c, &arena, rows[i].text));
        EXPECT_WHY(rows[i].why);
        ft_arena_fini(&arena);
    }
}

static void test_align(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(1 << 20);
    static const uint32_t whole[] = { 'o', 'n', 'd', 'e', ' ', 'm', 'a', 't' };
    static const uint32_t parts[] = { '\'', 'o', 'n', 'd', 'i', 'm', '\'', 'a', 't', 's' };
    static const int owner[] = { 0, 0, 0, 1, 1, 2, 2, 2, 2, 2 };
    int found[8];
    EXPECT_OK(ft_vits_align(found, whole, 8, parts, owner, 10, &arena));
    static const int want[] = { 0, 0, 1, 1, -1, 2, 2, 2 }; /* a blank is either's */
    for (int i = 0; i < 8; i++) EXPECT(want[i] < 0 || found[i] == want[i]);
    EXPECT_OK(ft_vits_align(found, whole, 8, parts, owner, 0, &arena));
    EXPECT_OK(ft_vits_align(found, whole, 8, parts, owner, 1, &arena));
    for (int i = 0; i < 8; i++) EXPECT(found[i] == 0);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(1 << 20);
        ft_vits_config c;
        ft_err err = read_text(&c, &arena, "{" AUDIO "," ESPEAK "," IDS "}");
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_read), cmocka_unit_test(test_languages),
          cmocka_unit_test(test_refused), cmocka_unit_test(test_align),
          cmocka_unit_test(test_faults))
