/* event_test.c -- records against the byte vector of the format, and every form of TensorProto. */
#include "trials/event_in.h"

#include <math.h>

#include "base/check.h"
#include "base/hash.h"
#include "tests/test.h"

/* formats.md 3.7: tag `loss`, f32 [0.25], TRAIN, step 3, wall clock 1.6e9, as the real hook wrote
 * it. */
static const char vector[] =
    "4a00000000000000af77dbb0090000000084d7d74110032a3d0a3b0a046c6f737342160801120c120a080112066c6f"
    "73"
    "735f3122040000803e4a1b0a0e0a096d6f64655f737465701201330a090a046d6f6465120131b3c02d06";

static void test_vector(void **state) {
    (void)state;
    ft_event_step step;
    ft_buf buf = { 0 };
    float value = 0.25f;
    ft_array a = { .dtype = FT_F32, .ndim = 1, .shape = { 1 }, .data = &value };
    char hex[2 * 256 + 1];
    ft_event_step_init(&step, 3, FT_MODE_TRAIN, 3, INT64_C(1600000000000000));
    EXPECT_OK(ft_event_add(&buf, &step, FT_STR("loss"), &a));
    ft_hex(hex, buf.at, buf.len);
    assert_string_equal(hex, vector);
    a.ndim = 0; /* a scalar is written as shape [1] */
    ft_buf_reset(&buf);
    EXPECT_OK(ft_event_add(&buf, &step, FT_STR("loss"), &a));
    ft_hex(hex, buf.at, buf.len);
    assert_string_equal(hex, vector);
    ft_buf_fini(&buf);
}

static void test_round_trip(void **state) {
    (void)state;
    ft_event_step step;
    ft_buf buf = { 0 };
    ft_arena arena = FT_ARENA_INIT(0);
    unsigned char data[6 * 8];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i % 2);
    for (int t = 0; t < FT_DTYPE_COUNT; t++) {
        ft_array a = { .dtype = (ft_dtype)t, .ndim = 3, .shape = { 2, 1, 3 }, .data = data }, b;
        ft_event e;
        uint64_t size;
        ft_buf_reset(&buf);
        ft_event_step_init(&step, 7, FT_MODE_PREDICT, 2, 1500000);
        EXPECT_OK(ft_event_add(&buf, &step, FT_STR("x/y:0"), &a));
        EXPECT_OK(ft_event_read(&e, &size, ft_buf_str(&buf), FT_STR("x/y:0")));
        EXPECT(size == buf.len && e.step == 7 && e.mode == FT_MODE_PREDICT && e.mode_step == 2);
        EXPECT(e.wall_time == 1.5 && e.ndim == 3 && e.has_shape);
        EXPECT_STR("x/y:0", e.tag);
        EXPECT_OK(ft_event_value(&b, &arena, &e));
        EXPECT(b.dtype == a.dtype && b.ndim == 3 && b.shape[2] == 3);
        assert_memory_equal(b.data, data, ft_array_bytes(&a));
    }
    ft_buf_fini(&buf);
    ft_arena_fini(&arena);
}

static void test_texts(void **state) {
    (void)state;
    ft_event_step step;
    ft_buf buf = { 0 };
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str items[3] = { FT_STR("f0"), FT_STR(""), FT_STR("Größe") }, *back;
    size_t count;
    ft_event e;
    ft_array a;
    ft_event_step_init(&step, 0, FT_MODE_GLOBAL, 0, 0);
    EXPECT_OK(ft_event_add_text(&buf, &step, FT_STR("trees/Feature"), items, 3));
    EXPECT_OK(ft_event_read(&e, NULL, ft_buf_str(&buf), FT_STR("")));
    EXPECT(e.dtype == 0 && e.texts == 3 && e.ndim == 1 && e.shape[0] == 3 && e.step == 0);
    EXPECT_OK(ft_event_texts(&back, &count, &arena, &e));
    EXPECT(count == 3);
    EXPECT_STR("Größe", back[2]);
    EXPECT_STR("", back[1]);
    EXPECT_ERR(FT_EINVAL, ft_event_value(&a, &arena, &e));
    EXPECT_WHY("texts");
    ft_buf_fini(&buf);
    ft_arena_fini(&arena);
}

/* ---- records of other writers, made here from the inside out */
static ft_str wrap(char *out, int field, ft_str inner) {
    size_t n = 0;
    out[n++] = (char)(field << 3 | 2);
    if (inner.len >= 128) {
        out[n++] = (char)(inner.len | 0x80);
        out[n++] = (char)(inner.len >> 7);
    } else {
        out[n++] = (char)inner.len;
    }
    memcpy(out + n, inner.at, inner.len);
    return ft_str_n(out, n + inner.len);
}

static uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

/* A record with a TRUE checksum, as TensorFlow writes it, around a Value's bytes. */
static ft_str record_of(char out[1024], ft_str value) {
    char a[1024], b[1024];
    ft_str event = wrap(b, 5, wrap(a, 1, value));
    uint64_t len = event.len;
    memcpy(out, &len, 8);
    uint32_t crc = masked(ft_crc32c(0, out, 8));
    memcpy(out + 8, &crc, 4);
    memcpy(out + 12, event.at, event.len);
    crc = masked(ft_crc32c(0, event.at, event.len));
    memcpy(out + 12 + event.len, &crc, 4);
    return ft_str_n(out, event.len + 16);
}

static ft_str tensor_record(char out[1024], const char *tensor, size_t len) {
    char t[1024], v[1024];
    ft_str body = wrap(t, 8, ft_str_n(tensor, len));
    memcpy(v, "\x0a\x01t", 3);
    memcpy(v + 3, body.at, body.len);
    return record_of(out, ft_str_n(v, 3 + body.len));
}

#define SHAPE2  "\x12\x04\x12\x02\x08\x02" /* [2] */
#define SHAPE3  "\x12\x04\x12\x02\x08\x03" /* [3] */
#define B(text) text, sizeof(text) - 1

static void test_forms(void **state) {
    (void)state;
    static const struct {
        const char *what, *bytes;
        size_t len;
        ft_dtype dtype;
        int64_t count;
        double first, last;
    } cases[] = {
        { "packed float_val", B("\x08\x01" SHAPE2 "\x2a\x08\0\0\x80\x3f\0\0\0\x40"), FT_F32, 2, 1,
          2 },
        { "unpacked float_val", B("\x08\x01" SHAPE2 "\x2d\0\0\x80\x3f\x2d\0\0\0\x40"), FT_F32, 2, 1,
          2 },
        { "one float for three", B("\x08\x01" SHAPE3 "\x2d\0\0\x80\x3f"), FT_F32, 3, 1, 1 },
        { "no value: zeros", B("\x08\x01" SHAPE3), FT_F32, 3, 0, 0 },
        { "double_val", B("\x08\x02" SHAPE2 "\x32\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40"),
          FT_F64, 2, 1, 2 },
        { "int_val of int32, negative",
          B("\x08\x03" SHAPE2 "\x38\x05\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), FT_I32, 2, 5,
          -1 },
        { "int_val of uint8", B("\x08\x04" SHAPE2 "\x3a\x03\x07\xff\x01"), FT_U8, 2, 7, 255 },
        { "int_val of int16", B("\x08\x05" SHAPE2 "\x3a\x02\x07\x08"), FT_I16, 2, 7, 8 },
        { "int_val of int8", B("\x08\x06" SHAPE2 "\x3a\x02\x07\x08"), FT_I8, 2, 7, 8 },
        { "scomplex_val",
          B("\x08\x08"
            "\x12\x04\x12\x02\x08\x01"
            "\x4a\x08\0\0\x80\x3f\0\0\0\x40"),
          FT_F32, 2, 1, 2 },
        { "int64_val", B("\x08\x09" SHAPE2 "\x52\x02\x03\x04"), FT_I64, 2, 3, 4 },
        { "bool_val", B("\x08\x0a" SHAPE2 "\x5a\x02\x01\x00"), FT_BOOL, 2, 1, 0 },
        { "qint8", B("\x08\x0b" SHAPE2 "\x22\x02\x01\xff"), FT_I8, 2, 1, -1 },
        { "quint8", B("\x08\x0c" SHAPE2 "\x22\x02\x01\xff"), FT_U8, 2, 1, 255 },
        { "uint16", B("\x08\x11" SHAPE2 "\x22\x04\x01\x00\xff\xff"), FT_U16, 2, 1, 65535 },
        { "complex128 content",
          B("\x08\x12"
            "\x12\x04\x12\x02\x08\x01"
            "\x22\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40"),
          FT_F64, 2, 1, 2 },
        { "half_val", B("\x08\x13" SHAPE2 "\x6a\x04\x80\x78\x80\x78"), FT_F16, 2, 1, 1 },
        { "uint32_val", B("\x08\x16" SHAPE2 "\x82\x01\x02\x03\x04"), FT_U32, 2, 3, 4 },
        { "uint64_val", B("\x08\x17" SHAPE2 "\x8a\x01\x02\x03\x04"), FT_U64, 2, 3, 4 },
        { "reference type", B("\x08\x65" SHAPE2 "\x22\x08\0\0\x80\x3f\0\0\0\x40"), FT_F32, 2, 1,
          2 },
        { "no shape", B("\x08\x01\x22\x08\0\0\x80\x3f\0\0\0\x40"), FT_F32, 2, 1, 2 },
        { "a scalar", B("\x08\x01\x12\0\x22\x04\0\0\x80\x3f"), FT_F32, 1, 1, 1 },
        { "an empty tensor", B("\x08\x01\x12\x02\x12\x00"), FT_F32, 0, 0, 0 },
    };
    ft_arena arena = FT_ARENA_INIT(0);
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        char bytes[1024];
        ft_event e;
        ft_array a;
        ft_err err = ft_event_read(&e, NULL, tensor_record(bytes, cases[i].bytes, cases[i].len),
                                   FT_STR("t"));
        if (!err) err = ft_event_value(&a, &arena, &e);
        if (err || a.dtype != cases[i].dtype || ft_array_count(&a) != cases[i].count ||
            (a.data && cases[i].count &&
             (ft_array_f64(&a, 0) != cases[i].first ||
              ft_array_f64(&a, cases[i].count - 1) != cases[i].last))) {
            print_error("%s: %s\n", cases[i].what, err ? ft_err_why() : "another value");
            fail();
        }
    }
    ft_arena_fini(&arena);
}

static void test_bf16_and_simple(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    char bytes[1024];
    ft_event e;
    ft_array a;
    /* bfloat16 1.0 = 0x3f80 as a varint: 80 7f */
    EXPECT_OK(ft_event_read(&e, NULL,
                            tensor_record(bytes, B("\x08\x0e" SHAPE2 "\x6a\x04\x80\x7f\x80\x7f")),
                            FT_STR("t")));
    EXPECT_OK(ft_event_value(&a, &arena, &e));
    EXPECT(a.dtype == FT_BF16 && ft_array_f64(&a, 0) == 1 && ft_array_f64(&a, 1) == 1);
    /* simple_value 2.0, TensorBoard's scalars */
    EXPECT_OK(
        ft_event_read(&e, NULL, record_of(bytes, FT_STR("\x0a\x01t\x15\0\0\0\x40")), FT_STR("t")));
    EXPECT(e.is_simple);
    EXPECT_OK(ft_event_value(&a, &arena, &e));
    EXPECT(a.dtype == FT_F32 && a.ndim == 0 && ft_array_f64(&a, 0) == 2);
    ft_arena_fini(&arena);
}

static void test_damage(void **state) {
    (void)state;
    ft_event_step step;
    ft_buf buf = { 0 };
    ft_event e;
    double value = 1;
    ft_array a = { .dtype = FT_F64, .data = &value };
    ft_event_step_init(&step, 3, FT_MODE_TRAIN, 3, 1);
    EXPECT_OK(ft_event_add(&buf, &step, FT_STR("loss"), &a));
    for (size_t n = 0; n < buf.len; n++) /* cut anywhere */
        EXPECT_ERR(FT_ECORRUPT, ft_event_read(&e, NULL, ft_str_n(buf.at, n), FT_STR("loss")));
    buf.at[3] ^= 1;
    EXPECT_ERR(FT_ECORRUPT, ft_event_read(&e, NULL, ft_buf_str(&buf), FT_STR("loss")));
    EXPECT_WHY("length");
    buf.at[3] ^= 1;
    buf.at[buf.len - 1] ^= 1;
    EXPECT_ERR(FT_ECORRUPT, ft_event_read(&e, NULL, ft_buf_str(&buf), FT_STR("loss")));
    buf.at[buf.len - 1] ^= 1;
    ft_arena arena = FT_ARENA_INIT((size_t)1 << 24);
    for (size_t i = 12; i + 4 < buf.len;
         i++) /* any byte of the payload wrong: an error or a value, no harm */
        for (int bit = 0; bit < 8; bit++) {
            ft_array v;
            buf.at[i] = (char)(buf.at[i] ^ (1 << bit));
            if (!ft_event_read(&e, NULL, ft_buf_str(&buf), FT_STR("loss")))
                ft_event_value(&v, &arena, &e);
            buf.at[i] = (char)(buf.at[i] ^ (1 << bit));
            ft_arena_reset(&arena);
        }
    ft_arena_fini(&arena);
    ft_buf_fini(&buf);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *what, *bytes;
        size_t len;
    } cases[] = {
        { "more items than the shape",
          B("\x08\x01" SHAPE2 "\x2a\x0c\0\0\x80\x3f\0\0\0\x40\0\0\0\x40") },
        { "fewer bytes than the shape", B("\x08\x01" SHAPE2 "\x22\x04\0\0\x80\x3f") },
        { "half an item", B("\x08\x01" SHAPE2 "\x22\x03\0\0\x80") },
        { "unknown type", B("\x08\x15" SHAPE2 "\x22\x04\0\0\x80\x3f") },
        { "a list of the wrong kind", B("\x08\x01" SHAPE2 "\x28\x01") },
        { "a cut list", B("\x08\x01" SHAPE2 "\x2a\x03\0\0\x80") },
        { "a negative dimension",
          B("\x08\x01\x12\x0d\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") },
        { "a tensor of 2^60 items",
          B("\x08\x01\x12\x0c\x12\x0a\x08\x80\x80\x80\x80\x80\x80\x80\x80\x10") },
        { "no item for 2^28", B("\x08\x01\x12\x07\x12\x05\x08\x80\x80\x80\x80\x01") },
        { "nine dimensions",
          B("\x08\x01\x12\x24\x12\x02\x08\x01\x12\x02\x08\x01\x12\x02\x08\x01\x12\x02\x08\x01\x12"
            "\x02\x08\x01\x12\x02\x08\x01\x12\x02\x08\x01\x12\x02\x08\x01\x12\x02\x08\x01") },
    };
    ft_arena arena = FT_ARENA_INIT(0);
    for (size_t i = 0; i < FT_COUNT(cases); i++) {
        char bytes[1024];
        ft_event e;
        ft_array a;
        ft_err err = ft_event_read(&e, NULL, tensor_record(bytes, cases[i].bytes, cases[i].len),
                                   FT_STR("t"));
        if (!err) err = ft_event_value(&a, &arena, &e);
        if (err != FT_ECORRUPT) print_error("%s: %s\n", cases[i].what, ft_err_name(err));
        EXPECT(err == FT_ECORRUPT);
    }
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    (void)state;
    EACH_FAULT {
        ft_event_step step;
        ft_buf buf = { 0 };
        float value = 0.25f;
        ft_array a = { .dtype = FT_F32, .data = &value };
        ft_event_step_init(&step, 3, FT_MODE_TRAIN, 3, 1);
        ft_err err = ft_event_add(&buf, &step, FT_STR("loss"), &a);
        EXPECT(err == FT_OK ? buf.len > 0 : buf.len == 0);
        ft_buf_fini(&buf);
    }
}

TEST_MAIN(cmocka_unit_test(test_vector), cmocka_unit_test(test_round_trip),
          cmocka_unit_test(test_texts), cmocka_unit_test(test_forms),
          cmocka_unit_test(test_bf16_and_simple), cmocka_unit_test(test_damage),
          cmocka_unit_test(test_refused), cmocka_unit_test(test_faults))
