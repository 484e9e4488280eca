#include "core/judge.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* In the order of the checks. */
enum check {
    NO_REGISTRY,
    NO_SESSION,
    BLOCKED_USER,
    EMPTY_BUCKET,
    NO_RIGHT,
    NOT_SEEN,
    BLOCKED_TRACKER,
    CLONE,
    NO_PROFILE,
    NOT_SUPPORTED,
    OFFLINE,
    OUT_OF_SERVICE,
    CHECK_COUNT,
};

static const enum code codes[CHECK_COUNT] = {
    [NO_REGISTRY] = CODE_DATABASE_UNAVAILABLE,
    [NO_SESSION] = CODE_USER_NOT_FOUND,
    [BLOCKED_USER] = CODE_USER_BLOCKED,
    [EMPTY_BUCKET] = CODE_TOO_MANY_REQUESTS,
    [NO_RIGHT] = CODE_NOT_PERMITTED,
    [NOT_SEEN] = CODE_NOT_FOUND,
    [BLOCKED_TRACKER] = CODE_DEVICE_BLOCKED,
    [CLONE] = CODE_CLONE,
    [NO_PROFILE] = CODE_UNKNOWN_MODEL,
    [NOT_SUPPORTED] = CODE_NOT_SUPPORTED,
    [OFFLINE] = CODE_OFFLINE,
    [OUT_OF_SERVICE] = CODE_QUEUE_ERROR,
};

enum { NOW_MS = 1000000 };

/* A request that passes every check, and what it is judged by. Change parts of it, then make the registry. */
struct hearing {
    struct registry_user user;
    struct registry_session session;
    struct registry_entry tracker;
    struct profile_description description;
    struct profile *profile;
    struct registry *registry;
    struct rates rates;
    struct judgement j;
};

static struct hearing h;

static void set_up(void)
{
    h.user = (struct registry_user){.id = 1};
    h.session = (struct registry_session){.hash_sha256 = digest_of(bytes_of_text("hash")),
                                          .user_id = 1,
                                          .may_set_output = true,
                                          .all_trackers = true,
                                          .expires_at_ms = INT64_MAX};
    h.tracker = (struct registry_entry){.id = 7, .user_id = 1, .outputs = 3, .device_id = "IMEI"};
    h.description = (struct profile_description){
        .name = "p", .base.set = true, .base.set_all = true, .kind = PROFILE_GENERIC_JSON, .base.outputs = 3};
    h.j = (struct judgement){
        .rates = &h.rates,
        .user_rate = 1,
        .user_burst = 10,
        .now = {.mono_ms = 5000, .wall_ms = NOW_MS},
        .session_hash = &h.session.hash_sha256,
        .tracker_id = 7,
        .action = ACTION_SET,
        .output = 1,
        .online = true,
    };
}

static void leave(void)
{
    registry_free(h.registry);
    profile_unref(h.profile);
    h.registry = NULL;
    h.profile = NULL;
}

static void tear_down(void)
{
    leave();
    rates_release(&h.rates);
}

TestSuite(judge, .init = set_up, .fini = tear_down, .timeout = 60);

static void enter(void)
{
    const char *key;
    const char *error;

    h.registry = registry_new();
    registry_add_user(h.registry, &h.user);
    registry_add_user(h.registry, &(struct registry_user){.id = 2});
    cr_assert_eq(registry_add_session(h.registry, &h.session), 0);
    cr_assert_eq(registry_add_tracker(h.registry, &h.tracker, "m"), 0);
    h.profile = profile_new(&h.description, "", &key, &error);
    cr_assert_not_null(h.profile);
    h.j.registry = h.registry;
    h.j.model_profiles = &h.profile;
}

static enum code verdict(void)
{
    enum code code;

    enter();
    code = judge_request(&h.j);
    leave();
    return code;
}

Test(judge, good_request_passes_and_says_what_was_found)
{
    enter();
    cr_assert_eq(judge_request(&h.j), CODE_SUCCESS);
    cr_expect_eq(h.j.user->id, 1);
    cr_expect_eq(h.j.session->user_id, 1);
    cr_expect_eq(h.j.tracker->id, 7);
    cr_expect_eq(h.j.profile, h.profile);
    cr_expect_eq(h.j.outputs, 3);
    cr_expect(h.j.token_taken);
}

/* Makes each check fail whose bit is set. */
static void spoil(unsigned fails)
{
    h.session.expires_at_ms = fails & 1u << NO_SESSION ? NOW_MS - 1 : INT64_MAX;
    h.user.blocked = fails & 1u << BLOCKED_USER;
    h.j.user_burst = fails & 1u << EMPTY_BUCKET ? 0 : 10;
    h.session.may_set_output = !(fails & 1u << NO_RIGHT);
    h.j.tracker_id = 7;
    h.tracker.user_id = fails & 1u << NOT_SEEN ? 2 : 1;
    h.tracker.blocked = fails & 1u << BLOCKED_TRACKER;
    h.tracker.clone = fails & 1u << CLONE;
    h.j.output = fails & 1u << NOT_SUPPORTED ? 4 : 1;
    h.j.online = !(fails & 1u << OFFLINE);
    h.j.out_of_service = fails & 1u << OUT_OF_SERVICE;
}

static enum code verdict_of(unsigned fails, enum code (*judge)(struct judgement *j))
{
    struct profile *none = NULL;
    enum code code;

    rates_release(&h.rates);
    spoil(fails);
    enter();
    if (fails & 1u << NO_REGISTRY)
        h.j.registry = NULL;
    if (fails & 1u << NO_PROFILE)
        h.j.model_profiles = &none;
    code = judge(&h.j);
    leave();
    return code;
}

static enum code first_code(unsigned fails)
{
    for (unsigned i = 0; i < CHECK_COUNT; i++) {
        if (fails & 1u << i)
            return codes[i];
    }
    return CODE_SUCCESS;
}

Test(judge, each_check_alone_has_its_code)
{
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        cr_expect_eq(verdict_of(1u << i, judge_request), codes[i], "check %u", i + 6);
}

Test(judge, of_checks_that_fail_the_first_is_the_reply)
{
    for (unsigned fails = 0; fails < 1u << CHECK_COUNT; fails++)
        cr_assert_eq(verdict_of(fails, judge_request), first_code(fails), "checks %x", fails);
}

Test(judge, when_its_turn_comes_neither_rate_nor_service_are_asked)
{
    const unsigned asked = ~(1u << EMPTY_BUCKET | 1u << OUT_OF_SERVICE);

    for (unsigned fails = 0; fails < 1u << CHECK_COUNT; fails++)
        cr_assert_eq(verdict_of(fails, judge_again), first_code(fails & asked), "checks %x", fails);
}

/* --- the requester --- */

Test(judge, unknown_hash_is_no_session)
{
    const struct digest other = digest_of(bytes_of_text("other"));

    h.j.session_hash = &other;
    cr_expect_eq(verdict(), CODE_USER_NOT_FOUND);
}

Test(judge, session_ends_at_the_moment_it_says)
{
    h.session.expires_at_ms = NOW_MS;
    cr_expect_eq(verdict(), CODE_USER_NOT_FOUND);
    h.session.expires_at_ms = NOW_MS + 1;
    cr_expect_eq(verdict(), CODE_SUCCESS);
}

Test(judge, master_needs_no_right)
{
    h.session.may_set_output = false;
    h.session.all_trackers = false;
    cr_expect_eq(verdict(), CODE_NOT_PERMITTED);
    h.session.master = true;
    cr_expect_eq(verdict(), CODE_SUCCESS);
}

Test(judge, each_request_takes_one_token)
{
    h.j.user_burst = 3;
    enter();
    for (int i = 0; i < 3; i++)
        cr_expect_eq(judge_request(&h.j), CODE_SUCCESS);
    cr_expect_eq(judge_request(&h.j), CODE_TOO_MANY_REQUESTS);
    cr_expect_not(h.j.token_taken);
    h.j.now.mono_ms += 1000;
    cr_expect_eq(judge_request(&h.j), CODE_SUCCESS);
}

Test(judge, judging_again_takes_no_token)
{
    h.j.user_burst = 1;
    enter();
    for (int i = 0; i < 10; i++)
        cr_expect_eq(judge_again(&h.j), CODE_SUCCESS);
    cr_expect_not(h.j.token_taken);
    cr_expect_eq(judge_request(&h.j), CODE_SUCCESS);
}

Test(judge, rate_of_0_is_no_limit)
{
    h.j.user_rate = 0;
    h.j.user_burst = 0;
    enter();
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(judge_request(&h.j), CODE_SUCCESS);
    cr_expect_not(h.j.token_taken);
}

/* --- the tracker --- */

Test(judge, tracker_that_is_not_there_is_not_found)
{
    h.j.tracker_id = 8;
    cr_expect_eq(verdict(), CODE_NOT_FOUND);
}

Test(judge, sub_user_reaches_the_trackers_listed)
{
    int32_t listed[] = {6, 7};

    h.session.all_trackers = false;
    cr_expect_eq(verdict(), CODE_NOT_FOUND);
    h.session.trackers = listed;
    h.session.tracker_count = 2;
    cr_expect_eq(verdict(), CODE_SUCCESS);
    h.session.tracker_count = 1;
    cr_expect_eq(verdict(), CODE_NOT_FOUND);
}

/* --- what the device supports --- */

static enum code set_verdict(int32_t output)
{
    h.j.action = ACTION_SET;
    h.j.output = output;
    return verdict();
}

static enum code set_all_verdict(uint8_t output_count)
{
    h.j.action = ACTION_SET_ALL;
    h.j.output_count = output_count;
    return verdict();
}

Test(judge, modes_that_the_profile_lacks_are_not_supported)
{
    h.description.base.set = false;
    cr_expect_eq(set_verdict(1), CODE_NOT_SUPPORTED);
    cr_expect_eq(set_all_verdict(3), CODE_SUCCESS);
    h.description.base.set = true;
    h.description.base.set_all = false;
    cr_expect_eq(set_verdict(1), CODE_SUCCESS);
    cr_expect_eq(set_all_verdict(3), CODE_NOT_SUPPORTED);
}

Test(judge, outputs_are_those_of_the_tracker_or_else_of_the_profile)
{
    h.tracker.outputs = 2;
    cr_expect_eq(set_verdict(2), CODE_SUCCESS);
    cr_expect_eq(set_verdict(3), CODE_NOT_SUPPORTED);
    cr_expect_eq(set_all_verdict(2), CODE_SUCCESS);
    cr_expect_eq(set_all_verdict(3), CODE_NOT_SUPPORTED);
    h.tracker.outputs = 0;
    cr_expect_eq(set_verdict(3), CODE_SUCCESS);
    cr_expect_eq(set_verdict(4), CODE_NOT_SUPPORTED);
    cr_expect_eq(set_verdict(INT32_MAX), CODE_NOT_SUPPORTED);
    cr_expect_eq(set_all_verdict(3), CODE_SUCCESS);
    cr_expect_eq(set_all_verdict(2), CODE_NOT_SUPPORTED);
    h.description.base.outputs = 0;
    cr_expect_eq(set_verdict(1), CODE_NOT_SUPPORTED, "nobody says how many there are");
}

Test(judge, reserved_outputs_are_those_of_the_tracker_or_else_of_the_profile)
{
    h.description.base.reserved = 1;
    cr_expect_eq(set_verdict(1), CODE_NOT_SUPPORTED);
    cr_expect_eq(set_verdict(2), CODE_SUCCESS);
    h.tracker.has_reserved = true;
    h.tracker.reserved = 2;
    cr_expect_eq(set_verdict(1), CODE_SUCCESS);
    cr_expect_eq(set_verdict(2), CODE_NOT_SUPPORTED);
    h.tracker.reserved = 0;
    cr_expect_eq(set_verdict(1), CODE_SUCCESS);
    cr_expect_eq(set_verdict(2), CODE_SUCCESS);
}

Test(judge, batch_is_refused_where_any_output_is_reserved)
{
    h.description.base.reserved = 4;
    cr_expect_eq(set_all_verdict(3), CODE_NOT_SUPPORTED);
    h.tracker.has_reserved = true;
    cr_expect_eq(set_all_verdict(3), CODE_SUCCESS);
}

Test(judge, all_64_outputs_can_be_had_and_reserved)
{
    h.tracker.outputs = 64;
    h.tracker.has_reserved = true;
    h.tracker.reserved = UINT64_C(1) << 63;
    cr_expect_eq(set_verdict(63), CODE_SUCCESS);
    cr_expect_eq(set_verdict(64), CODE_NOT_SUPPORTED);
    h.tracker.reserved = 0;
    cr_expect_eq(set_verdict(64), CODE_SUCCESS);
    cr_expect_eq(set_all_verdict(64), CODE_SUCCESS);
}
