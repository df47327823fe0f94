/* sagemaker_analyzer.c -- Model Monitor's analyzer image as a processing job: our own program
 * (`fettle analyze`) makes the statistics and constraints of a baseline's file. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aws/sagemaker_in.h"
#include "base/param.h"

#define IMAGE "sagemaker-model-monitor-analyzer"

bool ft_sagemaker_is_analyzer(ft_aws_call *c) {
    ft_str name = ft_aws_str(c, "AppSpecification.ImageUri");
    while (ft_str_find(name, '/') < name.len) ft_str_cut(&name, '/');
    return ft_str_starts(name, FT_STR(IMAGE)) &&
           ft_aws_count(c, "AppSpecification.ContainerEntrypoint") == 0;
}

static ft_err texts_set(ft_params *params, const char *name, const ft_str *texts, size_t count) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_array(&w);
    for (size_t i = 0; i < count; i++) ft_json_out_str(&w, texts[i]);
    ft_json_out_close(&w);
    ft_err err = buf.err ? buf.err : ft_params_set(params, ft_str_of(name), ft_buf_str(&buf));
    ft_buf_fini(&buf);
    return err;
}

ft_err ft_sagemaker_analyzer(ft_params *params, ft_aws_call *c) {
    char exe[4096];
    const char *told = getenv("FETTLE_PROGRAM");
    ft_str places[] = { ft_aws_str(c, "Environment.dataset_source"),
                        ft_aws_str(c, "Environment.output_path") };
    if (!places[0].len || !places[1].len)
        return ft_aws_fail(c, 400, "ValidationException",
                           "Environment: the image " IMAGE " needs dataset_source and output_path");
    ssize_t n =
        told ? snprintf(exe, sizeof exe, "%s", told) : readlink("/proc/self/exe", exe, sizeof exe);
    if (n <= 0 || n >= (ssize_t)sizeof exe) return FT_FAIL(FT_EIO, "our own program is not known");
    ft_str words[] = { ft_str_n(exe, (size_t)n), FT_STR("analyze") };
    FT_TRY(texts_set(params, "command", words, 2));
    return texts_set(params, "arguments", places, 2);
}
