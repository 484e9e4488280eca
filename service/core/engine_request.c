#include "engine_state.h"

#include <xxhash.h>

#include "base/check.h"
#include "core/topic.h"
#include "shared_state.h"

/* --- reply topic --- */

/* The configured default with {action} filled in. */
static void make_default_topic(const struct engine *e, struct bytes action, struct buffer *out)
{
    const char *at = e->config->reply_default;
    const char *mark;

    buffer_put_text(out, e->config->prefix);
    while ((mark = strstr(at, "{action}"))) {
        buffer_put(out, bytes_of(at, (size_t)(mark - at)));
        buffer_put(out, action);
        at = mark + strlen("{action}");
    }
    buffer_put_text(out, at);
}

static bool is_own_topic(const struct engine *e, struct bytes topic)
{
    for (size_t i = 0; i < e->config->own_topic_count; i++) {
        if (topic_matches(bytes_of_text(e->config->own_topics[i]), topic))
            return true;
    }
    return router_request_action(&e->router, topic).data != NULL;
}

static bool is_listed(const struct engine *e, struct bytes topic)
{
    for (size_t i = 0; i < e->config->reply_topic_count; i++) {
        if (topic_matches(bytes_of_text(e->config->reply_topics[i]), topic))
            return true;
    }
    return e->config->reply_topic_count == 0;
}

static bool is_default(const struct engine *e, struct bytes action, struct bytes topic)
{
    uint8_t room[TOPIC_ROOM];
    struct buffer own = buffer_in(room, sizeof room);
    bool is;

    make_default_topic(e, action, &own);
    is = bytes_equal(topic, buffer_bytes(&own));
    buffer_release(&own);
    return is;
}

/* A requester must not make the service speak to a device, to itself, or where the operator does not want it to. */
static bool reply_topic_is_allowed(const struct engine *e, const struct incoming *in)
{
    struct bytes topic = in->reply_topic;

    return in->message->local ||
           (topic_is_publishable(topic) && !is_own_topic(e, topic) && !router_is_taken(&e->router, topic) &&
            (is_listed(e, topic) || is_default(e, in->action, topic)));
}

/* Appends the default to `out` where it takes that. */
static struct bytes choose_reply_topic(const struct engine *e, const struct incoming *in, struct buffer *out)
{
    const struct request *request = &in->request;

    if (in->message->local)
        return bytes_of_text(e->shared ? e->config->reply_local : "");
    if (in->message->response_topic.data)
        return in->message->response_topic;
    if (!in->readable || !request->has_response_topic) {
        make_default_topic(e, in->action, out);
        return buffer_bytes(out);
    }
    if (request->response_topic_len > REPLY_TOPIC_MAX)
        return (struct bytes){0}; /* never allowed */
    return bytes_of(request->response_topic, request->response_topic_len);
}

/* --- the request --- */

/* What is otherwise with a request that came by another way than MQTT. */
static void read_local(struct incoming *in)
{
    in->request.bad &= ~(1u << PARAMETER_RESPONSE_TOPIC);
    if (in->message->hash.data)
        in->readable = request_take_hash(&in->request, in->message->hash);
}

void engine_read_request(const struct engine *e, struct bytes action, const struct engine_message *message,
                         struct incoming *in)
{
    in->message = message;
    in->action = action;
    in->readable = false;
    in->request.bad = 0;
    in->request.id = (struct request_id){0};
    in->encoding = encoding_of(message->content_type, message->payload);
    in->request.action = action_from_name(action);
    if (!message->too_large && message->payload.len <= e->config->request_bytes_max)
        in->readable = request_decode(in->encoding, message->payload, in->request.action, &in->request) == 0;
    if (in->readable && (in->request.bad & 1u << PARAMETER_REQUEST_ID))
        in->request.id.kind = REQUEST_ID_NONE;
    if (in->readable && message->local)
        read_local(in);
    if (message->retain)
        in->request.bad |= 1u << PARAMETER_RETAIN;
}

/* Checks 1 to 5: what the message alone shows. */
static enum code check_message(const struct engine *e, const struct incoming *in)
{
    if (in->message->too_large || in->message->payload.len > e->config->request_bytes_max)
        return CODE_TOO_LARGE;
    if (in->request.action == ACTION_UNKNOWN)
        return CODE_WRONG_METHOD;
    if (!in->readable)
        return CODE_WRONG_FORMAT;
    if (in->request.bad)
        return CODE_INVALID_PARAMETERS;
    return in->request.hash_is_good ? CODE_SUCCESS : CODE_WRONG_HASH;
}

/* No secret is needed: the payload, which also holds the request_id, or the hash beside it name a session by what only
 * its own user knows, so that nobody can make a request that is taken for another one's. */
static struct request_key make_key(struct engine *e, const struct incoming *in)
{
    struct bytes correlation = in->message->correlation;
    struct buffer *parts = &e->record;
    struct bytes reply_topic = {0};
    XXH128_canonical_t digest;
    struct request_key key;

    buffer_clear(parts);
    buffer_put_u8(parts, (uint8_t)in->request.action);
    if (!in->message->local) /* else it is the same at whichever instance */
        reply_topic = in->reply_topic;
    buffer_put_be(parts, reply_topic.len, 4);
    buffer_put(parts, reply_topic);
    buffer_put_be(parts, correlation.len, 4);
    buffer_put(parts, correlation);
    buffer_put_be(parts, in->message->hash.len, 4);
    buffer_put(parts, in->message->hash); /* where it is not in the payload */
    buffer_put(parts, in->message->payload);
    XXH128_canonicalFromHash(&digest, XXH3_128bits(parts->data, parts->len));
    memcpy(key.bytes, digest.digest, REQUEST_KEY_SIZE);
    return key;
}

static bool is_correlated(const struct incoming *in)
{
    return in->message->correlation.len > 0 || in->request.id.kind != REQUEST_ID_NONE;
}

static struct pending *make_pending(struct engine *e, const struct incoming *in)
{
    static const uint8_t own_id[8]; /* is written there once it is known: by that the reply is told */
    bool is_replied_here = in->message->local && e->shared;
    struct pending *p =
        pending_new(in->reply_topic, is_replied_here ? bytes_of(own_id, sizeof own_id) : in->message->correlation);
    const struct request *request = &in->request;

    p->id = e->answering_id = e->next_id++;
    p->arrived = e->now;
    p->deadline.kind = TIMER_DEADLINE;
    p->deadline_ms = e->now.mono_ms;
    p->dup = in->message->dup;
    p->is_local = in->message->local;
    p->bad = request->bad;
    p->route.encoding = in->encoding;
    p->route.id = request->id;
    p->command = (struct command){.id = p->id, .action = request->action};
    p->outcome = OUTCOME_NOT_SENT;
    return p;
}

/* The rest of it, once checks 1 to 5 say that it can be trusted. */
static void fill_pending(struct engine *e, struct pending *p, const struct incoming *in)
{
    const struct request *request = &in->request;

    CHECK(in->readable);
    p->tracker_id = request->tracker_id;
    p->session = digest_of(bytes_of(request->hash, HASH_DIGITS));
    p->key = make_key(e, in);
    p->correlated = is_correlated(in);
    p->command.output = request->output;
    p->command.enable = request->enable;
    p->command.outputs = request->outputs;
    p->command.output_count = request->output_count;
}

struct judgement engine_judgement(struct engine *e, const struct pending *p)
{
    const struct tracker *tracker = p->tracker ? p->tracker : trackers_find(&e->trackers, p->tracker_id);

    return (struct judgement){
        .registry = e->registry,
        .model_profiles = e->model_profiles,
        .rates = &e->rates,
        .user_rate = e->config->user_rate,
        .user_burst = e->config->user_burst,
        .now = e->now,
        .session_hash = &p->session,
        .tracker_id = p->tracker_id,
        .action = p->command.action,
        .output = p->command.output,
        .output_count = p->command.output_count,
        .online = !e->presence_known || (tracker && tracker->online),
        .out_of_service = e->draining || e->journal_down || e->full || (e->shared && !p->dup && !shared_is_open(e)),
    };
}

static void set_deadline(struct engine *e, struct pending *p, const struct profile *profile,
                         const struct engine_message *message)
{
    uint64_t left_ms = profile_ack_timeout_ms(profile) ? profile_ack_timeout_ms(profile) : e->config->ack_timeout_ms;

    if (message->has_expiry && (uint64_t)message->expiry_s * 1000 < left_ms)
        left_ms = (uint64_t)message->expiry_s * 1000;
    p->deadline_ms = e->now.mono_ms + left_ms;
}

void engine_refuse(struct engine *e, struct pending *p, enum code code)
{
    struct engine_event event;

    p->code = code;
    p->outcome = OUTCOME_NOT_SENT;
    e->counters.requests_refused++;
    event = engine_event_of(p, EVENT_REQUEST_REFUSED);
    engine_emit(e, &event);
    engine_finish(e, p, false);
}

/* What the checks refuse of somebody known is kept with the others' requests: its reply is not lost with this instance.
 */
static void submit_shared(struct engine *e, struct pending *p)
{
    if (shared_takes(e, p) && !store_was_refused(&e->store, p)) {
        shared_submit(e, p);
        return;
    }
    if (p->code == CODE_SUCCESS)
        p->code = CODE_QUEUE_ERROR;
    store_submit(&e->store, p, e->now.mono_ms); /* which remembers it for a redelivery */
}

/* Checks 6 to 17 and the way into the store. */
static void judge_and_submit(struct engine *e, struct pending *p, const struct engine_message *message)
{
    struct judgement j;

    p->tracker = trackers_find(&e->trackers, p->tracker_id);
    j = engine_judgement(e, p);
    p->code = judge_request(&j);
    p->user_id = j.user ? j.user->id : 0;
    p->took_token = j.token_taken;
    if (p->code == CODE_SUCCESS)
        set_deadline(e, p, j.profile, message);
    if (e->shared) {
        submit_shared(e, p);
        return;
    }
    e->judged = &j;
    e->judged_id = p->id;
    store_submit(&e->store, p, e->now.mono_ms);
    e->judged = NULL;
}

static void take_request(struct engine *e, struct incoming *in)
{
    struct pending *p = make_pending(e, in);
    enum code code = check_message(e, in);

    /* These refusals say the same whenever they are repeated: nothing of them needs to be remembered. */
    if (code != CODE_SUCCESS) {
        engine_refuse(e, p, code);
        return;
    }
    fill_pending(e, p, in);
    judge_and_submit(e, p, in->message);
}

static void refuse_reply_topic(struct engine *e, const struct incoming *in)
{
    const struct engine_event event = {.kind = EVENT_REPLY_TOPIC_REFUSED,
                                       .action = in->request.action,
                                       .topic = in->reply_topic,
                                       .request = in->readable && !in->request.bad ? &in->request : NULL};

    e->counters.requests_reply_topic_refused++;
    engine_emit(e, &event);
}

void engine_take_request(struct engine *e, struct incoming *in)
{
    uint8_t room[TOPIC_ROOM];
    struct buffer topic = buffer_in(room, sizeof room);

    e->counters.requests++;
    e->counters.requests_retained += in->message->retain;
    in->reply_topic = choose_reply_topic(e, in, &topic);
    if (reply_topic_is_allowed(e, in))
        take_request(e, in);
    else
        refuse_reply_topic(e, in);
    in->reply_topic = (struct bytes){0};
    buffer_release(&topic);
}

void engine_request(struct engine *e, struct bytes action, const struct engine_message *message)
{
    struct incoming in;

    engine_read_request(e, action, message, &in);
    engine_take_request(e, &in);
}

/* --- the store's answer --- */

void engine_accepted(struct engine *e, const struct pending *p)
{
    struct engine_event event = engine_event_of(p, EVENT_REQUEST_ACCEPTED);

    e->counters.requests_accepted++;
    engine_emit(e, &event);
}

static void accept(struct engine *e, struct pending *p)
{
    engine_accepted(e, p);
    map_put(&e->by_id, p->id, p);
    timers_set(&e->timers, &p->deadline, p->deadline_ms);
    if (!store_gives_turn(&e->store, p)) /* else its turn makes the record, or its end does */
        engine_journal_request(e, p);
}

void engine_duplicate(struct engine *e, const struct pending *p, const char *why)
{
    struct engine_event event = engine_event_of(p, EVENT_REQUEST_DUPLICATE);

    if (p->took_token)
        rates_refund(&e->rates, p->user_id);
    event.why = why;
    e->counters.requests_duplicate++;
    engine_emit(e, &event);
}

void engine_submitted(void *ctx, struct pending *p, enum submit_verdict verdict, enum code code, enum outcome outcome)
{
    struct engine *e = ctx;

    switch (verdict) {
    case SUBMIT_NEW:
        if (code == CODE_SUCCESS)
            accept(e, p);
        else
            engine_refuse(e, p, code);
        return;
    case SUBMIT_PENDING:
        engine_duplicate(e, p, "pending");
        e->answering_id = store_same_id(&e->store, p);
        pending_free(p);
        return;
    case SUBMIT_ANSWERED:
        engine_duplicate(e, p, "answered");
        p->code = code;
        p->outcome = outcome;
        engine_finish(e, p, true);
        return;
    }
}
