#include "witness/client.h"

#include <mqtt_protocol.h>
#include <poll.h>
#include <stdlib.h>

#include "base/check.h"
#include "witness/poller.h"

enum { KEEP_ALIVE_S = 10, SESSION_S = 3600, AGAIN_MS = 200 };

static void on_connect(struct mosquitto *m, void *obj, int reason, int flags, const mosquitto_property *properties)
{
    struct client *c = obj;

    (void)flags;
    (void)properties;
    if (reason != 0)
        return;
    /* The broker may have lost the session. */
    if (c->filter_count)
        mosquitto_subscribe_multiple(m, NULL, c->filter_count, (char *const *)(uintptr_t)c->filters, 1, 0, NULL);
    if (c->handlers->connected)
        c->handlers->connected(c->handlers->ctx);
}

static void on_message(struct mosquitto *m, void *obj, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct client *c = obj;
    void *correlation = NULL;
    uint16_t len = 0;

    (void)m;
    mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &correlation, &len, false);
    c->handlers->message(c->handlers->ctx, bytes_of_text(message->topic),
                         bytes_of(message->payload, (size_t)message->payloadlen), bytes_of(correlation, len));
    free(correlation);
}

static void on_publish(struct mosquitto *m, void *obj, int token, int reason, const mosquitto_property *properties)
{
    struct client *c = obj;

    (void)m;
    (void)properties;
    c->handlers->taken(c->handlers->ctx, token, reason);
}

void client_init(struct client *c, const char *id, uint16_t port, const char *const *filters, int filter_count,
                 const struct client_handlers *handlers)
{
    *c = (struct client){.handlers = handlers, .port = port, .filters = filters, .filter_count = filter_count};
    c->m = mosquitto_new(id, false, c);
    CHECK(c->m);
    mosquitto_int_option(c->m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(c->m, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(c->m, MOSQ_OPT_SEND_MAXIMUM, 65535);
    mosquitto_connect_v5_callback_set(c->m, on_connect);
    mosquitto_message_v5_callback_set(c->m, on_message);
    mosquitto_publish_v5_callback_set(c->m, on_publish);
}

void client_release(struct client *c)
{
    mosquitto_destroy(c->m);
}

static void connect_now(struct client *c)
{
    mosquitto_property *properties = NULL;
    int r;

    mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, SESSION_S);
    r = mosquitto_connect_bind_v5(c->m, "127.0.0.1", c->port, KEEP_ALIVE_S, NULL, properties);
    mosquitto_property_free_all(&properties);
    c->is_open = r == MOSQ_ERR_SUCCESS;
}

static void lost(struct client *c)
{
    c->is_open = false;
}

static void ready(void *ctx, short revents)
{
    struct client *c = ctx;
    int r = MOSQ_ERR_SUCCESS;

    if (revents & (POLLIN | POLLHUP | POLLERR))
        r = mosquitto_loop_read(c->m, 1);
    if (r == MOSQ_ERR_SUCCESS && revents & POLLOUT)
        r = mosquitto_loop_write(c->m, 1);
    if (r != MOSQ_ERR_SUCCESS)
        lost(c);
}

void client_turn(struct client *c, uint64_t now_ms)
{
    if (c->is_open && (mosquitto_loop_misc(c->m) != MOSQ_ERR_SUCCESS || mosquitto_socket(c->m) < 0))
        lost(c);
    if (!c->is_open && now_ms >= c->connect_at_ms) {
        c->connect_at_ms = now_ms + AGAIN_MS;
        connect_now(c);
    }
    if (c->is_open && mosquitto_socket(c->m) >= 0)
        poller_add(mosquitto_socket(c->m), (short)(POLLIN | (mosquitto_want_write(c->m) ? POLLOUT : 0)), ready, c);
}

int client_publish(struct client *c, const struct client_publish *publish)
{
    mosquitto_property *properties = NULL;
    int token = 0;

    if (publish->response_topic)
        mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, publish->response_topic);
    if (publish->correlation)
        mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, publish->correlation,
                                      (uint16_t)strlen(publish->correlation));
    if (publish->content_type)
        mosquitto_property_add_string(&properties, MQTT_PROP_CONTENT_TYPE, publish->content_type);
    mosquitto_publish_v5(c->m, &token, publish->topic, (int)publish->payload.len, publish->payload.data, 1,
                         publish->retain, properties);
    mosquitto_property_free_all(&properties);
    return token;
}
