/* From a command to its ack. What becomes of a command is thrown when it comes; the ack is written when it is due. */
#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "noise.h"
#include "topic.h"

enum { REPEATED_LINES_MAX = 100 }; /* the rest is only counted */

/* What the dice say of one command. Every command takes the same number of throws, so that the n-th command of a
 * tracker meets the same fate whatever the rates did to those before it. */
struct fate {
    enum answer answer;
    bool duplicate;
    bool garbage;
    uint64_t garbage_shape;
    uint64_t delay_ms;
};

/* An ack that waits in the heap. */
struct pending_ack {
    struct tracker *tracker;
    struct command command;
    struct fate fate;
    uint32_t life;            /* of the tracker, when the command came */
    struct bytes topic;       /* owned, as correlation is, in one piece with this struct */
    struct bytes correlation; /* data NULL: none */
};

static enum answer throw_answer(const struct rates *rates, struct dice *dice)
{
    double thrown = dice_chance(dice);

    if (thrown < rates->silence)
        return ANSWER_SILENCE;
    if (thrown < rates->silence + rates->refuse)
        return ANSWER_REFUSED;
    return thrown < rates->silence + rates->refuse + rates->unsupported ? ANSWER_UNSUPPORTED : ANSWER_SUCCESS;
}

static struct fate throw_fate(const struct options *options, struct dice *dice)
{
    struct fate fate;

    fate.answer = throw_answer(&options->rates, dice);
    fate.duplicate = dice_chance(dice) < options->rates.duplicate;
    fate.garbage = dice_chance(dice) < options->rates.garbage;
    fate.garbage_shape = dice_throw(dice);
    fate.delay_ms = options->latency_ms + dice_up_to(dice, options->jitter_ms);
    return fate;
}

/* --- the log --- */

static const char *const answer_names[] = {
    [ANSWER_SUCCESS] = "success",
    [ANSWER_REFUSED] = "refused",
    [ANSWER_UNSUPPORTED] = "unsupported",
    [ANSWER_SILENCE] = "silent",
};

/* "265489 command 17 -1" and the like; "-" where the command has no id. */
static void print_line(const struct tracker *tracker, const char *what, const struct command *command, const char *rest)
{
    char id[24] = "-";

    if (command->has_id)
        snprintf(id, sizeof(id), "%" PRIu64, command->id);
    printf("%d %s %s %s\n", tracker->id, what, id, rest);
}

static void log_command(const struct sim *sim, const struct tracker *tracker, const struct command *command)
{
    char states[TRACKER_OUTPUTS_MAX + 1];

    if (!sim->options->log)
        return;
    tracker_format_outputs(command->mask, command->states, tracker_mask_count(command->mask), states);
    print_line(tracker, "command", command, command->known ? states : "unknown");
}

static void log_answer(const struct sim *sim, const struct tracker *tracker, const struct command *command,
                       const char *what, const char *rest)
{
    if (sim->options->log)
        print_line(tracker, what, command, rest);
}

/* --- acks --- */

static int put_ack(struct sim *sim, const struct pending_ack *ack, struct bytes payload)
{
    struct mqtt_publish publish = {.topic = ack->topic, .payload = payload, .correlation = ack->correlation};
    int r = outbox_put(&sim->outbox, &publish);

    if (r < 0)
        sim->tally.of[TALLY_DROPPED]++;
    return r;
}

static void count_answer(struct sim *sim, enum answer answer)
{
    static const enum tally_count counts[] = {
        [ANSWER_SUCCESS] = TALLY_SUCCESS,
        [ANSWER_REFUSED] = TALLY_REFUSED,
        [ANSWER_UNSUPPORTED] = TALLY_UNSUPPORTED,
        [ANSWER_SILENCE] = TALLY_SILENT,
    };

    sim->tally.of[counts[answer]]++;
}

/* One ack with everything that comes with it. 0, or what came of its last message. */
static int send_messages(struct sim *sim, const struct pending_ack *ack, const struct command *command)
{
    const struct profile *profile = sim->options->profile;
    struct noisy_ack noisy = {.count = 1};
    int r;

    ack->tracker->sent++;
    buffer_clear(&sim->ack);
    r = profile->write(ack->tracker, command, ack->fate.answer, &sim->ack);
    if (r < 0) {
        sim->tally.of[TALLY_DROPPED]++;
        return r;
    }
    noisy.messages[0] = buffer_bytes(&sim->ack);
    if (ack->fate.garbage) {
        noisy = noise_around(profile, ack->tracker, command, ack->fate.answer, ack->fate.garbage_shape,
                             noisy.messages[0], &sim->noise);
        sim->tally.of[TALLY_GARBAGE]++;
    }
    for (size_t i = 0; i < noisy.count; i++)
        r = put_ack(sim, ack, noisy.messages[i]);
    if (r == 0 && ack->fate.duplicate && put_ack(sim, ack, buffer_bytes(&sim->ack)) == 0)
        sim->tally.of[TALLY_DUPLICATE]++;
    return r;
}

static int send_each_output(struct sim *sim, const struct pending_ack *ack)
{
    int r = 0;

    for (uint64_t mask = ack->command.mask; r == 0 && mask; mask &= mask - 1) {
        struct command one = ack->command;

        one.mask = mask & (~mask + 1);
        one.states &= one.mask;
        r = send_messages(sim, ack, &one);
    }
    return r;
}

static void send_ack(struct sim *sim, const struct pending_ack *ack)
{
    enum answer answer = ack->fate.answer;
    bool each = sim->options->profile->one_output_an_ack && answer == ANSWER_SUCCESS;

    if ((each ? send_each_output(sim, ack) : send_messages(sim, ack, &ack->command)) < 0)
        return;
    if (answer == ANSWER_SUCCESS)
        tracker_switch(ack->tracker, ack->command.mask, ack->command.states);
    count_answer(sim, answer);
    log_answer(sim, ack->tracker, &ack->command, "ack", answer_names[answer]);
}

static void ack_due(struct sim *sim, void *what)
{
    struct pending_ack *ack = what;

    if (sim->stopping || ack->life != ack->tracker->life)
        sim->tally.of[TALLY_LOST]++;
    else
        send_ack(sim, ack);
    free(ack);
}

/* --- commands --- */

/* Where the ack goes: written into `own`, unless a gateway was told another topic. */
static struct bytes ack_topic(const struct sim *sim, const struct tracker *tracker, const struct command *command,
                              const struct mqtt_message *message, char own[TOPIC_SIZE])
{
    const struct topics *topics = sim->options->profile->topics;

    if (topics->of_gateway && message->response_topic.len)
        return message->response_topic;
    return bytes_of(own, topic_format(own, sim->options->prefix, topics->ack, tracker, command->level));
}

/* The ack with its topic and correlation behind it. NULL without memory. */
static struct pending_ack *new_pending_ack(const struct sim *sim, struct tracker *tracker,
                                           const struct command *command, const struct mqtt_message *message)
{
    char own[TOPIC_SIZE];
    struct bytes topic = ack_topic(sim, tracker, command, message, own);
    bool correlated = sim->options->profile->topics->of_gateway && message->correlation.data;
    size_t correlation_len = correlated ? message->correlation.len : 0;
    struct pending_ack *ack = calloc(1, sizeof(*ack) + topic.len + correlation_len + 1);
    uint8_t *at;

    if (!ack)
        return NULL;
    at = (uint8_t *)(ack + 1);
    memcpy(at, topic.data, topic.len);
    ack->topic = bytes_of(at, topic.len);
    if (correlated) {
        at += topic.len;
        if (correlation_len)
            memcpy(at, message->correlation.data, correlation_len);
        ack->correlation = bytes_of(at, correlation_len);
    }
    ack->tracker = tracker;
    ack->life = tracker->life;
    ack->command = *command;
    return ack;
}

/* What the tracker answers in the end: it cannot accept or refuse what it does not know, and some families have no
 * words for that. */
static enum answer final_answer(const struct profile *profile, const struct command *command, enum answer thrown)
{
    enum answer answer = thrown != ANSWER_SILENCE && !command->known ? ANSWER_UNSUPPORTED : thrown;

    return profile->silent & (1u << answer) ? ANSWER_SILENCE : answer;
}

static void plan_ack(struct sim *sim, struct tracker *tracker, const struct command *command,
                     const struct mqtt_message *message)
{
    struct fate fate = throw_fate(sim->options, &tracker->command_dice);
    struct pending_ack *ack;

    fate.answer = final_answer(sim->options->profile, command, fate.answer);
    if (fate.answer == ANSWER_SILENCE) {
        count_answer(sim, ANSWER_SILENCE);
        log_answer(sim, tracker, command, "no ack", answer_names[ANSWER_SILENCE]);
        return;
    }
    ack = new_pending_ack(sim, tracker, command, message);
    if (ack)
        ack->fate = fate;
    if (!ack || heap_add(&sim->heap, sim->now_ms + fate.delay_ms, ack_due, ack) < 0) {
        sim->tally.of[TALLY_DROPPED]++;
        free(ack);
    }
}

/* Families without an id in the command: the service gives its id as 8 bytes of Correlation Data, MQTT 5 only. */
static void take_id_of_correlation(struct command *command, struct bytes correlation)
{
    if (command->has_id || correlation.len != 8)
        return;
    for (size_t i = 0; i < correlation.len; i++)
        command->id = command->id << 8 | correlation.data[i];
    command->has_id = true;
}

static void note_id(struct sim *sim, struct tracker *tracker, const struct command *command)
{
    if (!command->has_id) {
        sim->tally.of[TALLY_WITHOUT_ID]++;
        return;
    }
    if (!tracker_had_command(tracker, command->id)) {
        sim->tally.of[TALLY_DISTINCT]++;
        return;
    }
    if (sim->tally.of[TALLY_REPEATED]++ < REPEATED_LINES_MAX)
        print_line(tracker, "command", command, "REPEATED");
}

static unsigned outputs_of(const struct command *command)
{
    unsigned reach = tracker_mask_count(command->mask);

    return reach > command->slots ? reach : command->slots;
}

/* False: no command for this tracker, which says nothing to it. */
static bool read_command(struct sim *sim, struct tracker *tracker, struct bytes payload, struct command *command)
{
    int r = sim->options->profile->read(tracker, payload, command);

    if (r == 0) {
        command->known = command->known && outputs_of(command) <= tracker->relays;
        return true;
    }
    sim->tally.of[r == -ENODEV ? TALLY_OTHER_DEVICE : TALLY_UNREADABLE]++;
    if (sim->options->log)
        printf("%d %s, %zu bytes\n", tracker->id, r == -ENODEV ? "another device's command" : "unreadable",
               payload.len);
    return false;
}

void sim_message(struct sim *sim, const struct mqtt_message *message)
{
    struct command command = {0};
    struct tracker *tracker = topic_read(message->topic, sim->options->prefix, sim->options->profile->topics->command,
                                         &sim->trackers, command.level);

    if (!tracker)
        return;
    sim->tally.of[TALLY_SEEN]++;
    if (!read_command(sim, tracker, message->payload, &command))
        return;
    take_id_of_correlation(&command, message->correlation);
    log_command(sim, tracker, &command);
    note_id(sim, tracker, &command);
    if (tracker->online && !sim->stopping)
        plan_ack(sim, tracker, &command, message);
    else
        sim->tally.of[TALLY_OFFLINE]++;
}
