/* The simulator: one connection, one thread, every tracker. A turn of the loop: take what the broker has sent
 * (commands.c makes acks of it, which wait in the heap), let happen what is due (acks, restarts: presence.c), send from
 * the outbox. */
#ifndef TRACKERSIM_SIM_H
#define TRACKERSIM_SIM_H

#include "edge/mqtt.h"

#include "heap.h"
#include "options.h"
#include "outbox.h"
#include "tally.h"
#include "tracker.h"

struct sim {
    const struct options *options;
    struct trackers trackers;
    struct heap heap;
    struct outbox outbox;
    struct tally tally;
    struct buffer ack; /* the one that is being sent */
    struct buffer noise;
    struct mqtt *mqtt;
    uint64_t now_ms;     /* monotonic, read once a turn */
    size_t announced;    /* the trackers before this one have said whether they are online */
    uint64_t mark;       /* the outbox' count when all had */
    bool ready;          /* announced for the first time, and acknowledged */
    bool stopping;       /* everyone says offline; nothing is answered any more */
    uint64_t give_up_ms; /* when to stop waiting for that */
    uint64_t connect_at_ms;
    uint32_t backoff_ms;
    int signal_fd;
};

/* Plays until a signal comes or enough commands were answered. 0, or a negative errno, which was printed. */
int sim_run(const struct options *options);

/* --- commands.c --- */

/* A message on one of the filters that we subscribed to. */
void sim_message(struct sim *sim, const struct mqtt_message *message);

/* --- presence.c --- */

/* From here on every tracker says, again, whether it is online. */
void presence_announce(struct sim *sim);

/* Puts the next announcements into the outbox, a bounded number of them. */
void presence_continue(struct sim *sim);

/* All have said it and the broker has taken it. */
bool presence_is_announced(const struct sim *sim);

/* Sets the time of each tracker's first restart, where restarts are wanted. -ENOMEM. */
int presence_start_restarts(struct sim *sim);

#endif
