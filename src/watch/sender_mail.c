/* sender_mail.c -- an alert as a letter; the server and the sender's address are settings of the
 * home (store/settings.h). */
#include "net/mail.h"
#include "store/settings.h"
#include "watch/mail_in.h"
#include "watch/outbox.h"

ft_err ft_watch_mail(ft_store *s, ft_arena *arena, ft_mail *mail) {
    ft_str server;
    FT_TRY(ft_setting_get(&server, s, arena, FT_SETTING_MAIL));
    FT_TRY(ft_setting_get(&mail->from, s, arena, FT_SETTING_MAIL_FROM));
    if (!server.len || !mail->from.len)
        return FT_FAIL(FT_EUNSUPPORTED,
                       "mail has no way to leave: `fettle settings set mail smtp://HOST` and "
                       "`fettle settings set mail-from NAME@HOST`");
    return ft_mail_send(server, mail);
}

static ft_err send_alert(ft_store *s, ft_str target, const ft_alert *alert, ft_arena *arena) {
    ft_mail mail = { .to = target, .id = alert->uuid };
    FT_TRY(ft_arena_printf(&mail.subject, arena, "%.*s: %.*s", FT_STR_ARG(alert->rule),
                           FT_STR_ARG(alert->subject)));
    FT_TRY(ft_arena_printf(&mail.text, arena, "%.*s\n\nevidence: %.*s\nlineage: alert:%lld\n",
                           FT_STR_ARG(alert->text), FT_STR_ARG(alert->evidence_json),
                           (long long)alert->id));
    return ft_watch_mail(s, arena, &mail);
}

const ft_sender ft_sender_mail = { .name = "mail",
                                   .named = true,
                                   .doc = "send the alert as a letter",
                                   .target = "a mail address",
                                   .check = ft_mail_address_check,
                                   .send = send_alert };
