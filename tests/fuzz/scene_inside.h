/* Between the files of the scene: what is checked of everything that the engine wants. */
#ifndef FUZZ_SCENE_INSIDE_H
#define FUZZ_SCENE_INSIDE_H

#include "scene.h"

extern const struct engine_effects scene_effects;

/* A request that was recovered is owed a reply, or is not after all. */
void scene_await(uint64_t id);
void scene_await_no_more(uint64_t id);

/* What was staged leaves: commands and replies. */
void scene_let_out(void);

void scene_check_state(struct bytes topic, struct bytes payload);
void scene_check_limits(void);
void scene_check_end(void);

#endif
