#include "tally.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const names[TALLY_COUNTS] = {
    [TALLY_SEEN] = "seen",
    [TALLY_DISTINCT] = "distinct",
    [TALLY_REPEATED] = "REPEATED",
    [TALLY_WITHOUT_ID] = "without_id",
    [TALLY_UNREADABLE] = "unreadable",
    [TALLY_OTHER_DEVICE] = "other_device",
    [TALLY_OFFLINE] = "while_offline",
    [TALLY_SUCCESS] = "success",
    [TALLY_REFUSED] = "refused",
    [TALLY_UNSUPPORTED] = "unsupported",
    [TALLY_SILENT] = "silent",
    [TALLY_DUPLICATE] = "duplicate",
    [TALLY_GARBAGE] = "garbage",
    [TALLY_LOST] = "lost",
    [TALLY_DROPPED] = "dropped",
    [TALLY_NOT_TAKEN] = "not_taken",
};

uint64_t tally_answered(const struct tally *tally)
{
    return tally->of[TALLY_SUCCESS] + tally->of[TALLY_REFUSED] + tally->of[TALLY_UNSUPPORTED];
}

static void print_counts(const struct tally *tally, const char *title, int first, int last)
{
    printf("trackersim: %s", title);
    for (int i = first; i <= last; i++)
        printf(" %s=%" PRIu64, names[i], tally->of[i]);
    printf("\n");
}

static void print_outputs(const struct trackers *trackers)
{
    enum { LINES_MAX = 20 };
    char states[TRACKER_OUTPUTS_MAX + 1];
    size_t switched = 0;

    for (size_t i = 0; i < trackers->count; i++) {
        const struct tracker *tracker = &trackers->all[i];

        if (tracker->output_count == 0 || switched++ >= LINES_MAX)
            continue;
        tracker_format_outputs(UINT64_MAX, tracker->outputs, tracker->output_count, states);
        printf("trackersim: tracker %d outputs %s\n", tracker->id, states);
    }
    if (switched > LINES_MAX)
        printf("trackersim: and %zu trackers more\n", switched - LINES_MAX);
}

void tally_print(const struct tally *tally, const struct trackers *trackers)
{
    print_counts(tally, "commands", TALLY_SEEN, TALLY_OFFLINE);
    print_counts(tally, "acks", TALLY_SUCCESS, TALLY_NOT_TAKEN);
    print_outputs(trackers);
    fflush(stdout);
}
