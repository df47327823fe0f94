/* sagemaker_container.c -- what requests for training, processing and monitoring containers share:
 * environment, command, number of hosts, places below /opt/ml. */
#include <stdio.h>

#include "aws/sagemaker_in.h"
#include "base/check.h"
#include "jobs/container.h"
#include "jobs/image.h"

ft_err ft_sagemaker_invalid(ft_aws_call *c, const char *where) {
    return ft_aws_fail(c, 400, "ValidationException", "%s: %s", where, ft_err_why());
}

/* AWS_REGION and what the request names. */
ft_err ft_sagemaker_environment(ft_params *params, ft_aws_call *c) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_str raw = ft_aws_raw(c, "Environment"), name, value;
    ft_json j;
    ft_err err = FT_OK;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    ft_json_out_name(&w, "AWS_REGION");
    ft_json_out_str(&w, c->region);
    ft_json_init(&j, raw.at ? raw : FT_STR("{}"), c->arena,
                 &(ft_json_opts){ .name = "Environment" });
    FT_GOTO(err, ft_json_enter_object(&j));
    while (ft_json_next_member(&j, &name)) {
        FT_GOTO(err, ft_json_string(&j, &value));
        ft_json_out_name_str(&w, name);
        ft_json_out_str(&w, value);
    }
    FT_GOTO(err, ft_json_end(&j));
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    err = ft_params_set(params, FT_STR("environment"), ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

static ft_err items_copy(ft_json_out *w, ft_str array, ft_arena *arena) {
    ft_str item;
    ft_json j;
    if (!array.at) return FT_OK;
    ft_json_init(&j, array, arena, NULL);
    FT_TRY(ft_json_enter_array(&j));
    while (ft_json_next_item(&j)) {
        FT_TRY(ft_json_string(&j, &item));
        ft_json_out_str(w, item);
    }
    return ft_json_end(&j);
}

/* Each of the request's arrays of texts, one after the other, as the parameter `name`. */
ft_err ft_sagemaker_texts(ft_params *params, const char *name, const ft_str *arrays, size_t count,
                          ft_arena *arena) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_err err = FT_OK;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < count; i++) FT_GOTO(err, items_copy(&w, arrays[i], arena));
    ft_json_out_close(&w);
    FT_GOTO(err, buf.err);
    err = ft_params_set(params, ft_str_of(name), ft_buf_str(&buf));
done:
    ft_buf_fini(&buf);
    return err;
}

/* A path of this machine as a JSON array. */
ft_err ft_sagemaker_path_json(ft_str *out, ft_arena *arena, ft_str path) {
    ft_buf buf = { 0 };
    ft_err err = ft_buf_byte(&buf, '[');
    if (err == FT_OK) err = ft_json_quote(&buf, path);
    if (err == FT_OK) err = ft_buf_byte(&buf, ']');
    if (err == FT_OK) err = ft_arena_str(out, arena, ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_sagemaker_hosts(ft_params *params, ft_aws_call *c, const char *member) {
    int64_t count;
    char text[32];
    FT_TRY(ft_aws_int(&count, c, member, 1));
    if (count < 1 || count > FT_CONTAINER_HOSTS_MAX)
        return ft_aws_fail(c, 400, "ValidationException",
                           "%s: %lld; this machine is one instance, and up to %d processes of it "
                           "share the work of a program",
                           member, (long long)count, FT_CONTAINER_HOSTS_MAX);
    snprintf(text, sizeof text, "%lld", (long long)count);
    return ft_params_set(params, FT_STR("hosts"), ft_str_of(text));
}

ft_err ft_sagemaker_place_check(ft_aws_call *c, const char *where, ft_str place) {
    const char *path;
    if (ft_container_path(&path, c->arena, "", place) == FT_OK) return FT_OK;
    return ft_aws_fail(c, 400, "ValidationException", "%s: LocalPath: %s", where, ft_err_why());
}

ft_err ft_sagemaker_command(ft_params *params, ft_arena *arena, ft_str name, ft_str entry,
                            ft_str more) {
    ft_str first;
    bool named = entry.at && ft_json_find(&first, entry, "0") == FT_OK;
    ft_image image = { 0 };
    ft_err err = ft_image_find(&image, arena, name.at ? name : FT_STR(""), FT_IMAGE_PROCESS);
    if (err != FT_OK && !named)
        return ft_err_prefix(err, "without a ContainerEntrypoint, which names what this machine is "
                                  "to run");
    ft_err_clear();
    if (!named && image.kind == FT_IMAGE_FRAMEWORK)
        return FT_FAIL(
            FT_EUNSUPPORTED,
            "ContainerEntrypoint: the image %.*s has no program of its own; name the one "
            "that is run",
            FT_STR_ARG(name));
    if (err == FT_OK && image.kind == FT_IMAGE_PODMAN)
        FT_TRY(ft_params_set(params, FT_STR("image"), name));
    else if (!named)
        FT_TRY(ft_sagemaker_path_json(&entry, arena, image.program));
    FT_TRY(ft_sagemaker_texts(params, "command", &entry, entry.at ? 1 : 0, arena));
    return ft_sagemaker_texts(params, "arguments", &more, more.at ? 1 : 0, arena);
}
