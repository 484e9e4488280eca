/* Fuzzes what devices send on their topics of acks, through the whole engine, with a command in flight at each: both
 * generic profiles, and one of each other way in which acks find their command. libFuzzer calls it; run.sh starts it.
 */
#include <stdlib.h>

#include "base/check.h"
#include "draw.h"
#include "scene.h"
#include "wire/sinks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A good ack of one of the two generic profiles, of the command in flight or of another one. */
static void put_ack(struct reader *step, int32_t tracker_id, uint64_t id, struct buffer *out)
{
    unsigned flags = draw_flags(step);
    bool has_id = flags & 1;
    msgpack_packer packer;

    id += flags & 2 ? draw_number(step) : 0;
    if (tracker_id != TRACKER_MSGPACK) {
        buffer_printf(out, "{\"success\": %s%s", flags & 4 ? "true" : "false",
                      flags & 8 ? ", \"unsupported\": true" : "");
        if (has_id)
            buffer_printf(out, ", \"id\": %llu", (unsigned long long)id);
        buffer_put_text(out, "}");
        return;
    }
    msgpack_packer_init(&packer, out, sink_msgpack);
    msgpack_pack_map(&packer, 1u + has_id + ((flags & 8) != 0));
    sink_pack_text(&packer, "success");
    sink_pack_bool(&packer, flags & 4);
    if (flags & 8) {
        sink_pack_text(&packer, "unsupported");
        msgpack_pack_true(&packer);
    }
    if (has_id) {
        sink_pack_text(&packer, "id");
        msgpack_pack_uint64(&packer, id);
    }
}

/* Whose topic, flags, how the payload is made, and the payload. */
static void ack(struct reader *step)
{
    int32_t tracker_id = (int32_t)(draw_number(step) % SCENE_TRACKERS);
    const struct scene_command *command = scene_command_of(tracker_id);
    unsigned flags = draw_flags(step);
    struct buffer topic = {0};
    struct buffer payload = {0};
    struct buffer correlation = {0};
    struct engine_message message = {.retain = flags & 1, .dup = flags & 2};

    if (draw_letter(step, "rg") == 1) {
        put_ack(step, tracker_id, command ? command->id : 0, &payload);
        draw_edits(step, &payload);
    } else {
        buffer_put(&payload, step->left);
    }
    buffer_put_be(&correlation, (command ? command->id : 0) + (flags & 8 ? 1 : 0), flags & 16 ? 7 : 8);
    if (flags & 4)
        message.correlation = buffer_bytes(&correlation);
    scene_put_ack_topic(tracker_id, &topic);
    buffer_put_text(&topic, flags & 32 ? "/more" : "");
    message.topic = buffer_bytes(&topic);
    message.payload = buffer_bytes(&payload);
    scene_publish(&message);
    buffer_release(&topic);
    buffer_release(&payload);
    buffer_release(&correlation);
}

/* Returns how many commands more there may be. */
static size_t play(struct reader *step)
{
    switch (draw_letter(step, "act")) {
    case 0:
        ack(step);
        return 0;
    case 1:
        scene_command_all();
        return TRACKER_RESERVED;
    default:
        scene_turn(100 * draw_number(step));
        return 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = bytes_of(data, len);
    struct buffer line = {0};
    const struct counters *counters;
    size_t commanded;

    scene_open(1);
    scene_all_online();
    scene_command_all();
    commanded = scene.command_count;
    CHECK(commanded == TRACKER_RESERVED);
    while (draw_step(&input, &line)) {
        struct reader step = {.left = buffer_bytes(&line)};

        commanded += play(&step);
    }
    counters = engine_counters(scene.engine);
    CHECK(counters->acks_matched <= commanded && counters->outcome_success <= counters->acks_matched);
    buffer_release(&line);
    scene_close();
    return 0;
}
