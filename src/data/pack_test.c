/* Packing: the same files whatever the number of threads, shards, order, pictures, going on. */
#include "data/pack.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/check.h"
#include "base/hash.h"
#include "data/dataset_test.h"
#include "media/image.h"

static const ft_field fields[] = {
    { .name = { "jpg", 3 }, .kind = FT_FIELD_IMAGE, .dtype = FT_U8, .ndim = 1, .shape = { -1 } },
    { .name = { "cls", 3 }, .dtype = FT_I64 },
};

/* A picture of one colour that tells its number: rows by columns differ. */
static void picture(ft_array *v, uint64_t i) {
    static ft_buf b;
    static int64_t label;
    uint8_t pixels[40 * 30 * 3];
    memset(pixels, (int)(i % 251), sizeof pixels);
    int width = i % 2 ? 40 : 30, height = i % 2 ? 30 : 40;
    ft_image image = { pixels, width, height, 3, (size_t)width * 3 };
    ft_encode_opts how = { .kind = FT_IMAGE_PNG, .level = 1 };
    ft_buf_reset(&b);
    EXPECT_OK(ft_image_encode(&b, &image, &how));
    label = (int64_t)(i % 10);
    v[0] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { (int64_t)b.len }, .data = b.at };
    v[1] = (ft_array){ .dtype = FT_I64, .data = &label };
}
static const test_set pictures = { fields, 2, picture };

static ft_err pack(ft_pack_told *told, const char *from, const char *to, const ft_pack_opts *opts) {
    ft_dataset *d;
    FT_TRY(test_set_open(&d, from, NULL));
    ft_err err = ft_pack(told, d, to, opts);
    ft_dataset_free(d);
    return err;
}

static void hash_of(char out[65], const char *path) { EXPECT_OK(ft_sha256_file(out, path)); }

static void test_same_whatever_threads(void **state) {
    ft_pack_told told;
    char one[65], many[65];
    (void)state;
    test_set_write(test_set_path("p.tar"), &pictures, 700);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        ft_pack_opts opts = {
            .threads = 1, .width = 16, .height = 16, .force = true, .shuffle = shuffle, .seed = 5
        };
        EXPECT_OK(pack(&told, test_set_path("p.tar"), test_set_path("one.fts"), &opts));
        EXPECT(told.records == 700 && told.shards == 1 && told.bad == 0);
        opts.threads = 3;
        EXPECT_OK(pack(&told, test_set_path("p.tar"), test_set_path("many.fts"), &opts));
        hash_of(one, test_set_path("one.fts"));
        hash_of(many, test_set_path("many.fts"));
        EXPECT(strcmp(one, many) == 0);
    }
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    EXPECT_OK(test_set_open(&d, test_set_path("many.fts"), NULL));
    const ft_field *f = ft_dataset_fields(d, NULL);
    int image = ft_dataset_find(d, FT_STR("image")), label = ft_dataset_find(d, FT_STR("label"));
    EXPECT(image >= 0 && label >= 0 && f[image].kind == FT_FIELD_ARRAY && f[image].shape[0] == 16);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    uint64_t moved = 0, sum = 0;
    for (uint64_t i = 0; i < 700; i++) {
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        const uint8_t *pixels = s.values[image].data;
        sum += pixels[0];
        moved += pixels[0] != i % 251;
        for (int k = 1; k < 16 * 16 * 3; k++) EXPECT(pixels[k] == pixels[0]);
    }
    uint64_t want = 0;
    for (uint64_t i = 0; i < 700; i++) want += i % 251;
    EXPECT(sum == want && moved > 600);
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

static void test_forms(void **state) {
    static const struct {
        ft_pack_form form;
        ft_pack_fit fit;
        const char *to;
        int64_t height, width; /* of record 1, which is 40 x 30; 0: encoded */
    } cases[] = {
        { FT_PACK_RAW, FT_PACK_CROP, "r.fts", 10, 20 },
        { FT_PACK_RAW, FT_PACK_SQUASH, "s.fts", 10, 20 },
        { FT_PACK_RAW, FT_PACK_SHORT, "t.fts", 15, 20 },
        { FT_PACK_JPEG, FT_PACK_CROP, "u.tar", 0, 0 },
        { FT_PACK_PNG, FT_PACK_CROP, "v.rec", 0, 0 },
        { FT_PACK_REGIONS, FT_PACK_CROP, "w.tar", 0, 0 },
    };
    (void)state;
    test_set_write(test_set_path("q.tar"), &pictures, 20);
    for (size_t k = 0; k < FT_COUNT(cases); k++) {
        ft_pack_told told;
        ft_dataset *d;
        ft_dataset_reader *r;
        ft_sample s;
        ft_pack_opts opts = {
            .width = 20, .height = 10, .fit = cases[k].fit, .form = cases[k].form
        };
        EXPECT_OK(pack(&told, test_set_path("q.tar"), test_set_path(cases[k].to), &opts));
        EXPECT_OK(test_set_open(&d, test_set_path(cases[k].to), NULL));
        EXPECT_OK(ft_dataset_reader_new(&r, d));
        EXPECT_OK(ft_dataset_read(&s, r, 0, 1));
        const ft_array *v = &s.values[ft_dataset_find(d, FT_STR("image"))];
        if (cases[k].width) {
            EXPECT(v->ndim == 3 && v->shape[0] == cases[k].height && v->shape[1] == cases[k].width);
        } else {
            ft_image_info info;
            EXPECT_OK(ft_image_probe(&info, ft_str_n(v->data, (size_t)v->shape[0])));
            EXPECT(info.width == 20 && info.height == 10);
            EXPECT((info.kind == FT_IMAGE_PNG) == (cases[k].form == FT_PACK_PNG));
        }
        ft_dataset_reader_free(r);
        ft_dataset_free(d);
    }
    ft_pack_told told;
    ft_pack_opts opts = { 0 };
    EXPECT_ERR(FT_EEXIST, pack(&told, test_set_path("q.tar"), test_set_path("r.fts"), &opts));
    EXPECT_WHY("say --force to replace it");
    EXPECT_ERR(FT_EINVAL, pack(&told, test_set_path("q.tar"), test_set_path("x.what"), &opts));
    test_text("n.csv", "a,b\n1,2\n3,4\n");
    opts.width = opts.height = 8;
    EXPECT_ERR(FT_EINVAL, pack(&told, test_set_path("n.csv"), test_set_path("n.fts"), &opts));
    EXPECT_WHY("there are no pictures to resize");
}

/* As regions: the pixels stay, and a JPEG's data can be begun in the middle. */
static void test_regions(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_pack_told told;
    ft_dataset *d[2];
    ft_dataset_reader *r[2];
    ft_pack_opts jpeg = { .form = FT_PACK_JPEG }, opts = { .form = FT_PACK_REGIONS };
    test_set_write(test_set_path("f.tar"), &pictures, 20);
    EXPECT_OK(pack(&told, test_set_path("f.tar"), test_set_path("g.tar"), &jpeg));
    EXPECT_OK(pack(&told, test_set_path("g.tar"), test_set_path("h.tar"), &opts));
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(test_set_open(&d[i], test_set_path(i ? "h.tar" : "g.tar"), NULL));
        EXPECT_OK(ft_dataset_reader_new(&r[i], d[i]));
    }
    for (uint64_t n = 0; n < 20; n++) {
        ft_image image[2];
        ft_str file[2];
        for (int i = 0; i < 2; i++) {
            ft_sample s;
            EXPECT_OK(ft_dataset_read(&s, r[i], 0, n));
            const ft_array *v = &s.values[ft_dataset_find(d[i], FT_STR("image"))];
            EXPECT_OK(ft_arena_str(&file[i], &arena, ft_str_n(v->data, (size_t)v->shape[0])));
            EXPECT_OK(ft_image_decode(&image[i], &arena, file[i], NULL));
        }
        size_t bytes = ft_image_row_bytes(&image[0]) * (size_t)image[0].height;
        EXPECT(image[0].width == image[1].width && image[0].height == image[1].height);
        EXPECT(memcmp(image[0].data, image[1].data, bytes) == 0);
        EXPECT(memmem(file[1].at, file[1].len, "\xff\xdd\0\4", 4));
    }
    for (int i = 0; i < 2; i++) ft_dataset_reader_free(r[i]), ft_dataset_free(d[i]);
    ft_arena_fini(&arena);
}

/* Large records of nothing that packs: numbers, not pictures. */
static const ft_field big_fields[] = {
    { .name = { "x", 1 }, .dtype = FT_U8, .ndim = 1, .shape = { 50000 } }
};
static void big(ft_array *v, uint64_t i) {
    static uint8_t x[50000];
    for (size_t k = 0; k < sizeof x; k++) x[k] = (uint8_t)(i * 31 + k * 7);
    v[0] = (ft_array){ .dtype = FT_U8, .ndim = 1, .shape = { 50000 }, .data = x };
}
static const test_set bigs = { big_fields, 1, big };

static void test_shards_and_resume(void **state) {
    ft_pack_told told;
    char want[65], got[65];
    (void)state;
    test_set_write(test_set_path("b.fts"), &bigs, 100);
    ft_pack_opts opts = { .shards = true, .shard_bytes = 1000000, .shuffle = true, .seed = 3 };
    EXPECT_OK(pack(&told, test_set_path("b.fts"), test_set_path("c.fts"), &opts));
    EXPECT(told.shards == 5 && told.records == 100);
    EXPECT(strstr(told.why, "as asked"));
    hash_of(want, test_set_path("c-00003.fts"));
    /* As after a kill: two whole shards, half of a third. */
    for (int i = 2; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "c-%05d.fts", i);
        EXPECT(unlink(test_set_path(name)) == 0);
    }
    test_text("c-00002.fts.01234567-89ab-7def-8123-456789abcdef.part", "half");
    EXPECT_ERR(FT_EEXIST, pack(&told, test_set_path("b.fts"), test_set_path("c.fts"), &opts));
    EXPECT_WHY("or --resume to go on");
    opts.resume = true;
    EXPECT_OK(pack(&told, test_set_path("b.fts"), test_set_path("c.fts"), &opts));
    EXPECT(told.resumed == 40 && told.records == 60 && told.shards == 5);
    EXPECT(access(test_set_path("c-00002.fts.01234567-89ab-7def-8123-456789abcdef.part"), F_OK) !=
           0);
    hash_of(got, test_set_path("c-00003.fts"));
    EXPECT(strcmp(want, got) == 0);
    ft_dataset *d;
    EXPECT_OK(test_set_open(&d, test_set_path("c-{00000..00004}.fts"), NULL));
    EXPECT(ft_dataset_count(d) == 100);
    ft_dataset_free(d);
    opts.seed = 4;
    EXPECT(unlink(test_set_path("c-00004.fts")) == 0);
    EXPECT_ERR(FT_ECONFLICT, pack(&told, test_set_path("b.fts"), test_set_path("c.fts"), &opts));
    EXPECT_WHY("packed with other options");
    opts = (ft_pack_opts){ .shards = true, .force = true };
    EXPECT_OK(pack(&told, test_set_path("b.fts"), test_set_path("c.fts"), &opts));
    EXPECT(told.shards == 1 && strstr(told.why, "one file: 5 MB"));
    EXPECT(access(test_set_path("c-00000.fts"), F_OK) != 0); /* none of the old ones stays */
}

/* Damaged records: the work ends with their name, or goes on without them. */
static void test_bad(void **state) {
    ft_pack_told told;
    (void)state;
    const char *path = test_set_path("d.tfrecord");
    test_set_write(path, &pictures, 50);
    FILE *f = fopen(path, "r+b");
    EXPECT(f && fseek(f, 700, SEEK_SET) == 0 && fputc(0x55, f) != EOF && fclose(f) == 0);
    ft_pack_opts opts = { 0 };
    EXPECT_ERR(FT_ECORRUPT, pack(&told, path, test_set_path("e.fts"), &opts));
    EXPECT_WHY("d.tfrecord', record ");
    EXPECT_WHY("checksum");
    EXPECT(access(test_set_path("e.fts"), F_OK) != 0);
    opts.bad_max = 1;
    EXPECT_OK(pack(&told, path, test_set_path("e.fts"), &opts));
    EXPECT(told.records == 49 && told.bad == 1);
}

/* A full disk: an error, and what was there stays. */
static void test_full_disk(void **state) {
    (void)state;
    test_set_write(test_set_path("g.fts"), &bigs, 100);
    test_text("h.tar", "old");
    pid_t child = fork();
    if (child == 0) {
        ft_pack_told told;
        struct rlimit limit = { 2000000, 2000000 };
        ft_pack_opts opts = { .force = true };
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        ft_err err = pack(&told, test_set_path("g.fts"), test_set_path("h.tar"), &opts);
        _exit(err == FT_EIO || err == FT_ENOSPC ? 42 : 1);
    }
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42);
    struct stat st;
    EXPECT(stat(test_set_path("h.tar"), &st) == 0 && st.st_size == 3);
}

static ft_err stop(void *ctx, const ft_pack_progress *p) {
    (void)ctx;
    return p->records ? FT_FAIL(FT_ECANCELED, "enough") : FT_OK;
}

static void test_canceled(void **state) {
    ft_pack_told told;
    (void)state;
    test_set_write(test_set_path("k.fts"), &bigs, 100);
    ft_pack_opts opts = { .progress = stop };
    EXPECT_ERR(FT_ECANCELED, pack(&told, test_set_path("k.fts"), test_set_path("l.fts"), &opts));
    EXPECT(access(test_set_path("l.fts"), F_OK) != 0);
}

static void test_faults(void **state) {
    (void)state;
    test_set_write(test_set_path("m.fts"), &bigs, 3);
    EACH_FAULT {
        ft_pack_told told;
        ft_pack_opts opts = { .threads = 1, .force = true };
        ft_err err = pack(&told, test_set_path("m.fts"), test_set_path("n.tfrecord"), &opts);
        EXPECT(err || told.records == 3);
    }
}

TEST_MAIN(cmocka_unit_test(test_same_whatever_threads), cmocka_unit_test(test_forms),
          cmocka_unit_test(test_regions), cmocka_unit_test(test_shards_and_resume),
          cmocka_unit_test(test_bad), cmocka_unit_test(test_full_disk),
          cmocka_unit_test(test_canceled), cmocka_unit_test(test_faults))
