#include "cluster/trackers.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "witness/process.h"

static const struct {
    const char *model;
    int first;
    int count;
    int busy;
} families[FAMILIES] = {
    [FAMILY_JSON] = {"generic_json", 1000, 90, 4},
    [FAMILY_MSGPACK] = {"generic_msgpack", 2000, 40, 2},
    [FAMILY_ECHO] = {"cluster_echo", 3000, 60, 3},
    [FAMILY_FIFO] = {"cluster_fifo", 4000, 50, 3},
};

/* --- who there is --- */

static void add_family(struct trackers *t, enum family family)
{
    for (int i = 0; i < families[family].count; i++) {
        CHECK(t->count < TRACKERS_MAX);
        t->each[t->count++] =
            (struct tracker){.id = families[family].first + i, .family = family, .is_busy = i < families[family].busy};
    }
}

unsigned trackers_find(const struct trackers *t, int32_t id)
{
    unsigned at = 0;

    for (enum family f = 0; f < FAMILIES; at += (unsigned)families[f++].count) {
        if (id >= families[f].first && id < families[f].first + families[f].count)
            return at + (unsigned)(id - families[f].first);
    }
    return t->count;
}

/* --- acks --- */

static void put_ack(struct trackers *t, const struct played_ack *ack)
{
    CHECK(t->ack_count < ACKS_MAX);
    t->acks[t->ack_count++] = *ack;
}

/* Most are quick; a few come close to the deadline, or after it. Who cannot say what an ack is of is never so late. */
static unsigned latency_ms(struct dice *dice, enum family family)
{
    unsigned chance = dice_between(dice, 1, 1000);

    if (chance <= 4 && family != FAMILY_FIFO)
        return dice_between(dice, 2900, 4500);
    if (chance <= 30)
        return dice_between(dice, 500, 2300);
    return dice_between(dice, 3, 60);
}

static void plan_ack(struct trackers *t, unsigned tracker, uint32_t number, uint64_t command_id)
{
    enum family family = t->each[tracker].family;
    unsigned chance = dice_between(&t->dice, 1, 1000);
    struct played_ack ack = {.at_ms = t->ledger->now_ms + latency_ms(&t->dice, family),
                             .command_id = command_id,
                             .number = number,
                             .tracker = (uint16_t)tracker,
                             .refuses = chance <= 50};

    if (chance > (family == FAMILY_FIFO ? 998 : 993))
        return; /* silent */
    put_ack(t, &ack);
    if (chance > 900 && family != FAMILY_FIFO) {
        ack.number = 0;
        ack.at_ms += dice_between(&t->dice, 0, 40);
        put_ack(t, &ack);
    }
}

static void put_ack_payload(struct buffer *out, enum family family, const struct played_ack *ack)
{
    switch (family) {
    case FAMILY_JSON:
        buffer_printf(out, "{\"id\": %" PRIu64 ", \"success\": %s}", ack->command_id, ack->refuses ? "false" : "true");
        return;
    case FAMILY_MSGPACK:
        buffer_put_text(out, "\x82\xA2id\xCF");
        buffer_put_be(out, ack->command_id, 8);
        buffer_put_text(out, ack->refuses ? "\xA7success\xC2" : "\xA7success\xC3");
        return;
    case FAMILY_ECHO:
        buffer_printf(out, "%s %" PRIu64, ack->refuses ? "NO" : "OK", ack->command_id);
        return;
    case FAMILY_FIFO:
    case FAMILIES:
        buffer_put_text(out, ack->refuses ? "NO" : "OK");
        return;
    }
}

static void send_ack(struct trackers *t, const struct played_ack *ack)
{
    const struct tracker *tracker = &t->each[ack->tracker];
    struct buffer payload = {0};
    char topic[40];

    if (ack->number)
        ledger_mark(t->ledger, ack->number, MARK_ANSWERED, ack->refuses ? ANSWER_REJECTED : ANSWER_SUCCESS);
    snprintf(topic, sizeof topic, "tracker/%d/output/ack", tracker->id);
    put_ack_payload(&payload, tracker->family, ack);
    client_publish(&t->client, &(struct client_publish){.topic = topic, .payload = buffer_bytes(&payload)});
    buffer_release(&payload);
}

static void send_acks(struct trackers *t, uint64_t now_ms)
{
    for (unsigned i = 0; i < t->ack_count;) {
        struct played_ack ack = t->acks[i];

        if (ack.at_ms > now_ms) {
            i++;
            continue;
        }
        t->acks[i] = t->acks[--t->ack_count];
        send_ack(t, &ack);
    }
}

/* --- what they are told --- */

static void connected(void *ctx)
{
    struct trackers *t = ctx;
    char topic[40];

    for (unsigned i = 0; i < t->count; i++) {
        snprintf(topic, sizeof topic, "tracker/%d/status", t->each[i].id);
        client_publish(&t->client,
                       &(struct client_publish){.topic = topic, .payload = bytes_of_text("online"), .retain = true});
    }
}

/* One that was handed over again by the broker is known by its id, and does nothing. */
static void commanded(void *ctx, struct bytes topic, struct bytes payload, struct bytes correlation)
{
    struct trackers *t = ctx;
    struct reader id = {.left = correlation};
    uint64_t command_id = reader_be(&id, 8);
    struct switching s;
    int32_t tracker_id = 0;
    uint32_t number;
    bool again;
    char text[40];

    snprintf(text, sizeof text, "%.*s", (int)topic.len, (const char *)topic.data);
    sscanf(text, "tracker/%" SCNd32, &tracker_id);
    number = speech_read_command(payload, &s) ? ledger_of_switching(t->ledger, tracker_id, &s) : 0;
    again = number && ledger_at(t->ledger, number)->reached && ledger_at(t->ledger, number)->reached_id == command_id;
    ledger_mark(t->ledger, number, MARK_REACHED, command_id);
    if (number && !again)
        plan_ack(t, trackers_find(t, tracker_id), number, command_id);
}

static void taken(void *ctx, int token, int reason)
{
    (void)ctx;
    (void)token;
    (void)reason;
}

/* --- what is asked of them --- */

static bool is_free(const struct trackers *t, const struct tracker *tracker)
{
    const struct request *r = ledger_at(t->ledger, tracker->asked);

    return tracker->is_busy || !r || r->heard;
}

static uint32_t ask(struct trackers *t, struct tracker *tracker, struct dice *dice)
{
    tracker->asked = ledger_new(t->ledger, tracker->id, dice_percent(dice, 25), true);
    return tracker->asked;
}

static uint32_t ask_offline(struct trackers *t, struct dice *dice)
{
    int32_t id = OFFLINE_FIRST + (int32_t)dice_between(dice, 0, OFFLINE_COUNT - 1);
    uint32_t number = ledger_new(t->ledger, id, false, true);

    ledger_at(t->ledger, number)->wish = WISH_OFFLINE;
    return number;
}

uint32_t trackers_choose(void *ctx, struct dice *dice)
{
    enum { TRIES = 20, BURST_MAX = 6 };
    struct trackers *t = ctx;

    if (t->burst) {
        t->burst--;
        return ask(t, &t->each[t->burst_of], dice);
    }
    if (dice_percent(dice, 2))
        return ask_offline(t, dice);
    for (int i = 0; i < TRIES; i++) {
        unsigned at = dice_between(dice, 0, t->count - 1);

        if (!is_free(t, &t->each[at]))
            continue;
        if (t->each[at].is_busy) {
            t->burst = dice_between(dice, 0, BURST_MAX - 1);
            t->burst_of = at;
        }
        return ask(t, &t->each[at], dice);
    }
    return 0;
}

/* --- life --- */

void trackers_init(struct trackers *t, struct ledger *l, uint64_t seed, uint16_t port)
{
    *t = (struct trackers){.ledger = l, .dice = {seed}, .filter = "tracker/+/output/command"};
    for (enum family f = 0; f < FAMILIES; f++)
        add_family(t, f);
    t->handlers = (struct client_handlers){t, connected, commanded, taken};
    client_init(&t->client, "trackers", port, &t->filter, 1, &t->handlers);
}

void trackers_release(struct trackers *t)
{
    client_release(&t->client);
}

void trackers_turn(struct trackers *t, uint64_t now_ms)
{
    send_acks(t, now_ms);
    client_turn(&t->client, now_ms);
}

/* --- files for the service --- */

static void put_tracker(FILE *file, int32_t id, const char *model, bool is_last)
{
    fprintf(file, "(%d, 1, '%s', %d)%s\n", id, model, SPEECH_OUTPUTS, is_last ? ";" : ",");
}

/* User and session are those of the examples. */
static void write_registry(const struct trackers *t, const char *folder)
{
    FILE *file = process_open_file(folder, "registry.sql");

    fputs("INSERT INTO trackers (id, user_id, model, outputs) VALUES\n", file);
    for (unsigned i = 0; i < t->count; i++)
        put_tracker(file, t->each[i].id, families[t->each[i].family].model, false);
    for (int i = 0; i < OFFLINE_COUNT; i++)
        put_tracker(file, OFFLINE_FIRST + i, "generic_json", i + 1 == OFFLINE_COUNT);
    fclose(file);
}

void trackers_write_files(const struct trackers *t, const char *folder, unsigned quarantine_ms)
{
    FILE *file = process_open_file(folder, "profiles/cluster_echo.cfg");

    fputs("models = [\"cluster_echo\"];\n"
          "command: { set = \"SET {command_id} {output} {enable?1:0}\";\n"
          "  set_all = \"ALL {command_id} {states on='1' off='0'}\"; };\n"
          "ack: { match = \"echo\"; echo = \"{command_id}\"; key = \"number\";\n"
          "  success = [\"^OK (?<key>[0-9]+)$\"]; refused = [\"^NO (?<key>[0-9]+)$\"]; };\n",
          file);
    fclose(file);
    file = process_open_file(folder, "profiles/cluster_fifo.cfg");
    fprintf(file,
            "models = [\"cluster_fifo\"];\n"
            "quarantine_ms = %u;\n"
            "command: { set = \"SET 0 {output} {enable?1:0}\"; set_all = \"ALL {states on='1' off='0'}\"; };\n"
            "ack: { match = \"fifo\"; success = [\"^OK$\"]; refused = [\"^NO$\"]; };\n",
            quarantine_ms);
    fclose(file);
    write_registry(t, folder);
}
