/* mqtt.c -- see mqtt.h. The library's functions are declared here, by its manual (libmosquitto(3)):
 * its headers are not needed to build. */
#include "net/mqtt.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/lib.h"

#define PORT         1883
#define PORT_TLS     8883
#define SYSTEM_CA    "/etc/ssl/certs"
#define KEEP_ALIVE_S 30
#define LOOP_MS      50
#define TOPIC_MAX    65535
#define PAYLOAD_MAX  268435455
#define MOSQ_SUCCESS 0

struct mosquitto;

static struct {
    int (*init)(void);
    struct mosquitto *(*make)(const char *id, bool clean, void *ctx);
    void (*destroy)(struct mosquitto *m);
    int (*user)(struct mosquitto *m, const char *user, const char *password);
    int (*tls)(struct mosquitto *m, const char *ca_file, const char *ca_folder, const char *cert,
               const char *key, int (*password)(char *, int, int, void *));
    void (*on_connect)(struct mosquitto *m, void (*f)(struct mosquitto *, void *, int));
    void (*on_publish)(struct mosquitto *m, void (*f)(struct mosquitto *, void *, int));
    int (*connect)(struct mosquitto *m, const char *host, int port, int keep_alive_s);
    int (*publish)(struct mosquitto *m, int *id, const char *topic, int len, const void *payload,
                   int qos, bool retain);
    int (*loop)(struct mosquitto *m, int timeout_ms, int packets_max);
    int (*disconnect)(struct mosquitto *m);
    const char *(*text)(int code);
    const char *(*refusal)(int code);
} api;

#define SYMBOL(member, name) \
    { name, (size_t)((char *)&api.member - (char *)&api) }

static ft_err load(void) {
    static void *handle;
    const ft_lib_symbol symbols[] = {
        SYMBOL(init, "mosquitto_lib_init"),
        SYMBOL(make, "mosquitto_new"),
        SYMBOL(destroy, "mosquitto_destroy"),
        SYMBOL(user, "mosquitto_username_pw_set"),
        SYMBOL(tls, "mosquitto_tls_set"),
        SYMBOL(on_connect, "mosquitto_connect_callback_set"),
        SYMBOL(on_publish, "mosquitto_publish_callback_set"),
        SYMBOL(connect, "mosquitto_connect"),
        SYMBOL(publish, "mosquitto_publish"),
        SYMBOL(loop, "mosquitto_loop"),
        SYMBOL(disconnect, "mosquitto_disconnect"),
        SYMBOL(text, "mosquitto_strerror"),
        SYMBOL(refusal, "mosquitto_connack_string"),
    };
    FT_TRY(ft_lib_load(&handle, "libmosquitto.so.1", "libmosquitto1", &api, symbols,
                       FT_COUNT(symbols)));
    return api.init() == MOSQ_SUCCESS ? FT_OK : FT_FAIL(FT_EABSENT, "libmosquitto does not start");
}

/* ---- one exchange */

typedef struct exchange {
    bool answered, accepted; /* the connection */
    int refusal;
    int id; /* of the message */
    bool sent;
} exchange;

static void connected(struct mosquitto *m, void *ctx, int code) {
    exchange *x = ctx;
    FT_UNUSED(m);
    x->answered = true;
    x->accepted = code == 0;
    x->refusal = code;
}

static void published(struct mosquitto *m, void *ctx, int id) {
    exchange *x = ctx;
    FT_UNUSED(m);
    if (id == x->id) x->sent = true;
}

/* Until `*done` or the time is over. */
static ft_err turn(struct mosquitto *m, const bool *done, int64_t until_us, const char *host) {
    while (!*done) {
        int code = api.loop(m, LOOP_MS, 1);
        if (code != MOSQ_SUCCESS && !*done)
            return FT_FAIL(FT_EPEER, "MQTT broker %s: %s", host, api.text(code));
        if (!*done && ft_clock_monotonic_us() > until_us)
            return FT_FAIL(FT_ETIMEOUT, "MQTT broker %s did not answer in %d s", host,
                           (int)(FT_MQTT_TIMEOUT_US / FT_SECOND_US));
    }
    return FT_OK;
}

static ft_err talk(struct mosquitto *m, exchange *x, const char *host, int port, const char *topic,
                   const ft_mqtt_message *message) {
    int64_t until_us = ft_clock_monotonic_us() + FT_MQTT_TIMEOUT_US;
    int code = api.connect(m, host, port, KEEP_ALIVE_S);
    if (code != MOSQ_SUCCESS)
        return FT_FAIL(FT_EPEER, "MQTT broker %s:%d: %s", host, port, api.text(code));
    FT_TRY(turn(m, &x->answered, until_us, host));
    if (!x->accepted)
        return FT_FAIL(FT_EPEER, "MQTT broker %s:%d: %s", host, port, api.refusal(x->refusal));
    code = api.publish(m, &x->id, topic, (int)message->payload.len, message->payload.at,
                       message->qos, message->retain);
    if (code != MOSQ_SUCCESS) return FT_FAIL(FT_EPEER, "MQTT broker %s: %s", host, api.text(code));
    FT_TRY(turn(m, &x->sent, until_us, host));
    api.disconnect(m);
    return FT_OK;
}

/* ---- addresses and topics */

typedef struct address {
    ft_str host, user, password;
    int port;
    bool tls;
} address;

static ft_err address_read(address *a, ft_arena *arena, ft_str text) {
    ft_str rest = text, user;
    *a = (address){ .tls = ft_str_starts(rest, FT_STR("mqtts://")) };
    int64_t port = a->tls ? PORT_TLS : PORT;
    if (a->tls || ft_str_starts(rest, FT_STR("mqtt://")))
        rest = ft_str_from(rest, ft_str_find(rest, '/') + 2);
    size_t at = rest.len; /* the last: a password may hold one */
    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i] == '@') at = i;
    if (at < rest.len) {
        user = ft_str_slice(rest, 0, at);
        rest = ft_str_from(rest, at + 1);
        FT_TRY(ft_arena_str(&a->user, arena, ft_str_cut(&user, ':')));
        if (user.at) FT_TRY(ft_arena_str(&a->password, arena, user));
    }
    FT_TRY(ft_arena_str(&a->host, arena, ft_str_cut(&rest, ':')));
    bool good = a->host.len > 0 && ft_str_find(a->host, '/') == a->host.len;
    if (good && rest.at) good = ft_str_i64(&port, rest) && port > 0 && port < 65536;
    a->port = (int)port;
    if (good) return FT_OK;
    return FT_FAIL(FT_EINVAL,
                   "MQTT broker: expected [mqtt://|mqtts://][user:password@]host[:port]");
}

static ft_err message_check(const ft_mqtt_message *m) {
    if (!m->topic.len || m->topic.len > TOPIC_MAX || !ft_str_utf8(m->topic) ||
        memchr(m->topic.at, '+', m->topic.len) || memchr(m->topic.at, '#', m->topic.len) ||
        memchr(m->topic.at, '\0', m->topic.len))
        return FT_FAIL(FT_EINVAL, "MQTT topic '%.*s': expected a text without + and #",
                       FT_STR_ARG(m->topic));
    if (m->qos < 0 || m->qos > 1) return FT_FAIL(FT_EINVAL, "MQTT qos %d: expected 0 or 1", m->qos);
    if (m->payload.len > PAYLOAD_MAX) return FT_FAIL(FT_ETOOBIG, "an MQTT payload of 256 MiB");
    return FT_OK;
}

ft_err ft_mqtt_check(ft_str broker) {
    ft_arena arena = FT_ARENA_INIT(0);
    address a;
    ft_err err = address_read(&a, &arena, broker);
    ft_arena_fini(&arena);
    return err;
}

ft_err ft_mqtt_publish(ft_str broker, const ft_mqtt_message *message) {
    ft_arena arena = FT_ARENA_INIT(0);
    struct mosquitto *m = NULL;
    exchange x = { .id = -1 };
    address a;
    ft_str topic;
    ft_err err;
    FT_GOTO(err, message_check(message));
    FT_GOTO(err, address_read(&a, &arena, broker));
    FT_GOTO(err, ft_arena_str(&topic, &arena, message->topic));
    FT_GOTO(err, load());
    m = api.make(NULL, true, &x);
    if (!m) FT_GOTO(err, FT_FAIL(FT_ENOMEM, "no memory for an MQTT connection"));
    if (a.user.len) api.user(m, a.user.at, a.password.at);
    if (a.tls && api.tls(m, message->ca_path, message->ca_path ? NULL : SYSTEM_CA, NULL, NULL,
                         NULL) != MOSQ_SUCCESS)
        FT_GOTO(err, FT_FAIL(FT_EINVAL, "MQTT: cannot use the certificates at %s",
                             message->ca_path ? message->ca_path : SYSTEM_CA));
    api.on_connect(m, connected);
    api.on_publish(m, published);
    err = talk(m, &x, a.host.at, a.port, topic.at, message);
done:
    if (m) api.destroy(m);
    ft_arena_fini(&arena);
    return err;
}
