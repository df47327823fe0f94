/* SageMaker's RecordIO-protobuf, as records and as a table. The vectors of formats.md 3.1 were
 * written by the SDK's write_numpy_to_dense_tensor and write_spmatrix_to_sparse_tensor. */
#include "data/sagemaker_record.h"

#include "base/protobuf.h"
#include "data/record_in.h"
#include "data/record_test.h"

static const char dense_f32[] =
    "0a23d7ce 2d000000 0a1a0a0676616c756573 1210120e0a0c "
    "0000c03f00000040000040c0 120f0a0676616c756573 12053a030a0107 000000";
static const char dense_f64[] = "0a23d7ce34000000 0a1e0a0676616c75657312141a120a10000000000000f83f"
                                "0000000000000040 12120a0676616c756573120812060a040000803f";
static const char sparse[] =
    "0a23d7ce2e000000 0a180a0676616c756573120e120c0a040000a0401201021a0103 "
    "12120a0676616c756573120812060a040000803f 0000";

/* The payload of the first record of a file. */
static ft_str payload(ft_str file) { return ft_str_slice(file, 8, ft_le32(file.at + 4)); }

/* Reads the vector, writes it again: the same bytes. */
static void vector(const char *hex, ft_sagemaker_record *r, ft_arena *arena, ft_buf *bytes) {
    ft_buf again = { 0 }, file = { 0 };
    ft_str all = test_hex(bytes, hex);
    EXPECT_OK(ft_sagemaker_record_read(r, arena, payload(all)));
    EXPECT_OK(ft_sagemaker_record_write(&again, r));
    test_write(&file, &ft_records_sagemaker, ft_buf_str(&again));
    EXPECT(ft_str_eq(ft_buf_str(&file), all));
    ft_buf_fini(&again);
    ft_buf_fini(&file);
}

static void test_vectors(void **state) {
    ft_arena arena = { 0 };
    ft_buf bytes = { 0 };
    ft_sagemaker_record r;
    (void)state;
    vector(dense_f32, &r, &arena, &bytes);
    EXPECT(r.feature_count == 1 && r.label_count == 1 && r.features[0].dtype == FT_F32);
    EXPECT_STR("values", r.features[0].name);
    EXPECT(r.features[0].count == 3 && ft_sagemaker_value(&r.features[0], 2) == -3);
    EXPECT(r.labels[0].dtype == FT_I32 && ft_sagemaker_value(&r.labels[0], 0) == 7);
    vector(dense_f64, &r, &arena, &bytes);
    EXPECT(r.features[0].dtype == FT_F64 && ft_sagemaker_value(&r.features[0], 0) == 1.5);
    EXPECT(ft_sagemaker_value(&r.labels[0], 0) == 1);
    vector(sparse, &r, &arena, &bytes);
    EXPECT(r.features[0].key_count == 1 && r.features[0].keys[0] == 2 && r.features[0].dims == 1 &&
           r.features[0].shape[0] == 3 && ft_sagemaker_value(&r.features[0], 0) == 5);
    ft_buf_fini(&bytes);
    ft_arena_fini(&arena);
}

/* Numbers one by one, in pieces, after their keys; the value before the name; negative integers. */
static void test_unusual(void **state) {
    ft_arena arena = { 0 };
    ft_buf bytes = { 0 };
    ft_sagemaker_record r;
    (void)state;
    ft_str unpacked = test_hex(&bytes, "0a1d 1213 1211 1001 1002 0d0000803f 0a0400000040 1803 "
                                       "0a0676616c756573");
    EXPECT_OK(ft_sagemaker_record_read(&r, &arena, unpacked));
    EXPECT(r.features[0].count == 2 && r.features[0].keys[1] == 2 && r.features[0].shape[0] == 3);
    EXPECT(ft_sagemaker_value(&r.features[0], 0) == 1 &&
           ft_sagemaker_value(&r.features[0], 1) == 2);
    EXPECT_STR("values", r.features[0].name);
    ft_str ints =
        test_hex(&bytes, "121b 0a0179 1216 3a14 0a0affffffffffffffffff01 0800 08ffffffff07");
    EXPECT_OK(ft_sagemaker_record_read(&r, &arena, ints));
    EXPECT(r.labels[0].count == 3 && ft_sagemaker_value(&r.labels[0], 0) == -1 &&
           ft_sagemaker_value(&r.labels[0], 2) == 2147483647);
    ft_str image =
        test_hex(&bytes, "0a12 0a0178 120d 4a0b 0a03616263 12046a706567 1a027531 22016d 2a0163");
    EXPECT_OK(ft_sagemaker_record_read(&r, &arena, image));
    EXPECT_STR("abc", r.features[0].bytes);
    EXPECT_STR("jpeg", r.features[0].content_type);
    EXPECT_STR("u1", r.uid);
    EXPECT_STR("m", r.metadata);
    EXPECT_STR("c", r.configuration);
    ft_buf again = { 0 };
    EXPECT_OK(ft_sagemaker_record_write(&again, &r));
    EXPECT(ft_str_eq(ft_buf_str(&again), image));
    ft_buf_fini(&again);
    ft_buf_fini(&bytes);
    ft_arena_fini(&arena);
}

static void test_damaged(void **state) {
    static const struct {
        const char *hex, *words;
        ft_err code;
    } cases[] = {
        { "0aff", "longer than what holds it", FT_ECORRUPT },
        { "08", "ends within a number", FT_ECORRUPT },
        { "0801", "field 1 is no SageMaker record's", FT_ECORRUPT },
        { "07", "no field begins", FT_ECORRUPT },
        { "0f00", "unknown type", FT_ECORRUPT },
        { "0a0c 0a0178 1207 1205 0a03000000", "values of another type", FT_ECORRUPT },
        { "0a09 0a0178 1204 1202 0801", "values of another type", FT_ECORRUPT },
        { "0a0f 0a0178 120a 1208 0a0400000000 1000", "", FT_OK },
        { "0a10 0a0178 120b 1209 0a0400000000 120180", "keys of another type", FT_ECORRUPT },
        { "0a11 0a0178 120c 120a 0a0400000000 12020102", "2 keys for 1 values", FT_EPARSE },
        { "0a0b 0a0178 1206 1204 12028080", "keys of another type", FT_ECORRUPT },
        { "0a0c 0a0178 1207 4a05 0a00 0a0100", "several byte strings", FT_EUNSUPPORTED },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ft_arena arena = { 0 };
        ft_buf bytes = { 0 };
        ft_sagemaker_record r;
        ft_err err = ft_sagemaker_record_read(&r, &arena, test_hex(&bytes, cases[i].hex));
        if (err != cases[i].code || (err && !strstr(ft_err_why(), cases[i].words)))
            fail_msg("%s: %s %s", cases[i].hex, ft_err_name(err), ft_err_why());
        ft_buf_fini(&bytes);
        ft_arena_fini(&arena);
    }
}

static ft_err read_table(ft_table **t, const char *hex, const ft_table_opts *opts) {
    ft_buf bytes = { 0 };
    ft_str all = test_hex(&bytes, hex);
    ft_err err = ft_table_read_bytes(t, all, FT_STR("mem"), opts);
    ft_buf_fini(&bytes);
    return err;
}

static void test_as_table(void **state) {
    ft_table *t;
    char two[1024];
    float row[3];
    (void)state;
    snprintf(two, sizeof two, "%s%s", dense_f32, dense_f32);
    EXPECT_OK(read_table(&t, two, NULL));
    EXPECT(t->rows == 2 && t->cols == 3 && t->labels[1] == 7);
    EXPECT_VALUE(1.5, t, 1, 0);
    EXPECT(t->schema->features[1].is_integer && !t->schema->features[0].is_integer);
    ft_table_free(t);
    snprintf(two, sizeof two, "%s%s", sparse, sparse);
    EXPECT_OK(read_table(&t, two, NULL));
    EXPECT(t->rows == 2 && t->cols == 3 && !t->dense && t->indptr[2] == 2);
    ft_table_row(t, 1, row);
    EXPECT(isnan(row[0]) && isnan(row[1]) && row[2] == 5);
    ft_table_opts fit = { .schema = t->schema };
    ft_table *other;
    EXPECT_OK(read_table(&other, sparse, &fit));
    EXPECT(other->cols == 3);
    ft_table_free(other);
    ft_table_free(t);
    snprintf(two, sizeof two, "%s%s", dense_f32, dense_f64);
    EXPECT_ERR(FT_EPARSE, read_table(&t, two, NULL));
    EXPECT_WHY("'mem', record 1: 2 values, expected 3");
    snprintf(two, sizeof two, "%s%s", dense_f32, sparse);
    EXPECT_ERR(FT_EPARSE, read_table(&t, two, NULL));
    EXPECT_WHY("record 1: with keys, unlike the records before");
    ft_table_opts none = { .label = FT_STR("none") };
    EXPECT_OK(read_table(&t, dense_f64, &none));
    EXPECT(!t->labels && t->rows == 1);
    ft_table_free(t);
}

static void test_faults(void **state) {
    (void)state;
    char path[512];
    ft_buf bytes = { 0 };
    ft_str file = test_hex(&bytes, sparse);
    snprintf(path, sizeof path, "%s", test_file("x.pbr", file.at, file.len).at);
    EACH_FAULT {
        ft_table *t;
        ft_err err = ft_table_read(&t, ft_str_of(path), NULL);
        EXPECT(!err == !!t);
        ft_table_free(t);
    }
    ft_buf_fini(&bytes);
}

TEST_MAIN(cmocka_unit_test(test_vectors), cmocka_unit_test(test_unusual),
          cmocka_unit_test(test_damaged), cmocka_unit_test(test_as_table),
          cmocka_unit_test(test_faults))
