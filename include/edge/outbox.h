/* What waits to be published, and what was published and not yet acknowledged by the broker.
 *
 * Nothing here blocks: outbox_flush publishes while the connection takes it, at most as many as the broker granted
 * unacknowledged (Receive Maximum), and comes back. When the connection is lost, replies and states are published
 * again on the next one, commands never: a command that may have left is not sent twice.
 *
 * Replies without a topic are for this process itself: they wait for the journal as the others do, for nothing else. */
#ifndef EDGE_OUTBOX_H
#define EDGE_OUTBOX_H

#include "core/engine.h"
#include "edge/mqtt.h"

struct outbox_events {
    void *ctx;
    void (*command_sent)(void *ctx, uint64_t id);
    /* The broker or this connection will not take it. */
    void (*command_refused)(void *ctx, uint64_t id, const char *why);
    /* Delivered: the broker has acknowledged it. A reply that it will never take counts as delivered, with why. */
    void (*reply_delivered)(void *ctx, uint64_t id, const char *why);
    /* The broker has acknowledged a tracker's state. */
    void (*state_delivered)(void *ctx, int32_t tracker_id);
    /* A reply without a topic, for whoever asked: delivered with that. */
    void (*local_reply)(void *ctx, uint64_t id, enum code code, struct bytes payload);
};

struct outbox;

/* How much may be in it is the caller's to decide: see outbox_count and outbox_bytes. */
struct outbox *outbox_new(const struct outbox_events *events);
void outbox_free(struct outbox *o); /* takes NULL */

/* All of these copy what they are given. Commands, and replies that wait for the journal, are held. */
void outbox_put_command(struct outbox *o, const struct engine_command *command);
void outbox_put_reply(struct outbox *o, const struct engine_reply *reply);
void outbox_put_state(struct outbox *o, int32_t tracker_id, struct bytes topic, struct bytes payload);
void outbox_put_audit(struct outbox *o, struct bytes topic, struct bytes line);

/* The journal has all that was staged for it until now: what is held may leave. */
void outbox_release(struct outbox *o);

/* Hands out the replies without a topic that are not held. That takes no connection. */
void outbox_deliver_local(struct outbox *o);

/* Takes a command out that was not sent yet. */
void outbox_cancel(struct outbox *o, uint64_t id);

/* Publishes what it can. A command whose deadline is over is dropped silently: its request has ended. So is a reply
 * that is somebody else's to send by now. 0 when nothing waits any more, -EAGAIN when something does, -ENOTCONN. */
int outbox_flush(struct outbox *o, struct mqtt *mqtt, uint64_t now_ms);

/* All that was written to the broker has left, PUBACKs too. */
void outbox_left(struct outbox *o);

/* A new connection: what the last one brought and was not acknowledged comes again, to this instance or to another one.
 * Replies to such requests that nobody else knows of are dropped: it is judged then. */
void outbox_forget_unacknowledged(struct outbox *o);

/* The broker acknowledged a token. */
void outbox_acked(struct outbox *o, int token, int reason);

/* The connection is gone. */
void outbox_disconnected(struct outbox *o);

/* Entries that wait or are unacknowledged. */
size_t outbox_count(const struct outbox *o);
size_t outbox_bytes(const struct outbox *o);       /* of memory that they take */
size_t outbox_audit_count(const struct outbox *o); /* of these: lines of the audit trail */
size_t outbox_commands(const struct outbox *o);    /* that have not been sent */
size_t outbox_unacknowledged(const struct outbox *o);

#endif
