/* outbox.h -- alerts leave the house at least once, with a stable id: stored before sent, retried
 * until accepted, across restarts.
 *
 * An alert has one delivery for every receiver that was configured when it was raised. A delivery
 * is leased by the process that tries it; the lease ends with its time or with its process. What
 * is accepted just before a kill is sent again with the same id: receivers tell by it. */
#ifndef FT_OUTBOX_H
#define FT_OUTBOX_H

#include <stdatomic.h>

#include "base/arena.h"
#include "store/store.h"

typedef struct ft_alert {
    int64_t id;
    ft_str uuid; /* the stable id: also the Idempotency-Key header */
    ft_str subject, rule, text, evidence_json;
    int64_t verdict_id; /* 0: of no verdict */
    int64_t verdict_at; /* read: the step or the window's end that it is about; 0: of no verdict */
    int64_t raised_us;  /* 0 in ft_alert_raise: now */
    int deliveries, delivered;
    ft_str failure; /* of the newest attempt that failed, while something is undelivered */
} ft_alert;

/* Store an alert and one delivery for every receiver; one for a verdict (again: the same id, and
 * FT_OK). Lineage alert -> verdict included. A `uuid` that is not empty is the alert's: FT_EEXIST
 * when there is one with it. `out` may be NULL. */
ft_err ft_alert_raise(ft_alert *out, ft_store *s, ft_arena *arena, const ft_alert *alert);
/* FT_ENOTFOUND. */
ft_err ft_alert_get(ft_alert *out, ft_store *s, ft_arena *arena, int64_t id);
/* Newest first. */
ft_err ft_alert_list(ft_alert **out, size_t *count, ft_store *s, ft_arena *arena, size_t limit);
/* {"id":"<uuid>","subject":…,"rule":…,"reason":…,"evidence":{…},"raised_at":"<ISO 8601>",
 * "verdict":7,"lineage":"alert:1"} in the arena: what every sender sends. */
ft_err ft_alert_json(ft_str *out, const ft_alert *alert, ft_arena *arena);

/* Ways for alerts to leave: one file, one row each. */
typedef struct ft_sender {
    const char *name; /* "webhook" */
    bool named;       /* people may have every alert sent there; else its own room only */
    const char *doc;
    const char *target; /* what a target is, for help: "an http or https address" */
    /* Is it a target that could work? FT_EINVAL in words. */
    ft_err (*check)(ft_str target);
    /* Hand one alert over; FT_OK means accepted. Called from any process, maybe again. */
    ft_err (*send)(ft_store *s, ft_str target, const ft_alert *alert, ft_arena *arena);
} ft_sender;
extern const ft_sender ft_sender_webhook, ft_sender_file, ft_sender_mail, ft_sender_sns;
extern const ft_sender *const ft_senders[]; /* ends with NULL; in outbox.c */

/* The senders that people may name: "webhook, file, mail". */
#define FT_SENDERS_WORDS 100
const char *ft_senders_words(char out[FT_SENDERS_WORDS]);

/* Configured receivers are rows. Adding one twice is fine. FT_ENOTFOUND for a sender that is none
 * of those. */
ft_err ft_senders_add(ft_store *s, ft_str sender, ft_str target);
/* Its undelivered alerts are dropped. FT_ENOTFOUND. */
ft_err ft_senders_remove(ft_store *s, ft_str sender, ft_str target);
typedef struct ft_receiver {
    ft_str sender, target;
} ft_receiver;
ft_err ft_senders_list(ft_receiver **out, size_t *count, ft_store *s, ft_arena *arena);

/* Store an alert for these receivers only, whatever is configured. A `uuid` that is not empty is
 * the alert's. `out` may be NULL. */
ft_err ft_alert_send(ft_alert *out, ft_store *s, ft_arena *arena, const ft_alert *alert,
                     const ft_receiver *to, size_t count);

/* Try what is due (back-off 1 s doubling to 10 min); `*left` = still undelivered, due or not. Safe
 * from several processes at once. */
ft_err ft_outbox_run(ft_store *s, int *sent, int *left);
/* The same; begins no delivery once `*given_up`, which another thread may set. */
ft_err ft_outbox_run_until(ft_store *s, int *sent, int *left, atomic_bool *given_up);

#endif
