/* cli.c -- see cli.h: finding the command, reading its options, help, and how failures are told. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "speech/added.h"

#define WORDS_MAX 64 /* commands that a suggestion is chosen from */

static const ft_param global_options[] = {
    { "home", FT_PARAM_STRING, NULL,
      .doc = "DIR: where everything is kept ($FETTLE_HOME, ~/.fettle)" },
    { "json", FT_PARAM_FLAG, NULL, .doc = "print results as JSON" },
    { "help", FT_PARAM_FLAG, NULL, .doc = "show this help" },
    { 0 }
};

/* ---- help */

static void help_option(FILE *to, const ft_param *o) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str range = { 0 };
    ft_str doc = ft_str_of(o->doc), meta = { 0 };
    if (o->type != FT_PARAM_FLAG) {
        size_t colon = ft_str_find(doc, ':');
        if (colon < doc.len)
            meta = ft_str_slice(doc, 0, colon), doc = ft_str_trim(ft_str_from(doc, colon + 1));
        if (o->type != FT_PARAM_STRING) (void)ft_param_describe(&range, &arena, o);
    }
    char head[64];
    snprintf(head, sizeof head, "--%s%s%.*s", o->name, meta.len ? " " : "", FT_STR_ARG(meta));
    fprintf(to, "  %-26s %.*s", head, FT_STR_ARG(doc));
    if (range.len)
        fprintf(to, " (%.*s)", FT_STR_ARG(range));
    else if (o->default_text && o->type != FT_PARAM_FLAG)
        fprintf(to, " (default %s)", o->default_text);
    if (o->required) fprintf(to, " (required)");
    if (o->repeated) fprintf(to, " (may be repeated)");
    fputc('\n', to);
    ft_arena_fini(&arena);
}

/* "  65  malformed input; larger than its limit", from the table of errors. */
static void help_exit(FILE *to, int code) {
    bool any = false;
    for (ft_err e = FT_OK; e < FT_ERR_COUNT; e++) {
        if (ft_err_exit(e) != code) continue;
        if (any)
            fprintf(to, "; %s", ft_err_text(e));
        else
            fprintf(to, "  %-3d %s", code, ft_err_text(e));
        any = true;
    }
    if (any) fprintf(to, "\n");
}

static void help_all(FILE *to) {
    fprintf(
        to,
        "Fettle %s: trains, serves, watches, explains and acts, offline, on a machine you own.\n\n"
        "usage: fettle COMMAND [ARGUMENTS] [--OPTIONS]\n\ncommands:\n",
        FETTLE_VERSION);
    for (const ft_command *const *c = ft_commands; *c; c++)
        if (!(*c)->hidden) fprintf(to, "  %-18s %s\n", (*c)->name, (*c)->doc);
    fprintf(to, "\nfor every command:\n");
    for (const ft_param *o = global_options; o->name; o++) help_option(to, o);
    fprintf(to, "\nexit codes:\n");
    for (int code = 0; code < 256; code++) help_exit(to, code);
    fprintf(to, "\n`fettle COMMAND --help` tells more.\n");
}

void ft_cli_help(FILE *to, const ft_command *c) {
    fprintf(to, "usage: fettle %s%s%s%s\n\n%s\n", c->name, c->args ? " " : "",
            c->args ? c->args : "", c->options ? " [--OPTIONS]" : "", c->doc);
    if (c->more) fprintf(to, "\n%s\n", c->more);
    if (c->options) {
        fprintf(to, "\noptions:\n");
        for (const ft_param *o = c->options; o->name; o++) help_option(to, o);
    }
    fprintf(to, "\nfor every command:\n");
    for (const ft_param *o = global_options; o->name; o++) help_option(to, o);
}

/* ---- finding the command: one word, or noun and verb */

static int words_of(const char *name) { return strchr(name, ' ') ? 2 : 1; }

static const ft_command *command_find(int argc, char **argv, int *used) {
    char two[64] = "";
    if (argc > 1) snprintf(two, sizeof two, "%s %s", argv[0], argv[1]);
    const ft_command *found = NULL;
    for (const ft_command *const *c = ft_commands; *c; c++) {
        if (words_of((*c)->name) == 2 && strcmp((*c)->name, two) == 0) return *used = 2, *c;
        if (argc > 0 && strcmp((*c)->name, argv[0]) == 0) found = *c;
    }
    *used = 1;
    return found;
}

static bool noun_help(FILE *to, const char *noun) {
    size_t len = strlen(noun);
    bool any = false;
    for (const ft_command *const *c = ft_commands; *c; c++)
        if (strncmp((*c)->name, noun, len) == 0 && (*c)->name[len] == ' ') {
            if (!any) fprintf(to, "usage: fettle %s VERB\n\n", noun);
            fprintf(to, "  %-18s %s\n", (*c)->name, (*c)->doc);
            any = true;
        }
    return any;
}

static int command_unknown(int argc, char **argv) {
    const char *names[WORDS_MAX];
    char text[128];
    size_t n = 0;
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (noun_help(help ? stdout : stderr, argv[0]) && (argc < 2 || help))
        return help ? 0 : ft_err_exit(FT_EINVAL);
    for (const ft_command *const *c = ft_commands; *c && n < WORDS_MAX; c++)
        if (!(*c)->hidden) names[n++] = (*c)->name;
    snprintf(text, sizeof text, "%s%s%s", argv[0], argc > 1 && argv[1][0] != '-' ? " " : "",
             argc > 1 && argv[1][0] != '-' ? argv[1] : "");
    const char *near = ft_str_nearest(ft_str_of(text), names, n);
    if (!near) near = ft_str_nearest(ft_str_of(argv[0]), names, n);
    fprintf(stderr, "fettle: no command '%s'%s%s%s; `fettle --help` lists them\n", text,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return ft_err_exit(FT_EINVAL);
}

/* ---- options: --name value, --name=value, --flag; everything after "--" is positional */

static const ft_param *options_merge(ft_arena *arena, const ft_param *own) {
    size_t n = 0, g = FT_COUNT(global_options);
    while (own && own[n].name) n++;
    ft_param *all;
    if (ft_arena_items(&all, arena, n + g) != FT_OK) return NULL;
    if (n) memcpy(all, own, n * sizeof *all);
    memcpy(all + n, global_options, g * sizeof *all);
    return all;
}

static ft_err options_read(ft_cli *cli, ft_params *set, const ft_param *table, int argc,
                           char **argv) {
    bool plain = false;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (plain || a[0] != '-' || a[1] == '\0' || (a[1] >= '0' && a[1] <= '9')) {
            if (cli->arg_count == FT_ARGS_MAX) return FT_FAIL(FT_EINVAL, "too many arguments");
            cli->args[cli->arg_count++] = ft_str_of(a);
            continue;
        }
        if (strcmp(a, "--") == 0) {
            plain = true;
            continue;
        }
        if (strcmp(a, "-h") == 0) a = "--help";
        if (a[1] != '-')
            return FT_FAIL(FT_EINVAL, "unknown option '%s'; options begin with '--'", a);
        ft_str rest = ft_str_of(a + 2), name = ft_str_cut(&rest, '=');
        const ft_param *o = ft_param_find(table, name);
        ft_str value = rest;
        if (o && o->type == FT_PARAM_FLAG && !rest.at)
            value = FT_STR("true");
        else if (o && !rest.at) {
            if (i + 1 >= argc) return FT_FAIL(FT_EINVAL, "option --%s needs a value", o->name);
            value = ft_str_of(argv[++i]);
        }
        ft_err err = ft_params_set(set, name, value);
        if (err != FT_OK) return ft_err_prefix(err, "option --%.*s", FT_STR_ARG(name));
    }
    return FT_OK;
}

static ft_err args_check(const ft_cli *cli) {
    const ft_command *c = cli->command;
    if (cli->arg_count < c->args_min)
        return FT_FAIL(FT_EINVAL, "usage: fettle %s %s", c->name, c->args ? c->args : "");
    if (cli->arg_count > c->args_max)
        return FT_FAIL(FT_EINVAL, "unexpected argument '%.*s'; usage: fettle %s %s",
                       FT_STR_ARG(cli->args[c->args_max]), c->name, c->args ? c->args : "");
    return FT_OK;
}

static void tell_failure(const ft_cli *cli, ft_err err) {
    if (cli->json) {
        ft_buf buf = { 0 };
        ft_json_out w;
        ft_json_out_init(&w, &buf, false);
        ft_json_out_object(&w);
        ft_json_out_name(&w, "error");
        ft_json_out_text(&w, ft_err_name(err));
        ft_json_out_name(&w, "message");
        ft_json_out_text(&w, ft_err_why());
        ft_json_out_close(&w);
        if (buf.err == FT_OK) fprintf(stderr, "%s\n", buf.at);
        ft_buf_fini(&buf);
    } else {
        fprintf(stderr, "fettle %s: %s\n", cli->command->name, ft_err_why());
    }
    const char *level = getenv("FETTLE_LOG");
    if (level && strcmp(level, "debug") == 0) fputs(ft_err_trail(), stderr);
}

/* ---- exported */

ft_err ft_cli_store(ft_store **out, ft_cli *cli) {
    if (!cli->store) FT_TRY(ft_store_open(&cli->store, cli->home));
    *out = cli->store;
    return FT_OK;
}

static int command_run(ft_cli *cli, int argc, char **argv) {
    const ft_param *table = options_merge(&cli->arena, cli->command->options);
    ft_params *set = NULL;
    ft_err err = table ? ft_params_new(&set, &cli->arena, table) : FT_ENOMEM;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0) cli->json = true; /* known before anything can fail */
    if (err == FT_OK) err = options_read(cli, set, table, argc, argv);
    if (err == FT_OK && ft_params_bool(set, "help")) {
        ft_cli_help(stdout, cli->command);
        return 0;
    }
    if (err == FT_OK) err = args_check(cli);
    if (err == FT_OK) err = ft_params_finish(set);
    if (err == FT_OK) {
        cli->options = set;
        ft_str home = ft_params_str(set, "home");
        if (home.at) cli->home = home.at;
        ft_voices_home(cli->home);
        err = cli->command->run(cli);
    }
    if (err != FT_OK) tell_failure(cli, err);
    if (fflush(stdout) != 0 && err == FT_OK) {
        fprintf(stderr, "fettle: standard output cannot be written\n");
        err = FT_EIO;
    }
    return ft_err_exit(err);
}

int ft_cli_main(int argc, char **argv) {
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help_all(argc < 2 ? stderr : stdout);
        return argc < 2 ? ft_err_exit(FT_EINVAL) : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("fettle %s\n", FETTLE_VERSION);
        return 0;
    }
    int used = 0;
    const ft_command *command = command_find(argc - 1, argv + 1, &used);
    if (!command) return command_unknown(argc - 1, argv + 1);
    ft_cli cli = { .command = command, .terminal = isatty(STDERR_FILENO) };
    int code = command_run(&cli, argc - 1 - used, argv + 1 + used);
    ft_store_close(cli.store);
    ft_arena_fini(&cli.arena);
    return code;
}
