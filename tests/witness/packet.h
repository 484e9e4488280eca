/* MQTT 5 as it passes on the wire, read by code of its own: who watches shares no code with who is watched. */
#ifndef WITNESS_PACKET_H
#define WITNESS_PACKET_H

#include "base/buffer.h"

enum packet_type { PACKET_PUBLISH = 3, PACKET_PUBACK = 4 };

struct packet {
    uint8_t type;
    bool dup;
    uint8_t qos;
    uint16_t id;
    uint8_t reason; /* PUBACK */
    struct bytes topic;
    struct bytes correlation;
    struct bytes payload;
};

/* Takes the first whole packet off a stream. False: it is not all there yet. What the packet points to lies in the
 * stream. */
bool packet_take(struct bytes *stream, struct packet *p);

#endif
