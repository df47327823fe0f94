/* chores_test.c -- the server's chores go on while a receiver of alerts hangs. */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "serve/serve.h"
#include "serve/stand_in_test.h"
#include "watch/outbox.h"

static ft_arena arena;
static atomic_int chores;

static ft_err chore(ft_store *s) {
    (void)s;
    atomic_fetch_add(&chores, 1);
    return FT_OK;
}

/* Takes connections, and says nothing. */
static int silent_listener(int *port) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int64_t leased(ft_store *s) {
    int64_t until_us = 0;
    EXPECT_OK(ft_db_one(ft_store_db(s), NULL, "select max(lease_until_us) from delivery", "", "i",
                        &until_us));
    return until_us;
}

static void test_slow_receiver(void **state) {
    (void)state;
    const char *home;
    ft_store *s = stand_in_store(&home);
    ft_serve *serve;
    int port, fd = silent_listener(&port);
    ft_str target = { 0 };
    EXPECT_OK(ft_arena_printf(&target, &arena, "http://127.0.0.1:%d/", port));
    EXPECT_OK(ft_senders_add(s, FT_STR("webhook"), target));
    EXPECT_OK(ft_alert_raise(NULL, s, &arena,
                             &(ft_alert){ .subject = FT_STR("job/j"), .text = FT_STR("moved") }));
    EXPECT_OK(ft_serve_start(&serve, &(ft_serve_opts){ .home = home, .chore = chore }));
    int64_t end_us = ft_clock_monotonic_us() + 20 * FT_SECOND_US;
    while (!leased(s) && ft_clock_monotonic_us() < end_us) ft_clock_sleep_us(1000);
    EXPECT(leased(s) > 0);
    int before = atomic_load(&chores);
    while (leased(s) && atomic_load(&chores) < before + 3) ft_clock_sleep_us(1000);
    EXPECT(leased(s) > 0); /* still tried, and three more rounds are done */
    int taken = accept(fd, NULL, NULL);
    close(taken); /* which ends the try */
    close(fd);
    ft_serve_stop(serve);
    ft_store_close(s);
    ft_arena_fini(&arena);
}

TEST_MAIN(cmocka_unit_test(test_slow_receiver))
