/* sagemaker_endpoint.c -- SageMaker's endpoints on serve's: an endpoint configuration becomes a
 * deployed version; what AWS's members say beyond that is kept beside it.
 *
 * A version remembers the configuration it was made of, which clients delete as soon as the
 * endpoint is there. A deployment that fails is no failure of the call: the endpoint's status says
 * so, and why. */
#include "aws/hosting_in.h"
#include "aws/tags.h"
#include "base/check.h"
#include "base/files.h"
#include "serve/endpoint.h"
#include "store/lineage.h"
#include "store/objects.h"

#define VERSION "endpoint-version" /* name: "<endpoint>@<version>"; the configuration's request */

/* ---- from a configuration to what serve is asked for */

/* ["text/csv", …] as "text/csv|…". */
static ft_err types_of(ft_str *out, ft_aws_call *c, ft_str config, const char *path) {
    ft_str raw, type;
    ft_json j;
    ft_err err;
    *out = FT_STR("");
    if (ft_json_find(&raw, config, path) != FT_OK || ft_str_is(raw, "null")) return FT_OK;
    ft_json_init(&j, raw, c->arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_string(&j, &type));
        err = ft_arena_printf(out, c->arena, "%.*s%s%.*s", FT_STR_ARG(*out), out->len ? "|" : "",
                              FT_STR_ARG(type));
        FT_TRY(err);
    }
    return ft_json_end(&j);
}

static ft_err capture_of(ft_endpoint *ask, ft_aws_call *c, ft_str config) {
    ft_str on = ft_json_find_text(c->arena, config, "DataCaptureConfig.EnableCapture");
    int64_t percent;
    ask->capture.variant = ft_json_find_text(c->arena, config, "ProductionVariants.0.VariantName");
    if (!ft_str_i64(&percent, ft_json_find_text(c->arena, config,
                                                "DataCaptureConfig.InitialSamplingPercentage")) ||
        ft_str_is(on, "false"))
        return FT_OK;
    ask->capture_percent = (int)percent;
    ask->capture.uri = ft_json_find_text(c->arena, config, "DataCaptureConfig.DestinationS3Uri");
    ask->capture.skip_input = ask->capture.skip_output = 1;
    for (int i = 0; i < 2; i++) {
        ft_str path;
        FT_TRY(
            ft_arena_printf(&path, c->arena, "DataCaptureConfig.CaptureOptions.%d.CaptureMode", i));
        ft_str mode = ft_json_find_text(c->arena, config, path.at);
        if (ft_str_is(mode, "Input")) ask->capture.skip_input = 0;
        if (ft_str_is(mode, "Output")) ask->capture.skip_output = 0;
    }
    FT_TRY(types_of(&ask->capture.csv_types, c, config,
                    "DataCaptureConfig.CaptureContentTypeHeader.CsvContentTypes"));
    return types_of(&ask->capture.json_types, c, config,
                    "DataCaptureConfig.CaptureContentTypeHeader.JsonContentTypes");
}

/* The job that left "…/<job>/output/model.tar.gz", unless the archive was put there after its end.
 */
static ft_err note_job(ft_aws_call *c, ft_str model_sha256, ft_str data) {
    ft_str tail = FT_STR("/output/model.tar.gz"), name, model, parent;
    ft_uri uri;
    ft_object archive;
    ft_job job;
    if (!ft_str_ends(data, tail)) return FT_OK;
    FT_TRY(ft_uri_parse(&uri, data));
    FT_TRY(ft_object_head(&archive, c->store, c->arena, uri.bucket, uri.key));
    FT_TRY(ft_arena_str(&name, c->arena, ft_path_base(ft_str_slice(data, 0, data.len - tail.len))));
    ft_err err = ft_job_get(&job, c->store, c->arena, name);
    if (err == FT_ENOTFOUND) ft_err_clear();
    if (err || archive.modified_us > job.ended_us) return err == FT_ENOTFOUND ? FT_OK : err;
    FT_TRY(ft_lineage_id(&model, c->arena, FT_LINEAGE_MODEL, model_sha256));
    FT_TRY(ft_lineage_id(&parent, c->arena, FT_LINEAGE_JOB, name));
    return ft_lineage_edge(c->store, model, parent);
}

/* A member of the i-th variant of a configuration. */
static ft_str variant_text(ft_aws_call *c, ft_str config, size_t i, const char *member) {
    ft_str path;
    if (ft_arena_printf(&path, c->arena, "ProductionVariants.%zu.%s", i, member) != FT_OK)
        return (ft_str){ 0 };
    return ft_json_find_text(c->arena, config, path.at);
}

static double variant_weight(ft_aws_call *c, ft_str config, size_t i) {
    double weight;
    return ft_str_f64(&weight, variant_text(c, config, i, "InitialVariantWeight")) ? weight : 1;
}

size_t ft_hosting_variants(ft_aws_call *c, ft_str config) {
    size_t count = 0;
    while (count < FT_VARIANTS_MAX && variant_text(c, config, count, "VariantName").at) count++;
    return count;
}

/* The models of a configuration's variants, as they were asked for. */
typedef struct models {
    ft_str config;
    size_t count;
    ft_str json[FT_VARIANTS_MAX];
} models;

static ft_err variant_of(ft_variant *v, ft_aws_call *c, const models *m, size_t i) {
    int64_t start_s;
    if (!ft_str_i64(&start_s,
                    variant_text(c, m->config, i, "ContainerStartupHealthCheckTimeoutInSeconds")))
        start_s = 0;
    *v = (ft_variant){ .name = variant_text(c, m->config, i, "VariantName"),
                       .weight = variant_weight(c, m->config, i) };
    return ft_model_place(&v->model_uri, c, m->json[i], start_s);
}

/* Tensors of requests are asked for where a hook of one's own would be: in the model's environment,
 * FETTLE_TAP_REGEX, FETTLE_TAP_TO (an s3:// prefix) and FETTLE_TAP_EVERY. */
static ft_err taps_of(ft_endpoint *ask, ft_aws_call *c, ft_str model) {
    ft_str every = ft_model_member(c, model, "Environment.FETTLE_TAP_EVERY");
    int64_t n = 1;
    ask->tap_regex = ft_model_member(c, model, "Environment.FETTLE_TAP_REGEX");
    ask->tap_uri = ft_model_member(c, model, "Environment.FETTLE_TAP_TO");
    if (every.len && (!ft_str_i64(&n, every) || n < 1 || n > INT32_MAX))
        return FT_FAIL(FT_EINVAL, "FETTLE_TAP_EVERY '%.*s': expected 1 or more", FT_STR_ARG(every));
    ask->tap_interval = (int)n;
    return FT_OK;
}

/* Deploy; its failures are in words for FailureReason. */
static ft_err deploy(ft_endpoint *out, ft_aws_call *c, ft_str name, const models *m) {
    ft_variant list[FT_VARIANTS_MAX];
    ft_endpoint ask = { .name = name };
    ft_str id;
    FT_TRY(capture_of(&ask, c, m->config));
    FT_TRY(taps_of(&ask, c, m->json[0]));
    for (size_t i = 0; i < m->count; i++) FT_TRY(variant_of(&list[i], c, m, i));
    ask.model_uri = list[0].model_uri;
    ask.weight = list[0].weight;
    ask.more = list + 1, ask.more_count = m->count - 1;
    FT_TRY(ft_endpoint_put(out, c->store, c->arena, &ask));
    for (size_t i = 0; i < m->count; i++)
        FT_TRY(note_job(c, i ? out->more[i - 1].model_sha256 : out->model_sha256,
                        ft_model_member(c, m->json[i], "ModelDataUrl")));
    FT_TRY(ft_arena_printf(&id, c->arena, "%.*s@%d", FT_STR_ARG(name), out->version));
    return ft_aws_resource_put(c->store, VERSION, id, m->config, FT_STR(""));
}

/* A failure that asking again may mend is the call's; another is the endpoint's. */
static bool is_endpoints(ft_err err) { return err != FT_ENOMEM && err != FT_EBUSY; }

/* Who asks knows objects by their addresses, not by the store's files. */
static ft_err addressed(ft_str *out, ft_aws_call *c, ft_str text) {
    ft_str files;
    size_t at = 0;
    FT_TRY(ft_arena_printf(&files, c->arena, "%s/objects/", ft_store_home(c->store)));
    *out = FT_STR("");
    while (at < text.len && !ft_str_starts(ft_str_from(text, at), files)) at++;
    if (at == text.len) return ft_arena_str(out, c->arena, text);
    return ft_arena_printf(out, c->arena, "%.*ss3://%.*s", FT_STR_ARG(ft_str_slice(text, 0, at)),
                           FT_STR_ARG(ft_str_from(text, at + files.len)));
}

static ft_err reason_of(ft_str *out, ft_aws_call *c) {
    ft_str why;
    FT_TRY(ft_arena_str(&why, c->arena, ft_str_of(ft_err_why())));
    ft_err_clear();
    return addressed(out, c, why);
}

/* The configuration and its models. */
static ft_err asked(models *m, ft_aws_call *c) {
    ft_aws_resource config, model;
    FT_TRY(ft_hosting_get(&config, c, "endpoint configuration", FT_AWS_CONFIG,
                          ft_aws_str(c, "EndpointConfigName")));
    *m = (models){ .config = config.json, .count = ft_hosting_variants(c, config.json) };
    for (size_t i = 0; i < m->count; i++) {
        FT_TRY(ft_hosting_get(&model, c, "model", FT_AWS_MODEL,
                              variant_text(c, m->config, i, "ModelName")));
        m->json[i] = model.json;
    }
    return FT_OK;
}

static ft_err unpacked(bool *later, ft_aws_call *c, const models *m) {
    ft_str urls[FT_VARIANTS_MAX];
    for (size_t i = 0; i < m->count; i++) urls[i] = ft_model_member(c, m->json[i], "ModelDataUrl");
    return ft_model_unpack_later(later, c, urls, m->count);
}

/* What is known of an endpoint: serve's row (version 0: it has none) and the request. */
typedef struct known {
    ft_endpoint row;
    ft_aws_resource request; /* json empty: it was deployed by another door */
} known;

static ft_err look(known *k, ft_aws_call *c, ft_str name) {
    *k = (known){ 0 };
    ft_err row = ft_endpoint_get(&k->row, c->store, c->arena, name);
    if (row == FT_ENOTFOUND) ft_err_clear(), k->row = (ft_endpoint){ .name = name };
    if (row && row != FT_ENOTFOUND) return row;
    ft_err request = ft_aws_resource_get(&k->request, c->store, c->arena, FT_AWS_ENDPOINT, name);
    if (request && request != FT_ENOTFOUND) return request;
    return row && request ? FT_ENOTFOUND : FT_OK;
}

static ft_err look_or_fail(known *k, ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "EndpointName");
    ft_err err = look(k, c, name);
    return err == FT_ENOTFOUND ? ft_hosting_unknown(c, "endpoint", FT_AWS_ENDPOINT, name) : err;
}

static ft_str status_of(const known *k) {
    return k->row.version ? k->row.status : FT_STR("Failed");
}

/* ---- operations */

ft_err ft_hosting_create_endpoint(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "EndpointName"), reason = FT_STR("");
    ft_str arn = ft_aws_arn(c, "sagemaker", FT_AWS_ENDPOINT, name);
    models m;
    bool later;
    ft_endpoint ep;
    known k;
    FT_TRY(ft_sagemaker_name_check(c, "endpointName", name));
    ft_err err = look(&k, c, name);
    if (err == FT_OK)
        return ft_aws_fail(c, 400, "ValidationException",
                           "Cannot create already existing endpoint \"%.*s\".", FT_STR_ARG(arn));
    if (err != FT_ENOTFOUND) return err;
    FT_TRY(ft_aws_tags_check(c));
    FT_TRY(asked(&m, c));
    FT_TRY(unpacked(&later, c, &m));
    if (later) return FT_OK;
    err = ft_aws_resource_add(c->store, FT_AWS_ENDPOINT, name, c->body, FT_STR(""));
    if (err == FT_EEXIST)
        return ft_aws_fail(c, 400, "ValidationException",
                           "Cannot create already existing endpoint \"%.*s\".", FT_STR_ARG(arn));
    FT_TRY(err);
    err = deploy(&ep, c, name, &m);
    if (err) {
        if (!is_endpoints(err)) {
            ft_aws_resource_remove(c->store, FT_AWS_ENDPOINT, name);
            return err;
        }
        FT_TRY(reason_of(&reason, c));
        FT_TRY(ft_aws_resource_put(c->store, FT_AWS_ENDPOINT, name, c->body, reason));
    }
    FT_TRY(ft_aws_tags_add(c, arn));
    ft_aws_put(c, "EndpointArn", arn);
    return FT_OK;
}

ft_err ft_hosting_update_endpoint(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "EndpointName"), reason = FT_STR(""), status;
    ft_str arn = ft_aws_arn(c, "sagemaker", FT_AWS_ENDPOINT, name);
    models m;
    bool later;
    ft_endpoint ep;
    known k;
    FT_TRY(look_or_fail(&k, c));
    status = status_of(&k);
    if (!ft_str_is(status, "InService") && !ft_str_is(status, "Failed"))
        return ft_aws_fail(c, 400, "ValidationException",
                           "Cannot update in-progress endpoint \"%.*s\".", FT_STR_ARG(arn));
    FT_TRY(asked(&m, c));
    FT_TRY(unpacked(&later, c, &m));
    if (later) return FT_OK;
    ft_err err = deploy(&ep, c, name, &m);
    if (err && !is_endpoints(err)) return err;
    if (err) FT_TRY(reason_of(&reason, c));
    /* The old version goes on, with the configuration it has. */
    ft_str kept = err && k.request.json.len ? k.request.json : c->body;
    FT_TRY(ft_aws_resource_put(c->store, FT_AWS_ENDPOINT, name, kept, reason));
    ft_aws_put(c, "EndpointArn", arn);
    return FT_OK;
}

static void put_variants(ft_aws_call *c, ft_str config) {
    size_t variants = ft_hosting_variants(c, config);
    ft_json_out_name(&c->json, "ProductionVariants");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < variants || i == 0; i++) { /* another door's has one, unnamed */
        int64_t count;
        ft_str name = variant_text(c, config, i, "VariantName");
        if (!ft_str_i64(&count, variant_text(c, config, i, "InitialInstanceCount"))) count = 1;
        ft_json_out_object(&c->json);
        ft_aws_put(c, "VariantName", name.len ? name : FT_STR(FT_CAPTURE_VARIANT));
        ft_json_out_name(&c->json, "CurrentWeight");
        ft_json_out_f64(&c->json, variant_weight(c, config, i));
        ft_json_out_name(&c->json, "DesiredWeight");
        ft_json_out_f64(&c->json, variant_weight(c, config, i));
        ft_aws_put_int(c, "CurrentInstanceCount", count);
        ft_aws_put_int(c, "DesiredInstanceCount", count);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
}

/* The summary's five members are all required. */
static void put_capture(ft_aws_call *c, ft_str config, const ft_endpoint *ep) {
    ft_str raw, kms = ft_json_find_text(c->arena, config, "DataCaptureConfig.KmsKeyId"), uri;
    if (config.len && ft_json_find(&raw, config, "DataCaptureConfig") != FT_OK) return;
    bool on = ep->capture_percent > 0;
    uri = ep->capture.uri.len
              ? ep->capture.uri
              : ft_json_find_text(c->arena, config, "DataCaptureConfig.DestinationS3Uri");
    ft_json_out_name(&c->json, "DataCaptureConfig");
    ft_json_out_object(&c->json);
    ft_aws_put_bool(c, "EnableCapture", on);
    ft_aws_put(c, "CaptureStatus", on ? FT_STR("Started") : FT_STR("Stopped"));
    ft_aws_put_int(c, "CurrentSamplingPercentage", ep->capture_percent);
    ft_aws_put(c, "DestinationS3Uri", uri.len ? uri : FT_STR(FT_CAPTURE_URI));
    ft_aws_put(c, "KmsKeyId", kms.at ? kms : FT_STR(""));
    ft_json_out_close(&c->json);
}

/* The configuration that the endpoint's version was made of; empty for one of another door. */
static ft_err config_of(ft_str *out, ft_aws_call *c, const known *k) {
    ft_aws_resource r;
    ft_str id;
    *out = (ft_str){ 0 };
    if (!k->row.version) return FT_OK;
    FT_TRY(ft_arena_printf(&id, c->arena, "%.*s@%d", FT_STR_ARG(k->row.name), k->row.version));
    ft_err err = ft_aws_resource_get(&r, c->store, c->arena, VERSION, id);
    if (err == FT_OK) *out = r.json;
    return err == FT_ENOTFOUND ? FT_OK : err;
}

ft_err ft_hosting_describe_endpoint(ft_aws_call *c) {
    known k;
    ft_str config, name = ft_aws_str(c, "EndpointName");
    FT_TRY(look_or_fail(&k, c));
    FT_TRY(config_of(&config, c, &k));
    ft_str config_name =
        ft_json_find_text(c->arena, config.len ? config : k.request.json, "EndpointConfigName");
    ft_str reason = k.request.note.len ? k.request.note : k.row.reason;
    ft_aws_put(c, "EndpointName", name);
    ft_aws_put(c, "EndpointArn", ft_aws_arn(c, "sagemaker", FT_AWS_ENDPOINT, name));
    ft_aws_put(c, "EndpointConfigName", config_name.len ? config_name : name);
    ft_aws_put(c, "EndpointStatus", status_of(&k));
    if (reason.len) ft_aws_put(c, "FailureReason", reason);
    if (k.row.version) {
        put_variants(c, config);
        put_capture(c, config, &k.row);
    }
    ft_aws_put_time(c, "CreationTime", k.row.version ? k.row.created_us : k.request.created_us);
    ft_aws_put_time(c, "LastModifiedTime",
                    k.row.modified_us > k.request.modified_us ? k.row.modified_us
                                                              : k.request.modified_us);
    return FT_OK;
}

/* serve's endpoints, then those that could not be deployed. */
static ft_err list_all(ft_sagemaker_item **out, size_t *count, ft_aws_call *c) {
    ft_endpoint *rows;
    ft_aws_resource *requests;
    size_t row_count, request_count, n = 0;
    FT_TRY(ft_endpoint_list(&rows, &row_count, c->store, c->arena));
    FT_TRY(ft_aws_resource_list(&requests, &request_count, c->store, c->arena, FT_AWS_ENDPOINT,
                                FT_STR(""), FT_STR(""), 10000));
    FT_TRY(ft_arena_items(out, c->arena, row_count + request_count + 1));
    for (size_t i = 0; i < row_count; i++)
        (*out)[n++] = (ft_sagemaker_item){ .name = rows[i].name,
                                           .status = rows[i].status,
                                           .created_us = rows[i].created_us,
                                           .modified_us = rows[i].modified_us };
    for (size_t i = 0; i < request_count; i++) {
        bool there = false;
        for (size_t r = 0; r < row_count; r++) there |= ft_str_eq(rows[r].name, requests[i].name);
        if (!there)
            (*out)[n++] = (ft_sagemaker_item){ .name = requests[i].name,
                                               .status = FT_STR("Failed"),
                                               .created_us = requests[i].created_us,
                                               .modified_us = requests[i].modified_us };
    }
    *count = n;
    return FT_OK;
}

ft_err ft_hosting_list_endpoints(ft_aws_call *c) {
    ft_sagemaker_item *items;
    size_t count;
    FT_TRY(list_all(&items, &count, c));
    FT_TRY(ft_sagemaker_page(c, items, &count));
    ft_json_out_name(&c->json, "Endpoints");
    ft_json_out_array(&c->json);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_object(&c->json);
        ft_aws_put(c, "EndpointName", items[i].name);
        ft_aws_put(c, "EndpointArn", ft_aws_arn(c, "sagemaker", FT_AWS_ENDPOINT, items[i].name));
        ft_aws_put(c, "EndpointStatus", items[i].status);
        ft_aws_put_time(c, "CreationTime", items[i].created_us);
        ft_aws_put_time(c, "LastModifiedTime", items[i].modified_us);
        ft_json_out_close(&c->json);
    }
    ft_json_out_close(&c->json);
    return FT_OK;
}

ft_err ft_hosting_delete_endpoint(ft_aws_call *c) {
    known k;
    FT_TRY(look_or_fail(&k, c));
    ft_str name = ft_aws_str(c, "EndpointName");
    ft_err err = k.row.version ? ft_endpoint_delete(c->store, name) : FT_OK;
    if (err == FT_ENOTFOUND) ft_err_clear(), err = FT_OK;
    FT_TRY(err);
    err = ft_aws_resource_remove(c->store, FT_AWS_ENDPOINT, name);
    if (err && err != FT_ENOTFOUND) return err;
    return ft_aws_tags_remove(c, ft_aws_arn(c, "sagemaker", FT_AWS_ENDPOINT, name));
}
