#include "chaos/fleet.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "witness/poller.h"
#include "witness/process.h"

/* --- what the simulators say --- */

/* "1000 command 17 0101…" and "1000 command 17 --1": a set_all, a set of output 3. */
static bool read_states(const char *text, struct switching *s)
{
    size_t len = strlen(text);
    size_t stated = 0;

    *s = (struct switching){0};
    if (len == 0 || len > SPEECH_OUTPUTS || strspn(text, "01-") != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        s->states |= (uint64_t)(text[i] == '1') << i;
        stated += text[i] != '-';
        if (text[i] != '-')
            s->output = (uint8_t)(i + 1);
    }
    s->all = stated > 1;
    s->enable = text[len - 1] == '1';
    return true;
}

static void take_command(struct ledger *l, int32_t tracker_id, uint64_t id, const char *states)
{
    struct switching s;

    if (strcmp(states, "REPEATED") == 0)
        return; /* told once more */
    ledger_mark(l, read_states(states, &s) ? ledger_of_switching(l, tracker_id, &s) : 0, MARK_REACHED, id);
}

static void take_line(struct simulator *s, const char *line)
{
    int32_t tracker_id;
    uint64_t id;
    char what[SPEECH_OUTPUTS + 1];

    if (sscanf(line, "%" SCNd32 " command %" SCNu64 " %40s", &tracker_id, &id, what) == 3)
        take_command(s->ledger, tracker_id, id, what);
    else if (sscanf(line, "%" SCNd32 " ack %" SCNu64 " %40s", &tracker_id, &id, what) == 3)
        ledger_mark(s->ledger, ledger_of_command(s->ledger, id), MARK_ANSWERED,
                    strcmp(what, "success") == 0 ? ANSWER_SUCCESS : ANSWER_REJECTED);
}

static void take_output(struct simulator *s, struct bytes output)
{
    fwrite(output.data, 1, output.len, s->log);
    for (size_t i = 0; i < output.len; i++) {
        bool is_end = output.data[i] == '\n';

        buffer_put_u8(&s->line, is_end ? '\0' : output.data[i]);
        if (!is_end)
            continue;
        take_line(s, (const char *)s->line.data);
        buffer_clear(&s->line);
    }
}

static void output_comes(void *ctx, short revents)
{
    struct simulator *s = ctx;
    uint8_t piece[16384];
    ssize_t n = read(s->fd, piece, sizeof piece);

    (void)revents;
    if (n > 0) {
        take_output(s, bytes_of(piece, (size_t)n));
        return;
    }
    close(s->fd);
    s->fd = -1;
}

static void start_simulator(struct simulator *s, const char *folder, uint16_t port, const char *profile, int first,
                            int count)
{
    const char *build = getenv("BUILD");
    char program[256];
    char broker[48];
    char trackers[32];
    char outputs[8];
    char path[300];
    char *argv[] = {program,
                    "--broker",
                    broker,
                    "--profile",
                    (char *)(uintptr_t)profile,
                    "--trackers",
                    trackers,
                    "--outputs",
                    outputs,
                    "--log",
                    "--latency-ms",
                    "5",
                    "--jitter-ms",
                    "60",
                    "--refuse-rate",
                    "0.05",
                    "--silence-rate",
                    "0.01",
                    "--duplicate-rate",
                    "0.05",
                    NULL};
    int fds[2];

    snprintf(program, sizeof program, "%s/trackersim", build ? build : "build");
    snprintf(broker, sizeof broker, "mqtt://127.0.0.1:%u", port);
    snprintf(trackers, sizeof trackers, "%d-%d", first, first + count - 1);
    snprintf(outputs, sizeof outputs, "%d", SPEECH_OUTPUTS);
    snprintf(path, sizeof path, "%s/trackersim-%s.log", folder, profile);
    s->log = fopen(path, "w");
    CHECK(s->log && pipe2(fds, O_CLOEXEC) == 0);
    s->fd = fds[0];
    s->pid = process_start(argv, fds[1]);
    close(fds[1]);
}

/* --- the text family --- */

static void players_online(void *ctx)
{
    struct fleet *f = ctx;
    char topic[40];

    for (int i = 0; i < TEXT_COUNT; i++) {
        snprintf(topic, sizeof topic, "tracker/%d/status", TEXT_FIRST + i);
        client_publish(&f->players,
                       &(struct client_publish){.topic = topic, .payload = bytes_of_text("online"), .retain = true});
    }
}

static void play(struct fleet *f, int32_t tracker_id, uint64_t command_id, const struct switching *s)
{
    uint32_t number = ledger_of_switching(f->ledger, tracker_id, s);
    unsigned chance = dice_between(&f->dice, 1, 100);
    enum answer answer = chance <= 5 ? ANSWER_REJECTED : ANSWER_SUCCESS;
    char topic[40];
    char ack[40];

    ledger_mark(f->ledger, number, MARK_REACHED, command_id);
    if (chance == 100)
        return; /* silent */
    ledger_mark(f->ledger, number, MARK_ANSWERED, answer);
    snprintf(topic, sizeof topic, "tracker/%d/output/ack", tracker_id);
    snprintf(ack, sizeof ack, "%s %" PRIu64, answer == ANSWER_SUCCESS ? "OK" : "NO", command_id);
    client_publish(&f->players, &(struct client_publish){.topic = topic, .payload = bytes_of_text(ack)});
}

static void player_commanded(void *ctx, struct bytes topic, struct bytes payload, struct bytes correlation)
{
    struct fleet *f = ctx;
    struct reader id = {.left = correlation};
    char text[40];
    struct switching s;
    int32_t tracker_id = 0;

    snprintf(text, sizeof text, "%.*s", (int)topic.len, (const char *)topic.data);
    sscanf(text, "tracker/%" SCNd32, &tracker_id);
    if (speech_read_command(payload, &s))
        play(f, tracker_id, reader_be(&id, 8), &s);
}

static void ack_taken(void *ctx, int token, int reason)
{
    (void)ctx;
    (void)token;
    (void)reason;
}

static void start_players(struct fleet *f, uint16_t port)
{
    for (int i = 0; i < TEXT_COUNT; i++) {
        snprintf(f->topics[i], sizeof f->topics[i], "tracker/%d/output/command", TEXT_FIRST + i);
        f->filters[i] = f->topics[i];
    }
    f->handlers = (struct client_handlers){f, players_online, player_commanded, ack_taken};
    client_init(&f->players, "chaos-players", port, f->filters, TEXT_COUNT, &f->handlers);
}

/* --- what is asked of them --- */

uint32_t fleet_choose(void *ctx, struct dice *dice)
{
    struct ledger *l = ((struct fleet *)ctx)->ledger;
    unsigned kind = dice_between(dice, 1, 100);
    bool want_set = dice_percent(dice, 25);
    uint32_t number;

    if (kind <= 2) {
        number = ledger_new(l, OFFLINE_FIRST + (int32_t)dice_between(dice, 0, OFFLINE_COUNT - 1), false, true);
        ledger_at(l, number)->wish = WISH_OFFLINE;
        return number;
    }
    if (kind <= 7) /* until it was asked for all that it has */
        return ledger_new(l, TEXT_FIRST + (int32_t)dice_between(dice, 0, TEXT_COUNT - 1), true, false);
    if (kind <= 35)
        return ledger_new(l, MSGPACK_FIRST + (int32_t)dice_between(dice, 0, MSGPACK_COUNT - 1), want_set, true);
    return ledger_new(l, JSON_FIRST + (int32_t)dice_between(dice, 0, JSON_COUNT - 1), want_set, true);
}

/* --- life --- */

void fleet_init(struct fleet *f, struct ledger *l, uint16_t port, uint64_t seed, const char *folder)
{
    *f = (struct fleet){.ledger = l, .dice = {seed}};
    f->simulators[0].ledger = f->simulators[1].ledger = l;
    start_simulator(&f->simulators[0], folder, port, "json", JSON_FIRST, JSON_COUNT);
    start_simulator(&f->simulators[1], folder, port, "msgpack", MSGPACK_FIRST, MSGPACK_COUNT);
    start_players(f, port);
}

void fleet_turn(struct fleet *f, uint64_t now_ms)
{
    for (int i = 0; i < SIMULATORS; i++) {
        if (f->simulators[i].fd >= 0)
            poller_add(f->simulators[i].fd, POLLIN, output_comes, &f->simulators[i]);
    }
    client_turn(&f->players, now_ms);
}

void fleet_end(struct fleet *f)
{
    for (int i = 0; i < SIMULATORS; i++) {
        struct simulator *s = &f->simulators[i];

        process_kill(s->pid);
        while (s->fd >= 0)
            output_comes(s, 0);
        fclose(s->log);
        buffer_release(&s->line);
    }
    client_release(&f->players);
}

/* --- files for the service --- */

static void write_trackers(FILE *file, int first, int count, const char *model)
{
    for (int i = 0; i < count; i++)
        fprintf(file, "%s{ id = %d; user_id = 1; model = \"%s\"; outputs = %d; }", first + i == JSON_FIRST ? "" : ",\n",
                first + i, model, SPEECH_OUTPUTS);
}

void fleet_write_registry(const char *folder)
{
    FILE *file = process_open_file(folder, "registry.cfg");

    fputs("users = ({ id = 1; });\n"
          "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; "
          "user_id = 1; master = true; });\n"
          "trackers = (\n",
          file);
    write_trackers(file, JSON_FIRST, JSON_COUNT, "generic_json");
    write_trackers(file, MSGPACK_FIRST, MSGPACK_COUNT, "generic_msgpack");
    write_trackers(file, TEXT_FIRST, TEXT_COUNT, "chaos_text");
    write_trackers(file, OFFLINE_FIRST, OFFLINE_COUNT, "generic_json");
    fputs(");\n", file);
    fclose(file);
    file = process_open_file(folder, "profiles/chaos_text.cfg");
    fputs("models = [\"chaos_text\"];\n"
          "command: { set = \"SET {command_id} {output} {enable?1:0}\"; };\n"
          "ack: { match = \"echo\"; echo = \"{command_id}\"; key = \"number\";\n"
          "  success = [\"^OK (?<key>[0-9]+)$\"]; refused = [\"^NO (?<key>[0-9]+)$\"]; };\n",
          file);
    fclose(file);
}
