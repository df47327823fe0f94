/* cmd_keys.c -- `fettle keys add|ls|rm`: access keys of the AWS front door. */
#include <stdio.h>

#include "aws/aws.h"
#include "base/check.h"
#include "cli/listing.h"

static const ft_param add_options[] = {
    { "note", FT_PARAM_STRING, "", .doc = "TEXT: whose key it is, for the listing" }, { 0 }
};

static ft_err run_add(ft_cli *cli) {
    ft_store *s;
    ft_aws_key key;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_aws_key_add(&key, s, &cli->arena, cli->args[0], ft_params_str(cli->options, "note")));
    if (cli->json) {
        printf("{\"id\":\"%.*s\",\"secret\":\"%.*s\"}\n", FT_STR_ARG(key.id),
               FT_STR_ARG(key.secret));
        return FT_OK;
    }
    printf("AWS_ACCESS_KEY_ID=%.*s\nAWS_SECRET_ACCESS_KEY=%.*s\n", FT_STR_ARG(key.id),
           FT_STR_ARG(key.secret));
    fprintf(stderr, "the secret is not listed later; `fettle aws env --key %.*s` shows it again\n",
            FT_STR_ARG(key.id));
    return FT_OK;
}

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "id", "created", "note" };
    ft_store *s;
    ft_aws_key *keys;
    size_t count;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_aws_key_list(&keys, &count, s, &cli->arena));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        ft_listing_text(&l, keys[i].id);
        ft_listing_time(&l, keys[i].created_us);
        ft_listing_text(&l, keys[i].note);
    }
    return ft_listing_print(&l, "no access keys; `fettle keys add` makes one");
}

static ft_err run_rm(ft_cli *cli) {
    ft_store *s;
    FT_TRY(ft_cli_store(&s, cli));
    return ft_aws_key_remove(s, cli->args[0]);
}

const ft_command ft_command_keys_add = {
    .name = "keys add",
    .args = "[ID]",
    .args_max = 1,
    .doc = "make an access key for AWS clients",
    .more = "Without ID one is made. A running server knows the key at once.\n\n"
            "  fettle keys add --note 'the nightly upload'\n",
    .options = add_options,
    .run = run_add
};
const ft_command ft_command_keys_ls = { .name = "keys ls",
                                        .doc = "access keys, without their secrets",
                                        .run = run_ls };
const ft_command ft_command_keys_rm = { .name = "keys rm",
                                        .args = "ID",
                                        .args_min = 1,
                                        .args_max = 1,
                                        .doc = "remove an access key; its next request is refused",
                                        .run = run_rm };
