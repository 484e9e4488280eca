#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/topic.h"
#include "sim.h"

/* What the broker has for the service, and the wire between the two. Both directions keep their order. */

enum { FILTERS_MAX = 64, DELIVERIES_MAX = 4096, WIRE_MAX = 8192, RETAINED_MAX = 64, WINDOW = 20 };

struct filter {
    char text[SIM_TOPIC_MAX];
    bool no_retained;
    bool retain_as_published;
};

struct delivery {
    struct sim_message message;
    int mid; /* 0: not on its way */
};

struct packet {
    struct sim_message *message; /* NULL: a PUBACK */
    int number;                  /* PUBACK: of what; PUBLISH: its packet id */
    uint64_t command_id;
    bool corked;
};

struct wire {
    struct packet packets[WIRE_MAX];
    unsigned count;
};

static struct {
    bool connected;
    bool corked;
    bool session;
    uint64_t left_at_ms; /* by the service */
    struct filter filters[FILTERS_MAX];
    unsigned filter_count;
    struct delivery deliveries[DELIVERIES_MAX];
    unsigned delivery_count;
    unsigned inflight;
    int last_mid;
    struct sim_message retained[RETAINED_MAX];
    unsigned retained_count;
    struct wire in; /* to the service */
    struct wire out;
} broker;

/* --- wires --- */

static void wire_put(struct wire *wire, const struct sim_message *message, struct packet packet)
{
    CHECK(wire->count < WIRE_MAX);
    if (message) {
        packet.message = malloc(sizeof *message);
        CHECK(packet.message);
        *packet.message = *message;
    }
    wire->packets[wire->count++] = packet;
}

static struct packet wire_take(struct wire *wire)
{
    struct packet first = wire->packets[0];

    wire->count--;
    memmove(wire->packets, wire->packets + 1, wire->count * sizeof first);
    return first;
}

static void wire_clear(struct wire *wire)
{
    for (unsigned i = 0; i < wire->count; i++)
        free(wire->packets[i].message);
    wire->count = 0;
}

/* --- the session --- */

static void drop_session(void)
{
    trace("the broker drops the session, with %u messages", broker.delivery_count);
    broker.session = false;
    broker.filter_count = broker.delivery_count = broker.inflight = 0;
}

static void enqueue(const struct sim_message *message, bool retain)
{
    struct delivery *d = &broker.deliveries[broker.delivery_count];

    if (broker.delivery_count == DELIVERIES_MAX)
        return; /* mosquitto drops, too, beyond max_queued_messages; requesters ask again */
    broker.delivery_count++;
    *d = (struct delivery){.message = *message};
    d->message.retain = retain;
    d->message.dup = false;
}

static void retain(const struct sim_message *message)
{
    unsigned i = 0;

    while (i < broker.retained_count && strcmp(broker.retained[i].topic, message->topic) != 0)
        i++;
    if (message->payload_len == 0) {
        if (i < broker.retained_count)
            broker.retained[i] = broker.retained[--broker.retained_count];
        return;
    }
    CHECK(i < RETAINED_MAX);
    broker.retained[i] = *message;
    broker.retained_count += i == broker.retained_count;
}

void broker_publish(const struct sim_message *message)
{
    struct sim_message copy = *message;

    copy.at_ms = sim.now_ms;
    if (copy.retain)
        retain(&copy);
    if (!broker.session)
        return;
    for (unsigned i = 0; i < broker.filter_count; i++) {
        if (topic_matches(bytes_of_text(broker.filters[i].text), bytes_of_text(copy.topic))) {
            enqueue(&copy, copy.retain && broker.filters[i].retain_as_published);
            return;
        }
    }
}

void broker_subscribe(const struct mqtt_filter *filter)
{
    unsigned i = 0;

    while (i < broker.filter_count && strcmp(broker.filters[i].text, filter->filter) != 0)
        i++;
    CHECK(i < FILTERS_MAX);
    broker.filter_count += i == broker.filter_count;
    snprintf(broker.filters[i].text, SIM_TOPIC_MAX, "%s", filter->filter);
    broker.filters[i].no_retained = filter->no_retained;
    broker.filters[i].retain_as_published = filter->retain_as_published;
    for (unsigned r = 0; r < broker.retained_count && !filter->no_retained; r++) {
        if (topic_matches(bytes_of_text(filter->filter), bytes_of_text(broker.retained[r].topic)))
            enqueue(&broker.retained[r], true);
    }
}

void broker_unsubscribe(const char *filter)
{
    for (unsigned i = 0; i < broker.filter_count; i++) {
        if (strcmp(broker.filters[i].text, filter) == 0)
            broker.filters[i] = broker.filters[--broker.filter_count];
    }
}

/* --- what the broker does with packets --- */

static void take_puback(int mid)
{
    for (unsigned i = 0; i < broker.delivery_count; i++) {
        struct delivery *d = &broker.deliveries[i];

        if (d->mid != mid)
            continue;
        trace("broker: PUBACK of %s", d->message.topic);
        if (d->message.request >= 0)
            oracle_promised((unsigned)d->message.request);
        broker.inflight--;
        broker.delivery_count--;
        memmove(d, d + 1, (broker.delivery_count - i) * sizeof *d);
        return;
    }
}

static void take_publish(const struct packet *packet)
{
    const struct sim_message *m = packet->message;

    if (packet->command_id) {
        for (unsigned t = 0; t < TRACKERS; t++) {
            char topic[SIM_TOPIC_MAX];

            snprintf(topic, sizeof topic, "tracker/%d/output/command", (int)tracker_ids[t]);
            if (strcmp(topic, m->topic) == 0)
                world_deliver_command(t, packet->command_id, bytes_of(m->payload, m->payload_len));
        }
        oracle_command_reached(packet->command_id);
    } else if (strncmp(m->topic, "reply/", 6) == 0) {
        char correlation[17] = {0};

        memcpy(correlation, m->correlation, m->correlation_len);
        oracle_replied((unsigned)atoi(correlation + 1), bytes_of(m->payload, m->payload_len));
    }
    broker_publish(m);
    wire_put(&broker.in, NULL, (struct packet){.number = packet->number});
}

/* False: nothing is there that has left the cork. */
static bool take_one(void)
{
    struct packet packet;

    if (broker.out.count == 0 || broker.out.packets[0].corked)
        return false;
    packet = wire_take(&broker.out);
    if (packet.message)
        take_publish(&packet);
    else
        take_puback(packet.number);
    free(packet.message);
    return true;
}

static bool expired(const struct sim_message *m)
{
    return m->expiry_s && sim.now_ms - m->at_ms >= m->expiry_s * 1000u;
}

static void drop_expired(void)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < broker.delivery_count; i++) {
        if (broker.deliveries[i].mid || !expired(&broker.deliveries[i].message))
            broker.deliveries[kept++] = broker.deliveries[i];
    }
    broker.delivery_count = kept;
}

static bool hand_one(void)
{
    for (unsigned i = 0; i < broker.delivery_count && broker.inflight < WINDOW; i++) {
        struct delivery *d = &broker.deliveries[i];

        if (d->mid)
            continue;
        broker.last_mid = broker.last_mid % 60000 + 1;
        d->mid = broker.last_mid;
        broker.inflight++;
        wire_put(&broker.in, &d->message, (struct packet){.number = d->mid});
        d->message.dup = true; /* from the second time on */
        return true;
    }
    return false;
}

void broker_carry(unsigned packets)
{
    if (!broker.connected)
        return;
    drop_expired();
    for (unsigned i = 0; i < packets && (take_one() | hand_one()); i++)
        ;
}

bool broker_is_quiet(void)
{
    return broker.delivery_count == 0 && broker.in.count == 0 && broker.out.count == 0;
}

void broker_swap(void)
{
    unsigned i;

    if (broker.delivery_count < 2)
        return;
    i = dice(broker.delivery_count - 1);
    if (broker.deliveries[i].mid == 0 && broker.deliveries[i + 1].mid == 0) {
        struct delivery first = broker.deliveries[i];

        broker.deliveries[i] = broker.deliveries[i + 1];
        broker.deliveries[i + 1] = first;
    }
}

/* --- connections --- */

bool broker_is_connected(void)
{
    return broker.connected;
}

bool broker_accept(bool clean_start, bool *session_present)
{
    broker_cut();
    broker_expire_session();
    if (clean_start)
        drop_session();
    *session_present = broker.session;
    trace("connected, session %s", broker.session ? "present" : "new");
    broker.session = broker.connected = true;
    broker.corked = false;
    return true;
}

/* Some of what had left still arrives. */
void broker_cut(void)
{
    if (!broker.connected)
        return;
    trace("the connection breaks");
    for (unsigned n = dice(8); n > 0 && take_one(); n--)
        ;
    broker.connected = false;
    broker.left_at_ms = sim.now_ms;
    wire_clear(&broker.in);
    wire_clear(&broker.out);
    for (unsigned i = 0; i < broker.delivery_count; i++)
        broker.deliveries[i].mid = 0;
    broker.inflight = 0;
}

void broker_expire_session(void)
{
    if (!broker.connected && broker.session &&
        sim.now_ms - broker.left_at_ms > sim.config.broker.session_expiry_s * 1000u)
        drop_session();
}

void broker_restart(bool keeps_session, bool keeps_retained)
{
    broker_cut();
    if (!keeps_session)
        drop_session();
    if (!keeps_retained)
        broker.retained_count = 0;
    world_online_again();
}

void broker_reset(void)
{
    wire_clear(&broker.in);
    wire_clear(&broker.out);
    drop_session();
    broker.connected = false;
    broker.retained_count = 0;
    broker.left_at_ms = 0;
}

/* --- the service's end --- */

static void put_out(const struct sim_message *message, struct packet packet)
{
    packet.corked = broker.corked;
    wire_put(&broker.out, message, packet);
}

void broker_send_publish(const struct sim_message *message, int token, uint64_t command_id)
{
    put_out(message, (struct packet){.number = token, .command_id = command_id});
}

void broker_send_puback(int mid)
{
    put_out(NULL, (struct packet){.number = mid});
}

/* What is held leaves, and what comes after it is held again. */
void broker_push(void)
{
    for (unsigned i = 0; i < broker.out.count; i++)
        broker.out.packets[i].corked = false;
}

void broker_cork(bool hold)
{
    broker.corked = hold;
    if (!hold)
        broker_push();
}

/* A reset: what is held is not sent. */
void broker_lose_corked(void)
{
    while (broker.out.count && broker.out.packets[broker.out.count - 1].corked)
        free(broker.out.packets[--broker.out.count].message);
}

unsigned broker_held_inbound(void)
{
    return broker.in.count;
}

bool broker_receive(struct sim_message *message, int *mid, int *token)
{
    struct packet packet;

    if (broker.in.count == 0)
        return false;
    packet = wire_take(&broker.in);
    *token = packet.message ? 0 : packet.number;
    *mid = packet.number;
    if (packet.message) {
        *message = *packet.message;
        /* What is left of it. */
        if (message->expiry_s)
            message->expiry_s -= (uint32_t)((sim.now_ms - message->at_ms) / 1000 < message->expiry_s
                                                ? (sim.now_ms - message->at_ms) / 1000
                                                : message->expiry_s - 1);
    }
    free(packet.message);
    return true;
}
