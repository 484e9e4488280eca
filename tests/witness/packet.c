#include "witness/packet.h"

enum { PROPERTY_CORRELATION = 0x09 };

/* False: not all there. */
static bool take_varint(struct bytes *from, size_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < 4 && i < from->len; i++) {
        *value |= (size_t)(from->data[i] & 0x7F) << (7 * i);
        if (from->data[i] & 0x80)
            continue;
        from->data += i + 1;
        from->len -= i + 1;
        return true;
    }
    return false;
}

static struct bytes take_sized(struct reader *r)
{
    return reader_take(r, (size_t)reader_be(r, 2));
}

static void skip_property(struct reader *r, uint64_t property)
{
    size_t ignored;

    switch (property) {
    case 0x01: /* payload format */
        reader_be(r, 1);
        break;
    case 0x02: /* message expiry */
        reader_be(r, 4);
        break;
    case 0x23: /* topic alias */
        reader_be(r, 2);
        break;
    case 0x0B: /* subscription identifier */
        r->failed |= !take_varint(&r->left, &ignored);
        break;
    case 0x26: /* user property: a name and a value */
        take_sized(r);
        take_sized(r);
        break;
    default: /* content type, response topic */
        take_sized(r);
    }
}

static void read_properties(struct bytes properties, struct packet *p)
{
    struct reader r = {.left = properties};

    while (r.left.len && !r.failed) {
        uint64_t property = reader_be(&r, 1);

        if (property == PROPERTY_CORRELATION)
            p->correlation = take_sized(&r);
        else
            skip_property(&r, property);
    }
}

static void read_publish(struct bytes body, struct packet *p)
{
    struct reader r = {.left = body};
    size_t properties;

    p->topic = take_sized(&r);
    if (p->qos)
        p->id = (uint16_t)reader_be(&r, 2);
    if (!take_varint(&r.left, &properties))
        return;
    read_properties(reader_take(&r, properties), p);
    p->payload = r.left;
}

static void read_puback(struct bytes body, struct packet *p)
{
    struct reader r = {.left = body};

    p->id = (uint16_t)reader_be(&r, 2);
    p->reason = r.left.len ? (uint8_t)reader_be(&r, 1) : 0;
}

bool packet_take(struct bytes *stream, struct packet *p)
{
    struct bytes rest = *stream;
    uint8_t first;
    size_t len;

    if (rest.len < 2)
        return false;
    first = rest.data[0];
    rest.data++;
    rest.len--;
    if (!take_varint(&rest, &len) || rest.len < len)
        return false;
    *p = (struct packet){.type = first >> 4, .dup = first & 8, .qos = first >> 1 & 3};
    if (p->type == PACKET_PUBLISH)
        read_publish(bytes_of(rest.data, len), p);
    else if (p->type == PACKET_PUBACK)
        read_puback(bytes_of(rest.data, len), p);
    *stream = bytes_of(rest.data + len, rest.len - len);
    return true;
}
