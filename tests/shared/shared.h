/* Several engines that share their state, in simulated time: the real engine, the real scripts, and models of the
 * server (server.lua), the broker, the trackers and the requesters. Everything that happens comes from a seed.
 *
 * shared.c        seeds, episodes, what may happen in one step
 * server.c        the server of shared state, and the wires to it
 * instance.c      an engine, its journal and its outbox: turns, crash, pause
 * world.c         trackers and requesters, and what must hold whatever happens */
#ifndef TESTS_SHARED_H
#define TESTS_SHARED_H

#include "core/shared.h"
#include "engine_state.h"

enum { INSTANCES = 3, TRACKERS = 6, REQUESTS_MAX = 4096, OUTPUTS = 3, LEASE_MS = 5000, ACK_TIMEOUT_MS = 3000 };

extern uint64_t now_ms;
extern unsigned step_number;

uint32_t dice(uint32_t sides);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void broken(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- the server --- */

void server_open(void);
void server_close(void);
void server_reset(void);
void server_forget(void); /* everything */
unsigned server_run(void);
unsigned server_left(bool show);
void server_ask(unsigned instance, const struct shared_call *call);
bool server_run_one(unsigned instance);    /* of what was asked; false: nothing */
bool server_answer_one(unsigned instance); /* false: nothing has come back */
unsigned server_waiting(unsigned instance);
void server_lose(unsigned instance); /* the connection, with all that is on it */

/* --- instances --- */

struct engine *instance_engine(unsigned instance);
struct instant instance_now(void);
void instances_open(void);
void instances_close(void);
bool instance_is_alive(unsigned instance);
bool instance_is_paused(unsigned instance);
/* A message of the broker: to this one, which will acknowledge it. Redelivered until it has. */
void instance_deliver(unsigned instance, const struct engine_message *message, int request);
void instance_turn(unsigned instance);
void instance_connect(unsigned instance, bool up); /* with the server */
bool instance_is_up(unsigned instance);
void instance_crash(unsigned instance, bool for_good);
void instance_pause(unsigned instance, uint64_t ms);
void instance_flush(unsigned instance); /* what may leave leaves */
void instance_presence(unsigned instance, unsigned tracker, bool online);
bool instances_are_quiet(void);

/* --- the world --- */

extern const int32_t tracker_ids[TRACKERS];

void world_reset(void);
struct registry *world_registry(void);
struct profiles *world_profiles(void);
bool world_names_commands(unsigned tracker);
void world_request(bool again);
void world_ack(void);
void world_presence(void);
void world_all_online(unsigned instance);

void world_handling(int request);
void world_event(unsigned instance, const struct engine_event *event);
void world_promised(int request);
void world_queued(uint64_t id);
void world_ended(uint64_t id);
void world_excuse(int request);
void world_handed_over(int request);
void world_command(unsigned instance, uint64_t id, struct bytes topic, struct bytes payload);
void world_reply(unsigned instance, struct bytes correlation, struct bytes payload);
void world_forgotten(void); /* by the server */
void world_at_end(void);

struct world_totals {
    uint64_t requests;
    uint64_t accepted;
    uint64_t commands;
    uint64_t replies;
    uint64_t outcomes[4];
};

extern struct world_totals world_totals;

#endif
