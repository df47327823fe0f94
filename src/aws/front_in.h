/* front_in.h -- private: what the streamed half (S3 uploads) shares with front.c. */
#ifndef FT_AWS_FRONT_IN_H
#define FT_AWS_FRONT_IN_H

#include "aws/aws.h"
#include "net/sigv4.h"

/* Find the service and read the signature's claim; sets the request id. */
ft_err ft_aws_call_begin(ft_aws_call *c, ft_sig *sig, ft_request *req, ft_response *resp);
/* Signed for AWS, or at least sent by one of its SDKs. */
bool ft_aws_is_for_aws(const ft_request *req);
/* The row that the request is for, from what it claims; a failure with c->service set is a
 * malformed claim. (front_service.c) */
ft_err ft_aws_service_find(ft_aws_call *c, ft_sig *sig);
/* c->op; what must be there is; lists of a form have indices without gaps. (front_op.c) */
ft_err ft_aws_op_find(ft_aws_call *c);
ft_err ft_aws_required_check(ft_aws_call *c);
ft_err ft_aws_indices_check(ft_aws_call *c);
/* Members of a JSON body are of the kind that their names tell: SerializationException. */
ft_err ft_aws_kinds_check(ft_aws_call *c);

/* Codes of what can be wrong with a signature, by protocol. */
typedef struct ft_aws_auth_words {
    const char *missing, *malformed, *unknown, *wrong, *expired, *skewed;
} ft_aws_auth_words;
const ft_aws_auth_words *ft_aws_auth_words_of(const ft_aws_call *c);
/* FT_OK when a known key signed it now; sets c->secret. `body_sha256` as ft_sig_check. */
ft_err ft_aws_authenticate(ft_aws_call *c, const ft_sig *sig, ft_str body_sha256);
/* ft_route.refuse of both routes. */
ft_err ft_aws_refuse(ft_request *req, ft_response *resp, ft_err err, int status, ft_str why);
ft_sig_request ft_aws_sig_request(const ft_request *req);
/* All values of a name, as they are signed: with ',' between them; at == NULL when there is none.
 */
ft_str ft_aws_header_all(const ft_request *req, ft_str name);
/* A path or target with the bucket that the Host header may name before it. */
ft_str ft_aws_path(const ft_request *req, ft_str path);
/* Query names by which S3 addresses a part of a bucket or object ("acl", "uploadId" …). */
#define FT_AWS_SUBRESOURCES_MAX 8
size_t ft_aws_subresources(ft_str out[FT_AWS_SUBRESOURCES_MAX], const ft_request *req);
bool ft_aws_path_fits(const char *pattern, ft_str path, ft_str params[8], int *count);

/* Does the request carry a body of any size (s3 PutObject, UploadPart)? Then it goes to the route
 * that takes it piece by piece (s3_upload.c). */
bool ft_aws_streams(const ft_request *req);
extern const ft_route ft_aws_stream_route;

#endif
