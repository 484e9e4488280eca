/* An HTTP client of a test, on a bare socket, so that it can say whatever a stranger might. What it waits for it waits
 * for by support/pump.h. */
#ifndef SUPPORT_HTTP_CLIENT_H
#define SUPPORT_HTTP_CLIENT_H

#include "base/buffer.h"

struct http_client {
    int fd;
    bool is_at_end; /* the other side has closed */
    struct buffer in;
    int status;          /* of the last response */
    struct buffer head;  /* with a NUL behind it */
    struct buffer body;  /* with a NUL behind it */
    size_t response_len; /* of what is in `in`; 0: it is not whole yet */
    bool is_head;        /* the response has no body */
};

/* Connected to this port of 127.0.0.1. */
struct http_client *http_open(uint16_t port);
void http_close(struct http_client *c); /* takes NULL */

/* As it stands. */
void http_say(struct http_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void http_say_bytes(struct http_client *c, struct bytes bytes);

/* Requests; `headers` are whole lines, or "". */
void http_get(struct http_client *c, const char *target, const char *headers);
void http_post(struct http_client *c, const char *target, const char *headers, const char *body);

/* True when the next response is there as a whole; for PUMP_UNTIL. */
bool http_is_there(struct http_client *c);

/* Waits for the next response: its status is this, and its body. NULL: any. */
void http_expect(struct http_client *c, int status, const char *body);

/* True when the other side has closed. */
bool http_is_closed(struct http_client *c);

/* A GET on a connection of its own: the status. The body goes where `body` says, unless that is NULL. */
int http_ask(uint16_t port, const char *target, struct buffer *body);

#endif
