/* Fuzzes what says whether a tracker is there, through the whole engine: retained or not, while presence is being read
 * back or not, with requests that wait for it. libFuzzer calls it; run.sh starts it. */
#include <stdlib.h>

#include "base/check.h"
#include "draw.h"
#include "scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the messages so far say; kept apart from the engine. */
static struct {
    bool online[SCENE_TRACKERS];
    bool heard[SCENE_TRACKERS]; /* since presence began to be read back */
} told;

static bool is_gate(int32_t tracker_id)
{
    return tracker_id == TRACKER_GATE || tracker_id == TRACKER_GATE_2;
}

static enum presence reading_of(int32_t tracker_id, struct bytes payload)
{
    if (payload.len > scene_config.ack_bytes_max)
        return PRESENCE_UNREADABLE;
    if (tracker_id != TRACKER_REPORTING || payload.len == 0)
        return presence_decode(payload);
    if (bytes_equal_text(payload, "Online") || bytes_equal_text(payload, "Online\n"))
        return PRESENCE_ONLINE;
    return bytes_equal_text(payload, "Offline") || bytes_equal_text(payload, "Offline\n") ? PRESENCE_OFFLINE
                                                                                          : PRESENCE_UNREADABLE;
}

static void note(int32_t tracker_id, enum presence presence)
{
    if (presence == PRESENCE_UNREADABLE)
        return;
    told.online[tracker_id] = presence == PRESENCE_ONLINE;
    told.heard[tracker_id] = true;
}

static void presence(struct reader *step)
{
    int32_t tracker_id = (int32_t)(1 + draw_number(step) % (SCENE_TRACKERS - 1));
    bool retain = draw_number(step) & 1;
    struct bytes payload = step->left;
    struct buffer topic = {0};

    scene_put_presence_topic(tracker_id, &topic);
    scene_publish(&(struct engine_message){.topic = buffer_bytes(&topic), .payload = payload, .retain = retain});
    note(tracker_id, reading_of(tracker_id, payload));
    if (is_gate(tracker_id))
        note(tracker_id == TRACKER_GATE ? TRACKER_GATE_2 : TRACKER_GATE, reading_of(tracker_id, payload));
    buffer_release(&topic);
}

/* On topics of trackers that are not registered, or of none. */
static void stray(struct reader *step)
{
    static const char *const topics[] = {"tracker/11/status",         "tracker/0/status",  "tracker/-1/status",
                                         "tracker/2147483648/status", "gate/south/status", "tracker//status"};
    const char *topic = topics[draw_number(step) % (sizeof topics / sizeof *topics)];

    scene_publish(&(struct engine_message){
        .topic = bytes_of_text(topic), .payload = step->left, .retain = draw_number(step) & 1});
}

static void read_back(bool done)
{
    if (!done) {
        engine_presence_reading(scene.engine);
        memset(told.heard, 0, sizeof told.heard);
        return;
    }
    engine_presence_read(scene.engine, scene.now);
    for (int32_t id = 1; id < SCENE_TRACKERS; id++)
        told.online[id] &= told.heard[id];
}

/* Of the registered ones; strays may be online, too. */
static void check_online(bool strays)
{
    size_t online = 0;
    size_t counted = engine_totals(scene.engine).online;

    for (int32_t id = 1; id < SCENE_TRACKERS; id++)
        online += told.online[id];
    CHECK(strays ? counted >= online && counted <= online + 1 : counted == online);
}

static bool play(struct reader *step)
{
    bool is_stray = false;

    switch (draw_letter(step, "psrRtcl")) {
    case 0:
        presence(step);
        break;
    case 1:
        stray(step);
        is_stray = true;
        break;
    case 2:
        read_back(false);
        break;
    case 3:
        read_back(true);
        break;
    case 4:
        scene_turn(100 * draw_number(step));
        break;
    case 5:
        scene_command_all();
        break;
    case 6:
        scene_reload();
        break;
    }
    return is_stray;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = bytes_of(data, len);
    struct buffer line = {0};
    bool strays = false;

    memset(&told, 0, sizeof told);
    scene_open(1);
    while (draw_step(&input, &line)) {
        struct reader step = {.left = buffer_bytes(&line)};

        strays |= play(&step);
        check_online(strays);
    }
    buffer_release(&line);
    scene_close();
    return 0;
}
