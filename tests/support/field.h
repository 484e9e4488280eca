/* The trackers of a test: one MQTT client that speaks for all of them. It records every command, and acks those of the
 * two generic families at once, unless it is told to be silent. Takes its turns by support/pump.h. */
#ifndef SUPPORT_FIELD_H
#define SUPPORT_FIELD_H

#include "support/mqtt_probe.h"
#include "support/value.h"

struct field_command {
    int tracker_id; /* from the default topic; 0: it came elsewhere */
    char *topic;
    struct buffer payload;
    json_t *value; /* NULL: not of a generic family */
    bool msgpack;
    uint64_t id; /* its member; 0: none */
    uint64_t correlation_id;
    char *response_topic;
    uint32_t expiry_s;
    uint8_t qos;
    bool retain;
};

struct field {
    struct probe *probe; /* its options may be changed before field_connect */
    const char *prefix;  /* of all topics */
    bool is_silent;
    struct field_command *commands;
    int count;
    int size;
    int flushed; /* commands whose ack has been sent, or is not wanted */
    int published;
};

/* MQTT 5, not connected yet. */
struct field *field_new(const char *broker_url);
void field_free(struct field *f); /* takes NULL */

/* Connects, and subscribes to the commands. A second time: on the same session, which the broker may have lost. */
void field_connect(struct field *f);
struct field *field_start(const char *broker_url); /* both */

/* Also listens to a family of devices with topics of its own. */
void field_subscribe(struct field *f, const char *filter);

/* Returns when the broker has it. */
void field_publish(struct field *f, const struct mqtt_publish *publish);
void field_presence(struct field *f, int tracker_id, const char *text);
void field_online(struct field *f, int tracker_id);
void field_say(struct field *f, const char *topic, const char *text); /* QoS 1, as an ack is */

/* An ack of the generic families: {"id": the command's, <members>}. */
void field_ack(struct field *f, const struct field_command *command, const char *members);

/* So many commands came in all; fails the test when that takes too long. The last of them. */
const struct field_command *field_wait(struct field *f, int count);

void field_forget(struct field *f); /* the recorded commands */

/* What the broker had for the field before this call has been recorded. After a desk_fence: so has every command that
 * was sent until then. */
void field_sync(struct field *f);

/* How many came with this id. */
int field_count_id(const struct field *f, uint64_t id);

#endif
