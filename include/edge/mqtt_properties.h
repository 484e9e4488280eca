/* MQTT 5 properties between paho's form and edge/mqtt.h's. Part of edge/mqtt.h; nobody else needs it. */
#ifndef EDGE_MQTT_PROPERTIES_H
#define EDGE_MQTT_PROPERTIES_H

#include <MQTTClient.h>

#include "edge/mqtt.h"

/* Adds the property where `value` is there. What is added is paho's copy: MQTTProperties_free gives it back. Only while
 * a paho handle exists, because paho's allocator starts with the first. */
void mqtt_properties_add_number(MQTTProperties *to, enum MQTTPropertyCodes code, uint32_t value);
void mqtt_properties_add_bytes(MQTTProperties *to, enum MQTTPropertyCodes code, struct bytes value);

/* False where it is not there. */
bool mqtt_properties_number(MQTTProperties *from, enum MQTTPropertyCodes code, uint32_t *value);

/* Data NULL where it is not there. Borrowed from the properties. */
struct bytes mqtt_properties_bytes(MQTTProperties *from, enum MQTTPropertyCodes code);

void mqtt_properties_of_publish(MQTTProperties *to, const struct mqtt_publish *publish);

/* How many bytes they take in a packet, their length field included. */
size_t mqtt_properties_size(const struct mqtt_publish *publish);

void mqtt_properties_of_message(MQTTProperties *from, struct mqtt_message *message);

#endif
