/* The yardstick: the least that is done with Debian's paho (MQTTClient), used from one thread. It turns
 * requests into commands and acks into replies, with all the properties that the real ones carry, and nothing else: no
 * checks, no parsing, no journal, no registry, no timers. It has no code in common with the service. What the service
 * costs on top of this is what its promises cost.
 *
 * One turn: poll, cork, receive while the socket is readable, publish as much as the broker's Receive Maximum lets,
 * uncork. */
#include <MQTTClient.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PENDING_MAX = 1 << 14, /* commands without ack; a power of two */
    OUTBOX_MAX = 1 << 14,  /* a power of two */
    RECEIVES_A_TURN = 32,
    IDLE_MS = 1000, /* then paho is called all the same: it sends the keep-alive */
    KEEP_ALIVE_S = 30,
    COMMAND_EXPIRY_S = 10,
    SEND_BUFFER_SIZE = 256 * 1024,
};

/* Where the reply to a command's request goes. */
struct pending {
    char topic[128];
    char correlation[64];
    int correlation_len;
};

/* A command, or the reply that `pending` describes. */
struct outgoing {
    uint64_t id;
    uint64_t tracker;
    bool is_command;
};

struct forwarder {
    MQTTClient client;
    int fd;
    int receive_maximum; /* the broker's */
    int unacknowledged;
    struct pending *pending; /* by command id */
    struct outgoing *outbox; /* a ring */
    uint64_t outbox_in;
    uint64_t outbox_out;
    uint64_t last_id;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "forwarder: %s\n", what);
    exit(1);
}

/* --- in --- */

static uint64_t scan_number(const MQTTClient_message *message, const char *key)
{
    const char *end = (const char *)message->payload + message->payloadlen;
    const char *at = memmem(message->payload, (size_t)message->payloadlen, key, strlen(key));
    uint64_t number = 0;

    if (!at)
        return 0;
    at += strlen(key);
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return number;
}

static void outbox_put(struct forwarder *f, struct outgoing outgoing)
{
    if (f->outbox_in - f->outbox_out == OUTBOX_MAX)
        die("the outbox is full");
    f->outbox[f->outbox_in++ % OUTBOX_MAX] = outgoing;
}

static void take_request(struct forwarder *f, MQTTClient_message *request, const MQTTLenString *topic)
{
    const MQTTProperty *correlation =
        MQTTProperties_getProperty(&request->properties, MQTTPROPERTY_CODE_CORRELATION_DATA);
    uint64_t id = ++f->last_id;
    struct pending *p = &f->pending[id % PENDING_MAX];

    if (!correlation || correlation->value.data.len > (int)sizeof(p->correlation) ||
        topic->len >= (int)sizeof(p->topic))
        die("a request that it has no room for");
    memcpy(p->topic, topic->data, (size_t)topic->len);
    p->topic[topic->len] = '\0';
    memcpy(p->correlation, correlation->value.data.data, (size_t)correlation->value.data.len);
    p->correlation_len = correlation->value.data.len;
    outbox_put(f, (struct outgoing){id, scan_number(request, "\"tracker_id\""), true});
}

static void take_message(struct forwarder *f, MQTTClient_message *message)
{
    const MQTTProperty *topic = MQTTProperties_getProperty(&message->properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC);

    if (topic)
        take_request(f, message, &topic->value.data);
    else
        outbox_put(f, (struct outgoing){.id = scan_number(message, "\"id\"")});
}

static bool is_readable(const struct forwarder *f, int wait_ms)
{
    struct pollfd fd = {.fd = f->fd, .events = POLLIN};

    return poll(&fd, 1, wait_ms) > 0;
}

static void receive(struct forwarder *f)
{
    int left = RECEIVES_A_TURN;

    do {
        MQTTClient_message *message = NULL;
        char *topic = NULL;
        int topic_len;
        int r = MQTTClient_receive(f->client, &topic, &topic_len, &message, 0);

        if (message) {
            take_message(f, message);
            MQTTClient_freeMessage(&message);
            MQTTClient_free(topic);
        }
        if (r != MQTTCLIENT_SUCCESS && r != MQTTCLIENT_TOPICNAME_TRUNCATED)
            die("the connection is lost");
    } while (--left && is_readable(f, 0));
}

/* A PUBACK has come in. */
static void on_published(void *ctx, int token, int packet_type, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct forwarder *f = ctx;

    (void)token;
    (void)packet_type;
    (void)properties;
    if (reason >= MQTTREASONCODE_UNSPECIFIED_ERROR)
        die("the broker refused a publish");
    f->unacknowledged--;
}

/* --- out --- */

/* The list of properties is built in place: MQTTProperties_add would copy every string. */
static void add_number(MQTTProperties *properties, enum MQTTPropertyCodes code, uint32_t value)
{
    properties->array[properties->count++] = (MQTTProperty){.identifier = code, .value.integer4 = value};
    properties->length += 1 + 4;
}

static void add_bytes(MQTTProperties *properties, enum MQTTPropertyCodes code, char *data, int len)
{
    MQTTProperty *property = &properties->array[properties->count++];

    *property = (MQTTProperty){.identifier = code};
    property->value.data = (MQTTLenString){.len = len, .data = data};
    properties->length += 1 + 2 + len;
}

static void publish(struct forwarder *f, const char *topic, char *body, int len, const MQTTProperties *properties)
{
    MQTTClient_message message = MQTTClient_message_initializer;

    message.payload = body;
    message.payloadlen = len;
    message.qos = 1;
    message.properties = *properties;
    if (MQTTClient_publishMessage5(f->client, topic, &message, NULL).reasonCode != MQTTREASONCODE_SUCCESS)
        die("a publish failed");
    f->unacknowledged++;
}

static char content_type[] = "application/json";

static void publish_command(struct forwarder *f, const struct outgoing *command)
{
    MQTTProperty array[4];
    MQTTProperties properties = {.max_count = 4, .array = array};
    char topic[64];
    char ack_topic[64];
    char body[96];
    char correlation[8];
    int ack_len = snprintf(ack_topic, sizeof(ack_topic), "tracker/%" PRIu64 "/output/ack", command->tracker);
    int len = snprintf(body, sizeof(body),
                       "{\"id\": %" PRIu64 ", \"action\": \"set\", \"output\": 1, \"enable\": true}", command->id);

    snprintf(topic, sizeof(topic), "tracker/%" PRIu64 "/output/command", command->tracker);
    for (size_t i = 0; i < sizeof(correlation); i++)
        correlation[i] = (char)(command->id >> (8 * (7 - i)));
    add_number(&properties, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, COMMAND_EXPIRY_S);
    add_bytes(&properties, MQTTPROPERTY_CODE_CONTENT_TYPE, content_type, sizeof(content_type) - 1);
    add_bytes(&properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, ack_topic, ack_len);
    add_bytes(&properties, MQTTPROPERTY_CODE_CORRELATION_DATA, correlation, sizeof(correlation));
    publish(f, topic, body, len, &properties);
}

static void publish_reply(struct forwarder *f, const struct outgoing *reply)
{
    static char body[] = "{\"success\": true}";
    struct pending *p = &f->pending[reply->id % PENDING_MAX];
    MQTTProperty array[2];
    MQTTProperties properties = {.max_count = 2, .array = array};

    add_bytes(&properties, MQTTPROPERTY_CODE_CONTENT_TYPE, content_type, sizeof(content_type) - 1);
    add_bytes(&properties, MQTTPROPERTY_CODE_CORRELATION_DATA, p->correlation, p->correlation_len);
    publish(f, p->topic, body, sizeof(body) - 1, &properties);
}

/* Beyond the Receive Maximum paho would wait inside its publish. */
static void publish_outbox(struct forwarder *f)
{
    for (; f->outbox_out < f->outbox_in && f->unacknowledged < f->receive_maximum; f->outbox_out++) {
        const struct outgoing *next = &f->outbox[f->outbox_out % OUTBOX_MAX];

        if (next->is_command)
            publish_command(f, next);
        else
            publish_reply(f, next);
    }
}

/* --- the connection --- */

/* Paho does not tell its socket: it is the one whose other end is the broker. */
static int find_socket(uint16_t port)
{
    DIR *dir = opendir("/proc/self/fd");
    int found = -1;

    for (struct dirent *entry; dir && found < 0 && (entry = readdir(dir));) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof(peer);
        int fd = (int)strtol(entry->d_name, NULL, 10);

        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            found = fd;
    }
    if (dir)
        closedir(dir);
    return found;
}

static void tune_socket(struct forwarder *f, const char *url)
{
    f->fd = find_socket((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10));
    if (f->fd < 0)
        die("the connection's socket is not in /proc/self/fd");
    setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER_SIZE}, sizeof(int));
}

static void open_connection(struct forwarder *f, const char *url)
{
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
    MQTTResponse response;
    const MQTTProperty *maximum;
    char client_id[32];

    snprintf(client_id, sizeof(client_id), "forwarder-%d", (int)getpid());
    create.MQTTVersion = MQTTVERSION_5;
    if (MQTTClient_createWithOptions(&f->client, url, client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create))
        die("no client");
    MQTTClient_setTraceLevel(MQTTCLIENT_TRACE_FATAL); /* else paho formats a line for every step that it takes */
    options.keepAliveInterval = KEEP_ALIVE_S;
    options.maxInflightMessages = UINT16_MAX;
    options.cleanstart = 1;
    response = MQTTClient_connect5(f->client, &options, NULL, NULL);
    if (response.reasonCode != MQTTREASONCODE_SUCCESS)
        die("the broker does not take the connection");
    maximum =
        response.properties ? MQTTProperties_getProperty(response.properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) : NULL;
    f->receive_maximum = maximum ? maximum->value.integer2 : UINT16_MAX - 1;
    MQTTResponse_free(response);
    MQTTClient_setPublished(f->client, f, on_published);
    tune_socket(f, url);
}

static void subscribe(struct forwarder *f, const char *filter)
{
    MQTTResponse response = MQTTClient_subscribe5(f->client, filter, 1, NULL, NULL);

    if (response.reasonCode != MQTTREASONCODE_GRANTED_QOS_1)
        die("the broker refused a subscription");
    MQTTResponse_free(response);
}

static void turn(struct forwarder *f)
{
    is_readable(f, IDLE_MS);
    setsockopt(f->fd, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int));
    receive(f);
    publish_outbox(f);
    setsockopt(f->fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int));
}

int main(int argc, char **argv)
{
    static struct forwarder f;

    if (argc != 2 || !strrchr(argv[1], ':')) {
        fputs("usage: forwarder mqtt://HOST:PORT\n", stderr);
        return 2;
    }
    f.pending = calloc(PENDING_MAX, sizeof(*f.pending));
    f.outbox = calloc(OUTBOX_MAX, sizeof(*f.outbox));
    if (!f.pending || !f.outbox)
        die("no memory");
    open_connection(&f, argv[1]);
    subscribe(&f, "api/tracker/output/set");
    subscribe(&f, "tracker/+/output/ack");
    while (true)
        turn(&f);
}
