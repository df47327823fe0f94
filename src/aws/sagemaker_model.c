/* sagemaker_model.c -- SageMaker's models, endpoint configurations and tags: requests kept as they
 * were given. Texts are AWS's, since SDKs look for them (formats.md 1.14). */
#include "aws/hosting_in.h"
#include "aws/tags.h"
#include "base/check.h"
#include "store/objects.h"

/* ---- shared */

ft_err ft_hosting_unknown(ft_aws_call *c, const char *what, const char *kind, ft_str name) {
    ft_str arn = ft_aws_arn(c, "sagemaker", kind, name);
    ft_err_clear();
    return ft_aws_fail(c, 400, "ValidationException", "Could not find %s \"%.*s\".", what,
                       FT_STR_ARG(arn));
}

ft_err ft_hosting_get(ft_aws_resource *out, ft_aws_call *c, const char *what, const char *kind,
                      ft_str name) {
    ft_err err = ft_aws_resource_get(out, c->store, c->arena, kind, name);
    return err == FT_ENOTFOUND ? ft_hosting_unknown(c, what, kind, name) : err;
}

void ft_hosting_put(ft_aws_call *c, ft_str json, const char *members) {
    ft_str rest = ft_str_of(members);
    while (rest.at) {
        ft_str name, value, one = ft_str_cut(&rest, '|');
        if (ft_arena_str(&name, c->arena, one) != FT_OK ||
            ft_json_find(&value, json, name.at) != FT_OK || ft_str_is(value, "null"))
            continue;
        ft_aws_put_raw(c, name.at, value);
    }
}

/* ---- tags */

static ft_err add_tags(ft_aws_call *c) {
    ft_str arn = ft_aws_str(c, "ResourceArn");
    FT_TRY(ft_aws_tags_add(c, arn));
    return ft_aws_tags_put(c, arn);
}

static ft_err delete_tags(ft_aws_call *c) {
    return ft_aws_tags_drop(c, ft_aws_str(c, "ResourceArn"));
}

static ft_err list_tags(ft_aws_call *c) { return ft_aws_tags_put(c, ft_aws_str(c, "ResourceArn")); }

/* ---- create, describe, delete: the same for models and configurations */

static ft_err store_new(ft_aws_call *c, const char *what, const char *kind, const char *member,
                        ft_str *arn) {
    ft_str name = ft_aws_str(c, member);
    *arn = ft_aws_arn(c, "sagemaker", kind, name);
    FT_TRY(ft_aws_tags_check(c));
    ft_err err = ft_aws_resource_add(c->store, kind, name, c->body, FT_STR(""));
    if (err == FT_EEXIST)
        return ft_aws_fail(c, 400, "ValidationException",
                           "Cannot create already existing %s \"%.*s\".", what, FT_STR_ARG(*arn));
    FT_TRY(err);
    return ft_aws_tags_add(c, *arn);
}

static ft_err remove_one(ft_aws_call *c, const char *what, const char *kind, const char *member) {
    ft_str name = ft_aws_str(c, member);
    ft_err err = ft_aws_resource_remove(c->store, kind, name);
    if (err == FT_ENOTFOUND) return ft_hosting_unknown(c, what, kind, name);
    FT_TRY(err);
    return ft_aws_tags_remove(c, ft_aws_arn(c, "sagemaker", kind, name));
}

/* ---- models */

/* "s3://…", and there. */
static ft_err data_check(ft_aws_call *c, ft_str url) {
    ft_uri uri;
    ft_object object;
    if (!url.len) return FT_OK; /* a model that needs none; an endpoint says so */
    if (ft_uri_parse(&uri, url) != FT_OK)
        return ft_aws_fail(c, 400, "ValidationException",
                           "1 validation error detected: Value '%.*s' at "
                           "'primaryContainer.modelDataUrl' failed to satisfy constraint: Member "
                           "must satisfy regular expression pattern: ^(https|s3)://([^/]+)/?(.*)$",
                           FT_STR_ARG(url));
    if (!uri.key.len || ft_str_ends(uri.key, FT_STR("/"))) return FT_OK;
    ft_err err = ft_object_head(&object, c->store, c->arena, uri.bucket, uri.key);
    if (err == FT_ENOTFOUND && ft_str_find(ft_str_from(uri.key, 0), '.') < uri.key.len) {
        ft_err_clear();
        return ft_aws_fail(c, 400, "ValidationException", "Could not find model data at %.*s.",
                           FT_STR_ARG(url));
    }
    return err == FT_ENOTFOUND ? FT_OK : err;
}

static ft_err create_model(ft_aws_call *c) {
    ft_str arn, url = ft_aws_str(c, "PrimaryContainer.ModelDataUrl");
    FT_TRY(ft_sagemaker_name_check(c, "modelName", ft_aws_str(c, "ModelName")));
    size_t containers = ft_aws_count(c, "Containers");
    if (!ft_aws_raw(c, "PrimaryContainer").at && !containers)
        return ft_aws_fail(c, 400, "ValidationException",
                           "Expected exactly one of PrimaryContainer and Containers");
    if (containers > 1)
        return ft_aws_fail(c, 400, "ValidationException",
                           "A model of %zu containers is not served here: expected one",
                           containers);
    FT_TRY(data_check(c, url.len ? url : ft_aws_str(c, "Containers.0.ModelDataUrl")));
    FT_TRY(store_new(c, "model", FT_AWS_MODEL, "ModelName", &arn));
    ft_aws_put(c, "ModelArn", arn);
    return FT_OK;
}

static ft_err describe_model(ft_aws_call *c) {
    ft_aws_resource r;
    ft_str name = ft_aws_str(c, "ModelName");
    FT_TRY(ft_hosting_get(&r, c, "model", FT_AWS_MODEL, name));
    ft_hosting_put(c, r.json,
                   "ModelName|PrimaryContainer|Containers|InferenceExecutionConfig|"
                   "ExecutionRoleArn|VpcConfig|EnableNetworkIsolation");
    ft_aws_put(c, "ModelArn", ft_aws_arn(c, "sagemaker", FT_AWS_MODEL, name));
    ft_aws_put_time(c, "CreationTime", r.created_us);
    return FT_OK;
}

static ft_err delete_model(ft_aws_call *c) {
    return remove_one(c, "model", FT_AWS_MODEL, "ModelName");
}

/* What ListModels and ListEndpointConfigs share: "Models", "ModelName", "ModelArn". */
static ft_err list_kind(ft_aws_call *c, const char *kind, const char *list, const char *name,
                        const char *arn) {
    ft_aws_resource *all;
    ft_sagemaker_item *items;
    size_t count;
    FT_TRY(ft_aws_resource_list(&all, &count, c->store, c->arena, kind, FT_STR(""), FT_STR(""),
                                10000));
    FT_TRY(ft_arena_items(&items, c->arena, count + 1));
    for (size_t i = 0; i < count; i++)
        items[i] = (ft_sagemaker_item){ .name = all[i].name,
                                        .created_us = all[i].created_us,
                                        .modified_us = all[i].modified_us };
    FT_TRY(ft_sagemaker_page(c, items, &count));
    ft_json_out_name(&c->json, list);
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&c->json);
        ft_aws_put(c, name, items[i].name);
        ft_aws_put(c, arn, ft_aws_arn(c, "sagemaker", kind, items[i].name));
        ft_aws_put_time(c, "CreationTime", items[i].created_us);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

static ft_err list_models(ft_aws_call *c) {
    return list_kind(c, FT_AWS_MODEL, "Models", "ModelName", "ModelArn");
}

static ft_err list_configs(ft_aws_call *c) {
    return list_kind(c, FT_AWS_CONFIG, "EndpointConfigs", "EndpointConfigName",
                     "EndpointConfigArn");
}

/* ---- endpoint configurations */

static ft_err capture_check(ft_aws_call *c) {
    int64_t percent;
    if (!ft_aws_raw(c, "DataCaptureConfig").at) return FT_OK;
    FT_TRY(ft_aws_int(&percent, c, "DataCaptureConfig.InitialSamplingPercentage", -1));
    if (percent < 0 || percent > 100)
        return ft_aws_fail(c, 400, "ValidationException",
                           "DataCaptureConfig.InitialSamplingPercentage: expected 0 to 100");
    FT_TRY(ft_sagemaker_bucket_check(c, "DataCaptureConfig.DestinationS3Uri",
                                     ft_aws_str(c, "DataCaptureConfig.DestinationS3Uri")));
    size_t options = ft_aws_count(c, "DataCaptureConfig.CaptureOptions");
    for (size_t i = 0; i < options; i++) {
        ft_str path;
        FT_TRY(ft_arena_printf(&path, c->arena, "DataCaptureConfig.CaptureOptions.%zu.CaptureMode",
                               i));
        ft_str mode = ft_aws_str(c, path.at);
        if (!ft_str_is(mode, "Input") && !ft_str_is(mode, "Output"))
            return ft_aws_fail(c, 400, "ValidationException",
                               "CaptureMode '%.*s': expected Input or Output", FT_STR_ARG(mode));
    }
    return options
               ? FT_OK
               : ft_aws_fail(c, 400, "ValidationException",
                             "DataCaptureConfig.CaptureOptions: expected Input, Output or both");
}

/* A name of its own, a model that is there, a weight. */
static ft_err variant_check(ft_aws_call *c, size_t i) {
    ft_aws_resource model;
    ft_str text[4], value[4];
    static const char *const members[] = { "VariantName", "ModelName", "InitialVariantWeight" };
    for (size_t k = 0; k < FT_COUNT(members); k++) {
        FT_TRY(ft_arena_printf(&text[k], c->arena, "ProductionVariants.%zu.%s", i, members[k]));
        value[k] = ft_aws_str(c, text[k].at);
        if (!value[k].at) value[k] = FT_STR("");
    }
    FT_TRY(ft_hosting_get(&model, c, "model", FT_AWS_MODEL, value[1]));
    FT_TRY(ft_sagemaker_name_check(c, "variantName", value[0]));
    double weight;
    if (value[2].len && (!ft_str_f64(&weight, value[2]) || !(weight >= 0)))
        return ft_aws_fail(c, 400, "ValidationException",
                           "1 validation error detected: Value '%.*s' at 'initialVariantWeight' "
                           "failed to satisfy constraint: Member must have value greater than or "
                           "equal to 0",
                           FT_STR_ARG(ft_str_slice(value[2], 0, 64)));
    for (size_t k = 0; k < i; k++) {
        FT_TRY(ft_arena_printf(&text[3], c->arena, "ProductionVariants.%zu.VariantName", k));
        if (ft_str_eq(ft_aws_str(c, text[3].at), value[0]))
            return ft_aws_fail(c, 400, "ValidationException",
                               "Variant names must be unique: %.*s is given twice",
                               FT_STR_ARG(value[0]));
    }
    return FT_OK;
}

static ft_err create_config(ft_aws_call *c) {
    ft_str arn;
    size_t variants = ft_aws_count(c, "ProductionVariants");
    FT_TRY(ft_sagemaker_name_check(c, "endpointConfigName", ft_aws_str(c, "EndpointConfigName")));
    if (variants < 1 || variants > FT_VARIANTS_MAX)
        return ft_aws_fail(c, 400, "ValidationException",
                           "%zu ProductionVariants: 1 to %d are possible", variants,
                           FT_VARIANTS_MAX);
    for (size_t i = 0; i < variants; i++) FT_TRY(variant_check(c, i));
    FT_TRY(capture_check(c));
    FT_TRY(store_new(c, "endpoint configuration", FT_AWS_CONFIG, "EndpointConfigName", &arn));
    ft_aws_put(c, "EndpointConfigArn", arn);
    return FT_OK;
}

static ft_err describe_config(ft_aws_call *c) {
    ft_aws_resource r;
    ft_str name = ft_aws_str(c, "EndpointConfigName");
    FT_TRY(ft_hosting_get(&r, c, "endpoint configuration", FT_AWS_CONFIG, name));
    ft_hosting_put(c, r.json,
                   "EndpointConfigName|ProductionVariants|DataCaptureConfig|KmsKeyId|"
                   "AsyncInferenceConfig|ExplainerConfig|ShadowProductionVariants");
    ft_aws_put(c, "EndpointConfigArn", ft_aws_arn(c, "sagemaker", FT_AWS_CONFIG, name));
    ft_aws_put_time(c, "CreationTime", r.created_us);
    return FT_OK;
}

static ft_err delete_config(ft_aws_call *c) {
    return remove_one(c, "endpoint configuration", FT_AWS_CONFIG, "EndpointConfigName");
}

/* clang-format off */
const ft_aws_op ft_hosting_ops[] = {
    { .name = "CreateModel", .required = "ModelName|ExecutionRoleArn", .run = create_model },
    { .name = "DescribeModel", .required = "ModelName", .run = describe_model },
    { .name = "DeleteModel", .required = "ModelName", .run = delete_model },
    { .name = "ListModels", .run = list_models },
    { .name = "CreateEndpointConfig", .required = "EndpointConfigName|ProductionVariants", .run = create_config },
    { .name = "DescribeEndpointConfig", .required = "EndpointConfigName", .run = describe_config },
    { .name = "DeleteEndpointConfig", .required = "EndpointConfigName", .run = delete_config },
    { .name = "ListEndpointConfigs", .run = list_configs },
    { .name = "CreateEndpoint", .required = "EndpointName|EndpointConfigName", .run = ft_hosting_create_endpoint },
    { .name = "UpdateEndpoint", .required = "EndpointName|EndpointConfigName", .run = ft_hosting_update_endpoint },
    { .name = "DescribeEndpoint", .required = "EndpointName", .run = ft_hosting_describe_endpoint },
    { .name = "ListEndpoints", .run = ft_hosting_list_endpoints },
    { .name = "DeleteEndpoint", .required = "EndpointName", .run = ft_hosting_delete_endpoint },
    { .name = "AddTags", .required = "ResourceArn|Tags", .run = add_tags },
    { .name = "DeleteTags", .required = "ResourceArn|TagKeys", .run = delete_tags },
    { .name = "ListTags", .required = "ResourceArn", .run = list_tags },
    { 0 },
};
/* clang-format on */
