/* Fuzzes what devices send: the framer and the patterns of one profile, which FUZZ_PROFILE names, as the service reads
 * them. libFuzzer calls it; run.sh starts it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "edge/profile_file.h"

static struct profile *profile;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *path = getenv("FUZZ_PROFILE");
    struct mistakes mistakes = {0};

    (void)argc;
    (void)argv;
    CHECK(path);
    profile = profile_file_read(path, "", &mistakes);
    if (!profile) {
        fprintf(stderr, "%.*s", (int)mistakes.text.len, (const char *)mistakes.text.data);
        exit(1);
    }
    return 0;
}

/* What must be so of every reading, whatever was sent. */
static void check_reading(void *ctx, const struct ack_reading *reading)
{
    const struct command *command = ctx;

    CHECK(reading->kind <= ACK_MALFORMED);
    CHECK(reading->kind <= ACK_UNSUPPORTED || !reading->key.data);
    CHECK((reading->on & ~reading->confirmed) == 0);
    if (command && command->action == ACTION_SET)
        CHECK((reading->confirmed & ~(UINT64_C(1) << (command->output - 1))) == 0);
}

static size_t read_all(const struct command *command, struct bytes bytes, bool last)
{
    const struct ack_expectation expected = {.command = command, .output = 1};

    return profile_read_acks(profile, &expected, bytes, last, check_reading, (void *)(uintptr_t)command);
}

/* As it comes in pieces: what is left of the first goes before the second. */
static void read_pieces(const struct command *command, struct bytes bytes, size_t cut)
{
    size_t used = read_all(command, bytes_of(bytes.data, cut), false);
    struct bytes second = bytes_of(bytes.data + cut, bytes.len - cut);

    CHECK(used <= cut);
    if (used < cut && !profile_begins_message(profile, second))
        second = bytes_of(bytes.data + used, bytes.len - used);
    CHECK(read_all(command, second, false) <= second.len);
}

/* The first byte says what is in flight, the second one where the bytes are cut. The rest is copied into memory of its
 * own size, so that not a byte beyond it is read unnoticed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct command command = {.id = 17, .action = ACTION_SET, .output = 1, .enable = true, .output_count = 2};
    const struct command *in_flight = NULL;
    uint8_t *copy;

    if (len < 3)
        return 0;
    if (data[0] & 1)
        in_flight = &command;
    command.output = data[0] & 2 ? 2 : 1;
    command.enable = data[0] & 4;
    command.action = data[0] & 8 ? ACTION_SET_ALL : ACTION_SET;
    command.outputs = data[0] >> 4 & 3;
    copy = malloc(len - 2);
    CHECK(copy);
    memcpy(copy, data + 2, len - 2);
    CHECK(read_all(in_flight, bytes_of(copy, len - 2), true) == len - 2);
    read_pieces(in_flight, bytes_of(copy, len - 2), data[1] % (len - 2));
    (void)profile_read_presence(profile, bytes_of(copy, len - 2));
    free(copy);
    return 0;
}
