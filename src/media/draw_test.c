/* draw_test.c -- colours of a map at known places, blending by hand. */
#include <math.h>

#include "media/draw.h"
#include "media/image_test.h"

static void test_map(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_image to, grey;
    static const float values[] = { -9, 0, 0.125f, 0.25f, 0.5f, 0.75f, 1, 9, NAN };
    static const uint8_t want[][3] = { { 0, 0, 128 },   { 0, 0, 128 },     { 0, 0, 255 },
                                       { 0, 128, 255 }, { 128, 255, 128 }, { 255, 128, 0 },
                                       { 128, 0, 0 },   { 128, 0, 0 },     { 0, 0, 0 } };
    EXPECT_OK(ft_image_new(&to, &arena, 3, 3, 3));
    EXPECT_OK(ft_image_new(&grey, &arena, 3, 3, 1));
    EXPECT_OK(ft_draw_map(&to, values, 0, 1, FT_COLOURS_JET));
    EXPECT(memcmp(to.data, want, sizeof want) == 0);
    EXPECT_OK(ft_draw_map(&to, values, -1, 1, FT_COLOURS_GREY));
    EXPECT(to.data[3] == 128 && to.data[4] == 128 && to.data[18] == 255 && to.data[24] == 0);
    EXPECT_ERR(FT_EINVAL, ft_draw_map(&to, values, 1, 1, FT_COLOURS_JET));
    EXPECT_ERR(FT_EINVAL, ft_draw_map(&to, values, 0, NAN, FT_COLOURS_JET));
    EXPECT_ERR(FT_EINVAL, ft_draw_map(&grey, values, 0, 1, FT_COLOURS_JET));
    ft_arena_fini(&arena);
}

static void test_blend(void **state) {
    (void)state;
    uint8_t a[] = { 0, 100, 255, 9, 9, 9 }, b[] = { 255, 50, 0, 9, 10, 19 };
    ft_image to = { a, 2, 1, 3, 6 }, over = { b, 2, 1, 3, 6 }, small = { b, 1, 1, 3, 3 };
    static const uint8_t want[] = { 64, 88, 191, 9, 9, 12 };
    EXPECT_OK(ft_draw_blend(&to, &over, 0.25f));
    EXPECT(memcmp(a, want, 6) == 0);
    EXPECT_OK(ft_draw_blend(&to, &over, 0));
    EXPECT(memcmp(a, want, 6) == 0);
    EXPECT_OK(ft_draw_blend(&to, &over, 1));
    EXPECT(memcmp(a, b, 6) == 0);
    EXPECT_ERR(FT_EINVAL, ft_draw_blend(&to, &small, 0.5f));
    EXPECT_ERR(FT_EINVAL, ft_draw_blend(&to, &over, 1.5f));
}

TEST_MAIN(cmocka_unit_test(test_map), cmocka_unit_test(test_blend))
