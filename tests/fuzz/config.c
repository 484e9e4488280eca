/* Fuzzes the reading of the configuration. What is taken must serve an engine. libFuzzer calls it; run.sh starts it. */
#include "base/check.h"
#include "core/topic.h"
#include "edge/config.h"
#include "scene_inside.h"
#include "text_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A request to an engine with this configuration: it is answered, where it should be. */
static void ask(const struct config *c)
{
    struct engine_message message = {.payload = bytes_of_text("{}")};
    struct buffer topic = {0};
    const struct counters *counters;

    buffer_printf(&topic, "%sapi/tracker/output/set", c->topic_prefix);
    message.topic = buffer_bytes(&topic);
    engine_message(scene.engine, &message, scene.now);
    counters = engine_counters(scene.engine);
    CHECK(counters->requests == 1 && counters->replies == 1);
    buffer_release(&topic);
}

static void serve(const struct config *c)
{
    const struct engine_config saved = scene_config;

    CHECK(c->instance && c->broker.url.count > 0 && c->registry_path && c->profiles_path && c->journal_path);
    CHECK(c->mqtt.url_count == c->broker.url.count && topic_is_publishable(bytes_of_text(c->fence_topic)));
    scene_config = c->engine_config;
    scene_open_empty(1);
    ask(c);
    scene_close();
    scene_config = saved;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mistakes mistakes = {0};
    struct config *c = config_read(text_file(bytes_of(data, len)), &mistakes);
    bool refused = !c || mistakes.count > 0;

    text_file_check(&mistakes, refused);
    if (!refused)
        serve(c);
    config_free(c);
    return 0;
}
