/* recordio.c -- RecordIO as MXNet has it and as SageMaker has it: magic, length, payload, zeros up
 * to a multiple of 4.
 *
 * MXNet keeps 3 bits of the length word as a flag: a payload that holds the magic at a multiple of
 * 4 is cut there (the magic left out) into pieces flagged 1, 2 … 2, 3; a whole one is flagged 0.
 * SageMaker uses all 32 bits as length and never cuts. Sources: dmlc-core recordio.h;
 * SageMaker SDK, amazon/common.py; formats.md 3.1, 3.2. */
#include "base/check.h"
#include "data/record_in.h"
#include "data/sagemaker_record.h"

#define FRAME_BYTES  ((size_t)8)
#define LENGTH_BITS  29
#define LENGTH_MASK  ((1u << LENGTH_BITS) - 1)
#define RESYNC_BYTES ((size_t)1 << 20) /* looked through for the next record after damage */
#define MAGIC_TEXT   "\x0a\x23\xd7\xce"

enum { WHOLE, FIRST, MIDDLE, LAST };

typedef struct recordio_state {
    ft_buf joined; /* a record of several pieces */
} recordio_state;

static size_t padded(size_t len) { return (len + 3) & ~(size_t)3; }

/* ---- reading */

/* After damage: the next magic at a multiple of 4. */
static ft_err resync(ft_record_read *r) {
    ft_str view;
    FT_TRY(ft_input_peek(&view, r->in, RESYNC_BYTES));
    for (size_t at = 4; at + FRAME_BYTES <= view.len; at += 4)
        if (memcmp(view.at + at, MAGIC_TEXT, 4) == 0) {
            ft_input_skip(r->in, at);
            r->can_skip = true;
            return FT_OK;
        }
    return FT_OK;
}

static ft_err damaged(ft_record_read *r, const char *why) {
    FT_TRY(resync(r));
    return FT_FAIL(FT_ECORRUPT, "%s", why);
}

/* One frame: its payload, and how far to skip once that was used. */
static ft_err frame(ft_str *payload, size_t *frame_bytes, ft_record_read *r, uint64_t len) {
    ft_str view;
    FT_TRY(ft_record_fits(r, len));
    FT_TRY(ft_input_peek(&view, r->in, FRAME_BYTES + padded((size_t)len)));
    if (view.len < FRAME_BYTES + padded((size_t)len)) {
        FT_TRY(resync(r));
        return FT_FAIL(FT_ECORRUPT, "the file ends within a record of %llu bytes",
                       (unsigned long long)len);
    }
    *frame_bytes = FRAME_BYTES + padded((size_t)len);
    *payload = ft_str_slice(view, FRAME_BYTES, (size_t)len);
    return FT_OK;
}

static ft_err header(uint32_t *word, ft_record_read *r) {
    ft_str view;
    FT_TRY(ft_record_peek(&view, r, FRAME_BYTES, "a record's header"));
    if (ft_le32(view.at) != FT_RECORDIO_MAGIC)
        return damaged(r, "no RecordIO magic (0a 23 d7 ce) where a record should begin");
    *word = ft_le32(view.at + 4);
    return FT_OK;
}

static ft_err sagemaker_next(ft_record_read *r, ft_record *out) {
    uint32_t len = 0;
    size_t bytes;
    ft_err err = header(&len, r);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    FT_TRY(frame(&out->bytes, &bytes, r, len));
    ft_input_skip(r->in, bytes);
    return FT_OK;
}

/* A piece after the first of its record. The magic that was cut out goes before it. */
static ft_err piece(ft_record_read *r, ft_buf *joined, bool *last) {
    uint32_t word = 0;
    ft_str payload;
    size_t bytes;
    ft_err err = header(&word, r);
    if (err == FT_ENOTFOUND)
        return FT_FAIL(FT_ECORRUPT, "the file ends between the pieces of a record");
    FT_TRY(err);
    uint32_t flag = word >> LENGTH_BITS;
    if (flag != MIDDLE && flag != LAST) {
        r->can_skip = true; /* it begins the next record */
        return FT_FAIL(FT_ECORRUPT, "a record's last piece is missing");
    }
    FT_TRY(frame(&payload, &bytes, r, word & LENGTH_MASK));
    FT_TRY(ft_record_fits(r, (uint64_t)joined->len + 4 + payload.len));
    FT_TRY(ft_buf_add_n(joined, MAGIC_TEXT, 4));
    FT_TRY(ft_buf_add(joined, payload));
    ft_input_skip(r->in, bytes);
    *last = flag == LAST;
    return FT_OK;
}

static ft_err recordio_next(ft_record_read *r, ft_record *out) {
    recordio_state *s = r->state;
    uint32_t word = 0;
    size_t bytes;
    ft_err err = header(&word, r);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    uint32_t flag = word >> LENGTH_BITS;
    FT_TRY(frame(&out->bytes, &bytes, r, word & LENGTH_MASK));
    if (flag == WHOLE) {
        ft_input_skip(r->in, bytes);
        return FT_OK;
    }
    if (flag != FIRST) {
        ft_input_skip(r->in, bytes);
        r->can_skip = true;
        return FT_FAIL(FT_ECORRUPT,
                       flag > LAST ? "a record of an unknown kind (flag %u)"
                                   : "a piece of a record (flag %u) without its first",
                       flag);
    }
    ft_buf_reset(&s->joined);
    s->joined.limit_bytes = r->record_bytes_max + 1;
    FT_TRY(ft_buf_add(&s->joined, out->bytes));
    ft_input_skip(r->in, bytes);
    for (bool last = false; !last;) FT_TRY(piece(r, &s->joined, &last));
    out->bytes = ft_buf_str(&s->joined);
    return FT_OK;
}

/* Past a frame and the zeros behind it. */
static ft_err frame_pass(ft_record_read *r, uint64_t len) {
    ft_str view;
    FT_TRY(ft_input_seek(r->in, ft_input_offset(r->in) + FRAME_BYTES + len));
    size_t pad = (size_t)(-len & 3);
    FT_TRY(ft_input_peek(&view, r->in, pad));
    if (view.len < pad)
        return FT_FAIL(FT_ECORRUPT, "the file ends within a record of %llu bytes",
                       (unsigned long long)len);
    ft_input_skip(r->in, pad);
    return FT_OK;
}

static ft_err sagemaker_pass(ft_record_read *r) {
    uint32_t len = 0;
    ft_err err = header(&len, r);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    return frame_pass(r, len);
}

static ft_err recordio_pass(ft_record_read *r) {
    uint32_t word = 0, flag;
    ft_err err = header(&word, r);
    if (err == FT_ENOTFOUND) return err;
    FT_TRY(err);
    FT_TRY(frame_pass(r, word & LENGTH_MASK));
    if (word >> LENGTH_BITS != FIRST) return FT_OK; /* whole, or the reader's to refuse */
    do {
        err = header(&word, r);
        if (err == FT_ENOTFOUND)
            return FT_FAIL(FT_ECORRUPT, "the file ends between the pieces of a record");
        FT_TRY(err);
        flag = word >> LENGTH_BITS;
        if (flag == WHOLE || flag == FIRST) return FT_OK; /* the reader will say so */
        FT_TRY(frame_pass(r, word & LENGTH_MASK));
    } while (flag == MIDDLE);
    return FT_OK;
}

static void recordio_fini(void *state) { ft_buf_fini(&((recordio_state *)state)->joined); }

/* ---- writing */

static ft_err put_frame(ft_buf *out, uint32_t word, ft_str payload) {
    static const char zeros[3];
    uint32_t magic = FT_RECORDIO_MAGIC;
    ft_buf_add_n(out, &magic, 4);
    ft_buf_add_n(out, &word, 4);
    ft_buf_add(out, payload);
    return ft_buf_add_n(out, zeros, padded(payload.len) - payload.len);
}

/* The next magic at a multiple of 4, or the length. */
static size_t cut_at(ft_str payload) {
    for (size_t at = 0; at + 4 <= payload.len; at += 4)
        if (memcmp(payload.at + at, MAGIC_TEXT, 4) == 0) return at;
    return payload.len;
}

static ft_err recordio_write(ft_record_write *w, const ft_record *record) {
    ft_str rest = record->bytes;
    if (rest.len > LENGTH_MASK)
        return FT_FAIL(FT_ETOOBIG, "%zu bytes, RecordIO holds at most %u", rest.len, LENGTH_MASK);
    size_t cut = cut_at(rest);
    if (cut == rest.len) return put_frame(w->out, (uint32_t)rest.len, rest);
    for (uint32_t flag = FIRST;; flag = MIDDLE) {
        bool last = cut == rest.len;
        if (last) flag = LAST;
        FT_TRY(put_frame(w->out, flag << LENGTH_BITS | (uint32_t)cut, ft_str_slice(rest, 0, cut)));
        if (last) return FT_OK;
        rest = ft_str_from(rest, cut + 4);
        cut = cut_at(rest);
    }
}

static ft_err sagemaker_write(ft_record_write *w, const ft_record *record) {
    if (record->bytes.len > UINT32_MAX)
        return FT_FAIL(FT_ETOOBIG, "%zu bytes, the format holds at most %u", record->bytes.len,
                       UINT32_MAX);
    return put_frame(w->out, (uint32_t)record->bytes.len, record->bytes);
}

/* ---- rows of the registry */

/* SageMaker's payload is a protobuf that its own reader takes; anything else in such frames is
 * MXNet's. */
static bool holds_sagemaker(ft_str head) {
    if (head.len < FRAME_BYTES || memcmp(head.at, MAGIC_TEXT, 4) != 0) return false;
    size_t len = ft_le32(head.at + 4);
    return ft_sagemaker_record_looks(ft_str_slice(head, FRAME_BYTES, len));
}

static int recordio_sniff(ft_str head, ft_str path) {
    (void)path;
    return ft_str_starts(head, FT_STR(MAGIC_TEXT)) ? 80 : 0;
}

static int sagemaker_sniff(ft_str head, ft_str path) {
    (void)path;
    return holds_sagemaker(head) ? 95 : 0;
}

const ft_record_format ft_records_recordio = {
    .name = "recordio",
    .doc = "MXNet's RecordIO: images with labels, or any bytes",
    .endings = ".rec",
    .media_types = "application/x-recordio",
    .sniff = recordio_sniff,
    .indexed = true,
    .read_bytes = sizeof(recordio_state),
    .next = recordio_next,
    .pass = recordio_pass,
    .fini = recordio_fini,
    .write = recordio_write,
};

const ft_record_format ft_records_sagemaker = {
    .name = "recordio-protobuf",
    .doc = "SageMaker's RecordIO with a protobuf of named tensors in each record",
    .endings = ".pbr|.recordio|.protobuf",
    .media_types = "application/x-recordio-protobuf",
    .sniff = sagemaker_sniff,
    .next = sagemaker_next,
    .pass = sagemaker_pass,
    .write = sagemaker_write,
};
