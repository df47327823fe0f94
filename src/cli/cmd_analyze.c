/* cmd_analyze.c -- the hidden command `fettle analyze IN OUT`: what Model Monitor's analyzer image
 * does in a processing job (aws/sagemaker_program.c starts it). IN is a file or a folder of files,
 * OUT the folder that gets statistics.json and constraints.json; $dataset_format says what the
 * files are, as the image is told. */
#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "cli/cli.h"
#include "monitor/monitor.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* {"csv":{"header":true}} or {"json":{"lines":true}} */
static void format_read(ft_str *type, bool *header) {
    const char *text = getenv("dataset_format");
    ft_str format = ft_str_of(text ? text : ""), raw;
    *type = FT_STR("text/csv");
    *header = false;
    if (ft_json_find(&raw, format, "json") == FT_OK) *type = FT_STR("application/jsonlines");
    if (ft_json_find(&raw, format, "csv.header") == FT_OK)
        *header = ft_str_is(raw, "true") || ft_str_is(raw, "\"true\"");
    ft_err_clear();
}

/* The one file: a folder's first by name. */
static ft_err input_find(const char **out, ft_cli *cli, const char *path) {
    ft_file_info info;
    ft_str *names;
    size_t count;
    *out = path;
    FT_TRY(ft_file_stat(&info, path));
    if (!info.is_dir) return FT_OK;
    FT_TRY(ft_dir_list(&names, &count, &cli->arena, path));
    if (count != 1)
        return FT_FAIL(FT_EINVAL, "%s holds %zu files: a baseline is made of one", path, count);
    return ft_path_join(out, &cli->arena, path, names[0].at);
}

static ft_err file_put(ft_cli *cli, const char *folder, const char *name, const ft_buf *text) {
    const char *path;
    FT_TRY(ft_path_join(&path, &cli->arena, folder, name));
    return ft_file_write_atomic(path, ft_buf_str(text), false);
}

static ft_err run(ft_cli *cli) {
    ft_buf statistics = { 0 }, constraints = { 0 };
    ft_str type, body;
    const char *in, *out = cli->args[1].at;
    bool header;
    ft_err err;
    format_read(&type, &header);
    FT_TRY(input_find(&in, cli, cli->args[0].at));
    FT_TRY(ft_file_read(&body, &cli->arena, in, FILE_BYTES_MAX));
    FT_TRY(ft_dir_make(out));
    FT_GOTO(err, ft_monitor_describe(&statistics, &constraints, type, body, header));
    FT_GOTO(err, file_put(cli, out, "statistics.json", &statistics));
    FT_GOTO(err, file_put(cli, out, "constraints.json", &constraints));
    printf("statistics.json and constraints.json of %s\n", in);
done:
    ft_buf_fini(&statistics);
    ft_buf_fini(&constraints);
    return err;
}

const ft_command ft_command_analyze = { .name = "analyze",
                                        .args = "IN OUT",
                                        .args_min = 2,
                                        .args_max = 2,
                                        .doc = "statistics and constraints of a file",
                                        .hidden = true,
                                        .run = run };
