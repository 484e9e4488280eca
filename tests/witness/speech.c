#include "witness/speech.h"

#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_BITS = 32, CHECK = 0x5A, MSGPACK_FALSE = 0xC2, MSGPACK_TRUE = 0xC3 };

const char *const answer_names[ANSWERS] = {"success", "not_sent", "rejected", "unknown"};

static uint64_t check_of(uint32_t number)
{
    return (number ^ number >> 8 ^ number >> 16 ^ number >> 24 ^ CHECK) & 0xFF;
}

uint64_t speech_states_of(uint32_t number)
{
    return number | check_of(number) << NUMBER_BITS;
}

bool speech_number_of(uint64_t states, uint32_t *number)
{
    *number = (uint32_t)states;
    return states >> NUMBER_BITS == check_of(*number);
}

/* --- requests --- */

static void put_json(struct buffer *out, const char *hash, int32_t tracker_id, const struct switching *s)
{
    buffer_printf(out, "{\"hash\": \"%s\", \"tracker_id\": %d, ", hash, tracker_id);
    if (!s->all) {
        buffer_printf(out, "\"output\": %d, \"enable\": %s}", s->output, s->enable ? "true" : "false");
        return;
    }
    for (int i = 0; i < SPEECH_OUTPUTS; i++)
        buffer_printf(out, "%s%s", i ? "," : "\"outputs\": [", s->states >> i & 1 ? "true" : "false");
    buffer_put_text(out, "]}");
}

static void put_key(struct buffer *out, const char *key)
{
    buffer_put_u8(out, (uint8_t)(0xA0 | strlen(key)));
    buffer_put_text(out, key);
}

static void put_boolean(struct buffer *out, bool value)
{
    buffer_put_u8(out, value ? MSGPACK_TRUE : MSGPACK_FALSE);
}

static void put_msgpack(struct buffer *out, const char *hash, int32_t tracker_id, const struct switching *s)
{
    buffer_put_u8(out, s->all ? 0x83 : 0x84);
    put_key(out, "hash");
    buffer_put_be(out, 0xD900 | strlen(hash), 2);
    buffer_put_text(out, hash);
    put_key(out, "tracker_id");
    buffer_put_u8(out, 0xCE);
    buffer_put_be(out, (uint64_t)tracker_id, 4);
    if (!s->all) {
        put_key(out, "output");
        buffer_put_u8(out, s->output);
        put_key(out, "enable");
        put_boolean(out, s->enable);
        return;
    }
    put_key(out, "outputs");
    buffer_put_u8(out, 0xDC);
    buffer_put_be(out, SPEECH_OUTPUTS, 2);
    for (int i = 0; i < SPEECH_OUTPUTS; i++)
        put_boolean(out, s->states >> i & 1);
}

void speech_put_request(struct buffer *out, bool msgpack, const char *hash, int32_t tracker_id,
                        const struct switching *switching)
{
    if (msgpack)
        put_msgpack(out, hash, tracker_id, switching);
    else
        put_json(out, hash, tracker_id, switching);
}

/* --- what the service says --- */

/* What stands behind a key; none of these keys can stand anywhere else in what the service writes here. data NULL: not
 * there. */
static struct bytes behind(struct bytes payload, const char *key)
{
    size_t len = strlen(key);
    const uint8_t *at = memmem(payload.data, payload.len, key, len);
    struct bytes rest = {0};

    if (at)
        rest = bytes_of(at + len, payload.len - (size_t)(at + len - payload.data));
    return rest;
}

static struct bytes behind_json(struct bytes payload, const char *key)
{
    char quoted[24];
    struct bytes rest;

    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    rest = behind(payload, quoted);
    while (rest.len && (rest.data[0] == ':' || rest.data[0] == ' ')) {
        rest.data++;
        rest.len--;
    }
    return rest;
}

static struct bytes behind_msgpack(struct bytes payload, const char *key)
{
    char sized[24];

    snprintf(sized, sizeof sized, "%c%s", (char)(0xA0 | strlen(key)), key);
    return behind(payload, sized);
}

static bool begins_with(struct bytes text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

static bool is_json(struct bytes payload)
{
    return payload.len && payload.data[0] == '{';
}

/* A number of JSON or of MessagePack, without sign. */
static unsigned number_at(bool json, struct bytes at)
{
    struct reader r = {.left = at};
    unsigned value = 0;

    if (!json) {
        value = (unsigned)reader_be(&r, 1);
        return value < 0x80 ? value : (unsigned)reader_be(&r, value == 0xCC ? 1 : value == 0xCD ? 2 : 4);
    }
    for (size_t i = 0; i < at.len && at.data[i] >= '0' && at.data[i] <= '9'; i++)
        value = 10 * value + (unsigned)(at.data[i] - '0');
    return value;
}

static bool true_at(bool json, struct bytes at)
{
    return json ? begins_with(at, "true") : at.len && at.data[0] == MSGPACK_TRUE;
}

static uint64_t states_at(bool json, struct bytes at)
{
    uint64_t states = 0;

    for (size_t i = 0, output = 0; i < at.len && output < SPEECH_OUTPUTS && !(json && at.data[i] == ']'); i++) {
        bool is_true = json ? at.data[i] == 't' : at.data[i] == MSGPACK_TRUE;

        states |= (uint64_t)is_true << output;
        output += is_true || (json ? at.data[i] == 'f' : at.data[i] == MSGPACK_FALSE);
    }
    return states;
}

/* "SET ID OUTPUT 1", "ALL ID 0101…", "ALL 0101…" */
static bool read_text_command(struct bytes payload, struct switching *s)
{
    char text[100];
    unsigned output;
    unsigned enable;
    const char *states;

    snprintf(text, sizeof text, "%.*s", (int)payload.len, (const char *)payload.data);
    states = strrchr(text, ' ');
    if (begins_with(payload, "ALL ") && strlen(states) == 1 + SPEECH_OUTPUTS) {
        *s = (struct switching){.all = true};
        for (unsigned i = 0; i < SPEECH_OUTPUTS; i++)
            s->states |= (uint64_t)(states[1 + i] == '1') << i;
        return true;
    }
    if (sscanf(text, "SET %*u %u %u", &output, &enable) != 2)
        return false;
    *s = (struct switching){.output = (uint8_t)output, .enable = enable};
    return true;
}

bool speech_read_command(struct bytes payload, struct switching *switching)
{
    bool json = is_json(payload);
    struct bytes (*find)(struct bytes payload, const char *key) = json ? behind_json : behind_msgpack;
    struct bytes outputs;
    struct bytes output;

    if (begins_with(payload, "SET ") || begins_with(payload, "ALL "))
        return read_text_command(payload, switching);
    outputs = find(payload, "outputs");
    output = find(payload, "output");
    if (outputs.data)
        *switching = (struct switching){.all = true, .states = states_at(json, outputs)};
    else
        *switching = (struct switching){.output = (uint8_t)number_at(json, output),
                                        .enable = true_at(json, find(payload, "enable"))};
    return outputs.data || output.data;
}

bool speech_read_reply(struct bytes payload, struct verdict *verdict)
{
    bool json = is_json(payload);
    struct bytes (*find)(struct bytes payload, const char *key) = json ? behind_json : behind_msgpack;
    struct bytes success = find(payload, "success");
    struct bytes outcome = find(payload, "outcome");

    *verdict = (struct verdict){0};
    if (!success.data)
        return false;
    if (true_at(json, success))
        return true;
    verdict->code = (uint16_t)number_at(json, find(payload, "code"));
    for (enum answer a = ANSWER_NOT_SENT; a < ANSWERS && outcome.len; a++) {
        /* behind one quote, or one byte of length */
        if (begins_with(bytes_of(outcome.data + 1, outcome.len - 1), answer_names[a]))
            verdict->answer = a;
    }
    return verdict->answer != ANSWER_SUCCESS;
}
