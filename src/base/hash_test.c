/* hash_test.c -- published vectors, both ways of CRC-32C, Base64 of RFC 4648, every failed call. */
#include "base/hash.h"
#include "base/buf.h"
#include "base/digest_in.h"
#include "base/files.h"
#include "tests/test.h"

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_sha256_and_md5(void **state) {
    (void)state;
    char sha[FT_SHA256_HEX], md5[FT_MD5_HEX];
    ft_hasher *h;
    EXPECT_OK(ft_sha256_hex(sha, FT_STR("abc")));
    EXPECT(strcmp(sha, ABC_SHA256) == 0); /* FIPS 180-2, appendix B.1 */
    EXPECT_OK(ft_sha256_hex(sha, (ft_str){ 0 }));
    EXPECT(strncmp(sha, "e3b0c44298fc1c14", 16) == 0);
    EXPECT_OK(ft_hasher_new(&h, true));
    EXPECT_OK(ft_hasher_add(h, "a", 1));
    EXPECT_OK(ft_hasher_add(h, "bc", 2));
    EXPECT_OK(ft_hasher_end(h, sha, md5));
    EXPECT(strcmp(sha, ABC_SHA256) == 0);
    EXPECT(strcmp(md5, "900150983cd24fb0d6963f7d28e17f72") == 0); /* RFC 1321, A.5 */
    ft_hasher_free(h);
    ft_hasher_free(NULL);
}

static void test_hmac(void **state) {
    (void)state;
    unsigned char raw[32];
    char hex[65];
    EXPECT_OK(ft_hmac_sha256(raw, FT_STR("Jefe"), FT_STR("what do ya want for nothing?")));
    ft_hex(hex, raw, 32); /* RFC 4231, test case 2 */
    unsigned char back[32];
    EXPECT(ft_unhex(back, 32, ft_str_of(hex)) && memcmp(back, raw, 32) == 0);
    EXPECT(ft_unhex(NULL, 3, FT_STR("09afbe")) && ft_unhex(NULL, 0, FT_STR("")));
    EXPECT(!ft_unhex(back, 31, ft_str_of(hex)) && !ft_unhex(NULL, 1, FT_STR("0A")));
    EXPECT(!ft_unhex(NULL, 1, FT_STR("A0")) && !ft_unhex(NULL, 1, FT_STR("g0")));
    EXPECT(!ft_unhex(NULL, 1, ft_str_n("0\0", 2)) && !ft_unhex(NULL, 1, FT_STR("000")));
    EXPECT(strcmp(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843") == 0);
    EXPECT_OK(ft_hmac_sha256(raw, (ft_str){ 0 }, (ft_str){ 0 }));
    ft_hex(hex, raw, 32);
    EXPECT(strncmp(hex, "b613679a0814d9ec", 16) == 0);
}

/* Every length around the block, in pieces, with short and long keys, against Python's hashlib. */
static void test_hashlib(void **state) {
    (void)state;
    static unsigned char bytes[3000];
    unsigned char mac[32];
    char sha[FT_SHA256_HEX], md5[FT_MD5_HEX], hex[65], want[4][80];
    ft_hasher *h;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * i / 7 + i);
    FILE *python = popen("/usr/bin/python3 -c \"\n"
                         "import hashlib, hmac\n"
                         "b = bytes((i * i // 7 + i) % 256 for i in range(3000))\n"
                         "for n in list(range(0, 200)) + [1000, 2999]:\n"
                         "    x = b[:n]; k = b[n // 2:n]\n"
                         "    print(hashlib.sha256(x).hexdigest(), hashlib.md5(x).hexdigest(),"
                         " hmac.new(k, x, 'sha256').hexdigest(), hmac.new(k, x, "
                         "'sha1').hexdigest())\n\" 2>/dev/null",
                         "r");
    EXPECT(python != NULL);
    int count = 0;
    for (; fscanf(python, "%79s %79s %79s %79s", want[0], want[1], want[2], want[3]) == 4;
         count++) {
        size_t n = count < 200 ? (size_t)count : count == 200 ? 1000 : 2999;
        EXPECT_OK(ft_hasher_new(&h, true));
        for (size_t at = 0, size = 1; at < n; at += size, size = size * 3 % 101 + 1)
            EXPECT_OK(ft_hasher_add(h, bytes + at, size < n - at ? size : n - at));
        EXPECT_OK(ft_hasher_end(h, sha, md5));
        ft_hasher_free(h);
        EXPECT(strcmp(sha, want[0]) == 0 && strcmp(md5, want[1]) == 0);
        ft_str all = ft_str_n(bytes, n), key = ft_str_n(bytes + n / 2, n - n / 2);
        EXPECT_OK(ft_hmac_sha256(mac, key, all));
        ft_hex(hex, mac, 32);
        EXPECT(strcmp(hex, want[2]) == 0);
        ft_hmac_sha1(mac, key, all);
        ft_hex(hex, mac, 20);
        EXPECT(strcmp(hex, want[3]) == 0);
    }
    pclose(python);
    if (count == 0) SKIP("no /usr/bin/python3");
    EXPECT(count == 202);
}

/* The processor's instructions and the plain loop agree, from any state. */
static void test_sha256_ways(void **state) {
    (void)state;
    unsigned char bytes[64 * 5 + 1];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 31 + 7);
    for (size_t count = 0; count <= 5; count++) {
        uint32_t fast[8], plain[8];
        for (uint32_t i = 0; i < 8; i++) fast[i] = plain[i] = i * 0x9e3779b9u;
        ft_digest_sha256.blocks(fast, bytes + 1, count);
        ft_sha256_blocks_plain(plain, bytes + 1, count);
        EXPECT(memcmp(fast, plain, sizeof fast) == 0);
    }
}

static void test_file(void **state) {
    (void)state;
    char path[300], sha[FT_SHA256_HEX];
    snprintf(path, sizeof path, "%s/abc", test_dir());
    EXPECT_OK(ft_file_write_atomic(path, FT_STR("abc"), false));
    EXPECT_OK(ft_sha256_file(sha, path));
    EXPECT(strcmp(sha, ABC_SHA256) == 0);
    int rounds = 0;
    EACH_FAULT {
        ft_err err = ft_sha256_file(sha, path);
        EXPECT(err == FT_OK || ft_err_why()[0]);
        rounds++;
    }
    EXPECT(rounds >= 4);
    strcat(path, "-none");
    EXPECT_ERR(FT_ENOTFOUND, ft_sha256_file(sha, path));
    EXPECT_WHY("abc-none");
}

static void test_crc32c(void **state) {
    (void)state;
    unsigned char bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7 + i / 256);
    EXPECT(ft_crc32c(0, "123456789", 9) == 0xe3069283);            /* the catalogue's check value */
    EXPECT(ft_crc32c(0, (const char[32]){ 0 }, 32) == 0x8a9136aa); /* RFC 3720, B.4 */
    EXPECT(ft_crc32c(0, NULL, 0) == 0);
    for (size_t len = 0; len <= 64; len++) {
        for (size_t at = 0; at < 9; at++) {
            uint32_t whole = ft_crc32c(0, bytes + at, len);
            EXPECT(whole == ft_crc32c_plain(0, bytes + at, len));
            EXPECT(whole == ft_crc32c(ft_crc32c(0, bytes + at, len / 3), bytes + at + len / 3,
                                      len - len / 3));
        }
    }
    EXPECT(ft_crc32c(7, bytes, 1000) == ft_crc32c_plain(7, bytes, 1000));
    static unsigned char large[40000]; /* three lanes, once and several times, and what is left */
    for (size_t i = 0; i < sizeof large; i++) large[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t len = 12280; len + 7 < sizeof large; len += len < 12300 ? 1 : 997)
        EXPECT(ft_crc32c(7, large + len % 8, len) == ft_crc32c_plain(7, large + len % 8, len));
}

static void test_hash64_spreads(void **state) {
    (void)state;
    unsigned buckets[256] = { 0 };
    char text[32];
    for (int i = 0; i < 256 * 64; i++) {
        int len = snprintf(text, sizeof text, "feature_%d", i);
        buckets[ft_hash64(ft_str_n(text, (size_t)len), 1) & 255]++;
    }
    for (int i = 0; i < 256; i++) EXPECT(buckets[i] > 20 && buckets[i] < 130);
    EXPECT(ft_hash64(FT_STR("a"), 1) != ft_hash64(FT_STR("a"), 2));
    EXPECT(ft_hash64(FT_STR("a"), 1) != ft_hash64(FT_STR("a\0"), 1));
    EXPECT(ft_hash64((ft_str){ 0 }, 1) == ft_hash64(FT_STR(""), 1));
}

static void test_base64(void **state) {
    (void)state;
    static const char *const pair[][2] = { { "", "" },
                                           { "f", "Zg==" },
                                           { "fo", "Zm8=" },
                                           { "foo", "Zm9v" },
                                           { "foob", "Zm9vYg==" },
                                           { "fooba", "Zm9vYmE=" },
                                           { "foobar", "Zm9vYmFy" },
                                           { "\xff\xfe\xfd", "//79" } };
    static const char *const bad[] = { "Zg",     "Zg=",   "Z===", "====", "Zg==Zg==",
                                       "Zm9v\n", "Zm 9v", "Zm9-", "=m9v", "Zm=v" };
    ft_buf b = { 0 };
    for (size_t i = 0; i < sizeof pair / sizeof pair[0]; i++) {
        ft_buf_reset(&b);
        EXPECT_OK(ft_base64_add(&b, ft_str_of(pair[i][0])));
        EXPECT_STR(pair[i][1], ft_buf_str(&b));
        ft_buf_reset(&b);
        EXPECT_OK(ft_base64_decode(&b, ft_str_of(pair[i][1])));
        EXPECT_STR(pair[i][0], ft_buf_str(&b));
    }
    ft_buf_reset(&b);
    ft_buf_byte(&b, 'x');
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_ERR(FT_EPARSE, ft_base64_decode(&b, ft_str_of(bad[i])));
        EXPECT_STR("x", ft_buf_str(&b));
    }
    ft_buf_fini(&b);
}

/* FIPS 180-4's second example, in every pair of pieces. */
static void test_sha1(void **state) {
    (void)state;
    ft_str text = FT_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
    for (size_t cut = 0; cut <= text.len; cut++) {
        unsigned char raw[20];
        char hex[41];
        ft_sha1 h;
        ft_sha1_begin(&h);
        ft_sha1_add(&h, ft_str_slice(text, 0, cut));
        ft_sha1_add(&h, ft_str_from(text, cut));
        ft_sha1_end(&h, raw);
        ft_hex(hex, raw, sizeof raw);
        EXPECT_STR("84983e441c3bd26ebaae4aa1f95129e5e54670f1", ft_str_n(hex, 40));
    }
}

static void test_every_fault(void **state) {
    (void)state;
    int rounds = 0;
    EACH_FAULT {
        ft_hasher *h = NULL;
        unsigned char raw[32];
        ft_err err = ft_hasher_new(&h, true);
        if (!err) err = ft_hmac_sha256(raw, FT_STR("x"), FT_STR("y"));
        EXPECT(err == FT_OK || err == FT_ENOMEM);
        ft_hasher_free(h);
        rounds++;
    }
    EXPECT(rounds == 2);
    EXPECT(ft_equal_const_time(FT_STR("ab"), FT_STR("ab")));
    EXPECT(!ft_equal_const_time(FT_STR("ab"), FT_STR("ac")));
    EXPECT(!ft_equal_const_time(FT_STR("ab"), FT_STR("abc")));
}

TEST_MAIN(cmocka_unit_test(test_sha1), cmocka_unit_test(test_sha256_and_md5),
          cmocka_unit_test(test_hmac), cmocka_unit_test(test_hashlib),
          cmocka_unit_test(test_sha256_ways), cmocka_unit_test(test_file),
          cmocka_unit_test(test_crc32c), cmocka_unit_test(test_hash64_spreads),
          cmocka_unit_test(test_base64), cmocka_unit_test(test_every_fault))
