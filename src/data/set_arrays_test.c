/* Arrays as datasets, against NumPy: npy of every order, npz stored and packed, IDX with labels. */
#include "data/dataset_test.h"

static bool have_numpy(void) {
    return system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") == 0;
}

static void python(const char *body) {
    char script[4096];
    snprintf(script, sizeof script, "cd '%s' && /usr/bin/python3 -c \"import numpy as n\n%s\"",
             test_dir(), body);
    EXPECT(system(script) == 0);
}

/* Every row of "a.*" is x[i, j, k] = i * 6 + j * 3 + k. */
static void expect_cube(const char *name, const char *field, ft_dtype dtype, bool mapped) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    EXPECT_OK(test_set_open(&d, test_set_path(name), NULL));
    int at = ft_dataset_find(d, ft_str_of(field));
    EXPECT(at >= 0 && ft_dataset_count(d) == 5 && ft_dataset_mapped(d) == mapped);
    const ft_field *f = &ft_dataset_fields(d, NULL)[at];
    EXPECT(f->dtype == dtype && f->ndim == 2 && f->shape[0] == 2 && f->shape[1] == 3);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    for (uint64_t i = 5; i-- > 0;) {
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        for (int64_t k = 0; k < 6; k++)
            EXPECT(ft_array_f64(&s.values[at], k) == (double)(i * 6 + (uint64_t)k));
        EXPECT((uintptr_t)s.values[at].data % ft_dtype_bytes(dtype) == 0);
    }
    EXPECT_OK(ft_dataset_intact(r));
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

static void test_npy(void **state) {
    (void)state;
    if (!have_numpy()) SKIP("NumPy is absent");
    python("x = n.arange(30).reshape(5, 2, 3)\n"
           "n.save('a.npy', x.astype('<f4'))\nn.save('b.npy', x.astype('>i8'))\n"
           "n.save('f.npy', n.asfortranarray(x.astype('<u2')))\n"
           "n.savez('a.npz', pad=n.zeros(5, 'i1'), x=x.astype('<f8'), y=n.arange(5))\n"
           "n.savez_compressed('p.npz', x=x.astype('>f4'), y=n.arange(5))\n"
           "n.savez('bad.npz', x=x, y=n.arange(4))\n"
           "n.save('one.npy', n.float32(1))\n"
           "import gzip\ngzip.open('a.npy.gz', 'wb').write(open('a.npy', 'rb').read())\n");
    expect_cube("a.npy", "values", FT_F32, true);
    expect_cube("b.npy", "values", FT_I64, false);
    expect_cube("f.npy", "values", FT_U16, true);
    expect_cube("a.npy.gz", "values", FT_F32, true);
    ft_dataset *d;
    EXPECT_OK(test_set_open(&d, test_set_path("a.npz"), NULL));
    bool mapped = ft_dataset_mapped(d); /* where the members begin is the writer's choice */
    ft_dataset_free(d);
    expect_cube("a.npz", "x", FT_F64, mapped);
    expect_cube("p.npz", "x", FT_F32, false);
    EXPECT_ERR(FT_EINVAL, test_set_open(&d, test_set_path("bad.npz"), NULL));
    EXPECT_WHY("has 4 samples, the one before 5");
    EXPECT_ERR(FT_EINVAL, test_set_open(&d, test_set_path("one.npy"), NULL));
    EXPECT(truncate(test_set_path("a.npy"), 200) == 0);
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("a.npy"), NULL));
    EXPECT(truncate(test_set_path("p.npz"), 300) == 0);
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, test_set_path("p.npz"), NULL));
}

/* The archive's bytes flipped one by one: refused, or read as something else, never worse. */
static void test_npz_damage(void **state) {
    (void)state;
    if (!have_numpy()) SKIP("NumPy is absent");
    python("n.savez_compressed('d.npz', x=n.arange(40).reshape(5, 8))");
    ft_arena arena = { 0 };
    ft_str whole;
    EXPECT_OK(ft_file_read(&whole, &arena, test_set_path("d.npz"), 1 << 20));
    char *copy = malloc(whole.len);
    EXPECT(copy);
    for (size_t i = 0; i < whole.len; i++) {
        ft_dataset *d;
        memcpy(copy, whole.at, whole.len);
        copy[i] = (char)~copy[i];
        test_file("e.npz", copy, whole.len);
        if (!test_set_open(&d, test_set_path("e.npz"), NULL)) ft_dataset_free(d);
    }
    free(copy);
    ft_arena_fini(&arena);
}

static const ft_field digit_fields[] = {
    { .name = { "image", 5 }, .dtype = FT_U8, .ndim = 2, .shape = { 4, 6 } },
    { .name = { "label", 5 }, .dtype = FT_I64 },
};

static void digit_sample(ft_array *v, uint64_t i) {
    static uint8_t image[24];
    static int64_t label;
    for (size_t k = 0; k < sizeof image; k++) image[k] = (uint8_t)(i * 5 + k);
    label = (int64_t)(i % 10);
    v[0] = (ft_array){ .dtype = FT_U8, .ndim = 2, .shape = { 4, 6 }, .data = image };
    v[1] = (ft_array){ .dtype = FT_I64, .data = &label };
}

static const test_set digits = { digit_fields, 2, digit_sample };
static const test_set only_images = { digit_fields, 1, digit_sample };

static void test_idx(void **state) {
    ft_dataset *d;
    (void)state;
    const char *path = test_set_path("x-images-idx3-ubyte");
    test_set_write(path, &digits, 300);
    EXPECT_OK(test_set_open(&d, path, NULL));
    EXPECT_STR("idx", ft_str_of(ft_dataset_format_name(d)));
    EXPECT(ft_dataset_count(d) == 300 && ft_dataset_mapped(d));
    test_set_expect(d, &digits, 300);
    ft_dataset_free(d);
    EXPECT(truncate(path, 1000) == 0);
    EXPECT_ERR(FT_ECORRUPT, test_set_open(&d, path, NULL));
    test_set_write(test_set_path("y.npy"), &only_images, 30);
    if (have_numpy())
        python("x = n.load('y.npy')\nassert x.shape == (30, 4, 6) and x[7, 1, 2] == 43");
    ft_dataset_writer *w;
    EXPECT_ERR(FT_EUNSUPPORTED,
               ft_dataset_writer_new(&w, test_set_path("z.npy"), digit_fields, 2, NULL));
    EXPECT_ERR(FT_EINVAL, ft_dataset_writer_new(&w, test_set_path("z.idx"), digit_fields, 2, NULL));
    EXPECT_WHY("where do the labels go?");
}

/* MNIST as it was published. */
static void test_mnist(void **state) {
    ft_dataset *d;
    ft_dataset_reader *r;
    ft_sample s;
    (void)state;
    const char *path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
    if (access(path, R_OK) != 0) path = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte";
    if (access(path, R_OK) != 0) SKIP("dataset-fashion-mnist is absent");
    EXPECT_OK(test_set_open(&d, path, NULL));
    EXPECT(ft_dataset_count(d) == 10000 && ft_dataset_find(d, FT_STR("label")) == 1);
    EXPECT_OK(ft_dataset_reader_new(&r, d));
    size_t counts[10] = { 0 };
    for (uint64_t i = 0; i < 10000; i++) {
        EXPECT_OK(ft_dataset_read(&s, r, 0, i));
        counts[*(uint8_t *)s.values[1].data]++;
    }
    for (int i = 0; i < 10; i++) EXPECT(counts[i] == 1000);
    ft_dataset_reader_free(r);
    ft_dataset_free(d);
}

static void test_faults(void **state) {
    (void)state;
    const char *path = test_set_path("f-images-idx3-ubyte");
    test_set_write(path, &digits, 3);
    if (have_numpy()) python("n.savez_compressed('f.npz', x=n.arange(6), y=n.arange(6))");
    const char *const names[] = { "f-images-idx3-ubyte", "f.npz" };
    for (int k = 0; k < (have_numpy() ? 2 : 1); k++) {
        ft_str p = ft_str_of(test_set_path(names[k]));
        EACH_FAULT {
            ft_dataset *d;
            ft_dataset_reader *r = NULL;
            ft_sample s;
            ft_err err = ft_dataset_open(&d, &p, 1, NULL);
            if (!err) err = ft_dataset_reader_new(&r, d);
            if (!err) err = ft_dataset_read(&s, r, 0, 2);
            ft_dataset_reader_free(r);
            ft_dataset_free(d);
        }
    }
    EACH_FAULT {
        ft_dataset_writer *w;
        ft_array v[2];
        ft_err err = ft_dataset_writer_new(&w, path, digit_fields, 2, NULL);
        digit_sample(v, 0);
        if (!err) err = ft_dataset_write(w, v);
        if (!err) err = ft_dataset_writer_end(w);
        ft_dataset_writer_free(w);
    }
}

TEST_MAIN(cmocka_unit_test(test_npy), cmocka_unit_test(test_npz_damage), cmocka_unit_test(test_idx),
          cmocka_unit_test(test_mnist), cmocka_unit_test(test_faults))
