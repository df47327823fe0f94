/* subject_test.c -- subjects there and back, and which text is none. */
#include "base/check.h"
#include "base/files.h"
#include "tests/test.h"
#include "watch/subject.h"

static void test_there_and_back(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str subject, name;
    EXPECT_OK(ft_subject(&subject, &arena, FT_SUBJECT_ENDPOINT, FT_STR("fashion")));
    EXPECT_STR("endpoint/fashion", subject);
    EXPECT(ft_subject_is(&name, FT_SUBJECT_ENDPOINT, subject));
    EXPECT_STR("fashion", name);
    EXPECT(ft_subject_is(NULL, FT_SUBJECT_ENDPOINT, subject));
    EXPECT(!ft_subject_is(&name, FT_SUBJECT_JOB, subject));
    EXPECT(!ft_subject_is(&name, FT_SUBJECT_JOB, FT_STR("job")));
    EXPECT(!ft_subject_is(&name, FT_SUBJECT_JOB, FT_STR("")));
    ft_arena_fini(&arena);
}

static void test_what_is_none(void **state) {
    (void)state;
    static const char *const wrong[] = { "",       "job",    "job/",        "/a",
                                         "job/.a", "job/..", "job/a/b",     "job/a b",
                                         "jo b/a", "job/\n", "job/\xc3\xa9" };
    for (size_t i = 0; i < FT_COUNT(wrong); i++)
        EXPECT_ERR(FT_EINVAL, ft_subject_check(ft_str_of(wrong[i])));
    EXPECT_OK(ft_subject_check(FT_STR("job/a-b_c.1")));
}

static void test_folder(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_store *s;
    const char *folder;
    char home[300], want[400];
    snprintf(home, sizeof home, "%s/home", test_dir());
    snprintf(want, sizeof want, "%s/jobs/a", home);
    EXPECT_OK(ft_store_open(&s, home));
    EXPECT_OK(ft_subject_folder(&folder, s, &arena, FT_STR("job/a")));
    EXPECT_STR(want, ft_str_of(folder));
    EXPECT(ft_file_exists(folder));
    EXPECT_ERR(FT_EINVAL, ft_subject_folder(&folder, s, &arena, FT_STR("job/../a")));
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_what_is_none),
          cmocka_unit_test(test_folder))
