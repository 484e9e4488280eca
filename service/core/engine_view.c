/* What others may see of a tracker; nothing changes by looking. */
#include "engine_state.h"

static void view_profile(const struct engine *e, const struct registry_tracker *tracker, struct engine_view *view)
{
    const struct profile *profile = e->model_profiles[tracker->model];
    struct template_input input = registry_input(e->registry, tracker);

    if (!profile)
        return;
    view->is_served = true;
    view->has_set = profile_has(profile, &input, ACTION_SET);
    view->has_set_all = profile_has(profile, &input, ACTION_SET_ALL);
    view->outputs = tracker->outputs ? tracker->outputs : (uint8_t)profile_outputs(profile, &input);
    if (!registry_reserved(e->registry, tracker, &view->reserved))
        view->reserved = profile_reserved(profile, &input);
}

struct engine_view engine_view(const struct engine *e, const struct registry_tracker *tracker)
{
    const struct tracker *known = trackers_find(&e->trackers, tracker->id);
    struct engine_view view = {0};

    view_profile(e, tracker, &view);
    if (!known)
        return view;
    view.online = known->online;
    view.states = known->states;
    view.queued = known->lane ? known->lane->queued : 0;
    view.in_flight = known->lane && known->lane->in_flight;
    return view;
}

const struct registry *engine_registry(const struct engine *e)
{
    return e->registry;
}
