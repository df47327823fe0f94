/* Raw shards: written and read back, every byte flipped, cut, shrunk while read, full disk. */
#include "data/shard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "base/random.h"
#include "data/shard_in.h"
#include "data/table_test.h"

static const ft_field fixed_fields[] = {
    { .name = { "image", 5 }, .dtype = FT_U8, .ndim = 3, .shape = { 4, 5, 3 } },
    { .name = { "label", 5 }, .dtype = FT_I64 },
    { .name = { "box", 3 }, .dtype = FT_F32, .ndim = 2, .shape = { 8, 4 } },
};
static const ft_field varied_fields[] = {
    { .name = { "jpg", 3 }, .kind = FT_FIELD_IMAGE, .dtype = FT_U8, .ndim = 1, .shape = { -1 } },
    { .name = { "label", 5 }, .dtype = FT_F32 },
    { .name = { "text", 4 }, .kind = FT_FIELD_TEXT, .dtype = FT_U8, .ndim = 1, .shape = { -1 } },
    { .name = { "points", 6 }, .dtype = FT_F32, .ndim = 2, .shape = { -1, 2 } },
};

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

/* Record i of the fixed kind. */
static void fixed_record(ft_array *v, uint64_t i) {
    static uint8_t image[60];
    static int64_t label;
    static float box[32];
    for (size_t k = 0; k < sizeof image; k++) image[k] = (uint8_t)(i * 7 + k);
    for (size_t k = 0; k < 32; k++) box[k] = (float)i + (float)k / 32;
    label = (int64_t)i * 1000003;
    v[0] = (ft_array){ .dtype = FT_U8, .ndim = 3, .shape = { 4, 5, 3 }, .data = image };
    v[1] = (ft_array){ .dtype = FT_I64, .data = &label };
    v[2] = (ft_array){ .dtype = FT_F32, .ndim = 2, .shape = { 8, 4 }, .data = box };
}

/* Record i of the other kind: some values absent, some empty. */
static void varied_record(ft_array *v, uint64_t i) {
    static uint8_t jpg[3000];
    static float label, points[64];
    size_t bytes = (size_t)(i * 37 % sizeof jpg);
    for (size_t k = 0; k < bytes || k < 16; k++) jpg[k] = (uint8_t)(i + k * 3);
    for (size_t k = 0; k < 64; k++) points[k] = (float)(i + k);
    label = (float)i / 4;
    v[0] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)bytes }, .data = jpg };
    v[1] = (ft_array){ .dtype = FT_F32, .data = &label };
    v[2] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)(i % 11) }, .data = jpg };
    v[3] = (ft_array){ .dtype = FT_F32, .ndim = 2, .shape = { (int64_t)(i % 32), 2 } };
    v[3].data = points;
    if (i % 5 == 4) v[2].data = NULL;
}

static ft_err write_shard(const char *path, bool varied, uint64_t count, ft_str meta) {
    ft_err err;
    ft_shard_writer *w;
    ft_array v[4];
    FT_GOTO(err, varied ? ft_shard_writer_new(&w, path, varied_fields, 4)
                        : ft_shard_writer_new(&w, path, fixed_fields, 3));
    for (uint64_t i = 0; i < count; i++) {
        if (varied)
            varied_record(v, i);
        else
            fixed_record(v, i);
        FT_GOTO(err, ft_shard_write(w, v));
    }
    FT_GOTO(err, ft_shard_writer_end(w, meta));
done:
    ft_shard_writer_free(w);
    return err;
}

static bool same(const ft_array *a, const ft_array *b) {
    if (!a->data || !b->data) return !a->data && !b->data;
    if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d]) return false;
    size_t bytes = ft_array_bytes(a);
    return bytes == 0 || memcmp(a->data, b->data, bytes) == 0;
}

static void expect_record(ft_shard *s, bool varied, uint64_t i) {
    ft_array got[4], want[4];
    uint64_t offset, bytes;
    EXPECT_OK(ft_shard_read(got, s, i, &offset, &bytes));
    if (varied)
        varied_record(want, i);
    else
        fixed_record(want, i);
    for (int k = 0; k < (varied ? 4 : 3); k++) EXPECT(same(&got[k], &want[k]));
    EXPECT(offset % (varied ? 64 : 8) == 0 && bytes >= 24);
}

static void test_fixed(void **state) {
    ft_shard *s;
    size_t count;
    (void)state;
    EXPECT_OK(write_shard(path_of("a.fts"), false, 5000, FT_STR("{\"classes\":[\"x\"]}")));
    EXPECT_OK(ft_shard_open(&s, path_of("a.fts"), NULL));
    const ft_field *f = ft_shard_fields(s, &count);
    EXPECT(count == 3 && ft_shard_count(s) == 5000);
    EXPECT_STR("image", f[0].name);
    EXPECT(f[0].kind == FT_FIELD_ARRAY && f[0].ndim == 3 && f[0].shape[1] == 5);
    EXPECT_STR("{\"classes\":[\"x\"]}", ft_shard_meta(s));
    for (uint64_t i = 0; i < 5000; i += 7) expect_record(s, false, 4999 - i);
    EXPECT_OK(ft_shard_verify(s, 0, 5000));
    EXPECT_ERR(FT_EINVAL, ft_shard_verify(s, 4999, 2));
    EXPECT_ERR(FT_EINVAL, ft_shard_verify(s, 5000, 1));
    EXPECT_OK(ft_shard_intact(s));
    ft_shard_free(s);
}

static void test_varied(void **state) {
    ft_shard *s;
    (void)state;
    EXPECT_OK(write_shard(path_of("b.fts"), true, 2000, FT_STR("")));
    EXPECT_OK(ft_shard_open(&s, path_of("b.fts"), NULL));
    EXPECT(ft_shard_count(s) == 2000);
    EXPECT_STR("{}", ft_shard_meta(s));
    for (uint64_t i = 0; i < 2000; i++) expect_record(s, true, i * 1009 % 2000);
    ft_shard_free(s);
    EXPECT_OK(write_shard(path_of("none.fts"), true, 0, FT_STR("")));
    EXPECT_OK(ft_shard_open(&s, path_of("none.fts"), NULL));
    EXPECT(ft_shard_count(s) == 0);
    ft_shard_free(s);
}

/* Big values get blocks of their own and 64-byte places. */
static void test_large(void **state) {
    ft_shard_writer *w;
    ft_shard *s;
    ft_field f = { .name = FT_STR("x"), .dtype = FT_F32, .ndim = 2, .shape = { 1024, 300 } };
    float *x = malloc(1024 * 300 * 4);
    (void)state;
    EXPECT(x);
    EXPECT_OK(ft_shard_writer_new(&w, path_of("c.fts"), &f, 1));
    for (int i = 0; i < 12; i++) {
        for (int k = 0; k < 1024 * 300; k++) x[k] = (float)(i * k);
        ft_array v = { .dtype = FT_F32, .ndim = 2, .shape = { 1024, 300 }, .data = x };
        EXPECT_OK(ft_shard_write(w, &v));
    }
    EXPECT_OK(ft_shard_writer_end(w, FT_STR("")));
    ft_shard_writer_free(w);
    EXPECT_OK(ft_shard_open(&s, path_of("c.fts"), NULL));
    ft_array v;
    EXPECT_OK(ft_shard_read(&v, s, 7, NULL, NULL));
    EXPECT((uintptr_t)v.data % 64 == 0 && ((float *)v.data)[1000] == 7000.0f);
    ft_shard_free(s);
    free(x);
}

static void test_refused(void **state) {
    ft_shard_writer *w;
    ft_field two[] = { fixed_fields[1], fixed_fields[1] }, f = fixed_fields[0];
    ft_array v[3];
    (void)state;
    EXPECT_ERR(FT_EINVAL, ft_shard_writer_new(&w, path_of("r.fts"), two, 2));
    EXPECT_WHY("two fields are named 'label'");
    EXPECT_ERR(FT_EINVAL, ft_shard_writer_new(&w, path_of("r.fts"), two, 0));
    f.name.len = 0;
    EXPECT_ERR(FT_EINVAL, ft_shard_writer_new(&w, path_of("r.fts"), &f, 1));
    f = fixed_fields[0];
    f.shape[0] = INT64_MAX / 100;
    EXPECT_ERR(FT_ETOOBIG, ft_shard_writer_new(&w, path_of("r.fts"), &f, 1));
    EXPECT_ERR(FT_ENOTFOUND, ft_shard_writer_new(&w, path_of("no/r.fts"), fixed_fields, 3));
    EXPECT_OK(ft_shard_writer_new(&w, path_of("r.fts"), fixed_fields, 3));
    fixed_record(v, 0);
    v[0].shape[0] = 3;
    EXPECT_ERR(FT_EINVAL, ft_shard_write(w, v));
    EXPECT_WHY("record 0: field 'image' has another shape");
    fixed_record(v, 0);
    v[1].data = NULL;
    EXPECT_ERR(FT_EINVAL, ft_shard_write(w, v));
    fixed_record(v, 0);
    v[1].dtype = FT_F32;
    EXPECT_ERR(FT_EINVAL, ft_shard_write(w, v));
    ft_shard_writer_free(w);
    EXPECT(access(path_of("r.fts"), F_OK) != 0);
}

/* The bytes of a small shard; NULL when there is no memory. */
static char *bytes_of(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    EXPECT(f && fseek(f, 0, SEEK_END) == 0);
    *len = (size_t)ftell(f);
    rewind(f);
    char *at = malloc(*len);
    EXPECT(at && fread(at, 1, *len, f) == *len);
    fclose(f);
    return at;
}

static ft_err read_everything(const char *path, uint64_t *count) {
    ft_shard *s;
    ft_array v[4];
    ft_err err = ft_shard_open(&s, path, NULL);
    *count = 0;
    if (err) return err;
    for (uint64_t i = 0; i < ft_shard_count(s) && !err; i++) {
        err = ft_shard_read(v, s, i, NULL, NULL);
        if (!err) ++*count;
    }
    ft_shard_free(s);
    return err;
}

/* No flipped bit and no cut goes unseen, but for the zeros between header and data. */
static void damage(bool varied) {
    size_t len;
    uint64_t count;
    EXPECT_OK(write_shard(path_of("d.fts"), varied, 20, FT_STR("{\"a\":1}")));
    char *at = bytes_of(path_of("d.fts"), &len), *copy = malloc(len);
    size_t header = 64 + (varied ? 4 : 3) * 192 + 4;
    EXPECT(copy);
    for (size_t i = 0; i < len; i += i < header || i > len - 200 ? 1 : 41) {
        if (i >= header && i < 4096) continue;
        memcpy(copy, at, len);
        copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
        test_file("e.fts", copy, len);
        ft_err err = read_everything(path_of("e.fts"), &count);
        EXPECT(err == FT_ECORRUPT || (i < 12 && err == FT_EUNSUPPORTED));
    }
    for (size_t cut = 0; cut < len; cut += cut < header ? 13 : 97) {
        test_file("e.fts", at, cut);
        EXPECT_ERR(FT_ECORRUPT, read_everything(path_of("e.fts"), &count));
    }
    free(copy);
    free(at);
}

static void test_damage(void **state) {
    (void)state;
    damage(false);
    damage(true);
}

/* Checksums that fit, contents that cannot be: an index that points past the end, a slot too. */
static void test_lies(void **state) {
    size_t len;
    uint64_t count;
    ft_shard_foot foot;
    (void)state;
    EXPECT_OK(write_shard(path_of("l.fts"), true, 20, FT_STR("")));
    char *at = bytes_of(path_of("l.fts"), &len);
    memcpy(&foot, at + len - 64, 64);
    char *offsets = at + foot.index_offset + foot.block_count * 32;
    for (uint64_t lie = 64; lie; lie = lie * 16) {
        uint64_t before;
        memcpy(&before, offsets + 5 * 8, 8);
        memcpy(offsets + 5 * 8, &lie, 8);
        foot.index_crc = ft_crc32c(0, at + foot.index_offset, foot.index_bytes);
        foot.crc = ft_crc32c(0, &foot, 52);
        memcpy(at + len - 64, &foot, 64);
        test_file("l.fts", at, len);
        EXPECT_ERR(FT_ECORRUPT, read_everything(path_of("l.fts"), &count));
        EXPECT_WHY("the index points outside its block");
        EXPECT(count == 5 || count == 4);
        memcpy(offsets + 5 * 8, &before, 8);
    }
    uint64_t first, far = 1 << 20;
    ft_shard_block block;
    memcpy(&first, offsets + 8, 8); /* record 1: its image's slot */
    memcpy(at + first, &far, 8);
    memcpy(&block, at + foot.index_offset, sizeof block);
    block.crc = ft_crc32c(0, at + block.offset, block.bytes);
    memcpy(at + foot.index_offset, &block, sizeof block);
    foot.index_crc = ft_crc32c(0, at + foot.index_offset, foot.index_bytes);
    foot.crc = ft_crc32c(0, &foot, 52);
    memcpy(at + len - 64, &foot, 64);
    test_file("l.fts", at, len);
    EXPECT_ERR(FT_ECORRUPT, read_everything(path_of("l.fts"), &count));
    EXPECT_WHY("record 1: field 'jpg' points outside it");
    free(at);
}

static void test_shrinks(void **state) {
    ft_shard *s;
    ft_array v[8];
    (void)state;
    for (int varies = 0; varies < 2; varies++) {
        ft_shard_opts opts = { .no_check = varies };
        EXPECT_OK(write_shard(path_of("s.fts"), varies, 5000, FT_STR("")));
        EXPECT_OK(ft_shard_open(&s, path_of("s.fts"), &opts));
        EXPECT_OK(ft_shard_read(v, s, 0, NULL, NULL));
        EXPECT(truncate(path_of("s.fts"), varies ? 5000 : 300000) == 0);
        EXPECT_ERR(FT_ECORRUPT, ft_shard_read(v, s, 4999, NULL, NULL));
        EXPECT_WHY("shrank");
        EXPECT_ERR(FT_ECORRUPT, ft_shard_intact(s));
        ft_shard_free(s);
    }
}

/* A disk that is full: the old shard stays, nothing else does. */
static void test_full_disk(void **state) {
    (void)state;
    EXPECT_OK(write_shard(path_of("f.fts"), false, 3, FT_STR("")));
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = { 1 << 20, 1 << 20 };
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        ft_err err = write_shard(path_of("f.fts"), false, 100000, FT_STR(""));
        _exit(err == FT_ENOSPC || err == FT_EIO ? 42 : 1);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status));
    EXPECT(WEXITSTATUS(status) == 42);
    uint64_t count;
    EXPECT_OK(read_everything(path_of("f.fts"), &count));
    EXPECT(count == 3);
}

static void test_faults(void **state) {
    (void)state;
    EXPECT_OK(write_shard(path_of("g.fts"), true, 3, FT_STR("")));
    EACH_FAULT {
        uint64_t count;
        ft_err err = read_everything(path_of("g.fts"), &count);
        EXPECT(err || count == 3);
    }
    EACH_FAULT {
        ft_err err = write_shard(path_of("g.fts"), true, 5, FT_STR("{}"));
        long round = fault_;
        uint64_t count;
        ft_fault_off();
        EXPECT_OK(read_everything(path_of("g.fts"), &count));
        EXPECT(count == 3 || count == 5);
        EXPECT(err || count == 5);
        fault_ = round;
    }
}

TEST_MAIN(cmocka_unit_test(test_fixed), cmocka_unit_test(test_varied), cmocka_unit_test(test_large),
          cmocka_unit_test(test_refused), cmocka_unit_test(test_damage),
          cmocka_unit_test(test_lies), cmocka_unit_test(test_shrinks),
          cmocka_unit_test(test_full_disk), cmocka_unit_test(test_faults))
