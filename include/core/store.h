/* What must be agreed on about requests: which were seen before, whose turn it is at a tracker, and which of several
 * endings was the first. This one keeps it in memory and answers at once; one that several instances share answers
 * later. So nothing here returns a result: it comes through the client's functions. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "core/seen.h"
#include "core/tracker.h"

enum submit_verdict {
    SUBMIT_NEW,      /* never seen: refused with this code, or it has its place in the lane */
    SUBMIT_PENDING,  /* the same request is pending */
    SUBMIT_ANSWERED, /* the same request was answered: with this code and outcome */
};

struct store_client {
    void *ctx;
    /* Answers store_submit. With SUBMIT_NEW and no refusal the store holds p until it is completed. */
    void (*submitted)(void *ctx, struct pending *p, enum submit_verdict verdict, enum code code, enum outcome outcome);
    /* It is p's turn: p->tracker->lane->in_flight is p. */
    void (*turn)(void *ctx, struct pending *p);
    /* Answers store_complete: this was the first ending, and p is out of its lane. p is the client's again. */
    void (*completed)(void *ctx, struct pending *p);
    /* The answer of request `id` need not be remembered any longer. */
    void (*answer_expired)(void *ctx, uint64_t id);
};

struct store_limits {
    uint32_t pending_max;
    uint32_t tracker_queue_max;
    uint64_t pending_bytes_max;
    uint32_t dedup_max;
    uint32_t refused_max;
    uint32_t dedup_window_ms;
};

struct store {
    struct store_client client;
    struct store_limits limits;
    struct trackers *trackers;
    struct timers *timers;
    struct seen_table seen;
    struct pool lanes;
    uint32_t pending; /* in lanes */
    uint32_t queued;  /* of these: not in flight */
    uint64_t pending_bytes;
    bool held; /* no turns: presence has not been read back */
};

/* The kind of the quarantine timers that the store sets; store_quarantine_over is to be called when one fires. */
enum { STORE_TIMER_QUARANTINE = 100 };

void store_init(struct store *s, const struct store_client *client, struct trackers *trackers, struct timers *timers);
void store_release(struct store *s); /* frees what it still holds */

/* Has this request been seen, and is there room for it: in the tracker's queue, the pending table and the dedup table?
 * p->code says what the checks found: 0, or a refusal, which is remembered for redeliveries. */
void store_submit(struct store *s, struct pending *p, uint64_t now_ms);

/* It is the redelivery of one that was refused here. */
bool store_was_refused(const struct store *s, const struct pending *p);

/* In `submitted`, of a request that has its place in the lane: its turn comes before store_submit returns. */
bool store_gives_turn(const struct store *s, const struct pending *p);

/* In `submitted`, with SUBMIT_PENDING: which request it is that p repeats. */
uint64_t store_same_id(const struct store *s, const struct pending *p);

/* p ends with p->code and p->outcome. quarantine_ms: for so long its lane starts nothing. */
void store_complete(struct store *s, struct pending *p, uint32_t quarantine_ms, uint64_t now_ms);

/* Gives the lanes their turns, or holds them back. */
void store_hold(struct store *s, bool held);

void store_quarantine_over(struct store *s, struct lane *lane);

/* Forgets answers whose window is over. */
void store_expire(struct store *s, uint64_t now_ms);
int64_t store_wait_ms(const struct store *s, uint64_t now_ms);

/* After a restart, in the order of ids, before anything is submitted. p->state says whether it is queued or sent. */
void store_recover(struct store *s, struct pending *p);
void store_recover_refusal(struct store *s, const struct pending *p, uint64_t now_ms);
void store_recover_answer(struct store *s, const struct pending *p, uint64_t expires_ms);
void store_recover_quarantine(struct store *s, int32_t tracker_id, uint64_t until_ms);

#endif
