#include "support/engine_load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/engine_state.h" /* behind the decoding of requests and acks */
#include "support/memory_disk.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

enum { FIRST_TRACKER = 200001, JOURNAL_BYTES = 16 * 1024 * 1024, COMMAND_ROOM = 128, STATE_LATEST_MS = 3000 };

/* A command that waits for its ack. */
struct waiting {
    uint64_t id;
    int32_t tracker_id;
    size_t len;
    uint8_t bytes[COMMAND_ROOM]; /* as the device gets it */
};

struct turn {
    struct waiting commands[LOAD_TURN];
    unsigned command_count;
    uint64_t replies[LOAD_TURN];
    unsigned reply_count;
};

struct tracker_texts {
    struct buffer request;
    struct buffer ack_topic;
    struct incoming incoming; /* of the request, read once */
};

struct engine_load {
    struct load_options options;
    struct engine_config config;
    struct engine *engine;
    struct memory_disk disk;
    struct journal *journal;
    struct instant now;
    struct turn turns[2]; /* of this turn, and of the one before */
    unsigned turn;
    unsigned next_tracker;
    uint64_t requests;
    uint64_t successes;
    uint8_t correlation[8];
    struct buffer ack;
    struct buffer state_topic;
    struct buffer state;
    struct tracker_texts trackers[LOAD_TRACKERS];
};

/* --- effects --- */

static void put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    journal_put(((struct engine_load *)ctx)->journal, kind, id, record);
}

static void take(void *ctx, enum journal_kind kind, uint64_t id)
{
    journal_delete(((struct engine_load *)ctx)->journal, kind, id);
}

static void no_put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    (void)ctx, (void)kind, (void)id, (void)record;
}

static void no_take(void *ctx, enum journal_kind kind, uint64_t id)
{
    (void)ctx, (void)kind, (void)id;
}

/* ".../NNNNNN/output/command" */
static int32_t tracker_of(struct bytes topic)
{
    size_t end = topic.len - strlen("/output/command");
    int32_t id = 0;

    for (size_t i = end - 6; i < end; i++)
        id = id * 10 + (topic.data[i] - '0');
    return id;
}

static void command(void *ctx, const struct engine_command *command)
{
    struct engine_load *l = ctx;
    struct turn *turn = &l->turns[l->turn];
    struct waiting *waiting = &turn->commands[turn->command_count++];

    CHECK(turn->command_count <= LOAD_TURN && command->payload.len <= COMMAND_ROOM);
    waiting->id = command->id;
    waiting->tracker_id = tracker_of(command->topic);
    waiting->len = command->payload.len;
    memcpy(waiting->bytes, command->payload.data, command->payload.len);
}

static void cancel(void *ctx, uint64_t id)
{
    (void)ctx;
    CHECK(id == 0); /* nothing is cancelled */
}

static void reply(void *ctx, const struct engine_reply *reply)
{
    struct engine_load *l = ctx;
    struct turn *turn = &l->turns[l->turn];

    CHECK(turn->reply_count < LOAD_TURN && reply->waits && reply->correlation.len == sizeof l->correlation);
    turn->replies[turn->reply_count++] = reply->id;
}

static void event(void *ctx, const struct engine_event *event)
{
    struct engine_load *l = ctx;

    l->successes += event->kind == EVENT_REQUEST_SETTLED && event->outcome == OUTCOME_SUCCESS;
}

/* --- the world --- */

static const struct profile_description text_device = {
    .name = "text",
    .models = (const char *const[]){"text"},
    .model_count = 1,
    .kind = PROFILE_DESCRIBED,
    .base.outputs = 3,
    .base.set = true,
    .base.set_payload.text = "setdigout {output} {enable}",
    .framing = FRAMING_LINES,
    .match = MATCH_ECHO,
    .echo = "{output}{enable}",
    .success = {"^DOUT(?<key>[0-9]+) is set"},
    .refused = {"^refused"},
};

static const char *model_of(enum load_device device)
{
    return device == LOAD_JSON ? "generic_json" : device == LOAD_MSGPACK ? "generic_msgpack" : "text";
}

static struct registry *make_registry(enum load_device device)
{
    struct registry *r = registry_new();
    const struct registry_user user = {.id = 1};
    const struct registry_session session = {.hash_sha256 = digest_of(bytes_of_text(HASH)),
                                             .user_id = 1,
                                             .master = true,
                                             .all_trackers = true,
                                             .expires_at_ms = INT64_MAX};

    CHECK(registry_add_user(r, &user) == 0 && registry_add_session(r, &session) == 0);
    for (int i = 0; i < LOAD_TRACKERS; i++) {
        char device_id[24];
        struct registry_entry tracker = {.id = FIRST_TRACKER + i, .user_id = 1, .outputs = 3};

        snprintf(device_id, sizeof device_id, "35630704%07d", i);
        tracker.device_id = device_id;
        CHECK(registry_add_tracker(r, &tracker, model_of(device)) == 0);
    }
    return r;
}

static struct profiles *make_profiles(void)
{
    struct profiles *all = profiles_new("");
    const char *key;
    const char *error;
    struct profile *text = profile_new(&text_device, "", &key, &error);

    CHECK(text && profiles_add(all, text, &key) == 0);
    return all;
}

static void put_request(enum load_device device, int32_t tracker, struct buffer *out)
{
    if (device != LOAD_MSGPACK) {
        buffer_printf(out,
                      "{\"hash\": \"" HASH "\", \"tracker_id\": %d, \"output\": 2, \"enable\": true, "
                      "\"request_id\": \"r-%d\"}",
                      tracker, tracker);
        return;
    }
    buffer_printf(out, "\x85\xa4hash\xd9\x20" HASH "\xaatracker_id\xce");
    buffer_put_be(out, (uint32_t)tracker, 4);
    buffer_printf(out,
                  "\xa6output\x02\xa6"
                  "enable\xc3\xaarequest_id\xa8r-%d",
                  tracker);
}

static struct engine_message request_of(const struct engine_load *l, const struct tracker_texts *tracker)
{
    return (struct engine_message){
        .topic = bytes_of_text("api/tracker/output/set"),
        .payload = buffer_bytes(&tracker->request),
        .response_topic = bytes_of_text("clients/dispatch-7/replies"),
        .correlation = bytes_of(l->correlation, sizeof l->correlation),
        .content_type = bytes_of_text(l->options.device == LOAD_MSGPACK ? "application/msgpack" : "application/json"),
    };
}

static void make_tracker(struct engine_load *l, int32_t id, struct tracker_texts *tracker)
{
    struct buffer status = {0};
    struct engine_message online = {.payload = bytes_of_text("online")};
    struct engine_message request;

    buffer_printf(&status, "tracker/%d/status", id);
    online.topic = buffer_bytes(&status);
    engine_message(l->engine, &online, l->now);
    buffer_release(&status);
    put_request(l->options.device, id, &tracker->request);
    buffer_printf(&tracker->ack_topic, "tracker/%d/output/ack", id);
    request = request_of(l, tracker);
    engine_read_request(l->engine, bytes_of_text("set"), &request, &tracker->incoming);
    CHECK(tracker->incoming.readable && tracker->incoming.request.bad == 0);
}

struct engine_load *engine_load_new(const struct load_options *options)
{
    struct engine_load *l = calloc(1, sizeof *l);
    struct engine_effects effects = {l, put, take, command, cancel, reply, event, NULL};

    CHECK(l);
    l->options = *options;
    l->config = (struct engine_config){
        .store = {.pending_max = 100000,
                  .tracker_queue_max = 16,
                  .pending_bytes_max = 1 << 30,
                  .dedup_max = 1000000,
                  .refused_max = 10000,
                  .dedup_window_ms = LOAD_WINDOW_MS},
        .ack_timeout_ms = 10000,
        .trackers_max = 10 * LOAD_TRACKERS,
        .request_bytes_max = 16384,
        .ack_bytes_max = 16384,
        .ack_partial_bytes_max = 4096,
        .prefix = "",
        .reply_default = "api/tracker/output/{action}/response",
    };
    if (options->no_journal) {
        effects.journal_put = no_put;
        effects.journal_delete = no_take;
    }
    l->now = (struct instant){.mono_ms = 1000000, .wall_ms = INT64_C(1795000000000), .boot = 1};
    memory_disk_init(&l->disk, JOURNAL_BYTES, false);
    l->journal = journal_new(&l->disk.disk, JOURNAL_BYTES);
    CHECK(journal_format(l->journal) == 0 && journal_load(l->journal) == 0);
    l->engine = engine_new(&l->config, &effects, 1000000000);
    engine_reload(l->engine, &l->config, make_registry(options->device), make_profiles());
    for (int i = 0; i < LOAD_TRACKERS; i++)
        make_tracker(l, FIRST_TRACKER + i, &l->trackers[i]);
    engine_presence_read(l->engine, l->now);
    return l;
}

void engine_load_free(struct engine_load *l)
{
    for (int i = 0; i < LOAD_TRACKERS; i++) {
        buffer_release(&l->trackers[i].request);
        buffer_release(&l->trackers[i].ack_topic);
    }
    buffer_release(&l->ack);
    buffer_release(&l->state_topic);
    buffer_release(&l->state);
    engine_free(l->engine);
    journal_free(l->journal);
    memory_disk_release(&l->disk);
    free(l);
}

/* --- a turn --- */

static void request(struct engine_load *l)
{
    struct tracker_texts *tracker = &l->trackers[l->next_tracker++ % LOAD_TRACKERS];
    const struct engine_message message = request_of(l, tracker);

    l->requests++;
    memcpy(l->correlation, &l->requests, sizeof l->correlation);
    if (!l->options.decoded) {
        engine_message(l->engine, &message, l->now);
        return;
    }
    CHECK(router_request_action(&l->engine->router, message.topic).data);
    tracker->incoming.message = &message;
    engine_take_request(l->engine, &tracker->incoming);
}

void engine_load_ack(enum load_device device, uint64_t id, struct buffer *out)
{
    if (device == LOAD_TEXT) {
        buffer_put_text(out, "DOUT21 is set");
    } else if (device == LOAD_JSON) {
        buffer_put_text(out, "{\"id\": ");
        buffer_put_number(out, (int64_t)id);
        buffer_put_text(out, ", \"success\": true}");
    } else {
        buffer_put_text(out, "\x82\xa2id\xcf");
        buffer_put_be(out, id, 8);
        buffer_put_text(out, "\xa7success\xc3");
    }
}

/* Whose topic it is has to be found either way. */
static void ack_decoded(struct engine_load *l, const struct engine_message *message, uint64_t id)
{
    struct ack_reading reading = {.kind = ACK_SUCCESS, .has_id = true, .id = id};
    struct owner owner;
    struct ack_context ctx;

    CHECK(!router_request_action(&l->engine->router, message->topic).data);
    CHECK(router_find(&l->engine->router.acks, l->engine->registry, message->topic, &owner));
    ctx = engine_ack_context(l->engine, message, &owner, owner.next != NULL);
    engine_take_reading(&ctx, &reading);
}

static void ack(struct engine_load *l, const struct waiting *waiting)
{
    struct engine_message message = {.topic =
                                         buffer_bytes(&l->trackers[waiting->tracker_id - FIRST_TRACKER].ack_topic)};

    if (l->options.decoded) {
        ack_decoded(l, &message, waiting->id);
        return;
    }
    buffer_clear(&l->ack);
    engine_load_ack(l->options.device, waiting->id, &l->ack);
    message.payload = buffer_bytes(&l->ack);
    engine_message(l->engine, &message, l->now);
}

/* Under load the service publishes a state when it is so old. */
static void publish_states(struct engine_load *l)
{
    while (engine_next_state(l->engine, l->now.mono_ms - STATE_LATEST_MS, &(int32_t){0}, &l->state_topic, &l->state)) {
        buffer_clear(&l->state_topic);
        buffer_clear(&l->state);
    }
}

/* The turn's replies are those of the commands of the one before. */
static void run_turn(struct engine_load *l)
{
    struct turn *before = &l->turns[l->turn ^ 1];
    struct turn *now = &l->turns[l->turn];

    now->command_count = 0;
    now->reply_count = 0;
    l->now.mono_ms++;
    l->now.wall_ms++;
    for (int i = 0; i < LOAD_TURN; i++)
        request(l);
    for (unsigned i = 0; i < before->command_count; i++)
        ack(l, &before->commands[i]);
    for (unsigned i = 0; i < before->reply_count; i++)
        engine_reply_delivered(l->engine, before->replies[i]);
    engine_tick(l->engine, l->now);
    CHECK(journal_commit(l->journal) == 0);
    engine_journal_committed(l->engine);
    for (unsigned i = 0; i < now->command_count; i++)
        engine_command_sent(l->engine, now->commands[i].id, l->now);
    publish_states(l);
    l->turn ^= 1;
}

void engine_load_run(struct engine_load *l, unsigned requests)
{
    for (unsigned i = 0; i < requests; i += LOAD_TURN)
        run_turn(l);
}

bool engine_load_is_sound(const struct engine_load *l)
{
    return l->successes + LOAD_TURN == l->requests && engine_totals(l->engine).pending == LOAD_TURN;
}

struct bytes engine_load_request(const struct engine_load *l)
{
    return buffer_bytes(&l->trackers[0].request);
}

struct engine *engine_load_engine(const struct engine_load *l)
{
    return l->engine;
}
