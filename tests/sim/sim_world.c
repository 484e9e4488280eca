#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sim.h"
#include "support/families.h"

#define HASH_GOOD "a6aa75587e5c59c32d347da438505fc3"
#define HASH_BAD "ffffffffffffffffffffffffffffffff"

enum { USER = 1, INBOX = 8, EXPIRY_NEVER = 0, FIFO_TIMEOUT_MS = 2000, FIFO_QUARANTINE_MS = 1500 };

const int32_t tracker_ids[TRACKERS] = {101, 102, 103, 104, 105, 106, 107, 108};

enum family { FAMILY_JSON, FAMILY_MSGPACK, FAMILY_FIFO, FAMILY_ECHOING };

static const enum family families[TRACKERS] = {FAMILY_JSON, FAMILY_JSON,    FAMILY_JSON, FAMILY_MSGPACK,
                                               FAMILY_FIFO, FAMILY_ECHOING, FAMILY_JSON, FAMILY_JSON};
static const char *const models[] = {"generic_json", "generic_msgpack", "fifo", "echoing"};

struct inbox_entry {
    uint64_t id;
    char text[32];
};

static struct {
    bool online;
    struct inbox_entry inbox[INBOX]; /* the last commands, the newest first */
    unsigned count;
} trackers[TRACKERS];

static struct sim_message requests[REQUESTS_MAX];

bool tracker_names_commands(unsigned tracker)
{
    return families[tracker] == FAMILY_JSON || families[tracker] == FAMILY_MSGPACK;
}

uint64_t tracker_timeout_ms(unsigned tracker)
{
    return families[tracker] == FAMILY_FIFO ? FIFO_TIMEOUT_MS : sim.config.engine_config.ack_timeout_ms;
}

/* --- registry, profiles, configuration --- */

struct profiles *world_profiles(void)
{
    return families_profiles(FIFO_TIMEOUT_MS, FIFO_QUARANTINE_MS);
}

struct registry *world_registry(bool one_left_out)
{
    static const struct registry_user user = {USER, false};
    static struct digest hash;
    static bool has_hash;
    struct registry *r = registry_new();
    struct registry_session session = {
        .user_id = USER, .master = true, .all_trackers = true, .expires_at_ms = INT64_MAX};

    if (!has_hash)
        hash = digest_of(bytes_of_text(HASH_GOOD));
    has_hash = true;
    session.hash_sha256 = hash;
    CHECK(registry_add_user(r, &user) == 0 && registry_add_session(r, &session) == 0);
    for (unsigned i = 0; i < TRACKERS - (unsigned)one_left_out; i++) {
        const struct registry_entry t = {.id = tracker_ids[i], .user_id = USER, .outputs = OUTPUTS, .device_id = ""};

        CHECK(registry_add_tracker(r, &t, models[families[i]]) == 0);
    }
    return r;
}

static struct engine_config draw_engine_config(void)
{
    static const char *const own_topics[] = {"outputd/sim/fence", "outputd/sim/stats"};

    return (struct engine_config){
        .store = {.pending_max = dice(3) ? 100 : 4 + dice(30),
                  .tracker_queue_max = 1 + dice(12),
                  .pending_bytes_max = dice(3) ? 1 << 20 : 4000 + dice(20000),
                  .dedup_max = 40 + dice(200),
                  .refused_max = 10 + dice(20),
                  .dedup_window_ms = 20000},
        .ack_timeout_ms = 3000,
        .quarantine_ms = 1000,
        .drain_ms = 1000,
        .trackers_max = TRACKERS,
        .request_bytes_max = 1024,
        .ack_bytes_max = 256,
        .ack_partial_bytes_max = 64,
        .user_rate = dice(4) ? 0 : 20,
        .user_burst = 10,
        .prefix = "",
        .reply_default = "reply/{action}",
        .own_topics = own_topics,
        .own_topic_count = 2,
    };
}

void world_config(void)
{
    static char fence[] = "outputd/sim/fence";
    static char path[] = "sim";

    sim.config = (struct config){
        .instance = "sim",
        .broker = {.share_group = "",
                   .session_expiry_s = 8,
                   .reconnect_min_ms = 50,
                   .reconnect_max_ms = 1000,
                   .presence_settle_ms = 50,
                   .outbox_max = 30 + dice(200),
                   .outbox_bytes_max = 1 << 20},
        .topic_prefix = "",
        .reply_default = "reply/{action}",
        .journal_path = path,
        .mqtt = {.protocol = 5},
        .engine_config = draw_engine_config(),
        .fence_topic = fence,
    };
    sim.config.engine.drain_ms = sim.config.engine_config.drain_ms;
}

void world_reset(void)
{
    memset(trackers, 0, sizeof trackers);
}

/* --- trackers --- */

static void put_payload(struct sim_message *m, struct bytes payload)
{
    CHECK(payload.len <= PAYLOAD_MAX);
    m->payload_len = (uint16_t)payload.len;
    memcpy(m->payload, payload.data, payload.len);
}

static void say(const char *level, unsigned tracker, struct bytes payload, bool retain)
{
    struct sim_message m = {.retain = retain, .request = -1};

    snprintf(m.topic, sizeof m.topic, "tracker/%d/%s", (int)tracker_ids[tracker], level);
    put_payload(&m, payload);
    broker_publish(&m);
}

bool world_tracker_is_online(unsigned tracker)
{
    return trackers[tracker].online;
}

void world_tracker_online(unsigned tracker, bool online)
{
    trackers[tracker].online = online;
    say("status", tracker, bytes_of_text(online ? "online" : "offline"), true);
}

void world_online_again(void)
{
    for (unsigned i = 0; i < TRACKERS; i++)
        world_tracker_online(i, trackers[i].online);
}

void world_deliver_command(unsigned tracker, uint64_t id, struct bytes payload)
{
    struct inbox_entry *inbox = trackers[tracker].inbox;

    memmove(inbox + 1, inbox, (INBOX - 1) * sizeof *inbox);
    trackers[tracker].count += trackers[tracker].count < INBOX;
    inbox[0].id = id;
    snprintf(inbox[0].text, sizeof inbox[0].text, "%.*s", (int)payload.len, (const char *)payload.data);
}

static void put_msgpack_ack(struct buffer *out, uint64_t id, bool success)
{
    buffer_put_text(out, "\x82\xa2id\xcf");
    buffer_put_be(out, id, 8);
    buffer_put_text(out, "\xa7success");
    buffer_put_u8(out, success ? 0xc3 : 0xc2);
}

void world_ack(unsigned tracker)
{
    struct buffer ack = {0};
    const struct inbox_entry *entry;
    bool success = dice(5) > 0;
    bool late = dice(8) == 0;

    if (trackers[tracker].count == 0)
        return;
    entry = &trackers[tracker].inbox[late ? dice(trackers[tracker].count) : 0];
    switch (families[tracker]) {
    case FAMILY_JSON:
        buffer_printf(&ack, "{\"id\":%llu,\"success\":%s}", (unsigned long long)entry->id, success ? "true" : "false");
        break;
    case FAMILY_MSGPACK:
        put_msgpack_ack(&ack, entry->id, success);
        break;
    case FAMILY_FIFO:
        buffer_put_text(&ack, success ? "OK" : "ERR");
        break;
    case FAMILY_ECHOING:
        buffer_printf(&ack, "%s %s", success ? "ok" : "no", entry->text);
        break;
    }
    oracle_acked(entry->id, success);
    for (unsigned n = dice(6) ? 1 : 2; n > 0; n--)
        say("output/ack", tracker, buffer_bytes(&ack), dice(40) == 0);
    buffer_release(&ack);
}

void world_noise(void)
{
    static const char *const levels[] = {"output/ack", "status", "output/ack"};
    static const char *const topics[] = {"api/tracker/output/set", "api/tracker/output/set_all", "api/tracker/output/x",
                                         "outputd/sim/fence"};
    uint8_t bytes[24];
    struct sim_message m = {.request = -1, .retain = dice(4) == 0};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)dice(256);
    if (dice(2)) {
        say(levels[dice(2)], dice(TRACKERS), dice(2) ? bytes_of(bytes, 1 + dice(23)) : bytes_of_text("{\"id\":7}"),
            false);
        return;
    }
    snprintf(m.topic, sizeof m.topic, "%s", topics[dice(4)]);
    snprintf(m.response_topic, sizeof m.response_topic, "%s", dice(2) ? "tracker/101/output/command" : "noise/reply");
    put_payload(&m, bytes_of(bytes, 1 + dice(23)));
    m.retain = false; /* a retained request would be another one with each subscription */
    broker_publish(&m);
}

/* --- requesters --- */

static void make_request(unsigned number)
{
    struct sim_message *m = &requests[number];
    unsigned tracker = dice(TRACKERS);
    struct buffer payload = {0};
    bool all = dice(5) == 0;

    *m = (struct sim_message){.content_type = "application/json", .request = (int)number};
    snprintf(m->topic, sizeof m->topic, "api/tracker/output/%s", all ? "set_all" : "set");
    snprintf(m->response_topic, sizeof m->response_topic, "reply/%u", dice(3));
    m->correlation_len = (uint8_t)snprintf((char *)m->correlation, sizeof m->correlation, "q%u", number);
    buffer_printf(&payload, "{\"hash\":\"%s\",\"tracker_id\":%d,", dice(30) ? HASH_GOOD : HASH_BAD,
                  (int)(dice(40) ? tracker_ids[tracker] : 999));
    if (all)
        buffer_printf(&payload, "\"outputs\":[%s,%s,true]}", dice(2) ? "true" : "false", dice(2) ? "true" : "false");
    else
        buffer_printf(&payload, "\"output\":%u,\"enable\":%s}", 1 + dice(dice(20) ? OUTPUTS : OUTPUTS + 2),
                      dice(2) ? "true" : "false");
    put_payload(m, buffer_bytes(&payload));
    m->expiry_s = dice(3) ? 1 + dice(8) : EXPIRY_NEVER;
    buffer_release(&payload);
    oracle_requested(number, tracker);
}

/* The same bytes again. One that expires does so long before its answer is forgotten. */
void world_request(unsigned number, bool is_new)
{
    if (is_new)
        make_request(number);
    if (is_new || requests[number].expiry_s)
        broker_publish(&requests[number]);
}
