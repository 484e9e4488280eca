/* The service in simulated time, against a broker, trackers, requesters, a clock and a disk that are models: its real
 * loop (service_turn.c, service_link.c), engine, outbox and journal. Everything that happens comes from a seed.
 *
 * sim.c           seeds, episodes, and the shortest trace of a failure
 * sim_step.c      what may happen in one step
 * sim_service.c   the service's life: start, turn, crash at any of its effects; clock and disk
 * sim_broker.c    the broker: sessions, retained messages, the wire in both directions
 * sim_mqtt.c      edge/mqtt.h on that broker, in place of paho
 * sim_world.c     who there is: registry, profiles, configuration, what trackers and requesters say
 * sim_oracle.c    what must hold, whatever happens */
#ifndef SIM_H
#define SIM_H

#include "base/buffer.h"
#include "edge/mqtt.h"
#include "service_state.h"
#include "support/memory_disk.h"

/* --- steps --- */

enum step_kind {
    STEP_REQUEST,  /* a requester asks for something new */
    STEP_AGAIN,    /* … or asks again, because it has no reply yet or has missed it */
    STEP_ACK,      /* a tracker acks a command of its inbox, well or badly, once or twice */
    STEP_NOISE,    /* somebody publishes garbage where the service listens */
    STEP_PRESENCE, /* a tracker comes or goes */
    STEP_WIRE,     /* the network carries some packets */
    STEP_TURN,     /* the service takes a turn */
    STEP_WAIT,     /* time goes by, and the service takes its turns */
    STEP_PAUSE,    /* time goes by, and nobody does anything */
    STEP_SWAP,     /* the broker changes the order of two messages that wait */
    STEP_CUT,      /* the connection breaks */
    STEP_BROKER,   /* the broker is restarted, with or without what it kept */
    STEP_CRASH,    /* the service is killed at one of its next effects */
    STEP_POWER,    /* the machine is */
    STEP_DISK,     /* the disk begins to fail, or works again */
    STEP_CLOCK,    /* the wall clock is stepped */
    STEP_RELOAD,   /* registry, profiles and limits are replaced */
    STEP_DRAIN,    /* the service is asked to stop, and started again */
    STEP_KIND_COUNT,
};

struct step {
    enum step_kind kind;
    uint64_t random; /* everything else about it */
};

extern const char *const step_names[STEP_KIND_COUNT];

struct step step_draw(uint64_t *random);
void step_run(struct step step);

/* --- randomness: of the step that runs --- */

void dice_seed(uint64_t seed);
uint32_t dice(uint32_t sides); /* 0 … sides - 1 */
uint64_t dice_next(uint64_t *random);

/* --- time, disk, and the service --- */

enum { SIM_WALL_MS_S = 1795000000, SIM_DISK_SIZE = 128 * 1024 };

struct sim {
    uint64_t now_ms;       /* true time */
    uint64_t mono_base_ms; /* added to it: the machine's clock, which starts anew with the machine */
    int64_t wall_ms;       /* added to it */
    uint64_t boot;
    struct memory_disk disk;
    struct journal_disk wrapped; /* by what may crash */
    struct service *service;
    struct config config;
    struct engine_config next_config; /* to be taken at the next reload */
    bool reload;
    bool dead;         /* killed: nothing has an effect any more, until it is started again */
    unsigned crash_in; /* effects; 0: not */
    bool sync;         /* the journal's */
    int64_t touched_wall_ms;
    bool healing; /* the end of an episode: nothing bad happens any more */
    unsigned step;
};

extern struct sim sim;

void sim_open(void);
void sim_close(void);

/* An effect: where the process may end. */
void sim_effect(void);

void service_turn_once(void);
void service_turn_all(void); /* until there is nothing to do at once */
void service_restart(bool power_failure);
void service_wait(uint64_t ms);

/* --- the world --- */

enum { TRACKERS = 8, REQUESTS_MAX = 8192, OUTPUTS = 3, SIM_TOPIC_MAX = 64, PAYLOAD_MAX = 320 };

extern const int32_t tracker_ids[TRACKERS];

/* Acks of these two name their command: whose they are is beyond doubt. */
bool tracker_names_commands(unsigned tracker);
uint64_t tracker_timeout_ms(unsigned tracker); /* of its acks */

struct registry *world_registry(bool one_left_out);
struct profiles *world_profiles(void);
void world_config(void); /* draws limits */
void world_tracker_online(unsigned tracker, bool online);
bool world_tracker_is_online(unsigned tracker);
void world_online_again(void); /* the broker lost what was retained: trackers say it again */

struct sim_message;
void world_request(unsigned request, bool is_new);
void world_ack(unsigned tracker);
void world_noise(void);
/* A command has reached the tracker. */
void world_deliver_command(unsigned tracker, uint64_t id, struct bytes payload);
void world_reset(void);

/* --- the broker --- */

struct sim_message {
    char topic[SIM_TOPIC_MAX];
    char response_topic[SIM_TOPIC_MAX]; /* empty: none */
    uint8_t correlation[16];
    uint8_t correlation_len;
    uint16_t payload_len;
    uint8_t payload[PAYLOAD_MAX];
    const char *content_type; /* NULL: none */
    uint32_t expiry_s;        /* 0: none */
    bool retain;
    bool dup;
    int request; /* of this requester's, or -1 */
    uint64_t at_ms;
};

void broker_publish(const struct sim_message *message);
void broker_carry(unsigned packets); /* so many in each direction, at most */
void broker_cut(void);
void broker_restart(bool keeps_session, bool keeps_retained);
void broker_swap(void);
void broker_expire_session(void); /* where the service has been away for long enough */
void broker_reset(void);
bool broker_is_quiet(void); /* nothing is on its way */

/* The service's end of the wire. */
bool broker_accept(bool clean_start, bool *session_present); /* a connection */
bool broker_is_connected(void);
void broker_send_publish(const struct sim_message *message, int token, uint64_t command_id);
void broker_send_puback(int mid);
bool broker_receive(struct sim_message *message, int *mid, int *token); /* token: a PUBACK for it */
void broker_cork(bool hold);
void broker_push(void);
void broker_lose_corked(void);
void broker_subscribe(const struct mqtt_filter *filter);
void broker_unsubscribe(const char *filter);
unsigned broker_held_inbound(void);

/* A line of the trace, which is printed of the shortest list of steps that fails. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- what must hold --- */

/* Ends the run and says which promise was broken. */
_Noreturn void oracle_fail(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));

void oracle_reset(void);                              /* before the service starts */
void oracle_handling(int request, uint32_t expiry_s); /* of which the service has the message in hand; -1: none */
void oracle_event(const struct engine_event *event);
void oracle_requested(unsigned request, unsigned tracker);
void oracle_promised(unsigned request); /* the broker was told that it was received */
void oracle_command_leaves(uint64_t id);
void oracle_command_reached(uint64_t id);
void oracle_replied(unsigned request, struct bytes payload);
void oracle_acked(uint64_t id, bool success); /* the tracker has said so */
void oracle_after_restart(void);
void oracle_after_step(void);
void oracle_at_end(void);
unsigned oracle_unanswered(void); /* promised requests without a reply */
bool oracle_has_reply(unsigned request);

struct oracle_totals {
    uint64_t requests;
    uint64_t accepted;
    uint64_t commands;
    uint64_t replies;
    uint64_t outcomes[4];
    uint64_t restarts;
    uint64_t checks_of_memory;
};

extern struct oracle_totals oracle_totals;

#endif
