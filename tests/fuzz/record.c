/* Fuzzes what the journal gives back after a restart: records as the engine wrote them, chosen, changed and mixed, and
 * records of any bytes. Then the service goes on: presence is read, devices ack, and everything runs out. libFuzzer
 * calls it; run.sh starts it. */
#include <stdlib.h>

#include "base/check.h"
#include "draw.h"
#include "scene.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { RECORDS_MAX = 128 };

struct record {
    enum journal_kind kind;
    uint64_t id;
    struct buffer bytes;
};

/* Every record that the engine of write_catalogue put into its journal. */
static struct {
    struct record records[RECORDS_MAX];
    size_t count;
} catalogue;

static void keep(enum journal_kind kind, uint64_t id, struct bytes bytes)
{
    struct record *record = &catalogue.records[catalogue.count++];

    CHECK(catalogue.count <= RECORDS_MAX);
    *record = (struct record){.kind = kind, .id = id};
    buffer_put(&record->bytes, bytes);
}

static void publish_request(const char *wish, enum action action, struct bytes correlation)
{
    struct reader step = {.left = bytes_of_text(wish)};
    struct buffer payload = {0};
    const char *topic = action == ACTION_SET ? "api/tracker/output/set" : "api/tracker/output/set_all";

    scene_put_request(&step, correlation.data ? ENCODING_MSGPACK : ENCODING_JSON, action, &payload);
    scene_publish(&(struct engine_message){
        .topic = bytes_of_text(topic), .payload = buffer_bytes(&payload), .correlation = correlation});
    buffer_release(&payload);
}

static void publish_ack(int32_t tracker_id, const char *payload)
{
    struct buffer topic = {0};

    scene_put_ack_topic(tracker_id, &topic);
    scene_publish(&(struct engine_message){.topic = buffer_bytes(&topic), .payload = bytes_of_text(payload)});
    buffer_release(&topic);
}

/* Requests in each of their states, answers with each outcome, states of outputs. */
static void write_catalogue(void)
{
    scene.journal = keep;
    scene_open(1);
    scene_all_online();
    scene_command_all();
    publish_request("111m8", ACTION_SET, bytes_of_text("correlated"));
    publish_request("431m9", ACTION_SET_ALL, (struct bytes){0});
    publish_request("521m7", ACTION_SET_ALL, (struct bytes){0});
    publish_request("191m6", ACTION_SET, (struct bytes){0}); /* refused */
    scene_turn(100);
    publish_ack(TRACKER_FIFO, "OK");
    publish_ack(TRACKER_REPORTING, "out2 is on");
    publish_ack(TRACKER_PIECES, "+NO$");
    scene_turn(100);
    scene_close(); /* all others time out */
    scene.journal = NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    write_catalogue();
    return 0;
}

/* --- one input --- */

struct journal {
    struct record records[RECORDS_MAX];
    size_t count;
};

/* r, a, s: a request, an answer, states of the catalogue, with changes; R, A, S: the same of any bytes. */
static void draw_record(struct reader *step, struct journal *journal)
{
    static const enum journal_kind kinds[] = {JOURNAL_REQUEST, JOURNAL_ANSWER, JOURNAL_STATES};
    size_t letter = draw_letter(step, "rasRAS");
    enum journal_kind kind = kinds[letter % 3];
    size_t wanted = draw_number(step) % catalogue.count;
    struct record *record = &journal->records[journal->count++];

    *record = (struct record){.kind = kind, .id = 1 + wanted};
    if (letter >= 3) {
        buffer_put(&record->bytes, step->left);
        return;
    }
    while (catalogue.records[wanted].kind != kind)
        wanted = (wanted + 1) % catalogue.count;
    record->id = catalogue.records[wanted].id;
    buffer_put(&record->bytes, buffer_bytes(&catalogue.records[wanted].bytes));
    draw_edits(step, &record->bytes);
}

static int by_kind_and_id(const void *a, const void *b)
{
    static const int order[] = {[JOURNAL_ANSWER] = 0, [JOURNAL_STATES] = 1, [JOURNAL_REQUEST] = 2};
    const struct record *left = a;
    const struct record *right = b;

    if (left->kind != right->kind)
        return order[left->kind] - order[right->kind];
    return (left->id > right->id) - (left->id < right->id);
}

/* As the service hands them over: kind by kind, each id once, in ascending order. */
static void recover(struct journal *journal)
{
    const struct record *last = NULL;

    qsort(journal->records, journal->count, sizeof *journal->records, by_kind_and_id);
    for (size_t i = 0; i < journal->count; i++) {
        struct record *record = &journal->records[i];

        if (!last || last->kind != record->kind || last->id != record->id)
            scene_recover(record->kind, record->id, buffer_bytes(&record->bytes));
        last = record;
    }
    for (size_t i = 0; i < journal->count; i++)
        buffer_release(&journal->records[i].bytes);
    journal->count = 0;
    engine_recovered(scene.engine, scene.now);
}

/* An ack of a command that was sent before, as it is kept by the broker. */
static void ack(struct reader *step)
{
    int32_t tracker_id = (int32_t)(draw_number(step) % SCENE_TRACKERS);
    uint8_t id[8] = {[7] = (uint8_t)draw_number(step)};
    struct buffer topic = {0};

    scene_put_ack_topic(tracker_id, &topic);
    scene_publish(&(struct engine_message){
        .topic = buffer_bytes(&topic), .payload = step->left, .correlation = bytes_of(id, sizeof id)});
    buffer_release(&topic);
}

/* What comes behind the records: presence, acks, time, requests; the first of these lines ends the records. */
static void play(struct reader *step)
{
    switch (draw_letter(step, "ptkqd")) {
    case 0:
        scene_all_online();
        break;
    case 1:
        scene_turn(100 * draw_number(step));
        break;
    case 2:
        ack(step);
        break;
    case 3:
        scene_command_all();
        break;
    case 4:
        engine_drain(scene.engine, scene.now);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct journal journal;
    struct bytes input = bytes_of(data, len);
    struct buffer line = {0};
    bool recovered = false;

    scene_open(1);
    while (draw_step(&input, &line)) {
        struct reader step = {.left = buffer_bytes(&line)};
        bool is_record = line.len && strchr("rasRAS", line.data[0]) && line.data[0];

        if (!recovered && is_record && journal.count < RECORDS_MAX) {
            draw_record(&step, &journal);
            continue;
        }
        if (!recovered)
            recover(&journal);
        recovered = true;
        play(&step);
    }
    if (!recovered)
        recover(&journal);
    buffer_release(&line);
    scene_close();
    return 0;
}
