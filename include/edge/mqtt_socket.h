/* The socket under a paho connection. Paho creates it and never shows it; what it leaves undone on it (finding it,
 * Nagle, closing it in the right way) is done here. TLS and WebSocket connections are the
 * same to this module. Part of edge/mqtt.h; nobody else needs it. */
#ifndef EDGE_MQTT_SOCKET_H
#define EDGE_MQTT_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MQTT_SOCKET_FD_MAX = 65536 };

/* The descriptors that were open before a connect. */
struct mqtt_socket_note {
    uint8_t open[MQTT_SOCKET_FD_MAX / 8];
};

void mqtt_socket_note(struct mqtt_socket_note *note);

/* Sockets of this local port are none of paho's: this process listens there, and whom it lets in may have chosen the
 * broker's port for his own end. */
void mqtt_socket_not_from(uint16_t local_port);

/* The TCP socket that came since the note and is connected to this port; -1: none. */
int mqtt_socket_find(const struct mqtt_socket_note *note, uint16_t peer_port);

/* TCP_NODELAY, because Nagle and delayed ACKs together cost 40 ms a round trip, and a send buffer that takes a burst.
 */
void mqtt_socket_tune(int fd);

/* Resets the connection: what waits is thrown away. The descriptor stays open. */
void mqtt_socket_reset(int fd);

/* Reads and discards until the peer has closed, wait_ms at most: closing with something unread would reset the
 * connection and could take from the peer what it has not read yet. */
void mqtt_socket_drain(int fd, int wait_ms);

/* Copies the next bytes without taking them; how many there are, at most `size`. */
size_t mqtt_socket_peek(int fd, uint8_t *head, size_t size);

#endif
