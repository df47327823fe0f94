#include "watch/outbox.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/random.h"
#include "store/lineage.h"
#include "tests/test.h"

/* ---- time that tests move */

static int64_t clock_us = 1700000000 * FT_SECOND_US;
static int64_t clock_now(void) { return clock_us; }
static void clock_sleep(int64_t us) { clock_us += us; }
static const ft_clock_ops test_clock = { clock_now, clock_now, clock_sleep };

static const char *home_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", test_dir(), name);
    return path;
}

static ft_str target_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s.jsonl", test_dir(), name);
    return ft_str_of(path);
}

static size_t lines_of(ft_str path, ft_arena *arena, ft_str *text) {
    size_t lines = 0;
    if (!ft_file_exists(path.at)) return 0;
    EXPECT_OK(ft_file_read(text, arena, path.at, 1 << 20));
    for (size_t i = 0; i < text->len; i++) lines += text->at[i] == '\n';
    return lines;
}

static ft_alert sample(int64_t verdict) {
    return (ft_alert){ .subject = FT_STR("job/mnist-1"),
                       .rule = FT_STR("LossNotDecreasing"),
                       .text = FT_STR("train-merror fell by 0 %, \"expected\" 0.1 %"),
                       .evidence_json = FT_STR("{\"step\":10,\"loss\":0.5}"),
                       .verdict_id = verdict };
}

/* ---- alerts */

static void test_raise_once_for_a_verdict(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_alert a, b, given = sample(7), *list;
    size_t count;
    EXPECT_OK(ft_store_open(&s, home_of("raise")));
    EXPECT_OK(ft_alert_raise(&a, s, &arena, &given));
    EXPECT_OK(ft_alert_raise(&b, s, &arena, &given));
    EXPECT(a.id == b.id && ft_str_eq(a.uuid, b.uuid));
    EXPECT(a.uuid.len == 36 && a.verdict_id == 7 && a.deliveries == 0);
    given.verdict_id = 0; /* of no verdict: each is its own */
    EXPECT_OK(ft_alert_raise(&a, s, &arena, &given));
    EXPECT_OK(ft_alert_raise(&b, s, &arena, &given));
    EXPECT(a.id != b.id && a.verdict_id == 0);
    EXPECT_OK(ft_alert_raise(NULL, s, &arena, &given));
    EXPECT_OK(ft_alert_list(&list, &count, s, &arena, 100));
    EXPECT(count == 4 && list[0].id > list[3].id);
    EXPECT_STR("job/mnist-1", list[3].subject);
    EXPECT_OK(ft_alert_list(&list, &count, s, &arena, 2));
    EXPECT(count == 2);
    ft_lineage_step *steps;
    EXPECT_OK(ft_lineage_walk(&steps, &count, s, &arena, FT_STR("alert:1")));
    EXPECT(count >= 2);
    EXPECT_STR("verdict:7", steps[1].id);
    ft_arena_fini(&arena);
    ft_store_close(s);
}

static void test_json(void **state) {
    (void)state;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_alert a = sample(7);
    ft_str json, raw;
    a.id = 3;
    a.uuid = FT_STR("d9428888-122b-41e1-b85c-61deed3ae2b1");
    a.raised_us = 1644859549123456;
    EXPECT_OK(ft_alert_json(&json, &a, &arena));
    EXPECT_STR(
        "{\"id\":\"d9428888-122b-41e1-b85c-61deed3ae2b1\",\"subject\":\"job/mnist-1\","
        "\"rule\":\"LossNotDecreasing\","
        "\"reason\":\"train-merror fell by 0 %, \\\"expected\\\" 0.1 %\","
        "\"evidence\":{\"step\":10,\"loss\":0.5},\"raised_at\":\"2022-02-14T17:25:49.123456Z\","
        "\"verdict\":7,\"lineage\":\"alert:3\"}",
        json);
    EXPECT_OK(ft_json_find(&raw, json, "evidence.loss"));
    EXPECT_STR("0.5", raw);
    ft_arena_fini(&arena);
}

static void test_receivers(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_receiver *list;
    size_t count;
    EXPECT_OK(ft_store_open(&s, home_of("receivers")));
    EXPECT_ERR(FT_ENOTFOUND, ft_senders_add(s, FT_STR("pigeon"), FT_STR("x")));
    EXPECT_WHY("there are webhook, file, mail");
    /* A topic's subscribers get messages that only the topic makes. */
    EXPECT_ERR(FT_ENOTFOUND, ft_senders_add(s, FT_STR("sns"), FT_STR("http://127.0.0.1:1/")));
    EXPECT_ERR(FT_EINVAL, ft_senders_add(s, FT_STR("file"), FT_STR("relative/path")));
    EXPECT_ERR(FT_EINVAL, ft_senders_add(s, FT_STR("webhook"), FT_STR("ftp://x/y")));
    EXPECT_ERR(FT_EINVAL, ft_senders_add(s, FT_STR("webhook"), FT_STR("http://x/a b")));
    EXPECT_ERR(FT_EINVAL, ft_senders_add(s, FT_STR("webhook"), FT_STR("http://x/\r\nEvil: 1")));
    EXPECT_OK(ft_senders_add(s, FT_STR("webhook"), FT_STR("http://127.0.0.1:1/hook")));
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), target_of("receivers")));
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), target_of("receivers")));
    EXPECT_OK(ft_senders_list(&list, &count, s, &arena));
    EXPECT(count == 2);
    EXPECT_STR("file", list[0].sender);
    ft_alert given = sample(1), a;
    EXPECT_OK(ft_alert_raise(&a, s, &arena, &given));
    EXPECT(a.deliveries == 2 && a.delivered == 0);
    EXPECT_OK(ft_senders_remove(s, FT_STR("webhook"), FT_STR("http://127.0.0.1:1/hook")));
    EXPECT_ERR(FT_ENOTFOUND, ft_senders_remove(s, FT_STR("webhook"), FT_STR("http://x")));
    int sent, left;
    EXPECT_OK(ft_outbox_run(s, &sent, &left)); /* the webhook's delivery went with it */
    EXPECT(sent == 1 && left == 0);
    ft_arena_fini(&arena);
    ft_store_close(s);
}

/* ---- deliveries */

static void test_backoff(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_alert given = sample(1), *list;
    size_t count;
    int sent, left;
    char folder[300];
    ft_clock_use(&test_clock);
    EXPECT_OK(ft_store_open(&s, home_of("backoff")));
    snprintf(folder, sizeof folder, "%s/later", test_dir());
    char file[320];
    snprintf(file, sizeof file, "%s/alerts.jsonl", folder);
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), ft_str_of(file))); /* its folder is not there yet */
    EXPECT_OK(ft_alert_raise(NULL, s, &arena, &given));
    int64_t wait = FT_SECOND_US;
    for (int i = 0; i < 14; i++) {
        EXPECT_OK(ft_outbox_run(s, &sent, &left));
        EXPECT(sent == 0 && left == 1);
        clock_us += wait - 1; /* not due yet: the attempt is not counted */
        EXPECT_OK(ft_outbox_run(s, &sent, &left));
        clock_us += 1;
        wait = wait * 2 > 600 * FT_SECOND_US ? 600 * FT_SECOND_US : wait * 2;
    }
    EXPECT(wait == 600 * FT_SECOND_US);
    EXPECT_OK(ft_alert_list(&list, &count, s, &arena, 1));
    EXPECT(list[0].deliveries == 1 && list[0].delivered == 0);
    EXPECT(strstr(list[0].failure.at, "later/alerts.jsonl"));
    EXPECT_OK(ft_dir_make(folder));
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 1 && left == 0);
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 0 && left == 0);
    ft_str text;
    EXPECT(lines_of(ft_str_of(file), &arena, &text) == 1);
    ft_clock_use(NULL);
    ft_arena_fini(&arena);
    ft_store_close(s);
}

/* Another process holds the lease: nobody else sends, until it or its time is gone. */
static void test_lease(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_alert given = sample(1);
    int sent, left;
    uint64_t started;
    ft_clock_use(&test_clock);
    EXPECT_OK(ft_store_open(&s, home_of("lease")));
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), target_of("lease")));
    EXPECT_OK(ft_alert_raise(NULL, s, &arena, &given));
    pid_t other = fork();
    if (other == 0) {
        for (;;) pause();
    }
    EXPECT_OK(ft_pid_started(&started, other));
    EXPECT_OK(ft_db_run(ft_store_db(s),
                        "update delivery set lease_until_us = ?, lease_pid = ?, lease_started = ?",
                        "iii", clock_us + 60 * FT_SECOND_US, (int64_t)other, (int64_t)started));
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 0 && left == 1);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 1 && left == 0);
    /* A lease of a living process that takes too long. */
    given.verdict_id = 2;
    EXPECT_OK(ft_alert_raise(NULL, s, &arena, &given));
    EXPECT_OK(ft_pid_started(&started, getpid()));
    EXPECT_OK(ft_db_run(ft_store_db(s),
                        "update delivery set lease_until_us = ?, lease_pid = ?, lease_started = ?"
                        " where delivered_us is null",
                        "iii", clock_us + 60 * FT_SECOND_US, (int64_t)getpid(), (int64_t)started));
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 0 && left == 1);
    clock_us += 60 * FT_SECOND_US;
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 1 && left == 0);
    ft_clock_use(NULL);
    ft_arena_fini(&arena);
    ft_store_close(s);
}

/* ---- webhook: a receiver on a socket */

typedef struct receiver {
    int fd, port;
    pthread_t thread;
    _Atomic int requests;
    _Atomic int status; /* to answer with */
    char last[8192];
    pthread_mutex_t lock;
} receiver;

static bool request_read(int fd, char *at, size_t size) {
    size_t have = 0;
    for (;;) {
        ssize_t n = recv(fd, at + have, size - 1 - have, 0);
        if (n <= 0) return false;
        have += (size_t)n;
        at[have] = '\0';
        const char *body = strstr(at, "\r\n\r\n"), *length = strcasestr(at, "content-length:");
        if (body && length && have >= (size_t)(body + 4 - at) + strtoul(length + 15, NULL, 10))
            return true;
    }
}

static void *receiver_run(void *self) {
    receiver *r = self;
    for (;;) {
        char text[8192], answer[128];
        int fd = accept(r->fd, NULL, NULL);
        if (fd < 0) return NULL;
        if (request_read(fd, text, sizeof text)) {
            pthread_mutex_lock(&r->lock);
            memcpy(r->last, text, sizeof text);
            pthread_mutex_unlock(&r->lock);
            atomic_fetch_add(&r->requests, 1);
            int n = snprintf(answer, sizeof answer,
                             "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                             atomic_load(&r->status));
            if (send(fd, answer, (size_t)n, MSG_NOSIGNAL) < 0) close(fd);
        }
        close(fd);
    }
}

static void receiver_start(receiver *r) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    pthread_mutex_init(&r->lock, NULL);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(r->fd >= 0 && bind(r->fd, (struct sockaddr *)&at, len) == 0 && listen(r->fd, 16) == 0);
    EXPECT(getsockname(r->fd, (struct sockaddr *)&at, &len) == 0);
    r->port = ntohs(at.sin_port);
    EXPECT(pthread_create(&r->thread, NULL, receiver_run, r) == 0);
}

static void receiver_stop(receiver *r) {
    shutdown(r->fd, SHUT_RDWR);
    pthread_join(r->thread, NULL);
    close(r->fd);
}

/* Ten alerts for a receiver that does not answer: it is asked once a run. */
static void test_receiver_down(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_alert *list;
    size_t count, tried = 0;
    int sent, left;
    char file[320];
    EXPECT_OK(ft_store_open(&s, home_of("down")));
    snprintf(file, sizeof file, "%s/nowhere/alerts.jsonl", test_dir());
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), ft_str_of(file)));
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), target_of("down")));
    for (int i = 1; i <= 10; i++) {
        ft_alert given = sample(i);
        EXPECT_OK(ft_alert_raise(NULL, s, &arena, &given));
    }
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 10 && left == 10);
    EXPECT_OK(ft_alert_list(&list, &count, s, &arena, 100));
    for (size_t i = 0; i < count; i++) {
        EXPECT(list[i].deliveries == 2 && list[i].delivered == 1);
        tried += list[i].failure.len > 0;
    }
    EXPECT(tried == 1);
    ft_arena_fini(&arena);
    ft_store_close(s);
}

static void test_webhook(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    receiver r = { .status = 503 };
    ft_alert given = sample(1), a, *list;
    size_t count;
    int sent, left;
    char url[64], id[80], key[80];
    receiver_start(&r);
    ft_clock_use(&test_clock);
    EXPECT_OK(ft_store_open(&s, home_of("webhook")));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", r.port);
    EXPECT_OK(ft_senders_add(s, FT_STR("webhook"), ft_str_of(url)));
    EXPECT_OK(ft_alert_raise(&a, s, &arena, &given));
    ft_err err = ft_outbox_run(s, &sent, &left);
    EXPECT_OK(err);
    EXPECT(sent == 0 && left == 1);
    EXPECT_OK(ft_alert_list(&list, &count, s, &arena, 1));
    if (strstr(list[0].failure.at, "libcurl")) { /* not installed here */
        receiver_stop(&r);
        skip();
    }
    EXPECT(atomic_load(&r.requests) == 1 && strstr(list[0].failure.at, "status 503"));
    atomic_store(&r.status, 202);
    clock_us += FT_SECOND_US;
    EXPECT_OK(ft_outbox_run(s, &sent, &left));
    EXPECT(sent == 1 && left == 0 && atomic_load(&r.requests) == 2);
    snprintf(id, sizeof id, "X-Fettle-Alert-Id: %.*s\r\n", FT_STR_ARG(a.uuid));
    snprintf(key, sizeof key, "Idempotency-Key: %.*s\r\n", FT_STR_ARG(a.uuid));
    EXPECT(strstr(r.last, id) && strstr(r.last, key));
    EXPECT(strncmp(r.last, "POST /hook HTTP/1.1\r\n", 21) == 0);
    EXPECT(strstr(r.last, "Content-Type: application/json"));
    ft_str body = ft_str_of(strstr(r.last, "\r\n\r\n") + 4), raw;
    EXPECT_OK(ft_json_find(&raw, body, "rule"));
    EXPECT_STR("\"LossNotDecreasing\"", raw);
    receiver_stop(&r);
    ft_clock_use(NULL);
    ft_arena_fini(&arena);
    ft_store_close(s);
}

/* ---- failures and sudden death */

static void test_faults(void **state) {
    (void)state;
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_str text;
    int64_t verdict = 100;
    EXPECT_OK(ft_store_open(&s, home_of("faults")));
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), target_of("faults")));
    EACH_FAULT {
        ft_alert given = sample(++verdict), a = { 0 }, again;
        ft_err err = ft_alert_raise(&a, s, &arena, &given);
        ft_fault_off();
        EXPECT_OK(ft_alert_raise(&again, s, &arena, &given)); /* stored whole or not at all */
        EXPECT(again.deliveries == 1);
        if (err == FT_OK) EXPECT(a.id == again.id);
    }
    int sent, left = 1, total = 0;
    EACH_FAULT {
        if (ft_outbox_run(s, &sent, &left) == FT_OK) total += sent;
    }
    clock_us = ft_clock_now_us();
    ft_clock_use(&test_clock);
    for (int i = 0; i < 50 && left; i++) {
        clock_us += 600 * FT_SECOND_US;
        EXPECT_OK(ft_outbox_run(s, &sent, &left));
    }
    ft_clock_use(NULL);
    EXPECT(left == 0);
    EXPECT(lines_of(target_of("faults"), &arena, &text) >= (size_t)(verdict - 100));
    ft_arena_fini(&arena);
    ft_store_close(s);
}

/* A process that delivers until it is killed, at a moment drawn from the seed; then another goes
 * on. Every alert arrives, with its own id, and what was not cut short arrives once. */
static int deliver_main(const char *home) {
    ft_store *s;
    int sent, left = 1;
    if (ft_store_open(&s, home) != FT_OK) return 2;
    while (left)
        if (ft_outbox_run(s, &sent, &left) != FT_OK) return 3;
    ft_store_close(s);
    return 0;
}

static void deliver_and_kill(const char *home, int64_t after_us) {
    char self[1024];
    EXPECT_OK(ft_self_path(self, sizeof self));
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, "deliver", home, (char *)NULL);
        _exit(9);
    }
    int64_t until = ft_clock_monotonic_us() + after_us;
    while (ft_clock_monotonic_us() < until && waitpid(pid, NULL, WNOHANG) == 0)
        ft_clock_sleep_us(100);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_kill(void **state) {
    (void)state;
    enum { ALERTS = 40, KILLS = 10 };
    ft_store *s;
    ft_arena arena = FT_ARENA_INIT(0);
    ft_random random;
    uint64_t seed = 20220214;
    int sent, left;
    char home[300];
    if (getenv("SEED")) seed = strtoull(getenv("SEED"), NULL, 10);
    snprintf(home, sizeof home, "%s", home_of("kill"));
    EXPECT_OK(ft_store_open(&s, home));
    EXPECT_OK(ft_senders_add(s, FT_STR("file"), target_of("kill")));
    for (int i = 1; i <= ALERTS; i++) {
        ft_alert given = sample(i);
        EXPECT_OK(ft_alert_raise(NULL, s, &arena, &given));
    }
    ft_random_seed(&random, seed);
    for (int i = 0; i < KILLS; i++) deliver_and_kill(home, (int64_t)ft_random_below(&random, 8000));
    EXPECT_OK(ft_outbox_run(s, &sent, &left)); /* leases of the dead are void at once */
    EXPECT(left == 0);
    ft_alert *list;
    size_t count;
    ft_str text;
    EXPECT_OK(ft_alert_list(&list, &count, s, &arena, 1000));
    EXPECT(count == ALERTS);
    size_t lines = lines_of(target_of("kill"), &arena, &text);
    if (lines < ALERTS || lines > ALERTS + KILLS)
        print_error("seed %llu: %zu lines\n", (unsigned long long)seed, lines);
    EXPECT(lines >= ALERTS && lines <= ALERTS + KILLS);
    for (size_t i = 0; i < count; i++) {
        EXPECT(list[i].delivered == 1);
        EXPECT(memmem(text.at, text.len, list[i].uuid.at, list[i].uuid.len) != NULL);
    }
    ft_arena_fini(&arena);
    ft_store_close(s);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "deliver") == 0) return deliver_main(argv[2]);
    const struct CMUnitTest list[] = {
        cmocka_unit_test(test_raise_once_for_a_verdict),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_receivers),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_receiver_down),
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_kill),
    };
    return test_end(cmocka_run_group_tests(list, NULL, NULL));
}
