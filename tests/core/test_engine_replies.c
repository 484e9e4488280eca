/* Where replies go and what they carry back. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/engine_stage.h"

TestSuite(engine_replies, .init = stage_open, .fini = stage_close, .timeout = 10);

#define DEFAULT_TOPIC "api/tracker/output/set/response"

/* A request with everything that comes back. */
#define RETURNED .request_id = "\"r\"", .correlation = "c", .response_topic = "home/me"

static void carries_back(enum code code, enum outcome outcome, const char *request_id)
{
    const struct stage_reply *reply = expect_reply(code, outcome);

    cr_assert_str_eq(reply->topic, "home/me");
    cr_assert_str_eq(reply->correlation, "c");
    cr_assert_str_eq(reply->content_type, "application/json");
    if (request_id)
        cr_assert_str_eq(reply->request_id, request_id);
    else
        cr_assert_null(reply->request_id);
}

Test(engine_replies, success_and_every_later_error_carry_correlation_and_request_id)
{
    stage_set(TRACKER_JSON, 1, true, RETURNED);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    carries_back(CODE_SUCCESS, OUTCOME_SUCCESS, "\"r\"");
    stage_set(TRACKER_JSON, 2, true, RETURNED);
    stage_turn();
    stage_refuse(expect_command(TRACKER_JSON, "2 on"));
    carries_back(CODE_WRONG_STATUS, OUTCOME_REJECTED, "\"r\"");
    stage_set(TRACKER_JSON, 3, true, RETURNED);
    stage_turn();
    expect_command(TRACKER_JSON, "3 on");
    stage_advance(10000);
    carries_back(CODE_OFFLINE, OUTCOME_UNKNOWN, "\"r\"");
}

Test(engine_replies, refusals_carry_correlation_and_request_id)
{
    stage_set(TRACKER_JSON, 9, true, RETURNED);
    carries_back(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT, "\"r\"");
    stage_set(TRACKER_JSON, 0, true, RETURNED);
    carries_back(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT, "\"r\"");
    stage_set(TRACKER_JSON, 1, true, RETURNED, .hash = "x");
    carries_back(CODE_WRONG_HASH, OUTCOME_NOT_SENT, "\"r\"");
    stage_set(TRACKER_JSON, 1, true, RETURNED, .action = "reset");
    carries_back(CODE_WRONG_METHOD, OUTCOME_NOT_SENT, "\"r\"");
}

Test(engine_replies, an_unreadable_payload_gives_back_the_correlation_alone)
{
    stage_request(&(struct stage_request){RETURNED, .payload = "{\"request_id\":\"r\""});
    carries_back(CODE_WRONG_FORMAT, OUTCOME_NOT_SENT, NULL);
}

Test(engine_replies, what_is_too_large_is_not_parsed)
{
    stage->config.request_bytes_max = 20;
    stage_set(TRACKER_JSON, 1, true, RETURNED);
    carries_back(CODE_TOO_LARGE, OUTCOME_NOT_SENT, NULL);
    stage_set(TRACKER_JSON, 1, true, .response_topic_parameter = "home/me");
    cr_assert_str_eq(expect_reply(CODE_TOO_LARGE, OUTCOME_NOT_SENT)->topic, DEFAULT_TOPIC);
}

Test(engine_replies, a_request_id_that_is_a_number_comes_back_as_a_number)
{
    stage_set(TRACKER_JSON, 9, true, .request_id = "-2147483648");
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->request_id, "-2147483648");
    stage_set(TRACKER_JSON, 9, true, .request_id = "0");
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->request_id, "0");
}

Test(engine_replies, a_bad_request_id_does_not_come_back)
{
    stage_set(TRACKER_JSON, 1, true, .request_id = "true");
    cr_assert_null(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->request_id);
}

Test(engine_replies, a_request_without_correlation_gets_none)
{
    stage_set(TRACKER_JSON, 9, true);
    cr_assert_null(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->correlation);
}

Test(engine_replies, the_response_topic_goes_before_the_parameter_and_that_before_the_default)
{
    stage_set(TRACKER_JSON, 9, true, .response_topic = "one", .response_topic_parameter = "two");
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, "one");
    stage_set(TRACKER_JSON, 9, true, .response_topic_parameter = "two");
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, "two");
    stage_set(TRACKER_JSON, 9, true);
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, DEFAULT_TOPIC);
    stage_set_all(TRACKER_JSON, "1");
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, "api/tracker/output/set_all/response");
}

Test(engine_replies, the_response_topic_parameter_serves_code_112)
{
    stage_set(TRACKER_JSON, 1, true, .action = "reset", .response_topic_parameter = "two");
    cr_assert_str_eq(expect_reply(CODE_WRONG_METHOD, OUTCOME_NOT_SENT)->topic, "two");
}

Test(engine_replies, a_response_topic_parameter_that_is_no_text_is_7_on_the_default_topic)
{
    stage_request(
        &(struct stage_request){.payload = "{\"hash\":\"" HASH_MASTER
                                           "\",\"tracker_id\":101,\"output\":1,\"enable\":true,\"response_topic\":7}"});
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->topic, DEFAULT_TOPIC);
}

Test(engine_replies, requests_in_msgpack_get_replies_in_msgpack)
{
    static const char request[] = "\x82\xa4hash\xa1x\xaatracker_id\xa1y";

    stage_request(&(struct stage_request){.payload = request, .payload_len = sizeof request - 1});
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->content_type, "application/msgpack");
    stage_request(&(struct stage_request){.payload = "x", .content_type = "application/msgpack; v=1"});
    cr_assert_str_eq(expect_reply(CODE_WRONG_FORMAT, OUTCOME_NOT_SENT)->content_type, "application/msgpack");
}

/* --- retained --- */

Test(engine_replies, a_retained_request_is_refused_with_7_that_names_retain)
{
    stage_set(TRACKER_JSON, 1, true, .retain = true);
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->errors, "retain");
    stage_turn();
    expect_nothing();
    EXPECT_COUNTED(requests_retained, 1);
}

Test(engine_replies, retain_is_listed_with_the_other_bad_parameters)
{
    stage_set(TRACKER_JSON, 0, true, .retain = true);
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->errors, "output,retain");
}

/* --- the reply-topic policy --- */

static void topic_is(bool allowed, const char *topic, size_t len)
{
    uint64_t before = engine_counters(stage->engine)->requests_reply_topic_refused;

    stage_set(TRACKER_JSON, 9, true, .response_topic = topic, .response_topic_len = len);
    if (allowed)
        cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, topic);
    stage_turn();
    expect_nothing();
    EXPECT_COUNTED(requests_reply_topic_refused, before + !allowed);
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), (size_t)allowed, "'%s'", topic);
    stage_deliver();
    stage_commit();
}

Test(engine_replies, topics_that_no_one_may_publish_to_are_refused)
{
    static const char *const bad[] = {"a/+/b", "a/#",    "#",         "$SYS/a", "$share/g/a",
                                      "a\nb",  "a\177b", "a\xc2\x85", "a\xff"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        topic_is(false, bad[i], 0);
    topic_is(false, "a\0b", 3);
}

Test(engine_replies, an_empty_reply_topic_is_refused)
{
    stage_set(TRACKER_JSON, 9, true, .response_topic = "");
    stage_set(TRACKER_JSON, 9, true, .response_topic_parameter = "");
    expect_nothing();
    EXPECT_COUNTED(requests_reply_topic_refused, 2);
}

Test(engine_replies, up_to_1024_bytes_are_a_topic)
{
    char topic[1026];

    memset(topic, 'a', sizeof topic);
    topic[1024] = '\0';
    topic_is(true, topic, 0);
    topic[1024] = 'a';
    topic[1025] = '\0';
    topic_is(false, topic, 0);
    stage_set(TRACKER_JSON, 9, true, .response_topic_parameter = topic);
    expect_nothing();
    EXPECT_COUNTED(requests_reply_topic_refused, 2);
}

Test(engine_replies, topics_of_requests_and_of_devices_are_refused)
{
    static const char *const bad[] = {"api/tracker/output/set",   "api/tracker/output/set_all", "api/tracker/output/x",
                                      "api/tracker/output/",      "tracker/101/output/command", "tracker/7/output/ack",
                                      "tracker/101/output/state", "tracker/101/status",         "dev/IMEI-1/command",
                                      "dev/anything/ack",         "dev/anything/presence",      "dev/anything/state"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        topic_is(false, bad[i], 0);
}

Test(engine_replies, the_services_own_topics_are_refused)
{
    topic_is(false, "outputd/outputd-1/fence", 0);
    topic_is(false, "outputd/outputd-1/stats", 0);
    topic_is(true, "outputd/outputd-1/other", 0);
}

Test(engine_replies, topics_that_only_look_like_them_are_allowed)
{
    topic_is(true, "api/tracker/output/set/response/me", 0);
    topic_is(true, "api/tracker/output", 0);
    topic_is(true, "tracker/101/output/acks", 0);
    topic_is(true, "a$b", 0);
    topic_is(true, "/", 0);
}

Test(engine_replies, with_a_list_only_it_and_the_default_topic_are_allowed)
{
    static const char *const listed[] = {"home/+/reply", "tracker/#"};

    stage->config.reply_topics = listed;
    stage->config.reply_topic_count = 2;
    topic_is(true, "home/me/reply", 0);
    topic_is(false, "home/me/you/reply", 0);
    topic_is(false, "elsewhere", 0);
    topic_is(true, DEFAULT_TOPIC, 0);
    topic_is(false, "api/tracker/output/set_all/response", 0);
    topic_is(false, "tracker/101/output/command", 0); /* listed, and a device's all the same */
    stage_set(TRACKER_JSON, 9, true);
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, DEFAULT_TOPIC);
}

Test(engine_replies, a_refused_reply_topic_is_not_executed)
{
    stage_set(TRACKER_JSON, 1, true, .response_topic = "a/#", .request_id = "1");
    stage_turn();
    expect_nothing();
    stage_set(TRACKER_JSON, 1, true, .response_topic = "a", .request_id = "1");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_replies, the_default_topic_of_an_odd_action_is_under_the_policy_too)
{
    stage_request(&(struct stage_request){.action = "a\x01"
                                                    "b",
                                          .payload = "{}"});
    expect_nothing();
    EXPECT_COUNTED(requests_reply_topic_refused, 1);
    stage_request(&(struct stage_request){.action = "{action}", .payload = "{}"});
    cr_assert_str_eq(expect_reply(CODE_WRONG_METHOD, OUTCOME_NOT_SENT)->topic, "api/tracker/output/{action}/response");
    stage_request(&(struct stage_request){.action = "", .payload = "{}"});
    cr_assert_str_eq(expect_reply(CODE_WRONG_METHOD, OUTCOME_NOT_SENT)->topic, "api/tracker/output//response");
}

Test(engine_replies, a_prefix_goes_before_every_topic)
{
    stage->config.prefix = "site/7/";
    stage_reload();
    stage_set(TRACKER_JSON, 9, true);
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->topic, "site/7/" DEFAULT_TOPIC);
    stage_turn();
    stage_deliver();
    stage_commit();
    topic_is(false, "site/7/tracker/101/output/command", 0);
    topic_is(true, "tracker/101/output/command", 0);
}
