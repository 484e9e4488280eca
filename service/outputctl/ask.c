#include "ask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "json_text.h"
#include "terminal.h"
#include "wire/object.h"

enum {
    CONNECT_TIMEOUT_MAX_S = 10,
    PROGRESS_FROM_MS = 1000,
    PROGRESS_EVERY_MS = 500,
    NO_MATCHING_SUBSCRIBERS = 0x10, /* MQTT 5, 2.4 */
    FIRST_ERROR = 0x80,
    NOT_AUTHORISED = 0x87,
};

uint64_t ask_elapsed_ms(const struct ask *ask)
{
    return (ask->replied_us - ask->sent_us + 500) / 1000;
}

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(int error, const char *format, ...)
{
    va_list args;

    fputs("outputctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return error;
}

/* --- the reply --- */

struct id_check {
    struct bytes expected;
    bool differs;
};

static void check_request_id(void *ctx, const struct member *member)
{
    struct id_check *check = ctx;

    if (bytes_equal_text(member->key, "request_id"))
        check->differs = member->kind != MEMBER_TEXT || !bytes_equal(member->text, check->expected);
}

/* Nobody else knows the topic. So a reply is ours unless what it brings back is another request's: an error reply may
 * have to do without both. */
static bool is_ours(const struct ask *ask, const struct mqtt_message *message)
{
    struct id_check check = {.expected = bytes_of_text(ask->request_id)};

    if (!bytes_equal_text(message->topic, (const char *)ask->reply_topic.data))
        return false;
    if (message->correlation.data)
        return bytes_equal_text(message->correlation, ask->correlation);
    if (ask->request_id)
        object_decode(encoding_of(message->content_type, message->payload), message->payload, check_request_id, &check);
    return !check.differs;
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
    struct ask *ask = ctx;
    enum encoding encoding = encoding_of(message->content_type, message->payload);

    if (ask->replied_us || !is_ours(ask, message))
        return;
    ask->replied_us = clock_mono_us();
    if (json_text_of_payload(encoding, message->payload, &ask->reply) < 0)
        buffer_put(&ask->reply, message->payload);
}

static void on_acked(void *ctx, int token, int reason)
{
    struct ask *ask = ctx;

    if (token == ask->token)
        ask->reason = reason;
}

/* --- sending --- */

static void name_topics(struct ask *ask)
{
    char random[SESSION_RANDOM_SIZE];

    session_random(random);
    session_random(ask->correlation);
    buffer_printf(&ask->topic, "%sapi/tracker/output/%s", ask->options->prefix, action_name(ask->what.action));
    buffer_put_u8(&ask->topic, '\0');
    buffer_printf(&ask->reply_topic, "%s" ASK_REPLY_TOPIC "%s", ask->options->prefix, random);
    buffer_put_u8(&ask->reply_topic, '\0');
}

/* On MQTT 5 the request expires with our patience, less a second so that the service's own "no ack in time" still
 * reaches us: nothing may switch after we have said that there was no reply. */
static uint32_t expiry_s(const struct options *options)
{
    return options->timeout_ms < 2000 ? 1 : options->timeout_ms / 1000 - 1;
}

static int send_request(struct ask *ask, uint64_t deadline_ms)
{
    bool is_5 = mqtt_protocol(ask->session.m) == 5;
    enum encoding encoding = ask->options->msgpack ? ENCODING_MSGPACK : ENCODING_JSON;
    const char *reply_topic = (const char *)ask->reply_topic.data;
    struct buffer payload = {0};
    int r;

    ask->request_id = ask->options->request_id || is_5 ? ask->options->request_id : ask->correlation;
    request_payload_encode(encoding,
                           &(struct request_payload){.hash = ask->hash,
                                                     .tracker_id = ask->tracker_id,
                                                     .what = ask->what,
                                                     .request_id = ask->request_id,
                                                     .response_topic = is_5 ? NULL : reply_topic},
                           &payload);
    ask->sent_us = clock_mono_us();
    r = session_publish(&ask->session,
                        &(struct mqtt_publish){.topic = bytes_of_text((const char *)ask->topic.data),
                                               .payload = buffer_bytes(&payload),
                                               .response_topic = bytes_of_text(reply_topic),
                                               .correlation = bytes_of_text(ask->correlation),
                                               .content_type = bytes_of_text(encoding_content_type(encoding)),
                                               .expiry_s = expiry_s(ask->options),
                                               .qos = 1},
                        deadline_ms, &ask->token);
    explicit_bzero(payload.data, payload.len);
    buffer_release(&payload);
    return r;
}

static int connect_and_send(struct ask *ask, uint64_t deadline_ms)
{
    const struct mqtt_handlers handlers = {.ctx = ask, .message = on_message, .acked = on_acked};
    uint32_t timeout_s = (ask->options->timeout_ms + 999) / 1000;
    struct mqtt_filter filter = {.filter = (const char *)ask->reply_topic.data, .qos = 1};
    int r = session_open(&ask->session, ask->options,
                         timeout_s < CONNECT_TIMEOUT_MAX_S ? (int)timeout_s : CONNECT_TIMEOUT_MAX_S, &handlers);

    if (r == 0)
        r = mqtt_subscribe(ask->session.m, &filter, 1);
    if (r == 0)
        r = send_request(ask, deadline_ms);
    if (r == -ETIMEDOUT)
        return fail(r, "%s: the broker has taken nothing in %g s", ask->options->broker,
                    ask->options->timeout_ms / 1000.0);
    return r < 0 ? fail(r, "%s: %s", ask->options->broker, session_error(&ask->session)) : 0;
}

/* --- waiting --- */

/* A line that is rewritten while the wait is long; elapsed 0 erases it. */
static void show_progress(const struct ask *ask, uint64_t elapsed_ms)
{
    if (!terminal_is_live(stderr))
        return;
    if (elapsed_ms == 0)
        fputs("\r\x1b[K", stderr);
    else
        fprintf(stderr, "\r\x1b[Kwaiting for tracker %d, %llu s …", (int)ask->tracker_id,
                (unsigned long long)elapsed_ms / 1000);
    fflush(stderr);
}

/* The broker has said that nothing will come of the request. */
static bool is_hopeless(const struct ask *ask)
{
    return ask->reason == NO_MATCHING_SUBSCRIBERS || ask->reason >= FIRST_ERROR;
}

/* Until there is a reply, or none will come: -ETIMEDOUT, -ENOTCONN. */
static int wait_for_reply(struct ask *ask, uint64_t deadline_ms)
{
    uint64_t start_ms = clock_now().mono_ms;
    uint64_t now_ms = start_ms;
    bool has_progress = false;
    int r = session_take(&ask->session);

    while (r >= 0 && !ask->replied_us && !is_hopeless(ask) && now_ms < deadline_ms) {
        uint64_t left_ms = deadline_ms - now_ms;

        if (now_ms - start_ms >= PROGRESS_FROM_MS) {
            has_progress = true;
            show_progress(ask, now_ms - start_ms);
        }
        if (r == 0)
            session_wait(&ask->session, left_ms < PROGRESS_EVERY_MS ? (int)left_ms : PROGRESS_EVERY_MS);
        r = session_take(&ask->session);
        now_ms = clock_now().mono_ms;
    }
    if (has_progress)
        show_progress(ask, 0);
    if (ask->replied_us)
        return 0;
    return r < 0 ? r : -ETIMEDOUT;
}

static int explain_silence(const struct ask *ask, int r)
{
    const char *topic = (const char *)ask->topic.data;

    if (r != -ETIMEDOUT)
        return fail(r, "%s: %s before the reply came: the output may have switched", ask->options->broker,
                    session_error(&ask->session));
    if (ask->reason == NO_MATCHING_SUBSCRIBERS)
        return fail(r, "nobody is subscribed to %s: nothing was sent to the tracker; is outputd running?", topic);
    if (ask->reason >= FIRST_ERROR)
        return fail(r, "the broker refused the request (%s, 0x%02x): nothing was sent to the tracker",
                    ask->reason == NOT_AUTHORISED ? "not authorised" : "reason", (unsigned)ask->reason);
    return fail(r, "no reply within %g s%s: the output may have switched", ask->options->timeout_ms / 1000.0,
                ask->reason < 0 ? ", nor has the broker taken the request" : "");
}

int ask_run(struct ask *ask)
{
    uint64_t deadline_ms = clock_now().mono_ms + ask->options->timeout_ms;
    int r;

    ask->reason = -1;
    name_topics(ask);
    r = connect_and_send(ask, deadline_ms);
    if (r < 0)
        return r;
    r = wait_for_reply(ask, deadline_ms);
    return r < 0 ? explain_silence(ask, r) : 0;
}

void ask_release(struct ask *ask)
{
    session_close(&ask->session);
    buffer_release(&ask->topic);
    buffer_release(&ask->reply_topic);
    buffer_release(&ask->reply);
}
