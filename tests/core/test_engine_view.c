/* What others may see of a tracker. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_view, .init = stage_open, .fini = stage_close, .timeout = 10);

static struct engine_view view(int32_t id)
{
    const struct registry *registry = engine_registry(stage->engine);

    return engine_view(stage->engine, registry_find_tracker(registry, id));
}

Test(engine_view, says_what_the_profile_and_the_registry_say)
{
    struct engine_view v = view(TRACKER_RESERVED);

    cr_assert(v.is_served && v.has_set && v.has_set_all && v.online);
    cr_assert_eq(v.outputs, 3);
    cr_assert_eq(v.reserved, 1);
    cr_assert_eq(view(TRACKER_JSON).reserved, 0);
    cr_assert_eq(view(TRACKER_WIDE).outputs, 64);
    cr_assert(view(TRACKER_ECHO).has_set && !view(TRACKER_ECHO).has_set_all);
    cr_assert(!view(TRACKER_BATCH).has_set && view(TRACKER_BATCH).has_set_all);
    cr_assert_eq(view(TRACKER_ECHO).outputs, 2);
}

Test(engine_view, of_a_model_that_nothing_serves_there_is_only_presence)
{
    struct engine_view v = view(TRACKER_MODELLESS);

    cr_assert(!v.is_served && !v.has_set && !v.has_set_all && v.online);
    cr_assert_eq(v.outputs, 0);
}

Test(engine_view, follows_presence_states_and_the_queue)
{
    const struct stage_command *command;

    cr_assert_eq(view(TRACKER_JSON).states.known, 0);
    command = stage_set_and_send(TRACKER_JSON, 2, true);
    stage_set(TRACKER_JSON, 3, true, .request_id = "1");
    cr_assert(view(TRACKER_JSON).in_flight);
    cr_assert_eq(view(TRACKER_JSON).queued, 1);
    stage_ack(command);
    cr_assert_eq(view(TRACKER_JSON).states.known, 2);
    cr_assert_eq(view(TRACKER_JSON).states.on, 2);
    cr_assert_eq(view(TRACKER_JSON).queued, 0);
    stage_offline(TRACKER_JSON_2);
    cr_assert_not(view(TRACKER_JSON_2).online);
}

Test(engine_view, without_a_registry_there_is_none)
{
    cr_assert_not_null(engine_registry(stage->engine));
    stage->no_registry = true;
    stage_reload();
}
