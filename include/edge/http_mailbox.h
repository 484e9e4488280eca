/* What the HTTP thread asks the loop, and what the loop answers: the one place where the two threads meet.
 *
 *     HTTP thread                       loop
 *     http_mailbox_put         →        http_mailbox_take
 *     http_mailbox_answered    ←        http_mailbox_answer
 *
 * An ask belongs to the HTTP thread until it is put, then to the mailbox, from taking to answering to the loop, and
 * again to the HTTP thread when that has it back. What waits in it is bounded; nobody ever waits for the other. */
#ifndef EDGE_HTTP_MAILBOX_H
#define EDGE_HTTP_MAILBOX_H

#include "edge/http_ask.h"

struct http_mailbox;

/* asks_max: that were put and not taken. */
struct http_mailbox *http_mailbox_new(size_t asks_max);
void http_mailbox_free(struct http_mailbox *m); /* takes NULL; frees what is still in it. No thread may use it */

/* --- the HTTP thread's --- */

/* False: it is full, or closed, and the ask remains the caller's. */
bool http_mailbox_put(struct http_mailbox *m, struct http_ask *ask);

/* Of one that has its answer already: it goes to the loop, or is freed where that is full or closed. */
void http_mailbox_tell(struct http_mailbox *m, struct http_ask *ask);

/* The next one that was answered, the caller's again; NULL: none. */
struct http_ask *http_mailbox_answered(struct http_mailbox *m);

/* True: the loop has not taken it and never will; it is the caller's again. False: the loop has it, or has answered. */
bool http_mailbox_withdraw(struct http_mailbox *m, struct http_ask *ask);

/* The answer is not waited for any longer, and dropped when it comes: the ask is not to be looked at again. */
void http_mailbox_give_up(struct http_mailbox *m, struct http_ask *ask);

/* Readable while something is answered; also after http_mailbox_nudge, until http_mailbox_answered. */
int http_mailbox_answers_fd(const struct http_mailbox *m);

/* --- the loop's --- */

/* Readable while something waits. */
int http_mailbox_asks_fd(const struct http_mailbox *m);

/* The next one that waits, NULL: none. */
struct http_ask *http_mailbox_take(struct http_mailbox *m);

/* With its answer in it. */
void http_mailbox_answer(struct http_mailbox *m, struct http_ask *ask);

/* Nothing can be put any more. */
void http_mailbox_close(struct http_mailbox *m);

/* Wakes the HTTP thread. */
void http_mailbox_nudge(struct http_mailbox *m);

#endif
