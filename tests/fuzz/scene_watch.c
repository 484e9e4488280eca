#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "core/topic.h"
#include "scene_inside.h"
#include "wire/object.h"

/* How a request ended, as the event said it. */
struct ending {
    uint64_t id;
    enum code code;
    enum outcome outcome;
};

static char there; /* what stands in the maps */

static struct {
    struct map recorded;  /* requests with a record in this turn */
    struct map commanded; /* ids that had a command */
    struct map awaited;   /* taken on, and not answered yet */
    struct map recovered; /* of these: before a restart */
    struct map replied;
    uint64_t *undelivered;
    size_t undelivered_count;
    size_t undelivered_size;
    struct ending ending; /* id 0: none whose reply is still to come */
} seen;

/* --- journal --- */

static void journal_put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    (void)ctx;
    CHECK(id && record.len && kind < JOURNAL_SESSION);
    if (kind == JOURNAL_REQUEST)
        map_put(&seen.recorded, id, &there);
    if (scene.journal)
        scene.journal(kind, id, record);
}

static void journal_delete(void *ctx, enum journal_kind kind, uint64_t id)
{
    (void)ctx;
    CHECK(kind < JOURNAL_SESSION && (id || kind != JOURNAL_REQUEST));
}

/* --- commands --- */

static int32_t tracker_of(struct bytes topic)
{
    char text[128];
    int id = 0;
    char rest[32];

    snprintf(text, sizeof text, "%.*s", (int)topic.len, (const char *)topic.data);
    if (sscanf(text, "tracker/%d/output/%31s", &id, rest) == 2)
        CHECK(strcmp(rest, "command") == 0);
    else
        CHECK(sscanf(text, "gate/north/IMEI-%d/set/%31s", &id, rest) == 2);
    CHECK(id > 0 && id <= TRACKER_RESERVED);
    return id;
}

struct expected_command {
    uint64_t id;
    int32_t tracker_id;
    unsigned members;
};

static void check_member(void *ctx, const struct member *member)
{
    struct expected_command *expected = ctx;

    expected->members++;
    if (bytes_equal_text(member->key, "id"))
        CHECK(member->kind == MEMBER_INT && (uint64_t)member->number == expected->id);
    else if (bytes_equal_text(member->key, "output"))
        CHECK(member->kind == MEMBER_INT && member->number >= 1 + (expected->tracker_id == TRACKER_RESERVED) &&
              member->number <= 3);
    else if (bytes_equal_text(member->key, "outputs"))
        CHECK(member->kind == MEMBER_BOOLS && member->count == 3 && expected->tracker_id != TRACKER_RESERVED);
    else if (bytes_equal_text(member->key, "enable"))
        CHECK(member->kind == MEMBER_BOOL);
    else
        CHECK(bytes_equal_text(member->key, "action") && member->kind == MEMBER_TEXT);
}

static void check_payload(const struct engine_command *command, int32_t tracker_id)
{
    struct expected_command expected = {.id = command->id, .tracker_id = tracker_id};
    bool generic = tracker_id == TRACKER_JSON || tracker_id == TRACKER_MSGPACK || tracker_id == TRACKER_RESERVED;

    CHECK(command->payload.len > 0 && generic == (command->content_type.data != NULL));
    if (!generic)
        return;
    CHECK(object_decode(encoding_of(command->content_type, command->payload), command->payload, check_member,
                        &expected) == 0);
    CHECK(expected.members == 3 || expected.members == 4);
}

static void command(void *ctx, const struct engine_command *wanted)
{
    int32_t tracker_id = tracker_of(wanted->topic);

    (void)ctx;
    CHECK(wanted->id && map_find(&seen.recorded, wanted->id));
    CHECK(!map_put(&seen.commanded, wanted->id, &there));
    CHECK(map_find(&seen.awaited, wanted->id));
    CHECK(topic_is_publishable(wanted->topic) && topic_is_publishable(wanted->ack_topic));
    CHECK(wanted->deadline_ms > scene.now.mono_ms);
    CHECK(!scene_command_of(tracker_id) && scene.command_count < SCENE_COMMANDS_MAX);
    check_payload(wanted, tracker_id);
    scene.commands[scene.command_count++] =
        (struct scene_command){.id = wanted->id, .tracker_id = tracker_id, .deadline_ms = wanted->deadline_ms};
}

static struct scene_command *find_command(uint64_t id)
{
    for (size_t i = 0; i < scene.command_count; i++) {
        if (scene.commands[i].id == id)
            return &scene.commands[i];
    }
    return NULL;
}

static void cancel(void *ctx, uint64_t id)
{
    const struct scene_command *staged = find_command(id);

    (void)ctx;
    CHECK(staged && !staged->sent);
}

static void forget_command(uint64_t id)
{
    struct scene_command *ended = find_command(id);

    if (ended)
        *ended = scene.commands[--scene.command_count];
}

/* --- replies --- */

/* The value of a line "path=value", data NULL where there is none. */
static struct bytes line_of(const struct buffer *lines, const char *path)
{
    char start[32];
    size_t len = (size_t)snprintf(start, sizeof start, "\n%s=", path);
    const uint8_t *found = memmem(lines->data, lines->len, start, len);
    const uint8_t *end;

    if (!found)
        return (struct bytes){0};
    found += len;
    end = memchr(found, '\n', (size_t)(lines->data + lines->len - found));
    CHECK(end);
    return bytes_of(found, (size_t)(end - found));
}

static enum code code_in(const struct buffer *lines)
{
    struct bytes text = line_of(lines, "status.code");

    CHECK(text.data && line_of(lines, "status.description").len > 0);
    return (enum code)strtol((const char *)text.data, NULL, 10); /* a line feed is behind it */
}

static void check_reply_payload(const struct engine_reply *reply)
{
    enum encoding encoding = encoding_of(bytes_of_text(reply->content_type), reply->payload);
    struct buffer lines = {0};
    bool success;

    buffer_put_text(&lines, "\n");
    CHECK(object_lines(encoding, reply->payload, &lines) == 0);
    buffer_put_text(&lines, "\n");
    success = bytes_equal_text(line_of(&lines, "success"), "true");
    CHECK(success || bytes_equal_text(line_of(&lines, "success"), "false"));
    CHECK(success != (line_of(&lines, "outcome").len > 0));
    CHECK(success || code_description(code_in(&lines)));
    if (seen.ending.id) {
        CHECK(success == (seen.ending.code == CODE_SUCCESS));
        CHECK(success || code_in(&lines) == seen.ending.code);
        CHECK(success || bytes_equal_text(line_of(&lines, "outcome"), outcome_name(seen.ending.outcome)));
    }
    buffer_release(&lines);
}

static void check_reply_topic(struct bytes topic)
{
    static const char *const forbidden[] = {"api/tracker/output/+", "tracker/#", "gate/#", "reporting/#", "outputd/#"};

    CHECK(topic_is_publishable(topic));
    for (size_t i = 0; scene.is_own && i < sizeof forbidden / sizeof *forbidden; i++)
        CHECK(!topic_matches(bytes_of_text(forbidden[i]), topic));
}

static void reply(void *ctx, const struct engine_reply *wanted)
{
    (void)ctx;
    CHECK(map_remove(&seen.awaited, wanted->id));
    CHECK(!map_put(&seen.replied, wanted->id, &there));
    CHECK(!seen.ending.id || seen.ending.id == wanted->id);
    if (!map_find(&seen.recovered, wanted->id))
        check_reply_topic(wanted->topic);
    check_reply_payload(wanted);
    seen.ending.id = 0;
    if (seen.undelivered_count == seen.undelivered_size) {
        seen.undelivered_size = seen.undelivered_size * 2 + 16;
        seen.undelivered = realloc(seen.undelivered, seen.undelivered_size * sizeof *seen.undelivered);
        CHECK(seen.undelivered);
    }
    seen.undelivered[seen.undelivered_count++] = wanted->id;
}

/* --- what happens --- */

static void event(void *ctx, const struct engine_event *e)
{
    (void)ctx;
    switch (e->kind) {
    case EVENT_REQUEST_ACCEPTED:
        CHECK(!map_put(&seen.awaited, e->id, &there));
        break;
    case EVENT_REQUEST_REFUSED:
        CHECK(e->code != CODE_SUCCESS && e->outcome == OUTCOME_NOT_SENT);
        CHECK(!map_put(&seen.awaited, e->id, &there));
        seen.ending = (struct ending){e->id, e->code, e->outcome};
        break;
    case EVENT_REQUEST_DUPLICATE:
        if (strcmp(e->why, "answered") == 0)
            CHECK(!map_put(&seen.awaited, e->id, &there));
        break;
    case EVENT_REQUEST_SETTLED:
        CHECK(map_find(&seen.awaited, e->id) && seen.ending.id == 0);
        CHECK((e->code == CODE_SUCCESS) == (e->outcome == OUTCOME_SUCCESS));
        seen.ending = (struct ending){e->id, e->code, e->outcome};
        forget_command(e->id);
        break;
    default:
        break;
    }
}

const struct engine_effects scene_effects = {NULL, journal_put, journal_delete, command, cancel, reply, event, NULL};

void scene_await(uint64_t id)
{
    CHECK(!map_put(&seen.awaited, id, &there));
    map_put(&seen.recovered, id, &there);
}

void scene_await_no_more(uint64_t id)
{
    CHECK(map_remove(&seen.awaited, id));
    map_remove(&seen.recovered, id);
}

/* --- turns and the end --- */

void scene_let_out(void)
{
    map_release(&seen.recorded);
    seen.recorded = (struct map){0};
    for (size_t i = 0; i < scene.command_count; i++) {
        CHECK(scene.commands[i].sent || scene.commands[i].deadline_ms > scene.now.mono_ms);
        if (!scene.commands[i].sent && !scene.journal_breaks)
            engine_command_sent(scene.engine, scene.commands[i].id, scene.now);
        scene.commands[i].sent |= !scene.journal_breaks;
    }
    for (size_t i = 0; i < seen.undelivered_count && !scene.journal_breaks; i++)
        engine_reply_delivered(scene.engine, seen.undelivered[i]);
    seen.undelivered_count = scene.journal_breaks ? seen.undelivered_count : 0;
}

void scene_check_state(struct bytes topic, struct bytes payload)
{
    struct buffer lines = {0};

    CHECK(topic_is_publishable(topic));
    CHECK(topic_matches(bytes_of_text("tracker/+/output/state"), topic));
    CHECK(object_lines(ENCODING_JSON, payload, &lines) == 0);
    buffer_release(&lines);
}

/* What was recovered was within them before. */
void scene_check_limits(void)
{
    const struct engine_totals totals = engine_totals(scene.engine);
    const struct store_limits *limits = &scene_config.store;

    CHECK(seen.ending.id == 0);
    CHECK(totals.queued <= totals.pending);
    CHECK(totals.online <= scene_config.trackers_max && totals.online <= totals.trackers);
    if (seen.recovered.count)
        return;
    CHECK(totals.pending <= limits->pending_max);
    CHECK(totals.remembered <= limits->dedup_max + limits->refused_max);
}

void scene_check_end(void)
{
    const struct engine_totals totals = engine_totals(scene.engine);

    CHECK(totals.pending == 0 && totals.queued == 0 && totals.remembered == 0);
    CHECK(seen.awaited.count == 0 && scene.command_count == 0 && !engine_has_states(scene.engine));
    map_release(&seen.recorded);
    map_release(&seen.commanded);
    map_release(&seen.awaited);
    map_release(&seen.recovered);
    map_release(&seen.replied);
    free(seen.undelivered);
    memset(&seen, 0, sizeof seen);
}
