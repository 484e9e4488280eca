#include "witness/tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "witness/packet.h"

enum { IDS = 65536 };

struct connection {
    struct tap *tap;
    struct buffer streams[2];  /* by enum side: what is not a whole packet yet */
    uint32_t requests_in[IDS]; /* by packet id: handed to the service, PUBACK not seen yet */
    uint32_t replies_out[IDS];
};

static struct bytes text_behind(struct bytes text, const char *start)
{
    size_t len = strlen(start);
    struct bytes rest = {0};

    if (text.len >= len && memcmp(text.data, start, len) == 0)
        rest = bytes_of(text.data + len, text.len - len);
    return rest;
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

static uint32_t number_in(struct bytes text)
{
    char digits[16];

    snprintf(digits, sizeof digits, "%.*s", text.len < 12 ? (int)text.len : 12, (const char *)text.data);
    return (uint32_t)strtoul(digits, NULL, 10);
}

/* --- broker to service --- */

static void handed_over(struct connection *c, const struct packet *p)
{
    uint32_t number = number_in(p->correlation);

    if (ends_with(p->topic, "/output/ack"))
        c->tap->seen |= 1u << MOMENT_ACK;
    if (!text_behind(p->topic, "api/tracker/output/").data)
        return;
    c->tap->seen |= 1u << MOMENT_REQUEST;
    ledger_mark(c->tap->ledger, number, p->dup ? MARK_REDELIVERED : MARK_DELIVERED, 0);
    c->requests_in[p->id] = number;
}

static void broker_acknowledged(struct connection *c, const struct packet *p)
{
    uint32_t number = c->replies_out[p->id];

    c->replies_out[p->id] = 0;
    if (number && p->reason < 0x80)
        ledger_mark(c->tap->ledger, number, MARK_REPLY_TAKEN, 0);
}

/* --- service to broker --- */

static void commanded(struct connection *c, int32_t tracker_id, const struct packet *p)
{
    struct ledger *l = c->tap->ledger;
    struct reader id = {.left = p->correlation};
    struct switching switching;
    uint32_t number = 0;

    if (speech_read_command(p->payload, &switching))
        number = ledger_of_switching(l, tracker_id, &switching);
    ledger_mark(l, number, MARK_COMMAND, reader_be(&id, 8));
    c->tap->seen |= 1u << MOMENT_COMMAND;
}

static void replied(struct connection *c, const struct packet *p)
{
    struct verdict verdict;
    uint32_t number = speech_read_reply(p->payload, &verdict) ? number_in(p->correlation) : 0;

    ledger_mark(c->tap->ledger, number, MARK_REPLY, ledger_pack(verdict));
    c->replies_out[p->id] = number;
    c->tap->seen |= 1u << MOMENT_REPLY;
}

static void published(struct connection *c, const struct packet *p)
{
    struct bytes tracker = text_behind(p->topic, "tracker/");

    if (tracker.data && ends_with(p->topic, "/output/command"))
        commanded(c, (int32_t)number_in(tracker), p);
    else if (text_behind(p->topic, "requester/").data)
        replied(c, p);
    else
        c->replies_out[p->id] = 0;
}

static void service_acknowledged(struct connection *c, const struct packet *p)
{
    uint32_t number = c->requests_in[p->id];

    c->requests_in[p->id] = 0;
    if (!number)
        return;
    ledger_mark(c->tap->ledger, number, MARK_PUBACKED, 0);
    c->tap->seen |= 1u << MOMENT_PUBACK;
}

/* --- the connection --- */

static void take_packet(struct connection *c, enum side from, const struct packet *p)
{
    if (p->type == PACKET_PUBLISH && from == SIDE_BROKER)
        handed_over(c, p);
    else if (p->type == PACKET_PUBLISH)
        published(c, p);
    else if (p->type == PACKET_PUBACK && from == SIDE_BROKER)
        broker_acknowledged(c, p);
    else if (p->type == PACKET_PUBACK)
        service_acknowledged(c, p);
}

static void *opened(void *ctx)
{
    struct connection *c = calloc(1, sizeof *c);

    CHECK(c);
    c->tap = ctx;
    return c;
}

/* What waits for a moment may cut this very connection: nothing here is touched after it. */
static void tell(struct tap *t)
{
    unsigned seen = t->seen;

    t->seen = 0;
    for (enum moment m = 0; m < MOMENTS; m++) {
        if (seen & 1u << m)
            t->moment(t->ctx, m);
    }
}

/* What the service did is told at once, before it does the next thing; what it is handed, once it has it. */
static void passing(void *connection, enum side from, struct bytes bytes)
{
    struct connection *c = connection;
    struct buffer *stream = &c->streams[from];
    struct packet p;
    struct bytes left;

    c->tap->ledger->service = c->tap->service;
    buffer_put(stream, bytes);
    left = buffer_bytes(stream);
    while (packet_take(&left, &p))
        take_packet(c, from, &p);
    memmove(stream->data, left.data, left.len);
    stream->len = left.len;
    if (from == SIDE_CLIENT)
        tell(c->tap);
}

static void passed(void *connection)
{
    tell(((struct connection *)connection)->tap);
}

static void closed(void *connection)
{
    struct connection *c = connection;

    buffer_release(&c->streams[0]);
    buffer_release(&c->streams[1]);
    free(c);
}

void tap_init(struct tap *t, struct ledger *l, void (*moment)(void *ctx, enum moment moment), void *ctx)
{
    *t = (struct tap){.ledger = l, .watcher = {t, opened, passing, passed, closed}, .ctx = ctx, .moment = moment};
}
