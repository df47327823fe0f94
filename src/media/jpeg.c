/* jpeg.c -- see jpeg_in.h: loading libjpeg-turbo, its errors, bytes in and bytes out. */
#include "media/jpeg_in.h"

#include <stddef.h>
#include <string.h>

#include <jerror.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/lib.h"

#define SCANS_MAX     128 /* a progressive file can make every scan go over every block again */
#define WRITE_STEP    ((size_t)1 << 16)
#define MESSAGE_SHOWN 160

static const ft_lib_symbol symbols[] = {
#define X(name, result, arguments) { "jpeg_" #name, offsetof(ft_jpeg_api, name) },
    FT_JPEG_TABLE(X)
#undef X
};

ft_err ft_jpeg_load(const ft_jpeg_api **out) {
    static ft_jpeg_api api;
    static void *handle;
    *out = NULL;
    FT_TRY(
        ft_lib_load(&handle, "libjpeg.so.62", "libjpeg62-turbo", &api, symbols, FT_COUNT(symbols)));
    *out = &api;
    return FT_OK;
}

/* ---- failures */

static ft_jpeg *session_of(j_common_ptr c) { return (ft_jpeg *)c->client_data; }

static size_t offset_of(const ft_jpeg *j) {
    const char *at = (const char *)j->source.next_input_byte;
    return at >= j->begin && at <= j->begin + j->length ? (size_t)(at - j->begin) : j->length;
}

static ft_err code_of(const ft_jpeg *j) {
    switch (j->errors.msg_code) {
    case JERR_OUT_OF_MEMORY:
        return FT_ENOMEM;
    case JERR_IMAGE_TOO_BIG:
        return FT_ETOOBIG;
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
        return FT_EUNSUPPORTED;
    default:
        return j->begin ? FT_ECORRUPT : FT_EINVAL;
    }
}

static _Noreturn void on_error(j_common_ptr c) {
    ft_jpeg *j = session_of(c);
    char said[JMSG_LENGTH_MAX];
    j->errors.format_message(c, said);
    if (j->begin)
        j->err = FT_FAIL(code_of(j), "JPEG, near byte %zu of %zu: %.*s", offset_of(j), j->length,
                         MESSAGE_SHOWN, said);
    else
        j->err = FT_FAIL(code_of(j), "JPEG: %.*s", MESSAGE_SHOWN, said);
    longjmp(j->back, 1);
}

/* Level -1 is damage that libjpeg can paint over. Bytes between segments, odd versions and an Adobe
 * marker of an unknown kind change no pixel and are common: those pass. */
static void on_message(j_common_ptr c, int level) {
    ft_jpeg *j = session_of(c);
    if (level >= 0 || j->damaged) return;
    switch (j->errors.msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
        return;
    default:
        on_error(c);
    }
}

static void on_output(j_common_ptr c) { FT_UNUSED(c); }

static void on_progress(j_common_ptr c) {
    ft_jpeg *j = session_of(c);
    if (!c->is_decompressor || j->c.in.input_scan_number <= SCANS_MAX) return;
    j->err =
        FT_FAIL(FT_ETOOBIG, "JPEG, near byte %zu: more than %d scans", offset_of(j), SCANS_MAX);
    longjmp(j->back, 1);
}

static void start(ft_jpeg *j, const ft_jpeg_api *api) {
    j->api = api;
    j->c.common.err = api->std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->errors.output_message = on_output;
    j->progress.progress_monitor = on_progress;
    j->c.common.client_data = j;
}

/* ---- bytes in */

static void source_nothing(j_decompress_ptr c) { FT_UNUSED(c); }

/* The bytes are all there are, so being asked for more means that they end too early. */
static boolean source_more(j_decompress_ptr c) {
    static const JOCTET end[] = { 0xff, JPEG_EOI };
    ft_jpeg *j = session_of((j_common_ptr)c);
    if (!j->damaged) {
        j->err =
            FT_FAIL(FT_ECORRUPT, "JPEG: cut off at byte %zu, in the middle of its data", j->length);
        longjmp(j->back, 1);
    }
    j->source.next_input_byte = end;
    j->source.bytes_in_buffer = sizeof end;
    return TRUE;
}

static void source_skip(j_decompress_ptr c, long count) {
    ft_jpeg *j = session_of((j_common_ptr)c);
    if (count <= 0) return;
    if ((size_t)count >= j->source.bytes_in_buffer) {
        j->source.next_input_byte += j->source.bytes_in_buffer;
        j->source.bytes_in_buffer = 0;
        return;
    }
    j->source.next_input_byte += count;
    j->source.bytes_in_buffer -= (size_t)count;
}

/* ---- bytes out */

static void room(ft_jpeg *j) {
    if (ft_buf_reserve(j->to, WRITE_STEP)) {
        j->err = j->to->err;
        longjmp(j->back, 1);
    }
    j->target.next_output_byte = (JOCTET *)(j->to->at + j->to->len);
    j->target.free_in_buffer = WRITE_STEP;
}

static void target_begin(j_compress_ptr c) { room(session_of((j_common_ptr)c)); }

static boolean target_full(j_compress_ptr c) {
    ft_jpeg *j = session_of((j_common_ptr)c);
    j->to->len += WRITE_STEP;
    room(j);
    return TRUE;
}

static void target_end(j_compress_ptr c) {
    ft_jpeg *j = session_of((j_common_ptr)c);
    j->to->len += WRITE_STEP - j->target.free_in_buffer;
    j->to->at[j->to->len] = '\0';
}

/* ---- sessions */

/* The one setjmp. What a jump leaves behind is reached through j, which is not of this frame. */
static ft_err guard(ft_jpeg *j, ft_err (*body)(ft_jpeg *j)) {
    if (ft_fault_here()) return FT_FAIL(FT_ENOMEM, "no memory for a JPEG");
    if (setjmp(j->back)) return j->err;
    return body(j);
}

static ft_err read_body(ft_jpeg *j) {
    /* Clears the struct and keeps err and client_data. */
    j->api->CreateDecompress(&j->c.in, JPEG_LIB_VERSION, sizeof j->c.in);
    j->source = (struct jpeg_source_mgr){
        .next_input_byte = (const JOCTET *)j->begin,
        .bytes_in_buffer = j->length,
        .init_source = source_nothing,
        .fill_input_buffer = source_more,
        .skip_input_data = source_skip,
        .resync_to_restart = j->api->resync_to_restart,
        .term_source = source_nothing,
    };
    j->c.in.src = &j->source;
    j->c.in.progress = &j->progress;
    return j->body(j);
}

static ft_err write_body(ft_jpeg *j) {
    j->api->CreateCompress(&j->c.out, JPEG_LIB_VERSION, sizeof j->c.out);
    j->target = (struct jpeg_destination_mgr){
        .init_destination = target_begin,
        .empty_output_buffer = target_full,
        .term_destination = target_end,
    };
    j->c.out.dest = &j->target;
    return j->body(j);
}

ft_err ft_jpeg_read(ft_str bytes, bool damaged, ft_err (*body)(ft_jpeg *j), void *caller) {
    const ft_jpeg_api *api;
    FT_TRY(ft_jpeg_load(&api));
    ft_jpeg j = {
        .begin = bytes.at, .length = bytes.len, .damaged = damaged, .body = body, .caller = caller
    };
    start(&j, api);
    ft_err err = guard(&j, read_body);
    if (j.c.common.mem) api->destroy_decompress(&j.c.in);
    return err;
}

ft_err ft_jpeg_write(ft_buf *to, ft_err (*body)(ft_jpeg *j), void *caller) {
    const ft_jpeg_api *api;
    FT_TRY(ft_jpeg_load(&api));
    ft_jpeg j = { .to = to, .body = body, .caller = caller };
    size_t before = to->len;
    start(&j, api);
    ft_err err = guard(&j, write_body);
    if (j.c.common.mem) api->destroy_compress(&j.c.out);
    if (err) to->len = before;
    return err;
}
