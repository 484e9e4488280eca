/* Every request of the run, and what became of it as seen from three sides: its requester, the wire between the broker
 * and the service, and the trackers. What is wrong with a request is decided in verdict.c, from this alone.
 *
 * Who repeated a command? A broker may hand over the same message again: with the DUP flag, but without it too where it
 * came back from a snapshot that was older than the hand-over. And a tracker's side cannot tell a message that was
 * published twice from one that was handed over twice. So what counts as the service's is what was read off its own
 * connection: every PUBLISH of a command that left the service passed the tap, whatever the broker made of it later.
 * Two of them for one request, with one id or with two, are a repeated command, whether the first one arrived or not:
 * the service cannot have known. What the trackers saw is counted apart, by id: two ids for one request are the
 * service's, again; one id that came again is the broker's, and is only counted. */
#ifndef WITNESS_LEDGER_H
#define WITNESS_LEDGER_H

#include <stdio.h>

#include "base/map.h"
#include "witness/speech.h"

/* What happened to a request. The tap sees the service's side of it. */
enum mark {
    MARK_SENT,        /* the requester published it */
    MARK_TAKEN,       /* the requester has its PUBACK */
    MARK_NOBODY,      /* the same, which says that nobody has subscribed */
    MARK_DELIVERED,   /* broker to service */
    MARK_REDELIVERED, /* the same, with DUP */
    MARK_PUBACKED,    /* the service has said that it has it */
    MARK_COMMAND,     /* the service published a command; value: its id */
    MARK_REPLY,       /* the service published a reply; value: its code and answer */
    MARK_REPLY_TAKEN, /* the broker has said that it has it */
    MARK_REACHED,     /* a tracker got the command; value: its id */
    MARK_ANSWERED,    /* a tracker answered; value: its answer */
    MARK_HEARD,       /* the requester got a reply; value: its code and answer */
    MARKS
};

enum wish { WISH_WELL, WISH_OFFLINE, WISH_WRONG_HASH };

enum { VERDICTS_MAX = 4 };

struct request {
    int32_t tracker_id;
    struct switching switching;
    enum wish wish;
    bool msgpack;
    bool once; /* its requester never sends it again by itself */
    uint8_t requester;
    uint16_t attempts;
    uint64_t first_ms;
    uint64_t last_ms;
    bool taken;
    bool on_its_way; /* no PUBACK yet of what was published last */
    bool had_nobody; /* nor any subscriber */
    /* on the wire */
    uint16_t fresh; /* deliveries without DUP */
    bool pubacked;  /* and the broker lived long enough to read it */
    uint64_t pubacked_ms;
    bool unrecorded; /* acknowledged while the journal could not be written: code 8, which a kill may lose */
    uint16_t commands;
    bool refused_first; /* a not_sent left before the first command did, or there was none */
    bool refused_after; /* the first not_sent left after a command did */
    bool reply_taken;
    /* at the tracker */
    uint64_t reached_id;
    uint16_t reached;       /* different ids */
    uint16_t reached_again; /* the same id */
    unsigned answered;      /* bit: enum answer */
    /* at the requester */
    uint16_t heard;
    uint16_t verdict_count; /* different ones */
    struct verdict verdicts[VERDICTS_MAX];
    size_t newest; /* of its history; 0: there is none */
};

struct history {
    uint32_t at_ms;
    uint8_t mark; /* enum mark */
    uint8_t service;
    uint64_t value;
    size_t before; /* of the same request; 0: it is the first */
};

struct note {
    uint64_t at_ms;
    uint64_t end_ms; /* 0: it has not ended */
    char text[64];
};

/* Told of each mark before it counts. */
struct ledger_watcher {
    void *ctx;
    void (*marked)(void *ctx, uint32_t number, enum mark mark, uint64_t value); /* NULL: nobody watches */
};

struct ledger {
    struct ledger_watcher watcher;
    unsigned service; /* whose connection the tap reads: the service's marks are its own */
    uint64_t start_ms;
    uint64_t now_ms;
    struct request *requests; /* by number, from 1 */
    uint32_t count;           /* with the unused number 0 */
    uint32_t size;
    struct history *history; /* from 1 */
    size_t history_count;
    size_t history_size;
    struct note *notes;
    size_t note_count;
    size_t note_size;
    struct map commands; /* request by command id */
    struct map sets;     /* request by what a `set` switches */
    uint64_t unreadable; /* messages of the service that are nobody's */
    bool has_load;       /* silence counts */
    bool broker_is_dead;
    uint64_t journal_fails_until_ms;
    uint64_t last_heard_ms;   /* of all requests; 0: not yet */
    uint64_t silence_from_ms; /* the longest time without any reply */
    uint64_t silence_until_ms;
};

void ledger_init(struct ledger *l, uint64_t now_ms);
void ledger_release(struct ledger *l);

/* A new request for this tracker. Its switching is chosen here: a `set` as long as there is one left that this tracker
 * was not asked for. */
uint32_t ledger_new(struct ledger *l, int32_t tracker_id, bool want_set, bool can_set_all);

/* NULL: there is none with this number. */
struct request *ledger_at(struct ledger *l, uint32_t number);

void ledger_mark(struct ledger *l, uint32_t number, enum mark mark, uint64_t value);

/* The request that a command is of. 0: of none. */
uint32_t ledger_of_switching(struct ledger *l, int32_t tracker_id, const struct switching *switching);
uint32_t ledger_of_command(const struct ledger *l, uint64_t command_id);

/* A fault begins; the number is for its end. */
size_t ledger_note(struct ledger *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ledger_note_end(struct ledger *l, size_t note);

/* The broker was killed: what was acknowledged to it in its last moments it has not been told. Or it lives again. */
void ledger_broker_dies(struct ledger *l);
void ledger_broker_lives(struct ledger *l);

/* The journal cannot be written, or can again: the service tries that every second. */
void ledger_journal_fails(struct ledger *l);
void ledger_journal_works(struct ledger *l);

/* From now on new requests are made, or no more. */
void ledger_set_load(struct ledger *l, bool has_load);

/* Everything that is known of a request, and the faults meanwhile. */
void ledger_print(const struct ledger *l, uint32_t number, FILE *out);

uint64_t ledger_pack(struct verdict verdict);

#endif
