/* The checks of a request as they pass through the engine: each code, and that the first that fails is the reply. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/engine_stage.h"

TestSuite(engine_checks, .init = stage_open, .fini = stage_close, .timeout = 10);

static void refused(const struct stage_request *request, enum code code)
{
    stage_request(request);
    expect_reply(code, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
    cr_assert_eq(engine_totals(stage->engine).pending, 0u);
}

#define REFUSED(code_, ...) refused(&(struct stage_request){__VA_ARGS__}, code_)

Test(engine_checks, a_good_request_is_commanded_and_succeeds_with_its_ack)
{
    const struct stage_command *command;

    stage_set(TRACKER_JSON, 2, true, .request_id = "\"a\"");
    stage_turn();
    command = expect_command(TRACKER_JSON, "2 on");
    expect_nothing();
    stage_ack(command);
    cr_assert_str_eq(expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS)->request_id, "\"a\"");
    expect_nothing();
}

Test(engine_checks, set_all_states_every_output)
{
    stage_set_all(TRACKER_JSON, "1,0,1");
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1,0,1"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_checks, a_command_carries_its_ack_topic_content_type_and_deadline)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    cr_assert_str_eq(command->ack_topic, "tracker/101/output/ack");
    cr_assert_str_eq(command->content_type, "application/json");
    cr_assert_eq(command->deadline_ms, stage->now.mono_ms + 10000);
}

Test(engine_checks, profiles_have_topics_and_timeouts_of_their_own)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_OWN, 1, true);

    cr_assert_str_eq(command->ack_topic, "dev/IMEI-114/ack");
    cr_assert_eq(command->deadline_ms, stage->now.mono_ms + 4000);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_checks, msgpack_trackers_are_commanded_and_ack_in_msgpack)
{
    stage_set(TRACKER_MSGPACK, 3, false);
    stage_turn();
    stage_refuse(expect_command(TRACKER_MSGPACK, "3 off"));
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
}

Test(engine_checks, check_1_too_large_is_9)
{
    char *large = malloc(16385);

    memset(large, ' ', 16385);
    memcpy(large, "{}", 2);
    REFUSED(CODE_TOO_LARGE, .payload = large, .payload_len = 16385);
    REFUSED(CODE_INVALID_PARAMETERS, .payload = large, .payload_len = 16384);
    free(large);
}

Test(engine_checks, check_2_another_action_is_112)
{
    REFUSED(CODE_WRONG_METHOD, .action = "reset", .tracker = TRACKER_JSON, .output = 1);
    REFUSED(CODE_WRONG_METHOD, .action = "SET", .tracker = TRACKER_JSON, .output = 1);
    REFUSED(CODE_WRONG_METHOD, .action = "set ", .tracker = TRACKER_JSON, .output = 1);
    REFUSED(CODE_WRONG_METHOD, .action = "", .payload = "nonsense");
}

Test(engine_checks, check_3_a_payload_that_is_no_object_is_5)
{
    REFUSED(CODE_WRONG_FORMAT, .payload = "nonsense");
    REFUSED(CODE_WRONG_FORMAT, .payload = "[]");
    REFUSED(CODE_WRONG_FORMAT, .payload = "{} {}");
    REFUSED(CODE_WRONG_FORMAT, .payload = "{}", .content_type = "application/msgpack");
}

Test(engine_checks, check_4_bad_parameters_are_7_and_all_listed)
{
    stage_request(&(struct stage_request){.payload = "{\"hash\":1,\"tracker_id\":0,\"output\":0}"});
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->errors, "hash,tracker_id,output,enable");
    stage_request(&(struct stage_request){.action = "set_all", .payload = "{\"outputs\":[]}"});
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->errors, "hash,tracker_id,outputs");
    stage_set(TRACKER_JSON, 1, true, .request_id = "1.5");
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->errors, "request_id");
    expect_nothing();
}

Test(engine_checks, check_5_a_hash_that_is_not_32_hex_digits_is_3)
{
    REFUSED(CODE_WRONG_HASH, .hash = "", .tracker = TRACKER_JSON, .output = 1);
    REFUSED(CODE_WRONG_HASH, .hash = "a6aa75587e5c59c32d347da438505fc", .tracker = TRACKER_JSON, .output = 1);
    REFUSED(CODE_WRONG_HASH, .hash = "g6aa75587e5c59c32d347da438505fc3", .tracker = TRACKER_JSON, .output = 1);
}

Test(engine_checks, a_hash_in_upper_case_is_the_same_hash)
{
    stage_set(TRACKER_JSON, 1, true, .hash = "A6AA75587E5C59C32D347DA438505FC3");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_checks, check_7_an_unknown_or_expired_session_is_4)
{
    REFUSED(CODE_USER_NOT_FOUND, .hash = HASH_UNKNOWN, .tracker = TRACKER_JSON, .output = 1);
    stage_advance(STAGE_SHORT_MS);
    REFUSED(CODE_USER_NOT_FOUND, .hash = HASH_SHORT, .tracker = TRACKER_JSON, .output = 1);
}

Test(engine_checks, a_session_is_good_until_the_moment_it_expires)
{
    stage_advance(STAGE_SHORT_MS - 1);
    stage_set(TRACKER_JSON, 1, true, .hash = HASH_SHORT);
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_checks, check_8_a_blocked_user_is_275)
{
    REFUSED(CODE_USER_BLOCKED, .hash = HASH_BLOCKED, .tracker = TRACKER_NONE, .output = 1);
}

Test(engine_checks, check_10_a_session_without_the_right_is_13)
{
    REFUSED(CODE_NOT_PERMITTED, .hash = HASH_WATCHER, .tracker = TRACKER_NONE, .output = 1);
}

Test(engine_checks, check_11_trackers_that_are_not_the_requesters_are_204)
{
    REFUSED(CODE_NOT_FOUND, .tracker = TRACKER_NONE, .output = 1);
    REFUSED(CODE_NOT_FOUND, .tracker = TRACKER_FOREIGN, .output = 1);
    REFUSED(CODE_NOT_FOUND, .hash = HASH_SUB, .tracker = TRACKER_JSON_2, .output = 1);
    REFUSED(CODE_NOT_FOUND, .hash = HASH_SUB, .tracker = TRACKER_FOREIGN, .output = 1);
}

Test(engine_checks, a_sub_user_sets_what_its_list_names)
{
    stage_set(TRACKER_JSON, 1, true, .hash = HASH_SUB);
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_checks, checks_12_to_14_are_208_219_and_220)
{
    REFUSED(CODE_DEVICE_BLOCKED, .tracker = TRACKER_BLOCKED, .output = 1);
    REFUSED(CODE_CLONE, .tracker = TRACKER_CLONE, .output = 1);
    REFUSED(CODE_UNKNOWN_MODEL, .tracker = TRACKER_MODELLESS, .output = 1);
}

Test(engine_checks, check_15_what_the_model_cannot_do_is_214)
{
    REFUSED(CODE_NOT_SUPPORTED, .tracker = TRACKER_JSON, .output = 4);
    REFUSED(CODE_NOT_SUPPORTED, .tracker = TRACKER_JSON, .output = 2147483647);
    REFUSED(CODE_NOT_SUPPORTED, .tracker = TRACKER_BATCH, .output = 1);
    REFUSED(CODE_NOT_SUPPORTED, .tracker = TRACKER_RESERVED, .output = 1);
    REFUSED(CODE_NOT_SUPPORTED, .action = "set_all", .tracker = TRACKER_ECHO, .outputs = "1,0");
    REFUSED(CODE_NOT_SUPPORTED, .action = "set_all", .tracker = TRACKER_JSON, .outputs = "1,0");
    REFUSED(CODE_NOT_SUPPORTED, .action = "set_all", .tracker = TRACKER_JSON, .outputs = "1,0,1,1");
    REFUSED(CODE_NOT_SUPPORTED, .action = "set_all", .tracker = TRACKER_RESERVED, .outputs = "1,0,1");
}

Test(engine_checks, outputs_that_are_not_reserved_can_be_set)
{
    stage_set(TRACKER_RESERVED, 2, true);
    expect_command(TRACKER_RESERVED, "2 on");
}

Test(engine_checks, check_16_an_offline_tracker_is_213)
{
    stage_offline(TRACKER_JSON);
    REFUSED(CODE_OFFLINE, .tracker = TRACKER_JSON, .output = 1);
}

Test(engine_checks, check_17_no_room_in_the_outbox_is_8)
{
    engine_set_full(stage->engine, true);
    REFUSED(CODE_QUEUE_ERROR, .tracker = TRACKER_JSON, .output = 1);
    engine_set_full(stage->engine, false);
    stage_set(TRACKER_JSON, 1, true);
    expect_command(TRACKER_JSON, "1 on");
}

/* Everything is wrong with this request; what is mended one after the other brings the next check to light. */
Test(engine_checks, the_first_check_that_fails_is_the_reply)
{
    struct stage_request r = {.action = "go", .payload = "{", .retain = true, .content_type = "application/json"};
    struct stage_tracker *t = stage_tracker(TRACKER_JSON);

    stage->config.request_bytes_max = 0;
    refused(&r, CODE_TOO_LARGE);
    stage->config.request_bytes_max = 16384;
    refused(&r, CODE_WRONG_METHOD);
    r.action = "set";
    refused(&r, CODE_WRONG_FORMAT);
    r.payload = "{\"hash\":\"0\",\"tracker_id\":101,\"output\":9,\"enable\":true}";
    refused(&r, CODE_INVALID_PARAMETERS);
    r.retain = false;
    refused(&r, CODE_WRONG_HASH);
    r = (struct stage_request){.hash = HASH_UNKNOWN, .tracker = TRACKER_JSON, .output = 9};
    refused(&r, CODE_USER_NOT_FOUND);
    stage_user(USER_OWNER)->blocked = true;
    stage->config.user_rate = 0.001;
    stage->config.user_burst = 0;
    stage_reload();
    r.hash = HASH_WATCHER;
    refused(&r, CODE_USER_BLOCKED);
    stage_user(USER_OWNER)->blocked = false;
    stage_reload();
    refused(&r, CODE_TOO_MANY_REQUESTS);
    stage->config.user_rate = 0;
    refused(&r, CODE_NOT_PERMITTED);
    r.hash = HASH_OTHER;
    t->tracker.blocked = t->tracker.clone = true;
    t->model = "abacus";
    stage_reload();
    refused(&r, CODE_NOT_FOUND);
    r.hash = HASH_MASTER;
    refused(&r, CODE_DEVICE_BLOCKED);
    t->tracker.blocked = false;
    stage_reload();
    refused(&r, CODE_CLONE);
    t->tracker.clone = false;
    stage_reload();
    refused(&r, CODE_UNKNOWN_MODEL);
    t->model = "generic_json";
    stage_offline(TRACKER_JSON);
    engine_set_full(stage->engine, true);
    stage_reload();
    refused(&r, CODE_NOT_SUPPORTED);
    r.output = 3;
    refused(&r, CODE_OFFLINE);
    stage_online(TRACKER_JSON);
    refused(&r, CODE_QUEUE_ERROR);
}

Test(engine_checks, check_6_a_registry_that_was_never_loaded_is_14)
{
    stage->no_registry = true;
    stage_crash_and_recover();
    stage_presence_read();
    REFUSED(CODE_DATABASE_UNAVAILABLE, .hash = HASH_UNKNOWN, .tracker = TRACKER_JSON, .output = 9);
    REFUSED(CODE_WRONG_HASH, .hash = "0", .tracker = TRACKER_JSON, .output = 9);
}
