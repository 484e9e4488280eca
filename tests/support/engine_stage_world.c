/* The world of the stage: who there is, what they may, and how their trackers are commanded. */
#include "support/engine_stage.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* --- profiles --- */

static const struct profile_description echo = {
    .name = "echo",
    .models = (const char *const[]){"echo"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .kind = PROFILE_DESCRIBED,
    .framing = FRAMING_LINES,
    .match = MATCH_ECHO,
    .base.set_payload.text = "{enable?Enable:Disable}{output}\r",
    .echo = "{enable?Enable:Disable}{output}",
    .success = {"^OK;(?<key>[A-Za-z]+[0-9]+)$"},
    .refused = {"^NO;(?<key>[A-Za-z]+[0-9]+)$"},
    .unsupported = {"^WHAT;(?<key>[A-Za-z]+[0-9]+)$"},
};

static const struct profile_description fifo = {
    .name = "fifo",
    .models = (const char *const[]){"fifo"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .base.set_all = true,
    .quarantine_ms = 3000,
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_FIFO,
    .base.set_payload.text = "out {output} {enable?1:0}",
    .base.set_all_payload.text = "all {states on='1' off='0'}",
    .success = {"^OK$"},
    .refused = {"^ERR$"},
    .unsupported = {"^UNKNOWN$"},
};

static const struct profile_description stated = {
    .name = "stated",
    .models = (const char *const[]){"stated"},
    .model_count = 1,
    .base.outputs = 3,
    .base.set = true,
    .base.set_all = true,
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_ECHO,
    .base.set_payload.text = "all {states on='1' off='0'}",
    .base.set_all_payload.text = "all {states on='1' off='0'}",
    .echo = "{states on='1' off='0'}",
    .success = {"^now (?<key>[01]+)$"},
};

static const struct profile_description batch = {
    .name = "batch",
    .models = (const char *const[]){"batch"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set_all = true,
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_FIFO,
    .base.set_all_payload.text = "all {states on='1' off='0'}",
    .success = {"^OK$"},
};

static const struct profile_description own = {
    .name = "own",
    .models = (const char *const[]){"own"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .base.set_all = true,
    .ack_timeout_ms = 4000,
    .kind = PROFILE_GENERIC_JSON,
    .match = MATCH_ID,
    .command_topic = "dev/{device_id}/command",
    .ack_topic = "dev/{device_id}/ack",
    .presence_topic = "dev/{device_id}/presence",
    .state_topic = "dev/{device_id}/state",
};

static const struct profile_description reporting = {
    .name = "reporting",
    .models = (const char *const[]){"reporting"},
    .model_count = 1,
    .base.outputs = 3,
    .base.set = true,
    .base.set_all = true,
    .kind = PROFILE_DESCRIBED,
    .framing = FRAMING_LINES,
    .match = MATCH_STATE,
    .base.set_payload.text = "out{output}={enable}",
    .base.set_all_payload.text = "outs={states on='1' off='0'}",
    .success = {"^out(?<output>[0-9]+) is (?:(?<on>on)|(?<off>off))$"},
    .refused = {"^no$"},
    .unsupported = {"^what$"},
};

static const struct profile_description pieces = {
    .name = "pieces",
    .models = (const char *const[]){"pieces"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .quarantine_ms = 2000,
    .kind = PROFILE_DESCRIBED,
    .framing = FRAMING_DELIMITER,
    .start = "+",
    .end = "$",
    .match = MATCH_ECHO,
    .base.set_payload.text = "{enable?Enable:Disable}{output}",
    .echo = "{enable?Enable:Disable}{output}",
    .success = {"^\\+OK;(?<key>[A-Za-z]+[0-9]+)\\$$"},
    .refused = {"^\\+NO\\$$"},
};

/* Of the framer ruptela: Traccar's RuptelaProtocolEncoderTest has its commands. */
static const struct profile_description framed = {
    .name = "framed",
    .models = (const char *const[]){"framed"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .kind = PROFILE_DESCRIBED,
    .framing = FRAMING_FRAMER,
    .match = MATCH_FIFO,
    .fields = {"108"},
    .base.set_payload.text = " Setio {output},{enable}",
    .success = {"^7 ok$"},
    .refused = {"^7 no$"},
};

static const struct profile_description gate = {
    .name = "gate",
    .models = (const char *const[]){"gate"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .kind = PROFILE_DESCRIBED,
    .framing = FRAMING_DELIMITER,
    .start = "+",
    .end = "$",
    .match = MATCH_ECHO,
    .command_topic = "gate/{site}/{device_id}/set/{output}",
    .ack_topic = "gate/{site}/ack",
    .base.set_payload.text = "{enable?on:off}",
    .echo = "{device_id};{output}",
    .success = {"^\\+(?<key>[^;]*;[0-9]+) done\\$$"},
    .refused = {"^\\+(?<key>[^;]*;[0-9]+) failed\\$$", "^\\+NO\\$$"},
};

static const struct profile_description mute_gate = {
    .name = "mute_gate",
    .models = (const char *const[]){"mute_gate"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_FIFO,
    .command_topic = "gate/{site}/{device_id}/set/{output}",
    .ack_topic = "gate/{site}/ack",
    .base.set_payload.text = "{enable?on:off}",
    .success = {"^done$"},
};

static const struct profile_description choosy = {
    .name = "choosy",
    .models = (const char *const[]){"choosy"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_ECHO,
    .base.set_payload.text = "relay {output,enable|1,1=A|1,0=B|2,0=C}",
    .echo = "{output}",
    .success = {"^done (?<key>[0-9]+)$"},
};

static const struct profile_description placed = {
    .name = "placed",
    .models = (const char *const[]){"placed"},
    .model_count = 1,
    .base.outputs = 2,
    .base.set = true,
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_FIFO,
    .command_topic = "placed/{tracker_id}/{output,enable|1,1=A|1,0=B|2,0=C}",
    .base.set_payload.text = "go",
    .success = {"^done$"},
};

struct profiles *stage_profiles(void)
{
    static const struct profile_description *const all[] = {&echo,   &fifo,   &stated, &batch,     &own,    &reporting,
                                                            &pieces, &framed, &gate,   &mute_gate, &choosy, &placed};
    struct profiles *profiles = profiles_new(stage->config.prefix);

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *key = NULL;
        const char *error = NULL;
        struct profile_description description;
        struct profile *p;

        if (stage->without_profile && strcmp(stage->without_profile, all[i]->name) == 0)
            continue;
        description = *all[i];
        if (description.framing == FRAMING_FRAMER)
            description.framer = framer_by_name("ruptela");
        p = profile_new(&description, stage->config.prefix, &key, &error);
        cr_assert(p, "profile %s: %s: %s", all[i]->name, key, error);
        cr_assert_eq(profiles_add(profiles, p, &error), 0);
    }
    return profiles;
}

/* --- registry --- */

static const struct registry_user users[STAGE_USERS] = {{USER_OWNER, false}, {USER_BLOCKED, true}, {USER_OTHER, false}};

static int32_t trackers_of_sub[] = {TRACKER_FOREIGN, TRACKER_JSON};

static const struct {
    const char *hash;
    int32_t user_id;
    bool master;
    bool may_set_output;
    bool listed;
    bool is_short;
} sessions[STAGE_SESSIONS] = {
    {HASH_MASTER, USER_OWNER, .master = true},    {HASH_SUB, USER_OWNER, .may_set_output = true, .listed = true},
    {HASH_WATCHER, USER_OWNER, .master = false},  {HASH_SHORT, USER_OWNER, .master = true, .is_short = true},
    {HASH_BLOCKED, USER_BLOCKED, .master = true}, {HASH_OTHER, USER_OTHER, .master = true},
};

static const struct {
    int32_t id;
    const char *model;
    uint8_t outputs;
} trackers[STAGE_TRACKERS] = {
    {TRACKER_JSON, "generic_json", 3},
    {TRACKER_JSON_2, "generic_json", 3},
    {TRACKER_MSGPACK, "generic_msgpack", 3},
    {TRACKER_ECHO, "echo", 0},
    {TRACKER_FIFO, "fifo", 0},
    {TRACKER_STATED, "stated", 0},
    {TRACKER_WIDE, "generic_json", 64},
    {TRACKER_BLOCKED, "generic_json", 3},
    {TRACKER_CLONE, "generic_json", 3},
    {TRACKER_MODELLESS, "abacus", 3},
    {TRACKER_FOREIGN, "generic_json", 3},
    {TRACKER_RESERVED, "generic_json", 3},
    {TRACKER_BATCH, "batch", 0},
    {TRACKER_OWN, "own", 0},
    {TRACKER_REPORTING, "reporting", 0},
    {TRACKER_PIECES, "pieces", 0},
    {TRACKER_FRAMED, "framed", 0},
    {TRACKER_GATE, "gate", 0},
    {TRACKER_GATE_2, "gate", 0},
    {TRACKER_CHOOSY, "choosy", 0},
    {TRACKER_PLACED, "placed", 0},
};

static void fill_session(struct stage_session *to, size_t i, int64_t now_wall_ms)
{
    to->hash = sessions[i].hash;
    to->session = (struct registry_session){
        .hash_sha256 = digest_of(bytes_of_text(sessions[i].hash)),
        .user_id = sessions[i].user_id,
        .master = sessions[i].master,
        .may_set_output = sessions[i].may_set_output,
        .all_trackers = !sessions[i].listed,
        .expires_at_ms = sessions[i].is_short ? now_wall_ms + STAGE_SHORT_MS : INT64_MAX,
        .trackers = sessions[i].listed ? trackers_of_sub : NULL,
        .tracker_count = sessions[i].listed ? sizeof trackers_of_sub / sizeof *trackers_of_sub : 0,
    };
}

static void fill_tracker(struct stage_tracker *to, size_t i)
{
    int32_t id = trackers[i].id;
    bool is_gate = id == TRACKER_GATE || id == TRACKER_GATE_2;

    to->model = trackers[i].model;
    snprintf(to->device_id, sizeof to->device_id, "IMEI-%d", (int)id);
    to->tracker = (struct registry_entry){
        .id = is_gate ? 0 : id,
        .user_id = id == TRACKER_FOREIGN ? USER_OTHER : USER_OWNER,
        .outputs = trackers[i].outputs,
        .blocked = id == TRACKER_BLOCKED,
        .clone = id == TRACKER_CLONE,
        .has_reserved = id == TRACKER_RESERVED,
        .reserved = id == TRACKER_RESERVED,
        .device_id = to->device_id,
        .vars = is_gate ? "site\0north\0" : NULL,
    };
}

void stage_fill_world(struct stage *s)
{
    memcpy(s->users, users, sizeof users);
    for (size_t i = 0; i < STAGE_SESSIONS; i++)
        fill_session(&s->sessions[i], i, s->now.wall_ms);
    for (size_t i = 0; i < STAGE_TRACKERS; i++)
        fill_tracker(&s->trackers[i], i);
}

struct registry *stage_registry(void)
{
    struct registry *registry = stage->no_registry ? NULL : registry_new();

    for (size_t i = 0; registry && i < STAGE_USERS; i++)
        cr_assert(stage->users[i].id == 0 || registry_add_user(registry, &stage->users[i]) == 0);
    for (size_t i = 0; registry && i < STAGE_SESSIONS; i++)
        cr_assert(!stage->sessions[i].hash || registry_add_session(registry, &stage->sessions[i].session) == 0);
    for (size_t i = 0; registry && i < STAGE_TRACKERS; i++) {
        const struct stage_tracker *t = &stage->trackers[i];

        cr_assert(t->tracker.id == 0 || registry_add_tracker(registry, &t->tracker, t->model) == 0);
    }
    return registry;
}

struct stage_tracker *stage_tracker(int32_t id)
{
    cr_assert(id >= TRACKER_JSON && id < TRACKER_END);
    return &stage->trackers[id - TRACKER_JSON];
}

struct stage_session *stage_session(const char *hash)
{
    for (size_t i = 0; i < STAGE_SESSIONS; i++) {
        if (stage->sessions[i].hash && strcmp(stage->sessions[i].hash, hash) == 0)
            return &stage->sessions[i];
    }
    cr_assert_fail("no such session");
    return NULL;
}

struct registry_user *stage_user(int32_t id)
{
    return &stage->users[id - USER_OWNER];
}
