/* An MQTT client for tests, on edge/mqtt.h: it records what it receives and what was acknowledged. */
#ifndef SUPPORT_MQTT_PROBE_H
#define SUPPORT_MQTT_PROBE_H

#include "edge/mqtt.h"

enum { PROBE_MESSAGES_MAX = 4096 };

struct probe_message {
    char *topic;
    char *payload; /* with a NUL behind it, like all the others */
    size_t payload_len;
    char *response_topic; /* NULL: none */
    char *correlation;
    size_t correlation_len;
    char *content_type;
    uint32_t expiry_s;
    uint8_t qos;
    bool has_expiry;
    bool retain;
    bool dup;
};

struct probe {
    struct mqtt *m;
    struct mqtt_options options; /* may be changed before probe_connect */
    struct mqtt_handlers handlers;
    const char *url;
    char client_id[24];
    struct probe_message messages[PROBE_MESSAGES_MAX];
    int count;
    int acked_count;
    int last_acked;
    int last_reason;
};

/* Not connected yet: MQTT 5, clean start, a client id of its own, a session expiry of 60 s. */
struct probe *probe_new(const char *url);
void probe_free(struct probe *p);

/* What mqtt_connect says. */
int probe_connect(struct probe *p);

/* probe_new, probe_connect, and a subscription where filter is not NULL; a failure ends the test. */
struct probe *probe_start(const char *url, const char *filter, uint8_t qos);

/* Publishes text; a failure other than -EAGAIN, which is returned, ends the test. */
int probe_publish(struct probe *p, const char *topic, const char *payload, uint8_t qos);

/* So many messages "1", "2", … from another process (mosquitto_pub with these options, which name
 * the topic), so that nothing but the connection under test runs in this one's paho. */
void probe_publish_elsewhere(uint16_t port, const char *options, int count);

/* Polls and receives until so many messages (acknowledgements) have come in all. False when ten seconds did not do. */
bool probe_wait(struct probe *p, int count);
bool probe_wait_acked(struct probe *p, int count);

void probe_forget(struct probe *p); /* the recorded messages */

/* The socket becomes readable within wait_ms. */
bool probe_is_readable(const struct probe *p, int wait_ms);

#endif
