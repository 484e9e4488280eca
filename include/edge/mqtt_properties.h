/* MQTT 5 properties between paho's form and edge/mqtt.h's. Part of edge/mqtt.h; nobody else needs it. */
#ifndef EDGE_MQTT_PROPERTIES_H
#define EDGE_MQTT_PROPERTIES_H

#include <MQTTClient.h>

#include "edge/mqtt.h"

/* A property with a number of two or four bytes. */
MQTTProperty mqtt_properties_of_number(enum MQTTPropertyCodes code, uint32_t value);

/* False where it is not there. */
bool mqtt_properties_number(MQTTProperties *from, enum MQTTPropertyCodes code, uint32_t *value);

/* Data NULL where it is not there. Borrowed from the properties. */
struct bytes mqtt_properties_bytes(MQTTProperties *from, enum MQTTPropertyCodes code);

/* The properties of a publish, borrowed from it. Nothing to free, and not to be moved. */
struct mqtt_publish_properties {
    MQTTProperty array[4];
    MQTTProperties paho;
};

void mqtt_properties_of_publish(struct mqtt_publish_properties *to, const struct mqtt_publish *publish);

/* How many bytes they take in a packet, their length field included. */
size_t mqtt_properties_size(const struct mqtt_publish *publish);

void mqtt_properties_of_message(MQTTProperties *from, struct mqtt_message *message);

#endif
