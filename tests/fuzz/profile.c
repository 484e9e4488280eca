/* Fuzzes the reading of a profile. One that is taken must be usable: its commands are rendered, its acks and presence
 * are read. libFuzzer calls it; run.sh starts it. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/topic.h"
#include "draw.h"
#include "edge/profile_file.h"
#include "text_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const acks[] = {
    "OK",
    "{\"id\": 1, \"success\": true, \"output\": 1, \"state\": \"ON\", \"params\": [{\"on\": true}]}",
    "+OK;Enable1$",
    "$$@!#,1,ok*00\r\n<ok>\n",
    "\x78\x78\x0b\x15\x06\x01\x00\x00\x00\x0d\x0a~\x80\x01\x7e",
    "ffffffff 0000000000000000000000000000",
};

static void count_reading(void *ctx, const struct ack_reading *reading)
{
    size_t *count = ctx;

    CHECK(reading->kind <= ACK_MALFORMED && (reading->on & ~reading->confirmed) == 0);
    ++*count;
}

static void read_acks(const struct profile *p, const struct command *command, struct bytes text)
{
    const struct ack_expectation expected = {.command = command, .output = 1};
    struct bytes copy = draw_copy(text);
    size_t count = 0;
    size_t used = profile_read_acks(p, &expected, copy, false, count_reading, &count);

    CHECK(used <= copy.len && count <= copy.len + 1);
    CHECK(profile_read_acks(p, &expected, copy, true, count_reading, &count) == copy.len);
    (void)profile_begins_message(p, copy);
    (void)profile_read_presence(p, copy);
    free((void *)(uintptr_t)copy.data);
}

/* The topics that have no output in them: what comes out is one, or there is a reason. */
static void check_topics(const struct profile *p, const struct template_input *input)
{
    static const enum profile_topic topics[] = {TOPIC_PRESENCE, TOPIC_STATE};

    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct buffer topic = {0};
        struct buffer filter = {0};

        if (template_render(profile_topic(p, topics[i]), input, &topic) == 0) {
            CHECK(topic_is_publishable(buffer_bytes(&topic)));
            template_filter(profile_topic(p, topics[i]), input, &filter);
            CHECK(topic_filter_is_valid(buffer_bytes(&filter)));
            CHECK(topic_matches(buffer_bytes(&filter), buffer_bytes(&topic)));
        }
        buffer_release(&topic);
        buffer_release(&filter);
    }
}

static void render(const struct profile *p, const struct template_input *input)
{
    struct buffer topic = {0};
    struct buffer payload = {0};
    struct buffer echo = {0};
    const char *why = NULL;
    int r = profile_render(p, input, &payload, &why);

    CHECK(r == 0 || r == -ENODATA || r == -EINVAL || r == -EDOM);
    CHECK(r == 0 || payload.len == 0);
    if (template_render(profile_command_topic(p, input->command->action), input, &topic) < 0)
        CHECK(topic.len == 0);
    profile_render_echo(p, input, &echo);
    read_acks(p, input->command, buffer_bytes(&payload));
    read_acks(p, input->command, buffer_bytes(&echo));
    buffer_release(&topic);
    buffer_release(&payload);
    buffer_release(&echo);
}

static void use(const struct profile *p)
{
    const struct output_states states = {.known = 5, .on = 1};
    struct template_input input = {.tracker_id = 265489,
                                   .device_id = bytes_of_text("356307042441013"),
                                   .vars = "password\0"
                                           "0000\0imei\0"
                                           "356307042441013\0",
                                   .states = &states,
                                   .now_ms = INT64_C(1795000000000)};
    struct buffer why = {0};
    bool serves;

    input.outputs = (uint8_t)profile_outputs(p, &input);
    CHECK(profile_outputs(p, &input) <= 64);
    serves = profile_check(p, &input, &why);
    CHECK(serves == (why.len == 0));
    for (unsigned i = 0; serves && i < 8; i++) {
        const struct command command = {.id = 17,
                                        .action = i & 1 ? ACTION_SET_ALL : ACTION_SET,
                                        .output = i & 4 ? input.outputs : 1,
                                        .enable = i & 2,
                                        .outputs = i & 2 ? UINT64_MAX : 2,
                                        .output_count = input.outputs};

        input.command = &command;
        if (command.output > 0 && profile_has(p, &input, command.action))
            render(p, &input);
    }
    input.command = NULL;
    if (serves)
        check_topics(p, &input);
    for (size_t i = 0; i < sizeof acks / sizeof *acks; i++)
        read_acks(p, NULL, bytes_of_text(acks[i]));
    buffer_release(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mistakes mistakes = {0};
    struct profile *p = profile_file_read(text_file(bytes_of(data, len)), "", &mistakes);

    text_file_check(&mistakes, !p);
    if (p)
        use(p);
    profile_unref(p);
    return 0;
}
