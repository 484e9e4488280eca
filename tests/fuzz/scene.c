#include "scene.h"

#include <stdlib.h>

#include "base/check.h"
#include "draw.h"
#include "scene_inside.h"
#include "scene_world.h"

static const char *const own_topics[] = {"outputd/outputd-1/fence", "outputd/outputd-1/stats"};

struct engine_config scene_config = {
    .store = {.pending_max = 12,
              .tracker_queue_max = 3,
              .pending_bytes_max = 1 << 20,
              .dedup_max = 40,
              .refused_max = 4,
              .dedup_window_ms = 60000},
    .ack_timeout_ms = 10000,
    .quarantine_ms = 5000,
    .drain_ms = 5000,
    .trackers_max = 100,
    .request_bytes_max = 2048,
    .ack_bytes_max = 1024,
    .ack_partial_bytes_max = 64,
    .user_rate = 5.0,
    .user_burst = 30,
    .prefix = "",
    .reply_default = "api/tracker/output/{action}/response",
    .own_topics = own_topics,
    .own_topic_count = sizeof own_topics / sizeof *own_topics,
};

struct scene scene;

void scene_reload(void)
{
    engine_reload(scene.engine, &scene_config, scene_registry(), scene_profiles());
}

void scene_open_empty(uint64_t first_id)
{
    scene = (struct scene){.now = {.mono_ms = 1000000, .wall_ms = INT64_C(1795000000000)}, .journal = scene.journal};
    scene.engine = engine_new(&scene_config, &scene_effects, first_id);
}

void scene_open(uint64_t first_id)
{
    scene_open_empty(first_id);
    scene_reload();
    scene.is_own = true;
}

int scene_recover(enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct bytes copy = draw_copy(record);
    int r;

    if (kind == JOURNAL_REQUEST)
        scene_await(id);
    r = engine_recover(scene.engine, kind, id, copy, scene.now);
    if (kind == JOURNAL_REQUEST && r < 0)
        scene_await_no_more(id);
    free((void *)(uintptr_t)copy.data);
    return r;
}

/* --- time --- */

static void publish_states(void)
{
    struct buffer topic = {0};
    struct buffer payload = {0};

    while (engine_next_state(scene.engine, scene.now.mono_ms, &(int32_t){0}, &topic, &payload)) {
        scene_check_state(buffer_bytes(&topic), buffer_bytes(&payload));
        buffer_clear(&topic);
        buffer_clear(&payload);
    }
    buffer_release(&topic);
    buffer_release(&payload);
}

void scene_turn(uint64_t advance_ms)
{
    scene.now.mono_ms += advance_ms;
    scene.now.wall_ms += (int64_t)advance_ms;
    engine_tick(scene.engine, scene.now);
    if (scene.journal_breaks)
        engine_journal_failed(scene.engine, scene.now);
    else
        engine_journal_committed(scene.engine);
    scene_let_out();
    publish_states();
    scene_check_limits();
}

void scene_close(void)
{
    unsigned turns = 0;
    int64_t wait_ms;

    scene.journal_breaks = false;
    scene_turn(0);
    engine_presence_read(scene.engine, scene.now);
    scene_turn(0);
    while ((wait_ms = engine_wait_ms(scene.engine, scene.now)) >= 0) {
        CHECK(++turns < 10000);
        scene_turn((uint64_t)wait_ms);
    }
    scene_check_end();
    engine_free(scene.engine);
    scene.engine = NULL;
}

/* --- messages --- */

void scene_publish(const struct engine_message *message)
{
    struct engine_message own = *message;

    own.topic = draw_copy(message->topic);
    own.payload = draw_copy(message->payload);
    if (message->correlation.data)
        own.correlation = draw_copy(message->correlation);
    engine_message(scene.engine, &own, scene.now);
    free((void *)(uintptr_t)own.topic.data);
    free((void *)(uintptr_t)own.payload.data);
    free((void *)(uintptr_t)own.correlation.data);
    scene_check_limits();
}

const struct scene_command *scene_command_of(int32_t tracker_id)
{
    for (size_t i = 0; i < scene.command_count; i++) {
        if (scene.commands[i].tracker_id == tracker_id)
            return &scene.commands[i];
    }
    return NULL;
}

static bool is_gate(int32_t tracker_id)
{
    return tracker_id == TRACKER_GATE || tracker_id == TRACKER_GATE_2;
}

void scene_put_ack_topic(int32_t tracker_id, struct buffer *out)
{
    if (is_gate(tracker_id))
        buffer_put_text(out, "gate/north/ack");
    else
        buffer_printf(out, "tracker/%d/output/ack", (int)tracker_id);
}

void scene_put_presence_topic(int32_t tracker_id, struct buffer *out)
{
    if (is_gate(tracker_id))
        buffer_put_text(out, "gate/north/status");
    else if (tracker_id == TRACKER_REPORTING)
        buffer_printf(out, "reporting/%d/LWT", (int)tracker_id);
    else
        buffer_printf(out, "tracker/%d/status", (int)tracker_id);
}

void scene_all_online(void)
{
    for (int32_t id = 1; id < SCENE_TRACKERS; id++) {
        struct buffer topic = {0};
        const char *payload = id == TRACKER_REPORTING ? "Online" : "online";

        scene_put_presence_topic(id, &topic);
        scene_publish(
            &(struct engine_message){.topic = buffer_bytes(&topic), .payload = bytes_of_text(payload), .retain = true});
        buffer_release(&topic);
    }
    engine_presence_read(scene.engine, scene.now);
}

void scene_command_all(void)
{
    for (int32_t id = TRACKER_JSON; id <= TRACKER_RESERVED; id++) {
        const uint8_t wish[] = {(uint8_t)id, 2, 1, 'm', (uint8_t)(id + 10 * scene.rounds)};
        struct reader step = {.left = bytes_of(wish, sizeof wish)};
        struct buffer payload = {0};

        scene_put_request(&step, ENCODING_JSON, ACTION_SET, &payload);
        scene_publish(&(struct engine_message){.topic = bytes_of_text("api/tracker/output/set"),
                                               .payload = buffer_bytes(&payload)});
        buffer_release(&payload);
    }
    scene.rounds++;
    scene_turn(0);
}
