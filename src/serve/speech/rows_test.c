/* rows_test.c -- what the speech service keeps: lexicons, tasks and articles as rows, sound as
 * objects. */
#include "base/check.h"
#include "serve/speech/articles.h"
#include "serve/speech/keep.h"
#include "serve/speech/lexicons.h"
#include "serve/speech/record.h"
#include "serve/speech/tasks_in.h"
#include "streams/stream.h"
#include "tests/test.h"

static ft_arena arena = FT_ARENA_INIT(64 << 20);

static ft_store *fresh(void) {
    static int count;
    char home[300];
    ft_store *s;
    snprintf(home, sizeof home, "%s/home-%d", test_dir(), count++);
    EXPECT_OK(ft_store_open(&s, home));
    EXPECT_OK(ft_speech_tasks_prepare(s));
    EXPECT_OK(ft_articles_prepare(s));
    return s;
}

static void done(ft_store *s) {
    ft_store_close(s);
    ft_arena_fini(&arena);
}

/* ---- lexicons */

static ft_lexicon_row lexicon(const char *name) {
    return (ft_lexicon_row){ .name = ft_str_of(name),
                             .content = FT_STR("<lexicon/>"),
                             .alphabet = FT_STR("ipa"),
                             .lang = FT_STR("en-US"),
                             .lexemes = 3,
                             .chars = 10,
                             .modified_us = 5 };
}

static void test_lexicons(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_lexicon_row row = lexicon("b"), *all, got;
    size_t count;
    EXPECT_ERR(FT_ENOTFOUND, ft_lexicon_get(&got, s, &arena, FT_STR("b")));
    EXPECT_OK(ft_lexicon_put(s, &row));
    row = lexicon("a");
    EXPECT_OK(ft_lexicon_put(s, &row));
    row.lexemes = 4;
    EXPECT_OK(ft_lexicon_put(s, &row)); /* again: a new version */
    EXPECT_OK(ft_lexicon_get(&got, s, &arena, FT_STR("a")));
    EXPECT(got.lexemes == 4 && got.chars == 10 && got.modified_us == 5);
    EXPECT_STR("<lexicon/>", got.content);
    EXPECT_OK(ft_lexicon_list(&all, &count, s, &arena));
    EXPECT(count == 2);
    EXPECT_STR("a", all[0].name);
    EXPECT_STR("en-US", all[1].lang);
    EXPECT_OK(ft_lexicon_remove(s, FT_STR("a")));
    EXPECT_ERR(FT_ENOTFOUND, ft_lexicon_remove(s, FT_STR("a")));
    for (int i = 0; i < FT_LEXICONS_MAX - 1; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        row = lexicon(name);
        EXPECT_OK(ft_lexicon_put(s, &row));
    }
    row = lexicon("more");
    EXPECT_ERR(FT_EFULL, ft_lexicon_put(s, &row));
    row = lexicon("n7");
    EXPECT_OK(ft_lexicon_put(s, &row));
    done(s);
}

static void test_lexicon_names(void **state) {
    (void)state;
    EXPECT(ft_lexicon_name_valid(FT_STR("W3c9")));
    EXPECT(ft_lexicon_name_valid(FT_STR("abcdefghijklmnopqrst")));
    EXPECT(!ft_lexicon_name_valid(FT_STR("abcdefghijklmnopqrstu")));
    EXPECT(!ft_lexicon_name_valid(FT_STR("")));
    EXPECT(!ft_lexicon_name_valid(FT_STR("a-b")));
    EXPECT(!ft_lexicon_name_valid(FT_STR("ä")));
}

/* ---- tasks */

static ft_speech_task task(const char *id) {
    return (ft_speech_task){ .id = ft_str_of(id),
                             .reason = FT_STR(""),
                             .members = FT_STR("{\"VoiceId\":\"Joanna\"}"),
                             .region = FT_STR(""),
                             .bucket = FT_STR("fettle"),
                             .key = FT_STR("k.mp3"),
                             .topic = FT_STR(""),
                             .chars = 3 };
}

static void test_tasks(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_speech_task a = task("a"), b = task("b"), got, *all;
    size_t count;
    ft_str key, uri;
    b.topic = FT_STR("arn:t");
    b.region = FT_STR("eu-west-1");
    EXPECT_ERR(FT_ENOTFOUND, ft_speech_task_take(&got, s, &arena));
    EXPECT_OK(ft_speech_task_add(&a, s, &arena, FT_STR("one")));
    EXPECT_OK(ft_speech_task_add(&b, s, &arena, FT_STR("two")));
    EXPECT_ERR(FT_EEXIST, ft_speech_task_add(&b, s, &arena, FT_STR("two")));
    EXPECT_OK(ft_speech_text_key(&key, &arena, a.text_sha256));
    ft_str text;
    EXPECT_OK(ft_object_get(&text, s, &arena, FT_STR(FT_BUCKET_DEFAULT), key, 100));
    EXPECT_STR("one", text);
    EXPECT_OK(ft_speech_task_take(&got, s, &arena)); /* the oldest first */
    EXPECT_STR("a", got.id);
    EXPECT_OK(ft_speech_task_get(&got, s, &arena, FT_STR("a")));
    EXPECT_STR("inProgress", got.status);
    EXPECT(got.chars == 3 && got.created_us == a.created_us);
    int64_t waiting;
    EXPECT_OK(ft_speech_tasks_again(&waiting, s)); /* its server was killed */
    EXPECT(waiting == 2);
    EXPECT_OK(ft_speech_task_take(&got, s, &arena));
    EXPECT_STR("a", got.id);
    EXPECT_OK(ft_speech_task_end(s, got.seq, "failed", FT_STR("no voice")));
    EXPECT_OK(ft_speech_task_take(&got, s, &arena));
    EXPECT_OK(ft_speech_task_end(s, got.seq, "completed", FT_STR("")));
    EXPECT_ERR(FT_ENOTFOUND, ft_speech_task_take(&got, s, &arena));
    EXPECT_OK(ft_speech_task_list(&all, &count, s, &arena, FT_STR("failed"), 0, 10));
    EXPECT(count == 1);
    EXPECT_STR("no voice", all[0].reason);
    EXPECT_OK(ft_speech_task_list(&all, &count, s, &arena, FT_STR(""), all[0].seq, 10));
    EXPECT(count == 1);
    EXPECT_STR("b", all[0].id);
    EXPECT_OK(ft_speech_tasks_untold(&all, &count, s, &arena)); /* a has no topic */
    EXPECT(count == 1);
    EXPECT_OK(ft_speech_task_told(s, all[0].seq));
    EXPECT_OK(ft_speech_task_uri(&uri, &all[0], &arena));
    EXPECT_STR("https://s3.eu-west-1.amazonaws.com/fettle/k.mp3", uri);
    EXPECT_OK(ft_speech_task_uri(&uri, &a, &arena));
    EXPECT_STR("s3://fettle/k.mp3", uri);
    EXPECT_OK(ft_speech_tasks_untold(&all, &count, s, &arena));
    EXPECT(count == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_speech_task_get(&got, s, &arena, FT_STR("c")));
    done(s);
}

/* ---- sound */

static ft_err kept(ft_object *o, ft_store *s, const char *key, ft_str head) {
    ft_keep k;
    FT_TRY(ft_keep_begin(&k, ft_store_home(s)));
    ft_err err = ft_keep_add(&k, FT_STR("0123"));
    if (err == FT_OK) err = ft_keep_add(&k, FT_STR("456789"));
    if (err == FT_OK)
        err = ft_keep_commit(o, &k, head, s, FT_STR(FT_BUCKET_DEFAULT), ft_str_of(key),
                             FT_STR("audio/wav"));
    ft_keep_end(&k);
    ft_keep_end(&k);
    return err;
}

static void test_keep(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    ft_str bytes;
    EXPECT_OK(kept(&o, s, "a", FT_STR("")));
    EXPECT(o.size_bytes == 10);
    EXPECT_OK(kept(&o, s, "b", FT_STR("ABC"))); /* a WAV's head comes last */
    EXPECT_OK(ft_object_get(&bytes, s, &arena, FT_STR(FT_BUCKET_DEFAULT), FT_STR("b"), 100));
    EXPECT_STR("ABC3456789", bytes);
    done(s);
}

static void test_keep_faults(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_object o;
    EACH_FAULT {
        ft_err err = kept(&o, s, "c", FT_STR(""));
        ft_fault_off();
        ft_object head;
        ft_err there = ft_object_head(&head, s, &arena, FT_STR(FT_BUCKET_DEFAULT), FT_STR("c"));
        EXPECT(err != FT_OK || there == FT_OK);
        EXPECT(there == FT_OK ? head.size_bytes == 10 : there == FT_ENOTFOUND); /* no half */
    }
    done(s);
}

static void test_articles_go(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_db *db = ft_store_db(s);
    int64_t count;
    for (int64_t i = 0; i < 5; i++) {
        char id[16];
        ft_str key;
        snprintf(id, sizeof id, "id%d", (int)i);
        EXPECT_OK(ft_db_run(db,
                            "insert into speech_article (id, members, chars, used_us, bytes)"
                            " values (?, '{}', 1, ?, 100)",
                            "ti", id, i));
        EXPECT_OK(ft_arena_printf(&key, &arena, "speech/articles/%s.txt", id));
        EXPECT_OK(ft_object_put(NULL, s, FT_STR(FT_BUCKET_DEFAULT), key, FT_STR("x"), NULL));
    }
    EXPECT_OK(ft_articles_trim(s, 1000, 5));
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from speech_article", "", "i", &count));
    EXPECT(count == 5);
    EXPECT_OK(ft_articles_trim(s, 350, 5)); /* three fit */
    EXPECT_OK(ft_db_one(db, NULL, "select min(used_us) from speech_article", "", "i", &count));
    EXPECT(count == 2);
    EXPECT_OK(ft_articles_trim(s, 1000, 1));
    EXPECT_OK(ft_db_one(db, NULL, "select min(used_us) from speech_article", "", "i", &count));
    EXPECT(count == 4);
    ft_object *all;
    size_t objects;
    bool more;
    EXPECT_OK(ft_object_list(&all, &objects, &more, s, &arena, FT_STR(FT_BUCKET_DEFAULT),
                             FT_STR("speech/articles/"), FT_STR(""), 10));
    EXPECT(objects == 1);
    done(s);
}

/* ---- the record */

static void test_record(void **state) {
    (void)state;
    static const ft_stream_kind *const kinds[] = { &ft_kind_speech, NULL };
    ft_store *s = fresh();
    ft_speech_recorder *k;
    const ft_voice *voice;
    ft_streams_use(kinds);
    EXPECT_OK(ft_voice_find(&voice, FT_STR("Matthew")));
    EXPECT_OK(ft_speech_recorder_new(&k, ft_store_home(s)));
    ft_speech_record r = { .door = "api",
                           .voice = voice,
                           .format = "mp3",
                           .chars = 7,
                           .bytes = 99,
                           .sound_s = 1.5,
                           .outcome = "spoken" };
    ft_speech_recorder_add(k, &r);
    r.outcome = "failed", r.reason = FT_STR("a \"reason\"");
    ft_speech_recorder_add(k, &r);
    ft_speech_recorder_free(k);
    ft_speech_recorder_free(NULL);
    ft_cursor *c;
    ft_record got;
    EXPECT_OK(
        ft_cursor_open(&c, s, &ft_kind_speech, &(ft_cursor_opts){ .key = FT_STR("Matthew") }));
    EXPECT_OK(ft_cursor_next(c, &got));
    EXPECT_STR("api", got.values[1].s);
    EXPECT(got.values[7].i == 7 && got.values[8].i == 99 && got.values[9].f == 1.5);
    EXPECT_OK(ft_cursor_next(c, &got));
    EXPECT_STR("a \"reason\"", got.values[13].s);
    EXPECT_ERR(FT_ENOTFOUND, ft_cursor_next(c, &got));
    ft_cursor_close(c);
    done(s);
}

static void test_faults(void **state) {
    (void)state;
    ft_store *s = fresh();
    ft_lexicon_row row = lexicon("a"), *rows;
    ft_speech_task *tasks;
    size_t count;
    EACH_FAULT {
        ft_speech_task t = task("x");
        ft_err err = ft_lexicon_put(s, &row);
        if (err == FT_OK) err = ft_lexicon_list(&rows, &count, s, &arena);
        if (err == FT_OK) err = ft_speech_task_add(&t, s, &arena, FT_STR("text"));
        if (err == FT_OK) err = ft_speech_task_list(&tasks, &count, s, &arena, FT_STR(""), 0, 10);
        if (err == FT_OK) err = ft_articles_trim(s, 0, 0);
        ft_fault_off();
        EXPECT_OK(ft_db_run(ft_store_db(s), "delete from speech_task", ""));
        EXPECT(err == FT_OK || strlen(ft_err_why()) > 5);
    }
    done(s);
}

TEST_MAIN(cmocka_unit_test(test_lexicons), cmocka_unit_test(test_lexicon_names),
          cmocka_unit_test(test_tasks), cmocka_unit_test(test_keep),
          cmocka_unit_test(test_keep_faults), cmocka_unit_test(test_articles_go),
          cmocka_unit_test(test_record), cmocka_unit_test(test_faults))
