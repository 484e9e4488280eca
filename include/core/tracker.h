/* What the service knows of trackers while it runs: presence, last acked states, and the lane of commands. */
#ifndef CORE_TRACKER_H
#define CORE_TRACKER_H

#include "base/map.h"
#include "core/pending.h"

/* One command in flight, the others wait in the order in which they came. Exists only while there is something in it,
 * or while it is in quarantine. */
struct lane {
    struct timer quarantine; /* first; set: the lane may start nothing */
    struct tracker *tracker;
    struct pending *in_flight;
    struct pending *head;
    struct pending *tail;
    uint32_t queued;
    bool pumping;
};

struct tracker {
    int32_t id;
    bool online;
    uint8_t outputs;         /* how many its state message shows; 0 while nothing was acked */
    bool state_dirty;        /* its state is to be published */
    bool last_was_acked;     /* of the last command */
    uint32_t presence_epoch; /* of the reading back in which it was last heard */
    uint64_t last_command_id;
    struct output_states states;
    uint64_t dirty_since_ms;
    struct tracker *next_dirty;
    struct lane *lane; /* NULL: idle */
};

/* All zero is a valid empty table. */
struct trackers {
    struct map by_id;
    size_t online;
};

struct tracker *trackers_find(const struct trackers *all, int32_t id);

/* Makes it where it is not there. */
struct tracker *trackers_get(struct trackers *all, int32_t id);

void trackers_set_online(struct trackers *all, struct tracker *tracker, bool online);

/* Forgets a tracker of which there is nothing to know. */
void trackers_forget_if_idle(struct trackers *all, struct tracker *tracker);

void trackers_release(struct trackers *all);

#endif
