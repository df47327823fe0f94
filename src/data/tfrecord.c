/* tfrecord.c -- TFRecord: length, its masked CRC-32C, payload, its masked CRC-32C. Source:
 * TensorFlow, core/lib/io/record_writer.h; formats.md 3.3. */
#include "base/hash.h"
#include "data/record_in.h"

#define HEADER_BYTES ((size_t)12)
#define FOOTER_BYTES ((size_t)4)

static ft_err tfrecord_next(ft_record_read *r, ft_record *out) {
    ft_str view;
    ft_err err = ft_record_peek(&view, r, HEADER_BYTES, "a record's header");
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    uint64_t len = ft_le64(view.at);
    if (ft_le32(view.at + 8) != ft_crc32c_masked(view.at, 8))
        return FT_FAIL(FT_ECORRUPT, "the length's checksum is wrong: the rest cannot be read");
    FT_TRY(ft_record_fits(r, len));
    size_t bytes = HEADER_BYTES + (size_t)len + FOOTER_BYTES;
    FT_TRY(ft_record_peek(&view, r, bytes, "a record's payload"));
    ft_input_skip(r->in, bytes);
    out->bytes = ft_str_slice(view, HEADER_BYTES, (size_t)len);
    if (ft_le32(view.at + HEADER_BYTES + len) == ft_crc32c_masked(out->bytes.at, (size_t)len))
        return FT_OK;
    r->can_skip = true;
    return FT_FAIL(FT_ECORRUPT, "the payload's checksum is wrong");
}

static ft_err tfrecord_pass(ft_record_read *r) {
    ft_str view;
    ft_err err = ft_record_peek(&view, r, HEADER_BYTES, "a record's header");
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    uint64_t len = ft_le64(view.at);
    if (ft_le32(view.at + 8) != ft_crc32c_masked(view.at, 8))
        return FT_FAIL(FT_ECORRUPT, "the length's checksum is wrong: the rest cannot be read");
    if (len > INT64_MAX / 2)
        return FT_FAIL(FT_ETOOBIG, "a record of %llu bytes", (unsigned long long)len);
    return ft_input_seek(r->in, ft_input_offset(r->in) + HEADER_BYTES + len + FOOTER_BYTES);
}

static ft_err tfrecord_write(ft_record_write *w, const ft_record *record) {
    uint64_t len = record->bytes.len;
    uint32_t crc = ft_crc32c_masked(&len, sizeof len),
             data_crc = ft_crc32c_masked(record->bytes.at, record->bytes.len);
    ft_buf_add_n(w->out, &len, sizeof len);
    ft_buf_add_n(w->out, &crc, sizeof crc);
    ft_buf_add(w->out, record->bytes);
    return ft_buf_add_n(w->out, &data_crc, sizeof data_crc);
}

static int tfrecord_sniff(ft_str head, ft_str path) {
    (void)path;
    return head.len >= HEADER_BYTES && ft_le32(head.at + 8) == ft_crc32c_masked(head.at, 8) ? 97
                                                                                            : 0;
}

const ft_record_format ft_records_tfrecord = {
    .name = "tfrecord",
    .doc = "TensorFlow's records, with checksums; mostly a tf.Example each",
    .endings = ".tfrecord|.tfrecords",
    .media_types = "application/x-tfrecord",
    .sniff = tfrecord_sniff,
    .next = tfrecord_next,
    .pass = tfrecord_pass,
    .write = tfrecord_write,
};
