/* remote_put.c -- writing to an S3 server: one PUT, or a multipart upload whose parts go one after
 * another; a failed upload is taken back. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/xml.h"
#include "net/percent.h"
#include "store/multipart.h"
#include "store/remote_in.h"

/* What is written: from memory, or from a file through a buffer. */
typedef struct body {
    ft_str bytes;
    int fd; /* -1: memory */
    const char *path;
    char *buffer;
    uint64_t size_bytes;
} body;

typedef struct upload {
    ft_remote *r;
    ft_arena *arena;
    ft_str bucket, key, id;
    ft_buf parts; /* of the completing document */
} upload;

static ft_err piece(ft_str *out, body *b, uint64_t offset, size_t len) {
    if (b->fd < 0) {
        *out = ft_str_slice(b->bytes, (size_t)offset, len);
        return FT_OK;
    }
    for (size_t done = 0, got; done < len; done += got) {
        FT_TRY(ft_fd_pread(&got, b->fd, b->buffer + done, len - done, offset + done, b->path));
        if (!got)
            return FT_FAIL(FT_ECORRUPT, "'%s' ends at byte %llu, it was longer when it was opened",
                           b->path, (unsigned long long)(offset + done));
    }
    *out = ft_str_n(b->buffer, len);
    return FT_OK;
}

static ft_err etag_of(ft_str *out, ft_arena *arena, const ft_fetched *answer) {
    ft_str etag = ft_etag_plain(ft_fetched_header(answer, "ETag"));
    return out ? ft_arena_str(out, arena, etag) : FT_OK;
}

static ft_err type_line(const char **out, ft_arena *arena, ft_str type) {
    ft_str line;
    if (!type.len) type = FT_STR("application/octet-stream");
    FT_TRY(ft_arena_printf(&line, arena, "Content-Type: %.*s", FT_STR_ARG(type)));
    *out = line.at;
    return FT_OK;
}

static ft_err put_whole(ft_str *etag, upload *u, body *b, ft_str type) {
    ft_fetched answer;
    ft_remote_ask ask = { .method = "PUT", .bucket = u->bucket, .key = u->key };
    FT_TRY(type_line(&ask.headers[0], u->arena, type));
    FT_TRY(piece(&ask.body, b, 0, (size_t)b->size_bytes));
    FT_TRY(ft_remote_asked(&answer, u->r, u->arena, &ask));
    return etag_of(etag, u->arena, &answer);
}

/* ---- multipart */

static ft_err begin(upload *u, ft_str type) {
    ft_fetched answer;
    ft_xml_node *root;
    ft_remote_ask ask = {
        .method = "POST", .bucket = u->bucket, .key = u->key, .query = FT_STR("uploads=")
    };
    FT_TRY(type_line(&ask.headers[0], u->arena, type));
    FT_TRY(ft_remote_asked(&answer, u->r, u->arena, &ask));
    FT_TRY(ft_xml_parse(&root, u->arena, answer.body));
    u->id = ft_xml_child_text(root, "UploadId");
    if (!u->id.len)
        return FT_FAIL(FT_EPEER, "s3://%.*s/%.*s: the server gave no UploadId",
                       FT_STR_ARG(u->bucket), FT_STR_ARG(u->key));
    return ft_percent_encode(&u->id, u->arena, u->id, "");
}

static ft_err part_put(upload *u, int number, ft_str bytes) {
    ft_arena own = FT_ARENA_INIT(0);
    ft_fetched answer;
    ft_remote_ask ask = { .method = "PUT", .bucket = u->bucket, .key = u->key, .body = bytes };
    ft_str etag;
    ft_err err;
    FT_GOTO(err, type_line(&ask.headers[0], &own, (ft_str){ 0 }));
    FT_GOTO(err, ft_arena_printf(&ask.query, &own, "partNumber=%d&uploadId=%.*s", number,
                                 FT_STR_ARG(u->id)));
    FT_GOTO(err, ft_remote_asked(&answer, u->r, &own, &ask));
    FT_GOTO(err, etag_of(&etag, &own, &answer));
    ft_buf_printf(&u->parts, "<Part><PartNumber>%d</PartNumber><ETag>&quot;", number);
    ft_xml_escape(&u->parts, etag);
    err = ft_buf_add(&u->parts, FT_STR("&quot;</ETag></Part>"));
done:
    ft_arena_fini(&own);
    return err;
}

/* The status of a completed upload is sent before it is known: the document tells. */
static ft_err complete(ft_str *etag, upload *u) {
    ft_fetched answer;
    ft_xml_node *root;
    ft_remote_ask ask = { .method = "POST", .bucket = u->bucket, .key = u->key };
    FT_TRY(ft_buf_add(&u->parts, FT_STR("</CompleteMultipartUpload>")));
    ask.body = ft_buf_str(&u->parts);
    ask.headers[0] = "Content-Type: application/xml";
    FT_TRY(ft_arena_printf(&ask.query, u->arena, "uploadId=%.*s", FT_STR_ARG(u->id)));
    FT_TRY(ft_remote_asked(&answer, u->r, u->arena, &ask));
    FT_TRY(ft_xml_parse(&root, u->arena, answer.body));
    if (!ft_str_is(root->name, "CompleteMultipartUploadResult"))
        return FT_FAIL(FT_EPEER, "s3://%.*s/%.*s: the upload was not completed: %.*s",
                       FT_STR_ARG(u->bucket), FT_STR_ARG(u->key),
                       FT_STR_ARG(ft_xml_child_text(root, "Message")));
    return etag ? ft_arena_str(etag, u->arena, ft_etag_plain(ft_xml_child_text(root, "ETag")))
                : FT_OK;
}

static void take_back(upload *u) {
    ft_fetched answer;
    ft_remote_ask ask = { .method = "DELETE", .bucket = u->bucket, .key = u->key };
    if (ft_arena_printf(&ask.query, u->arena, "uploadId=%.*s", FT_STR_ARG(u->id)) == FT_OK)
        ft_remote_once(&answer, u->r, u->arena,
                       &ask); /* the server forgets it in its own time else */
}

static ft_err put_parts(ft_str *etag, upload *u, body *b, ft_str type, size_t part_bytes) {
    ft_str bytes;
    ft_err err;
    int number = 1;
    FT_TRY(begin(u, type));
    FT_GOTO(err, ft_buf_add(&u->parts, FT_STR("<CompleteMultipartUpload>")));
    for (uint64_t at = 0; at < b->size_bytes; at += bytes.len) {
        uint64_t left = b->size_bytes - at;
        FT_GOTO(err, piece(&bytes, b, at, left < part_bytes ? (size_t)left : part_bytes));
        FT_GOTO(err, part_put(u, number++, bytes));
    }
    FT_GOTO(err, complete(etag, u));
done:
    if (err != FT_OK) {
        ft_str why = { 0 };
        if (ft_arena_str(&why, u->arena, ft_str_of(ft_err_why())) != FT_OK) return err;
        take_back(u);
        return FT_FAIL(err, "%.*s", FT_STR_ARG(why));
    }
    return FT_OK;
}

static ft_err put(ft_str *etag, ft_remote *r, ft_arena *arena, ft_str bucket, ft_str key, body *b,
                  ft_str type) {
    upload u = { .r = r, .arena = arena, .bucket = bucket, .key = key };
    size_t part_bytes = r->opts.block_bytes > FT_UPLOAD_PART_BYTES_MIN ? r->opts.block_bytes
                                                                       : FT_UPLOAD_PART_BYTES_MIN;
    while (b->size_bytes / part_bytes >= FT_UPLOAD_PARTS_MAX) part_bytes *= 2;
    bool whole = b->size_bytes <= part_bytes;
    size_t longest = whole ? (size_t)b->size_bytes : part_bytes;
    if (b->fd >= 0 && longest) {
        b->buffer = ft_fault_here() ? NULL : malloc(longest);
        if (!b->buffer) return FT_FAIL(FT_ENOMEM, "no memory to send '%s'", b->path);
    }
    ft_err err = whole ? put_whole(etag, &u, b, type) : put_parts(etag, &u, b, type, part_bytes);
    ft_buf_fini(&u.parts);
    free(b->buffer);
    return err;
}

ft_err ft_remote_put(ft_str *etag, ft_remote *r, ft_arena *arena, ft_str bucket, ft_str key,
                     ft_str bytes, ft_str content_type) {
    body b = { .bytes = bytes, .fd = -1, .size_bytes = bytes.len };
    return put(etag, r, arena, bucket, key, &b, content_type);
}

ft_err ft_remote_put_file(ft_str *etag, ft_remote *r, ft_arena *arena, ft_str bucket, ft_str key,
                          const char *path, ft_str content_type) {
    ft_file_info info;
    body b = { .fd = -1, .path = path };
    FT_TRY(ft_file_stat(&info, path));
    b.size_bytes = info.size_bytes;
    FT_TRY(ft_fd_open(&b.fd, path, O_RDONLY, 0));
    ft_err err = put(etag, r, arena, bucket, key, &b, content_type);
    ft_fd_close(&b.fd);
    return err;
}
