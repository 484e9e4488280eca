/* Fuzzes what requesters send: payloads in both encodings and everything that MQTT puts around them, through the whole
 * engine, while trackers come, go and ack. libFuzzer calls it; run.sh starts it. */
#include <stdlib.h>

#include "draw.h"
#include "scene.h"
#include "wire/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct buffer long_topic;

/* Texts that a choice is made of; NULL: not given. */
struct choice {
    const char *letters;
    const char *texts[10];
};

static const struct choice actions = {"sauxye", {"set", "set_all", "unset", "set/x", "SET", ""}};
static const struct choice response_topics = {"-rtapswehl",
                                              {NULL, "reply/1", "tracker/1/output/command", "api/tracker/output/set",
                                               "gate/north/IMEI-6/set/1", "$SYS/reply", "reply/+", "",
                                               "outputd/outputd-1/fence", "long"}};
static const struct choice correlations = {"-abe", {NULL, "a", "\1\2\3\4\5\6\7\10", ""}};
static const struct choice content_types = {"-jmxvto",
                                            {NULL, "application/json", "application/msgpack", "application/x-msgpack",
                                             "application/vnd.msgpack; charset=utf-8", "text/plain", ""}};

static struct bytes draw_text(struct reader *step, const struct choice *choice)
{
    const char *text = choice->texts[draw_letter(step, choice->letters)];

    if (text && strcmp(text, "long") == 0)
        return buffer_bytes(&long_topic);
    return text ? bytes_of_text(text) : (struct bytes){0};
}

static void draw_payload(struct reader *step, struct bytes action, struct buffer *out)
{
    size_t how = draw_letter(step, "rjmb"); /* raw, good JSON, good MessagePack, big */
    enum action wanted = action_from_name(action);

    if (how == 3)
        memset(buffer_room(out, 4000), ' ', out->len = 2040 + draw_number(step));
    if (how == 0 || how == 3) {
        buffer_put(out, step->left);
        return;
    }
    scene_put_request(step, how == 1 ? ENCODING_JSON : ENCODING_MSGPACK, wanted, out);
    draw_edits(step, out);
}

/* Action, flags, response topic, correlation, content type, and the payload. */
static void request(struct reader *step)
{
    struct bytes action = draw_text(step, &actions);
    unsigned flags = draw_flags(step);
    struct buffer topic = {0};
    struct buffer payload = {0};
    struct engine_message message = {
        .retain = flags & 1,
        .dup = flags & 2,
        .has_expiry = flags & 4,
        .expiry_s = flags & 8 ? UINT32_MAX : flags >> 4,
    };

    message.response_topic = draw_text(step, &response_topics);
    message.correlation = draw_text(step, &correlations);
    message.content_type = draw_text(step, &content_types);
    draw_payload(step, action, &payload);
    buffer_put_text(&topic, "api/tracker/output/");
    buffer_put(&topic, action);
    message.topic = buffer_bytes(&topic);
    message.payload = buffer_bytes(&payload);
    scene_publish(&message);
    buffer_release(&topic);
    buffer_release(&payload);
}

/* What the devices of the scene say when they have done it, or will not. */
static void ack(struct reader *step)
{
    int32_t tracker_id = (int32_t)(draw_number(step) % SCENE_TRACKERS);
    const struct scene_command *command = scene_command_of(tracker_id);
    bool success = draw_number(step) & 1;
    struct buffer topic = {0};
    struct buffer payload = {0};
    uint8_t id[8];

    if (!command)
        return;
    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(command->id >> (56 - 8 * i));
    if (tracker_id == TRACKER_MSGPACK)
        buffer_put(&payload, bytes_of(success ? "\x81\xa7success\xc3" : "\x81\xa7success\xc2", 10));
    else if (tracker_id == TRACKER_JSON || tracker_id == TRACKER_RESERVED)
        buffer_printf(&payload, "{\"success\": %s}", success ? "true" : "false");
    else
        buffer_put_text(&payload, tracker_id == TRACKER_FIFO ? "OK" : success ? "+OK;Enable2$" : "+NO$");
    scene_put_ack_topic(tracker_id, &topic);
    scene_publish(&(struct engine_message){
        .topic = buffer_bytes(&topic), .payload = buffer_bytes(&payload), .correlation = bytes_of(id, sizeof id)});
    buffer_release(&topic);
    buffer_release(&payload);
}

static void presence(struct reader *step)
{
    int32_t tracker_id = (int32_t)(draw_number(step) % SCENE_TRACKERS);
    bool online = draw_number(step) & 1;
    struct buffer topic = {0};

    scene_put_presence_topic(tracker_id, &topic);
    scene_publish(&(struct engine_message){
        .topic = buffer_bytes(&topic), .payload = bytes_of_text(online ? "online" : "offline"), .retain = true});
    buffer_release(&topic);
}

/* What may happen to the service meanwhile. */
static void trouble(struct reader *step)
{
    switch (draw_letter(step, "jlrRofd")) {
    case 0:
        scene.journal_breaks = !scene.journal_breaks;
        scene_turn(0); /* nothing is staged any more when it is looked at */
        break;
    case 1:
        scene_reload();
        break;
    case 2:
        engine_presence_reading(scene.engine);
        break;
    case 3:
        engine_presence_read(scene.engine, scene.now);
        break;
    case 4:
        engine_set_full(scene.engine, draw_number(step) & 1);
        break;
    case 5:
        if (scene.command_count > 0)
            engine_command_refused(scene.engine, scene.commands[0].id, scene.now);
        break;
    case 6:
        engine_drain(scene.engine, scene.now);
        break;
    }
}

static void play(struct reader *step)
{
    switch (draw_letter(step, "qtapxc")) {
    case 0:
        request(step);
        break;
    case 1:
        scene_turn(100 * draw_number(step));
        break;
    case 2:
        ack(step);
        break;
    case 3:
        presence(step);
        break;
    case 4:
        trouble(step);
        break;
    case 5:
        scene_command_all();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = bytes_of(data, len);
    struct buffer line = {0};

    if (!long_topic.len)
        memset(buffer_room(&long_topic, 2000), 'x', long_topic.len = 1025);
    scene_open(1);
    scene_all_online();
    while (draw_step(&input, &line)) {
        struct reader step = {.left = buffer_bytes(&line)};

        play(&step);
    }
    buffer_release(&line);
    scene_close();
    return 0;
}
