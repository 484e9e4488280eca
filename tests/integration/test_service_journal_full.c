/* A journal that is full: of requests that wait, and of answers for the dedup window. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/crowd.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum {
    BOXES = 3,
    BOX = 7,                 /* the first of them: silent, and with long queues */
    LONG = 47,               /* requests to them, of three eighths of 8 MiB all but 6 % */
    CORRELATION_LEN = 60000, /* of each: most of its record */
    QUICK = 40,              /* trackers that ack at once */
    QUICK_FIRST = 1000,
    CROWD = 40000,
    WINDOW = 200,
    REFUSED = 3000,
};

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static struct crowd *crowd;
static char *correlations[LONG];

static const char profile[] = "models = [\"box\"];\n"
                              "outputs = 3;\n"
                              "ack_timeout_ms = 110000;\n"
                              "command: { set = \"OUT{output}={enable?1:0}\"; };\n"
                              "ack: { match = \"fifo\"; success = [\"^OK$\"]; };\n";

static void write_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1; "
                           "master = true; });\n"
                           "trackers = ({ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; }");
    for (int i = 0; i < BOXES; i++)
        buffer_printf(&text, ",\n{ id = %d; user_id = 1; model = \"box\"; }", BOX + i);
    for (int i = 0; i < QUICK; i++)
        buffer_printf(&text, ",\n{ id = %d; user_id = 1; model = \"generic_json\"; outputs = 3; }", QUICK_FIRST + i);
    buffer_put_text(&text, ");\n");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static struct crowd_request quick_request(int number)
{
    return (struct crowd_request){QUICK_FIRST + number % QUICK, 1, 0};
}

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "profiles/box.cfg", profile);
    write_registry();
    outputd_set(service, "journal.size_mb", "8");
    outputd_set(service, "engine.dedup_window_ms", "20000");
    field = field_start(broker_url(broker));
    for (int i = 0; i < BOXES; i++)
        field_online(field, BOX + i);
    for (int i = 0; i < QUICK; i++)
        field_online(field, QUICK_FIRST + i);
    desk = desk_start(broker_url(broker));
    crowd = crowd_start(broker_url(broker), DESK_HASH, CROWD, quick_request);
    outputd_start(service);
    outputd_wait_ready(service);
}

static void clear_stage(void)
{
    for (int i = 0; i < LONG; i++)
        free(correlations[i]);
    crowd_free(crowd);
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_journal_full, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void send_long_ones(void)
{
    for (int i = 0; i < LONG; i++) {
        correlations[i] = malloc(CORRELATION_LEN + 1);
        cr_assert(correlations[i]);
        memset(correlations[i], 'x', CORRELATION_LEN);
        snprintf(correlations[i], CORRELATION_LEN, "%d", i);
        correlations[i][strlen(correlations[i])] = 'x';
        correlations[i][CORRELATION_LEN] = '\0';
        desk_set(desk, correlations[i], BOX + i % BOXES, 1 + i % 3, true);
    }
    desk_fence(desk);
    cr_assert_eq(desk->probe->count, 1, "one of them was answered: %s", desk->probe->messages[0].payload);
}

/* Until nothing more is taken: a reply that is delivered leaves room for some of the next ones. */
static void send_crowd(void)
{
    while (crowd->sent < CROWD && crowd_count(crowd, 8) < REFUSED) {
        crowd_turn(crowd, CROWD, WINDOW);
        pump_turn();
    }
    cr_assert(PUMP_UNTIL((crowd_turn(crowd, crowd->sent, 0), crowd->replied == crowd->sent)), "%d of %d answered",
              crowd->replied, crowd->sent);
}

/* Asked once more after a yes: at the border of what there is room for the next one may be refused again. */
static bool is_taken_again(void)
{
    static int number;
    static bool taken;
    char correlation[32];

    if (taken)
        return true;
    PUMP_UNTIL_FOR(200, false); /* there is not room for endless refusals */
    snprintf(correlation, sizeof correlation, "again %d", ++number);
    desk_set(desk, correlation, QUICK_FIRST, 1, true);
    taken = strstr(desk_wait(desk, correlation)->payload, "true") != NULL;
    return taken;
}

/* The boxes ack one command after the other. */
static void ack_long_ones(void)
{
    char topic[64];
    int acked[BOXES] = {0};

    for (int done = 0; done < LONG;) {
        for (int box = 0; box < BOXES; box++) {
            int commands = 0;

            for (int i = 0; i < field->count; i++)
                commands += field->commands[i].tracker_id == BOX + box;
            if (commands == acked[box])
                continue;
            snprintf(topic, sizeof topic, "tracker/%d/output/ack", BOX + box);
            field_say(field, topic, "OK");
            acked[box]++;
            done++;
        }
        pump_turn();
    }
}

Test(service_journal_full, says_so_refuses_what_is_new_ends_what_is_old_and_goes_on)
{
    static const char full[] = "the journal is full: new requests get code 8";

    send_long_ones();
    cr_assert_eq(outputd_log_count(service, full), 0);
    send_crowd();
    outputd_wait_log(service, full, 1);
    cr_assert_gt(crowd_count(crowd, CROWD_SUCCESS), 1000, "only %d of %d", crowd_count(crowd, CROWD_SUCCESS),
                 crowd->sent);
    cr_assert_eq(crowd_count(crowd, CROWD_SUCCESS) + crowd_count(crowd, 8), crowd->sent);
    cr_assert_eq(crowd->contradicting, 0);
    cr_assert_eq(outputd_log_count(service, "cannot be written"), 0, "more was begun than there was room for");
    cr_assert(PUMP_UNTIL_FOR(40000, is_taken_again()), "its answers have expired, and it takes nothing");
    outputd_kill(service);
    outputd_start(service);
    outputd_wait_ready(service);
    ack_long_ones();
    for (int i = 0; i < LONG; i++)
        desk_expect_success(desk, correlations[i]);
    cr_assert_eq(crowd->contradicting, 0);
}
