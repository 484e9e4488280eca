/* Noise: what a device sends besides its acks, and how its bytes come apart or together on their way. */
#ifndef TRACKERSIM_NOISE_H
#define TRACKERSIM_NOISE_H

#include "profile.h"

/* The messages that go out in place of an ack alone: its bytes are among them, whole, in order, and once. */
struct noisy_ack {
    struct bytes messages[2];
    size_t count; /* 1 where the ack came together with something else */
};

/* Of what the family can do, `shape` chooses:
 *
 *   random bytes before the ack                          every family
 *   the first half of the ack, or less, before it        families whose message is an MQTT message
 *   an ack with a wrong checksum before it               families with a checksum
 *   another message of the device before it              families that have one
 *   another message and the ack in one MQTT message      byte streams
 *   the ack in two MQTT messages                         byte streams
 *
 * The ack with the wrong checksum says the opposite, where the device can say it. None of this makes a receiver that
 * steps over a frame with a wrong checksum wait for more than there is, or read anything but the ack as the ack. (One
 * that looks for the next frame inside of it may have to wait: Ruptela's frames begin with nothing but a length.) The
 * messages stay valid as long as `ack` and `room`, which is overwritten. */
struct noisy_ack noise_around(const struct profile *profile, const struct tracker *tracker,
                              const struct command *command, enum answer answer, uint64_t shape, struct bytes ack,
                              struct buffer *room);

#endif
