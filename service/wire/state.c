#include "wire/state.h"

#include <jansson.h>

#include "base/check.h"
#include "base/clock.h"
#include "wire/sinks.h"

void state_encode(const struct output_states *states, unsigned count, struct buffer *out)
{
    char updated_at[CLOCK_TEXT_SIZE];
    json_t *outputs = json_array();
    json_t *root;

    for (unsigned i = 0; i < count; i++) {
        bool known = states->known >> i & 1;

        json_array_append_new(outputs, known ? json_boolean(states->on >> i & 1) : json_null());
    }
    clock_format(states->updated_at_ms, updated_at);
    root = json_pack("{so ss}", "outputs", outputs, "updated_at", updated_at);
    CHECK(json_dump_callback(root, sink_json, out, 0) == 0);
    json_decref(root);
}
