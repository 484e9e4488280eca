/* What has been seen of each request: which command, ack and reply belong to it.
 *
 * Rows are kept in a ring; a new one takes the place of the oldest. Pointers to rows hold until the next trace_request
 * or trace_command. Times are microseconds on the monotonic clock. */
#ifndef OUTPUTCTL_TRACE_H
#define OUTPUTCTL_TRACE_H

#include "base/clock.h"
#include "wire/command.h"

enum { TRACE_ROWS_MAX = 4096 };

enum row_end { ROW_OPEN, ROW_SUCCESS, ROW_ERROR, ROW_IN_DOUBT };

struct row {
    uint64_t number; /* from 1, in the order in which they were first seen */
    int64_t wall_ms;
    uint64_t start_us;
    uint64_t command_us; /* 0: not seen yet, like the next two */
    uint64_t ack_us;
    uint64_t reply_us;
    int32_t tracker_id;   /* 0: not known */
    bool is_readable;     /* `what` is known */
    bool has_command_id;  /* what.id is known */
    struct command what;  /* as requested, else as commanded */
    uint64_t fingerprint; /* of topic, payload and correlation; 0: no request was seen */
    /* What a reply is known by: its topic with the Correlation Data, with the request_id, alone. 0: nothing. */
    uint64_t by_correlation;
    uint64_t by_request_id;
    uint64_t by_topic;
    enum row_end end;
    char verdict[128]; /* what the reply said, fit for a terminal */
};

struct trace {
    struct row *rows; /* TRACE_ROWS_MAX of them; row n is at (n - 1) % TRACE_ROWS_MAX */
    uint64_t last;    /* number of the newest row */
    uint64_t settled; /* no row up to this one is open */
};

void trace_init(struct trace *t);
void trace_release(struct trace *t);

/* The row with this number, NULL where it is not kept (any more). */
struct row *trace_row(const struct trace *t, uint64_t number);

/* A request as it was seen. */
struct seen_request {
    struct bytes topic;
    struct bytes payload;
    struct bytes correlation;    /* data NULL: none */
    const struct request_id *id; /* NULL: not readable */
    struct bytes reply_topic;
    int32_t tracker_id;
    const struct command *what; /* NULL: not readable */
};

/* Its row; *again: the same was seen before and is still open, so that this is that one's row. */
struct row *trace_request(struct trace *t, const struct seen_request *seen, struct instant now, bool *again);

/* A command or ack as it was seen. */
struct seen_hop {
    int32_t tracker_id;
    bool has_id;
    uint64_t id;
    const struct command *what; /* commands: NULL: not readable */
};

/* Its row; a new one where no request fits, as those over HTTP. */
struct row *trace_command(struct trace *t, const struct seen_hop *seen, struct instant now);

/* Its row, NULL where no command fits. */
struct row *trace_ack(struct trace *t, const struct seen_hop *seen);

/* Its row, NULL where no request fits. *again: that had a reply before. The caller fills in its end and verdict. */
struct row *trace_reply(struct trace *t, struct bytes topic, struct bytes correlation, const struct request_id *id,
                        bool *again);

/* Open, and not for so long that nobody waits any more. */
bool trace_is_waiting(const struct row *row, uint64_t now_us);

#endif
