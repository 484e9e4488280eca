/* What a run is worth: every request judged and counted, and printed. */
#ifndef WITNESS_TALLY_H
#define WITNESS_TALLY_H

#include "witness/verdict.h"

struct tally {
    unsigned classes[FAULT_CLASSES];
    unsigned answers[ANSWERS];
    unsigned accepted; /* a PUBACK or a reply was seen */
    unsigned replied;
    unsigned heard_again;
    unsigned judged_anew;
    unsigned unheard;
    unsigned commanded;
    unsigned reached;
    unsigned reached_again;
    unsigned lost_by_broker;       /* of those that nobody repeats: before the service acknowledged it */
    unsigned reply_lost_by_broker; /* after the broker took the reply */
    unsigned unrecorded;           /* refused while the journal could not be written */
    unsigned unrecorded_lost;      /* of these: never heard, nor taken by the broker */
    /* the checks that count */
    unsigned passed;
    unsigned failed;
};

/* Judges all requests. The history of every bad one goes into the folder, of the first few to stdout, too. */
void tally_judge(struct tally *t, const struct ledger *l, const char *folder,
                 struct finding (*judge)(void *ctx, uint32_t number), void *ctx);

/* Requests, replies, commands. */
void tally_print(const struct tally *t, const struct ledger *l, uint64_t repetitions);

/* The longest time without a reply, and what was the matter then. */
void tally_print_silence(const struct ledger *l);

/* All faults with their times go into the folder. */
void tally_write_faults(const struct ledger *l, const char *folder);

/* Prints a count that must be zero. */
void tally_count(struct tally *t, const char *what, uint64_t count);

/* Prints "N passed, N failed, N skipped". True: nothing has failed. */
bool tally_end(struct tally *t, unsigned skipped);

#endif
