#include "edge/mqtt_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/mqtt_properties.h"
#include "edge/mqtt_socket.h"
#include "edge/mqtt_stream.h"

enum {
    COMMAND_TIMEOUT_MS = 5000, /* for a SUBACK; the least that paho takes */
    CLOSE_WAIT_MS = 1000,      /* for the broker to close after our DISCONNECT */
    RECEIVE_MAXIMUM = 256,     /* what the broker may send unacknowledged: it keeps the rest, and we do not have to */
    RECEIVE_MAXIMUM_3_1_1 = 100,
    /* Of ours, whatever the broker grants: paho searches through what is unacknowledged for each, and with a thousand
     * of them a request takes half as much CPU again. */
    UNACKNOWLEDGED_MAX = 128,
    INFLIGHT_MAX = 65535,
    TIMESTAMP_LEN = 20, /* of paho's trace lines */
};

struct scheme {
    const char *prefix;
    uint16_t default_port;
    bool has_tls;
    bool hides_bytes;
    /* 0: as configured. What is left of a WebSocket frame with several packets in it (mosquitto sends one a frame,
     * other brokers more) is not looked at by paho before the socket is readable again: the answer to a ping does. */
    int keep_alive_max_s;
};

static const struct scheme schemes[] = {
    {"mqtt://", 1883, false, false, 0},
    {"mqtts://", 8883, true, true, 0},
    {"ws://", 80, false, true, 5},
    {"wss://", 443, true, true, 5},
};

static const struct scheme *scheme_of(const char *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    return NULL;
}

static uint16_t port_of(const char *url, const struct scheme *scheme)
{
    const char *host = url + strlen(scheme->prefix);
    const char *after_address = *host == '[' ? strchr(host, ']') : host;
    const char *colon = after_address ? strchr(after_address, ':') : NULL;
    return colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : scheme->default_port;
}

/* --- what paho tells only its trace --- */

/* Things that paho's functions do not say: that a CONNECT went out (so that there was a broker at the other end), what
 * flags its CONNACK had, that a SUBSCRIBE went out while paho still waits for its answer. */
static struct watch {
    bool is_connect_tried;
    bool session_present;
    bool is_readable;            /* what comes on the socket is not encrypted */
    uint64_t deadline_ms;        /* of the connect */
    int asking_fd;               /* -1: no answer is waited for */
    char error[MQTT_ERROR_SIZE]; /* the last that paho or OpenSSL complained about */
} watch = {.asking_fd = -1};

static void note_error(struct bytes text)
{
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    snprintf(watch.error, sizeof(watch.error), "%.*s", (int)text.len, (const char *)text.data);
}

/* The flag in a CONNACK, perhaps in a WebSocket frame, that begins with these bytes. */
static bool has_session_flag(const uint8_t *head, size_t len)
{
    enum { WEBSOCKET_BINARY = 0x82, WEBSOCKET_LONG = 126, CONNACK = 0x20, MORE_LENGTH = 0x80 };
    size_t at = 0;
    if (len > 2 && head[0] == WEBSOCKET_BINARY)
        at = head[1] == WEBSOCKET_LONG ? 4 : 2;
    if (at >= len || head[at] != CONNACK)
        return false;
    for (at++; at < len && (head[at] & MORE_LENGTH); at++)
        ;
    return at + 1 < len && (head[at + 1] & 1);
}

/* Paho 1.3.12 keeps the session flag of MQTT 5 to itself: read the CONNACK before paho does. */
static void on_connect_written(int fd, bool is_sent)
{
    watch.is_connect_tried = true;
    watch.error[0] = '\0'; /* it was overcome: of two ways to check a host's name only one can succeed */
    if (!is_sent || !watch.is_readable)
        return;
    uint8_t head[12] = {0};
    uint64_t now_ms = clock_now().mono_ms;
    int wait_ms = now_ms < watch.deadline_ms ? (int)(watch.deadline_ms - now_ms) : 0;
    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, wait_ms);
    watch.session_present = has_session_flag(head, mqtt_socket_peek(fd, head, sizeof(head)));
}

/* Paho's lines: "20261123 015213.425 3 client-id -> CONNECT version 5 clean: 0 (0)". */
static void on_trace(enum MQTTCLIENT_TRACE_LEVELS level, char *line)
{
    size_t len = strlen(line);
    if (len > TIMESTAMP_LEN && strstr(line, " -> CONNECT "))
        on_connect_written((int)strtol(line + TIMESTAMP_LEN, NULL, 10), strcmp(line + len - 3, "(0)") == 0);
    else if (watch.asking_fd >= 0 && (strstr(line, " -> SUBSCRIBE ") || strstr(line, " -> UNSUBSCRIBE ")))
        mqtt_stream_push(watch.asking_fd); /* the question is among what is held, and paho is about to wait */
    else if (strstr(line, "X509_check_host"))
        note_error(bytes_of_text("TLS: the certificate is for another host"));
    else if (level >= MQTTCLIENT_TRACE_ERROR && len > TIMESTAMP_LEN)
        note_error(bytes_of_text(line + TIMESTAMP_LEN));
}

static void watch_start(struct watch start)
{
    watch = start;
    MQTTClient_setTraceCallback(on_trace);
    MQTTClient_setTraceLevel(MQTTCLIENT_TRACE_PROTOCOL);
}

/* Off is also fast: by default paho formats a line for every step that it takes, for nobody. */
static void watch_stop(void)
{
    MQTTClient_setTraceCallback(NULL);
    MQTTClient_setTraceLevel(MQTTCLIENT_TRACE_FATAL);
    watch.asking_fd = -1;
}

/* OpenSSL's "THREAD:error:CODE:library:function:reason:file:line:": the reason is for people. */
static int on_tls_error(const char *text, size_t len, void *ctx)
{
    (void)ctx;
    const char *reason = strstr(text, "error:");
    for (int field = 0; reason && field < 4; field++) {
        reason = strchr(reason, ':');
        reason = reason ? reason + 1 : NULL;
    }
    if (!reason)
        note_error(bytes_of(text, len));
    else
        snprintf(watch.error, sizeof(watch.error), "TLS: %.*s", (int)strcspn(reason, ":\n"), reason);
    return 1;
}

/* --- connecting --- */

struct attempt {
    const struct mqtt_options *options;
    const struct scheme *scheme;
    const char *url;
    int protocol;
    int timeout_s;
};

static const struct refusal {
    int reason; /* of MQTT 5 from 0x80 on, of MQTT 3.1.1 below */
    int error;
    const char *name;
} refusals[] = {
    {0x01, -EPROTONOSUPPORT, "the broker does not speak this version of MQTT"},
    {0x02, -EPROTO, "client id not valid"},
    {0x03, -ECONNREFUSED, "server unavailable"},
    {0x04, -EPROTO, "bad user name or password"},
    {0x05, -EPROTO, "not authorised"},
    {0x84, -EPROTONOSUPPORT, "the broker does not speak this version of MQTT"},
    {0x85, -EPROTO, "client id not valid"},
    {0x86, -EPROTO, "bad user name or password"},
    {0x87, -EPROTO, "not authorised"},
    {0x8a, -EPROTO, "banned"},
    {0x8c, -EPROTO, "bad authentication method"},
};

static int refused_with(int reason, char error[MQTT_ERROR_SIZE])
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (refusals[i].reason == reason) {
            snprintf(error, MQTT_ERROR_SIZE, "refused: %s", refusals[i].name);
            return refusals[i].error;
        }
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)reason);
    snprintf(error, MQTT_ERROR_SIZE, "refused: %s (0x%02x)", name ? name : "unknown reason", (unsigned)reason);
    return -ECONNREFUSED;
}

/* Paho has no reason code: the connection did not come about, or it was closed instead of an answer. Brokers that close
 * on a CONNECT of version 5 get no 3.1.1 for that: a line that broke in this moment looks the same, and a session that
 * is continued with 3.1.1 has lost the Correlation Data by which a repeated request is known. */
static int failed_without_answer(bool had_time_left, char error[MQTT_ERROR_SIZE])
{
    if (watch.error[0] != '\0')
        snprintf(error, MQTT_ERROR_SIZE, "%s", watch.error);
    else if (!had_time_left)
        snprintf(error, MQTT_ERROR_SIZE, "no answer in time");
    else if (watch.is_connect_tried)
        snprintf(error, MQTT_ERROR_SIZE,
                 "the broker closed the connection instead of answering (one that has no MQTT 5: broker.protocol = 4)");
    else
        snprintf(error, MQTT_ERROR_SIZE, "no connection");
    return -ECONNREFUSED;
}

static MQTTClient_SSLOptions tls_options_of(const struct mqtt_tls *tls)
{
    MQTTClient_SSLOptions out = MQTTClient_SSLOptions_initializer;
    out.trustStore = tls->ca_file;
    out.keyStore = tls->cert_file;
    out.privateKey = tls->key_file;
    out.privateKeyPassword = tls->key_password;
    out.enableServerCertAuth = tls->verify;
    out.verify = tls->verify;
    out.ssl_error_cb = on_tls_error;
    return out;
}

static MQTTClient_connectOptions connect_options_of(const struct attempt *attempt)
{
    MQTTClient_connectOptions v4 = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
    MQTTClient_connectOptions out = attempt->protocol == 5 ? v5 : v4;
    const struct mqtt_options *options = attempt->options;
    out.MQTTVersion = attempt->protocol;
    if (attempt->protocol == 5)
        out.cleanstart = options->clean_start;
    else
        out.cleansession = options->clean_start;
    out.username = options->username;
    out.password = options->password;
    out.keepAliveInterval = options->keep_alive_s;
    int keep_alive_max_s = attempt->scheme->keep_alive_max_s;
    if (keep_alive_max_s > 0 && (options->keep_alive_s == 0 || options->keep_alive_s > keep_alive_max_s))
        out.keepAliveInterval = keep_alive_max_s;
    out.connectTimeout = attempt->timeout_s;
    out.reliable = 0;
    out.maxInflightMessages = INFLIGHT_MAX;
    return out;
}

static MQTTResponse send_connect(MQTTClient client, MQTTClient_connectOptions *paho, const struct attempt *attempt)
{
    if (attempt->protocol != 5) {
        MQTTResponse response = MQTTResponse_initializer;
        response.reasonCode = (enum MQTTReasonCodes)MQTTClient_connect(client, paho);
        return response;
    }
    const MQTTProperty list[] = {
        mqtt_properties_of_number(MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, attempt->options->session_expiry_s),
        mqtt_properties_of_number(MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, attempt->options->receive_maximum
                                                                         ? attempt->options->receive_maximum
                                                                         : RECEIVE_MAXIMUM),
    };
    MQTTProperties properties = MQTTProperties_initializer;
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        MQTTProperties_add(&properties, &list[i]);
    MQTTResponse response = MQTTClient_connect5(client, paho, &properties, NULL);
    MQTTProperties_free(&properties);
    return response;
}

static void read_connack(struct mqtt_link *link, MQTTProperties *properties)
{
    uint32_t value;
    link->receive_maximum = link->protocol == 5 ? UNACKNOWLEDGED_MAX : RECEIVE_MAXIMUM_3_1_1;
    link->maximum_packet = 0;
    if (!properties)
        return;
    if (mqtt_properties_number(properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, &value) && value < UNACKNOWLEDGED_MAX)
        link->receive_maximum = (uint16_t)value;
    if (mqtt_properties_number(properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, &value))
        link->maximum_packet = value;
}

/* The handle exists; makes it a connection. 0, or a negative errno: -EPROTONOSUPPORT invites to try MQTT 3.1.1. */
static int connect_handle(struct mqtt_link *link, const struct attempt *attempt, char error[MQTT_ERROR_SIZE])
{
    MQTTClient_connectOptions paho = connect_options_of(attempt);
    MQTTClient_SSLOptions tls = tls_options_of(&attempt->options->tls);
    if (attempt->scheme->has_tls)
        paho.ssl = &tls;

    struct mqtt_socket_note note;
    mqtt_socket_note(&note);
    uint64_t deadline_ms = clock_now().mono_ms + (uint64_t)attempt->timeout_s * 1000;
    watch_start((struct watch){.asking_fd = -1, .is_readable = !attempt->scheme->has_tls, .deadline_ms = deadline_ms});
    MQTTResponse response = send_connect(link->client, &paho, attempt);
    watch_stop();
    int reason = (int)response.reasonCode;
    if (reason == MQTTCLIENT_SUCCESS) {
        link->fd = mqtt_socket_find(&note, port_of(attempt->url, attempt->scheme));
        link->session_present = paho.returned.sessionPresent || watch.session_present;
        read_connack(link, response.properties);
    }
    MQTTResponse_free(response);
    if (reason > 0)
        return refused_with(reason, error);
    if (reason < 0)
        return failed_without_answer(clock_now().mono_ms < deadline_ms, error);
    if (link->fd < 0) {
        snprintf(error, MQTT_ERROR_SIZE, "the connection's socket is not in /proc/self/fd");
        return -ECONNREFUSED;
    }
    mqtt_socket_tune(link->fd);
    mqtt_stream_begin(link->fd);
    return 0;
}

static int try_once(struct mqtt_link *link, const struct attempt *attempt, char error[MQTT_ERROR_SIZE])
{
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    create.MQTTVersion = attempt->protocol;
    *link = (struct mqtt_link){.fd = -1, .protocol = attempt->protocol, .hides_bytes = attempt->scheme->hides_bytes};
    /* A fresh handle for every connection, which remembers nothing, so that paho never resends anything by itself:
     * what is sent again is decided elsewhere, and a command never is. */
    int r = MQTTClient_createWithOptions(&link->client, attempt->url, attempt->options->client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
    if (r != MQTTCLIENT_SUCCESS) {
        snprintf(error, MQTT_ERROR_SIZE, "%s", MQTTClient_strerror(r));
        link->client = NULL;
        return -ECONNREFUSED;
    }
    MQTTClient_setCommandTimeout(link->client, COMMAND_TIMEOUT_MS);
    r = connect_handle(link, attempt, error);
    if (r < 0)
        mqtt_link_abort(link);
    return r;
}

int mqtt_link_open(struct mqtt_link *link, const struct mqtt_options *options, const char *url,
                   char error[MQTT_ERROR_SIZE])
{
    struct attempt attempt = {.options = options,
                              .scheme = scheme_of(url),
                              .url = url,
                              .protocol = options->protocol,
                              .timeout_s = options->connect_timeout_s};
    if (!attempt.scheme) {
        snprintf(error, MQTT_ERROR_SIZE, "the URL does not begin with mqtt, mqtts, ws or wss");
        return -ECONNREFUSED;
    }
    uint64_t start_ms = clock_now().mono_ms;
    int r = try_once(link, &attempt, error);
    int left_s = options->connect_timeout_s - (int)((clock_now().mono_ms - start_ms) / 1000);
    if (r == -EPROTONOSUPPORT && attempt.protocol == 5 && left_s > 0) {
        attempt.protocol = 4;
        attempt.timeout_s = left_s;
        r = try_once(link, &attempt, error);
    }
    return r == -EPROTONOSUPPORT ? -ECONNREFUSED : r;
}

/* --- and after --- */

static void destroy(struct mqtt_link *link)
{
    MQTTClient_destroy(&link->client);
    *link = (struct mqtt_link){.fd = -1};
}

void mqtt_link_abort(struct mqtt_link *link)
{
    if (!link->client)
        return;
    /* Paho always says DISCONNECT when it closes; nobody is to hear it. A socket that paho has closed by itself may
     * already be another one's descriptor. */
    if (link->fd >= 0 && MQTTClient_isConnected(link->client)) {
        mqtt_stream_mute(link->fd);
        mqtt_socket_reset(link->fd);
    }
    MQTTClient_disconnect(link->client, 0);
    destroy(link);
}

void mqtt_link_disconnect(struct mqtt_link *link)
{
    if (!link->client || !MQTTClient_isConnected(link->client)) {
        mqtt_link_abort(link);
        return;
    }
    mqtt_stream_hold(link->fd, false);
    mqtt_stream_finish(link->fd, CLOSE_WAIT_MS);
    /* Paho closes at once, and a close with unread bytes in it is a reset, which may take the last packets with it. So
     * the socket is kept open beyond paho's close, until the broker has closed its side. */
    int kept_fd = dup(link->fd);
    MQTTClient_disconnect(link->client, 0);
    destroy(link);
    if (kept_fd >= 0) {
        mqtt_socket_drain(kept_fd, CLOSE_WAIT_MS);
        close(kept_fd);
    }
}

void mqtt_link_expect(struct mqtt_link *link)
{
    watch_start((struct watch){.asking_fd = link->fd});
}

void mqtt_link_expect_end(void)
{
    watch_stop();
}
