/* Who is online: the announcements at the start, after a reconnect and at the end, and the restarts between. */
#include "sim.h"

#include <errno.h>
#include <stdio.h>

#include "topic.h"

static int put_status(struct sim *sim, const struct tracker *tracker)
{
    const struct topics *topics = sim->options->profile->topics;
    char topic[TOPIC_SIZE];
    size_t len = topic_format(topic, sim->options->prefix, topics->presence, tracker, NULL);
    struct mqtt_publish publish = {
        .topic = bytes_of(topic, len),
        .payload = bytes_of_text(tracker->online && !sim->stopping ? topics->online : topics->offline),
        .retain = true,
    };

    return outbox_put(&sim->outbox, &publish);
}

void presence_announce(struct sim *sim)
{
    sim->announced = 0;
}

void presence_continue(struct sim *sim)
{
    enum { OUTBOX_SHARE = 1024 }; /* leaves the rest of the outbox to the acks */

    if (sim->announced == sim->trackers.count)
        return;
    while (sim->announced < sim->trackers.count && outbox_count(&sim->outbox) < OUTBOX_SHARE) {
        if (put_status(sim, &sim->trackers.all[sim->announced]) < 0)
            return;
        sim->announced++;
    }
    sim->mark = sim->outbox.put;
}

bool presence_is_announced(const struct sim *sim)
{
    return sim->announced == sim->trackers.count && sim->outbox.done >= sim->mark;
}

static void come_back(struct sim *sim, void *what);
static void go_away(struct sim *sim, void *what);

static int plan_restart(struct sim *sim, struct tracker *tracker)
{
    uint64_t up_ms = dice_up_to(&tracker->restart_dice, 2 * (uint64_t)sim->options->restart_every_ms);

    return heap_add(&sim->heap, sim->now_ms + up_ms, go_away, tracker);
}

static void change_presence(struct sim *sim, struct tracker *tracker, bool online)
{
    tracker->online = online;
    if (sim->options->log)
        printf("%d %s\n", tracker->id, online ? "online" : "offline");
    if (put_status(sim, tracker) < 0)
        presence_announce(sim); /* no room now: said with all the others when there is */
}

static void go_away(struct sim *sim, void *what)
{
    struct tracker *tracker = what;

    if (sim->stopping)
        return;
    tracker->life++;
    change_presence(sim, tracker, false);
    if (heap_add(&sim->heap, sim->now_ms + sim->options->restart_down_ms, come_back, tracker) < 0)
        come_back(sim, tracker);
}

static void come_back(struct sim *sim, void *what)
{
    struct tracker *tracker = what;

    if (sim->stopping)
        return;
    change_presence(sim, tracker, true);
    if (plan_restart(sim, tracker) < 0)
        fprintf(stderr, "trackersim: out of memory: tracker %d restarts no more\n", tracker->id);
}

int presence_start_restarts(struct sim *sim)
{
    if (sim->options->restart_every_ms == 0)
        return 0;
    for (size_t i = 0; i < sim->trackers.count; i++)
        if (!sim->trackers.all[i].never_online && plan_restart(sim, &sim->trackers.all[i]) < 0)
            return -ENOMEM;
    return 0;
}
