/* The records of the journal. */
#ifndef CORE_JOURNAL_KIND_H
#define CORE_JOURNAL_KIND_H

enum journal_kind {
    JOURNAL_REQUEST, /* by request id: until its reply is delivered */
    JOURNAL_ANSWER,  /* by request id: for the dedup window */
    JOURNAL_STATES,  /* by tracker id: last acked states */
    JOURNAL_SESSION, /* number 0: what the session at the broker is subscribed to; not the engine's */
    JOURNAL_SHARED,  /* by request id: what the server of shared state has, in case it loses it */
    JOURNAL_KIND_COUNT,
};

#endif
