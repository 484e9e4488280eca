/* Who there is in the scene. Between its files. */
#ifndef FUZZ_SCENE_WORLD_H
#define FUZZ_SCENE_WORLD_H

#include "scene.h"

#define HASH_MASTER "a6aa75587e5c59c32d347da438505fc3"
#define HASH_SUB "00000000000000000000000000000001"     /* may set outputs of TRACKER_JSON */
#define HASH_BLOCKED "00000000000000000000000000000002" /* of a blocked user */

struct registry *scene_registry(void);
struct profiles *scene_profiles(void);

#endif
