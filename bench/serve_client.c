/* serve_client.c -- a load generator for one address: N keep-alive connections, one request in
 * flight on each, for a time; every answer is checked. One thread, epoll; with several connections
 * it never sleeps, so that the server does not pay for waking it.
 *
 *     serve-client ADDRESS PORT PATH PAIRS CONNECTIONS SECONDS [SECONDS OF WARM-UP]
 *
 * PAIRS is a file of lines "body<TAB>number": each body is sent as text/csv, and the answer's first
 * number must be within 1e-5 of the line's. Prints one JSON object: requests, wrong, failed,
 * seconds, requests_per_second, p50_us, p99_us, max_us. Exits with 1 when any answer was wrong or
 * failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define ANSWER_MAX      65536
#define TOLERANCE       1e-5
#define SILENCE_NS      5000000000

typedef struct pair { /* a request as it goes on the wire, and what it must be answered with */
    char *request;
    size_t len;
    double answer;
} pair;

typedef struct connection {
    int fd;
    size_t pair, sent, got;
    int64_t began_ns;
    char answer[ANSWER_MAX + 1];
} connection;

/* Latencies in buckets of 1/64 of a power of two: 1.6 % wide. */
#define SUB     64
#define BUCKETS (40 * SUB)
typedef struct histogram {
    uint64_t count[BUCKETS], total;
    int64_t max_ns;
} histogram;

typedef struct load {
    struct sockaddr_in to;
    pair *pairs;
    size_t pair_count, next;
    connection *connections;
    int count, poll;
    histogram latency;
    uint64_t wrong, failed;
    bool measuring;
} load;

static void die(const char *what, const char *which) {
    fprintf(stderr, "serve-client: %s %s: %s\n", what, which, strerror(errno));
    exit(2);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- latencies */

static int bucket_of(int64_t ns) {
    int power = 0;
    for (uint64_t v = (uint64_t)ns; v >= 2 * SUB; v >>= 1) power++;
    int at = power * SUB + (int)((uint64_t)ns >> power);
    return at < BUCKETS ? at : BUCKETS - 1;
}

static double bucket_ns(int at) {
    int power = at < 2 * SUB ? 0 : at / SUB - 1;
    return ((double)(at - power * SUB) + 0.5) * (double)((uint64_t)1 << power);
}

static void latency_add(histogram *h, int64_t ns) {
    h->count[bucket_of(ns)]++;
    h->total++;
    if (ns > h->max_ns) h->max_ns = ns;
}

static double latency_us(const histogram *h, double quantile) {
    double want = quantile * (double)h->total;
    uint64_t seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((double)(seen += h->count[i]) >= want && seen) return bucket_ns(i) / 1000;
    return 0;
}

/* ---- requests */

static void pairs_read(load *l, const char *path, const char *file, const char *host) {
    FILE *in = fopen(file, "r");
    char *line = NULL;
    size_t room = 0, capacity = 0;
    ssize_t n;
    if (!in) die("cannot read", file);
    while ((n = getline(&line, &room, in)) > 0) {
        char *tab = strchr(line, '\t');
        if (!tab) continue;
        *tab = '\0';
        if (l->pair_count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            l->pairs = realloc(l->pairs, capacity * sizeof *l->pairs);
            if (!l->pairs) die("no memory for", file);
        }
        pair *p = &l->pairs[l->pair_count++];
        int len = asprintf(&p->request,
                           "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                           "text/csv\r\nContent-Length: %zu\r\n\r\n%s",
                           path, host, strlen(line), line);
        if (len < 0) die("no memory for", file);
        p->len = (size_t)len;
        p->answer = strtod(tab + 1, NULL);
    }
    free(line);
    fclose(in);
    if (!l->pair_count) die("no line with a tab in", file);
}

/* ---- connections */

static void send_more(load *l, connection *c) {
    const pair *p = &l->pairs[c->pair];
    while (c->sent < p->len) {
        ssize_t n = send(c->fd, p->request + c->sent, p->len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return; /* the rest when the answer's side wakes us: never with these sizes */
        if (n < 0) die("cannot send to", "the server");
        c->sent += (size_t)n;
    }
}

static void begin(load *l, connection *c) {
    c->pair = l->next;
    l->next = (l->next + 1) % l->pair_count;
    c->sent = c->got = 0;
    c->began_ns = now_ns();
    send_more(l, c);
}

static void open_connection(load *l, connection *c) {
    int on = 1;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&l->to, sizeof l->to))
        die("cannot connect to", "the server");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) || epoll_ctl(l->poll, EPOLL_CTL_ADD, c->fd, &event))
        die("cannot poll", "");
}

/* Is the answer whole? Its status, and where its body is. */
static bool answer_whole(const connection *c, int *status, const char **body) {
    const char *end = strstr(c->answer, "\r\n\r\n");
    if (!end) return false;
    const char *length = strcasestr(c->answer, "\r\ncontent-length:");
    size_t need = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    *body = end + 4;
    *status = atoi(c->answer + 9);
    return c->got >= (size_t)(*body - c->answer) + need;
}

static void answered(load *l, connection *c, int status, const char *body) {
    double want = l->pairs[c->pair].answer, got = strtod(body, NULL);
    if (l->measuring) latency_add(&l->latency, now_ns() - c->began_ns);
    if (status != 200)
        l->failed++;
    else if (!(fabs(got - want) <= TOLERANCE))
        l->wrong++;
}

static void on_readable(load *l, connection *c, bool go_on) {
    int status;
    const char *body;
    ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the connection was closed by", "the server");
    c->got += (size_t)n;
    c->answer[c->got] = '\0';
    if (!answer_whole(c, &status, &body)) return;
    answered(l, c, status, body);
    if (go_on)
        begin(l, c);
    else
        c->sent = 0;
}

static double run(load *l, double seconds) {
    struct epoll_event events[CONNECTIONS_MAX];
    int64_t began = now_ns(), until = began + (int64_t)(seconds * 1e9), heard = began;
    for (int i = 0; i < l->count; i++) begin(l, &l->connections[i]);
    int busy = l->count;
    while (busy > 0) {
        int n = epoll_wait(l->poll, events, CONNECTIONS_MAX, l->count > 1 ? 0 : 5000);
        int64_t now = now_ns();
        if (n > 0) heard = now;
        if (now - heard > SILENCE_NS) die("no answer within 5 s from", "the server");
        bool go_on = now < until;
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            on_readable(l, c, go_on);
            busy -= c->sent == 0;
        }
    }
    return (double)(now_ns() - began) / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 7) {
        fprintf(stderr,
                "usage: serve-client ADDRESS PORT PATH PAIRS CONNECTIONS SECONDS [WARM-UP]\n");
        return 2;
    }
    load l = { .to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])) },
               .count = atoi(argv[5]) };
    if (inet_pton(AF_INET, argv[1], &l.to.sin_addr) != 1) die("not an IPv4 address:", argv[1]);
    if (l.count < 1 || l.count > CONNECTIONS_MAX) die("connections out of range:", argv[5]);
    pairs_read(&l, argv[3], argv[4], argv[1]);
    l.poll = epoll_create1(EPOLL_CLOEXEC);
    l.connections = calloc((size_t)l.count, sizeof *l.connections);
    if (!l.connections) die("no memory for", "connections");
    for (int i = 0; i < l.count; i++) open_connection(&l, &l.connections[i]);
    if (argc > 7) run(&l, atof(argv[7]));
    l.measuring = true;
    double seconds = run(&l, atof(argv[6]));
    printf("{\"requests\":%llu,\"wrong\":%llu,\"failed\":%llu,\"seconds\":%.6f,\"requests_per_"
           "second\":%.1f,"
           "\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f}\n",
           (unsigned long long)l.latency.total, (unsigned long long)l.wrong,
           (unsigned long long)l.failed, seconds, (double)l.latency.total / seconds,
           latency_us(&l.latency, 0.5), latency_us(&l.latency, 0.99),
           (double)l.latency.max_ns / 1000);
    return l.wrong || l.failed ? 1 : 0;
}
