#include "stats.h"

#include <jansson.h>

#include "base/digest.h"

enum { SILENT_MS = 60000 };

static const struct {
    const char *name;
    const char *label;
    bool is_counter;
} figures[STATS_FIGURES] = {
    {"online", "online", false},
    {"pending", "pending", false},
    {"queued", "queued", false},
    {"requests", "requests", true},
    {"requests_refused", "refused", true},
    {"commands", "commands", true},
    {"replies", "replies", true},
    {"outcome_success", "success", true},
    {"outcome_rejected", "rejected", true},
    {"outcome_unknown", "unknown", true},
    {"outcome_not_sent", "not sent", true},
};

static uint64_t key_of(struct bytes topic)
{
    struct digest digest = digest_of(topic);
    uint64_t key;

    memcpy(&key, digest.bytes, sizeof key);
    return key ? key : 1;
}

/* The instance's place; a new one takes a free place, else that of the one that was silent for longest. */
static size_t place_of(const struct stats *stats, uint64_t topic)
{
    size_t oldest = 0;

    for (size_t i = 0; i < STATS_INSTANCES_MAX; i++) {
        if (stats->instances[i].topic == topic)
            return i;
        if (stats->instances[i].seen_ms < stats->instances[oldest].seen_ms)
            oldest = i;
    }
    return oldest;
}

void stats_take(struct stats *stats, struct bytes topic, struct bytes payload, uint64_t now_ms)
{
    json_t *root = payload.len ? json_loadb((const char *)payload.data, payload.len, 0, NULL) : NULL;
    const json_t *counters = json_object_get(root, "counters");
    uint64_t key = key_of(topic);
    size_t place = place_of(stats, key);

    if (!json_is_object(root))
        return;
    stats->instances[place].topic = key;
    stats->instances[place].seen_ms = now_ms;
    for (size_t i = 0; i < STATS_FIGURES; i++)
        stats->instances[place].figures[i] =
            json_integer_value(json_object_get(figures[i].is_counter ? counters : root, figures[i].name));
    json_decref(root);
}

void stats_put(const struct stats *stats, uint64_t now_ms, struct buffer *out)
{
    int64_t sums[STATS_FIGURES] = {0};
    unsigned instances = 0;

    for (size_t place = 0; place < STATS_INSTANCES_MAX; place++) {
        if (!stats->instances[place].topic || now_ms - stats->instances[place].seen_ms > SILENT_MS)
            continue;
        instances++;
        for (size_t i = 0; i < STATS_FIGURES; i++)
            sums[i] += stats->instances[place].figures[i];
    }
    if (instances == 0)
        buffer_put_text(out, "no counters of the service yet");
    if (instances > 1)
        buffer_printf(out, "instances %u  ", instances);
    for (size_t i = 0; i < STATS_FIGURES && instances; i++)
        buffer_printf(out, i ? "  %s %lld" : "%s %lld", figures[i].label, (long long)sums[i]);
}
