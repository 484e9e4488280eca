/* One MQTT connection, driven from one thread, on top of paho's MQTTClient.
 *
 * Calling sequence: mqtt_new, mqtt_connect, mqtt_subscribe; then in a loop: poll mqtt_fd for reading (at least once
 * a second go on without: that sends the keep-alive), mqtt_receive, mqtt_publish. When mqtt_receive says -ENOTCONN the
 * connection is gone: mqtt_connect again, and subscribe again. Nothing is resent by this module: who wants a publish
 * delivered keeps it until the acked handler was called with its token and publishes it again on the next connection.
 *
 * What paho gets wrong or leaves open (Nagle, blocking publishes, the missing socket) is dealt with here; no paho type
 * crosses this header. Functions return 0 or a negative errno. SIGPIPE is ignored from mqtt_new on. */
#ifndef EDGE_MQTT_H
#define EDGE_MQTT_H

#include "base/bytes.h"

/* Certificates for mqtts and wss. NULL: not given. */
struct mqtt_tls {
    const char *ca_file;   /* PEM; NULL: the system's */
    const char *cert_file; /* PEM, this client's */
    const char *key_file;  /* PEM; NULL: it is in cert_file */
    const char *key_password;
    bool verify; /* the broker's chain and its host name */
};

struct mqtt_options {
    const char *const *urls; /* mqtt, mqtts, ws or wss; tried in turn */
    size_t url_count;
    const char *client_id;
    const char *username;      /* NULL: none */
    const char *password;      /* NULL: none */
    int protocol;              /* 5, or 4 for MQTT 3.1.1; from 5 it falls back to 4 where a broker says no to 5 */
    bool clean_start;          /* discard the session that the broker kept */
    uint32_t session_expiry_s; /* how long the broker keeps the session; MQTT 5 only */
    uint16_t receive_maximum;  /* that the broker may send unacknowledged; 0: as many as are good. MQTT 5 only */
    int keep_alive_s;          /* on ws and wss 5 at most, because paho may need a ping to look at all that has come */
    int connect_timeout_s;
    struct mqtt_tls tls;
};

/* A received PUBLISH. Borrowed for the time of the handler. MQTT 3.1.1 leaves the properties empty. */
struct mqtt_message {
    struct bytes topic;
    struct bytes payload;
    struct bytes response_topic; /* data NULL: none */
    struct bytes correlation;    /* data NULL: none */
    struct bytes content_type;   /* data NULL: none */
    uint32_t expiry_s;           /* what is left of the Message Expiry Interval; only where has_expiry */
    uint8_t qos;
    bool has_expiry;
    bool retain;
    bool dup;
};

/* A PUBLISH to send. The properties are left out on MQTT 3.1.1. */
struct mqtt_publish {
    struct bytes topic; /* no NUL inside */
    struct bytes payload;
    struct bytes response_topic; /* data NULL: none */
    struct bytes correlation;    /* data NULL: none */
    struct bytes content_type;   /* data NULL: none */
    uint32_t expiry_s;           /* 0: none */
    uint8_t qos;                 /* 0 or 1 */
    bool retain;
};

struct mqtt_filter {
    const char *filter;
    uint8_t qos;
    bool retain_as_published; /* MQTT 5: keep the retain flag of live messages */
    bool no_retained;         /* MQTT 5: retain handling 2, do not send what the broker retains */
};

/* Both are called by mqtt_receive alone. They may publish; of the other functions they call none that changes the
 * connection. */
struct mqtt_handlers {
    void *ctx;
    void (*message)(void *ctx, const struct mqtt_message *message);
    /* The broker has taken the publish with this token; reason is MQTT 5's (0 on 3.1.1), an error from 0x80 on. */
    void (*acked)(void *ctx, int token, int reason);
};

struct mqtt;

/* Options and handlers are borrowed for the life of the object. NULL without memory. */
struct mqtt *mqtt_new(const struct mqtt_options *options, const struct mqtt_handlers *handlers);

/* Closes what is open without a DISCONNECT, so that the session stays at the broker. Takes NULL. */
void mqtt_free(struct mqtt *m);

/* Tries the next URL of the list, once; blocks for connect_timeout_s at most. -EPROTO: credentials or client id were
 * refused; -ECONNREFUSED: no connection. mqtt_error() says why. Reads the CONNACK and nothing behind it: what the
 * session has is neither taken nor acknowledged before mqtt_receive (or a mqtt_subscribe), so there is time to cork. */
int mqtt_connect(struct mqtt *m);

/* DISCONNECT, with what was written, corked or not, sent first; waits a second at most for the broker to close.
 * The session stays at the broker for its session expiry. */
void mqtt_disconnect(struct mqtt *m);

/* Drops the connection at once: what is corked is not sent, and the broker keeps what it had no PUBACK for. */
void mqtt_abort(struct mqtt *m);

bool mqtt_is_connected(const struct mqtt *m);
int mqtt_protocol(const struct mqtt *m); /* 5 or 4: what this connection speaks */
/* The broker had kept our session. Always false with MQTT 5 over TLS, where paho 1.3.12 does not tell. */
bool mqtt_session_present(const struct mqtt *m);
/* How many QoS 1 publishes may be unacknowledged: as many as the broker lets, and no more than are good for paho. */
uint16_t mqtt_receive_maximum(const struct mqtt *m);
uint32_t mqtt_maximum_packet(const struct mqtt *m); /* largest packet that the broker takes; 0: no limit */
const char *mqtt_url(const struct mqtt *m);         /* of the last attempt */
const char *mqtt_error(const struct mqtt *m);       /* why the last call failed */

/* The socket to poll, -1 when not connected, and for what: reading, and writing while something waits for that. */
int mqtt_fd(const struct mqtt *m);
short mqtt_events(const struct mqtt *m);

/* All filters in one packet; waits for the SUBACK, 5 s at most (then -ENOTCONN: paho 1.3.12 takes no shorter time and
 * closes a connection that lets it pass). Messages that come meanwhile are kept for mqtt_receive.
 * Under a cork the packet goes out and takes with it what was held before it, so call it with nothing held, and one
 * call a turn. What is written after it, the PUBACKs of those messages, is held as all else is. A connection that is
 * lost in the wait has acknowledged none of them.
 * -EACCES when the broker refused one of them (mqtt_error names it). */
int mqtt_subscribe(struct mqtt *m, const struct mqtt_filter *filters, size_t count);
int mqtt_unsubscribe(struct mqtt *m, const char *const *filters, size_t count);

/* Takes what the socket has, at most `max` messages, each through the handler; never waits. The number of messages,
 * or -ENOTCONN. *more: there may be more to read at once. */
int mqtt_receive(struct mqtt *m, int max, bool *more);

/* Never waits: what the socket does not take at once is kept, and sent when it does. 0 and the token of a QoS 1
 * publish; -EAGAIN when too much is kept already or the receive maximum is reached, which paho keeps with QoS 0,
 * too: try again after the next mqtt_receive. -ENOTCONN; -EINVAL: this publish can never be sent. */
int mqtt_publish(struct mqtt *m, const struct mqtt_publish *publish, int *token);

/* The receive maximum is not reached. */
bool mqtt_may_publish(const struct mqtt *m);

/* Holds back what is written until it is let go again, so that the journal comes first: it is in the memory of this
 * process, and what is held when that dies has not left, however much it was and however long it was held. Does nothing
 * when not connected; a new connection is not corked. */
void mqtt_cork(struct mqtt *m, bool hold);

#endif
