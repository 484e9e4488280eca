#include "tracker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "x{tracker_id}y" for tracker 7: "x7y". */
static int format_device_id(const char *pattern, int32_t id, char out[TRACKER_DEVICE_ID_MAX + 1])
{
    static const char placeholder[] = "{tracker_id}";
    size_t len = 0;

    while (*pattern) {
        size_t room = TRACKER_DEVICE_ID_MAX + 1 - len;
        bool is_id = strncmp(pattern, placeholder, sizeof(placeholder) - 1) == 0;
        int n = is_id ? snprintf(out + len, room, "%d", id) : snprintf(out + len, room, "%c", *pattern);

        if (n < 0 || (size_t)n >= room || (!is_id && *pattern == '{'))
            return -EINVAL;
        len += (size_t)n;
        pattern += is_id ? sizeof(placeholder) - 1 : 1;
    }
    out[len] = '\0';
    return len ? 0 : -EINVAL;
}

static int tracker_init(struct tracker *tracker, int32_t id, bool never_online, const char *pattern, uint64_t seed)
{
    char device_id[TRACKER_DEVICE_ID_MAX + 1];
    int r = format_device_id(pattern, id, device_id);

    if (r < 0)
        return r;
    tracker->id = id;
    tracker->never_online = never_online;
    tracker->online = !never_online;
    tracker->command_dice = dice_new(seed, 2 * (uint64_t)id);
    tracker->restart_dice = dice_new(seed, 2 * (uint64_t)id + 1);
    tracker->device_id = strdup(device_id);
    return tracker->device_id ? 0 : -ENOMEM;
}

/* The next id of the two sorted lists together. */
static int32_t next_of_both(const struct id_list *a, size_t *i, const struct id_list *b, size_t *j)
{
    int32_t from_a = *i < a->count ? a->ids[*i] : INT32_MAX;
    int32_t from_b = *j < b->count ? b->ids[*j] : INT32_MAX;
    int32_t id = from_a < from_b ? from_a : from_b;

    if (*i < a->count && from_a == id)
        ++*i;
    if (*j < b->count && from_b == id)
        ++*j;
    return id;
}

int trackers_init(struct trackers *trackers, const struct id_list *ids, const struct id_list *offline,
                  const char *device_id, unsigned relays, uint64_t seed)
{
    struct trackers made = {.all = calloc(ids->count + offline->count, sizeof(*made.all))};
    size_t i = 0, j = 0;

    if (!made.all)
        return -ENOMEM;
    while (i < ids->count || j < offline->count) {
        int32_t id = next_of_both(ids, &i, offline, &j);
        int r = tracker_init(&made.all[made.count++], id, id_list_has(offline, id), device_id, seed);

        if (r < 0) {
            trackers_release(&made);
            return r;
        }
        made.all[made.count - 1].relays = relays;
    }
    *trackers = made;
    return 0;
}

void trackers_release(struct trackers *trackers)
{
    for (size_t i = 0; i < trackers->count; i++)
        free(trackers->all[i].device_id);
    free(trackers->all);
    free(trackers->by_device);
    *trackers = (struct trackers){0};
}

static int id_against_tracker(const void *id, const void *tracker)
{
    int32_t x = *(const int32_t *)id, y = ((const struct tracker *)tracker)->id;

    return (x > y) - (x < y);
}

struct tracker *trackers_find(const struct trackers *trackers, int32_t id)
{
    return bsearch(&id, trackers->all, trackers->count, sizeof(*trackers->all), id_against_tracker);
}

static int compare_devices(const void *a, const void *b)
{
    return strcmp((*(struct tracker *const *)a)->device_id, (*(struct tracker *const *)b)->device_id);
}

int trackers_sort_devices(struct trackers *trackers)
{
    trackers->by_device = calloc(trackers->count, sizeof(*trackers->by_device));
    if (!trackers->by_device)
        return -ENOMEM;
    for (size_t i = 0; i < trackers->count; i++)
        trackers->by_device[i] = &trackers->all[i];
    qsort(trackers->by_device, trackers->count, sizeof(*trackers->by_device), compare_devices);
    return 0;
}

struct tracker *trackers_find_device(const struct trackers *trackers, struct bytes device_id)
{
    char text[TRACKER_DEVICE_ID_MAX + 1] = {0};
    struct tracker wanted = {.device_id = text};
    const struct tracker *key = &wanted;
    struct tracker **found;

    if (!trackers->by_device || device_id.len == 0 || device_id.len > TRACKER_DEVICE_ID_MAX)
        return NULL;
    memcpy(text, device_id.data, device_id.len);
    found = bsearch(&key, trackers->by_device, trackers->count, sizeof(*trackers->by_device), compare_devices);
    return found ? *found : NULL;
}

bool tracker_had_command(struct tracker *tracker, uint64_t command_id)
{
    for (unsigned i = 0; i < tracker->recent_count; i++)
        if (tracker->recent[i] == command_id)
            return true;
    tracker->recent[tracker->recent_next] = command_id;
    tracker->recent_next = (tracker->recent_next + 1) % TRACKER_RECENT_MAX;
    if (tracker->recent_count < TRACKER_RECENT_MAX)
        tracker->recent_count++;
    return false;
}

unsigned tracker_mask_count(uint64_t mask)
{
    unsigned count = 0;

    for (; mask; mask >>= 1)
        count++;
    return count;
}

void tracker_switch(struct tracker *tracker, uint64_t mask, uint64_t states)
{
    unsigned count = tracker_mask_count(mask);

    tracker->outputs = (tracker->outputs & ~mask) | (states & mask);
    if (count > tracker->output_count)
        tracker->output_count = count;
}

void tracker_format_outputs(uint64_t mask, uint64_t states, unsigned count, char out[TRACKER_OUTPUTS_MAX + 1])
{
    for (unsigned i = 0; i < count; i++) {
        if (mask >> i & 1)
            out[i] = states >> i & 1 ? '1' : '0';
        else
            out[i] = '-';
    }
    out[count] = '\0';
}
