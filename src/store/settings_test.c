/* settings_test.c -- a value set is there for the next opening, whatever fails on the way. */
#include "store/settings.h"

#include "tests/test.h"

static void test_set_and_removed(void **state) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_store *s;
    ft_str value;
    (void)state;
    EXPECT_OK(ft_store_open(&s, test_dir()));
    EXPECT_OK(ft_setting_get(&value, s, &arena, "mqtt"));
    EXPECT(value.at && value.len == 0);
    EXPECT_OK(ft_setting_put(s, "mqtt", FT_STR("here:1883")));
    EXPECT_OK(ft_setting_put(s, "mqtt", FT_STR("there")));
    ft_store_close(s);
    EXPECT_OK(ft_store_open(&s, test_dir()));
    EXPECT_OK(ft_setting_get(&value, s, &arena, "mqtt"));
    EXPECT_STR("there", value);
    EXPECT_OK(ft_setting_remove(s, "mqtt"));
    EXPECT_OK(ft_setting_remove(s, "mqtt"));
    EXPECT_OK(ft_setting_get(&value, s, &arena, "mqtt"));
    EXPECT(value.len == 0);
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_set_and_removed))
