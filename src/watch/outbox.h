/* outbox.h -- alerts leave the house at least once, with a stable id: stored before sent, retried
 * until accepted, across restarts. */
#ifndef FT_OUTBOX_H
#define FT_OUTBOX_H

#include "base/arena.h"
#include "store/store.h"

typedef struct ft_alert {
    int64_t id;
    ft_str uuid; /* the stable id: also the Idempotency-Key header */
    ft_str subject, rule, text, evidence_json;
    int64_t verdict_id, raised_us;
    int deliveries, delivered;
} ft_alert;

/* Store an alert and one delivery for every sender that is configured; one for a verdict (again:
 * the same id). Lineage edges included. */
ft_err ft_alert_raise(ft_alert *out, ft_store *s, ft_arena *arena, const ft_alert *alert);
ft_err ft_alert_list(ft_alert **out, size_t *count, ft_store *s, ft_arena *arena, size_t limit);

/* Where alerts go: "webhook" with a URL … One row a sender kind. */
typedef struct ft_sender {
    const char *name; /* "webhook" */
    const char *doc;
    ft_err (*send)(ft_store *s, ft_str target, const ft_alert *alert, ft_arena *arena);
} ft_sender;
extern const ft_sender ft_sender_webhook, ft_sender_file;
ft_err ft_senders_add(ft_store *s, ft_str sender,
                      ft_str target); /* configured receivers are rows */
ft_err ft_senders_remove(ft_store *s, ft_str sender, ft_str target);
/* Try what is due (back-off 1 s doubling to 10 min); `*left` = still undelivered. Safe from several
 * processes: a delivery is leased. */
ft_err ft_outbox_run(ft_store *s, int *sent, int *left);

#endif
