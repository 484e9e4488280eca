/* Fuzzes the reading of a registry, with the profiles that ship. What is taken must serve an engine. libFuzzer calls
 * it; run.sh starts it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/topic.h"
#include "edge/profile_file.h"
#include "edge/registry_file.h"
#include "scene_inside.h"
#include "text_file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct profiles *profiles;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct mistakes mistakes = {0};

    (void)argc;
    (void)argv;
    profiles = profile_folder_read("conf/profiles", "", &mistakes);
    CHECK(mistakes.count == 0);
    return 0;
}

static void check_tracker(const struct registry *r, const struct registry_tracker *tracker)
{
    struct profile *profile = profiles_by_model(profiles, registry_model(r, tracker->model));
    struct template_input input = registry_input(r, tracker);

    CHECK(registry_find_tracker(r, tracker->id) == tracker && tracker->outputs <= REGISTRY_OUTPUTS_MAX);
    CHECK(registry_find_user(r, tracker->user_id));
    CHECK(registry_find_device(r, bytes_of_text(registry_device_id(r, tracker))));
    CHECK(!profile || !profile_missing_var(profile, &input));
}

/* Every topic that it would be subscribed to. */
static void check_filters(void)
{
    struct buffer filters = {0};
    size_t count;
    size_t acks = engine_filters(scene.engine, &filters, &count);
    const char *at = (const char *)filters.data;

    CHECK(acks <= count);
    for (size_t i = 0; i < count; i++) {
        CHECK(topic_filter_is_valid(bytes_of_text(at)));
        at += strlen(at) + 1;
    }
    CHECK(at == (const char *)filters.data + filters.len);
    buffer_release(&filters);
}

/* The profiles stay ours, so each engine gets a list of its own. */
static struct profiles *same_profiles(void)
{
    struct profiles *all = profiles_new("");
    const char *model;

    for (size_t i = 0; i < profiles_count(profiles); i++) {
        struct profile *p = profile_ref(profiles_at(profiles, i));

        if (profiles_add(all, p, &model) < 0)
            profile_unref(p); /* the built-in ones */
    }
    return all;
}

static void serve(struct registry *r)
{
    scene_open_empty(1);
    engine_reload(scene.engine, &scene_config, r, same_profiles());
    check_filters();
    scene_all_online();
    for (size_t i = 0; i < registry_tracker_count(r); i++) {
        const struct registry_tracker *tracker = registry_tracker_at(r, i);
        struct buffer topic = {0};

        check_tracker(r, tracker);
        scene_put_presence_topic(tracker->id, &topic);
        scene_publish(&(struct engine_message){.topic = buffer_bytes(&topic), .payload = bytes_of_text("online")});
        buffer_release(&topic);
    }
    scene_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mistakes mistakes = {0};
    struct registry *r = registry_file_read(text_file(bytes_of(data, len)), profiles, &mistakes);

    text_file_check(&mistakes, !r);
    if (r)
        serve(r);
    return 0;
}
