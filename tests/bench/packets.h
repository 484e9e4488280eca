/* The few MQTT 5 packets that the load generator needs, written into a buffer and read from one. It is apart from the
 * connection code of the service on purpose: who measures shares no code with what is measured. */
#ifndef BENCH_PACKETS_H
#define BENCH_PACKETS_H

#include "base/buffer.h"

enum packet_type {
    PACKET_CONNECT = 1,
    PACKET_CONNACK = 2,
    PACKET_PUBLISH = 3,
    PACKET_PUBACK = 4,
    PACKET_SUBSCRIBE = 8,
    PACKET_SUBACK = 9,
    PACKET_DISCONNECT = 14,
};

enum packet_property {
    PROPERTY_CONTENT_TYPE = 0x03,
    PROPERTY_RESPONSE_TOPIC = 0x08,
    PROPERTY_CORRELATION = 0x09,
    PROPERTY_RECEIVE_MAXIMUM = 0x21,
};

struct packet {
    uint8_t type;
    uint8_t flags;
    struct bytes body;
};

/* A PUBLISH of QoS 0 or 1. A property with data NULL is left out; of those received only the Correlation Data is read.
 */
struct packet_publish {
    struct bytes topic;
    struct bytes payload;
    struct bytes response_topic;
    struct bytes correlation;
    struct bytes content_type;
    uint16_t id; /* 0: QoS 0 */
    bool retain;
};

struct packet_connack {
    uint8_t reason;
    uint16_t receive_maximum;
};

static inline size_t packet_varint_size(size_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

static inline void packet_put_varint(struct buffer *out, size_t value)
{
    for (; value >= 128; value >>= 7)
        buffer_put_u8(out, (uint8_t)(value | 128));
    buffer_put_u8(out, (uint8_t)value);
}

static inline void packet_put_header(struct buffer *out, enum packet_type type, unsigned flags, size_t body_size)
{
    buffer_put_u8(out, (uint8_t)((unsigned)type << 4 | flags));
    packet_put_varint(out, body_size);
}

/* Two bytes of length, then the bytes: how MQTT writes text and binary data. */
static inline void packet_put_sized(struct buffer *out, struct bytes value)
{
    buffer_put_be(out, value.len, 2);
    buffer_put(out, value);
}

static inline void packet_put_property(struct buffer *out, enum packet_property property, struct bytes value)
{
    if (!value.data)
        return;
    buffer_put_u8(out, (uint8_t)property);
    packet_put_sized(out, value);
}

static inline size_t packet_property_size(struct bytes value)
{
    return value.data ? 3 + value.len : 0;
}

/* Clean start, no keep-alive (whoever is silent for long gives up by itself), no session after the connection. */
static inline void packet_put_connect(struct buffer *out, const char *client_id)
{
    packet_put_header(out, PACKET_CONNECT, 0, 11 + 2 + strlen(client_id));
    packet_put_sized(out, bytes_of_text("MQTT"));
    buffer_put_u8(out, 5);    /* protocol version */
    buffer_put_u8(out, 2);    /* clean start */
    buffer_put_be(out, 0, 2); /* keep-alive */
    buffer_put_u8(out, 0);    /* no properties */
    packet_put_sized(out, bytes_of_text(client_id));
}

static inline void packet_put_disconnect(struct buffer *out)
{
    packet_put_header(out, PACKET_DISCONNECT, 0, 0);
}

/* One filter, QoS 1. */
static inline void packet_put_subscribe(struct buffer *out, uint16_t id, const char *filter)
{
    packet_put_header(out, PACKET_SUBSCRIBE, 2, 2 + 1 + 2 + strlen(filter) + 1);
    buffer_put_be(out, id, 2);
    buffer_put_u8(out, 0); /* no properties */
    packet_put_sized(out, bytes_of_text(filter));
    buffer_put_u8(out, 1);
}

static inline void packet_put_puback(struct buffer *out, uint16_t id)
{
    packet_put_header(out, PACKET_PUBACK, 0, 2);
    buffer_put_be(out, id, 2);
}

/* QoS 1. */
static inline void packet_put_publish(struct buffer *out, const struct packet_publish *p)
{
    size_t properties = packet_property_size(p->response_topic) + packet_property_size(p->correlation) +
                        packet_property_size(p->content_type);
    size_t size = 2 + p->topic.len + 2 + packet_varint_size(properties) + properties + p->payload.len;

    packet_put_header(out, PACKET_PUBLISH, 2U | (p->retain ? 1U : 0U), size);
    packet_put_sized(out, p->topic);
    buffer_put_be(out, p->id, 2);
    packet_put_varint(out, properties);
    packet_put_property(out, PROPERTY_CONTENT_TYPE, p->content_type);
    packet_put_property(out, PROPERTY_RESPONSE_TOPIC, p->response_topic);
    packet_put_property(out, PROPERTY_CORRELATION, p->correlation);
    buffer_put(out, p->payload);
}

static inline size_t packet_read_varint(struct reader *r)
{
    size_t value = 0;

    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte = (uint8_t)reader_be(r, 1);

        value |= (size_t)(byte & 127) << shift;
        if (!(byte & 128))
            return value;
    }
    r->failed = true;
    return 0;
}

static inline struct bytes packet_read_sized(struct reader *r)
{
    size_t len = (size_t)reader_be(r, 2);

    return reader_take(r, len);
}

/* Takes the next packet off the front of the reader. False, and nothing taken, while it is not there whole. */
static inline bool packet_read(struct reader *from, struct packet *packet)
{
    struct reader r = *from;
    uint8_t first = (uint8_t)reader_be(&r, 1);
    size_t size = packet_read_varint(&r);
    struct bytes body = reader_take(&r, size);

    if (r.failed)
        return false;
    *packet = (struct packet){.type = first >> 4, .flags = first & 15, .body = body};
    *from = r;
    return true;
}

/* Skips the value of a property that nobody here asks for, by its kind. */
static inline void packet_skip_property(struct reader *r, uint8_t property)
{
    static const struct {
        const char properties[16];
        size_t size; /* 0: a run of bytes with its length in front */
    } kinds[] = {
        {"\x01\x17\x19\x24\x25\x28\x29\x2a", 1},
        {"\x13\x21\x22\x23", 2},
        {"\x02\x11\x18\x27", 4},
        {"\x03\x08\x09\x12\x15\x16\x1a\x1c\x1f", 0},
    };

    for (size_t i = 0; property && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strchr(kinds[i].properties, property)) {
            if (kinds[i].size)
                reader_take(r, kinds[i].size);
            else
                packet_read_sized(r);
            return;
        }
    r->failed = true;
}

static inline bool packet_read_publish(const struct packet *packet, struct packet_publish *p)
{
    struct reader r = {.left = packet->body};
    struct reader properties;

    *p = (struct packet_publish){.retain = packet->flags & 1};
    p->topic = packet_read_sized(&r);
    if (packet->flags & 6)
        p->id = (uint16_t)reader_be(&r, 2);
    properties = (struct reader){.left = reader_take(&r, packet_read_varint(&r))};
    while (!properties.failed && properties.left.len) {
        uint8_t property = (uint8_t)reader_be(&properties, 1);

        if (property == PROPERTY_CORRELATION)
            p->correlation = packet_read_sized(&properties);
        else
            packet_skip_property(&properties, property);
    }
    p->payload = r.left;
    return !r.failed && !properties.failed;
}

static inline bool packet_read_connack(const struct packet *packet, struct packet_connack *c)
{
    struct reader r = {.left = packet->body};
    struct reader properties;

    reader_be(&r, 1);
    *c = (struct packet_connack){.reason = (uint8_t)reader_be(&r, 1), .receive_maximum = UINT16_MAX};
    properties = (struct reader){.left = reader_take(&r, packet_read_varint(&r))};
    while (!properties.failed && properties.left.len) {
        uint8_t property = (uint8_t)reader_be(&properties, 1);

        if (property == PROPERTY_RECEIVE_MAXIMUM)
            c->receive_maximum = (uint16_t)reader_be(&properties, 2);
        else
            packet_skip_property(&properties, property);
    }
    return reader_is_done(&r) && !properties.failed;
}

#endif
