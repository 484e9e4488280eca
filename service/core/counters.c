#include "core/counters.h"

#include <stddef.h>

#define COUNTER_VALUE(name, help)                                    \
    static uint64_t value_of_##name(const struct counters *counters) \
    {                                                                \
        return counters->name;                                       \
    }
COUNTERS(COUNTER_VALUE)

#define COUNTER_INFO(name, help) {#name, help, value_of_##name},
static const struct counter_info infos[] = {COUNTERS(COUNTER_INFO)};

const struct counter_info *counters_info(unsigned index)
{
    return index < sizeof infos / sizeof *infos ? &infos[index] : NULL;
}
