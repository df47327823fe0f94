/* hosting_in.h -- the hosting half of SageMaker: models, endpoint configurations, endpoints, tags.
 */
#ifndef FT_AWS_HOSTING_IN_H
#define FT_AWS_HOSTING_IN_H

#include "aws/resource.h"
#include "aws/sagemaker_in.h"
#include "serve/endpoint.h"

#define FT_AWS_MODEL    "model"
#define FT_AWS_CONFIG   "endpoint-config"
#define FT_AWS_ENDPOINT "endpoint"

/* ---- sagemaker_model.c */
/* The ValidationException that SDKs probe for: `Could not find <what> "<arn>".` */
ft_err ft_hosting_unknown(ft_aws_call *c, const char *what, const char *kind, ft_str name);
/* A stored request; unknown as above. */
ft_err ft_hosting_get(ft_aws_resource *out, ft_aws_call *c, const char *what, const char *kind,
                      ft_str name);
/* Members of a stored request into the answer: "PrimaryContainer|Containers". */
void ft_hosting_put(ft_aws_call *c, ft_str json, const char *members);


/* ---- model_archive.c */
/* Where the files of a model's data lie: an archive's are unpacked into the object store once (by
 * its content), anything else stands for itself. FT_ENOTFOUND, FT_ECORRUPT … in words. */
ft_err ft_model_archive_place(ft_str *uri, ft_store *s, ft_arena *arena, ft_str data_url);

/* Archives that are not unpacked yet are, by another thread: *later, and the operation returns
 * FT_OK to be called again (ft_response.later). */
ft_err ft_model_unpack_later(bool *later, ft_aws_call *c, const ft_str *data_urls, size_t count);

/* ---- model_program.c */
/* A member of a model's one container, wherever it stands: "Image", "Environment.X"; objects as
 * their JSON. at == NULL when it is not there. */
ft_str ft_model_member(ft_aws_call *c, ft_str model, const char *member);
/* Where the model of a CreateModel request lies, ready to be deployed: the place of its data, or of
 * the specification of its program. `start_s`: how long that may take to start; 0: as usual.
 * FT_EUNSUPPORTED, FT_ENOTFOUND … in words for FailureReason. */
ft_err ft_model_place(ft_str *uri, ft_aws_call *c, ft_str model, int64_t start_s);

/* ---- sagemaker_endpoint.c */
size_t ft_hosting_variants(ft_aws_call *c, ft_str config);

/* The rows of both files, added to the service's by its `also`. */
extern const ft_aws_op ft_hosting_ops[];
ft_err ft_hosting_create_endpoint(ft_aws_call *c);
ft_err ft_hosting_update_endpoint(ft_aws_call *c);
ft_err ft_hosting_describe_endpoint(ft_aws_call *c);
ft_err ft_hosting_list_endpoints(ft_aws_call *c);
ft_err ft_hosting_delete_endpoint(ft_aws_call *c);

#endif
