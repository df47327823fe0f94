/* s3_later.h -- S3's operations that copy many bytes: they run where no other request waits for
 * them (serve/asking.h). The handler looks at the request, gives the job away and is called again
 * for the answer.
 *
 * A job whose client has left is finished all the same, as S3 does. */
#ifndef FT_S3_LATER_H
#define FT_S3_LATER_H

#include "aws/aws.h"
#include "store/multipart.h"
#include "store/objects.h"

#define FT_S3_LATER_BYTES ((uint64_t)8 << 20) /* a copy of more is a job: some milliseconds */

typedef enum ft_s3_job_kind { FT_S3_JOB_COPY, FT_S3_JOB_PART, FT_S3_JOB_COMPLETE } ft_s3_job_kind;

typedef struct ft_s3_job {
    ft_s3_job_kind kind;
    ft_str bucket, key;       /* what is made */
    ft_str upload_id;         /* PART, COMPLETE */
    int number;               /* PART */
    ft_object_put_opts opts;  /* COPY: all but lazy and etag; COMPLETE: the conditions */
    ft_object from;           /* COPY, PART: as it was looked at */
    uint64_t first, length;   /* of its bytes */
    ft_upload_part_ref *list; /* COMPLETE */
    size_t count;
} ft_s3_job;
typedef struct ft_s3_made {
    char etag[FT_ETAG_TEXT];
    int64_t modified_us;
    ft_upload_outcome outcome; /* COMPLETE: the rest is told with FT_UPLOAD_DONE only */
} ft_s3_made;

/* `length` bytes from `first` on, then commits `w`, or aborts it. */
ft_err ft_s3_copy_into(ft_object *made, ft_object_writer *w, int fd, uint64_t first,
                       uint64_t length);
/* Give the job away: the handler returns FT_OK then, and is called again with req->waiting. */
ft_err ft_s3_later(ft_aws_call *c, const ft_s3_job *job);
/* What became of it. `*done` false: nothing yet, return FT_OK. Errors are the store's;
 * FT_ECONFLICT: the source was replaced meanwhile, set in S3's words. */
ft_err ft_s3_later_made(bool *done, ft_s3_made *made, ft_aws_call *c);

#endif
