/* mqtt.h -- a message to an MQTT 3.1.1 broker (libmosquitto, loaded on first use): one connection a
 * message.
 *
 * Threads: any. Memory: given back before the call returns. */
#ifndef FT_MQTT_H
#define FT_MQTT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define FT_MQTT_TIMEOUT_US ((int64_t)5000000) /* from the connection to the acknowledgement */

typedef struct ft_mqtt_message {
    ft_str topic, payload;
    int qos; /* 0: handed to the broker's connection; 1: acknowledged by the broker */
    bool retain;
    const char *ca_path; /* mqtts: PEM file of who may vouch for the broker; NULL: the system's */
} ft_mqtt_message;
/* Is it an address of a broker, as below? FT_EINVAL in words. */
ft_err ft_mqtt_check(ft_str broker);
/* `broker`: "[mqtt://|mqtts://][user:password@]host[:port]", port 1883 (mqtts: TLS, 8883) when not
 * told. FT_EINVAL for an
 * address or topic that is none, FT_EPEER when the broker is not there or refuses, FT_ETIMEOUT,
 * FT_EABSENT without libmosquitto. */
ft_err ft_mqtt_publish(ft_str broker, const ft_mqtt_message *m);

#endif
