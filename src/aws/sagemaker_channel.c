/* sagemaker_channel.c -- a channel's way in as CreateTrainingJob says it: input mode, manifest,
 * share, order, wrapping (data/channel.h), and the same for the program to read in
 * inputdataconfig.json. */
#include <stdio.h>

#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "data/channel.h"
#include "store/objects.h"
#include "store/remote.h"

#define S3 "DataSource.S3DataSource."

static ft_str member(ft_aws_call *c, size_t i, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "InputDataConfig.%zu.%s", i, name);
    ft_str value = ft_aws_str(c, path);
    return value.at ? value : FT_STR("");
}

static ft_err refused(ft_aws_call *c, size_t i) {
    return ft_aws_fail(c, 400, "ValidationException", "InputDataConfig: channel %.*s: %s",
                       FT_STR_ARG(member(c, i, "ChannelName")), ft_err_why());
}

/* The channel's own, else the algorithm's, else File. */
static ft_str mode_of(ft_aws_call *c, size_t i) {
    ft_str mode = member(c, i, "InputMode");
    if (!mode.len) mode = ft_aws_str(c, "AlgorithmSpecification.TrainingInputMode");
    return mode.len ? mode : FT_STR("File");
}

static ft_err attributes_of(ft_str *out, ft_aws_call *c, size_t i) {
    char path[128];
    size_t count;
    snprintf(path, sizeof path, "InputDataConfig.%zu." S3 "AttributeNames", i);
    count = ft_aws_count(c, path);
    *out = FT_STR("");
    for (size_t k = 0; k < count; k++) {
        snprintf(path, sizeof path, "InputDataConfig.%zu." S3 "AttributeNames.%zu", i, k);
        FT_TRY(ft_arena_printf(out, c->arena, "%.*s%s%.*s", FT_STR_ARG(*out), k ? "," : "",
                               FT_STR_ARG(ft_aws_str(c, path))));
    }
    return FT_OK;
}

static ft_err shuffle_of(ft_channel_source *s, ft_aws_call *c, size_t i) {
    char path[128];
    int64_t seed;
    snprintf(path, sizeof path, "InputDataConfig.%zu.ShuffleConfig", i);
    s->shuffle = ft_aws_raw(c, path).at != NULL;
    snprintf(path, sizeof path, "InputDataConfig.%zu.ShuffleConfig.Seed", i);
    FT_TRY(ft_aws_int(&seed, c, path, 0));
    s->seed = (uint64_t)seed;
    return FT_OK;
}

/* The words that SageMaker knows for a member. */
static ft_err one_of(ft_aws_call *c, size_t i, const char *name, const char *words) {
    ft_str value = member(c, i, name), rest = ft_str_of(words);
    if (!value.len) return FT_OK;
    while (rest.at)
        if (ft_str_eq(ft_str_cut(&rest, '|'), value)) return FT_OK;
    (void)FT_FAIL(FT_EINVAL, "%s '%.*s': expected one of %s", name, FT_STR_ARG(value), words);
    return refused(c, i);
}

static ft_err words_check(ft_aws_call *c, size_t i) {
    FT_TRY(one_of(c, i, S3 "S3DataType", "S3Prefix|ManifestFile|AugmentedManifestFile"));
    FT_TRY(one_of(c, i, S3 "S3DataDistributionType", "FullyReplicated|ShardedByS3Key"));
    FT_TRY(one_of(c, i, "CompressionType", "None|Gzip"));
    return one_of(c, i, "RecordWrapperType", "None|RecordIO");
}

static ft_err source_read(ft_channel_source *s, ft_aws_call *c, size_t i) {
    *s = (ft_channel_source){
        .uri = member(c, i, S3 "S3Uri"),
        .type = member(c, i, S3 "S3DataType"),
        .sharded = ft_str_is(member(c, i, S3 "S3DataDistributionType"), "ShardedByS3Key"),
        .gzip = ft_str_is(member(c, i, "CompressionType"), "Gzip"),
        .recordio = ft_str_is(member(c, i, "RecordWrapperType"), "RecordIO"),
    };
    FT_TRY(words_check(c, i));
    if (ft_input_mode_parse(&s->mode, mode_of(c, i)) != FT_OK) return refused(c, i);
    FT_TRY(attributes_of(&s->attributes, c, i));
    FT_TRY(shuffle_of(s, c, i));
    return ft_channel_source_check(s) == FT_OK ? FT_OK : refused(c, i);
}

/* Is there something at its place? Another server's is looked at when the job begins. */
static ft_err there_check(const ft_channel_source *s, ft_aws_call *c) {
    ft_object *list;
    size_t count = 0;
    bool more;
    ft_remote_place place;
    ft_uri uri;
    if (ft_uri_parse(&uri, s->uri) != FT_OK)
        return ft_aws_fail(c, 400, "ValidationException", "S3Uri: %s", ft_err_why());
    if (ft_bucket_exists(c->store, uri.bucket))
        FT_TRY(ft_object_list(&list, &count, &more, c->store, c->arena, uri.bucket, uri.key,
                              FT_STR(""), 1));
    else if (ft_remote_place_find(&place, c->arena, ft_store_home(c->store), uri.bucket) == FT_OK)
        return FT_OK;
    ft_err_clear();
    return count ? FT_OK : ft_sagemaker_none_found(c, s->uri);
}

ft_err ft_sagemaker_channel_source(ft_str *json, ft_aws_call *c, size_t i) {
    ft_channel_source s;
    ft_buf buf = { 0 };
    ft_uri uri;
    *json = (ft_str){ 0 };
    FT_TRY(source_read(&s, c, i));
    bool ours = ft_uri_parse(&uri, s.uri) == FT_OK && ft_bucket_exists(c->store, uri.bucket);
    ft_err_clear();
    bool plain =
        s.mode == FT_INPUT_FILE && ft_str_is(s.type, "S3Prefix") && !s.sharded && !s.shuffle;
    if (plain && ours) return FT_OK;
    FT_TRY(there_check(&s, c));
    ft_err err = ft_channel_source_write(&buf, &s);
    if (err == FT_OK) err = ft_arena_str(json, c->arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

void ft_sagemaker_channel_config(ft_json_out *w, ft_aws_call *c, size_t i) {
    const struct {
        const char *name, *otherwise;
        ft_str value;
    } list[] = { { "ContentType", NULL, member(c, i, "ContentType") },
                 { "TrainingInputMode", "File", mode_of(c, i) },
                 { "S3DistributionType", "FullyReplicated",
                   member(c, i, S3 "S3DataDistributionType") },
                 { "RecordWrapperType", "None", member(c, i, "RecordWrapperType") } };
    ft_json_out_name_str(w, member(c, i, "ChannelName"));
    ft_json_out_object(w);
    for (size_t k = 0; k < FT_COUNT(list); k++) {
        if (!list[k].value.len && !list[k].otherwise) continue;
        ft_json_out_name(w, list[k].name);
        ft_json_out_str(w, list[k].value.len ? list[k].value : ft_str_of(list[k].otherwise));
    }
    ft_json_out_close(w);
}
