/* Acks: which complete a request, and which complete nothing and are counted. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/engine_stage.h"

TestSuite(engine_acks, .init = stage_open, .fini = stage_close, .timeout = 10);

#define ACK_TOPIC "tracker/101/output/ack"

/* {"id": …, rest} */
static void tell_id(int32_t tracker, uint64_t id, const char *rest)
{
    char text[128];

    snprintf(text, sizeof text, "{\"id\":%llu,%s}", (unsigned long long)id, rest);
    stage_tell(tracker, text);
}

static void ignored(const char *why)
{
    expect_nothing();
    cr_assert(stage->ignored_why && strcmp(stage->ignored_why, why) == 0, "%s", stage->ignored_why);
    stage->ignored_why = NULL;
}

Test(engine_acks, success_refusal_and_unsupported)
{
    tell_id(TRACKER_JSON, stage_set_and_send(TRACKER_JSON, 1, true)->id, "\"success\":true");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    tell_id(TRACKER_JSON, stage_set_and_send(TRACKER_JSON, 1, true)->id, "\"success\":false,\"error\":\"moving\"");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    tell_id(TRACKER_JSON, stage_set_and_send(TRACKER_JSON, 1, true)->id, "\"success\":false,\"unsupported\":true");
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_REJECTED);
    EXPECT_COUNTED(acks_matched, 3);
}

Test(engine_acks, a_late_ack_completes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_ack(command);
    ignored("late");
    EXPECT_COUNTED(acks_late, 1);
}

Test(engine_acks, a_late_ack_does_not_end_the_next_one)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true, .has_expiry = true, .expiry_s = 60);
    stage_advance(9999);
    stage_set(TRACKER_JSON, 3, true);
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    expect_command(TRACKER_JSON, "3 on");
    stage_turn();
    stage_ack(command);
    ignored("unknown");
}

Test(engine_acks, a_duplicate_ack_completes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_refuse(command);
    ignored("duplicate");
    EXPECT_COUNTED(acks_duplicate, 1);
}

Test(engine_acks, an_ack_of_no_command_of_ours_completes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    tell_id(TRACKER_JSON, command->id + 1, "\"success\":true");
    ignored("unknown");
    tell_id(TRACKER_JSON, 0, "\"success\":true");
    ignored("unknown");
    tell_id(TRACKER_JSON_2, 77, "\"success\":true");
    ignored("unknown");
    EXPECT_COUNTED(acks_unknown, 3);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_acks, malformed_acks_complete_nothing)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "{}",
                                      "{\"id\":1,\"success\":1}",
                                      "{\"id\":1}",
                                      "{\"id\":\"1\",\"success\":true}",
                                      "{\"id\":-1,\"success\":true}",
                                      "{\"id\":1,\"success\":true} x",
                                      "{\"id\":9007199254740992,\"success\":true}"};

    cr_assert_eq(stage_set_and_send(TRACKER_JSON, 1, true)->id, 1u);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        stage_publish(&(struct stage_publish){.topic = ACK_TOPIC, .payload = bad[i]});
        ignored("malformed");
    }
    EXPECT_COUNTED(acks_malformed, sizeof bad / sizeof *bad);
}

Test(engine_acks, a_retained_ack_completes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_publish(
        &(struct stage_publish){.topic = ACK_TOPIC, .payload = "{\"id\":1,\"success\":true}", .retain = true});
    ignored("retained");
    EXPECT_COUNTED(acks_retained, 1);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_acks, an_ack_that_is_too_large_completes_nothing)
{
    static char large[4098];

    stage_set_and_send(TRACKER_JSON, 1, true);
    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{\"id\":1,\"success\":true}", 23);
    stage_tell(TRACKER_JSON, large);
    ignored("too large");
    large[4096] = '\0';
    stage_tell(TRACKER_JSON, large);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- Correlation Data --- */

static void correlated(const char *payload, uint64_t id)
{
    stage_publish(&(struct stage_publish){.topic = ACK_TOPIC, .payload = payload, .correlation_id = id});
}

Test(engine_acks, without_an_id_the_correlation_data_tells)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    correlated("{\"success\":true}", command->id + 1);
    ignored("unknown");
    correlated("{\"success\":true}", command->id);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    correlated("{\"success\":true}", command->id);
    ignored("duplicate");
}

Test(engine_acks, the_id_decides_over_the_correlation_data)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    correlated("{\"id\":7,\"success\":true}", command->id);
    ignored("unknown");
    correlated("{\"id\":1,\"success\":true}", 7);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_acks, with_neither_it_completes_nothing)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_tell(TRACKER_JSON, "{\"success\":true}");
    ignored("unknown");
}

/* --- whose ack --- */

Test(engine_acks, an_ack_from_another_trackers_topic_completes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    tell_id(TRACKER_JSON_2, command->id, "\"success\":true");
    ignored("unknown");
    stage_publish(&(struct stage_publish){.topic = "dev/IMEI-101/ack", .payload = "{\"id\":1,\"success\":true}"});
    ignored("no tracker acks there");
    stage_publish(
        &(struct stage_publish){.topic = "tracker/0101/output/ack", .payload = "{\"id\":1,\"success\":true}"});
    ignored("no tracker acks there");
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_acks, an_ack_of_a_tracker_that_is_not_there_completes_nothing)
{
    stage_tell(TRACKER_NONE, "{\"id\":1,\"success\":true}");
    ignored("no tracker acks there");
    stage_tell(TRACKER_MODELLESS, "{\"id\":1,\"success\":true}");
    ignored("no tracker acks there");
    EXPECT_COUNTED(acks_unknown, 2);
}

Test(engine_acks, each_profile_has_its_encoding)
{
    stage_set_and_send(TRACKER_MSGPACK, 1, true);
    stage_tell(TRACKER_MSGPACK, "{\"id\":1,\"success\":true}");
    ignored("malformed");
}

Test(engine_acks, an_ack_before_the_command_was_handed_over_completes_nothing)
{
    const struct stage_command *command;

    stage_set(TRACKER_JSON, 1, true);
    command = expect_command(TRACKER_JSON, "1 on");
    stage_ack(command);
    expect_nothing();
    EXPECT_COUNTED(acks_matched, 0);
    stage_commit();
    stage_ack(command);
    expect_nothing();
    stage_send();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_acks, messages_on_topics_of_no_meaning_do_nothing)
{
    static const char *const topics[] = {"",
                                         "/",
                                         "tracker",
                                         "tracker/101/output/command",
                                         "api/tracker/output",
                                         "api/tracker/output/set/response",
                                         "tracker/101/output/ack/x"};

    stage_set_and_send(TRACKER_JSON, 1, true);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        stage_publish(&(struct stage_publish){.topic = topics[i], .payload = "{\"id\":1,\"success\":true}"});
    expect_nothing();
}
