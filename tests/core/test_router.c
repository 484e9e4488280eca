#include "core/router.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct registry *registry;
static struct profiles *profiles;
static struct router router;

static void set_up(void)
{
    const struct registry_entry trackers[] = {
        {.id = 265489, .user_id = 1, .device_id = "356307042441013"},
        {.id = 7, .user_id = 1, .device_id = "907126119"},
        {.id = 8, .user_id = 1, .device_id = "7"},
    };

    registry = registry_new();
    registry_add_user(registry, &(struct registry_user){.id = 1});
    for (size_t i = 0; i < sizeof trackers / sizeof *trackers; i++)
        cr_assert_eq(registry_add_tracker(registry, &trackers[i], "m"), 0);
    profiles = profiles_new("");
    router_init(&router, profiles, registry, "");
}

static void tear_down(void)
{
    router_release(&router);
    registry_free(registry);
    profiles_free(profiles);
}

TestSuite(router, .init = set_up, .fini = tear_down, .timeout = 30);

static void add_profile(const char *name, const char *prefix, const char *ack_topic, const char *presence_topic)
{
    const struct profile_description d = {
        .name = name, .kind = PROFILE_GENERIC_JSON, .ack_topic = ack_topic, .presence_topic = presence_topic};
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(&d, prefix, &key, &error);

    cr_assert(p, "%s: %s", key, error);
    cr_assert_eq(profiles_add(profiles, p, &error), 0);
    router_release(&router);
    router_init(&router, profiles, registry, prefix);
}

static void use_prefix(const char *prefix)
{
    profiles_free(profiles);
    profiles = profiles_new(prefix);
    router_release(&router);
    router_init(&router, profiles, registry, prefix);
}

static int32_t ack(const char *topic)
{
    struct owner owner;

    return router_find(&router.acks, registry, bytes_of_text(topic), &owner) ? owner.tracker_id : 0;
}

static int32_t presence(const char *topic)
{
    struct owner owner;

    return router_find(&router.presences, registry, bytes_of_text(topic), &owner) ? owner.tracker_id : 0;
}

static int32_t whose(const struct routes *routes, const struct registry *where, struct bytes topic, bool *found)
{
    struct owner owner;

    *found = router_find(routes, where, topic, &owner);
    return owner.tracker_id;
}

/* --- requests --- */

static bool action_is(const char *topic, const char *action)
{
    struct bytes found = router_request_action(&router, bytes_of_text(topic));

    return action ? found.data && bytes_equal_text(found, action) : found.data == NULL;
}

Test(router, action_is_the_last_level_of_a_request)
{
    cr_expect(action_is("api/tracker/output/set", "set"));
    cr_expect(action_is("api/tracker/output/set_all", "set_all"));
    cr_expect(action_is("api/tracker/output/toggle", "toggle"));
    cr_expect(action_is("api/tracker/output/", ""), "the filter matches it, so it is a request");
    cr_expect(action_is("api/tracker/output", NULL));
    cr_expect(action_is("api/tracker/output/set/response", NULL));
    cr_expect(action_is("api/tracker/output/set/", NULL));
    cr_expect(action_is("/api/tracker/output/set", NULL));
    cr_expect(action_is("api/tracker/input/set", NULL));
    cr_expect(action_is("tracker/265489/output/ack", NULL));
    cr_expect(action_is("", NULL));
}

Test(router, prefix_goes_before_requests_and_trackers)
{
    use_prefix("site/");
    cr_expect(action_is("site/api/tracker/output/set", "set"));
    cr_expect(action_is("api/tracker/output/set", NULL));
    cr_expect_eq(ack("site/tracker/7/output/ack"), 7);
    cr_expect_eq(ack("tracker/7/output/ack"), 0);
    cr_expect_eq(presence("site/tracker/7/status"), 7);
    cr_expect_eq(presence("tracker/7/status"), 0);
}

/* --- trackers --- */

Test(router, tracker_id_is_written_as_it_is_printed)
{
    static const struct {
        const char *text;
        int32_t id;
    } cases[] = {
        {"1", 1},
        {"9", 9},
        {"10", 10},
        {"265489", 265489},
        {"2147483647", 2147483647},
        {"2147483648", 0},
        {"4294967297", 0},
        {"9999999999", 0},
        {"10000000000", 0},
        {"18446744073709551617", 0},
        {"", 0},
        {"0", 0},
        {"01", 0},
        {"0265489", 0},
        {"-1", 0},
        {"+1", 0},
        {" 1", 0},
        {"1 ", 0},
        {"1a", 0},
        {"a", 0},
        {"1.0", 0},
        {"1/", 0},
        {"1:", 0},
        {"0x1", 0},
        {"\xD9\xA1", 0}, /* ARABIC-INDIC DIGIT ONE */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(router_tracker_id(bytes_of_text(cases[i].text)), cases[i].id, "%s", cases[i].text);
    cr_expect_eq(router_tracker_id(bytes_of("1\0", 2)), 0);
    cr_expect_eq(router_tracker_id((struct bytes){0}), 0);
}

Test(router, ack_and_presence_name_their_tracker)
{
    bool found;

    cr_expect_eq(ack("tracker/265489/output/ack"), 265489);
    cr_expect_eq(ack("tracker/99/output/ack"), 99, "whether the registry knows it is asked later");
    cr_expect_eq(presence("tracker/265489/status"), 265489);
    cr_expect_eq(ack("tracker/265489/status"), 0);
    cr_expect_eq(presence("tracker/265489/output/ack"), 0);
    cr_expect_eq(ack("tracker/265489/output/command"), 0);
    cr_expect_eq(whose(&router.acks, registry, bytes_of_text("tracker/1/output/ack"), &found), 1);
    cr_expect(found);
}

Test(router, shape_that_names_no_tracker_is_still_told)
{
    bool found;

    cr_expect_eq(whose(&router.acks, registry, bytes_of_text("tracker/007/output/ack"), &found), 0);
    cr_expect(found);
    cr_expect_eq(whose(&router.presences, registry, bytes_of_text("tracker//status"), &found), 0);
    cr_expect(found);
    cr_expect_eq(whose(&router.acks, registry, bytes_of_text("elsewhere"), &found), 0);
    cr_expect_not(found);
    cr_expect_eq(whose(&router.presences, registry, bytes_of_text("elsewhere"), &found), 0);
    cr_expect_not(found);
}

Test(router, device_id_is_looked_up_in_the_registry)
{
    bool found;

    add_profile("own", "", "dev/{device_id}/up", "dev/{device_id}/alive");
    cr_expect_eq(ack("dev/356307042441013/up"), 265489);
    cr_expect_eq(presence("dev/907126119/alive"), 7);
    cr_expect_eq(ack("dev/265489/up"), 0, "an id is no device_id");
    cr_expect_eq(ack("dev/unknown/up"), 0);
    cr_expect_eq(ack("dev//up"), 0);
    cr_expect_eq(whose(&router.acks, NULL, bytes_of_text("dev/907126119/up"), &found), 0, "nor is there a registry");
    cr_expect(found);
}

/* --- topics that only the tracker's own vars make --- */

static void add_tracker(int32_t id, const char *model, const char *vars, unsigned outputs)
{
    const struct registry_entry tracker = {
        .id = id, .user_id = 1, .device_id = "d", .vars = vars, .outputs = (uint8_t)outputs};

    cr_assert_eq(registry_add_tracker(registry, &tracker, model), 0);
}

static void add_family(const char *model, const char *ack_topic, const char *presence_topic)
{
    const struct profile_description d = {.name = model,
                                          .models = &model,
                                          .model_count = 1,
                                          .kind = PROFILE_DESCRIBED,
                                          .base = {.set = true, .set_payload = {.text = "x"}},
                                          .match = MATCH_FIFO,
                                          .success = {"x"},
                                          .ack_topic = ack_topic,
                                          .presence_topic = presence_topic};
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(&d, "", &key, &error);

    cr_assert(p, "%s: %s", key, error);
    cr_assert_eq(profiles_add(profiles, p, &error), 0);
    router_release(&router);
    router_init(&router, profiles, registry, "");
}

Test(router, tracker_of_a_topic_of_vars_is_found)
{
    bool found;

    add_tracker(20, "relay", "site\0north\0", 2);
    add_tracker(21, "relay", "site\0south\0", 2);
    add_family("relay", "{site}/up", "tele/{site}/LWT");
    cr_expect_eq(ack("north/up"), 20);
    cr_expect_eq(ack("south/up"), 21);
    cr_expect_eq(presence("tele/south/LWT"), 21);
    whose(&router.acks, registry, bytes_of_text("west/up"), &found);
    cr_expect_not(found);
    cr_expect_eq(router.acks.filter_count, 2);
    cr_expect_str_eq((const char *)router.acks.filters.data + strlen("tracker/+/output/ack") + 1, "+/up");
}

Test(router, topic_that_trackers_share_leads_to_all_of_them)
{
    struct owner owner;

    add_tracker(20, "relay", "src\0trk\0", 1);
    add_tracker(21, "relay", "src\0trk\0", 1);
    add_family("relay", "{src}/rpc", NULL);
    cr_assert(router_find(&router.acks, registry, bytes_of_text("trk/rpc"), &owner));
    cr_assert_not_null(owner.next);
    cr_expect_eq(owner.tracker_id + owner.next->tracker_id, 41);
    cr_expect_null(owner.next->next);
}

Test(router, topic_names_the_output)
{
    struct owner owner;

    add_tracker(20, "relay", "id\0shelly\0", 3);
    add_family("relay", "shellies/{id}/relay/{output-1}", NULL);
    cr_assert(router_find(&router.acks, registry, bytes_of_text("shellies/shelly/relay/2"), &owner));
    cr_expect_eq(owner.tracker_id, 20);
    cr_expect_eq(owner.output, 3);
    cr_expect_not(router_find(&router.acks, registry, bytes_of_text("shellies/shelly/relay/3"), &owner), "of four");
    cr_expect_str_eq((const char *)router.acks.filters.data + strlen("tracker/+/output/ack") + 1, "shellies/+/relay/+");
}

Test(router, trackers_with_an_order_of_levels_of_their_own_have_their_own_filters)
{
    const char *at;

    add_tracker(20, "relay", "full\0%p%/%t%/\0t\0one\0", 1);
    add_tracker(21, "relay", "full\0%p%/%t%/\0t\0two\0", 1);
    add_tracker(22, "relay", "full\0site/%t%/%p%/\0t\0three\0", 1);
    add_family("relay", "{full replace '%p%'='stat' '%t%'=t}RESULT", NULL);
    cr_expect_eq(ack("stat/one/RESULT"), 20);
    cr_expect_eq(ack("stat/two/RESULT"), 21);
    cr_expect_eq(ack("site/three/stat/RESULT"), 22);
    cr_assert_eq(router.acks.filter_count, 3);
    at = (const char *)router.acks.filters.data + strlen("tracker/+/output/ack") + 1;
    cr_expect_str_eq(at, "stat/+/RESULT");
    cr_expect_str_eq(at + strlen(at) + 1, "site/+/stat/RESULT");
}

/* Acks | presences, without those of the built-in family. */
static void expect_filters(bool acks_are_shared, const char *expected)
{
    struct buffer names = {0};
    struct buffer text = {0};
    size_t count;
    size_t acks = router_put_filters(&router, acks_are_shared, &names, &count);
    const char *at = (const char *)names.data;

    for (size_t i = 0; i < count; i++, at += strlen(at) + 1) {
        if (strncmp(at, "tracker/+/", strlen("tracker/+/")) != 0)
            buffer_printf(&text, "%s ", at);
        if (i + 1 == acks)
            buffer_put_text(&text, "| ");
    }
    buffer_put_u8(&text, '\0');
    cr_expect_str_eq((const char *)text.data, expected);
    buffer_release(&text);
    buffer_release(&names);
}

Test(router, topics_within_another_subscription_of_their_kind_have_none_of_their_own)
{
    add_tracker(20, "one", "site\0north\0", 1);
    add_tracker(21, "two", "site\0south\0", 1);
    add_family("one", "{site}/up", "tele/{site}/LWT");
    add_family("two", "{site}/{device_id}", "tele/{site}/{device_id}");
    expect_filters(false, "+/+ | tele/+/+ ");
    expect_filters(true, "+/+ | tele/+/+ ");
    cr_expect_eq(ack("north/up"), 20, "they are found all the same");
    cr_expect_eq(presence("tele/north/LWT"), 20);
}

Test(router, acks_that_come_as_presence_does_have_no_subscription_of_their_own_unless_they_are_shared)
{
    add_tracker(20, "one", "site\0north\0", 1);
    add_tracker(21, "two", "site\0south\0", 1);
    add_family("one", "up/{site}", "up/{site}");
    add_family("two", "tele/{site}/x", "tele/{site}/{device_id}");
    expect_filters(false, "| up/+ tele/+/+ ");
    expect_filters(true, "up/+ tele/+/x | up/+ tele/+/+ ");
}

Test(router, subscriptions_that_only_have_topics_in_common_stay)
{
    add_tracker(20, "one", "site\0north\0", 1);
    add_tracker(21, "two", "site\0south\0", 1);
    add_family("one", "up/{site}", "tele/{site}");
    add_family("two", "{site}/data", NULL);
    expect_filters(false, "up/+ +/data | tele/+ ");
}

Test(router, family_that_no_tracker_uses_is_not_subscribed)
{
    add_family("relay", "{site}/up", NULL);
    cr_expect_eq(router.acks.filter_count, 1);
    add_tracker(20, "relay", "site\0north\0", 1);
    router_release(&router);
    router_init(&router, profiles, registry, "");
    cr_expect_eq(router.acks.filter_count, 2);
}

/* One family's topics hold the id, another one's, of the same form, the device_id. */
Test(router, device_id_where_others_have_their_id_is_found_too)
{
    bool found;

    add_profile("own", "", "tracker/{device_id}/output/ack", "tracker/{device_id}/status");
    cr_expect_eq(ack("tracker/265489/output/ack"), 265489);
    cr_expect_eq(whose(&router.acks, registry, bytes_of_text("tracker/356307042441013/output/ack"), &found), 265489,
                 "15 digits are no id");
    cr_expect(found);
    cr_expect_eq(whose(&router.acks, registry, bytes_of_text("tracker/907126119/output/ack"), &found), 7,
                 "9 digits might be one, but are the id of nobody");
    cr_expect(found);
    cr_expect_eq(presence("tracker/907126119/status"), 7);
    cr_expect_eq(ack("tracker/7/output/ack"), 7, "of both: the shape that came first");
    cr_expect_eq(presence("tracker/5/status"), 5, "of neither: the id that it looks like");
    cr_expect_eq(whose(&router.presences, NULL, bytes_of_text("tracker/5/status"), &found), 5);
    cr_expect_eq(whose(&router.acks, registry, bytes_of_text("tracker/x/output/ack"), &found), 0);
    cr_expect(found);
}

Test(router, topics_of_one_shape_are_kept_once)
{
    cr_expect_eq(router.acks.filter_count, 1, "both built-in profiles have the default topics");
    cr_expect_eq(router.presences.filter_count, 1);
    add_profile("a", "", "dev/{device_id}/up", NULL);
    add_profile("b", "", "dev/{device_id}/up", "b/{tracker_id}");
    add_profile("c", "", "dev/{device_id}/ack", "b/{tracker_id}");
    cr_expect_eq(router.acks.filter_count, 3);
    cr_expect_eq(router.presences.filter_count, 2);
}

Test(router, holds_many_shapes)
{
    enum { MANY = 300 };
    char name[16];
    char topic[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "p%d", i);
        snprintf(topic, sizeof topic, "p%d/{tracker_id}", i);
        add_profile(name, "", topic, topic);
    }
    cr_expect_eq(router.acks.filter_count, MANY + 1, "the default topics are one of them");
    cr_expect_eq(router.presences.filter_count, MANY + 1);
    cr_expect_eq(ack("p299/7"), 7);
    cr_expect_eq(presence("p299/7"), 7);
    cr_expect_eq(ack("p300/7"), 0);
}
