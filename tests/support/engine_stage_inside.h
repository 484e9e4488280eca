/* Between the files of the stage. */
#ifndef SUPPORT_ENGINE_STAGE_INSIDE_H
#define SUPPORT_ENGINE_STAGE_INSIDE_H

#include "support/engine_stage.h"

/* Keeps what the engine wanted for the expectations, or shows it to the watch. */
void hear_command(const struct engine_command *wanted);
void hear_cancel(uint64_t id);
const struct stage_reply *hear_reply(const struct engine_reply *wanted); /* good until the next one */
void forget_heard(void);

/* What the broker retains. */
void note_presence(int32_t tracker, bool online);

#endif
