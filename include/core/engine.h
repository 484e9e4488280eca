/* The engine: (state, event, now) → effects. It does no input or output, reads no clock and starts no thread.
 *
 * Everything that happens is told to it by a call; everything it wants done goes through struct engine_effects, which
 * only stages it: the caller writes the journal first, and only when that is done lets commands and replies leave.
 * Whatever ends a request (an ack, a refusal, its deadline, a drain, recovery) goes through one function, so that it
 * has exactly one outcome. */
#ifndef CORE_ENGINE_H
#define CORE_ENGINE_H

#include "base/clock.h"
#include "core/counters.h"
#include "core/journal_kind.h"
#include "core/rules.h"
#include "core/store.h"

/* --- configuration --- */

struct engine_config {
    struct store_limits store;
    uint32_t ack_timeout_ms;
    uint32_t quarantine_ms;
    uint32_t drain_ms;
    uint32_t trackers_max; /* of which presence is kept */
    uint32_t request_bytes_max;
    uint32_t ack_bytes_max;
    uint32_t ack_partial_bytes_max; /* of an ack that comes in pieces */
    double user_rate;               /* requests per second; 0: no limit */
    double user_burst;
    const char *prefix;              /* before every topic */
    const char *reply_default;       /* without the prefix; {action} stands for the action */
    const char *const *reply_topics; /* filters of allowed reply topics; none: all */
    size_t reply_topic_count;
    const char *const *own_topics; /* filters, with the prefix: never a reply topic */
    size_t own_topic_count;
    const char *reply_local; /* where state is shared: topic of replies to requests that came here by another way */
};

/* --- effects --- */

/* Leaves only when the journal has what was staged for it until now. */
struct engine_command {
    uint64_t id;
    struct bytes topic;
    struct bytes payload;
    struct bytes ack_topic;
    struct bytes content_type; /* data NULL: none */
    uint64_t deadline_ms;      /* monotonic: it must not leave after that */
};

struct engine_reply {
    uint64_t id;
    bool waits; /* for the journal as a command does; else it may leave though nothing can be written */
    enum code code;
    struct bytes topic; /* empty: of a request by engine_local_request; for whoever asked, if he is still there */
    struct bytes payload;
    struct bytes correlation; /* data NULL: none */
    const char *content_type;
    uint64_t until_ms; /* monotonic: it must not leave after that; 0: whenever */
    bool is_alone;     /* where state is shared: only this instance knows what it says */
};

enum engine_event_kind {
    EVENT_REQUEST_ACCEPTED,
    EVENT_REQUEST_REFUSED,
    EVENT_REQUEST_DUPLICATE,
    EVENT_REPLY_TOPIC_REFUSED,
    EVENT_COMMAND_STAGED,
    EVENT_COMMAND_SENT,
    EVENT_REQUEST_SETTLED,
    EVENT_REPLY_RECOVERED, /* it had ended before the restart; its reply was not acknowledged yet */
    EVENT_ACK_IGNORED,
    EVENT_PRESENCE,
};

/* A change that is worth a line in the log. Members that do not fit the kind are zero. */
struct engine_event {
    enum engine_event_kind kind;
    uint64_t id;
    int32_t tracker_id;
    int32_t user_id;
    enum action action;
    const char *profile;
    enum code code;
    enum outcome outcome;
    bool online;
    const char *why;    /* EVENT_ACK_IGNORED, EVENT_REQUEST_DUPLICATE */
    struct bytes topic; /* EVENT_REPLY_TOPIC_REFUSED, EVENT_ACK_IGNORED */
    uint64_t queue_ms;  /* from arrival until its turn */
    uint64_t device_ms; /* from the command until the end */
    uint64_t total_ms;
    const struct pending *pending; /* all of the request, where it is known; borrowed for the call, as these are: */
    const struct request *request; /* EVENT_REPLY_TOPIC_REFUSED: what it says, where it is a good one */
    struct bytes ack_topic;        /* EVENT_REQUEST_SETTLED, where an ack did it */
    struct bytes ack;              /* with the pieces that came before */
};

struct shared_call;

/* What it is given is borrowed for the call. */
struct engine_effects {
    void *ctx;
    void (*journal_put)(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record);
    void (*journal_delete)(void *ctx, enum journal_kind kind, uint64_t id);
    void (*command)(void *ctx, const struct engine_command *command);
    void (*cancel)(void *ctx, uint64_t id); /* a command that was not handed to the broker yet never will be */
    void (*reply)(void *ctx, const struct engine_reply *reply);
    void (*event)(void *ctx, const struct engine_event *event);
    void (*ask)(void *ctx, const struct shared_call *call); /* where state is shared: core/shared.h */
};

/* --- life --- */

struct engine;

/* Request ids count up from first_id. Config is borrowed until the next engine_reload. */
struct engine *engine_new(const struct engine_config *config, const struct engine_effects *effects, uint64_t first_id);
void engine_free(struct engine *e); /* takes NULL */

/* New registry, profiles and limits; takes registry and profiles over. registry NULL keeps the one that there is. */
void engine_reload(struct engine *e, const struct engine_config *config, struct registry *registry,
                   struct profiles *profiles);

/* The same with rules that were made of them. In *rules stays what was there before, without what is there still: for
 * rules_release, the profiles on the engine's thread. */
void engine_take(struct engine *e, const struct engine_config *config, struct rules *rules);

/* To make rules of that keep the profiles. They live until others are taken. */
struct profiles *engine_profiles(const struct engine *e);

/* Records that the journal held, each in ascending order of ids, all before the first other event: answers, states,
 * requests. -EBADMSG: not a record that this version wrote. */
int engine_recover(struct engine *e, enum journal_kind kind, uint64_t id, struct bytes record, struct instant now);

/* All records are back. */
void engine_recovered(struct engine *e, struct instant now);

/* --- events --- */

/* A PUBLISH on any topic that the service subscribes to. */
struct engine_message {
    struct bytes topic;
    struct bytes payload;
    struct bytes response_topic; /* data NULL: none */
    struct bytes correlation;    /* data NULL: none */
    struct bytes content_type;   /* data NULL: none */
    uint32_t expiry_s;
    bool has_expiry;
    bool retain;
    bool dup;
    bool inherited;    /* it has waited: presence in it is older than what is known */
    bool local;        /* see engine_local_request */
    bool too_large;    /* its payload was longer than any may be, and is not here */
    struct bytes hash; /* that came beside the payload; data NULL: none */
};

void engine_message(struct engine *e, const struct engine_message *message, struct instant now);

/* A request that came by another way than MQTT: `action` is the last level of its path, the message's topic is not
 * looked at, and a response_topic in its payload is ignored. Its reply has an empty topic and carries the id that is
 * returned: that of the request, or of the earlier one that it repeats and that is still pending. message->local must
 * be set. */
uint64_t engine_local_request(struct engine *e, struct bytes action, const struct engine_message *message,
                              struct instant now);

/* The connection is (re)made: presence is being read back, and no command starts until it is. */
void engine_presence_reading(struct engine *e);
/* All retained presence was read: who was not heard of is offline. */
void engine_presence_read(struct engine *e, struct instant now);

/* The command was handed to the broker / the broker refused it / the reply was acknowledged by the broker. */
void engine_command_sent(struct engine *e, uint64_t id, struct instant now);
void engine_command_refused(struct engine *e, uint64_t id, struct instant now);
void engine_reply_delivered(struct engine *e, uint64_t id);

/* The broker has acknowledged the tracker's state. */
void engine_state_delivered(struct engine *e, int32_t tracker_id);

/* What was staged for the journal until now is in it / could not be written yet. In the second case new requests, those
 * of this turn too, get code 8; what the journal knows of goes on, but nothing of it leaves before it can be written.
 */
void engine_journal_committed(struct engine *e);
void engine_journal_failed(struct engine *e, struct instant now);

/* Outbox or journal have no room to spare: new requests get code 8. */
void engine_set_full(struct engine *e, bool full);

/* The clock moved. */
void engine_tick(struct engine *e, struct instant now);

/* Milliseconds until engine_tick has something to do, -1: never. */
int64_t engine_wait_ms(const struct engine *e, struct instant now);

/* Shut down: queued requests end now, those in flight at the latest in drain_ms. */
void engine_drain(struct engine *e, struct instant now);

/* The next process goes on with what is pending: no request has its turn any more. There is no way back. */
void engine_hand_over(struct engine *e);

/* The broker kept nothing: every state is to be published again. */
void engine_republish_states(struct engine *e, struct instant now);

/* --- states of outputs --- */

/* The oldest state that is to be published and is dirty since before `since_ms`: appends topic and payload. False when
 * there is none. A tracker whose state changes often is published once for many changes. */
bool engine_next_state(struct engine *e, uint64_t since_ms, int32_t *tracker_id, struct buffer *topic,
                       struct buffer *payload);
bool engine_has_states(const struct engine *e);

/* --- looking in --- */

struct counters *engine_counters(struct engine *e);

struct engine_totals {
    size_t pending;
    size_t queued;
    size_t online;
    size_t trackers;
    size_t remembered; /* requests in the dedup table */
};

struct engine_totals engine_totals(const struct engine *e);

bool engine_is_draining(const struct engine *e);
bool engine_has_registry(const struct engine *e);

/* NULL: never loaded. It lives until the next reload. */
const struct registry *engine_registry(const struct engine *e);

/* What is known of a tracker of the registry, for those who look on. */
struct engine_view {
    bool is_served; /* a profile serves its model */
    bool has_set;
    bool has_set_all;
    bool online;
    bool in_flight;
    uint8_t outputs;
    uint64_t reserved; /* bit n: output n + 1 is reserved to engine block */
    uint32_t queued;
    struct output_states states;
};

struct engine_view engine_view(const struct engine *e, const struct registry_tracker *tracker);

/* The filters of every ack and presence topic, each once: appended as NUL-terminated strings, acks first. Returns how
 * many are acks; *count is how many there are in all. */
size_t engine_filters(const struct engine *e, struct buffer *out, size_t *count);

#endif
