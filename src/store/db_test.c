/* db_test.c -- statements, transactions, versions, failures in words, two processes. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/db.h"

#include "tests/test.h"

static const char *const tables[] = {
    "create table item (id integer primary key, name text unique, size integer, ratio real, "
    "body blob)",
    "alter table item add column extra text",
    "create index item_size on item (size)",
};

static char path[300];

static ft_db *fresh(void) {
    static int count;
    ft_db *db;
    snprintf(path, sizeof path, "%s/db-%d.db", test_dir(), count++);
    EXPECT_OK(ft_db_open(&db, path));
    EXPECT_OK(ft_db_migrate(db, "test", tables, 3));
    return db;
}

static int64_t count_of(ft_db *db) {
    int64_t n = -1;
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from item", "", "i", &n));
    return n;
}

static void test_formats(void **state) {
    (void)state;
    ft_db *db = fresh();
    ft_arena arena = FT_ARENA_INIT(0);
    const char blob[] = { 0, 1, (char)0xff };
    const char *extra;
    ft_str name, body, text_with_nul = { "a\0b", 3 };
    int64_t id;
    int size;
    double ratio;
    EXPECT_OK(ft_db_run(db, "insert into item values (?, ?, ?, ?, ?, ?)", "isndbt",
                        (int64_t)1 << 40, text_with_nul, -7, 0.1, ft_str_n(blob, 3), NULL));
    EXPECT(ft_db_changes(db) == 1);
    EXPECT(ft_db_last_id(db) == (int64_t)1 << 40);
    EXPECT_OK(ft_db_one(db, &arena, "select * from item where size = ?", "n", "isndbt", -7, &id,
                        &name, &size, &ratio, &body, &extra));
    EXPECT(id == (int64_t)1 << 40 && size == -7 && ratio == 0.1);
    EXPECT(ft_str_eq(name, text_with_nul));
    EXPECT(body.len == 3 && memcmp(body.at, blob, 3) == 0);
    EXPECT(extra == NULL);
    EXPECT_OK(ft_db_run(db, "insert into item values (?, ?, ?, ?, ?, ?)", "isndbt", (int64_t)2,
                        FT_STR(""), 0, 0.0, (ft_str){ 0 }, "x"));
    EXPECT_OK(ft_db_one(db, &arena, "select name, body, extra from item where id = 2", "", "s-t",
                        &name, &extra));
    EXPECT(name.at && name.len == 0);
    EXPECT(strcmp(extra, "x") == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_db_one(db, NULL, "select id from item where id = 3", "", "i", &id));
    ft_arena_fini(&arena);
    ft_db_close(db);
}

static void test_query_inside_itself(void **state) {
    (void)state;
    ft_db *db = fresh();
    for (int i = 0; i < 5; i++)
        EXPECT_OK(ft_db_run(db, "insert into item (size) values (?)", "n", i));
    static const char sql[] = "select size from item where size >= ? order by size";
    int pairs = 0;
    ft_rows *outer, *inner;
    EXPECT_OK(ft_db_query(&outer, db, sql, "n", 0));
    while (ft_rows_next(outer)) {
        int a, b;
        ft_rows_read(outer, "n", &a);
        EXPECT_OK(ft_db_query(&inner, db, sql, "n", a));
        while (ft_rows_next(inner)) {
            ft_rows_read(inner, "n", &b);
            EXPECT(b >= a);
            pairs++;
        }
        EXPECT_OK(ft_rows_end(inner));
    }
    EXPECT_OK(ft_rows_end(outer));
    EXPECT(pairs == 15);
    ft_db_close(db);
}

/* The cache knows a statement by its address; a text that changed in place is another one. */
static void test_cache(void **state) {
    (void)state;
    ft_db *db = fresh();
    char sql[600][32];
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 600; i++) {
            int got = -1;
            snprintf(sql[i], sizeof sql[i], "select %d", i * 3 + round);
            EXPECT_OK(ft_db_one(db, NULL, sql[i], "", "n", &got));
            EXPECT(got == i * 3 + round);
        }
    ft_db_close(db);
}

static void test_failures_in_words(void **state) {
    (void)state;
    ft_db *db = fresh();
    EXPECT_OK(ft_db_run(db, "insert into item (name) values (?)", "t", "a"));
    EXPECT_ERR(FT_EEXIST, ft_db_run(db, "insert into item (name) values (?)", "t", "a"));
    EXPECT_WHY("UNIQUE");
    EXPECT_ERR(FT_EINVAL, ft_db_run(db, "select nothing from nowhere", ""));
    EXPECT_WHY("nowhere");
    ft_db_close(db);

    int fd = open(path, O_WRONLY | O_TRUNC);
    EXPECT(fd >= 0 && write(fd, "this is no database, but long enough to be one", 46) == 46);
    close(fd);
    EXPECT_ERR(FT_ECORRUPT, ft_db_open(&db, path));
    EXPECT_WHY(path);
    EXPECT(db == NULL);
    EXPECT_ERR(FT_EIO, ft_db_open(&db, "/nonexistent/x.db"));
}

static void test_transactions(void **state) {
    (void)state;
    ft_db *db = fresh();
    EXPECT_OK(ft_db_begin(db));
    EXPECT_OK(ft_db_begin(db));
    EXPECT_OK(ft_db_run(db, "insert into item (name) values ('a')", ""));
    ft_db_durable(db);
    EXPECT_OK(ft_db_commit(db));
    EXPECT_OK(ft_db_commit(db));
    EXPECT(count_of(db) == 1);

    /* a rollback inside rolls the whole back, and nothing slips out of it afterwards */
    EXPECT_OK(ft_db_begin(db));
    EXPECT_OK(ft_db_run(db, "insert into item (name) values ('b')", ""));
    EXPECT_OK(ft_db_begin(db));
    ft_db_rollback(db);
    EXPECT_ERR(FT_ECONFLICT, ft_db_run(db, "insert into item (name) values ('c')", ""));
    EXPECT_ERR(FT_ECONFLICT, ft_db_begin(db));
    EXPECT_ERR(FT_ECONFLICT, ft_db_commit(db));
    EXPECT(count_of(db) == 1);
    EXPECT_OK(ft_db_run(db, "insert into item (name) values ('d')", ""));
    EXPECT(count_of(db) == 2);
    ft_db_close(db);
}

static void test_versions(void **state) {
    (void)state;
    ft_db *db;
    snprintf(path, sizeof path, "%s/versions.db", test_dir());
    EXPECT_OK(ft_db_open(&db, path));
    EXPECT_OK(ft_db_migrate(db, "test", tables, 1));
    EXPECT_OK(ft_db_run(db, "insert into item (name) values ('kept')", ""));
    EXPECT_OK(ft_db_migrate(db, "test", tables, 3));
    EXPECT_OK(ft_db_migrate(db, "test", tables, 3));
    EXPECT_OK(ft_db_run(db, "update item set extra = 'new' where name = 'kept'", ""));
    EXPECT(ft_db_changes(db) == 1);
    EXPECT_ERR(FT_ECONFLICT, ft_db_migrate(db, "test", tables, 2));
    EXPECT_WHY("newer program");
    static const char *const broken[] = { "create table whole (x)", "this is no SQL" };
    EXPECT_ERR(FT_EINVAL, ft_db_migrate(db, "other", broken, 2));
    int tables_left = -1;
    EXPECT_OK(ft_db_one(db, NULL, "select count(*) from sqlite_schema where name = 'whole'", "",
                        "n", &tables_left));
    EXPECT(tables_left == 0);
    ft_db_close(db);
}

static void test_version_counter(void **state) {
    (void)state;
    ft_db *a = fresh(), *b;
    int64_t before, after;
    EXPECT_OK(ft_db_open(&b, path));
    EXPECT_OK(ft_db_version(&before, a));
    EXPECT_OK(ft_db_version(&after, a));
    EXPECT(before == after);
    EXPECT_OK(ft_db_run(b, "insert into item (name) values ('theirs')", ""));
    EXPECT_OK(ft_db_version(&after, a));
    EXPECT(before != after);
    before = after;
    EXPECT_OK(ft_db_run(a, "insert into item (name) values ('ours')", ""));
    EXPECT_OK(ft_db_version(&after, a));
    EXPECT(before != after);
    ft_db_close(b);
    ft_db_close(a);
}

/* Read, add one, write, in four processes: nothing is lost and nobody is refused. */
static void test_processes_wait_for_each_other(void **state) {
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 200 };
    ft_db *db = fresh();
    EXPECT_OK(ft_db_run(db, "insert into item (id, size) values (1, 0)", ""));
    ft_db_close(db);
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() != 0) continue;
        int size;
        if (ft_db_open(&db, path) != FT_OK) _exit(1);
        for (int i = 0; i < ROUNDS; i++) {
            if (ft_db_begin(db) != FT_OK) _exit(2);
            if (ft_db_one(db, NULL, "select size from item where id = 1", "", "n", &size) != FT_OK)
                _exit(3);
            if (ft_db_run(db, "update item set size = ? where id = 1", "n", size + 1) != FT_OK)
                _exit(4);
            if (ft_db_commit(db) != FT_OK) _exit(5);
        }
        ft_db_close(db);
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        EXPECT(wait(&status) > 0);
        EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    int size = 0;
    EXPECT_OK(ft_db_open(&db, path));
    EXPECT_OK(ft_db_one(db, NULL, "select size from item where id = 1", "", "n", &size));
    EXPECT(size == PROCESSES * ROUNDS);
    ft_db_close(db);
}

/* Whatever call fails, the rows are those of before or of after. */
static void test_each_fault(void **state) {
    (void)state;
    ft_db *db = fresh();
    EACH_FAULT {
        int64_t before, after;
        ft_err err = ft_db_begin(db);
        if (err == FT_OK) {
            err = ft_db_run(db, "insert into item (size) values (1)", "");
            if (err == FT_OK) err = ft_db_run(db, "insert into item (size) values (2)", "");
            if (err == FT_OK) {
                ft_db_durable(db);
                err = ft_db_commit(db);
            } else {
                ft_db_rollback(db);
            }
        }
        ft_fault_off();
        after = count_of(db);
        EXPECT(after % 2 == 0);
        before = after;
        EXPECT_OK(ft_db_run(db, "delete from item", ""));
        if (err == FT_OK) EXPECT(before == 2);
    }
    ft_db_close(db);

    snprintf(path, sizeof path, "%s/faults.db", test_dir());
    EACH_FAULT {
        ft_err err = ft_db_open(&db, path);
        if (err == FT_OK) err = ft_db_migrate(db, "test", tables, 3);
        ft_db_close(db);
        ft_fault_off();
        if (err == FT_OK) break;
    }
    EXPECT_OK(ft_db_open(&db, path));
    EXPECT_OK(ft_db_migrate(db, "test", tables, 3));
    ft_db_close(db);
}

/* Threads with connections of their own queue up: none is refused, none is lost, some commits share
 * a sync. */
static void *commits(void *file) {
    ft_db *db;
    EXPECT_OK(ft_db_open(&db, file));
    for (int i = 0; i < 50; i++) {
        EXPECT_OK(ft_db_begin(db));
        ft_db_durable(db);
        EXPECT_OK(ft_db_run(db, "update item set size = size + 1", ""));
        if (i % 10 == 9)
            ft_db_rollback(db);
        else
            EXPECT_OK(ft_db_commit(db));
    }
    ft_db_close(db);
    return NULL;
}

static void test_threads_queue_up(void **state) {
    char file[300];
    pthread_t threads[4];
    int64_t size;
    ft_db *db;
    (void)state;
    snprintf(file, sizeof file, "%s/threads.db", test_dir());
    EXPECT_OK(ft_db_open(&db, file));
    EXPECT_OK(ft_db_run(db, "create table item (size integer)", ""));
    EXPECT_OK(ft_db_run(db, "insert into item values (0)", ""));
    for (int i = 0; i < 4; i++) EXPECT(pthread_create(&threads[i], NULL, commits, file) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    EXPECT_OK(ft_db_one(db, NULL, "select size from item", "", "i", &size));
    EXPECT(size == 4 * 45);
    ft_db_close(db);
}

TEST_MAIN(cmocka_unit_test(test_threads_queue_up), cmocka_unit_test(test_formats),
          cmocka_unit_test(test_query_inside_itself), cmocka_unit_test(test_cache),
          cmocka_unit_test(test_failures_in_words), cmocka_unit_test(test_transactions),
          cmocka_unit_test(test_versions), cmocka_unit_test(test_version_counter),
          cmocka_unit_test(test_processes_wait_for_each_other), cmocka_unit_test(test_each_fault))
