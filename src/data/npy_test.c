/* .npy files: NumPy writes, we read; we write, NumPy reads. */
#include "data/npy.h"

#include "data/record_in.h"
#include "data/record_test.h"

#define PYTHON "/usr/bin/python3"

static bool have_numpy(void) { return system(PYTHON " -c 'import numpy' >/dev/null 2>&1") == 0; }

static void python(const char *code) {
    char line[4096];
    test_text("script.py", code);
    snprintf(line, sizeof line, "cd '%s' && " PYTHON " script.py 1>&2", test_dir());
    EXPECT(system(line) == 0);
}

static ft_err read_npy(ft_array *out, ft_arena *arena, const char *name) {
    char path[512];
    ft_str bytes;
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    FT_TRY(ft_file_read(&bytes, arena, path, 1 << 20));
    return ft_npy_read(out, arena, bytes);
}

/* Every type, order and endianness holds 0, 1, 2 … in C order. */
static void test_from_numpy(void **state) {
    static const char *const codes[] = { "f4", "f8", "f2", "i1", "i2", "i4",
                                         "i8", "u1", "u2", "u4", "u8" };
    ft_arena arena = { 0 };
    ft_array a;
    (void)state;
    if (!have_numpy()) SKIP("python3-numpy is not installed");
    python("import numpy as np\n"
           "for c in 'f4 f8 f2 i1 i2 i4 i8 u1 u2 u4 u8'.split():\n"
           "    a = np.arange(24).reshape(2, 3, 4)\n"
           "    np.save(c + '_c', a.astype('<' + c))\n"
           "    np.save(c + '_f', np.asfortranarray(a.astype('<' + c)))\n"
           "    np.save(c + '_b', a.astype('>' + c))\n"
           "    np.save(c + '_g', np.asfortranarray(a.astype('>' + c)))\n"
           "np.save('scalar', np.float64(7))\n"
           "np.save('empty', np.zeros((0, 3), np.float32))\n"
           "np.save('bool', np.array([True, False]))\n"
           "np.save('text', np.array(['a', 'bc']))\n"
           "np.save('complex', np.array([1j]))\n"
           "np.save('struct', np.zeros(2, dtype=[('a', 'f4')]))\n"
           "np.lib.format.write_array(open('v2.npy', 'wb'), np.arange(3), version=(2, 0))\n"
           "np.lib.format.write_array(open('v3.npy', 'wb'), np.arange(3), version=(3, 0))\n");
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        for (const char *kind = "cfbg"; *kind; kind++) {
            char name[32];
            snprintf(name, sizeof name, "%s_%c.npy", codes[i], *kind);
            EXPECT_OK(read_npy(&a, &arena, name));
            EXPECT(a.ndim == 3 && a.shape[0] == 2 && a.shape[1] == 3 && a.shape[2] == 4);
            for (int64_t k = 0; k < 24; k++)
                if (ft_array_f64(&a, k) != (double)k) fail_msg("%s: item %d", name, (int)k);
        }
    EXPECT_OK(read_npy(&a, &arena, "scalar.npy"));
    EXPECT(a.ndim == 0 && ft_array_f64(&a, 0) == 7);
    EXPECT_OK(read_npy(&a, &arena, "empty.npy"));
    EXPECT(a.ndim == 2 && a.shape[0] == 0 && a.shape[1] == 3);
    EXPECT_OK(read_npy(&a, &arena, "bool.npy"));
    EXPECT(a.dtype == FT_BOOL && ft_array_f64(&a, 0) == 1);
    EXPECT_OK(read_npy(&a, &arena, "v2.npy"));
    EXPECT_OK(read_npy(&a, &arena, "v3.npy"));
    EXPECT(a.dtype == FT_I64 && ft_array_f64(&a, 2) == 2);
    EXPECT_ERR(FT_EUNSUPPORTED, read_npy(&a, &arena, "text.npy"));
    EXPECT_WHY("items of type '<U2'");
    EXPECT_ERR(FT_EUNSUPPORTED, read_npy(&a, &arena, "complex.npy"));
    EXPECT_ERR(FT_EUNSUPPORTED, read_npy(&a, &arena, "struct.npy"));
    EXPECT_WHY("structs");
    ft_arena_fini(&arena);
}

static void test_to_numpy(void **state) {
    float values[6] = { 0, 1, 2, 3, 4, 5.5f };
    int64_t whole[1] = { -9 };
    ft_array a = { FT_F32, 2, { 2, 3 }, values }, s = { FT_I64, 0, { 0 }, whole };
    ft_buf out = { 0 };
    ft_record_writer *w;
    char path[512];
    (void)state;
    if (!have_numpy()) SKIP("python3-numpy is not installed");
    EXPECT_OK(ft_npy_write(&out, &a));
    test_file("a.npy", out.at, out.len);
    ft_buf_reset(&out);
    EXPECT_OK(ft_npy_write(&out, &s));
    test_file("s.npy", out.at, out.len);
    ft_buf_fini(&out);
    snprintf(path, sizeof path, "%s/rows.npy", test_dir());
    EXPECT_OK(ft_record_writer_new(&w, path, &ft_records_npy));
    for (int i = 0; i < 1000; i++) {
        ft_record row = { .bytes = ft_str_n(values + i % 4, 8), .is_array = true };
        row.array = (ft_array){ FT_F32, 1, { 2 }, values + i % 4 };
        EXPECT_OK(ft_record_write_one(w, &row, NULL));
    }
    EXPECT_ERR(FT_EINVAL, ft_record_write_bytes(w, FT_STR("odd")));
    EXPECT_WHY("a row of another type or shape than the first");
    EXPECT_OK(ft_record_writer_end(w));
    ft_record_writer_free(w);
    python(
        "import numpy as np\n"
        "a = np.load('a.npy'); assert a.dtype == np.float32 and a.tolist() == [[0,1,2],[3,4,5.5]]\n"
        "s = np.load('s.npy'); assert s.shape == () and s == -9\n"
        "r = np.load('rows.npy'); assert r.shape == (1000, 2) and r[5].tolist() == [1, 2], r\n");
}

static void test_rows(void **state) {
    float values[6] = { 0, 1, 2, 3, 4, 5 };
    ft_array a = { FT_F32, 2, { 3, 2 }, values };
    ft_buf file = { 0 };
    ft_records *r;
    ft_record record;
    (void)state;
    EXPECT_OK(ft_npy_write(&file, &a));
    EXPECT(file.len % 8 == 0);
    EXPECT_OK(ft_records_bytes(&r, ft_buf_str(&file), FT_STR("mem"), NULL));
    EXPECT(ft_records_format(r) == &ft_records_npy);
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(ft_records_next(r, &record));
        EXPECT(record.is_array && record.array.ndim == 1 && record.array.shape[0] == 2);
        EXPECT(memcmp(record.array.data, values + 2 * i, 8) == 0);
    }
    EXPECT_ERR(FT_ENOTFOUND, ft_records_next(r, &record));
    ft_records_free(r);
    /* From the offset of the last row. */
    ft_record_opts opts = { .offset = file.len - 8 };
    EXPECT_OK(ft_records_bytes(&r, ft_buf_str(&file), FT_STR("mem"), &opts));
    EXPECT_OK(ft_records_next(r, &record));
    EXPECT(memcmp(record.bytes.at, values + 4, 8) == 0);
    EXPECT_ERR(FT_ENOTFOUND, ft_records_next(r, &record));
    ft_records_free(r);
    test_seen seen = { 0 };
    EXPECT_ERR(FT_ECORRUPT,
               test_read_all(&seen, ft_str_slice(ft_buf_str(&file), 0, file.len - 8), NULL));
    EXPECT_WHY("the file ends after 2 of its 3 rows");
    EXPECT_ERR(FT_ECORRUPT,
               test_read_all(&seen, ft_str_slice(ft_buf_str(&file), 0, file.len - 1), NULL));
    EXPECT_WHY("ends within a row");
    EXPECT_OK(ft_buf_byte(&file, 'x'));
    EXPECT_ERR(FT_ECORRUPT, test_read_all(&seen, ft_buf_str(&file), NULL));
    EXPECT_WHY("goes on after its 3 rows");
    ft_buf_fini(&seen.all);
    ft_buf_fini(&file);
}

static void header_refused(ft_err code, const char *words, const char *dict) {
    char file[512];
    ft_npy_header h;
    size_t len = strlen(dict);
    memcpy(file, "\x93NUMPY\1\0", 8);
    file[8] = (char)len;
    file[9] = 0;
    memcpy(file + 10, dict, len + 1);
    if (ft_npy_header_read(&h, ft_str_n(file, len + 10)) != code || !strstr(ft_err_why(), words))
        fail_msg("%s: %s", dict, ft_err_why());
}

static void test_headers(void **state) {
    ft_npy_header h;
    (void)state;
    header_refused(FT_EPARSE, "its header is not", "{'descr': '<f4', 'shape': (1,)}");
    header_refused(FT_EPARSE, "its header is not",
                   "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}");
    header_refused(FT_EPARSE, "its header is not",
                   "{'descr': '<f4', 'fortran_order': True, 'shape': (-1,)}");
    header_refused(FT_EPARSE, "its header is not",
                   "{'descr': '<f4', 'fortran_order': True, 'shape': (1");
    header_refused(FT_EPARSE, "its header is not", "{'x': 1}");
    header_refused(FT_EPARSE, "its header is not", "");
    header_refused(FT_EUNSUPPORTED, "more than 8 dimensions",
                   "{'descr': '<f4', 'fortran_order': True, 'shape': (1,1,1,1,1,1,1,1,1)}");
    header_refused(FT_EPARSE, "beyond any memory",
                   "{'descr': '<f4', 'fortran_order': True, 'shape': (4294967296,4294967296)}");
    header_refused(FT_EUNSUPPORTED, "'|O'",
                   "{'descr': '|O', 'fortran_order': True, 'shape': (1,)}");
    EXPECT_ERR(FT_EPARSE, ft_npy_header_read(&h, FT_STR("NUMPY")));
    EXPECT_ERR(FT_ECORRUPT, ft_npy_header_read(&h, ft_str_n("\x93NUMPY\1", 7)));
    EXPECT_ERR(FT_ECORRUPT, ft_npy_header_read(&h, ft_str_n("\x93NUMPY\1\0\5\0{", 11)));
    EXPECT_ERR(FT_EUNSUPPORTED, ft_npy_header_read(&h, ft_str_n("\x93NUMPY\4\0\0\0\0\0{", 13)));
    EXPECT_ERR(FT_ETOOBIG, ft_npy_header_read(&h, ft_str_n("\x93NUMPY\2\0\0\0\0\1{", 13)));
}

static void test_faults(void **state) {
    float values[6] = { 0, 1, 2, 3, 4, 5 };
    ft_array a = { FT_F32, 2, { 3, 2 }, values };
    (void)state;
    EACH_FAULT {
        ft_buf file = { 0 };
        ft_arena arena = { 0 };
        ft_array b;
        ft_err err = ft_npy_write(&file, &a);
        if (!err) err = ft_npy_read(&b, &arena, ft_buf_str(&file));
        if (!err) EXPECT(ft_array_f64(&b, 5) == 5);
        ft_buf_fini(&file);
        ft_arena_fini(&arena);
    }
}

TEST_MAIN(cmocka_unit_test(test_from_numpy), cmocka_unit_test(test_to_numpy),
          cmocka_unit_test(test_rows), cmocka_unit_test(test_headers),
          cmocka_unit_test(test_faults))
