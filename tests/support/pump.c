#include "support/pump.h"

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

enum { MEMBERS_MAX = 16 };

static struct {
    pump_turn_fn *turn;
    void *ctx;
} members[MEMBERS_MAX];

static size_t member_count;

void pump_add(pump_turn_fn *turn, void *ctx)
{
    if (member_count == MEMBERS_MAX)
        abort();
    members[member_count].turn = turn;
    members[member_count++].ctx = ctx;
}

void pump_remove(const void *ctx)
{
    for (size_t i = 0; i < member_count; i++) {
        if (members[i].ctx == ctx) {
            members[i] = members[--member_count];
            return;
        }
    }
}

void pump_turn(void)
{
    bool busy = false;

    for (size_t i = 0; i < member_count; i++)
        busy |= members[i].turn(members[i].ctx);
    if (!busy)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}
