#include "wire/request.h"

#include <errno.h>

#include "wire/json_mend.h"
#include "wire/object.h"

static const char *const action_names[] = {"set", "set_all"};

enum action action_from_name(struct bytes name)
{
    if (bytes_equal_text(name, action_names[ACTION_SET]))
        return ACTION_SET;
    return bytes_equal_text(name, action_names[ACTION_SET_ALL]) ? ACTION_SET_ALL : ACTION_UNKNOWN;
}

const char *action_name(enum action action)
{
    return action < ACTION_UNKNOWN ? action_names[action] : "unknown";
}

/* Each reads one member into the request; false: it has a wrong type or range. */

static bool read_int(const struct member *member, int32_t lowest, int32_t *value)
{
    if (member->kind != MEMBER_INT || member->number < lowest || member->number > INT32_MAX)
        return false;
    *value = (int32_t)member->number;
    return true;
}

static bool read_hash(struct request *request, const struct member *member)
{
    uint8_t raw[HASH_DIGITS / 2];
    char lower[HASH_DIGITS + 1];

    if (member->kind != MEMBER_TEXT)
        return false;
    request->hash_is_good = bytes_from_hex(member->text, raw, sizeof raw);
    if (request->hash_is_good) {
        bytes_to_hex(bytes_of(raw, sizeof raw), lower);
        memcpy(request->hash, lower, HASH_DIGITS);
    }
    return true;
}

static bool read_tracker_id(struct request *request, const struct member *member)
{
    return read_int(member, 1, &request->tracker_id);
}

static bool read_output(struct request *request, const struct member *member)
{
    return read_int(member, 1, &request->output);
}

static bool read_enable(struct request *request, const struct member *member)
{
    request->enable = member->truth;
    return member->kind == MEMBER_BOOL;
}

static bool read_outputs(struct request *request, const struct member *member)
{
    if (member->kind != MEMBER_BOOLS || member->count == 0 || member->count > OBJECT_BOOLS_MAX)
        return false;
    request->outputs = member->bools;
    request->output_count = (uint8_t)member->count;
    return true;
}

static bool read_request_id(struct request *request, const struct member *member)
{
    struct request_id *id = &request->id;

    if (member->kind == MEMBER_TEXT && member->text.len <= REQUEST_ID_MAX) {
        id->kind = REQUEST_ID_TEXT;
        id->len = (uint8_t)member->text.len;
        memcpy(id->text, member->text.data, member->text.len);
        return true;
    }
    if (!read_int(member, INT32_MIN, &id->number))
        return false;
    id->kind = REQUEST_ID_INT;
    return true;
}

static bool read_response_topic(struct request *request, const struct member *member)
{
    size_t len = member->text.len;

    if (member->kind != MEMBER_TEXT)
        return false;
    request->has_response_topic = true;
    request->response_topic_len = len;
    memcpy(request->response_topic, member->text.data, len < REPLY_TOPIC_MAX ? len : REPLY_TOPIC_MAX);
    return true;
}

enum { FOR_NONE = 0, FOR_SET = 1 << ACTION_SET, FOR_SET_ALL = 1 << ACTION_SET_ALL, FOR_BOTH = FOR_SET | FOR_SET_ALL };

static const struct {
    const char *name;
    unsigned required; /* for these actions */
    unsigned read;     /* for these and, where they are required for none, for every action */
    bool (*reader)(struct request *request, const struct member *member);
    const char *error;
} parameters[] = {
    [PARAMETER_HASH] = {"hash", FOR_BOTH, FOR_BOTH, read_hash, "must be a string of 32 hex digits"},
    [PARAMETER_TRACKER_ID] = {"tracker_id", FOR_BOTH, FOR_BOTH, read_tracker_id,
                              "must be an integer from 1 to 2147483647"},
    [PARAMETER_OUTPUT] = {"output", FOR_SET, FOR_SET, read_output, "must be an integer from 1"},
    [PARAMETER_ENABLE] = {"enable", FOR_SET, FOR_SET, read_enable, "must be a boolean"},
    [PARAMETER_OUTPUTS] = {"outputs", FOR_SET_ALL, FOR_SET_ALL, read_outputs, "must be an array of 1 to 64 booleans"},
    [PARAMETER_REQUEST_ID] = {"request_id", FOR_NONE, ~0u, read_request_id,
                              "must be a string of at most 128 bytes or an integer"},
    [PARAMETER_RESPONSE_TOPIC] = {"response_topic", FOR_NONE, ~0u, read_response_topic, "must be a string"},
    [PARAMETER_RETAIN] = {"retain", FOR_NONE, FOR_NONE, NULL, "must not be set: a retained request is never executed"},
};

const char *parameter_name(enum parameter parameter)
{
    return parameters[parameter].name;
}

const char *parameter_error(enum parameter parameter)
{
    return parameters[parameter].error;
}

struct decoding {
    struct request *request;
    unsigned seen;
};

static void read_member(void *ctx, const struct member *member)
{
    struct decoding *decoding = ctx;
    unsigned action = 1u << decoding->request->action;

    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        if (!(parameters[i].read & action) || !bytes_equal_text(member->key, parameters[i].name))
            continue;
        decoding->seen |= 1u << i;
        if (!parameters[i].reader(decoding->request, member))
            decoding->request->bad |= 1u << i;
        return;
    }
}

enum { MENDED_ROOM = 1024 }; /* on the stack: longer texts are allocated */

/* A strict reading first; only what that refuses is looked at again for bare keys and huge numbers. */
static int decode_members(enum encoding encoding, struct bytes payload, struct decoding *decoding)
{
    uint8_t mended_room[MENDED_ROOM];
    struct buffer mended = buffer_in(mended_room, sizeof mended_room);
    int r = object_decode(encoding, payload, read_member, decoding);

    if (r == 0 || encoding != ENCODING_JSON)
        return r;
    json_mend(payload, &mended);
    r = object_decode(encoding, buffer_bytes(&mended), read_member, decoding);
    buffer_release(&mended);
    return r;
}

int request_decode(enum encoding encoding, struct bytes payload, enum action action, struct request *request)
{
    struct decoding decoding = {.request = request};
    int r;

    /* Not the large array at its end: it is read as far as response_topic_len says. */
    memset(request, 0, offsetof(struct request, response_topic));
    request->action = action;
    request->bad = 0;
    r = decode_members(encoding, payload, &decoding);
    if (r < 0)
        return r;
    request->has_hash = decoding.seen & 1u << PARAMETER_HASH;
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        if ((parameters[i].required & 1u << action) && !(decoding.seen & 1u << i))
            request->bad |= 1u << i;
    }
    return 0;
}

/* What is wrong with the payload's own is for the checks to say. */
bool request_take_hash(struct request *request, struct bytes hash)
{
    const struct member member = {.kind = MEMBER_TEXT, .text = hash};
    struct request beside;

    if (!request->has_hash) {
        request->bad &= ~(1u << PARAMETER_HASH);
        return read_hash(request, &member);
    }
    if (!request->hash_is_good)
        return true;
    read_hash(&beside, &member);
    return beside.hash_is_good && memcmp(beside.hash, request->hash, HASH_DIGITS) == 0;
}
