/* wire_test.h -- raw sockets for the tests of server and client. */
#ifndef FT_WIRE_TEST_H
#define FT_WIRE_TEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/test.h"

static inline int wire_connect(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = 20 }; /* a lost answer fails the test, not the suite */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* How much of it was taken before the other side closed. */
static inline size_t wire_send(int fd, const void *at, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = send(fd, (const char *)at + done, len - done, MSG_NOSIGNAL);
        if (n <= 0) break;
        done += (size_t)n;
    }
    return done;
}

static inline size_t wire_text(int fd, const char *text) {
    return wire_send(fd, text, strlen(text));
}

/* All that comes until the other side closes. */
static inline void wire_rest(ft_buf *out, int fd) {
    char bytes[65536];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) ft_buf_add_n(out, bytes, (size_t)n);
    if (n < 0 && errno != ECONNRESET) ft_buf_add(out, FT_STR("<no end>"));
}

/* One answer with a Content-Length; its status, 0 when the connection ended before. */
static inline int wire_answer(ft_buf *out, int fd) {
    char byte[4096];
    size_t need = 0;
    ft_buf_reset(out);
    for (;;) {
        const char *end = out->at ? strstr(out->at, "\r\n\r\n") : NULL;
        if (end && !need) {
            const char *length = strcasestr(out->at, "\r\nContent-Length:");
            need = (size_t)(end - out->at) + 4 +
                   (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
        }
        if (need && out->len >= need) return atoi(out->at + 9);
        /* The head byte by byte, so that the next answer stays in the socket. */
        size_t want = need ? need - out->len : 1;
        ssize_t n = recv(fd, byte, want < sizeof byte ? want : sizeof byte, 0);
        if (n <= 0) return 0;
        ft_buf_add_n(out, byte, (size_t)n);
    }
}

static inline ft_str wire_body(const ft_buf *answer) {
    const char *end = answer->at ? strstr(answer->at, "\r\n\r\n") : NULL;
    return end ? ft_str_from(ft_buf_str(answer), (size_t)(end - answer->at) + 4) : FT_STR("");
}

#endif
