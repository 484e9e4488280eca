#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "shared.h"
#include "support/families.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

enum { USER = 1, INBOX = 6 };

const int32_t tracker_ids[TRACKERS] = {101, 102, 103, 357, 105, 106}; /* 101 and 357 are of one bucket */

enum family { FAMILY_JSON, FAMILY_FIFO, FAMILY_ECHOING };

static const enum family families[TRACKERS] = {FAMILY_JSON, FAMILY_JSON,    FAMILY_FIFO,
                                               FAMILY_JSON, FAMILY_ECHOING, FAMILY_FIFO};
static const char *const models[] = {"generic_json", "fifo", "echoing"};

struct inbox_entry {
    uint64_t id;
    int request;
    char text[96];
};

static struct {
    bool online;
    struct inbox_entry inbox[INBOX]; /* the last commands, the newest first */
    unsigned count;
    int last; /* request whose command left last, -1: none */
    uint64_t last_id;
    bool last_ended;
    uint64_t last_order;
} trackers[TRACKERS];

static struct asked {
    unsigned tracker;
    char topic[32];
    char payload[200];
    uint64_t handled_ms; /* last */
    uint64_t deadline_ms;
    unsigned times; /* published, or handed over again */
    unsigned commands;
    bool promised;
    bool excused;
    bool replied;
    bool replied_again;
    bool reached;
    bool told_success; /* by the tracker */
    bool told_refused;
    bool acked; /* by it, somehow */
    bool has_final;
    enum outcome final;
    enum outcome first; /* of the first reply */
} requests[REQUESTS_MAX];

static unsigned request_count;
static struct map request_by_id; /* id → request + 1 */
static struct map order_by_id;
static uint64_t last_order;
static uint64_t order_forgotten; /* up to this one the server does not know the order any more */

struct world_totals world_totals;

void world_reset(void)
{
    memset(trackers, 0, sizeof trackers);
    memset(requests, 0, sizeof requests);
    request_count = 0;
    map_release(&request_by_id);
    map_release(&order_by_id);
    last_order = order_forgotten = 0;
    for (unsigned i = 0; i < TRACKERS; i++) {
        trackers[i].online = true;
        trackers[i].last = -1;
    }
}

bool world_names_commands(unsigned tracker)
{
    return families[tracker] == FAMILY_JSON;
}

/* --- registry and profiles --- */

struct registry *world_registry(void)
{
    static const struct registry_user user = {USER, false};
    struct registry *r = registry_new();
    struct registry_session session = {
        .user_id = USER, .master = true, .all_trackers = true, .expires_at_ms = INT64_MAX};

    session.hash_sha256 = digest_of(bytes_of_text(HASH));
    CHECK(registry_add_user(r, &user) == 0 && registry_add_session(r, &session) == 0);
    for (unsigned i = 0; i < TRACKERS; i++) {
        const struct registry_entry t = {.id = tracker_ids[i], .user_id = USER, .outputs = OUTPUTS, .device_id = ""};

        CHECK(registry_add_tracker(r, &t, models[families[i]]) == 0);
    }
    return r;
}

struct profiles *world_profiles(void)
{
    enum { QUARANTINE_MS = 1500 };

    return families_profiles(0, QUARANTINE_MS);
}

/* --- to somebody who lives --- */

static unsigned somebody(void)
{
    unsigned instance = dice(INSTANCES);

    while (!instance_is_alive(instance))
        instance = (instance + 1) % INSTANCES;
    return instance;
}

static void publish_request(unsigned number)
{
    struct asked *r = &requests[number];
    char correlation[16];
    struct engine_message m = {.topic = bytes_of_text(r->topic),
                               .payload = bytes_of_text(r->payload),
                               .response_topic = bytes_of_text("reply/somebody")};

    snprintf(correlation, sizeof correlation, "q%u", number);
    m.correlation = bytes_of_text(correlation);
    r->times++;
    instance_deliver(somebody(), &m, (int)number);
}

void world_request(bool again)
{
    struct asked *r;
    unsigned tracker = dice(TRACKERS);

    if (again) {
        unsigned number = request_count ? request_count - 1 - dice(request_count < 20 ? request_count : 20) : 0;

        if (request_count && !requests[number].replied && !requests[number].replied_again)
            publish_request(number);
        return;
    }
    if (request_count == REQUESTS_MAX)
        return;
    r = &requests[request_count];
    *r = (struct asked){.tracker = tracker};
    if (families[tracker] == FAMILY_JSON && dice(5) == 0) {
        snprintf(r->topic, sizeof r->topic, "api/tracker/output/set_all");
        snprintf(r->payload, sizeof r->payload, "{\"hash\":\"%s\",\"tracker_id\":%d,\"outputs\":[%s,%s,true]}", HASH,
                 (int)tracker_ids[tracker], dice(2) ? "true" : "false", dice(2) ? "true" : "false");
    } else {
        snprintf(r->topic, sizeof r->topic, "api/tracker/output/set");
        snprintf(r->payload, sizeof r->payload, "{\"hash\":\"%s\",\"tracker_id\":%d,\"output\":%u,\"enable\":%s}", HASH,
                 (int)tracker_ids[tracker], 1 + dice(dice(20) ? OUTPUTS : OUTPUTS + 2), dice(2) ? "true" : "false");
    }
    world_totals.requests++;
    publish_request(request_count++);
}

void world_ack(void)
{
    unsigned tracker = dice(TRACKERS);
    bool late = dice(8) == 0;
    bool success = dice(5) > 0;
    char topic[64];
    char ack[128] = "";
    const struct inbox_entry *entry;
    struct engine_message m = {.topic = {0}};

    if (trackers[tracker].count == 0)
        return;
    entry = &trackers[tracker].inbox[late ? dice(trackers[tracker].count) : 0];
    if (families[tracker] == FAMILY_JSON)
        snprintf(ack, sizeof ack, "{\"id\":%llu,\"success\":%s}", (unsigned long long)entry->id,
                 success ? "true" : "false");
    else if (families[tracker] == FAMILY_FIFO)
        snprintf(ack, sizeof ack, "%s", success ? "OK" : "ERR");
    else
        snprintf(ack, sizeof ack, "%s %s", success ? "ok" : "no", entry->text);
    requests[entry->request].acked = true;
    *(success ? &requests[entry->request].told_success : &requests[entry->request].told_refused) = true;
    snprintf(topic, sizeof topic, "tracker/%d/output/ack", (int)tracker_ids[tracker]);
    m.topic = bytes_of_text(topic);
    m.payload = bytes_of_text(ack);
    for (unsigned n = dice(6) ? 1 : 2; n > 0; n--)
        instance_deliver(somebody(), &m, -1);
}

void world_presence(void)
{
    unsigned tracker = dice(TRACKERS);

    trackers[tracker].online = !trackers[tracker].online || dice(2);
    trace("tracker %d is %s", (int)tracker_ids[tracker], trackers[tracker].online ? "online" : "offline");
    for (unsigned i = 0; i < INSTANCES; i++) {
        if (instance_is_alive(i))
            instance_presence(i, tracker, trackers[tracker].online);
    }
}

void world_all_online(unsigned instance)
{
    for (unsigned i = 0; i < TRACKERS; i++)
        instance_presence(instance, i, trackers[i].online);
}

/* --- what must hold --- */

static int request_of(struct bytes correlation)
{
    char text[16] = "";

    if (correlation.len < 2 || correlation.len >= sizeof text)
        return -1;
    memcpy(text, correlation.data, correlation.len);
    return atoi(text + 1);
}

void world_handling(int request)
{
    if (request >= 0)
        requests[request].deadline_ms = now_ms + ACK_TIMEOUT_MS;
}

/* The server has given it its place in the lane, or its turn. */
void world_queued(uint64_t id)
{
    if (!map_find(&order_by_id, id))
        map_put(&order_by_id, id, (void *)(uintptr_t)++last_order);
}

void world_forgotten(void)
{
    order_forgotten = last_order;
}

void world_ended(uint64_t id)
{
    for (unsigned i = 0; i < TRACKERS; i++)
        trackers[i].last_ended |= trackers[i].last_id == id;
}

void world_event(unsigned instance, const struct engine_event *event)
{
    int request = event->pending ? request_of(event->pending->route.correlation) : -1;

    trace("instance %u: event %d of request %d, id %llu, code %d, outcome %d", instance, (int)event->kind, request,
          (unsigned long long)event->id, (int)event->code, (int)event->outcome);
    if (request < 0)
        return;
    if (event->kind == EVENT_REQUEST_ACCEPTED)
        world_totals.accepted++;
    if (event->kind == EVENT_COMMAND_STAGED)
        map_put(&request_by_id, event->id, (void *)(uintptr_t)(request + 1));
}

void world_promised(int request)
{
    if (request < 0)
        return;
    trace("broker: request %d is acknowledged", request);
    requests[request].promised = true;
}

/* Its only traces may be in the journal of somebody who may be gone. */
void world_excuse(int request)
{
    if (request >= 0)
        requests[request].excused = true;
}

void world_command(unsigned instance, uint64_t id, struct bytes topic, struct bytes payload)
{
    int number = (int)(uintptr_t)map_find(&request_by_id, id) - 1;
    struct asked *r = &requests[number < 0 ? 0 : number];
    uint64_t order = (uint64_t)(uintptr_t)map_find(&order_by_id, id);
    struct inbox_entry *inbox = trackers[r->tracker].inbox;
    int last = trackers[r->tracker].last;

    (void)topic;
    trace("instance %u: command %llu of request %d leaves for %d", instance, (unsigned long long)id, number,
          (int)tracker_ids[r->tracker]);
    CHECK(number >= 0);
    world_totals.commands++;
    if (r->commands++)
        broken("at most one command a request", "request %d", number);
    if (now_ms >= r->deadline_ms)
        broken("nothing is sent past its deadline", "request %d", number);
    if (r->replied)
        broken("nothing is sent after its end", "request %d has its reply", number);
    if (order > order_forgotten && order <= trackers[r->tracker].last_order)
        broken("the order of each tracker", "request %d", number);
    if (last >= 0 && !trackers[r->tracker].last_ended)
        broken("one command in flight a tracker", "request %d while %d is", number, last);
    trackers[r->tracker].last = number;
    trackers[r->tracker].last_id = id;
    trackers[r->tracker].last_ended = false;
    if (order > order_forgotten)
        trackers[r->tracker].last_order = order;
    r->reached = true;
    memmove(inbox + 1, inbox, (INBOX - 1) * sizeof *inbox);
    trackers[r->tracker].count += trackers[r->tracker].count < INBOX;
    inbox[0] = (struct inbox_entry){.id = id, .request = number};
    snprintf(inbox[0].text, sizeof inbox[0].text, "%.*s", (int)payload.len, (const char *)payload.data);
}

static enum outcome outcome_of(struct bytes payload)
{
    static const char *const words[] = {"\"not_sent\"", "\"rejected\"", "\"unknown\""};
    static const enum outcome outcomes[] = {OUTCOME_NOT_SENT, OUTCOME_REJECTED, OUTCOME_UNKNOWN};
    char text[512];

    snprintf(text, sizeof text, "%.*s", (int)payload.len, (const char *)payload.data);
    for (size_t i = 0; i < 3; i++) {
        if (strstr(text, words[i]))
            return outcomes[i];
    }
    return OUTCOME_SUCCESS;
}

void world_reply(unsigned instance, struct bytes correlation, struct bytes payload)
{
    int number = request_of(correlation);
    struct asked *r = &requests[number < 0 ? 0 : number];
    enum outcome outcome = outcome_of(payload);
    bool named = world_names_commands(r->tracker);

    CHECK(number >= 0 && (unsigned)number < request_count);
    trace("instance %u: request %d is replied %.*s", instance, number, (int)payload.len, (const char *)payload.data);
    world_totals.replies++;
    world_totals.outcomes[outcome]++;
    if (outcome == OUTCOME_SUCCESS && (!r->reached || (named && !r->told_success)))
        broken("a reply says what is so", "request %d is a success, and nobody has acked it", number);
    if (outcome == OUTCOME_REJECTED && r->reached && named && !r->told_refused)
        broken("a reply says what is so", "request %d is rejected, and nobody has refused it", number);
    if (outcome == OUTCOME_NOT_SENT && r->commands && r->times == 1)
        broken("a reply says what is so", "request %d is not_sent, and was commanded", number);
    if (r->times == 1 && r->replied && r->first != outcome)
        broken("exactly one outcome", "request %d: %d and %d", number, (int)r->first, (int)outcome);
    if (outcome != OUTCOME_NOT_SENT && r->has_final && r->final != outcome)
        broken("exactly one outcome", "request %d: %d and %d", number, (int)r->final, (int)outcome);
    if (r->times > 1 && outcome == OUTCOME_NOT_SENT) { /* perhaps by somebody who could not know of it */
        r->replied_again = true;
        return;
    }
    if (!r->replied)
        r->first = outcome;
    r->replied = true;
    if (outcome != OUTCOME_NOT_SENT) {
        r->has_final = true;
        r->final = outcome;
    }
}

void world_handed_over(int request)
{
    if (request >= 0)
        requests[request].times++;
}

void world_at_end(void)
{
    for (unsigned i = 0; i < request_count; i++) {
        if (requests[i].promised && !requests[i].replied && !requests[i].replied_again && !requests[i].excused)
            broken("no request is lost", "request %u was acknowledged, and has no reply", i);
    }
}
