/* What came and what was answered, counted, and printed for people and scripts. */
#ifndef TRACKERSIM_TALLY_H
#define TRACKERSIM_TALLY_H

#include <stdint.h>

#include "tracker.h"

enum tally_count {
    TALLY_SEEN,         /* every message on a command topic of ours */
    TALLY_DISTINCT,     /* with an id that the tracker had not had */
    TALLY_REPEATED,     /* with one that it had */
    TALLY_WITHOUT_ID,   /* no id, so nobody can tell */
    TALLY_UNREADABLE,   /* not a command of the family */
    TALLY_OTHER_DEVICE, /* with another device id in it */
    TALLY_OFFLINE,      /* came while the tracker was offline */
    TALLY_SUCCESS,
    TALLY_REFUSED,
    TALLY_UNSUPPORTED,
    TALLY_SILENT,    /* commands left without an ack, on purpose */
    TALLY_DUPLICATE, /* acks sent once more */
    TALLY_GARBAGE,   /* malformed messages sent before an ack */
    TALLY_LOST,      /* acks that were due after the tracker had gone offline */
    TALLY_DROPPED,   /* acks for which the outbox had no room, or that cannot be sent */
    TALLY_NOT_TAKEN, /* publishes that the broker refused */
    TALLY_COUNTS
};

/* All zero: nothing yet. */
struct tally {
    uint64_t of[TALLY_COUNTS];
};

/* Success, refused and unsupported together. */
uint64_t tally_answered(const struct tally *tally);

/* Two lines to stdout, then one for each of the first trackers that were switched. */
void tally_print(const struct tally *tally, const struct trackers *trackers);

#endif
