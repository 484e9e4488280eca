#include "edge/mqtt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "edge/mqtt_link.h"
#include "edge/mqtt_properties.h"
#include "edge/mqtt_stream.h"

enum {
    TOKENS = 65536, /* packet ids, 1 to 65535 */
    STRING_MAX = 65535,
    /* Bytes that may wait for the socket before a publish has to. */
    UNSENT_MAX = 128 * 1024,
    /* Receives without progress before the connection counts as empty, where bytes hide in TLS or WebSocket buffers. */
    IDLE_RECEIVES_HIDDEN = 3,
};

struct ack {
    uint16_t token;
    uint8_t reason;
};

struct mqtt {
    const struct mqtt_options *options;
    const struct mqtt_handlers *handlers;
    size_t url; /* the next to try */
    size_t last_url;
    struct mqtt_link link;
    char error[MQTT_ERROR_SIZE];
    char farewell[MQTT_ERROR_SIZE]; /* what the broker said in a DISCONNECT; empty: nothing */

    /* QoS 1 publishes that the broker has not acknowledged. */
    uint8_t outstanding[TOKENS / 8];
    size_t outstanding_count;
    /* PUBACKs of MQTT 5 that paho has told us of from inside its own lock; handed on once it is out of it. */
    struct ack acks[TOKENS];
    size_t ack_count;

    bool is_receiving; /* paho's memory is in the hands of a handler: the handle must stay */
    char topic[STRING_MAX + 1];
};

/* --- the object --- */

struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers)
{
    CHECK(options->url_count > 0 && (options->protocol == 4 || options->protocol == 5));
    struct mqtt *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->options = options;
    m->handlers = handlers;
    m->link.fd = -1;
    signal(SIGPIPE, SIG_IGN);
    return m;
}

void mqtt_free(struct mqtt *m)
{
    if (!m)
        return;
    mqtt_abort(m);
    free(m);
}

static void forget_outstanding(struct mqtt *m)
{
    memset(m->outstanding, 0, sizeof(m->outstanding));
    m->outstanding_count = 0;
    m->ack_count = 0;
}

static int set_error(struct mqtt *m, int error, const char *text)
{
    snprintf(m->error, sizeof(m->error), "%s", text);
    return error;
}

static bool is_outstanding(const struct mqtt *m, int token)
{
    return (m->outstanding[token / 8] >> (token % 8)) & 1;
}

static void add_outstanding(struct mqtt *m, int token)
{
    m->outstanding[token / 8] = (uint8_t)(m->outstanding[token / 8] | 1 << (token % 8));
    m->outstanding_count++;
}

static void remove_outstanding(struct mqtt *m, int token)
{
    m->outstanding[token / 8] = (uint8_t)(m->outstanding[token / 8] & ~(1 << (token % 8)));
    m->outstanding_count--;
}

/* Paho calls this from inside MQTTClient_receive, with its lock held. */
static void on_published(void *ctx, int token, int packet_type, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)packet_type;
    (void)properties;
    struct mqtt *m = ctx;
    if (token <= 0 || token >= TOKENS || !is_outstanding(m, token))
        return;
    remove_outstanding(m, token);
    m->acks[m->ack_count++] = (struct ack){.token = (uint16_t)token, .reason = (uint8_t)reason};
}

int mqtt_connect(struct mqtt *m)
{
    mqtt_abort(m);
    forget_outstanding(m);
    m->last_url = m->url;
    int r = mqtt_link_open(&m->link, m->options, m->options->urls[m->url], m->error);
    if (r < 0) {
        m->url = (m->url + 1) % m->options->url_count;
        return r;
    }
    m->error[0] = '\0';
    m->farewell[0] = '\0';
    if (m->link.protocol == 5)
        MQTTClient_setPublished(m->link.client, m, on_published);
    return 0;
}

void mqtt_disconnect(struct mqtt *m)
{
    CHECK(!m->is_receiving);
    mqtt_link_disconnect(&m->link);
}

void mqtt_abort(struct mqtt *m)
{
    CHECK(!m->is_receiving);
    mqtt_link_abort(&m->link);
}

void mqtt_cork(struct mqtt *m, bool hold)
{
    mqtt_stream_hold(m->link.fd, hold);
}

bool mqtt_is_connected(const struct mqtt *m)
{
    return m->link.client;
}

int mqtt_protocol(const struct mqtt *m)
{
    return m->link.protocol;
}

bool mqtt_session_present(const struct mqtt *m)
{
    return m->link.session_present;
}

uint16_t mqtt_receive_maximum(const struct mqtt *m)
{
    return m->link.receive_maximum;
}

uint32_t mqtt_maximum_packet(const struct mqtt *m)
{
    return m->link.maximum_packet;
}

const char *mqtt_url(const struct mqtt *m)
{
    return m->options->urls[m->last_url];
}

const char *mqtt_error(const struct mqtt *m)
{
    return m->error;
}

int mqtt_fd(const struct mqtt *m)
{
    return m->link.fd;
}

short mqtt_events(const struct mqtt *m)
{
    return mqtt_stream_unsent(m->link.fd) > 0 ? POLLIN | POLLOUT : POLLIN;
}

/* In a handler the handle is left for mqtt_receive to find dead. */
static int lose(struct mqtt *m)
{
    if (!m->is_receiving)
        mqtt_link_abort(&m->link);
    return set_error(m, -ENOTCONN, m->farewell[0] != '\0' ? m->farewell : "the connection was lost");
}

/* --- subscribing --- */

static int refused_filter(struct mqtt *m, const char *filter, int reason)
{
    const char *name = m->link.protocol == 5 ? MQTTReasonCode_toString((enum MQTTReasonCodes)reason) : NULL;
    snprintf(m->error, sizeof(m->error), "refused: %s (%s)", filter, name ? name : "no reason given");
    return -EACCES;
}

/* 0 or -EACCES for the codes of a SUBACK or UNSUBACK, one a filter. */
static int check_codes(struct mqtt *m, const MQTTResponse *response, char *const *filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int code = (int)(response->reasonCodes ? response->reasonCodes[i] : response->reasonCode);
        if (code >= 0x80)
            return refused_filter(m, filters[i], code);
    }
    return 0;
}

static int failed(struct mqtt *m, int paho_error)
{
    if (!MQTTClient_isConnected(m->link.client))
        return lose(m);
    return set_error(m, -EINVAL, MQTTClient_strerror(paho_error));
}

static int subscribe5(struct mqtt *m, char *const *names, int *qos, const struct mqtt_filter *filters, size_t count)
{
    MQTTSubscribe_options *options = calloc(count, sizeof(*options));
    if (!options)
        return set_error(m, -ENOMEM, "no memory");
    for (size_t i = 0; i < count; i++) {
        options[i] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
        options[i].retainAsPublished = filters[i].retain_as_published;
        options[i].retainHandling = filters[i].no_retained ? 2 : 0;
    }
    MQTTResponse response = MQTTClient_subscribeMany5(m->link.client, (int)count, names, qos, options, NULL);
    int error = (int)response.reasonCode;
    int r = error < 0 ? failed(m, error) : check_codes(m, &response, names, count);
    MQTTResponse_free(response);
    free(options);
    return r;
}

static int subscribe4(struct mqtt *m, char *const *names, int *qos, size_t count)
{
    int error = MQTTClient_subscribeMany(m->link.client, (int)count, names, qos);
    if (error < 0)
        return failed(m, error);
    for (size_t i = 0; i < count; i++)
        if (qos[i] >= 0x80)
            return refused_filter(m, names[i], qos[i]);
    return 0;
}

int mqtt_subscribe(struct mqtt *m, const struct mqtt_filter *filters, size_t count)
{
    CHECK(count > 0 && !m->is_receiving);
    if (!m->link.client)
        return -ENOTCONN;
    char **names = calloc(count, sizeof(*names));
    int *qos = calloc(count, sizeof(*qos));
    int r = set_error(m, -ENOMEM, "no memory");
    if (names && qos) {
        for (size_t i = 0; i < count; i++) {
            names[i] = (char *)(uintptr_t)filters[i].filter;
            qos[i] = filters[i].qos;
        }
        mqtt_link_expect(&m->link);
        r = m->link.protocol == 5 ? subscribe5(m, names, qos, filters, count) : subscribe4(m, names, qos, count);
        mqtt_link_expect_end();
    }
    free(names);
    free(qos);
    return r;
}

int mqtt_unsubscribe(struct mqtt *m, const char *const *filters, size_t count)
{
    CHECK(count > 0 && !m->is_receiving);
    if (!m->link.client)
        return -ENOTCONN;
    char *const *names = (char *const *)(uintptr_t)filters;
    mqtt_link_expect(&m->link);
    MQTTResponse response = MQTTResponse_initializer;
    if (m->link.protocol == 5)
        response = MQTTClient_unsubscribeMany5(m->link.client, (int)count, names, NULL);
    else
        response.reasonCode = (enum MQTTReasonCodes)MQTTClient_unsubscribeMany(m->link.client, (int)count, names);
    int error = (int)response.reasonCode;
    int r = error < 0 ? failed(m, error) : check_codes(m, &response, names, count);
    mqtt_link_expect_end();
    MQTTResponse_free(response);
    return r;
}

/* --- receiving --- */

static void hand_on_acks(struct mqtt *m)
{
    for (size_t i = 0; i < m->ack_count; i++)
        m->handlers->acked(m->handlers->ctx, m->acks[i].token, m->acks[i].reason);
    m->ack_count = 0;
}

/* MQTT 3.1.1, where paho tells no PUBACK to a single thread: what it no longer counts as pending was acknowledged. */
static void find_acks4(struct mqtt *m)
{
    /* With its connection paho forgets what was pending. */
    if (m->outstanding_count == 0 || !MQTTClient_isConnected(m->link.client))
        return;
    MQTTClient_deliveryToken *pending = NULL;
    if (MQTTClient_getPendingDeliveryTokens(m->link.client, &pending) != MQTTCLIENT_SUCCESS)
        return;
    uint8_t still[TOKENS / 8] = {0};
    for (size_t i = 0; pending && pending[i] >= 0; i++)
        still[pending[i] / 8] = (uint8_t)(still[pending[i] / 8] | 1 << (pending[i] % 8));
    MQTTClient_free(pending);
    for (size_t byte = 0; byte < sizeof(still); byte++) {
        if ((m->outstanding[byte] & ~still[byte]) == 0)
            continue;
        for (int token = (int)byte * 8; token < (int)byte * 8 + 8; token++)
            if (is_outstanding(m, token) && !((still[byte] >> (token % 8)) & 1)) {
                remove_outstanding(m, token);
                m->acks[m->ack_count++] = (struct ack){.token = (uint16_t)token};
            }
    }
}

static void hand_on_message(struct mqtt *m, char *topic, int topic_len, MQTTClient_message *from)
{
    struct mqtt_message message = {
        .topic = bytes_of(topic, topic_len > 0 ? (size_t)topic_len : strlen(topic)),
        .payload = bytes_of(from->payload, (size_t)from->payloadlen),
        .qos = (uint8_t)from->qos,
        .retain = from->retained,
        .dup = from->dup,
    };
    if (m->link.protocol == 5)
        mqtt_properties_of_message(&from->properties, &message);
    m->handlers->message(m->handlers->ctx, &message);
    MQTTClient_freeMessage(&from);
    MQTTClient_free(topic);
}

/* Paho swallows a DISCONNECT of the broker in silence. Where nothing is encrypted it can be read before paho does. */
static void look_for_disconnect(struct mqtt *m)
{
    enum { DISCONNECT = 0xe0 };
    uint8_t head[3];
    if (m->link.protocol != 5 || m->link.hides_bytes)
        return;
    if (mqtt_stream_peek(m->link.fd, head, sizeof(head)) < sizeof(head) || head[0] != DISCONNECT || head[1] == 0)
        return;
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)head[2]);
    snprintf(m->farewell, sizeof(m->farewell), "the broker disconnected: %s", name ? name : "unknown reason");
}

/* One packet at most. Adds to *count; *is_idle: nothing came. 0 or -ENOTCONN. */
static int receive_one(struct mqtt *m, int *count, bool *is_idle)
{
    char *topic = NULL;
    int topic_len = 0;
    MQTTClient_message *message = NULL;
    look_for_disconnect(m);
    int r = MQTTClient_receive(m->link.client, &topic, &topic_len, &message, 0);
    bool is_lost = r != MQTTCLIENT_SUCCESS && r != MQTTCLIENT_TOPICNAME_TRUNCATED;
    if (!message && m->link.protocol != 5)
        find_acks4(m);
    *is_idle = !message && m->ack_count == 0;
    hand_on_acks(m);
    if (message) {
        hand_on_message(m, topic, topic_len, message);
        ++*count;
    }
    return is_lost ? -ENOTCONN : 0;
}

/* At most max messages. Ends when nothing came so often that nothing can be left. */
static int receive_all(struct mqtt *m, int max, int *count)
{
    int patience = m->link.hides_bytes ? IDLE_RECEIVES_HIDDEN : 1;
    for (int idle = 0; *count < max && idle < patience;) {
        bool is_idle;
        int r = receive_one(m, count, &is_idle);
        if (r < 0)
            return r;
        idle = is_idle ? idle + 1 : 0;
    }
    return 0;
}

int mqtt_receive(struct mqtt *m, int max, bool *more)
{
    CHECK(!m->is_receiving);
    *more = false;
    if (!m->link.client)
        return -ENOTCONN;
    int count = 0;
    mqtt_stream_fill(m->link.fd);
    m->is_receiving = true;
    int r = receive_all(m, max, &count);
    m->is_receiving = false;
    /* Where a ping was not answered, paho closes and says nothing. */
    if (r < 0 || !MQTTClient_isConnected(m->link.client))
        return lose(m);
    *more = count >= max || mqtt_stream_unread(m->link.fd) > 0;
    return count;
}

/* --- publishing --- */

static bool is_topic(struct bytes topic)
{
    if (topic.len == 0 || topic.len > STRING_MAX)
        return false;
    return !memchr(topic.data, '\0', topic.len) && !memchr(topic.data, '+', topic.len) &&
           !memchr(topic.data, '#', topic.len) && bytes_are_utf8(topic);
}

static bool is_text(struct bytes text)
{
    return text.len <= STRING_MAX && (text.len == 0 || !memchr(text.data, '\0', text.len)) && bytes_are_utf8(text);
}

/* An upper bound of the packet's size. */
static size_t packet_size(const struct mqtt *m, const struct mqtt_publish *publish)
{
    enum { HEADER_MAX = 5, TOPIC_LENGTH = 2, PACKET_ID = 2 };
    size_t size = HEADER_MAX + TOPIC_LENGTH + publish->topic.len + PACKET_ID + publish->payload.len;
    return m->link.protocol == 5 ? size + mqtt_properties_size(publish) : size;
}

static bool can_ever_send(const struct mqtt *m, const struct mqtt_publish *publish, size_t size)
{
    enum { PACKET_MAX = 268435455 };
    if (!is_topic(publish->topic) || publish->qos > 1 || size > PACKET_MAX)
        return false;
    if (m->link.protocol != 5)
        return true;
    if (publish->response_topic.data && !is_topic(publish->response_topic))
        return false;
    if (!is_text(publish->content_type) || publish->correlation.len > STRING_MAX)
        return false;
    return m->link.maximum_packet == 0 || size <= m->link.maximum_packet;
}

/* One that is larger than all the room there is goes alone. */
static bool has_room(const struct mqtt *m, size_t size)
{
    size_t unsent = mqtt_stream_unsent(m->link.fd);
    return unsent == 0 || unsent + size <= UNSENT_MAX;
}

static int send_publish(struct mqtt *m, const struct mqtt_publish *publish, int *token)
{
    memcpy(m->topic, publish->topic.data, publish->topic.len);
    m->topic[publish->topic.len] = '\0';
    struct mqtt_publish_properties properties;
    mqtt_properties_of_publish(&properties, publish);
    MQTTResponse response =
        MQTTClient_publish5(m->link.client, m->topic, (int)publish->payload.len, publish->payload.data, publish->qos,
                            publish->retain, &properties.paho, token);
    return (int)response.reasonCode;
}

/* Beyond that paho waits for a PUBACK, with QoS 0 as well: for ever, where what it waits for is held. */
bool mqtt_may_publish(const struct mqtt *m)
{
    return m->outstanding_count < m->link.receive_maximum;
}

int mqtt_publish(struct mqtt *m, const struct mqtt_publish *publish, int *token)
{
    if (!m->link.client)
        return -ENOTCONN;
    size_t size = packet_size(m, publish);
    if (!can_ever_send(m, publish, size))
        return set_error(m, -EINVAL, "the broker cannot take this publish");
    if (!mqtt_may_publish(m) || !has_room(m, size))
        return -EAGAIN;
    int sent_token = 0;
    int r = send_publish(m, publish, &sent_token);
    /* Paho calls a QoS 1 publish that failed a success, because it would send it again by itself. */
    if (!MQTTClient_isConnected(m->link.client))
        return lose(m);
    if (r != MQTTCLIENT_SUCCESS)
        return set_error(m, -EINVAL, MQTTClient_strerror(r));
    if (publish->qos == 1) {
        add_outstanding(m, sent_token);
        *token = sent_token;
    }
    return 0;
}
