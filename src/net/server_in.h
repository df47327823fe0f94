/* server_in.h -- what the files of the HTTP server share. One worker is one thread with one
 * libmicrohttpd daemon of its own; all of them accept from the same socket. Everything below a
 * worker is touched by its thread alone. */
#ifndef FT_SERVER_IN_H
#define FT_SERVER_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "net/mhd_in.h"
#include "net/route_in.h"
#include "net/server.h"
#include "net/target_in.h"

#define FT_HEADERS_MAX     64
#define FT_HEAD_BYTES      16384 /* libmicrohttpd clears as much for each request: 0.3 us */
#define FT_BODY_BYTES      ((size_t)6 << 20)    /* SageMaker's limit of an invocation */
#define FT_DRAIN_BYTES     ((uint64_t)16 << 20) /* of a refused body: so much is read, then cut */
#define FT_BODY_SLOWEST    1024                 /* bytes a second */
#define FT_TIMEOUT_S       30
#define FT_CONNECTIONS_MAX 1024
#define FT_THREADS_MAX     256

typedef struct ft_server_link ft_server_link;
typedef struct ft_http_worker ft_http_worker; /* a waker, outside */
typedef struct ft_connection ft_connection;

/* A connection. */
struct ft_server_link {
    ft_http_worker *worker;
    struct MHD_Connection *mhd;
    int fd;
    int64_t since_us; /* accepted, last request ended, or head of the present one complete */
    ft_connection *request;
    ft_server_link *before, *after; /* of the worker's links */
    bool waiting;                   /* suspended until the next tick */
    bool later;                     /* suspended until its answer is there */
};

/* A request on it. Kept for reuse, with its arena and buffers. */
struct ft_connection {
    ft_request req;
    ft_arena arena;
    ft_http_worker *worker;
    ft_server_link *link;
    struct MHD_Connection *mhd;
    const ft_route *route;
    ft_target target;
    struct {
        ft_str name, value;
    } headers[FT_HEADERS_MAX];
    int header_count;
    bool head_done, handled, chunked;
    uint64_t content_length, received;
    ft_buf body, text; /* text: of an error */
    /* A refusal that waits until the body is read. */
    ft_err err;
    int status; /* 0: the error's */
    ft_str why;
    bool close;        /* after the answer */
    bool past_library; /* the answer goes to the socket, then the connection ends */
    char allow[128];
    ft_connection *next_free;
};

struct ft_http_worker {
    ft_server *server;
    pthread_t thread;
    bool running;
    struct MHD_Daemon *daemon;
    void *context;  /* thread_new's */
    int64_t now_us; /* monotonic, as of this round */
    int64_t tick_at, look_at;
    ft_server_link *links;
    int in_flight; /* requests with a complete head and no complete answer */
    int waiting;   /* links that wait for a tick */
    bool stopping;
    bool ending;       /* no answer is waited for any more */
    int wake_fd;       /* written to by other threads: ends the wait for the next event */
    atomic_int waking; /* threads that are about to write to it */
    atomic_bool woken; /* pulled answers that wait are asked again */
    ft_connection *free;
    int free_count;
    ft_err err; /* of its start */
    char why[512];
};

struct ft_server {
    ft_server_opts opts;
    ft_arena arena;
    ft_route_tree *routes;
    int listen_fd, port;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    int ready_count;
    int count;
    ft_http_worker workers[];
};

/* server_request.c: libmicrohttpd's callbacks; `cls` is the worker. */
void *ft_http_on_target(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result ft_http_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *size, void **con_cls);
void ft_http_on_request_end(void *cls, struct MHD_Connection *mhd, void **con_cls,
                            enum MHD_RequestTerminationCode how);
/* The request is over, however it went; the object is kept for the next one. */
void ft_http_request_end(ft_connection *c);
void ft_http_requests_free(ft_http_worker *w);

/* The library gave up while it read the request: queues the answer in the route's words. */
enum MHD_Result ft_http_answer_broken(ft_connection *c, int status, ft_err err);
/* The same before the library had even the request line. MHD_NO: no memory for it. */
enum MHD_Result ft_http_answer_unread(ft_server_link *link, int status, ft_err err);

/* server_head.c: framing, route and limits; what is wrong is refused, with c->status and c->close
 * as the answer should have them. */
ft_err ft_http_head_take(ft_connection *c, const char *url, const char *version);
void ft_http_headers_read(ft_connection *c); /* counts those beyond FT_HEADERS_MAX, too */
size_t ft_http_body_limit(const ft_connection *c);
ft_err ft_http_too_big(const ft_connection *c);

/* server_page.c */
void ft_http_library_log(void *cls, const char *fmt, va_list ap);

/* server_link.c */
void ft_http_on_link(void *cls, struct MHD_Connection *mhd, void **socket_context,
                     enum MHD_ConnectionNotificationCode code);
/* Cut the connections that are too slow. */
void ft_http_links_look(ft_http_worker *w);

/* server_answer.c */
enum MHD_Result ft_http_answer(ft_connection *c, ft_response *resp);
enum MHD_Result ft_http_answer_error(ft_connection *c, ft_response *resp, ft_err err, int status,
                                     ft_str why);
/* A response that will not be sent. */
void ft_http_response_drop(ft_response *resp);

#endif
