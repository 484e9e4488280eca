#include "core/router.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct registry *registry;
static struct profiles *profiles;
static struct router router;

static void set_up(void)
{
    const struct registry_tracker trackers[] = {
        {.id = 265489, .user_id = 1, .device_id = "356307042441013"},
        {.id = 7, .user_id = 1, .device_id = "907126119"},
        {.id = 8, .user_id = 1, .device_id = "7"},
    };

    registry = registry_new();
    registry_add_user(registry, &(struct registry_user){.id = 1});
    for (size_t i = 0; i < sizeof trackers / sizeof *trackers; i++)
        cr_assert_eq(registry_add_tracker(registry, &trackers[i], "m"), 0);
    profiles = profiles_new("");
    router_init(&router, profiles, "");
}

static void tear_down(void)
{
    registry_free(registry);
    profiles_free(profiles);
}

TestSuite(router, .init = set_up, .fini = tear_down, .timeout = 30);

static void add_profile(const char *name, const char *prefix, const char *ack_topic, const char *presence_topic)
{
    const struct profile_description d = {
        .name = name, .encoding = PROFILE_JSON, .ack_topic = ack_topic, .presence_topic = presence_topic};
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(&d, prefix, &key, &error);

    cr_assert(p, "%s: %s", key, error);
    cr_assert_eq(profiles_add(profiles, p, &error), 0);
    router_init(&router, profiles, prefix);
}

static void use_prefix(const char *prefix)
{
    profiles_free(profiles);
    profiles = profiles_new(prefix);
    router_init(&router, profiles, prefix);
}

static int32_t ack(const char *topic)
{
    const struct template *shape;

    return router_ack(&router, registry, bytes_of_text(topic), &shape);
}

static int32_t presence(const char *topic)
{
    const struct template *shape;

    return router_presence(&router, registry, bytes_of_text(topic), &shape);
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
    const struct template *shape = NULL;

    cr_expect_eq(ack("tracker/265489/output/ack"), 265489);
    cr_expect_eq(ack("tracker/99/output/ack"), 99, "whether the registry knows it is asked later");
    cr_expect_eq(presence("tracker/265489/status"), 265489);
    cr_expect_eq(ack("tracker/265489/status"), 0);
    cr_expect_eq(presence("tracker/265489/output/ack"), 0);
    cr_expect_eq(ack("tracker/265489/output/command"), 0);
    cr_expect_eq(router_ack(&router, registry, bytes_of_text("tracker/1/output/ack"), &shape), 1);
    cr_expect_eq(shape, profile_topic(profiles_by_name(profiles, "json"), TOPIC_ACK));
}

Test(router, shape_that_names_no_tracker_is_still_told)
{
    const struct template *shape = NULL;

    cr_expect_eq(router_ack(&router, registry, bytes_of_text("tracker/007/output/ack"), &shape), 0);
    cr_expect_not_null(shape);
    cr_expect_eq(router_presence(&router, registry, bytes_of_text("tracker//status"), &shape), 0);
    cr_expect_not_null(shape);
    cr_expect_eq(router_ack(&router, registry, bytes_of_text("elsewhere"), &shape), 0);
    cr_expect_null(shape);
    cr_expect_eq(router_presence(&router, registry, bytes_of_text("elsewhere"), &shape), 0);
    cr_expect_null(shape);
}

Test(router, device_id_is_looked_up_in_the_registry)
{
    const struct template *shape = NULL;

    add_profile("own", "", "dev/{device_id}/up", "dev/{device_id}/alive");
    cr_expect_eq(ack("dev/356307042441013/up"), 265489);
    cr_expect_eq(presence("dev/907126119/alive"), 7);
    cr_expect_eq(ack("dev/265489/up"), 0, "an id is no device_id");
    cr_expect_eq(ack("dev/unknown/up"), 0);
    cr_expect_eq(ack("dev//up"), 0);
    cr_expect_eq(router_ack(&router, NULL, bytes_of_text("dev/907126119/up"), &shape), 0, "nor is there a registry");
    cr_expect_not_null(shape);
}

Test(router, topic_of_vars_alone_names_no_tracker)
{
    const struct template *shape = NULL;

    add_profile("own", "", "{site}/up", NULL);
    cr_expect_eq(router_ack(&router, registry, bytes_of_text("north/up"), &shape), 0);
    cr_expect_not_null(shape);
}

/* One family's topics hold the id, another one's, of the same form, the device_id. */
Test(router, device_id_where_others_have_their_id_is_found_too)
{
    const struct template *shape = NULL;
    const struct template *own;

    add_profile("own", "", "tracker/{device_id}/output/ack", "tracker/{device_id}/status");
    own = profile_topic(profiles_by_name(profiles, "own"), TOPIC_ACK);
    cr_expect_eq(ack("tracker/265489/output/ack"), 265489);
    cr_expect_eq(router_ack(&router, registry, bytes_of_text("tracker/356307042441013/output/ack"), &shape), 265489,
                 "15 digits are no id");
    cr_expect_eq(shape, own);
    cr_expect_eq(router_ack(&router, registry, bytes_of_text("tracker/907126119/output/ack"), &shape), 7,
                 "9 digits might be one, but are the id of nobody");
    cr_expect_eq(shape, own);
    cr_expect_eq(presence("tracker/907126119/status"), 7);
    cr_expect_eq(ack("tracker/7/output/ack"), 7, "of both: the shape that came first");
    cr_expect_eq(presence("tracker/5/status"), 5, "of neither: the id that it looks like");
    cr_expect_eq(router_presence(&router, NULL, bytes_of_text("tracker/5/status"), &shape), 5);
    cr_expect_eq(router_ack(&router, registry, bytes_of_text("tracker/x/output/ack"), &shape), 0);
    cr_expect_not_null(shape);
}

Test(router, topics_of_one_shape_are_kept_once)
{
    cr_expect_eq(router.ack_count, 1, "both built-in profiles have the default topics");
    cr_expect_eq(router.presence_count, 1);
    add_profile("a", "", "dev/{device_id}/up", NULL);
    add_profile("b", "", "dev/{device_id}/up", "b/{tracker_id}");
    add_profile("c", "", "dev/{device_id}/ack", "b/{tracker_id}");
    cr_expect_eq(router.ack_count, 3);
    cr_expect_eq(router.presence_count, 2);
}

Test(router, holds_256_shapes_and_no_more)
{
    char name[16];
    char topic[32];

    for (int i = 0; i < ROUTES_MAX + 10; i++) {
        snprintf(name, sizeof name, "p%d", i);
        snprintf(topic, sizeof topic, "p%d/{tracker_id}", i);
        add_profile(name, "", topic, topic);
    }
    cr_expect_eq(router.ack_count, ROUTES_MAX);
    cr_expect_eq(router.presence_count, ROUTES_MAX);
    cr_expect_eq(ack("p254/7"), 7, "the default topics are one of them");
    cr_expect_eq(presence("p254/7"), 7);
    cr_expect_eq(ack("p255/7"), 0);
}
