/* The load generator's parts: one requester and all the trackers, over two connections, in one thread.
 *
 * loadgen.c has the loop and what is done in it, load_tracker.c and load_requester.c the two sides, load_report.c the
 * figures, load_options.c the command line. Nothing is allocated for a message once the buffers have grown to the
 * window. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "link.h"

enum {
    REQUESTS_MAX = 1 << 24,
    WINDOW_MAX = 10000,
    TRACKERS_MAX = 1000000,
    OUTPUTS_MAX = 64,
    CORRELATION_MAX = 32,
};

struct request {
    uint64_t sent_us;    /* or when it should have been, where requests are paced */
    uint32_t latency_us; /* 0: no reply yet */
    bool success;
};

/* What a tracker answers as soon as the broker's Receive Maximum lets it. */
struct ack {
    uint64_t id;
    uint64_t tracker;
    size_t correlation_len;
    uint8_t correlation[CORRELATION_MAX];
};

struct counts {
    uint64_t answered;
    uint64_t successes;
    uint64_t errors;
    uint64_t commands;
    uint64_t duplicates;
};

/* What is measured from the first publish of a stretch to its last reply. */
struct stretch {
    uint64_t first; /* sequence number */
    uint64_t started_us;
    uint64_t ended_us;
    uint64_t loadgen_cpu_ns;
    uint64_t server_cpu_ns;
    uint64_t broker_cpu_ns;
    struct counts counts;
};

struct load {
    /* Options. */
    char host[256];
    const char *port;
    uint64_t first_tracker;
    uint64_t trackers;
    uint64_t stride;  /* between their ids */
    uint64_t hold;    /* so many more trackers, behind these, are commanded and never ack */
    uint64_t set_all; /* this many outputs; 0: set */
    uint64_t window;
    uint64_t rate;     /* requests a second, whatever comes back; 0: as the window lets */
    uint64_t requests; /* 0: by time */
    double seconds;
    uint64_t warmup;
    uint64_t server_pid; /* 0: nobody asked for its CPU time */
    uint64_t broker_pid;
    bool no_presence;
    bool wait_ready;

    struct link requester;
    struct link tracker;
    char reply_topic[64];
    uint64_t online;   /* trackers whose presence has been published */
    uint64_t held;     /* commands that nobody acks */
    uint64_t held_end; /* behind the sequence numbers of their requests */

    struct request *table; /* by sequence number */
    uint64_t next;         /* sequence number */
    struct counts counts;
    uint64_t progress_us; /* the last reply or held command */

    struct ack *acks; /* a ring */
    uint64_t acks_in;
    uint64_t acks_out;
};

void load_read_options(struct load *load, int argc, char **argv);

/* The id of the n-th tracker. Requests go to all but the held ones in turn. */
static inline uint64_t load_tracker_id(const struct load *load, uint64_t n)
{
    return load->first_tracker + n * load->stride;
}

/* --- the trackers --- */

void trackers_init(struct load *load);
void trackers_take_command(void *load, const struct packet_publish *command);

/* As much as the Receive Maximum lets. */
void trackers_publish_acks(struct load *load);
void trackers_publish_presence(struct load *load);

/* --- the requester --- */

void requester_init(struct load *load);
void requester_take_reply(void *load, const struct packet_publish *reply);

/* The next request, to the n-th tracker; its time counts from sent_us. */
void requester_publish(struct load *load, uint64_t n, uint64_t sent_us);

/* --- figures --- */

/* The CPU time so far, of all threads of the processes involved. */
void stretch_begin(const struct load *load, struct stretch *s);
void stretch_end(const struct load *load, struct stretch *s);

/* Prints one line of JSON. Sorts the stretch's requests. */
void stretch_report(const struct load *load, const struct stretch *s);

#endif
