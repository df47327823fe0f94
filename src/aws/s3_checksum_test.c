/* s3_checksum_test.c -- CRC-64/NVME against its published check value and bit by bit. */
#include "aws/s3_checksum.h"

#include "base/random.h"
#include "tests/test.h"

static void test_check_value(void **state) {
    (void)state;
    EXPECT(ft_crc64_nvme(0, "123456789", 9) == 0xae8b14860a799888ULL); /* the RevEng catalogue */
    EXPECT(ft_crc64_nvme_plain(0, "123456789", 9) == 0xae8b14860a799888ULL);
    EXPECT(ft_crc64_nvme(0, "", 0) == 0);
}

static void test_pieces(void **state) {
    (void)state;
    unsigned char bytes[1000];
    ft_random r;
    ft_random_seed(&r, 7);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)ft_random_u64(&r);
    for (size_t len = 0; len <= sizeof bytes; len += 37) {
        uint64_t want = ft_crc64_nvme_plain(0, bytes, len);
        EXPECT(ft_crc64_nvme(0, bytes, len) == want);
        size_t cut = len / 3;
        EXPECT(ft_crc64_nvme(ft_crc64_nvme(0, bytes, cut), bytes + cut, len - cut) == want);
    }
}

TEST_MAIN(cmocka_unit_test(test_check_value), cmocka_unit_test(test_pieces))
