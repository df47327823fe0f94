/* tar_test.c -- archives against Python's tarfile, both ways. */
#include "data/tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/files.h"
#include "tests/test.h"

static ft_err into(void *ctx, ft_str bytes) { return ft_buf_add(ctx, bytes); }

static int python(const char *script, const char *argument) {
    char command[4096];
    snprintf(command, sizeof command, "/usr/bin/python3 -c '%s' '%s'", script, argument);
    return system(command);
}

static char dir[64], archive[96];
static ft_arena arena;

static void make_place(void) {
    snprintf(dir, sizeof dir, "/tmp/ft-tar-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(archive, sizeof archive, "%s/a.tar.gz", dir);
}

static void drop_place(void) {
    ft_dir_remove(dir);
    ft_arena_fini(&arena);
}

static void write_archive(const char *name, ft_str bytes) {
    ft_buf out = { 0 };
    ft_tar *t;
    EXPECT_OK(ft_tar_new(&t, into, &out));
    EXPECT_OK(ft_tar_add(t, ft_str_of(name), bytes));
    EXPECT_OK(ft_tar_add(t, FT_STR("empty"), FT_STR("")));
    EXPECT_OK(ft_tar_end(t));
    ft_tar_free(t);
    EXPECT_OK(ft_file_write_atomic(archive, ft_buf_str(&out), false));
    ft_buf_fini(&out);
}

static void test_python_reads(void **state) {
    FT_UNUSED(state);
    make_place();
    write_archive("xgboost-model", FT_STR("{\"a\":1}"));
    assert_int_equal(python("import sys,tarfile\n"
                            "t=tarfile.open(sys.argv[1],\"r:gz\")\n"
                            "assert t.getnames()==[\"xgboost-model\",\"empty\"]\n"
                            "assert t.extractfile(\"xgboost-model\").read()==b\"{\\\"a\\\":1}\"",
                            archive),
                     0);
    drop_place();
}

static void test_round_trip(void **state) {
    FT_UNUSED(state);
    char name[221], big[3000];
    const char *path;
    ft_str got;
    memset(name, 'd', 220), name[220] = '\0', name[130] = '/', name[60] = '/';
    memset(big, 'x', sizeof big);
    make_place();
    write_archive(name, ft_str_n(big, sizeof big));
    EXPECT_OK(ft_tar_unpack(archive, dir, NULL));
    EXPECT_OK(ft_path_join(&path, &arena, dir, name));
    EXPECT_OK(ft_file_read(&got, &arena, path, 1 << 20));
    assert_true(ft_str_eq(got, ft_str_n(big, sizeof big)));
    assert_int_equal(ft_tar_unpack(archive, dir, &(ft_tar_opts){ .bytes_max = 100 }), FT_ETOOBIG);
    drop_place();
}

static void test_python_writes(void **state) {
    FT_UNUSED(state);
    const char *path;
    char deep[512];
    ft_str got;
    int formats[] = { 0, 1, 2 }; /* ustar, GNU, pax */
    for (size_t i = 0; i < FT_COUNT(formats); i++) {
        char script[700];
        make_place();
        snprintf(script, sizeof script,
                 "import sys,tarfile,io\n"
                 "t=tarfile.open(sys.argv[1],\"w:gz\",format=%d)\n"
                 "i=tarfile.TarInfo(\"code/\"+(\"n\"*90)+\"/\"+\"m\"*%d)\n"
                 "i.size=5\nt.addfile(i,io.BytesIO(b\"hello\"))\n"
                 "d=tarfile.TarInfo(\"some\");d.type=tarfile.DIRTYPE;t.addfile(d)\nt.close()",
                 formats[i], formats[i] ? 180 : 50);
        assert_int_equal(python(script, archive), 0);
        EXPECT_OK(ft_tar_unpack(archive, dir, NULL));
        snprintf(deep, sizeof deep, "code/%090d/%0*d", 0, formats[i] ? 180 : 50, 0);
        for (char *c = deep + 5; *c && *c != '/'; c++) *c = 'n';
        for (char *c = deep + 96; *c; c++) *c = 'm';
        EXPECT_OK(ft_path_join(&path, &arena, dir, deep));
        EXPECT_OK(ft_file_read(&got, &arena, path, 100));
        assert_true(ft_str_is(got, "hello"));
        EXPECT_OK(ft_path_join(&path, &arena, dir, "some"));
        assert_true(ft_file_exists(path));
        drop_place();
    }
}

static void test_refused(void **state) {
    FT_UNUSED(state);
    static const char *const members[] = { "i=tarfile.TarInfo(\"../out\")",
                                           "i=tarfile.TarInfo(\"/etc/out\")",
                                           "i=tarfile.TarInfo(\"l\");i.type=tarfile.SYMTYPE;"
                                           "i.linkname=\"/etc\"" };
    for (size_t i = 0; i < FT_COUNT(members); i++) {
        char script[300];
        make_place();
        snprintf(
            script, sizeof script,
            "import sys,tarfile\nt=tarfile.open(sys.argv[1],\"w\")\n%s\nt.addfile(i)\nt.close()",
            members[i]);
        assert_int_equal(python(script, archive), 0);
        assert_int_equal(ft_tar_unpack(archive, dir, NULL), i == 2 ? FT_EUNSUPPORTED : FT_EDENIED);
        drop_place();
    }
    make_place();
    EXPECT_OK(ft_file_write_atomic(archive, FT_STR("no archive, but longer than nothing"), false));
    assert_int_equal(ft_tar_unpack(archive, dir, NULL), FT_ECORRUPT);
    drop_place();
}

static void test_faults(void **state) {
    FT_UNUSED(state);
    make_place();
    write_archive("a/b", FT_STR("body"));
    EACH_FAULT {
        ft_err err = ft_tar_unpack(archive, dir, NULL);
        if (err != FT_OK) EXPECT(err == FT_ENOMEM || err == FT_EIO);
    }
    EACH_FAULT {
        ft_buf out = { 0 };
        ft_tar *t;
        if (ft_tar_new(&t, into, &out) == FT_OK) (void)ft_tar_add(t, FT_STR("a"), FT_STR("body"));
        ft_tar_free(t);
        ft_buf_fini(&out);
    }
    drop_place();
}

TEST_MAIN(cmocka_unit_test(test_python_reads), cmocka_unit_test(test_round_trip),
          cmocka_unit_test(test_python_writes), cmocka_unit_test(test_refused),
          cmocka_unit_test(test_faults))
