/* sender_webhook.c -- an alert as an HTTP POST of its JSON. Any status 2xx is acceptance. */
#include "base/check.h"
#include "net/client.h"
#include "watch/outbox.h"

#define WEBHOOK_TIMEOUT_US   ((int64_t)5000000)
#define WEBHOOK_ANSWER_BYTES 4096 * 16

static ft_err check(ft_str target) {
    bool http =
        ft_str_starts(target, FT_STR("http://")) || ft_str_starts(target, FT_STR("https://"));
    for (size_t i = 0; http && i < target.len; i++)
        http = (unsigned char)target.at[i] > ' ' && target.at[i] != 0x7f;
    if (!http || target.len < 9 || target.len > 2048)
        return FT_FAIL(FT_EINVAL,
                       "webhook '%.*s': expected an address that begins with http:// or"
                       " https://, without blanks",
                       FT_STR_ARG(target));
    return FT_OK;
}

static ft_err send_alert(ft_store *s, ft_str target, const ft_alert *alert, ft_arena *arena) {
    FT_UNUSED(s);
    ft_str url, body, id, key;
    ft_fetched answer;
    FT_TRY(ft_arena_str(&url, arena, target));
    FT_TRY(ft_alert_json(&body, alert, arena));
    FT_TRY(ft_arena_printf(&id, arena, "X-Fettle-Alert-Id: %.*s", FT_STR_ARG(alert->uuid)));
    FT_TRY(ft_arena_printf(&key, arena, "Idempotency-Key: %.*s", FT_STR_ARG(alert->uuid)));
    const char *headers[] = { "Content-Type: application/json", id.at, key.at, NULL };
    FT_TRY(ft_http_fetch(&answer, arena,
                         &(ft_fetch){ .method = "POST",
                                      .url = url.at,
                                      .body = body,
                                      .headers = headers,
                                      .timeout_us = WEBHOOK_TIMEOUT_US,
                                      .limit_bytes = WEBHOOK_ANSWER_BYTES }));
    if (answer.status / 100 != 2)
        return FT_FAIL(FT_EPEER, "%s answered with status %d, expected 2xx", url.at, answer.status);
    return FT_OK;
}

const ft_sender ft_sender_webhook = { .name = "webhook",
                                      .named = true,
                                      .doc = "POST the alert as JSON; any status 2xx accepts it",
                                      .target = "an http or https address",
                                      .check = check,
                                      .send = send_alert };
