/* key_test.c -- bucket names, keys, escaped names and URIs. */
#include "base/check.h"
#include "base/random.h"
#include "store/key_in.h"
#include "tests/test.h"

static void test_buckets(void **state) {
    (void)state;
    static const char *const good[] = {
        "abc", "my.bucket-1", "0ab", "1.2.3", "a-b", "192.168.5.4x"
    };
    static const char *const bad[] = {
        "",
        "ab",
        "Abc",
        "a_b",
        "-abc",
        "abc-",
        "a..b",
        "../etc",
        ".tmp",
        "192.168.5.4",
        "a/b",
        "xn--abc",
        "abc-s3alias",
        "a b",
        "sthree-x",
        "x--ol-s3",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl",
    };
    for (size_t i = 0; i < FT_COUNT(good); i++) EXPECT_OK(ft_bucket_check(ft_str_of(good[i])));
    for (size_t i = 0; i < FT_COUNT(bad); i++)
        EXPECT_ERR(FT_EINVAL, ft_bucket_check(ft_str_of(bad[i])));
    EXPECT_ERR(FT_EINVAL, ft_bucket_check(ft_str_n("ab\0c", 4)));
}

static void test_plain_keys(void **state) {
    (void)state;
    char part[300];
    memset(part, 'x', sizeof part);
    EXPECT(ft_key_is_plain(FT_STR("a")));
    EXPECT(ft_key_is_plain(FT_STR("a/b c/d+e/.hidden/ü")));
    EXPECT(ft_key_is_plain(FT_STR("a/%/b")));
    EXPECT(ft_key_is_plain(FT_STR("...")));
    EXPECT(ft_key_is_plain(FT_STR("a\\..\\b")));
    EXPECT(ft_key_is_plain(ft_str_n(part, 255)));
    EXPECT(!ft_key_is_plain(ft_str_n(part, 256)));
    EXPECT(!ft_key_is_plain(FT_STR("/a")));
    EXPECT(!ft_key_is_plain(FT_STR("a/")));
    EXPECT(!ft_key_is_plain(FT_STR("a//b")));
    EXPECT(!ft_key_is_plain(FT_STR("../a")));
    EXPECT(!ft_key_is_plain(FT_STR("a/..")));
    EXPECT(!ft_key_is_plain(FT_STR("a/./b")));
    EXPECT(!ft_key_is_plain(FT_STR("%/a")));
    EXPECT(!ft_key_is_plain(FT_STR("%")));
    EXPECT(!ft_key_is_plain(ft_str_n("a\0b", 3)));
    EXPECT_ERR(FT_EINVAL, ft_key_check(FT_STR("")));
    EXPECT_ERR(FT_EINVAL, ft_key_check(FT_STR("\xff\xfe")));
}

/* Random keys of every length: the escaped name comes back, has no part that a file system refuses,
 * and never is the folder of another. */
static void test_escape_round_trip(void **state) {
    (void)state;
    static const char alphabet[] = "aZ0._-/%+=\\ \0\n";
    ft_random random;
    ft_random_seed(&random, 7);
    for (int round = 0; round < 2000; round++) {
        char key[FT_KEY_BYTES_MAX], place[FT_PLACE_BYTES], back[FT_PLACE_BYTES];
        size_t len = 1 + ft_random_below(&random, FT_KEY_BYTES_MAX), back_len;
        for (size_t i = 0; i < len; i++)
            key[i] = alphabet[ft_random_below(&random, sizeof alphabet - 1)];
        ft_key_place(place, FT_STR("bucket"), ft_str_n(key, len), true);
        ft_str name = ft_str_from(ft_str_of(place), strlen("bucket/%/"));
        EXPECT_OK(ft_key_unescape(back, &back_len, name));
        EXPECT(ft_str_eq(ft_str_n(back, back_len), ft_str_n(key, len)));
        while (name.at) {
            ft_str part = ft_str_cut(&name, '/');
            EXPECT(part.len >= 1 && part.len <= 255);
            EXPECT(part.at[part.len - 1] == (name.at ? '+' : '='));
        }
    }
    static const char *const foreign[] = { "",    "a",    "a=b",  "a+",  "a+=",
                                           "%4=", "%zz=", "a/b=", "%2f=" };
    for (size_t i = 0; i < FT_COUNT(foreign); i++) {
        char back[64];
        size_t len;
        EXPECT_ERR(FT_EPARSE, ft_key_unescape(back, &len, ft_str_of(foreign[i])));
    }
}

static void test_folders(void **state) {
    (void)state;
    static char far[600];
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str out, other;
    memset(far, '/', sizeof far);
    const struct {
        const char *name, *folder;
    } rows[] = { { "job/mnist-1", "job/mnist-1" },
                 { "a b:c", "a b:c" },
                 { "/aws/sagemaker/TrainingJobs", "=2faws=2fsagemaker=2fTrainingJobs" },
                 { "a/../b", "a=2f..=2fb" },
                 { "=2fa", "=3d2fa" } };
    for (size_t i = 0; i < FT_COUNT(rows); i++) {
        EXPECT_OK(ft_key_folder(&out, &arena, ft_str_of(rows[i].name)));
        EXPECT_STR(rows[i].folder, out);
    }
    /* long ones stay apart, and any of them can be a folder */
    for (size_t len = 0; len + 1 < sizeof far; len++) {
        EXPECT_OK(ft_key_folder(&out, &arena, ft_str_n(far, len)));
        EXPECT(out.len > 0 && out.len <= FT_FOLDER_BYTES_MAX && ft_key_is_plain(out));
        EXPECT_OK(ft_key_folder(&other, &arena, ft_str_n(far, len + 1)));
        EXPECT(!ft_str_eq(out, other));
    }
    ft_arena_fini(&arena);
}

static void test_uri(void **state) {
    (void)state;
    ft_uri uri;
    EXPECT_OK(ft_uri_parse(&uri, FT_STR("s3://bucket/a/b c")));
    EXPECT_STR("bucket", uri.bucket);
    EXPECT_STR("a/b c", uri.key);
    EXPECT_OK(ft_uri_parse(&uri, FT_STR("s3://bucket")));
    EXPECT_STR("", uri.key);
    EXPECT_OK(ft_uri_parse(&uri, FT_STR("s3://bucket/")));
    EXPECT_STR("", uri.key);
    EXPECT_OK(ft_uri_parse(&uri, FT_STR("s3://bucket//x")));
    EXPECT_STR("/x", uri.key);
    EXPECT_ERR(FT_EPARSE, ft_uri_parse(&uri, FT_STR("/tmp/x")));
    EXPECT_WHY("s3://bucket/key");
    EXPECT_ERR(FT_EPARSE, ft_uri_parse(&uri, FT_STR("s3://../x")));
    EXPECT_ERR(FT_EPARSE, ft_uri_parse(&uri, FT_STR("s3://")));
    EXPECT_ERR(FT_EPARSE, ft_uri_parse(&uri, FT_STR("s3://bucket/\xff")));
}

TEST_MAIN(cmocka_unit_test(test_buckets), cmocka_unit_test(test_plain_keys),
          cmocka_unit_test(test_escape_round_trip), cmocka_unit_test(test_folders),
          cmocka_unit_test(test_uri))
