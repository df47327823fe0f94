/* arena_test.c -- limits, growth, reset, and every failed allocation. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/poison.h"
#include "tests/test.h"

static void test_grows_and_aligns(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    for (size_t bytes = 1; bytes < 100000; bytes *= 3) {
        unsigned char *p;
        EXPECT_OK(ft_arena_take(&p, &arena, bytes));
        EXPECT((uintptr_t)p % 64 == 0);
        for (size_t i = 0; i < bytes; i++) EXPECT(p[i] == 0);
        memset(p, 0xff, bytes);
    }
    ft_arena_reset(&arena);
    unsigned char *again;
    EXPECT_OK(ft_arena_take(&again, &arena, 4096));
    for (int i = 0; i < 4096; i++) EXPECT(again[i] == 0);
    ft_arena_fini(&arena);
}

static void test_limit(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(10000);
    void *p;
    EXPECT_OK(ft_arena_take(&p, &arena, 6000));
    EXPECT_ERR(FT_ENOMEM, ft_arena_take(&p, &arena, 6000));
    EXPECT(p == NULL);
    EXPECT_WHY("limit of 10000 bytes");
    EXPECT_OK(ft_arena_take(&p, &arena, 3000));
    int *items;
    EXPECT_ERR(FT_ENOMEM, ft_arena_items(&items, &arena, SIZE_MAX / 2));
    ft_arena_fini(&arena);
}

static void test_list_grows(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(4096);
    int *list = NULL;
    size_t room = 0, count = 0;
    ft_err err;
    while ((err = ft_arena_grow(&list, &room, &arena, count)) == FT_OK) {
        EXPECT(room > count);
        for (size_t i = 0; i < count; i++) EXPECT(list[i] == (int)i);
        list[count] = (int)count;
        count++;
    }
    EXPECT(err == FT_ENOMEM && count == room && count >= 64); /* what was there stays */
    for (size_t i = 0; i < count; i++) EXPECT(list[i] == (int)i);
    ft_err_clear();
    ft_arena_fini(&arena);
}

static void test_text(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str s;
    EXPECT_OK(ft_arena_printf(&s, &arena, "%d-%s", 7, "x"));
    EXPECT(s.len == 3 && strcmp(s.at, "7-x") == 0);
    EXPECT_OK(ft_arena_str(&s, &arena, (ft_str){ "abc", 2 }));
    EXPECT(strcmp(s.at, "ab") == 0);
    ft_arena_fini(&arena);
}

#ifdef FT_POISONS
/* Under AddressSanitizer nothing but what was taken may be touched. */
static void test_poisoned_between(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    char *p, *q;
    EXPECT_OK(ft_arena_take(&p, &arena, 5));
    EXPECT_OK(ft_arena_take(&q, &arena, 64));
    EXPECT(!__asan_address_is_poisoned(p + 4) && __asan_address_is_poisoned(p + 5));
    EXPECT(!__asan_address_is_poisoned(q + 63) && __asan_address_is_poisoned(q + 64));
    ft_arena_reset(&arena);
    EXPECT(__asan_address_is_poisoned(p));
    ft_arena_fini(&arena);
    ft_buf buf = { 0 };
    EXPECT_OK(ft_buf_add(&buf, FT_STR("abc")));
    EXPECT(!__asan_address_is_poisoned(buf.at + 3) && __asan_address_is_poisoned(buf.at + 4));
    EXPECT_OK(ft_buf_reserve(&buf, 10));
    EXPECT(!__asan_address_is_poisoned(buf.at + 13) && __asan_address_is_poisoned(buf.at + 14));
    ft_buf_fini(&buf);
}
#endif

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_arena arena = FT_ARENA_INIT(0);
        void *p;
        ft_err err = ft_arena_take(&p, &arena, 100);
        EXPECT(err == (p ? FT_OK : FT_ENOMEM));
        ft_arena_fini(&arena);
        rounds++;
    }
    EXPECT(rounds == 2); /* one failed allocation, then a clean round */
}

TEST_MAIN(cmocka_unit_test(test_grows_and_aligns), cmocka_unit_test(test_limit),
          cmocka_unit_test(test_list_grows), cmocka_unit_test(test_text),
#ifdef FT_POISONS
          cmocka_unit_test(test_poisoned_between),
#endif
          cmocka_unit_test(test_every_fault))
