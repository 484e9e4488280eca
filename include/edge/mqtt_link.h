/* One connection from its connect to its close: a paho handle and its socket. Part of edge/mqtt.h; nobody else needs
 * it. One thread only, for the whole process: paho's trace, which is listened to here, is global. */
#ifndef EDGE_MQTT_LINK_H
#define EDGE_MQTT_LINK_H

#include <MQTTClient.h>

#include "edge/mqtt.h"

enum { MQTT_ERROR_SIZE = 256 };

/* All zero: closed. */
struct mqtt_link {
    MQTTClient client; /* NULL: closed */
    int fd;
    int protocol;
    bool session_present;
    bool hides_bytes; /* paho holds decoded bytes that a poll of fd does not show */
    uint16_t receive_maximum;
    uint32_t maximum_packet; /* 0: no limit */
};

/* Connects, with MQTT 3.1.1 where the broker refuses 5. 0, -EPROTO or -ECONNREFUSED with the reason in `error`. */
int mqtt_link_open(struct mqtt_link *link, const struct mqtt_options *options, const char *url,
                   char error[MQTT_ERROR_SIZE]);

/* Both take a closed link too. */
void mqtt_link_disconnect(struct mqtt_link *link);
void mqtt_link_abort(struct mqtt_link *link);

/* Around a paho call that sends a SUBSCRIBE or UNSUBSCRIBE and waits for its answer: lets that packet out where what is
 * written is held, and nothing that is written after it, however long that takes. */
void mqtt_link_expect(struct mqtt_link *link);
void mqtt_link_expect_end(void);

#endif
