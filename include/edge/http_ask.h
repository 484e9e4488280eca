/* One HTTP request, and the answer to it, as they go between the HTTP thread and the loop. A complete value: whoever
 * has it has all of it, and nobody else looks at it meanwhile. Who has it is http_mailbox.h's to say. */
#ifndef EDGE_HTTP_ASK_H
#define EDGE_HTTP_ASK_H

#include <sys/queue.h>

#include "base/buffer.h"
#include "edge/http_paths.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

/* Plain text unless it says otherwise. */
struct http_answer {
    unsigned status;
    const char *content_type; /* NULL: text/plain */
    const char *allow;        /* the methods, with status 405; NULL: none */
    unsigned retry_after_s;   /* 0: none */
    bool is_console;          /* with what keeps a browser from doing more with it than showing it */
    bool is_stream;           /* in place of a body: events, for as long as they are listened to */
    struct buffer body;
};

enum http_ask_state { HTTP_ASK_NEW, HTTP_ASK_PUT, HTTP_ASK_TAKEN, HTTP_ASK_ANSWERED, HTTP_ASK_GIVEN_UP };

struct http_ask {
    STAILQ_ENTRY(http_ask) link; /* the mailbox's, and while the loop has it, the loop's */
    enum http_ask_state state;   /* the mailbox's */
    void *asker;                 /* the HTTP thread's */
    enum http_path path;
    enum http_method method;
    bool is_too_large;           /* its body is not here, and it has been refused for that */
    struct buffer target;        /* the path, as it was sent */
    struct buffer query;         /* behind the question mark, as it was sent */
    struct buffer content_type;  /* empty: none was sent */
    struct buffer authorization; /* empty: none was sent */
    struct buffer host;          /* empty: none was sent */
    struct buffer fetch_site;    /* Sec-Fetch-Site; empty: none was sent */
    struct buffer last_event_id; /* empty: none was sent */
    struct buffer body;
    struct http_answer answer;
};

STAILQ_HEAD(http_ask_list, http_ask);

struct http_ask *http_ask_new(void);
void http_ask_free(struct http_ask *ask); /* takes NULL */

/* Puts an answer of one line of text in. */
void http_ask_answer(struct http_ask *ask, unsigned status, const char *text);

#endif
