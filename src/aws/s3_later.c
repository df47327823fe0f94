/* s3_later.c -- see s3_later.h. A job crosses to its thread as a text: fields in a fixed order,
 * each after its length. */
#include "aws/s3_later.h"

#include <stdio.h>
#include <sys/stat.h>

#include "aws/s3_in.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "serve/asking.h"
#include "serve/worker.h"

#define COPY_BYTES ((size_t)256 << 10)
#define TEXTS      9
#define NUMBERS    8

/* ---- a job as a text */

static void texts_of(ft_str *at[TEXTS], ft_s3_job *j) {
    ft_str *all[TEXTS] = { &j->bucket,
                           &j->key,
                           &j->upload_id,
                           &j->opts.content_type,
                           &j->opts.metadata_json,
                           &j->opts.if_etag,
                           &j->from.bucket,
                           &j->from.key,
                           NULL };
    memcpy(at, all, sizeof all);
}

static void field_add(ft_buf *buf, ft_str text) {
    ft_buf_printf(buf, "%zu:", text.len);
    ft_buf_add(buf, text);
}

static ft_str field_take(ft_str *rest) {
    uint64_t len = 0;
    bool read = ft_str_u64(&len, ft_str_cut(rest, ':'));
    FT_CHECK(read && len <= rest->len); /* we wrote it */
    ft_str text = ft_str_slice(*rest, 0, (size_t)len);
    *rest = ft_str_from(*rest, (size_t)len);
    return text;
}

static ft_err job_write(ft_str *out, ft_arena *arena, const ft_s3_job *job) {
    ft_s3_job copy = *job;
    ft_buf buf = { 0 };
    ft_str *texts[TEXTS];
    texts_of(texts, &copy);
    for (int i = 0; texts[i]; i++) field_add(&buf, *texts[i]);
    ft_buf_printf(&buf, "%d:%d:%d:%llu:%lld:%llu:%llu:%zu:", (int)job->kind, job->number,
                  (int)job->opts.if_absent, (unsigned long long)job->from.size_bytes,
                  (long long)job->from.modified_us, (unsigned long long)job->first,
                  (unsigned long long)job->length, job->count);
    for (size_t i = 0; i < job->count; i++) {
        ft_buf_printf(&buf, "%d:", job->list[i].number);
        field_add(&buf, job->list[i].etag);
    }
    ft_err err = buf.err;
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

static int64_t number_take(ft_str *rest) {
    int64_t n = 0;
    bool read = ft_str_i64(&n, ft_str_cut(rest, ':'));
    FT_CHECK(read);
    return n;
}

/* Its texts are views of `text`. */
static ft_err job_read(ft_s3_job *out, ft_arena *arena, ft_str text) {
    ft_str *texts[TEXTS];
    int64_t n[NUMBERS];
    *out = (ft_s3_job){ 0 };
    texts_of(texts, out);
    for (int i = 0; texts[i]; i++) *texts[i] = field_take(&text);
    for (int i = 0; i < NUMBERS; i++) n[i] = number_take(&text);
    out->kind = (ft_s3_job_kind)n[0];
    out->number = (int)n[1];
    out->opts.if_absent = n[2] != 0;
    out->from.size_bytes = (uint64_t)n[3];
    out->from.modified_us = n[4];
    out->first = (uint64_t)n[5];
    out->length = (uint64_t)n[6];
    out->count = (size_t)n[7];
    FT_TRY(ft_arena_items(&out->list, arena, out->count + 1));
    for (size_t i = 0; i < out->count; i++) {
        out->list[i].number = (int)number_take(&text);
        out->list[i].etag = field_take(&text);
    }
    return FT_OK;
}

/* ---- on its thread */

static ft_err copy_bytes(ft_object_writer *w, int fd, uint64_t first, uint64_t length) {
    static _Thread_local char block[COPY_BYTES];
    while (length) {
        size_t want = length < sizeof block ? (size_t)length : sizeof block, got;
        FT_TRY(ft_fd_pread(&got, fd, block, want, first, "the object that is copied"));
        if (!got) return FT_FAIL(FT_ECORRUPT, "the object that is copied ends too early");
        FT_TRY(ft_object_write_add(w, ft_str_n(block, got)));
        first += got, length -= got;
    }
    return FT_OK;
}

ft_err ft_s3_copy_into(ft_object *made, ft_object_writer *w, int fd, uint64_t first,
                       uint64_t length) {
    ft_err err = copy_bytes(w, fd, first, length);
    if (err == FT_OK) return ft_object_write_commit(made, w);
    ft_object_write_abort(w);
    return err;
}

/* The very file that the handler looked at: a replaced object is another. */
static ft_err source_open(int *fd, ft_store *s, const ft_object *from) {
    struct stat st;
    ft_err err = ft_object_open(fd, s, from->bucket, from->key);
    if (err == FT_OK && fstat(*fd, &st) == 0 && (uint64_t)st.st_size == from->size_bytes &&
        st.st_mtim.tv_sec * FT_SECOND_US + st.st_mtim.tv_nsec / 1000 == from->modified_us)
        return FT_OK;
    ft_fd_close(fd);
    if (err != FT_OK && err != FT_ENOTFOUND) return err;
    return FT_FAIL(FT_ECONFLICT, "the object that is copied was replaced meanwhile");
}

static ft_err copy_run(ft_object *made, ft_store *s, const ft_s3_job *j) {
    ft_object_writer *w;
    int fd = -1;
    FT_TRY(source_open(&fd, s, &j->from));
    ft_err err = j->kind == FT_S3_JOB_COPY
                     ? ft_object_write(&w, s, j->bucket, j->key, &j->opts)
                     : ft_upload_part(&w, s, j->upload_id, j->bucket, j->key, j->number);
    if (err == FT_OK) err = ft_s3_copy_into(made, w, fd, j->first, j->length);
    ft_fd_close(&fd);
    return err;
}

static ft_err job_run(ft_str *out, const char *home, ft_arena *arena, ft_str text) {
    ft_s3_job job;
    ft_store *s = NULL;
    ft_object made = { 0 };
    ft_upload_outcome outcome = FT_UPLOAD_DONE;
    ft_err err;
    FT_GOTO(err, job_read(&job, arena, text));
    FT_GOTO(err, ft_store_open(&s, home));
    if (job.kind == FT_S3_JOB_COMPLETE)
        FT_GOTO(err, ft_upload_complete(&outcome, &made, s, arena, job.upload_id, job.bucket,
                                        job.key, job.list, job.count, &job.opts));
    else
        FT_GOTO(err, copy_run(&made, s, &job));
    err = ft_arena_printf(out, arena, "%d:%lld:%s", (int)outcome, (long long)made.modified_us,
                          made.etag);
done:
    ft_store_close(s);
    return err;
}

/* ---- the handler's side */

ft_err ft_s3_later(ft_aws_call *c, const ft_s3_job *job) {
    ft_str text;
    FT_TRY(job_write(&text, c->arena, job));
    return ft_worker_later(c->req, c->resp, job_run, text);
}

static ft_err result_read(ft_s3_made *made, ft_str text) {
    made->outcome = (ft_upload_outcome)number_take(&text);
    made->modified_us = number_take(&text);
    FT_CHECK(text.len < sizeof made->etag);
    if (text.len) memcpy(made->etag, text.at, text.len);
    return FT_OK;
}

ft_err ft_s3_later_made(bool *done, ft_s3_made *made, ft_aws_call *c) {
    ft_asked *asked = ft_asking_result(c->req, c->resp);
    *done = asked != NULL;
    *made = (ft_s3_made){ 0 };
    if (!asked) return FT_OK;
    ft_err err = asked->err == FT_OK ? result_read(made, asked->asking.out.bytes)
                                     : FT_FAIL(asked->err, "%.*s", FT_STR_ARG(asked->why));
    ft_asking_forget(c->req);
    if (err != FT_ECONFLICT) return err;
    return ft_aws_fail(c, 409, "OperationAborted",
                       "A conflicting conditional operation is currently in progress against this "
                       "resource. Try again.");
}
