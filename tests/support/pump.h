/* The MQTT clients of one test take their turns here, so that trackers answer while a requester waits for its reply. */
#ifndef SUPPORT_PUMP_H
#define SUPPORT_PUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum { PUMP_PATIENCE_MS = 10000 };

/* One turn: takes what came, sends what waits. True: there was something. */
typedef bool pump_turn_fn(void *ctx);

void pump_add(pump_turn_fn *turn, void *ctx);
void pump_remove(const void *ctx);

/* Everyone's turn; where nobody had anything to do it waits a millisecond. */
void pump_turn(void);

/* Until the condition holds; its value after so long at the latest. */
#define PUMP_UNTIL_FOR(patience_ms, condition)                              \
    ({                                                                      \
        uint64_t pump_end_ms = clock_now().mono_ms + (uint64_t)patience_ms; \
        while (!(condition) && clock_now().mono_ms < pump_end_ms)           \
            pump_turn();                                                    \
        (bool)(condition);                                                  \
    })
#define PUMP_UNTIL(condition) PUMP_UNTIL_FOR(PUMP_PATIENCE_MS, condition)

#endif
