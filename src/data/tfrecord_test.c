/* TFRecord and tf.Example. "hello" is formats.md 3.3's vector; the Example is laid out by hand
 * after the .proto file. */
#include "data/example.h"
#include "data/record_in.h"
#include "data/record_test.h"

static const char hello[] = "0500000000000000 eab2043e 68656c6c6f bb1f1c19";

static void test_vector(void **state) {
    ft_buf bytes = { 0 }, again = { 0 };
    test_seen seen = { 0 };
    (void)state;
    EXPECT_OK(test_read_all(&seen, test_hex(&bytes, hello), NULL));
    EXPECT_STR("hello", ft_buf_str(&seen.all));
    test_write(&again, &ft_records_tfrecord, FT_STR("hello"));
    EXPECT(ft_str_eq(ft_buf_str(&again), ft_buf_str(&bytes)));
    test_write(&again, &ft_records_tfrecord, FT_STR(""));
    test_write(&again, &ft_records_tfrecord, FT_STR("x"));
    EXPECT_OK(test_read_all(&seen, ft_buf_str(&again), NULL));
    EXPECT(seen.count == 3);
    EXPECT_STR("hello||x", ft_buf_str(&seen.all));
    ft_buf_fini(&bytes);
    ft_buf_fini(&again);
    ft_buf_fini(&seen.all);
}

/* Every byte of two records, each bit flipped once: never read as something else. */
static void test_flipped_bits(void **state) {
    ft_buf bytes = { 0 };
    test_seen seen = { 0 };
    ft_record_opts opts = { .format = FT_STR("tfrecord") };
    (void)state;
    test_write(&bytes, &ft_records_tfrecord, FT_STR("hello"));
    test_write(&bytes, &ft_records_tfrecord, FT_STR("you"));
    for (size_t i = 0; i < bytes.len * 8; i++) {
        bytes.at[i / 8] ^= (char)(1 << i % 8);
        EXPECT_ERR(FT_ECORRUPT, test_read_all(&seen, ft_buf_str(&bytes), &opts));
        bytes.at[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t cut = 1; cut < bytes.len; cut++) {
        ft_err err = test_read_all(&seen, ft_str_slice(ft_buf_str(&bytes), 0, cut), &opts);
        EXPECT(err == (cut == 21 ? FT_OK : FT_ECORRUPT));
    }
    ft_buf_fini(&bytes);
    ft_buf_fini(&seen.all);
}

static void test_skip(void **state) {
    ft_buf bytes = { 0 };
    test_seen seen = { 0 };
    ft_record_opts opts = { .format = FT_STR("tfrecord"), .bad_max = 1 };
    (void)state;
    test_write(&bytes, &ft_records_tfrecord, FT_STR("hello"));
    test_write(&bytes, &ft_records_tfrecord, FT_STR("you"));
    bytes.at[13] ^= 1;
    EXPECT_OK(test_read_all(&seen, ft_buf_str(&bytes), &opts));
    EXPECT(seen.bad == 1 && seen.count == 1);
    EXPECT_STR("you", ft_buf_str(&seen.all));
    bytes.at[0] ^= 1; /* without a length there is no next record */
    EXPECT_ERR(FT_ECORRUPT, test_read_all(&seen, ft_buf_str(&bytes), &opts));
    EXPECT_WHY("'mem', record 0 at byte 0: the length's checksum is wrong");
    opts.record_bytes_max = 4;
    bytes.at[0] ^= 1;
    EXPECT_ERR(FT_ETOOBIG, test_read_all(&seen, ft_buf_str(&bytes), &opts));
    ft_buf_fini(&bytes);
    ft_buf_fini(&seen.all);
}

/* {"a": ints [1, -1], "b": floats [0.5], "c": bytes ["x", ""], "d": nothing} */
static const char example[] =
    "0a3a 0a14 0a0161 120f 1a0d 0a0b 01 ffffffffffffffffff01 "
    "0a0d 0a0162 1208 1206 0a04 0000003f 0a0c 0a0163 1207 0a05 0a0178 0a00 "
    "0a05 0a0164 1200";

static void test_example(void **state) {
    ft_arena arena = { 0 };
    ft_buf bytes = { 0 }, again = { 0 };
    ft_example e;
    (void)state;
    static const int64_t ints[] = { 1, -1 };
    static const float floats[] = { 0.5f };
    static const ft_str texts[] = { { "x", 1 }, { "", 0 } };
    ft_example_feature features[] = {
        { FT_STR("a"), FT_EXAMPLE_INTS, 2, .ints = (int64_t *)(uintptr_t)ints },
        { FT_STR("b"), FT_EXAMPLE_FLOATS, 1, .floats = (float *)(uintptr_t)floats },
        { FT_STR("c"), FT_EXAMPLE_BYTES, 2, .bytes = (ft_str *)(uintptr_t)texts },
        { FT_STR("d"), FT_EXAMPLE_NONE, 0, .bytes = NULL },
    };
    EXPECT_OK(ft_example_write(&again, &(ft_example){ features, 4 }));
    ft_str hex = test_hex(&bytes, example);
    EXPECT(ft_str_eq(ft_buf_str(&again), hex));
    EXPECT_OK(ft_example_read(&e, &arena, hex));
    EXPECT(e.feature_count == 4 && !ft_example_find(&e, "x"));
    const ft_example_feature *a = ft_example_find(&e, "a"), *c = ft_example_find(&e, "c");
    EXPECT(a->kind == FT_EXAMPLE_INTS && a->count == 2 && a->ints[0] == 1 && a->ints[1] == -1);
    EXPECT(ft_example_find(&e, "b")->floats[0] == 0.5f);
    EXPECT(c->count == 2 && c->bytes[1].len == 0);
    EXPECT_STR("x", c->bytes[0]);
    EXPECT(ft_example_find(&e, "d")->kind == FT_EXAMPLE_NONE);
    ft_buf_fini(&bytes);
    ft_buf_fini(&again);
    ft_arena_fini(&arena);
}

/* Laid out by hand: lists unpacked, unknown fields, a feature that stands twice. */
static void test_example_unusual(void **state) {
    ft_arena arena = { 0 };
    ft_buf bytes = { 0 };
    ft_example e;
    (void)state;
    ft_str hex = test_hex(&bytes, "0a0d 0a0b 0a0161 1206 1a04 0801 0802"
                                  "0a0b 0a09 0a0161 1204 1a02 0807"
                                  "1001 0a13 0a11 0a0162 120c 120a 0d0000003f 0d0000803f");
    EXPECT_OK(ft_example_read(&e, &arena, hex));
    EXPECT(e.feature_count == 3 && e.features[0].count == 2 && e.features[0].ints[1] == 2);
    EXPECT(ft_example_find(&e, "a")->count == 1 && ft_example_find(&e, "a")->ints[0] == 7);
    EXPECT(ft_example_find(&e, "b")->floats[1] == 1);
    EXPECT_OK(ft_example_read(&e, &arena, FT_STR("")));
    EXPECT(e.feature_count == 0);
    static const char *const bad[] = { "0a",
                                       "0801",
                                       "0a020801",
                                       "0a0b 0a09 0a0161 1204 1202 0807",
                                       "0a0c 0a0a 0a0161 1205 1203 0a0100",
                                       "0a0c 0a0a 0a0161 1205 1a03 0a0180" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT_ERR(FT_ECORRUPT, ft_example_read(&e, &arena, test_hex(&bytes, bad[i])));
    ft_buf_fini(&bytes);
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    ft_buf bytes = { 0 };
    (void)state;
    ft_str hex = test_hex(&bytes, "0a0d 0a0b 0a0161 1206 1a04 0801 0802");
    EACH_FAULT {
        ft_arena arena = { 0 };
        ft_example e;
        ft_err err = ft_example_read(&e, &arena, hex);
        if (!err) EXPECT(e.features[0].count == 2);
        ft_arena_fini(&arena);
    }
    ft_buf_fini(&bytes);
}

TEST_MAIN(cmocka_unit_test(test_vector), cmocka_unit_test(test_flipped_bits),
          cmocka_unit_test(test_skip), cmocka_unit_test(test_example),
          cmocka_unit_test(test_example_unusual), cmocka_unit_test(test_faults))
