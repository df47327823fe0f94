/* cmd_settings.c -- `fettle settings ls|set|rm`: what a home was told once. The table says which
 * settings there are beside those of the streams; the rooms that use them read them from the store
 * (store/settings.h). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/files.h"
#include "cli/listing.h"
#include "net/mail.h"
#include "net/mqtt.h"
#include "store/settings.h"
#include "streams/keep.h"

#define VALUE_BYTES_MAX ((size_t)4096)

static ft_err file_check(ft_str path) {
    char text[1024];
    if (!path.len || path.at[0] != '/' || path.len >= sizeof text)
        return FT_FAIL(FT_EINVAL, "'%.*s': expected a full path", FT_STR_ARG(path));
    memcpy(text, path.at, path.len);
    text[path.len] = '\0';
    return access(text, R_OK) == 0 ? FT_OK : FT_FAIL(FT_ENOTFOUND, "%s cannot be read", text);
}

typedef struct setting {
    const char *name, *doc;
    bool secret; /* an address may hold a password */
    ft_err (*check)(ft_str value);
} setting;

static const setting settings[] = {
    { FT_SETTING_MQTT, "broker of IoT data: [mqtt://|mqtts://][user:password@]host[:port]", true,
      ft_mqtt_check },
    { FT_SETTING_MQTT_CA, "PEM file that an mqtts broker's certificate is checked with", false,
      file_check },
    { FT_SETTING_MAIL,
      "how mail leaves: smtp://[user:password@]host[:port], smtps://… or a program", true,
      ft_mail_server_check },
    { FT_SETTING_MAIL_FROM, "the sender's address of mail", false, ft_mail_address_check },
};

/* The n-th: of the table, then how long each kind of stream that has a time is kept. FT_ENOTFOUND
 * without a trail after the last. */
static ft_err nth(setting *out, ft_arena *arena, size_t n) {
    ft_str name, doc;
    if (n < FT_COUNT(settings)) {
        *out = settings[n];
        return FT_OK;
    }
    n -= FT_COUNT(settings);
    for (const ft_stream_kind *const *kind = ft_stream_kinds(); *kind; kind++) {
        if (ft_stream_order(*kind) != FT_ORDER_TIME || n--) continue;
        FT_TRY(ft_arena_printf(&name, arena, FT_SETTING_KEEP "%s", (*kind)->name));
        FT_TRY(ft_arena_printf(&doc, arena,
                               "how long the stream %s is kept (30d, 12h); for ever unless set",
                               (*kind)->name));
        *out = (setting){ name.at, doc.at, false, ft_stream_keep_check };
        return FT_OK;
    }
    return FT_ENOTFOUND;
}

static ft_err find(setting *out, ft_arena *arena, ft_str name) {
    ft_err err;
    for (size_t n = 0; (err = nth(out, arena, n)) == FT_OK; n++)
        if (ft_str_is(name, out->name)) return FT_OK;
    if (err != FT_ENOTFOUND) return err;
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
    setting row;
    ft_err err;
    for (size_t n = 0; (err = nth(&row, &cli->arena, n)) == FT_OK; n++) {
        ft_str value;
        FT_TRY(ft_setting_get(&value, s, &cli->arena, row.name));
        if (row.secret) FT_TRY(shown(&value, &cli->arena, value));
        ft_listing_text(&l, ft_str_of(row.name));
        ft_listing_text(&l, value);
        ft_listing_text(&l, ft_str_of(row.doc));
    }
    if (err != FT_ENOTFOUND) return err;
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
    setting row;
    FT_TRY(find(&row, &cli->arena, cli->args[0]));
    FT_TRY(value_read(&value, cli));
    FT_TRY(row.check(value));
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_setting_put(s, row.name, value));
    return ft_cli_done(cli, "%s is set", row.name);
}

static ft_err run_rm(ft_cli *cli) {
    ft_store *s;
    setting row;
    FT_TRY(find(&row, &cli->arena, cli->args[0]));
    FT_TRY(ft_cli_store(&s, cli));
    FT_TRY(ft_setting_remove(s, row.name));
    return ft_cli_done(cli, "%s is not set", row.name);
}

const ft_command ft_command_settings_ls = {
    .name = "settings ls",
    .doc = "settings of this home: MQTT broker, mail, how long records are kept",
    .run = run_ls
};
const ft_command ft_command_settings_set = {
    .name = "settings set",
    .args = "NAME VALUE",
    .args_min = 2,
    .args_max = 2,
    .doc = "set one; a running server follows at once",
    .more = "VALUE - is read from standard input, for what holds a password.\n\n"
            "  fettle settings set mqtt mqtts://broker.local\n"
            "  fettle settings set mail /usr/sbin/sendmail\n"
            "  fettle settings set mail-from fettle@example.org\n"
            "  fettle settings set keep-capture 30d",
    .run = run_set
};
const ft_command ft_command_settings_rm = { .name = "settings rm",
                                            .args = "NAME",
                                            .args_min = 1,
                                            .args_max = 1,
                                            .doc = "forget one",
                                            .run = run_rm };
