/* The HTTP thread's inside, shared by its files: http_server.c (life), http_exchange.c (requests and answers),
 * http_listeners.c (who hears events) and http_connections.c. All of it is the thread's, but for what is atomic. */
#ifndef EDGE_HTTP_SERVER_STATE_H
#define EDGE_HTTP_SERVER_STATE_H

#include "http_library.h"
#include <pthread.h>
#include <stdatomic.h>

#include "edge/http_server.h"

enum { HTTP_STATUS_COUNT = 15 };

/* One that is open. */
struct http_connection {
    TAILQ_ENTRY(http_connection) link;
    int fd;
    bool is_waiting; /* for its peer: for a request, or for it to take the answer */
    uint64_t since_ms;
};

TAILQ_HEAD(http_connection_list, http_connection);

/* A request and its answer. */
struct http_exchange {
    TAILQ_ENTRY(http_exchange) link; /* while the loop has its ask */
    struct MHD_Connection *connection;
    struct http_ask *ask; /* NULL: given up */
    bool has_begun;       /* its head has been read */
    bool is_asked;        /* its ask was put; the connection is suspended until the answer is there */
    bool is_taken;        /* by the loop, as far as is known */
    size_t dropped;       /* bytes of a body that is too large */
    enum http_path path;
    uint64_t asked_ms;
    struct http_answer answer; /* of the server's own, where the ask was given up */
};

TAILQ_HEAD(http_exchange_list, http_exchange);

/* Who hears events: a response without an end. */
struct http_listener {
    TAILQ_ENTRY(http_listener) link;
    struct http_server *server;
    struct MHD_Connection *connection;
    uint64_t next;     /* the number of the event that it has not been told yet */
    struct buffer out; /* what it is being told, */
    size_t sent;       /* and how far */
    bool is_asleep;    /* it has been told all there is; its connection is suspended */
    uint64_t fed_ms;   /* when events were last looked for */
    uint64_t told_ms;  /* when it was last told anything */
};

TAILQ_HEAD(http_listener_list, http_listener);

struct http_server {
    struct http_options options;
    struct http_mailbox *mailbox;
    struct MHD_Daemon *daemon;
    int daemon_fd;
    pthread_t thread;
    uint64_t now_ms;
    struct http_connection_list waiting; /* those that wait for their peers, the longest first */
    struct http_exchange_list asked;     /* those that the loop may not have taken; the oldest first */
    struct http_exchange_list taken;     /* those that it has; the oldest first */
    size_t exchange_count;               /* all */
    struct http_listener_list listeners;
    uint32_t listener_count;
    atomic_bool is_stopping;
    atomic_uint connection_count;
    atomic_uint body_bytes_max;
    atomic_ullong counts[HTTP_PATH_COUNT][HTTP_STATUS_COUNT];
};

/* http_connections.c */
void http_connection_changes(void *cls, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code);
struct http_connection *http_connection_of(struct MHD_Connection *connection);
/* It waits for its peer from now on / it does not: the loop is being asked. */
void http_connection_waits(struct http_server *s, struct http_connection *c);
void http_connection_works(struct http_server *s, struct http_connection *c);
/* Ends those whose time is over. */
void http_connections_expire(struct http_server *s);
/* Milliseconds until the first one's is, -1: never. */
int64_t http_connections_wait_ms(const struct http_server *s);

/* http_listeners.c */
/* A response that tells events; NULL: there are too many listeners. */
struct MHD_Response *http_listener_new(struct http_server *s, struct MHD_Connection *connection,
                                       const struct http_ask *ask);
/* Wakes those for whom there is something. */
void http_listeners_wake(struct http_server *s);
/* Milliseconds until there is, as far as time alone says; -1: never. The loop will wake the thread for events. */
int64_t http_listeners_wait_ms(struct http_server *s);

/* http_exchange.c: what libmicrohttpd calls */
void *http_exchange_begin(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_exchange_goes_on(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                      const char *version, const char *data, size_t *size, void **context);
void http_exchange_ends(void *cls, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code);
/* Takes what the loop has answered. */
void http_exchanges_take_answers(struct http_server *s);
/* Gives up on what it does not answer. */
void http_exchanges_expire(struct http_server *s);
int64_t http_exchanges_wait_ms(const struct http_server *s);

#endif
