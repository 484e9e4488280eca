#include "edge/mqtt_properties.h"

MQTTProperty mqtt_properties_of_number(enum MQTTPropertyCodes code, uint32_t value)
{
    MQTTProperty property = {.identifier = code};
    if (MQTTProperty_getType(code) == MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER)
        property.value.integer2 = (unsigned short)value;
    else
        property.value.integer4 = value;
    return property;
}

bool mqtt_properties_number(MQTTProperties *from, enum MQTTPropertyCodes code, uint32_t *value)
{
    const MQTTProperty *property = MQTTProperties_getProperty(from, code);
    if (!property)
        return false;
    bool is_short = MQTTProperty_getType(code) == MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER;
    *value = is_short ? property->value.integer2 : property->value.integer4;
    return true;
}

struct bytes mqtt_properties_bytes(MQTTProperties *from, enum MQTTPropertyCodes code)
{
    const MQTTProperty *property = MQTTProperties_getProperty(from, code);
    if (!property)
        return bytes_of(NULL, 0);
    return bytes_of(property->value.data.data, (size_t)property->value.data.len);
}

enum { IDENTIFIER = 1, INTEGER4 = 4, LENGTH = 2, LENGTH_OF_ALL_MAX = 4 };

static void put_bytes(struct mqtt_publish_properties *to, enum MQTTPropertyCodes code, struct bytes value)
{
    if (!value.data)
        return;
    MQTTProperty *property = &to->array[to->paho.count++];
    *property = (MQTTProperty){.identifier = code};
    property->value.data = (MQTTLenString){.len = (int)value.len, .data = (char *)(uintptr_t)value.data};
    to->paho.length += IDENTIFIER + LENGTH + (int)value.len;
}

/* Built in place: MQTTProperties_add copies every string, and paho's allocator is what a publish spends most time in.
 */
void mqtt_properties_of_publish(struct mqtt_publish_properties *to, const struct mqtt_publish *publish)
{
    to->paho = (MQTTProperties)MQTTProperties_initializer;
    to->paho.array = to->array;
    to->paho.max_count = sizeof(to->array) / sizeof(to->array[0]);
    if (publish->expiry_s > 0) {
        to->array[to->paho.count++] =
            mqtt_properties_of_number(MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, publish->expiry_s);
        to->paho.length += IDENTIFIER + INTEGER4;
    }
    put_bytes(to, MQTTPROPERTY_CODE_CONTENT_TYPE, publish->content_type);
    put_bytes(to, MQTTPROPERTY_CODE_RESPONSE_TOPIC, publish->response_topic);
    put_bytes(to, MQTTPROPERTY_CODE_CORRELATION_DATA, publish->correlation);
}

size_t mqtt_properties_size(const struct mqtt_publish *publish)
{
    size_t size = LENGTH_OF_ALL_MAX;
    if (publish->expiry_s > 0)
        size += IDENTIFIER + INTEGER4;
    const struct bytes *const runs[] = {&publish->content_type, &publish->response_topic, &publish->correlation};
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        if (runs[i]->data)
            size += IDENTIFIER + LENGTH + runs[i]->len;
    return size;
}

void mqtt_properties_of_message(MQTTProperties *from, struct mqtt_message *message)
{
    message->response_topic = mqtt_properties_bytes(from, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    message->correlation = mqtt_properties_bytes(from, MQTTPROPERTY_CODE_CORRELATION_DATA);
    message->content_type = mqtt_properties_bytes(from, MQTTPROPERTY_CODE_CONTENT_TYPE);
    message->has_expiry = mqtt_properties_number(from, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, &message->expiry_s);
}
