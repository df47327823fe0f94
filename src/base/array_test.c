/* array_test.c -- every type of number as a double, names, hostile shapes. */
#include "base/array.h"

#include <math.h>

#include "tests/test.h"

static void test_names(void **state) {
    (void)state;
    ft_dtype t;
    for (int i = 0; i < FT_DTYPE_COUNT; i++) {
        EXPECT_OK(ft_dtype_parse(&t, ft_str_of(ft_dtype_name((ft_dtype)i))));
        EXPECT(t == (ft_dtype)i && ft_dtype_bytes(t) >= 1 && ft_dtype_bytes(t) <= 8);
    }
    EXPECT_ERR(FT_EINVAL, ft_dtype_parse(&t, FT_STR("float128")));
    EXPECT_WHY("float128");
}

static void test_values(void **state) {
    (void)state;
    static const int8_t i8 = -5;
    static const int16_t i16 = -500;
    static const int32_t i32 = -70000;
    static const int64_t i64 = -5000000000;
    static const uint8_t u8 = 250, yes = 1;
    static const uint16_t u16 = 65000, half = 0xc500, brain = 0xc0a0;
    static const uint32_t u32 = 4000000000u;
    static const uint64_t u64 = 1ull << 63;
    static const float f32 = 0.5f;
    static const double f64 = 0.1;
    static const struct {
        ft_dtype t;
        const void *at;
        double want;
    } row[] = { { FT_I8, &i8, -5 },      { FT_I16, &i16, -500 },   { FT_I32, &i32, -70000 },
                { FT_I64, &i64, -5e9 },  { FT_U8, &u8, 250 },      { FT_BOOL, &yes, 1 },
                { FT_U16, &u16, 65000 }, { FT_F16, &half, -5 },    { FT_BF16, &brain, -5 },
                { FT_U32, &u32, 4e9 },   { FT_U64, &u64, 0x1p63 }, { FT_F32, &f32, 0.5 },
                { FT_F64, &f64, 0.1 } };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        ft_array a = { .dtype = row[i].t, .data = (void *)(uintptr_t)row[i].at };
        EXPECT(ft_array_valid(&a) && ft_array_count(&a) == 1);
        EXPECT(ft_array_f64(&a, 0) == row[i].want);
    }
}

/* Against the compiler's own half precision where it has one; else the corners by hand. */
static void test_half(void **state) {
    (void)state;
    EXPECT(ft_f16_f32(0x3c00) == 1 && ft_f16_f32(0x7bff) == 65504 && ft_f16_f32(0x8000) == 0);
    EXPECT(signbit(ft_f16_f32(0x8000)));
    EXPECT(ft_f16_f32(0x0001) == 0x1p-24f && ft_f16_f32(0x83ff) == -1023 * 0x1p-24f);
    EXPECT(isinf(ft_f16_f32(0x7c00)) && isnan(ft_f16_f32(0x7e00)) && isinf(ft_bf16_f32(0xff80)));
#if defined(__FLT16_MAX__)
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint16_t in = (uint16_t)bits;
        _Float16 want;
        memcpy(&want, &in, sizeof in);
        float got = ft_f16_f32(in);
        EXPECT(got == (float)want || (isnan(got) && (bits & 0x7fff) > 0x7c00));
    }
#endif
}

static void test_shapes(void **state) {
    (void)state;
    float data[6];
    ft_array a = { .dtype = FT_F32, .ndim = 2, .shape = { 2, 3 }, .data = data };
    EXPECT(ft_array_valid(&a) && ft_array_count(&a) == 6 && ft_array_bytes(&a) == 24);
    a.shape[0] = 0;
    a.data = NULL;
    EXPECT(ft_array_valid(&a) && ft_array_count(&a) == 0);
    a.shape[0] = 1;
    EXPECT(!ft_array_valid(&a));
    a.data = data;
    a.shape[0] = -1;
    EXPECT(!ft_array_valid(&a));
    a.shape[0] = a.shape[1] = INT64_MAX / 2;
    EXPECT(!ft_array_valid(&a));
    a.ndim = 9;
    EXPECT(!ft_array_valid(&a));
    a = (ft_array){ .dtype = FT_DTYPE_COUNT };
    EXPECT(!ft_array_valid(&a));
    /* zero times too much must not overflow on the way */
    a = (ft_array){ .dtype = FT_F64, .ndim = 3, .shape = { 0, INT64_MAX, 1 } };
    EXPECT(!ft_array_valid(&a) || ft_array_count(&a) == 0);
}

TEST_MAIN(cmocka_unit_test(test_names), cmocka_unit_test(test_values), cmocka_unit_test(test_half),
          cmocka_unit_test(test_shapes))
