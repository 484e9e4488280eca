/* Stands in for the service: takes requests, decodes them, and answers as the test says. Takes its turns by
 * support/pump.h. */
#ifndef SUPPORT_ANSWERER_H
#define SUPPORT_ANSWERER_H

#include "support/mqtt_probe.h"
#include "support/value.h"

struct answerer {
    struct probe *probe;
};

/* Connected and subscribed to the requests; their retained flag and properties can be seen in the probe's messages. */
struct answerer *answerer_start(const char *broker_url, const char *filter);
void answerer_free(struct answerer *a);

/* Until so many requests came in all; the last of them. Fails the test when that takes too long. */
const struct probe_message *answerer_wait(struct answerer *a, int count);

/* A request's payload; to be given to json_decref. */
json_t *answerer_decode(const struct probe_message *request);

/* Sends a reply to where the request wants it, by MQTT 5 or by its payload, in its encoding and with its correlation.
 * The JSON is an object; the request's request_id is added to it. */
void answerer_reply(struct answerer *a, const struct probe_message *request, const char *json);

/* Publishes anything, with QoS 1, and returns when the broker has it. */
void answerer_publish(struct answerer *a, const struct mqtt_publish *publish);
void answerer_say(struct answerer *a, const char *topic, const char *text);

#endif
