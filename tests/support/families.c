#include "support/families.h"

#include "base/check.h"

static const struct profile_description echoing = {
    .name = "echoing",
    .models = (const char *const[]){"echoing"},
    .model_count = 1,
    .base = {.outputs = FAMILIES_OUTPUTS, .set = true, .set_payload.text = "out {output} {enable?1:0}"},
    .kind = PROFILE_DESCRIBED,
    .match = MATCH_ECHO,
    .echo = "out {output} {enable?1:0}",
    .success = {"^ok (?<key>.*)$"},
    .refused = {"^no (?<key>.*)$"},
};

static void add(struct profiles *profiles, const struct profile_description *description)
{
    const char *key;
    const char *error;
    struct profile *p = profile_new(description, "", &key, &error);

    CHECK(p);
    CHECK(profiles_add(profiles, p, &error) == 0);
}

struct profiles *families_profiles(uint32_t ack_timeout_ms, uint32_t quarantine_ms)
{
    const struct profile_description fifo = {
        .name = "fifo",
        .models = (const char *const[]){"fifo"},
        .model_count = 1,
        .base = {.outputs = FAMILIES_OUTPUTS,
                 .set = true,
                 .set_all = true,
                 .set_payload.text = "out {output} {enable?1:0}",
                 .set_all_payload.text = "all {states on='1' off='0'}"},
        .ack_timeout_ms = ack_timeout_ms,
        .quarantine_ms = quarantine_ms,
        .kind = PROFILE_DESCRIBED,
        .match = MATCH_FIFO,
        .success = {"^OK$"},
        .refused = {"^ERR$"},
    };
    struct profiles *profiles = profiles_new("");

    add(profiles, &fifo);
    add(profiles, &echoing);
    return profiles;
}
