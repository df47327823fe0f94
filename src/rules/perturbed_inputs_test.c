/* perturbed_inputs_test.c -- PerturbedInputs on captured pictures: clean ones, some with grain,
 * some with colours that no camera gives. */
#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "media/image.h"
#include "rules/rule.h"
#include "streams/format.h"
#include "tests/test.h"

#define SIDE     24
#define PICTURES 40

static const ft_column columns[] = { { "time_us", FT_VALUE_INT, "" },
                                     { "input", FT_VALUE_TEXT, "" },
                                     { "encoding_in", FT_VALUE_TEXT, "" },
                                     { NULL, FT_VALUE_NULL, NULL } };
static const ft_stream_kind capture = {
    .name = "capture", .key = "endpoint", .columns = columns, .format = &ft_format_rows
};
static const ft_stream_kind *const kinds[] = { &capture, NULL };

static ft_arena arena = FT_ARENA_INIT(0);

enum { CLEAN, GREY_NOISE, COLOUR_NOISE, NO_PICTURE };

/* A ramp, with noise of one sign on all channels or on each by itself. */
static void picture(ft_buf *png, int kind, ft_random *r) {
    uint8_t pixels[SIDE * SIDE * 3];
    int size = kind == GREY_NOISE ? 12 : 3;
    for (int i = 0; i < SIDE * SIDE; i++) {
        int sign = ft_random_below(r, 2) ? size : -size;
        for (int c = 0; c < 3; c++) {
            int other = ft_random_below(r, 2) ? size : -size;
            pixels[3 * i + c] = (uint8_t)(60 + 3 * (i % SIDE) + 2 * (i / SIDE) + 10 * c +
                                          (kind == GREY_NOISE     ? sign
                                           : kind == COLOUR_NOISE ? other
                                                                  : 0));
        }
    }
    ft_image image = { pixels, SIDE, SIDE, 3, 3 * SIDE };
    EXPECT_OK(ft_image_encode(png, &image, &(ft_encode_opts){ .kind = FT_IMAGE_PNG }));
}

static ft_store *captured(int odd, int kind) {
    static int n;
    ft_store *s;
    ft_stream_writer *w;
    ft_random r;
    ft_str home = { 0 };
    ft_streams_use(kinds);
    ft_random_seed(&r, 5);
    EXPECT_OK(ft_arena_printf(&home, &arena, "%s/home-%d", test_dir(), n++));
    EXPECT_OK(ft_store_open(&s, home.at));
    EXPECT_OK(ft_stream_write(&w, s, &capture, FT_STR("e"), NULL));
    for (int i = 0; i < PICTURES; i++) {
        ft_buf png = { 0 }, text = { 0 };
        picture(&png, i < odd ? kind : CLEAN, &r);
        EXPECT_OK(ft_base64_add(&text, ft_buf_str(&png)));
        bool none = i < odd && kind == NO_PICTURE;
        ft_value v[] = { ft_value_int(i + 1),
                         ft_value_text(none ? FT_STR("1,2,3") : ft_buf_str(&text)),
                         ft_value_text(none ? FT_STR("CSV") : FT_STR("BASE64")) };
        EXPECT_OK(ft_stream_append(w, v));
        ft_buf_fini(&png);
        ft_buf_fini(&text);
    }
    EXPECT_OK(ft_stream_close(w));
    return s;
}

static ft_verdict judge(ft_store *s, const char *params) {
    ft_params *p;
    ft_verdict v = { 0 };
    EXPECT_OK(ft_params_new(&p, &arena, ft_rule_perturbed_inputs.params));
    for (ft_str rest = ft_str_of(params); rest.at && rest.len;) {
        ft_str value = ft_str_cut(&rest, ';'), name = ft_str_cut(&value, '=');
        EXPECT_OK(ft_params_set(p, name, value));
    }
    ft_rule_input in = {
        .at = 1000000, .store = s, .kind = &capture, .key = FT_STR("e"), .arena = &arena
    };
    EXPECT_OK(ft_rule_perturbed_inputs.evaluate(NULL, p, &in, &v));
    ft_store_close(s);
    return v;
}

static void test_grains(void **state) {
    static const char *const grey = "grain_limit=0.01",
                             *both = "grain_limit=0.01;colour_grain_limit=0.5";
    (void)state;
    EXPECT(judge(captured(0, CLEAN), both).outcome == FT_NO_ISSUE);
    EXPECT(judge(captured(4, GREY_NOISE), both).outcome == FT_NO_ISSUE); /* 10 % are allowed */
    ft_verdict v = judge(captured(6, GREY_NOISE), grey);
    EXPECT(v.outcome == FT_ISSUE);
    EXPECT_STR("6 of 40 pictures (15.00 %) are grainier, in brightness or colours, than nearly all "
               "of the baseline's; at most 10 % was expected",
               v.reason);
    /* small changes of each channel hide in the brightness, not in the colours */
    EXPECT(judge(captured(10, COLOUR_NOISE), "grain_limit=0.03").outcome == FT_NO_ISSUE);
    EXPECT(judge(captured(10, COLOUR_NOISE), "grain_limit=0.03;colour_grain_limit=0.5").outcome ==
           FT_ISSUE);
    EXPECT(judge(captured(30, NO_PICTURE), both).outcome != FT_ISSUE); /* ten are too few */
}

TEST_MAIN(cmocka_unit_test(test_grains))
