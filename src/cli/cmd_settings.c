/* cmd_settings.c -- `fettle settings ls|set|rm`: what a home was told once. The table says which
 * settings there are; the rooms that use them read them from the store (store/settings.h). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "cli/listing.h"
#include "net/mail.h"
#include "net/mqtt.h"
#include "store/settings.h"

#define VALUE_BYTES_MAX ((size_t)4096)

static ft_err file_check(ft_str path) {
    char text[1024];
    if (!path.len || path.at[0] != '/' || path.len >= sizeof text)
        return FT_FAIL(FT_EINVAL, "'%.*s': expected a full path", FT_STR_ARG(path));
    memcpy(text, path.at, path.len);
    text[path.len] = '\0';
    return access(text, R_OK) == 0 ? FT_OK : FT_FAIL(FT_ENOTFOUND, "%s cannot be read", text);
}

static const struct {
    const char *name, *doc;
    bool secret; /* an address may hold a password */
    ft_err (*check)(ft_str value);
} settings[] = {
    { FT_SETTING_MQTT, "broker of IoT data: [mqtt://|mqtts://][user:password@]host[:port]", true,
      ft_mqtt_check },
    { FT_SETTING_MQTT_CA, "PEM file that an mqtts broker's certificate is checked with", false,
      file_check },
    { FT_SETTING_MAIL,
      "how mail leaves: smtp://[user:password@]host[:port], smtps://… or a program", true,
      ft_mail_server_check },
    { FT_SETTING_MAIL_FROM, "the sender's address of mail", false, ft_mail_address_check },
};

static ft_err find(size_t *out, ft_str name) {
    for (*out = 0; *out < FT_COUNT(settings); (*out)++)
        if (ft_str_is(name, settings[*out].name)) return FT_OK;
    return FT_FAIL(FT_ENOTFOUND, "no setting '%.*s'; `fettle settings ls` lists them",
                   FT_STR_ARG(name));
}

/* A user and password before the @ are not shown. */
static ft_err shown(ft_str *out, ft_arena *arena, ft_str value) {
    size_t at = value.len, slash = ft_str_find(value, '/');
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] == '@') at = i; /* the last: a password may hold one */
    *out = value;
    if (at == value.len) return FT_OK;
    ft_str head = slash < at ? ft_str_slice(value, 0, slash + 2) : FT_STR("");
    return ft_arena_printf(out, arena, "%.*s...%.*s", FT_STR_ARG(head),
                           FT_STR_ARG(ft_str_from(value, at)));
}

static ft_err run_ls(ft_cli *cli) {
    static const char *const columns[] = { "setting", "value", "what" };
    ft_store *s;
    ft_listing l;
    FT_TRY(ft_cli_store(&s, cli));
    ft_listing_init(&l, cli, columns, FT_COUNT(columns));
    for (size_t i = 0; i < FT_COUNT(settings); i++) {
        ft_str value;
        FT_TRY(ft_setting_get(&value, s, &cli->arena, settings[i].name));
        if (settings[i].secret) FT_TRY(shown(&value, &cli->arena, value));
        ft_listing_text(&l, ft_str_of(settings[i].name));
        ft_listing_text(&l, value);
        ft_listing_text(&l, ft_str_of(settings[i].doc));
    }
    return ft_listing_print(&l, "no settings");
}

/* "-": the first line of standard input, so that a password stands in no list of processes. */
static ft_err value_read(ft_str *out, ft_cli *cli) {
    char line[VALUE_BYTES_MAX];
    *out = cli->args[1];
    if (!ft_str_is(*out, "-")) return FT_OK;
    if (!fgets(line, sizeof line, stdin)) return FT_FAIL(FT_EINVAL, "no value on standard input");
    return ft_arena_str(out, &cli->arena, ft_str_trim(ft_str_of(line)));
}

static ft_err run_set(ft_cli *cli) {
    ft_store *s;
    ft_str value;
    size_t i;
    FT_TRY(find(&i, cli->args[0]));
    FT_TRY(value_read(&value, cli));
    FT_TRY(settings[i].check(value));
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_setting_put(s, settings[i].name, value));
    return ft_cli_done(cli, "%s is set", settings[i].name);
}

static ft_err run_rm(ft_cli *cli) {
    ft_store *s;
    size_t i;
    FT_TRY(find(&i, cli->args[0]));
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_setting_remove(s, settings[i].name));
    return ft_cli_done(cli, "%s is not set", settings[i].name);
}

const ft_command ft_command_settings_ls = { .name = "settings ls",
                                            .doc = "settings of this home: MQTT broker, mail",
                                            .run = run_ls };
const ft_command ft_command_settings_set = {
    .name = "settings set",
    .args = "NAME VALUE",
    .args_min = 2,
    .args_max = 2,
    .doc = "set one; a running server follows at once",
    .more = "VALUE - is read from standard input, for what holds a password.\n\n"
            "  fettle settings set mqtt mqtts://broker.local\n"
            "  fettle settings set mail /usr/sbin/sendmail\n"
            "  fettle settings set mail-from fettle@example.org",
    .run = run_set
};
const ft_command ft_command_settings_rm = { .name = "settings rm",
                                            .args = "NAME",
                                            .args_min = 1,
                                            .args_max = 1,
                                            .doc = "forget one",
                                            .run = run_rm };
