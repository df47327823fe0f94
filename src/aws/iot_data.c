/* iot_data.c -- IoT data: publish to the MQTT broker of the settings, or that $FETTLE_MQTT names.
 */
#include <stdlib.h>

#include "aws/services_in.h"
#include "base/err.h"
#include "net/mqtt.h"
#include "store/settings.h"

#define PAYLOAD_BYTES_MAX ((size_t)128 << 10)

static ft_err refuse(ft_aws_call *c, const char *why) {
    return ft_aws_fail(c, 400, "InvalidRequestException", "%s", why);
}

static ft_err message_read(ft_mqtt_message *m, ft_aws_call *c) {
    ft_str qos = ft_request_query(c->req, "qos"), retain = ft_request_query(c->req, "retain");
    *m = (ft_mqtt_message){ .topic = c->path[0], .payload = c->body };
    m->qos = ft_str_is(qos, "1");
    if (qos.at && !m->qos && !ft_str_is(qos, "0")) return refuse(c, "qos: expected 0 or 1");
    if (retain.at && !ft_str_bool(&m->retain, retain))
        return refuse(c, "retain: expected true or false");
    if (m->payload.len > PAYLOAD_BYTES_MAX)
        return ft_aws_fail(c, 413, "RequestEntityTooLargeException",
                           "The payload is larger than %zu bytes", PAYLOAD_BYTES_MAX);
    return FT_OK;
}

static ft_err publish(ft_aws_call *c) {
    const char *told = getenv("FETTLE_MQTT");
    ft_mqtt_message message;
    ft_str broker = ft_str_of(told), ca;
    FT_TRY(message_read(&message, c));
    if (!broker.len) FT_TRY(ft_setting_get(&broker, c->store, c->arena, FT_SETTING_MQTT));
    FT_TRY(ft_setting_get(&ca, c->store, c->arena, FT_SETTING_MQTT_CA));
    if (!broker.len)
        return refuse(c, "No MQTT broker is configured: `fettle settings set mqtt HOST:PORT`, or "
                         "FETTLE_MQTT=HOST:PORT in the server's environment");
    if (ca.len) message.ca_path = ca.at;
    ft_err err = ft_mqtt_publish(broker, &message);
    if (err == FT_EINVAL || err == FT_ETOOBIG) return refuse(c, ft_err_why());
    if (err == FT_EPEER || err == FT_ETIMEOUT)
        return ft_aws_fail(c, 503, "ServiceUnavailableException", "%s", ft_err_why());
    return err;
}

static const ft_aws_op ops[] = {
    { .name = "Publish", .method = "POST", .path = "/topics/{topic+}", .run = publish },
    { 0 },
};

const ft_aws_service ft_aws_iot_data = { .name = "iotdata",
                                         .title = "IoT data",
                                         .protocol = FT_AWS_REST_JSON,
                                         .xmlns = "",
                                         .version = "2015-05-28",
                                         .ops = ops };
