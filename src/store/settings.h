/* settings.h -- what a home was told once: the broker for device messages, how mail leaves. Rows of
 * name and value; which names there are, and what their values may be, the commands know
 * (cli/cmd_settings.c).
 *
 * Threads: as the store. Memory: values in the arena that was given. */
#ifndef FT_SETTINGS_H
#define FT_SETTINGS_H

#include "base/arena.h"
#include "store/store.h"

#define FT_SETTING_MQTT      "mqtt"    /* [mqtt://|mqtts://][user:password@]host[:port] */
#define FT_SETTING_MQTT_CA   "mqtt-ca" /* PEM file that a broker's certificate is checked with */
#define FT_SETTING_MAIL      "mail"    /* smtp://…, smtps://… or a program as sendmail is one */
#define FT_SETTING_MAIL_FROM "mail-from" /* the sender's address */

/* Empty when it was never set. */
ft_err ft_setting_get(ft_str *out, ft_store *s, ft_arena *arena, const char *name);
ft_err ft_setting_put(ft_store *s, const char *name, ft_str value);
ft_err ft_setting_remove(ft_store *s, const char *name); /* fine when it was not set */

#endif
