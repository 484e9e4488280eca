/* What the engine wanted, kept in order, and the expectations about it. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_stage_inside.h"
#include "wire/object.h"

enum heard_kind { HEARD_COMMAND, HEARD_CANCEL, HEARD_REPLY };

struct heard {
    struct heard *next;
    enum heard_kind kind;
    struct stage_command command;
    struct stage_reply reply;
    uint64_t cancelled;
};

static struct heard *head; /* what was not expected yet */
static struct heard **tail = &head;
static struct heard *taken; /* what was: kept until the stage closes */

static void free_one(struct heard *heard)
{
    free(heard->command.topic);
    free(heard->command.ack_topic);
    free(heard->command.content_type);
    free(heard->command.payload);
    free(heard->command.what);
    free(heard->reply.topic);
    free(heard->reply.correlation);
    free(heard->reply.payload);
    free(heard->reply.request_id);
    free(heard->reply.errors);
    free(heard);
}

static void free_all(struct heard *list)
{
    while (list) {
        struct heard *next = list->next;

        free_one(list);
        list = next;
    }
}

void forget_heard(void)
{
    free_all(head);
    free_all(taken);
    head = taken = NULL;
    tail = &head;
}

static void keep(const struct heard *what)
{
    struct heard *copy = malloc(sizeof *copy);

    cr_assert(copy);
    *copy = *what;
    copy->next = NULL;
    *tail = copy;
    tail = &copy->next;
}

static char *dup_or_null(struct bytes bytes)
{
    return bytes.data ? bytes_dup(bytes) : NULL;
}

/* --- commands --- */

struct told {
    bool is_set;
    bool enable;
    int output;
    char outputs[2 * 64 + 1];
};

static void read_member(void *ctx, const struct member *member)
{
    struct told *told = ctx;

    if (bytes_equal_text(member->key, "action"))
        told->is_set = bytes_equal_text(member->text, "set");
    if (bytes_equal_text(member->key, "output"))
        told->output = (int)member->number;
    if (bytes_equal_text(member->key, "enable"))
        told->enable = member->truth;
    for (size_t i = 0; member->kind == MEMBER_BOOLS && i < member->count; i++)
        snprintf(told->outputs + strlen(told->outputs), 3, "%s%d", i ? "," : "", (int)(member->bools >> i & 1));
}

static char *describe(const struct engine_command *wanted)
{
    bool is_json = bytes_equal_text(wanted->content_type, "application/json");
    struct told told = {0};
    char text[160];

    if (!wanted->content_type.data)
        return bytes_dup(wanted->payload);
    cr_assert_eq(object_decode(is_json ? ENCODING_JSON : ENCODING_MSGPACK, wanted->payload, read_member, &told), 0);
    if (told.is_set)
        snprintf(text, sizeof text, "%d %s", told.output, told.enable ? "on" : "off");
    else
        snprintf(text, sizeof text, "%s", told.outputs);
    return bytes_dup(bytes_of_text(text));
}

void hear_command(const struct engine_command *wanted)
{
    struct heard heard = {
        .kind = HEARD_COMMAND,
        .command = {.id = wanted->id,
                    .topic = bytes_dup(wanted->topic),
                    .ack_topic = bytes_dup(wanted->ack_topic),
                    .content_type = dup_or_null(wanted->content_type),
                    .payload = (uint8_t *)bytes_dup(wanted->payload),
                    .len = wanted->payload.len,
                    .what = describe(wanted),
                    .deadline_ms = wanted->deadline_ms},
    };

    keep(&heard);
    if (!stage->watch.command)
        return;
    stage->watch.command(&heard.command);
    forget_heard();
}

void hear_cancel(uint64_t id)
{
    if (stage->watch.cancel)
        stage->watch.cancel(id);
    else
        keep(&(struct heard){.kind = HEARD_CANCEL, .cancelled = id});
}

/* --- replies --- */

static void read_errors(struct stage_reply *reply, const json_t *errors)
{
    struct buffer names = {0};
    const json_t *error;
    size_t i;

    json_array_foreach(errors, i, error)
    {
        cr_assert(json_is_string(json_object_get(error, "error")));
        buffer_printf(&names, "%s%s", i ? "," : "", json_string_value(json_object_get(error, "parameter")));
    }
    if (names.len)
        reply->errors = bytes_dup(buffer_bytes(&names));
    buffer_release(&names);
}

static enum outcome outcome_of(const json_t *name)
{
    for (enum outcome outcome = OUTCOME_NOT_SENT; outcome <= OUTCOME_UNKNOWN; outcome++) {
        if (name && strcmp(json_string_value(name), outcome_name(outcome)) == 0)
            return outcome;
    }
    cr_assert_fail("an error without an outcome");
    return OUTCOME_UNKNOWN;
}

static void read_json_reply(struct stage_reply *reply)
{
    json_t *root = json_loadb((const char *)reply->payload, reply->len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *success = json_object_get(root, "success");
    const json_t *status = json_object_get(root, "status");
    const json_t *request_id = json_object_get(root, "request_id");

    cr_assert(json_is_boolean(success), "no reply: %s", (const char *)reply->payload);
    cr_assert(json_is_true(success) == !status, "%s", (const char *)reply->payload);
    if (status) {
        reply->code = (enum code)json_integer_value(json_object_get(status, "code"));
        reply->outcome = outcome_of(json_object_get(root, "outcome"));
        cr_assert_str_eq(json_string_value(json_object_get(status, "description")), code_description(reply->code));
    }
    read_errors(reply, json_object_get(root, "errors"));
    if (request_id)
        reply->request_id = json_dumps(request_id, JSON_ENCODE_ANY);
    json_decref(root);
}

/* Finds the one-byte or two-byte number behind "code", and the name behind "outcome". */
static void read_msgpack_reply(struct stage_reply *reply)
{
    const uint8_t *code = memmem(reply->payload, reply->len,
                                 "\xa4"
                                 "code",
                                 5);
    const uint8_t *outcome = memmem(reply->payload, reply->len,
                                    "\xa7"
                                    "outcome",
                                    8);
    json_t *name;

    if (!code) {
        cr_assert(memmem(reply->payload, reply->len,
                         "\xa7"
                         "success\xc3",
                         9));
        return;
    }
    reply->code = code[5] < 0x80 ? code[5] : code[5] == 0xcc ? code[6] : (enum code)(code[6] << 8 | code[7]);
    cr_assert(outcome);
    name = json_stringn((const char *)outcome + 9, outcome[8] & 0x1F);
    reply->outcome = outcome_of(name);
    json_decref(name);
}

const struct stage_reply *hear_reply(const struct engine_reply *wanted)
{
    static struct stage_reply last;
    struct heard heard = {
        .kind = HEARD_REPLY,
        .reply = {.id = wanted->id,
                  .waits = wanted->waits,
                  .topic = bytes_dup(wanted->topic),
                  .correlation = dup_or_null(wanted->correlation),
                  .content_type = wanted->content_type,
                  .payload = (uint8_t *)bytes_dup(wanted->payload),
                  .len = wanted->payload.len},
    };

    if (strcmp(wanted->content_type, "application/json") == 0)
        read_json_reply(&heard.reply);
    else
        read_msgpack_reply(&heard.reply);
    keep(&heard);
    last = heard.reply;
    if (stage->watch.reply) {
        stage->watch.reply(&heard.reply);
        forget_heard();
    }
    return &last;
}

/* --- expectations --- */

static const char *name_of(const struct heard *heard, char out[160])
{
    if (!heard)
        snprintf(out, 160, "nothing");
    else if (heard->kind == HEARD_COMMAND)
        snprintf(out, 160, "command %llu '%s' to %s", (unsigned long long)heard->command.id, heard->command.what,
                 heard->command.topic);
    else if (heard->kind == HEARD_CANCEL)
        snprintf(out, 160, "cancel of %llu", (unsigned long long)heard->cancelled);
    else
        snprintf(out, 160, "reply %llu with %d/%s", (unsigned long long)heard->reply.id, heard->reply.code,
                 outcome_name(heard->reply.outcome));
    return out;
}

static struct heard *take(enum heard_kind kind, const char *expected)
{
    struct heard *heard = head;
    char name[160];

    cr_assert(heard && heard->kind == kind, "%s was expected, not %s", expected, name_of(heard, name));
    head = heard->next;
    if (!head)
        tail = &head;
    heard->next = taken;
    taken = heard;
    return heard;
}

const struct stage_command *expect_command(int32_t tracker, const char *what)
{
    const struct stage_command *command = &take(HEARD_COMMAND, "a command")->command;
    char topic[64];

    snprintf(topic, sizeof topic, tracker == TRACKER_OWN ? "dev/IMEI-%d/command" : "tracker/%d/output/command",
             (int)tracker);
    if (tracker != TRACKER_GATE && tracker != TRACKER_GATE_2) /* their tests look themselves */
        cr_assert_str_eq(command->topic, topic);
    if (what)
        cr_assert_str_eq(command->what, what);
    return command;
}

const struct stage_reply *expect_reply(enum code code, enum outcome outcome)
{
    char expected[64];
    const struct stage_reply *reply;

    snprintf(expected, sizeof expected, "a reply %d/%s", code, outcome_name(outcome));
    reply = &take(HEARD_REPLY, expected)->reply;
    cr_assert(reply->code == code && reply->outcome == outcome, "%s was expected, not %d/%s", expected, reply->code,
              outcome_name(reply->outcome));
    return reply;
}

void expect_cancel(uint64_t id)
{
    cr_assert_eq(take(HEARD_CANCEL, "a cancel")->cancelled, id);
}

void expect_nothing(void)
{
    char name[160];

    cr_assert_null(head, "nothing was expected, not %s", name_of(head, name));
}

/* --- states --- */

void expect_state(const char *topic, const char *outputs)
{
    struct buffer to = {0};
    struct buffer payload = {0};
    struct buffer expected = {0};

    cr_assert(engine_next_state(stage->engine, stage->now.mono_ms, &(int32_t){0}, &to, &payload),
              "no state is to be published");
    buffer_put_u8(&payload, '\0');
    buffer_printf(&expected, "{\"outputs\": [%s], ", outputs);
    cr_assert(bytes_equal_text(buffer_bytes(&to), topic));
    cr_assert(memcmp(payload.data, expected.data, expected.len) == 0, "%s", (char *)payload.data);
    buffer_release(&to);
    buffer_release(&payload);
    buffer_release(&expected);
}

void expect_no_state(void)
{
    struct buffer to = {0};
    struct buffer payload = {0};

    cr_assert_not(engine_next_state(stage->engine, UINT64_MAX, &(int32_t){0}, &to, &payload));
    cr_assert_not(engine_has_states(stage->engine));
    buffer_release(&to);
    buffer_release(&payload);
}
