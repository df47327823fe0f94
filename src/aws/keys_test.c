/* keys_test.c -- access keys: made, found, listed without secrets, removed; each call failed once.
 */
#include "aws/aws.h"
#include "aws/keys_in.h"
#include "base/files.h"
#include "tests/test.h"

static char home[128];
static ft_store *store;
static ft_arena arena = FT_ARENA_INIT(0);

static int begin(void **state) {
    (void)state;
    snprintf(home, sizeof home, "/tmp/ft-keys-%d", (int)getpid());
    ft_dir_remove(home);
    return ft_store_open(&store, home) == FT_OK ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    ft_store_close(store);
    store = NULL;
    ft_arena_fini(&arena);
    return ft_dir_remove(home) == FT_OK ? 0 : -1;
}

static void test_life(void **state) {
    (void)state;
    ft_aws_key made, own, got, *list;
    size_t count;
    ft_str secret;
    EXPECT_ERR(FT_ENOTFOUND, ft_aws_key_get(&got, store, &arena, FT_STR("")));
    EXPECT_OK(ft_aws_key_add(&made, store, &arena, FT_STR(""), FT_STR("first")));
    EXPECT_OK(ft_aws_key_add(&own, store, &arena, FT_STR("own_1"), FT_STR("")));
    EXPECT(made.id.len == 20 && ft_str_starts(made.id, FT_STR("AKIA")) && made.secret.len == 40);
    EXPECT(!ft_str_eq(made.secret, own.secret));
    EXPECT_ERR(FT_EEXIST, ft_aws_key_add(&got, store, &arena, FT_STR("own_1"), FT_STR("")));
    EXPECT_ERR(FT_EINVAL, ft_aws_key_add(&got, store, &arena, FT_STR("a b"), FT_STR("")));
    EXPECT_OK(ft_aws_key_get(&got, store, &arena, FT_STR("")));
    EXPECT_STR("own_1", got.id);
    EXPECT_OK(ft_aws_key_get(&got, store, &arena, made.id));
    EXPECT(ft_str_eq(got.secret, made.secret) && ft_str_is(got.note, "first"));
    EXPECT_OK(ft_aws_key_secret(&secret, store, &arena, made.id));
    EXPECT(ft_str_eq(secret, made.secret));
    EXPECT_OK(ft_aws_key_list(&list, &count, store, &arena));
    EXPECT(count == 2 && ft_str_eq(list[0].id, made.id) && !list[0].secret.at);
    EXPECT_OK(ft_aws_key_remove(store, made.id));
    EXPECT_ERR(FT_ENOTFOUND, ft_aws_key_remove(store, made.id));
    EXPECT_ERR(FT_ENOTFOUND, ft_aws_key_secret(&secret, store, &arena, made.id));
}

static void test_faults(void **state) {
    (void)state;
    EXPECT_OK(ft_aws_migrate(store));
    EACH_FAULT {
        ft_aws_key made, *list;
        size_t count = 0;
        ft_arena own = FT_ARENA_INIT(0);
        ft_err err = ft_aws_key_add(&made, store, &own, FT_STR("two"), FT_STR(""));
        if (err == FT_EEXIST) err = FT_OK; /* a round that failed to remove it left it */
        if (err == FT_OK) err = ft_aws_key_list(&list, &count, store, &own);
        if (err == FT_OK) EXPECT(count > 0);
        if (err == FT_OK) err = ft_aws_key_remove(store, FT_STR("two"));
        ft_arena_fini(&own);
    }
}

TEST_MAIN(cmocka_unit_test_setup_teardown(test_life, begin, end),
          cmocka_unit_test_setup_teardown(test_faults, begin, end))
