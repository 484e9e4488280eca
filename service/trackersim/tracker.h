/* The simulated trackers: who they are, whether they are online, how their outputs stand, which commands they had. */
#ifndef TRACKERSIM_TRACKER_H
#define TRACKERSIM_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#include "dice.h"
#include "id_list.h"

enum {
    TRACKER_OUTPUTS_MAX = 64,
    TRACKER_RECENT_MAX = 32,   /* a service that was killed has at most its queue, 17 commands, to repeat */
    TRACKER_DEVICE_ID_MAX = 64 /* characters, the NUL not counted */
};

struct tracker {
    int32_t id;
    char *device_id; /* what its family calls it */
    unsigned relays; /* outputs that it has */
    bool online;
    bool never_online;
    uint32_t life; /* one more with every restart: an ack of an earlier life is lost */
    struct dice command_dice;
    struct dice restart_dice;
    uint64_t outputs;      /* bit 0 = output 1 */
    unsigned output_count; /* highest output that was ever commanded */
    uint32_t sent;         /* its messages to the server: some families number them */
    uint64_t recent[TRACKER_RECENT_MAX];
    unsigned recent_count;
    unsigned recent_next;
};

/* Sorted by id. All zero: none. */
struct trackers {
    struct tracker *all;
    size_t count;
    struct tracker **by_device; /* sorted by device id; NULL: not asked for */
};

/* Those of both lists; those of `offline` never come online. "{tracker_id}" in device_id stands for the id. -ENOMEM;
 * -EINVAL: another "{", or a device id of more than TRACKER_DEVICE_ID_MAX characters. */
int trackers_init(struct trackers *trackers, const struct id_list *ids, const struct id_list *offline,
                  const char *device_id, unsigned relays, uint64_t seed);
void trackers_release(struct trackers *trackers);

/* NULL: not one of these. */
struct tracker *trackers_find(const struct trackers *trackers, int32_t id);

/* From here on trackers_find_device finds them. -ENOMEM. */
int trackers_sort_devices(struct trackers *trackers);

/* One with this device id. NULL: there is none. */
struct tracker *trackers_find_device(const struct trackers *trackers, struct bytes device_id);

/* Notes that a command with this id came. True: it was one of the last TRACKER_RECENT_MAX. */
bool tracker_had_command(struct tracker *tracker, uint64_t command_id);

/* Switches the outputs that are set in `mask` to what they are in `states`. */
void tracker_switch(struct tracker *tracker, uint64_t mask, uint64_t states);

/* How many outputs a mask reaches to: 0b100 gives 3. */
unsigned tracker_mask_count(uint64_t mask);

/* Output 1 first: '1' on, '0' off, '-' where it is not in the mask. */
void tracker_format_outputs(uint64_t mask, uint64_t states, unsigned count, char out[TRACKER_OUTPUTS_MAX + 1]);

#endif
