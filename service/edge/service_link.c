#include "service_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "edge/backoff.h"

enum {
    RECEIVES_A_TURN = 128,
    FENCE_AGAIN_MS = 1000,
    FENCES_BEFORE_WARNING = 5,
    /* A connection that lasted so long starts the backoff anew. Much longer than the longest pause: of two services
     * with one client id each would else outlast the other's pause, and begin again with the shortest. */
    STABLE_MS = 60000,
    SHORT_LIVES_BEFORE_WARNING = 3,
};

/* --- receiving --- */

/* The service's own message has come back: everything that was retained when it subscribed came before it. */
static void take_fence(struct service *s, const struct mqtt_message *message)
{
    char number[24];

    snprintf(number, sizeof number, "%llu", (unsigned long long)s->fence_number);
    if (bytes_equal_text(message->payload, number))
        s->fence_seen = true;
}

static struct engine_message engine_message_of(const struct mqtt_message *message)
{
    return (struct engine_message){
        .topic = message->topic,
        .payload = message->payload,
        .response_topic = message->response_topic,
        .correlation = message->correlation,
        .content_type = message->content_type,
        .expiry_s = message->expiry_s,
        .has_expiry = message->has_expiry,
        .retain = message->retain,
        .dup = message->dup,
    };
}

void link_take_inherited(struct service *s, const struct mqtt_message *message)
{
    struct engine_message m = engine_message_of(message);

    m.inherited = true;
    engine_message(s->engine, &m, s->now);
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
    struct service *s = ctx;
    const struct engine_message m = engine_message_of(message);

    if (bytes_equal_text(message->topic, s->first->fence_topic)) {
        take_fence(s, message);
        return;
    }
    if (s->shared && bytes_equal_text(message->topic, s->first->reply_topic)) {
        http_take_reply(s, message->correlation, message->payload);
        return;
    }
    if (message->retain)
        s->last_retained_ms = s->now.mono_ms;
    engine_message(s->engine, &m, s->now);
}

static void on_acked(void *ctx, int token, int reason)
{
    struct service *s = ctx;

    s->acked_ms = s->now.mono_ms;
    outbox_acked(s->outbox, token, reason);
}

void link_init(struct service *s)
{
    s->handlers = (struct mqtt_handlers){s, on_message, on_acked};
    s->mqtt = mqtt_new(&s->first->mqtt, &s->handlers);
    CHECK(s->mqtt);
    s->backoff_ms = s->first->broker.reconnect_min_ms;
}

/* Messages that came while a SUBACK was waited for have had their PUBACKs and wait inside paho: all of them belong into
 * the journal of the turn that lets these PUBACKs out. */
bool link_receive(struct service *s, bool *more)
{
    bool is_inheriting;
    int n = 0;

    *more = false;
    s->received = 0;
    if (!mqtt_is_connected(s->mqtt))
        return false;
    do {
        n = mqtt_receive(s->mqtt, RECEIVES_A_TURN, more);
        s->received += n > 0 ? (unsigned)n : 0;
        is_inheriting = heir_receive(s); /* while it reads paho may read for the other connection, too */
    } while ((n > 0 && *more && s->has_backlog) || is_inheriting || (n > 0 && heir_is_busy(s)));
    s->has_backlog = false;
    if (n < 0)
        link_lost(s);
    return s->received > 0;
}

/* --- backoff --- */

static void plan_connect(struct service *s)
{
    s->connect_at_ms = s->now.mono_ms + backoff_pause_ms(&s->backoff_ms, s->first->broker.reconnect_max_ms);
}

/* A broker need not say that somebody has taken the session over: mosquitto 2.0 closes without a word. */
static void note_life(struct service *s)
{
    s->lost_ms = s->now.mono_ms;
    if (s->now.mono_ms - s->connected_ms >= STABLE_MS) {
        s->backoff_ms = s->first->broker.reconnect_min_ms;
        s->short_lives = 0;
        return;
    }
    if (++s->short_lives % SHORT_LIVES_BEFORE_WARNING == 0)
        log_write(LOG_WARNING, "connections do not last: is there another client with this id?",
                  LOG_TEXT("id", s->first->instance), LOG_INT("in_a_row", s->short_lives));
}

void link_lost(struct service *s)
{
    if (!s->link_up)
        return; /* known already */
    s->link_up = s->has_backlog = false;
    log_write(LOG_WARNING, "connection lost", LOG_TEXT("broker", mqtt_url(s->mqtt)),
              LOG_TEXT("why", mqtt_error(s->mqtt)));
    outbox_disconnected(s->outbox);
    s->presence_known = false;
    s->subscribed_requests = false;
    note_life(s);
    plan_connect(s);
}

/* --- subscribing --- */

static void put_share(const struct service *s, struct buffer *out)
{
    const char *group = s->first->broker.share_group;

    if (*group)
        buffer_printf(out, "$share/%s/", group);
}

static void put_request_filter(const struct service *s, struct buffer *out)
{
    put_share(s, out);
    buffer_printf(out, "%sapi/tracker/output/+", s->first->topic_prefix);
    buffer_put_u8(out, '\0');
}

/* Where state is shared any instance can take an ack; each has to know of presence itself. */
static size_t put_engine_filters(const struct service *s, struct buffer *names, size_t *ack_count)
{
    struct buffer filters = {0};
    size_t count;
    const char *at;

    *ack_count = engine_filters(s->engine, &filters, &count);
    at = (const char *)filters.data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1) {
        if (s->shared && i < *ack_count)
            put_share(s, names);
        buffer_put(names, bytes_of(at, strlen(at) + 1));
    }
    buffer_release(&filters);
    return count;
}

static void put_own(const struct service *s, const char *instance, const char *leaf, struct buffer *names)
{
    buffer_printf(names, "%soutputd/%s/%s", s->first->topic_prefix, instance, leaf);
    buffer_put_u8(names, '\0');
}

/* How many. */
static size_t put_own_topics(const struct service *s, const char *instance, struct buffer *names)
{
    put_own(s, instance, "fence", names);
    if (!s->shared)
        return 1;
    put_own(s, instance, "reply", names);
    return 2;
}

/* What this instance subscribes to, one name behind the other. */
struct names {
    struct buffer text;
    size_t ack_count; /* these first */
    size_t presence_end;
    size_t count; /* behind its own topics come the requests, where they are wanted */
};

static struct names make_names(const struct service *s, const char *instance, bool with_requests)
{
    struct names n = {.count = 0};

    n.presence_end = put_engine_filters(s, &n.text, &n.ack_count);
    n.count = n.presence_end + put_own_topics(s, instance, &n.text) + with_requests;
    if (with_requests)
        put_request_filter(s, &n.text);
    return n;
}

void link_put_names_of(const struct service *s, const char *instance, struct buffer *names, size_t *count)
{
    struct names all = make_names(s, instance, true);

    buffer_put(names, buffer_bytes(&all.text));
    *count = all.count;
    buffer_release(&all.text);
}

/* QoS 1 throughout: a request of QoS 2 arrives once or more, which the engine tells apart itself. Of acks, the fence
 * and requests nothing retained is wanted, and of requests the flag itself. */
static int subscribe_to(struct service *s, const struct names *n)
{
    struct mqtt_filter *filters = calloc(n->count, sizeof *filters);
    const char *at = (const char *)n->text.data;
    bool with_requests = !engine_is_draining(s->engine);
    int r;

    CHECK(filters);
    for (size_t i = 0; i < n->count; i++, at += strlen(at) + 1) {
        bool is_presence = i >= n->ack_count && i < n->presence_end;

        filters[i] = (struct mqtt_filter){.filter = at, .qos = 1, .no_retained = !is_presence};
        filters[i].retain_as_published = with_requests && i + 1 == n->count;
    }
    s->has_backlog = true;
    r = mqtt_subscribe(s->mqtt, filters, n->count);
    s->subscribed_requests = r == 0 && with_requests;
    free(filters);
    return r;
}

static bool is_among(const struct buffer *names, const char *name)
{
    const char *end = (const char *)names->data + names->len;

    for (const char *at = (const char *)names->data; at < end; at += strlen(at) + 1) {
        if (strcmp(at, name) == 0)
            return true;
    }
    return false;
}

/* What the session at the broker still has from an earlier configuration would bring the same request twice. */
static void note_gone(struct service *s, const struct buffer *before, const struct buffer *now)
{
    const char *end = (const char *)before->data + before->len;

    for (const char *at = (const char *)before->data; at < end; at += strlen(at) + 1) {
        if (!is_among(now, at))
            buffer_put(&s->gone, bytes_of(at, strlen(at) + 1));
    }
}

static void unsubscribe_gone(struct service *s)
{
    const char **names = calloc(s->gone.len + 1, sizeof *names);
    const char *end = (const char *)s->gone.data + s->gone.len;
    size_t count = 0;

    CHECK(names);
    for (const char *at = (const char *)s->gone.data; at < end; at += strlen(at) + 1)
        names[count++] = at;
    s->has_backlog = true;
    if (mqtt_unsubscribe(s->mqtt, names, count) == -ENOTCONN)
        link_lost(s); /* one that was not there is not missed */
    free(names);
    buffer_clear(&s->gone);
}

/* The names go into the journal: a session outlives the process. */
static int subscribe(struct service *s)
{
    struct names names = make_names(s, s->first->instance, !engine_is_draining(s->engine));
    int r = subscribe_to(s, &names);

    if (r < 0) {
        buffer_release(&names.text);
        return r;
    }
    note_gone(s, &s->filters, &names.text);
    buffer_release(&s->filters);
    s->filters = names.text;
    if (names.text.len <= journal_record_max(s->journal))
        journal_put(s->journal, JOURNAL_SESSION, SESSION_FILTERS, buffer_bytes(&names.text));
    return 0;
}

int link_recover_filters(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct service *s = ctx;

    (void)kind;
    if (id == SESSION_RUN)
        return shared_recover_run(s, record);
    if (id != SESSION_FILTERS || record.len == 0 || record.data[record.len - 1] != '\0')
        return -EBADMSG;
    buffer_put(&s->filters, record);
    return 0;
}

static void send_fence(struct service *s)
{
    char number[24];
    struct mqtt_publish publish = {.topic = bytes_of_text(s->first->fence_topic), .qos = 1};
    int token;

    snprintf(number, sizeof number, "%llu", (unsigned long long)++s->fence_number);
    publish.payload = bytes_of_text(number);
    s->fence_sent_ms = s->now.mono_ms;
    mqtt_publish(s->mqtt, &publish, &token); /* where it fails the next one will do */
}

static void start_reading_presence(struct service *s)
{
    s->presence_known = false;
    s->fence_seen = false;
    s->fences_lost = 0;
    s->last_retained_ms = s->now.mono_ms;
    engine_presence_reading(s->engine);
    send_fence(s);
}

/* --- connecting --- */

static void connected(struct service *s)
{
    log_write(LOG_INFO, "connected", LOG_TEXT("broker", mqtt_url(s->mqtt)), LOG_INT("mqtt", mqtt_protocol(s->mqtt)),
              LOG_INT("session_present", mqtt_session_present(s->mqtt)),
              LOG_INT("receive_maximum", mqtt_receive_maximum(s->mqtt)));
    engine_counters(s->engine)->connects++;
    s->connected_ms = s->now.mono_ms;
    s->link_up = true;
    if (s->shared)
        outbox_forget_unacknowledged(s->outbox);
    if (s->connected_once && !mqtt_session_present(s->mqtt))
        engine_republish_states(s->engine, s->now);
    s->connected_once = true;
    s->filters_wanted = s->stop_wanted = false; /* what is subscribed to is as of now */
    start_reading_presence(s);
}

/* By the wall clock only where this life does not know. */
static bool session_is_too_old(const struct service *s)
{
    int64_t away_ms = s->connected_once ? (int64_t)(s->now.mono_ms - s->lost_ms) : s->now.wall_ms - s->alive_wall_ms;

    return away_ms > (int64_t)s->first->broker.session_expiry_s * 1000;
}

/* On MQTT 5 the broker knows how long to keep the session, and goes by its own clock. On 3.1.1 it cannot be told, and
 * what it kept longer is not wanted. Which of the two it speaks may only be known once it has answered. */
static int open_connection(struct service *s)
{
    bool too_old = session_is_too_old(s);
    int r;

    s->first->mqtt.clean_start = too_old && s->first->broker.protocol == 4;
    r = mqtt_connect(s->mqtt);
    if (r < 0 || !too_old || s->first->mqtt.clean_start || mqtt_protocol(s->mqtt) == 5)
        return r;
    mqtt_abort(s->mqtt);
    s->first->mqtt.clean_start = true;
    return mqtt_connect(s->mqtt);
}

static void connect_now(struct service *s)
{
    int r = open_connection(s);

    s->now = clock_now(); /* that may have taken a while */
    if (r == 0) {
        /* Held until the turn's journal is written: requests may come in while the SUBACK is waited for. */
        mqtt_cork(s->mqtt, true);
        r = subscribe(s);
        s->now = clock_now();
    }
    if (r == 0) {
        connected(s);
        return;
    }
    engine_counters(s->engine)->connect_failures++;
    log_write(LOG_WARNING, "cannot connect", LOG_TEXT("broker", mqtt_url(s->mqtt)),
              LOG_TEXT("why", mqtt_error(s->mqtt)));
    if (mqtt_is_connected(s->mqtt))
        mqtt_abort(s->mqtt);
    plan_connect(s);
}

static void watch_presence(struct service *s)
{
    uint64_t settle_ms = s->first->broker.presence_settle_ms;

    if (s->presence_known)
        return;
    if (s->fence_seen && s->now.mono_ms - s->last_retained_ms >= settle_ms) {
        s->presence_known = true;
        engine_presence_read(s->engine, s->now);
        log_write(LOG_INFO, "presence read back", LOG_INT("online", engine_totals(s->engine).online));
    } else if (!s->fence_seen && s->now.mono_ms - s->fence_sent_ms >= FENCE_AGAIN_MS) {
        if (++s->fences_lost % FENCES_BEFORE_WARNING == 0)
            log_write(LOG_WARNING, "presence is not read back: may this user publish and read the fence topic?",
                      LOG_TEXT("topic", s->first->fence_topic));
        send_fence(s);
    }
}

/* Where others share the acks they take them from now on; else what it has commanded is acked here. */
static size_t put_stopped(const struct service *s, struct buffer *names)
{
    struct names all = make_names(s, s->first->instance, true);
    size_t count = 1;
    const char *at = (const char *)all.text.data;

    put_request_filter(s, names);
    for (size_t i = 0; shared_has_peers(s) && i < all.ack_count; i++, count++) {
        buffer_put(names, bytes_of(at, strlen(at) + 1));
        at += strlen(at) + 1;
    }
    buffer_release(&all.text);
    return count;
}

static void stop_requests(struct service *s)
{
    struct buffer names = {0};
    const char **list;
    const char *at;
    size_t count;

    s->stop_wanted = false;
    if (!s->subscribed_requests)
        return;
    s->subscribed_requests = false;
    s->has_backlog = true;
    count = put_stopped(s, &names);
    list = calloc(count, sizeof *list);
    CHECK(list);
    at = (const char *)names.data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        list[i] = at;
    if (mqtt_unsubscribe(s->mqtt, list, count) == -ENOTCONN)
        link_lost(s);
    free(list);
    buffer_release(&names);
}

static void update_filters(struct service *s)
{
    s->filters_wanted = false;
    if (subscribe(s) == -ENOTCONN)
        link_lost(s);
    else
        start_reading_presence(s);
}

/* One packet that is answered a turn, and that before anything else: it takes with it what the cork holds, the PUBACKs
 * of what came in this turn or while another answer was waited for. */
static void ask_broker(struct service *s)
{
    if (s->gone.len)
        unsubscribe_gone(s);
    else if (s->stop_wanted)
        stop_requests(s);
    else if (s->filters_wanted)
        update_filters(s);
}

static bool has_to_ask(const struct service *s)
{
    return s->gone.len || s->stop_wanted || s->filters_wanted;
}

void link_tick(struct service *s)
{
    if (!mqtt_is_connected(s->mqtt))
        link_lost(s); /* it may have broken while the fence was sent */
    if (mqtt_is_connected(s->mqtt))
        ask_broker(s);
    else if (s->now.mono_ms >= s->connect_at_ms)
        connect_now(s);
    if (mqtt_is_connected(s->mqtt))
        watch_presence(s);
}

int64_t link_wait_ms(const struct service *s)
{
    uint64_t settled_ms = s->last_retained_ms + s->first->broker.presence_settle_ms;

    if (mqtt_is_connected(s->mqtt) && has_to_ask(s))
        return 0;
    if (!mqtt_is_connected(s->mqtt))
        return s->connect_at_ms > s->now.mono_ms ? (int64_t)(s->connect_at_ms - s->now.mono_ms) : 0;
    if (s->presence_known || !s->fence_seen)
        return FENCE_AGAIN_MS;
    return settled_ms > s->now.mono_ms ? (int64_t)(settled_ms - s->now.mono_ms) : 0;
}

void link_stop_requests(struct service *s)
{
    s->stop_wanted = true;
}

void link_update_filters(struct service *s)
{
    s->filters_wanted = true;
}
