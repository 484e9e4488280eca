#include "core/tracker.h"

#include <stdlib.h>

#include "base/check.h"

struct tracker *trackers_find(const struct trackers *all, int32_t id)
{
    return map_find(&all->by_id, (uint64_t)id);
}

struct tracker *trackers_get(struct trackers *all, int32_t id)
{
    struct tracker *tracker = trackers_find(all, id);

    if (!tracker) {
        tracker = calloc(1, sizeof *tracker);
        CHECK(tracker);
        tracker->id = id;
        map_put(&all->by_id, (uint64_t)id, tracker);
    }
    return tracker;
}

void trackers_set_online(struct trackers *all, struct tracker *tracker, bool online)
{
    if (tracker->online && !online)
        all->online--;
    if (!tracker->online && online)
        all->online++;
    tracker->online = online;
}

void trackers_forget_if_idle(struct trackers *all, struct tracker *tracker)
{
    if (tracker->online || tracker->lane || tracker->states.known || tracker->state_dirty)
        return;
    map_remove(&all->by_id, (uint64_t)tracker->id);
    free(tracker);
}

void trackers_release(struct trackers *all)
{
    struct tracker *tracker;
    size_t at = 0;

    while ((tracker = map_next(&all->by_id, &at))) {
        free(tracker->lane);
        free(tracker);
    }
    map_release(&all->by_id);
}
