/* RecordIO. The byte vectors are those of formats.md 3.1 and 3.2, written by MXNet's definition and
 * by SageMaker's SDK. */
#include "data/mxnet_image.h"
#include "data/record_in.h"
#include "data/record_test.h"

static const char one_label[] = "0a23d7ce 1d000000 00000000 0000e040 0100000000000000 "
                                "0000000000000000 ffd8616263 000000";
static const char two_labels[] = "0a23d7ce 22000000 02000000 00000000 0500000000000000 "
                                 "0000000000000000 0000803f 00000040 6162 0000";
static const char with_magic[] = "0a23d7ce 04000020 61626364 0a23d7ce 02000060 7879 0000";

static void test_vectors(void **state) {
    ft_arena arena = { 0 };
    ft_buf bytes = { 0 }, again = { 0 }, payload = { 0 };
    test_seen seen = { 0 };
    ft_mxnet_image image;
    static const float seven = 7, two[] = { 1, 2 };
    (void)state;

    EXPECT_OK(test_read_all(&seen, test_hex(&bytes, one_label), NULL));
    EXPECT(seen.count == 1);
    EXPECT_OK(ft_mxnet_image_read(&image, &arena, ft_buf_str(&seen.all)));
    EXPECT(image.id == 1 && image.label_count == 1 && image.labels[0] == 7);
    EXPECT_STR("\xff\xd8"
               "abc",
               image.image);
    image = (ft_mxnet_image){ 1, 0, &seven, 1,
                              FT_STR("\xff\xd8"
                                     "abc") };
    EXPECT_OK(ft_mxnet_image_write(&payload, &image));
    test_write(&again, &ft_records_recordio, ft_buf_str(&payload));
    EXPECT(ft_str_eq(ft_buf_str(&again), ft_buf_str(&bytes)));

    EXPECT_OK(test_read_all(&seen, test_hex(&bytes, two_labels), NULL));
    EXPECT_OK(ft_mxnet_image_read(&image, &arena, ft_buf_str(&seen.all)));
    EXPECT(image.id == 5 && image.label_count == 2 && image.labels[1] == 2);
    EXPECT_STR("ab", image.image);
    ft_buf_reset(&payload);
    ft_buf_reset(&again);
    EXPECT_OK(ft_mxnet_image_write(&payload, &(ft_mxnet_image){ 5, 0, two, 2, FT_STR("ab") }));
    test_write(&again, &ft_records_recordio, ft_buf_str(&payload));
    EXPECT(ft_str_eq(ft_buf_str(&again), ft_buf_str(&bytes)));

    EXPECT_OK(test_read_all(&seen, test_hex(&bytes, with_magic), NULL));
    EXPECT(seen.count == 1);
    EXPECT_STR("abcd\x0a\x23\xd7\xcexy", ft_buf_str(&seen.all));
    ft_buf_reset(&again);
    test_write(&again, &ft_records_recordio, ft_buf_str(&seen.all));
    EXPECT(ft_str_eq(ft_buf_str(&again), ft_buf_str(&bytes)));
    ft_buf_fini(&bytes);
    ft_buf_fini(&again);
    ft_buf_fini(&payload);
    ft_buf_fini(&seen.all);
    ft_arena_fini(&arena);
}

/* Payloads with the magic at every place, once, twice, alone. */
static void test_magic_everywhere(void **state) {
    test_seen seen = { 0 };
    (void)state;
    for (size_t len = 0; len < 24; len++)
        for (size_t at = 0; at <= len; at++)
            for (size_t second = at; second <= len; second += 4) {
                char payload[40];
                ft_buf file = { 0 };
                memset(payload, 'x', sizeof payload);
                memcpy(payload + at, "\x0a\x23\xd7\xce", 4);
                memcpy(payload + second, "\x0a\x23\xd7\xce", 4);
                test_write(&file, &ft_records_recordio, ft_str_n(payload, len));
                test_write(&file, &ft_records_recordio, FT_STR("next"));
                EXPECT(file.len % 4 == 0);
                EXPECT_OK(test_read_all(&seen, ft_buf_str(&file), NULL));
                EXPECT(seen.count == 2 && seen.all.len == len + 5);
                EXPECT(memcmp(seen.all.at, payload, len) == 0);
                ft_buf_fini(&file);
            }
    ft_buf_fini(&seen.all);
}

static void refused(ft_err code, const char *words, const char *hex, size_t cut) {
    ft_buf bytes = { 0 };
    test_seen seen = { 0 };
    ft_record_opts opts = { .format = FT_STR("recordio"), .record_bytes_max = 100 };
    ft_str all = test_hex(&bytes, hex);
    EXPECT_ERR(code, test_read_all(&seen, ft_str_slice(all, 0, all.len - cut), &opts));
    EXPECT_WHY(words);
    ft_buf_fini(&bytes);
    ft_buf_fini(&seen.all);
}

static void test_damaged(void **state) {
    (void)state;
    refused(FT_ECORRUPT, "'mem', record 0 at byte 0: the file ends within a record of 29 bytes",
            one_label, 4);
    refused(FT_ECORRUPT, "ends within a record's header", one_label, 33);
    refused(FT_ECORRUPT, "no RecordIO magic", "0b23d7ce 00000000", 0);
    refused(FT_ECORRUPT, "ends between the pieces", with_magic, 12);
    refused(FT_ECORRUPT, "a record's last piece is missing",
            "0a23d7ce 04000020 61626364 0a23d7ce 00000000", 0);
    refused(FT_ECORRUPT, "a piece of a record (flag 3) without its first", "0a23d7ce 00000060", 0);
    refused(FT_ECORRUPT, "a record of an unknown kind (flag 7)", "0a23d7ce 000000e0", 0);
    refused(FT_ETOOBIG, "a record of 536870911 bytes, at most 100", "0a23d7ce ffffff1f 00000000",
            0);
}

/* A record of no bytes is one. The zeros behind a record are part of it: every writer has them. */
static void test_edges(void **state) {
    ft_buf bytes = { 0 };
    test_seen seen = { 0 };
    (void)state;
    EXPECT_OK(test_read_all(
        &seen, test_hex(&bytes, "0a23d7ce 00000000 0a23d7ce 05000000 6162636465000000"),
        &(ft_record_opts){ .format = FT_STR("recordio") }));
    EXPECT(seen.count == 2);
    EXPECT_STR("|abcde", ft_buf_str(&seen.all));
    ft_buf_fini(&bytes);
    ft_buf_fini(&seen.all);
    refused(FT_ECORRUPT, "ends within a record of 5 bytes", "0a23d7ce 05000000 61626364650000", 0);
}

/* A damaged record is skipped to the next magic, as far as allowed, and counted. */
static void test_skip(void **state) {
    ft_buf bytes = { 0 };
    test_seen seen = { 0 };
    static const char hex[] =
        "0a23d7ce 04000000 61616161 ffffffff 01020304 0a23d7ce 04000000 62626262"
        "0a23d7ce 04000060 7a7a7a7a 0a23d7ce 01000000 63000000";
    ft_record_opts opts = { .format = FT_STR("recordio"), .bad_max = 2 };
    (void)state;
    EXPECT_OK(test_read_all(&seen, test_hex(&bytes, hex), &opts));
    EXPECT_STR("aaaa|bbbb|c", ft_buf_str(&seen.all));
    EXPECT(seen.bad == 2);
    opts.bad_max = 1;
    EXPECT_ERR(FT_ECORRUPT, test_read_all(&seen, ft_buf_str(&bytes), &opts));
    EXPECT_WHY("record 3 at byte 32: a piece of a record");
    ft_buf_fini(&bytes);
    ft_buf_fini(&seen.all);
}

static void test_image_damage(void **state) {
    ft_arena arena = { 0 };
    ft_mxnet_image image;
    char payload[40] = { 0 };
    (void)state;
    EXPECT_ERR(FT_ECORRUPT, ft_mxnet_image_read(&image, &arena, ft_str_n(payload, 23)));
    EXPECT_OK(ft_mxnet_image_read(&image, &arena, ft_str_n(payload, 24)));
    EXPECT(image.label_count == 1 && image.image.len == 0);
    payload[0] = 5;
    EXPECT_ERR(FT_ECORRUPT, ft_mxnet_image_read(&image, &arena, ft_str_n(payload, 40)));
    EXPECT_WHY("5 labels in 16 bytes");
    ft_arena_fini(&arena);
}

static void test_faults(void **state) {
    ft_buf bytes = { 0 };
    (void)state;
    ft_str file = test_hex(&bytes, with_magic);
    EACH_FAULT {
        test_seen seen = { 0 };
        ft_err err = test_read_all(&seen, file, NULL);
        if (!err) EXPECT(seen.count == 1);
        ft_buf_fini(&seen.all);
    }
    ft_buf_fini(&bytes);
}

TEST_MAIN(cmocka_unit_test(test_vectors), cmocka_unit_test(test_magic_everywhere),
          cmocka_unit_test(test_damaged), cmocka_unit_test(test_edges), cmocka_unit_test(test_skip),
          cmocka_unit_test(test_image_damage), cmocka_unit_test(test_faults))
