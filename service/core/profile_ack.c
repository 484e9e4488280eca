#include "profile_state.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/object.h"

enum { KEY_ROOM = 128, LINE_ROOM = 1024 }; /* on the stack: longer texts are allocated */

static const char *const ack_kind_names[] = {"success", "refused", "unsupported", "unrelated", "malformed"};

const char *ack_kind_name(enum ack_kind kind)
{
    return ack_kind_names[kind];
}

/* Where acks are read: the profile, what they are read for, and who is told. */
struct ears {
    const struct profile *p;
    const struct ack_expectation *expected;
    ack_each_fn *each;
    void *ctx;
};

/* --- the generic ones --- */

static void read_generic(const struct ears *ears, struct bytes payload)
{
    struct ack ack;
    char key[24];
    struct ack_reading reading = {.kind = ACK_MALFORMED, .text = payload};

    if (ack_decode(ears->p->kind == PROFILE_GENERIC_JSON ? ENCODING_JSON : ENCODING_MSGPACK, payload, &ack) == 0) {
        reading.kind = ack.success ? ACK_SUCCESS : ack.unsupported ? ACK_UNSUPPORTED : ACK_REFUSED;
        reading.has_id = ack.has_id;
        reading.id = ack.id;
        snprintf(key, sizeof key, "%" PRIu64, ack.id);
        if (ack.has_id)
            reading.key = bytes_of_text(key);
    }
    ears->each(ears->ctx, &reading);
}

/* --- keys --- */

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static bool parse_key(struct bytes key, unsigned base, uint64_t *value)
{
    *value = 0;
    if (key.len == 0 || key.len > (base == 16 ? 16 : 19))
        return false;
    for (size_t i = 0; i < key.len; i++) {
        unsigned digit = (unsigned)digit_of(key.data[i]);

        if (digit >= base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}

void profile_put_key(const struct profile *p, struct bytes key, struct buffer *out)
{
    uint64_t value;

    if (p->key != KEY_TEXT && parse_key(key, p->key == KEY_HEX ? 16 : 10, &value))
        buffer_printf(out, "%" PRIu64, value);
    else
        buffer_put(out, key);
}

/* --- what a match says --- */

static bool switches(const struct command *command, unsigned output)
{
    if (command->action == ACTION_SET)
        return output == (unsigned)command->output;
    return output <= command->output_count;
}

bool ack_confirms(const struct command *command, uint64_t confirmed)
{
    uint64_t all = command->action == ACTION_SET ? UINT64_C(1) << (command->output - 1)
                   : command->output_count == 64 ? UINT64_MAX
                                                 : (UINT64_C(1) << command->output_count) - 1;

    return (confirmed & all) == all;
}

/* The output that a match is about, 0 where that is none of ours. */
static unsigned output_of(const struct ears *ears, const struct pattern_match *match)
{
    struct bytes text = match->groups[GROUP_OUTPUT];
    uint64_t output;

    if (text.len == 0)
        return ears->expected->output ? ears->expected->output : 1;
    return parse_key(text, 10, &output) && output <= 64 ? (unsigned)output : 0;
}

static bool names_output(const struct pattern *pattern)
{
    return pattern_has(pattern, GROUP_OUTPUT) || pattern_has(pattern, GROUP_ON) || pattern_has(pattern, GROUP_OFF);
}

static bool wants(const struct command *command, unsigned output, bool on)
{
    bool wanted = command->action == ACTION_SET ? command->enable : command->outputs >> (output - 1) & 1;

    return wanted == on;
}

/* False when the match is about another output than those that are switched, or about the other state. */
static bool agrees(const struct ears *ears, const struct pattern *pattern, const struct pattern_match *match,
                   struct ack_reading *reading)
{
    const struct command *command = ears->expected->command;
    bool on = match->groups[GROUP_ON].data != NULL;
    bool tells_state = on || match->groups[GROUP_OFF].data;
    unsigned output;

    if (!names_output(pattern))
        return true;
    output = output_of(ears, match);
    if (output == 0 || (command && !switches(command, output)) ||
        (command && tells_state && !wants(command, output, on)))
        return false;
    if (tells_state) {
        reading->confirmed |= UINT64_C(1) << (output - 1);
        reading->on |= on ? UINT64_C(1) << (output - 1) : 0;
    }
    return true;
}

/* The group of a checksum holds that of everything before it in the message. */
static bool sum_is_right(const struct pattern *pattern, struct bytes text, const struct pattern_match *match)
{
    struct bytes sum = match->groups[GROUP_CHECKSUM];
    uint64_t value;

    if (!sum.data)
        return true;
    return parse_key(sum, 16, &value) &&
           value == checksum_of(pattern_checksum(pattern), bytes_of(text.data, (size_t)(sum.data - text.data)));
}

/* --- one message --- */

/* All matches of a pattern in the text. True when one of them agrees with what is expected, and, where it tells states,
 * when these are all that are wanted; with MATCH_STATE the rest may be told elsewhere. */
static bool pattern_speaks(const struct ears *ears, const struct pattern *pattern, struct bytes text,
                           struct ack_reading *reading)
{
    bool is_state = pattern_has(pattern, GROUP_ON) || pattern_has(pattern, GROUP_OFF);
    const struct command *command = ears->expected->command;
    struct pattern_match match;
    bool speaks = false;

    for (size_t at = 0; pattern_match(pattern, text, at, &match); at = match.next) {
        if (!sum_is_right(pattern, text, &match) || !agrees(ears, pattern, &match, reading))
            continue;
        if (!speaks)
            reading->key = match.groups[GROUP_KEY];
        speaks = true;
        if (!is_state)
            break;
    }
    return speaks &&
           (!is_state || !command || ears->p->match == MATCH_STATE || ack_confirms(command, reading->confirmed));
}

/* `about_one`: also those that speak of one output. */
static bool any_speaks(const struct ears *ears, enum ack_kind kind, bool about_one, struct bytes text,
                       struct ack_reading *reading)
{
    const struct patterns *patterns = &ears->p->acks[kind];
    bool all = kind == ACK_SUCCESS && ears->p->match == MATCH_STATE; /* each may tell of other outputs */
    bool speaks = false;

    for (size_t i = 0; i < patterns->count && (all || !speaks); i++) {
        if (about_one || !pattern_has(patterns->list[i], GROUP_OUTPUT))
            speaks |= pattern_speaks(ears, patterns->list[i], text, reading);
    }
    return speaks;
}

/* Refusals are looked for first: a refusal's text often contains that of a success. */
static const enum ack_kind reading_order[] = {ACK_UNSUPPORTED, ACK_REFUSED, ACK_SUCCESS};

static void find_kind(const struct ears *ears, bool about_one, struct bytes text, struct ack_reading *reading)
{
    for (size_t i = 0; i < sizeof reading_order / sizeof *reading_order; i++) {
        *reading = (struct ack_reading){.kind = reading_order[i], .text = text};
        if (any_speaks(ears, reading->kind, about_one || reading->kind == ACK_SUCCESS, text, reading))
            return;
    }
    *reading = (struct ack_reading){.kind = ACK_UNRELATED, .text = text};
}

/* Where nothing says which output is meant, the refusal of one does not outweigh the success of another. */
static void read_text(const struct ears *ears, struct bytes text)
{
    struct ack_reading reading;
    uint8_t key_room[KEY_ROOM];
    struct buffer key = buffer_in(key_room, sizeof key_room);

    find_kind(ears, ears->expected->command != NULL, text, &reading);
    if (reading.kind == ACK_UNRELATED && !ears->expected->command)
        find_kind(ears, true, text, &reading);
    if (reading.key.data) {
        profile_put_key(ears->p, reading.key, &key);
        reading.key = key.len ? buffer_bytes(&key) : bytes_of("", 0);
    }
    ears->each(ears->ctx, &reading);
    buffer_release(&key);
}

static void tell(const struct ears *ears, enum ack_kind kind, struct bytes text)
{
    const struct ack_reading reading = {.kind = kind, .text = text};

    ears->each(ears->ctx, &reading);
}

static void read_object(const struct ears *ears, enum encoding encoding, struct bytes payload)
{
    uint8_t lines_room[LINE_ROOM];
    struct buffer lines = buffer_in(lines_room, sizeof lines_room);

    if (object_lines(encoding, payload, &lines) == 0)
        read_text(ears, buffer_bytes(&lines));
    else
        tell(ears, ACK_MALFORMED, payload);
    buffer_release(&lines);
}

/* --- lines --- */

static size_t line_len(struct bytes text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] != '\r' && text.data[len] != '\n')
        len++;
    return len;
}

static struct bytes skip(struct bytes from, size_t len)
{
    return bytes_of(from.data + len, from.len - len);
}

static void read_lines(const struct ears *ears, struct bytes rest)
{
    while (rest.len) {
        size_t len = line_len(rest);

        if (len)
            read_text(ears, bytes_of(rest.data, len));
        rest = skip(rest, len + (len < rest.len)); /* with the line's end */
    }
}

/* --- delimiters --- */

/* Where the text stands in the bytes; bytes.len: nowhere. */
static size_t find(struct bytes bytes, const char *text)
{
    const uint8_t *at = bytes.len ? memmem(bytes.data, bytes.len, text, strlen(text)) : NULL;

    return at ? (size_t)(at - bytes.data) : bytes.len;
}

/* How much of the bytes' end may be the beginning of `start`. */
static size_t begun(struct bytes bytes, const char *start)
{
    size_t len = strlen(start) - 1;

    len = len < bytes.len ? len : bytes.len;
    while (len && memcmp(bytes.data + bytes.len - len, start, len) != 0)
        len--;
    return len;
}

/* From the last `start` before the first `end`: a message that was cut off is not put together with the next one. */
static struct bytes last_start(struct bytes message, const char *start)
{
    size_t len = strlen(start);

    for (size_t at = find(skip(message, len), start) + len; at < message.len;
         at = len + find(skip(message, len), start))
        message = skip(message, at);
    return message;
}

static size_t read_delimited(const struct ears *ears, struct bytes payload, bool last)
{
    struct bytes rest = payload;

    while (rest.len) {
        size_t start = find(rest, ears->p->start);
        size_t head = strlen(ears->p->start);
        struct bytes message;
        size_t end;

        if (start == rest.len) { /* no message begins here */
            size_t kept = last ? 0 : begun(rest, ears->p->start);

            if (rest.len > kept)
                tell(ears, ACK_UNRELATED, bytes_of(rest.data, rest.len - kept));
            return payload.len - kept;
        }
        rest = skip(rest, start);
        end = head + find(skip(rest, head), ears->p->end);
        if (end >= rest.len && !last)
            return (size_t)(last_start(rest, ears->p->start).data - payload.data);
        message = last_start(bytes_of(rest.data, end), ears->p->start); /* the end may hold what is a start */
        message.len += end < rest.len ? strlen(ears->p->end) : 0;
        read_text(ears, message);
        rest = skip(rest, (size_t)(message.data - rest.data) + message.len);
    }
    return payload.len;
}

/* --- frames --- */

/* How far behind the first byte the next whole frame begins; bytes.len: nowhere. */
static size_t next_frame(const struct framer *framer, struct bytes bytes)
{
    uint8_t line_room[LINE_ROOM];
    struct buffer line = buffer_in(line_room, sizeof line_room);
    size_t at = 1;

    while (at < bytes.len) {
        struct frame_found found = framer->find(skip(bytes, at), &line);

        if (found.verdict == FRAME_GOOD)
            break;
        at += found.verdict == FRAME_GARBAGE ? found.used : 1;
    }
    buffer_release(&line);
    return at < bytes.len ? at : bytes.len;
}

/* What claims to be the beginning of a frame whose rest is to come is believed, unless a whole frame begins in it.
 * Returns how much of the bytes is no frame; 0: the rest is to come. */
static size_t unfinished(const struct framer *framer, struct bytes bytes, bool last)
{
    size_t next = next_frame(framer, bytes);

    return next < bytes.len || last ? next : 0;
}

static size_t read_frames(const struct ears *ears, struct bytes payload, bool last)
{
    const struct framer *framer = ears->p->framer;
    uint8_t line_room[LINE_ROOM];
    struct buffer line = buffer_in(line_room, sizeof line_room);
    size_t garbage = 0; /* where a run of it began */
    size_t at = 0;

    while (at < payload.len) {
        struct frame_found found = framer->find(skip(payload, at), &line);

        if (found.verdict == FRAME_PARTIAL)
            found.used = unfinished(framer, skip(payload, at), last);
        if (found.used == 0)
            break;
        if (found.verdict == FRAME_GOOD) {
            if (garbage < at)
                tell(ears, ACK_MALFORMED, bytes_of(payload.data + garbage, at - garbage));
            read_text(ears, buffer_bytes(&line));
            buffer_clear(&line);
            garbage = at + found.used;
        }
        at += found.used;
    }
    if (garbage < at)
        tell(ears, ACK_MALFORMED, bytes_of(payload.data + garbage, at - garbage));
    buffer_release(&line);
    return at;
}

/* --- all of it --- */

size_t profile_read_acks(const struct profile *p, const struct ack_expectation *expected, struct bytes payload,
                         bool last, ack_each_fn *each, void *ctx)
{
    const struct ears ears = {p, expected, each, ctx};

    if (p->kind != PROFILE_DESCRIBED) {
        read_generic(&ears, payload);
        return payload.len;
    }
    switch (p->framing) {
    case FRAMING_MESSAGE:
        read_text(&ears, payload);
        break;
    case FRAMING_LINES:
        read_lines(&ears, payload);
        break;
    case FRAMING_DELIMITER:
        return read_delimited(&ears, payload, last);
    case FRAMING_JSON:
        read_object(&ears, ENCODING_JSON, payload);
        break;
    case FRAMING_MSGPACK:
        read_object(&ears, ENCODING_MSGPACK, payload);
        break;
    case FRAMING_FRAMER:
        return read_frames(&ears, payload, last);
    }
    return payload.len;
}

bool profile_begins_message(const struct profile *p, struct bytes payload)
{
    uint8_t line_room[LINE_ROOM];
    struct buffer line = buffer_in(line_room, sizeof line_room);
    bool begins = true;
    size_t head;

    if (p->framing == FRAMING_FRAMER) {
        begins = payload.len && p->framer->find(payload, &line).verdict == FRAME_GOOD;
    } else if (p->framing == FRAMING_DELIMITER) {
        head = strlen(p->start);
        begins = find(payload, p->start) == 0 && payload.len > head &&
                 find(skip(payload, head), p->end) + head < payload.len;
    }
    buffer_release(&line);
    return begins;
}

/* --- presence --- */

static bool any_matches(const struct patterns *patterns, struct bytes payload)
{
    struct pattern_match match;

    for (size_t i = 0; i < patterns->count; i++) {
        if (pattern_match(patterns->list[i], payload, 0, &match))
            return true;
    }
    return false;
}

enum presence profile_read_presence(const struct profile *p, struct bytes payload)
{
    if (p->online.count + p->offline.count == 0)
        return presence_decode(payload);
    if (payload.len == 0 || any_matches(&p->offline, payload))
        return PRESENCE_OFFLINE;
    return any_matches(&p->online, payload) ? PRESENCE_ONLINE : PRESENCE_UNREADABLE;
}
