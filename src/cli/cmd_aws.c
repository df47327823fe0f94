/* cmd_aws.c -- `fettle aws env`: what a shell exports so that AWS clients talk to this server. */
#include <limits.h>
#include <stdio.h>

#include "aws/aws.h"
#include "base/check.h"
#include "base/files.h"
#include "base/proc.h"
#include "cli/cli.h"
#include "net/sigv4.h"
#include "serve/serve.h"

#define CERTIFICATE "tls/cert.pem" /* in the home: what `fettle serve --tls` made */

static const ft_param env_options[] = {
    { "key", FT_PARAM_STRING, "",
      .doc = "ID: access key to use, one that is there; else the newest, or a new one" },
    { "url", FT_PARAM_STRING, "", .doc = "URL: else that of the server that serves this home" },
    { "region", FT_PARAM_STRING, FT_REGION_DEFAULT,
      .doc = "NAME: region that clients put into names" },
    { 0 }
};

typedef struct setting {
    const char *name;
    ft_str value;
} setting;

static ft_err key_find(ft_aws_key *out, ft_cli *cli, ft_store *s) {
    ft_str id = ft_params_str(cli->options, "key");
    ft_err err = ft_aws_key_get(out, s, &cli->arena, id);
    if (err != FT_ENOTFOUND || id.len) return err;
    ft_err_clear();
    return ft_aws_key_add(out, s, &cli->arena, id, FT_STR("made by fettle aws env"));
}

static ft_err url_find(ft_str *out, ft_cli *cli, ft_store *s) {
    *out = ft_params_str(cli->options, "url");
    if (out->len) return FT_OK;
    return ft_serve_address(out, s, &cli->arena);
}

/* In single quotes for a shell. */
static void print_quoted(ft_str value) {
    putchar('\'');
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] == '\'')
            fputs("'\\''", stdout);
        else
            putchar(value.at[i]);
    putchar('\'');
}

static ft_err print_json(const setting *all, size_t count) {
    ft_buf buf = { 0 };
    ft_json_out w;
    ft_json_out_init(&w, &buf, false);
    ft_json_out_object(&w);
    for (size_t i = 0; i < count; i++) {
        ft_json_out_name(&w, all[i].name);
        ft_json_out_str(&w, all[i].value);
    }
    ft_json_out_close(&w);
    ft_err err = buf.err;
    if (err == FT_OK) printf("%s\n", buf.at);
    ft_buf_fini(&buf);
    return err;
}

/* Where the source tree's shim lies, when this program stands in its build folder. */
static const char *shim_folder(ft_cli *cli) {
    char self[PATH_MAX];
    ft_str folder;
    if (ft_self_path(self, sizeof self) != FT_OK) return "examples/aws";
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    if (ft_arena_printf(&folder, &cli->arena, "%s/examples/aws", self) != FT_OK ||
        !ft_file_exists(folder.at))
        return "examples/aws";
    return folder.at;
}

static void print_ways(ft_cli *cli, ft_str url) {
    printf("# Use: eval \"$(fettle aws env)\"\n"
           "# boto3 from 1.28 and the AWS CLI from 2.13 on read AWS_ENDPOINT_URL. For the others,\n"
           "# and for code that names an amazonaws.com endpoint itself, one of:\n"
           "#   aws --endpoint-url %.*s …        boto3.client(name, endpoint_url=…)\n"
           "#   export PYTHONPATH=%s   # sitecustomize.py there forces it for every client\n"
           "#   the names of *.amazonaws.com resolved to this machine, and\n"
           "#   `fettle serve --tls --port 443`: no change in any program\n",
           FT_STR_ARG(url), shim_folder(cli));
}

static ft_err run_env(ft_cli *cli) {
    ft_store *s;
    ft_str url;
    ft_aws_key key;
    setting all[8];
    size_t count = 0;
    const char *certificate;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(url_find(&url, cli, s));
    FT_TRY(key_find(&key, cli, s));
    FT_TRY(ft_path_join(&certificate, &cli->arena, ft_store_home(s), CERTIFICATE));
    ft_str region = ft_params_str(cli->options, "region");
    all[count++] = (setting){ "AWS_ENDPOINT_URL", url };
    all[count++] = (setting){ "AWS_ACCESS_KEY_ID", key.id };
    all[count++] = (setting){ "AWS_SECRET_ACCESS_KEY", key.secret };
    all[count++] = (setting){ "AWS_DEFAULT_REGION", region };
    all[count++] = (setting){ "AWS_REGION", region };
    /* No client is to ask another machine's metadata service for keys. */
    all[count++] = (setting){ "AWS_EC2_METADATA_DISABLED", FT_STR("true") };
    if (ft_str_starts(url, FT_STR("https:")) && ft_file_exists(certificate))
        all[count++] = (setting){ "AWS_CA_BUNDLE", ft_str_of(certificate) };
    FT_CHECK(count <= FT_COUNT(all));
    if (cli->json) return print_json(all, count);
    for (size_t i = 0; i < count; i++) {
        printf("export %s=", all[i].name);
        print_quoted(all[i].value);
        putchar('\n');
    }
    print_ways(cli, url);
    return FT_OK;
}

const ft_command ft_command_aws_env = {
    .name = "aws env",
    .doc = "print what to export so that AWS clients talk to this server",
    .more = "  eval \"$(fettle aws env)\"\n  aws --endpoint-url \"$AWS_ENDPOINT_URL\" s3 ls\n\n"
            "A key is made when there is none. Clients that ignore AWS_ENDPOINT_URL (boto3 before "
            "1.28, AWS CLI before 2.13) are\n"
            "caught by --endpoint-url, by the sitecustomize.py of examples/aws, or by names and a "
            "certificate; the output says how.",
    .options = env_options,
    .run = run_env
};
