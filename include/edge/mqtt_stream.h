/* What lies between paho and the socket of a connection: memory. Paho reads a packet in four or five small reads and
 * writes each with a system call of its own, and asks the kernel before each. Here one read takes all that has come,
 * one write sends all that a turn of the loop has written, and in between paho finds its bytes in memory.
 *
 * What is held here has not left: a process that dies has sent nothing of it, however much it is and however long it
 * was held. So PUBACKs, which paho writes before anybody has seen the message, wait for the journal.
 *
 * Paho knows nothing of it. recv, read, writev, write, poll and close of the C library are replaced in the process (the
 * linker binds paho and OpenSSL to those of the program); for other descriptors they do what they always do. TLS and
 * WebSocket are the same to this module. Part of edge/mqtt.h; nobody else needs it. One thread for each connection. */
#ifndef EDGE_MQTT_STREAM_H
#define EDGE_MQTT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on, with nothing read and nothing written. fd is below MQTT_SOCKET_FD_MAX. Closing the descriptor, which is
 * paho's to do, ends it: nothing of what is held leaves any more. */
void mqtt_stream_begin(int fd);

/* Holds what is written from now on, or sends what was held and lets the rest through. All of these do nothing where
 * there is no stream. */
void mqtt_stream_hold(int fd, bool hold);

/* Sends what the socket takes of what is held, and goes on holding. */
void mqtt_stream_push(int fd);

/* Waits, this long at most, until all that was written and is not held has left. */
void mqtt_stream_finish(int fd, int wait_ms);

/* Throws away what is held, and all that is written from now on. */
void mqtt_stream_mute(int fd);

/* Takes what the socket has, once, as far as there is room; what it did not take before is sent, unless it is held.
 * Without this, reading finds only what is there already, except where poll was waited in. */
void mqtt_stream_fill(int fd);

/* Bytes that have come and were not read. */
size_t mqtt_stream_unread(int fd);

/* Bytes that were written and have not left. */
size_t mqtt_stream_unsent(int fd);

/* Copies the next bytes without taking them; how many there are, at most `size`. */
size_t mqtt_stream_peek(int fd, uint8_t *head, size_t size);

#endif
