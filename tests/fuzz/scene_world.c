#include "scene_world.h"

#include "base/check.h"
#include "draw.h"
#include "wire/sinks.h"

/* --- profiles --- */

static const struct profile_description pieces = {
    .name = "pieces",
    .kind = PROFILE_DESCRIBED,
    .models = (const char *const[]){"pieces"},
    .model_count = 1,
    .base = {.outputs = 2, .set = true, .set_payload.text = "{enable?Enable:Disable}{output}"},
    .quarantine_ms = 2000,
    .framing = FRAMING_DELIMITER,
    .start = "+",
    .end = "$",
    .match = MATCH_ECHO,
    .echo = "{enable?Enable:Disable}{output}",
    .success = {"^\\+OK;(?<key>[A-Za-z]+[0-9]+)\\$$"},
    .refused = {"^\\+NO\\$$"},
};

static const struct profile_description reporting = {
    .name = "reporting",
    .kind = PROFILE_DESCRIBED,
    .models = (const char *const[]){"reporting"},
    .model_count = 1,
    .base = {.outputs = 3,
             .set = true,
             .set_all = true,
             .set_payload.text = "out{output}={enable}",
             .set_all_payload.text = "outs={states on='1' off='0'}"},
    .presence_topic = "reporting/{tracker_id}/LWT",
    .framing = FRAMING_LINES,
    .match = MATCH_STATE,
    .success = {"^out(?<output>[0-9]+) is (?:(?<on>on)|(?<off>off))$"},
    .refused = {"^no$"},
    .unsupported = {"^what$"},
    .online = {"^Online$"},
    .offline = {"^Offline$"},
};

static const struct profile_description fifo = {
    .name = "fifo",
    .kind = PROFILE_DESCRIBED,
    .models = (const char *const[]){"fifo"},
    .model_count = 1,
    .base = {.outputs = 2,
             .set = true,
             .set_all = true,
             .set_payload.text = "out {output} {enable?1:0}",
             .set_all_payload.text = "all {states on='1' off='0'}"},
    .quarantine_ms = 3000,
    .match = MATCH_FIFO,
    .success = {"^OK$"},
    .refused = {"^ERR$"},
};

static const struct profile_description gate = {
    .name = "gate",
    .kind = PROFILE_DESCRIBED,
    .models = (const char *const[]){"gate"},
    .model_count = 1,
    .base = {.outputs = 2, .set = true, .set_payload.text = "{enable?on:off}"},
    .command_topic = "gate/{site}/{device_id}/set/{output}",
    .ack_topic = "gate/{site}/ack",
    .presence_topic = "gate/{site}/status",
    .framing = FRAMING_DELIMITER,
    .start = "+",
    .end = "$",
    .match = MATCH_ECHO,
    .echo = "{device_id};{output}",
    .success = {"^\\+(?<key>[^;]*;[0-9]+) done\\$$"},
    .refused = {"^\\+(?<key>[^;]*;[0-9]+) failed\\$$"},
};

/* Made once: patterns take long to compile, and nothing in them changes. */
struct profiles *scene_profiles(void)
{
    static const struct profile_description *const described[] = {&pieces, &reporting, &fifo, &gate};
    static struct profile *made[sizeof described / sizeof *described];
    struct profiles *all = profiles_new(scene_config.prefix);

    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        const char *key;
        const char *error;

        made[i] = made[i] ? made[i] : profile_new(described[i], scene_config.prefix, &key, &error);
        CHECK(made[i]);
        CHECK(profiles_add(all, profile_ref(made[i]), &error) == 0);
    }
    return all;
}

/* --- registry --- */

static void add_session(struct registry *r, const char *hash, int32_t user_id, bool master)
{
    static int32_t trackers[] = {TRACKER_JSON};
    const struct registry_session session = {
        .hash_sha256 = digest_of(bytes_of_text(hash)),
        .user_id = user_id,
        .master = master,
        .may_set_output = true,
        .all_trackers = master,
        .expires_at_ms = INT64_MAX,
        .trackers = master ? NULL : trackers,
        .tracker_count = master ? 0 : 1,
    };

    CHECK(registry_add_session(r, &session) == 0);
}

static void add_tracker(struct registry *r, int32_t id)
{
    static const char *const models[SCENE_TRACKERS] = {
        [TRACKER_MSGPACK] = "generic_msgpack",
        [TRACKER_PIECES] = "pieces",
        [TRACKER_REPORTING] = "reporting",
        [TRACKER_FIFO] = "fifo",
        [TRACKER_GATE] = "gate",
        [TRACKER_GATE_2] = "gate",
    };
    const char device_id[] = {'I', 'M', 'E', 'I', '-', (char)('0' + id), '\0'};
    const struct registry_entry tracker = {
        .id = id,
        .user_id = id == TRACKER_FOREIGN ? 2 : 1,
        .outputs = models[id] && id != TRACKER_MSGPACK ? 0 : 3,
        .blocked = id == TRACKER_BLOCKED,
        .has_reserved = id == TRACKER_RESERVED,
        .reserved = id == TRACKER_RESERVED,
        .device_id = device_id,
        .vars = id == TRACKER_GATE || id == TRACKER_GATE_2 ? "site\0north\0" : NULL,
    };

    CHECK(registry_add_tracker(r, &tracker, models[id] ? models[id] : "generic_json") == 0);
}

struct registry *scene_registry(void)
{
    const struct registry_user users[] = {{1, false}, {2, false}, {3, true}};
    struct registry *r = registry_new();

    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        CHECK(registry_add_user(r, &users[i]) == 0);
    add_session(r, HASH_MASTER, 1, true);
    add_session(r, HASH_SUB, 1, false);
    add_session(r, HASH_BLOCKED, 3, true);
    for (int32_t id = 1; id < SCENE_TRACKERS; id++)
        add_tracker(r, id);
    return r;
}

/* --- requests --- */

struct wish {
    enum action action;
    const char *hash;
    unsigned tracker_id;
    unsigned output;
    bool enable;
    unsigned request_id;
};

/* A request_id of 100 or more has as many digits. */
static int id_width(const struct wish *wish)
{
    return wish->request_id < 100 ? 1 : (int)wish->request_id;
}

static void put_json(const struct wish *wish, struct buffer *out)
{
    buffer_printf(out, "{\"hash\": \"%s\", \"tracker_id\": %u", wish->hash, wish->tracker_id);
    if (wish->action == ACTION_SET)
        buffer_printf(out, ", \"output\": %u, \"enable\": %s", wish->output, wish->enable ? "true" : "false");
    else
        buffer_put_text(out, ", \"outputs\": [");
    for (unsigned i = 0; wish->action != ACTION_SET && i < wish->output; i++)
        buffer_printf(out, "%s%s", i ? ", " : "", (i & 1) == wish->enable ? "true" : "false");
    if (wish->action != ACTION_SET)
        buffer_put_text(out, "]");
    if (wish->request_id)
        buffer_printf(out, ", \"request_id\": \"%0*u\"", id_width(wish), wish->request_id);
    buffer_put_text(out, "}");
}

static void put_msgpack(const struct wish *wish, struct buffer *out)
{
    bool is_set = wish->action == ACTION_SET;
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, sink_msgpack);
    msgpack_pack_map(&packer, (is_set ? 4u : 3u) + (wish->request_id != 0));
    sink_pack_text(&packer, "hash");
    sink_pack_text(&packer, wish->hash);
    sink_pack_text(&packer, "tracker_id");
    msgpack_pack_unsigned_int(&packer, wish->tracker_id);
    sink_pack_text(&packer, is_set ? "output" : "outputs");
    if (is_set) {
        msgpack_pack_unsigned_int(&packer, wish->output);
        sink_pack_text(&packer, "enable");
        sink_pack_bool(&packer, wish->enable);
    } else {
        msgpack_pack_array(&packer, wish->output);
        for (unsigned i = 0; i < wish->output; i++)
            sink_pack_bool(&packer, (i & 1) == wish->enable);
    }
    if (wish->request_id) {
        struct buffer text = {0};

        buffer_printf(&text, "%0*u", id_width(wish), wish->request_id);
        sink_pack_text(&packer, "request_id");
        msgpack_pack_str_with_body(&packer, text.data, text.len);
        buffer_release(&text);
    }
}

void scene_put_request(struct reader *step, enum encoding encoding, enum action action, struct buffer *out)
{
    static const char *const hashes[] = {HASH_MASTER, HASH_SUB, HASH_BLOCKED, "ffffffffffffffffffffffffffffffff"};
    struct wish wish = {.action = action};

    wish.tracker_id = draw_number(step);
    wish.output = draw_number(step);
    wish.enable = draw_number(step) & 1;
    wish.hash = hashes[draw_letter(step, "msbx")];
    wish.request_id = draw_number(step);
    if (encoding == ENCODING_JSON)
        put_json(&wish, out);
    else
        put_msgpack(&wish, out);
}
