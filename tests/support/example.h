/* topics/examples: what they publish. topics/README.md says what their members mean. */
#ifndef SUPPORT_EXAMPLE_H
#define SUPPORT_EXAMPLE_H

#include "edge/mqtt.h"
#include "support/value.h"

/* The one that is played, for the words of a failure. */
extern const char *example_file;

/* Plays every example of this direction. How many there were. */
int example_each(const char *direction, void (*play)(const json_t *example));

/* A member that is a text; NULL: there is none. */
const char *example_text(const json_t *example, const char *key);

/* What it publishes, with the memory that this borrows from. */
struct example_publish {
    struct mqtt_publish publish;
    struct buffer payload;
    struct buffer correlation;
};

struct example_publish example_read(const json_t *example);
void example_release(struct example_publish *s);

/* Whether a request claims to be MessagePack, by its Content Type or else by its first byte. */
bool example_claims_msgpack(const struct mqtt_publish *request);

#endif
