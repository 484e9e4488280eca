#include "session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/clock.h"

enum { KEEP_ALIVE_S = 30, WAIT_MAX_MS = 1000, RECEIVE_MAX = 256 };

void session_random(char out[SESSION_RANDOM_SIZE])
{
    uint8_t raw[(SESSION_RANDOM_SIZE - 1) / 2];

    CHECK(getrandom(raw, sizeof raw, 0) == (ssize_t)sizeof raw);
    bytes_to_hex(bytes_of(raw, sizeof raw), out);
}

/* MQTT 3.1.1 brokers need not take more than 23 characters. */
static void choose_client_id(struct session *s)
{
    char random[SESSION_RANDOM_SIZE];

    session_random(random);
    snprintf(s->client_id, sizeof s->client_id, "outputctl-%.12s", random);
}

int session_open(struct session *s, const struct options *options, int connect_timeout_s,
                 const struct mqtt_handlers *handlers)
{
    *s = (struct session){.url = options->broker, .handlers = *handlers};
    choose_client_id(s);
    s->options = (struct mqtt_options){
        .urls = &s->url,
        .url_count = 1,
        .client_id = s->client_id,
        .username = options->username,
        .password = options->password,
        .protocol = options->protocol,
        .clean_start = true,
        .keep_alive_s = KEEP_ALIVE_S,
        .connect_timeout_s = connect_timeout_s,
        .tls = {.ca_file = options->ca_file,
                .cert_file = options->cert_file,
                .key_file = options->key_file,
                .verify = !options->insecure},
    };
    s->m = mqtt_new(&s->options, &s->handlers);
    CHECK(s->m);
    return mqtt_connect(s->m);
}

void session_close(struct session *s)
{
    if (!s->m)
        return;
    mqtt_disconnect(s->m);
    mqtt_free(s->m);
    s->m = NULL;
}

const char *session_error(const struct session *s)
{
    return mqtt_error(s->m);
}

int session_take(struct session *s)
{
    bool more;

    return mqtt_receive(s->m, RECEIVE_MAX, &more);
}

void session_wait(struct session *s, int wait_ms)
{
    poll(&(struct pollfd){.fd = mqtt_fd(s->m), .events = mqtt_events(s->m)}, 1,
         wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS);
}

int session_publish(struct session *s, const struct mqtt_publish *publish, uint64_t deadline_ms, int *token)
{
    enum { RETRY_MS = 10 };
    int r = mqtt_publish(s->m, publish, token);

    while (r == -EAGAIN) {
        if (clock_now().mono_ms >= deadline_ms)
            return -ETIMEDOUT;
        session_wait(s, RETRY_MS);
        if (session_take(s) < 0)
            return -ENOTCONN;
        r = mqtt_publish(s->m, publish, token);
    }
    return r;
}
