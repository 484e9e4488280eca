/* HTTP's part of the service, shared by service_http.c (life), service_routes.c (what answers which path) and
 * service_console.c (the console). */
#ifndef EDGE_SERVICE_HTTP_STATE_H
#define EDGE_SERVICE_HTTP_STATE_H

#include "base/map.h"
#include "edge/console_history.h"
#include "edge/http_server.h"
#include "service_state.h"

struct service_http {
    struct http_mailbox *mailbox;
    struct http_server *server;
    struct map waiting; /* for the reply to the request of this id: lists of asks; no more than there are connections */
    struct console_ring *events; /* NULL: there is no console */
    struct console_history history;
};

/* service_console.c; each gives its answer back at once */
void console_answer_page(struct service *s, struct http_ask *ask);
void console_answer_status(struct service *s, struct http_ask *ask);
void console_answer_trackers(struct service *s, struct http_ask *ask);
void console_answer_events(struct service *s, struct http_ask *ask);

/* service_routes.c */
/* Answers the ask, now or later, with http_mailbox_answer. */
void routes_take(struct service *s, struct http_ask *ask);
/* Answers those that wait for a reply: nobody will make one any more. */
void routes_give_up(struct service *s);

#endif
