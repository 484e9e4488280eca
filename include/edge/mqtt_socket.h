/* The socket under a paho connection. Paho creates it and never shows it; what it leaves undone on it (finding it,
 * Nagle, corking, how full it is, closing it in the right way) is done here. TLS and WebSocket connections are the
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

/* The TCP socket that came since the note and is connected to this port; -1: none. */
int mqtt_socket_find(const struct mqtt_socket_note *note, uint16_t peer_port);

/* TCP_NODELAY, because Nagle and delayed ACKs together cost 40 ms a round trip, and a send buffer that takes a burst.
 */
void mqtt_socket_tune(int fd);

/* Holds back what is written from now on, with a close that throws it away; or lets it go, with an ordinary close. */
void mqtt_socket_cork(int fd, bool hold);

/* Sends what is corked so far and goes on holding. */
void mqtt_socket_push(int fd);

/* How many bytes of the kernel's memory may be written now so that nobody waits and the socket stays writable (paho
 * does not read from a socket that is not). *empty: nothing is waiting in it. */
size_t mqtt_socket_room(int fd, bool *empty);

/* Resets the connection: what waits or is corked is thrown away. The descriptor stays open. */
void mqtt_socket_reset(int fd);

/* Reads and discards until the peer has closed, wait_ms at most: closing with something unread would reset the
 * connection and could take from the peer what it has not read yet. */
void mqtt_socket_drain(int fd, int wait_ms);

/* Copies the next bytes without taking them; how many there are, at most `size`. */
size_t mqtt_socket_peek(int fd, uint8_t *head, size_t size);

#endif
