/* HTTP/1.1 on a thread of its own, by libmicrohttpd. It decides nothing: it reads a request, puts it into the mailbox
 * as a complete value, and writes the answer that comes back.
 *
 * What strangers can make grow is bounded: connections (a new one beyond that takes the place of the one that has been
 * idle for longest), the bytes of a request's head and body, and the time that a request may take to arrive and an
 * answer to leave. */
#ifndef EDGE_HTTP_SERVER_H
#define EDGE_HTTP_SERVER_H

#include <stdint.h>
#include <sys/socket.h>

#include "edge/console_ring.h"
#include "edge/http_mailbox.h"

struct http_options {
    const char *listen;
    uint32_t connections_max;
    uint32_t head_bytes_max; /* request line and headers; the memory of a connection */
    uint32_t body_bytes_max;
    uint32_t timeout_ms;         /* for a request to arrive, and for an answer to be taken */
    uint32_t answer_ms;          /* for the loop to take a request from the mailbox */
    uint32_t reply_ms;           /* for the loop to answer it */
    struct console_ring *events; /* NULL: there is no console. Borrowed */
    uint32_t listeners_max;      /* of events, at a time */
};

struct http_server;

/* Reads "127.0.0.1:9108" or "[::1]:9108". False: it is neither. */
bool http_listen_parse(const char *listen, struct sockaddr_storage *address);
bool http_listen_is_loopback(const struct sockaddr_storage *address);
uint16_t http_listen_port(const struct sockaddr_storage *address);

/* Listens, and starts the thread, with all signals blocked. NULL, and errno says why. Options and mailbox are borrowed
 * for its life. */
struct http_server *http_server_start(const struct http_options *options, struct http_mailbox *mailbox);

/* Everything that was put must have been answered. Lets what was answered leave, and ends the thread. Takes NULL. */
void http_server_stop(struct http_server *server);

/* From now on a body may have so many bytes. */
void http_server_limit_body(struct http_server *server, uint32_t bytes_max);

/* --- what it has counted; may be called by any thread --- */

/* The statuses that are told apart, ending with 0. */
extern const unsigned http_statuses[];

uint64_t http_server_count(const struct http_server *server, enum http_path path, size_t status_index);
uint32_t http_server_connections(const struct http_server *server);

#endif
