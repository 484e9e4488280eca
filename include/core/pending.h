/* One request from its arrival until its reply was given to the outbox, and the record of it that the journal keeps. */
#ifndef CORE_PENDING_H
#define CORE_PENDING_H

#include "base/clock.h"
#include "base/digest.h"
#include "base/timers.h"
#include "core/profile.h"
#include "wire/reply.h"

enum pending_state {
    PENDING_QUEUED,  /* waits in its tracker's queue */
    PENDING_STAGED,  /* its command waits in the outbox */
    PENDING_SENT,    /* its command was handed to the broker */
    PENDING_SETTLED, /* it has its outcome; only the reply is left */
};

enum { REQUEST_KEY_SIZE = 16 };

/* What makes two requests the same: a digest of action, reply topic, correlation and payload. */
struct request_key {
    uint8_t bytes[REQUEST_KEY_SIZE];
};

/* Where a reply goes and what it carries back. Topic and correlation lie behind the request, in the
 * same memory. */
struct route {
    struct bytes topic;
    struct bytes correlation; /* data NULL: none */
    enum encoding encoding;
    struct request_id id;
};

struct tracker;

struct pending {
    struct timer deadline; /* first, so that the timer tells the request */
    uint64_t id;           /* also the command's */
    enum pending_state state;
    struct command command;
    int32_t tracker_id;
    int32_t user_id;
    struct digest session; /* SHA-256 of the hash: to check again when its turn comes */
    struct request_key key;
    bool correlated; /* it has Correlation Data or a request_id */
    bool dup;        /* the PUBLISH was marked as a redelivery */
    bool committed;  /* a record of it is in the journal */
    bool took_token; /* of its user's rate limit; a duplicate gives it back */
    bool is_shared;  /* the server of shared state has it */
    bool asked;      /* a question about it is under way */
    bool is_local;   /* it came here, by another way than MQTT */
    struct route route;
    struct instant arrived;
    uint64_t deadline_ms;       /* monotonic */
    uint64_t started_ms;        /* monotonic: left the queue */
    uint64_t sent_ms;           /* monotonic: handed to the broker */
    uint64_t reply_until_ms;    /* monotonic: its reply must not leave after that; 0: whenever */
    struct profile *profile;    /* counted; from its turn on */
    struct bytes echo;          /* what its ack repeats */
    struct buffer partial;      /* of an ack, whose rest is to come */
    uint64_t confirmed;         /* bit n: output n + 1 was reported as the command wants it */
    struct tracker *tracker;    /* while it is in a lane; NULL before: it has not been looked for */
    struct pending *next;       /* in its lane's queue */
    struct pending *next_fresh; /* in the list of those whose first record is not committed */
    struct pending **prev_fresh;
    enum code code; /* once settled, or what the checks said */
    enum outcome outcome;
    unsigned bad; /* with CODE_INVALID_PARAMETERS */
};

/* All zero but for the reply topic and correlation, of which it makes copies. */
struct pending *pending_new(struct bytes reply_topic, struct bytes correlation);
void pending_free(struct pending *p);

/* Bytes of memory that it holds. */
size_t pending_bytes(const struct pending *p);

/* What its ack will repeat, which it has a copy of; once. */
void pending_set_echo(struct pending *p, struct bytes echo);

/* The reply that its code and outcome make. */
void pending_encode_reply(const struct pending *p, struct buffer *out);

/* The journal's record of a request. Version rule: the first byte is RECORD_VERSION; a field that is added, removed
 * or changed in meaning takes the next number, and a record of another number is refused, not guessed at. Each says
 * when it was written, on both clocks: see clock_elapsed_ms. */
enum { RECORD_VERSION = 3 };

void record_put_instant(struct buffer *out, struct instant at);
struct instant record_take_instant(struct reader *r);

void pending_to_record(const struct pending *p, struct instant now, struct buffer *out);

/* A request as it was: queued, sent (staged counts as sent: it may have left) or settled. Its deadline is what is left
 * of it, and never more than `longest_ms` from now, whatever the clocks did. NULL: no record of this version. */
struct pending *pending_from_record(struct bytes record, struct instant now, uint64_t longest_ms);

#endif
