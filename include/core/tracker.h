/* What the service knows of trackers while it runs: presence, last acked states, and the lane of commands. */
#ifndef CORE_TRACKER_H
#define CORE_TRACKER_H

#include "base/index.h"
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

/* There may be a million of them, so what only some have at a time (lanes, states to be published) lies elsewhere. */
struct tracker {
    int32_t id;
    uint32_t number;         /* its place; in a free place: the next free one, or 0 */
    uint32_t presence_epoch; /* of the reading back in which it was last heard */
    uint8_t outputs;         /* how many its state message shows; 0 while nothing was acked */
    bool online;
    bool state_dirty;    /* its state is to be published */
    bool last_was_acked; /* of the last command */
    uint64_t last_command_id;
    struct output_states states;
    struct lane *lane; /* NULL: idle */
};

/* Places are numbered from 1 and stay where they are; those of forgotten trackers are taken again. All zero is a valid
 * empty table. */
struct trackers {
    struct tracker **chunks;
    uint32_t made; /* places, free ones too */
    uint32_t first_free;
    struct index by_id;
    size_t online;
};

struct tracker *trackers_find(const struct trackers *all, int32_t id);

/* Makes it where it is not there. */
struct tracker *trackers_get(struct trackers *all, int32_t id);

/* The one at this place, which is not free. */
struct tracker *trackers_at(const struct trackers *all, uint32_t number);

/* Walks all trackers in no order: start with *at = 0; NULL at the end. One that is made meanwhile may be missed. */
struct tracker *trackers_next(const struct trackers *all, size_t *at);

void trackers_set_online(struct trackers *all, struct tracker *tracker, bool online);

/* Forgets a tracker of which there is nothing to know. */
void trackers_forget_if_idle(struct trackers *all, struct tracker *tracker);

void trackers_release(struct trackers *all);

#endif
