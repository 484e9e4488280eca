#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/check.h"
#include "sim.h"

/* edge/mqtt.h as paho keeps it: what has come in is acknowledged into the cork before anybody has seen it, and a lost
 * connection shows at the next call. */

enum { EARLY_MAX = 4096, TOKENS_MAX = 65535, RECEIVE_MAXIMUM = 20 };

struct mqtt {
    const struct mqtt_options *options;
    const struct mqtt_handlers *handlers;
    bool connected;
    bool session_present;
    struct sim_message early[EARLY_MAX]; /* came while an answer was waited for */
    unsigned early_count;
    int early_tokens[EARLY_MAX]; /* PUBACKs, likewise */
    unsigned early_token_count;
    bool outstanding[TOKENS_MAX + 1];
    unsigned outstanding_count;
    int last_token;
};

struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers)
{
    struct mqtt *m = calloc(1, sizeof *m);

    CHECK(m);
    m->options = options;
    m->handlers = handlers;
    return m;
}

void mqtt_free(struct mqtt *m)
{
    free(m);
}

static int lost(struct mqtt *m)
{
    m->connected = false;
    return -ENOTCONN;
}

int mqtt_connect(struct mqtt *m)
{
    sim_effect();
    if (sim.dead || (!sim.healing && dice(6) == 0))
        return -ECONNREFUSED;
    broker_accept(m->options->clean_start, &m->session_present);
    m->connected = true;
    m->early_count = m->early_token_count = m->outstanding_count = 0;
    memset(m->outstanding, 0, sizeof m->outstanding);
    broker_carry(dice(30)); /* a session's messages come at once */
    return 0;
}

void mqtt_disconnect(struct mqtt *m)
{
    if (!sim.dead) {
        broker_cork(false);
        broker_carry(1000);
        broker_cut();
    }
    m->connected = false;
}

void mqtt_abort(struct mqtt *m)
{
    if (!sim.dead) {
        broker_lose_corked();
        broker_cut();
    }
    m->connected = false;
}

bool mqtt_is_connected(const struct mqtt *m)
{
    return m->connected;
}

int mqtt_protocol(const struct mqtt *m)
{
    return m->options->protocol;
}

bool mqtt_session_present(const struct mqtt *m)
{
    return m->session_present;
}

uint16_t mqtt_receive_maximum(const struct mqtt *m)
{
    (void)m;
    return RECEIVE_MAXIMUM;
}

const char *mqtt_url(const struct mqtt *m)
{
    (void)m;
    return "sim";
}

const char *mqtt_error(const struct mqtt *m)
{
    (void)m;
    return "simulated";
}

int mqtt_fd(const struct mqtt *m)
{
    (void)m;
    return -1;
}

short mqtt_events(const struct mqtt *m)
{
    (void)m;
    return POLLIN;
}

void mqtt_cork(struct mqtt *m, bool hold)
{
    if (!hold)
        sim_effect();
    if (m->connected && !sim.dead)
        broker_cork(hold);
}

/* --- receiving --- */

static void hand_on(struct mqtt *m, const struct sim_message *from)
{
    const struct mqtt_message message = {
        .topic = bytes_of_text(from->topic),
        .payload = bytes_of(from->payload, from->payload_len),
        .response_topic = bytes_of(from->response_topic[0] ? from->response_topic : NULL, strlen(from->response_topic)),
        .correlation = bytes_of(from->correlation_len ? from->correlation : NULL, from->correlation_len),
        .content_type = bytes_of_text(from->content_type),
        .expiry_s = from->expiry_s,
        .has_expiry = from->expiry_s != 0,
        .qos = 1,
        .retain = from->retain,
        .dup = from->dup,
    };

    oracle_handling(from->request, from->expiry_s);
    m->handlers->message(m->handlers->ctx, &message);
    oracle_handling(-1, 0);
}

static void acked(struct mqtt *m, int token)
{
    if (!m->outstanding[token])
        return;
    m->outstanding[token] = false;
    m->outstanding_count--;
    m->handlers->acked(m->handlers->ctx, token, 0);
}

/* While a SUBACK is waited for: what comes is acknowledged, and kept. */
static void keep_early(struct mqtt *m, unsigned packets)
{
    for (; packets > 0 && m->early_count < EARLY_MAX && m->early_token_count < EARLY_MAX; packets--) {
        int mid;
        int token;

        broker_carry(1);
        if (!broker_receive(&m->early[m->early_count], &mid, &token))
            return;
        if (token) {
            m->early_tokens[m->early_token_count++] = token;
        } else {
            m->early_count++;
            broker_send_puback(mid);
        }
    }
}

static bool receive_one(struct mqtt *m, int *count)
{
    struct sim_message message;
    int mid;
    int token;

    if (m->early_token_count) {
        acked(m, m->early_tokens[--m->early_token_count]);
        return true;
    }
    if (m->early_count) {
        message = m->early[0];
        memmove(m->early, m->early + 1, --m->early_count * sizeof message);
        hand_on(m, &message);
        ++*count;
        return true;
    }
    if (sim.dead || !broker_receive(&message, &mid, &token))
        return false;
    if (token) {
        acked(m, token);
        return true;
    }
    broker_send_puback(mid);
    hand_on(m, &message);
    ++*count;
    return true;
}

int mqtt_receive(struct mqtt *m, int max, bool *more)
{
    int count = 0;

    sim_effect();
    *more = false;
    if (!m->connected)
        return -ENOTCONN;
    while (count < max && receive_one(m, &count))
        ;
    if (!broker_is_connected() && !sim.dead)
        return lost(m);
    *more = count >= max;
    return count;
}

/* --- sending --- */

static bool wait_for_answer(struct mqtt *m)
{
    if (sim.dead)
        return true;
    if (!broker_is_connected() || (!sim.healing && dice(12) == 0)) {
        broker_lose_corked();
        broker_cut();
        return false;
    }
    broker_push(); /* a packet that is waited for takes with it what is held */
    keep_early(m, dice(50));
    return true;
}

int mqtt_subscribe(struct mqtt *m, const struct mqtt_filter *filters, size_t count)
{
    sim_effect();
    if (!m->connected || !broker_is_connected())
        return lost(m);
    for (size_t i = 0; i < count && !sim.dead; i++)
        broker_subscribe(&filters[i]);
    return wait_for_answer(m) ? 0 : lost(m);
}

int mqtt_unsubscribe(struct mqtt *m, const char *const *filters, size_t count)
{
    sim_effect();
    if (!m->connected || !broker_is_connected())
        return lost(m);
    for (size_t i = 0; i < count && !sim.dead; i++)
        broker_unsubscribe(filters[i]);
    return wait_for_answer(m) ? 0 : lost(m);
}

static int next_token(struct mqtt *m)
{
    do {
        m->last_token = m->last_token % TOKENS_MAX + 1;
    } while (m->outstanding[m->last_token]);
    m->outstanding[m->last_token] = true;
    m->outstanding_count++;
    return m->last_token;
}

static void put_text(char *to, size_t size, struct bytes from)
{
    CHECK(from.len < size);
    if (from.len)
        memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

/* A command carries its id as Correlation Data and says where it is acked; a reply is on a topic of requesters. */
static uint64_t command_id_of(const struct mqtt_publish *publish)
{
    struct reader r = {.left = publish->correlation};

    return publish->response_topic.data ? reader_be(&r, 8) : 0;
}

int mqtt_publish(struct mqtt *m, const struct mqtt_publish *publish, int *token)
{
    struct sim_message message = {.retain = publish->retain, .request = -1};
    uint64_t command_id = command_id_of(publish);

    sim_effect();
    if (!m->connected)
        return -ENOTCONN;
    if (m->outstanding_count >= RECEIVE_MAXIMUM || (!sim.healing && dice(40) == 0))
        return -EAGAIN;
    trace("service: publishes %.*s", (int)publish->topic.len, (const char *)publish->topic.data);
    if (!sim.dead && command_id)
        oracle_command_leaves(command_id);
    if (!sim.healing && dice(100) == 0 && !sim.dead)
        broker_cut();
    if (!broker_is_connected() && !sim.dead)
        return lost(m);
    *token = next_token(m);
    if (sim.dead)
        return 0;
    put_text(message.topic, sizeof message.topic, publish->topic);
    put_text(message.response_topic, sizeof message.response_topic, publish->response_topic);
    CHECK(publish->payload.len <= PAYLOAD_MAX && publish->correlation.len <= sizeof message.correlation);
    message.payload_len = (uint16_t)publish->payload.len;
    memcpy(message.payload, publish->payload.data, publish->payload.len);
    message.correlation_len = (uint8_t)publish->correlation.len;
    if (message.correlation_len)
        memcpy(message.correlation, publish->correlation.data, message.correlation_len);
    broker_send_publish(&message, *token, command_id);
    return 0;
}
